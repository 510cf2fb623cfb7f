// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "history.h"

#include <math.h>

static uint32_t small(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* A second may have taken back more begins than it had (stats_retract()). */
static uint32_t positive(int64_t n)
{
	return n > 0 ? small((uint64_t)n) : 0;
}

static uint64_t quantile(const struct hist *h, double q)
{
	double ns = hist_quantile(h, q);

	return isnan(ns) ? 0 : (uint64_t)llround(ns);
}

void history_add(struct history *h, const struct stats *second)
{
	const struct ledger *g = &second->ledger;
	const struct hist *total = &second->latency[LAT_TOTAL];

	h->points[h->at] = (struct history_point){
		.from = second->from,
		.started = positive(g->started),
		.ended = small(g->ok + g->client_closed + g->server_closed + g->upgraded +
			       g->unknown),
		.errors = small(second->status.class[5] + g->server_closed),
		.open = positive(g->open),
		.p50 = quantile(total, 0.5),
		.p99 = quantile(total, 0.99),
	};
	h->at = (h->at + 1) % HISTORY_SECONDS;
}

const struct history_point *history_get(const struct history *h, uint32_t i)
{
	const struct history_point *p;

	if (i >= HISTORY_SECONDS)
		return NULL;
	p = &h->points[(h->at + HISTORY_SECONDS - 1 - i) % HISTORY_SECONDS];
	return p->from ? p : NULL;
}
