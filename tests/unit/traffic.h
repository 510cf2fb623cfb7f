/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * traffic.h - random connections with valid exchanges, made from a seed, as the event stream that
 * the kernel side would write of them, with the truth kept beside.
 *
 * Each connection is simulated: a client that sends when it may, bytes that arrive in pieces, a
 * server that reads and writes when it may. The truth comes from the simulation's own notes of
 * which byte was moved when, by the definitions of docs/architecture.md; it knows nothing of
 * parsers and gaps.
 */
#ifndef RS_TEST_TRAFFIC_H
#define RS_TEST_TRAFFIC_H

#include "stream.h"

/* What traffic_generate() may do. */
#define TRAFFIC_LATE 0x01 /* attach in the middle of some connections */
#define TRAFFIC_LARGE \
	0x02 /* heads and bodies beyond the copy bounds, which are the kernel side's */

struct traffic_truth {
	uint32_t conn;	    /* index of its connection */
	uint32_t index;	    /* of the request on its connection */
	struct request r;   /* as it is to be reported, or REQ_OPEN */
	bool counted;	    /* it began, as the design defines that */
	bool seen_whole;    /* it began after tracing did, at a boundary that cannot be missed */
	bool arrived_free;  /* the stamp of its first byte may be absent (merged, or before tracing)
			     */
	bool received_free; /* likewise of its last byte, or its framing lies beyond what is copied
			     */
	bool end_free;	    /* where its response ends lies beyond what is copied */
	bool upgrade;	    /* it asks for one */
	uint64_t read_at;   /* when the event came out that tells of its first byte; 0: none */
	uint64_t done_at;   /* ... of its end; UINT64_MAX: none */
};

struct traffic_event {
	uint64_t at; /* when it is put into the ring */
	uint32_t conn;
	uint32_t seq;
	uint16_t type;
	size_t size;
	void *data; /* owned */
};

/* The kernel's state of one connection from `at` on. */
struct traffic_state {
	uint64_t at;
	bool there;
	struct rs_census census;
};

struct traffic_conn {
	uint64_t id;
	bool unix_socket, late, http, pipelines;
	bool sliding; /* it sends the next request while it waits for an answer, again and again */
	struct traffic_state *states;
	size_t n_states, cap_states;
};

struct traffic {
	uint64_t seed;
	struct traffic_event *events; /* of all connections, as they come out of the ring */
	size_t n_events, cap_events;
	struct traffic_truth *truth; /* ascending by connection and place on it */
	size_t n_truth, cap_truth;
	struct traffic_conn conns[4];
	uint32_t n_conns;
};

void traffic_generate(struct traffic *t, uint64_t seed, unsigned what);
void traffic_free(struct traffic *t);

/* The census that the kernel would have given at `at`; room for all connections. */
size_t traffic_census(const struct traffic *t, uint64_t at, struct rs_census *out);

/* Whether this report can be of that request: nothing it says was otherwise. Absent is allowed. */
bool traffic_explains(const struct traffic_truth *t, const struct request *r);

void traffic_print(const struct traffic *t);
void traffic_print_request(const char *what, const struct request *r);

/* A sequence of random numbers: the same on every machine. */
struct random {
	uint64_t state;
};
uint64_t random_next(struct random *r);
/* 0 .. below - 1 */
uint32_t random_below(struct random *r, uint32_t below);
bool random_chance(struct random *r, uint32_t percent);

#endif
