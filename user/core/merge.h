/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * merge.h - summaries of several workers, hosts or times become one, exactly: in whatever order and
 * grouping they are added, the result is the same. docs/merge.md says what adds up how.
 *
 * A summary is made of parts (struct summary_part). Two parts of one host that share a process may
 * not lie in the same time: its requests would count twice. A part that begins within a second of
 * the end of another one of the same processes, and carries as many requests as that left open,
 * continues it. Everything else is side by side: what is carried adds up, and so does what is open.
 * So the ledger balances always. Pure.
 */
#ifndef RS_MERGE_H
#define RS_MERGE_H

#include "summary.h"

#define MERGE_MAX_INPUTS    1024
#define MERGE_MAX_PARTS	    4096
#define MERGE_MAX_PART_PIDS (1 << 18) /* in all parts together */
#define MERGE_MAX_HOSTS	    256
#define MERGE_MAX_ROUTES    8192
#define MERGE_MAX_PROCESSES 8192
#define MERGE_MAX_SITES	    8192

struct merge;

struct merge_error {
	char text[480]; /* printable */
};

struct merge *merge_new(void);	  /* NULL when out of memory */
void merge_free(struct merge *m); /* NULL is allowed */

/* The router with which summaries are to be read that go into this merge. */
struct router *merge_router(struct merge *m);

/*
 * Adds one; `label` names it in messages. Copies what it needs: s may be freed then. The workers'
 * histograms are taken out of s, and its statistics tell of the places of the merge. 0, -EINVAL when it does not fit to what was added before (*e says
 * why, nothing was added), -ENOMEM (the merge is of no more use).
 */
int merge_add(struct merge *m, struct summary *s, const char *label, struct merge_error *e);

/* What all of them are together, its verdict decided by the rules. Once; valid as long as the
   merge. NULL when out of memory, or when nothing was added. */
const struct summary *merge_finish(struct merge *m, const struct verdict_rules *rules);

#endif
