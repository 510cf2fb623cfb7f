// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/lib/units.h"

#define SEED	 0x5eed0005ull
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static double random_share(uint64_t *state)
{
	return (double)(next_random(state) >> 11) / 0x1p53;
}

struct written {
	double value;
	const char *text;
};

static void check_written(char *(*write)(char *, size_t, double), const struct written *cases,
			  size_t n)
{
	char buf[UNITS_MAX];

	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(write(buf, sizeof(buf), cases[i].value), buf);
		if (strcmp(buf, cases[i].text))
			fail_msg("%.17g is '%s', not '%s'", cases[i].value, buf, cases[i].text);
	}
}

static void durations(void **state)
{
	static const struct written cases[] = {
		{0, "0 ns"},
		{-0.0, "0 ns"},
		{7, "7 ns"},
		{870, "870 ns"},
		{999.4, "999 ns"},
		{999.5, "1.00 us"},
		{1000, "1.00 us"},
		{12345, "12.3 us"},
		{99949, "99.9 us"},
		{99951, "100 us"},
		{999499, "999 us"},
		{999500, "1.00 ms"},
		{1.23e6, "1.23 ms"},
		{9.994e6, "9.99 ms"},
		{9.996e6, "10.0 ms"},
		{12.3e6, "12.3 ms"},
		{123e6, "123 ms"},
		{999.6e6, "1.00 s"},
		{1.23e9, "1.23 s"},
		{59.94e9, "59.9 s"},
		{59.96e9, "1m00s"},
		{60e9, "1m00s"},
		{123e9, "2m03s"},
		{3599.4e9, "59m59s"},
		{3599.6e9, "1h00m"},
		{3600e9, "1h00m"},
		{11220e9, "3h07m"},
		{1000 * 3600e9, "1000h00m"},
		{-1, "-"},
		{NAN, "-"},
		{INFINITY, "-"},
	};
	char buf[UNITS_MAX];

	(void)state;
	check_written(units_duration, cases, ARRAY(cases));
	assert_true(strlen(units_duration(buf, sizeof(buf), DBL_MAX)) < UNITS_MAX - 1);
}

/* What people read is, read back, what it was, to three digits. */
static void durations_read_back(void **state)
{
	uint64_t random = SEED;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		double ns = exp2(random_share(&random) * 35.7); /* up to 56 s */
		char buf[UNITS_MAX];
		uint64_t back;

		units_duration(buf, sizeof(buf), ns);
		assert_int_equal(units_parse_duration(buf, 0, &back), 0);
		if (fabs((double)back - ns) > fmax(ns * 0.005001, 0.5))
			fail_msg("%.17g is '%s' is %" PRIu64, ns, buf, back);
	}
}

static void rates(void **state)
{
	static const struct written cases[] = {
		{0, "0/s"},	    {-0.0, "0/s"},
		{0.4, "0.4/s"},	    {0.0123, "0.0123/s"},
		{0.001, "0.001/s"}, {0.00099, "<0.001/s"},
		{12.34, "12.3/s"},  {950, "950/s"},
		{999.4, "999/s"},   {999.6, "1.00k/s"},
		{12345, "12.3k/s"}, {4.56e6, "4.56M/s"},
		{-1, "-"},	    {NAN, "-"},
		{INFINITY, "-"},
	};
	char buf[UNITS_MAX];

	(void)state;
	check_written(units_rate, cases, ARRAY(cases));
	assert_true(strlen(units_rate(buf, sizeof(buf), DBL_MAX)) < UNITS_MAX - 1);
}

static void percents(void **state)
{
	static const struct written cases[] = {
		{0, "0 %"},
		{-0.0, "0 %"},
		{1, "100 %"},
		{0.003, "0.3 %"},
		{0.12, "12 %"},
		{0.034, "3.4 %"},
		{0.05, "5 %"},
		{0.099, "9.9 %"},
		{0.0996, "10 %"},
		{0.5, "50 %"},
		{0.0004, "0.04 %"},
		{0.00001, "0.001 %"},
		{1e-9, "<0.001 %"},
		{0.98, "98 %"},
		{0.992, "99.2 %"},
		{0.9996, "99.96 %"},
		{0.99996, "99.996 %"},
		{0.9999999, ">99.999 %"},
		{1.5, "150 %"},
		{-0.1, "-"},
		{0.000123, "0.01 %"},
		{0.9998, "99.98 %"},
		{NAN, "-"},
		{INFINITY, "-"},
		{0.90, "90 %"},
		{0.20, "20 %"},
	};

	(void)state;
	check_written(units_percent, cases, ARRAY(cases));
}

static void percents_never_lie_about_the_ends(void **state)
{
	uint64_t random = SEED + 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		double share = i % 2 ? random_share(&random) : exp2(-random_share(&random) * 60);
		char buf[UNITS_MAX];

		if (i % 3 == 0)
			share = 1 - share;
		if (i < 2)
			share = i ? DBL_MIN : nextafter(1, 0);
		if (share <= 0 || share >= 1)
			continue;
		units_percent(buf, sizeof(buf), share);
		if (strtod(buf, NULL) == 100 || (*buf != '<' && *buf != '>' && !strtod(buf, NULL)))
			fail_msg("%.17g is '%s'", share, buf);
		if (*buf != '<' && *buf != '>' && fabs(strtod(buf, NULL) - share * 100) > 0.5)
			fail_msg("%.17g is '%s'", share, buf);
	}
}

static void counts_and_bytes(void **state)
{
	static const struct {
		uint64_t n;
		const char *count, *bytes;
	} cases[] = {
		{0, "0", "0 B"},
		{512, "512", "512 B"},
		{950, "950", "950 B"},
		{999, "999", "999 B"},
		{1000, "1.00k", "1000 B"},
		{1023, "1.02k", "1023 B"},
		{1024, "1.02k", "1.00 KiB"},
		{12345, "12.3k", "12.1 KiB"},
		{12595, "12.6k", "12.3 KiB"},
		{999499, "999k", "976 KiB"},
		{999500, "1.00M", "976 KiB"},
		{1047552, "1.05M", "1023 KiB"},
		{1048575, "1.05M", "1.00 MiB"},
		{4560000, "4.56M", "4.35 MiB"},
		{1ull << 40, "1.10T", "1.00 TiB"},
		{UINT64_MAX, "18.4E", "16.0 EiB"},
	};
	char buf[UNITS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY(cases); i++) {
		assert_string_equal(units_count(buf, sizeof(buf), cases[i].n), cases[i].count);
		assert_string_equal(units_bytes(buf, sizeof(buf), cases[i].n), cases[i].bytes);
	}
}

/* Every writer stays within a short buffer and ends it. */
static void short_buffers(void **state)
{
	char buf[5] = "####";

	(void)state;
	assert_string_equal(units_duration(buf, 4, 123e6), "123");
	assert_string_equal(units_count(buf, 4, 12345), "12.");
	assert_string_equal(units_rate(buf, 4, 12345), "12.");
	assert_string_equal(units_percent(buf, 3, 0.123), "12");
	assert_string_equal(units_bytes(buf, 2, 12345), "1");
	assert_string_equal(units_duration(buf, 1, NAN), "");
}

/* --- parsers */

#define UNTOUCHED 4711

static void parses_u64(void **state)
{
	static const struct {
		const char *s;
		int err;
		uint64_t value;
	} cases[] = {
		{"10", 0, 10},	      {"0099", 0, 99},	   {"100", 0, 100},
		{"9", -ERANGE, 0},    {"101", -ERANGE, 0}, {"99999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},     {" 10", -EINVAL, 0}, {"10 ", -EINVAL, 0},
		{"+10", -EINVAL, 0},  {"-10", -EINVAL, 0}, {"0x10", -EINVAL, 0},
		{"10.0", -EINVAL, 0},
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY(cases); i++) {
		v = UNTOUCHED;
		if (units_parse_u64(cases[i].s, 10, 100, &v) != cases[i].err ||
		    v != (cases[i].err ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' is %" PRIu64, cases[i].s, v);
	}
	assert_int_equal(units_parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(units_parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
}

static void parses_double(void **state)
{
	static const struct {
		const char *s;
		int err;
		double value;
	} cases[] = {
		{"1.5", 0, 1.5},       {"-2", 0, -2},	       {"+3e0", 0, 3},
		{".5", 0, 0.5},	       {"5.", 0, 5},	       {"10", 0, 10},
		{"10.01", -ERANGE, 0}, {"-10.01", -ERANGE, 0}, {"1e999", -ERANGE, 0},
		{"", -EINVAL, 0},      {".", -EINVAL, 0},      {"-", -EINVAL, 0},
		{"nan", -EINVAL, 0},   {"inf", -EINVAL, 0},    {"0x1", -EINVAL, 0},
		{"-0X1", -EINVAL, 0},  {" 1", -EINVAL, 0},     {"1 ", -EINVAL, 0},
		{"1,5", -EINVAL, 0},   {"1.5x", -EINVAL, 0},   {"--1", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY(cases); i++) {
		double v = UNTOUCHED;

		if (units_parse_double(cases[i].s, -10, 10, &v) != cases[i].err ||
		    v != (cases[i].err ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' is %.17g", cases[i].s, v);
	}
}

static void parses_share(void **state)
{
	static const struct {
		const char *s;
		int err;
		double value;
	} cases[] = {
		{"1%", 0, 0.01},      {"0.01", 0, 0.01},
		{"100%", 0, 1},	      {"0", 0, 0},
		{"1", 0, 1},	      {"12.5 %", 0, 0.125},
		{"0.1%", 0, 0.001},   {"101%", -ERANGE, 0},
		{"1.01", -ERANGE, 0}, {"-1%", -ERANGE, 0},
		{"%", -EINVAL, 0},    {"1%%", -EINVAL, 0},
		{"", -EINVAL, 0},     {"1percent", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY(cases); i++) {
		double v = UNTOUCHED;

		if (units_parse_share(cases[i].s, &v) != cases[i].err ||
		    v != (cases[i].err ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' is %.17g", cases[i].s, v);
	}
}

struct quantity {
	const char *s;
	uint64_t bare;
	int err;
	uint64_t value;
};

static void check_quantities(int (*parse)(const char *, uint64_t, uint64_t *),
			     const struct quantity *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = UNTOUCHED;
		int err = parse(cases[i].s, cases[i].bare, &v);

		if (err != cases[i].err || v != (err ? UNTOUCHED : cases[i].value))
			fail_msg("'%s' is %" PRIu64 " (%d)", cases[i].s, v, err);
	}
}

static void parses_durations(void **state)
{
	static const struct quantity cases[] = {
		{"300ms", 0, 0, 300000000},
		{"1.5 s", 0, 0, 1500000000},
		{"20us", 0, 0, 20000},
		{"7ns", 0, 0, 7},
		{"5m", 0, 0, 300000000000},
		{"1h", 0, 0, 3600000000000},
		{"250", 1000000, 0, 250000000},
		{"0.1", 1000000000, 0, 100000000},
		{".5s", 0, 0, 500000000},
		{"0s", 0, 0, 0},
		{"0.000000001s", 0, 0, 1},
		{"1.4ns", 0, 0, 1},
		{"1.5ns", 0, 0, 2},
		{"0.1234567890123456789s", 0, 0, 123456789},
		{"18446744073709551615ns", 0, 0, UINT64_MAX},
		{"18446744073709551616ns", 0, -ERANGE, 0},
		{"18446744073709551615.5ns", 0, -ERANGE, 0},
		{"5124096h", 0, -ERANGE, 0},
		{"250", 0, -EINVAL, 0},
		{"", 1, -EINVAL, 0},
		{"s", 1, -EINVAL, 0},
		{".s", 1, -EINVAL, 0},
		{"1.s", 1, -EINVAL, 0},
		{"-1s", 1, -EINVAL, 0},
		{" 1s", 1, -EINVAL, 0},
		{"1s ", 1, -EINVAL, 0},
		{"1 ", 1, -EINVAL, 0},
		{"1S", 1, -EINVAL, 0},
		{"1e3ms", 1, -EINVAL, 0},
		{"1m30s", 1, -EINVAL, 0},
	};

	(void)state;
	check_quantities(units_parse_duration, cases, ARRAY(cases));
}

static void parses_sizes(void **state)
{
	static const struct quantity cases[] = {
		{"64", 1, 0, 64},
		{"64", 1024, 0, 65536},
		{"64k", 0, 0, 65536},
		{"64K", 0, 0, 65536},
		{"200M", 0, 0, 209715200},
		{"1G", 0, 0, 1073741824},
		{"2t", 0, 0, 2199023255552},
		{"1.5 GiB", 0, 0, 1610612736},
		{"512 B", 0, 0, 512},
		{"12kib", 0, 0, 12288},
		{"16777215T", 0, 0, 16777215ull << 40},
		{"16777216T", 0, -ERANGE, 0},
		{"64", 0, -EINVAL, 0},
		{"k", 1, -EINVAL, 0},
		{"64kk", 1, -EINVAL, 0},
		{"64kb/s", 1, -EINVAL, 0},
		{"-1", 1, -EINVAL, 0},
	};

	(void)state;
	check_quantities(units_parse_size, cases, ARRAY(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_read_back),
		cmocka_unit_test(rates),
		cmocka_unit_test(percents),
		cmocka_unit_test(percents_never_lie_about_the_ends),
		cmocka_unit_test(counts_and_bytes),
		cmocka_unit_test(short_buffers),
		cmocka_unit_test(parses_u64),
		cmocka_unit_test(parses_double),
		cmocka_unit_test(parses_share),
		cmocka_unit_test(parses_durations),
		cmocka_unit_test(parses_sizes),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
