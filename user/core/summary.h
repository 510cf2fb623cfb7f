/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * summary.h - everything a summary says, independent of how it is written (sink/) and of where it came
 * from (live, recording, merge). The owner of each pointer is the maker of the summary; sinks only read.
 */
#ifndef RS_SUMMARY_H
#define RS_SUMMARY_H

#include "stats.h"

enum verdict_state {
	VERDICT_UP,
	VERDICT_SLOW,
	VERDICT_ERRORING,
	VERDICT_STUCK,
	VERDICT_IDLE,
	VERDICT_DOWN,
	VERDICT_BLIND,
	VERDICTS
};

#define VERDICT_MAX_REASONS 8
#define VERDICT_REASON_MAX 160

/* Thresholds, each an option. */
struct verdict_rules {
	double slo_ms;         /* --slo-ms */
	double slo_quantile;   /* --slo-quantile, 0..1 */
	double max_error_rate; /* --max-error-rate, 0..1 */
	double stuck_ms;       /* --stuck-ms */
	double max_unknown;    /* share that may stay unseen, above it the verdict is blind; 0..1 */
};

/* The first reason decides the state. Reasons are plain words with numbers, valid UTF-8 and already
   escaped: they may go to a terminal as they are. */
struct verdict {
	enum verdict_state state;
	unsigned n_reasons;
	char reasons[VERDICT_MAX_REASONS][VERDICT_REASON_MAX];
	struct verdict_rules rules; /* that it was decided by; sinks mark what lies beyond them */
};

void verdict_rules_default(struct verdict_rules *rules);

struct summary_generation {
	uint32_t pid;
	uint64_t since_wall_ns; /* start of the process, wall clock; 0 unknown */
	uint64_t until_wall_ns; /* its end; 0: it lives, or not known */
	const char *version;    /* or NULL */
	const char *host;	/* of a merge of several hosts; else NULL */
};

/* A new generation of workers took over while tracing. */
struct comparison; /* compare.h */
struct summary_deploy {
	uint64_t at_wall_ns; /* start of the first process of the new generation */
	struct summary_deploy_side {
		const char *version; /* NULL: not known */
		uint32_t pid;	     /* one of them */
		uint32_t workers;
		uint64_t requests; /* that ended there */
	} before, after;
	const struct comparison *comparison; /* after with before; NULL: nothing to compare yet */
};

/* How close the target is to the limits of its host. What is not known is NaN or SUMMARY_UNKNOWN. */
#define SUMMARY_UNKNOWN UINT64_MAX
struct summary_saturation {
	double run_queue; /* of the time its threads could run, the share they waited for a CPU; 0..1 */
	double throttled; /* share of the CPU quota's periods in which it was throttled; 0..1 */
	uint64_t fds, fd_limit; /* open descriptors, of the process closest to its limit */
	uint32_t fd_pid;
	const char *fd_host; /* of a merge of several hosts; else NULL */
	uint64_t accept_failed; /* accept() refused for want of descriptors (EMFILE, ENFILE) */
	uint64_t threads, threads_busy; /* worker threads (not the loop's), of the process with the
					   largest share of busy ones */
	uint32_t threads_pid;
	const char *threads_host; /* of a merge of several hosts; else NULL */
};
void saturation_unknown(struct summary_saturation *s); /* nothing is known */

struct summary_listener {
	char address[120]; /* "127.0.0.1:8000", "[::1]:8000", "unix:/run/app.sock" */
	bool counted;      /* the following are known */
	uint64_t accept_queue, backlog;
	uint64_t overflows; /* connections and SYNs turned away since tracing began */
	const char *host;   /* of a merge of several hosts; else NULL */
};

struct summary_open {
	uint64_t id;
	const struct request *request; /* stamps, method, path */
	uint64_t age;                  /* ns */
	enum request_phase phase;
	const char *where;   /* where in the application it waits; NULL: not known */
	const char *host;    /* of a merge of several hosts; else NULL */
	uint64_t at_wall_ns; /* of a merge: the end of its part, when it was open; else 0 */
};

/* A process that serves (not a supervisor), whether or not a request ended there. */
struct summary_worker {
	uint32_t pid;
	uint64_t open; /* requests open there at the end of the window */
};

/* Where tasks and threads of the application wait that belong to no request that is known to be open. */
struct summary_wait {
	uint64_t count;
	bool threads;	   /* else tasks of an event loop */
	const char *where; /* the innermost frame of the app's own code: "db.py:88 get_conn" */
	const char *on;	   /* what that called: "asyncpg.pool.Pool.acquire"; "" not known */
	const char *host;  /* of a merge of several hosts; else NULL */
	uint64_t at_wall_ns; /* of a merge: the end of its part, when that was so; else 0 */
	uint32_t pid;	     /* of a merge: a process of its target; else 0 */
};
#define SUMMARY_MAX_WAITS 16 /* of a merge there may be more */

/*
 * What a merged summary is made of: one target of one host over one stretch of time. Stretches that
 * follow each other without a request between them are one. It is how a later merge knows what is in
 * it already, and which windows it continues.
 */
struct summary_part {
	const char *host;
	const uint32_t *pids; /* all that lived in it, ascending */
	uint32_t n_pids;
	const uint16_t *ports; /* ascending */
	uint32_t n_ports;
	uint64_t start_wall_ns, end_wall_ns;
	int64_t carried, open;
	bool alive, listening; /* at its end */
	const struct site *held; /* the same; NULL: no event loop was held up */
	uint64_t held_ns;
};

struct summary_feature {
	const char *name;  /* "arrival", "task_storage", ... */
	const char *state; /* "sk_data_ready", "on", "off: ..." */
};

struct summary {
	struct {
		const char *name, *kernel;
	} host;
	struct {
		const char *name;   /* what the person calls it: "uvicorn app:app" */
		const char *server; /* "uvicorn", "gunicorn", NULL unknown */
		const char *python; /* "3.11.2", NULL unknown */
		const uint32_t *pids;
		uint32_t n_pids;
		const uint16_t *ports;
		uint32_t n_ports;
		const struct summary_generation *generations;
		uint32_t n_generations;
		bool alive;     /* at least one process lives */
		bool listening; /* at least one of them listens */
	} target;
	uint64_t start_wall_ns; /* of the window, wall clock */
	int64_t wall_offset;    /* wall clock - monotonic, ns */
	double seconds;         /* of the window; of a merge with gaps, of what was watched */
	uint64_t end_wall_ns;   /* of a merge with gaps; 0: start + seconds */
	uint64_t now;           /* monotonic, end of the window */
	const char *only;	/* of a report: requests of routes like this alone (--route); else NULL */
	struct verdict verdict;
	struct stats *stats; /* of the window; routes folded */
	const struct summary_open *open; /* oldest first, at most SUMMARY_MAX_OPEN */
	uint32_t n_open;
	const struct summary_wait *waits; /* most first; only looked for when something hangs */
	uint32_t n_waits;
	const struct site *held; /* an event loop is held up at this moment, for the longest; else NULL */
	uint64_t held_ns;
	const struct summary_worker *workers; /* NULL: only those known that ended a request */
	uint32_t n_workers;
	const struct summary_worker_row *rows; /* of a merge of several hosts: all there is to say of
						  workers, their pids may be the same */
	uint32_t n_rows;
	const struct summary_part *parts; /* of a merge of more than one */
	uint32_t n_parts;
	const struct stats *overall; /* since the start, when the window slides (top); else NULL */
	double overall_seconds;
	const struct summary_listener *listeners;
	uint32_t n_listeners;
	struct summary_saturation saturation;
	const struct summary_deploy *deploys; /* since the start, the last 16, oldest first */
	uint32_t n_deploys;
	struct {
		uint64_t hung, oldest; /* connections whose half-seen request has had no answer; its age ns */
	} late; /* requests that were under way when tracing began and still are */
	struct summary_opaque {
		uint64_t tls, http2, proxy, other; /* connections by what they spoke instead of HTTP/1 */
	} opaque;
	struct {
		uint64_t events, dropped;
		uint64_t unattributed_drops; /* dropped records that no connection is known to miss */
		const struct summary_feature *features;
		uint32_t n_features;
		uint64_t routes_overflow; /* requests in route `other` */
	} tracer;
};

#define SUMMARY_MAX_OPEN 100

/* Fills s->verdict from the rest of s. */
void verdict_decide(struct summary *s, const struct verdict_rules *rules);
const char *verdict_name(enum verdict_state state); /* "up", ... */

/*
 * Of a window in a longer run: s->opaque becomes that of the window, `before` being what it was when the
 * window began, and `begun` the requests of the whole run. The counts tell when such connections began,
 * not that they still talk: a window without any request may be one of theirs, so there the whole run
 * decides whether too much escapes us (rules->max_unknown), and the counts stay.
 */
void summary_opaque_since(struct summary *s, const struct summary_opaque *before, int64_t begun,
			  const struct verdict_rules *rules);

/* --- views that the sinks share (summary_view.c, summary_insight.c) */

/* "1,204": thousands set apart. Writes into buf (32 bytes are enough), returns it. */
char *summary_count(char *buf, size_t size, uint64_t n);

/* The route that takes the most time after `prev` (NULL: of all), NULL at the end. Those without any
   request are left out. Linear in the routes, so that walking all of them needs no memory. */
const struct route_stats *summary_next_route(const struct stats *st, const struct route_stats *prev);

/* The one that is told after prev (NULL: the first), NULL at the end: more first, then by status and
   place. */
const struct error_count *summary_next_error(const struct error_counts *e,
					     const struct error_count *prev);

/* The same over all routes, of those that had none, too. f: the one before, {NULL} the first. False at
   the end. */
struct summary_failure {
	const struct error_count *error;
	const struct route *route; /* NULL: none */
};
bool summary_next_failure(const struct stats *st, struct summary_failure *f);
#define SUMMARY_MAX_FAILURES 50

/* Those for which the loops were away longest in all come first. */
const struct stall_stats *summary_next_stall(const struct stats *st, const struct stall_stats *prev);

/* Shares of the time of the event loops, 0..1; NaN where that is not known. */
double summary_loop_busy(const struct stats *st);
double summary_loop_gil(const struct stats *st);
double summary_loop_gc(const struct stats *st);

/* Whether a comes before b in that order: of equal ones, which is told first must not depend on the order
   in which routes were met. */
bool summary_route_before(const struct route_stats *a, const struct route_stats *b);

struct summary_worker_row {
	const char *host; /* of a merge of several hosts; else NULL */
	uint32_t pid;
	uint64_t requests;
	bool open_known; /* `open` is */
	uint64_t open;
	const struct hist *total;         /* NULL: no request ended there */
	const struct summary_open *waits; /* its oldest in phase queue or app, NULL none */
};
#define SUMMARY_MAX_WORKERS (2 * STATS_MAX_WORKERS)

/* Those that serve, those where a request ended and those that read one which is open, by pid, or
   the rows of a merge; returns their number, at most `max`. */
uint32_t summary_workers(const struct summary *s, struct summary_worker_row *rows, uint32_t max);

#endif
