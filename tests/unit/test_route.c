/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_route.c - segments, methods, odd targets, `other`, the glob. */
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
	"items:batchGet", "gr\303\266\303\237e", "a", "TheQuickBrownFoxJumps"};

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
	"{*}", "*", "a\001b", "\x1b[31m", "\xff\xfe", "a\xc3", "\xc2\x85", "\x7f", "a\"b",
	"Products(5)", "a-segment-of-words-longer-than-forty-bytes", "12345678901234567890"};

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

/* --- odd targets, the bound */

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
		cmocka_unit_test(test_segments),   cmocka_unit_test(test_structure),
		cmocka_unit_test(test_methods),	   cmocka_unit_test(test_other),
		cmocka_unit_test(test_long_paths), cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
