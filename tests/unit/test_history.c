// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "../../user/core/history.h"
#include "sample.h"

/* What one second held; the sample's own statistics serve as such. */
static void second(struct sample *x, uint64_t from)
{
	stats_reset(x->s.stats, from);
}

static void end(struct sample *x, enum request_end how, unsigned status, uint64_t app)
{
	struct request r = sample_request(x, "GET", "/a", 4711, 0, app, 0);

	sample_end(x, &r, how, status);
}

static void an_empty_one_has_no_point(void **state)
{
	struct history *h = calloc(1, sizeof(*h));

	(void)state;
	assert_null(history_get(h, 0));
	assert_null(history_get(h, HISTORY_SECONDS - 1));
	assert_null(history_get(h, HISTORY_SECONDS));
	assert_null(history_get(h, UINT32_MAX));
	free(h);
}

static void a_point_tells_what_its_second_held(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct sample *x = sample_new();
	const struct history_point *p;

	(void)state;
	second(x, 5 * SEC);
	for (int i = 0; i < 99; i++)
		end(x, REQ_OK, 200, 10 * MS);
	end(x, REQ_OK, 503, 200 * MS);
	end(x, REQ_SERVER_CLOSED, 0, MS);
	end(x, REQ_CLIENT_CLOSED, 0, MS);
	end(x, REQ_UNKNOWN, 0, MS);
	sample_open(x, "/b", 4711, SEC, PHASE_APP);
	history_add(h, x->s.stats);
	p = history_get(h, 0);
	assert_non_null(p);
	assert_true(p->from == 5 * SEC);
	assert_int_equal(p->started, 104);
	assert_int_equal(p->ended, 103);
	assert_int_equal(p->errors, 2);
	assert_int_equal(p->open, 1);
	assert_true(p->p50 > 9.8 * MS && p->p50 < 10.2 * MS);
	assert_true(p->p99 >= p->p50 && p->p99 < 10.2 * MS);
	assert_null(history_get(h, 1));
	sample_free(x);
	free(h);
}

/* A latency of nothing is not known; it must not look like one of 0 that was measured. */
static void a_second_without_an_end_has_no_latency(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct sample *x = sample_new();

	(void)state;
	second(x, 5 * SEC);
	sample_open(x, "/b", 4711, SEC, PHASE_APP);
	history_add(h, x->s.stats);
	assert_int_equal(history_get(h, 0)->started, 1);
	assert_int_equal(history_get(h, 0)->p50, 0);
	assert_int_equal(history_get(h, 0)->p99, 0);
	sample_free(x);
	free(h);
}

/* More begins may be taken back than a second had. */
static void a_retracted_begin_of_an_earlier_second_is_no_huge_number(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct sample *x = sample_new();
	struct request r = sample_request(x, "GET", "/a", 1, 0, 0, 0);

	(void)state;
	second(x, 5 * SEC);
	stats_retract(x->s.stats, &r);
	history_add(h, x->s.stats);
	assert_int_equal(history_get(h, 0)->started, 0);
	assert_int_equal(history_get(h, 0)->open, 0);
	sample_free(x);
	free(h);
}

static void the_oldest_are_overwritten(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct sample *x = sample_new();
	uint64_t n = HISTORY_SECONDS + 3;

	(void)state;
	for (uint64_t i = 1; i <= n; i++) {
		second(x, i * SEC);
		history_add(h, x->s.stats);
		assert_true(history_get(h, 0)->from == i * SEC);
	}
	for (uint64_t i = 0; i < HISTORY_SECONDS; i++)
		assert_true(history_get(h, (uint32_t)i)->from == (n - i) * SEC);
	assert_null(history_get(h, HISTORY_SECONDS));
	sample_free(x);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_point),
		cmocka_unit_test(a_point_tells_what_its_second_held),
		cmocka_unit_test(a_second_without_an_end_has_no_latency),
		cmocka_unit_test(a_retracted_begin_of_an_earlier_second_is_no_huge_number),
		cmocka_unit_test(the_oldest_are_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
