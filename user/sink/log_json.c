// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * log_json.c - an interval in few bytes, for syslog, which cuts what is long: the same names as in
 * a summary (json.c), of each list the first few.
 */
#include "../lib/jsonw.h"
#include "json_parts.h"
#include "log.h"

#define MAX_ROUTES 5
#define MAX_OPEN   3

static void put_latency(struct jsonw *w, const struct hist *total)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50", .5}, {"p95", .95}, {"p99", .99}};

	jsonw_object(w, "latency");
	jsonw_object(w, "total");
	jsonw_u64(w, "count", total->count);
	for (size_t i = 0; total->count && i < sizeof(quantiles) / sizeof(*quantiles); i++)
		jsonw_double(w, quantiles[i].name, hist_quantile(total, quantiles[i].q) / 1e6);
	if (total->count)
		jsonw_ms(w, "max", total->max);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void put_head(struct jsonw *w, const struct summary *s, const struct sink_line *line)
{
	jsonw_string(w, "schema", "reqscope.log/1");
	jsonw_time(w, "ts", line->wall_ns);
	jsonw_string(w, "level", line->level);
	jsonw_string(w, "message", line->message);
	jsonw_object(w, "host");
	jsonw_string(w, "name", s->host.name);
	jsonw_object_end(w);
	jsonw_object(w, "target");
	jsonw_string(w, "name", s->target.name);
	jsonw_object_end(w);
	json_window(w, s);
	json_verdict(w, &s->verdict);
}

static void put_routes(struct jsonw *w, const struct summary *s)
{
	const struct route_stats *r = NULL;

	jsonw_array(w, "routes");
	for (int i = 0; i < MAX_ROUTES && (r = summary_next_route(s->stats, r)); i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "method", r->route->method);
		jsonw_string(w, "route", r->route->template);
		jsonw_u64(w, "count", r->count);
		json_classes(w, &r->status);
		put_latency(w, &r->latency[LAT_TOTAL]);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void put_open(struct jsonw *w, const struct summary *s)
{
	jsonw_array(w, "open");
	for (uint32_t i = 0; i < s->n_open && i < MAX_OPEN; i++) {
		const struct summary_open *o = &s->open[i];

		jsonw_object(w, NULL);
		jsonw_u64(w, "id", o->id);
		if (o->request->route)
			jsonw_string(w, "route", route_final(o->request->route)->template);
		jsonw_ms(w, "age", o->age);
		jsonw_string(w, "phase", request_phase_name(o->phase));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void sink_log_json(FILE *f, const struct summary *s, const struct sink_line *line)
{
	struct jsonw w;

	jsonw_init(&w, f);
	jsonw_object(&w, NULL);
	put_head(&w, s, line);
	json_ledger(&w, s);
	json_classes(&w, &s->stats->status);
	put_latency(&w, &s->stats->latency[LAT_TOTAL]);
	put_routes(&w, s);
	put_open(&w, s);
	jsonw_object(&w, "tracer");
	jsonw_u64(&w, "events", s->tracer.events);
	jsonw_u64(&w, "dropped", s->tracer.dropped);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	fputc('\n', f);
}
