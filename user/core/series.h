/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * series.h - what requests did in the order of time, route by route: the material of a comparison
 * (compare.h). Histograms alone cannot tell a change from noise, because requests close in time
 * resemble each other; batches of consecutive requests can.
 *
 * Each route, and all together, keep at most SERIES_BATCHES batches of equally many consecutive
 * requests; when they are full, neighbours merge and a batch takes twice as many. Rates are counted
 * in at most SERIES_SLICES slices of equal time, one grid for all routes, which double likewise. So
 * memory is bounded by the routes, whatever the traffic is: 2 KiB for a route of few requests, some
 * 30 KiB for a busy one. Pure.
 */
#ifndef RS_SERIES_H
#define RS_SERIES_H

#include "stats.h"

#define SERIES_BATCHES 128
#define SERIES_SLICES  128

/* The latencies that are compared. */
enum series_kind { SERIES_TOTAL, SERIES_QUEUE, SERIES_APP, SERIES_KINDS };

/* The buckets of a struct hist, counted for one batch: only those in use, nothing else. Durations
   of 0 are in the bucket SERIES_ZERO, which is below all others. Counts are as wide as the largest
   needs, and stop at UINT32_MAX. */
#define SERIES_ZERO (-1024)
struct series_counts {
	int16_t first; /* bucket of the first count */
	uint16_t n;    /* buckets allocated */
	uint8_t width; /* bytes of a count: 1, 2 or 4 */
	void *counts;  /* owned */
};

/* The count of the bucket c->first + k, k < c->n. */
static inline uint32_t series_count(const struct series_counts *c, uint32_t k)
{
	switch (c->width) {
	case 1:
		return ((const uint8_t *)c->counts)[k];
	case 2:
		return ((const uint16_t *)c->counts)[k];
	default:
		return ((const uint32_t *)c->counts)[k];
	}
}

/* What a struct hist has beside its buckets, of all batches together. */
struct series_sum {
	uint64_t count;
	uint64_t min, max;     /* ns; valid when count > 0 */
	unsigned __int128 sum; /* ns */
};

struct series_batch {
	uint64_t count;	 /* requests that ended */
	uint64_t known;	 /* of these: the end is known, all but `unknown` */
	uint64_t errors; /* of these: 5xx and server_closed */
	struct series_counts latency[SERIES_KINDS];
};

/* A request that is in no batch yet. */
struct series_fresh {
	int16_t bucket[SERIES_KINDS]; /* SERIES_ABSENT: none */
	uint8_t slice;
	uint8_t known : 1, error : 1;
};
#define SERIES_FRESH  128 /* at most */
#define SERIES_ABSENT INT16_MIN

struct series_route {
	struct route *route; /* NULL: all requests */
	uint16_t n_fresh, cap_fresh;
	struct series_fresh *fresh; /* owned; series_settle() takes them into the batches */
	uint64_t count, known, errors;
	struct series_sum latency[SERIES_KINDS];
	uint64_t per_batch; /* requests in a full batch */
	uint32_t n, cap;
	struct series_batch *batch;    /* owned; room for cap, those beyond n are empty */
	uint64_t slice[SERIES_SLICES]; /* requests that ended, on the series' grid */
	struct error_counts
		raised; /* exceptions behind its 5xx; rest: 5xx without one that is told */
};

struct series {
	bool ordered;	      /* false: made of sums, which hold no order in time */
	uint64_t from, to;    /* monotonic ns: first and last end; 0: none yet */
	uint64_t slice_width; /* ns; the first slice begins at `from` */
	struct series_route all;
	struct series_route **routes; /* by route id, NULL where none; owned */
	uint32_t n_routes;
};

struct series *series_new(void);    /* NULL when out of memory */
void series_free(struct series *s); /* NULL is allowed */

/* Counts a request that ended, in the order in which they end. One without a route counts among all
   only. 0; -EINVAL when r->end is no end (nothing is counted); -ENOMEM (a part may lack it). */
int series_add(struct series *s, const struct request *r);

/* Fetches into the cache what counting a request of this route will need, for who has other things to do
   before; route may be NULL. */
void series_prefetch(const struct series *s, const struct route *route);

/* Takes what was counted into batches and slices. They are read after that only; it costs less for
   many requests of a route at once, so it is not done for each. 0 or -ENOMEM (batches may lack
   some). */
int series_settle(struct series *s);

/* The latencies of a route's batches together, into out, which is hist_init()ialised and of the
   caller. 0 or -ENOMEM. */
int series_latency(const struct series_route *r, enum series_kind kind, struct hist *out);

/* Mean in ns, NaN when there is none. */
double series_mean(const struct series_sum *sum);

/* Moves what was counted under routes that have folded since. 0 or -ENOMEM (a route may lack a
   part, all together do not). */
int series_fold_routes(struct series *s);

/* One batch a route, of statistics that hold no order: s must be new. 0 or -ENOMEM. */
int series_from_stats(struct series *s, const struct stats *st);

#endif
