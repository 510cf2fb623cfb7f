// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tracer.c - from events to requests: stamps, ends, gaps, boundaries, the census.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define MS 1000000ULL
#define GET "GET /items/7?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void opened(struct one_conn *f)
{
	stream_open(&f->s, &f->c, 1 * MS, 2 * MS);
}

/* Runs what is there and gives the i-th ended request. */
static const struct request *ended(struct one_conn *f, uint32_t i)
{
	harness_run(&f->h, &f->s);
	assert_true(i < f->h.n_ended);
	return &f->h.ended[i];
}

static void check(const struct request *r, enum request_end end, unsigned status)
{
	assert_string_equal(request_end_name(r->end), request_end_name(end));
	assert_int_equal(r->status, status);
}

static void check_phases(const struct request *r, int64_t queue, int64_t recv, int64_t app,
			 int64_t send)
{
	struct phases p;

	request_phases(r, &p);
	assert_int_equal(p.queue, queue);
	assert_int_equal(p.recv, recv);
	assert_int_equal(p.app, app);
	assert_int_equal(p.send, send);
}

static void test_get(void **state)
{
	struct one_conn *f = *state;
	const struct request *r;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 12 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	r = ended(f, 0);
	check(r, REQ_OK, 200);
	check_phases(r, 2 * MS, 0, 8 * MS, 0);
	assert_string_equal(r->http.method, "GET");
	assert_int_equal(r->http.path_len, strlen("/items/7"));
	assert_string_equal(r->route->template, "/items/{id}");
	assert_int_equal(r->established, 1 * MS);
	assert_int_equal(r->accepted, 2 * MS);
	assert_int_equal(r->pid, 42);
	assert_int_equal(r->bytes_in, strlen(GET));
	assert_int_equal(r->bytes_out, strlen(OK));
	assert_int_equal(f->h.begun, 1);
}

static void test_keep_alive(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	for (uint64_t i = 0; i < 5; i++) {
		stream_in(&f->s, &f->c, (100 * i + 10) * MS, (100 * i + 11) * MS, GET);
		stream_out(&f->s, &f->c, (100 * i + 15) * MS, OK);
	}
	for (uint32_t i = 0; i < 5; i++) {
		check(ended(f, i), REQ_OK, 200);
		check_phases(&f->h.ended[i], 1 * MS, 0, 4 * MS, 0);
	}
	assert_int_equal(f->h.n_ended, 5);
	assert_int_equal(f->h.ended[1].accepted, 0); /* a connection's first request only */
}

static void test_slow_upload(void **state)
{
	struct one_conn *f = *state;
	const struct request *r;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "POST /up HTTP/1.1\r\nContent-Length: 8\r\n\r\nabc");
	stream_in(&f->s, &f->c, 50 * MS, 51 * MS, "defgh");
	stream_out(&f->s, &f->c, 60 * MS, OK);
	r = ended(f, 0);
	check(r, REQ_OK, 200);
	check_phases(r, 1 * MS, 39 * MS, 10 * MS, 0); /* received at 50, read at 11 */
}

static void test_early_response(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "POST /up HTTP/1.1\r\nContent-Length: 8\r\n\r\nabc");
	stream_out(&f->s, &f->c, 20 * MS, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
	check(ended(f, 0), REQ_OK, 413);
	/* the app answered without waiting for the rest */
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 0);
	/* the rest of the body is nobody's request, what follows it is */
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, "defgh" GET);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	check(ended(f, 1), REQ_OK, 200);
	assert_int_equal(f->h.begun, 2);
}

static void test_pipelined(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET GET GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_out(&f->s, &f->c, 30 * MS, OK);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	ended(f, 2);
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 0);
	/* behind the previous answer a request waits in the queue */
	check_phases(&f->h.ended[1], 10 * MS, 0, 10 * MS, 0);
	check_phases(&f->h.ended[2], 20 * MS, 0, 10 * MS, 0);
}

static void test_stream(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	stream_out(&f->s, &f->c, 30 * MS, "3\r\nabc\r\n");
	harness_run(&f->h, &f->s);
	{
		struct request open;

		assert_int_equal(harness_open(&f->h, &open), 1);
		assert_int_equal(request_open_phase(&open), PHASE_SEND);
	}
	stream_out(&f->s, &f->c, 50 * MS, "0\r\n\r\n");
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 30 * MS);
}

/* A large chunk is copied in part only; its arithmetic proves the end all the same. */
static void test_large_chunk(void **state)
{
	struct one_conn *f = *state;
	static char body[20000];
	int n;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	n = sprintf(body, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", 15000);
	memset(body + n, 'x', 15000);
	strcpy(body + n + 15000, "\r\n0\r\n\r\n");
	stream_write(&f->s, &f->c, 20 * MS, 21 * MS, body, strlen(body));
	check(ended(f, 0), REQ_OK, 200);
	assert_int_equal(f->h.ended[0].done, 20 * MS);
}

/* Two chunks in one segment: the second's size lies in what was not copied. */
static void test_lost_framing(void **state)
{
	struct one_conn *f = *state;
	static char body[20000];
	struct phases p;
	int n;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	n = sprintf(body, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", 6000);
	memset(body + n, 'x', 6000);
	n += 6000;
	n += sprintf(body + n, "\r\n%x\r\n", 6000);
	memset(body + n, 'x', 6000);
	strcpy(body + n + 6000, "\r\n0\r\n\r\n");
	stream_write(&f->s, &f->c, 20 * MS, 21 * MS, body, strlen(body));
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	request_phases(&f->h.ended[0], &p);
	assert_true(p.send < 0 && p.total < 0); /* absent, not zero */
	assert_int_equal(p.ttfb, 10 * MS);
	check(&f->h.ended[1], REQ_OK, 200);
	check_phases(&f->h.ended[1], 1 * MS, 0, 9 * MS, 0);
}

static void test_long_head(void **state)
{
	struct one_conn *f = *state;
	static char head[40000];
	struct phases p;
	int n = sprintf(head, "GET /x HTTP/1.1\r\nCookie: ");

	memset(head + n, 'c', 30000);
	strcpy(head + n + 30000, "\r\n\r\n");
	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, head);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	assert_string_equal(f->h.ended[0].route->template, "/x");
	request_phases(&f->h.ended[0], &p);
	assert_int_equal(p.queue, 1 * MS);
	assert_int_equal(p.total, 10 * MS); /* status and times stay exact */
	assert_true(p.recv < 0 && p.app < 0); /* where the request ends was not seen */
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	check(ended(f, 1), REQ_OK, 200);
	assert_int_equal(f->h.begun, 2);
}

static void test_interim(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS,
		  "POST /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	stream_out(&f->s, &f->c, 12 * MS, "HTTP/1.1 100 Continue\r\n\r\n");
	stream_in(&f->s, &f->c, 20 * MS, 21 * MS, "abc");
	stream_out(&f->s, &f->c, 30 * MS, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	check(ended(f, 0), REQ_OK, 201);
	assert_int_equal(f->h.ended[0].head, 30 * MS);
	assert_int_equal(f->h.n_ended, 1);
}

static void test_no_body(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "HEAD /x HTTP/1.1\r\n\r\n");
	stream_out(&f->s, &f->c, 20 * MS, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET);
	stream_out(&f->s, &f->c, 40 * MS, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
	stream_in(&f->s, &f->c, 50 * MS, 51 * MS, GET);
	stream_out(&f->s, &f->c, 60 * MS, "HTTP/1.1 204 No Content\r\n\r\n");
	check(ended(f, 2), REQ_OK, 204);
	check(&f->h.ended[0], REQ_OK, 200);
	check(&f->h.ended[1], REQ_OK, 304);
}

static void test_until_close(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "GET /x HTTP/1.0\r\n\r\n");
	stream_out(&f->s, &f->c, 20 * MS, "HTTP/1.0 200 OK\r\n\r\nabc");
	stream_out(&f->s, &f->c, 30 * MS, "def");
	stream_close(&f->s, &f->c, 40 * MS, true, false);
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 10 * MS); /* the last byte left at 30 */
}

static void test_client_gone(void **state)
{
	struct one_conn *f = *state;
	struct phases p;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_eof(&f->s, &f->c, 50 * MS);
	harness_run(&f->h, &f->s);
	assert_int_equal(harness_open(&f->h, NULL), 1); /* a half-closed client may still be served */
	stream_close(&f->s, &f->c, 60 * MS, false, false);
	check(ended(f, 0), REQ_CLIENT_CLOSED, 0);
	request_phases(&f->h.ended[0], &p);
	assert_int_equal(p.abandoned, 40 * MS);
	assert_true(p.total < 0);
}

static void test_half_closed_client(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_eof(&f->s, &f->c, 12 * MS);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_close(&f->s, &f->c, 21 * MS, false, false);
	check(ended(f, 0), REQ_OK, 200);
	assert_int_equal(f->h.n_ended, 1);
}

static void test_reset_in_stream(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "GET /x HTTP/1.0\r\n\r\n");
	stream_out(&f->s, &f->c, 20 * MS, "HTTP/1.0 200 OK\r\n\r\nabc");
	stream_close(&f->s, &f->c, 40 * MS, false, true);
	check(ended(f, 0), REQ_CLIENT_CLOSED, 200);
}

static void test_server_closed(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	stream_close(&f->s, &f->c, 30 * MS, true, false);
	check(ended(f, 0), REQ_SERVER_CLOSED, 200);
}

static void test_idle_close(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_close(&f->s, &f->c, 5000 * MS, true, false);
	check(ended(f, 0), REQ_OK, 200);
	assert_int_equal(f->h.n_ended, 1); /* a keep-alive timeout is nobody's error */
}

static void test_closed_unread(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_arrive(&f->c, 10 * MS, strlen(GET));
	stream_close(&f->s, &f->c, 30 * MS, true, true);
	check(ended(f, 0), REQ_SERVER_CLOSED, 0);
	assert_int_equal(f->h.ended[0].arrived, 10 * MS);
	assert_false(f->h.ended[0].head_seen);
}

static void test_upgrade(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS,
		  "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	stream_out(&f->s, &f->c, 20 * MS,
		   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi");
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET); /* a frame that looks like a request */
	stream_close(&f->s, &f->c, 40 * MS, true, false);
	check(ended(f, 0), REQ_UPGRADED, 101);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.begun, 1);
}

static void test_gap(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_lose_last(&f->s);
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	stream_in(&f->s, &f->c, 50 * MS, 51 * MS, GET);
	stream_out(&f->s, &f->c, 60 * MS, OK);
	check(ended(f, 0), REQ_UNKNOWN, 0);
	check(&f->h.ended[f->h.n_ended - 1], REQ_OK, 200);
	check_phases(&f->h.ended[f->h.n_ended - 1], 1 * MS, 0, 9 * MS, 0);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 1);
}

/* Two CPUs may exchange the places of two events in the ring; nothing is lost by that. */
static void test_exchanged(void **state)
{
	struct one_conn *f = *state;

	stream_eof(&f->s, &f->c, 3 * MS);
	stream_open(&f->s, &f->c, 1 * MS, 4 * MS);
	stream_in(&f->s, &f->c, 3 * MS, 5 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_close(&f->s, &f->c, 21 * MS, false, false);
	for (size_t i = 0; i < 4; i += 3) {
		struct stream_record first = f->s.list[i];

		f->s.list[i] = f->s.list[i + 1];
		f->s.list[i + 1] = first;
	}
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 2 * MS, 0, 15 * MS, 0);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 0);
}

/* A request whose read is lost shows by its response: it is unknown, not nothing. */
static void test_lost_read(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_lose_last(&f->s);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	check(ended(f, 0), REQ_UNKNOWN, 0);
	assert_int_equal(f->h.n_ended, 1);
}

/* Bytes moved by a call that is not hooked show in the positions. */
static void test_position_gap(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	f->c.out_pos += 100;
	stream_out(&f->s, &f->c, 20 * MS, OK);
	check(ended(f, 0), REQ_UNKNOWN, 0);
}

static void test_late_idle(void **state)
{
	struct one_conn *f = *state;

	stream_open_late(&f->s, &f->c, 5 * MS, 1 * MS, 2 * MS);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 0);
	assert_int_equal(tracer_counts(f->h.tracer)->late_attached, 0);
}

static void test_late_stream(void **state)
{
	struct one_conn *f = *state;

	stream_open_late(&f->s, &f->c, 5 * MS, 1 * MS, 2 * MS);
	stream_out(&f->s, &f->c, 10 * MS, "5\r\nhello\r\n"); /* not idle after all */
	stream_out(&f->s, &f->c, 15 * MS, "5\r\nhello\r\n");
	stream_in(&f->s, &f->c, 20 * MS, 21 * MS, GET);
	stream_out(&f->s, &f->c, 30 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->late_attached, 1);
}

/* A unix socket does not tell what was under way; a body that looks like requests must not become some. */
static void test_late_unix_body(void **state)
{
	struct one_conn *f = *state;

	f->c.unix_socket = true;
	stream_open_late(&f->s, &f->c, 5 * MS, 0, 0);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET GET GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 0);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.begun - f->h.retracted, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->late_attached, 1);
}

static void test_late_under_way(void **state)
{
	struct one_conn *f = *state;
	uint64_t since;

	stream_open_late(&f->s, &f->c, 5 * MS, 2 * MS, 1 * MS);
	harness_run(&f->h, &f->s);
	assert_int_equal(tracer_late_hung(f->h.tracer, &since), 1);
	assert_int_equal(since, 2 * MS);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET); /* may be a body that looks like this */
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_in(&f->s, &f->c, 30 * MS, 31 * MS, GET);
	stream_out(&f->s, &f->c, 40 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->late_attached, 1);
	assert_int_equal(tracer_late_hung(f->h.tracer, &since), 0);
}

static void test_not_http(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "\x16\x03\x01\x02 hello");
	stream_in(&f->s, &f->c, 20 * MS, 21 * MS, GET);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 0);
	assert_int_equal(f->h.begun, f->h.retracted);
	assert_int_equal(tracer_counts(f->h.tracer)->not_http, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->tls, 1);
}

static void test_proxy_header(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, "PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n" GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 1 * MS, 0, 9 * MS, 0);
	assert_string_equal(f->h.ended[0].route->template, "/items/{id}");
	assert_int_equal(tracer_counts(f->h.tracer)->not_http, 0);
}

static void test_census_unread(void **state)
{
	struct one_conn *f = *state;
	const struct stream_conn *conns[] = {&f->c};
	struct request open;

	opened(f);
	stream_arrive(&f->c, 10 * MS, strlen(GET));
	harness_run(&f->h, &f->s);
	harness_census(&f->h, 50 * MS, conns, 1);
	harness_census(&f->h, 60 * MS, conns, 1); /* once only */
	assert_int_equal(harness_open(&f->h, &open), 1);
	assert_int_equal(request_open_phase(&open), PHASE_QUEUE);
	assert_int_equal(request_age(&open, 60 * MS), 50 * MS);
	stream_read(&f->s, &f->c, 100 * MS, GET, strlen(GET));
	stream_out(&f->s, &f->c, 110 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 90 * MS, 0, 10 * MS, 0);
	assert_int_equal(f->h.begun, 1);
}

static void test_census_unaccepted(void **state)
{
	struct one_conn *f = *state;
	const struct stream_conn *conns[] = {&f->c};
	struct request open;

	stream_arrive(&f->c, 10 * MS, strlen(GET));
	harness_census(&f->h, 50 * MS, conns, 1);
	assert_int_equal(harness_open(&f->h, &open), 1);
	assert_int_equal(open.arrived, 10 * MS);
	stream_open(&f->s, &f->c, 9 * MS, 60 * MS);
	stream_read(&f->s, &f->c, 61 * MS, GET, strlen(GET));
	stream_out(&f->s, &f->c, 70 * MS, OK);
	check(ended(f, 0), REQ_OK, 200);
	check_phases(&f->h.ended[0], 51 * MS, 0, 9 * MS, 0);
	assert_int_equal(f->h.ended[0].accepted, 60 * MS);
	assert_int_equal(f->h.begun, 1);
}

static void test_census_lost_answer(void **state)
{
	struct one_conn *f = *state;
	const struct stream_conn *conns[] = {&f->c};

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	stream_out(&f->s, &f->c, 20 * MS, OK);
	stream_lose_last(&f->s);
	harness_run(&f->h, &f->s);
	assert_int_equal(harness_open(&f->h, NULL), 1);
	harness_census(&f->h, 50 * MS, conns, 1);
	assert_int_equal(harness_open(&f->h, NULL), 0);
	check(ended(f, 0), REQ_UNKNOWN, 0);
}

static void test_census_lost_close(void **state)
{
	struct one_conn *f = *state;

	opened(f);
	stream_in(&f->s, &f->c, 10 * MS, 11 * MS, GET);
	harness_run(&f->h, &f->s);
	harness_census(&f->h, 50 * MS, NULL, 0);
	check(ended(f, 0), REQ_UNKNOWN, 0);
}

/* Positions are of 32 bits in the kernel; a long-lived connection wraps them. */
static void test_wrap(void **state)
{
	struct one_conn *f = *state;

	f->c.in_pos = f->c.in_end = 0xfffffff0;
	f->c.out_pos = 0xfffffff8;
	stream_open_late(&f->s, &f->c, 5 * MS, 1 * MS, 2 * MS);
	for (uint64_t i = 0; i < 3; i++) {
		stream_in(&f->s, &f->c, (100 * i + 10) * MS, (100 * i + 11) * MS, GET);
		stream_out(&f->s, &f->c, (100 * i + 15) * MS, OK);
	}
	for (uint32_t i = 0; i < 3; i++)
		check_phases(ended(f, i), 1 * MS, 0, 4 * MS, 0);
}

static void test_merged_arrivals(void **state)
{
	struct one_conn *f = *state;
	struct phases p;

	opened(f);
	for (uint32_t i = 0; i < strlen(GET GET); i++) /* byte by byte while nobody reads */
		stream_arrive(&f->c, (10 + i) * MS, 1);
	stream_read(&f->s, &f->c, 200 * MS, GET GET, strlen(GET GET));
	stream_out(&f->s, &f->c, 210 * MS, OK);
	stream_out(&f->s, &f->c, 220 * MS, OK);
	check_phases(ended(f, 0), 190 * MS, -1, -1, 0); /* its last byte's stamp was merged */
	request_phases(&f->h.ended[1], &p);
	assert_true(p.queue < 0 && p.total < 0); /* its first byte's too */
	assert_int_equal(f->h.ended[1].received, (10 + strlen(GET GET) - 1) * MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, one_conn_setup, one_conn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_keep_alive),
		TEST(test_slow_upload),
		TEST(test_early_response),
		TEST(test_pipelined),
		TEST(test_stream),
		TEST(test_large_chunk),
		TEST(test_lost_framing),
		TEST(test_long_head),
		TEST(test_interim),
		TEST(test_no_body),
		TEST(test_until_close),
		TEST(test_client_gone),
		TEST(test_half_closed_client),
		TEST(test_reset_in_stream),
		TEST(test_server_closed),
		TEST(test_idle_close),
		TEST(test_closed_unread),
		TEST(test_upgrade),
		TEST(test_gap),
		TEST(test_exchanged),
		TEST(test_lost_read),
		TEST(test_position_gap),
		TEST(test_late_idle),
		TEST(test_late_stream),
		TEST(test_late_unix_body),
		TEST(test_late_under_way),
		TEST(test_not_http),
		TEST(test_proxy_header),
		TEST(test_census_unread),
		TEST(test_census_unaccepted),
		TEST(test_census_lost_answer),
		TEST(test_census_lost_close),
		TEST(test_wrap),
		TEST(test_merged_arrivals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
