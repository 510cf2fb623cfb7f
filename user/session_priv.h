/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* session_priv.h - what session.c and snapshot.c share. */
#ifndef RS_SESSION_PRIV_H
#define RS_SESSION_PRIV_H

#include "session.h"

#include "capture/capture.h"
#include "core/tracer.h"
#include "log.h"
#include "target.h"

#define SESSION_MAX_LISTENERS 64
#define SESSION_MAX_FEATURES  8

struct snapshot; /* snapshot.c */
struct deploys;	 /* session_deploy.c */
struct log_state; /* session_log.c */
struct saturation; /* capture/saturation.h */
struct window;	 /* session_window.c */
struct insight; /* session_insight.c */
struct errors;	/* session_errors.c */
struct loops;	/* session_loops.c */
struct waits;	/* session_waits.c */

struct session {
	const struct options *options;
	struct session_callbacks cb;
	struct target target;
	struct capture *capture; /* NULL: nothing to attach to */
	struct router *router;
	struct tracer *tracer;
	struct stats *total; /* since the start */
	struct window *window; /* NULL: summaries are since the start */
	struct {		 /* what listeners had turned away before tracing began */
		uint64_t id, met; /* when last, monotonic ns */
		uint32_t drops;
	} turned_away[SESSION_MAX_LISTENERS];
	uint32_t n_turned_away;
	uint64_t started, now; /* monotonic ns */
	uint64_t relieved;     /* the ring was emptied last */
	int64_t wall_offset;
	char host[65];
	char kernel[72];
	int signal_fd; /* SIGINT, SIGTERM, SIGHUP, blocked from the beginning on */
	uint64_t sweep; /* when the next census is due because a process has exited; 0: none */
	uint32_t ending; /* processes that have ended and may still close files */
	bool stop;
	bool failed; /* out of memory while counting */
	struct snapshot *snapshot;
	struct deploys *deploys;
	struct log *log; /* NULL: no --log */
	struct log_state *log_state;
	struct saturation *saturation; /* NULL: nothing to look at */
	struct insight *insight; /* NULL: --insight off; then the following, too */
	struct sites *sites;
	struct errors *errors;
	struct loops *loops;
	struct waits *waits;
};

/* Reads the census, takes every event that came before it, and compares. */
void session_census(struct session *s);
/* Drains the ring. */
void session_drain(struct session *s);
/* Empties the ring now and then; for whoever is busy (struct python_between). ctx: the session. */
void session_relieve(void *ctx);
/* A process belongs to the target from now on; a target_joined. */
void session_joined(void *ctx, uint32_t pid);

#define SESSION_SWEEP_NS 50000000ULL /* after a process has exited, the unix sockets that it held are gone */
/* What a listener has turned away since it was first seen. */
uint32_t session_turned_away(struct session *s, const struct rs_ev_listen *e, bool at_start);
/* Notes what the target's listeners had turned away before tracing began. */
void session_note_turned_away(struct session *s);
/* The stretch that counts at present; NULL without session_slide(). */
struct stats *window_current(const struct session *s);
/* Whether summaries are of less than all since the start. */
bool window_slides(const struct session *s);
/* Ends the stretches that are over at `now`. */
void window_advance(struct session *s, uint64_t now);
/* What a summary is about, up to s->now: made anew by each call, freed by the next. NULL when out of
   memory. Only after session_slide(). */
struct stats *window_merge(struct session *s);
/* Counts what spoke something else than HTTP since the window of this summary began. */
void window_opaque(struct session *s, struct summary *sum);
void window_free(struct window *w);
/* session_saturation.c: the first look, that later ones are compared with; 0 or -ENOMEM. Then how
   things are, over the last window_ns or since the start (0). */
int session_saturation_start(struct session *s);
void session_saturation(struct session *s, uint64_t window_ns, struct summary_saturation *out);
/* session_log.c: 0 or an exit code after a message; then, when all is attached, the first interval
   begins. */
int session_log_open(struct session *s);
void session_log_start(struct session *s);
/* A line for each interval that is over, and out with what is queued. Often. */
void session_log(struct session *s);
/* Writes the last line. */
void session_log_close(struct session *s);
/* Reads the signals that came; whether they end the run. */
bool session_signalled(struct session *s);
/*
 * session_deploy.c: generations of workers. deploys_begin() after attaching; the others tell what has
 * happened: a pid is a new process or program, a process has ended (code as wait(2) has it), a request
 * ended, and every 200 ms that time goes by. deploys_serving() after listeners were looked at.
 */
int deploys_new(struct session *s); /* 0 or -ENOMEM */
void deploys_free(struct deploys *d);
void deploys_begin(struct session *s);
void deploys_process(struct session *s, uint32_t pid);
void deploys_exit(struct session *s, uint32_t pid, int code, uint64_t ts);
/* Fetches into the cache what deploys_ended() will need. */
void deploys_prefetch(const struct session *s, const struct request *r);
void deploys_ended(struct session *s, const struct request *r);
void deploys_look(struct session *s);
void deploys_serving(struct session *s);
void deploys_fill(struct session *s, struct summary *sum);
uint32_t deploys_count(const struct session *s); /* so far */
/*
 * session_insight.c: the target's interpreters, and the routes that they define. insight_begin() after
 * attaching; the others tell what has happened, as above, and insight_look() goes every 200 ms. All do
 * nothing with --insight off.
 */
int insight_new(struct session *s); /* 0 or -ENOMEM */
void insight_free(struct insight *in);
void insight_begin(struct session *s);
void insight_process(struct session *s, uint32_t pid);
void insight_exit(struct session *s, uint32_t pid);
void insight_ended(struct session *s, const struct request *r);
void insight_look(struct session *s);
/* A thread with an event loop was met in it. */
void insight_serves(struct session *s, uint32_t pid);
/* Whether waits for the GIL, and collections, are seen there. */
bool insight_sees_gil(struct session *s, uint32_t pid);
bool insight_sees_gc(struct session *s, uint32_t pid);
/* For tracer.features; valid until the next call. */
const char *insight_interpreters(struct session *s);
const char *insight_routes(struct session *s);
const char *feature_errors(struct session *s);
const char *feature_loop(struct session *s);
const char *feature_gc(struct session *s);
/*
 * session_errors.c: r's answer was written while this exception was handled; any answer was; bytes were
 * read; a traceback was written to standard error; what waited long enough counts as an exception of no
 * request; and, at the end, all whose answer would have been seen.
 */
int exceptions_new(struct session *s); /* 0 or -ENOMEM */
void exceptions_free(struct errors *e);
void exceptions_of(struct session *s, struct request *r, const struct rs_error *error);
void exceptions_answered(struct session *s, const struct rs_event *h, const struct rs_error *error);
void exceptions_read(struct session *s, const struct rs_event *h);
void exceptions_logged(struct session *s, const struct rs_ev_logged *ev);
void exceptions_settle(struct session *s);
void exceptions_finish(struct session *s);
/*
 * session_loops.c, after each drain: looks at the loops, and samples those that do not come back.
 * loops_tell(): their time up to now, before a summary is made. loops_pause(): how long to wait for the
 * next drain, at most `ms`.
 */
int loops_new(struct session *s); /* 0 or -ENOMEM */
void loops_free(struct loops *l);
void loops_look(struct session *s);
void loops_tell(struct session *s);
unsigned loops_pause(const struct session *s, unsigned ms);
/* session_unseen.c: looks for loops that have been held up since before tracing began. Now and then. */
void loops_suspect(struct session *s);
/*
 * session_stalls.c: what the events say; what of it fell on a request that is about to end; and what holds
 * a loop up at this moment, of all the one that is away for longest, or of the only one of a process. NULL:
 * none is.
 */
void loops_stalled(struct session *s, const struct rs_ev_stall *e);
void loops_paused(struct session *s, const struct rs_ev_pause *e);
void loops_annotate(struct session *s, struct request *r);
const struct site *loops_held(struct session *s, uint64_t *ns);
const struct site *loops_held_of(struct session *s, uint32_t pid);
/* Whether two places, "file:line function", are of one function: the line of a route is that of its first
   decorator, so lines may differ. */
bool place_is_of(const char *where, const char *place);
/*
 * session_waits.c: looks where requests wait, when some hang. Then where one does, valid until the next
 * call, NULL: not known. And, by place, most first, what waits beside the open requests of the summary.
 */
#define WAITS_TEXT_MAX (2 * SITE_TEXT_MAX + 32)
struct wait_place {
	uint64_t count;
	bool threads;
	char where[SITE_TEXT_MAX], on[SITE_TEXT_MAX];
};
int waits_new(struct session *s); /* 0 or -ENOMEM */
void waits_free(struct waits *w);
void waits_look(struct session *s);
const char *waits_where(struct session *s, const struct request *r);
/* The process whose request it is: of one that nobody has accepted yet, the only one that serves, if there is
   but one; else 0. */
uint32_t waits_server(const struct session *s, const struct request *r);
uint32_t waits_rest(struct session *s, const struct summary *sum, struct wait_place *out, uint32_t max);
/* session_facts.c: what hears of requests, for the tracer; and the rest, to all who count it. */
struct request_sink session_sink(struct session *s);
void session_stalled(struct session *s, const struct stall *stall);
void session_background(struct session *s, const struct site *site);
void session_looped(struct session *s, const struct loop_time *delta);
int snapshot_new(struct session *s);
void snapshot_free(struct session *s);

#endif
