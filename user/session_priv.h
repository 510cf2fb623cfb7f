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
#define SESSION_MAX_FEATURES  4

struct snapshot; /* snapshot.c */
struct deploys;	 /* session_deploy.c */
struct log_state; /* session_log.c */
struct saturation; /* capture/saturation.h */
struct window;	 /* session_window.c */
struct insight; /* session_insight.c */

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
	int64_t wall_offset;
	char host[65];
	char kernel[72];
	int signal_fd; /* SIGINT, SIGTERM, SIGHUP, blocked from the beginning on */
	uint64_t sweep; /* when the next census is due because a process has exited; 0: none */
	bool stop;
	bool failed; /* out of memory while counting */
	struct snapshot *snapshot;
	struct deploys *deploys;
	struct log *log; /* NULL: no --log */
	struct log_state *log_state;
	struct saturation *saturation; /* NULL: nothing to look at */
	struct insight *insight; /* NULL: --insight off */
};

/* Reads the census, takes every event that came before it, and compares. */
void session_census(struct session *s);
/* Drains the ring. */
void session_drain(struct session *s);
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
/* For tracer.features; valid until the next call. */
const char *insight_interpreters(struct session *s);
const char *insight_routes(struct session *s);
int snapshot_new(struct session *s);
void snapshot_free(struct session *s);

#endif
