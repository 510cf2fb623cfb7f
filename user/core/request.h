/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * request.h - one HTTP request with its stamps, and the arithmetic of its phases
 * (docs/architecture.md).
 */
#ifndef RS_REQUEST_H
#define RS_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "../proto/http1.h"
#include "../../bpf/events.h"

enum request_end {
	REQ_OPEN, /* not an end */
	REQ_OK,
	REQ_CLIENT_CLOSED,
	REQ_SERVER_CLOSED,
	REQ_UPGRADED,
	REQ_UNKNOWN,
	REQ_ENDS
};

enum request_phase { PHASE_QUEUE, PHASE_RECV, PHASE_APP, PHASE_SEND, PHASES };

struct route;
struct site;

/* Stamps are CLOCK_MONOTONIC ns, 0 = not known. Owned by the connection that carries it. */
struct request {
	struct request *next; /* in its connection's queue, oldest first */
	uint64_t id;	      /* counts from 1 within one run */
	uint64_t conn;
	uint32_t pid; /* process that read it; before that, the listener's */
	uint8_t end;  /* enum request_end */
	bool received_all;
	bool head_seen;	     /* request line and fields are known: http is valid */
	bool status_seen;    /* a final response head was seen: status is valid */
	bool stuck_reported; /* it was traced as open once */
	bool output_lost;    /* where the response ends is not known: bytes_out neither */
	bool input_lost;     /* where it ends is not known, nor then when it was received */
	bool late;	     /* began before tracing: its arrival is a lower bound only */
	uint16_t status;
	uint8_t cache; /* enum http1_cache */

	uint64_t established, accepted; /* first request of its connection only */
	uint64_t arrived, read, received, head, done;
	uint64_t ended; /* when it left the open state, whatever the end; for ok it is done */
	uint64_t seen;	/* when we first knew of it: age of an open request whose arrival is unknown
			 */

	uint64_t bytes_in, bytes_out;
	struct rs_addr peer;
	uint32_t tid;		  /* thread that read it; 0 unknown */
	const struct site *error; /* the exception behind its 4xx or 5xx; NULL: none was seen */
	struct {
		const struct site *site; /* of the longest stall of its loop while it lay unread; NULL */
		uint64_t ns;		 /* of its queue that were in such stalls */
	} stall;
	uint64_t gil_wait, gc; /* ns of its app phase in which its thread waited for the GIL, or collected */
	struct route *route; /* NULL until head_seen */
	struct http1_head http;
};

/* Durations in ns; negative = absent. */
struct phases {
	int64_t queue, recv, app, send;
	int64_t total, ttfb, accept_wait;
	int64_t abandoned; /* client_closed: arrival to the client's leaving */
};

/* The phases of a request as its stamps allow. When total is there, it is the exact sum of the
 * four. */
void request_phases(const struct request *r, struct phases *p);

/* In which phase an open request is at the moment, and its age (ns) at `now`. */
enum request_phase request_open_phase(const struct request *r);
uint64_t request_age(const struct request *r, uint64_t now);

const char *request_end_name(enum request_end end);	  /* "ok", "client_closed", ... */
const char *request_phase_name(enum request_phase phase); /* "queue", ... */

#endif
