// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * jsonr_value.c - strings and numbers of a text that was checked.
 */
#include "jsonr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- strings */

static uint32_t hex4(const char *p)
{
	uint32_t c = 0;

	for (int i = 0; i < 4; i++)
		c = c << 4 | (uint32_t)(is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return c;
}

static size_t put_utf8(char out[4], uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(n == 1 ? c : (0xf0u << (4 - n)) | c);
	return n;
}

/* The character of an escape, which *p moves behind. RFC 8259, 7: pairs of surrogates are one. */
static uint32_t escaped(const char **p)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;

	if ((*p)[1] != 'u') {
		c = (unsigned char)values[strchr(names, (*p)[1]) - names];
		*p += 2;
		return c;
	}
	c = hex4(*p + 2);
	*p += 6;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	low = c < 0xdc00 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2) : 0;
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* The next character of a string, which *p moves behind; its length. */
static size_t next_char(const char **p, const char *end, char out[4])
{
	size_t n;

	if (**p == '\\')
		return put_utf8(out, escaped(p));
	n = utf8_length((const unsigned char *)*p, (size_t)(end - *p));
	memcpy(out, *p, n);
	*p += n;
	return n;
}

size_t jsonr_string(struct jsonr v, char *out, size_t size)
{
	size_t len = 0, written = 0;
	char c[4];

	if (size)
		*out = '\0';
	if (jsonr_kind(v) != JSONR_STRING)
		return 0;
	for (const char *p = v.p + 1; *p != '"';) {
		size_t n = next_char(&p, v.end, c);

		if (written == len && len + n < size) {
			memcpy(out + written, c, n);
			written += n;
			out[written] = '\0';
		}
		len += n;
	}
	return len;
}

bool jsonr_is(struct jsonr v, const char *s)
{
	size_t n = strlen(s);
	char c[4];

	if (jsonr_kind(v) != JSONR_STRING)
		return false;
	for (const char *p = v.p + 1; *p != '"';) {
		size_t len = next_char(&p, v.end, c);

		if (len > n || memcmp(s, c, len))
			return false;
		s += len;
		n -= len;
	}
	return !n;
}

/* --- numbers */

/* The digits of a whole number without its sign. */
static int digits(struct jsonr_text text, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (!is_digit(text.p[i]))
			return -EINVAL;
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (unsigned)(text.p[i] - '0'), &n))
			return -ERANGE;
	}
	*out = n;
	return text.n ? 0 : -EINVAL;
}

int jsonr_u64(struct jsonr v, uint64_t *out)
{
	int64_t negative;

	if (jsonr_kind(v) != JSONR_NUM)
		return -EINVAL;
	if (*v.p == '-' && !jsonr_i64(v, &negative))
		return -ERANGE;
	return digits(jsonr_text(v), out);
}

int jsonr_i64(struct jsonr v, int64_t *out)
{
	struct jsonr_text text = jsonr_text(v);
	bool negative = *text.p == '-';
	uint64_t n;
	int err;

	if (jsonr_kind(v) != JSONR_NUM)
		return -EINVAL;
	text.p += negative;
	text.n -= negative;
	err = digits(text, &n);
	if (err)
		return err;
	if (n > (uint64_t)INT64_MAX)
		return -ERANGE;
	*out = negative ? -(int64_t)n : (int64_t)n;
	return 0;
}

int jsonr_double(struct jsonr v, double *out)
{
	struct jsonr_text text = jsonr_text(v);
	char copy[JSONR_NUMBER + 1];
	double d;

	if (jsonr_kind(v) != JSONR_NUM)
		return -EINVAL;
	if (text.n > JSONR_NUMBER)
		return -ERANGE;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	d = strtod(copy, NULL); /* numeric locale is "C": nothing here calls setlocale() for it */
	if (!isfinite(d))
		return -ERANGE;
	*out = d;
	return 0;
}

/* Digits and where the point stands: the number is 0.DDD * 10^point. */
struct decimal {
	char digits[JSONR_NUMBER];
	int n, point;
};

static int to_decimal(struct jsonr_text text, struct decimal *d)
{
	bool fraction = false, negative;
	int exponent = 0;
	size_t i = 0;

	*d = (struct decimal){.n = 0};
	if (text.n > JSONR_NUMBER)
		return -ERANGE;
	for (; i < text.n && (text.p[i] | 0x20) != 'e'; i++) {
		if (text.p[i] == '.') {
			fraction = true;
			continue;
		}
		d->digits[d->n++] = (char)(text.p[i] - '0');
		d->point += !fraction;
	}
	negative = i + 1 < text.n && text.p[i + 1] == '-';
	for (i++; i < text.n; i++) {
		if (!is_digit(text.p[i]))
			continue;
		exponent = exponent * 10 + (text.p[i] - '0');
		if (exponent > 1000)
			return -ERANGE;
	}
	d->point += negative ? -exponent : exponent;
	return 0;
}

int jsonr_ms(struct jsonr v, unsigned __int128 *ns)
{
	const unsigned __int128 max = ((unsigned __int128)1 << 53) * 1000000;
	unsigned __int128 sum = 0;
	struct decimal d;
	int err, last;

	if (jsonr_kind(v) != JSONR_NUM)
		return -EINVAL;
	err = *v.p == '-' ? -ERANGE : to_decimal(jsonr_text(v), &d);
	if (err)
		return err;
	last = d.point + 6; /* as many digits make whole ns */
	for (int i = 0; i < last; i++) {
		sum = sum * 10 + (unsigned)(i < d.n ? d.digits[i] : 0);
		if (sum >= max)
			return -ERANGE;
	}
	if (last >= 0 && last < d.n)
		sum += d.digits[last] >= 5;
	*ns = sum;
	return 0;
}

bool jsonr_true(struct jsonr v)
{
	return v.p < v.end && *v.p == 't';
}
