/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term_line.c - one line of terminal output. The width, the absence of control bytes and the number
 * of lines are guaranteed here, so that no layout mistake above can break a terminal.
 */
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "term_priv.h"

#define SGR_RESET "\033[0m"

static const char *const sgr[STYLES] = {
	[STYLE_PLAIN] = "",	      [STYLE_DIM] = "\033[2m",	   [STYLE_BOLD] = "\033[1m",
	[STYLE_GREEN] = "\033[1;32m", [STYLE_YELLOW] = "\033[33m", [STYLE_RED] = "\033[1;31m",
	[STYLE_CYAN] = "\033[36m",
};

static void clear(struct line *l)
{
	l->at = l->next = 0;
	l->len = 0;
}

void line_init(struct line *l, FILE *f, const struct term_options *o)
{
	unsigned columns = o->columns ? o->columns : 80;

	l->f = f;
	l->o = o;
	l->left = o->lines ? o->lines : UINT_MAX;
	l->width = columns < TERM_MIN_COLUMNS	? TERM_MIN_COLUMNS
		   : columns > TERM_MAX_COLUMNS ? TERM_MAX_COLUMNS
						: columns;
	clear(l);
}

void line_end(struct line *l)
{
	if (l->left) {
		fwrite(l->buf, 1, l->len, l->f);
		fputc('\n', l->f);
		l->left--;
	}
	clear(l);
}

static void put(struct line *l, const void *bytes, size_t n)
{
	if (n > sizeof(l->buf) - l->len)
		return;
	memcpy(l->buf + l->len, bytes, n);
	l->len += n;
}

static bool is_printable(const struct line *l, const unsigned char *p, size_t n)
{
	return n && (n == 1 || l->o->utf8) && !utf8_is_control(p, n);
}

/* Spaces that were only asked for so far. */
static void fill(struct line *l)
{
	while (l->at < l->next && l->at < l->width) {
		put(l, " ", 1);
		l->at++;
	}
}

void line_text(struct line *l, enum style style, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);
	unsigned spaces = 0;
	bool colour = l->o->colour && style != STYLE_PLAIN;

	for (; *p == ' '; p++, left--)
		l->next++;
	if (!left || l->next >= l->width)
		return;
	fill(l);
	if (colour)
		put(l, sgr[style], strlen(sgr[style]));
	while (left && l->at + spaces < l->width && l->len < sizeof(l->buf) - 16) {
		size_t n = utf8_length(p, left), step = n ? n : 1;

		if (*p == ' ') { /* as above: only once something follows */
			spaces++;
		} else {
			l->next = l->at + spaces;
			fill(l);
			put(l, is_printable(l, p, n) ? (const char *)p : "?",
			    is_printable(l, p, n) ? n : 1);
			l->at++;
			spaces = 0;
		}
		p += step;
		left -= step;
	}
	if (colour)
		put(l, SGR_RESET, strlen(SGR_RESET));
	l->next = l->at + spaces;
}

void line_printf(struct line *l, enum style style, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utf8_trim(text);
	line_text(l, style, text);
}

void line_bytes(struct line *l, enum style style, const void *bytes, size_t len, unsigned columns)
{
	char text[4 * TERM_MAX_COLUMNS + 1];

	if (!columns)
		return;
	escape_text(text, sizeof(text), bytes, len, columns);
	line_text(l, style, text);
}

void line_string(struct line *l, enum style style, const char *s, unsigned columns)
{
	line_bytes(l, style, s, strlen(s), columns);
}

void line_to(struct line *l, unsigned column)
{
	if (column > l->next)
		l->next = column;
}

void line_skip(struct line *l, unsigned n)
{
	l->next += n;
}

void line_right(struct line *l, enum style style, unsigned width, const char *text)
{
	unsigned columns = (unsigned)utf8_columns(text);

	if (columns < width)
		line_skip(l, width - columns);
	line_text(l, style, text);
}

unsigned line_room(const struct line *l)
{
	return l->next < l->width ? l->width - l->next : 0;
}

void line_duration(struct line *l, enum style style, unsigned width, double ns)
{
	char text[UNITS_MAX] = "0"; /* measured, and no unit makes it any less */

	if (!(ns >= 0 && ns < 0.5))
		units_duration(text, sizeof(text), ns);
	line_right(l, ns >= 0 ? style : STYLE_DIM, width, text);
}

void line_request(struct line *l, const char *method, const void *path, size_t len,
		  unsigned columns)
{
	char raw[HTTP1_METHOD_MAX + HTTP1_PATH_MAX + 1];
	int n = snprintf(raw, HTTP1_METHOD_MAX + 1, "%-4.*s ", HTTP1_METHOD_MAX - 1, method);

	if (len > sizeof(raw) - (size_t)n)
		len = sizeof(raw) - (size_t)n;
	memcpy(raw + n, path, len);
	line_bytes(l, STYLE_PLAIN, raw, (size_t)n + len, columns);
}

void line_item(struct line *l, enum style style, unsigned from, const char *text)
{
	unsigned gap = l->next > from ? 3 : 0;

	if (gap + utf8_columns(text) > line_room(l))
		return;
	line_skip(l, gap);
	line_text(l, style, text);
}

char *short_count(char *buf, uint64_t n)
{
	return n < 100000 ? summary_count(buf, UNITS_MAX, n) : units_count(buf, UNITS_MAX, n);
}

char *short_share(char *buf, double share)
{
	if (!(share >= 0))
		return strcpy(buf, "-");
	if (share > 0 && share < 0.005)
		return strcpy(buf, "<1 %");
	if (share < 1 && share > 0.995)
		return strcpy(buf, ">99 %");
	snprintf(buf, UNITS_MAX, "%.0f %%", share * 100);
	return buf;
}

char *short_rate(char *buf, double rate)
{
	if (!(rate >= 0))
		return strcpy(buf, "-");
	if (rate >= 999.5)
		return units_rate(buf, UNITS_MAX, rate);
	if (rate > 0 && rate < 0.095)
		return strcpy(buf, "<0.1/s");
	snprintf(buf, UNITS_MAX, rate > 0 && rate < 9.95 ? "%.1f/s" : "%.0f/s", rate);
	return buf;
}
