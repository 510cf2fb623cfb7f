// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_stats_insight.c - exceptions and stalls by place, the time of event loops: counted, merged,
 * folded, bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"
#include "traffic.h"

struct fixture {
	struct stats *s;
	struct router *router;
	struct sites *sites;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->s = stats_new();
	f->router = router_new(100);
	f->sites = sites_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stats_free(f->s);
	sites_free(f->sites);
	router_free(f->router);
	free(f);
	return 0;
}

static const struct site *site(struct fixture *f, const char *type, unsigned line)
{
	char where[40];

	snprintf(where, sizeof(where), "a.py:%u f", line);
	return sites_get(f->sites, type, where, "");
}

/* path NULL: without a route */
static struct request failed(struct fixture *f, const char *path, unsigned status,
			     const struct site *error)
{
	struct request r = {
		.end = REQ_OK, .status_seen = true, .status = (uint16_t)status, .error = error};

	r.route = path ? router_match(f->router, "GET", path, strlen(path)) : NULL;
	return r;
}

static void end(struct stats *s, const struct request *r)
{
	stats_begin(s, r);
	assert_int_equal(stats_end(s, r), 0);
}

static uint64_t count_of(const struct error_counts *e, const struct site *at, unsigned status)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->items[i].site == at && e->items[i].status == status)
			return e->items[i].count;
	return 0;
}

static void errors_count_by_place_and_status(void **state)
{
	struct fixture *f = *state;
	const struct site *a = site(f, "E", 1), *b = site(f, "E", 2);
	const struct {
		const char *path;
		unsigned status;
		const struct site *error;
	} all[] = {{"/x", 500, a},    {"/x", 500, a}, {"/x", 503, a},
		   {"/x", 500, b},    {"/y", 500, a}, {NULL, 500, b},
		   {"/x", 500, NULL}, {"/x", 200, a}, {"/x", 302, a}};
	struct route *x = router_match(f->router, "GET", "/x", 2);
	struct request unseen = failed(f, "/x", 500, a);

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct request r = failed(f, all[i].path, all[i].status, all[i].error);

		end(f->s, &r);
	}
	unseen.status_seen = false;
	end(f->s, &unseen);
	assert_int_equal(f->s->routes[x->id]->errors.n, 3);
	assert_int_equal(count_of(&f->s->routes[x->id]->errors, a, 500), 2);
	assert_int_equal(count_of(&f->s->routes[x->id]->errors, a, 503), 1);
	assert_int_equal(count_of(&f->s->routes[x->id]->errors, b, 500), 1);
	assert_int_equal(f->s->routeless.n, 1);
	assert_int_equal(count_of(&f->s->routeless, b, 500), 1);
	assert_int_equal(stats_background(f->s, b), 0);
	assert_int_equal(stats_background(f->s, b), 0);
	assert_int_equal(count_of(&f->s->background, b, 0), 2);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct fixture *f = *state;
	struct stats *all = stats_new();
	struct route *x = router_match(f->router, "GET", "/x", 2);

	all->from = all->to = 1;
	all->all_sites = true;
	for (unsigned i = 0; i < 2 * STATS_MAX_ERRORS; i++) {
		struct request r = failed(f, "/x", 500, site(f, "E", i));

		end(f->s, &r);
		end(all, &r);
		assert_int_equal(stats_background(f->s, r.error), 0);
	}
	assert_int_equal(f->s->routes[x->id]->errors.n, STATS_MAX_ERRORS);
	assert_int_equal(f->s->routes[x->id]->errors.rest, STATS_MAX_ERRORS);
	assert_int_equal(f->s->background.rest, STATS_MAX_ERRORS);
	assert_int_equal(all->routes[x->id]->errors.n, 2 * STATS_MAX_ERRORS);
	assert_int_equal(stats_merge(f->s, all), 0);
	assert_int_equal(f->s->routes[x->id]->errors.n, STATS_MAX_ERRORS);
	assert_int_equal(f->s->routes[x->id]->errors.rest, 2 * STATS_MAX_ERRORS);
	assert_int_equal(count_of(&f->s->routes[x->id]->errors, site(f, "E", 3), 500), 2);
	stats_free(all);
}

static void stall(struct fixture *f, struct stats *s, const struct site *at, uint64_t ms,
		  const char *path)
{
	struct stall x = {5 * SEC, 5 * SEC + ms * MS, 1, 1, at, NULL};

	x.route = path ? router_match(f->router, "GET", path, strlen(path)) : NULL;
	assert_int_equal(stats_stall(s, &x), 0);
}

static void victim(struct stats *s, const struct site *at, uint64_t ms)
{
	struct request r = {.end = REQ_OK, .stall = {at, ms * MS}};

	end(s, &r);
}

static void stalls_count_by_what_held(void **state)
{
	struct fixture *f = *state;
	const struct site *a = site(f, "cpu", 1), *b = site(f, "syscall", 1);

	stall(f, f->s, a, 300, "/x");
	stall(f, f->s, a, 900, "/y");
	stall(f, f->s, a, 200, "/z");
	stall(f, f->s, b, 100, NULL);
	victim(f->s, a, 200);
	victim(f->s, a, 50);
	victim(f->s, a, 0); /* it did not wait */
	assert_int_equal(f->s->n_stalls, 2);
	assert_ptr_equal(f->s->stalls[0].site, a);
	assert_int_equal(f->s->stalls[0].count, 3);
	assert_int_equal(f->s->stalls[0].max, 900 * MS);
	assert_int_equal(f->s->stalls[0].total, 1400 * MS);
	assert_int_equal(f->s->stalls[0].victims, 2);
	assert_int_equal(f->s->stalls[0].waited, 250 * MS);
	assert_string_equal(f->s->stalls[0].route->template, "/y");
	assert_int_equal(f->s->stalls[1].count, 1);
	assert_null(f->s->stalls[1].route);
}

/* The stretch in which the loop was held up may have been told already. */
static void victims_count_with_their_own_end(void **state)
{
	struct fixture *f = *state;
	const struct site *a = site(f, "cpu", 1);

	stall(f, f->s, a, 300, NULL);
	stats_reset(f->s, 10 * SEC);
	assert_int_equal(f->s->n_stalls, 0);
	victim(f->s, a, 200);
	assert_int_equal(f->s->stalls[0].count, 0);
	assert_int_equal(f->s->stalls[0].victims, 1);
	assert_int_equal(f->s->stalls[0].waited, 200 * MS);
}

static void stalls_are_bounded(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < STATS_MAX_STALLS + 5; i++)
		stall(f, f->s, site(f, "cpu", i), 100, NULL);
	assert_int_equal(f->s->n_stalls, STATS_MAX_STALLS);
	assert_int_equal(f->s->stalls_rest, 5);
	victim(f->s, site(f, "gil", 1), 100);
	assert_int_equal(f->s->n_stalls, STATS_MAX_STALLS);
	stall(f, f->s, site(f, "cpu", 3), 100, NULL);
	assert_int_equal(f->s->stalls[3].count, 2);
}

static void loops_add_up(void **state)
{
	struct fixture *f = *state;
	const struct loop_time a = {.watched = 100,
				    .busy = 40,
				    .gil = 10,
				    .gil_waits = 2,
				    .gc = 5,
				    .gc_runs = 1,
				    .gil_known = true,
				    .gc_known = true};
	struct loop_time b = a;
	const struct loop_time *l = &f->s->loop;

	assert_true(isnan(summary_loop_busy(f->s)));
	stats_loop(f->s, &(struct loop_time){0}); /* nothing was watched: nothing is known less */
	stats_loop(f->s, &a);
	stats_loop(f->s, &a);
	assert_true(l->watched == 200 && l->busy == 80 && l->gil == 20 && l->gil_waits == 4);
	assert_true(l->gc == 10 && l->gc_runs == 2 && l->gc_known && l->gil_known);
	assert_true(fabs(summary_loop_busy(f->s) - 0.4) < 1e-9);
	assert_true(fabs(summary_loop_gil(f->s) - 0.1) < 1e-9);
	assert_true(fabs(summary_loop_gc(f->s) - 0.05) < 1e-9);
	b.gc_known =
		false; /* a loop of which collections cannot be seen: nor of all of them then */
	stats_loop(f->s, &b);
	stats_loop(f->s, &a);
	assert_true(!l->gc_known && l->gil_known);
	assert_true(isnan(summary_loop_gc(f->s)));
	stats_reset(f->s, 1);
	assert_int_equal(l->watched, 0);
	stats_loop(f->s, &a);
	assert_true(l->gc_known);
}

static void folded_routes_take_their_errors_along(void **state)
{
	struct fixture *f = *state;
	const struct site *a = site(f, "E", 1);
	uint64_t sum = 0, places = 0;

	for (unsigned i = 0; i < 200; i++) {
		char path[40];
		struct request r;

		snprintf(path, sizeof(path), "/names/%c%c", 'a' + i % 26, 'a' + i / 26);
		r = failed(f, path, 500, a);
		end(f->s, &r);
		if (i < STATS_MAX_STALLS)
			stall(f, f->s, site(f, "cpu", i), 100, path);
	}
	assert_int_equal(stats_fold_routes(f->s), 0);
	for (uint32_t i = 0; i < f->s->n_routes; i++) {
		if (!f->s->routes[i])
			continue;
		sum += count_of(&f->s->routes[i]->errors, a, 500);
		places++;
	}
	assert_int_equal(sum, 200);
	assert_in_range(places, 1, 20);
	for (uint32_t i = 0; i < f->s->n_stalls; i++)
		assert_null(f->s->stalls[i].route->folded_into);
}

/* --- parts add up to the whole */

static void random_fact(struct fixture *f, struct random *r, struct stats *a, struct stats *b)
{
	static const char *const paths[] = {"/x", "/y", NULL};
	const struct site *at = site(f, "E", random_below(r, 50));
	struct request q = failed(f, paths[random_below(r, 3)], 400 + random_below(r, 3), at);
	uint64_t ms = random_below(r, 1000);
	struct loop_time t = {.watched = 1 + ms, .busy = ms / 2, .gc_known = random_chance(r, 50)};

	switch (random_below(r, 4)) {
	case 0:
		q.stall.site = random_chance(r, 50) ? at : NULL;
		q.stall.ns = ms * MS;
		end(a, &q);
		end(b, &q);
		break;
	case 1:
		assert_int_equal(stats_background(a, at), 0);
		assert_int_equal(stats_background(b, at), 0);
		break;
	case 2:
		stall(f, a, at, ms, paths[ms % 3]);
		stall(f, b, at, ms, paths[ms % 3]);
		break;
	default:
		stats_loop(a, &t);
		stats_loop(b, &t);
	}
}

static void assert_same_errors(const struct error_counts *a, const struct error_counts *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->rest, b->rest);
	for (uint32_t i = 0; i < a->n; i++)
		assert_int_equal(a->items[i].count,
				 count_of(b, a->items[i].site, a->items[i].status));
}

static void assert_same_stalls(const struct stats *a, const struct stats *b)
{
	const struct stall_stats *x = NULL, *y = NULL;

	assert_int_equal(a->n_stalls, b->n_stalls);
	for (uint32_t i = 0; i < a->n_stalls; i++) {
		x = summary_next_stall(a, x);
		y = summary_next_stall(b, y);
		assert_ptr_equal(x->site, y->site);
		assert_ptr_equal(x->route, y->route);
		assert_true(x->count == y->count && x->max == y->max && x->total == y->total);
		assert_true(x->victims == y->victims && x->waited == y->waited);
	}
	assert_null(summary_next_stall(a, x));
	assert_int_equal(a->loop.gc_known, b->loop.gc_known);
	assert_true(a->loop.watched == b->loop.watched && a->loop.busy == b->loop.busy);
}

static void parts_merge_to_the_whole(void **state)
{
	struct fixture *f = *state;
	struct random r = {11};

	for (int round = 0; round < 60; round++) {
		struct stats *whole = stats_new(), *part = stats_new(), *sum = stats_new();

		whole->from = part->from = 1;
		whole->all_sites = part->all_sites = sum->all_sites = true;
		for (int i = 0; i < 120; i++) {
			random_fact(f, &r, whole, part);
			if (!random_chance(&r, 10))
				continue;
			assert_int_equal(stats_merge(sum, part), 0);
			stats_reset(part, 1 + (uint64_t)i);
		}
		assert_int_equal(stats_merge(sum, part), 0);
		assert_same_errors(&whole->background, &sum->background);
		assert_same_errors(&whole->routeless, &sum->routeless);
		for (uint32_t i = 0; i < whole->n_routes; i++)
			if (whole->routes[i])
				assert_same_errors(&whole->routes[i]->errors,
						   &sum->routes[i]->errors);
		assert_same_stalls(whole, sum);
		stats_free(whole);
		stats_free(part);
		stats_free(sum);
	}
}

static void sites_of_another_table(void **state)
{
	struct fixture *f = *state;
	struct sites *to = sites_new(), *small = sites_new_max(2);
	const struct site *a = site(f, "E", 1), *there = sites_get(to, "E", "a.py:1 f", "");
	struct request r = failed(f, "/x", 500, a), q = failed(f, NULL, 500, site(f, "E", 2));

	end(f->s, &r);
	end(f->s, &q);
	stall(f, f->s, site(f, "cpu", 9), 100, NULL);
	assert_int_equal(stats_background(f->s, a), 0);
	assert_int_equal(stats_move_sites(f->s, small), -ENOSPC);
	assert_int_equal(count_of(&f->s->background, a, 0), 1); /* nothing was changed */
	assert_int_equal(stats_move_sites(f->s, to), 0);
	assert_int_equal(count_of(&f->s->background, there, 0), 1);
	assert_int_equal(count_of(&f->s->routes[r.route->id]->errors, there, 500), 1);
	assert_ptr_equal(f->s->routeless.items[0].site, sites_get(to, "E", "a.py:2 f", ""));
	assert_ptr_equal(f->s->stalls[0].site, sites_get(to, "cpu", "a.py:9 f", ""));
	stats_free(f->s); /* before the sites it points to */
	f->s = stats_new();
	sites_free(to);
	sites_free(small);
}

/* --- in which order they are told */

static void most_come_first(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path;
		unsigned status, line, n;
	} all[] = {{"/x", 500, 1, 3},
		   {"/y", 500, 1, 3},
		   {"/x", 404, 2, 9},
		   {NULL, 500, 3, 3},
		   {"/x", 503, 1, 3}};
	static const struct {
		const char *path;
		unsigned status;
	} order[] = {{"/x", 404}, {"/x", 503}, {"/x", 500}, {"/y", 500}, {NULL, 500}};
	struct summary_failure next = {NULL, NULL};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct request r = failed(f, all[i].path, all[i].status, site(f, "E", all[i].line));

		for (unsigned k = 0; k < all[i].n; k++)
			end(f->s, &r);
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		assert_true(summary_next_failure(f->s, &next));
		assert_int_equal(next.error->status, order[i].status);
		assert_int_equal(!next.route, !order[i].path);
		if (next.route)
			assert_string_equal(next.route->template, order[i].path);
	}
	assert_false(summary_next_failure(f->s, &next));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(errors_count_by_place_and_status),
		T(what_finds_no_room_is_counted),
		T(stalls_count_by_what_held),
		T(victims_count_with_their_own_end),
		T(stalls_are_bounded),
		T(loops_add_up),
		T(folded_routes_take_their_errors_along),
		T(parts_merge_to_the_whole),
		T(sites_of_another_table),
		T(most_come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
