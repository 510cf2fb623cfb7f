/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * traffic_priv.h - what the parts of the generator share: traffic_text.c composes what is said on a
 * connection, traffic.c plays it, traffic_truth.c tells what came of it.
 */
#ifndef RS_TEST_TRAFFIC_PRIV_H
#define RS_TEST_TRAFFIC_PRIV_H

#include "traffic.h"

#define EXCHANGES_MAX 8

struct text {
	char *data;
	uint32_t n, cap;
};

/* Places in the connection's two texts. */
struct exchange {
	uint32_t start, head_end, end; /* in */
	uint32_t out, interim_end, final, final_head,
		out_end; /* out; interim responses come first */
	char method[24];
	char path[64];
	uint16_t status;
	bool expect;		  /* the client waits for 100 before it sends the body */
	bool early;		  /* the server may answer before it has the body */
	bool until_close;	  /* nothing but the close ends the response */
	bool close;		  /* the server closes after it */
	bool upgrade;		  /* what follows is no HTTP */
	bool loose_in, loose_out; /* framing lies beyond what is copied */
};

struct script {
	struct text in, out;
	struct exchange x[EXCHANGES_MAX];
	uint32_t n;
	bool http; /* false: in is something else */
};

/* n exchanges; `conn` makes their paths unlike those of other connections. */
void script_compose(struct script *s, struct random *r, uint32_t conn, uint32_t n, bool large);
void script_free(struct script *s);

#define ESTABLISHED 100 /* stamp of a TCP connection's handshake, before everything else */

/* Bytes [from, to) of one direction, moved by one call or one packet. */
struct move {
	uint32_t from, to;
	uint64_t ts;
	uint64_t order; /* of all that happened on the connection */
	uint64_t told;	/* when its event came out */
	bool loose;	/* its stamp is perhaps not to be had */
};

struct moves {
	struct move *list;
	uint32_t n, cap;
};

enum grain { GRAIN_WHOLE, GRAIN_MIXED, GRAIN_BYTE };

/* What cuts a connection's life short. */
enum cut { CUT_NONE, CUT_FIN, CUT_HALF_CLOSE, CUT_RESET, CUT_SERVER, CUT_RECORDING };

struct play {
	struct traffic *t;
	struct traffic_conn *conn;
	struct random *r;
	uint32_t index;
	struct script script;
	struct stream stream;
	struct stream_conn k;
	uint32_t base; /* of the kernel's positions */
	uint64_t now, order;
	/* the plan */
	enum grain arrive, read, write;
	uint32_t depth;
	bool impatient; /* does not wait for 100 */
	bool joins;	/* writes responses together when it can */
	enum cut cut;
	uint64_t cut_at, attach_at; /* steps */
	/* how far it has come */
	uint64_t step;
	uint32_t sent, taken, written; /* bytes that arrived, were read, were handed over */
	uint32_t writing;	       /* > written: a call is under way, up to here */
	uint64_t entry;
	bool accepted, attached, fin, reset, closed, by_server, stopped;
	uint64_t accepted_at, fin_at, closed_at, attached_at;
	struct moves arrivals, reads, writes;
};

/* Adds the connection's requests to the traffic's truth. */
void play_tell_truth(struct play *p);

#endif
