/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1.c - where messages begin and end: states, the body rule, chunks, skipped bytes.
 */
#include <string.h>

#include "http1_priv.h"

/* http1_skip() returns how much of a 64-bit count it consumed. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "64-bit only");

/* where in a chunk size line */
enum { SIZE_FIRST, SIZE_DIGITS, SIZE_SPACE, SIZE_CR, SIZE_EXTENSION };

size_t http1_size(void)
{
	return sizeof(struct http1);
}

void http1_init(struct http1 *p, enum http1_kind kind, struct http1_head *head)
{
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	p->head = head;
}

void http1_reset(struct http1 *p)
{
	http1_init(p, p->kind, p->head);
}

void http1_set_head(struct http1 *p, struct http1_head *head)
{
	p->head = head;
}

void http1_expect(struct http1 *p, bool to_head, bool to_connect)
{
	p->to_head = to_head;
	p->to_connect = to_connect;
}

bool http1_at_start(const struct http1 *p)
{
	return p->state == S_START;
}

bool http1_in_body(const struct http1 *p)
{
	return p->state >= S_BODY && p->state <= S_TRAILERS;
}

/* What comes of one line or run of bytes: an event, and after which state. */
static enum http1_event go(struct http1 *p, enum http1_state state, enum http1_event event)
{
	p->state = state;
	return event;
}

/* A message that cannot be followed is LOST, but before its head was complete it was none. */
static enum http1_event fail(struct http1 *p)
{
	if (p->state < S_BODY)
		return go(p, S_INVALID, HTTP1_INVALID);
	return go(p, S_LOST, HTTP1_LOST);
}

/* ---- the head is complete */

/* Makes flags of what was seen. A head of which part was skipped says nothing by default. */
static void head_flags(struct http1 *p, bool whole)
{
	struct http1_head *h = p->head;

	http1_field_end(p);
	if ((p->seen & SEEN_CONN_UPGRADE) && (p->seen & SEEN_UPGRADE) && h->minor)
		h->flags |= HTTP1_F_UPGRADE; /* RFC 9110, 7.8: ignored in HTTP/1.0 */
	if (!h->minor)
		h->flags &= ~HTTP1_F_EXPECT; /* RFC 9110, 10.1.1: likewise */
	if (whole && !h->minor && !(h->flags & HTTP1_F_KEEP_ALIVE))
		h->flags |= HTTP1_F_CLOSE; /* RFC 9112, 9.3 */
	if (p->seen & SEEN_CHUNKED)
		h->flags |= HTTP1_F_CHUNKED;
	if ((p->seen & SEEN_LENGTH) && !(p->seen & (SEEN_LENGTH_BAD | SEEN_CODING)))
		h->flags |= HTTP1_F_LENGTH;
	if ((p->seen & SEEN_LENGTH_BAD) || ((p->seen & SEEN_LENGTH) && (p->seen & SEEN_CODING)))
		h->flags |= HTTP1_F_SMUGGLE;
	if ((p->seen & SEEN_AGE) && h->cache == HTTP1_CACHE_NONE)
		h->cache = HTTP1_CACHE_HIT;
}

/* RFC 9112, 6.3 rule 1 and 2, and 15.2.2 of RFC 9110 for 101; S_START means that they do not apply.
 */
static enum http1_state no_body_state(struct http1 *p)
{
	struct http1_head *h = p->head;
	unsigned status = h->status;
	bool to_head = p->to_head, to_connect = p->to_connect;

	if (p->kind == HTTP1_REQUEST)
		return S_START;
	if (status >= 200 || status == 101)
		p->to_head = p->to_connect = false;
	if (status == 101) {
		h->flags |= HTTP1_F_NO_BODY;
		return S_TUNNEL;
	}
	if (status / 100 == 1 || status == 204 || status == 304 || to_head) {
		h->flags |= HTTP1_F_NO_BODY;
		return S_DONE;
	}
	return to_connect && status / 100 == 2 ? S_TUNNEL : S_START;
}

/* RFC 9112, 6.3 rules 3 to 8 */
static enum http1_state body_state(struct http1 *p)
{
	struct http1_head *h = p->head;

	if (h->flags & HTTP1_F_CHUNKED)
		return S_CHUNK_SIZE;
	if ((p->seen & SEEN_CODING) && p->kind == HTTP1_REQUEST)
		return S_LOST;
	if ((p->seen & SEEN_LENGTH_BAD) && !(p->seen & SEEN_CODING))
		return S_LOST;
	if (h->flags & HTTP1_F_LENGTH) {
		p->left = h->content_length;
		return p->left ? S_BODY : S_DONE;
	}
	if (p->kind == HTTP1_REQUEST)
		return S_DONE;
	h->flags |= HTTP1_F_UNTIL_CLOSE | HTTP1_F_CLOSE;
	return S_UNTIL_CLOSE;
}

static enum http1_event head_end(struct http1 *p)
{
	enum http1_state state;

	head_flags(p, true);
	state = no_body_state(p);
	p->part = 0;
	p->left = 0;
	return go(p, state != S_START ? state : body_state(p), HTTP1_HEAD);
}

/* Bytes of the fields are missing: what is known is told, the rest is lost. */
static enum http1_event head_cut(struct http1 *p)
{
	if (p->line) /* the field whose line is not whole does not count */
		p->field = 0;
	head_flags(p, false);
	p->head->flags |= HTTP1_F_HEAD_SKIPPED;
	no_body_state(p);
	return go(p, S_LOST, HTTP1_HEAD);
}

/* ---- chunks, RFC 9112, 7.1 */

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool chunk_digit(struct http1 *p, uint8_t c)
{
	int digit = hex_digit(c);

	if (digit < 0 || p->left >> 60)
		return false;
	p->left = p->left << 4 | (unsigned)digit;
	p->part = SIZE_DIGITS;
	return true;
}

static bool chunk_size_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->part == SIZE_EXTENSION)
			return true;
		if (p->part == SIZE_CR)
			return false;
		if (p->part <= SIZE_DIGITS && chunk_digit(p, s[i]))
			continue;
		if (p->part == SIZE_FIRST)
			return false;
		if (s[i] == ';')
			p->part = SIZE_EXTENSION;
		else if (s[i] == '\r')
			p->part = SIZE_CR;
		else if (s[i] == ' ' || s[i] == '\t')
			p->part = SIZE_SPACE; /* "bad" white space, but seen in the wild */
		else
			return false;
	}
	return true;
}

static enum http1_event chunk_size_end(struct http1 *p)
{
	if (p->part == SIZE_FIRST)
		return fail(p);
	p->part = SIZE_FIRST;
	return go(p, p->left ? S_CHUNK_DATA : S_TRAILERS, HTTP1_MORE);
}

/* ---- lines */

static bool line_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	if (!p->line && n)
		p->first = s[0];
	switch (p->state) {
	case S_REQUEST:
		return http1_request_bytes(p, s, n);
	case S_STATUS:
		return http1_status_bytes(p, s, n);
	case S_FIELDS:
		http1_field_bytes(p, s, n);
		return true;
	case S_CHUNK_SIZE:
		return chunk_size_bytes(p, s, n);
	case S_CHUNK_END: /* nothing but one CR */
		return !n || (p->line + n == 1 && s[0] == '\r');
	default: /* trailers are not looked at */
		return true;
	}
}

static enum http1_event line_end(struct http1 *p)
{
	bool empty = p->line == 1 || (p->line == 2 && p->first == '\r');

	p->line = 0;
	switch (p->state) {
	case S_REQUEST:
		return http1_request_end(p) ? go(p, S_FIELDS, HTTP1_MORE) : fail(p);
	case S_STATUS:
		return http1_status_end(p) ? go(p, S_FIELDS, HTTP1_MORE) : fail(p);
	case S_FIELDS:
		return empty ? head_end(p) : HTTP1_MORE;
	case S_CHUNK_SIZE:
		return chunk_size_end(p);
	case S_CHUNK_END:
		return go(p, S_CHUNK_SIZE, HTTP1_MORE);
	default:
		return empty ? go(p, S_START, HTTP1_END) : HTTP1_MORE;
	}
}

/* Takes one line, or the piece of it that is there. */
static size_t feed_line(struct http1 *p, const uint8_t *s, size_t n, enum http1_event *event)
{
	const uint8_t *lf = memchr(s, '\n', n);
	size_t len = lf ? (size_t)(lf - s) : n;
	size_t took = len + !!lf;

	if (p->line + took > HTTP1_LINE_MAX || !line_bytes(p, s, len)) {
		*event = fail(p);
		return n;
	}
	p->line += took;
	if (lf)
		*event = line_end(p);
	return *event == HTTP1_LOST || *event == HTTP1_INVALID ? n : took;
}

/* ---- everything else */

static size_t feed_start(struct http1 *p, const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (i < n && (s[i] == '\r' || s[i] == '\n'))
		i++;
	if (i < n) {
		memset(p->head, 0, sizeof(*p->head));
		p->state = p->kind == HTTP1_REQUEST ? S_REQUEST : S_STATUS;
		p->line = 0;
		p->part = p->matched = p->seen = p->field = p->target = p->host_len = 0;
	}
	return i;
}

/* Bytes whose content does not matter, seen or not. */
static uint64_t pass(struct http1 *p, uint64_t n, enum http1_event *event)
{
	if (p->state == S_UNTIL_CLOSE)
		return n;
	if (n > p->left)
		n = p->left;
	p->left -= n;
	if (!p->left && p->state == S_BODY)
		*event = go(p, S_START, HTTP1_END);
	else if (!p->left)
		p->state = S_CHUNK_END;
	return n;
}

/* The states that need no bytes to know what to say. */
static bool settled(struct http1 *p, uint64_t n, uint64_t *took, enum http1_event *event)
{
	*took = n;
	*event = HTTP1_MORE;
	switch (p->state) {
	case S_DONE:
		*took = 0;
		*event = go(p, S_START, HTTP1_END);
		return true;
	case S_TUNNEL:
		*event = HTTP1_TUNNEL;
		return true;
	case S_LOST:
		*event = HTTP1_LOST;
		return true;
	case S_INVALID:
		*event = HTTP1_INVALID;
		return true;
	default:
		return n == 0;
	}
}

static size_t feed_step(struct http1 *p, const uint8_t *s, size_t n, enum http1_event *event)
{
	switch (p->state) {
	case S_START:
		return feed_start(p, s, n);
	case S_BODY:
	case S_UNTIL_CLOSE:
	case S_CHUNK_DATA:
		return pass(p, n, event);
	default:
		return feed_line(p, s, n, event);
	}
}

size_t http1_feed(struct http1 *p, const void *data, size_t n, enum http1_event *event)
{
	const uint8_t *s = data;
	uint64_t took;

	if (settled(p, n, &took, event))
		return took;
	for (took = 0; took < n && *event == HTTP1_MORE;)
		took += feed_step(p, s + took, n - took, event);
	return took;
}

size_t http1_skip(struct http1 *p, uint64_t n, enum http1_event *event)
{
	uint64_t took;

	if (settled(p, n, &took, event))
		return took;
	if (p->state == S_FIELDS || (p->state == S_REQUEST && http1_target_cut(p))) {
		*event = head_cut(p);
		return 0;
	}
	took = 0;
	if (p->state == S_BODY || p->state == S_UNTIL_CLOSE || p->state == S_CHUNK_DATA) {
		took = pass(p, n, event);
		if (took == n || *event == HTTP1_END)
			return took;
	}
	if (p->state == S_CHUNK_END && !p->line && n - took == 2) {
		p->state = S_CHUNK_SIZE; /* the CRLF behind the chunk, and no more */
		return n;
	}
	*event = go(p, S_LOST, HTTP1_LOST);
	return n;
}

enum http1_event http1_eof(struct http1 *p)
{
	switch (p->state) {
	case S_START:
		return HTTP1_MORE;
	case S_UNTIL_CLOSE:
	case S_DONE:
		return go(p, S_START, HTTP1_END);
	case S_TUNNEL:
		return HTTP1_TUNNEL;
	case S_INVALID:
		return HTTP1_INVALID;
	default:
		return go(p, S_LOST, HTTP1_LOST);
	}
}
