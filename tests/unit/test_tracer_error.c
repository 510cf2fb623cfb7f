// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_tracer_error.c - the exception that came with the head of a response: whose it is, or that
 * it is nobody's; records of the interpreter alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define MS  1000000ULL
#define GET "GET /items/7?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define BAD "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno"

struct fixture {
	struct harness h;
	struct stream s;
	struct stream_conn c;
	struct rs_error error;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	harness_init(&f->h);
	stream_init(&f->s);
	f->c = stream_conn(1, 42);
	f->error =
		(struct rs_error){.exception = 0x1000, .type = 0x2000, .depth = 3, .n_frames = 2};
	strcpy(f->error.name, "ValueError");
	f->error.frames[1].firstline = 88;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	harness_free(&f->h);
	stream_free(&f->s);
	free(f);
	return 0;
}

static void opened(struct fixture *f)
{
	stream_open(&f->s, &f->c, 1 * MS, 2 * MS);
}

static void asked(struct fixture *f, uint64_t ms)
{
	stream_in(&f->s, &f->c, ms * MS, (ms + 1) * MS, GET);
}

static void answered(struct fixture *f, uint64_t ms, const char *text)
{
	stream_write_error(&f->s, &f->c, ms * MS, text, &f->error);
}

static void it_is_told_of_the_request_in_front(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	stream_out(&f->s, &f->c, 15 * MS, OK);
	asked(f, 20);
	answered(f, 25, BAD);
	asked(f, 30);
	stream_out(&f->s, &f->c, 35 * MS, BAD);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 3);
	assert_int_equal(f->h.errors, 1);
	assert_int_equal(f->h.error_request, f->h.ended[1].id);
	assert_memory_equal(&f->h.error, &f->error, sizeof(f->error));
}

static void requests_have_their_thread(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	stream_out(&f->s, &f->c, 15 * MS, OK);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.ended[0].tid, 42);
}

/* Each is annotated, once, right before its end; also those that nobody read. */
static void every_request_is_annotated(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	stream_out(&f->s, &f->c, 15 * MS, OK);
	asked(f, 20);
	stream_close(&f->s, &f->c, 25 * MS, true, false);
	f->c = stream_conn(2, 42);
	opened(f);
	stream_arrive(&f->c, 30 * MS, 5);
	stream_close(&f->s, &f->c, 35 * MS, false, true);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 3);
	assert_int_equal(f->h.annotated, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(f->h.ended[i].gc, f->h.ended[i].id);
	assert_int_equal(f->h.ended[2].tid, 0);
}

static void not_of_a_good_answer(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	answered(f, 15, OK);
	asked(f, 20);
	answered(f, 25, "HTTP/1.1 304 Not Modified\r\n\r\n");
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 2);
	assert_int_equal(f->h.errors, 0);
}

static void of_a_client_error(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	answered(f, 15, "HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 0\r\n\r\n");
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.errors, 1);
}

/* The record's exception is of the moment in which its first byte was handed over. */
static void only_of_what_begins_the_segment(void **state)
{
	struct fixture *f = *state;

	f->s.snap_head = f->s.snap_out = 4096;
	opened(f);
	asked(f, 10);
	asked(f, 11);
	answered(f, 15, OK BAD);
	asked(f, 20);
	answered(f, 25, "HTTP/1.1 100 Continue\r\n\r\n" BAD);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 3);
	assert_int_equal(f->h.ended[2].status, 500);
	assert_int_equal(f->h.errors, 0);
}

static void only_once(void **state)
{
	struct fixture *f = *state;

	f->s.snap_head = 4096;
	opened(f);
	asked(f, 10);
	asked(f, 11);
	answered(f, 15, BAD BAD);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 2);
	assert_int_equal(f->h.errors, 1);
	assert_int_equal(f->h.error_request, f->h.ended[0].id);
}

/* A head in two parts: the second part's exception may be another's, the first is not kept. */
static void not_of_a_head_in_parts(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	answered(f, 15, "HTTP/1.1 500 Inter");
	answered(f, 16, "nal Server Error\r\nContent-Length: 0\r\n\r\n");
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.errors, 0);
}

static void not_of_a_body(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	stream_out(&f->s, &f->c, 15 * MS, "HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\n");
	answered(f, 16, "oops");
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.errors, 0);
}

/* After a loss nothing is told until an exchange has been seen whole. */
static void not_out_of_step(void **state)
{
	struct fixture *f = *state;

	opened(f);
	asked(f, 10);
	stream_out(&f->s, &f->c, 15 * MS, OK);
	asked(f, 20);
	stream_lose_last(&f->s);
	answered(f, 25, BAD);
	asked(f, 30);
	answered(f, 35, BAD);
	asked(f, 40);
	answered(f, 45, BAD);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.errors, 1);
	assert_int_equal(f->h.error_request, f->h.ended[f->h.n_ended - 1].id);
}

static void met_late_between_two(void **state)
{
	struct fixture *f = *state;

	stream_open_late(&f->s, &f->c, 5 * MS, 2 * MS, 3 * MS); /* it has answered last */
	asked(f, 10);
	answered(f, 15, BAD);
	harness_run(&f->h, &f->s);
	assert_int_equal(f->h.n_ended, 1);
	assert_int_equal(f->h.errors, 1);
}

/* --- records that do not add up, and those of no connection */

static int give(struct fixture *f, const void *record, size_t size)
{
	void *copy = malloc(size); /* aligned, and what follows is poisoned */
	int err;

	assert_non_null(copy);
	memcpy(copy, record, size);
	err = tracer_event(f->h.tracer, copy, size);
	free(copy);
	return err;
}

static void refused_errors(void **state)
{
	struct fixture *f = *state;
	struct rs_error bad[5];
	uint64_t malformed;

	for (int i = 0; i < 5; i++)
		bad[i] = f->error;
	bad[0].n_frames = RS_MAX_FRAMES + 1;
	bad[0].depth = 100;
	bad[1].n_frames = 4; /* of a depth of 3 */
	bad[2].base = 2;
	memset(bad[3].name, 'x', sizeof(bad[3].name));
	bad[4].depth = 0;
	opened(f);
	asked(f, 10);
	harness_run(&f->h, &f->s);
	for (uint32_t i = 0; i < 5; i++) {
		struct stream_record *r;

		stream_write_error(&f->s, &f->c, 15 * MS, BAD, &bad[i]);
		r = &f->s.list[--f->s.n];
		assert_int_equal(give(f, r->data, r->size), -EINVAL);
		free(r->data);
	}
	malformed = tracer_counts(f->h.tracer)->malformed;
	assert_int_equal(malformed, 5);
	assert_int_equal(f->h.errors, 0);
}

static void a_record_without_room_for_it(void **state)
{
	struct fixture *f = *state;
	struct {
		struct rs_ev_data data;
		struct rs_error error;
	} e = {.data = {.h = {.conn = 1, .seq = 1, .type = RS_EV_OUT, .flags = RS_F_ERROR}}};

	assert_int_equal(give(f, &e, sizeof(e)), 0);
	assert_int_equal(give(f, &e, sizeof(e) - 1), -EINVAL);
	assert_int_equal(give(f, &e, sizeof(e.data)), -EINVAL);
}

static void those_of_the_interpreter_are_ignored(void **state)
{
	struct fixture *f = *state;
	struct rs_ev_stall stall = {.h = {.ts = 20, .type = RS_EV_STALL}, .start = 10};
	struct rs_ev_pause pause = {.h = {.ts = 20, .type = RS_EV_PAUSE}, .start = 10};
	struct rs_ev_logged logged = {.h = {.ts = 20, .type = RS_EV_LOGGED}, .error = f->error};

	stall.h.conn = pause.h.conn = logged.h.conn =
		77; /* never so; not a connection at any rate */
	assert_int_equal(give(f, &stall, sizeof(stall)), 0);
	assert_int_equal(give(f, &pause, sizeof(pause)), 0);
	assert_int_equal(give(f, &logged, sizeof(logged)), 0);
	assert_int_equal(tracer_counts(f->h.tracer)->conns, 0);
	assert_int_equal(give(f, &stall, sizeof(stall) - 8), -EINVAL);
	assert_int_equal(give(f, &pause, sizeof(pause) - 8), -EINVAL);
	assert_int_equal(give(f, &logged, sizeof(logged) - 8), -EINVAL);
	stall.start = pause.start = 21; /* it began after its end */
	assert_int_equal(give(f, &stall, sizeof(stall)), -EINVAL);
	assert_int_equal(give(f, &pause, sizeof(pause)), -EINVAL);
	logged.error.n_frames = 99;
	assert_int_equal(give(f, &logged, sizeof(logged)), -EINVAL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_told_of_the_request_in_front),
		T(requests_have_their_thread),
		T(every_request_is_annotated),
		T(not_of_a_good_answer),
		T(of_a_client_error),
		T(only_of_what_begins_the_segment),
		T(only_once),
		T(not_of_a_head_in_parts),
		T(not_of_a_body),
		T(not_out_of_step),
		T(met_late_between_two),
		T(refused_errors),
		T(a_record_without_room_for_it),
		T(those_of_the_interpreter_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
