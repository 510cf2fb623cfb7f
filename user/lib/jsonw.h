/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * jsonw.h - writes JSON (RFC 8259) to a stdio stream. Commas and escaping are its business; nesting
 * is the caller's (asserted). Strings and names may hold any bytes: what is not valid UTF-8 is
 * written as \\xHH (an escaped backslash, x, two hex digits), controls (also DEL, C1, bidi
 * overrides, line separators: see escape.h) as \uHHHH. No white space, no allocation. Errors are
 * the stream's: ferror().
 */
#ifndef RS_JSONW_H
#define RS_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSONW_DEPTH 32

struct jsonw {
	FILE *f;
	unsigned depth;
	bool comma[JSONW_DEPTH];  /* something was written on this level */
	bool object[JSONW_DEPTH]; /* this level is an object: members have names */
};

void jsonw_init(struct jsonw *w, FILE *f);

/* In an object each takes the member's name; in an array, and for a whole text, name is NULL. After
   a whole text the next may follow; what separates them (a newline) is the caller's. */
void jsonw_object(struct jsonw *w, const char *name);
void jsonw_object_n(struct jsonw *w, const char *name, size_t len); /* a name from outside */
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w, const char *name);
void jsonw_array_end(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *name, const char *s); /* NULL: member left out */
void jsonw_string_n(struct jsonw *w, const char *name, const void *s, size_t len);
void jsonw_u64(struct jsonw *w, const char *name, uint64_t v);
void jsonw_i64(struct jsonw *w, const char *name, int64_t v);
void jsonw_bool(struct jsonw *w, const char *name, bool v);
/* Shortest decimal that reads back to the same double; NaN and infinities: member left out. */
void jsonw_double(struct jsonw *w, const char *name, double v);
/* Nanoseconds as milliseconds, exactly (up to six decimals, no trailing zeros). */
void jsonw_ms(struct jsonw *w, const char *name, unsigned __int128 ns); /* below 2^64 ms */
/* Wall-clock ns since the epoch as RFC 3339 UTC with microseconds, cut: 2026-01-02T03:04:05.678901Z
 */
void jsonw_time(struct jsonw *w, const char *name, uint64_t wall_ns);

#endif
