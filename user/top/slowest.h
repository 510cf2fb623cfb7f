/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * slowest.h - the slowest requests of each route, for every stretch of time that ends now.
 *
 * Of a route those are kept that have fewer than SLOWEST_SHOWN slower ones after them: whatever the
 * window, its slowest are among these. There are about 5 ln(n) of them among n requests; beyond
 * SLOWEST_KEPT the quickest of the older half is dropped, which only the longer windows could miss.
 * Bounded by that and by the routes. Pure.
 */
#ifndef RS_TOP_SLOWEST_H
#define RS_TOP_SLOWEST_H

#include "../core/request.h"
#include "../core/route.h"

#define SLOWEST_SHOWN	 5
#define SLOWEST_KEPT	 64
#define SLOWEST_PATH_MAX 160

struct slow_request {
	uint64_t arrived, ended; /* monotonic ns */
	uint64_t took;		 /* ns: its total, or how long it went on until it was cut off */
	struct phases phases;
	uint32_t pid;
	uint16_t status;   /* 0: none was seen */
	uint8_t end;	   /* enum request_end */
	uint8_t outdone;   /* private: how many later ones took as long or longer */
	uint16_t path_len; /* of path, raw bytes */
	char method[HTTP1_METHOD_MAX];
	char path[SLOWEST_PATH_MAX]; /* cut */
};

struct slowest;

struct slowest *slowest_new(void); /* NULL when out of memory */
void slowest_free(struct slowest *s);
struct slowest *slowest_copy(const struct slowest *s); /* NULL when out of memory */

/* Takes a request that ended, in the order of the ends. One of no route, of unknown end or of
   unknown arrival is passed over. 0 or -ENOMEM. */
int slowest_add(struct slowest *s, const struct request *r);

/* The slowest of a route that ended at or after `since`, slowest first; their number. Pointers are
   valid until the next slowest_add(). */
uint32_t slowest_of(const struct slowest *s, const struct route *route, uint64_t since,
		    const struct slow_request *out[SLOWEST_SHOWN]);

#endif
