/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * told.h - what the sinks for people share of exceptions, stalls and waits: which are told
 * first, and the words for them. Pure.
 */
#ifndef RS_SINK_TOLD_H
#define RS_SINK_TOLD_H

#include "../core/summary.h"

#define TOLD_WORDS 1536 /* bytes that any of these words fit into */

/* Exceptions of one kind, at one place. */
struct error_row {
	const struct site *site;
	const struct route *route; /* NULL: of no route, or of no request */
	uint16_t status;	   /* 0: background */
	uint64_t count;
};

/*
 * The first of them, at most max: behind 5xx, of no request, behind 4xx; of each the most first.
 * rs: of this route alone; NULL: all there are. Returns how many there are in all; *untold:
 * exceptions that are counted without their place.
 */
uint32_t told_errors(const struct stats *st, const struct route_stats *rs, struct error_row *rows,
		     uint32_t max, uint64_t *untold);

/* All stalls: how many, the longest, requests that waited. */
struct stall_totals {
	uint64_t count, max, total, victims, waited; /* ns */
};
struct stall_totals told_stall_totals(const struct stats *st);

/*
 * Words from outside as they came: whoever writes them escapes them. All are cut at `size`, which
 * should be TOLD_WORDS; they return out.
 */

/* "ValueError at shop/orders.py:31 get_order, in shop/api.py:7 create". Each step down is shorter;
   from WORDS_BRIEF on without the library that raised it. */
enum words_length {
	WORDS_FULL,
	WORDS_SHORT_TYPE,
	WORDS_BRIEF,	/* of the application's own code alone */
	WORDS_BRIEFEST, /* without folders: the last that tables use */
	WORDS_LENGTHS,
	WORDS_LINE = WORDS_LENGTHS, /* of exceptions only: without the function */
	WORDS_TYPE,		    /* the type alone */
};
char *told_error(char *out, size_t size, const struct site *site, enum words_length length);

/* "shop/report.py:31 render (on CPU)", from WORDS_BRIEF on with the least of how: "(cpu)",
   "(recvfrom)"; where the place is not known how alone. */
char *told_stall(char *out, size_t size, const struct site *site, enum words_length length);
/* Only how: "on CPU", "in the system call recvfrom", "waiting for the GIL, held by shop/a.py:1 f",
   "collecting garbage"; "" not known. */
char *told_how(char *out, size_t size, const struct site *site);

/* "db.py:88 get_conn on asyncpg Pool.acquire" */
char *told_wait(char *out, size_t size, const struct summary_wait *w, enum words_length length);

/* What follows the last slash: the file without its folders. */
const char *told_file(const char *where);

#endif
