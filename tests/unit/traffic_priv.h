/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * traffic_priv.h - what the two halves of the generator share: traffic_text.c composes what is said on
 * a connection, traffic.c plays it.
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
	uint32_t start, head_end, end;			   /* in */
	uint32_t out, interim_end, final, final_head, out_end; /* out; interim responses come first */
	char method[24];
	char path[64];
	uint16_t status;
	bool expect;	  /* the client waits for 100 before it sends the body */
	bool early;	  /* the server may answer before it has the body */
	bool until_close; /* nothing but the close ends the response */
	bool close;	  /* the server closes after it */
	bool upgrade;	  /* what follows is no HTTP */
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

#endif
