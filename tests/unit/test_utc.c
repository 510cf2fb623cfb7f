// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same as the C library says, over all that 64 bits of nanoseconds reach. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "../../user/lib/utc.h"

static void same(uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000u);
	struct utc t = utc_of(wall_ns);
	struct tm tm;

	assert_non_null(gmtime_r(&seconds, &tm));
	assert_int_equal(t.year, tm.tm_year + 1900);
	assert_int_equal(t.month, tm.tm_mon + 1);
	assert_int_equal(t.day, tm.tm_mday);
	assert_int_equal(t.hour, tm.tm_hour);
	assert_int_equal(t.minute, tm.tm_min);
	assert_int_equal(t.second, tm.tm_sec);
	assert_int_equal(t.ns, wall_ns % 1000000000u);
}

static void every_day(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < UINT64_MAX / 86400000000000u; day++) {
		same(day * 86400000000000u);
		same((day + 1) * 86400000000000u - 1);
	}
	same(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_day)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
