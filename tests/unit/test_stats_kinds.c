// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What caches did and whether a login came along, in all and by route. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../user/sink/sink.h"
#include "sample.h"

static int setup(void **state)
{
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

/* An answer of 100 us in the application, with what the heads said. */
static void answer(struct sample *x, const char *path, unsigned status, int cache, uint32_t flags)
{
	struct request r = sample_request(x, "GET", path, 1, 0, 100000, 0);

	r.cache = (uint8_t)cache;
	r.http.flags = flags;
	sample_end(x, &r, REQ_OK, status);
}

static void caches_by_what_the_head_said(void **state)
{
	static const struct {
		unsigned status;
		int said, counted;
	} cases[] = {
		{200, HTTP1_CACHE_HIT, HTTP1_CACHE_HIT},
		{200, HTTP1_CACHE_MISS, HTTP1_CACHE_MISS},
		{200, HTTP1_CACHE_REVALIDATED, HTTP1_CACHE_REVALIDATED},
		{200, HTTP1_CACHE_NONE, HTTP1_CACHE_NONE},
		{304, HTTP1_CACHE_NONE, HTTP1_CACHE_REVALIDATED},
		{304, HTTP1_CACHE_HIT, HTTP1_CACHE_HIT},
	};
	struct sample *x = *state;
	uint64_t want[CACHE_KINDS] = {};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		answer(x, "/a", cases[i].status, cases[i].said, 0);
		want[cases[i].counted]++;
	}
	assert_memory_equal(x->s.stats->cache, want, sizeof(want));
	assert_memory_equal(summary_next_route(x->s.stats, NULL)->cache, want, sizeof(want));
}

static void no_response_no_cache(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/a", 1, 0, 1, 1);
	static const uint64_t none[CACHE_KINDS];

	sample_end(x, &r, REQ_CLIENT_CLOSED, 0);
	assert_memory_equal(x->s.stats->cache, none, sizeof(none));
}

static void logins_are_split(void **state)
{
	struct sample *x = *state;
	const struct auth_stats *all = x->s.stats->auth, *route;

	answer(x, "/a", 200, 0, HTTP1_F_AUTH);
	answer(x, "/a", 503, 0, HTTP1_F_AUTH);
	answer(x, "/a", 404, 0, 0);
	answer(x, "/b", 500, 0, 0);
	assert_int_equal(all[AUTH_YES].count, 2);
	assert_int_equal(all[AUTH_YES].server_errors, 1);
	assert_int_equal(all[AUTH_YES].total.count, 2);
	assert_int_equal(all[AUTH_NO].count, 2);
	assert_int_equal(all[AUTH_NO].server_errors, 1);
	route = x->s.stats->routes[router_match(x->router, "GET", "/b", 2)->id]->auth;
	assert_int_equal(route[AUTH_YES].count, 0);
	assert_int_equal(route[AUTH_NO].count, 1);
}

/* A head of which fields were not seen does not tell that there was no login. */
static void what_was_not_seen_is_neither(void **state)
{
	struct sample *x = *state;
	struct request unread = sample_request(x, "GET", "/a", 1, 0, 1, 1);

	answer(x, "/a", 200, 0, HTTP1_F_HEAD_SKIPPED);
	unread.head_seen = false;
	sample_end(x, &unread, REQ_OK, 200);
	assert_int_equal(x->s.stats->auth[AUTH_NO].count, 0);
	answer(x, "/a", 200, 0, HTTP1_F_HEAD_SKIPPED | HTTP1_F_AUTH);
	assert_int_equal(x->s.stats->auth[AUTH_YES].count, 1);
}

static void they_merge_and_reset(void **state)
{
	struct sample *x = *state;
	struct stats *sum = stats_new();

	answer(x, "/a", 200, HTTP1_CACHE_HIT, HTTP1_F_AUTH);
	x->s.stats->from = 1;
	assert_int_equal(stats_merge(sum, x->s.stats), 0);
	assert_int_equal(stats_merge(sum, x->s.stats), 0);
	assert_int_equal(sum->cache[HTTP1_CACHE_HIT], 2);
	assert_int_equal(sum->auth[AUTH_YES].total.count, 2);
	assert_int_equal(summary_next_route(sum, NULL)->auth[AUTH_YES].count, 2);
	assert_int_equal(summary_next_route(sum, NULL)->cache[HTTP1_CACHE_HIT], 2);
	stats_reset(sum, 2);
	assert_int_equal(sum->cache[HTTP1_CACHE_HIT], 0);
	assert_int_equal(sum->auth[AUTH_YES].count + sum->auth[AUTH_YES].total.count, 0);
	assert_null(summary_next_route(sum, NULL));
	stats_free(sum);
}

static void both_sinks_say_so(void **state)
{
	struct sample *x = *state;
	struct term_options o = {.columns = 100};
	char *json, *text = NULL;
	size_t size;
	FILE *f;

	answer(x, "/a", 200, HTTP1_CACHE_HIT, HTTP1_F_AUTH);
	answer(x, "/a", 503, HTTP1_CACHE_MISS, HTTP1_F_AUTH);
	answer(x, "/a", 200, HTTP1_CACHE_NONE, 0);
	json = sample_json(x);
	assert_non_null(strstr(json, "\"cache\":{\"hit\":1,\"miss\":1,\"revalidated\":0,\"none\":1}"));
	assert_non_null(strstr(json, "\"auth\":{\"yes\":{\"count\":2,\"5xx\":1,\"p99\":0.1,"));
	f = open_memstream(&text, &size);
	sink_summary_text(f, &x->s, &o);
	fclose(f);
	assert_non_null(strstr(text, "caches    50 % hit   hits 1   misses 1   silent 1"));
	assert_non_null(strstr(text, "logins    2 with, p99 100 us, 1 5xx   1 without, p99 100 us"));
	free(json);
	free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(caches_by_what_the_head_said),
		T(no_response_no_cache),
		T(logins_are_split),
		T(what_was_not_seen_is_neither),
		T(they_merge_and_reset),
		T(both_sinks_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
