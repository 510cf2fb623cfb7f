// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * json_deploy.c - the deploys of a summary, and what each of them changed.
 */
#include "json_deploy.h"

#include "../core/deploy.h"

#define MAX_CHANGES 20

static void put_side(struct jsonw *w, const char *name, const struct summary_deploy_side *side)
{
	jsonw_object(w, name);
	jsonw_string(w, "version", side->version);
	jsonw_u64(w, "pid", side->pid);
	jsonw_u64(w, "workers", side->workers);
	jsonw_u64(w, "requests", side->requests);
	jsonw_object_end(w);
}

/* Durations are ms; a rate is per second, errors are a share. */
static double value(enum compare_metric metric, double v)
{
	return metric == COMPARE_RATE || metric == COMPARE_ERRORS ? v : v / 1e6;
}

static void put_change(struct jsonw *w, const struct compare_row *row, enum compare_metric metric)
{
	const struct change *c = &row->change[metric];
	char words[DEPLOY_WORDS];

	jsonw_object(w, NULL);
	if (row->route) {
		jsonw_string(w, "route", row->route->template);
		jsonw_string(w, "method", row->route->method);
	}
	jsonw_string(w, "metric", compare_names[metric]);
	jsonw_double(w, "before", value(metric, c->before));
	jsonw_double(w, "after", value(metric, c->after));
	jsonw_double(w, "p", c->p);
	jsonw_bool(w, "worse", c->worse);
	jsonw_string(w, "words", deploy_change_words(words, sizeof(words), row, metric));
	jsonw_object_end(w);
}

/* Of each row its largest change first, then what else of it is beyond noise; rates come last. */
static void put_changes(struct jsonw *w, const struct comparison *c)
{
	const struct compare_row *row;
	enum compare_metric first;
	uint32_t n = 0;

	jsonw_array(w, "changes");
	for (uint32_t i = 0; n < MAX_CHANGES && deploy_change(c, i, &row, &first); i++) {
		put_change(w, row, first);
		n++;
		for (int m = COMPARE_ERRORS; n < MAX_CHANGES && m < COMPARE_METRICS; m++) {
			if (!row->change[m].beyond || m == (int)first)
				continue;
			put_change(w, row, (enum compare_metric)m);
			n++;
		}
	}
	for (uint32_t i = 0; n < MAX_CHANGES && i < c->n_rows; i++) {
		if (!c->rows[i].change[COMPARE_RATE].beyond)
			continue;
		put_change(w, &c->rows[i], COMPARE_RATE);
		n++;
	}
	jsonw_array_end(w);
}

static void put_comparison(struct jsonw *w, const struct comparison *c)
{
	jsonw_object(w, "comparison");
	jsonw_bool(w, "ordered", c->ordered);
	jsonw_bool(w, "beyond", c->beyond);
	jsonw_bool(w, "worse", c->worse);
	jsonw_u64(w, "judged", c->judged);
	put_changes(w, c);
	jsonw_object_end(w);
}

void json_deploys(struct jsonw *w, const struct summary *s)
{
	jsonw_array(w, "deploys");
	for (uint32_t i = 0; i < s->n_deploys; i++) {
		const struct summary_deploy *d = &s->deploys[i];

		jsonw_object(w, NULL);
		jsonw_time(w, "at", d->at_wall_ns);
		put_side(w, "before", &d->before);
		put_side(w, "after", &d->after);
		if (d->comparison)
			put_comparison(w, d->comparison);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
