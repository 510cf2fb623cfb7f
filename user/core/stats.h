/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stats.h - what is counted over a stretch of time: the ledger, statuses, latencies, routes,
 * workers. A struct stats is a monoid: stats_merge() adds one to another exactly. Bounded by the
 * router's routes and by STATS_MAX_WORKERS. Pure.
 */
#ifndef RS_STATS_H
#define RS_STATS_H

#include "hist.h"
#include "request.h"
#include "route.h"
#include "site.h"

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

/* HTTP status codes seen, 100..599. */
struct status_counts {
	uint64_t class[6]; /* [1] = 1xx .. [5] = 5xx; [0] = codes outside 100..599 */
	uint32_t n, cap;
	struct status_code {
		uint16_t code;
		uint64_t count;
	} * codes; /* owned, ascending */
};

/* What caches did, by enum http1_cache, of responses whose head was seen; 304 is REVALIDATED where
   no field says otherwise. */
#define CACHE_KINDS 4

/* Requests that brought Authorization or Cookie along, and those that did not. */
enum auth_kind { AUTH_YES, AUTH_NO, AUTH_KINDS };
struct auth_stats {
	uint64_t count;		/* ended, their head seen */
	uint64_t server_errors; /* 5xx */
	struct hist total;
};

/* Exceptions behind answers, by place. Bounded: what finds no room is in `rest`. */
#define STATS_MAX_ERRORS 32
struct error_counts {
	uint32_t n, cap;
	struct error_count {
		const struct site *site;
		uint16_t status; /* 0: background */
		uint64_t count;
	} * items; /* owned; the order in which they were met */
	uint64_t rest;
};

/* Stretches in which a loop did not come back to its selector, by what held it up. */
#define STATS_MAX_STALLS 64
struct stall_stats {
	const struct site *site;
	const struct route *route;  /* whose endpoint it was, of the longest; NULL not known */
	uint64_t count, max, total; /* ns */
	uint64_t victims;	    /* requests that lay unread meanwhile, by when they ended */
	uint64_t waited;	    /* ns that these lay unread because of it */
};

/* What a stall is told as. site is never NULL. */
struct stall {
	uint64_t start, end; /* monotonic ns */
	uint32_t pid, tid;
	const struct site *site;
	const struct route *route; /* NULL: not known */
};

/* Time of all event loops together, ns. watched == 0: not known. */
struct loop_time {
	uint64_t watched, busy;
	uint64_t gil, gil_waits; /* gil_known: where the address of the GIL is known */
	uint64_t gc, gc_runs;	 /* gc_known: where collections can be seen */
	bool gil_known, gc_known;
};

struct ledger {
	int64_t carried, started;
	uint64_t ok, client_closed, server_closed, upgraded, unknown;
	int64_t open; /* at the end of the stretch */
	/* Beside the balance; the caller counts them. */
	uint64_t not_http, late_attached, evicted;
};

struct route_stats {
	struct route *route;
	uint64_t count; /* requests that ended */
	uint64_t ends[REQ_ENDS];
	struct status_counts status;
	_Alignas(64) struct hist latency[LATENCIES]; /* a cache line each */
	uint64_t cache[CACHE_KINDS];
	struct auth_stats auth[AUTH_KINDS];
	struct error_counts errors;
	struct {
		uint64_t total; /* ns */
		uint64_t at;	/* arrival, CLOCK_MONOTONIC ns */
		char path[128]; /* raw bytes, cut; a NUL follows the last */
		uint16_t path_len;
	} slowest; /* of those with a total; at == 0: none */
};

struct worker_stats {
	uint32_t pid;	   /* 0: the rest, beyond the bound or not known */
	uint64_t requests; /* ended, and read or answered by this process */
	struct hist total;
};

struct stats {
	uint64_t from, to; /* CLOCK_MONOTONIC ns */
	struct ledger ledger;
	struct status_counts status;
	struct hist latency[LATENCIES];
	uint64_t cache[CACHE_KINDS];
	struct auth_stats auth[AUTH_KINDS];
	struct error_counts background; /* of no request */
	struct error_counts routeless;	/* of requests without a route */
	struct stall_stats *stalls;	/* owned; the order in which they were met */
	uint32_t n_stalls, cap_stalls;
	uint64_t stalls_rest; /* found no room */
	struct loop_time loop;
	bool all_sites; /* set by who merges files: errors and stalls are bounded by their sites
			   alone */
	struct route_stats **routes; /* by route id, NULL where none; owned */
	uint32_t n_routes;
	struct worker_stats *workers; /* owned; in the order in which they were met */
	uint32_t n_workers;
	uint32_t cap_workers; /* private; those beyond n_workers are empty */
};

struct stats *stats_new(void);	  /* NULL when out of memory */
void stats_free(struct stats *s); /* NULL is allowed */

/* Begins the next stretch at `from`: empty, ledger.carried = open = the old open. Keeps the memory,
   so that routes may hold entries with count 0. */
void stats_reset(struct stats *s, uint64_t from);

/* Into which of auth[] a request goes; AUTH_KINDS: its head was not seen whole. */
enum auth_kind request_auth(const struct request *r);
/* Into which of cache[] (enum http1_cache); negative: no response head was seen. */
int request_cache(const struct request *r);

void stats_begin(struct stats *s, const struct request *r);

/*
 * Counts a request that ended (r->end), once. r->route may be NULL (never read): then it counts in
 * no route; one that no process read or answered counts in no worker. Latencies are of `ok`
 * requests, and of `upgraded` ones up to their head; accept_wait is of all. 0; -EINVAL when r->end
 * is no end (nothing is counted); -ENOMEM (the ledger is right, the rest may lack this request).
 */
int stats_end(struct stats *s, const struct request *r);

/* The rest of what can be told: 0 or -ENOMEM. A stall counts when it is over; its victims count
   with their own end (request.stall). A loop's time is what went by since it was told last; what is
   known of it is what is known of all that was told. */
int stats_stall(struct stats *s, const struct stall *stall);
int stats_background(struct stats *s, const struct site *site);
void stats_loop(struct stats *s, const struct loop_time *t);

/* It was no request: undoes its begin, also one of an earlier stretch (started may become
   negative). What it was instead (ledger.not_http) is for the caller to count. */
void stats_retract(struct stats *s, const struct request *r);

/*
 * into += from, `from` being the stretch that follows: `from` and carried stay into's, `to` and
 * open become from's, everything else adds. One that is as stats_new() made it changes nothing, on
 * either side. Both must be of one router and of one table of sites. 0 or -ENOMEM (the ledger is
 * right, the rest may lack a part).
 */
int stats_merge(struct stats *into, const struct stats *from);

/* Tells all sites by those of another table. 0, -ENOSPC when that takes no more of them (it lacks
   memory, perhaps; nothing was changed). */
int stats_move_sites(struct stats *s, struct sites *into);

/* Moves what was counted under routes that have folded since to the route they folded into. 0 or
   -ENOMEM (the totals are right, a route may lack a part). */
int stats_fold_routes(struct stats *s);

/* carried + started == the five ends + open */
bool ledger_balances(const struct ledger *l);

#endif
