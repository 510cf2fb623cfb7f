/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * summary_read.h - a summary from the JSON that sink/json.c writes (docs/summary.schema.json): its
 * inverse. Counts, sums, minima and maxima come back exactly, so what is read and written again is
 * the same text, byte for byte. What the sink derives (rates, quantiles, means) is not read. Pure.
 *
 * The text may come from anywhere: whatever is missing, of the wrong type, beyond its bound or does
 * not add up is refused, by name.
 */
#ifndef RS_SUMMARY_READ_H
#define RS_SUMMARY_READ_H

#include "summary.h"

/* Counts and ns in a file are below this, so that a thousand summaries add up in 64 bits. */
#define SUMMARY_READ_MAX (UINT64_C(1) << 53)

/* What is wrong, for the person who has the file, printable:
   `routes[3].latency.total.count: expected a whole number, got "x"` */
struct summary_read_error {
	char text[320];
};

/*
 * The one object in json[0..len). Its routes are made in `router`, which must outlive the summary;
 * with a router of its own every route keeps its place. Stamps that are monotonic elsewhere are
 * wall clock here, with wall_offset 0; the verdict is the one that was written, by rules that are
 * not known (the defaults stand there). The comparison of a deploy is not read: NULL. NULL when the
 * text is refused or memory is short; *e says why.
 */
struct summary *summary_read(const char *json, size_t len, struct router *router,
			     struct summary_read_error *e);

/* The next of several objects that stand one after the other in *p..end, such as one a line; moves
   *p behind it. 1, 0 at the end, -EINVAL or -ENOMEM (*e says why). */
int summary_read_next(const char **p, const char *end, struct router *router, struct summary **out,
		      struct summary_read_error *e);

void summary_read_free(struct summary *s); /* NULL is allowed */

#endif
