/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stream.h - event streams made by hand: records as the kernel side writes them, kept in a list so that
 * they can be replayed whole, cut, or with some missing.
 */
#ifndef RS_TEST_STREAM_H
#define RS_TEST_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/events.h"
#include "../../user/core/tracer.h"

struct stream_record {
	void *data; /* owned, aligned to 8 */
	size_t size;
};

struct stream {
	struct stream_record *list;
	size_t n, cap;
	uint32_t snap_in, snap_out, snap_head; /* bounds of what is copied, as the kernel side's */
};

/* What the kernel knows of a connection, on the test's side. */
struct stream_conn {
	uint64_t id;
	uint32_t seq, pid;
	uint32_t in_pos, in_end, out_pos;
	uint64_t peer_fin;
	bool unix_socket, closed;
	struct rs_arrival arrivals[RS_MAX_ARRIVALS];
	uint32_t n_arrivals;
};

void stream_init(struct stream *s);
void stream_free(struct stream *s);

struct stream_conn stream_conn(uint64_t id, uint32_t pid);
void stream_open(struct stream *s, struct stream_conn *c, uint64_t established, uint64_t accepted);
/* It existed before; last_in and last_out as in struct rs_ev_open. */
void stream_open_late(struct stream *s, struct stream_conn *c, uint64_t ts, uint64_t last_in,
		      uint64_t last_out);
/* n bytes come into the socket. */
void stream_arrive(struct stream_conn *c, uint64_t ts, uint32_t n);
/* A read returns n bytes that have arrived. */
void stream_read(struct stream *s, struct stream_conn *c, uint64_t ts, const void *data, uint32_t n);
/* Both: they arrive and are read. */
void stream_in(struct stream *s, struct stream_conn *c, uint64_t arrived, uint64_t read,
	       const char *text);
/* A write of n bytes, between entry and exit; one buffer. */
void stream_write(struct stream *s, struct stream_conn *c, uint64_t entry, uint64_t exit,
		  const void *data, uint32_t n);
/* The same while an exception is handled. */
void stream_write_error(struct stream *s, struct stream_conn *c, uint64_t entry, const char *text,
			const struct rs_error *error);
void stream_out(struct stream *s, struct stream_conn *c, uint64_t ts, const char *text);
void stream_eof(struct stream *s, struct stream_conn *c, uint64_t ts);
void stream_close(struct stream *s, struct stream_conn *c, uint64_t ts, bool by_server, bool reset);
/* An event that the ring had no room for. */
void stream_lose_last(struct stream *s);

/* The connection's state for a census at ts. */
struct rs_census stream_census(const struct stream_conn *c, uint64_t ts);

/* A tracer with the ended requests copied aside. */
struct harness {
	struct router *router;
	struct tracer *tracer;
	struct request ended[256];
	uint32_t n_ended;
	int64_t begun, retracted;
	uint32_t errors; /* that were told */
	struct rs_error error; /* the last of them, and whose it is */
	uint64_t error_request;
	uint64_t annotated; /* requests, each before its end */
};
void harness_init(struct harness *h);
void harness_free(struct harness *h);
/* Hands all records over, and forgets them. */
void harness_run(struct harness *h, struct stream *s);
/* Compares with these states of the kernel. */
void harness_census(struct harness *h, uint64_t ts, const struct stream_conn *const *conns, size_t n);
/* Open requests; the oldest by id goes to *first when there is one. */
uint32_t harness_open(struct harness *h, struct request *first);

/* What most tests of the tracer begin with: one connection that nothing has happened on. */
struct one_conn {
	struct harness h;
	struct stream s;
	struct stream_conn c;
};
int one_conn_setup(void **state); /* of cmocka */
int one_conn_teardown(void **state);

#endif
