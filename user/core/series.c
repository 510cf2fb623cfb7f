// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "series.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/prefetch.h"
#include "series_priv.h"
#include "stats_priv.h"

#define FIRST_WIDTH UINT64_C(1000000) /* ns: slices begin fine and double as time goes on */

static const enum latency_kind kinds[SERIES_KINDS] = {
	[SERIES_TOTAL] = LAT_TOTAL,
	[SERIES_QUEUE] = LAT_QUEUE,
	[SERIES_APP] = LAT_APP,
};

/* --- sums */

static void sum_add(struct series_sum *s, uint64_t ns)
{
	if (!s->count || ns < s->min)
		s->min = ns;
	if (!s->count || ns > s->max)
		s->max = ns;
	s->count++;
	s->sum += ns;
}

static void sum_merge(struct series_sum *into, const struct series_sum *from)
{
	if (!from->count)
		return;
	if (!into->count || from->min < into->min)
		into->min = from->min;
	if (!into->count || from->max > into->max)
		into->max = from->max;
	into->count += from->count;
	into->sum += from->sum;
}

/* --- batches */

static void batch_clear(struct series_batch *b)
{
	for (int i = 0; i < SERIES_KINDS; i++)
		free(b->latency[i].counts);
	*b = (struct series_batch){0};
}

static int batch_merge(struct series_batch *into, const struct series_batch *from)
{
	int err = 0;

	into->count += from->count;
	into->known += from->known;
	into->errors += from->errors;
	for (int i = 0; i < SERIES_KINDS; i++)
		if (counts_merge(&into->latency[i], &from->latency[i]))
			err = -ENOMEM;
	return err;
}

/* Batch 2k+1 goes into 2k, which becomes batch k. */
static int merge_neighbours(struct series_route *r)
{
	int err = 0;

	for (uint32_t k = 0; 2 * k < r->n; k++) {
		struct series_batch *b = &r->batch[2 * k];

		if (2 * k + 1 < r->n) {
			if (batch_merge(b, b + 1))
				err = -ENOMEM;
			batch_clear(b + 1);
		}
		if (k) {
			r->batch[k] = *b;
			*b = (struct series_batch){0};
		}
	}
	r->n = (r->n + 1) / 2;
	r->per_batch *= 2;
	return err;
}

/* Room for one more, up to SERIES_BATCHES. */
static int batches_room(struct series_route *r)
{
	uint32_t cap = r->cap ? r->cap * 2 : 4;
	struct series_batch *batch;

	if (r->n < r->cap)
		return 0;
	batch = realloc(r->batch, cap * sizeof(*batch));
	if (!batch)
		return -ENOMEM;
	memset(batch + r->cap, 0, (cap - r->cap) * sizeof(*batch));
	r->batch = batch;
	r->cap = cap;
	return 0;
}

/* The batch that takes the next request; NULL when out of memory. */
static struct series_batch *open_batch(struct series_route *r, int *err)
{
	if (r->n && r->batch[r->n - 1].count < r->per_batch)
		return &r->batch[r->n - 1];
	if (r->n == SERIES_BATCHES)
		*err = merge_neighbours(r);
	if (!r->per_batch)
		r->per_batch = 1;
	return batches_room(r) ? NULL : &r->batch[r->n++];
}

/* --- one route */

static bool is_error(const struct request *r)
{
	return r->end == REQ_SERVER_CLOSED ||
	       (r->status_seen && r->status >= 500 && r->status <= 599);
}

/* Counts a request, and says what batches need to know of it. */
static void count_one(struct series_route *to, const struct request *r, const struct phases *p,
		      struct series_fresh *f)
{
	bool ended = r->end == REQ_OK || r->end == REQ_UPGRADED;
	const int64_t ns[SERIES_KINDS] = {
		[SERIES_TOTAL] = p->total, [SERIES_QUEUE] = p->queue, [SERIES_APP] = p->app};

	f->known = r->end != REQ_UNKNOWN;
	f->error = f->known && is_error(r);
	to->count++;
	to->known += f->known;
	to->errors += f->error;
	for (int i = 0; i < SERIES_KINDS; i++) {
		f->bucket[i] = SERIES_ABSENT;
		if (!ended || ns[i] < 0)
			continue;
		f->bucket[i] = ns[i] ? (int16_t)hist_index((uint64_t)ns[i]) : SERIES_ZERO;
		sum_add(&to->latency[i], (uint64_t)ns[i]);
	}
}

static int into_batch(struct series_route *r, const struct series_fresh *f)
{
	int err = 0;
	struct series_batch *b = open_batch(r, &err);

	r->slice[f->slice]++;
	if (!b)
		return -ENOMEM;
	b->count++;
	b->known += f->known;
	b->errors += f->error;
	for (int i = 0; i < SERIES_KINDS; i++)
		if (f->bucket[i] != SERIES_ABSENT && counts_add(&b->latency[i], f->bucket[i], 1))
			err = -ENOMEM;
	return err;
}

static int settle(struct series_route *r)
{
	int err = 0;

	for (uint32_t i = 0; i < r->n_fresh; i++)
		if (into_batch(r, &r->fresh[i]))
			err = -ENOMEM;
	r->n_fresh = 0;
	return err;
}

/* Room for one more that is fresh. */
static int fresh_room(struct series_route *r)
{
	uint32_t cap = r->cap_fresh ? r->cap_fresh * 2 : 8;
	struct series_fresh *fresh;

	if (r->n_fresh < r->cap_fresh)
		return 0;
	if (r->n_fresh == SERIES_FRESH)
		return settle(r);
	fresh = realloc(r->fresh, cap * sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	r->fresh = fresh;
	r->cap_fresh = (uint16_t)cap;
	return 0;
}

static int route_add(struct series_route *r, const struct request *q, const struct phases *p,
		     uint32_t slice)
{
	struct series_fresh f = {.slice = (uint8_t)slice};
	int err = fresh_room(r);

	count_one(r, q, p, &f);
	if (r->n_fresh == r->cap_fresh)
		return err;
	r->fresh[r->n_fresh++] = f;
	return err;
}

/* Of a 5xx with its head the exception, if one was seen. */
static int raised_add(struct series_route *r, const struct request *q)
{
	if (!q->status_seen || q->status < 500 || q->status > 599)
		return 0;
	if (q->error)
		return errors_add(&r->raised, q->error, q->status, 1, STATS_MAX_ERRORS);
	r->raised.rest++;
	return 0;
}

static void route_clear(struct series_route *r)
{
	errors_free(&r->raised);
	free(r->fresh);
	for (uint32_t i = 0; i < r->n; i++)
		batch_clear(&r->batch[i]);
	free(r->batch);
}

/* The entry of a route, made when there is none. NULL when out of memory. */
static struct series_route *route_entry(struct series *s, struct route *route)
{
	if (route->id >= s->n_routes) {
		uint32_t n = s->n_routes ? s->n_routes : 8;
		struct series_route **routes;

		while (n <= route->id)
			n *= 2;
		routes = realloc(s->routes, n * sizeof(struct series_route *));
		if (!routes)
			return NULL;
		memset(routes + s->n_routes, 0, (n - s->n_routes) * sizeof(struct series_route *));
		s->routes = routes;
		s->n_routes = n;
	}
	if (!s->routes[route->id]) {
		s->routes[route->id] = calloc(1, sizeof(struct series_route));
		if (s->routes[route->id])
			s->routes[route->id]->route = route;
	}
	return s->routes[route->id];
}

/* --- the grid of slices */

static void halve_slices(struct series_route *r)
{
	for (uint32_t k = 0; k < SERIES_SLICES / 2; k++)
		r->slice[k] = r->slice[2 * k] + r->slice[2 * k + 1];
	memset(r->slice + SERIES_SLICES / 2, 0, sizeof(r->slice) / 2);
}

/* Twice as wide. What is fresh lies on the old grid, so it is settled before. */
static int widen_slices(struct series *s)
{
	int err = series_settle(s);

	s->slice_width *= 2;
	halve_slices(&s->all);
	for (uint32_t i = 0; i < s->n_routes; i++)
		if (s->routes[i])
			halve_slices(s->routes[i]);
	return err;
}

/* Where a moment lies on the grid, which grows until it holds it. Moments before the first (ends
   are told almost in order) count as the first. */
static uint32_t slice_of(struct series *s, uint64_t at, int *err)
{
	if (!s->slice_width) {
		s->slice_width = FIRST_WIDTH;
		s->from = s->to = at;
	}
	if (at > s->to)
		s->to = at;
	if (at <= s->from)
		return 0;
	while ((at - s->from) / s->slice_width >= SERIES_SLICES)
		if (widen_slices(s))
			*err = -ENOMEM;
	return (uint32_t)((at - s->from) / s->slice_width);
}

/* --- the whole */

struct series *series_new(void)
{
	struct series *s = calloc(1, sizeof(*s));

	if (s)
		s->ordered = true;
	return s;
}

void series_free(struct series *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_routes; i++) {
		if (s->routes[i])
			route_clear(s->routes[i]);
		free(s->routes[i]);
	}
	route_clear(&s->all);
	free(s->routes);
	free(s);
}

int series_add(struct series *s, const struct request *r)
{
	struct series_route *to;
	struct phases p;
	uint32_t slice;
	int err = 0;

	if (r->end == REQ_OPEN || r->end >= REQ_ENDS)
		return -EINVAL;
	request_phases(r, &p);
	to = r->route && r->route->id < s->n_routes ? s->routes[r->route->id] : NULL;
	if (to)
		__builtin_prefetch(to->fresh + to->n_fresh, 1);
	slice = slice_of(s, r->ended, &err);
	if (route_add(&s->all, r, &p, slice))
		err = -ENOMEM;
	if (!r->route)
		return err;
	to = route_entry(s, route_final(r->route));
	return !to || route_add(to, r, &p, slice) || raised_add(to, r) ? -ENOMEM : err;
}

void series_prefetch(const struct series *s, const struct route *route)
{
	if (route && route->id < s->n_routes)
		prefetch(s->routes[route->id], offsetof(struct series_route, slice));
}

int series_settle(struct series *s)
{
	int err = settle(&s->all);

	for (uint32_t i = 0; i < s->n_routes; i++)
		if (s->routes[i] && settle(s->routes[i]))
			err = -ENOMEM;
	return err;
}

/* --- folding */

/*
 * Adds one sequence to another that ran at the same time. Which request of the one came before
 * which of the other is not known any more, so each batch goes where it lies in proportion.
 */
static int route_merge(struct series_route *into, const struct series_route *from)
{
	int err = errors_merge(&into->raised, &from->raised, STATS_MAX_ERRORS);

	if (!into->n && batches_room(into))
		return -ENOMEM;
	if (!into->n)
		into->n = 1;
	into->count += from->count;
	into->known += from->known;
	into->errors += from->errors;
	for (int i = 0; i < SERIES_KINDS; i++)
		sum_merge(&into->latency[i], &from->latency[i]);
	for (uint32_t k = 0; k < SERIES_SLICES; k++)
		into->slice[k] += from->slice[k];
	for (uint32_t k = 0; k < from->n; k++)
		if (batch_merge(&into->batch[k * into->n / from->n], &from->batch[k]))
			err = -ENOMEM;
	into->per_batch = (into->count + into->n - 1) / into->n;
	return err;
}

static int refile(struct series *s, uint32_t id)
{
	struct series_route *r = s->routes[id], *to, swap;
	int err;

	to = route_entry(s, route_final(r->route));
	if (!to)
		return -ENOMEM;
	s->routes[id] = NULL;
	if (to->n < r->n) { /* the longer sequence keeps its order */
		struct route *route = to->route;

		swap = *to;
		*to = *r;
		*r = swap;
		to->route = route;
	}
	err = route_merge(to, r);
	route_clear(r);
	free(r);
	return err;
}

int series_fold_routes(struct series *s)
{
	int err = series_settle(s);

	for (uint32_t i = 0; i < s->n_routes; i++)
		if (s->routes[i] && s->routes[i]->route->folded_into && refile(s, i))
			err = -ENOMEM;
	return err;
}

/* --- sums without order */

static int from_sums(struct series_route *to, const struct hist latency[LATENCIES])
{
	struct series_batch *b;

	if (!to->n && batches_room(to))
		return -ENOMEM;
	b = &to->batch[0];
	if (to->errors > to->known)
		to->errors = to->known; /* a 500 that was cut short is in both sums */
	to->per_batch = to->count;
	to->n = 1;
	to->slice[0] = to->count;
	b->count = to->count;
	b->known = to->known;
	b->errors = to->errors;
	for (int i = 0; i < SERIES_KINDS; i++) {
		const struct hist *h = &latency[kinds[i]];
		struct series_sum sum = {
			.count = h->count, .min = h->min, .max = h->max, .sum = h->sum};

		sum_merge(&to->latency[i], &sum);
		if (counts_from_hist(&b->latency[i], h))
			return -ENOMEM;
	}
	return 0;
}

static int raised_from(struct series_route *to, const struct route_stats *rs)
{
	uint64_t told = 0;
	int err = 0;

	for (uint32_t i = 0; i < rs->errors.n; i++) {
		const struct error_count *c = &rs->errors.items[i];

		if (c->status < 500)
			continue;
		told += c->count;
		if (errors_add(&to->raised, c->site, c->status, c->count, STATS_MAX_ERRORS))
			err = -ENOMEM;
	}
	if (rs->status.class[5] > told)
		to->raised.rest += rs->status.class[5] - told;
	return err;
}

static int from_route(struct series *s, const struct route_stats *rs)
{
	struct series_route *to = route_entry(s, route_final(rs->route));

	if (!to)
		return -ENOMEM;
	to->count += rs->count;
	to->known += rs->count - rs->ends[REQ_UNKNOWN];
	to->errors += rs->status.class[5] + rs->ends[REQ_SERVER_CLOSED];
	return raised_from(to, rs) ? -ENOMEM : from_sums(to, rs->latency);
}

int series_from_stats(struct series *s, const struct stats *st)
{
	const struct ledger *l = &st->ledger;
	int err = 0;

	s->ordered = false;
	s->from = st->from;
	s->to = st->to;
	s->slice_width = st->to > st->from ? st->to - st->from : 1;
	s->all.known = l->ok + l->client_closed + l->server_closed + l->upgraded;
	s->all.count = s->all.known + l->unknown;
	s->all.errors = st->status.class[5] + l->server_closed;
	if (from_sums(&s->all, st->latency))
		err = -ENOMEM;
	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i] && st->routes[i]->count && from_route(s, st->routes[i]))
			err = -ENOMEM;
	return err;
}
