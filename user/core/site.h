/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * site.h - places in the application that something is told of: where an exception was raised,
 * where an event loop was held up. Each is kept once and told by its address, as routes are. Pure.
 */
#ifndef RS_SITE_H
#define RS_SITE_H

#include <stdint.h>

#define SITES_MAX     1024
#define SITE_TYPE_MAX 160 /* bytes, cut with an ellipsis */
#define SITE_TEXT_MAX 400

/* Valid UTF-8, as the interpreter has it: sinks escape it. "" where a part is not known. */
struct site {
	uint32_t id; /* from 0, dense */
	/* an exception's type, "asyncpg.exceptions.TooManyConnectionsError"; of a stall what held
	   it up: "cpu", "syscall", "gil", "gc", "unknown" */
	const char *type;
	/* "shop/db.py:88 acquire": where it was raised; the innermost frame of the app's own code
	   that held the loop */
	const char *where;
	/* an exception: the innermost frame of the app's own code, where that is not `where`; a
	   stall: the system call, or who held the GIL */
	const char *detail;
};

struct sites;

struct sites *sites_new(void);		   /* NULL when out of memory */
struct sites *sites_new_max(uint32_t max); /* of another bound than SITES_MAX */
void sites_free(struct sites *s);	   /* s may be NULL */

/* The one with these texts; NULL arguments count as "". What is no valid UTF-8 is replaced. NULL:
   as many as may be are there already, or no memory; that is counted. Valid until sites_free(). */
const struct site *sites_get(struct sites *s, const char *type, const char *where,
			     const char *detail);
uint64_t sites_refused(const struct sites *s);

/* By place, type, detail: an order that does not depend on which was met first. */
int site_compare(const struct site *a, const struct site *b);

#endif
