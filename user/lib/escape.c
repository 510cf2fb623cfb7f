// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "escape.h"

#include <stdint.h>
#include <string.h>

/* Longest thing that one step writes: an escape, or a character of four bytes. */
#define UNIT_MAX 4

/* RFC 3629, 4: the second byte's range depends on the first (no overlong forms, no surrogates,
   nothing above U+10FFFF); the others are 80..BF. */
static size_t utf8_lead(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	if (c < 0xe0)
		return 2;
	if (c == 0xe0)
		*low = 0xa0;
	else if (c == 0xed)
		*high = 0x9f;
	else if (c == 0xf0)
		*low = 0x90;
	else if (c == 0xf4)
		*high = 0x8f;
	return c < 0xf0 ? 3 : 4;
}

size_t utf8_length(const unsigned char *p, size_t n)
{
	unsigned char low, high;
	size_t len;

	if (!n)
		return 0;
	len = utf8_lead(p[0], &low, &high);
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

void utf8_trim(char *s)
{
	size_t len = strlen(s), at = len;

	while (at && len - at < 3 && ((unsigned char)s[at - 1] & 0xc0) == 0x80)
		at--;
	if (at && (unsigned char)s[at - 1] >= 0xc0 &&
	    !utf8_length((const unsigned char *)s + at - 1, len - at + 1))
		s[at - 1] = '\0';
}

bool utf8_is_control(const unsigned char *p, size_t len)
{
	if (len == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (len == 2)
		return p[0] == 0xc2 && p[1] < 0xa0; /* C1 */
	if (len != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || /* U+2028..202E */
	       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);	 /* U+2066..2069 */
}

size_t utf8_columns(const char *s)
{
	size_t columns = 0;

	for (; *s; s++)
		columns += ((unsigned char)*s & 0xc0) != 0x80;
	return columns;
}

struct unit {
	char text[UNIT_MAX];
	size_t len, columns;
	size_t taken; /* bytes of the input */
};

static struct unit unit_hex(unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	return (struct unit){{'\\', 'x', hex[c >> 4], hex[c & 15]}, 4, 4, 1};
}

static struct unit next_unit(const unsigned char *p, size_t n)
{
	struct unit u = {.columns = 1};

	if (*p == '\\')
		return (struct unit){"\\\\", 2, 2, 1};
	u.len = u.taken = utf8_length(p, n);
	if (!u.len || utf8_is_control(p, u.len))
		return unit_hex(*p);
	memcpy(u.text, p, u.len);
	return u;
}

/* How much text there may be, in both measures. */
struct room {
	size_t bytes, columns;
};

static bool fits(struct room room, size_t bytes, size_t columns)
{
	return bytes <= room.bytes && columns <= room.columns;
}

static size_t end_with_dots(char *out, size_t at, size_t columns, struct room room)
{
	for (int i = 0; i < 2 && fits(room, at + 1, columns + 1); i++, columns++)
		out[at++] = '.';
	out[at] = '\0';
	return at;
}

size_t escape_text(char *out, size_t size, const void *bytes, size_t len, size_t columns)
{
	const unsigned char *p = len ? bytes : (const void *)"", *end = p + len;
	struct room room = {size - 1, columns ? columns : SIZE_MAX};
	size_t at = 0, used = 0;	 /* bytes and columns written */
	size_t cut_at = 0, cut_used = 0; /* the last place where two dots would still fit */

	if (!size)
		return 0;
	while (p < end) {
		struct unit u = next_unit(p, (size_t)(end - p));

		if (!fits(room, at + u.len, used + u.columns))
			return end_with_dots(out, cut_at, cut_used, room);
		memcpy(out + at, u.text, u.len);
		at += u.len;
		used += u.columns;
		p += u.taken;
		if (fits(room, at + 2, used + 2)) {
			cut_at = at;
			cut_used = used;
		}
	}
	out[at] = '\0';
	return at;
}
