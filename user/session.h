/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session.h - one run against a live target: finds it, captures, feeds the core, and makes summaries.
 * Every live verb is a session with another set of callbacks.
 */
#ifndef RS_SESSION_H
#define RS_SESSION_H

#include "options.h"
#include "core/history.h"
#include "core/stats.h"

struct session;

/* What a verb wants to hear; any may be NULL. */
struct session_callbacks {
	void *ctx;
	void (*began)(void *ctx, const struct request *r);
	void (*ended)(void *ctx, const struct request *r);
	void (*retracted)(void *ctx, const struct request *r); /* it was none: its begin is taken back */
	/* an open request has passed --stuck-ms, verified against the kernel; once per request. where: it
	   waits there in the application, NULL not known */
	void (*stuck)(void *ctx, const struct request *r, uint64_t now, const char *where);
	/* an event loop was held up; an exception was met that belongs to no request; the loops' time since
	   it was told last */
	void (*stalled)(void *ctx, const struct stall *stall);
	void (*background)(void *ctx, const struct site *site);
	void (*looped)(void *ctx, const struct loop_time *delta);
	/* after each drain; non-zero ends the run */
	int (*drained)(void *ctx);
	/* every tick_ns; non-zero ends the run */
	int (*tick)(void *ctx, uint64_t now);
	uint64_t tick_ns;
	int input_fd; /* polled too, -1: none */
	int (*input)(void *ctx); /* non-zero ends the run */
};

/*
 * Finds the target, loads, attaches, and says so on stderr. 0 or an exit code, after a message on
 * stderr. With --port and nobody there the session exists and session_summary() tells `down`.
 */
int session_open(struct session **out, const struct options *o, const struct session_callbacks *cb);
/* Writes the log's last line, for which events are taken once more: after it, no callback is called. For
   callers whose callbacks feed what needs the session's routes until it is closed. NULL is allowed. */
void session_end(struct session *s);
/* The same, and frees all. */
void session_close(struct session *s);

/* Runs until the duration is over, a signal ends it, the target has gone or a callback says so.
   Returns an exit code. */
int session_run(struct session *s);

/* Readable when a signal has come that ends the run. */
int session_signal_fd(const struct session *s);

/* Ends the run from within a callback. */
void session_stop(struct session *s);

/* The state of things since the start, or over the window of session_window(). Valid until the next
   call. Takes a census first. NULL when out of memory. */
const struct summary *session_summary(struct session *s);
/* The same of statistics of one's own, that were fed all along, and of the time since they were reset; NULL:
   of the session's. It may be changed. */
struct summary *session_summary_of(struct session *s, struct stats *own);

/* Keeps the last `seconds` (at most 600) apart, and a history; summaries slide over all of these.
   Before session_run(). 0 or -ENOMEM. */
int session_slide(struct session *s, unsigned seconds);
/* Summaries are of the last ns from now on, in whole seconds, long windows up to a tenth longer; 0: since
   the start. At any time after session_slide(). 0; -EINVAL: more than it keeps. */
int session_window(struct session *s, uint64_t ns);
/* Second by second, the last full one is the newest; NULL without session_slide(). The session's. */
const struct history *session_history(const struct session *s);

const char *session_host(const struct session *s);
const char *session_target(const struct session *s);
int64_t session_wall_offset(const struct session *s); /* wall clock - monotonic, ns */
uint64_t session_now(void); /* monotonic ns */
/* Nothing of the target was ever seen: no process, or no request before it went. */
bool session_saw_nothing(const struct session *s);

#endif
