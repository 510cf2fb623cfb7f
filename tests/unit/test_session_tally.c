// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Samples of a stretch in which a loop did not come back: who held it, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../user/session_tally.h"

#define MS 1000000ULL

static void add(struct tally *t, unsigned n, const char *where, const char *syscall)
{
	struct python_stack s = {};

	snprintf(s.own.where, sizeof(s.own.where), "%s", where);
	snprintf(s.syscall, sizeof(s.syscall), "%s", syscall);
	while (n--)
		tally_add(t, &s);
}

static void add_gil(struct tally *t, unsigned n, const char *where, const char *holder)
{
	struct python_stack s = {.gil = true};

	snprintf(s.own.where, sizeof(s.own.where), "%s", where);
	snprintf(s.syscall, sizeof(s.syscall), "futex");
	snprintf(s.holder.where, sizeof(s.holder.where), "%s", holder);
	while (n--)
		tally_add(t, &s);
}

static void ran(struct tally *t, unsigned ran_ms, unsigned waited_ms, unsigned at_ms)
{
	tally_ran(t, (struct tally_cpu){ran_ms * MS, waited_ms * MS}, at_ms * MS);
}

static void is(struct culprit c, const char *kind, const char *where, const char *detail)
{
	assert_string_equal(c.kind, kind);
	assert_string_equal(c.where, where);
	assert_string_equal(c.detail, detail);
}

static struct tally_time lasted(uint64_t ms, uint64_t cpu, uint64_t gil)
{
	return (struct tally_time){ms * MS, cpu * MS, gil * MS, UINT64_MAX};
}

static void test_nothing_sampled(void **state)
{
	struct tally_time cpu = lasted(120, 100, 0), blocked = lasted(120, 1, 0);

	(void)state;
	is(tally_culprit(NULL, &cpu), "cpu", "", "");
	is(tally_culprit(NULL, &blocked), "unknown", "", "");
	is(tally_culprit(NULL, NULL), "unknown", "", "");
}

static void test_system_call(void **state)
{
	struct tally *t = tally_new(7);
	struct tally_time time = lasted(300, 2, 0);

	(void)state;
	assert_int_equal(tally_start(t), 7);
	add(t, 12, "app.py:5 pause", "clock_nanosleep");
	add(t, 1, "app.py:9 after", "");
	is(tally_culprit(t, &time), "syscall", "app.py:5 pause", "clock_nanosleep");
	is(tally_culprit(t, NULL), "syscall", "app.py:5 pause", "clock_nanosleep");
	free(t);
}

/* The same place counts once, whatever it called. */
static void test_place_of_several_calls(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time time = lasted(200, 10, 0);

	(void)state;
	add(t, 4, "app.py:30 other", "read");
	add(t, 3, "app.py:5 fetch", "recvfrom");
	add(t, 2, "app.py:5 fetch", "sendto");
	add(t, 1, "app.py:5 fetch", "");
	is(tally_culprit(t, &time), "syscall", "app.py:5 fetch", "recvfrom");
	free(t);
}

static void test_cpu(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time busy = lasted(200, 190, 4), starved = lasted(200, 60, 0),
			  idle = lasted(200, 10, 0);

	(void)state;
	add(t, 9, "app.py:12 crunch", "");
	is(tally_culprit(t, &busy), "cpu", "app.py:12 crunch", "");
	is(tally_culprit(t, &starved), "cpu", "app.py:12 crunch", ""); /* it waited for a CPU */
	is(tally_culprit(t, &idle), "unknown", "app.py:12 crunch", "");
	is(tally_culprit(t, NULL), "unknown", "app.py:12 crunch", ""); /* it may be stopped */
	ran(t, 20, 30, 1000);
	is(tally_culprit(t, NULL), "unknown", "app.py:12 crunch", "");
	ran(t, 21, 30, 1100);
	is(tally_culprit(t, NULL), "unknown", "app.py:12 crunch", "");
	ran(t, 25, 125, 1200);
	is(tally_culprit(t, &idle), "cpu", "app.py:12 crunch", ""); /* it hardly got one */
	is(tally_culprit(t, NULL), "cpu", "app.py:12 crunch", "");
	free(t);
}

/* It ran for a fifth of the time, and waited for a CPU before the next sample could be taken. */
static void test_waits_for_a_cpu(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time starved = lasted(400, 80, 0);

	(void)state;
	tally_ended(t, (struct tally_cpu){900 * MS, 900 * MS}, 0); /* nothing to compare it with */
	add(t, 2, "app.py:12 crunch", "");
	ran(t, 20, 30, 1000);
	ran(t, 22, 31, 1100);
	is(tally_culprit(t, &starved), "unknown", "app.py:12 crunch", "");
	tally_ended(t, (struct tally_cpu){95 * MS, 158 * MS}, 10 * MS); /* 118, perhaps */
	is(tally_culprit(t, &starved), "unknown", "app.py:12 crunch", "");
	tally_ended(t, (struct tally_cpu){95 * MS, 160 * MS}, 10 * MS);
	is(tally_culprit(t, &starved), "cpu", "app.py:12 crunch", "");
	free(t);
}

/* A single look says who, perhaps, but not how. */
static void test_one_sample(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time starved = lasted(400, 120, 0), ran_itself = lasted(400, 210, 0);

	(void)state;
	add(t, 1, "app.py:12 crunch", "");
	ran(t, 20, 30, 1000);
	ran(t, 50, 200, 1200);
	is(tally_culprit(t, &starved), "unknown", "app.py:12 crunch", "");
	is(tally_culprit(t, NULL), "unknown", "app.py:12 crunch", "");
	is(tally_culprit(t, &ran_itself), "cpu", "app.py:12 crunch", "");
	add(t, 1, "app.py:12 crunch", "");
	is(tally_culprit(t, &starved), "cpu", "app.py:12 crunch", "");
	free(t);
}

/* A futex on the GIL is no system call that held it up. */
static void test_gil(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time waited = lasted(200, 20, 150), busy = lasted(200, 120, 80);
	struct tally_time both = lasted(200, 70, 90);

	(void)state;
	add_gil(t, 5, "app.py:40 hello", "app.py:77 hog");
	add_gil(t, 2, "app.py:40 hello", "");
	add(t, 3, "app.py:40 hello", "");
	is(tally_culprit(t, &waited), "gil", "app.py:40 hello", "app.py:77 hog");
	is(tally_culprit(t, &busy), "cpu", "app.py:40 hello", "");
	is(tally_culprit(t, &both), "gil", "app.py:40 hello", "app.py:77 hog");
	is(tally_culprit(t, NULL), "gil", "app.py:40 hello", "app.py:77 hog");
	free(t);
}

static void test_collection(void **state)
{
	struct tally *t = tally_new(1);
	struct python_stack s = {.collecting = true};
	struct tally_time known = {200 * MS, 190 * MS, 0, 150 * MS}, unknown = lasted(200, 190, 0);

	(void)state;
	is(tally_culprit(NULL, &known), "gc", "", "");
	snprintf(s.own.where, sizeof(s.own.where), "app.py:3 make");
	tally_add(t, &s);
	tally_add(t, &s);
	is(tally_culprit(t, &unknown), "gc", "app.py:3 make", "");
	is(tally_culprit(t, NULL), "gc", "app.py:3 make", "");
	free(t);
}

/* Nobody is named who was there for less than a third of the samples. */
static void test_no_majority(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time time = lasted(200, 190, 0);
	char where[32];

	(void)state;
	for (int i = 0; i < 100; i++) { /* more than are kept apart */
		snprintf(where, sizeof(where), "app.py:%d f", i);
		add(t, 1, where, "");
	}
	is(tally_culprit(t, &time), "cpu", "", "");
	add(t, 49, "app.py:3 f", "");
	is(tally_culprit(t, &time), "cpu", "app.py:3 f", "");
	free(t);
}

/* Frames of libraries alone: where is not known, and does not outvote what is. */
static void test_no_place(void **state)
{
	struct tally *t = tally_new(1);
	struct tally_time time = lasted(200, 1, 0);

	(void)state;
	add(t, 6, "", "clock_nanosleep");
	is(tally_culprit(t, &time), "syscall", "", "clock_nanosleep");
	add(t, 4, "app.py:5 pause", "clock_nanosleep");
	is(tally_culprit(t, &time), "syscall", "app.py:5 pause", "clock_nanosleep");
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_sampled),
		cmocka_unit_test(test_system_call),
		cmocka_unit_test(test_place_of_several_calls),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_waits_for_a_cpu),
		cmocka_unit_test(test_one_sample),
		cmocka_unit_test(test_gil),
		cmocka_unit_test(test_collection),
		cmocka_unit_test(test_no_majority),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
