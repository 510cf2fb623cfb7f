// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * snapshot.c - a summary of the state of a session: the statistics, and beside them what only the
 * kernel and /proc know at this moment.
 */
#include "session_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where requests wait, in words; made when there is the first to be said. */
struct snapshot_words {
	char where[SUMMARY_MAX_OPEN][WAITS_TEXT_MAX];
	struct wait_place places[SUMMARY_MAX_WAITS];
	struct summary_wait waits[SUMMARY_MAX_WAITS];
};

struct snapshot {
	struct summary summary;
	struct summary_open open[SUMMARY_MAX_OPEN];
	uint64_t n_open;
	struct summary_listener listeners[SESSION_MAX_LISTENERS];
	uint64_t listener_ids[SESSION_MAX_LISTENERS];
	uint32_t n_listeners;
	uint32_t pids[TARGET_MAX_PROCESSES];
	uint16_t ports[SESSION_MAX_LISTENERS];
	struct summary_generation generations[TARGET_MAX_PROCESSES];
	struct summary_worker workers[TARGET_MAX_PROCESSES];
	struct summary_feature features[SESSION_MAX_FEATURES];
	struct snapshot_words *words; /* owned; NULL: none yet */
};

int snapshot_new(struct session *s)
{
	s->snapshot = calloc(1, sizeof(*s->snapshot));
	return s->snapshot ? 0 : -ENOMEM;
}

void snapshot_free(struct session *s)
{
	if (s->snapshot)
		free(s->snapshot->words);
	free(s->snapshot);
}

/* --- open requests: the oldest, in order */

struct open_walk {
	struct snapshot *n;
	uint64_t now;
};

static void note_open(void *ctx, struct request *r)
{
	struct open_walk *w = ctx;
	struct snapshot *n = w->n;
	uint64_t age = request_age(r, w->now);
	uint32_t at = n->summary.n_open;

	n->n_open++;
	if (at == SUMMARY_MAX_OPEN && n->open[at - 1].age >= age)
		return;
	if (at < SUMMARY_MAX_OPEN)
		n->summary.n_open++;
	else
		at--;
	for (; at > 0 && n->open[at - 1].age < age; at--)
		n->open[at] = n->open[at - 1];
	n->open[at] = (struct summary_open){
		.id = r->id,
		.request = r,
		.age = age,
		.phase = request_open_phase(r),
	};
}

/* --- where they wait, and what holds a loop up */

static struct snapshot_words *words_of(struct snapshot *n)
{
	if (!n->words)
		n->words = malloc(sizeof(*n->words));
	return n->words;
}

static void look_where(struct session *s, struct snapshot *n)
{
	struct summary *sum = &n->summary;

	for (uint32_t i = 0; i < sum->n_open; i++) {
		const char *where = waits_where(s, n->open[i].request);

		if (!where || !words_of(n))
			continue;
		snprintf(n->words->where[i], WAITS_TEXT_MAX, "%s", where);
		n->open[i].where = n->words->where[i];
	}
}

static void look_at_rest(struct session *s, struct snapshot *n)
{
	struct snapshot_words *w = words_of(n);
	struct summary *sum = &n->summary;

	sum->n_waits = w ? waits_rest(s, sum, w->places, SUMMARY_MAX_WAITS) : 0;
	for (uint32_t i = 0; i < sum->n_waits; i++)
		w->waits[i] = (struct summary_wait){
			.count = w->places[i].count,
			.threads = w->places[i].threads,
			.where = w->places[i].where,
			.on = w->places[i].on,
		};
	sum->waits = sum->n_waits ? w->waits : NULL;
}

static void look_at_waits(struct session *s, struct snapshot *n)
{
	struct summary *sum = &n->summary;

	if (!s->insight)
		return;
	waits_look(s);
	look_where(s, n);
	look_at_rest(s, n);
	sum->held = loops_held(s, &sum->held_ns);
	if (!sum->held)
		sum->held_ns = 0;
}

/* --- listeners and processes */

static void format_listener(struct summary_listener *out, const struct rs_ev_listen *e)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	unsigned len = e->path_len < sizeof(e->path) ? e->path_len : sizeof(e->path);

	if (e->local.family == AF_UNIX) {
		while (len && !e->path[len - 1]) /* the terminating NUL may be counted */
			len--;
		snprintf(out->address, sizeof(out->address), "unix:%s%.*s", e->path[0] ? "" : "@",
			 (int)(e->path[0] ? len : len ? len - 1 : 0), e->path[0] ? e->path : e->path + 1);
		return;
	}
	inet_ntop(e->local.family, e->local.ip, ip, sizeof(ip));
	snprintf(out->address, sizeof(out->address),
		 e->local.family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip, ntohs(e->local.port));
}

static void add_port(struct snapshot *n, uint16_t port)
{
	struct summary *sum = &n->summary;

	for (uint32_t i = 0; i < sum->target.n_ports; i++)
		if (n->ports[i] == port)
			return;
	if (port && sum->target.n_ports < SESSION_MAX_LISTENERS)
		n->ports[sum->target.n_ports++] = port;
}

struct listener_walk {
	struct session *s;
	struct snapshot *n;
	struct process *process;
};

/* Workers share their parent's listener: it counts once. h.conn names the socket. */
static void note_listener(void *ctx, const struct rs_ev_listen *e)
{
	struct listener_walk *w = ctx;
	struct snapshot *n = w->n;
	struct summary_listener *l;

	w->process->listens = true;
	if (e->local.family != AF_UNIX)
		add_port(n, ntohs(e->local.port));
	for (uint32_t i = 0; i < n->n_listeners; i++)
		if (n->listener_ids[i] == e->h.conn)
			return;
	if (n->n_listeners == SESSION_MAX_LISTENERS)
		return;
	n->listener_ids[n->n_listeners] = e->h.conn;
	l = &n->listeners[n->n_listeners++];
	*l = (struct summary_listener){
		.counted = true,
		.accept_queue = e->accept_queue,
		.backlog = e->backlog,
		.overflows = session_turned_away(w->s, e, false),
	};
	format_listener(l, e);
}

static void look_at_processes(struct session *s, struct snapshot *n)
{
	struct summary *sum = &n->summary;

	target_refresh(&s->target);
	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		struct process *p = &s->target.processes[i];
		struct listener_walk w = {s, n, p};

		n->generations[sum->target.n_generations++] = (struct summary_generation){
			.pid = p->pid,
			.since_wall_ns = p->since,
			.until_wall_ns = p->until,
			.version = *p->version ? p->version : NULL,
		};
		if (!p->alive)
			continue;
		n->pids[sum->target.n_pids++] = p->pid;
		p->listens = false;
		if (s->capture)
			capture_census_listeners(s->capture, p->pid, note_listener, &w);
		sum->target.alive = true;
		sum->target.listening |= p->listens;
	}
}

static void look_at_workers(struct session *s, struct snapshot *n)
{
	struct summary *sum = &n->summary;

	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		const struct process *p = &s->target.processes[i];
		uint64_t open = 0;

		if (!target_serves(&s->target, p))
			continue;
		for (uint32_t k = 0; k < sum->n_open; k++)
			open += n->open[k].request->pid == p->pid;
		n->workers[sum->n_workers++] = (struct summary_worker){p->pid, open};
	}
	sum->workers = n->workers;
}

/* --- the tracer about itself */

static void add_feature(struct snapshot *n, const char *name, const char *state)
{
	n->features[n->summary.tracer.n_features++] = (struct summary_feature){name, state};
}

static void look_at_tracer(struct session *s, struct snapshot *n, struct stats *st)
{
	const struct tracer_counts *c = tracer_counts(s->tracer);
	struct summary *sum = &n->summary;
	struct capture_counts k = {};
	uint64_t lost, since;

	if (s->capture) {
		capture_counts(s->capture, &k);
		add_feature(n, "arrival", capture_arrival_hook(s->capture));
	}
	add_feature(n, "insight", insight_interpreters(s));
	add_feature(n, "routes", insight_routes(s));
	add_feature(n, "errors", feature_errors(s));
	add_feature(n, "loop", feature_loop(s));
	add_feature(n, "gc", feature_gc(s));
	lost = c->lost < k.dropped ? c->lost : k.dropped;
	sum->tracer.events = k.events;
	sum->tracer.dropped = k.dropped + k.missed;
	sum->tracer.unattributed_drops = k.dropped - lost;
	sum->tracer.features = n->features;
	sum->tracer.routes_overflow = router_overflow(s->router);
	st->ledger.not_http = c->not_http;
	st->ledger.late_attached = c->late_attached;
	st->ledger.evicted = c->evicted + k.evicted;
	sum->opaque.tls = c->tls;
	sum->opaque.http2 = c->http2;
	sum->opaque.proxy = c->proxy;
	sum->opaque.other = c->other;
	sum->late.hung = tracer_late_hung(s->tracer, &since);
	sum->late.oldest = since && since < s->now ? s->now - since : 0;
}

/* --- the whole */

static void describe(struct session *s, struct summary *sum)
{
	const struct server *server = &s->target.server;

	sum->host.name = s->host;
	sum->host.kernel = s->kernel;
	sum->target.name = s->target.name;
	sum->target.server = server->kind;
	sum->target.python = server->python[0] ? server->python : NULL;
	sum->wall_offset = s->wall_offset;
	sum->verdict.rules = s->options->rules;
}

const struct summary *session_summary(struct session *s)
{
	return session_summary_of(s, NULL);
}

struct summary *session_summary_of(struct session *s, struct stats *own)
{
	struct snapshot *n = s->snapshot;
	struct summary *sum = &n->summary;
	struct open_walk walk = {n, 0};
	struct snapshot_words *words = n->words;
	struct stats *st;

	session_census(s);
	s->now = walk.now = session_now();
	loops_tell(s);
	memset(n, 0, sizeof(*n));
	n->words = words;
	s->total->to = s->now;
	st = own ? own : s->window ? window_merge(s) : s->total;
	if (!st || stats_fold_routes(st))
		return NULL;
	st->to = s->now;
	describe(s, sum);
	sum->stats = st;
	sum->now = s->now;
	sum->seconds = (s->now - st->from) / 1e9;
	sum->start_wall_ns = st->from + s->wall_offset;
	if (!own && window_slides(s)) {
		sum->overall = s->total;
		sum->overall_seconds = (s->now - s->started) / 1e9;
	}
	sum->open = n->open;
	tracer_visit_open(s->tracer, note_open, &walk);
	look_at_waits(s, n);
	look_at_processes(s, n);
	deploys_serving(s);
	deploys_fill(s, sum);
	look_at_workers(s, n);
	look_at_tracer(s, n, st);
	if (sum->overall)
		window_opaque(s, sum);
	session_saturation(s, own || sum->overall ? s->now - st->from : 0, &sum->saturation);
	sum->target.pids = n->pids;
	sum->target.ports = n->ports;
	sum->target.generations = n->generations;
	sum->listeners = n->listeners;
	sum->n_listeners = n->n_listeners;
	verdict_decide(sum, &s->options->rules);
	return sum;
}
