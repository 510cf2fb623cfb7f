/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.h - the log of a run (--log): a JSON line per request, or per slow and failed one, and a
 * summary line per interval. Nothing here waits: lines are queued, at most 1.5 MiB of them, and
 * written when their target takes them; what finds no room is dropped, and the next line counts it
 * (lib/lineq.h).
 *
 * Every function takes NULL for "no log", but for log_open().
 */
#ifndef RS_LOG_H
#define RS_LOG_H

#include "core/summary.h"
#include "options.h"

struct log;

/* Opens what --log names; NULL in *out without --log. 0, or an exit code after a message. o must
   outlive it. */
int log_open(struct log **out, const struct options *o);
/* Writes what is queued, waiting up to a second for a target that has no room, and says what could
   not be written. */
void log_close(struct log *l);

/* Who speaks, and when the first interval begins (monotonic ns). The strings must outlive the log.
 */
struct log_source {
	const char *host, *target;
	int64_t wall_offset; /* wall clock - monotonic, ns */
};
void log_start(struct log *l, const struct log_source *source, uint64_t now);

/* What happens to requests. log_ended: 0 or -ENOMEM (the interval's line lacks a part). */
void log_began(struct log *l, const struct request *r);
int log_ended(struct log *l, const struct request *r);
void log_retracted(struct log *l, const struct request *r);
/* An open one has passed --stuck-ms; it waits at `where` in the application, NULL not known. */
void log_stuck(struct log *l, const struct request *r, uint64_t now, const char *where);
/* What else is counted in an interval (core/stats.h). 0 or -ENOMEM. */
int log_stall(struct log *l, const struct stall *stall);
int log_background(struct log *l, const struct site *site);
void log_loop(struct log *l, const struct loop_time *delta);
bool log_wants_stuck(const struct log *l);

/* The statistics of the interval so far: for the maker of its summary. Whether it is over. */
struct stats *log_stats(struct log *l);
bool log_due(const struct log *l, uint64_t now);
/* The interval's line from its summary, in which s->stats is log_stats(); the next one begins. */
void log_summary(struct log *l, const struct summary *s);

/* Writes what the target takes at once. Often. */
void log_flush(struct log *l, uint64_t now);
/* SIGHUP: a log that is a file is opened anew. False: there is none, the signal means something
 * else. */
bool log_reopen(struct log *l, uint64_t now);

#endif
