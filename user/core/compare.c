// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_priv.h"

const char *const compare_names[COMPARE_METRICS] = {
	[COMPARE_RATE] = "rate", [COMPARE_ERRORS] = "errors", [COMPARE_P50] = "p50",
	[COMPARE_P99] = "p99",	 [COMPARE_QUEUE] = "queue",   [COMPARE_APP] = "app",
};

void compare_rules_default(struct compare_rules *rules)
{
	*rules = (struct compare_rules){.level = 0.01, .min_effect = 0.05};
}

double change_relative(const struct change *c)
{
	return c->before > 0 ? (c->after - c->before) / c->before : NAN;
}

/* --- one row */

/* A route that a side does not have. */
static const struct series_route nothing;

static void measure_rate(struct change *c, const struct compare_pair *p)
{
	c->before = p->before_seconds > 0 ? (double)p->before->count / p->before_seconds : NAN;
	c->after = p->after_seconds > 0 ? (double)p->after->count / p->after_seconds : NAN;
}

static double error_share(const struct series_route *r)
{
	return r->known ? (double)r->errors / (double)r->known : NAN;
}

/* 0 or -ENOMEM. */
static int measure_quantiles(struct compare_row *row, const struct series_route *r, bool after)
{
	static const struct {
		enum compare_metric metric;
		double q;
	} quantiles[] = {{COMPARE_P50, 0.5}, {COMPARE_P99, 0.99}};
	struct hist h;
	int err;

	hist_init(&h);
	err = series_latency(r, SERIES_TOTAL, &h);
	for (size_t i = 0; !err && i < sizeof(quantiles) / sizeof(*quantiles); i++) {
		struct change *c = &row->change[quantiles[i].metric];

		*(after ? &c->after : &c->before) = hist_quantile(&h, quantiles[i].q);
	}
	hist_free(&h);
	return err;
}

static int measure(struct compare_row *row, const struct compare_pair *p)
{
	const struct series_sum *a = p->before->latency, *b = p->after->latency;
	struct change *c = row->change;

	measure_rate(&c[COMPARE_RATE], p);
	c[COMPARE_ERRORS].before = error_share(p->before);
	c[COMPARE_ERRORS].after = error_share(p->after);
	c[COMPARE_QUEUE].before = series_mean(&a[SERIES_QUEUE]);
	c[COMPARE_QUEUE].after = series_mean(&b[SERIES_QUEUE]);
	c[COMPARE_APP].before = series_mean(&a[SERIES_APP]);
	c[COMPARE_APP].after = series_mean(&b[SERIES_APP]);
	return measure_quantiles(row, p->before, false) || measure_quantiles(row, p->after, true)
		       ? -ENOMEM
		       : 0;
}

/*
 * How much requests resemble their neighbours, on average over the requests of all routes: in the
 * mix of routes it is hidden, since neighbours there are of different ones, but their sum wanders
 * by it all the same.
 */
struct resemblance {
	double design, requests; /* design: times requests */
};

static void test_row(struct compare_row *row, const struct compare_pair *p,
		     struct resemblance of[COMPARE_METRICS])
{
	double n = (double)row->before + (double)row->after;

	for (int m = 0; m < COMPARE_METRICS; m++) {
		struct test_result r = {.p = NAN, .design = NAN};

		if (row->tested)
			r = compare_test_metric(p, m);
		row->change[m].p = r.p;
		row->sign[m] = r.sign;
		if (of && !isnan(r.design)) {
			of[m].design += r.design * n;
			of[m].requests += n;
		}
	}
}

static int fill_row(struct compare_row *row, const struct compare_pair *p,
		    struct resemblance of[COMPARE_METRICS])
{
	row->route = p->before->route ? p->before->route : p->after->route;
	row->before = p->before->count;
	row->after = p->after->count;
	row->tested = row->before >= COMPARE_MIN_REQUESTS && row->after >= COMPARE_MIN_REQUESTS;
	test_row(row, p, of);
	return measure(row, p);
}

/* --- all rows */

static const struct series_route *route_of(const struct series *s, uint32_t id)
{
	const struct series_route *r = id < s->n_routes ? s->routes[id] : NULL;

	return r && r->count ? r : &nothing;
}

static uint32_t ids_of(const struct series *a, const struct series *b)
{
	return a->n_routes > b->n_routes ? a->n_routes : b->n_routes;
}

static int fill_routes(struct comparison *c, struct compare_pair *p, const struct series *before,
		       const struct series *after, struct resemblance of[COMPARE_METRICS])
{
	for (uint32_t id = 0; id < ids_of(before, after); id++) {
		p->before = route_of(before, id);
		p->after = route_of(after, id);
		if (!p->before->count && !p->after->count)
			continue;
		if (fill_row(&c->rows[c->n_rows++], p, of))
			return -ENOMEM;
		c->only_before += !p->after->count;
		c->only_after += !p->before->count;
		c->in_both += p->before->count && p->after->count;
	}
	return 0;
}

static int fill_rows(struct comparison *c, struct compare_pair *p, const struct series *before,
		     const struct series *after)
{
	struct resemblance of[COMPARE_METRICS] = {0};

	c->n_rows = 1;
	if (fill_routes(c, p, before, after, of))
		return -ENOMEM;
	p->before = &before->all;
	p->after = &after->all;
	for (int m = 0; m < COMPARE_METRICS; m++)
		p->design[m] = of[m].requests > 0 ? of[m].design / of[m].requests : 0;
	return fill_row(&c->rows[0], p, NULL);
}

/* --- correction for the number of tests */

static int by_p(const void *a, const void *b)
{
	double x = (*(struct change *const *)a)->p, y = (*(struct change *const *)b)->p;

	return (x > y) - (x < y);
}

/* Holm (1979): the k-th smallest of n counts n - k + 1 times, and none less than one before it. */
static int correct(struct comparison *c)
{
	struct change **tests = malloc(c->n_rows * COMPARE_METRICS * sizeof(struct change *));
	double last = 0;
	uint32_t n = 0;

	if (!tests)
		return -1;
	for (uint32_t i = 0; i < c->n_rows; i++)
		for (int m = 0; m < COMPARE_METRICS; m++)
			if (!isnan(c->rows[i].change[m].p))
				tests[n++] = &c->rows[i].change[m];
	qsort(tests, n, sizeof(struct change *), by_p);
	for (uint32_t k = 0; k < n; k++) {
		last = fmax(last, fmin(tests[k]->p * (n - k), 1));
		tests[k]->p = last;
	}
	c->n_tests = n;
	free(tests);
	return 0;
}

/* --- what follows from it */

/* Errors are a share already: one request of a million more is no change, if it is the second. */
#define MIN_ERROR_POINTS 0.001

static bool large_enough(const struct change *c, int metric, double min_effect)
{
	double by = c->after - c->before;

	if (isnan(by) || by == 0)
		return false;
	if (metric == COMPARE_ERRORS && fabs(by) < MIN_ERROR_POINTS)
		return false;
	return !(fabs(by) < min_effect * c->before);
}

static void decide_row(struct comparison *c, struct compare_row *row)
{
	row->beyond = row->worse = false;
	for (int m = 0; m < COMPARE_METRICS; m++) {
		struct change *ch = &row->change[m];

		ch->beyond = ch->p < c->rules.level && large_enough(ch, m, c->rules.min_effect) &&
			     (ch->after > ch->before) == (row->sign[m] > 0);
		ch->worse = ch->beyond && m != COMPARE_RATE && ch->after > ch->before;
		row->beyond |= ch->beyond;
		row->worse |= ch->worse;
	}
}

static void decide(struct comparison *c)
{
	for (uint32_t i = 0; i < c->n_rows; i++) {
		struct compare_row *row = &c->rows[i];

		decide_row(c, row);
		c->beyond |= row->beyond;
		c->worse |= row->worse;
		if (!i)
			continue;
		c->judged += row->tested;
		c->routes_beyond += row->beyond;
		c->routes_worse += row->worse;
	}
}

static double smallest_p(const struct compare_row *row)
{
	double p = 2; /* above all that is tested */

	for (int m = 0; m < COMPARE_METRICS; m++)
		p = fmin(p, row->change[m].p); /* fmin() passes NaN over */
	return p;
}

/* What to show first: worse, other changes, what was tested; then the surer, then the busier. */
static int by_change(const void *x, const void *y)
{
	const struct compare_row *a = x, *b = y;
	uint64_t na = a->before + a->after, nb = b->before + b->after;

	if (a->worse != b->worse)
		return a->worse ? -1 : 1;
	if (a->beyond != b->beyond)
		return a->beyond ? -1 : 1;
	if (a->beyond && smallest_p(a) != smallest_p(b))
		return smallest_p(a) < smallest_p(b) ? -1 : 1;
	if (a->tested != b->tested)
		return a->tested ? -1 : 1;
	if (na != nb)
		return na > nb ? -1 : 1;
	return a->route->id < b->route->id ? -1 : 1;
}

/* --- the whole */

static uint32_t count_rows(const struct series *before, const struct series *after)
{
	uint32_t n = 1;

	for (uint32_t id = 0; id < ids_of(before, after); id++)
		n += route_of(before, id)->count || route_of(after, id)->count;
	return n;
}

struct comparison *compare(struct series *before, double before_seconds, struct series *after,
			   double after_seconds, const struct compare_rules *rules)
{
	struct comparison *c = calloc(1, sizeof(*c));
	struct compare_pair pair = {
		.ordered = before->ordered && after->ordered,
		.before_width = before->slice_width,
		.after_width = after->slice_width,
		.before_seconds = before_seconds,
		.after_seconds = after_seconds,
	};

	if (!c)
		return NULL;
	c->rules = *rules;
	c->ordered = pair.ordered;
	c->before_seconds = before_seconds;
	c->after_seconds = after_seconds;
	c->rows = calloc(count_rows(before, after), sizeof(*c->rows));
	if (!c->rows || series_settle(before) || series_settle(after))
		goto fail;
	if (fill_rows(c, &pair, before, after) || correct(c))
		goto fail;
	decide(c);
	compare_news(c, before, after);
	qsort(c->rows + 1, c->n_rows - 1, sizeof(*c->rows), by_change);
	return c;
fail:
	comparison_free(c);
	return NULL;
}

void comparison_free(struct comparison *c)
{
	if (c)
		free(c->rows);
	free(c);
}
