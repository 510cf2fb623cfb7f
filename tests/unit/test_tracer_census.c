// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tracer_census.c - what is told of a connection that is over: by a census, which takes a
 * while, or by a call that does.
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

/* One request, answered; then the server closes. */
static void lives(struct one_conn *f)
{
	stream_open(&f->s, &f->c, 9 * MS, 60 * MS);
	stream_read(&f->s, &f->c, 61 * MS, GET, strlen(GET));
	stream_out(&f->s, &f->c, 70 * MS, OK);
	stream_close(&f->s, &f->c, 71 * MS, true, false);
	harness_run(&f->h, &f->s);
}

/* There was one connection with one request, nothing else, and nothing is missing. */
static void check_one(struct one_conn *f)
{
	const struct tracer_counts *c = tracer_counts(f->h.tracer);

	assert_int_equal(f->h.begun, 1);
	assert_int_equal(f->h.retracted, 0);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.ended[0].end, REQ_OK);
	assert_int_equal(c->conns, 1);
	assert_int_equal(c->gaps, 0);
	assert_int_equal(c->lost, 0);
}

/* All of a connection's life may lie between the look at the kernel and the end of the drain. */
static void test_overtaken(void **state)
{
	struct one_conn *f = *state;
	struct rs_census k;

	stream_arrive(&f->c, 10 * MS, strlen(GET));
	k = stream_census(&f->c, 50 * MS);
	tracer_census_begin(f->h.tracer, 50 * MS);
	lives(f);
	tracer_census_conn(f->h.tracer, &k);
	tracer_census_end(f->h.tracer, 50 * MS);
	check_one(f);
	harness_census(&f->h, 250 * MS, NULL, 0);
	check_one(f);
}

/* The same with what is left of its life. */
static void test_overtaken_accepted(void **state)
{
	struct one_conn *f = *state;
	struct rs_census k;

	stream_arrive(&f->c, 10 * MS, strlen(GET));
	stream_open(&f->s, &f->c, 9 * MS, 60 * MS);
	harness_run(&f->h, &f->s);
	k = stream_census(&f->c, 50 * MS);
	tracer_census_begin(f->h.tracer, 50 * MS);
	stream_read(&f->s, &f->c, 61 * MS, GET, strlen(GET));
	stream_out(&f->s, &f->c, 70 * MS, OK);
	stream_close(&f->s, &f->c, 71 * MS, false, false);
	harness_run(&f->h, &f->s);
	tracer_census_conn(f->h.tracer, &k);
	tracer_census_end(f->h.tracer, 50 * MS);
	check_one(f);
	harness_census(&f->h, 250 * MS, NULL, 0);
	check_one(f);
}

/* A call may be on its way out on one CPU when a reset comes on another: it has sent the response. */
static void test_after_the_close(void **state)
{
	struct one_conn *f = *state;

	stream_arrive(&f->c, 10 * MS, strlen(GET));
	stream_open(&f->s, &f->c, 9 * MS, 60 * MS);
	stream_read(&f->s, &f->c, 61 * MS, GET, strlen(GET));
	stream_close(&f->s, &f->c, 71 * MS, false, true);
	stream_out(&f->s, &f->c, 70 * MS, OK);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.begun, 1);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.ended[0].end, REQ_OK);
	assert_int_equal(f->h.ended[0].status, 200);
	assert_int_equal(tracer_counts(f->h.tracer)->conns, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 0);
}

/* Nothing was sent, or not all of it; a census meanwhile takes nothing away. */
static void reset_before(struct one_conn *f, const char *sent)
{
	stream_arrive(&f->c, 10 * MS, strlen(GET));
	stream_open(&f->s, &f->c, 9 * MS, 60 * MS);
	stream_read(&f->s, &f->c, 61 * MS, GET, strlen(GET));
	stream_close(&f->s, &f->c, 71 * MS, false, true);
	if (sent)
		stream_out(&f->s, &f->c, 70 * MS, sent);
	for (size_t i = 0; i < f->s.n; i++)
		assert_int_equal(tracer_event(f->h.tracer, f->s.list[i].data, f->s.list[i].size),
				 0);
	assert_int_equal(f->h.n_ended, 0);
	harness_census(&f->h, 72 * MS, NULL, 0);
	assert_int_equal(f->h.n_ended, 0);
	tracer_settle(f->h.tracer);
	tracer_settle(f->h.tracer);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.ended[0].end, REQ_CLIENT_CLOSED);
	assert_true(f->h.ended[0].ended == 71 * MS);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 0);
	assert_int_equal(tracer_counts(f->h.tracer)->gaps, 0);
}

static void test_reset_without_response(void **state)
{
	reset_before(*state, NULL);
}

static void test_reset_within_response(void **state)
{
	reset_before(*state, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
}

/* The ring may be drained between the two. */
static void test_after_the_drain(void **state)
{
	struct one_conn *f = *state;

	stream_arrive(&f->c, 10 * MS, strlen(GET));
	stream_open(&f->s, &f->c, 9 * MS, 60 * MS);
	stream_read(&f->s, &f->c, 61 * MS, GET, strlen(GET));
	stream_close(&f->s, &f->c, 71 * MS, false, true);
	for (size_t i = 0; i < f->s.n; i++)
		assert_int_equal(tracer_event(f->h.tracer, f->s.list[i].data, f->s.list[i].size),
				 0);
	tracer_settle(f->h.tracer);
	stream_out(&f->s, &f->c, 70 * MS, OK);
	assert_int_equal(
		tracer_event(f->h.tracer, f->s.list[f->s.n - 1].data, f->s.list[f->s.n - 1].size),
		0);
	assert_int_equal(f->h.begun, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->conns, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 0);
}

/* The kernel holds a socket for a while after its close was told, and after that was taken. */
static void test_lingering(void **state)
{
	struct one_conn *f = *state;
	const struct stream_conn *conns[] = {&f->c};

	stream_arrive(&f->c, 10 * MS, strlen(GET));
	lives(f);
	harness_census(&f->h, 150 * MS, conns, 1);
	check_one(f);
	harness_census(&f->h, 250 * MS, NULL, 0);
	check_one(f);
}

/* More of them close than are remembered: none comes back, and the next census meets who is there.
 */
static void test_too_many(void **state)
{
	struct one_conn *f = *state;
	const struct stream_conn *conns[] = {&f->c};
	enum { MANY = 200 }; /* the harness follows 64 at once */
	struct stream_conn c[MANY];
	struct rs_census k[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		c[i] = stream_conn(2 + i, 42);
		stream_arrive(&c[i], 10 * MS, strlen(GET));
		k[i] = stream_census(&c[i], 50 * MS);
	}
	stream_arrive(&f->c, 40 * MS, strlen(GET));
	tracer_census_begin(f->h.tracer, 50 * MS);
	for (uint32_t i = 0; i < MANY; i++) {
		stream_open(&f->s, &c[i], 9 * MS, 60 * MS);
		stream_read(&f->s, &c[i], 61 * MS, GET, strlen(GET));
		stream_out(&f->s, &c[i], 70 * MS, OK);
		stream_close(&f->s, &c[i], 71 * MS, true, false);
		harness_run(&f->h, &f->s);
	}
	for (uint32_t i = 0; i < MANY; i++)
		tracer_census_conn(f->h.tracer, &k[i]);
	tracer_census_end(f->h.tracer, 50 * MS);
	assert_int_equal(f->h.begun, MANY);
	assert_int_equal(f->h.n_ended, MANY);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 0);
	harness_run(&f->h, &f->s);
	harness_census(&f->h, 250 * MS, conns, 1);
	assert_int_equal(harness_open(&f->h, NULL), 1);
}

/* One of which nothing was ever told is met by the census, and its loss counted, as long as it
 * lives. */
static void test_untold(void **state)
{
	struct one_conn *f = *state;
	const struct stream_conn *conns[] = {&f->c};

	stream_open(&f->s, &f->c, 1 * MS, 2 * MS);
	stream_lose_last(&f->s);
	harness_census(&f->h, 50 * MS, conns, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->lost, 1);
	assert_int_equal(tracer_counts(f->h.tracer)->conns, 1);
	assert_int_equal(f->h.begun, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, one_conn_setup, one_conn_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overtaken),	    TEST(test_overtaken_accepted),
		TEST(test_lingering),	    TEST(test_too_many),
		TEST(test_untold),	    TEST(test_after_the_close),
		TEST(test_after_the_drain), TEST(test_reset_without_response),
		TEST(test_reset_within_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
