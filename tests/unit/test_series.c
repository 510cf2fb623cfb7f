// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../../user/core/series.h"

#define MS  UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

static struct route *route(struct router *router, const char *path)
{
	return router_match(router, "GET", path, strlen(path));
}

/* Answered at `at` after total ns: a tenth queued, the rest in the application. */
static struct request answered(struct route *to, uint64_t at, uint64_t total)
{
	struct request r = {.end = REQ_OK,
			    .received_all = true,
			    .head_seen = true,
			    .status_seen = true,
			    .status = 200,
			    .ended = at,
			    .done = at,
			    .head = at,
			    .route = to};

	r.arrived = at - total;
	r.read = r.received = r.arrived + total / 10;
	return r;
}

static void add(struct series *s, struct request r)
{
	assert_int_equal(series_add(s, &r), 0);
}

/* --- what batches add up to */

static uint64_t in_bucket(const struct series_counts *c, int32_t index)
{
	return index >= c->first && index < c->first + c->n
		       ? series_count(c, (uint32_t)(index - c->first))
		       : 0;
}

/* Every batch of a route together is what the route says of itself. */
static void check_route(struct series *s, const struct series_route *r)
{
	uint64_t count = 0, known = 0, errors = 0, slices = 0;

	assert_int_equal(series_settle(s), 0);

	assert_true(r->n <= SERIES_BATCHES);
	for (uint32_t i = 0; i < r->n; i++) {
		count += r->batch[i].count;
		known += r->batch[i].known;
		errors += r->batch[i].errors;
	}
	for (uint32_t i = 0; i < SERIES_SLICES; i++)
		slices += r->slice[i];
	assert_int_equal(count, r->count);
	assert_int_equal(known, r->known);
	assert_int_equal(errors, r->errors);
	assert_int_equal(slices, r->count);
	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		struct hist h;
		uint64_t sum;

		hist_init(&h);
		assert_int_equal(series_latency(r, kind, &h), 0);
		sum = h.zero;
		for (uint32_t k = 0; k < h.n; k++)
			sum += h.counts[k];
		assert_int_equal(sum, r->latency[kind].count);
		hist_free(&h);
	}
}

/* What a route tells of all its latencies is what a histogram of them is. */
static void check_latency(struct series *s, const struct series_route *r, enum series_kind kind,
			  const struct hist *h)
{
	struct hist got;

	assert_int_equal(series_settle(s), 0);
	hist_init(&got);
	assert_int_equal(series_latency(r, kind, &got), 0);
	assert_int_equal(got.count, h->count);
	assert_int_equal(got.zero, h->zero);
	assert_int_equal(got.min, h->min);
	assert_int_equal(got.max, h->max);
	assert_true(got.sum == h->sum);
	assert_true(series_mean(&r->latency[kind]) == hist_mean(h));
	for (uint32_t k = 0; k < h->n; k++) {
		int32_t at = h->offset + (int32_t)k - got.offset;

		assert_int_equal(at >= 0 && at < (int32_t)got.n ? got.counts[at] : 0, h->counts[k]);
	}
	hist_free(&got);
}

static void batches_merge_and_lose_nothing(void **state)
{
	struct router *router = router_new(50);
	struct series *s = series_new();
	const struct series_route *r;
	struct hist truth;
	unsigned n = 0;

	(void)state;
	hist_init(&truth);
	for (unsigned target = 1; target < 100000; target = target * 3 + 1) {
		for (; n < target; n++) {
			uint64_t total = (n * 7919 % 1000) * MS / 10;

			add(s, answered(route(router, n % 3 ? "/a" : "/b"), SEC + n * MS, total));
			assert_int_equal(hist_add(&truth, total), 0);
		}
		check_latency(s, &s->all, SERIES_TOTAL, &truth);
		check_route(s, &s->all);
		r = s->routes[route(router, "/b")->id];
		check_route(s, r);
		assert_int_equal(r->count, (target + 2) / 3);
		assert_int_equal(s->all.count, target);
	}
	assert_true(s->all.n > SERIES_BATCHES / 2);
	for (uint32_t i = 0; i + 1 < s->all.n; i++)
		assert_int_equal(s->all.batch[i].count, s->all.per_batch);
	hist_free(&truth);
	series_free(s);
	router_free(router);
}

/* Counts begin as bytes, and take more where a bucket needs it; those beside it stay. */
static void counts_widen_and_stop(void **state)
{
	const uint64_t steps[] = {1, 255, 256, 65535, 65536, UINT32_MAX, UINT32_MAX + UINT64_C(1)};
	const uint32_t widths[] = {1, 1, 2, 2, 4, 4, 4};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct stats *st = stats_new();
		struct series *s = series_new();
		struct series_counts *c;

		assert_int_equal(hist_add_bucket(&st->latency[LAT_TOTAL], hist_index(MS), steps[i]),
				 0);
		assert_int_equal(hist_add(&st->latency[LAT_TOTAL], SEC), 0);
		st->latency[LAT_TOTAL].zero = 3;
		assert_int_equal(series_from_stats(s, st), 0);
		c = &s->all.batch[0].latency[SERIES_TOTAL];
		assert_int_equal(c->width, widths[i]);
		assert_int_equal(in_bucket(c, hist_index(MS)),
				 steps[i] < UINT32_MAX ? steps[i] : UINT32_MAX);
		assert_int_equal(in_bucket(c, hist_index(SEC)), 1);
		assert_int_equal(in_bucket(c, hist_index(MS) + 1), 0);
		assert_int_equal(in_bucket(c, SERIES_ZERO), 3);
		series_free(s);
		stats_free(st);
	}
}

static void batches_keep_the_order_of_time(void **state)
{
	struct series *s = series_new();
	struct series_counts *c;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		add(s, answered(NULL, SEC + i * MS, i < 500 ? MS : 100 * MS));
	assert_int_equal(series_settle(s), 0);
	c = &s->all.batch[0].latency[SERIES_TOTAL];
	assert_int_equal(in_bucket(c, hist_index(MS)), s->all.per_batch);
	assert_int_equal(in_bucket(c, hist_index(100 * MS)), 0);
	c = &s->all.batch[s->all.n - 1].latency[SERIES_TOTAL];
	assert_int_equal(in_bucket(c, hist_index(MS)), 0);
	assert_true(in_bucket(c, hist_index(100 * MS)) > 0);
	series_free(s);
}

static void slices_double_with_the_time(void **state)
{
	struct router *router = router_new(50);
	struct series *s = series_new();
	uint64_t last = 10 * SEC;

	(void)state;
	add(s, answered(route(router, "/once"), last, MS));
	for (unsigned i = 1; i < 3000; i++) {
		last += i % 100 ? MS : 3600 * SEC;
		add(s, answered(route(router, "/a"), last, MS));
		assert_true((last - s->from) / s->slice_width < SERIES_SLICES);
	}
	check_route(s, &s->all);
	check_route(s, s->routes[route(router, "/once")->id]);
	assert_int_equal(s->from, 10 * SEC);
	assert_int_equal(s->to, last);
	assert_int_equal(s->routes[route(router, "/once")->id]->slice[0], 1);
	add(s, answered(route(router, "/a"), 5 * SEC, MS)); /* ends come almost in order */
	check_route(s, &s->all);
	series_free(s);
	router_free(router);
}

/* --- what counts */

static void errors_are_5xx_and_cut_connections(void **state)
{
	struct series *s = series_new();
	struct request r = answered(NULL, SEC, MS);

	(void)state;
	add(s, r);
	r.status = 404;
	add(s, r);
	r.status = 503;
	add(s, r);
	r = answered(NULL, SEC, MS);
	r.status_seen = false;
	r.end = REQ_SERVER_CLOSED;
	add(s, r);
	r.end = REQ_CLIENT_CLOSED;
	add(s, r);
	r.end = REQ_UNKNOWN; /* whatever it was, we do not know */
	r.status_seen = true;
	r.status = 500;
	add(s, r);
	assert_int_equal(s->all.count, 6);
	assert_int_equal(s->all.known, 5);
	assert_int_equal(s->all.errors, 2);
	assert_int_equal(s->all.latency[SERIES_TOTAL].count, 3);
	check_route(s, &s->all);
	r.end = REQ_OPEN;
	assert_int_equal(series_add(s, &r), -EINVAL);
	r.end = REQ_ENDS;
	assert_int_equal(series_add(s, &r), -EINVAL);
	assert_int_equal(s->all.count, 6);
	series_free(s);
}

static void what_is_absent_is_not_zero(void **state)
{
	struct series *s = series_new();
	struct request r = answered(NULL, SEC, 0);

	(void)state;
	add(s, r); /* queue, app and total of 0 ns */
	r.arrived = 0;
	add(s, r); /* not known when it came: no queue and no total */
	assert_int_equal(s->all.latency[SERIES_TOTAL].count, 1);
	assert_int_equal(s->all.latency[SERIES_QUEUE].count, 1);
	assert_int_equal(s->all.latency[SERIES_APP].count, 2);
	check_route(s, &s->all);
	assert_int_equal(in_bucket(&s->all.batch[0].latency[SERIES_TOTAL], SERIES_ZERO), 1);
	series_free(s);
}

/* --- routes that fold */

static void folded_routes_move_with_their_batches(void **state)
{
	struct route into = {.id = 1, .method = "GET", .template = "/x/{*}"};
	struct route a = {.id = 2, .method = "GET", .template = "/x/a"};
	struct route b = {.id = 3, .method = "GET", .template = "/x/b"};
	struct series *s = series_new();

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		add(s, answered(i % 10 ? &a : &b, SEC + i * MS, i < 1500 ? MS : 50 * MS));
	a.folded_into = b.folded_into = &into;
	assert_int_equal(series_fold_routes(s), 0);
	assert_null(s->routes[2]);
	assert_null(s->routes[3]);
	assert_ptr_equal(s->routes[1]->route, &into);
	assert_int_equal(s->routes[1]->count, 3000);
	check_route(s, s->routes[1]);
	/* The order survives as far as it can: quick ones first. */
	assert_int_equal(
		in_bucket(&s->routes[1]->batch[0].latency[SERIES_TOTAL], hist_index(50 * MS)), 0);
	for (unsigned i = 0; i < 3000; i++)
		add(s, answered(&a, 9 * SEC + i * MS, MS)); /* counted where it has gone */
	assert_int_equal(s->routes[1]->count, 6000);
	check_route(s, s->routes[1]);
	series_free(s);
}

/* --- sums */

static void sums_make_one_batch_without_order(void **state)
{
	struct router *router = router_new(50);
	struct series *s = series_new(), *t = series_new();
	struct stats *st = stats_new();

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct request r =
			answered(route(router, i % 2 ? "/a" : "/b"), SEC + i * MS, i * MS / 10);

		r.status = i % 50 ? 200 : 500;
		stats_begin(st, &r);
		assert_int_equal(stats_end(st, &r), 0);
		add(t, r);
	}
	assert_int_equal(series_from_stats(s, st), 0);
	assert_false(s->ordered);
	assert_true(t->ordered);
	assert_int_equal(s->all.n, 1);
	assert_int_equal(s->all.count, t->all.count);
	assert_int_equal(s->all.known, t->all.known);
	assert_int_equal(s->all.errors, t->all.errors);
	assert_int_equal(s->all.errors, 10);
	for (uint32_t i = 0; i < s->n_routes; i++)
		if (s->routes[i]) {
			check_route(s, s->routes[i]);
			assert_int_equal(s->routes[i]->count, t->routes[i]->count);
			assert_true(s->routes[i]->latency[SERIES_APP].sum ==
				    t->routes[i]->latency[SERIES_APP].sum);
		}
	check_route(s, &s->all);
	series_free(s);
	series_free(t);
	series_free(NULL);
	stats_free(st);
	router_free(router);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_merge_and_lose_nothing),
		cmocka_unit_test(counts_widen_and_stop),
		cmocka_unit_test(batches_keep_the_order_of_time),
		cmocka_unit_test(slices_double_with_the_time),
		cmocka_unit_test(errors_are_5xx_and_cut_connections),
		cmocka_unit_test(what_is_absent_is_not_zero),
		cmocka_unit_test(folded_routes_move_with_their_batches),
		cmocka_unit_test(sums_make_one_batch_without_order),
	};

	return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
