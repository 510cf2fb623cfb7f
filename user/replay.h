/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay.h - a recording (a file, or the folder of a flight recorder) as if it were live: the same
 * statistics, the same summary. Every verb that reads recordings is a replay with another set of
 * callbacks.
 *
 * Times are monotonic ns of the recording. When the folder of a flight recorder reaches over a
 * restart of the system, the stamps of later boots are moved so that they follow those of the first
 * by the wall clock.
 */
#ifndef RS_REPLAY_H
#define RS_REPLAY_H

#include "core/recfile.h"
#include "options.h"

/* For router_new(): a recording may have been made with as many as --max-routes allows. */
#define REPLAY_MAX_ROUTES RECFILE_MAX_ROUTES

struct replay;

/* What a verb wants to hear of requests that lie in the slice of time and pass the filters (--from,
   --to, --route, --slow, --status); any may be NULL. */
struct replay_callbacks {
	void *ctx;
	void (*ended)(void *ctx, const struct request *r);
	void (*stuck)(void *ctx, const struct request *r, uint64_t now, const char *where);
	void (*state)(void *ctx, const struct summary *s);
};

/* Opens path (all files of a folder, in order) and finds its span of time; the files are read block
   by block. --from and --to are resolved here. router, sites: of whom the routes and the sites are,
   so that two replays can share them; the caller's, and to outlive the replay. 0 or an exit code
   after a message on stderr. *out is to be closed in any case. */
int replay_open(struct replay **out, const char *path, const struct options *o,
		struct router *router, struct sites *sites);
void replay_close(struct replay *r);

/* The slice in monotonic ns of the recording, and what to add for the wall clock at its end. */
void replay_span(const struct replay *r, uint64_t *from, uint64_t *to, int64_t *wall_offset);

/* Narrows the slice further (monotonic ns): from <= t < to. 0 and UINT64_MAX: no bound. */
void replay_slice(struct replay *r, uint64_t from, uint64_t to);

/* Reads it all once. Damage is told on stderr, and does not end it. 0 or an exit code. */
int replay_run(struct replay *r, const struct replay_callbacks *cb);

/* After replay_run(): the summary of the slice. Of the filters it takes --route only. Valid until
   the replay is closed or run again; what it says of routes only until the router is told of more.
   NULL: out of memory. */
const struct summary *replay_summary(struct replay *r);

/*
 * Compares the deploys that the summary tells of, each with what came before it, and puts that into
 * the summary: replay_summary() is to be called anew. Reads the slice again when there are any. 0
 * or an exit code after a message.
 */
int replay_compare_deploys(struct replay *r);

/* How to name host and target in trace lines, and their wall clock; of the moment within a
 * callback. */
const char *replay_host(const struct replay *r);
const char *replay_target(const struct replay *r);
int64_t replay_wall_offset(const struct replay *r);

/* --force would empty what -o names before it is read. 0, or an exit code after a message when it
   is one of the verb's arguments, or a file in such a folder. */
int replay_check_output(const struct options *o);

/* Whether a file is a recording (or a folder of such), by its first bytes. */
bool replay_is_recording(const char *path);

/* Names of a folder's files: "reqscope-00000042-20260102T030405Z.rec", by number. Whether it is
   one; number and time (wall clock, seconds) may be NULL. */
bool replay_file_name(const char *name, uint32_t *number, uint64_t *time);

#endif
