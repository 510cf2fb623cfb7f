/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * escape.h - hostile bytes to printable text. What is valid UTF-8 and no control (C0, DEL, C1, bidi
 * overrides U+202A-202E, U+2066-2069, line separators U+2028/2029) stays; every other byte becomes
 * \xHH. HH is lower-case; a control of several bytes becomes as many escapes. A backslash becomes
 * \\. Pure.
 */
#ifndef RS_ESCAPE_H
#define RS_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes at most size - 1 bytes and a NUL. Returns the length written. When the text does not fit
 * in `columns` display columns (one per code point; 0: no limit) or in size, it is cut at a
 * character and ends with ".." (fewer dots where not even those fit). Never splits an escape or a
 * character. size 0: nothing is written.
 */
size_t escape_text(char *out, size_t size, const void *bytes, size_t len, size_t columns);

/* Length (1..4) of the valid UTF-8 sequence (RFC 3629) at p[0..n), 0 when it is not valid. */
size_t utf8_length(const unsigned char *p, size_t n);

/* Takes the beginning of a character that is not whole from the end of a string that was cut. */
void utf8_trim(char *s);

/* Whether the valid sequence p[0..len) is a control in the sense above: what may move a cursor,
   change the direction of what surrounds it, or begin a line. */
bool utf8_is_control(const unsigned char *p, size_t len);

/* Display columns of a string made by escape_text: its code points. */
size_t utf8_columns(const char *s);

#endif
