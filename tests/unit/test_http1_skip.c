/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_http1_skip.c - the HTTP/1 parser where bytes were not seen, hostile sizes, and the
   guesses about what begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http1_run.h"

/* a table says what is special about a sample */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* ---- skipped bytes */

/* Feeds s, but skips [a, b). */
static const char *skip_range(struct http1_run *r, enum http1_kind kind, const char *s, size_t n,
			      size_t a, size_t b)
{
	http1_run_init(r, kind, NULL, 0);
	http1_run_piece(r, (const uint8_t *)s, a);
	http1_run_piece(r, NULL, b - a);
	http1_run_piece(r, (const uint8_t *)s + b, n - b);
	return http1_run_end(r);
}

/* `mask` marks with 'd' what is body data: skipping within loses nothing, nor does skipping up to
   the end of the CRLF behind a chunk, 'e'; all else loses the end. */
static void check_skips(enum http1_kind kind, const char *s, const char *mask, const char *want)
{
	static struct http1_run r;
	size_t n = strlen(s), head = strspn(mask, "h");

	assert_int_equal(n, strlen(mask));
	for (size_t a = 0; a < n; a++) {
		for (size_t b = a + 1; b <= n; b++) {
			const char *got = skip_range(&r, kind, s, n, a, b);

			size_t data = strspn(mask + a, "d");

			if (data >= b - a ||
			    (data + 2 == b - a && !strncmp(mask + a + data, "ee", 2)))
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
	static struct http1_run r;

	http1_run_init(&r, kind, NULL, 0);
	for (; steps->feed || steps->skip; steps++)
		http1_run_piece(&r, (const uint8_t *)steps->feed,
				steps->feed ? strlen(steps->feed) : steps->skip);
	assert_string_equal(http1_run_end(&r), want);
}

#define STEPS(kind, want, ...) \
	check_steps(HTTP1_##kind, (const struct skip_step[]){__VA_ARGS__, {NULL, 0}}, want)

static void test_skip_head(void **state)
{
	(void)state;
	STEPS(REQUEST, "L $L", {NULL, 1}, {G "\r\n", 0});
	STEPS(REQUEST, "L $L", {"GET / HTTP/1.1\r", 0}, {NULL, 1}, {"\r\n", 0});
	STEPS(REQUEST, "H8[GET /a/b 1.1 cut skipped] L $L", {"GET /a/b", 0}, {NULL, 9},
	      {"x\r\n", 0});
	STEPS(REQUEST, "H12[GET /a/b 1.1 skipped] L $L", {"GET /a/b?q=1", 0}, {NULL, 9},
	      {"x\r\n", 0});
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

		assert_int_equal(http1_could_be_request(http1_guarded(list[k].s, n), n),
				 list[k].yes);
		for (size_t i = 1; i < n && list[k].yes; i++)
			assert_true(http1_could_be_request(http1_guarded(list[k].s, i), i));
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
		assert_int_equal(http1_looks_like(http1_guarded(list[k].s, list[k].n), list[k].n),
				 list[k].want);
}

/* Every prefix wants more, the whole (and what follows it) gives its length. */
static void check_proxy(const char *s, size_t n)
{
	char more[600];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(http1_proxy_header(http1_guarded(s, i), i), -1);
	memcpy(more, s, n);
	memcpy(more + n, "GET", 3);
	assert_int_equal(http1_proxy_header(http1_guarded(more, n), n), n);
	assert_int_equal(http1_proxy_header(http1_guarded(more, n + 3), n + 3), n);
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
	assert_int_equal(http1_proxy_header(http1_guarded(big, 300), 300), 0);
	big[12] = 0x22;
	assert_int_equal(http1_proxy_header(http1_guarded(big, 13), 13), 0);
	memset(big, ' ', sizeof(big));
	memcpy(big, "PROXY UNKNOWN", 13);
	assert_int_equal(http1_proxy_header(http1_guarded(big, 106), 106), -1);
	assert_int_equal(http1_proxy_header(http1_guarded(big, 107), 107), 0);
	memcpy(big + 105, "\r\n", 2);
	assert_int_equal(http1_proxy_header(http1_guarded(big, 107), 107), 107);
	assert_int_equal(http1_proxy_header(http1_guarded("PROXY TCP4 1\n", 13), 13), 0);
	assert_int_equal(http1_proxy_header(http1_guarded("PROPFIND /", 10), 10), 0);
	assert_int_equal(http1_proxy_header(http1_guarded("GET /", 5), 5), 0);
}

/* ---- hostile sizes */

/* `before`, then n times `fill`, then `after`: whole, and in pieces of an odd size. */
static void check_long(enum http1_kind kind, const char *before, char fill, size_t n,
		       const char *after, const char *want)
{
	size_t lead = strlen(before), tail = strlen(after);
	char *s = malloc(lead + n + tail + 1);
	struct http1_sample c = {s, want, 0, lead + n + tail};

	memcpy(s, before, lead);
	memset(s + lead, fill, n);
	memcpy(s + lead + n, after, tail + 1);
	http1_check_cut(kind, &c, c.n, c.n, 0);
	http1_check_cut(kind, &c, lead, lead + n, 0);
	http1_check_cut(kind, &c, 0, 0, 4099);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skip_everywhere),	 cmocka_unit_test(test_skip_head),
		cmocka_unit_test(test_skip_counts),	 cmocka_unit_test(test_expect_and_reset),
		cmocka_unit_test(test_could_be_request), cmocka_unit_test(test_looks_like),
		cmocka_unit_test(test_proxy_header),	 cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
