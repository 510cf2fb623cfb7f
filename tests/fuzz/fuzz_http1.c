/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_http1.c - the HTTP/1 parser on any bytes.
 *
 * Input: a byte of options, a byte that seeds where the stream is cut and what of it is skipped,
 * the stream. It is fed whole, cut, and with skips; the first two have to say the same, the third
 * the same until it is lost.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/proto/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPT_RESPONSE 0x01
#define OPT_HEAD     0x02
#define OPT_CONNECT  0x04
#define OPT_BYTES    0x08 /* cut after every byte */

#define LOG_MAX 64

#define REQUIRE(x)                                                      \
	do {                                                            \
		if (!(x)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			abort();                                        \
		}                                                       \
	} while (0)

struct entry {
	enum http1_event event;
	size_t at;
	struct http1_head head;
};

struct run {
	struct http1 *p;
	uint8_t options;
	uint32_t random;
	size_t at;
	struct http1_head head;
	size_t n;
	struct entry log[LOG_MAX];
};

static uint32_t draw(struct run *r, uint32_t below)
{
	r->random = r->random * 1664525 + 1013904223;
	return (r->random >> 16) % below;
}

static void check_head(const struct http1_head *h, uint8_t options)
{
	REQUIRE(h->path_len < HTTP1_PATH_MAX && !h->path[h->path_len]);
	REQUIRE(memchr(h->method, 0, sizeof(h->method)) && memchr(h->host, 0, sizeof(h->host)));
	REQUIRE(h->minor <= 9 && h->cache <= HTTP1_CACHE_REVALIDATED);
	REQUIRE(!(h->flags & HTTP1_F_TRACE_ID) == !h->trace_id[0]);
	REQUIRE(!(h->flags & HTTP1_F_PATH_CUT) || h->path_len == HTTP1_PATH_MAX - 1 ||
		h->flags & HTTP1_F_HEAD_SKIPPED);
	/* nothing of a query or fragment */
	REQUIRE(!memchr(h->path, '?', h->path_len) && !memchr(h->path, '#', h->path_len));
	if (options & OPT_RESPONSE)
		REQUIRE(h->status >= 100 && h->status <= 999 && !h->method[0] && !h->path_len);
	else
		REQUIRE(h->method[0] && !h->status);
}

static void note(struct run *r, enum http1_event event)
{
	struct entry *e = &r->log[r->n];

	if (event == HTTP1_MORE || r->n == LOG_MAX)
		return;
	if (r->n && event >= HTTP1_TUNNEL && e[-1].event == event)
		return;
	r->n++;
	e->event = event;
	e->at = event <= HTTP1_END ? r->at : 0; /* LOST and INVALID come when they are noticed */
	memset(&e->head, 0, sizeof(e->head));
	if (event == HTTP1_HEAD) {
		check_head(&r->head, r->options);
		e->head = r->head;
	}
}

/* The pieces are allocated, so that ASan sees any byte more that is read. */
static void piece(struct run *r, const uint8_t *s, size_t n)
{
	enum http1_event event;
	size_t i = 0;

	do {
		uint8_t *copy = s ? malloc(n - i) : NULL;
		size_t took;

		if (s && n > i)
			memcpy(copy, s + i, n - i);
		took = s ? http1_feed(r->p, copy, n - i, &event) : http1_skip(r->p, n - i, &event);
		free(copy);
		REQUIRE(took <= n - i);
		REQUIRE(took == n - i || event == HTTP1_HEAD || event == HTTP1_END);
		REQUIRE(!http1_at_start(r->p) || event == HTTP1_MORE || event == HTTP1_END);
		REQUIRE(event != HTTP1_END || http1_at_start(r->p));
		REQUIRE(!http1_in_body(r->p) || event == HTTP1_MORE || event == HTTP1_HEAD);
		i += took;
		r->at += took;
		note(r, event);
		/* a head gives way to something else at once, so this ends */
		REQUIRE(r->n < 2 || event != HTTP1_HEAD || r->n == LOG_MAX ||
			r->log[r->n - 2].event != HTTP1_HEAD);
	} while (i < n || event == HTTP1_HEAD);
}

static struct run *begin(struct run *r, uint8_t options, uint8_t seed)
{
	r->p = malloc(http1_size());
	r->options = options;
	r->random = seed * 2654435761u;
	r->at = 0;
	r->n = 0;
	memset(&r->head, 0xa5, sizeof(r->head));
	http1_init(r->p, options & OPT_RESPONSE ? HTTP1_RESPONSE : HTTP1_REQUEST, &r->head);
	http1_expect(r->p, options & OPT_HEAD, options & OPT_CONNECT);
	return r;
}

static void end(struct run *r)
{
	note(r, http1_eof(r->p));
	free(r->p);
}

static void feed_cut(struct run *r, const uint8_t *s, size_t n, bool skips)
{
	for (size_t i = 0; i < n;) {
		size_t len = r->options & OPT_BYTES ? 1 : 1 + draw(r, 24);

		len = len < n - i ? len : n - i;
		piece(r, skips && !draw(r, 4) ? NULL : s + i, len);
		i += len;
	}
	end(r);
}

static void same(const struct run *a, const struct run *b)
{
	REQUIRE(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		REQUIRE(a->log[i].event == b->log[i].event && a->log[i].at == b->log[i].at);
		REQUIRE(!memcmp(&a->log[i].head, &b->log[i].head, sizeof(a->log[i].head)));
	}
}

/* A skip over the line end behind a chunk takes it for the CRLF that it has to be. */
static bool has_bare_lf(const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\n' && (!i || s[i - 1] != '\r'))
			return true;
	return false;
}

/* What was said with bytes missing holds, until it says that it does not know; a fault in the missing
   bytes it cannot know. */
static void same_until_lost(const struct run *whole, const struct run *part)
{
	for (size_t i = 0; i < part->n; i++) {
		const struct entry *e = &part->log[i], *w = &whole->log[i];

		if (e->event == HTTP1_LOST || e->head.flags & HTTP1_F_HEAD_SKIPPED)
			return;
		if (i < whole->n && w->event == HTTP1_LOST)
			return;
		REQUIRE(i < whole->n && e->event == w->event && e->at == w->at);
		REQUIRE(!memcmp(&e->head, &w->head, sizeof(e->head)));
	}
	REQUIRE(part->n == whole->n);
}

/* Bytes that could be a request stay so when fewer are seen; with their line end they are one. */
static void check_guesses(const uint8_t *s, size_t n)
{
	const uint8_t *lf = memchr(s, '\n', n);
	size_t line = lf ? (size_t)(lf - s) + 1 : n;
	int proxy = http1_proxy_header(s, n);
	bool could = http1_could_be_request(s, n);
	static struct run r;

	(void)http1_looks_like(s, n);
	REQUIRE(proxy >= -1 && proxy <= (int)n);
	for (size_t i = 1; i < n && i < 200; i++) {
		REQUIRE(!could || http1_could_be_request(s, i));
		REQUIRE(proxy <= (int)i || http1_proxy_header(s, i) == -1);
	}
	if (!could)
		return;
	piece(begin(&r, 0, 0), s, line);
	free(r.p);
	REQUIRE(r.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, cut, skipped;
	uint8_t options, seed;

	if (size < 2)
		return 0;
	options = data[0];
	seed = data[1];
	data += 2;
	size -= 2;
	piece(begin(&whole, options, seed), data, size);
	end(&whole);
	feed_cut(begin(&cut, options, seed), data, size, false);
	feed_cut(begin(&skipped, options, seed), data, size, true);
	same(&whole, &cut);
	if (!has_bare_lf(data, size))
		same_until_lost(&whole, &skipped);
	check_guesses(data, size);
	return 0;
}
