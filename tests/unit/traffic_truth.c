// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * traffic_truth.c - what is to be reported of a connection that was played, and whether a report
 * agrees.
 */
#include "traffic_priv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVER UINT64_MAX

static const struct move *move_of(const struct moves *m, uint32_t at)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (at >= m->list[i].from && at < m->list[i].to)
			return &m->list[i];
	return NULL;
}

static bool all_moved(const struct moves *m, uint32_t end)
{
	return m->n && m->list[m->n - 1].to >= end;
}

static uint32_t moved_between(const struct moves *m, uint32_t from, uint32_t to, uint64_t before)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		uint32_t a = m->list[i].from > from ? m->list[i].from : from;
		uint32_t b = m->list[i].to < to ? m->list[i].to : to;

		if (a < b && m->list[i].order <= before)
			sum += b - a;
	}
	return sum;
}

/* The bytes of a call that has not returned when the recording stops are not told. */
static bool was_written(const struct play *p, uint32_t end)
{
	return p->written >= end && all_moved(&p->writes, end);
}

static void truth_of_response(const struct play *p, const struct exchange *x, struct request *r)
{
	if (!was_written(p, x->final_head))
		return;
	r->status = x->status;
	r->status_seen = true;
	r->head = move_of(&p->writes, x->final)->ts;
}

/* When the server's last byte of it went out, if it is complete; EVER if not. */
static uint64_t truth_of_end(const struct play *p, const struct exchange *x, struct request *r)
{
	const struct move *last = p->writes.n ? &p->writes.list[p->writes.n - 1] : NULL;

	if (x->upgrade) {
		if (!was_written(p, x->out_end))
			return EVER;
		last = move_of(&p->writes, x->out_end - 1);
		r->end = REQ_UPGRADED;
		r->ended = last->ts;
		return last->order;
	}
	if (x->until_close) {
		if (!r->status_seen || !p->closed)
			return EVER;
		/* the client cannot have waited for the end before it left */
		if (!p->by_server && (p->k.peer_fin == 0 || p->reset || last->ts < p->fin_at))
			return EVER;
	} else {
		if (!was_written(p, x->out_end))
			return EVER;
		last = move_of(&p->writes, x->out_end - 1);
	}
	r->end = REQ_OK;
	r->done = r->ended = last->ts;
	return x->until_close ? EVER - 1 : last->order;
}

static void truth_of_input(const struct play *p, const struct exchange *x, struct traffic_truth *t,
			   uint64_t end_order)
{
	struct request *r = &t->r;
	const struct move *last = move_of(&p->arrivals, x->end - 1);
	const struct move *took = move_of(&p->reads, x->end - 1);

	r->head_seen = all_moved(&p->reads, x->head_end) &&
		       move_of(&p->reads, x->head_end - 1)->order < end_order;
	strcpy(r->http.method, x->method);
	strcpy(r->http.path, x->path);
	r->http.path_len = strlen(x->path);
	r->bytes_in = moved_between(&p->reads, x->start, x->end, end_order);
	r->bytes_out = p->written > x->out
			       ? (p->written < x->out_end ? p->written : x->out_end) - x->out
			       : 0;
	if (!took || took->order > end_order)
		return;
	r->received_all = true;
	r->received = last->ts;
	t->received_free = last->loose;
}

static void truth_of_abort(const struct play *p, struct request *r)
{
	if (!p->closed || r->end != REQ_OPEN)
		return;
	r->end = p->fin ? REQ_CLIENT_CLOSED : REQ_SERVER_CLOSED;
	r->ended = p->fin ? p->fin_at : p->closed_at;
}

/* Bytes that nobody read are a request if they lie at a boundary, the first of them only. */
static bool truth_begins(const struct play *p, uint32_t i)
{
	const struct exchange *x = &p->script.x[i];
	uint32_t boundary = i ? x[-1].end : 0;

	if (move_of(&p->reads, x->start))
		return true;
	return move_of(&p->arrivals, x->start) && p->taken >= boundary;
}

static struct traffic_truth *truth_add(struct traffic *t)
{
	if (t->n_truth == t->cap_truth) {
		t->cap_truth = t->cap_truth ? 2 * t->cap_truth : 32;
		t->truth = realloc(t->truth, t->cap_truth * sizeof(*t->truth));
		assert(t->truth);
	}
	t->truth[t->n_truth] = (struct traffic_truth){};
	return &t->truth[t->n_truth++];
}

static uint64_t truth_of(const struct play *p, uint32_t i, uint64_t before)
{
	const struct exchange *x = &p->script.x[i];
	const struct move *first = move_of(&p->arrivals, x->start),
			  *read = move_of(&p->reads, x->start);
	struct traffic_truth *t = truth_add(p->t);
	uint64_t end_order;

	t->conn = p->index;
	t->index = i;
	t->counted = truth_begins(p, i);
	t->upgrade = x->upgrade;
	t->done_at = UINT64_MAX;
	if (!t->counted)
		return before;
	t->r.conn = p->conn->id;
	if (!i && p->accepted_at) {
		t->r.established = p->conn->unix_socket ? 0 : ESTABLISHED;
		t->r.accepted = p->accepted_at;
	}
	t->r.arrived = first->ts;
	t->arrived_free = first->loose;
	t->r.read = read ? read->ts : 0;
	t->read_at = read ? read->told : 0;
	if (read && before > t->r.read)
		t->r.read = before; /* it waited for the answer to the one before it */
	truth_of_response(p, x, &t->r);
	end_order = truth_of_end(p, x, &t->r);
	truth_of_input(p, x, t, end_order);
	truth_of_abort(p, &t->r);
	if (was_written(p, x->out_end))
		t->done_at = move_of(&p->writes, x->out_end - 1)->told;
	t->received_free |= x->loose_in;
	t->end_free = x->loose_out || p->stream.snap_out < p->stream.snap_in;
	return t->r.done;
}

/* After a late attach: is everything before request i over, so that it cannot but be seen? */
static bool quiet_before(const struct play *p, uint32_t i)
{
	const struct exchange *x = &p->script.x[i];
	const struct move *first = move_of(&p->arrivals, x->start), *answer;

	if (!p->attached || !first || first->ts < p->attached_at)
		return false;
	if (!i)
		return true;
	answer = move_of(&p->writes, x[-1].out_end - 1);
	return answer && answer->ts < first->ts;
}

void play_tell_truth(struct play *p)
{
	uint64_t before = 0;
	size_t from = p->t->n_truth;

	if (!p->script.http)
		return;
	for (uint32_t i = 0; i < p->script.n; i++)
		before = truth_of(p, i, before);
	for (uint32_t i = 0; i < p->script.n; i++)
		p->t->truth[from + i].seen_whole = !p->conn->late || quiet_before(p, i);
}

/* ---- reports */

static bool absent_or(uint64_t got, uint64_t want)
{
	return !got || got == want;
}

static bool same_phases(const struct request *got, const struct request *want)
{
	struct phases g, w;
	const int64_t *a = &g.queue, *b = &w.queue;

	request_phases(got, &g);
	request_phases(want, &w);
	for (size_t i = 0; i < sizeof(g) / sizeof(*a); i++)
		if (a[i] >= 0 && a[i] != b[i])
			return false;
	return true;
}

static bool same_name(const struct request *got, const struct request *want)
{
	return !strcmp(got->http.method, want->http.method) &&
	       got->http.path_len == want->http.path_len &&
	       !strcmp(got->http.path, want->http.path);
}

/* Answered early; but as that answer's end was not seen, the rest of it still counts as received.
 */
static bool still_received(const struct traffic_truth *t)
{
	return t->end_free && t->r.end && !t->r.received_all;
}

bool traffic_explains(const struct traffic_truth *t, const struct request *r)
{
	const struct request *w = &t->r;

	if (!t->counted || w->conn != r->conn || w->end != r->end)
		return false;
	if (w->status_seen != r->status_seen || w->status != r->status)
		return false;
	if (r->head_seen && !same_name(r, w))
		return false;
	if (r->read ? r->read != w->read : r->arrived != w->arrived)
		return false; /* else nothing says which request it is */
	if (!absent_or(r->arrived, w->arrived))
		return false;
	if (!absent_or(r->received, w->received) && !still_received(t))
		return false;
	if (!absent_or(r->head, w->head) || !absent_or(r->done, w->done))
		return false;
	if (r->end && r->ended != w->ended && !(t->end_free && !r->done))
		return false;
	return still_received(t) || same_phases(r, w);
}

/* ---- for people */

void traffic_print_request(const char *what, const struct request *r)
{
	fprintf(stderr,
		"%s conn %lu %s %d %s %s arrived %lu read %lu received %d/%lu head %lu done %lu "
		"ended %lu "
		"in %lu out %lu\n",
		what, r->conn, request_end_name(r->end), r->status, r->http.method, r->http.path,
		r->arrived, r->read, r->received_all, r->received, r->head, r->done, r->ended,
		r->bytes_in, r->bytes_out);
}

static void print_bytes(const void *data, size_t n)
{
	const unsigned char *s = data;

	for (size_t i = 0; i < n && i < 100; i++)
		fprintf(stderr, s[i] >= ' ' && s[i] < 0x7f ? "%c" : "\\x%02x", s[i]);
}

static void print_event(const struct traffic_event *ev)
{
	static const char *const names[] = {"?", "OPEN", "IN", "OUT", "EOF", "CLOSE"};
	struct event e;

	assert(!event_decode(ev->data, ev->size, &e));
	fprintf(stderr, "  %8lu conn %u #%u %-5s ts %lu flags %x", ev->at, ev->conn + 1, ev->seq,
		names[ev->type], (unsigned long)e.h->ts, e.h->flags);
	if (ev->type == RS_EV_IN || ev->type == RS_EV_OUT) {
		fprintf(stderr, " pos %u len %u arrivals", e.data->pos, e.data->len);
		for (uint32_t i = 0; i < e.n_arrivals; i++)
			fprintf(stderr, " %u@%lu", e.arrivals[i].end,
				(unsigned long)e.arrivals[i].ts);
		fprintf(stderr, " |");
		for (uint32_t i = 0; i < e.n_pieces; i++) {
			print_bytes(e.pieces[i].data, e.pieces[i].len);
			fprintf(stderr, "|");
		}
	}
	fprintf(stderr, "\n");
}

void traffic_print(const struct traffic *t)
{
	fprintf(stderr, "seed %lu\n", t->seed);
	for (uint32_t i = 0; i < t->n_conns; i++)
		fprintf(stderr, "  conn %u: unix %d late %d http %d pipelines %d sliding %d\n",
			i + 1, t->conns[i].unix_socket, t->conns[i].late, t->conns[i].http,
			t->conns[i].pipelines, t->conns[i].sliding);
	for (size_t i = 0; i < t->n_events; i++)
		print_event(&t->events[i]);
	for (size_t i = 0; i < t->n_truth; i++)
		if (t->truth[i].counted)
			traffic_print_request("  truth", &t->truth[i].r);
}
