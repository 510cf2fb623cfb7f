/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../../user/lib/instant.h"

#define SEC UINT64_C(1000000000)
/* A recording from 2026-01-02T22:00:00Z to 2026-01-03T02:30:00Z. */
#define FROM (UINT64_C(1767391200) * SEC)
#define TO   (FROM + 16200 * SEC)

static uint64_t parse(const char *s)
{
	uint64_t t = 77;

	if (instant_parse(s, FROM, TO, &t))
		fail_msg("\"%s\" was refused", s);
	return t;
}

static void test_full(void **state)
{
	(void)state;
	assert_true(parse("2026-01-02T22:00:00Z") == FROM);
	assert_true(parse("2026-01-02t22:00:00z") == FROM);
	assert_true(parse("2026-01-02 22:00:00") == FROM);
	assert_true(parse("2026-01-02 22:00") == FROM);
	assert_true(parse("2026-01-02T22:00Z") == FROM);
	assert_true(parse("2026-01-02T22:00:00.5Z") == FROM + SEC / 2);
	assert_true(parse("2026-01-02T22:00:00.123456789Z") == FROM + 123456789);
	assert_true(parse("2026-01-02T22:00:00.1234567899Z") == FROM + 123456789);
	assert_true(parse("2026-01-02T23:00:00+01:00") == FROM);
	assert_true(parse("2026-01-03T03:30:00+05:30") == FROM);
	assert_true(parse("2026-01-02T14:00:00-08:00") == FROM);
	assert_true(parse("2026-01-02") == FROM - 22 * 3600 * SEC);
	assert_true(parse("2026-01-02T21:59:60Z") == FROM);
	assert_true(parse("1970-01-01T00:00:00Z") == 0);
	assert_true(parse("2024-02-29T00:00:00Z") == UINT64_C(1709164800) * SEC);
	assert_true(parse("2000-02-29T12:00:00Z") == UINT64_C(951825600) * SEC);
}

/* Every day of some centuries, against the C library. */
static void test_calendar(void **state)
{
	char text[64];

	(void)state;
	for (time_t t = 0; t < (time_t)500 * 366 * 86400; t += 86400 * 7 + 1) {
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		if (parse(text) != (uint64_t)t * SEC)
			fail_msg("%s", text);
	}
}

static void test_time_of_day(void **state)
{
	(void)state;
	assert_true(parse("22:00") == FROM);
	assert_true(parse("22:00:00Z") == FROM);
	assert_true(parse("23:30") == FROM + 5400 * SEC);
	assert_true(parse("01:00") == FROM + 10800 * SEC);
	assert_true(parse("02:30:00") == TO);
	assert_true(parse("01:00:00.25") == FROM + 10800 * SEC + SEC / 4);
	/* not in it: the nearest to it */
	assert_true(parse("03:00") == TO + 1800 * SEC);
	assert_true(parse("21:00") == FROM - 3600 * SEC);
}

/* Of a recording of many days the last such moment. */
static void test_last_day(void **state)
{
	uint64_t t;

	(void)state;
	assert_int_equal(instant_parse("23:00", FROM, FROM + 10 * 86400 * SEC, &t), 0);
	assert_true(t == FROM + (9 * 86400 + 3600) * SEC);
	assert_int_equal(instant_parse("22:00", FROM, FROM + 10 * 86400 * SEC, &t), 0);
	assert_true(t == FROM + 10 * 86400 * SEC);
	assert_int_equal(instant_parse("10:00", 0, 3600 * SEC, &t),
			 0); /* a clock that was never set */
	assert_true(t == 36000 * SEC);
}

static void test_relative(void **state)
{
	(void)state;
	assert_true(parse("+5m") == FROM + 300 * SEC);
	assert_true(parse("+90") == FROM + 90 * SEC);
	assert_true(parse("+1.5h") == FROM + 5400 * SEC);
	assert_true(parse("-10m") == TO - 600 * SEC);
	assert_true(parse("-0s") == TO);
	assert_true(parse("+0") == FROM);
}

static void test_bounds(void **state)
{
	uint64_t t;

	(void)state;
	assert_int_equal(instant_parse("-1h", 0, 60 * SEC, &t), 0);
	assert_true(t == 0);
	assert_int_equal(instant_parse("+1h", UINT64_MAX - 5, UINT64_MAX, &t), 0);
	assert_true(t == UINT64_MAX);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"x",
		"yesterday",
		"+",
		"-",
		"+x",
		"-5 parsecs",
		"++5m",
		"+-5m",
		"5m",
		"12",
		"12:",
		"12:3",
		"1:30",
		"24:00",
		"12:60",
		"12:30:61",
		"12:30:",
		"12:30:5",
		"12:30:05.",
		"12:30:05x",
		"12:30 ",
		"12:30+01:00",
		"2026-13-01",
		"2026-00-10",
		"2026-02-29",
		"2026-01-32",
		"2026-01-00",
		"2025-02-29T00:00:00Z",
		"1900-01-01T00:00:00Z",
		"9999-01-01T00:00:00Z",
		"2026-1-2",
		"2026-01-02T",
		"2026-01-02T22",
		"2026-01-02Z22:00",
		"2026-01-02T22:00:00+1:00",
		"2026-01-02T22:00:00+0100",
		"2026-01-02T22:00:00+24:00",
		"2026-01-02T22:00:00ZZ",
		"1970-01-01T00:00:00+00:01",
		"2026-01-02T22:00:00 Z",
		"-2026-01-02",
		"26-01-02",
		"2026-01-02  22:00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint64_t t = 77;

		if (instant_parse(bad[i], FROM, TO, &t) != -EINVAL || t != 77)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),	    cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_time_of_day), cmocka_unit_test(test_last_day),
		cmocka_unit_test(test_relative),    cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_refused),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
