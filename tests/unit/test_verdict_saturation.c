// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Limits of the host that are near become reasons; those that are far, or not known, do not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "sample.h"

static int setup(void **state)
{
	struct sample *x = sample_new();

	sample_ok(x, 10, "/a", 200, MS);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

/* The reason that holds these words, NULL if there is none. The state is what it would be anyway. */
static const char *reason(struct sample *x, const char *words)
{
	struct verdict_rules rules;

	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	assert_int_equal(x->s.verdict.state, VERDICT_UP);
	for (unsigned i = 0; i < x->s.verdict.n_reasons; i++)
		if (strstr(x->s.verdict.reasons[i], words))
			return x->s.verdict.reasons[i];
	return NULL;
}

static void nothing_known_nothing_said(void **state)
{
	struct sample *x = *state;

	assert_non_null(reason(x, "10 requests"));
	assert_int_equal(x->s.verdict.n_reasons, 1);
}

static void descriptors(void **state)
{
	struct sample *x = *state;
	struct summary_saturation *s = &x->s.saturation;

	s->fds = 899;
	s->fd_limit = 1000;
	s->fd_pid = 4711;
	assert_null(reason(x, "descriptors"));
	s->fds = 900;
	assert_string_equal(reason(x, "descriptors"), "pid 4711 uses 900 of its 1,000 descriptors");
	s->accept_failed = 3;
	assert_string_equal(reason(x, "accept()"), "3 times accept() found no free descriptor; the limit is "
						   "1,000: connections wait");
	s->fds = s->fd_limit = SUMMARY_UNKNOWN;
	assert_string_equal(reason(x, "accept()"),
			    "3 times accept() found no free descriptor: connections wait");
	s->accept_failed = 0;
	assert_null(reason(x, "accept()"));
}

static void threads(void **state)
{
	struct sample *x = *state;
	struct summary_saturation *s = &x->s.saturation;

	s->threads = s->threads_busy = 8;
	s->threads_pid = 4711;
	for (int i = 0; i < 8; i++)
		sample_open(x, "/a", 4711, MS, PHASE_APP);
	sample_open(x, "/a", 4712, MS, PHASE_APP); /* another worker's */
	sample_open(x, "/a", 4711, MS, PHASE_SEND);
	assert_null(reason(x, "threads")); /* each has its request */
	sample_open(x, "/a", 4711, MS, PHASE_APP);
	assert_string_equal(reason(x, "threads"),
			    "all 8 worker threads of pid 4711 are busy and 9 requests are in the "
			    "application: its thread pool is exhausted");
	s->threads_busy = 7;
	assert_null(reason(x, "threads"));
	s->threads = s->threads_busy = 7;
	assert_null(reason(x, "threads"));
}

static void cpu(void **state)
{
	struct sample *x = *state;
	struct summary_saturation *s = &x->s.saturation;

	s->run_queue = 0.19;
	s->throttled = 0.049;
	assert_null(reason(x, "CPU"));
	assert_null(reason(x, "throttled"));
	s->run_queue = 0.2;
	s->throttled = 0.05;
	assert_string_equal(reason(x, "CPU"),
			    "its threads waited for a CPU 20 % of the time they could run");
	assert_string_equal(reason(x, "throttled"),
			    "its control group was throttled in 5 % of the quota's periods");
}

static void accept_queue(void **state)
{
	struct sample *x = *state;
	struct summary_listener *l = &x->listeners[0];

	l->counted = true;
	l->backlog = 10;
	l->accept_queue = 7;
	assert_null(reason(x, "accept queue"));
	l->accept_queue = 8;
	assert_string_equal(reason(x, "accept queue"),
			    "8 of 10 places in the accept queue of 127.0.0.1:8000 are taken");
	l->accept_queue = 11; /* full: said in other words, once */
	assert_null(reason(x, "places"));
	assert_non_null(reason(x, "is full"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_known_nothing_said), T(descriptors), T(threads), T(cpu), T(accept_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
