/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.h - a recording (a file, or the folder of a flight recorder) as if it were live: the same
 * statistics, the same summary. Every verb that reads recordings is a replay with another set of
 * callbacks.
 */
#ifndef RS_REPLAY_H
#define RS_REPLAY_H

#include "core/recfile.h"
#include "options.h"

struct replay;

/* What a verb wants to hear of requests that lie in the slice of time and pass the filters (--from,
   --to, --route, --slow, --status); any may be NULL. */
struct replay_callbacks {
	void *ctx;
	void (*ended)(void *ctx, const struct request *r);
	void (*stuck)(void *ctx, const struct request *r, uint64_t now);
	void (*state)(void *ctx, const struct summary *s);
};

/* Opens path, maps it (all files of a folder, in order) and finds its span of time. --from and --to
   are resolved here. router: of whom the routes are, so that two replays can share one; the caller's.
   0 or an exit code after a message on stderr. */
int replay_open(struct replay **out, const char *path, const struct options *o, struct router *router);
void replay_close(struct replay *r);

/* The slice in monotonic ns of the recording, and what to add for the wall clock. */
void replay_span(const struct replay *r, uint64_t *from, uint64_t *to, int64_t *wall_offset);

/* Narrows the slice further (monotonic ns). */
void replay_slice(struct replay *r, uint64_t from, uint64_t to);

/* Reads it all once. Damage is told on stderr, and does not end it. 0 or an exit code. */
int replay_run(struct replay *r, const struct replay_callbacks *cb);

/* After replay_run(): the summary of the slice. Valid until the replay is closed or run again. NULL:
   out of memory. */
const struct summary *replay_summary(struct replay *r);

/* How to name host and target in trace lines; after the first state was read. */
const char *replay_host(const struct replay *r);
const char *replay_target(const struct replay *r);

/* Whether a file is a recording (or a folder of such), by its first bytes. */
bool replay_is_recording(const char *path);

#endif
