// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stats_priv.h"

/* Room grows by this many buckets, a quarter of an octave. */
#define ROOM	    8
#define FIRST_WIDTH UINT64_C(1000000) /* ns: slices begin fine and double as time goes on */

static const enum latency_kind kinds[SERIES_KINDS] = {
	[SERIES_TOTAL] = LAT_TOTAL,
	[SERIES_QUEUE] = LAT_QUEUE,
	[SERIES_APP] = LAT_APP,
};

/* --- the buckets of a batch */

static int32_t round_down(int32_t index)
{
	return (index - SERIES_ZERO) / ROOM * ROOM + SERIES_ZERO;
}

/* Makes room for the buckets first..last. */
static int counts_reserve(struct series_counts *c, int32_t first, int32_t last)
{
	int32_t from = round_down(first), to = round_down(last) + ROOM;
	uint32_t *counts;

	if (c->n) {
		if (c->first <= from && to <= c->first + c->n)
			return 0;
		from = c->first < from ? c->first : from;
		to = c->first + c->n > to ? c->first + c->n : to;
	}
	counts = calloc((size_t)(to - from), sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	if (c->n)
		memcpy(counts + (c->first - from), c->counts, c->n * sizeof(*counts));
	free(c->counts);
	c->counts = counts;
	c->first = (int16_t)from;
	c->n = (uint16_t)(to - from);
	return 0;
}

static int counts_add(struct series_counts *c, int32_t index, uint64_t count)
{
	uint32_t *to;

	/* almost always there is room already */
	if ((index < c->first || index >= c->first + c->n) && counts_reserve(c, index, index))
		return -ENOMEM;
	to = &c->counts[index - c->first];
	*to = count < UINT32_MAX - *to ? *to + (uint32_t)count : UINT32_MAX;
	return 0;
}

static int counts_merge(struct series_counts *into, const struct series_counts *from)
{
	for (int32_t k = 0; k < from->n; k++)
		if (from->counts[k] && counts_add(into, from->first + k, from->counts[k]))
			return -ENOMEM;
	return 0;
}

static int counts_from_hist(struct series_counts *c, const struct hist *h)
{
	int32_t first;
	uint32_t n;

	hist_range(h, &first, &n);
	for (uint32_t k = 0; k < n; k++) {
		uint64_t count = h->counts[first - h->offset + (int32_t)k];

		if (count && counts_add(c, first + (int32_t)k, count))
			return -ENOMEM;
	}
	return h->zero ? counts_add(c, SERIES_ZERO, h->zero) : 0;
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

struct facts {
	bool known, error;
	int64_t d[SERIES_KINDS]; /* ns; negative: none that counts */
};

static bool is_error(const struct request *r)
{
	return r->end == REQ_SERVER_CLOSED ||
	       (r->status_seen && r->status >= 500 && r->status <= 599);
}

static void facts_of(struct facts *f, const struct request *r)
{
	struct phases p;

	f->known = r->end != REQ_UNKNOWN;
	f->error = f->known && is_error(r);
	for (int i = 0; i < SERIES_KINDS; i++)
		f->d[i] = -1;
	if (r->end != REQ_OK && r->end != REQ_UPGRADED)
		return;
	request_phases(r, &p);
	f->d[SERIES_TOTAL] = p.total;
	f->d[SERIES_QUEUE] = p.queue;
	f->d[SERIES_APP] = p.app;
}

static int route_add(struct series_route *r, const struct facts *f, uint32_t slice)
{
	int err = 0;
	struct series_batch *b = open_batch(r, &err);

	if (!b)
		return -ENOMEM;
	r->count++;
	r->known += f->known;
	r->errors += f->error;
	r->slice[slice]++;
	b->count++;
	b->known += f->known;
	b->errors += f->error;
	for (int i = 0; i < SERIES_KINDS; i++) {
		uint64_t ns = (uint64_t)f->d[i];

		if (f->d[i] < 0)
			continue;
		if (hist_add(&r->latency[i], ns) ||
		    counts_add(&b->latency[i], ns ? hist_index(ns) : SERIES_ZERO, 1))
			err = -ENOMEM;
	}
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
	for (uint32_t i = 0; i < r->n; i++)
		batch_clear(&r->batch[i]);
	free(r->batch);
	for (int i = 0; i < SERIES_KINDS; i++)
		hist_free(&r->latency[i]);
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

/* Where a moment lies on the grid, which grows until it holds it. Moments before the first (ends
   are told almost in order) count as the first. */
static uint32_t slice_of(struct series *s, uint64_t at)
{
	if (!s->slice_width) {
		s->slice_width = FIRST_WIDTH;
		s->from = s->to = at;
	}
	if (at > s->to)
		s->to = at;
	if (at <= s->from)
		return 0;
	while ((at - s->from) / s->slice_width >= SERIES_SLICES) {
		s->slice_width *= 2;
		halve_slices(&s->all);
		for (uint32_t i = 0; i < s->n_routes; i++)
			if (s->routes[i])
				halve_slices(s->routes[i]);
	}
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
	struct facts f;
	uint32_t slice;
	int err;

	if (r->end == REQ_OPEN || r->end >= REQ_ENDS)
		return -EINVAL;
	facts_of(&f, r);
	slice = slice_of(s, r->ended);
	err = route_add(&s->all, &f, slice);
	if (!r->route)
		return err;
	to = route_entry(s, route_final(r->route));
	return !to || route_add(to, &f, slice) || raised_add(to, r) ? -ENOMEM : err;
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
		if (hist_merge(&into->latency[i], &from->latency[i]))
			err = -ENOMEM;
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
	int err = 0;

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
	for (int i = 0; i < SERIES_KINDS; i++)
		if (hist_merge(&to->latency[i], &latency[kinds[i]]) ||
		    counts_from_hist(&b->latency[i], &latency[kinds[i]]))
			return -ENOMEM;
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
