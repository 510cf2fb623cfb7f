/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recorder.h - facts to disk: into one file, or into the bounded ring of files of a flight
 * recorder.
 *
 * One file: what cannot be written ends it. A ring: tracing goes on, what cannot be written is
 * dropped and counted (each block's head tells a reader what is missing before it), and it is tried
 * again with every block. Files are 0600, never follow a symbolic link and never replace what
 * exists, unless
 * --force says so of the one file. Of a folder only files with names of our own are ever deleted.
 */
#ifndef RS_RECORDER_H
#define RS_RECORDER_H

#include "options.h"

struct recorder;

/* Whether the options fit together: before anything is attached. 0 or an exit code after a message.
 */
int recorder_check(const struct options *o);

/* What -o, --force, --keep and --max-size ask for. wall_offset: wall clock - monotonic, ns. 0 or an
   exit code after a message on stderr. *out is to be closed in any case. */
int recorder_open(struct recorder **out, const struct options *o, int64_t wall_offset);

/* The facts (core/recfile.h). */
void recorder_begin(struct recorder *rec, const struct request *r);
void recorder_end(struct recorder *rec, const struct request *r);
void recorder_retract(struct recorder *rec, const struct request *r);
void recorder_stuck(struct recorder *rec, const struct request *r, uint64_t now, const char *where);
void recorder_stall(struct recorder *rec, const struct stall *stall);
void recorder_background(struct recorder *rec, const struct site *site);
void recorder_loop(struct recorder *rec, const struct loop_time *delta);

/* Whether it is time for a state (monotonic ns). */
bool recorder_due(const struct recorder *rec, uint64_t now);
/* Takes one; what it was made of must have been told before. */
void recorder_state(struct recorder *rec, const struct summary *s);
/* Writes what waits: to be called every second. */
void recorder_flush(struct recorder *rec, uint64_t now);
/* It can write no more: an end in sight. */
bool recorder_failed(const struct recorder *rec);

/* Writes the rest and says what was kept, or what went wrong. An exit code. NULL is allowed. */
int recorder_close(struct recorder *rec);

#endif
