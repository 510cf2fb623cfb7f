/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_http1.c - the HTTP/1 parser: what it says of a stream, and that it says the same
   however the stream is cut. */
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

/* ---- requests */

static void test_request_lines(void **state)
{
	static const struct http1_sample list[] = {
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
	static const struct http1_sample list[] = {
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
/* A request of "GET /" with `fields`: what the head then says besides. */
static void check_fields(const char *fields, const char *says)
{
	char s[256], want[128];
	int n = snprintf(s, sizeof(s), G "%s\r\n", fields);
	struct http1_sample c = {s, want};

	snprintf(want, sizeof(want), "H%d[GET / 1.1%s] E%d $M", n, says, n);
	http1_check_sample(HTTP1_REQUEST, &c);
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
	static const struct http1_sample old[] = {
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
	const struct http1_sample c = {s, "H50[GET / 1.1 host=a] E50 $M", 0, sizeof(s) - 1};

	(void)state;
	http1_check_sample(HTTP1_REQUEST, &c);
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
	static const struct http1_sample list[] = {
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
		struct http1_sample c = {s, "H44[POST / 1.1 chunked] L $L", 0, 0};

		snprintf(s, sizeof(s), "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n%s",
			 bodies[k]);
		http1_check_sample(HTTP1_REQUEST, &c);
	}
}

/* ---- responses */

static void test_responses(void **state)
{
	static const struct http1_sample list[] = {
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
	static const struct http1_sample list[] = {
		{"POST / HTTP/1.1\nContent-Length : 5\n\nhello", "H36[POST / 1.1 smuggle] L $L", 0,
		 0},
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
		struct http1_sample c = {s, want, 0, 0};

		snprintf(want, sizeof(want), "H%d[304 1.1 none%s] E%d $M", n, list[k].verdict, n);
		http1_check_sample(HTTP1_RESPONSE, &c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_lines),	   cmocka_unit_test(test_request_not_http),
		cmocka_unit_test(test_request_fields),	   cmocka_unit_test(test_garbage_lines),
		cmocka_unit_test(test_traceparent),	   cmocka_unit_test(test_request_bodies),
		cmocka_unit_test(test_broken_chunks),	   cmocka_unit_test(test_responses),
		cmocka_unit_test(test_space_before_colon), cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
