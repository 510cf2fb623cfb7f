// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_read_value.c - members and values of a summary's JSON, what is said when one does not
 * fit, and the memory that they take.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "summary_read_priv.h"

/* --- memory */

void *read_alloc(struct reader *rd, size_t size)
{
	struct read_block *block = calloc(1, sizeof(*block) + size);

	if (!block) {
		read_no_memory(rd);
		return NULL;
	}
	block->next = rd->file->blocks;
	rd->file->blocks = block;
	return block->data;
}

/* --- errors */

static int say(struct reader *rd, const char *format, va_list args)
{
	size_t size = sizeof(rd->e->text);
	int n = snprintf(rd->e->text, size, "%s%s", rd->path, rd->path_len ? ": " : "");

	vsnprintf(rd->e->text + n, size - (size_t)n, format, args);
	utf8_trim(rd->e->text);
	return -EINVAL;
}

int read_wrong(struct reader *rd, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(rd, format, args);
	va_end(args);
	return -EINVAL;
}

int read_expected(struct reader *rd, struct jsonr v, const char *format, ...)
{
	struct jsonr_text text = jsonr_text(v);
	enum jsonr_kind kind = jsonr_kind(v);
	char what[120], got[64];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (kind == JSONR_ARRAY || kind == JSONR_OBJECT)
		snprintf(got, sizeof(got), "%s", jsonr_kind_name(kind));
	else
		escape_text(got, sizeof(got), text.p, text.n, 40);
	return read_wrong(rd, "expected %s, got %s", what, got);
}

int read_no_memory(struct reader *rd)
{
	snprintf(rd->e->text, sizeof(rd->e->text), "out of memory");
	return -ENOMEM;
}

static size_t enter(struct reader *rd, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static size_t enter(struct reader *rd, const char *format, ...)
{
	size_t at = rd->path_len, room = sizeof(rd->path) - at;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(rd->path + at, room, format, args);
	va_end(args);
	rd->path_len += (size_t)n < room ? (size_t)n : room - 1;
	return at;
}

size_t read_enter(struct reader *rd, const char *name)
{
	return enter(rd, "%s%s", rd->path_len ? "." : "", name);
}

size_t read_enter_element(struct reader *rd, uint32_t i)
{
	return enter(rd, "[%u]", i);
}

void read_leave(struct reader *rd, size_t at)
{
	rd->path_len = at;
	rd->path[at] = '\0';
}

/* --- objects and arrays */

static int read_member(struct reader *rd, const struct member *m, struct jsonr v, void *base,
		       bool again)
{
	size_t at = read_enter(rd, m->name);
	int err = again ? read_wrong(rd, "given twice") : m->read(rd, v, (char *)base + m->offset);

	if (!err)
		read_leave(rd, at);
	return err;
}

int read_object(struct reader *rd, struct jsonr v, const struct member *members, size_t n,
		void *base)
{
	struct jsonr_iter it;
	uint64_t seen = 0;

	if (jsonr_kind(v) != JSONR_OBJECT)
		return read_expected(rd, v, "an object");
	jsonr_iter_init(&it, v);
	while (jsonr_next(&it)) {
		size_t i = 0;
		int err;

		while (i < n && !jsonr_is(it.name, members[i].name))
			i++;
		if (i == n)
			continue;
		err = read_member(rd, &members[i], it.value, base, seen >> i & 1);
		if (err)
			return err;
		seen |= UINT64_C(1) << i;
	}
	for (size_t i = 0; i < n; i++) {
		if (members[i].required && !(seen >> i & 1)) {
			read_enter(rd, members[i].name);
			return read_wrong(rd, "missing");
		}
	}
	return 0;
}

static int count_elements(struct reader *rd, struct jsonr v, uint32_t max, uint32_t *n)
{
	struct jsonr_iter it;

	*n = 0;
	if (jsonr_kind(v) != JSONR_ARRAY)
		return read_expected(rd, v, "an array");
	jsonr_iter_init(&it, v);
	while (jsonr_next(&it))
		if (++*n > max)
			return read_wrong(rd, "expected at most %u elements", max);
	return 0;
}

int read_array(struct reader *rd, struct jsonr v, read_fn *read, size_t size, uint32_t max,
	       void **out, uint32_t *n)
{
	struct jsonr_iter it;
	uint32_t count, i = 0;
	int err = count_elements(rd, v, max, &count);

	*n = 0;
	*out = NULL;
	if (err || !count)
		return err;
	*out = read_alloc(rd, count * size);
	if (!*out)
		return -ENOMEM;
	jsonr_iter_init(&it, v);
	for (; jsonr_next(&it); i++) {
		size_t at = read_enter_element(rd, i);

		err = read(rd, it.value, (char *)*out + i * size);
		if (err)
			return err;
		read_leave(rd, at);
	}
	*n = count;
	return 0;
}

/* --- values */

int read_value(struct reader *rd, struct jsonr v, void *into)
{
	(void)rd;
	*(struct jsonr *)into = v;
	return 0;
}

int read_count(struct reader *rd, struct jsonr v, void *into)
{
	uint64_t n;

	if (jsonr_u64(v, &n) || n >= SUMMARY_READ_MAX)
		return read_expected(rd, v, "a whole number, below 2^53");
	*(uint64_t *)into = n;
	return 0;
}

int read_balance(struct reader *rd, struct jsonr v, void *into)
{
	const int64_t max = SUMMARY_READ_MAX;
	int64_t n;

	if (jsonr_i64(v, &n) || n <= -max || n >= max)
		return read_expected(rd, v, "a whole number, below 2^53");
	*(int64_t *)into = n;
	return 0;
}

int read_pid(struct reader *rd, struct jsonr v, void *into)
{
	uint64_t n;

	if (jsonr_u64(v, &n) || n > INT32_MAX)
		return read_expected(rd, v, "a process id");
	*(uint32_t *)into = (uint32_t)n;
	return 0;
}

int read_port(struct reader *rd, struct jsonr v, void *into)
{
	uint64_t n;

	if (jsonr_u64(v, &n) || !n || n > UINT16_MAX)
		return read_expected(rd, v, "a port, 1 to 65535");
	*(uint16_t *)into = (uint16_t)n;
	return 0;
}

int read_sum(struct reader *rd, struct jsonr v, void *into)
{
	/* Through a variable: the place may be aligned for less. */
	unsigned __int128 ns;

	if (jsonr_ms(v, &ns))
		return read_expected(rd, v, "milliseconds, 0 or more");
	memcpy(into, &ns, sizeof(ns));
	return 0;
}

int read_ns(struct reader *rd, struct jsonr v, void *into)
{
	unsigned __int128 ns;

	if (jsonr_ms(v, &ns) || ns > INT64_MAX)
		return read_expected(rd, v, "milliseconds, 0 or more, of at most 292 years");
	*(uint64_t *)into = (uint64_t)ns;
	return 0;
}

int read_number(struct reader *rd, struct jsonr v, void *into)
{
	double n;

	if (jsonr_double(v, &n) || n < 0)
		return read_expected(rd, v, "a number, 0 or more");
	*(double *)into = n;
	return 0;
}

int read_flag(struct reader *rd, struct jsonr v, void *into)
{
	if (jsonr_kind(v) != JSONR_BOOL)
		return read_expected(rd, v, "true or false");
	*(bool *)into = jsonr_true(v);
	return 0;
}

int read_name(struct reader *rd, struct jsonr v, void *into)
{
	size_t n = jsonr_string(v, NULL, 0);
	char *text;

	if (jsonr_kind(v) != JSONR_STRING)
		return read_expected(rd, v, "a string");
	if (n > READ_MAX_TEXT)
		return read_expected(rd, v, "at most %d bytes", READ_MAX_TEXT);
	text = read_alloc(rd, n + 1);
	if (!text)
		return -ENOMEM;
	jsonr_string(v, text, n + 1);
	if (strlen(text) != n)
		return read_expected(rd, v, "a string without NUL");
	*(const char **)into = text;
	return 0;
}

/* --- times */

/* The number in the n digits at p; negative when they are none. */
static int two_digits(const char *p, int n)
{
	int value = 0;

	for (; n; n--, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		value = value * 10 + (*p - '0');
	}
	return value;
}

static bool leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01, -1 when there is no such day; year from 1970 on. */
static int64_t days_of(int year, int month, int day)
{
	static const int16_t before[] = {0,   31,  59,	90,  120, 151, 181,
					 212, 243, 273, 304, 334, 365};
	int length, past = year - 1;

	if (year < 1970 || month < 1 || month > 12 || day < 1)
		return -1;
	length = before[month] - before[month - 1] + (month == 2 && leap(year));
	if (day > length)
		return -1;
	/* 719162 days lie before 1970. */
	return past * INT64_C(365) + past / 4 - past / 100 + past / 400 - 719162 +
	       before[month - 1] + (month > 2 && leap(year)) + day - 1;
}

/* "2026-01-02T03:04:05.678901Z", up to nine decimals. Negative when it is none. */
static int64_t parse_wall(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	int64_t days, ns = 0, unit = 100000000;
	int hour, minute, second;

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return -1;
	days = days_of(two_digits(s, 4), two_digits(s + 5, 2), two_digits(s + 8, 2));
	hour = two_digits(s + 11, 2);
	minute = two_digits(s + 14, 2);
	second = two_digits(s + 17, 2);
	if (days < 0 || days > 106000 || hour > 23 || minute > 59 || second > 59)
		return -1;
	s += sizeof(shape) - 1;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9' && unit; s++, unit /= 10)
			ns += (*s - '0') * unit;
	if (strcmp(s, "Z"))
		return -1;
	return ((days * 24 + hour) * 3600 + minute * 60 + second) * INT64_C(1000000000) + ns;
}

int read_wall(struct reader *rd, struct jsonr v, void *into)
{
	char text[40];
	size_t n = jsonr_string(v, text, sizeof(text));
	int64_t ns = n && n < sizeof(text) && strlen(text) == n ? parse_wall(text) : -1;

	if (ns < 0)
		return read_expected(rd, v, "a time such as \"2026-01-02T03:04:05.678901Z\"");
	*(uint64_t *)into = (uint64_t)ns;
	return 0;
}

/* --- bytes from the wire */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "\xHH" stands for; -1 when that is none which a writer escapes so. */
static int escaped_byte(const char *p, size_t n)
{
	int byte = n >= 4 && p[0] == '\\' && p[1] == 'x' && hex(p[2]) >= 8 && hex(p[3]) >= 0
			   ? hex(p[2]) << 4 | hex(p[3])
			   : -1;

	return byte;
}

/* Whether the last bytes, all of them from escapes, have become a character: then they were not
   written as escapes because they were none. */
static bool makes_character(const char *out, size_t n, size_t run)
{
	for (size_t k = 2; k <= 4 && k <= run; k++)
		if (utf8_length((const unsigned char *)out + n - k, k) == k)
			return true;
	return false;
}

/* Turns escapes into bytes, in place. */
static size_t unescape(char *s, size_t n)
{
	size_t out = 0, run = 0;

	for (size_t i = 0; i < n;) {
		int byte = escaped_byte(s + i, n - i);

		s[out] = byte < 0 ? s[i] : (char)byte;
		run = byte < 0 ? 0 : run + 1;
		if (byte >= 0 && makes_character(s, out + 1, run)) {
			memmove(s + out, s + i, 4);
			out += 4;
			run = 0;
		} else {
			out++;
		}
		i += byte < 0 ? 1 : 4;
	}
	return out;
}

int read_bytes(struct reader *rd, struct jsonr v, char *out, size_t size, uint16_t *len)
{
	char text[4 * HTTP1_PATH_MAX + 1];
	size_t n = jsonr_string(v, text, sizeof(text));

	if (jsonr_kind(v) != JSONR_STRING)
		return read_expected(rd, v, "a string");
	if (n >= size && n < sizeof(text))
		n = unescape(text, n);
	if (n >= size)
		return read_expected(rd, v, "at most %zu bytes", size - 1);
	if (!len && memchr(text, '\0', n))
		return read_expected(rd, v, "a string without NUL");
	memcpy(out, text, n);
	out[n] = '\0';
	if (len)
		*len = (uint16_t)n;
	return 0;
}
