/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recfile.h - recordings: facts of finished and open requests, and now and then the state of
 * everything else, in compressed blocks. docs/recording.md describes the format.
 *
 * A recording holds what the core made of the events, not the events: parsed heads without what
 * privacy forbids, stamps, lengths, ends. Replayed in the same order into the same statistics it
 * gives the same summary, byte for byte. Pure: bytes out, bytes in; whoever uses it reads and
 * writes the files.
 *
 * Every block stands alone: it can be read without those before it, and tells in its head how many
 * requests had begun and ended before it. A run of the recorder may go through several files.
 */
#ifndef RS_RECFILE_H
#define RS_RECFILE_H

#include "../lib/hashmap.h"
#include "summary.h"

#define RECFILE_VERSION	   2 /* written; a reader takes RECFILE_OLDEST and what comes after */
#define RECFILE_OLDEST	   1
#define RECFILE_HEAD_SIZE  56
#define RECFILE_BLOCK_SIZE 72	      /* of a block's head */
#define RECFILE_BLOCK_MAX  (2u << 20) /* of what follows it */
#define RECFILE_MAX_ROUTES 100000 /* for the router of a reader: as many as --max-routes allows */

/* The beginning of a file. */
struct recfile_head {
	uint32_t version;
	uint64_t created; /* wall clock ns */
	uint8_t boot[16]; /* of the system: stamps of another one are of another clock */
	uint64_t run;	  /* of the recorder: ids of another one are of other requests */
};

/* The head of a block. Times are monotonic ns. */
struct recfile_block {
	uint32_t packed; /* bytes that follow */
	uint32_t raw;	 /* bytes that they unpack to */
	uint32_t crc;	 /* of those that follow */
	bool has_state;
	uint64_t first, last;  /* of its facts */
	uint64_t begun, ended; /* requests of this run before it, in all */
	int64_t wall_offset;   /* wall clock - monotonic, ns */
	uint32_t number;       /* in its run, from 0 */
	uint32_t requests;     /* that end in it */
};

/* --- writing */

struct recfile_writer;

/* NULL when out of memory. wall_offset: wall clock - monotonic, ns. */
struct recfile_writer *recfile_writer_new(int64_t wall_offset);
void recfile_writer_free(struct recfile_writer *w);

/* What the next file's head says (version is set here), and the next block's wall_offset. */
void recfile_set_head(struct recfile_writer *w, const struct recfile_head *head);
void recfile_set_wall(struct recfile_writer *w, int64_t wall_offset);

/* The facts, in the order in which they come. Errors are kept until recfile_take(). */
void recfile_begin(struct recfile_writer *w, const struct request *r);
void recfile_end(struct recfile_writer *w, const struct request *r);
void recfile_retract(struct recfile_writer *w, const struct request *r);
/* It passed --stuck-ms at `now` (monotonic ns), and is open still. where: it waits there in the
   application, NULL not known. */
void recfile_stuck(struct recfile_writer *w, const struct request *r, uint64_t now,
		   const char *where);
/* What is told of no single request (core/stats.h). Sites are of one struct sites. now: monotonic
 * ns. */
void recfile_stall(struct recfile_writer *w, const struct stall *stall);
void recfile_background(struct recfile_writer *w, const struct site *site, uint64_t now);
void recfile_loop(struct recfile_writer *w, const struct loop_time *delta, uint64_t now);
/* All of s but its statistics: of those only from, to and the ledger. */
void recfile_state(struct recfile_writer *w, const struct summary *s);

/* Bytes that wait uncompressed. Beyond 1 MiB facts are refused: take at half of that. */
size_t recfile_pending(const struct recfile_writer *w);

/* Closes the block under way: hands over its bytes, and before the first the file's header. Valid
   until the next call of anything. 0 with *len == 0: nothing to write; -ENOMEM; -EFBIG: facts were
   refused. In both cases the block is lost, and the next one's head tells how much was. */
int recfile_take(struct recfile_writer *w, const void **bytes, size_t *len);

/* What is taken next begins a file of its own: it will stand alone. */
void recfile_new_file(struct recfile_writer *w);
/* What was taken did not get to the file: what later blocks rely on will be said again. */
void recfile_repeat(struct recfile_writer *w);

/* --- reading */

/* What a reader tells; pointers are valid during the call only. Routes and sites are of the router
   and the sites handed in; any of them may be NULL. begin and retract know only id and seen of a
   request; of one that is retracted `ended` is when that was found out. A request that began and
   ended in one block begins right before it ends; those that go on begin at the block's end. */
struct recfile_sink {
	void *ctx;
	void (*begin)(void *ctx, const struct request *r);
	void (*end)(void *ctx, const struct request *r);
	void (*retract)(void *ctx, const struct request *r);
	void (*stuck)(void *ctx, const struct request *r, uint64_t now, const char *where);
	void (*stall)(void *ctx, const struct stall *stall);
	void (*background)(void *ctx, const struct site *site, uint64_t now);
	void (*loop)(void *ctx, const struct loop_time *delta, uint64_t now);
	/* s->stats holds from, to and the ledger at that moment, no more; the verdict its rules. */
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
 * Reads a whole file held in memory. Everything before the first damage is handed over; the damage
 * is told. 0 (also with damage); -EINVAL: no recording, or of a newer version (damage->text says
 * which); -ENOMEM. Hostile bytes do no harm.
 */
int recfile_read(const void *bytes, size_t len, struct router *router, struct sites *sites,
		 const struct recfile_sink *sink, struct recfile_info *info,
		 struct recfile_damage *damage);

/*
 * The same piece by piece, for files that do not fit into memory. bytes: the first `len` of the
 * file (of recfile_head_read() at most RECFILE_HEAD_SIZE are looked at), or the RECFILE_BLOCK_SIZE
 * of a block. 0 or -EINVAL, damage then says what is wrong; its offset is the caller's.
 */
int recfile_head_read(const void *bytes, size_t len, struct recfile_head *head,
		      struct recfile_damage *damage);
int recfile_block_read(const void *bytes, struct recfile_block *block,
		       struct recfile_damage *damage);

struct recfile_reader;

/* NULL when out of memory. The router and the sites must outlive it, and what was made of the
 * facts. */
struct recfile_reader *recfile_reader_new(struct router *router, struct sites *sites);
void recfile_reader_free(struct recfile_reader *r);

/*
 * Hands over the facts of one block, `packed` being what follows its head. shift is added to every
 * stamp that is known; the block's head is as it was read. 0, -ENOMEM or -EINVAL with the damage.
 */
int recfile_reader_block(struct recfile_reader *r, const struct recfile_block *block,
			 const void *packed, uint64_t shift, const struct recfile_sink *sink,
			 struct recfile_damage *damage);

/* --- a state that outlives the call it came in: a copy of all but the statistics (of those from,
   to and the ledger), within the bounds of what a recording keeps. Sites are not copied: they
   outlive it. */
struct kept_summary;
struct kept_summary *kept_summary_new(void); /* NULL when out of memory */
void kept_summary_free(struct kept_summary *k);
void kept_summary_set(struct kept_summary *k, const struct summary *s);
/* The copy, for its owner to change. NULL: none was set. */
struct summary *kept_summary_get(struct kept_summary *k);
void kept_summary_clear(struct kept_summary *k); /* none is set */
/* Its list of open requests: SUMMARY_MAX_OPEN places, each with room of its own for a request. */
struct summary_open *kept_summary_open(struct kept_summary *k);

#endif
