// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tracebacks in the log: which are behind an answer, which were logged before, which are of no
 * request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "../../user/session_logbook.h"

#define MS	 1000000ULL
#define PID	 7
#define ADDRESS	 0x1000
#define KEYERROR 0x2000

static int setup(void **state)
{
	*state = logbook_new();
	return !*state;
}

static int teardown(void **state)
{
	logbook_free(*state);
	return 0;
}

/* Its frames, outermost first, are those numbers. */
static struct rs_error traceback(const unsigned *frames, unsigned n)
{
	struct rs_error e = {.exception = ADDRESS,
			     .type = KEYERROR,
			     .tstate = 5,
			     .depth = n,
			     .name = "KeyError"};
	unsigned first = n > RS_MAX_FRAMES ? n - RS_MAX_FRAMES : 0;

	for (unsigned i = first; i < n; i++)
		e.frames[e.n_frames++] = (struct rs_frame){0x9000 + 16 * frames[i], 2, 1};
	return e;
}

#define TRACEBACK(...)                             \
	traceback((const unsigned[]){__VA_ARGS__}, \
		  sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static struct rs_ev_logged logged(uint64_t ms, struct rs_error e)
{
	return (struct rs_ev_logged){
		.h = {.ts = ms * MS, .tgid = PID, .tid = PID, .type = RS_EV_LOGGED}, .error = e};
}

static void add(struct logbook *b, struct rs_ev_logged ev)
{
	struct logged l = {.ev = ev};

	assert_true(logbook_is_new(b, &ev));
	assert_int_equal(logbook_add(b, &l), 0);
}

static void answer(struct logbook *b, uint64_t ms, struct rs_error e)
{
	struct rs_event h = {.ts = ms * MS, .tgid = PID, .tid = PID, .type = RS_EV_OUT};

	logbook_answered(b, &h, &e);
}

static unsigned waiting(struct logbook *b)
{
	unsigned n = 0;

	for (; logbook_oldest(b); n++)
		logbook_drop_oldest(b);
	return n;
}

/* --- behind an answer */

static void logged_after_its_answer(void **state)
{
	struct rs_ev_logged up = logged(12, TRACEBACK(1, 2, 3, 4, 5, 6));
	struct logbook *b = *state;

	answer(b, 10, TRACEBACK(3, 4, 5, 6));
	assert_false(logbook_is_new(b, &up)); /* the same, further up */
	up.h.ts = 4000 * MS;		      /* its thread was held up */
	assert_false(logbook_is_new(b, &up));
	up.h.ts = 6000 * MS;
	assert_true(logbook_is_new(b, &up));
}

static void logged_before_its_answer(void **state)
{
	struct logbook *b = *state;

	add(b, logged(10, TRACEBACK(1, 2, 3, 4, 5)));
	answer(b, 3000, TRACEBACK(3, 4, 5)); /* however long the loop was held up */
	assert_null(logbook_oldest(b));
}

/* Two log it before it is answered: both are of the answer. */
static void logged_twice_before_its_answer(void **state)
{
	struct rs_error e = TRACEBACK(1, 2, 3);
	struct logbook *b = *state;

	add(b, logged(10, e));
	add(b, logged(11, e));
	answer(b, 12, e);
	assert_null(logbook_oldest(b));
}

static void others_at_the_same_address(void **state)
{
	struct logbook *b = *state;
	struct rs_ev_logged ev[4];

	for (int i = 0; i < 4; i++)
		ev[i] = logged(12, TRACEBACK(1, 2, 3, 4));
	ev[0].h.tgid = PID + 1;
	ev[1].error.exception = ADDRESS + 64;
	ev[2].error.type = KEYERROR + 64;
	ev[3].error.frames[1].lasti++;
	answer(b, 10, TRACEBACK(1, 2, 3, 4));
	for (int i = 0; i < 4; i++)
		add(b, ev[i]);
	answer(b, 14, TRACEBACK(1, 2, 3, 4));
	assert_int_equal(waiting(b), 4);
}

/* What several requests raise anew has frames of one and of another at its outer end. */
static void raised_by_several_requests(void **state)
{
	struct rs_ev_logged ev = logged(12, TRACEBACK(1, 2, 3, 3, 4, 5, 6));
	struct logbook *b = *state;

	answer(b, 10, TRACEBACK(1, 2, 3, 4, 5, 6));
	assert_false(logbook_is_new(b, &ev));
}

/* Deeper than can be counted: by its type and time alone. */
static void without_a_traceback(void **state)
{
	struct rs_ev_logged ev = logged(12, TRACEBACK(1, 2));
	struct rs_error none = TRACEBACK(1);
	struct logbook *b = *state;

	none.depth = none.n_frames = 0;
	answer(b, 10, none);
	assert_false(logbook_is_new(b, &ev));
	ev.error.n_frames = ev.error.depth = 0;
	assert_false(logbook_is_new(b, &ev));
}

static void the_last_answers_are_remembered(void **state)
{
	struct rs_error e = TRACEBACK(1, 2);
	struct rs_ev_logged ev = logged(12, e);
	struct logbook *b = *state;

	answer(b, 10, e);
	for (int i = 1; i < 1024; i++) {
		e.exception += 64;
		answer(b, 10, e);
	}
	assert_false(logbook_is_new(b, &ev));
	answer(b, 10, TRACEBACK(9));
	assert_true(logbook_is_new(b, &ev));
}

/* --- logged again */

/* Freed, and the next one of its sort is where it was: at once, in the same thread. */
static void one_after_the_other(void **state)
{
	struct logbook *b = *state;

	for (int i = 0; i < 5; i++)
		add(b, logged(10, TRACEBACK(1, 2, 3)));
	assert_int_equal(waiting(b), 5);
}

static void on_its_way_up(void **state)
{
	struct rs_ev_logged ev = logged(12, TRACEBACK(1, 2, 3, 4));
	struct logbook *b = *state;

	add(b, logged(10, TRACEBACK(3, 4)));
	assert_false(logbook_is_new(b, &ev));
	ev = logged(14, TRACEBACK(4));
	assert_true(logbook_is_new(b, &ev)); /* none grows shorter */
	ev = logged(14, TRACEBACK(1, 2, 9, 4));
	assert_true(logbook_is_new(b, &ev));
}

/* A chain, line by line: one. Whole ones, by another thread or later: others. */
static void in_pieces(void **state)
{
	struct rs_error e = TRACEBACK(1, 2, 3);
	struct rs_ev_logged piece = logged(10, e);
	struct logbook *b = *state;

	piece.h.flags = RS_F_LINE;
	add(b, piece);
	piece.h.ts = 109 * MS;
	assert_false(logbook_is_new(b, &piece));
	piece.h.ts = 111 * MS;
	assert_true(logbook_is_new(b, &piece));
	piece.h.ts = 12 * MS;
	piece.h.tid++;
	assert_true(logbook_is_new(b, &piece));
	piece.h.tid--;
	piece.h.flags = 0;
	assert_true(logbook_is_new(b, &piece));
}

static void only_the_innermost_are_kept(void **state)
{
	unsigned frames[40];
	struct rs_ev_logged ev;
	struct logbook *b = *state;

	for (unsigned i = 0; i < 40; i++)
		frames[i] = i;
	add(b, logged(10, traceback(frames + 2, 38)));
	ev = logged(11, traceback(frames, 40));
	assert_false(logbook_is_new(b, &ev));
	ev.error.frames[0].code++;
	assert_true(logbook_is_new(b, &ev));
}

/* --- the queue */

static void in_order_and_bounded(void **state)
{
	struct logbook *b = *state;
	struct logged l = {.err = -1};

	assert_null(logbook_oldest(b));
	for (unsigned i = 0; i < LOGBOOK_WAITING; i++) {
		l.ev = logged(i, TRACEBACK(1));
		assert_int_equal(logbook_add(b, &l), 0);
	}
	assert_int_equal(logbook_add(b, &l), -ENOSPC);
	assert_int_equal(logbook_oldest(b)->ev.h.ts, 0);
	assert_int_equal(logbook_oldest(b)->err, -1);
	logbook_drop_oldest(b);
	assert_int_equal(logbook_oldest(b)->ev.h.ts, MS);
	assert_int_equal(logbook_add(b, &l), 0);
	assert_int_equal(waiting(b), LOGBOOK_WAITING);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(logged_after_its_answer),
		TEST(logged_before_its_answer),
		TEST(logged_twice_before_its_answer),
		TEST(others_at_the_same_address),
		TEST(raised_by_several_requests),
		TEST(without_a_traceback),
		TEST(the_last_answers_are_remembered),
		TEST(one_after_the_other),
		TEST(on_its_way_up),
		TEST(in_pieces),
		TEST(only_the_innermost_are_kept),
		TEST(in_order_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
