// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the live screen is made of: the slowest requests, sparklines, lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../user/top/layout.h"
#include "../../user/top/slowest.h"
#include "../../user/top/spark.h"
#include "sample.h"

/* --- the slowest */

static uint64_t pseudo(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static int descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

/* Against all of them, for windows of every length. */
static void the_slowest_of_every_window(void **state)
{
	enum { N = 3000 };
	struct sample *x = sample_new();
	struct slowest *s = slowest_new();
	uint64_t *took = calloc(N, sizeof(*took)), *sorted = calloc(N, sizeof(*sorted)), random = 7;
	const struct slow_request *list[SLOWEST_SHOWN];
	struct route *route = NULL;

	(void)state;
	for (int i = 0; i < N; i++) {
		struct request r = sample_request(x, "GET", "/a", 1, 0, 0, 0);

		took[i] = 1 + pseudo(&random) % SEC;
		r.arrived = r.read = r.received = (uint64_t)(i + 10) * SEC;
		r.head = r.done = r.ended = r.arrived + took[i];
		r.end = REQ_OK;
		route = r.route;
		assert_int_equal(slowest_add(s, &r), 0);
	}
	for (int back = 1; back <= N; back += 1 + back / 7) {
		uint32_t n = back < SLOWEST_SHOWN ? (uint32_t)back : SLOWEST_SHOWN;

		memcpy(sorted, took + N - back, (size_t)back * sizeof(*sorted));
		qsort(sorted, (size_t)back, sizeof(*sorted), descending);
		assert_int_equal(slowest_of(s, route, (uint64_t)(N - back + 10) * SEC, list), n);
		for (uint32_t i = 0; i < n; i++)
			assert_true(list[i]->took == sorted[i]);
	}
	free(took);
	free(sorted);
	slowest_free(s);
	sample_free(x);
}

/* Ever quicker ones are outdone by none: the bound holds. */
static void no_more_are_kept_than_the_bound(void **state)
{
	struct sample *x = sample_new();
	struct slowest *s = slowest_new(), *copy;
	const struct slow_request *list[SLOWEST_SHOWN];
	struct route *route = NULL;

	(void)state;
	for (uint64_t i = 0; i < 10 * SLOWEST_KEPT; i++) {
		struct request r = sample_request(x, "GET", "/a", 1, 0, SEC - i * MS, 0);

		r.ended += i;
		r.end = REQ_OK;
		route = r.route;
		assert_int_equal(slowest_add(s, &r), 0);
	}
	copy = slowest_copy(s);
	slowest_free(s);
	assert_int_equal(slowest_of(copy, route, 0, list), SLOWEST_SHOWN);
	for (uint64_t i = 0; i < SLOWEST_SHOWN; i++)
		assert_true(list[i]->took == SEC - i * MS);
	slowest_free(copy);
	sample_free(x);
}

static void what_has_no_duration_is_passed_over(void **state)
{
	struct sample *x = sample_new();
	struct slowest *s = slowest_new();
	const struct slow_request *list[SLOWEST_SHOWN];
	struct request r = sample_request(x, "GET", "/a", 1, 0, MS, 0), bad;

	(void)state;
	r.end = REQ_UNKNOWN;
	assert_int_equal(slowest_add(s, &r), 0);
	r.end = REQ_OK;
	bad = r;
	bad.arrived = 0;
	assert_int_equal(slowest_add(s, &bad), 0);
	bad = r;
	bad.late = true;
	assert_int_equal(slowest_add(s, &bad), 0);
	bad = r;
	bad.route = NULL;
	assert_int_equal(slowest_add(s, &bad), 0);
	assert_int_equal(slowest_of(s, r.route, 0, list), 0);
	r.end = REQ_CLIENT_CLOSED; /* it had no answer, but somebody waited for it */
	r.done = 0;
	r.ended = r.arrived + 7 * SEC;
	assert_int_equal(slowest_add(s, &r), 0);
	assert_int_equal(slowest_of(s, r.route, 0, list), 1);
	assert_true(list[0]->took == 7 * SEC);
	slowest_free(s);
	sample_free(x);
}

static void the_slowest_of_routes_that_folded(void **state)
{
	struct sample *x = sample_new();
	struct slowest *s = slowest_new();
	const struct slow_request *list[SLOWEST_SHOWN];
	struct request a = sample_request(x, "GET", "/a", 1, 0, 2 * MS, 0);
	struct request b = sample_request(x, "GET", "/b", 1, 0, MS, 0);

	(void)state;
	a.end = b.end = REQ_OK;
	assert_int_equal(slowest_add(s, &a), 0);
	a.route->folded_into = b.route;
	assert_int_equal(slowest_add(s, &b), 0);
	assert_int_equal(slowest_of(s, b.route, 0, list), 2);
	assert_memory_equal(list[0]->path, "/a", 2);
	assert_memory_equal(list[1]->path, "/b", 2);
	slowest_free(s);
	sample_free(x);
}

/* --- sparklines */

static void add_point(struct history *h, uint64_t at, uint32_t started, uint64_t p99)
{
	h->points[h->at] = (struct history_point){.from = at * SEC, .started = started, .p99 = p99};
	h->at = (h->at + 1) % HISTORY_SECONDS;
}

static void a_sparkline_shows_levels(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct spark s;

	(void)state;
	spark_make(&s, h, SPARK_RATE, 4, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(s.level[i], SPARK_ABSENT);
	add_point(h, 101, 0, 0);
	add_point(h, 102, 1, 5);
	add_point(h, 103, 1000, 10);
	spark_make(&s, h, SPARK_RATE, 4, 1);
	assert_int_equal(s.level[0], SPARK_ABSENT); /* before it began */
	assert_int_equal(s.level[1], 0);
	assert_int_equal(s.level[2], 1); /* something is never drawn as nothing */
	assert_int_equal(s.level[3], SPARK_LEVELS - 1);
	assert_true(s.most == 1000);
	spark_make(&s, h, SPARK_P99, 4, 1);
	assert_int_equal(s.level[1], SPARK_ABSENT); /* nothing ended: no latency, not one of 0 */
	assert_true(s.level[2] > 0 && s.level[2] < s.level[3]);
	free(h);
}

/* A column once full stays as it is while time goes on, it only moves. */
static void columns_begin_at_fixed_moments(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct spark before, after;
	uint64_t random = 3;

	(void)state;
	for (uint64_t at = 100; at < 160; at++)
		add_point(h, at, (uint32_t)pseudo(&random) % 100 + 1, 0);
	spark_make(&before, h, SPARK_RATE, 10, 6);
	for (uint64_t at = 160; at < 162; at++)
		add_point(h, at, 1, 0);
	spark_make(&after, h, SPARK_RATE, 10, 6);
	assert_memory_equal(before.level, after.level, 9); /* 156 to 161 are one column */
	add_point(h, 162, 1, 0);
	spark_make(&after, h, SPARK_RATE, 10, 6);
	assert_memory_equal(before.level + 1, after.level, 8);
	assert_int_equal(before.most == after.most, 1);
	free(h);
}

static void a_column_is_the_mean_rate_and_the_worst_latency(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct spark s;

	(void)state;
	add_point(h, 100, 10, 7);
	add_point(h, 101, 20, 3);
	spark_make(&s, h, SPARK_RATE, 1, 2);
	assert_true(s.most == 15);
	spark_make(&s, h, SPARK_P99, 1, 2);
	assert_true(s.most == 7);
	free(h);
}

static void sparklines_of_any_width(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct spark s;

	(void)state;
	for (uint64_t at = 1; at < 2 * HISTORY_SECONDS; at++)
		add_point(h, at, 5, 5);
	for (uint32_t width = 0; width < 2 * SPARK_MAX; width++) {
		uint32_t per = spark_per(width);

		assert_true(per >= 1);
		spark_make(&s, h, SPARK_OPEN, width, per);
		assert_int_equal(s.n, width < SPARK_MAX ? width : SPARK_MAX);
		if (width)
			assert_in_range(width * per, 120, HISTORY_SECONDS);
	}
	free(h);
}

/* --- lines */

static unsigned height(const struct layout *l)
{
	return l->reasons + l->target + l->gaps + l->numbers + l->overall + l->extras + l->deploys +
	       l->shape + l->tracer + l->tabs + l->rows + l->keys;
}

static void every_height_is_used_up(void **state)
{
	const struct layout_wish wish = {
		.reasons = 3, .extras = 2, .deploys = 5, .overall = true, .measured = true};
	struct layout l;

	(void)state;
	for (unsigned lines = 1; lines < 300; lines++) {
		layout_make(&l, lines, &wish);
		assert_int_equal(height(&l), lines);
		assert_true(l.reasons >= 1);
		assert_true(l.rows != 1); /* a heading alone */
		assert_true(!l.tabs || l.rows);
	}
}

static void what_matters_most_comes_first(void **state)
{
	const struct layout_wish wish = {.reasons = 2, .overall = true, .measured = true},
				 nothing = {0};
	struct layout l;

	(void)state;
	layout_make(&l, 1, &wish);
	assert_int_equal(l.reasons, 1);
	layout_make(&l, 5, &wish);
	assert_int_equal(l.numbers, 4);
	layout_make(&l, 24, &wish);
	assert_int_equal(l.keys + l.target + l.tabs, 3);
	assert_int_equal(l.reasons, 2);
	assert_int_equal(l.shape, 1);
	assert_true(l.rows >= 10);
	layout_make(&l, 50, &wish);
	assert_int_equal(l.shape, LAYOUT_SHAPE);
	assert_int_equal(l.overall + l.tracer, 2);
	layout_make(&l, 50, &nothing);
	assert_int_equal(l.reasons, 1);
	assert_int_equal(l.shape + l.overall, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_slowest_of_every_window),
		cmocka_unit_test(no_more_are_kept_than_the_bound),
		cmocka_unit_test(what_has_no_duration_is_passed_over),
		cmocka_unit_test(the_slowest_of_routes_that_folded),
		cmocka_unit_test(a_sparkline_shows_levels),
		cmocka_unit_test(columns_begin_at_fixed_moments),
		cmocka_unit_test(a_column_is_the_mean_rate_and_the_worst_latency),
		cmocka_unit_test(sparklines_of_any_width),
		cmocka_unit_test(every_height_is_used_up),
		cmocka_unit_test(what_matters_most_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
