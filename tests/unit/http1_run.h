/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1_run.h - an HTTP/1 parser fed in pieces, and what it said.
 *
 * An outcome is written as text, one word an event and the offset after which it came:
 * "H18[GET / 1.1] E18 $M" is a head, an end, and what http1_eof() said. LOST and INVALID have no
 * offset. Every piece that is fed ends at an unmapped page, so that reading beyond it crashes.
 */
#ifndef RS_HTTP1_RUN_H
#define RS_HTTP1_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "../../user/proto/http1.h"

struct http1_text {
	size_t len;
	char s[16384];
};

__attribute__((format(printf, 2, 3))) void text_add(struct http1_text *t, const char *format, ...);

struct http1_run {
	enum http1_kind kind;
	struct http1 *p;
	struct http1_head head;
	size_t at;
	enum http1_event last;
	const uint8_t *expect; /* per final response: 1 to HEAD, 2 to CONNECT */
	size_t expects;
	struct http1_text out;
};

void http1_run_init(struct http1_run *r, enum http1_kind kind, const uint8_t *expect,
		    size_t expects);
/* Feeds (or, with s NULL, skips) until n bytes are consumed and nothing is due any more. */
void http1_run_piece(struct http1_run *r, const uint8_t *s, size_t n);
/* What it said; `r` is done with. */
const char *http1_run_end(struct http1_run *r);

struct http1_sample {
	const char *s;
	const char *want;
	uint8_t expect; /* responses: 1 to HEAD, 2 to CONNECT */
	size_t n;	/* 0: strlen */
};

/* Feeds c cut at a and b (a <= b), byte by byte if `step`. */
void http1_check_cut(enum http1_kind kind, const struct http1_sample *c, size_t a, size_t b,
		     size_t step);
/* In every way. */
void http1_check_sample(enum http1_kind kind, const struct http1_sample *c);

#define G	 "GET / HTTP/1.1\r\n"
#define BYTES(s) .n = sizeof(s) - 1

#define CHECK_ALL(kind, list)                                               \
	do {                                                                \
		for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++) \
			http1_check_sample(kind, &list[k]);                 \
	} while (0)

/* A copy of at most 4 MiB that ends at an unmapped page. */
const void *http1_guarded(const void *s, size_t n);

#endif
