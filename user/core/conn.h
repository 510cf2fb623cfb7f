/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * conn.h - one connection: two byte streams with positions, and the queue of its requests.
 * Private to the core; the outside sees tracer.h.
 *
 * Input that is in step (CONN_SYNC) runs through the request parser; what it begins goes to the end of
 * the queue, what the response parser ends leaves at the front. A gap in the events makes every open
 * request of the connection unknown and sends it to wait for a message boundary: a response, then
 * input that starts like a request and came after it. Until such a request has its response it may
 * still turn out to be none (a body's piece, say), so nothing is concluded from its connection's end.
 * Who was seen to pipeline, or to ask for an upgrade, shows no boundary any more.
 */
#ifndef RS_CONN_H
#define RS_CONN_H

#include "tracer.h"
#include "pool.h"
#include "../lib/hashmap.h"

enum conn_state {
	CONN_SYNC,     /* both streams are followed */
	CONN_WAIT_OUT, /* out of step, or late: a response must come first */
	CONN_WAIT_IN,  /* then the next input that starts like a request is a boundary */
	CONN_TUNNEL,   /* upgraded */
	CONN_OPAQUE,   /* not HTTP */
	CONN_CLOSED,   /* RS_EV_CLOSE came */
};

/* A position of 64 bits, from 32-bit ones that advance by less than 2 GiB at a time. */
static inline uint64_t position_extend(uint64_t near, uint32_t pos)
{
	return near + (int64_t)(int32_t)(pos - (uint32_t)near);
}

/* Of a connection whose beginning was not seen, extended positions may wrap, too. */
static inline bool position_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

struct conn {
	uint64_t id;
	uint32_t seq; /* of the last event taken */
	uint32_t pid;
	uint8_t state; /* enum conn_state */
	bool late;	    /* met after it began, and no boundary has been seen yet */
	bool under_way;	    /* ... and its last bytes were received: something awaits an answer */
	bool in_lost;	    /* where the current input message ends is not known */
	bool out_lost;	    /* ... the current response */
	bool unix_socket;
	bool pending;	    /* not accepted yet */
	bool retired;	    /* the filling request has left the queue and only its input goes on */
	bool out_started;   /* bytes of the current response have been seen */
	bool pipelines;	    /* a request came while another was not answered */
	bool presumed;	    /* late, and its boundary judged by looks alone: not confirmed by an answer yet */
	bool doubtful;	    /* no exchange has been seen whole since events were lost */
	bool unproven;	    /* the first request since a boundary was found has no head yet */
	bool asked;	    /* out of step: something has come in since the last response began */
	bool suspect;	    /* at the last census the kernel had moved bytes that no event told of */
	bool first_unknown; /* when the bytes of the next input arrived is not known */
	uint16_t stamp;	    /* census at which it was seen last */
	uint64_t met;	    /* stamp of its first event */
	uint64_t in, out;   /* next positions */
	uint64_t in_unknown; /* bytes before this position arrived at an unknown time */
	uint64_t established, accepted, peer_fin;
	uint64_t last_in, last_out; /* late ones; last_out is the entry of the last write, too */
	uint64_t last_write;	    /* entry of the last write that was seen */
	uint64_t out_start;	    /* entry of the write with the response's first byte */
	uint64_t requests;
	uint64_t forgone; /* requests ended as unknown whose responses may still come */
	struct rs_addr peer;
	struct request *first, *last; /* begun and not ended, oldest first */
	struct request *filling;      /* whose input message is not complete */
	struct http1_head *response;  /* head of the response under way */
	struct held *held;	      /* owned */
	struct conn *next_held;	      /* connections that hold events */
	struct http1 *in_parser, *out_parser;
};

/* An event that came before those numbered below it. */
struct held {
	struct held *next; /* of the same connection, ascending */
	uint32_t settles;  /* tracer_settle() calls it has waited through */
	size_t size;
	_Alignas(8) unsigned char record[];
};

/* Connections that ended, by id. */
struct over {
	struct hashmap ids;
	bool full; /* some are missing */
};

struct tracer {
	struct tracer_options options;
	struct router *router;
	struct request_sink sink;
	struct tracer_counts counts;
	struct hashmap conns;
	struct pool conn_pool, request_pool, head_pool;
	uint64_t next_request;
	uint16_t census;
	uint64_t census_start;
	uint32_t suspects;
	bool taking;	     /* between the begin of a census and its end */
	struct over over[2]; /* this time's, and those before */
	struct conn *holders;
	size_t held_bytes;
};

/* conn.c: life and accounting of one connection */
struct conn *conn_new(struct tracer *t, uint64_t id);
void conn_free(struct tracer *t, struct conn *c);
/* Begins a request whose first byte is at `at`; NULL at the bound (the connection then is lost). */
struct request *conn_begin(struct tracer *t, struct conn *c, uint64_t arrived, uint64_t now);
/* The route of a request whose head is known. */
struct route *conn_route(struct router *router, const struct request *r);
/* Ends the oldest request. */
void conn_end_first(struct tracer *t, struct conn *c, enum request_end end, uint64_t when);
/* Events are missing: all that is open is unknown, wait for a boundary. */
void conn_lost(struct tracer *t, struct conn *c, uint64_t now);
/* The newest request, which is not read whole, was none: its begin is taken back. */
void conn_retract_last(struct tracer *t, struct conn *c);
/* These bytes are not HTTP. */
void conn_not_http(struct tracer *t, struct conn *c, const uint8_t *data, size_t n, uint64_t now);
void conn_close(struct tracer *t, struct conn *c, const struct event *e);
/* The response under way is over (or given up): its head's memory goes back. */
void conn_response_reset(struct tracer *t, struct conn *c);

/* conn_in.c, conn_out.c: what came in, what went out */
void conn_input(struct tracer *t, struct conn *c, const struct event *e);
void conn_output(struct tracer *t, struct conn *c, const struct event *e);

/* order.c: events in the order of their numbers. Returns false when the event must wait or has been
   counted as lost already. */
bool order_admit(struct tracer *t, struct conn *c, const void *record, size_t size);
/* The next held event whose turn it is, or NULL; the caller frees it. waited: all that will still come has
   come. */
struct held *order_next(struct tracer *t, struct conn *c, bool waited);
/* Whether its end has been told and waits. */
bool order_ends(const struct conn *c);
void order_drop(struct tracer *t, struct conn *c);
/* over.c: connections whose end was told lately, since the last tracer_settle() but one and as long as
   a census is taken. */
void over_note(struct tracer *t, uint64_t id);
bool over_has(const struct tracer *t, uint64_t id);
/* There were more than are remembered. */
bool over_forgets(const struct tracer *t);
void over_settle(struct tracer *t);
void over_free(struct tracer *t);
/* tracer.c: takes what c holds, what is missing before it being lost. */
void tracer_release(struct tracer *t, struct conn *c);

/* arrival.c: when the byte at `at` arrived; 0 when that is not known. */
struct arrivals {
	const struct rs_arrival *list;
	uint32_t n;
	uint64_t near;	  /* for extending positions */
	uint64_t unknown; /* bytes before it arrived at an unknown time */
};
uint64_t arrival_at(const struct arrivals *a, uint64_t at);

#endif
