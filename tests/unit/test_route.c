/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_route.c - folding, its bounds, exact templates, routes files. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/route.h"

static struct route *get(struct router *r, const char *method, const char *path)
{
	return router_match(r, method, path, strlen(path));
}

static void expect(struct router *r, const char *method, const char *path, const char *template)
{
	struct route *route = get(r, method, path);

	if (strcmp(route->template, template))
		fail_msg("%s %s: \"%s\", expected \"%s\"", method, path, route->template, template);
	assert_ptr_equal(route, get(r, method, path));
	assert_ptr_equal(route, router_get(r, route->id));
	assert_null(route->folded_into);
}

static void add(struct router *r, const char *method, const char *template)
{
	struct route_error error = {0};

	if (router_add(r, method, template, NULL, &error))
		fail_msg("%s: %s", template, error.text);
}

/* --- segments */

static const char *const names[] = {
	/* versions, short words with digits, files */
	"v1", "v2.1", "v1beta1", "v2alpha10", "api", "oauth2", "oauth2callback", "s3", "h264",
	"utf8", "2fa", "3d", "i18n", "k8s", "x86_64", "ipv4toipv6", "sha256", "base64encode",
	"iso8601", "user42", "user-42", "page-2", "index.html", "style.css", "style.min.css",
	"openapi.json", "favicon.ico", "favicon-32x32.png", "jquery-3.7.1.min.js",
	"oauth2-redirect", ".well-known", ".env", "wp-login.php", "-", "..", "~", "@me",
	"$metadata",
	/* words */
	"my-orders", "orders", "deadbeef", "effaced", "facade", "getUserById", "XMLHttpRequest",
	"OAuth2Redirect", "internationalization", "how-to-cook-rice-in-a-pot", "en-US", "pt_BR",
	"items:batchGet",
	"gr\xc3\xb6\xc3\x9f"
	"e",
	"a", "TheQuickBrownFoxJumps"};

static const char *const values[] = {
	/* numbers, dates */
	"1", "123", "-5", "1.5", "10.0.0.1", "2024", "2024-05-01", "2024-05-01T10:00:00Z",
	"20240501T1015", "order-1001", "user12345", "42.json", "1,2",
	/* hex, UUIDs, hashes */
	"123e4567-e89b-12d3-a456-426614174000", "abcdefab-cdef-abcd-efab-cdefabcdefab",
	"123E4567E89B12D3A456426614174000", "3f2a9c1b", "3f2a9c1", "0xdeadbeef", "deadbeefdeadbeef",
	"507f1f77bcf86cd799439011", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "main.3f2a9c1b.js",
	"index-DiwrgTda.js", "chunk-vendors.5a1fe9d2.css",
	/* tokens */
	"01ARZ3NDEKTSV4RRFFQ69G5FAV", "0ujtsYcgvSTl8PAuAdqWYSMnLOv", "dQw4w9WgXcQ",
	"V1StGXR8_Z5jdHi6B-myT", "9m4e2mr0ui3e8a215n4g", "ch_3MmlLrLkdIwHu7ix0snN0B15", "a1b2c3",
	"eyJhbGciOiJIUzI1NiIsInR5cCI6",
	/* user data, hostile bytes */
	"alice@example.com", "caf%C3%A9", "hello%20world", "a b", "a=b", "items;sid=1", "{id}",
	"{*}", "*",
	"a\x01"
	"b",
	"\x1b[31m", "\xff\xfe", "a\xc3", "\xc2\x85", "\x7f", "a\"b", "Products(5)",
	"a-segment-of-words-longer-than-forty-bytes", "12345678901234567890"};

static void test_segments(void **state)
{
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct router *r = router_new(100);

		snprintf(path, sizeof(path), "/x/%s/y", names[i]);
		expect(r, "GET", path, path);
		router_free(r);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct router *r = router_new(100);

		snprintf(path, sizeof(path), "/x/%s/y", values[i]);
		expect(r, "GET", path, "/x/{id}/y");
		router_free(r);
	}
}

static void test_structure(void **state)
{
	struct router *r = router_new(100);

	(void)state;
	expect(r, "GET", "/", "/");
	expect(r, "GET", "", "/");
	expect(r, "GET", "/a", "/a");
	expect(r, "GET", "/a/", "/a/");
	expect(r, "GET", "//a", "//a");
	expect(r, "GET", "//", "//");
	expect(r, "GET", "/orders/123", "/orders/{id}");
	expect(r, "GET", "/orders/123/", "/orders/{id}/");
	expect(r, "GET", "/orders/123/items/7", "/orders/{id}/items/{id}");
	expect(r, "GET", "/a?token=s3cret", "/a");
	expect(r, "GET", "/a#token=s3cret", "/a");
	expect(r, "GET", "?x", "/");
	expect(r, "GET", "http://host/a/5?q", "/a/{id}");
	expect(r, "GET", "HTTPS://host", "/");
	expect(r, "GET", "http://host?q=/x", "/");
	expect(r, "OPTIONS", "*", "*");
	expect(r, "CONNECT", "host:443", "{authority}");
	expect(r, "GET", "host:443", "{invalid}");
	expect(r, "GET", "/1/2/3/4/5/6/7/8/a/b/c/d/e/f/g/h",
	       "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/a/b/c/d/e/f/g/h");
	expect(r, "GET", "/a/b/c/d/e/f/g/h/a/b/c/d/e/f/g/h/i/j",
	       "/a/b/c/d/e/f/g/h/a/b/c/d/e/f/g/h/{*}");
	assert_int_equal(router_overflow(r), 0);
	router_free(r);
}

static void test_methods(void **state)
{
	struct router *r = router_new(100);
	uint32_t count;

	(void)state;
	assert_string_equal(get(r, "GET", "/a")->method, "GET");
	assert_string_equal(get(r, "QUERY", "/a")->method, "QUERY");
	assert_ptr_not_equal(get(r, "GET", "/a"), get(r, "POST", "/a"));
	assert_string_equal(get(r, "get", "/a")->method, "_OTHER");
	count = router_count(r);
	assert_string_equal(get(r, "XYZZY", "/a")->method, "_OTHER");
	assert_string_equal(get(r, "", "/a")->method, "_OTHER");
	assert_string_equal(get(r, NULL, "/a")->method, "_OTHER");
	assert_string_equal(get(r, "AMETHODLONGERTHANANYOTHERKNOWN", "/a")->method, "_OTHER");
	assert_int_equal(router_count(r), count);
	add(r, "PURGE", "/cache/{key}");
	assert_string_equal(get(r, "PURGE", "/a")->method, "PURGE");
	router_free(r);
}

/* --- levels that fold */

static struct route *numbered(struct router *r, const char *format, unsigned i)
{
	char path[128], word[8];

	/* "qaab" and so on: words without digits, which look like names. */
	snprintf(word, sizeof(word), "q%c%c%c", 'a' + i / 676 % 26, 'a' + i / 26 % 26,
		 'a' + i % 26);
	snprintf(path, sizeof(path), format, word);
	return get(r, "GET", path);
}

static void test_fold(void **state)
{
	struct router *r = router_new(1000);
	struct route *first = numbered(r, "/users/%s", 0), *posts, *star;
	uint32_t id = first->id;

	(void)state;
	posts = numbered(r, "/users/%s/posts", 0);
	for (unsigned i = 0; i < 32; i++)
		assert_null(numbered(r, "/users/%s", i)->folded_into);
	assert_string_equal(first->template, "/users/qaaa");
	star = numbered(r, "/users/%s", 32);
	assert_string_equal(star->template, "/users/{*}");
	assert_ptr_equal(route_final(first), star);
	assert_ptr_equal(numbered(r, "/users/%s", 0), star);
	assert_ptr_equal(router_get(r, id), first);
	assert_string_equal(route_final(posts)->template, "/users/{*}/posts");
	assert_ptr_equal(numbered(r, "/users/%s/posts", 500), route_final(posts));
	/* Values and the trailing slash are no names: they stay as they are. */
	expect(r, "GET", "/users/5", "/users/{id}");
	expect(r, "GET", "/users/", "/users/");
	expect(r, "POST", "/users/alice", "/users/alice");
	assert_true(router_count(r) < 45);
	router_free(r);
}

/* A scan must not take from a service the routes that it really has. */
static void test_fold_keeps_busy(void **state)
{
	struct router *r = router_new(1000);
	struct route *busy[60];

	(void)state;
	for (unsigned n = 0; n < 20; n++)
		for (unsigned i = 0; i < 60; i++)
			busy[i] = numbered(r, "/%s", i);
	for (unsigned i = 100; i < 10000; i++)
		numbered(r, "/%s", i);
	for (unsigned i = 0; i < 60; i++) {
		assert_ptr_equal(numbered(r, "/%s", i), busy[i]);
		assert_null(busy[i]->folded_into);
	}
	assert_string_equal(numbered(r, "/%s", 5000)->template, "/{*}");
	assert_int_equal(router_overflow(r), 0);
	router_free(r);
}

/* Sixty literal routes that are seen once each, at the top and behind a prefix. */
static void test_fold_keeps_apis(void **state)
{
	struct router *r = router_new(256);

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		assert_null(strchr(numbered(r, "/%s", i)->template, '{'));
		assert_null(strchr(numbered(r, "/api/v1/%s", i)->template, '{'));
	}
	for (unsigned i = 0; i < router_count(r); i++)
		assert_null(router_get(r, i)->folded_into);
	router_free(r);
}

/* Busy values, which stay rare nowhere, fold too in the end. */
static void test_fold_all(void **state)
{
	struct router *r = router_new(1000);
	struct route *route = NULL;

	(void)state;
	for (unsigned i = 0; i <= 128; i++)
		for (unsigned n = 0; n < 20; n++)
			route = numbered(r, "/jobs/%s/status", i);
	assert_string_equal(route->template, "/jobs/{*}/status");
	assert_ptr_equal(numbered(r, "/jobs/%s/status", 0), route);
	for (unsigned i = 1; i < router_count(r); i++)
		assert_ptr_equal(route_final(router_get(r, i)), route);
	router_free(r);
}

/* Levels below fold as what is above them merges. */
static void test_fold_nested(void **state)
{
	struct router *r = router_new(1000);
	char format[64];

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(format, sizeof(format), "/x/%%s/%c%c/end", 'a' + i % 23, 'a' + i % 19);
		numbered(r, format, i);
	}
	expect(r, "GET", "/x/foo/bar/end", "/x/{*}/{*}/end");
	for (uint32_t i = 1; i < router_count(r); i++)
		assert_string_equal(route_final(router_get(r, i))->template, "/x/{*}/{*}/end");
	assert_true(router_count(r) < 100);
	assert_int_equal(router_overflow(r), 0);
	router_free(r);
}

/* --- bounds */

static uint64_t rng = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 32) % below;
}

static size_t random_path(char *path, size_t size, bool bytes)
{
	size_t len = 1 + rnd((uint32_t)size - 1);

	path[0] = '/';
	for (size_t i = 1; i < len; i++)
		path[i] = (char)(!rnd(6) ? '/' : bytes ? rnd(256) : 'a' + rnd(26));
	return len;
}

static const char *random_method(void)
{
	static const char *const methods[] = {"GET", "POST", "HEAD", "FOO", "\xff", "BAR"};

	return methods[rnd(6)];
}

static void check_invariants(struct router *r, uint32_t max)
{
	assert_true(router_count(r) <= max);
	for (uint32_t i = 0; i < router_count(r); i++) {
		struct route *route = router_get(r, i);

		assert_int_equal(route->id, i);
		assert_true(strlen(route->template) < ROUTE_TEMPLATE_MAX);
		assert_null(route_final(route)->folded_into);
		for (uint32_t j = 0; j < i; j++)
			assert_true(strcmp(route->template, router_get(r, j)->template) ||
				    strcmp(route->method, router_get(r, j)->method));
	}
	assert_null(router_get(r, router_count(r)));
}

static size_t in_use(void)
{
#if defined(__SANITIZE_ADDRESS__)
	size_t __sanitizer_get_current_allocated_bytes(void);

	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks;
#endif
}

static void flood(uint32_t max, unsigned paths, size_t size, bool bytes)
{
	struct router *r = router_new(max);
	uint64_t overflow = 0;
	size_t half = 0;
	char path[512];

	for (unsigned i = 0; i < paths; i++) {
		size_t len = random_path(path, size, bytes);
		struct route *route = router_match(r, random_method(), path, len);

		assert_null(route->folded_into);
		overflow += !route->id;
		if (i == paths / 2)
			half = in_use();
	}
	assert_int_equal(router_overflow(r), overflow);
	check_invariants(r, max);
	/* Once the bound is reached, traffic takes no more memory; a node may still move. */
	assert_true(in_use() < half + 64 * 1024);
	assert_true(in_use() < (size_t)max * 4096 + (1 << 20));
	router_free(r);
}

static void test_flood(void **state)
{
	(void)state;
	flood(1000, 1000000, 64, false);
	flood(256, 100000, 500, true);
	flood(256, 100000, 12, false);
	flood(2, 1000, 64, false);
	flood(3, 1000, 64, true);
	flood(20, 10000, 32, false);
}

static void test_other(void **state)
{
	struct router *r = router_new(2);

	(void)state;
	assert_int_equal(router_count(r), 1);
	assert_string_equal(router_get(r, 0)->template, "other");
	assert_string_equal(router_get(r, 0)->method, "*");
	expect(r, "GET", "/a", "/a");
	assert_int_equal(router_overflow(r), 0);
	expect(r, "GET", "/b", "other");
	assert_int_equal(router_overflow(r), 2);
	assert_int_equal(get(r, "GET", "/b/c")->id, 0);
	expect(r, "GET", "/a", "/a");
	router_free(r);
}

static void test_long_paths(void **state)
{
	static char path[100 * 1024];
	struct router *r = router_new(100);
	const char fills[] = {'a', '/', '%', '\0', '\xff', '1', '{', '?'};

	(void)state;
	add(r, "GET", "/files/{p:path}");
	add(r, "GET", "/{a:path}/x{b:path}y/{c:path}z{d:path}/end");
	for (size_t i = 0; i < sizeof(fills); i++) {
		memset(path, fills[i], sizeof(path));
		path[0] = '/';
		router_match(r, "GET", path, sizeof(path));
		memcpy(path, "/files/", 7);
		assert_string_equal(router_match(r, "GET", path, sizeof(path))->template,
				    "/files/{p}");
	}
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? 'x' : '/';
	router_match(r, "GET", path, sizeof(path));
	router_free(r);
}

static void test_determinism(void **state)
{
	struct router *a = router_new(300), *b = router_new(300);
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = random_path(path, sizeof(path), i % 7 == 0);
		const char *method = random_method();

		assert_int_equal(router_match(a, method, path, len)->id,
				 router_match(b, method, path, len)->id);
	}
	assert_int_equal(router_count(a), router_count(b));
	for (uint32_t i = 0; i < router_count(a); i++)
		assert_int_equal(route_final(router_get(a, i))->id,
				 route_final(router_get(b, i))->id);
	router_free(a);
	router_free(b);
}

static void test_glob(void **state)
{
	struct router *r = router_new(10);
	struct route *route = get(r, "GET", "/api/items/5");

	(void)state;
	assert_true(route_glob("/api/items/{id}", route));
	assert_true(route_glob("GET /api/items/{id}", route));
	assert_true(route_glob("*", route));
	assert_true(route_glob("/api/*", route));
	assert_true(route_glob("* /api/*/{id}", route));
	assert_true(route_glob("GET*{id}*", route));
	assert_true(route_glob("/api/item?/{id}", route));
	assert_false(route_glob("/API/*", route));
	assert_false(route_glob("POST *", route));
	assert_false(route_glob("/api/items", route));
	assert_false(route_glob("", route));
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_keeps_busy),
		cmocka_unit_test(test_fold_keeps_apis),
		cmocka_unit_test(test_fold_all),
		cmocka_unit_test(test_fold_nested),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_determinism),
		cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
