// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * plugin_json.c - checks as one JSON object, docs/check.schema.json.
 */
#include "plugin.h"

#include <stdlib.h>

#include "../lib/jsonw.h"
#include "json_parts.h"

#define SCHEMA "reqscope.check/1"

static void put_state(struct jsonw *w, const char *name, enum check_state state)
{
	static const char *const names[CHECK_STATES] = {"ok", "warning", "critical", "unknown"};

	jsonw_string(w, name, names[state]);
}

/* Times in ms, shares of 1, the rest as it is. */
static double scaled(enum check_metric metric, double v)
{
	return check_metric_unit(metric) == CHECK_DURATION ? v / 1e6 : v;
}

static void put_condition(struct jsonw *w, const struct check_report *r, uint32_t at, unsigned i)
{
	static const char *const units[] = {[CHECK_DURATION] = "ms",
					    [CHECK_SHARE] = "share",
					    [CHECK_PER_SECOND] = "per_second",
					    [CHECK_COUNT] = "count"};
	const struct check_condition *c = &r->file->checks[at].conditions[i];
	const struct check_measure *m = &r->results[at].measures[c->metric];

	jsonw_object(w, NULL);
	jsonw_string(w, "metric", check_metric_name(c->metric));
	jsonw_string(w, "op", check_op_name(c->op));
	jsonw_double(w, "limit", scaled(c->metric, c->limit));
	jsonw_string(w, "unit", units[check_metric_unit(c->metric)]);
	put_state(w, "level", c->level);
	put_state(w, "state", r->results[at].outcomes[i]);
	if (m->known)
		jsonw_double(w, "value", scaled(c->metric, m->value));
	if (m->known && m->at_least)
		jsonw_bool(w, "at_least", true);
	if (!m->known)
		jsonw_string(w, "reason", m->why);
	jsonw_object_end(w);
}

static void put_check(struct jsonw *w, const struct check_report *r, uint32_t at)
{
	const struct check *c = &r->file->checks[at];

	jsonw_object(w, NULL);
	jsonw_string(w, "name", c->name);
	jsonw_string(w, "route", *c->route ? c->route : "all");
	put_state(w, "state", r->results[at].state);
	jsonw_u64(w, "requests", r->results[at].requests);
	jsonw_u64(w, "min_requests", c->min_requests);
	jsonw_array(w, "conditions");
	for (unsigned i = 0; i < c->n_conditions; i++)
		put_condition(w, r, at, i);
	jsonw_array_end(w);
	for (int i = 0; i < CHECK_WORDS; i++)
		jsonw_string(w, check_word_name((enum check_word)i), c->words[i]);
	jsonw_object_end(w);
}

static void put_target(struct jsonw *w, const struct summary *s)
{
	jsonw_object(w, "target");
	jsonw_string(w, "name", s->target.name);
	jsonw_array(w, "pids");
	for (uint32_t i = 0; i < s->target.n_pids; i++)
		jsonw_u64(w, NULL, s->target.pids[i]);
	jsonw_array_end(w);
	jsonw_array(w, "ports");
	for (uint32_t i = 0; i < s->target.n_ports; i++)
		jsonw_u64(w, NULL, s->target.ports[i]);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void put_context(struct jsonw *w, const struct summary *s)
{
	jsonw_object(w, "host");
	jsonw_string(w, "name", s->host.name);
	jsonw_string(w, "kernel", s->host.kernel);
	jsonw_object_end(w);
	put_target(w, s);
	json_window(w, s);
	json_verdict(w, &s->verdict);
}

static void begin(struct jsonw *w, FILE *f, enum check_state state)
{
	jsonw_init(w, f);
	jsonw_object(w, NULL);
	jsonw_string(w, "schema", SCHEMA);
	put_state(w, "state", state);
	jsonw_u64(w, "code", state);
}

/* The line that a monitoring system would show. Left out when out of memory. */
static void put_message(struct jsonw *w, const struct check_report *r)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	plugin_headline(f, r);
	if (!fclose(f))
		jsonw_string(w, "message", text);
	free(text);
}

void sink_check_json(FILE *f, const struct check_report *r)
{
	struct jsonw w;

	begin(&w, f, r->state);
	put_message(&w, r);
	put_context(&w, r->summary);
	jsonw_array(&w, "checks");
	for (uint32_t i = 0; i < r->file->n; i++)
		put_check(&w, r, i);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	fputc('\n', f);
}

void sink_problem_json(FILE *f, const struct plugin_problem *p)
{
	struct jsonw w;

	begin(&w, f, p->state);
	jsonw_string(&w, "message", p->text);
	if (p->more && *p->more)
		jsonw_string(&w, "details", p->more);
	jsonw_object_end(&w);
	fputc('\n', f);
}
