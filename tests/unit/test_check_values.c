/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The values that checks find in a summary: of all requests, and of those of some routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "../../user/core/check.h"
#include "sample.h"

static struct check_file file;
static struct check_report report;

static int setup(void **state)
{
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	check_report_free(&report);
	check_file_free(&file);
	return 0;
}

/* max_unknown: above it too much is unseen, and all values are unknown. */
static void hold(struct sample *x, double max_unknown, const char *ini)
{
	struct verdict_rules rules;
	struct check_error error;

	check_report_free(&report); /* of the one before */
	check_file_free(&file);
	verdict_rules_default(&rules);
	rules.max_unknown = max_unknown;
	verdict_decide(&x->s, &rules);
	assert_int_equal(check_file_parse(&file, ini, strlen(ini), &error), 0);
	assert_int_equal(check_evaluate(&report, &file, &x->s), 0);
}

static const struct check_measure *measure(uint32_t check, enum check_metric metric)
{
	return &report.results[check].measures[metric];
}

static void assert_value(uint32_t check, enum check_metric metric, double want)
{
	const struct check_measure *m = measure(check, metric);

	assert_true(m->known);
	if (fabs(m->value - want) > want * 0.011)
		fail_msg("%s: wanted %g, got %g", check_metric_name(metric), want, m->value);
}

/* n answered requests that were in the application for `app` ms, and queued for a quarter of it. */
static void ok(struct sample *x, unsigned n, const char *path, unsigned status, uint64_t app)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, app * MS / 4, app * MS, 0);

		sample_end(x, &r, REQ_OK, status);
	}
}

static void ends(struct sample *x, unsigned n, const char *path, enum request_end end)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, 0, MS, 0);

		sample_end(x, &r, end, 0);
	}
}

static void values_of_all(void **state)
{
	struct sample *x = *state;

	ok(x, 90, "/a", 200, 8);
	ok(x, 6, "/b", 500, 80);
	ok(x, 2, "/b", 404, 80);
	ends(x, 1, "/c", REQ_SERVER_CLOSED);
	ends(x, 1, "/c", REQ_CLIENT_CLOSED);
	ends(x, 25, "/c", REQ_UNKNOWN);
	sample_open(x, "/d", 4711, 3 * SEC, PHASE_APP);
	sample_open(x, NULL, 4711, 1 * SEC, PHASE_QUEUE);
	x->listeners[0].counted = true;
	x->listeners[0].accept_queue = 30;
	x->listeners[0].backlog = 40;
	hold(x, 1, "[all]\nwarning = p50 < 1s\n");
	assert_int_equal(report.results[0].requests, 100);
	assert_value(0, CHECK_P50, 10e6);
	assert_value(0, CHECK_P90, 10e6);
	assert_value(0, CHECK_P95, 100e6);
	assert_value(0, CHECK_P99, 100e6);
	assert_value(0, CHECK_P999, 100e6);
	assert_value(0, CHECK_MAX, 100e6);
	assert_value(0, CHECK_MEAN, (90 * 10e6 + 8 * 100e6) / 98);
	assert_value(0, CHECK_TTFB_P99, 100e6);
	assert_value(0, CHECK_QUEUE_P99, 20e6);
	assert_value(0, CHECK_APP_P99, 80e6);
	assert_value(0, CHECK_ERROR_RATE, 0.07);
	assert_value(0, CHECK_CLIENT_ERROR_RATE, 0.02);
	assert_value(0, CHECK_QUEUE_SHARE, 0.2);
	assert_value(0, CHECK_UNKNOWN_SHARE, 0.2);
	assert_value(0, CHECK_ACCEPT_QUEUE_SHARE, 0.75);
	assert_value(0, CHECK_RATE, 12.7);
	assert_value(0, CHECK_OPEN, 2);
	assert_value(0, CHECK_OPEN_AGE, 3e9);
	assert_false(measure(0, CHECK_LOOP_STALL)->known);
	assert_false(measure(0, CHECK_LOOP_BUSY)->known);
}

static void values_of_the_loop(void **state)
{
	struct sample *x = *state;
	struct loop_time time = {.watched = 30 * SEC, .busy = 9 * SEC};

	stats_loop(x->s.stats, &time);
	hold(x, 1, "[a]\ncritical = loop_stall < 500ms\n");
	assert_value(0, CHECK_LOOP_STALL, 0);
	assert_int_equal(report.state, CHECK_OK);
	assert_value(0, CHECK_LOOP_BUSY, 0.3);
	sample_stalls(x, 2, "cpu", "a.py:1 f", "", 300 * MS);
	sample_stalls(x, 1, "syscall", "b.py:2 g", "read", 400 * MS);
	hold(x, 1, "[a]\nroute = /none\ncritical = loop_stall < 500ms\n");
	assert_value(0, CHECK_LOOP_STALL, 400e6);
	x->s.held = sites_get(x->sites, "cpu", "c.py:3 h", NULL);
	x->s.held_ns = 2 * SEC;
	hold(x, 1, "[a]\ncritical = loop_stall < 500ms\n");
	assert_value(0, CHECK_LOOP_STALL, 2e9);
	assert_int_equal(report.state, CHECK_CRITICAL);
	x->s.stats->stalls_rest = 1;
	hold(x, 1, "[a]\ncritical = loop_stall < 500ms\n");
	assert_true(measure(0, CHECK_LOOP_STALL)->at_least);
}

static void values_of_routes(void **state)
{
	struct sample *x = *state;

	ok(x, 10, "/a/x", 200, 8);
	ok(x, 5, "/a/y", 500, 80);
	ok(x, 100, "/b", 500, 800);
	ends(x, 5, "/a/x", REQ_SERVER_CLOSED);
	sample_open(x, "/b", 4711, 9 * SEC, PHASE_APP);
	sample_open(x, "/a/x", 4711, 2 * SEC, PHASE_APP);
	sample_open(x, NULL, 4711, 1 * SEC, PHASE_QUEUE);
	hold(x, 0.05,
	     "[a]\nroute = GET /a/*\nwarning = p99 < 1s\n"
	     "[none]\nroute = POST /a/*\nwarning = p99 < 1s, rate > 1/s, open < 1\n");
	assert_int_equal(report.results[0].requests, 20);
	assert_value(0, CHECK_P50, 10e6);
	assert_value(0, CHECK_MAX, 100e6);
	assert_value(0, CHECK_ERROR_RATE, 0.5);
	assert_value(0, CHECK_RATE, 2);
	assert_value(0, CHECK_OPEN, 1);
	assert_value(0, CHECK_OPEN_AGE, 2e9);
	assert_false(measure(1, CHECK_P99)->known);
	assert_value(1, CHECK_RATE, 0);
	assert_value(1, CHECK_OPEN, 0);
	assert_int_equal(report.state, CHECK_WARNING); /* nobody asks there, and that is known */
}

static void a_failure_counts_once(void **state)
{
	struct sample *x = *state;

	for (int i = 0; i < 4; i++) {
		struct request r = sample_request(x, "GET", "/a", 4711, 0, MS, 0);

		sample_end(x, &r, REQ_SERVER_CLOSED, 500);
	}
	hold(x, 0.05,
	     "[a]\ncritical = error_rate < 50%\n[b]\nroute = /a\ncritical = error_rate < 50%\n");
	assert_value(0, CHECK_ERROR_RATE, 1);
	assert_value(1, CHECK_ERROR_RATE, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_of_all),
		TEST(values_of_the_loop),
		TEST(values_of_routes),
		TEST(a_failure_counts_once),
	};

	return cmocka_run_group_tests_name("check_values", tests, NULL, NULL);
}
