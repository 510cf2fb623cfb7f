/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_route_app.c - the application's own table: mounts, hosts, its replacement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/route.h"

#define NONE	 ROUTE_NO_SCOPE
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct route *ask(struct router *r, const char *method, const char *host, const char *path)
{
	struct route_ask a = {
		.method = method, .path = path, .path_len = strlen(path), .host = host};

	return router_match_ask(r, &a);
}

static void expect(struct router *r, const char *method, const char *path, const char *template)
{
	struct route *route = ask(r, method, NULL, path);

	if (strcmp(route->template, template) || strcmp(route->method, method))
		fail_msg("%s %s: \"%s\", expected \"%s\"", method, path, route->template, template);
}

/* Two mounts, one in the other, with routes before, in and behind them. */
static const struct route_entry mounts[] = {
	{"GET", "/a/early", "app.py:1 early", NULL, NONE, .uncertain = false},
	{"GET", "/a/x/{n}", "sub.py:1 get", NULL, NONE, .uncertain = false},
	{"GET", "/a/b/{n}", "inner.py:1 get", NULL, NONE, .uncertain = false},
	{"*", "/a/b/{path:path}", NULL, NULL, 2, .uncertain = false},
	{"POST", "/a/x/{n}", "sub.py:9 post", NULL, NONE, .uncertain = false},
	{"*", "/a/{path:path}", NULL, NULL, 1, .uncertain = false},
	{"GET", "/a/late", "app.py:2 late", NULL, NONE, .uncertain = false},
	{"DELETE", "/a/x/{n}", "app.py:3 never", NULL, NONE, .uncertain = false},
	{"GET", "/{rest:path}", "app.py:4 rest", NULL, NONE, .uncertain = true},
};

static struct router *with(const struct route_entry *entries, uint32_t n)
{
	struct router *r = router_new(1000);
	uint32_t left_out = 99;

	assert_int_equal(router_replace_app(r, entries, n, &left_out), 0);
	assert_int_equal(left_out, 0);
	return r;
}

static void test_mounts(void **state)
{
	struct router *r = with(mounts, COUNT(mounts));

	(void)state;
	expect(r, "GET", "/a/early", "/a/early");
	expect(r, "GET", "/a/x/7", "/a/x/{n}");
	expect(r, "POST", "/a/x/7", "/a/x/{n}");
	expect(r, "GET", "/a/b/7", "/a/b/{n}");
	/* what no route of a mount takes is the mount's, not a later route's */
	expect(r, "GET", "/a/late", "/a/{path}");
	expect(r, "GET", "/a/b/7/8", "/a/b/{path}");
	expect(r, "GET", "/a/", "/a/{path}");
	expect(r, "GET", "/a", "/{rest}");
	assert_string_equal(ask(r, "GET", NULL, "/a/x/7")->place, "sub.py:1 get");
	assert_null(ask(r, "GET", NULL, "/a/late")->place);
	router_free(r);
}

/* 405: the template of the path, but only of the mount that has it; nobody's place. */
static void test_other_methods(void **state)
{
	struct router *r = with(mounts, COUNT(mounts));

	(void)state;
	expect(r, "DELETE", "/a/x/7", "/a/x/{n}");
	assert_null(ask(r, "DELETE", NULL, "/a/x/7")->place);
	expect(r, "DELETE", "/a/b/7", "/a/b/{n}");
	expect(r, "PUT", "/a/early",
	       "/a/{path}"); /* it lies before the mount, which takes the path */
	expect(r, "PUT", "/zzz", "/{rest}");
	router_free(r);
}

static void test_uncertain(void **state)
{
	struct router *r = with(mounts, COUNT(mounts));

	(void)state;
	assert_true(ask(r, "GET", NULL, "/zzz")->uncertain);
	assert_false(ask(r, "GET", NULL, "/a/x/7")->uncertain);
	assert_true(route_is_exact(ask(r, "GET", NULL, "/a/x/7")));
	router_free(r);
	r = router_new(10);
	assert_false(route_is_exact(ask(r, "GET", NULL, "/a/x/7")));
	router_free(r);
}

static void test_hosts(void **state)
{
	static const struct route_entry hosts[] = {
		{"GET", "/{x}", "one", "api.example.org", NONE, .uncertain = false},
		{"*", "/{path:path}", NULL, "api.example.org", 0, .uncertain = false},
		{"GET", "/{y}", "two", "{tenant}.shop.example", NONE, .uncertain = false},
		{"GET", "/{z}", "three", "[::1]", NONE, .uncertain = false},
		{"GET", "/{c}", "case", "Case.example", NONE, .host_case = true},
		{"GET", "/{rest:path}", "rest", NULL, NONE, .uncertain = false},
	};
	static const struct {
		const char *host, *template;
	} cases[] = {
		{"api.example.org", "/{x}"},
		{"API.Example.Org:80", "/{x}"},
		{"a.shop.example", "/{y}"},
		{"a.b.shop.example:1", "/{y}"},
		{".shop.example", "/{rest}"},
		{"shop.example", "/{rest}"},
		{"[::1]:8000", "/{z}"},
		{"[::1]", "/{z}"},
		{"Case.example", "/{c}"},
		{"case.example", "/{rest}"},
		{"", "/{rest}"},
		{NULL, "/{rest}"},
		{"api.example.org.", "/{rest}"},
		{"a/.shop.example", "/{rest}"},
	};
	struct router *r = with(hosts, COUNT(hosts));

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(ask(r, "GET", cases[i].host, "/q")->template,
				    cases[i].template);
	assert_string_equal(ask(r, "GET", "api.example.org", "/q/r")->template, "/{path}");
	router_free(r);
}

static void test_upgrade(void **state)
{
	static const struct route_entry entries[] = {
		{"GET", "/ws/{room}", "ws", NULL, NONE, .upgrade = true},
		{"GET", "/{rest:path}", "rest", NULL, NONE, .upgrade = false},
	};
	struct router *r = with(entries, COUNT(entries));
	struct route_ask a = {.method = "GET", .path = "/ws/1", .path_len = 5, .upgrade = true};

	(void)state;
	assert_string_equal(router_match_ask(r, &a)->template, "/ws/{room}");
	expect(r, "GET", "/ws/1", "/{rest}");
	router_free(r);
}

/* --- replacing */

static void test_replace(void **state)
{
	static const struct route_entry before[] = {
		{"GET", "/items/{a}", "app.py:1 f", NULL, NONE, .uncertain = false}};
	static const struct route_entry after[] = {
		{"GET", "/items/special", "app.py:9 s", NULL, NONE, .uncertain = false},
		{"GET", "/items/{a}", "app.py:3 f", NULL, NONE, .uncertain = false}};
	struct router *r = with(before, 1);
	struct route *item = ask(r, "GET", NULL, "/items/7");
	const char *place = item->place;

	(void)state;
	assert_string_equal(ask(r, "GET", NULL, "/items/special")->template, "/items/{a}");
	assert_int_equal(router_replace_app(r, after, 2, NULL), 0);
	assert_string_equal(ask(r, "GET", NULL, "/items/special")->template, "/items/special");
	assert_ptr_equal(ask(r, "GET", NULL, "/items/7"), item);
	assert_string_equal(item->place, "app.py:3 f");
	assert_string_equal(place, "app.py:1 f"); /* who holds the old one may go on */
	assert_int_equal(router_replace_app(r, NULL, 0, NULL), 0);
	assert_false(router_has_templates(r));
	assert_string_equal(ask(r, "GET", NULL, "/things/7")->template, "/things/{id}");
	assert_string_equal(item->place, "app.py:3 f");
	router_free(r);
}

/* Source that moves a thousand times: bounded, and never a place that is not so. */
static void test_places_are_bounded(void **state)
{
	struct router *r = router_new(10);
	char place[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct route_entry e = {"GET", "/x", place, NULL, NONE, .uncertain = false};
		struct route *route;

		snprintf(place, sizeof(place), "app.py:%u f", i);
		assert_int_equal(router_replace_app(r, &e, 1, NULL), 0);
		route = ask(r, "GET", NULL, "/x");
		assert_true(!route->place || !strcmp(route->place, place));
	}
	router_free(r);
}

static void test_routes_file_goes_first(void **state)
{
	static const struct route_entry entries[] = {
		{"GET", "/items/{a}", "app.py:1 f", NULL, NONE, .uncertain = false},
		{"GET", "/other", "app.py:2 g", NULL, NONE, .uncertain = false}};
	struct router *r = with(entries, 2);

	(void)state;
	assert_int_equal(router_add(r, "GET", "/items/{number:int}", NULL, NULL), 0);
	expect(r, "GET", "/items/7", "/items/{number}");
	assert_null(ask(r, "GET", NULL, "/items/7")->place);
	expect(r, "GET", "/items/x", "/items/{a}");
	expect(r, "GET", "/other", "/other");
	router_free(r);
}

/* What the router cannot hold is counted; a scope still begins where it should. */
static void test_left_out(void **state)
{
	char longer[ROUTE_TEMPLATE_MAX + 2];
	struct route_entry entries[] = {
		{"GET", longer, NULL, NULL, NONE, .uncertain = false},
		{"GET", "no-path", NULL, NULL, NONE, .uncertain = false},
		{"get", "/x", NULL, NULL, NONE, .uncertain = false},
		{"GET", "/a/{n}", "in", NULL, NONE, .uncertain = false},
		{"GET", "/a/{n}", "again", NULL, NONE, .uncertain = false},
		{"*", "/a/{path:path}", NULL, NULL, 3, .uncertain = false},
	};
	struct router *r = router_new(100);
	uint32_t left_out = 0;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(router_replace_app(r, entries, COUNT(entries), &left_out), 0);
	assert_int_equal(left_out, 3);
	expect(r, "POST", "/a/7", "/a/{n}");
	assert_string_equal(ask(r, "GET", NULL, "/a/7")->place, "in");
	router_free(r);
}

/* More templates than routes may be: traffic still gets some. */
static void test_more_than_the_bound(void **state)
{
	struct route_entry entries[100];
	static char templates[100][16];
	struct router *r;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(templates[i], sizeof(templates[i]), "/t%u", i);
		entries[i] = (struct route_entry){"GET", templates[i], NULL,
						  NULL,	 NONE,	       .uncertain = false};
	}
	r = router_new(20);
	assert_int_equal(router_replace_app(r, entries, 100, NULL), 0);
	expect(r, "GET", "/t99", "/t99");
	for (unsigned i = 0; i < 100; i++)
		ask(r, "GET", NULL, templates[i]);
	assert_true(router_count(r) <= 20);
	assert_true(router_overflow(r) > 0);
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_other_methods),
		cmocka_unit_test(test_uncertain),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_places_are_bounded),
		cmocka_unit_test(test_routes_file_goes_first),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_more_than_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
