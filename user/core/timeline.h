/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * timeline.h - a stretch of time in columns: what a report draws over time. At most
 * TIMELINE_COLUMNS columns of equal width. Beside them the slowest requests, copied. Pure.
 */
#ifndef RS_TIMELINE_H
#define RS_TIMELINE_H

#include "stats.h"

#define TIMELINE_COLUMNS 240
#define TIMELINE_SLOWEST 30

struct timeline_column {
	uint64_t started, ended, errors; /* errors: 5xx and server_closed */
	struct hist total;
};

struct timeline {
	uint64_t from, to; /* monotonic ns */
	uint32_t n;
	struct timeline_column column[TIMELINE_COLUMNS];
	struct request slowest[TIMELINE_SLOWEST]; /* slowest first; next is NULL */
	uint32_t n_slowest;
};

/* n columns (1 to TIMELINE_COLUMNS, else the nearest) over from..to. NULL when out of memory. */
struct timeline *timeline_new(uint64_t from, uint64_t to, uint32_t n);
void timeline_free(struct timeline *t); /* NULL is allowed */

/*
 * Counts a request that ended: started in the column in which it began, all else in the one in
 * which it ended. An open one counts as started only. What lies outside of from..to is in no
 * column. Of those that ended in it the slowest are kept, with their route, which must outlive the
 * timeline. 0 or -ENOMEM (then its total is in no column).
 */
int timeline_add(struct timeline *t, const struct request *r);

#endif
