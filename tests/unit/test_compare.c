// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The claims of docs/diff.md, by simulation: how often a comparison says something where there is
 * nothing, and how often it finds what is there. RS_DIFFS=1000 makes many more of each.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/compare.h"
#include "../../user/core/compare_test.h"
#include "noise.h"

static unsigned diffs_of(unsigned quick)
{
	const char *n = getenv("RS_DIFFS");

	return n ? (unsigned)strtoul(n, NULL, 10) : quick;
}

/* --- distributions */

static void near(double got, double wanted, double relative)
{
	if (!(fabs(got - wanted) <= relative * fabs(wanted)))
		fail_msg("got %.12g, wanted %.12g", got, wanted);
}

/* P(X >= k) of n, by adding up. */
static double binomial_tail(int n, int k, double p)
{
	double sum = 0;

	for (int i = k; i <= n; i++)
		sum += exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(p) +
			   (n - i) * log(1 - p));
	return sum;
}

static void distributions_are_right(void **state)
{
	(void)state;
	for (int k = 1; k <= 30; k++)
		near(test_beta(k, 30 - k + 1, 0.3), binomial_tail(30, k, 0.3), 1e-9);
	near(test_beta(0.5, 0.5, 0.25), 2 / M_PI * asin(0.5), 1e-9);
	assert_true(test_beta(2, 3, 0) == 0);
	assert_true(test_beta(2, 3, 1) == 1);
	near(test_student(1, 1), 0.5, 1e-9); /* Cauchy */
	near(test_student(-100, 1), 2 / M_PI * atan(0.01), 1e-9);
	near(test_student(2, 2), 1 - 2 / sqrt(6), 1e-9);
	near(test_student(12.706204736, 1), 0.05, 1e-8); /* the tables' quantiles */
	near(test_student(2.228138852, 10), 0.05, 1e-8);
	near(test_student(3.0, 1e4), erfc(3 / M_SQRT2), 1e-2);
	near(test_student(5.0, 1e6), erfc(5 / M_SQRT2), 1e-9);
	near(test_student(0, 7), 1, 1e-9);
}

/* --- simulated comparisons */

struct tally {
	unsigned wolf; /* diffs that said something of a route that is as it was */
	unsigned found[COMPARE_METRICS]; /* in the route that is not */
	unsigned naive;			 /* diffs in which a plain rank test would have */
};

static void count_row(struct tally *t, const struct compare_row *row, bool changed, bool *wolf)
{
	for (int m = 0; m < COMPARE_METRICS; m++) {
		bool first = row->route && row->route->id == 1;

		if (!row->change[m].beyond)
			continue;
		if (changed && first)
			t->found[m]++;
		else if (!changed || row->route) /* all together changed, too */
			*wolf = true;
	}
}

/* Mann and Whitney, which takes requests for independent, with Bonferroni's correction. */
static bool naive_test(const struct series_route *a, const struct series_route *b)
{
	double below = 0, sum = 0, nx, ny;
	struct hist x, y;

	hist_init(&x);
	hist_init(&y);
	assert_int_equal(series_latency(a, SERIES_TOTAL, &x), 0);
	assert_int_equal(series_latency(b, SERIES_TOTAL, &y), 0);
	nx = (double)x.count;
	ny = (double)y.count;
	for (int32_t i = SERIES_ZERO; i < 1100; i++) {
		int32_t ix = i - x.offset, iy = i - y.offset;
		double cx = ix >= 0 && ix < (int32_t)x.n ? (double)x.counts[ix] : 0;
		double cy = iy >= 0 && iy < (int32_t)y.n ? (double)y.counts[iy] : 0;

		sum += cy * (below + cx / 2);
		below += cx;
	}
	hist_free(&x);
	hist_free(&y);
	return test_student((sum / nx / ny - 0.5) / sqrt((nx + ny) / (12 * nx * ny)), 1e9) * 20 <
	       0.01;
}

static bool naive(const struct series *a, const struct series *b)
{
	for (uint32_t i = 0; i < a->n_routes && i < b->n_routes; i++)
		if (a->routes[i] && b->routes[i] && naive_test(a->routes[i], b->routes[i]))
			return true;
	return false;
}

static void one_diff(struct tally *t, struct noise_source *src, const struct noise *before,
		     const struct noise *after, bool changed)
{
	struct compare_rules rules;
	double sa, sb;
	struct series *a = noise_series(src, before, false, &sa);
	struct series *b = noise_series(src, after, changed, &sb);
	struct comparison *c;
	bool wolf = false;

	compare_rules_default(&rules);
	c = compare(a, sa, b, sb, &rules);
	assert_non_null(c);
	assert_int_equal(c->n_rows, NOISE_ROUTES + 1);
	assert_true(c->ordered);
	for (uint32_t i = 0; i < c->n_rows; i++)
		count_row(t, &c->rows[i], changed, &wolf);
	t->wolf += wolf;
	t->naive += naive(a, b);
	comparison_free(c);
	series_free(a);
	series_free(b);
}

static struct tally simulate(const char *what, unsigned diffs, const struct noise *before,
			     const struct noise *after, bool changed)
{
	struct noise_source src;
	struct tally t = {0};

	noise_init(&src, 20260102);
	for (unsigned i = 0; i < diffs; i++)
		one_diff(&t, &src, before, after, changed);
	print_message("%-44s %4u diffs: %u cry wolf (a plain rank test: %u)", what, diffs, t.wolf,
		      t.naive);
	if (changed)
		print_message("; found: errors %u p50 %u p99 %u", t.found[COMPARE_ERRORS],
			      t.found[COMPARE_P50], t.found[COMPARE_P99]);
	print_message("\n");
	return t;
}

/* At most 1 of 100. */
static void quiet(const char *what, unsigned diffs, struct noise n)
{
	struct tally t = simulate(what, diffs, &n, &n, false);

	assert_true(t.wolf * 100 <= diffs);
}

static void independent_requests_do_not_cry_wolf(void **state)
{
	(void)state;
	quiet("log-normal, independent", diffs_of(8), (struct noise){.n = 200, .sigma = 0.5});
	quiet("errors, alone", diffs_of(8), (struct noise){.n = 200, .sigma = 0.5, .errors = 0.05});
	quiet("no mean (Pareto)", diffs_of(8), (struct noise){.n = 200, .shape = NOISE_PARETO});
}

static void autocorrelated_requests_do_not_cry_wolf(void **state)
{
	unsigned diffs = diffs_of(40);
	struct noise n = {.n = 300, .sigma = 0.5, .rho = 0.95};
	struct tally t = simulate("autocorrelation 0.95", diffs, &n, &n, false);

	(void)state;
	assert_true(t.wolf * 100 <= diffs);
	/* That the traffic is hard is seen by what a test makes of it that knows no order. */
	assert_true(t.naive * 2 > diffs);
	quiet("autocorrelation 0.95, few requests", diffs_of(60),
	      (struct noise){.n = 50, .sigma = 0.5, .rho = 0.95});
	quiet("autocorrelation 0.95, all routes alike", diffs_of(10),
	      (struct noise){.n = 150, .sigma = 0.5, .rho = 0.95, .common = true});
	quiet("autocorrelation 0.95, hit or miss", diffs_of(40),
	      (struct noise){.n = 200, .shape = NOISE_BIMODAL, .rho = 0.95});
}

static void bursts_do_not_cry_wolf(void **state)
{
	(void)state;
	quiet("errors in rows of 10", diffs_of(10),
	      (struct noise){.n = 200, .sigma = 0.5, .errors = 0.05, .burst = 10});
	quiet("requests in bursts", diffs_of(10),
	      (struct noise){.n = 200, .sigma = 0.5, .gap_rho = 0.99, .gap_sigma = 1});
}

static void unequal_sides_do_not_cry_wolf(void **state)
{
	struct noise few = {.n = 60, .sigma = 0.5, .rho = 0.95}, many = few;
	unsigned diffs = diffs_of(10);

	(void)state;
	many.n = 600;
	assert_true(simulate("60 against 600", diffs, &few, &many, false).wolf * 100 <= diffs);
	assert_true(simulate("600 against 60", diffs, &many, &few, false).wolf * 100 <= diffs);
}

static void a_shift_by_a_fifth_is_found(void **state)
{
	struct noise n = {.n = 1000, .rare = 40, .sigma = 0.5, .factor = 1.2};
	unsigned diffs = diffs_of(100);
	struct tally t = simulate("a fifth slower, 1000 against 1000", diffs, &n, &n, true);

	(void)state;
	assert_true(t.found[COMPARE_P50] * 100 >= diffs * 95);
	assert_true(t.wolf * 100 <= diffs);
}

static void more_errors_are_found(void **state)
{
	struct noise n = {
		.n = 1000, .rare = 40, .sigma = 0.5, .errors = 0.005, .more_errors = 0.06};
	unsigned diffs = diffs_of(40);
	struct tally t = simulate("errors 0.5 to 6 %, 1000 against 1000", diffs, &n, &n, true);

	(void)state;
	assert_true(t.found[COMPARE_ERRORS] * 100 >= diffs * 95);
	assert_true(t.wolf * 100 <= diffs);
}

static void a_longer_tail_is_found(void **state)
{
	struct noise n = {
		.n = 5000, .rare = 40, .sigma = 0.5, .slow_share = 0.02, .slow_factor = 10};
	unsigned diffs = diffs_of(8);
	struct tally t = simulate("2 % ten times slower, 5000 against 5000", diffs, &n, &n, true);

	(void)state;
	assert_true(t.found[COMPARE_P99] * 100 >= diffs * 95);
	assert_int_equal(t.found[COMPARE_P50],
			 0); /* 2 % of the requests move it by less than 5 % */
	assert_true(t.wolf * 100 <= diffs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distributions_are_right),
		cmocka_unit_test(independent_requests_do_not_cry_wolf),
		cmocka_unit_test(autocorrelated_requests_do_not_cry_wolf),
		cmocka_unit_test(bursts_do_not_cry_wolf),
		cmocka_unit_test(unequal_sides_do_not_cry_wolf),
		cmocka_unit_test(a_shift_by_a_fifth_is_found),
		cmocka_unit_test(more_errors_are_found),
		cmocka_unit_test(a_longer_tail_is_found),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
