/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "../../user/lib/jsonr.h"
#include "../../user/lib/jsonw.h"
#include "traffic.h"

/* The one text in a copy that ends where it ends, so that a read beyond it is caught. */
struct held {
	char *copy;
	struct jsonr v;
	struct jsonr_error e;
	int result;
};

static struct held hold_n(const char *text, size_t n)
{
	struct held h = {.copy = malloc(n ? n : 1)};
	const char *p = h.copy;

	assert_non_null(h.copy);
	memcpy(h.copy, text, n);
	h.result = jsonr_next_text(&p, h.copy + n, &h.v, &h.e);
	if (h.result > 0 && p != h.copy + n)
		h.result = 2; /* more follows */
	return h;
}

static struct held hold(const char *text)
{
	struct held h = hold_n(text, strlen(text));

	if (h.result <= 0)
		fail_msg("%s: at %zu, expected %s", text, h.e.at, h.e.what);
	return h;
}

static void test_valid(void **state)
{
	static const struct {
		const char *text;
		enum jsonr_kind kind;
	} cases[] = {
		{"null", JSONR_NULL},
		{"true", JSONR_BOOL},
		{"false", JSONR_BOOL},
		{"0", JSONR_NUM},
		{"-0", JSONR_NUM},
		{"-1.5e+10", JSONR_NUM},
		{"1E-2", JSONR_NUM},
		{"\"\"", JSONR_STRING},
		{"\"\\u0041\\n\"", JSONR_STRING},
		{"[]", JSONR_ARRAY},
		{"{}", JSONR_OBJECT},
		{"[1,[2,{\"a\":[]}],\"]\"]", JSONR_ARRAY},
		{"{\"a\":{},\"b\":[{}]}", JSONR_OBJECT},
		{" [ 1 , 2 ]", JSONR_ARRAY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct held h = hold(cases[i].text);

		assert_int_equal(h.result, 1);
		assert_int_equal(jsonr_kind(h.v), cases[i].kind);
		free(h.copy);
	}
}

static void assert_text_result(const char *text, size_t n, int result)
{
	struct held h = hold_n(text, n);

	assert_int_equal(h.result, result);
	free(h.copy);
}

static void test_invalid(void **state)
{
	static const char *const texts[] = {
		"{",	    "[",	 "]",
		"}",	    "[1,]",	 "{\"a\"}",
		"{\"a\":}", "{a:1}",	 "{\"a\":1,}",
		"[1 2]",    "01",	 "1.",
		".5",	    "-",	 "1e",
		"+1",	    "NaN",	 "Infinity",
		"nul",	    "tru",	 "\"",
		"\"\\x\"",  "\"\\u12\"", "\"\\u12G4\"",
		"\"\n\"",   "\"\xff\"",	 "'a'",
		"[1}",	    "{\"a\":1]", "\"\\",
		"[,1]",	    "{,}",	 "\"\xed\xa0\x80\"",
		"{1:2}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct held h = hold_n(texts[i], strlen(texts[i]));

		if (h.result != -EINVAL && h.result != 2)
			fail_msg("%s is taken", texts[i]);
		assert_true(h.result == 2 || (*h.e.what && h.e.at <= strlen(texts[i])));
		free(h.copy);
	}
	assert_text_result("\0", 1, -EINVAL);
	assert_text_result("", 0, 0);
	assert_text_result(" \t\r\n", 4, 0);
}

/* Every text that another reader takes is taken, and the other way round: random changes of a valid
 * one. */
static void test_against_another(void **state)
{
	static const char seed[] =
		"{\"a\":[1,-2.5e3,true,null],\"b\":{\"c\":\"x\\n\\u00e9\\\\\"},\"d\":\"\"}";
	static const char bytes[] = "{}[],:\"\\0123456789.-+eEtrufalsn \tabcdx";
	struct random r = {3};
	unsigned taken = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[sizeof(seed)];
		const char *stop = NULL;
		struct held h;
		cJSON *other;

		memcpy(text, seed, sizeof(seed));
		for (uint32_t k = 1 + random_below(&r, 2); k; k--)
			text[random_below(&r, sizeof(seed) - 1)] =
				bytes[random_below(&r, sizeof(bytes) - 1)];
		h = hold_n(text, sizeof(seed) - 1);
		other = cJSON_ParseWithOpts(text, &stop, true);
		taken += h.result == 1;
		/* The other one takes numbers such as 01 and 1., and tabs in strings. */
		if (h.result == 1 && !other)
			fail_msg("only here taken: %s", text);
		if (other && h.result == -EINVAL && !strstr(h.e.what, "digit") &&
		    !strstr(h.e.what, "control"))
			fail_msg("only there taken: %.*s", (int)sizeof(seed) - 1, text);
		cJSON_Delete(other);
		free(h.copy);
	}
	assert_true(taken > 1000 && taken < 19000);
}

static void test_depth(void **state)
{
	char text[2 * JSONR_DEPTH + 2];
	struct held h;

	(void)state;
	memset(text, '[', JSONR_DEPTH);
	memset(text + JSONR_DEPTH, ']', JSONR_DEPTH);
	h = hold_n(text, 2 * JSONR_DEPTH);
	assert_int_equal(h.result, 1);
	free(h.copy);
	memset(text, '[', JSONR_DEPTH + 1);
	memset(text + JSONR_DEPTH + 1, ']', JSONR_DEPTH + 1);
	h = hold_n(text, 2 * JSONR_DEPTH + 2);
	assert_int_equal(h.result, -EINVAL);
	free(h.copy);
}

static void test_walk(void **state)
{
	struct held h = hold("{ \"a\" : [1, {\"x\":\"}\\\"\"} ,\"]\"], \"b\":-2,\"a\":null }");
	struct jsonr_iter it;
	struct jsonr v;
	unsigned n = 0;

	(void)state;
	jsonr_iter_init(&it, h.v);
	assert_true(jsonr_next(&it));
	assert_true(jsonr_is(it.name, "a"));
	assert_int_equal(jsonr_kind(it.value), JSONR_ARRAY);
	assert_true(jsonr_next(&it) && jsonr_is(it.name, "b") && jsonr_kind(it.value) == JSONR_NUM);
	assert_true(jsonr_next(&it) && jsonr_is(it.name, "a") &&
		    jsonr_kind(it.value) == JSONR_NULL);
	assert_false(jsonr_next(&it));
	assert_false(jsonr_next(&it)); /* the end stays */
	assert_true(jsonr_member(h.v, "a", &v));
	jsonr_iter_init(&it, v);
	while (jsonr_next(&it))
		n++;
	assert_int_equal(n, 3);
	assert_false(jsonr_member(h.v, "c", &v));
	assert_false(jsonr_member(v, "a", &v));
	jsonr_iter_init(&it, (struct jsonr){h.v.end, h.v.end});
	assert_false(jsonr_next(&it));
	free(h.copy);
}

static void test_strings(void **state)
{
	struct held h = hold("\"a\\u00e9\\ud83d\\ude00\\ud800x\\/\\u0000\\b\"");
	char out[64];
	size_t n = jsonr_string(h.v, out, sizeof(out));

	(void)state;
	assert_int_equal(n, 1 + 2 + 4 + 3 + 1 + 1 + 1 + 1);
	assert_memory_equal(out, "a\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx/\0\b", n + 1);
	assert_int_equal(jsonr_string(h.v, out, 5), n); /* cut before the emoji */
	assert_string_equal(out, "a\xc3\xa9");
	assert_int_equal(jsonr_string(h.v, NULL, 0), n);
	free(h.copy);
	h = hold("\"host\"");
	assert_true(jsonr_is(h.v, "host"));
	assert_false(jsonr_is(h.v, "hosts"));
	assert_false(jsonr_is(h.v, "hos"));
	assert_false(jsonr_is(h.v, ""));
	free(h.copy);
	h = hold("7");
	assert_int_equal(jsonr_string(h.v, out, sizeof(out)), 0);
	assert_false(jsonr_is(h.v, "7"));
	free(h.copy);
}

static int64_t ms(const char *text)
{
	struct held h = hold(text);
	unsigned __int128 ns = 0;
	int err = jsonr_ms(h.v, &ns);

	free(h.copy);
	return err ? err : (int64_t)ns;
}

static void test_numbers(void **state)
{
	struct held h = hold("18446744073709551615");
	uint64_t u = 0;
	int64_t i = 0;
	double d = 0;

	(void)state;
	assert_int_equal(jsonr_u64(h.v, &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(jsonr_i64(h.v, &i), -ERANGE);
	free(h.copy);
	h = hold("18446744073709551616");
	assert_int_equal(jsonr_u64(h.v, &u), -ERANGE);
	free(h.copy);
	h = hold("-9223372036854775807");
	assert_int_equal(jsonr_i64(h.v, &i), 0);
	assert_true(i == -INT64_MAX);
	assert_int_equal(jsonr_u64(h.v, &u), -ERANGE);
	free(h.copy);
	h = hold("1e3");
	assert_int_equal(jsonr_u64(h.v, &u), -EINVAL);
	assert_int_equal(jsonr_double(h.v, &d), 0);
	assert_true(d == 1000);
	free(h.copy);
	h = hold("1e400");
	assert_int_equal(jsonr_double(h.v, &d), -ERANGE);
	free(h.copy);
	h = hold("\"1\"");
	assert_int_equal(jsonr_double(h.v, &d), -EINVAL);
	assert_int_equal(jsonr_u64(h.v, &u), -EINVAL);
	free(h.copy);
}

static void test_ms(void **state)
{
	(void)state;
	assert_int_equal(ms("0"), 0);
	assert_int_equal(ms("1"), 1000000);
	assert_int_equal(ms("0.000001"), 1);
	assert_int_equal(ms("12.345678"), 12345678);
	assert_int_equal(ms("9007199254.740993"), 9007199254740993); /* no double */
	assert_int_equal(ms("1.5e-3"), 1500);
	assert_int_equal(ms("2E3"), 2000000000);
	assert_int_equal(ms("123.45678900000001"), 123456789); /* as some tools print a double */
	assert_int_equal(ms("0.0000005"), 1);
	assert_int_equal(ms("0.0000004"), 0);
	assert_int_equal(ms("1e-999"), 0);
	assert_int_equal(ms("-1"), -ERANGE);
	assert_int_equal(ms("9007199254740992"), -ERANGE);
	assert_int_equal(ms("1e999"), -ERANGE);
	assert_int_equal(ms("1e99999999999999999999"), -ERANGE);
	assert_int_equal(ms("null"), -EINVAL);
}

/* What the writer makes of ns comes back exactly. */
static void test_ms_round_trip(void **state)
{
	struct random r = {5};

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint64_t ns = random_next(&r) >> (1 + random_below(&r, 63));
		char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);
		struct jsonw w;

		jsonw_init(&w, f);
		jsonw_ms(&w, NULL, ns);
		fclose(f);
		assert_int_equal(ms(text), ns);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_against_another),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_ms),
		cmocka_unit_test(test_ms_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
