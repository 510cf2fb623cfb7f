/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * series.h - what requests did in the order of time, route by route: the material of a comparison
 * (compare.h). Histograms alone cannot tell a change from noise, because requests close in time
 * resemble each other; batches of consecutive requests can.
 *
 * Each route, and all together, keep at most SERIES_BATCHES batches of equally many consecutive
 * requests; when they are full, neighbours merge and a batch takes twice as many. Rates are counted in
 * at most SERIES_SLICES slices of equal time, which double likewise. So memory is bounded by the
 * routes, whatever the traffic is. Pure.
 */
#ifndef RS_SERIES_H
#define RS_SERIES_H

#include "stats.h"

#define SERIES_BATCHES 64
#define SERIES_SLICES  64

/* The latencies that are compared. */
enum series_kind { SERIES_TOTAL, SERIES_QUEUE, SERIES_APP, SERIES_KINDS };

struct series_batch {
	uint64_t count;	 /* requests that ended */
	uint64_t errors; /* 5xx and server_closed */
	struct hist latency[SERIES_KINDS];
};

struct series_slices {
	uint64_t from;	/* monotonic ns of the first slice's begin; 0: none yet */
	uint64_t width; /* ns */
	uint32_t n;
	uint64_t count[SERIES_SLICES];
};

struct series_route {
	struct route *route; /* NULL: all requests */
	uint64_t per_batch;  /* requests in a full batch */
	uint32_t n;
	struct series_batch batch[SERIES_BATCHES];
	struct series_slices slices;
};

struct series {
	bool ordered; /* false: made of sums, which hold no order in time */
	uint64_t from, to; /* monotonic ns, of what it holds */
	struct series_route all;
	struct series_route **routes; /* by route id, NULL where none; owned */
	uint32_t n_routes;
};

struct series *series_new(void); /* NULL when out of memory */
void series_free(struct series *s);

/* Counts a request that ended, in the order in which they end. 0 or -ENOMEM. */
int series_add(struct series *s, const struct request *r);

/* Moves what was counted under routes that have folded since. 0 or -ENOMEM. */
int series_fold_routes(struct series *s);

/* One batch a route, of statistics that hold no order: s must be new. 0 or -ENOMEM. */
int series_from_stats(struct series *s, const struct stats *st);

#endif
