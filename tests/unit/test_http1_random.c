/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_http1_random.c - the HTTP/1 parser on random streams of valid messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http1_run.h"

/* ---- random streams of valid messages */

struct random {
	uint64_t s;
};

static uint64_t draw(struct random *r, uint64_t below)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return (r->s >> 11) % below;
}

static bool one_in(struct random *r, unsigned n)
{
	return draw(r, n) == 0;
}

/* A stream, what should be said of it, and which of its bytes are body data. */
struct stream {
	struct random *r;
	size_t n;
	char s[1 << 16];
	bool data[1 << 16];
	uint8_t expect[64];
	size_t expects;
	struct http1_text want;
};

static void put(struct stream *t, const char *s, size_t n, bool data)
{
	assert_true(t->n + n < sizeof(t->s));
	memcpy(t->s + t->n, s, n);
	memset(t->data + t->n, data, n);
	t->n += n;
}

static void put_text(struct stream *t, const char *s)
{
	put(t, s, strlen(s), false);
}

static void put_eol(struct stream *t)
{
	put_text(t, one_in(t->r, 8) ? "\n" : "\r\n");
}

/* Any bytes: lines and heads too, so that a parser that is off by one does not go unnoticed. */
static void put_data(struct stream *t, size_t n)
{
	static const char bytes[] = "\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\nHTTP/1.1 200\r\n\r\n";

	for (size_t i = 0; i < n; i++)
		put(t, &bytes[draw(t->r, sizeof(bytes))], 1, true);
}

static void put_name(struct stream *t, const char *name)
{
	for (; *name; name++) {
		bool flip = one_in(t->r, 4) && ((*name | 0x20) >= 'a' && (*name | 0x20) <= 'z');
		char c = flip ? *name ^ 0x20 : *name;

		put(t, &c, 1, false);
	}
	put_text(t, ":");
	for (uint64_t i = draw(t->r, 3); i; i--)
		put_text(t, one_in(t->r, 4) ? "\t" : " ");
}

static void put_field(struct stream *t, const char *name, const char *value)
{
	put_name(t, name);
	put_text(t, value);
	if (one_in(t->r, 8))
		put_text(t, " ");
	put_eol(t);
}

/* A field that means nothing, of any length, folded or not. */
static void put_noise(struct stream *t)
{
	static const char *const fields[] = {"Accept",
					     "X-Content-Length",
					     "Content-Lengths",
					     "Content-Type",
					     "Transfer-Codin",
					     "User-Agent",
					     "X",
					     "A-name-that-is-longer-than-"
					     "anything-the-parser-may-want-"
					     "to-collect-of-it"};

	put_name(t, fields[draw(t->r, sizeof(fields) / sizeof(fields[0]))]);
	for (uint64_t i = draw(t->r, one_in(t->r, 10) ? 500 : 20); i; i--)
		put(t, &"chunked, close: 5;\"\x80"[draw(t->r, 20)], 1, false);
	put_eol(t);
	if (one_in(t->r, 12)) {
		put_text(t, "\t Content-Length: 77");
		put_eol(t);
	}
}

static void put_noises(struct stream *t)
{
	for (uint64_t i = draw(t->r, 4); i; i--)
		put_noise(t);
}

enum framing { NO_FRAMING, BY_LENGTH, BY_CHUNKS };

/* The fields of a message, its framing's among them, and the empty line; the head says them in the
   order of the flags. Returns the length said. */
static uint64_t put_fields(struct stream *t, enum framing framing, struct http1_text *head)
{
	uint64_t len = one_in(t->r, 4) ? 0 : draw(t->r, one_in(t->r, 5) ? 900 : 30);
	char number[32];

	put_noises(t);
	if (framing == BY_LENGTH) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)len);
		put_field(t, "Content-Length", number);
		text_add(head, " len=%s", number);
	}
	put_noises(t);
	if (one_in(t->r, 5)) {
		put_field(t, "Connection", one_in(t->r, 2) ? "close" : "x, Close");
		text_add(head, " close");
	}
	if (framing == BY_CHUNKS) {
		put_field(t, "Transfer-Encoding", one_in(t->r, 3) ? "gzip, chunked" : "chunked");
		text_add(head, " chunked");
	}
	put_noises(t);
	put_eol(t);
	return len;
}

static void put_chunk(struct stream *t, uint64_t n)
{
	char size[32];

	snprintf(size, sizeof(size), one_in(t->r, 2) ? "%llx" : "0%llX", (unsigned long long)n);
	put_text(t, size);
	if (one_in(t->r, 5))
		put_text(t, "; name=\"0\"");
	put_eol(t);
	put_data(t, n);
}

static void put_body(struct stream *t, enum framing framing, uint64_t len)
{
	if (framing == BY_LENGTH)
		put_data(t, len);
	if (framing != BY_CHUNKS)
		return;
	for (uint64_t i = draw(t->r, 4); i; i--) {
		put_chunk(t, 1 + draw(t->r, 300));
		put_eol(t);
	}
	put_chunk(t, 0);
	for (uint64_t i = one_in(t->r, 3); i; i--)
		put_field(t, "Trailer", "0");
	put_eol(t);
}

static void want_message(struct stream *t, size_t head_end, const struct http1_text *head)
{
	text_add(&t->want, "%sH%zu[%s] E%zu", t->want.len ? " " : "", head_end, head->s, t->n);
}

static void put_request(struct stream *t)
{
	static const char *const methods[] = {"GET", "POST", "M-SEARCH", "DELETE"};
	static const char *const paths[] = {"/", "/items/7", "/a@b:c//d", "/%20"};
	const char *method = methods[draw(t->r, 4)], *path = paths[draw(t->r, 4)];
	enum framing framing = draw(t->r, 3);
	struct http1_text head;
	size_t head_end;
	uint64_t len;

	head.len = 0;
	if (one_in(t->r, 9))
		put_eol(t);
	put_text(t, method);
	put_text(t, one_in(t->r, 8) ? " http://u@h" : " ");
	text_add(&head, "%s %s 1.1%s", method, path, t->s[t->n - 1] == 'h' ? " host=h" : "");
	put_text(t, path);
	if (one_in(t->r, 3))
		put_text(t, "?q=/secret#HTTP/1.0");
	put_text(t, " HTTP/1.1");
	put_eol(t);
	len = put_fields(t, framing, &head);
	head_end = t->n;
	put_body(t, framing, len);
	want_message(t, head_end, &head);
}

static void put_response(struct stream *t)
{
	static const unsigned statuses[] = {200, 204, 304, 404, 100, 103, 500};
	unsigned status = statuses[draw(t->r, 7)];
	enum framing framing = 1 + draw(t->r, 2);
	bool final = status >= 200, to_head = final && one_in(t->r, 5);
	bool none = !final || status == 204 || status == 304 || to_head;
	struct http1_text head;
	char line[64];
	size_t head_end;
	uint64_t len;

	head.len = 0;
	if (final)
		t->expect[t->expects++] = to_head;
	text_add(&head, "%u 1.1", status);
	snprintf(line, sizeof(line), "HTTP/1.1 %u%s", status, one_in(t->r, 5) ? "" : " Reason 1");
	put_text(t, line);
	put_eol(t);
	len = put_fields(t, framing, &head);
	head_end = t->n;
	if (none)
		text_add(&head, " none");
	else
		put_body(t, framing, len);
	want_message(t, head_end, &head);
}

/* Feeds it in random pieces; with `skips`, runs of body data are now and then not shown. */
static void run_stream(struct stream *t, enum http1_kind kind, bool skips, uint64_t seed)
{
	static struct http1_run r;
	uint64_t most = one_in(t->r, 3) ? 3 : one_in(t->r, 2) ? 40 : 5000;

	http1_run_init(&r, kind, t->expect, t->expects);
	for (size_t i = 0; i < t->n;) {
		size_t n = 1 + draw(t->r, most), unseen = 0;

		if (n > t->n - i)
			n = t->n - i;
		while (skips && unseen < n && t->data[i + unseen])
			unseen++;
		skips = skips && !one_in(t->r, 50);
		n = unseen ?: n;
		http1_run_piece(&r, unseen ? NULL : (uint8_t *)t->s + i, n);
		i += n;
	}
	if (strcmp(http1_run_end(&r), t->want.s))
		fail_msg("HTTP1_SEED=%llu\nwant: %s\ngot:  %s", (unsigned long long)seed, t->want.s,
			 r.out.s);
}

static void test_random_streams(void **state)
{
	static struct stream t;
	const char *only = getenv("HTTP1_SEED");
	uint64_t seed = only ? strtoull(only, NULL, 0) : 1;
	uint64_t end = only ? seed + 1 : 4000;

	(void)state;
	for (; seed < end; seed++) {
		struct random r = {seed * 0x9e3779b97f4a7c15u};
		enum http1_kind kind = seed & 1;

		t.r = &r;
		t.n = t.expects = t.want.len = 0;
		for (uint64_t i = 1 + draw(&r, 8); i; i--) {
			if (kind == HTTP1_REQUEST)
				put_request(&t);
			else
				put_response(&t);
		}
		text_add(&t.want, " $M");
		for (int i = 0; i < 4; i++)
			run_stream(&t, kind, i & 1, seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
