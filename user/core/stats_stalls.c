// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stats_stalls.c - event loops that did not come back: what held them up, who waited meanwhile, and
 * how busy they are.
 */
#include "stats_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct stall_stats *find(struct stats *s, const struct site *site)
{
	for (uint32_t i = 0; i < s->n_stalls; i++)
		if (s->stalls[i].site == site)
			return &s->stalls[i];
	return NULL;
}

static int room(struct stats *s)
{
	uint32_t cap = s->cap_stalls ? s->cap_stalls * 2 : 4;
	struct stall_stats *stalls;

	if (s->n_stalls < s->cap_stalls)
		return 0;
	stalls = realloc(s->stalls, cap * sizeof(*stalls));
	if (!stalls)
		return -ENOMEM;
	s->stalls = stalls;
	s->cap_stalls = cap;
	return 0;
}

/* That of a site, made when there is none. 1: there is no room for it. */
static int entry(struct stats *s, const struct site *site, struct stall_stats **out)
{
	*out = find(s, site);
	if (*out)
		return 0;
	if (!s->all_sites && s->n_stalls >= STATS_MAX_STALLS)
		return 1;
	if (room(s))
		return -ENOMEM;
	*out = &s->stalls[s->n_stalls++];
	**out = (struct stall_stats){.site = site};
	return 0;
}

static int compare_routes(const struct route *a, const struct route *b)
{
	int c;

	if (!a || !b)
		return !!b - !!a;
	c = strcmp(a->template, b->template);
	return c ? c : strcmp(a->method, b->method);
}

/* The longest of them decides whose endpoint it was; of two that took as long the first by name. */
static void keep_longest(struct stall_stats *to, uint64_t max, const struct route *route)
{
	if (max > to->max || (max == to->max && compare_routes(route, to->route) < 0))
		to->route = route;
	if (max > to->max)
		to->max = max;
}

int stats_stall(struct stats *s, const struct stall *stall)
{
	uint64_t ns = stall->end > stall->start ? stall->end - stall->start : 0;
	struct stall_stats *to;
	int err = entry(s, stall->site, &to);

	if (err) {
		s->stalls_rest += err > 0;
		return err > 0 ? 0 : err;
	}
	keep_longest(to, ns, stall->route ? route_final((struct route *)stall->route) : NULL);
	to->count++;
	to->total = ns_add(to->total, ns);
	return 0;
}

/* A request that waited: the stall may have been told in an earlier stretch. */
int stalls_end(struct stats *s, const struct request *r)
{
	struct stall_stats *to;
	int err;

	if (!r->stall.site || !r->stall.ns)
		return 0;
	err = entry(s, r->stall.site, &to);
	if (err)
		return err > 0 ? 0 : err;
	to->victims++;
	to->waited = ns_add(to->waited, r->stall.ns);
	return 0;
}

static int merge_one(struct stats *into, const struct stall_stats *from)
{
	struct stall_stats *to;
	int err = entry(into, from->site, &to);

	if (err) {
		into->stalls_rest += err > 0 ? from->count : 0;
		return err > 0 ? 0 : err;
	}
	keep_longest(to, from->max, from->route ? route_final((struct route *)from->route) : NULL);
	to->count += from->count;
	to->total = ns_add(to->total, from->total);
	to->victims += from->victims;
	to->waited = ns_add(to->waited, from->waited);
	return 0;
}

int stalls_merge(struct stats *into, const struct stats *from)
{
	int err = 0;

	for (uint32_t i = 0; i < from->n_stalls; i++)
		if (merge_one(into, &from->stalls[i]))
			err = -ENOMEM;
	into->stalls_rest += from->stalls_rest;
	stats_loop(into, &from->loop);
	return err;
}

void stalls_reset(struct stats *s)
{
	s->n_stalls = 0;
	s->stalls_rest = 0;
	s->loop = (struct loop_time){0};
}

void stalls_fold(struct stats *s)
{
	for (uint32_t i = 0; i < s->n_stalls; i++)
		if (s->stalls[i].route)
			s->stalls[i].route = route_final((struct route *)s->stalls[i].route);
}

void stats_loop(struct stats *s, const struct loop_time *t)
{
	struct loop_time *l = &s->loop;

	if (!t->watched)
		return;
	l->gc_known = t->gc_known && (l->gc_known || !l->watched);
	l->gil_known = t->gil_known && (l->gil_known || !l->watched);
	l->watched = ns_add(l->watched, t->watched);
	l->busy = ns_add(l->busy, t->busy);
	l->gil = ns_add(l->gil, t->gil);
	l->gil_waits += t->gil_waits;
	l->gc = ns_add(l->gc, t->gc);
	l->gc_runs += t->gc_runs;
}
