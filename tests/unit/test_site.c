// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_site.c - places are kept once, cut where they are too long, and always valid UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/site.h"
#include "../../user/lib/escape.h"
#include "traffic.h"

static int setup(void **state)
{
	*state = sites_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	sites_free(*state);
	return 0;
}

static void same_texts_same_site(void **state)
{
	struct sites *s = *state;
	char where[] = "a.py:1 f";
	const struct site *a = sites_get(s, "ValueError", where, "b.py:2 g");

	assert_string_equal(a->type, "ValueError");
	assert_string_equal(a->where, "a.py:1 f");
	assert_string_equal(a->detail, "b.py:2 g");
	where[0] = 'x'; /* they are copies */
	assert_string_equal(a->where, "a.py:1 f");
	assert_ptr_equal(sites_get(s, "ValueError", "a.py:1 f", "b.py:2 g"), a);
	assert_ptr_not_equal(sites_get(s, "ValueError", "a.py:1 f", ""), a);
	assert_ptr_not_equal(sites_get(s, "ValueErro", "ra.py:1 f", "b.py:2 g"), a);
	assert_ptr_not_equal(sites_get(s, "", "a.py:1 f", "b.py:2 g"), a);
	assert_int_equal(sites_get(s, "ValueError", "a.py:1 f", "")->id, 1);
}

static void nothing_is_a_text(void **state)
{
	struct sites *s = *state;
	const struct site *a = sites_get(s, NULL, NULL, NULL);

	assert_string_equal(a->type, "");
	assert_string_equal(a->where, "");
	assert_string_equal(a->detail, "");
	assert_ptr_equal(sites_get(s, "", "", ""), a);
}

static void long_texts_are_cut_at_a_character(void **state)
{
	struct sites *s = *state;
	char text[2000];

	for (size_t shift = 0; shift < 3; shift++) {
		const struct site *a;
		size_t n = shift;

		memset(text, 'x', sizeof(text));
		while (n + 3 < sizeof(text)) {
			memcpy(text + n, "\xe2\x82\xac", 3);
			n += 3;
		}
		text[n] = '\0';
		a = sites_get(s, text, text, NULL);
		assert_in_range(strlen(a->type), SITE_TYPE_MAX - 4, SITE_TYPE_MAX - 1);
		assert_in_range(strlen(a->where), SITE_TEXT_MAX - 4, SITE_TEXT_MAX - 1);
		assert_string_equal(a->where + strlen(a->where) - 3, "...");
		assert_memory_equal(a->where, text, strlen(a->where) - 3);
		assert_ptr_equal(sites_get(s, a->type, a->where, ""), a); /* what is cut fits */
	}
	memset(text, 'x', SITE_TEXT_MAX - 1);
	text[SITE_TEXT_MAX - 1] = '\0';
	assert_string_equal(sites_get(s, "", text, "")->where, text);
}

static void assert_valid(const char *text, size_t size)
{
	size_t left = strlen(text);

	assert_true(left < size);
	while (left) {
		size_t n = utf8_length((const unsigned char *)text, left);

		assert_int_not_equal(n, 0);
		text += n;
		left -= n;
	}
}

static void any_bytes_become_utf8(void **state)
{
	struct sites *s = *state;
	struct random r = {7};
	char text[900];

	assert_string_equal(sites_get(s,
				      "a\xff"
				      "b",
				      "", "")
				    ->type,
			    "a\xef\xbf\xbd"
			    "b");
	for (int i = 0; i < 900; i++) {
		size_t n = random_below(&r, sizeof(text));
		const struct site *a;

		for (size_t k = 0; k < n; k++)
			text[k] = (char)(1 + random_below(&r, 255));
		text[n] = '\0';
		a = sites_get(s, text, text, text);
		assert_non_null(a);
		assert_valid(a->type, SITE_TYPE_MAX);
		assert_valid(a->where, SITE_TEXT_MAX);
		assert_valid(a->detail, SITE_TEXT_MAX);
		assert_ptr_equal(sites_get(s, text, text, text), a);
	}
}

static void the_bound_is_kept(void **state)
{
	struct sites *s = *state;
	const struct site *all[SITES_MAX];
	char where[32];

	for (uint32_t i = 0; i < SITES_MAX; i++) {
		snprintf(where, sizeof(where), "a.py:%u f", i);
		all[i] = sites_get(s, "E", where, "");
		assert_non_null(all[i]);
		assert_int_equal(all[i]->id, i);
	}
	assert_int_equal(sites_refused(s), 0);
	assert_null(sites_get(s, "E", "b.py:1 f", ""));
	assert_int_equal(sites_refused(s), 1);
	assert_ptr_equal(sites_get(s, "E", "a.py:7 f", ""), all[7]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(same_texts_same_site),
		T(nothing_is_a_text),
		T(long_texts_are_cut_at_a_character),
		T(any_bytes_become_utf8),
		T(the_bound_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
