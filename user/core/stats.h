/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stats.h - what is counted over a stretch of time: the ledger, statuses, latencies, routes, workers.
 * A struct stats is a monoid: stats_merge() adds one to another exactly. Bounded by the router's routes
 * and by STATS_MAX_WORKERS. Pure.
 */
#ifndef RS_STATS_H
#define RS_STATS_H

#include "hist.h"
#include "request.h"
#include "route.h"

#define STATS_MAX_WORKERS 256

enum latency_kind {
	LAT_TOTAL,
	LAT_TTFB,
	LAT_QUEUE,
	LAT_RECV,
	LAT_APP,
	LAT_SEND,
	LAT_ACCEPT_WAIT,
	LAT_ABANDONED,
	LATENCIES
};
extern const char *const latency_names[LATENCIES]; /* "total", "ttfb", ... as in the contract */

/* HTTP status codes seen, 100..599; others in `odd`. */
struct status_counts {
	uint64_t class[6]; /* [1] = 1xx .. [5] = 5xx; [0] = outside */
	uint32_t n, cap;
	struct status_code {
		uint16_t code;
		uint64_t count;
	} *codes; /* owned, ascending */
};

struct ledger {
	int64_t carried, started;
	uint64_t ok, client_closed, server_closed, upgraded, unknown;
	int64_t open; /* at the end of the stretch */
	uint64_t not_http, late_attached, evicted;
};

struct route_stats {
	struct route *route;
	uint64_t count; /* requests that ended */
	uint64_t ends[REQ_ENDS];
	struct status_counts status;
	struct hist latency[LATENCIES];
	struct {
		uint64_t total; /* ns */
		uint64_t at;    /* arrival, CLOCK_MONOTONIC ns */
		char path[128]; /* raw bytes, cut */
		uint16_t path_len;
	} slowest;
};

struct worker_stats {
	uint32_t pid;
	uint64_t requests; /* ended */
	struct hist total;
};

struct stats {
	uint64_t from, to; /* CLOCK_MONOTONIC ns */
	struct ledger ledger;
	struct status_counts status;
	struct hist latency[LATENCIES];
	struct route_stats **routes; /* by route id, NULL where none; owned */
	uint32_t n_routes;
	struct worker_stats *workers; /* owned */
	uint32_t n_workers;
};

struct stats *stats_new(void);
void stats_free(struct stats *s);
void stats_reset(struct stats *s, uint64_t from); /* to empty; keeps memory; ledger.carried = old open */

void stats_begin(struct stats *s, const struct request *r);
/* 0 or -ENOMEM. r->route may be NULL (never read): then it counts in no route. */
int stats_end(struct stats *s, const struct request *r);
void stats_retract(struct stats *s, const struct request *r); /* it was no request: undo its begin */

/* into += from, `from` being the stretch that follows (adjacent windows: open is from's). */
int stats_merge(struct stats *into, const struct stats *from);

/* Moves what was counted under routes that have folded since to the route they folded into. */
int stats_fold_routes(struct stats *s);

/* carried + started == the five ends + open */
bool ledger_balances(const struct ledger *l);

#endif
