/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_route_fold.c - levels that fold, and that nothing grows with traffic. */
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

static uint64_t rng = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 32) % below;
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

/* When even the ids for {*} have run out, levels stay as they are: what is there goes on being told
   apart, only the new is `other`. */
static void test_fold_without_ids(void **state)
{
	static const char *const levels[] = {"/a/%s", "/b/%s", "/c/%s", "/d/%s", "/e/%s"};
	struct router *r = router_new(24);

	(void)state;
	for (unsigned level = 0; level < 5; level++)
		for (unsigned i = 0; i < 4; i++)
			assert_int_not_equal(numbered(r, levels[level], i)->id, 0);
	/* Names may take 20 ids beside `other`; the last three go to levels that fold early for it.
	 */
	for (unsigned level = 0; level < 5; level++)
		assert_int_equal(!numbered(r, levels[level], 4)->id, level > 2);
	assert_int_equal(router_count(r), 24);
	assert_int_equal(router_overflow(r), 2);
	assert_string_equal(numbered(r, "/a/%s", 0)->template, "/a/{*}");
	assert_string_equal(numbered(r, "/e/%s", 0)->template, "/e/qaaa");
	router_free(r);
}

/* The number of rare children falls as they fold and as they are used. */
static void test_fold_other_levels(void **state)
{
	struct router *r = router_new(1000);

	(void)state;
	for (unsigned i = 0; i < 31; i++)
		for (unsigned n = 0; n < 20; n++)
			numbered(r, "/jobs/%s", i);
	for (unsigned i = 31; i < 31 + 32; i++)
		assert_null(strchr(numbered(r, "/jobs/%s", i)->template, '{'));
	assert_string_equal(numbered(r, "/jobs/%s", 63)->template, "/jobs/{*}");
	assert_string_equal(numbered(r, "/jobs/%s", 30)->template, "/jobs/qabe");
	assert_string_equal(numbered(r, "/jobs/%s", 31)->template, "/jobs/{*}");
	router_free(r);
}

static void test_long_templates(void **state)
{
	struct router *r = router_new(1000);
	char path[1024] = "";
	struct route *route;

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		strcat(path, "/quite-a-long-name-of-a-thing");
	route = get(r, "GET", path);
	assert_int_equal(strlen(route->template), 29 * 7 + 4);
	assert_memory_equal(route->template, path, 29 * 7);
	assert_string_equal(route->template + 29 * 7, "/{*}");
	/* Sixteen names of one byte, and as many as fit behind a long one: folding makes them
	 * longer. */
	for (unsigned i = 0; i < 200000; i++) {
		size_t used = (size_t)snprintf(path, sizeof(path), "/%.*s", (int)(i % 41),
					       "quite-a-long-name-of-a-thing-that-goes-on");

		for (unsigned n = 0; n < 15; n++)
			used += (size_t)snprintf(path + used, sizeof(path) - used, "/%.*s%c",
						 (int)(n < i % 7 ? 30 : 0),
						 "the-longest-of-names-have-less-", 'a' + rnd(26));
		route = get(r, "GET", path);
		assert_true(strlen(route->template) < ROUTE_TEMPLATE_MAX);
		assert_true(!route->id || *route->template == '/');
		assert_null(strstr(route->template, "/{*}{"));
	}
	for (uint32_t i = 1; i < router_count(r); i++)
		assert_int_equal(*router_get(r, i)->template, '/');
	router_free(r);
}

/* --- bounds */

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

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t in_use(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_keeps_busy),
		cmocka_unit_test(test_fold_keeps_apis),
		cmocka_unit_test(test_fold_all),
		cmocka_unit_test(test_fold_nested),
		cmocka_unit_test(test_fold_without_ids),
		cmocka_unit_test(test_fold_other_levels),
		cmocka_unit_test(test_long_templates),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_determinism),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
