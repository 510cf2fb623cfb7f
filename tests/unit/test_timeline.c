/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/timeline.h"

#define MS   UINT64_C(1000000)
#define SEC  UINT64_C(1000000000)
#define FROM (100 * SEC)

/* An answered request that arrives at `at` and takes `total`. */
static struct request answered(uint64_t at, uint64_t total)
{
	struct request r = {
		.end = REQ_OK, .received_all = true, .status_seen = true, .status = 200};

	r.arrived = r.seen = at;
	r.read = r.received = at;
	r.head = r.done = r.ended = at + total;
	return r;
}

static void add(struct timeline *t, struct request r)
{
	assert_int_equal(timeline_add(t, &r), 0);
}

static struct timeline *ten_columns(void)
{
	struct timeline *t = timeline_new(FROM, FROM + 10 * SEC, 10);

	assert_non_null(t);
	return t;
}

static void check(const struct timeline *t, uint32_t i, uint64_t started, uint64_t ended,
		  uint64_t errors, uint64_t measured)
{
	assert_int_equal(t->column[i].started, started);
	assert_int_equal(t->column[i].ended, ended);
	assert_int_equal(t->column[i].errors, errors);
	assert_int_equal(t->column[i].total.count, measured);
}

static void begin_and_end_have_columns_of_their_own(void **state)
{
	struct timeline *t = ten_columns();

	(void)state;
	add(t, answered(FROM + 500 * MS, 2 * SEC));
	check(t, 0, 1, 0, 0, 0);
	check(t, 1, 0, 0, 0, 0);
	check(t, 2, 0, 1, 0, 1);
	assert_true(t->column[2].total.sum == 2 * SEC);
	timeline_free(t);
}

static void edges_belong_to_the_next_column_and_the_end_to_the_last(void **state)
{
	struct timeline *t = ten_columns();

	(void)state;
	add(t, answered(FROM, 0));
	add(t, answered(FROM + SEC - 1, 0));
	add(t, answered(FROM + SEC, 0));
	add(t, answered(FROM + 10 * SEC, 0));
	check(t, 0, 2, 2, 0, 2);
	check(t, 1, 1, 1, 0, 1);
	check(t, 9, 1, 1, 0, 1);
	timeline_free(t);
}

static void what_lies_outside_is_in_no_column(void **state)
{
	struct timeline *t = ten_columns();
	uint64_t started = 0, ended = 0;

	(void)state;
	add(t, answered(FROM - 1, 2 * SEC));	    /* began before */
	add(t, answered(FROM + 9 * SEC, 2 * SEC));  /* ended after */
	add(t, answered(FROM + 11 * SEC, 2 * SEC)); /* all of it after */
	for (uint32_t i = 0; i < t->n; i++) {
		started += t->column[i].started;
		ended += t->column[i].ended;
	}
	assert_int_equal(started, 1);
	assert_int_equal(ended, 1);
	assert_int_equal(t->n_slowest, 1);
	timeline_free(t);
}

static void errors_are_5xx_and_what_the_server_cut(void **state)
{
	static const struct {
		enum request_end end;
		uint16_t status;
		uint64_t errors, measured;
	} cases[] = {
		{REQ_OK, 200, 0, 1},
		{REQ_OK, 404, 0, 1},
		{REQ_OK, 500, 1, 1},
		{REQ_OK, 599, 1, 1},
		{REQ_OK, 600, 0, 1},
		{REQ_SERVER_CLOSED, 0, 1, 0},
		{REQ_SERVER_CLOSED, 500, 1, 0},
		{REQ_CLIENT_CLOSED, 0, 0, 0},
		{REQ_UNKNOWN, 0, 0, 0},
		{REQ_UPGRADED, 101, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct timeline *t = ten_columns();
		struct request r = answered(FROM, MS);

		r.end = (uint8_t)cases[i].end;
		r.status = cases[i].status;
		r.status_seen = r.status != 0;
		add(t, r);
		check(t, 0, 1, 1, cases[i].errors, cases[i].measured);
		timeline_free(t);
	}
}

static void an_open_one_has_only_begun(void **state)
{
	struct timeline *t = ten_columns();
	struct request r = {.arrived = FROM + SEC, .seen = FROM + SEC};

	(void)state;
	add(t, r);
	check(t, 1, 1, 0, 0, 0);
	assert_int_equal(t->n_slowest, 0);
	timeline_free(t);
}

/* Its begin is not known, only when it was first seen. */
static void one_of_unknown_arrival_counts_from_when_it_was_seen(void **state)
{
	struct timeline *t = ten_columns();
	struct request r = answered(FROM + 3 * SEC, MS);

	(void)state;
	r.arrived = 0;
	add(t, r);
	check(t, 3, 1, 1, 0, 0);
	timeline_free(t);
}

static void the_slowest_are_kept_in_order(void **state)
{
	struct timeline *t = timeline_new(FROM, FROM + 1000 * SEC, 7);
	struct request chain = {0};

	(void)state;
	for (uint64_t i = 0; i < 100; i++) { /* 37 and 101 have no common factor: all of 1..100 */
		struct request r = answered(FROM + i * SEC, (i * 37 % 101 + 1) * MS);

		r.next = &chain;
		r.id = i;
		add(t, r);
	}
	assert_int_equal(t->n_slowest, TIMELINE_SLOWEST);
	for (uint32_t i = 0; i < TIMELINE_SLOWEST; i++) {
		const struct request *r = &t->slowest[i];

		assert_null(r->next);
		assert_true(!i || r->done - r->arrived <=
					  t->slowest[i - 1].done - t->slowest[i - 1].arrived);
		assert_true(r->done - r->arrived > 68 * MS);
	}
	timeline_free(t);
}

static void of_equally_slow_ones_the_first_stay(void **state)
{
	struct timeline *t = ten_columns();

	(void)state;
	for (uint64_t i = 0; i < 2 * TIMELINE_SLOWEST; i++) {
		struct request r = answered(FROM, MS);

		r.id = i;
		add(t, r);
	}
	for (uint32_t i = 0; i < TIMELINE_SLOWEST; i++)
		assert_int_equal(t->slowest[i].id, i);
	timeline_free(t);
}

static void odd_sizes_are_brought_into_range(void **state)
{
	static const struct {
		uint64_t from, to;
		uint32_t asked, n;
	} cases[] = {{FROM, FROM + SEC, 0, 1},
		     {FROM, FROM + SEC, 1000, TIMELINE_COLUMNS},
		     {FROM, FROM, 240, 240},
		     {FROM, FROM - SEC, 5, 5},
		     {0, UINT64_MAX, 240, 240}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct timeline *t = timeline_new(cases[i].from, cases[i].to, cases[i].asked);

		assert_non_null(t);
		assert_int_equal(t->n, cases[i].n);
		assert_true(t->to >= t->from);
		add(t, answered(FROM, 0));
		check(t, 0, 1, 1, 0, 1);
		timeline_free(t);
	}
	timeline_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begin_and_end_have_columns_of_their_own),
		cmocka_unit_test(edges_belong_to_the_next_column_and_the_end_to_the_last),
		cmocka_unit_test(what_lies_outside_is_in_no_column),
		cmocka_unit_test(errors_are_5xx_and_what_the_server_cut),
		cmocka_unit_test(an_open_one_has_only_begun),
		cmocka_unit_test(one_of_unknown_arrival_counts_from_when_it_was_seen),
		cmocka_unit_test(the_slowest_are_kept_in_order),
		cmocka_unit_test(of_equally_slow_ones_the_first_stay),
		cmocka_unit_test(odd_sizes_are_brought_into_range),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
