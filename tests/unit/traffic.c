// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * traffic.c - plays what was composed: who sends, reads and writes which bytes when.
 */
#include "traffic_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void tick(struct play *p)
{
	p->now += 1 + random_below(p->r, random_chance(p->r, 5) ? 5000000 : 3000);
	p->order++;
}

static void note(struct play *p, struct moves *m, uint32_t from, uint32_t to, uint64_t ts,
		 bool loose)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 32;
		m->list = realloc(m->list, m->cap * sizeof(*m->list));
		assert(m->list);
	}
	m->list[m->n++] = (struct move){from, to, ts, p->order, p->now, loose};
}

/* ---- the kernel's side: events and states */

/* The newest record of the stream goes to the ring, or, before tracing began, nowhere. */
static void emit(struct play *p)
{
	struct traffic *t = p->t;
	struct stream_record *rec = &p->stream.list[--p->stream.n];
	const struct rs_event *h = rec->data;

	if (!p->attached) {
		p->k.seq--;
		free(rec->data);
		return;
	}
	if (t->n_events == t->cap_events) {
		t->cap_events = t->cap_events ? 2 * t->cap_events : 256;
		t->events = realloc(t->events, t->cap_events * sizeof(*t->events));
		assert(t->events);
	}
	t->events[t->n_events++] = (struct traffic_event){
		.at = p->now,
		.conn = p->index,
		.seq = h->seq,
		.type = h->type,
		.size = rec->size,
		.data = rec->data,
	};
}

static void note_state(struct play *p)
{
	struct traffic_conn *c = p->conn;
	struct rs_census k = stream_census(&p->k, p->now);

	if (!p->attached)
		return;
	if (p->accepted)
		k.flags &= ~RS_F_UNACCEPTED;
	if (c->n_states == c->cap_states) {
		c->cap_states = c->cap_states ? 2 * c->cap_states : 64;
		c->states = realloc(c->states, c->cap_states * sizeof(*c->states));
		assert(c->states);
	}
	/* some sockets linger in the kernel when their end has been told */
	c->states[c->n_states++] = (struct traffic_state){p->now, !p->closed || c->id % 2, k};
}

static void attach(struct play *p)
{
	uint32_t unread = p->k.in_end - p->k.in_pos;
	uint64_t last_in = p->arrivals.n ? p->arrivals.list[p->arrivals.n - 1].ts : 0;
	uint64_t last_out = p->writes.n ? p->writes.list[p->writes.n - 1].ts : 0;

	p->attached = true;
	p->attached_at = p->now;
	p->k.n_arrivals = 0;
	for (uint32_t i = 0; i < p->arrivals.n; i++)
		p->arrivals.list[i].loose = true;
	if (p->conn->unix_socket) { /* bpf/conn.bpf.h: the bytes that wait are not counted */
		p->k.in_end = p->k.in_pos + !!unread;
		last_in = last_out = 0;
	}
	stream_open_late(&p->stream, &p->k, p->now, last_in, last_out);
	if (p->conn->unix_socket)
		p->k.in_end = p->k.in_pos;
	emit(p);
}

static void do_accept(struct play *p)
{
	p->accepted = true;
	p->accepted_at = p->now;
	stream_open(&p->stream, &p->k, p->conn->unix_socket ? 0 : ESTABLISHED, p->now);
	emit(p);
}

/* ---- what may be done next */

static uint32_t visible(const struct play *p) /* to the client, of what the server said */
{
	return p->writing > p->written ? p->writing : p->written;
}

static bool may_start(const struct play *p, uint32_t i)
{
	const struct exchange *x = p->script.x;

	if (i < p->depth)
		return true;
	if (p->conn->sliding)
		return visible(p) >= x[i - p->depth].out_end;
	return visible(p) >= x[i / p->depth * p->depth - 1].out_end;
}

/* How far the client may have sent now. */
static uint32_t send_limit(const struct play *p)
{
	const struct script *s = &p->script;
	uint32_t limit = p->sent;

	if (p->fin || p->reset)
		return p->sent;
	if (!s->http)
		return s->in.n;
	for (uint32_t i = 0; i < s->n && may_start(p, i); i++) {
		const struct exchange *x = &s->x[i];
		bool invited = x->interim_end > x->out && visible(p) >= x->interim_end;

		limit = x->end;
		if (x->expect && !invited && !(p->impatient && x->interim_end > x->out))
			return x->head_end > p->sent ? x->head_end : p->sent;
		if (x->upgrade)
			return visible(p) >= x->out_end ? s->in.n : limit;
	}
	return limit > p->sent ? limit : p->sent;
}

/* How far the server may have written now. */
static uint32_t write_limit(struct play *p)
{
	const struct script *s = &p->script;
	uint32_t limit = p->written;

	if (!s->http)
		return p->taken == s->in.n ? s->out.n : 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct exchange *x = &s->x[i];

		if (x->out_end <= p->written && !(x->upgrade && p->written < s->out.n))
			continue;
		if (p->taken < (x->early ? x->head_end : x->end)) {
			if (x->expect && p->taken >= x->head_end && x->interim_end > p->written)
				limit = x->interim_end;
			return limit;
		}
		if (x->upgrade)
			return p->written >= x->out_end ? s->out.n : x->out_end;
		limit = x->out_end;
		if (x->close || !p->joins || random_chance(p->r, 50))
			return limit;
	}
	return limit;
}

static uint32_t some(struct play *p, enum grain grain, uint32_t n)
{
	if (grain == GRAIN_BYTE)
		return random_chance(p->r, 95) ? 1 : 1 + random_below(p->r, n);
	if (grain == GRAIN_WHOLE)
		return random_chance(p->r, 95) ? n : 1 + random_below(p->r, n);
	return random_chance(p->r, 40) ? n : 1 + random_below(p->r, n);
}

/* ---- doing it */

/* Empty lines before a request come with it: bytes that wait cannot be told to be nothing. */
static uint32_t with_request(const struct play *p, uint32_t to)
{
	const struct script *s = &p->script;
	uint32_t from = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (to > from && to <= s->x[i].start)
			return s->x[i].start + 1;
		from = s->x[i].end;
	}
	return to;
}

static void client_sends(struct play *p, uint32_t limit)
{
	uint32_t to = p->sent + some(p, p->arrive, limit - p->sent);
	bool merged = p->k.n_arrivals == RS_MAX_ARRIVALS;

	to = with_request(p, to);
	if (merged && p->arrivals.n)
		p->arrivals.list[p->arrivals.n - 1].loose = true;
	if (p->attached || !p->conn->late) {
		stream_arrive(&p->k, p->now, to - p->sent);
	} else {
		p->k.in_end += to - p->sent;
	}
	note(p, &p->arrivals, p->sent, to, p->now, merged);
	p->sent = to;
}

static void server_reads(struct play *p)
{
	uint32_t n = some(p, p->read, p->sent - p->taken);

	stream_read(&p->stream, &p->k, p->now, p->script.in.data + p->taken, n);
	note(p, &p->reads, p->taken, p->taken + n, p->now, false);
	p->taken += n;
	if (p->conn->unix_socket &&
	    ((int32_t)(p->k.in_pos - p->k.in_end) > 0 || p->taken == p->sent))
		p->k.in_end = p->k.in_pos;
	emit(p);
}

/* A server hands over its few bytes of an interim response together. */
static uint32_t with_interim(const struct play *p, uint32_t to)
{
	const struct script *s = &p->script;

	for (uint32_t i = 0; i < s->n; i++)
		if (to > s->x[i].out && to < s->x[i].interim_end)
			return s->x[i].interim_end;
	return to;
}

static void write_begins(struct play *p, uint32_t limit)
{
	p->writing = with_interim(p, p->written + some(p, p->write, limit - p->written));
	p->entry = p->now;
	note(p, &p->writes, p->written, p->writing, p->entry, false);
}

static void write_ends(struct play *p)
{
	stream_write(&p->stream, &p->k, p->entry, p->now, p->script.out.data + p->written,
		     p->writing - p->written);
	/* the order of events is that of returns */
	p->writes.list[p->writes.n - 1].order = p->order;
	p->writes.list[p->writes.n - 1].told = p->now;
	p->written = p->writing;
	p->writing = 0;
	emit(p);
}

static void client_fin(struct play *p)
{
	p->fin = true;
	p->fin_at = p->now;
	stream_eof(&p->stream, &p->k, p->now);
	emit(p);
}

static void ends(struct play *p, bool by_server, bool reset)
{
	p->closed = true;
	p->closed_at = p->now;
	p->by_server = by_server && !p->fin;
	p->reset = reset;
	if (reset && !p->fin) {
		p->fin = true;
		p->fin_at = p->now;
	}
	stream_close(&p->stream, &p->k, p->now, p->by_server, reset);
	emit(p);
}

static bool last_is_out(const struct play *p)
{
	const struct script *s = &p->script;

	return p->written == s->out.n || (s->http && p->written >= s->x[s->n - 1].out_end);
}

/* Nothing more can be done: how does it end? */
static void finish(struct play *p)
{
	const struct script *s = &p->script;
	bool wants_close = !s->http || (s->x[s->n - 1].close && last_is_out(p));

	if (p->fin || (wants_close && random_chance(p->r, 80)))
		ends(p, true, false);
	else if (wants_close || random_chance(p->r, 30))
		client_fin(p);
	else if (random_chance(p->r, 50))
		ends(p, true, false);
	else
		p->stopped = true;
}

static void cut_short(struct play *p)
{
	switch (p->cut) {
	case CUT_FIN:
	case CUT_HALF_CLOSE:
		if (!p->fin)
			client_fin(p);
		break;
	case CUT_RESET:
		ends(p, false, true);
		break;
	case CUT_SERVER:
		ends(p, true, false);
		break;
	default:
		p->stopped = true;
	}
}

/* One of the things that can be done now; false when there is none. */
static bool act(struct play *p)
{
	uint32_t send = send_limit(p);
	uint32_t to = p->accepted && !p->writing ? write_limit(p) : p->written;
	uint32_t can_send = send > p->sent ? 2 : 0;
	uint32_t can_read = p->accepted && !p->writing && p->taken < p->sent ? 2 : 0;
	uint32_t can_write = to > p->written ? 2 : 0;
	uint32_t can_end = p->writing ? 3 : 0, can_accept = !p->accepted;
	uint32_t pick = random_below(p->r, can_send + can_read + can_write + can_end + can_accept);

	if (can_send + can_read + can_write + can_end + can_accept == 0)
		return false;
	if (pick < can_send)
		client_sends(p, send);
	else if ((pick -= can_send) < can_read)
		server_reads(p);
	else if ((pick -= can_read) < can_write)
		write_begins(p, to);
	else if ((pick -= can_write) < can_end)
		write_ends(p);
	else
		do_accept(p);
	return true;
}

/* A head that is too long to be seen whole is sent to its end: its status is told from its start.
 */
static bool in_long_head(const struct play *p)
{
	const struct script *s = &p->script;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->x[i].loose_out && p->written > s->x[i].final &&
		    p->written < s->x[i].final_head)
			return true;
	return false;
}

static void play(struct play *p)
{
	while (!p->closed && !p->stopped) {
		bool busy = p->writing || in_long_head(p);

		tick(p);
		if (!p->attached && p->conn->late && p->step >= p->attach_at && !p->writing)
			attach(p);
		else if (p->cut && p->step >= p->cut_at && !busy &&
			 !(p->fin && p->cut <= CUT_HALF_CLOSE))
			cut_short(p);
		else if (p->fin && p->cut == CUT_FIN && !busy && random_chance(p->r, 30))
			ends(p, true, false); /* it has noticed */
		else if (!act(p)) {
			if (p->attached || !p->conn->late)
				finish(p);
			else
				attach(p);
		}
		note_state(p);
		p->step++;
	}
}

/* ---- all of it */

static enum grain grain(struct random *r)
{
	return random_chance(r, 45) ? GRAIN_WHOLE : random_chance(r, 75) ? GRAIN_MIXED : GRAIN_BYTE;
}

static void plan(struct play *p, unsigned what)
{
	struct random *r = p->r;
	bool large = what & TRAFFIC_LARGE;

	p->arrive = grain(r);
	p->read = grain(r);
	p->write = grain(r);
	if (large)
		p->arrive = p->read = p->write = random_chance(r, 50) ? GRAIN_WHOLE : GRAIN_MIXED;
	p->depth = large || random_chance(r, 60) ? 1 : 2 + random_below(r, 3);
	p->conn->sliding = p->depth > 1 && random_chance(r, 50);
	p->conn->pipelines = p->depth > 1;
	p->conn->unix_socket = random_chance(r, 25);
	p->conn->late = (what & TRAFFIC_LATE) && random_chance(r, 50);
	p->impatient = random_chance(r, 30);
	p->joins = random_chance(r, 50);
	p->cut = random_chance(r, 50) ? CUT_NONE : 1 + random_below(r, 5);
	p->cut_at = random_below(r, 10 + random_below(r, 200));
	p->attach_at = random_below(r, 60);
	p->now = 1000 + random_below(r, 3000000);
}

static void connection(struct traffic *t, struct random *r, unsigned what)
{
	struct play p = {.t = t, .r = r, .index = t->n_conns, .conn = &t->conns[t->n_conns]};

	t->n_conns++;
	p.conn->id = p.index + 1;
	stream_init(&p.stream);
	if (!(what & TRAFFIC_LARGE))
		p.stream.snap_out = p.stream.snap_in;
	plan(&p, what);
	script_compose(&p.script, r, p.index, 1 + random_below(r, 5), what & TRAFFIC_LARGE);
	p.conn->http = p.script.http;
	p.k = stream_conn(p.conn->id, 42);
	p.k.unix_socket = p.conn->unix_socket;
	p.accepted = p.conn->late;
	if (p.conn->late && random_chance(r, 30))
		p.k.in_pos = p.k.in_end = p.k.out_pos = (uint32_t)-random_below(r, 400);
	p.attached = !p.conn->late;
	play(&p);
	play_tell_truth(&p);
	script_free(&p.script);
	stream_free(&p.stream);
	free(p.arrivals.list);
	free(p.reads.list);
	free(p.writes.list);
}

static int by_time(const void *a, const void *b)
{
	const struct traffic_event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->conn != y->conn)
		return x->conn < y->conn ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

void traffic_generate(struct traffic *t, uint64_t seed, unsigned what)
{
	struct random r = {seed * 0x2545f4914f6cdd1d + what};
	uint32_t n = 1 + random_below(&r, 4);

	*t = (struct traffic){.seed = seed};
	for (uint32_t i = 0; i < n; i++)
		connection(t, &r, what);
	if (t->n_events)
		qsort(t->events, t->n_events, sizeof(*t->events), by_time);
}

void traffic_free(struct traffic *t)
{
	for (size_t i = 0; i < t->n_events; i++)
		free(t->events[i].data);
	for (uint32_t i = 0; i < t->n_conns; i++)
		free(t->conns[i].states);
	free(t->events);
	free(t->truth);
}

size_t traffic_census(const struct traffic *t, uint64_t at, struct rs_census *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->n_conns; i++) {
		const struct traffic_conn *c = &t->conns[i];
		const struct traffic_state *state = NULL;

		for (size_t j = 0; j < c->n_states && c->states[j].at <= at; j++)
			state = &c->states[j];
		if (state && state->there)
			out[n++] = state->census;
	}
	return n;
}
