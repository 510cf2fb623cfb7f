// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../../user/core/generation.h"

#define SEC    UINT64_C(1000000000)
#define MASTER 5000
#define BEGIN  (1000 * SEC)

/* A target under one supervisor, and the clock. */
struct scene {
	struct generations *g;
	uint64_t now;
	bool supervised;
	uint32_t parent;
};

static struct scene scene_new(void)
{
	struct scene s = {
		.g = generations_new(), .now = BEGIN, .supervised = true, .parent = MASTER};

	assert_non_null(s.g);
	return s;
}

/* A process that began `ago` ns before now serves. */
static enum generation_news serve(struct scene *s, uint32_t pid, uint64_t ago, const char *version)
{
	struct generation_process p = {
		.pid = pid,
		.parent = s->parent,
		.supervised = s->supervised,
		.start = s->now - ago,
		.version = version,
	};

	assert_int_equal(generations_serve(s->g, &p, s->now), 0);
	return generations_judge(s->g, s->now);
}

static enum generation_news gone(struct scene *s, uint32_t pid, bool crashed)
{
	generations_gone(s->g, pid, crashed, s->now);
	return generations_judge(s->g, s->now);
}

static enum generation_news later(struct scene *s, uint64_t ns)
{
	s->now += ns;
	return generations_judge(s->g, s->now);
}

/* Workers 1..n serve when tracing begins; a minute later each has answered one request. */
static struct scene scene_of(uint32_t n, const char *version)
{
	struct scene s = scene_new();

	for (uint32_t pid = 1; pid <= n; pid++)
		assert_int_equal(serve(&s, pid, 60 * SEC, version), GENERATION_SAME);
	generations_begin(s.g, s.now);
	assert_int_equal(later(&s, 60 * SEC), GENERATION_SAME);
	for (uint32_t pid = 1; pid <= n; pid++)
		assert_int_equal(generations_count(s.g, pid), SIDE_CURRENT);
	return s;
}

static const struct generation *current(const struct scene *s)
{
	return generations_get(s->g, generations_current(s->g));
}

/* --- (a) another version */

static void a_new_version_takes_over_at_once(void **state)
{
	struct scene s = scene_of(4, "1.4.2");

	(void)state;
	assert_int_equal(serve(&s, 11, SEC, "1.4.3"), GENERATION_TOOK_OVER);
	assert_int_equal(generations_count(s.g, 11), SIDE_CURRENT);
	assert_int_equal(generations_count(s.g, 1), SIDE_BEFORE);
	assert_int_equal(serve(&s, 12, SEC, "1.4.3"), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 12), SIDE_CURRENT);
	for (uint32_t pid = 1; pid <= 4; pid++)
		assert_int_equal(gone(&s, pid, false), GENERATION_SAME);
	assert_int_equal(generations_current(s.g), 1);
	assert_string_equal(generations_get(s.g, 0)->version, "1.4.2");
	assert_int_equal(generations_get(s.g, 0)->workers, 4);
	assert_int_equal(generations_get(s.g, 0)->requests, 5);
	assert_string_equal(current(&s)->version, "1.4.3");
	assert_int_equal(current(&s)->pid, 11);
	assert_int_equal(current(&s)->workers, 2);
	assert_int_equal(current(&s)->requests, 2);
	assert_int_equal(current(&s)->start, s.now - SEC);
	generations_free(s.g);
}

/* While both versions run, a worker of the old one that is replaced does not turn things around. */
static void an_old_version_is_of_the_generation_before(void **state)
{
	struct scene s = scene_of(2, "1");

	(void)state;
	assert_int_equal(serve(&s, 11, SEC, "2"), GENERATION_TOOK_OVER);
	gone(&s, 1, true);
	s.now += SEC;
	assert_int_equal(serve(&s, 3, 0, "1"), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 3), SIDE_BEFORE);
	generations_free(s.g);
}

/* All of the old version had gone: going back to it is a deploy. */
static void a_rollback_is_a_deploy(void **state)
{
	struct scene s = scene_of(1, "1");

	(void)state;
	assert_int_equal(serve(&s, 11, SEC, "2"), GENERATION_TOOK_OVER);
	gone(&s, 1, false);
	s.now += 60 * SEC;
	assert_int_equal(serve(&s, 21, SEC, "1"), GENERATION_TOOK_OVER);
	assert_int_equal(generations_current(s.g), 2);
	assert_int_equal(generations_count(s.g, 11), SIDE_BEFORE);
	assert_int_equal(generations_count(s.g, 1), SIDE_NONE);
	generations_free(s.g);
}

static void an_unknown_version_is_no_other_one(void **state)
{
	struct scene s = scene_of(2, "1");

	(void)state;
	assert_int_equal(serve(&s, 11, SEC, NULL), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 11), SIDE_NEXT);
	generations_free(s.g);
	s = scene_of(2, NULL);
	assert_int_equal(serve(&s, 11, SEC, "2"), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 11), SIDE_NEXT);
	generations_free(s.g);
}

static void several_versions_at_the_begin_are_none(void **state)
{
	struct scene s = scene_new();

	(void)state;
	serve(&s, 1, 60 * SEC, "1");
	serve(&s, 2, 50 * SEC, "2");
	generations_begin(s.g, s.now);
	s.now += 60 * SEC;
	assert_true(current(&s)->mixed);
	assert_string_equal(current(&s)->version, "");
	assert_int_equal(serve(&s, 3, SEC, "3"), GENERATION_SAME);
	gone(&s, 1, false);
	assert_int_equal(gone(&s, 2, false), GENERATION_TOOK_OVER);
	assert_string_equal(current(&s)->version, "3");
	generations_free(s.g);
}

/* --- (b) all others have gone */

static void a_restart_takes_over(void **state)
{
	struct scene s = scene_of(1, NULL);

	(void)state;
	assert_int_equal(gone(&s, 1, false), GENERATION_SAME);
	s.now += 3 * SEC;
	s.parent = MASTER + 1;
	assert_int_equal(serve(&s, 11, SEC, NULL), GENERATION_TOOK_OVER);
	assert_int_equal(generations_count(s.g, 11), SIDE_CURRENT);
	assert_string_equal(current(&s)->version, "");
	assert_int_equal(generations_count(s.g, 1), SIDE_BEFORE); /* a connection that ended late */
	generations_free(s.g);
}

static void a_hangup_takes_over(void **state)
{
	struct scene s = scene_of(4, NULL);

	(void)state;
	for (uint32_t pid = 11; pid <= 14; pid++) /* the same master: new forks, old ones end */
		assert_int_equal(serve(&s, pid, SEC, NULL), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 11), SIDE_NEXT);
	assert_true(generations_pending(s.g));
	s.now += 2 * SEC;
	for (uint32_t pid = 1; pid <= 3; pid++)
		assert_int_equal(gone(&s, pid, false), GENERATION_SAME);
	assert_int_equal(gone(&s, 4, true),
			 GENERATION_TOOK_OVER); /* killed: it did not end in time */
	assert_int_equal(current(&s)->workers, 4);
	assert_int_equal(current(&s)->requests, 1); /* those of a candidate are its generation's */
	assert_false(generations_pending(s.g));
	generations_free(s.g);
}

/* Workers that come with the generation serve their first request at any time. */
static void later_workers_come_along(void **state)
{
	struct scene s = scene_of(2, NULL);

	(void)state;
	gone(&s, 1, false);
	gone(&s, 2, false);
	s.now += SEC;
	assert_int_equal(serve(&s, 11, SEC / 2, NULL), GENERATION_TOOK_OVER);
	s.now += SEC;
	assert_int_equal(serve(&s, 12, SEC / 2, NULL), GENERATION_SAME); /* forked a moment later */
	assert_int_equal(generations_count(s.g, 12), SIDE_CURRENT);
	s.now += 500 * SEC;
	assert_int_equal(serve(&s, 13, 501 * SEC, NULL), GENERATION_SAME); /* was idle until now */
	assert_int_equal(generations_count(s.g, 13), SIDE_CURRENT);
	assert_int_equal(serve(&s, 14, 601 * SEC, NULL), GENERATION_SAME); /* is older than that */
	assert_int_equal(generations_count(s.g, 14), SIDE_BEFORE);
	generations_free(s.g);
}

/* Of workers forked together any may be the first to serve. */
static void the_first_to_serve_need_not_be_the_oldest(void **state)
{
	const char *const versions[] = {NULL, "2"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene s = scene_of(2, i ? "1" : NULL);

		gone(&s, 1, false);
		gone(&s, 2, false);
		s.now += 10 * SEC;
		assert_int_equal(serve(&s, 12, SEC, versions[i]), GENERATION_TOOK_OVER);
		assert_int_equal(serve(&s, 11, SEC + SEC / 10, versions[i]), GENERATION_SAME);
		assert_int_equal(generations_count(s.g, 11), SIDE_CURRENT);
		assert_int_equal(current(&s)->workers, 2);
		assert_int_equal(current(&s)->start, s.now - SEC - SEC / 10);
		assert_int_equal(generations_get(s.g, 0)->workers, 2);
		generations_free(s.g);
	}
}

/* They live, but listen no more: they only finish what they have. */
static void those_that_drain_count_as_gone(void **state)
{
	struct scene s = scene_of(1, NULL);

	(void)state;
	generations_listens(s.g, 1, true);
	assert_int_equal(serve(&s, 11, SEC, NULL), GENERATION_SAME);
	generations_listens(s.g, 1, false);
	assert_int_equal(later(&s, SEC), GENERATION_TOOK_OVER);
	assert_int_equal(generations_count(s.g, 1), SIDE_BEFORE);
	generations_free(s.g);
}

/* Connections are handed to it: that it does not listen says nothing. */
static void one_that_never_listened_is_no_drain(void **state)
{
	struct scene s = scene_of(1, NULL);

	(void)state;
	assert_int_equal(serve(&s, 11, SEC, NULL), GENERATION_SAME);
	generations_listens(s.g, 1, false);
	assert_int_equal(later(&s, SEC), GENERATION_SAME);
	generations_free(s.g);
}

/* --- what is no deploy */

static void a_crash_is_no_deploy(void **state)
{
	struct scene s = scene_of(4, "1");

	(void)state;
	assert_int_equal(gone(&s, 2, true), GENERATION_SAME);
	s.now += SEC;
	assert_int_equal(serve(&s, 11, SEC / 2, "1"), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 11), SIDE_CURRENT);
	assert_int_equal(later(&s, 600 * SEC), GENERATION_SAME);
	assert_int_equal(generations_current(s.g), 0);
	assert_int_equal(current(&s)->workers, 4);
	generations_free(s.g);
}

/* Also when it was the only one; but nobody but its own supervisor replaces a worker. */
static void a_supervisor_replaces_an_only_worker(void **state)
{
	struct scene s = scene_of(1, NULL);

	(void)state;
	gone(&s, 1, true);
	s.now += SEC;
	assert_int_equal(serve(&s, 11, SEC / 2, NULL), GENERATION_SAME);
	assert_int_equal(generations_current(s.g), 0);
	gone(&s, 11, true);
	s.now += SEC;
	s.supervised = false;
	assert_int_equal(serve(&s, 12, SEC / 2, NULL), GENERATION_TOOK_OVER);
	generations_free(s.g);
}

/* One replacement for each crash, and it comes after it. */
static void a_crash_excuses_one(void **state)
{
	struct scene s = scene_of(3, NULL);

	(void)state;
	gone(&s, 1, true);
	assert_int_equal(serve(&s, 11, 5 * SEC, NULL), GENERATION_SAME);
	assert_int_equal(generations_count(s.g, 11), SIDE_NEXT); /* it was there before */
	s.now += SEC;
	serve(&s, 12, SEC / 2, NULL);
	assert_int_equal(generations_count(s.g, 12), SIDE_CURRENT);
	serve(&s, 13, SEC / 2, NULL);
	assert_int_equal(generations_count(s.g, 13), SIDE_NEXT);
	generations_free(s.g);
}

static void recycling_is_no_deploy(void **state)
{
	struct scene s = scene_of(4, "1");

	(void)state;
	for (uint32_t pid = 1; pid <= 4; pid++) {
		assert_int_equal(gone(&s, pid, false), GENERATION_SAME);
		s.now += SEC;
		assert_int_equal(serve(&s, 10 + pid, SEC / 2, "1"), GENERATION_SAME);
		assert_int_equal(generations_count(s.g, 10 + pid), SIDE_NEXT);
		assert_int_equal(later(&s, 29 * SEC), GENERATION_SAME);
		assert_int_equal(later(&s, 2 * SEC), GENERATION_STAYS);
		assert_int_equal(generations_count(s.g, 10 + pid), SIDE_CURRENT);
	}
	assert_int_equal(generations_current(s.g), 0);
	assert_int_equal(current(&s)->requests, 12);
	generations_free(s.g);
}

/* A second instance beside the first is none of its replacements: it takes over when that goes. */
static void another_supervisor_is_not_recycling(void **state)
{
	struct scene s = scene_of(2, NULL);

	(void)state;
	s.parent = MASTER + 1;
	assert_int_equal(serve(&s, 11, SEC, NULL), GENERATION_SAME);
	assert_int_equal(later(&s, 600 * SEC), GENERATION_SAME);
	gone(&s, 1, false);
	assert_int_equal(gone(&s, 2, false), GENERATION_TOOK_OVER);
	generations_free(s.g);
}

/* A deploy that does not come up. */
static void candidates_that_end_are_forgotten(void **state)
{
	struct scene s = scene_of(2, NULL);

	(void)state;
	assert_int_equal(serve(&s, 11, SEC, NULL), GENERATION_SAME);
	assert_int_equal(gone(&s, 11, true), GENERATION_STAYS);
	assert_false(generations_pending(s.g));
	s.now += SEC;
	gone(&s, 1, false);
	assert_int_equal(gone(&s, 2, false), GENERATION_SAME);
	assert_int_equal(generations_current(s.g), 0);
	generations_free(s.g);
}

/* --- who is a worker */

/* The master listens before it has children: they stand in its place. */
static void a_supervisor_is_no_worker(void **state)
{
	struct scene s = scene_new();

	(void)state;
	s.parent = 1;
	serve(&s, MASTER, 60 * SEC, NULL);
	generations_begin(s.g, s.now);
	s.now += SEC;
	s.parent = MASTER;
	assert_int_equal(serve(&s, 11, SEC / 2, NULL), GENERATION_SAME);
	assert_int_equal(serve(&s, 12, SEC / 2, NULL), GENERATION_SAME);
	assert_false(generations_knows(s.g, MASTER));
	assert_int_equal(generations_count(s.g, 12), SIDE_CURRENT);
	assert_int_equal(current(&s)->pid, 11);
	assert_int_equal(current(&s)->workers, 2);
	gone(&s, 11, false);
	gone(&s, 12, false);
	s.now += 10 * SEC;
	assert_int_equal(serve(&s, 13, SEC, NULL), GENERATION_TOOK_OVER);
	generations_free(s.g);
}

/* Nobody was there when tracing began: the first that comes is no deploy. */
static void the_first_one_is_no_deploy(void **state)
{
	struct scene s = scene_new();

	(void)state;
	generations_begin(s.g, s.now);
	s.now += 60 * SEC;
	assert_int_equal(serve(&s, 11, SEC, "1"), GENERATION_SAME);
	assert_int_equal(serve(&s, 12, SEC, "1"), GENERATION_SAME);
	assert_int_equal(generations_current(s.g), 0);
	assert_int_equal(generations_count(s.g, 12), SIDE_CURRENT);
	generations_free(s.g);
}

static void a_pid_is_used_again(void **state)
{
	struct scene s = scene_of(1, NULL);

	(void)state;
	gone(&s, 1, false);
	assert_true(generations_counts(s.g, 1));
	generations_forget(s.g, 1);
	assert_false(generations_counts(s.g, 1));
	assert_int_equal(generations_count(s.g, 1), SIDE_NONE);
	s.now += SEC;
	s.supervised = false;
	assert_int_equal(serve(&s, 1, SEC / 2, NULL), GENERATION_TOOK_OVER);
	assert_int_equal(generations_count(s.g, 1), SIDE_CURRENT);
	generations_free(s.g);
}

/* --- bounds */

static void old_generations_are_dropped(void **state)
{
	struct scene s = scene_of(1, "0");
	const uint32_t n = 3 * GENERATIONS_KEPT;

	(void)state;
	for (uint32_t i = 1; i <= n; i++) {
		char version[16] = {'v', (char)('a' + i % 26), (char)('a' + i / 26), 0};

		s.now += 60 * SEC;
		assert_int_equal(serve(&s, 10 + i, SEC, version), GENERATION_TOOK_OVER);
		generations_count(s.g, 10 + i);
	}
	assert_int_equal(generations_current(s.g), n);
	for (uint32_t i = 0; i <= n + 1; i++) {
		const struct generation *r = generations_get(s.g, i);

		assert_int_equal(r != NULL, i <= n && i + GENERATIONS_KEPT > n);
		if (r) {
			assert_int_equal(r->number, i);
			assert_int_equal(r->pid, 10 + i);
			assert_int_equal(r->requests, 1);
		}
	}
	assert_int_equal(generations_count(s.g, 1), SIDE_NONE);
	generations_free(s.g);
}

static void dead_workers_make_room(void **state)
{
	struct scene s = scene_of(1, NULL);

	(void)state;
	for (uint32_t pid = 10; pid < 10 + 3 * GENERATION_WORKERS; pid++) {
		s.now += SEC;
		serve(&s, pid, SEC / 2, NULL);
		gone(&s, pid, true);
	}
	assert_true(generations_knows(s.g, 1));
	assert_false(generations_counts(s.g, 10));
	assert_true(generations_counts(s.g, 9 + 3 * GENERATION_WORKERS));
	generations_free(s.g);
}

static void living_workers_stay_within_the_bound(void **state)
{
	struct scene s = scene_new();
	struct generation_process p = {.parent = MASTER};

	(void)state;
	for (p.pid = 1; p.pid <= GENERATION_WORKERS; p.pid++)
		assert_int_equal(generations_serve(s.g, &p, s.now), 0);
	assert_int_equal(generations_serve(s.g, &p, s.now), -ENOSPC);
	assert_int_equal(generations_count(s.g, p.pid), SIDE_NONE);
	assert_int_equal(current(&s)->workers, GENERATION_WORKERS);
	generations_free(s.g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_version_takes_over_at_once),
		cmocka_unit_test(an_old_version_is_of_the_generation_before),
		cmocka_unit_test(a_rollback_is_a_deploy),
		cmocka_unit_test(an_unknown_version_is_no_other_one),
		cmocka_unit_test(several_versions_at_the_begin_are_none),
		cmocka_unit_test(a_restart_takes_over),
		cmocka_unit_test(a_hangup_takes_over),
		cmocka_unit_test(later_workers_come_along),
		cmocka_unit_test(the_first_to_serve_need_not_be_the_oldest),
		cmocka_unit_test(those_that_drain_count_as_gone),
		cmocka_unit_test(one_that_never_listened_is_no_drain),
		cmocka_unit_test(a_crash_is_no_deploy),
		cmocka_unit_test(a_supervisor_replaces_an_only_worker),
		cmocka_unit_test(a_crash_excuses_one),
		cmocka_unit_test(recycling_is_no_deploy),
		cmocka_unit_test(another_supervisor_is_not_recycling),
		cmocka_unit_test(candidates_that_end_are_forgotten),
		cmocka_unit_test(a_supervisor_is_no_worker),
		cmocka_unit_test(the_first_one_is_no_deploy),
		cmocka_unit_test(a_pid_is_used_again),
		cmocka_unit_test(old_generations_are_dropped),
		cmocka_unit_test(dead_workers_make_room),
		cmocka_unit_test(living_workers_stay_within_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
