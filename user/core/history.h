/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * history.h - the last minutes, second by second: what a sparkline needs. A ring of HISTORY_SECONDS
 * points; older ones are overwritten. Pure.
 */
#ifndef RS_HISTORY_H
#define RS_HISTORY_H

#include "stats.h"

#define HISTORY_SECONDS 600

struct history_point {
	uint64_t from; /* monotonic ns; 0: no such second */
	uint32_t started, ended, errors; /* errors: 5xx and server_closed */
	uint32_t open;	   /* at its end */
	uint64_t p50, p99; /* of total, ns; 0: nothing ended */
};

struct history {
	struct history_point points[HISTORY_SECONDS];
	uint32_t at; /* where the next goes */
};

/* Takes one second's statistics. */
void history_add(struct history *h, const struct stats *second);

/* The i-th last point, 0 the newest; NULL beyond what there is. */
const struct history_point *history_get(const struct history *h, uint32_t i);

#endif
