/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * row.h - one line of the live screen, written from left to right. Whatever lies beyond its end is
 * cut; what a terminal would not print as it is becomes '?'.
 */
#ifndef RS_TOP_ROW_H
#define RS_TOP_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "../sink/term_priv.h" /* enum style, short_count() and others */

struct row {
	int y;
	int x;	     /* where the next goes */
	int end;     /* first column beyond */
	bool marked; /* shown in reverse as a whole */
	bool utf8;
};

/* A whole line of the screen. */
struct row row_at(int y, bool utf8);

void row_text(struct row *r, enum style style, const char *text);
void row_printf(struct row *r, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Bytes from outside, escaped, cut to `columns`; nothing when that is not positive. */
void row_bytes(struct row *r, enum style style, const void *bytes, size_t len, int columns);
/* "GET  /path", both from outside; methods padded so that paths stay aligned. */
void row_request(struct row *r, enum style style, const char *method, const void *path, size_t len,
		 int columns);
/* A line that a text sink made: its colours are taken over. */
void row_sink(struct row *r, const char *line, size_t len);
/* On to a column, never back. */
void row_to(struct row *r, int column);
/* A cell, its text at the right. */
void row_right(struct row *r, enum style style, int width, const char *text);
/* A cell for a duration in ns that may be absent (NaN, negative). */
void row_duration(struct row *r, enum style style, int width, double ns);
/* Three columns on, unless it is at `from`; left out as a whole where it does not fit. */
void row_item(struct row *r, enum style style, int from, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int row_room(const struct row *r);
/* Fills up a marked one. */
void row_end(struct row *r);

#endif
