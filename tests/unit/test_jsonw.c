// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../user/lib/escape.h"
#include "../../user/lib/jsonw.h"

#define SEED	 0x5eed0004ull
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* What one test writes. */
struct out {
	struct jsonw w;
	FILE *f;
	char *text;
	size_t len;
};

static void out_open(struct out *o)
{
	o->f = open_memstream(&o->text, &o->len);
	assert_non_null(o->f);
	jsonw_init(&o->w, o->f);
}

/* The text written, valid until out_free(). */
static const char *out_text(struct out *o)
{
	assert_int_equal(fclose(o->f), 0);
	return o->text;
}

static void out_free(struct out *o)
{
	free(o->text);
}

#define assert_writes(expected, ...)                         \
	do {                                                 \
		struct out o;                                \
		struct jsonw *w = &o.w;                      \
                                                             \
		out_open(&o);                                \
		__VA_ARGS__;                                 \
		assert_string_equal(out_text(&o), expected); \
		out_free(&o);                                \
	} while (0)

static void write_nested(struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_object(w, "empty");
	jsonw_object_end(w);
	jsonw_array(w, "list");
	jsonw_u64(w, NULL, UINT64_MAX);
	jsonw_i64(w, NULL, INT64_MIN);
	jsonw_array(w, NULL);
	jsonw_array_end(w);
	jsonw_object(w, NULL);
	jsonw_bool(w, "t", true);
	jsonw_bool(w, "f", false);
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_string(w, "none", NULL);
	jsonw_double(w, "nan", NAN);
	jsonw_double(w, "inf", -INFINITY);
	jsonw_string(w, "s", "x");
	jsonw_object_n(w, "a\"b\xff#", 4);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void structure(void **state)
{
	(void)state;
	assert_writes("{\"empty\":{},\"list\":[18446744073709551615,-9223372036854775808,[],"
		      "{\"t\":true,\"f\":false}],\"s\":\"x\",\"a\\\"b\\\\xff\":{}}",
		      write_nested(w));
	assert_writes("[\"a\",\"b\"]", jsonw_array(w, NULL), jsonw_string(w, NULL, "a"),
		      jsonw_string(w, NULL, "b"), jsonw_array_end(w));
}

/* JSON lines: one writer, one text after the other, no comma between them. */
static void texts_follow_each_other(void **state)
{
	(void)state;
	assert_writes(
		"{\"n\":1}\n{\"n\":2}\n", for (unsigned n = 1; n <= 2; n++) {
			jsonw_object(w, NULL);
			jsonw_u64(w, "n", n);
			jsonw_object_end(w);
			putc('\n', w->f);
		});
}

static void deepest_nesting(void **state)
{
	struct out o;
	cJSON *json;

	(void)state;
	out_open(&o);
	for (int i = 0; i < JSONW_DEPTH - 1; i++)
		jsonw_array(&o.w, NULL);
	for (int i = 0; i < JSONW_DEPTH - 1; i++)
		jsonw_array_end(&o.w);
	json = cJSON_Parse(out_text(&o));
	assert_non_null(json);
	assert_int_equal(o.len, 2 * (JSONW_DEPTH - 1));
	cJSON_Delete(json);
	out_free(&o);
}

static void strings(void **state)
{
	(void)state;
	assert_writes("\"\"", jsonw_string(w, NULL, ""));
	assert_writes("\"\"", jsonw_string_n(w, NULL, NULL, 0));
	assert_writes("\"q\\\"b\\\\s/\"", jsonw_string(w, NULL, "q\"b\\s/"));
	assert_writes("\"\\u000a\\u0009\\u001b\\u007f\"", jsonw_string(w, NULL, "\n\t\x1b\x7f"));
	assert_writes("\"a\\u0000b\"", jsonw_string_n(w, NULL, "a\0b", 3));
	assert_writes("\"gr\xc3\xbc\xf0\x9f\x90\x8d\"",
		      jsonw_string(w, NULL, "gr\xc3\xbc\xf0\x9f\x90\x8d"));
	assert_writes("\"\\\\xff\\\\xc3(\\\\xe2\\\\x82\"",
		      jsonw_string(w, NULL, "\xff\xc3(\xe2\x82"));
	assert_writes("\"\\u009b\\u2028\\u202e\\u2066\"",
		      jsonw_string(w, NULL, "\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6"));
}

/* What a reader should get: invalid bytes as \xHH, everything else as it is. */
static size_t expected_text(const unsigned char *p, size_t n, char *out)
{
	size_t at = 0, len;

	for (size_t i = 0; i < n; i += len ? len : 1) {
		len = utf8_length(p + i, n - i);
		if (len)
			memcpy(out + at, p + i, len);
		else
			sprintf(out + at, "\\x%02x", p[i]);
		at += len ? len : 4;
	}
	out[at] = '\0';
	return at;
}

static void check_clean(const char *s, size_t len, uint64_t seed)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length((const unsigned char *)s + i, len - i);
		if (!n || utf8_is_control((const unsigned char *)s + i, n))
			fail_msg("seed %#" PRIx64 ": not clean at %zu", seed, i);
	}
}

static void hostile_strings_read_back(void **state)
{
	static const char *const bits[] = {"\xc3\xbc", "\xe2\x80\xae", "\xf0\x9f\x90\x8d", "\"",
					   "\\",       "\xed\xa0\x80", "\xc2\x85",	   "u00"};

	(void)state;
	for (uint64_t seed = SEED; seed < SEED + 20000; seed++) {
		unsigned char in[64];
		char want[4 * sizeof(in) + 1];
		uint64_t random = seed;
		size_t n = 0, max = next_random(&random) % 56;
		struct out o;
		cJSON *json;

		while (n < max) {
			uint64_t r = next_random(&random);
			const char *bit = bits[r >> 8 & 7];

			if (r % 2) {
				memcpy(in + n, bit, strlen(bit));
				n += strlen(bit);
			} else {
				in[n++] = (unsigned char)(1 + (r >> 16) % 255); /* cJSON: no NUL */
			}
		}
		expected_text(in, n, want);
		out_open(&o);
		jsonw_object(&o.w, NULL);
		jsonw_string_n(&o.w, "s", in, n);
		jsonw_object_end(&o.w);
		json = cJSON_Parse(out_text(&o));
		check_clean(o.text, o.len, seed);
		if (!json || strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(json, "s")), want))
			fail_msg("seed %#" PRIx64 ": %s", seed, o.text);
		cJSON_Delete(json);
		out_free(&o);
	}
}

/* --- numbers */

static void doubles(void **state)
{
	(void)state;
	assert_writes("0", jsonw_double(w, NULL, 0));
	assert_writes("-0", jsonw_double(w, NULL, -0.0));
	assert_writes("0.1", jsonw_double(w, NULL, 0.1));
	assert_writes("0.30000000000000004", jsonw_double(w, NULL, 0.1 + 0.2));
	assert_writes("1.0000000000000002", jsonw_double(w, NULL, 1 + DBL_EPSILON));
	assert_writes("12.5", jsonw_double(w, NULL, 12.5));
	assert_writes("1e+300", jsonw_double(w, NULL, 1e300));
	assert_writes("5e-324", jsonw_double(w, NULL, 5e-324));
	assert_writes("1.7976931348623157e+308", jsonw_double(w, NULL, DBL_MAX));
	assert_writes("[]", jsonw_array(w, NULL), jsonw_double(w, NULL, INFINITY),
		      jsonw_array_end(w));
}

/* Digits of the significand, zeros at its ends left out. */
static size_t significant(const char *s)
{
	size_t n = 0, last = 0;

	for (; *s && *s != 'e'; s++) {
		if (*s < '0' || *s > '9' || (!n && *s == '0'))
			continue;
		n++;
		if (*s != '0')
			last = n;
	}
	return last;
}

static void check_double(double v)
{
	struct out o;
	char shorter[40];
	int digits;

	out_open(&o);
	jsonw_double(&o.w, NULL, v);
	if (strtod(out_text(&o), NULL) != v)
		fail_msg("%a reads back as %s", v, o.text);
	digits = (int)significant(o.text) - 1;
	if (digits > 0) {
		snprintf(shorter, sizeof(shorter), "%.*e", digits - 1, v);
		if (strtod(shorter, NULL) == v)
			fail_msg("%a: %s is shorter than %s", v, shorter, o.text);
	}
	out_free(&o);
}

static void doubles_are_shortest(void **state)
{
	uint64_t random = SEED;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = next_random(&random);
		double v;

		memcpy(&v, &bits, sizeof(v));
		if (isfinite(v))
			check_double(v);
		check_double((double)(bits >> 40) / 1000);
		check_double((double)(bits & 0xfff) * 0x1p-1074);
	}
}

static void milliseconds_are_exact(void **state)
{
	uint64_t random = SEED + 1;

	(void)state;
	assert_writes("0", jsonw_ms(w, NULL, 0));
	assert_writes("0.000001", jsonw_ms(w, NULL, 1));
	assert_writes("0.1", jsonw_ms(w, NULL, 100000));
	assert_writes("1", jsonw_ms(w, NULL, 1000000));
	assert_writes("10.00001", jsonw_ms(w, NULL, 10000010));
	assert_writes("18446744073709.551615", jsonw_ms(w, NULL, UINT64_MAX));
	for (int i = 0; i < 20000; i++) {
		uint64_t ns = next_random(&random) >> next_random(&random) % 64, back;
		struct out o;
		char *end;

		if (i % 3 == 0)
			ns -= ns % 10000;
		out_open(&o);
		jsonw_ms(&o.w, NULL, ns);
		back = strtoull(out_text(&o), &end, 10) * 1000000;
		end += *end == '.';
		for (uint64_t digit = 100000; digit && *end; digit /= 10)
			back += digit * (uint64_t)(*end++ - '0');
		if (back != ns || *end || (strchr(o.text, '.') && end[-1] == '0'))
			fail_msg("%" PRIu64 " ns is %s ms", ns, o.text);
		out_free(&o);
	}
}

/* --- time */

static void check_time(uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char day[32], want[64];
	struct tm tm;
	struct out o;

	assert_non_null(gmtime_r(&seconds, &tm));
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(want, sizeof(want), "\"%s.%06uZ\"", day, (unsigned)(ns % 1000000000 / 1000));
	out_open(&o);
	jsonw_time(&o.w, NULL, ns);
	assert_string_equal(out_text(&o), want);
	out_free(&o);
}

static void times(void **state)
{
	const uint64_t day = 86400ull * 1000000000;
	uint64_t random = SEED + 2;

	(void)state;
	assert_writes("\"1970-01-01T00:00:00.000000Z\"", jsonw_time(w, NULL, 0));
	assert_writes("\"2000-02-29T12:34:56.789012Z\"",
		      jsonw_time(w, NULL, 951827696789012999ull));
	assert_writes("\"2554-07-21T23:34:33.709551Z\"", jsonw_time(w, NULL, UINT64_MAX));
	for (uint64_t d = 0; d < UINT64_MAX / day; d++) {
		check_time(d * day);
		check_time((d + 1) * day - 1);
	}
	for (int i = 0; i < 20000; i++)
		check_time(next_random(&random));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure),
		cmocka_unit_test(texts_follow_each_other),
		cmocka_unit_test(deepest_nesting),
		cmocka_unit_test(strings),
		cmocka_unit_test(hostile_strings_read_back),
		cmocka_unit_test(doubles),
		cmocka_unit_test(doubles_are_shortest),
		cmocka_unit_test(milliseconds_are_exact),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests_name("jsonw", tests, NULL, NULL);
}
