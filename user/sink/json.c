/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json.c - the summary as one JSON object, described by docs/summary.schema.json.
 *
 * Names are final: add, never rename. A member that was not measured is left out; a distribution
 * without values keeps count, sum and its empty histogram, so that merging needs no special case.
 */
#include <string.h>

#include "../lib/jsonw.h"
#include "json_parts.h"
#include "json_deploy.h"
#include "json_insight.h"
#include "sink.h"

static void put_ms_double(struct jsonw *w, const char *name, double ns)
{
	jsonw_double(w, name, ns / 1e6);
}

static void put_buckets(struct jsonw *w, const struct hist *h)
{
	int32_t first = 0;
	uint32_t n = 0;

	hist_range(h, &first, &n);
	jsonw_object(w, "hist");
	jsonw_u64(w, "scale", HIST_SCALE);
	jsonw_u64(w, "zero", h->zero);
	jsonw_i64(w, "offset", n ? first : 0);
	jsonw_array(w, "counts");
	for (uint32_t i = 0; i < n; i++)
		jsonw_u64(w, NULL, h->counts[first - h->offset + (int32_t)i]);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void put_distribution(struct jsonw *w, const char *name, const struct hist *h)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50", .5}, {"p90", .9}, {"p95", .95}, {"p99", .99}, {"p999", .999}};

	jsonw_object(w, name);
	jsonw_u64(w, "count", h->count);
	jsonw_ms(w, "sum", h->sum);
	if (h->count) {
		jsonw_ms(w, "min", h->min);
		put_ms_double(w, "mean", hist_mean(h));
		for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
			put_ms_double(w, quantiles[i].name, hist_quantile(h, quantiles[i].q));
		jsonw_ms(w, "max", h->max);
	}
	put_buckets(w, h);
	jsonw_object_end(w);
}

static void put_status(struct jsonw *w, const struct status_counts *c)
{
	char code[8];

	json_classes(w, c);
	jsonw_object(w, "codes");
	for (uint32_t i = 0; i < c->n; i++) {
		snprintf(code, sizeof(code), "%u", c->codes[i].code);
		jsonw_u64(w, code, c->codes[i].count);
	}
	jsonw_object_end(w);
}

static void put_host(struct jsonw *w, const struct summary *s)
{
	jsonw_object(w, "host");
	jsonw_string(w, "name", s->host.name);
	jsonw_string(w, "kernel", s->host.kernel);
	jsonw_object_end(w);
}

static void put_generations(struct jsonw *w, const struct summary *s)
{
	jsonw_array(w, "generations");
	for (uint32_t i = 0; i < s->target.n_generations; i++) {
		const struct summary_generation *g = &s->target.generations[i];

		jsonw_object(w, NULL);
		jsonw_u64(w, "pid", g->pid);
		if (g->since_wall_ns)
			jsonw_time(w, "since", g->since_wall_ns);
		if (g->until_wall_ns)
			jsonw_time(w, "until", g->until_wall_ns);
		jsonw_string(w, "version", g->version);
		jsonw_string(w, "host", g->host);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_pids(struct jsonw *w, const uint32_t *pids, uint32_t n)
{
	jsonw_array(w, "pids");
	for (uint32_t i = 0; i < n; i++)
		jsonw_u64(w, NULL, pids[i]);
	jsonw_array_end(w);
}

static void put_ports(struct jsonw *w, const uint16_t *ports, uint32_t n)
{
	jsonw_array(w, "ports");
	for (uint32_t i = 0; i < n; i++)
		jsonw_u64(w, NULL, ports[i]);
	jsonw_array_end(w);
}

static void put_target(struct jsonw *w, const struct summary *s)
{
	jsonw_object(w, "target");
	jsonw_string(w, "name", s->target.name);
	put_pids(w, s->target.pids, s->target.n_pids);
	put_ports(w, s->target.ports, s->target.n_ports);
	jsonw_string(w, "server", s->target.server);
	jsonw_string(w, "python", s->target.python);
	jsonw_bool(w, "alive", s->target.alive);
	jsonw_bool(w, "listening", s->target.listening);
	put_generations(w, s);
	jsonw_object_end(w);
}

/* Of a route only what has values: 256 routes times eight empty histograms would be noise. */
static void put_latency(struct jsonw *w, const struct hist *latency, bool all)
{
	jsonw_object(w, "latency");
	for (int i = 0; i < LATENCIES; i++)
		if (all || i == LAT_TOTAL || latency[i].count)
			put_distribution(w, latency_names[i], &latency[i]);
	jsonw_object_end(w);
}

static void put_cache(struct jsonw *w, const uint64_t cache[CACHE_KINDS])
{
	static const struct {
		int kind;
		const char *name;
	} kinds[] = {{HTTP1_CACHE_HIT, "hit"},
		     {HTTP1_CACHE_MISS, "miss"},
		     {HTTP1_CACHE_REVALIDATED, "revalidated"},
		     {HTTP1_CACHE_NONE, "none"}};

	jsonw_object(w, "cache");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		jsonw_u64(w, kinds[i].name, cache[kinds[i].kind]);
	jsonw_object_end(w);
}

static void put_auth(struct jsonw *w, const struct auth_stats auth[AUTH_KINDS])
{
	static const char *const names[AUTH_KINDS] = {[AUTH_YES] = "yes", [AUTH_NO] = "no"};

	jsonw_object(w, "auth");
	for (int i = 0; i < AUTH_KINDS; i++) {
		jsonw_object(w, names[i]);
		jsonw_u64(w, "count", auth[i].count);
		jsonw_u64(w, "5xx", auth[i].server_errors);
		if (auth[i].total.count)
			put_ms_double(w, "p99", hist_quantile(&auth[i].total, 0.99));
		put_distribution(w, "total", &auth[i].total);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void put_ends(struct jsonw *w, const uint64_t ends[REQ_ENDS])
{
	jsonw_object(w, "ends");
	for (int i = REQ_OK; i < REQ_ENDS; i++)
		jsonw_u64(w, request_end_name(i), ends[i]);
	jsonw_object_end(w);
}

static void put_route(struct jsonw *w, const struct summary *s, const struct route_stats *r)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "method", r->route->method);
	jsonw_string(w, "route", r->route->template);
	jsonw_string(w, "place", r->route->place);
	if (r->route->uncertain)
		jsonw_bool(w, "uncertain", true);
	jsonw_u64(w, "count", r->count);
	put_ends(w, r->ends);
	put_status(w, &r->status);
	put_latency(w, r->latency, false);
	if (r->latency[LAT_TOTAL].count) {
		jsonw_object(w, "slowest");
		jsonw_string_n(w, "path", r->slowest.path, r->slowest.path_len);
		jsonw_ms(w, "total", r->slowest.total);
		if (r->slowest.at)
			jsonw_time(w, "at", r->slowest.at + (uint64_t)s->wall_offset);
		jsonw_object_end(w);
	}
	put_cache(w, r->cache);
	put_auth(w, r->auth);
	json_route_errors(w, r);
	jsonw_object_end(w);
}

/* Those beyond the `most` that take the most time are counted instead. */
static void put_routes(struct jsonw *w, const struct summary *s, uint32_t most)
{
	const struct route_stats *r = NULL;
	uint32_t n = 0;

	jsonw_array(w, "routes");
	while ((r = summary_next_route(s->stats, r)))
		if (n++ < most)
			put_route(w, s, r);
	jsonw_array_end(w);
	if (n > most)
		jsonw_u64(w, "routes_left_out", n - most);
}

/* Whose connection it is on and when it was read tell who waits for whom. */
static void put_open_request(struct jsonw *w, const struct request *r)
{
	if (r->pid)
		jsonw_u64(w, "pid", r->pid);
	jsonw_u64(w, "conn", r->conn);
	if (r->arrived && r->read >= r->arrived)
		jsonw_ms(w, "queue", r->read - r->arrived);
}

static void put_open(struct jsonw *w, const struct summary *s)
{
	jsonw_array(w, "open");
	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct summary_open *o = &s->open[i];

		jsonw_object(w, NULL);
		jsonw_u64(w, "id", o->id);
		if (o->request->head_seen) {
			jsonw_string(w, "method", o->request->http.method);
			jsonw_string_n(w, "path", o->request->http.path, o->request->http.path_len);
		}
		jsonw_ms(w, "age", o->age);
		jsonw_string(w, "phase", request_phase_name(o->phase));
		put_open_request(w, o->request);
		jsonw_string(w, "where", o->where);
		jsonw_string(w, "host", o->host);
		if (o->at_wall_ns)
			jsonw_time(w, "at", o->at_wall_ns);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_workers(struct jsonw *w, const struct summary *s)
{
	struct summary_worker_row rows[SUMMARY_MAX_WORKERS];
	uint32_t n = summary_workers(s, rows, SUMMARY_MAX_WORKERS);

	jsonw_array(w, "workers");
	for (uint32_t i = 0; i < n; i++) {
		jsonw_object(w, NULL);
		if (rows[i].pid) /* 0: the rest, beyond the bound */
			jsonw_u64(w, "pid", rows[i].pid);
		jsonw_u64(w, "requests", rows[i].requests);
		if (rows[i].open_known)
			jsonw_u64(w, "open", rows[i].open);
		if (rows[i].total && rows[i].total->count)
			put_ms_double(w, "p99", hist_quantile(rows[i].total, 0.99));
		if (rows[i].total)
			put_distribution(w, "total", rows[i].total);
		jsonw_string(w, "host", rows[i].host);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_listeners(struct jsonw *w, const struct summary *s)
{
	jsonw_array(w, "listeners");
	for (uint32_t i = 0; i < s->n_listeners; i++) {
		const struct summary_listener *l = &s->listeners[i];

		jsonw_object(w, NULL);
		jsonw_string_n(w, "address", l->address, strnlen(l->address, sizeof(l->address)));
		if (l->counted) {
			jsonw_u64(w, "accept_queue", l->accept_queue);
			jsonw_u64(w, "backlog", l->backlog);
			jsonw_u64(w, "overflows", l->overflows);
		}
		jsonw_string(w, "host", l->host);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_known(struct jsonw *w, const char *name, uint64_t v)
{
	if (v != SUMMARY_UNKNOWN)
		jsonw_u64(w, name, v);
}

static void put_saturation(struct jsonw *w, const struct summary *summary)
{
	const struct summary_saturation *s = &summary->saturation;

	jsonw_object(w, "saturation");
	jsonw_double(w, "run_queue", s->run_queue);
	jsonw_double(w, "throttled", s->throttled);
	put_known(w, "fds", s->fds);
	put_known(w, "fd_limit", s->fd_limit);
	if (s->fds != SUMMARY_UNKNOWN)
		jsonw_u64(w, "fd_pid", s->fd_pid);
	jsonw_string(w, "fd_host", s->fd_host);
	put_known(w, "accept_failed", s->accept_failed);
	put_known(w, "threads", s->threads);
	put_known(w, "threads_busy", s->threads_busy);
	if (s->threads != SUMMARY_UNKNOWN)
		jsonw_u64(w, "threads_pid", s->threads_pid);
	jsonw_string(w, "threads_host", s->threads_host);
	jsonw_double(w, "gil_wait", summary_loop_gil(summary->stats));
	jsonw_double(w, "gc", summary_loop_gc(summary->stats));
	jsonw_object_end(w);
}

/* Connections of which there is no more to tell. */
static void put_unread(struct jsonw *w, const struct summary *s)
{
	jsonw_object(w, "opaque");
	jsonw_u64(w, "tls", s->opaque.tls);
	jsonw_u64(w, "http2", s->opaque.http2);
	jsonw_u64(w, "proxy", s->opaque.proxy);
	jsonw_u64(w, "other", s->opaque.other);
	jsonw_object_end(w);
	jsonw_object(w, "late");
	jsonw_u64(w, "hung", s->late.hung);
	if (s->late.hung)
		jsonw_ms(w, "oldest", s->late.oldest);
	jsonw_object_end(w);
}

static void put_part(struct jsonw *w, const struct summary_part *p)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "host", p->host);
	put_pids(w, p->pids, p->n_pids);
	put_ports(w, p->ports, p->n_ports);
	jsonw_time(w, "start", p->start_wall_ns);
	jsonw_time(w, "end", p->end_wall_ns);
	jsonw_i64(w, "carried", p->carried);
	jsonw_i64(w, "open", p->open);
	jsonw_bool(w, "alive", p->alive);
	jsonw_bool(w, "listening", p->listening);
	json_held(w, p->held, p->held_ns);
	jsonw_object_end(w);
}

static void put_parts(struct jsonw *w, const struct summary *s)
{
	if (!s->n_parts)
		return;
	jsonw_array(w, "parts");
	for (uint32_t i = 0; i < s->n_parts; i++)
		put_part(w, &s->parts[i]);
	jsonw_array_end(w);
}

static void put_tracer(struct jsonw *w, const struct summary *s)
{
	const struct ledger *l = &s->stats->ledger;

	jsonw_object(w, "tracer");
	jsonw_u64(w, "events", s->tracer.events);
	jsonw_u64(w, "dropped", s->tracer.dropped);
	jsonw_u64(w, "unknown", l->unknown);
	jsonw_u64(w, "late_attached", l->late_attached);
	jsonw_u64(w, "evicted", l->evicted);
	jsonw_u64(w, "unattributed", s->tracer.unattributed_drops);
	jsonw_u64(w, "routes_overflow", s->tracer.routes_overflow);
	put_unread(w, s);
	jsonw_object(w, "features");
	for (uint32_t i = 0; i < s->tracer.n_features; i++)
		jsonw_string(w, s->tracer.features[i].name, s->tracer.features[i].state);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void put_line(struct jsonw *w, const struct sink_line *line)
{
	jsonw_time(w, "ts", line->wall_ns);
	jsonw_string(w, "level", line->level);
	jsonw_string(w, "message", line->message);
}

void sink_summary_json(FILE *f, const struct summary *s)
{
	sink_summary_json_line(f, s, NULL);
}

void sink_summary_json_line(FILE *f, const struct summary *s, const struct sink_line *line)
{
	struct jsonw w;

	jsonw_init(&w, f);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "schema", "reqscope.summary/1");
	if (line)
		put_line(&w, line);
	put_host(&w, s);
	put_target(&w, s);
	json_window(&w, s);
	json_verdict(&w, &s->verdict);
	json_ledger(&w, s);
	put_status(&w, &s->stats->status);
	put_latency(&w, s->stats->latency, true);
	put_cache(&w, s->stats->cache);
	put_auth(&w, s->stats->auth);
	put_routes(&w, s, line ? line->max_routes : UINT32_MAX);
	json_errors(&w, s->stats,
		    line && line->max_routes < SUMMARY_MAX_FAILURES ? line->max_routes
								    : SUMMARY_MAX_FAILURES);
	put_open(&w, s);
	put_workers(&w, s);
	put_listeners(&w, s);
	put_saturation(&w, s);
	json_loop(&w, s);
	json_waits(&w, s);
	json_deploys(&w, s);
	put_tracer(&w, s);
	put_parts(&w, s);
	jsonw_object_end(&w);
	fputc('\n', f);
}
