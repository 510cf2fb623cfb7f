// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What follows from the tests of a comparison: what is beyond noise, what is worse, and how it is
 * said.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/compare.h"
#include "../../user/core/compare_test.h"

static struct request answered(struct route *to, uint64_t at, uint64_t total, unsigned status)
{
	struct request r = {.end = REQ_OK,
			    .received_all = true,
			    .head_seen = true,
			    .status_seen = true,
			    .status = (uint16_t)status,
			    .ended = at,
			    .done = at,
			    .head = at,
			    .route = to};

	r.arrived = r.read = r.received = at - total;
	return r;
}

/* n requests, a millisecond apart; totals spread evenly from ms to 2 ms. */
static void spread(struct series *s, struct route *to, unsigned n, double ms, unsigned every_error)
{
	for (unsigned i = 0; i < n; i++) {
		double total = ms * 1e6 * (1 + (i * 7919 % 997) / 997.0);
		struct request r =
			answered(to, UINT64_C(1000000000) * 100 + i * UINT64_C(1000000),
				 (uint64_t)total, every_error && i % every_error == 0 ? 500 : 200);

		assert_int_equal(series_add(s, &r), 0);
	}
}

static struct route routes[] = {
	{.id = 1, .method = "GET", .template = "/orders/{id}"},
	{.id = 2, .method = "GET", .template = "/\033[2J"},
	{.id = 3, .method = "GET", .template = "/gone"},
	{.id = 4, .method = "GET", .template = "/few"},
};

static struct comparison *compare_two(struct series *a, struct series *b, double min_effect)
{
	struct compare_rules rules = {.level = 0.01, .min_effect = min_effect};
	struct comparison *c = compare(a, 10, b, 10, &rules);

	assert_non_null(c);
	return c;
}

static const struct compare_row *row_of(const struct comparison *c, uint32_t id)
{
	for (uint32_t i = 1; i < c->n_rows; i++)
		if (c->rows[i].route->id == id)
			return &c->rows[i];
	fail_msg("no row of route %u", id);
	return NULL;
}

static void says(const struct comparison *c, uint32_t id, const char *wanted)
{
	char text[512];

	compare_words(text, sizeof(text), c, row_of(c, id));
	assert_string_equal(text, wanted);
}

static void a_change_is_said_in_words(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct comparison *c;
	char text[512];

	(void)state;
	spread(a, &routes[0], 1000, 100, 0);
	spread(b, &routes[0], 1000, 300, 0);
	spread(a, &routes[1], 1000, 10, 20);
	spread(b, &routes[1], 1000, 10, 2);
	spread(a, &routes[2], 100, 10, 0);
	spread(a, &routes[3], 10, 10, 0);
	spread(b, &routes[3], 100, 10, 0);
	c = compare_two(a, b, 0.05);
	says(c, 1,
	     "GET /orders/{id}: p50 150 -> 454 ms (+202 %), p99 199 -> 600 ms (+201 %), app 150 -> "
	     "450 ms (+200 %), beyond noise; errors unchanged");
	says(c, 2, "GET /\\x1b[2J: errors 5 -> 50 %, beyond noise");
	says(c, 3, "GET /gone: only before, 100 requests");
	says(c, 4, "GET /few: 10 -> 100 requests, too few to judge");
	assert_true(isnan(row_of(c, 4)->change[COMPARE_P50].p));
	assert_string_equal(compare_verdict(text, sizeof(text), c),
			    "worse: 2 of 2 routes changed beyond noise");
	assert_int_equal(c->only_before, 1);
	assert_int_equal(c->only_after, 0);
	assert_int_equal(c->in_both, 3);
	comparison_free(c);
	c = compare_two(b, a, 0.05);
	assert_true(c->beyond);
	assert_false(c->worse);
	assert_string_equal(comparison_state(c), "better");
	comparison_free(c);
	comparison_free(NULL);
	series_free(a);
	series_free(b);
}

static void what_is_trivial_is_left_out(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct comparison *c;

	(void)state;
	spread(a, &routes[0], 50000, 100, 0);
	spread(b, &routes[0], 50000, 103, 0);
	c = compare_two(a, b, 0.05);
	assert_true(c->rows[0].change[COMPARE_P50].p < 0.01); /* sure, and yet */
	assert_false(c->beyond);
	assert_string_equal(comparison_state(c), "unchanged");
	comparison_free(c);
	c = compare_two(a, b, 0.01);
	assert_true(c->worse);
	comparison_free(c);
	series_free(a);
	series_free(b);
}

static void a_rate_is_neither_better_nor_worse(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct comparison *c;
	char text[256];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct request r = answered(&routes[0], UINT64_C(100000000000) + i * 2000000ULL,
					    1000000 + i * 7919 % 1000000, 200);

		assert_int_equal(series_add(a, &r), 0);
		if (i % 2)
			assert_int_equal(series_add(b, &r), 0);
	}
	c = compare_two(a, b, 0.05);
	assert_true(row_of(c, 1)->change[COMPARE_RATE].beyond);
	assert_false(c->worse);
	assert_string_equal(compare_verdict(text, sizeof(text), c),
			    "changed: 1 of 1 route changed beyond noise, in rate only");
	comparison_free(c);
	series_free(a);
	series_free(b);
}

/* Of sums alone the assumption makes what is needed 39 times as much. */
static void sums_are_judged_with_more_caution(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct comparison *ordered, *sums;
	char text[512];

	(void)state;
	spread(a, &routes[0], 1000, 100, 0);
	spread(b, &routes[0], 1000, 120, 0);
	ordered = compare_two(a, b, 0.05);
	a->ordered = false;
	sums = compare_two(a, b, 0.05);
	assert_true(ordered->worse);
	assert_false(sums->beyond);
	assert_true(ordered->ordered);
	assert_false(sums->ordered);
	assert_null(strstr(compare_basis(text, sizeof(text), ordered), "counts alone"));
	assert_non_null(strstr(compare_basis(text, sizeof(text), sums), "rests on counts alone"));
	comparison_free(ordered);
	comparison_free(sums);
	series_free(b);
	b = series_new();
	spread(b, &routes[0], 1000, 300, 0);
	sums = compare_two(a, b, 0.05);
	assert_true(sums->worse); /* three times is enough */
	comparison_free(sums);
	series_free(a);
	series_free(b);
}

static void constant_or_empty_sides_are_no_change(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct comparison *c;
	char text[256];

	(void)state;
	c = compare_two(a, b, 0.05);
	assert_int_equal(c->n_rows, 1);
	assert_false(c->beyond);
	assert_string_equal(compare_verdict(text, sizeof(text), c),
			    "not judged: fewer than 30 requests on a side");
	comparison_free(c);
	for (unsigned i = 0; i < 1000; i++) {
		struct request r =
			answered(&routes[0], UINT64_C(100000000000) + i * 1000000ULL, 5000000, 200);

		assert_int_equal(series_add(a, &r), 0);
		assert_int_equal(series_add(b, &r), 0);
	}
	c = compare_two(a, b, 0.05);
	assert_false(c->beyond);
	assert_true(isnan(c->rows[0].change[COMPARE_P50].p)); /* nothing varies */
	comparison_free(c);
	series_free(a);
	series_free(b);
}

/* Holm's correction, seen from outside: no p is less than its own times the tests left. */
static void the_level_is_divided_among_the_tests(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct route many[100];
	struct comparison *one, *all;

	(void)state;
	spread(a, &routes[0], 1000, 100, 0);
	spread(b, &routes[0], 1000, 120, 0);
	one = compare_two(a, b, 0.05);
	for (unsigned i = 0; i < 100; i++) {
		many[i] = (struct route){.id = 10 + i, .method = "GET", .template = "/x"};
		spread(a, &many[i], 160, 100, 0);
		spread(b, &many[i], 160, 100, 0);
	}
	all = compare_two(a, b, 0.05);
	assert_true(all->n_tests > 20 * one->n_tests);
	assert_true(row_of(all, 1)->change[COMPARE_APP].p > row_of(one, 1)->change[COMPARE_APP].p);
	for (uint32_t i = 0; i < all->n_rows; i++)
		for (int m = 0; m < COMPARE_METRICS; m++)
			assert_false(all->rows[i].change[m].p > 1 || all->rows[i].change[m].p < 0);
	comparison_free(one);
	comparison_free(all);
	series_free(a);
	series_free(b);
}

/* The largest that a summary may hold: no overflow on the way, and a verdict. */
static void huge_counts_do_no_harm(void **state)
{
	const uint64_t huge = UINT64_C(1) << 53;
	struct series *side[2] = {series_new(), series_new()};
	struct comparison *c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stats *st = stats_new();

		st->ledger.ok = st->status.class[5] = huge;
		for (int k = 0; k < LATENCIES; k++) {
			struct hist *h = &st->latency[k];

			assert_int_equal(hist_add_bucket(h, i ? -100 : -200, huge), 0);
			h->count = huge;
			h->sum = huge;
			h->min = h->max = 1000000;
		}
		assert_int_equal(series_from_stats(side[i], st), 0);
		stats_free(st);
	}
	c = compare_two(side[0], side[1], 0.05);
	assert_int_equal(c->rows[0].before, huge);
	for (int m = 0; m < COMPARE_METRICS; m++)
		assert_false(c->rows[0].change[m].p < 0 || c->rows[0].change[m].p > 1);
	comparison_free(c);
	c = compare(side[0], 1e300, side[1], 0, &(struct compare_rules){0.01, 0.05});
	assert_non_null(c);
	comparison_free(c);
	series_free(side[0]);
	series_free(side[1]);
}

static void words_are_cut_where_there_is_no_room(void **state)
{
	struct series *a = series_new(), *b = series_new();
	struct comparison *c;
	char text[600];

	(void)state;
	spread(a, &routes[0], 1000, 100, 30);
	spread(b, &routes[0], 1000, 300, 2);
	c = compare_two(a, b, 0.05);
	for (size_t size = 1; size < sizeof(text); size++) {
		char *exact = malloc(size); /* ASan sees a byte too many */

		assert_true(strlen(compare_words(exact, size, c, &c->rows[1])) < size);
		assert_true(strlen(compare_basis(exact, size, c)) < size);
		assert_true(strlen(compare_verdict(exact, size, c)) < size);
		free(exact);
	}
	comparison_free(c);
	series_free(a);
	series_free(b);
}

/* Totals that rise by a quarter while they are watched, in each of n requests, and scatter a bit.
 */
static void drift(struct series *s, struct route *to, unsigned n, double ms)
{
	for (unsigned i = 0; i < n; i++) {
		double total = ms * 1e6 * (1 + 0.25 * i / n + 0.4 * (i * 7919 % 997) / 997.0);
		struct request r = answered(to, UINT64_C(1000000000) * 100 + i * UINT64_C(1000000),
					    (uint64_t)total, 200);

		assert_int_equal(series_add(s, &r), 0);
	}
}

/* Ranks alone would leave it open: they tell ten times no better than the drift. */
static void a_drift_does_not_hide_what_is_far_apart(void **state)
{
	static const struct {
		double ms;
		bool worse;
	} after[] = {{10, false}, {100, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
		struct series *a = series_new(), *b = series_new();
		struct comparison *c;

		drift(a, &routes[0], 400, 10);
		drift(b, &routes[0], 400, after[i].ms);
		c = compare_two(a, b, 0.05);
		assert_int_equal(row_of(c, 1)->change[COMPARE_P50].worse, after[i].worse);
		comparison_free(c);
		series_free(a);
		series_free(b);
	}
}

static void far_apart_needs_batches(void **state)
{
	struct test_side a = {.n = 0}, b = {.n = 100};

	(void)state;
	for (uint32_t i = 0; i < b.n; i++)
		b.cell[i] = (struct test_cell){4, 4 * (100 + i % 2)};
	assert_false(test_apart(&a, &b));
	a.n = 24; /* two large ones */
	for (uint32_t i = 0; i < SERIES_BATCHES; i++)
		a.cell[i] = (struct test_cell){4, 4.0 * i / 100};
	assert_false(test_apart(&a, &b));
	a.n = 100;
	assert_true(test_apart(&a, &b) && test_apart(&b, &a));
	for (uint32_t i = 0; i < b.n; i++) /* as far apart as either moves */
		b.cell[i].sum = 4.0 * (i + 200) / 100;
	assert_false(test_apart(&a, &b) || test_apart(&b, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_said_in_words),
		cmocka_unit_test(what_is_trivial_is_left_out),
		cmocka_unit_test(a_rate_is_neither_better_nor_worse),
		cmocka_unit_test(sums_are_judged_with_more_caution),
		cmocka_unit_test(constant_or_empty_sides_are_no_change),
		cmocka_unit_test(the_level_is_divided_among_the_tests),
		cmocka_unit_test(huge_counts_do_no_harm),
		cmocka_unit_test(a_drift_does_not_hide_what_is_far_apart),
		cmocka_unit_test(far_apart_needs_batches),
		cmocka_unit_test(words_are_cut_where_there_is_no_room),
	};

	return cmocka_run_group_tests_name("compare_rules", tests, NULL, NULL);
}
