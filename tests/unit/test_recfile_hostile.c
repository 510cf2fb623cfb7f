// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_recfile_hostile.c - what a recording's states may not say, as a forger may write it: within
 * bounds when it comes out, or refused.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../user/core/recfile.h"
#include "sample.h"

struct seen {
	unsigned n;
	double seconds, slo_ms, stuck_ms, quantile, run_queue;
};

static void on_state(void *ctx, const struct summary *s)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->seconds = s->seconds;
	seen->slo_ms = s->verdict.rules.slo_ms;
	seen->stuck_ms = s->verdict.rules.stuck_ms;
	seen->quantile = s->verdict.rules.slo_quantile;
	seen->run_queue = s->saturation.run_queue;
}

/* What comes out of a recording of this state; n is 0 when its block is refused. */
static struct seen through_a_file(const struct summary *s)
{
	const struct recfile_head head = {.run = 1};
	struct recfile_writer *w = recfile_writer_new(0);
	struct router *router = router_new(10);
	struct sites *sites = sites_new();
	struct seen seen = {};
	const struct recfile_sink sink = {.ctx = &seen, .state = on_state};
	struct recfile_damage damage;
	struct recfile_info info;
	const void *bytes;
	size_t n;

	recfile_set_head(w, &head);
	recfile_state(w, s);
	assert_int_equal(recfile_take(w, &bytes, &n), 0);
	assert_int_equal(recfile_read(bytes, n, router, sites, &sink, &info, &damage), 0);
	assert_int_equal(damage.damaged, !seen.n);
	router_free(router);
	sites_free(sites);
	recfile_writer_free(w);
	return seen;
}

static void what_is_sane_comes_back(void **state)
{
	struct sample *x = sample_new();
	struct seen seen;

	(void)state;
	x->s.seconds = 0.5;
	x->s.verdict.rules.slo_ms = 123.5;
	x->s.verdict.rules.slo_quantile = 1;
	x->s.saturation.run_queue = NAN;
	seen = through_a_file(&x->s);
	assert_true(seen.seconds == 0.5 && seen.slo_ms == 123.5 && seen.quantile == 1);
	assert_true(isnan(seen.run_queue));
	sample_free(x);
}

/* In nanoseconds they fit into 64 bits. */
static void what_is_too_large_is_bounded(void **state)
{
	struct sample *x = sample_new();
	struct seen seen;

	(void)state;
	x->s.seconds = 1e300;
	x->s.verdict.rules.slo_ms = 1.67438e+249;
	x->s.verdict.rules.stuck_ms = INFINITY;
	x->s.verdict.rules.slo_quantile = 7;
	x->s.saturation.run_queue = INFINITY;
	seen = through_a_file(&x->s);
	assert_int_equal(seen.n, 1);
	assert_true(seen.seconds * 1e9 < 0x1p64 && seen.slo_ms * 1e6 < 0x1p64);
	assert_true(seen.stuck_ms * 1e6 < 0x1p64 && seen.quantile == 1 && seen.run_queue == 1);
	sample_free(x);
}

static void what_is_no_amount_is_refused(void **state)
{
	const double wrong[] = {-1, -INFINITY, NAN};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct sample *x = sample_new();

		x->s.verdict.rules.slo_ms = wrong[i];
		assert_int_equal(through_a_file(&x->s).n, 0);
		x->s.verdict.rules.slo_ms = 1;
		x->s.seconds = wrong[i];
		assert_int_equal(through_a_file(&x->s).n, 0);
		x->s.seconds = 1;
		assert_int_equal(through_a_file(&x->s).n, 1);
		sample_free(x);
	}
}

/* It would be a member of an object without a name. */
static void a_feature_without_a_name_is_refused(void **state)
{
	const struct summary_feature features[] = {{.name = "arrival", .state = "on"},
						   {.name = NULL, .state = "on"}};
	struct sample *x = sample_new();

	(void)state;
	x->s.tracer.features = features;
	x->s.tracer.n_features = 1;
	assert_int_equal(through_a_file(&x->s).n, 1);
	x->s.tracer.n_features = 2;
	assert_int_equal(through_a_file(&x->s).n, 0);
	sample_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sane_comes_back),
		cmocka_unit_test(what_is_too_large_is_bounded),
		cmocka_unit_test(what_is_no_amount_is_refused),
		cmocka_unit_test(a_feature_without_a_name_is_refused),
	};

	return cmocka_run_group_tests_name("recfile_hostile", tests, NULL, NULL);
}
