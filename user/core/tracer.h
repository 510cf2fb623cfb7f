/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tracer.h - events in, requests out: the table of connections and the accounting around it.
 *
 * The tracer owns connections and open requests. Whoever wants to know of requests hands in a struct
 * request_sink; the pointers it is given are valid during the call only. Pure: time comes with the
 * events. Memory is bounded by the options.
 */
#ifndef RS_TRACER_H
#define RS_TRACER_H

#include <stddef.h>

#include "decode.h"
#include "request.h"
#include "route.h"

struct request_sink {
	void *ctx;
	void (*begin)(void *ctx, const struct request *r);
	void (*end)(void *ctx, const struct request *r);
	/* what had begun turned out to be no HTTP request: its begin is taken back */
	void (*retract)(void *ctx, const struct request *r);
	/* Optional. error: the head of r, 4xx or 5xx, was written while this exception was handled; what
	   it is and where it was raised is for the callee to find out (request.error). annotate: r is about
	   to end, what else is known of it can be added (request.stall, gil_wait, gc). */
	void (*error)(void *ctx, struct request *r, const struct rs_error *error);
	void (*annotate)(void *ctx, struct request *r);
};

struct tracer_options {
	uint32_t max_conns; /* connections followed at once */
	uint32_t max_open;  /* open requests held at once */
};
#define TRACER_DEFAULTS {.max_conns = 16384, .max_open = 16384}

struct tracer_counts {
	uint64_t events;	/* records taken */
	uint64_t malformed;	/* records refused */
	uint64_t gaps;		/* places where a connection's events were missing */
	uint64_t lost;		/* events known to be missing there */
	uint64_t late_attached; /* exchanges under way when their connection was met */
	uint64_t evicted;	/* connections or requests beyond the bounds */
	uint64_t conns;		/* connections met */
	uint64_t not_http;	/* connections that spoke something else; of these: */
	uint64_t tls, http2, proxy, other;
};

struct tracer;

/* router stays the caller's and must outlive the tracer. NULL when out of memory. */
struct tracer *tracer_new(const struct tracer_options *options, struct router *router,
			  const struct request_sink *sink);
void tracer_free(struct tracer *t);

/*
 * Takes one event, in the order of the ring. Those of processes, listeners and the interpreter
 * alone (stalls, pauses, what was logged) are not its business and are ignored. 0 or -EINVAL
 * (malformed, counted, ignored).
 *
 * Two CPUs may put events of one connection into the ring in the other order than they were numbered.
 * One that comes too early is held back until those before it have come, or until tracer_settle()
 * was called twice: then they are lost. So is a client's reset while a request is open, for a response
 * that was sent before it and is told after it.
 */
int tracer_event(struct tracer *t, const void *record, size_t size);

/* To be called after each drain of the ring. */
void tracer_settle(struct tracer *t);

/*
 * The census: what the kernel holds, compared with what the events told. Begin once it has been taken;
 * then hand in every event emitted before, with those that came meanwhile; then one call for each
 * connection, and end. Afterwards nothing is open that the kernel knows to be answered or gone, and
 * everything is open that lies unread.
 *
 * tracer_census_end() returns how many connections moved bytes in the kernel of which no event has
 * told yet. A thread may be between the two; what still is so at the next census, without an event in
 * between, went through a call that is not hooked, and is unknown. So when it is not 0, a second census
 * a moment later should follow before anything is reported.
 */
/* start: when the census began to be taken, monotonic ns. */
void tracer_census_begin(struct tracer *t, uint64_t start);
void tracer_census_conn(struct tracer *t, const struct rs_census *c);
uint32_t tracer_census_end(struct tracer *t, uint64_t now);

const struct tracer_counts *tracer_counts(const struct tracer *t);

/* Open requests, in no particular order. One whose response began, but where that ends lies in
   bytes that were not copied, is not among them: it may have been answered long ago. */
typedef void (*tracer_visit)(void *ctx, struct request *r);
void tracer_visit_open(struct tracer *t, tracer_visit visit, void *ctx);

/* Connections on which something was under way when tracing began and is not answered yet: their
   number, and since when the longest waits (monotonic ns; 0 unknown). */
uint64_t tracer_late_hung(struct tracer *t, uint64_t *since);

#endif
