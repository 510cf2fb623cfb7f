// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/lib/escape.h"

#define SEED	 0x5eed0003ull
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* --- UTF-8 */

/* The sequence of a code point, by RFC 3629's table; 0 for what has none. */
static size_t encode(uint32_t c, unsigned char *out)
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xc0 | c >> 6);
		out[1] = 0x80 | (c & 0x3f);
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xe0 | c >> 12);
		out[1] = 0x80 | (c >> 6 & 0x3f);
		out[2] = 0x80 | (c & 0x3f);
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | c >> 18);
	out[1] = 0x80 | (c >> 12 & 0x3f);
	out[2] = 0x80 | (c >> 6 & 0x3f);
	out[3] = 0x80 | (c & 0x3f);
	return 4;
}

static void every_code_point_is_valid(void **state)
{
	unsigned char p[4];

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		size_t len = encode(c, p);

		if (len && utf8_length(p, 4) != len)
			fail_msg("U+%04X is %zu bytes", c, utf8_length(p, 4));
		for (size_t cut = 0; cut < len; cut++)
			if (utf8_length(p, cut))
				fail_msg("U+%04X cut to %zu is taken as valid", c, cut);
	}
}

/* As many sequences of two and three bytes as there are code points that need them, no more. */
static void nothing_else_is_valid(void **state)
{
	size_t count[5] = {0};
	unsigned char p[4];

	(void)state;
	for (uint32_t v = 0; v < 1u << 24; v++) {
		size_t len;

		p[0] = (unsigned char)(v >> 16);
		p[1] = (unsigned char)(v >> 8);
		p[2] = (unsigned char)v;
		len = utf8_length(p, 3);
		count[len] += len != 0;
	}
	assert_int_equal(count[1], 0x80 << 16);
	assert_int_equal(count[2], (0x800 - 0x80) << 8);
	assert_int_equal(count[3], 0x10000 - 0x800 - 0x800);
	count[4] = 0;
	for (uint32_t v = 0xe0; v < 0x100; v++)
		for (uint32_t w = 0; w < 1u << 16; w++) {
			memcpy(p,
			       (unsigned char[]){(unsigned char)v, (unsigned char)(w >> 8),
						 (unsigned char)w, 0x80},
			       4);
			count[4] += utf8_length(p, 4) == 4;
		}
	assert_int_equal(count[4], 0x100000 / 64);
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static void controls_are_those_named(void **state)
{
	unsigned char p[4];

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		size_t len = encode(c, p);

		if (len && utf8_is_control(p, len) != is_control(c))
			fail_msg("U+%04X", c);
	}
}

/* --- escaping */

static void known_texts(void **state)
{
	static const struct {
		const char *in, *out;
		size_t columns;
	} cases[] = {
		{"", "", 0},
		{"plain", "plain", 0},
		{"a\nb\x1b[2J\x7f", "a\\x0ab\\x1b[2J\\x7f", 0},
		{"back\\slash", "back\\\\slash", 0},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 0},
		{"\xc3", "\\xc3", 0},
		{"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
		 "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80", 0},
		{"\xc2\x9b"
		 "31m",
		 "\\xc2\\x9b31m", 0},
		{"\xe2\x80\xae"
		 "gpj",
		 "\\xe2\\x80\\xaegpj", 0},
		{"\xe2\x80\xa8", "\\xe2\\x80\\xa8", 0},
		{"\xe2\x81\xa6", "\\xe2\\x81\\xa6", 0},
		{"12345", "12345", 5},
		{"123456", "123..", 5},
		{"\xc3\xbc\xc3\xbc\xc3\xbc", "\xc3\xbc\xc3\xbc\xc3\xbc", 3},
		{"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", "\xc3\xbc..", 3},
		{"ab\xff"
		 "cd",
		 "ab..", 6},
		{"ab\xff"
		 "cd",
		 "ab\\xffcd", 8},
		{"ab", ".", 1},
		{"abc", "..", 2},
		{"a", "a", 1},
	};
	char out[200];

	(void)state;
	for (size_t i = 0; i < ARRAY(cases); i++) {
		size_t columns = cases[i].columns;
		size_t len =
			escape_text(out, sizeof(out), cases[i].in, strlen(cases[i].in), columns);

		assert_string_equal(out, cases[i].out);
		assert_int_equal(len, strlen(out));
	}
	assert_int_equal(escape_text(out, sizeof(out), "a\0b", 3, 0), 6);
	assert_string_equal(out, "a\\x00b");
}

static void small_buffers(void **state)
{
	char out[8] = "#######";

	(void)state;
	assert_int_equal(escape_text(out, 0, "abc", 3, 0), 0);
	assert_string_equal(out, "#######");
	assert_int_equal(escape_text(out, 1, "abc", 3, 0), 0);
	assert_string_equal(out, "");
	assert_int_equal(escape_text(out, 2, "abc", 3, 0), 1);
	assert_string_equal(out, ".");
	assert_int_equal(escape_text(out, 4, "abc", 3, 0), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(escape_text(out, 4, "abcd", 4, 0), 3);
	assert_string_equal(out, "a..");
	assert_int_equal(escape_text(out, 8, NULL, 0, 0), 0);
	assert_string_equal(out, "");
}

/* Bytes as they come from the wire: text, characters, controls, garbage. */
static size_t hostile(uint64_t *random, unsigned char *out, size_t max)
{
	size_t want = next_random(random) % (max - 4), n = 0;

	while (n < want) {
		uint64_t r = next_random(random);

		switch (r % 5) {
		case 0:
			out[n++] = (unsigned char)(r >> 8);
			break;
		case 1:
			n += encode((uint32_t)(r >> 8) % 0x3000, out + n);
			break;
		case 2:
			n += encode((uint32_t)(r >> 8) % 0x110000, out + n);
			break;
		default:
			out[n++] = "ab/\\ .x\x1b"[(r >> 8) % 8];
		}
	}
	return n;
}

/* What escape_text() wrote, read back. */
static size_t unescape(const char *s, size_t len, unsigned char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		if (s[i] != '\\') {
			out[n] = (unsigned char)s[i++];
		} else if (s[i + 1] == '\\') {
			out[n] = '\\';
			i += 2;
		} else {
			char hex[3] = {s[i + 2], s[i + 3], 0};

			assert_int_equal(s[i + 1], 'x');
			out[n] = (unsigned char)strtoul(hex, NULL, 16);
			i += 4;
		}
	}
	return n;
}

static void check_printable(const char *s, size_t len, uint64_t seed)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length((const unsigned char *)s + i, len - i);
		if (!n || utf8_is_control((const unsigned char *)s + i, n))
			fail_msg("seed %#llx: not printable at %zu", (unsigned long long)seed, i);
	}
}

static void hostile_bytes_are_told_whole(void **state)
{
	(void)state;
	for (uint64_t seed = SEED; seed < SEED + 20000; seed++) {
		unsigned char in[64], back[64];
		uint64_t random = seed;
		size_t n = hostile(&random, in, sizeof(in));
		char out[4 * sizeof(in) + 1];
		size_t len = escape_text(out, sizeof(out), in, n, 0);

		check_printable(out, len, seed);
		assert_int_equal(strlen(out), len);
		if (unescape(out, len, back) != n || memcmp(back, in, n))
			fail_msg("seed %#llx: not what went in", (unsigned long long)seed);
	}
}

/* Length and columns of the unit (character or escape) at s, as the text shows it. */
static size_t unit_at(const char *s)
{
	if (*s == '\\')
		return s[1] == '\\' ? 2 : 4;
	return utf8_length((const unsigned char *)s, 4);
}

/* The longest cut of a whole text that leaves room for two dots. */
static size_t best_cut(const char *full, size_t bytes, size_t columns)
{
	size_t at = 0, used = 0, next, width;

	for (;; at += next, used += width) {
		next = unit_at(full + at);
		width = full[at] == '\\' ? next : 1;
		if (at + next + 2 > bytes || used + width + 2 > columns)
			return at;
	}
}

static void cuts_are_as_long_as_can_be(void **state)
{
	(void)state;
	for (uint64_t seed = SEED; seed < SEED + 50000; seed++) {
		unsigned char in[48];
		uint64_t random = seed;
		size_t n = hostile(&random, in, sizeof(in));
		char full[4 * sizeof(in) + 1], out[4 * sizeof(in) + 1], want[sizeof(full) + 2];
		size_t size = 3 + next_random(&random) % (sizeof(out) - 3);
		size_t columns = next_random(&random) % 3 ? 2 + next_random(&random) % 60 : 0;
		size_t whole = escape_text(full, sizeof(full), in, n, 0), len;

		memset(out, '#', sizeof(out));
		len = escape_text(out, size, in, n, columns);
		assert_true(len < size && strlen(out) == len);
		assert_true(!columns || utf8_columns(out) <= columns);
		strcpy(want, full);
		if (whole >= size || (columns && utf8_columns(full) > columns))
			strcpy(want + best_cut(full, size - 1, columns ? columns : SIZE_MAX), "..");
		if (strcmp(out, want))
			fail_msg("seed %#llx: '%s', not '%s'", (unsigned long long)seed, out, want);
	}
}

/* A string that was cut at any byte ends with a whole character, the last that there is. */
static void strings_are_trimmed_to_whole_characters(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\xb9\x9e\xf0\x9f\x98\x80z";
	static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	(void)state;
	for (size_t n = 0; n < ARRAY(whole); n++) {
		char cut[sizeof(text)] = "";

		memcpy(cut, text, n);
		utf8_trim(cut);
		assert_int_equal(strlen(cut), whole[n]);
		assert_memory_equal(cut, text, whole[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_valid),
		cmocka_unit_test(nothing_else_is_valid),
		cmocka_unit_test(controls_are_those_named),
		cmocka_unit_test(known_texts),
		cmocka_unit_test(small_buffers),
		cmocka_unit_test(hostile_bytes_are_told_whole),
		cmocka_unit_test(cuts_are_as_long_as_can_be),
		cmocka_unit_test(strings_are_trimmed_to_whole_characters),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
