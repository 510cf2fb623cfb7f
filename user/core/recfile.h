/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recfile.h - recordings: facts of finished and open requests, and now and then the state of
 * everything else, in compressed blocks. docs/recording.md describes the format.
 *
 * A recording holds what the core made of the events, not the events: parsed heads without what
 * privacy forbids, stamps, lengths, ends. Replayed in the same order into the same statistics it gives
 * the same summary, byte for byte. Pure: bytes out, bytes in; whoever uses it reads and writes the
 * files.
 */
#ifndef RS_RECFILE_H
#define RS_RECFILE_H

#include "summary.h"

#define RECFILE_VERSION 1

/* --- writing */

struct recfile_writer;

/* NULL when out of memory. wall_offset: wall clock - monotonic, ns. */
struct recfile_writer *recfile_writer_new(int64_t wall_offset);
void recfile_writer_free(struct recfile_writer *w);

/* The facts, in the order in which they come. Errors are kept until recfile_take(). */
void recfile_begin(struct recfile_writer *w, const struct request *r);
void recfile_end(struct recfile_writer *w, const struct request *r);
void recfile_retract(struct recfile_writer *w, const struct request *r);
/* It passed --stuck-ms at `now` (monotonic ns), and is open still. */
void recfile_stuck(struct recfile_writer *w, const struct request *r, uint64_t now);
/* All of s but its statistics: of those only from, to and the ledger. */
void recfile_state(struct recfile_writer *w, const struct summary *s);

/* Bytes that wait uncompressed. */
size_t recfile_pending(const struct recfile_writer *w);

/* Closes the block under way: hands over its bytes, and before the first the file's header. Valid
   until the next call of anything. 0 with *len == 0: nothing to write; -ENOMEM. */
int recfile_take(struct recfile_writer *w, const void **bytes, size_t *len);

/* What is taken next begins a file of its own: it will stand alone. */
void recfile_new_file(struct recfile_writer *w);

/* --- reading */

/* What a reader tells; pointers are valid during the call only. Routes are of the router handed in;
   any of them may be NULL. begin and retract know only id and seen of a request. */
struct recfile_sink {
	void *ctx;
	void (*begin)(void *ctx, const struct request *r);
	void (*end)(void *ctx, const struct request *r);
	void (*retract)(void *ctx, const struct request *r);
	void (*stuck)(void *ctx, const struct request *r, uint64_t now);
	/* s->stats holds from, to and the ledger at that moment, no more. */
	void (*state)(void *ctx, const struct summary *s);
};

/* What is wrong with a file: where, and what was found. offset: bytes from the file's begin. */
struct recfile_damage {
	bool damaged;
	uint64_t offset;
	char text[160]; /* printable */
};

struct recfile_info {
	uint32_t version;
	uint64_t blocks, requests;
	uint64_t first, last; /* monotonic ns; 0: empty */
	int64_t wall_offset;  /* the last one */
};

/*
 * Reads a whole file held in memory. Everything before the first damage is handed over; the damage is
 * told. 0 (also with damage); -EINVAL: no recording, or of a newer version (damage->text says which);
 * -ENOMEM. Hostile bytes do no harm.
 */
int recfile_read(const void *bytes, size_t len, struct router *router, const struct recfile_sink *sink,
		 struct recfile_info *info, struct recfile_damage *damage);

#endif
