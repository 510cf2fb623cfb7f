// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "row.h"

#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "../lib/escape.h"
#include "../lib/units.h"

struct row row_at(int y, bool utf8)
{
	return (struct row){.y = y, .end = COLS, .utf8 = utf8};
}

static attr_t attribute(const struct row *r, enum style style, short *pair)
{
	static const attr_t attributes[STYLES] = {
		[STYLE_DIM] = A_DIM,
		[STYLE_BOLD] = A_BOLD,
		[STYLE_GREEN] = A_BOLD,
		[STYLE_RED] = A_BOLD,
	};

	*pair = style >= STYLE_GREEN ? (short)style : 0;
	if (r->marked) /* one colour for the whole bar */
		*pair = 0;
	return r->marked ? A_REVERSE : attributes[style];
}

/* What to show for the bytes at p, and how many columns that takes; returns the bytes used. */
static size_t next_char(const struct row *r, const char *p, size_t left, wchar_t *out, int *columns)
{
	size_t n = utf8_length((const unsigned char *)p, left);
	mbstate_t state = {0};

	*out = L'?';
	*columns = 1;
	if (!n)
		return 1;
	if (utf8_is_control((const unsigned char *)p, n) || (n > 1 && !r->utf8))
		return n;
	if (mbrtowc(out, p, n, &state) != n || wcwidth(*out) < 1)
		*out = L'?';
	*columns = wcwidth(*out);
	return n;
}

static void put(struct row *r, enum style style, const char *text, size_t len)
{
	short pair;
	attr_t a = attribute(r, style, &pair);

	attr_set(a, pair, NULL);
	while (len) {
		wchar_t c;
		int columns;
		size_t n = next_char(r, text, len, &c, &columns);

		if (r->x + columns > r->end)
			break;
		if (r->y >= 0 && r->y < LINES)
			mvaddnwstr(r->y, r->x, &c, 1);
		r->x += columns;
		text += n;
		len -= n;
	}
	attr_set(A_NORMAL, 0, NULL);
}

void row_text(struct row *r, enum style style, const char *text)
{
	put(r, style, text, strlen(text));
}

void row_printf(struct row *r, enum style style, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utf8_trim(text);
	row_text(r, style, text);
}

void row_bytes(struct row *r, enum style style, const void *bytes, size_t len, int columns)
{
	char text[4096];
	int end = r->end;

	if (columns > row_room(r))
		columns = row_room(r);
	if (columns <= 0)
		return;
	escape_text(text, sizeof(text), bytes, len, (size_t)columns);
	r->end = r->x + columns; /* there are characters that take two */
	row_text(r, style, text);
	r->end = end;
}

void row_request(struct row *r, enum style style, const char *method, const void *path, size_t len,
		 int columns)
{
	char raw[HTTP1_METHOD_MAX + HTTP1_PATH_MAX + 1];
	int n = snprintf(raw, HTTP1_METHOD_MAX + 1, "%-4.*s ", HTTP1_METHOD_MAX - 1, method);

	if (len > sizeof(raw) - (size_t)n)
		len = sizeof(raw) - (size_t)n;
	memcpy(raw + n, path, len);
	row_bytes(r, style, raw, (size_t)n + len, columns);
}

/* The sequences of sink/term_line.c: attributes, and no other. */
static enum style sink_style(const char *p, size_t n)
{
	static const struct {
		const char *code;
		enum style style;
	} codes[] = {{"2", STYLE_DIM},	   {"1", STYLE_BOLD},	{"1;32", STYLE_GREEN},
		     {"33", STYLE_YELLOW}, {"1;31", STYLE_RED}, {"36", STYLE_CYAN}};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strlen(codes[i].code) == n && !memcmp(codes[i].code, p, n))
			return codes[i].style;
	return STYLE_PLAIN;
}

void row_sink(struct row *r, const char *line, size_t len)
{
	enum style style = STYLE_PLAIN;
	const char *p = line, *end = line + len;

	while (p < end) {
		const char *code = memmem(p, (size_t)(end - p), "\033[", 2);
		const char *over = code ? memchr(code, 'm', (size_t)(end - code)) : NULL;

		put(r, style, p, (size_t)((over ? code : end) - p));
		if (!over)
			return;
		style = sink_style(code + 2, (size_t)(over - code - 2));
		p = over + 1;
	}
}

void row_to(struct row *r, int column)
{
	int to = column < r->end ? column : r->end;

	if (r->marked)
		while (r->x < to)
			put(r, STYLE_PLAIN, " ", 1);
	if (to > r->x)
		r->x = to;
}

void row_right(struct row *r, enum style style, int width, const char *text)
{
	row_to(r, r->x + width - (int)utf8_columns(text));
	row_text(r, style, text);
}

void row_duration(struct row *r, enum style style, int width, double ns)
{
	char text[UNITS_MAX] = "0"; /* measured, and no unit makes it any less */

	if (!(ns >= 0 && ns < 0.5))
		units_duration(text, sizeof(text), ns);
	row_right(r, ns >= 0 ? style : STYLE_DIM, width, text);
}

void row_item(struct row *r, enum style style, int from, const char *format, ...)
{
	char text[256];
	va_list args;
	int gap = r->x > from ? 3 : 0;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utf8_trim(text);
	if (gap + (int)utf8_columns(text) > row_room(r))
		return;
	row_to(r, r->x + gap);
	row_text(r, style, text);
}

int row_room(const struct row *r)
{
	return r->end > r->x ? r->end - r->x : 0;
}

void row_end(struct row *r)
{
	if (r->marked)
		row_to(r, r->end);
}
