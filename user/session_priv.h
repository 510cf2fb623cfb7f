/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* session_priv.h - what session.c and snapshot.c share. */
#ifndef RS_SESSION_PRIV_H
#define RS_SESSION_PRIV_H

#include "session.h"

#include "capture/capture.h"
#include "core/tracer.h"
#include "target.h"

#define SESSION_MAX_LISTENERS 64
#define SESSION_MAX_FEATURES  4

struct snapshot; /* snapshot.c */

struct session {
	const struct options *options;
	struct session_callbacks cb;
	struct target target;
	struct capture *capture; /* NULL: nothing to attach to */
	struct router *router;
	struct tracer *tracer;
	struct stats *total; /* since the start */
	struct stats **window; /* ring of one-second stretches, NULL: no sliding */
	unsigned n_window, window_at, window_filled;
	uint64_t window_edge; /* end of the current stretch */
	struct stats *merged; /* scratch for the sliding window */
	struct {		 /* what listeners had turned away before tracing began */
		uint64_t id;
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
};

/* Reads the census, takes every event that came before it, and compares. */
void session_census(struct session *s);
/* Drains the ring. */
void session_drain(struct session *s);
/* What a listener has turned away since it was first seen. */
uint32_t session_turned_away(struct session *s, const struct rs_ev_listen *e, bool at_start);
/* Notes what the target's listeners had turned away before tracing began. */
void session_note_turned_away(struct session *s);
int snapshot_new(struct session *s);
void snapshot_free(struct session *s);

#endif
