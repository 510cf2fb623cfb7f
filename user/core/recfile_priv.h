/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recfile_priv.h - what the files of recordings share; nobody else includes it.
 *
 *   recfile_write.c    facts to blocks, blocks to compressed bytes
 *   recfile_read.c     the heads of a file and of its blocks; bytes to blocks
 *   recfile_facts.c    blocks to facts
 *   recfile_request.c  one request, both ways
 *   recfile_site.c     places, and what is told of event loops, both ways
 *   recfile_state.c    one state (a summary without its statistics), both ways
 *   recfile_keep.c     a summary copied, to outlive the reader's call
 *   recfile_dict.c     what repeats within a block, numbered
 *
 * docs/recording.md describes the bytes.
 */
#ifndef RS_RECFILE_PRIV_H
#define RS_RECFILE_PRIV_H

#include <string.h>

#include "recfile.h"

#define MAGIC	      "\x89RSREC\r\n" /* what a text conversion would damage */
#define MAGIC_LEN     8
#define BLOCK_MAGIC   0x4b425352u /* "RSBK" */
#define BLOCK_RAW_MAX (1u << 20)
#define BLOCK_STATE   1u  /* flag: a state is in it */
#define PLACE_MAX     300 /* bytes of an endpoint's place */
#define TIME_MAX      (UINT64_C(1) << 62)
#define COUNT_MAX     (UINT64_C(1) << 48)

/* Facts, by the first number of each. From FACT_END on: a request that ended, of kind
   number - FACT_END - 1; FACT_END itself: a kind that is described first. */
enum fact {
	FACT_BEGIN = 1,
	FACT_RETRACT,
	FACT_STUCK,
	FACT_STATE,
	FACT_FOLD,
	FACT_STUCK_AT, /* these are of version 2 */
	FACT_STALL,
	FACT_BACKGROUND,
	FACT_LOOP,
	FACT_END = 16,
};

/* --- bytes out */

struct bytes {
	uint8_t *p; /* owned */
	size_t n, cap;
	bool failed; /* out of memory: it takes no more */
};

bool bytes_room(struct bytes *b, size_t n);
void bytes_put(struct bytes *b, const void *data, size_t n);
void bytes_string(struct bytes *b, const char *s); /* NULL and "" are told apart */
void bytes_double(struct bytes *b, double v);

static inline void bytes_u64(struct bytes *b, uint64_t v)
{
	if (b->n + 10 > b->cap && !bytes_room(b, 10))
		return;
	for (; v >= 0x80; v >>= 7)
		b->p[b->n++] = (uint8_t)(v | 0x80);
	b->p[b->n++] = (uint8_t)v;
}

static inline uint64_t zigzag(uint64_t v)
{
	return (v << 1) ^ (v >> 63 ? UINT64_MAX : 0);
}

/* The difference of two numbers that are close, whichever is larger. */
static inline void bytes_delta(struct bytes *b, uint64_t from, uint64_t to)
{
	bytes_u64(b, zigzag(to - from));
}

/* --- bytes in */

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* something was no number, or beyond the end: all that follows reads as 0 */
};

uint64_t cursor_u64_slow(struct cursor *c);
const uint8_t *cursor_take(struct cursor *c, size_t n); /* NULL: fewer are there */
double cursor_double(struct cursor *c);

static inline uint64_t cursor_u64(struct cursor *c)
{
	if (c->p < c->end && *c->p < 0x80)
		return *c->p++;
	return cursor_u64_slow(c);
}

static inline uint64_t cursor_delta(struct cursor *c, uint64_t from)
{
	uint64_t v = cursor_u64(c);

	return from + ((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

/* At most `max`; more is bad. */
uint64_t cursor_upto(struct cursor *c, uint64_t max);
/* A string of at most `max` bytes without NUL into out[max + 1]. False: it is NULL. */
bool cursor_string(struct cursor *c, char *out, size_t max);

/* --- what repeats (recfile_dict.c) */

#define DICT_MAX   8192 /* entries; what is new then is described each time */
#define DICT_SLOTS (2 * DICT_MAX)

struct dict {
	uint32_t n;
	uint32_t epoch; /* slots of another one are free */
	struct dict_slot {
		uint32_t epoch, hash, index;
	} slots[DICT_SLOTS];
};

typedef bool (*dict_same)(const void *ctx, uint32_t index);

void dict_reset(struct dict *d);
/* The index of what `same` says is it; else a new one is taken and *added is set: DICT_MAX when
   there is no room for it. */
uint32_t dict_find(struct dict *d, uint32_t hash, dict_same same, const void *ctx, bool *added);
uint32_t dict_hash(const void *data, size_t n);

/* What many requests have in common. No padding: it is compared as bytes. */
struct kind {
	struct route *route;
	const struct site *error, *stall; /* with KIND_ERROR, KIND_STALL */
	uint32_t shape;			  /* two bits a stamp, enum stamp_mode */
	uint32_t pid;
	uint16_t flags; /* KIND_* */
	uint16_t http;	/* HTTP1_F_*, those that are kept */
	uint16_t status;
	uint8_t end, cache;
	char method[HTTP1_METHOD_MAX];
};
_Static_assert(sizeof(struct kind) == 40 + HTTP1_METHOD_MAX, "struct kind has padding");

#define KIND_RECEIVED_ALL 0x01
#define KIND_HEAD_SEEN	  0x02
#define KIND_STATUS_SEEN  0x04
#define KIND_OUTPUT_LOST  0x08
#define KIND_INPUT_LOST	  0x10
#define KIND_LATE	  0x20
#define KIND_BEGUN	  0x40 /* it began in this block: no FACT_BEGIN tells */
/* Of version 2: what the interpreter told. */
#define KIND_ERROR 0x080 /* the kind has a site */
#define KIND_STALL 0x100 /* the kind has a site; the request a time */
#define KIND_GIL   0x200 /* the request has a time */
#define KIND_GC	   0x400
#define KIND_HTTP  (HTTP1_F_AUTH | HTTP1_F_PATH_CUT | HTTP1_F_HEAD_SKIPPED | HTTP1_F_TRACE_ID)

/* How a stamp is written: against the one before in the order of STAMPS. */
enum stamp_mode { STAMP_ABSENT, STAMP_EQUAL, STAMP_EARLIER, STAMP_LATER };
#define STAMPS 9

struct conn_entry {
	uint64_t conn;
	struct rs_addr peer;
};

/* --- writing */

struct begun {
	uint64_t id, seen; /* id 0: it has ended since */
};

struct told_route {
	struct route *route;
	uint32_t epoch, index; /* in the block of that number */
	bool folded;	       /* said */
};

struct recfile_writer {
	struct bytes text; /* numbers and strings that repeat */
	struct bytes nums; /* stamps and the like, which do not: apart, both compress better */
	struct bytes out;  /* what recfile_take() hands over */
	struct recfile_block head; /* of the block under way */
	struct recfile_head file;
	bool new_file;
	bool started;	/* a block is under way */
	uint32_t epoch; /* counts the blocks */
	int64_t wall_offset;
	int error;
	uint64_t clock; /* the latest time of any fact */
	uint64_t begun, ended;
	uint64_t base, last_id, last_conn; /* what deltas refer to */
	struct rs_addr last_peer;

	struct hashmap open; /* id -> place in begins[] + 1, of those that began in this block */
	struct begun *begins;
	uint32_t n_begins, cap_begins;

	struct dict kinds, conns, paths;
	struct kind kind[DICT_MAX];
	struct conn_entry conn[DICT_MAX];
	struct {
		uint32_t at, len; /* in text */
	} path[DICT_MAX];
	struct told_route *routes;     /* by id */
	uint32_t cap_routes, n_routes; /* n_routes: numbered in this block */
	struct told_site {
		uint32_t epoch, index; /* in the block of that number */
	} sites[SITES_MAX];	       /* by id */
	uint32_t n_sites;	       /* numbered in this block */
};

/* Notes the time of a fact. False: there is no room for it. */
bool recfile_enter(struct recfile_writer *w, uint64_t t);
void write_site(struct recfile_writer *w, const struct site *site); /* may be NULL */

void write_time(struct recfile_writer *w, uint64_t t);
void write_route(struct recfile_writer *w, struct route *route);
/* fact: 0 for a request within another fact. flags: KIND_BEGUN or 0. */
void write_request(struct recfile_writer *w, const struct request *r, unsigned fact,
		   unsigned flags);
void write_state(struct recfile_writer *w, const struct summary *s);

/* --- a state: bounds of what is kept of one, and room for it */

#define STATE_PIDS	2048 /* processes, generations, workers */
#define STATE_PORTS	256
#define STATE_LISTENERS 256
#define STATE_FEATURES	16
#define STATE_DEPLOYS	64
#define STATE_STRING	255 /* bytes of a string, at most */
#define STATE_VERSION	63
#define STATE_WHERE	(2 * SITE_TEXT_MAX + 15) /* a place, and what it waits on */
#define STATE_STRINGS	(288u << 10)

struct kept_summary {
	bool set;
	struct summary s;   /* its pointers lead into what follows */
	struct stats stats; /* from, to and the ledger */
	uint32_t pids[STATE_PIDS];
	uint16_t ports[STATE_PORTS];
	struct summary_generation generations[STATE_PIDS];
	struct summary_worker workers[STATE_PIDS];
	struct summary_listener listeners[STATE_LISTENERS];
	struct summary_feature features[STATE_FEATURES];
	struct summary_deploy deploys[STATE_DEPLOYS];
	struct summary_open open[SUMMARY_MAX_OPEN];
	struct request requests[SUMMARY_MAX_OPEN];
	struct summary_wait waits[SUMMARY_MAX_WAITS];
	size_t used; /* of strings */
	char strings[STATE_STRINGS];
};

/* A copy of at most `max` bytes; NULL of NULL, and when there is no room left. */
const char *kept_string(struct kept_summary *k, const char *s, size_t max);

/* --- reading */

struct recfile_reader {
	struct router *router;
	struct sites *sites;
	const struct recfile_sink *sink;
	const struct recfile_block *head;
	uint64_t shift;
	struct cursor text, nums;
	uint64_t base, last_id, last_conn;
	struct rs_addr last_peer;
	uint32_t n_kinds, n_conns, n_paths, n_routes, cap_routes;
	struct kind kind[DICT_MAX];
	struct conn_entry conn[DICT_MAX];
	struct {
		const uint8_t *p;
		uint32_t len;
	} path[DICT_MAX];
	struct route **routes;
	const struct site *site[SITES_MAX];
	uint32_t n_sites;
	struct request request;	    /* the one that is handed over */
	struct kept_summary *state; /* the one that is handed over */
	uint8_t raw[BLOCK_RAW_MAX];
};

/* A route that may be none; beyond what is known the cursor is bad. */
struct route *read_route(struct recfile_reader *r);
/* The same of a site; NULL also where the sites are full. */
const struct site *read_site(struct recfile_reader *r);
/* The facts of what is told of no request: all of each behind its number. */
void read_stall_fact(struct recfile_reader *r);
void read_background_fact(struct recfile_reader *r);
void read_loop_fact(struct recfile_reader *r);
/* Whether a fact of that time may be in this block; what contradicts the block's head is forged. */
bool read_within(struct recfile_reader *r, uint64_t t);
/* Fills out from the facts; kind_of: the first number, less FACT_END. Returns the kind's flags. */
unsigned read_request(struct recfile_reader *r, uint64_t kind_of, struct request *out);
/* Into r->state. */
void read_state(struct recfile_reader *r);
uint64_t read_time(struct recfile_reader *r);
/* All facts of the block. 0, -EINVAL, -ENOMEM. */
int read_facts(struct recfile_reader *r);

#endif
