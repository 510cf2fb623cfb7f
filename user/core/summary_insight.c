// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_insight.c - exceptions and stalls in the order in which every sink shows them. What is
 * first must not depend on which was met first, so each order is total. Linear walks, no memory.
 */
#include <math.h>
#include <string.h>

#include "summary.h"

/* --- exceptions */

static int compare_errors(const struct error_count *a, const struct error_count *b)
{
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->status != b->status)
		return a->status > b->status ? -1 : 1;
	return site_compare(a->site, b->site);
}

const struct error_count *summary_next_error(const struct error_counts *e,
					     const struct error_count *prev)
{
	const struct error_count *next = NULL;

	for (uint32_t i = 0; i < e->n; i++) {
		const struct error_count *c = &e->items[i];

		if (!c->count || (prev && compare_errors(prev, c) >= 0))
			continue;
		if (!next || compare_errors(c, next) < 0)
			next = c;
	}
	return next;
}

/* Those without a route come last. */
static int compare_routes(const struct route *a, const struct route *b)
{
	int c;

	if (!a || !b)
		return !a - !b;
	c = strcmp(a->template, b->template);
	return c ? c : strcmp(a->method, b->method);
}

static int compare_failures(const struct summary_failure *a, const struct summary_failure *b)
{
	int c = compare_errors(a->error, b->error);

	return c ? c : compare_routes(a->route, b->route);
}

/* Keeps in *next what is the first behind *prev. */
static void consider(const struct error_counts *e, const struct route *route,
		     const struct summary_failure *prev, struct summary_failure *next)
{
	for (uint32_t i = 0; i < e->n; i++) {
		struct summary_failure f = {&e->items[i], route};

		if (!f.error->count || (prev->error && compare_failures(prev, &f) >= 0))
			continue;
		if (!next->error || compare_failures(&f, next) < 0)
			*next = f;
	}
}

bool summary_next_failure(const struct stats *st, struct summary_failure *f)
{
	struct summary_failure next = {NULL, NULL};

	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i])
			consider(&st->routes[i]->errors, st->routes[i]->route, f, &next);
	consider(&st->routeless, NULL, f, &next);
	*f = next;
	return next.error;
}

/* --- event loops */

static int compare_stalls(const struct stall_stats *a, const struct stall_stats *b)
{
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return site_compare(a->site, b->site);
}

const struct stall_stats *summary_next_stall(const struct stats *st, const struct stall_stats *prev)
{
	const struct stall_stats *next = NULL;

	for (uint32_t i = 0; i < st->n_stalls; i++) {
		const struct stall_stats *s = &st->stalls[i];

		if (prev && compare_stalls(prev, s) >= 0)
			continue;
		if (!next || compare_stalls(s, next) < 0)
			next = s;
	}
	return next;
}

static double share(const struct loop_time *l, uint64_t ns, bool known)
{
	return known && l->watched ? fmin((double)ns / (double)l->watched, 1) : NAN;
}

double summary_loop_busy(const struct stats *st)
{
	return share(&st->loop, st->loop.busy, true);
}

double summary_loop_gil(const struct stats *st)
{
	return share(&st->loop, st->loop.gil, st->loop.gil_known);
}

double summary_loop_gc(const struct stats *st)
{
	return share(&st->loop, st->loop.gc, st->loop.gc_known);
}
