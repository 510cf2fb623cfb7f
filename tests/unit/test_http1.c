/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_http1.c - the HTTP/1 parser: what it says of a stream, and that it says the same however the
 * stream is cut.
 *
 * An outcome is written as text, one word an event and the offset after which it came:
 * "H18[GET / 1.1] E18 $M" is a head, an end, and what http1_eof() said. LOST and INVALID have no
 * offset. Every piece that is fed ends at an unmapped page, so that reading beyond it crashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../user/proto/http1.h"

/* a table says what is special about a sample */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define ROOM (4u << 20) /* the longest piece */

/* ---- pieces that end at an unmapped page */

static uint8_t *guard_page(void)
{
	static uint8_t *page;

	if (!page) {
		size_t size = (size_t)sysconf(_SC_PAGESIZE);
		uint8_t *map = mmap(NULL, ROOM + size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		assert_int_equal(mprotect(map + ROOM, size, PROT_NONE), 0);
		page = map + ROOM;
	}
	return page;
}

static const void *guarded(const void *s, size_t n)
{
	assert_true(n <= ROOM);
	return memcpy(guard_page() - n, s, n);
}

/* ---- outcomes as text */

struct text {
	size_t len;
	char s[16384];
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	t->len += (size_t)vsnprintf(t->s + t->len, sizeof(t->s) - t->len, format, ap);
	va_end(ap);
	assert_true(t->len < sizeof(t->s));
}

static void add_bytes(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)s[i] <= ' ' || (uint8_t)s[i] >= 0x7f)
			add(t, "\\x%02x", (uint8_t)s[i]);
		else
			add(t, "%c", s[i]);
	}
}

static const char *const flag_names[] = {"close", "keep", "chunked", NULL,   "upgrade", "expect",
					 "auth",  "cut",  "until",   "none", "smuggle", "skipped"};
static const char *const cache_names[] = {"", " hit", " miss", " revalidated"};

static void add_flags(struct text *t, const struct http1_head *h)
{
	if (h->flags & HTTP1_F_LENGTH)
		add(t, " len=%llu", (unsigned long long)h->content_length);
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (flag_names[i] && h->flags & 1u << i)
			add(t, " %s", flag_names[i]);
}

static void add_head(struct text *t, enum http1_kind kind, const struct http1_head *h)
{
	assert_in_range(h->path_len, 0, HTTP1_PATH_MAX - 1);
	assert_int_equal(h->path[h->path_len], '\0');
	if (kind == HTTP1_REQUEST) {
		add(t, "[%s ", h->method);
		add_bytes(t, h->path, h->path_len);
	} else {
		add(t, "[%u", h->status);
	}
	add(t, " 1.%u", h->minor);
	if (h->host[0]) {
		add(t, " host=");
		add_bytes(t, h->host, strlen(h->host));
	}
	add_flags(t, h);
	if (h->flags & HTTP1_F_TRACE_ID)
		add(t, " trace=%s", h->trace_id);
	add(t, "%s]", cache_names[h->cache]);
}

/* ---- a parser and what it said */

struct run {
	enum http1_kind kind;
	struct http1 *p;
	struct http1_head head;
	size_t at;
	enum http1_event last;
	const uint8_t *expect; /* per final response: 1 to HEAD, 2 to CONNECT */
	size_t expects;
	struct text out;
};

static void run_expect(struct run *r)
{
	if (r->expects) {
		http1_expect(r->p, *r->expect & 1, *r->expect & 2);
		r->expect++;
		r->expects--;
	}
}

static void run_init(struct run *r, enum http1_kind kind, const uint8_t *expect, size_t expects)
{
	memset(r, 0, offsetof(struct run, out) + sizeof(size_t) + 1);
	memset(&r->head, 0xa5, sizeof(r->head)); /* nothing may be left of it */
	r->kind = kind;
	r->p = malloc(http1_size()); /* exactly: ASan sees any byte more */
	assert_non_null(r->p);
	http1_init(r->p, kind, &r->head);
	r->expect = expect;
	r->expects = expects;
	run_expect(r);
}

static void run_event(struct run *r, enum http1_event event)
{
	bool terminal = event >= HTTP1_TUNNEL;

	assert_true(http1_at_start(r->p) ? event == HTTP1_MORE || event == HTTP1_END : true);
	assert_false(http1_at_start(r->p) && http1_in_body(r->p));
	if (event == HTTP1_MORE || (terminal && r->last == event))
		return;
	r->last = event;
	add(&r->out, "%s%c", r->out.len ? " " : "", "MHETLI"[event]);
	if (event <= HTTP1_END)
		add(&r->out, "%zu", r->at);
	if (event == HTTP1_HEAD) {
		add_head(&r->out, r->kind, &r->head);
		if (r->kind == HTTP1_RESPONSE && (r->head.status >= 200 || r->head.status == 101))
			run_expect(r);
	}
}

/* Feeds (or, with s NULL, skips) until n bytes are consumed and nothing is due any more. */
static void run_piece(struct run *r, const uint8_t *s, size_t n)
{
	size_t i = 0;
	enum http1_event event;

	do {
		size_t took = s ? http1_feed(r->p, guarded(s + i, n - i), n - i, &event)
				: http1_skip(r->p, n - i, &event);

		assert_true(took <= n - i);
		if (event == HTTP1_MORE || event >= HTTP1_TUNNEL)
			assert_int_equal(took, n - i);
		i += took;
		r->at += took;
		run_event(r, event);
	} while (i < n || event == HTTP1_HEAD);
}

/* What it said; `r` is done with. */
static const char *run_end(struct run *r)
{
	add(&r->out, "%s$%c", r->out.len ? " " : "", "MHETLI"[http1_eof(r->p)]);
	free(r->p);
	return r->out.s;
}

struct sample {
	const char *s;
	const char *want;
	uint8_t expect; /* responses: 1 to HEAD, 2 to CONNECT */
	size_t n;	/* 0: strlen */
};

#define BYTES(s) .n = sizeof(s) - 1

static size_t sample_len(const struct sample *c)
{
	return c->n ? c->n : strlen(c->s);
}

/* Feeds c cut at a and b (a <= b), byte by byte if `step`. */
static void check_cut(enum http1_kind kind, const struct sample *c, size_t a, size_t b, size_t step)
{
	static struct run r;
	const uint8_t *s = (const uint8_t *)c->s;
	size_t n = sample_len(c);

	run_init(&r, kind, &c->expect, 1);
	if (step) {
		for (size_t i = 0; i < n; i += step)
			run_piece(&r, s + i, n - i < step ? n - i : step);
	} else {
		run_piece(&r, s, a);
		run_piece(&r, s + a, b - a);
		run_piece(&r, s + b, n - b);
	}
	if (strcmp(run_end(&r), c->want))
		fail_msg("cut at %zu, %zu, step %zu of:\n%.300s\nwant: %s\ngot:  %s", a, b, step,
			 c->s, c->want, r.out.s);
}

static void check_sample(enum http1_kind kind, const struct sample *c)
{
	size_t n = sample_len(c);

	check_cut(kind, c, n, n, 0);
	for (size_t a = 0; a < n; a++)
		check_cut(kind, c, a, n, 0);
	for (size_t a = 0; a < n && n < 100; a++)
		for (size_t b = a + 1; b < n; b++)
			check_cut(kind, c, a, b, 0);
	for (size_t step = 1; step < 4; step++)
		check_cut(kind, c, 0, 0, step);
}

#define CHECK_ALL(kind, list)                                               \
	do {                                                                \
		for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++) \
			check_sample(kind, &list[k]);                       \
	} while (0)

/* ---- requests */

static void test_request_lines(void **state)
{
	static const struct sample list[] = {
		{"", "$M"},
		{"GET / HTTP/1.1\r\n\r\n", "H18[GET / 1.1] E18 $M"},
		{"GET / HTTP/1.0\r\n\r\n", "H18[GET / 1.0 close] E18 $M"},
		{"GET / HTTP/1.1\n\n", "H16[GET / 1.1] E16 $M"},
		{"\r\n\r\n\nGET / HTTP/1.1\r\n\r\n\r\n", "H23[GET / 1.1] E23 $M"},
		{"GET /a/b?c=d#e HTTP/1.1\r\n\r\n", "H27[GET /a/b 1.1] E27 $M"},
		{"GET /a#e?x HTTP/1.1\r\n\r\n", "H23[GET /a 1.1] E23 $M"},
		{"GET ?x HTTP/1.1\r\n\r\n", "H19[GET  1.1] E19 $M"},
		{"OPTIONS * HTTP/1.1\r\n\r\n", "H22[OPTIONS * 1.1] E22 $M"},
		{"CONNECT a.b:443 HTTP/1.1\r\n\r\n", "H28[CONNECT a.b:443 1.1] E28 $M"},
		{"CONNECT u:p@a:1 HTTP/1.1\r\n\r\n", "H28[CONNECT a:1 1.1] E28 $M"},
		{"CONNECT [::1]:1 HTTP/1.1\r\n\r\n", "H28[CONNECT [::1]:1 1.1] E28 $M"},
		{"GET http://h:8/p?q HTTP/1.1\r\n\r\n", "H31[GET /p 1.1 host=h:8] E31 $M"},
		{"GET http://h HTTP/1.1\r\n\r\n", "H25[GET / 1.1 host=h] E25 $M"},
		{"GET http://h?q HTTP/1.1\r\n\r\n", "H27[GET / 1.1 host=h] E27 $M"},
		{"GET http://u:p@h/p HTTP/1.1\r\nHost: o\r\n\r\n", "H40[GET /p 1.1 host=h] E40 $M"},
		{"GET http:/x HTTP/1.1\r\n\r\n", "H24[GET http:/x 1.1] E24 $M"},
		{"GET //x/@y HTTP/1.1\r\n\r\n", "H23[GET //x/@y 1.1] E23 $M"},
		{"PURGE /%41\xc3\xa9 HTTP/1.1\r\n\r\n", "H25[PURGE /%41\\xc3\\xa9 1.1] E25 $M"},
		{"get / HTTP/1.9\r\n\r\n", "H18[get / 1.9] E18 $M"},
		/* what no server takes, but what was asked for */
		{"GET /a\0\x01\rb HTTP/1.1\r\n\r\n", "H23[GET /a\\x00\\x01\\x0db 1.1] E23 $M",
		 BYTES("GET /a\0\x01\rb HTTP/1.1\r\n\r\n")},
		{"GET /a b HTTP/1.1\r\n\r\n", "H21[GET /a\\x20b 1.1] E21 $M"},
		{"GET /a HTTP/ HTTP/1.1\r\n\r\n", "H25[GET /a\\x20HTTP/ 1.1] E25 $M"},
		{"GET   /a   HTTP/1.1  \r\n\r\n", "H25[GET /a 1.1] E25 $M"},
		{"GET /a?b c HTTP/1.1\r\n\r\n", "H23[GET /a 1.1] E23 $M"},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n\r\n",
		 "H41[ABCDEFGHIJKLMNOPQRSTUVW / 1.1] E41 $M"},
	};

	(void)state;
	CHECK_ALL(HTTP1_REQUEST, list);
}

static void test_request_not_http(void **state)
{
	static const struct sample list[] = {
		{"GET / HTTP/2.0\r\n\r\n", "I $I"},
		{"GET / HTTP/1.10\r\n\r\n", "I $I"},
		{"GET / HTTP/1.x\r\n\r\n", "I $I"},
		{"GET / HTTP/1.\r\n\r\n", "I $I"},
		{"GET / http/1.1\r\n\r\n", "I $I"},
		{"GET /\r\n\r\n", "I $I"},
		{"GET  HTTP/1.1\r\n\r\n", "I $I"},
		{"GET\r\n\r\n", "I $I"},
		{" GET / HTTP/1.1\r\n\r\n", "I $I"},
		{"G(T / HTTP/1.1\r\n\r\n", "I $I"},
		{"GET\0/ HTTP/1.1\r\n\r\n", "I $I", BYTES("GET\0/ HTTP/1.1\r\n\r\n")},
		{"HTTP/1.1 200 OK\r\n\r\n", "I $I"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "I $I"},
		{"\x16\x03\x01\x02\x00", "I $I", BYTES("\x16\x03\x01\x02\x00")},
		{"\r\n\r\n\0\r\nQUIT\n", "I $I", BYTES("\r\n\r\n\0\r\nQUIT\n")},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "I $I"},
		{"GET /unfinished", "$L"},
		{"GET / HTTP/1.1\r\nHost: x\r\n", "$L"},
	};

	(void)state;
	CHECK_ALL(HTTP1_REQUEST, list);
}

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define G      "GET / HTTP/1.1\r\n"
/* A request of "GET /" with `fields`: what the head then says besides. */
static void check_fields(const char *fields, const char *says)
{
	char s[256], want[128];
	int n = snprintf(s, sizeof(s), G "%s\r\n", fields);
	struct sample c = {s, want};

	snprintf(want, sizeof(want), "H%d[GET / 1.1%s] E%d $M", n, says, n);
	check_sample(HTTP1_REQUEST, &c);
}

static void test_request_fields(void **state)
{
	static const char *const list[][2] = {
		{"Host: a.b:80\r\n", " host=a.b:80"},
		{"hOST:\t a \t\r\n", " host=a"},
		{"Host:\r\n", ""},
		{"Host: a\r\nHost: b\r\n", " host=a"},
		{"Host : a\r\nX: Host: b\r\nHosts: c\r\n", ""},
		{"Host: \r\n a\r\n\tb\r\nX: y\r\n", " host=a\\x20b"},
		{"Connection: close\r\n", " close"},
		{"Connection: Keep-Alive\r\n", " keep"},
		{"Connection: a, ,CLOSE , b\r\n", " close"},
		{"Connection: closed\r\nConnection: not close\r\n", ""},
		{"Connection: te,\r\n close\r\n", " close"},
		{"Connection: upgrade\r\n", ""},
		{"Upgrade: websocket\r\n", ""},
		{"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n", " keep upgrade"},
		{"Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
		 " keep upgrade"},
		{"Expect: 100-Continue\r\n", " expect"},
		{"Authorization: Basic c2VjcmV0\r\n", " auth"},
		{"Cookie: a=b; close\r\n", " auth"},
		{"Proxy-Authorization: x\r\nCookies: y\r\n", ""},
		{"X-Cache: HIT\r\nAge: 3\r\n", ""},
		{" folded from nothing\r\nHost: a\r\n", " host=a"},
	};
	static const struct sample old[] = {
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "H42[GET / 1.0 keep] E42 $M"},
		{"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n",
		 "H49[GET / 1.0 close keep] E49 $M"},
		{"GET / HTTP/1.0\r\nExpect: 100-continue\nUpgrade: x\nConnection: upgrade\n\n",
		 "H69[GET / 1.0 close] E69 $M"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++)
		check_fields(list[k][0], list[k][1]);
	CHECK_ALL(HTTP1_REQUEST, old);
}

/* Lines that are no fields. */
static void test_garbage_lines(void **state)
{
	static const char s[] = G "no field\r\n: x\r\n\r\r\n\"?\0\r\nHost: a\r\n\r\n";
	const struct sample c = {s, "H50[GET / 1.1 host=a] E50 $M", 0, sizeof(s) - 1};

	(void)state;
	check_sample(HTTP1_REQUEST, &c);
}

static void test_traceparent(void **state)
{
	static const struct {
		const char *value;
		bool valid;
	} list[] = {
		{"00-" TRACE "-" PARENT "-01", true},
		{"  00-" TRACE "-" PARENT "-00 ", true},
		{"cc-" TRACE "-" PARENT "-01", true},
		{"cc-" TRACE "-" PARENT "-01-more, and more of it, far beyond what is kept", true},
		{"cc-" TRACE "-" PARENT "-01.more", false},
		{"00-" TRACE "-" PARENT "-01-more", false},
		{"ff-" TRACE "-" PARENT "-01", false},
		{"00-" TRACE "-" PARENT "-0", false},
		{"00-" TRACE "-" PARENT "-0g", false},
		{"00-" TRACE "-" PARENT ".01", false},
		{"00-" TRACE "_" PARENT "-01", false},
		{"0--" TRACE "-" PARENT "-01", false},
		{"00-0AF7651916cd43dd8448eb211c80319c-" PARENT "-01", false},
		{"00-00000000000000000000000000000000-" PARENT "-01", false},
		{"00-" TRACE "-0000000000000000-01", false},
		{"00-" TRACE "-" PARENT "-01,00-" TRACE "-" PARENT "-01", false},
		{"", false},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
		char field[160];

		snprintf(field, sizeof(field), "TraceParent:%s\r\n", list[k].value);
		check_fields(field, list[k].valid ? " trace=" TRACE : "");
	}
}

static void test_request_bodies(void **state)
{
	static const struct sample list[] = {
		{"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
		 "H38[POST / 1.1 len=5] E43 H61[GET / 1.1] E61 $M"},
		{"POST / HTTP/1.1\nContent-Length:0\n\n", "H34[POST / 1.1 len=0] E34 $M"},
		{"POST / HTTP/1.1\nContent-Length:9\n\nhalf", "H34[POST / 1.1 len=9] $L"},
		{"POST / HTTP/1.1\nContent-Length: 0005\n\nhello", "H38[POST / 1.1 len=5] E43 $M"},
		{"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n0\r\n\r\n",
		 "H44[POST / 1.1 chunked] E59 $M"},
		{"POST / HTTP/1.1\nTransfer-Encoding: gzip\nTransfer-Encoding: , Chunked,\n\n"
		 "a ;x=\"y\"\n0123456789\n00;z\r\nT: v\r\n fold\r\n\r\nG",
		 "H71[POST / 1.1 chunked] E112 $L"},
		{"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nA;\n0123456789\n0F\n"
		 "012345678901234\n000\n\n",
		 "H44[POST / 1.1 chunked] E82 $M"},
		/* agreeing, differing and impossible lengths */
		{"POST / HTTP/1.1\nContent-Length: 2\nContent-Length: 02, 2\n\nab",
		 "H57[POST / 1.1 len=2] E59 $M"},
		{"POST / HTTP/1.1\nContent-Length: 2\nContent-Length: 3\n\nab",
		 "H53[POST / 1.1 smuggle] L $L"},
		{"POST / HTTP/1.1\nContent-Length: 2, 3\n\n", "H38[POST / 1.1 smuggle] L $L"},
		{"POST / HTTP/1.1\nContent-Length: +2\n\n", "H36[POST / 1.1 smuggle] L $L"},
		{"POST / HTTP/1.1\nContent-Length: 1 2\n\n", "H37[POST / 1.1 smuggle] L $L"},
		{"POST / HTTP/1.1\nContent-Length:\n\n", "H33[POST / 1.1 smuggle] L $L"},
		{"POST / HTTP/1.1\nContent-Length: 18446744073709551615\n\n",
		 "H54[POST / 1.1 len=18446744073709551615] $L"},
		{"POST / HTTP/1.1\nContent-Length: 18446744073709551616\n\n",
		 "H54[POST / 1.1 smuggle] L $L"},
		/* chunked wins over a length, but whoever sends both is up to something */
		{"POST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n",
		 "H62[POST / 1.1 chunked smuggle] E65 $M"},
		{"POST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: x\n\n0\n\n",
		 "H62[POST / 1.1 chunked smuggle] E65 $M"},
		/* RFC 9112, 6.3 rule 4: of a request the last coding has to be chunked */
		{"POST / HTTP/1.1\nTransfer-Encoding: gzip\n\nab", "H41[POST / 1.1] L $L"},
		{"POST / HTTP/1.1\nTransfer-Encoding: chunked, gzip\n\nab", "H50[POST / 1.1] L $L"},
		{"POST / HTTP/1.1\nTransfer-Encoding: chunked;a=b\n\nab", "H48[POST / 1.1] L $L"},
	};

	(void)state;
	CHECK_ALL(HTTP1_REQUEST, list);
}

static void test_broken_chunks(void **state)
{
	static const char *const bodies[] = {
		"x\r\n",
		"\n",
		"\r\n",
		";a\r\n",
		" 5\r\n",
		"5x\r\n",
		"5 x\r\n",
		"5\rx\n",
		"5\r\r\n",
		"-5\r\n",
		"3\r\nabcd\r\n",
		"3\r\nabc\rx\n",
		"3\r\nabc\r\r\n",
		"3\r\nabc;\r\n0",
		"10000000000000000\r\n",
	};

	(void)state;
	for (size_t k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
		char s[128];
		struct sample c = {s, "H44[POST / 1.1 chunked] L $L", 0, 0};

		snprintf(s, sizeof(s), "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n%s",
			 bodies[k]);
		check_sample(HTTP1_REQUEST, &c);
	}
}

/* ---- responses */

static void test_responses(void **state)
{
	static const struct sample list[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.0 404 N\r\n\r\nxyz",
		 "H38[200 1.1 len=2] E40 H58[404 1.0 close until] $E"},
		{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "H35[200 1.1 len=0] E35 $M"},
		{"HTTP/1.1 200 \nContent-Length: 0\n\n", "H33[200 1.1 len=0] E33 $M"},
		{"HTTP/1.1 299 \xff\x01 x\nTransfer-Encoding: chunked\n\n1\na\n0\n\n",
		 "H46[299 1.1 chunked] E53 $M"},
		{"HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nContent-Length: 1\n\nab",
		 "H59[200 1.1 close until smuggle] $E"},
		{"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab",
		 "H53[200 1.1 smuggle] L $L"},
		{"HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nContent-Length: x\n\nab",
		 "H59[200 1.1 close until smuggle] $E"},
		{"HTTP/1.1 200 OK\nConnection: close\n\n", "H35[200 1.1 close until] $E"},
		{"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 N\nContent-Length: 7\n\n",
		 "H27[204 1.1 none] E27 H61[304 1.1 len=7 none] E61 $M"},
		{"HTTP/1.1 205 R\nContent-Length: 0\n\n", "H34[205 1.1 len=0] E34 $M"},
		{"HTTP/1.1 204 N\nContent-Length: 1\nContent-Length: 2\n\n",
		 "H52[204 1.1 none smuggle] E52 $M"},
		{"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\nLink: x\n\nHTTP/1.1 200 O\n"
		 "Content-Length: 1\n\nx",
		 "H18[100 1.1 none] E18 H42[103 1.1 none] E42 H76[200 1.1 len=1] E77 $M"},
		{"HTTP/1.1 101 S\nUpgrade: websocket\nConnection: Upgrade\n\n\x81\x00",
		 "H55[101 1.1 upgrade none] T $T"},
		{"HTTP/1.1 101 S\n\n", "H16[101 1.1 none] T $T", 1},
		/* to HEAD: over any 1xx, and for one final response */
		{"HTTP/1.1 200 O\nContent-Length: 5\n\nHTTP/1.1 200 O\nContent-Length: 1\n\nx",
		 "H34[200 1.1 len=5 none] E34 H68[200 1.1 len=1] E69 $M", 1},
		{"HTTP/1.1 100 C\n\nHTTP/1.1 200 O\nTransfer-Encoding: chunked\n\n",
		 "H16[100 1.1 none] E16 H59[200 1.1 chunked none] E59 $M", 1},
		{"HTTP/1.1 200 O\n\n", "H16[200 1.1 none] E16 $M", 1},
		/* to CONNECT */
		{"HTTP/1.1 200 O\nContent-Length: 5\n\n\x16\x03", "H34[200 1.1 len=5] T $T", 2},
		{"HTTP/1.1 100 C\n\nHTTP/1.1 299 O\n\n", "H16[100 1.1 none] E16 H32[299 1.1] T $T",
		 2},
		{"HTTP/1.1 407 O\nContent-Length: 1\n\nxHTTP/1.1 200 O\nContent-Length: 0\n\n",
		 "H34[407 1.1 len=1] E35 H69[200 1.1 len=0] E69 $M", 2},
		/* not HTTP */
		{"HTTP/1.1  200 OK\r\n", "I $I"},
		{"HTTP/1.1 20\r\n", "I $I"},
		{"HTTP/1.1 2000\r\n", "I $I"},
		{"HTTP/1.1 2x0\r\n", "I $I"},
		{"HTTP/1.1 099 X\r\n", "I $I"},
		{"HTTP/1.1\r\n", "I $I"},
		{"HTTP/1.10 200\r\n", "I $I"},
		{"HTTP/2 200\r\n", "I $I"},
		{"GET / HTTP/1.1\r\n", "I $I"},
		{"HTTP/1.1 200 OK", "$L"},
	};

	(void)state;
	CHECK_ALL(HTTP1_RESPONSE, list);
}

/* White space before the colon: a framing field that some servers take, so the end is not known. */
static void test_space_before_colon(void **state)
{
	static const struct sample list[] = {
		{"POST / HTTP/1.1\nContent-Length : 5\n\nhello", "H36[POST / 1.1 smuggle] L $L", 0, 0},
		{"POST / HTTP/1.1\nHost : a\n\n", "H26[POST / 1.1] E26 $M", 0, 0},
		{"POST / HTTP/1.1\n"
		 "Transfer-Encoding                                                   e\n\n",
		 "H87[POST / 1.1] E87 $M", 0, 0},
	};

	(void)state;
	CHECK_ALL(HTTP1_REQUEST, list);
}

static void test_cache(void **state)
{
	static const struct {
		const char *fields;
		const char *verdict;
	} list[] = {
		{"X-Cache: HIT\n", " hit"},
		{"x-cache: Hit from cloudfront\n", " hit"},
		{"X-Cache: Miss from cloudfront\n", " miss"},
		{"X-Cache: RefreshHit from cloudfront\n", " revalidated"},
		{"X-Cache: TCP_MEM_HIT from a-very-long-name.deploy.example.net (Squid/6.1) -\n",
		 " hit"},
		{"X-Cache: TCP_REFRESH_MISS\n", " miss"},
		{"X-Cache: MISS, HIT\n", " hit"},
		{"X-Cache: HIT\nX-Cache: MISS\n", " hit"},
		{"X-Cache: Error from hit\n", ""},
		{"X-Cache:\n", ""},
		{"CF-Cache-Status: EXPIRED\n", " miss"},
		{"CF-Cache-Status: STALE\n", " hit"},
		{"CF-Cache-Status: UPDATING\n", " hit"},
		{"CF-Cache-Status: REVALIDATED\n", " revalidated"},
		{"CF-Cache-Status: DYNAMIC\n", ""},
		{"Cache-Status: Origin; hit; ttl=1100\n", " hit"},
		{"Cache-Status: \"hit; hit, hit\\\"; hit\"; fwd=uri-miss\n", " miss"},
		{"Cache-Status: hit\n", ""},
		{"Cache-Status: A;hit=?0\n", ""},
		{"Cache-Status: A;hit=?1\n", " hit"},
		{"Cache-Status: A; fwd=stale; fwd-status=304\n", " revalidated"},
		{"Cache-Status: A; fwd=stale; fwd-status=200\n", " miss"},
		{"Cache-Status: A; fwd=stale,\n B; fwd-status=304\n", " miss"},
		{"Cache-Status: A; fwd=miss, B; hit\n", " hit"},
		{"Age: 7\n", " hit"},
		{"Age: 0\n", ""},
		{"Age: soon\n", ""},
		{"Age: 7\nX-Cache: MISS\n", " miss"},
		{"Authorization: x\nHost: y\nExpect: 100-continue\n", ""},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
		char s[256], want[128];
		int n = snprintf(s, sizeof(s), "HTTP/1.1 304 N\n%s\n", list[k].fields);
		struct sample c = {s, want, 0, 0};

		snprintf(want, sizeof(want), "H%d[304 1.1 none%s] E%d $M", n, list[k].verdict, n);
		check_sample(HTTP1_RESPONSE, &c);
	}
}

/* ---- skipped bytes */

/* Feeds s, but skips [a, b). */
static const char *skip_range(struct run *r, enum http1_kind kind, const char *s, size_t n,
			      size_t a, size_t b)
{
	run_init(r, kind, NULL, 0);
	run_piece(r, (const uint8_t *)s, a);
	run_piece(r, NULL, b - a);
	run_piece(r, (const uint8_t *)s + b, n - b);
	return run_end(r);
}

/* `mask` marks with 'd' what is body data: skipping within loses nothing, nor does skipping up to the
   end of the CRLF behind a chunk, 'e'; all else loses the end. */
static void check_skips(enum http1_kind kind, const char *s, const char *mask, const char *want)
{
	static struct run r;
	size_t n = strlen(s), head = strspn(mask, "h");

	assert_int_equal(n, strlen(mask));
	for (size_t a = 0; a < n; a++) {
		for (size_t b = a + 1; b <= n; b++) {
			const char *got = skip_range(&r, kind, s, n, a, b);

			size_t data = strspn(mask + a, "d");

			if (data >= b - a || (data + 2 == b - a && !strncmp(mask + a + data, "ee", 2)))
				assert_string_equal(got, want);
			else if (a >= head && mask[a] != 'd' && !strchr(mask + a, 'h'))
				assert_non_null(strstr(got, "] L $L"));
			else
				assert_non_null(strstr(got, "L $L"));
		}
	}
}

static void test_skip_everywhere(void **state)
{
	(void)state;
	check_skips(HTTP1_REQUEST, "POST / HTTP/1.1\nContent-Length: 5\n\nhelloGET / HTTP/1.1\n\n",
		    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhdddddhhhhhhhhhhhhhhhh",
		    "H35[POST / 1.1 len=5] E40 H56[GET / 1.1] E56 $M");
	check_skips(HTTP1_REQUEST,
		    "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n2\nab\n0\r\n\r\n",
		    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhcccdddddeeccddcccccc",
		    "H44[POST / 1.1 chunked] E64 $M");
	check_skips(HTTP1_RESPONSE, "HTTP/1.1 200 O\n\nuntil the end",
		    "hhhhhhhhhhhhhhhhddddddddddddd", "H16[200 1.1 close until] $E");
}

struct skip_step {
	const char *feed; /* or NULL and */
	uint64_t skip;
};

static void check_steps(enum http1_kind kind, const struct skip_step *steps, const char *want)
{
	static struct run r;

	run_init(&r, kind, NULL, 0);
	for (; steps->feed || steps->skip; steps++)
		run_piece(&r, (const uint8_t *)steps->feed,
			  steps->feed ? strlen(steps->feed) : steps->skip);
	assert_string_equal(run_end(&r), want);
}

#define STEPS(kind, want, ...) \
	check_steps(HTTP1_##kind, (const struct skip_step[]){__VA_ARGS__, {NULL, 0}}, want)

static void test_skip_head(void **state)
{
	(void)state;
	STEPS(REQUEST, "L $L", {NULL, 1}, {G "\r\n", 0});
	STEPS(REQUEST, "L $L", {"GET / HTTP/1.1\r", 0}, {NULL, 1}, {"\r\n", 0});
	STEPS(REQUEST, "H8[GET /a/b 1.1 cut skipped] L $L", {"GET /a/b", 0}, {NULL, 9}, {"x\r\n", 0});
	STEPS(REQUEST, "H12[GET /a/b 1.1 skipped] L $L", {"GET /a/b?q=1", 0}, {NULL, 9}, {"x\r\n", 0});
	STEPS(REQUEST, "L $L", {"GET ", 0}, {NULL, 9}, {"x\r\n", 0});
	STEPS(REQUEST, "H16[GET / 1.1 skipped] L $L", {G, 0}, {NULL, 4}, {G "\r\n", 0});
	STEPS(REQUEST, "H25[GET / 1.1 host=a skipped] L $L", {G "Host: a\r\n", 0}, {NULL, 9});
	STEPS(REQUEST, "H23[GET / 1.1 skipped] L $L", {G "Host: a", 0}, {NULL, 9});
	STEPS(REQUEST, "H34[GET / 1.1 auth skipped] L $L", {G "Authorization: Bas", 0}, {NULL, 9});
	STEPS(REQUEST, "H35[GET / 1.1 len=5 skipped] L $L", {G "Content-Length: 5\r\n", 0},
	      {NULL, 2}, {"hello", 0});
	STEPS(REQUEST, "H16[GET / 1.0 skipped] L $L", {"GET / HTTP/1.0\r\n", 0}, {NULL, 9});
	/* a 204 has no body, but where its head ends is not known */
	STEPS(RESPONSE, "H18[204 1.1 none skipped] L $L", {"HTTP/1.1 204 OK\r\nX", 0}, {NULL, 9});
	STEPS(RESPONSE, "H16[200 1.1 skipped] L $L", {"HTTP/1.1 200 OK\n", 0}, {NULL, 9});
}

static void test_skip_counts(void **state)
{
	struct http1_head h;
	struct http1 *p = malloc(http1_size());
	enum http1_event e;

	(void)state;
	http1_init(p, HTTP1_REQUEST, &h);
	assert_int_equal(http1_skip(p, 0, &e), 0);
	assert_int_equal(e, HTTP1_MORE);
	/* no further than the message's end, then lost */
	http1_feed(p, "PUT / HTTP/1.1\nContent-Length: 10\n\n", 35, &e);
	assert_int_equal(e, HTTP1_HEAD);
	assert_true(http1_in_body(p));
	assert_int_equal(http1_skip(p, 4, &e), 4);
	assert_int_equal(e, HTTP1_MORE);
	assert_int_equal(http1_skip(p, UINT64_MAX, &e), 6);
	assert_int_equal(e, HTTP1_END);
	assert_true(http1_at_start(p));
	assert_int_equal(http1_skip(p, 7, &e), 7);
	assert_int_equal(e, HTTP1_LOST);
	assert_int_equal(http1_feed(p, G "\r\n", 18, &e), 18);
	assert_int_equal(e, HTTP1_LOST);
	/* what is due does not need bytes, seen or not */
	http1_reset(p);
	assert_int_equal(http1_feed(p, G "\r\nxyz", 21, &e), 18);
	assert_int_equal(e, HTTP1_HEAD);
	assert_false(http1_in_body(p) || http1_at_start(p));
	assert_int_equal(http1_skip(p, 3, &e), 0);
	assert_int_equal(e, HTTP1_END);
	/* a head that is skipped takes none of the bytes */
	http1_feed(p, G, 16, &e);
	assert_int_equal(http1_skip(p, UINT64_MAX, &e), 0);
	assert_int_equal(e, HTTP1_HEAD);
	assert_int_equal(http1_skip(p, UINT64_MAX, &e), UINT64_MAX);
	assert_int_equal(e, HTTP1_LOST);
	free(p);
}

/* ---- the rest of the interface */

static void test_expect_and_reset(void **state)
{
	struct http1_head h, other;
	struct http1 *p = malloc(http1_size());
	static const char r[] = "HTTP/1.1 200 O\nContent-Length: 1\n\n";
	enum http1_event e;

	(void)state;
	http1_init(p, HTTP1_RESPONSE, NULL);
	assert_int_equal(http1_feed(p, "\r\n", 2, &e), 2);
	http1_set_head(p, &h);
	/* said while the one before still has its body to come */
	http1_feed(p, r, 34, &e);
	http1_expect(p, true, false);
	http1_feed(p, "x", 1, &e);
	assert_int_equal(e, HTTP1_END);
	http1_set_head(p, &other);
	http1_feed(p, r, 34, &e);
	assert_int_equal(e, HTTP1_HEAD);
	assert_true(other.flags & HTTP1_F_NO_BODY);
	assert_false(h.flags & HTTP1_F_NO_BODY);
	assert_int_equal(http1_eof(p), HTTP1_END); /* it was due */
	assert_int_equal(http1_eof(p), HTTP1_MORE);
	/* forgotten by a reset, as is half a message */
	http1_expect(p, true, false);
	http1_feed(p, r, 20, &e);
	http1_reset(p);
	assert_true(http1_at_start(p));
	http1_feed(p, r, 34, &e);
	assert_false(other.flags & HTTP1_F_NO_BODY);
	assert_true(http1_in_body(p));
	free(p);
}

static void test_could_be_request(void **state)
{
	static const struct {
		const char *s;
		bool yes; /* all its prefixes are then, too */
	} list[] = {
		{"GET / HTTP/1.1\r\nHost: x", true},
		{"OPTIONS * HTTP/1.0\n", true},
		{"GET http://h/p?q HTTP/1.1\r\n", true},
		{"CONNECT [::1]:80 HTTP/1.1\r\n", true},
		{"PATCH /\xc3\xa9 HTTP/1.1\r\n", true},
		{"", false},
		{"\r\nGET / HTTP/1.1", false},
		{"GET  / HTTP/1.1", false},
		{"GET /  HTTP/1.1", false},
		{"GET / HTTP/2", false},
		{"GET / HTTP/1.x", false},
		{"GET / HTTP/1.10", false},
		{"GET / HTTP/1.1\rx", false},
		{"GET /a\tb", false},
		{"GET /a\r\n", false},
		{"GET \"", false},
		{"PRI * HTTP/2.0", false},
		{"HTTP/1.1 200 OK", false},
		{"ABCDEFGHIJKLMNOPQRSTUVWX", false},
		{"{\"a\": 1}", false},
		{"a=b&c=d", false},
		{"1a\r\nhello", false},
		{"hello my friend", false},
		{"\x16\x03\x01", false},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
		size_t n = strlen(list[k].s);

		assert_int_equal(http1_could_be_request(guarded(list[k].s, n), n), list[k].yes);
		for (size_t i = 1; i < n && list[k].yes; i++)
			assert_true(http1_could_be_request(guarded(list[k].s, i), i));
	}
}

static void test_looks_like(void **state)
{
#define LIKE(s, guess)                  \
	{                               \
		s, sizeof(s) - 1, guess \
	}
	static const struct {
		const char *s;
		size_t n;
		enum http1_guess want;
	} list[] = {
		LIKE("", HTTP1_IS_EMPTY),
		LIKE("\x16", HTTP1_IS_TLS),
		LIKE("\x16\x03\x01\x02\x00", HTTP1_IS_TLS),
		LIKE("\x15\x03\x03", HTTP1_IS_TLS),
		LIKE("\x17\x03\x04", HTTP1_IS_TLS),
		LIKE("\x16\x03\x05", HTTP1_IS_OTHER),
		LIKE("\x16\x02", HTTP1_IS_OTHER),
		LIKE("\x18\x03", HTTP1_IS_OTHER),
		LIKE("PRI ", HTTP1_IS_HTTP2),
		LIKE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", HTTP1_IS_HTTP2),
		LIKE("PRI * HTTP/2.1", HTTP1_IS_OTHER),
		LIKE("PRI", HTTP1_IS_OTHER),
		LIKE("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", HTTP1_IS_PROXY),
		LIKE("PROXY ", HTTP1_IS_PROXY),
		LIKE("PROXY /", HTTP1_IS_OTHER),
		LIKE("\r\n\r\n\0\r\nQUIT\n", HTTP1_IS_PROXY),
		LIKE("*1\r\n$4\r\nPING\r\n", HTTP1_IS_OTHER),
	};
#undef LIKE

	(void)state;
	for (size_t k = 0; k < sizeof(list) / sizeof(list[0]); k++)
		assert_int_equal(http1_looks_like(guarded(list[k].s, list[k].n), list[k].n),
				 list[k].want);
}

/* Every prefix wants more, the whole (and what follows it) gives its length. */
static void check_proxy(const char *s, size_t n)
{
	char more[600];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(http1_proxy_header(guarded(s, i), i), -1);
	memcpy(more, s, n);
	memcpy(more + n, "GET", 3);
	assert_int_equal(http1_proxy_header(guarded(more, n), n), n);
	assert_int_equal(http1_proxy_header(guarded(more, n + 3), n + 3), n);
}

static void test_proxy_header(void **state)
{
	static const char v1[] = "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
	static const char v1u[] = "PROXY UNKNOWN\r\n";
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
				 "\x7f\0\0\x01\x7f\0\0\x01\x12\x34\0\x50";
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	char big[600] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\x01\x02";

	(void)state;
	check_proxy(v1, sizeof(v1) - 1);
	check_proxy(v1u, sizeof(v1u) - 1);
	check_proxy(v2, sizeof(v2) - 1);
	check_proxy(local, sizeof(local) - 1);
	check_proxy(big, 16 + 0x102);
	big[12] = 0x11; /* version 1 of the binary form does not exist */
	assert_int_equal(http1_proxy_header(guarded(big, 300), 300), 0);
	big[12] = 0x22;
	assert_int_equal(http1_proxy_header(guarded(big, 13), 13), 0);
	memset(big, ' ', sizeof(big));
	memcpy(big, "PROXY UNKNOWN", 13);
	assert_int_equal(http1_proxy_header(guarded(big, 106), 106), -1);
	assert_int_equal(http1_proxy_header(guarded(big, 107), 107), 0);
	memcpy(big + 105, "\r\n", 2);
	assert_int_equal(http1_proxy_header(guarded(big, 107), 107), 107);
	assert_int_equal(http1_proxy_header(guarded("PROXY TCP4 1\n", 13), 13), 0);
	assert_int_equal(http1_proxy_header(guarded("PROPFIND /", 10), 10), 0);
	assert_int_equal(http1_proxy_header(guarded("GET /", 5), 5), 0);
}

/* ---- hostile sizes */

/* `before`, then n times `fill`, then `after`: whole, and in pieces of an odd size. */
static void check_long(enum http1_kind kind, const char *before, char fill, size_t n,
		       const char *after, const char *want)
{
	size_t lead = strlen(before), tail = strlen(after);
	char *s = malloc(lead + n + tail + 1);
	struct sample c = {s, want, 0, lead + n + tail};

	memcpy(s, before, lead);
	memset(s + lead, fill, n);
	memcpy(s + lead + n, after, tail + 1);
	check_cut(kind, &c, c.n, c.n, 0);
	check_cut(kind, &c, lead, lead + n, 0);
	check_cut(kind, &c, 0, 0, 4099);
	free(s);
}

static void test_long_lines(void **state)
{
	const size_t max = HTTP1_LINE_MAX;
	char path[HTTP1_PATH_MAX], host[HTTP1_HOST_MAX], want[1024];

	(void)state;
	memset(path, 'a', sizeof(path) - 2);
	path[sizeof(path) - 2] = '\0';
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	snprintf(want, sizeof(want), "H100016[GET /%s 1.1 cut] E100016 $M", path);
	check_long(HTTP1_REQUEST, "GET /", 'a', 100000, " HTTP/1.1\n\n", want);
	snprintf(want, sizeof(want), "H%d[GET /%s 1.1] E%d $M", 5 + 510 + 11, path, 5 + 510 + 11);
	check_long(HTTP1_REQUEST, "GET /", 'a', 510, " HTTP/1.1\n\n", want);
	snprintf(want, sizeof(want), "H1028[GET / 1.1 host=%s] E1028 $M", host);
	check_long(HTTP1_REQUEST, "GET http://", 'a', 1006, " HTTP/1.1\n\n", want);
	check_long(HTTP1_REQUEST, "GET ", 'a', 1000, "://h/p HTTP/1.1\n\n",
		   "H1021[GET /p 1.1 host=h] E1021 $M");
	check_long(HTTP1_REQUEST, "CONNECT u:", 'a', 1000, "@h:1 HTTP/1.1\n\n",
		   "H1025[CONNECT h:1 1.1] E1025 $M");
	check_long(HTTP1_REQUEST, "GET / HTTP/1.1\nHost: ", 'a', 1005, "\n\n", want);
	check_long(HTTP1_REQUEST, "GET / HTTP/1.1\n", 'a', max - 1, "\n\n",
		   "H1048592[GET / 1.1] E1048592 $M");
	check_long(HTTP1_REQUEST, "GET / HTTP/1.1\n", 'a', max, "\n\n", "I $I");
	check_long(HTTP1_REQUEST, "GET / HTTP/1.1\nConnection:", ',', max, "\n\n", "I $I");
	check_long(HTTP1_REQUEST, "GET /", 'a', max, " HTTP/1.1\n\n", "I $I");
	check_long(HTTP1_REQUEST, "", 'a', max + 1, "", "I $I");
	check_long(HTTP1_RESPONSE, "HTTP/1.1 200 ", 'a', max, "\n\n", "I $I");
	check_long(HTTP1_REQUEST, "", '\n', 2 * max, G "\n", "H2097169[GET / 1.1] E2097169 $M");
	/* within a body a line that never ends loses the end, not the request */
	check_long(HTTP1_REQUEST, "PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n0;", 'a', max, "",
		   "H43[PUT / 1.1 chunked] L $L");
	check_long(HTTP1_REQUEST, "PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n", 'a', max + 1,
		   "", "H43[PUT / 1.1 chunked] L $L");
	check_long(HTTP1_REQUEST, "PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n", '0', 99999,
		   "\n\n", "H43[PUT / 1.1 chunked] E100044 $M");
	/* of a length that long nobody knows what servers make of it */
	check_long(HTTP1_REQUEST, "PUT / HTTP/1.1\nContent-Length: ", '0', 5000, "\n\n",
		   "H5033[PUT / 1.1 smuggle] L $L");
}

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
	struct text want;
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
static uint64_t put_fields(struct stream *t, enum framing framing, struct text *head)
{
	uint64_t len = one_in(t->r, 4) ? 0 : draw(t->r, one_in(t->r, 5) ? 900 : 30);
	char number[32];

	put_noises(t);
	if (framing == BY_LENGTH) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)len);
		put_field(t, "Content-Length", number);
		add(head, " len=%s", number);
	}
	put_noises(t);
	if (one_in(t->r, 5)) {
		put_field(t, "Connection", one_in(t->r, 2) ? "close" : "x, Close");
		add(head, " close");
	}
	if (framing == BY_CHUNKS) {
		put_field(t, "Transfer-Encoding", one_in(t->r, 3) ? "gzip, chunked" : "chunked");
		add(head, " chunked");
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

static void want_message(struct stream *t, size_t head_end, const struct text *head)
{
	add(&t->want, "%sH%zu[%s] E%zu", t->want.len ? " " : "", head_end, head->s, t->n);
}

static void put_request(struct stream *t)
{
	static const char *const methods[] = {"GET", "POST", "M-SEARCH", "DELETE"};
	static const char *const paths[] = {"/", "/items/7", "/a@b:c//d", "/%20"};
	const char *method = methods[draw(t->r, 4)], *path = paths[draw(t->r, 4)];
	enum framing framing = draw(t->r, 3);
	struct text head;
	size_t head_end;
	uint64_t len;

	head.len = 0;
	if (one_in(t->r, 9))
		put_eol(t);
	put_text(t, method);
	put_text(t, one_in(t->r, 8) ? " http://u@h" : " ");
	add(&head, "%s %s 1.1%s", method, path, t->s[t->n - 1] == 'h' ? " host=h" : "");
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
	struct text head;
	char line[64];
	size_t head_end;
	uint64_t len;

	head.len = 0;
	if (final)
		t->expect[t->expects++] = to_head;
	add(&head, "%u 1.1", status);
	snprintf(line, sizeof(line), "HTTP/1.1 %u%s", status, one_in(t->r, 5) ? "" : " Reason 1");
	put_text(t, line);
	put_eol(t);
	len = put_fields(t, framing, &head);
	head_end = t->n;
	if (none)
		add(&head, " none");
	else
		put_body(t, framing, len);
	want_message(t, head_end, &head);
}

/* Feeds it in random pieces; with `skips`, runs of body data are now and then not shown. */
static void run_stream(struct stream *t, enum http1_kind kind, bool skips, uint64_t seed)
{
	static struct run r;
	uint64_t most = one_in(t->r, 3) ? 3 : one_in(t->r, 2) ? 40 : 5000;

	run_init(&r, kind, t->expect, t->expects);
	for (size_t i = 0; i < t->n;) {
		size_t n = 1 + draw(t->r, most), unseen = 0;

		if (n > t->n - i)
			n = t->n - i;
		while (skips && unseen < n && t->data[i + unseen])
			unseen++;
		skips = skips && !one_in(t->r, 50);
		n = unseen ?: n;
		run_piece(&r, unseen ? NULL : (uint8_t *)t->s + i, n);
		i += n;
	}
	if (strcmp(run_end(&r), t->want.s))
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
		add(&t.want, " $M");
		for (int i = 0; i < 4; i++)
			run_stream(&t, kind, i & 1, seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_lines),
		cmocka_unit_test(test_request_not_http),
		cmocka_unit_test(test_request_fields),
		cmocka_unit_test(test_garbage_lines),
		cmocka_unit_test(test_traceparent),
		cmocka_unit_test(test_request_bodies),
		cmocka_unit_test(test_broken_chunks),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_space_before_colon),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_skip_everywhere),
		cmocka_unit_test(test_skip_head),
		cmocka_unit_test(test_skip_counts),
		cmocka_unit_test(test_expect_and_reset),
		cmocka_unit_test(test_could_be_request),
		cmocka_unit_test(test_looks_like),
		cmocka_unit_test(test_proxy_header),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_random_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
