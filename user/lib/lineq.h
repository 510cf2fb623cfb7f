/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lineq.h - a bounded queue of JSON lines between what makes them and what may take them late or
 * never. What does not fit is dropped and counted, and the line after the gap carries the count: a
 * member `dropped_lines`, put before the closing brace. Pure.
 */
#ifndef RS_LINEQ_H
#define RS_LINEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line. Everything is for reading; valid until lineq_take(), lineq_refuse() or lineq_free(). */
struct lineq_line {
	struct lineq_line *next;
	uint64_t dropped; /* lines lost between the one before and this one */
	uint32_t json_len,
		open_len; /* of json: with the end of line; without brace, count and end */
	uint16_t words_len;
	uint8_t priority;
	char *words; /* what it says in words, no NUL */
	char *json;  /* the object, a newline after it, no NUL */
};

struct lineq;

/* Holds lines of `bytes` in all, of which `reserve` are for lines that matter (lineq_put). NULL
   when out of memory. */
struct lineq *lineq_new(size_t bytes, size_t reserve);
void lineq_free(struct lineq *q); /* NULL is allowed */

struct line_text {
	const char *words,
		*json; /* json: one object with a member at least; a newline may follow */
	size_t words_len, json_len;
	uint8_t priority;
	bool matters; /* may use what is reserved */
};

/* Appends a copy. 0; -ENOBUFS when it does not fit or -ENOMEM: it is counted as dropped; -EINVAL
   when json is no object (nothing is counted). */
int lineq_put(struct lineq *q, const struct line_text *text);

/* One that could not even be made: counted as dropped. */
void lineq_lose(struct lineq *q);

struct lineq_line *lineq_first(const struct lineq *q); /* NULL: empty */
void lineq_take(struct lineq *q);		       /* the first was written */
void lineq_refuse(struct lineq *q); /* the first can never be written: dropped, counted */

/* Whether so much is queued that it should be written now. */
bool lineq_is_half_full(const struct lineq *q);
/* Lines dropped in all. */
uint64_t lineq_dropped(const struct lineq *q);
/* Lines that were put and neither taken nor told as dropped by one that was. */
uint64_t lineq_missing(const struct lineq *q);

#endif
