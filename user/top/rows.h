/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rows.h - routes in the order that a person asks for. Pure.
 */
#ifndef RS_TOP_ROWS_H
#define RS_TOP_ROWS_H

#include "../core/stats.h"

enum sort_key { SORT_TIME, SORT_RATE, SORT_P99, SORT_ERRORS, SORTS };

/* "time", "rate", "p99", "errors": as --sort takes them. */
const char *sort_name(enum sort_key key);
/* SORT_TIME for what is none of these. */
enum sort_key sort_parse(const char *name);

/* 5xx, and connections that the server cut. */
uint64_t route_failed(const struct route_stats *r);

/*
 * The routes that had a request, most first by `key`. Equal ones come in the order of the time that
 * they take, then in that in which they were met, so that nothing moves without a reason. *out is
 * the caller's to free. 0 or -ENOMEM (then it is NULL).
 */
int rows_sort(const struct stats *st, enum sort_key key, const struct route_stats ***out,
	      uint32_t *n);

#endif
