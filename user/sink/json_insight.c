// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * json_insight.c - what the interpreter tells: exceptions, event loops, where everything waits. A
 * text that is not known is left out, and so is a number that was not measured.
 */
#include "json_insight.h"

static void put_text(struct jsonw *w, const char *name, const char *text)
{
	if (text && *text)
		jsonw_string(w, name, text);
}

static void put_error(struct jsonw *w, const struct error_count *e, const struct route *route)
{
	jsonw_object(w, NULL);
	if (e->status)
		jsonw_u64(w, "status", e->status);
	if (route) {
		jsonw_string(w, "method", route->method);
		jsonw_string(w, "route", route->template);
	}
	put_text(w, "type", e->site->type);
	put_text(w, "where", e->site->where);
	put_text(w, "app", e->site->detail);
	jsonw_u64(w, "count", e->count);
	jsonw_object_end(w);
}

static void put_rest(struct jsonw *w, const char *name, uint64_t rest)
{
	if (rest)
		jsonw_u64(w, name, rest);
}

static void put_counts(struct jsonw *w, const char *name, const struct error_counts *e)
{
	const struct error_count *c = NULL;

	jsonw_array(w, name);
	while ((c = summary_next_error(e, c)))
		put_error(w, c, NULL);
	jsonw_array_end(w);
}

void json_route_errors(struct jsonw *w, const struct route_stats *r)
{
	put_counts(w, "errors", &r->errors);
	put_rest(w, "errors_other", r->errors.rest);
}

static uint64_t total(const struct error_counts *e)
{
	uint64_t sum = e->rest;

	for (uint32_t i = 0; i < e->n; i++)
		sum += e->items[i].count;
	return sum;
}

static uint64_t all_errors(const struct stats *st)
{
	uint64_t sum = total(&st->routeless);

	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i])
			sum += total(&st->routes[i]->errors);
	return sum;
}

/* Those without a route stand nowhere else: the ones that are beyond the others come, too. */
static uint64_t put_routeless(struct jsonw *w, const struct error_counts *e, uint32_t listed)
{
	const struct error_count *c = NULL;
	uint64_t sum = 0;

	while ((c = summary_next_error(e, c))) {
		if (listed) {
			listed--;
			continue;
		}
		put_error(w, c, NULL);
		sum += c->count;
	}
	return sum;
}

void json_errors(struct jsonw *w, const struct stats *st, uint32_t most)
{
	struct summary_failure f = {NULL, NULL};
	uint64_t rest = all_errors(st);
	uint32_t routeless = 0;

	jsonw_array(w, "errors");
	for (uint32_t n = 0; n < most && summary_next_failure(st, &f); n++) {
		put_error(w, f.error, f.route);
		routeless += !f.route;
		rest -= f.error->count;
	}
	rest -= put_routeless(w, &st->routeless, routeless);
	jsonw_array_end(w);
	put_rest(w, "errors_other", rest);
	put_counts(w, "background_errors", &st->background);
	put_rest(w, "background_errors_other", st->background.rest);
}

static void put_stall(struct jsonw *w, const struct stall_stats *s)
{
	jsonw_object(w, NULL);
	jsonw_u64(w, "count", s->count);
	jsonw_ms(w, "max", s->max);
	jsonw_ms(w, "total", s->total);
	put_text(w, "where", s->site->where);
	put_text(w, "kind", s->site->type);
	put_text(w, "detail", s->site->detail);
	if (s->route) {
		jsonw_string(w, "method", s->route->method);
		jsonw_string(w, "route", s->route->template);
	}
	jsonw_u64(w, "victims", s->victims);
	jsonw_ms(w, "waited", s->waited);
	jsonw_object_end(w);
}

void json_held(struct jsonw *w, const struct site *held, uint64_t ns)
{
	if (!held)
		return;
	jsonw_object(w, "held");
	put_text(w, "where", held->where);
	put_text(w, "kind", held->type);
	put_text(w, "detail", held->detail);
	jsonw_ms(w, "age", ns);
	jsonw_object_end(w);
}

static void put_time(struct jsonw *w, const struct loop_time *l)
{
	jsonw_ms(w, "watched", l->watched);
	jsonw_ms(w, "busy_time", l->busy);
	if (l->gil_known) {
		jsonw_ms(w, "gil_wait", l->gil);
		jsonw_u64(w, "gil_waits", l->gil_waits);
	}
	if (l->gc_known) {
		jsonw_ms(w, "gc", l->gc);
		jsonw_u64(w, "gc_runs", l->gc_runs);
	}
}

void json_loop(struct jsonw *w, const struct summary *s)
{
	const struct stall_stats *stall = NULL;

	jsonw_object(w, "loop");
	jsonw_double(w, "busy", summary_loop_busy(s->stats));
	if (s->stats->loop.watched)
		put_time(w, &s->stats->loop);
	json_held(w, s->held, s->held_ns);
	jsonw_array(w, "stalls");
	while ((stall = summary_next_stall(s->stats, stall)))
		put_stall(w, stall);
	jsonw_array_end(w);
	put_rest(w, "stalls_other", s->stats->stalls_rest);
	jsonw_object_end(w);
}

void json_waits(struct jsonw *w, const struct summary *s)
{
	jsonw_array(w, "waits");
	for (uint32_t i = 0; i < s->n_waits; i++) {
		const struct summary_wait *wait = &s->waits[i];

		jsonw_object(w, NULL);
		jsonw_u64(w, "count", wait->count);
		jsonw_string(w, "kind", wait->threads ? "threads" : "tasks");
		put_text(w, "where", wait->where);
		put_text(w, "on", wait->on);
		jsonw_string(w, "host", wait->host);
		if (wait->at_wall_ns)
			jsonw_time(w, "at", wait->at_wall_ns);
		if (wait->pid)
			jsonw_u64(w, "pid", wait->pid);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
