// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <math.h>
#include <string.h>

#include "../lib/jsonw.h"
#include "diff.h"

static const char *const members[COMPARE_METRICS] = {
	[COMPARE_RATE] = "rate", [COMPARE_ERRORS] = "errors", [COMPARE_P50] = "p50",
	[COMPARE_P99] = "p99",	 [COMPARE_QUEUE] = "queue",   [COMPARE_APP] = "app",
};

static void put_change(struct jsonw *w, enum compare_metric m, const struct change *c)
{
	double unit = m == COMPARE_RATE || m == COMPARE_ERRORS ? 1 : 1e6; /* ns to ms */

	if (isnan(c->before) && isnan(c->after))
		return;
	jsonw_object(w, members[m]);
	jsonw_double(w, "before", c->before / unit);
	jsonw_double(w, "after", c->after / unit);
	jsonw_double(w, "change", change_relative(c));
	jsonw_double(w, "p", c->p);
	jsonw_bool(w, "beyond", c->beyond);
	jsonw_bool(w, "worse", c->worse);
	jsonw_object_end(w);
}

static void put_row(struct jsonw *w, const char *name, const struct comparison *c,
		    const struct compare_row *row)
{
	char text[2048];

	jsonw_object(w, name);
	if (row->route) {
		jsonw_string(w, "method", row->route->method);
		jsonw_string(w, "route", row->route->template);
	}
	jsonw_object(w, "requests");
	jsonw_u64(w, "before", row->before);
	jsonw_u64(w, "after", row->after);
	jsonw_object_end(w);
	jsonw_bool(w, "judged", row->tested);
	jsonw_bool(w, "beyond", row->beyond);
	jsonw_bool(w, "worse", row->worse);
	jsonw_string(w, "text", compare_words(text, sizeof(text), c, row));
	for (int m = 0; m < COMPARE_METRICS; m++)
		put_change(w, m, &row->change[m]);
	jsonw_object_end(w);
}

static void put_side(struct jsonw *w, const char *name, const struct diff_side *side,
		     double seconds, uint64_t requests)
{
	jsonw_object(w, name);
	jsonw_string(w, "source", side->source);
	jsonw_string(w, "kind", side->kind);
	jsonw_string(w, "target", side->target);
	jsonw_string(w, "version", side->version);
	if (side->start_wall_ns)
		jsonw_time(w, "start", side->start_wall_ns);
	jsonw_double(w, "seconds", seconds);
	jsonw_u64(w, "requests", requests);
	jsonw_object_end(w);
}

static void put_verdict(struct jsonw *w, const struct comparison *c)
{
	char text[256];

	jsonw_object(w, "verdict");
	jsonw_string(w, "state", comparison_state(c));
	jsonw_string(w, "text", compare_verdict(text, sizeof(text), c));
	jsonw_u64(w, "judged", c->judged);
	jsonw_u64(w, "beyond", c->routes_beyond);
	jsonw_u64(w, "worse", c->routes_worse);
	jsonw_u64(w, "only_before", c->only_before);
	jsonw_u64(w, "only_after", c->only_after);
	jsonw_object_end(w);
}

static void put_basis(struct jsonw *w, const struct comparison *c)
{
	char text[512];

	jsonw_object(w, "basis");
	jsonw_bool(w, "ordered", c->ordered);
	jsonw_u64(w, "tests", c->n_tests);
	jsonw_double(w, "level", c->rules.level);
	jsonw_double(w, "min_effect", c->rules.min_effect);
	jsonw_string(w, "text", compare_basis(text, sizeof(text), c));
	jsonw_object_end(w);
}

static void put_site(struct jsonw *w, const char *name, const char *text)
{
	if (*text)
		jsonw_string(w, name, text);
}

static void put_new(struct jsonw *w, const struct comparison *c)
{
	char text[2048];

	jsonw_array(w, "new_errors");
	for (uint32_t i = 0; i < c->n_new; i++) {
		const struct compare_new *n = &c->news[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "method", n->route->method);
		jsonw_string(w, "route", n->route->template);
		jsonw_u64(w, "status", n->status);
		put_site(w, "type", n->site->type);
		put_site(w, "where", n->site->where);
		put_site(w, "app", n->site->detail);
		jsonw_u64(w, "count", n->count);
		jsonw_object(w, "requests");
		jsonw_u64(w, "before", n->before);
		jsonw_u64(w, "after", n->after);
		jsonw_object_end(w);
		jsonw_string(w, "text", compare_new_words(text, sizeof(text), n));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void sink_diff_json(FILE *f, const struct diff *d)
{
	const struct comparison *c = d->comparison;
	struct jsonw w;

	jsonw_init(&w, f);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "schema", "reqscope.diff/1");
	put_verdict(&w, c);
	put_basis(&w, c);
	jsonw_bool(&w, "deploy", d->deploy);
	put_side(&w, "before", &d->before, c->before_seconds, c->rows[0].before);
	put_side(&w, "after", &d->after, c->after_seconds, c->rows[0].after);
	put_row(&w, "all", c, &c->rows[0]);
	jsonw_array(&w, "routes");
	for (uint32_t i = 1; i < c->n_rows; i++)
		put_row(&w, NULL, c, &c->rows[i]);
	jsonw_array_end(&w);
	put_new(&w, c);
	jsonw_object_end(&w);
	fputc('\n', f);
}
