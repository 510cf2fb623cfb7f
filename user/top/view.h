/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * view.h - what the live screen shows, copied: a paused screen goes on being drawn, scrolled and
 * sorted while the session that it was taken from moves on. Pure.
 */
#ifndef RS_TOP_VIEW_H
#define RS_TOP_VIEW_H

#include "../core/history.h"
#include "../core/summary.h"
#include "../sink/sink.h"

struct view {
	struct summary s; /* what it points to is in here, but for names, which live as long as the
			     session; features, generations and deploys are left out */
	struct stats *stats;
	struct stats *overall; /* only what the line of totals needs */
	struct summary_open open[SUMMARY_MAX_OPEN];
	struct request requests[SUMMARY_MAX_OPEN];
	struct summary_wait waits[SUMMARY_MAX_WAITS];
	char *places; /* of open requests and waits, one NUL-terminated text after the other */
	struct summary_worker *workers;
	struct summary_listener *listeners;
	uint32_t *pids;
	uint16_t *ports;
	struct history history;
	char *deploys; /* in words, line by line, as the text sink has them: what these are made
			  of is not kept */
	unsigned n_deploys; /* lines of it */
};

/* A copy of both. o: how wide the words may be, and in which characters. NULL when out of memory.
 */
struct view *view_new(const struct summary *s, const struct history *h,
		      const struct term_options *o);
void view_free(struct view *v); /* NULL is allowed */

/* Of the requests whose end is known, the share that failed: 5xx, or cut off by the server. NaN
   when none ended. */
double view_failed(const struct stats *st);

#endif
