// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "jsonw.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "utc.h"

void jsonw_init(struct jsonw *w, FILE *f)
{
	*w = (struct jsonw){.f = f};
}

/* --- text */

static uint32_t code_point(const unsigned char *p, size_t len)
{
	uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

static bool is_plain(const unsigned char *p, size_t len)
{
	return len && *p != '"' && *p != '\\' && !utf8_is_control(p, len);
}

static void write_special(FILE *f, const unsigned char *p, size_t len)
{
	if (!len)
		fprintf(f, "\\\\x%02x", *p);
	else if (*p == '"' || *p == '\\')
		fprintf(f, "\\%c", *p);
	else
		fprintf(f, "\\u%04" PRIx32, code_point(p, len)); /* no control lies above U+FFFF */
}

static void write_text(FILE *f, const void *s, size_t len)
{
	const unsigned char *p = len ? s : (const void *)"", *end = p + len, *run = p;

	putc('"', f);
	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));

		if (!is_plain(p, n)) {
			fwrite(run, 1, (size_t)(p - run), f);
			write_special(f, p, n);
			run = p + (n ? n : 1);
		}
		p += n ? n : 1;
	}
	fwrite(run, 1, (size_t)(p - run), f);
	putc('"', f);
}

/* --- structure */

/* What stands before a value: the comma, and in an object the name. */
static void begin_value(struct jsonw *w, const char *name, size_t len)
{
	assert(w->object[w->depth] == (name != NULL));
	if (w->comma[w->depth])
		putc(',', w->f);
	w->comma[w->depth] = w->depth > 0;
	if (name) {
		write_text(w->f, name, len);
		putc(':', w->f);
	}
}

static void begin(struct jsonw *w, const char *name)
{
	begin_value(w, name, name ? strlen(name) : 0);
}

static void push(struct jsonw *w, bool object)
{
	assert(w->depth + 1 < JSONW_DEPTH);
	w->depth++;
	w->comma[w->depth] = false;
	w->object[w->depth] = object;
	putc(object ? '{' : '[', w->f);
}

static void pop(struct jsonw *w, bool object)
{
	assert(w->depth > 0 && w->object[w->depth] == object);
	w->depth--;
	putc(object ? '}' : ']', w->f);
}

void jsonw_object(struct jsonw *w, const char *name)
{
	begin(w, name);
	push(w, true);
}

void jsonw_object_n(struct jsonw *w, const char *name, size_t len)
{
	begin_value(w, name, len);
	push(w, true);
}

void jsonw_object_end(struct jsonw *w)
{
	pop(w, true);
}

void jsonw_array(struct jsonw *w, const char *name)
{
	begin(w, name);
	push(w, false);
}

void jsonw_array_end(struct jsonw *w)
{
	pop(w, false);
}

/* --- values */

void jsonw_string(struct jsonw *w, const char *name, const char *s)
{
	if (s)
		jsonw_string_n(w, name, s, strlen(s));
}

void jsonw_string_n(struct jsonw *w, const char *name, const void *s, size_t len)
{
	begin(w, name);
	write_text(w->f, s, len);
}

void jsonw_u64(struct jsonw *w, const char *name, uint64_t v)
{
	begin(w, name);
	fprintf(w->f, "%" PRIu64, v);
}

void jsonw_i64(struct jsonw *w, const char *name, int64_t v)
{
	begin(w, name);
	fprintf(w->f, "%" PRId64, v);
}

void jsonw_bool(struct jsonw *w, const char *name, bool v)
{
	begin(w, name);
	fputs(v ? "true" : "false", w->f);
}

void jsonw_double(struct jsonw *w, const char *name, double v)
{
	/* Any decimal of up to 15 digits survives the way through a normal double, so %.15g, which
	   drops zeros, finds it. Numeric locale is "C": nothing here calls setlocale(). */
	int digits = fpclassify(v) == FP_SUBNORMAL ? 1 : 15;
	char text[32];

	if (!isfinite(v))
		return;
	do
		snprintf(text, sizeof(text), "%.*g", digits, v);
	while (digits++ < 17 && strtod(text, NULL) != v);
	begin(w, name);
	fputs(text, w->f);
}

void jsonw_ms(struct jsonw *w, const char *name, unsigned __int128 ns)
{
	unsigned fraction = (unsigned)(ns % 1000000);
	int digits = 6;

	begin(w, name);
	fprintf(w->f, "%" PRIu64, (uint64_t)(ns / 1000000));
	if (!fraction)
		return;
	for (; fraction % 10 == 0; fraction /= 10)
		digits--;
	fprintf(w->f, ".%0*u", digits, fraction);
}

void jsonw_time(struct jsonw *w, const char *name, uint64_t wall_ns)
{
	struct utc t = utc_of(wall_ns);

	begin(w, name);
	fprintf(w->f, "\"%04u-%02u-%02uT%02u:%02u:%02u.%06uZ\"", t.year, t.month, t.day, t.hour,
		t.minute, t.second, t.ns / 1000);
}
