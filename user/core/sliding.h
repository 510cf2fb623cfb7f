/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sliding.h - statistics of the last while, whatever its length. The last SLIDING_SECONDS are kept
 * one by one, those before them in SLIDING_BLOCKS blocks of equal length: a long window costs a few
 * blocks more, not a second's statistics for each of its seconds. Pure.
 */
#ifndef RS_SLIDING_H
#define RS_SLIDING_H

#include "history.h"

#define SLIDING_SECONDS 10
#define SLIDING_BLOCKS	12

struct sliding;

/* For windows of up to `seconds`, from `from` on (monotonic ns). NULL when out of memory. */
struct sliding *sliding_new(unsigned seconds, uint64_t from);
void sliding_free(struct sliding *w); /* NULL is allowed */

/* What counts at present: the caller's stats_begin() and others go there. */
struct stats *sliding_current(const struct sliding *w);

/* Ends the seconds that are over at `now`; each goes into the history. 0 or -ENOMEM (then the
   numbers of a window may lack a part). */
int sliding_advance(struct sliding *w, uint64_t now, struct history *h);

/*
 * Merges the last `seconds` (1 to those of sliding_new()), the current one included, into `into`,
 * which must be new. Up to SLIDING_SECONDS exactly these; beyond, up to a block more: into->from
 * tells. 0 or -ENOMEM.
 */
int sliding_merge(const struct sliding *w, unsigned seconds, struct stats *into);

#endif
