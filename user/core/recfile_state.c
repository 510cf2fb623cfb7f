// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_state.c - a summary without its statistics, both ways: each part's writer has its reader
 * below it. Its length goes before, so that a later version may add to its end.
 */
#include "recfile_priv.h"

static uint32_t put_count(struct recfile_writer *w, uint32_t n, uint32_t max)
{
	n = n < max ? n : max;
	bytes_u64(&w->text, n);
	return n;
}

static void put_string(struct recfile_writer *w, const char *s, size_t max)
{
	size_t n = s ? strnlen(s, max) : 0;

	bytes_u64(&w->text, s ? n + 1 : 0);
	bytes_put(&w->text, s, n);
}

static const char *get_string(struct recfile_reader *r, size_t max)
{
	char text[STATE_WHERE + 1];

	return cursor_string(&r->text, text, max) ? kept_string(r->state, text, max) : NULL;
}

static uint32_t get_count(struct recfile_reader *r, uint32_t max)
{
	return (uint32_t)cursor_upto(&r->text, max);
}

static uint32_t get_u32(struct recfile_reader *r)
{
	return (uint32_t)cursor_upto(&r->text, UINT32_MAX);
}

static int64_t get_i64(struct recfile_reader *r)
{
	return (int64_t)cursor_delta(&r->text, 0);
}

/* --- the window and its ledger */

static void put_window(struct recfile_writer *w, const struct summary *s)
{
	const struct ledger *l = &s->stats->ledger;
	const uint64_t counts[] = {l->ok,      l->client_closed, l->server_closed, l->upgraded,
				   l->unknown, l->not_http,	 l->late_attached, l->evicted};

	write_time(w, s->now);
	write_time(w, s->stats->from);
	write_time(w, s->stats->to);
	bytes_u64(&w->text, s->start_wall_ns);
	bytes_delta(&w->text, 0, (uint64_t)s->wall_offset);
	bytes_double(&w->text, s->seconds);
	bytes_delta(&w->text, 0, (uint64_t)l->carried);
	bytes_delta(&w->text, 0, (uint64_t)l->started);
	bytes_delta(&w->text, 0, (uint64_t)l->open);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		bytes_u64(&w->text, counts[i]);
}

#define SECONDS_MAX 1e10 /* some 300 years: in nanoseconds it fits into 64 bits */

/* From 0 to max: it becomes an integer somewhere, and a file may say anything. */
static double get_number(struct recfile_reader *r, double max)
{
	double v = cursor_double(&r->text);

	if (v >= 0)
		return v < max ? v : max;
	r->text.bad = true;
	return 0;
}

static void get_window(struct recfile_reader *r, struct summary *s)
{
	struct ledger *l = &s->stats->ledger;
	uint64_t *const counts[] = {&l->ok,	 &l->client_closed, &l->server_closed, &l->upgraded,
				    &l->unknown, &l->not_http,	    &l->late_attached, &l->evicted};

	s->now = read_time(r);
	s->stats->from = read_time(r);
	s->stats->to = read_time(r);
	s->start_wall_ns = cursor_u64(&r->text);
	s->wall_offset = (int64_t)((uint64_t)get_i64(r) - r->shift);
	s->seconds = get_number(r, SECONDS_MAX);
	l->carried = get_i64(r);
	l->started = get_i64(r);
	l->open = get_i64(r);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		*counts[i] = cursor_u64(&r->text);
}

static void put_rules(struct recfile_writer *w, const struct verdict_rules *rules)
{
	bytes_double(&w->text, rules->slo_ms);
	bytes_double(&w->text, rules->slo_quantile);
	bytes_double(&w->text, rules->max_error_rate);
	bytes_double(&w->text, rules->stuck_ms);
	bytes_double(&w->text, rules->max_unknown);
}

static void get_rules(struct recfile_reader *r, struct verdict_rules *rules)
{
	rules->slo_ms = get_number(r, SECONDS_MAX * 1e3);
	rules->slo_quantile = get_number(r, 1);
	rules->max_error_rate = get_number(r, 1);
	rules->stuck_ms = get_number(r, SECONDS_MAX * 1e3);
	rules->max_unknown = get_number(r, 1);
}

/* --- host and target */

static void put_target(struct recfile_writer *w, const struct summary *s)
{
	uint32_t n;

	put_string(w, s->host.name, STATE_STRING);
	put_string(w, s->host.kernel, STATE_STRING);
	put_string(w, s->target.name, STATE_STRING);
	put_string(w, s->target.server, STATE_STRING);
	put_string(w, s->target.python, STATE_STRING);
	bytes_u64(&w->text, s->target.alive | s->target.listening << 1);
	n = put_count(w, s->target.n_pids, STATE_PIDS);
	for (uint32_t i = 0; i < n; i++)
		bytes_u64(&w->text, s->target.pids[i]);
	n = put_count(w, s->target.n_ports, STATE_PORTS);
	for (uint32_t i = 0; i < n; i++)
		bytes_u64(&w->text, s->target.ports[i]);
	n = put_count(w, s->target.n_generations, STATE_PIDS);
	for (uint32_t i = 0; i < n; i++) {
		bytes_u64(&w->text, s->target.generations[i].pid);
		bytes_u64(&w->text, s->target.generations[i].since_wall_ns);
		bytes_u64(&w->text, s->target.generations[i].until_wall_ns);
		put_string(w, s->target.generations[i].version, STATE_VERSION);
	}
}

static void get_target(struct recfile_reader *r, struct summary *s)
{
	struct kept_summary *k = r->state;
	uint64_t bits;

	s->host.name = get_string(r, STATE_STRING);
	s->host.kernel = get_string(r, STATE_STRING);
	s->target.name = get_string(r, STATE_STRING);
	s->target.server = get_string(r, STATE_STRING);
	s->target.python = get_string(r, STATE_STRING);
	bits = cursor_u64(&r->text);
	s->target.alive = bits & 1;
	s->target.listening = bits & 2;
	s->target.n_pids = get_count(r, STATE_PIDS);
	for (uint32_t i = 0; i < s->target.n_pids; i++)
		k->pids[i] = get_u32(r);
	s->target.n_ports = get_count(r, STATE_PORTS);
	for (uint32_t i = 0; i < s->target.n_ports; i++)
		k->ports[i] = (uint16_t)cursor_upto(&r->text, UINT16_MAX);
	s->target.n_generations = get_count(r, STATE_PIDS);
	for (uint32_t i = 0; i < s->target.n_generations; i++) {
		k->generations[i].pid = get_u32(r);
		k->generations[i].since_wall_ns = cursor_u64(&r->text);
		k->generations[i].until_wall_ns = cursor_u64(&r->text);
		k->generations[i].version = get_string(r, STATE_VERSION);
	}
}

/* --- open requests, oldest first */

static void put_open(struct recfile_writer *w, const struct summary *s)
{
	uint32_t n = put_count(w, s->n_open, SUMMARY_MAX_OPEN);

	for (uint32_t i = 0; i < n; i++) {
		write_request(w, s->open[i].request, 0, 0);
		bytes_u64(&w->text, s->open[i].age);
	}
}

static void get_open(struct recfile_reader *r, struct summary *s)
{
	struct kept_summary *k = r->state;
	uint32_t n = get_count(r, SUMMARY_MAX_OPEN);

	for (uint32_t i = 0; i < n && !r->text.bad; i++) {
		uint64_t kind = cursor_u64(&r->text);

		r->text.bad |= kind < FACT_END;
		read_request(r, kind - FACT_END, &k->requests[i]);
		k->open[i] = (struct summary_open){
			.id = k->requests[i].id,
			.request = &k->requests[i],
			.age = cursor_u64(&r->text),
			.phase = request_open_phase(&k->requests[i]),
		};
		s->n_open++;
	}
}

/* --- workers and listeners */

static void put_workers(struct recfile_writer *w, const struct summary *s)
{
	uint32_t n = s->workers ? s->n_workers : 0;

	bytes_u64(&w->text, s->workers != NULL);
	n = put_count(w, n, STATE_PIDS);
	for (uint32_t i = 0; i < n; i++) {
		bytes_u64(&w->text, s->workers[i].pid);
		bytes_u64(&w->text, s->workers[i].open);
	}
}

static void get_workers(struct recfile_reader *r, struct summary *s)
{
	s->workers = cursor_u64(&r->text) ? r->state->workers : NULL;
	s->n_workers = get_count(r, s->workers ? STATE_PIDS : 0);
	for (uint32_t i = 0; i < s->n_workers; i++) {
		r->state->workers[i].pid = get_u32(r);
		r->state->workers[i].open = cursor_u64(&r->text);
	}
}

static void put_listeners(struct recfile_writer *w, const struct summary *s)
{
	uint32_t n = put_count(w, s->n_listeners, STATE_LISTENERS);

	for (uint32_t i = 0; i < n; i++) {
		const struct summary_listener *l = &s->listeners[i];

		put_string(w, l->address, sizeof(l->address) - 1);
		bytes_u64(&w->text, l->counted);
		bytes_u64(&w->text, l->accept_queue);
		bytes_u64(&w->text, l->backlog);
		bytes_u64(&w->text, l->overflows);
	}
}

static void get_listeners(struct recfile_reader *r, struct summary *s)
{
	s->n_listeners = get_count(r, STATE_LISTENERS);
	for (uint32_t i = 0; i < s->n_listeners; i++) {
		struct summary_listener *l = &r->state->listeners[i];

		cursor_string(&r->text, l->address, sizeof(l->address) - 1);
		l->counted = cursor_u64(&r->text);
		l->accept_queue = cursor_u64(&r->text);
		l->backlog = cursor_u64(&r->text);
		l->overflows = cursor_u64(&r->text);
	}
}

/* --- saturation and deploys */

static void put_saturation(struct recfile_writer *w, const struct summary_saturation *s)
{
	bytes_double(&w->text, s->run_queue);
	bytes_double(&w->text, s->throttled);
	bytes_u64(&w->text, s->fds);
	bytes_u64(&w->text, s->fd_limit);
	bytes_u64(&w->text, s->fd_pid);
	bytes_u64(&w->text, s->accept_failed);
	bytes_u64(&w->text, s->threads);
	bytes_u64(&w->text, s->threads_busy);
	bytes_u64(&w->text, s->threads_pid);
}

/* NaN: not measured. */
static double get_share(struct recfile_reader *r)
{
	double v = cursor_double(&r->text);

	if (v < 0)
		r->text.bad = true;
	return v > 1 ? 1 : v;
}

static void get_saturation(struct recfile_reader *r, struct summary_saturation *s)
{
	s->run_queue = get_share(r);
	s->throttled = get_share(r);
	s->fds = cursor_u64(&r->text);
	s->fd_limit = cursor_u64(&r->text);
	s->fd_pid = get_u32(r);
	s->accept_failed = cursor_u64(&r->text);
	s->threads = cursor_u64(&r->text);
	s->threads_busy = cursor_u64(&r->text);
	s->threads_pid = get_u32(r);
}

static void put_side(struct recfile_writer *w, const struct summary_deploy_side *side)
{
	put_string(w, side->version, STATE_VERSION);
	bytes_u64(&w->text, side->pid);
	bytes_u64(&w->text, side->workers);
	bytes_u64(&w->text, side->requests);
}

static void get_side(struct recfile_reader *r, struct summary_deploy_side *side)
{
	side->version = get_string(r, STATE_VERSION);
	side->pid = get_u32(r);
	side->workers = get_u32(r);
	side->requests = cursor_u64(&r->text);
}

static void put_deploys(struct recfile_writer *w, const struct summary *s)
{
	uint32_t n = put_count(w, s->n_deploys, STATE_DEPLOYS);

	for (uint32_t i = 0; i < n; i++) {
		bytes_u64(&w->text, s->deploys[i].at_wall_ns);
		put_side(w, &s->deploys[i].before);
		put_side(w, &s->deploys[i].after);
	}
}

static void get_deploys(struct recfile_reader *r, struct summary *s)
{
	s->n_deploys = get_count(r, STATE_DEPLOYS);
	for (uint32_t i = 0; i < s->n_deploys; i++) {
		struct summary_deploy *d = &r->state->deploys[i];

		d->at_wall_ns = cursor_u64(&r->text);
		get_side(r, &d->before);
		get_side(r, &d->after);
		d->comparison = NULL;
	}
}

/* --- the tracer about itself */

static void put_tracer(struct recfile_writer *w, const struct summary *s)
{
	const uint64_t counts[] = {s->late.hung,
				   s->late.oldest,
				   s->opaque.tls,
				   s->opaque.http2,
				   s->opaque.proxy,
				   s->opaque.other,
				   s->tracer.events,
				   s->tracer.dropped,
				   s->tracer.unattributed_drops,
				   s->tracer.routes_overflow};
	uint32_t n;

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		bytes_u64(&w->text, counts[i]);
	n = put_count(w, s->tracer.n_features, STATE_FEATURES);
	for (uint32_t i = 0; i < n; i++) {
		put_string(w, s->tracer.features[i].name, STATE_STRING);
		put_string(w, s->tracer.features[i].state, STATE_STRING);
	}
}

static void get_tracer(struct recfile_reader *r, struct summary *s)
{
	uint64_t *const counts[] = {&s->late.hung,
				    &s->late.oldest,
				    &s->opaque.tls,
				    &s->opaque.http2,
				    &s->opaque.proxy,
				    &s->opaque.other,
				    &s->tracer.events,
				    &s->tracer.dropped,
				    &s->tracer.unattributed_drops,
				    &s->tracer.routes_overflow};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		*counts[i] = cursor_u64(&r->text);
	s->tracer.n_features = get_count(r, STATE_FEATURES);
	for (uint32_t i = 0; i < s->tracer.n_features; i++) {
		r->state->features[i].name = get_string(r, STATE_STRING);
		r->state->features[i].state = get_string(r, STATE_STRING);
		if (!r->state->features[i].name) /* it names a member */
			r->text.bad = true;
	}
}

/* --- what the interpreter told, from version 2 on */

static void put_interpreter(struct recfile_writer *w, const struct summary *s)
{
	uint32_t n = s->n_open < SUMMARY_MAX_OPEN ? s->n_open : SUMMARY_MAX_OPEN;

	for (uint32_t i = 0; i < n; i++)
		put_string(w, s->open[i].where, STATE_WHERE);
	write_site(w, s->held);
	bytes_u64(&w->text, s->held_ns);
	n = put_count(w, s->n_waits, SUMMARY_MAX_WAITS);
	for (uint32_t i = 0; i < n; i++) {
		bytes_u64(&w->text, s->waits[i].count);
		bytes_u64(&w->text, s->waits[i].threads);
		put_string(w, s->waits[i].where, STATE_WHERE);
		put_string(w, s->waits[i].on, STATE_WHERE);
	}
}

static void get_waits(struct recfile_reader *r, struct summary *s)
{
	uint32_t n = get_count(r, SUMMARY_MAX_WAITS);

	for (uint32_t i = 0; i < n && !r->text.bad; i++) {
		struct summary_wait *wait = &r->state->waits[i];

		wait->count = cursor_u64(&r->text);
		wait->threads = cursor_u64(&r->text);
		wait->where = get_string(r, STATE_WHERE);
		wait->on = get_string(r, STATE_WHERE);
		if (!wait->where || !wait->on)
			r->text.bad = true;
		s->n_waits = i + 1;
	}
}

static void get_interpreter(struct recfile_reader *r, struct summary *s)
{
	for (uint32_t i = 0; i < s->n_open; i++)
		r->state->open[i].where = get_string(r, STATE_WHERE);
	s->held = read_site(r);
	s->held_ns = cursor_u64(&r->text);
	get_waits(r, s);
}

/* --- the whole */

static void put_length(uint8_t *p, size_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> 8 * i);
}

void write_state(struct recfile_writer *w, const struct summary *s)
{
	size_t start;

	bytes_u64(&w->text, FACT_STATE);
	start = w->text.n;
	bytes_put(&w->text, "\0\0\0\0", 4);
	put_window(w, s);
	put_rules(w, &s->verdict.rules);
	put_target(w, s);
	put_open(w, s);
	put_workers(w, s);
	put_listeners(w, s);
	put_saturation(w, &s->saturation);
	put_deploys(w, s);
	put_tracer(w, s);
	put_interpreter(w, s);
	if (!w->text.failed)
		put_length(w->text.p + start, w->text.n - start - 4);
}

static void read_parts(struct recfile_reader *r, struct summary *s)
{
	get_window(r, s);
	get_rules(r, &s->verdict.rules);
	get_target(r, s);
	get_open(r, s);
	get_workers(r, s);
	get_listeners(r, s);
	get_saturation(r, &s->saturation);
	get_deploys(r, s);
	get_tracer(r, s);
	if (r->text.p < r->text.end) /* else of version 1 */
		get_interpreter(r, s);
}

void read_state(struct recfile_reader *r)
{
	const uint8_t *p = cursor_take(&r->text, 4);
	size_t len = p ? p[0] | p[1] << 8 | p[2] << 16 | (size_t)p[3] << 24 : 0;
	const uint8_t *end = r->text.end;

	kept_summary_clear(r->state);
	if (!p || len > (size_t)(end - r->text.p)) {
		r->text.bad = true;
		return;
	}
	r->text.end = r->text.p + len;
	read_parts(r, &r->state->s);
	r->state->set = true;
	r->text.p = r->text.end; /* a later version may have added something */
	r->text.end = end;
}
