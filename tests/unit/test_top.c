// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the live screen decides before anything is drawn: order, choice, keys. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/top/model.h"
#include "sample.h"

static const struct history no_history;
static const struct term_options plain = {.columns = 80};

struct stage {
	struct sample *x;
	struct view *v;
	struct model m;
};

static void fill(struct stage *s)
{
	struct view *v = view_new(&s->x->s, &no_history, &plain);

	assert_non_null(v);
	assert_int_equal(model_fill(&s->m, v), 0);
	view_free(s->v);
	s->v = v;
}

/* Four routes, each the first by another order: /slow time and p99, /many rate, /bad errors. */
static int setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	s->x = sample_new();
	sample_ok(s->x, 2, "/slow", 200, 900 * MS);
	sample_ok(s->x, 500, "/many", 200, MS);
	sample_ok(s->x, 30, "/bad", 500, 2 * MS);
	sample_ok(s->x, 40, "/plain", 200, 3 * MS);
	s->m.page = 10;
	fill(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;

	model_free(&s->m);
	view_free(s->v);
	sample_free(s->x);
	free(s);
	return 0;
}

static const char *row(const struct stage *s, uint32_t i)
{
	return s->m.routes[i]->route->template;
}

static const char *chosen(const struct stage *s)
{
	return row(s, s->m.lists[PANEL_ROUTES].at);
}

static void check_order(const struct stage *s, const char *const names[4])
{
	assert_int_equal(s->m.lists[PANEL_ROUTES].n, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_string_equal(row(s, i), names[i]);
}

/* --- order */

static void each_key_sorts(void **state)
{
	static const struct {
		int key;
		enum sort_key sort;
		const char *names[4];
	} orders[] = {
		{'t', SORT_TIME, {"/slow", "/many", "/plain", "/bad"}},
		{'R', SORT_RATE, {"/many", "/plain", "/bad", "/slow"}},
		{'p', SORT_P99, {"/slow", "/plain", "/bad", "/many"}},
		{'e', SORT_ERRORS, {"/bad", "/slow", "/many", "/plain"}},
	};
	struct stage *s = *state;

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		assert_int_equal(model_key(&s->m, orders[i].key), ACT_DRAW);
		assert_int_equal(s->m.sort, orders[i].sort);
		check_order(s, orders[i].names);
	}
}

static void sorting_goes_round(void **state)
{
	struct stage *s = *state;

	for (int i = 1; i <= SORTS; i++) {
		model_key(&s->m, i % 2 ? 's' : '>');
		assert_int_equal(s->m.sort, i % SORTS);
	}
	model_key(&s->m, '<');
	assert_int_equal(s->m.sort, SORTS - 1);
}

static void sort_words_are_those_of_the_option(void **state)
{
	(void)state;
	for (int i = 0; i < SORTS; i++)
		assert_int_equal(sort_parse(sort_name((enum sort_key)i)), i);
	assert_int_equal(sort_parse("colour"), SORT_TIME);
	assert_int_equal(sort_parse(NULL), SORT_TIME);
}

/* Requests that never got a whole answer have no latency, which is not the least but unknown. */
static void unmeasured_routes_come_last_by_latency(void **state)
{
	struct stage *s = *state;

	for (int i = 0; i < 1000; i++) {
		struct request r = sample_request(s->x, "GET", "/gone", 1, 0, MS, 0);

		sample_end(s->x, &r, REQ_CLIENT_CLOSED, 0);
	}
	fill(s);
	assert_string_equal(row(s, 4), "/gone");
	model_key(&s->m, 'p');
	assert_string_equal(row(s, 4), "/gone");
	model_key(&s->m, 'R');
	assert_string_equal(row(s, 0), "/gone");
}

/* --- choice */

static void a_chosen_row_stays_chosen_when_the_order_changes(void **state)
{
	struct stage *s = *state;

	model_key(&s->m, M_DOWN);
	assert_string_equal(chosen(s), "/many");
	model_key(&s->m, 'e');
	assert_string_equal(chosen(s), "/many");
	sample_ok(s->x, 100, "/new", 502, MS);
	fill(s);
	assert_string_equal(row(s, 0), "/new");
	assert_string_equal(chosen(s), "/many");
}

static void until_one_is_chosen_it_is_the_first(void **state)
{
	struct stage *s = *state;

	assert_string_equal(chosen(s), "/slow");
	model_key(&s->m, 'e');
	assert_string_equal(chosen(s), "/bad");
	model_key(&s->m, 'G');
	assert_string_equal(chosen(s), "/plain");
	model_key(&s->m, M_HOME);
	model_key(&s->m, 't');
	assert_string_equal(chosen(s), "/slow");
}

static void choice_ends_at_both_ends(void **state)
{
	struct stage *s = *state;

	model_key(&s->m, 'k');
	assert_int_equal(s->m.lists[PANEL_ROUTES].at, 0);
	model_key(&s->m, M_PAGE_DOWN);
	assert_int_equal(s->m.lists[PANEL_ROUTES].at, 3);
	model_key(&s->m, 'j');
	assert_int_equal(s->m.lists[PANEL_ROUTES].at, 3);
	model_key(&s->m, M_PAGE_UP);
	assert_int_equal(s->m.lists[PANEL_ROUTES].at, 0);
}

static void the_place_stays_chosen_when_the_row_has_gone(void **state)
{
	struct stage *s = *state;

	model_key(&s->m, M_END);
	stats_reset(s->x->s.stats, SAMPLE_FROM);
	sample_ok(s->x, 2, "/slow", 200, 900 * MS);
	sample_ok(s->x, 5, "/many", 200, MS);
	fill(s);
	assert_string_equal(chosen(s), "/many");
	stats_reset(s->x->s.stats, SAMPLE_FROM);
	fill(s);
	assert_int_equal(s->m.lists[PANEL_ROUTES].n, 0);
	assert_int_equal(s->m.lists[PANEL_ROUTES].at, 0);
	assert_int_equal(model_key(&s->m, M_DOWN), ACT_DRAW);
	assert_int_equal(model_key(&s->m, M_ENTER), ACT_NOTHING);
}

static void the_list_scrolls_with_the_choice(void **state)
{
	struct stage *s = *state;
	struct list *l = &s->m.lists[PANEL_ROUTES];

	s->m.page = 2;
	model_key(&s->m, M_DOWN);
	model_scroll(&s->m);
	assert_int_equal(l->top, 0);
	model_key(&s->m, M_DOWN);
	model_scroll(&s->m);
	assert_int_equal(l->top, 1);
	model_key(&s->m, M_END);
	model_scroll(&s->m);
	assert_int_equal(l->top, 2);
	s->m.page = 4; /* a taller terminal leaves no empty line */
	model_scroll(&s->m);
	assert_int_equal(l->top, 0);
	s->m.page = 1;
	model_scroll(&s->m);
	assert_int_equal(l->top, 3);
	model_key(&s->m, M_HOME);
	model_scroll(&s->m);
	assert_int_equal(l->top, 0);
}

/* --- detail */

static void enter_and_back(void **state)
{
	struct stage *s = *state;

	assert_int_equal(model_key(&s->m, M_ENTER), ACT_DRAW);
	assert_true(s->m.detail);
	assert_string_equal(s->m.route->template, "/slow");
	model_key(&s->m, M_DOWN);
	assert_true(s->m.detail);
	assert_string_equal(model_route(&s->m)->route->template, "/many");
	assert_int_equal(model_key(&s->m, 'q'), ACT_DRAW);
	assert_false(s->m.detail);
	assert_int_equal(model_key(&s->m, M_BACK), ACT_NOTHING);
	assert_int_equal(model_key(&s->m, 'q'), ACT_QUIT);
}

/* It must not become the detail of another route only because nobody asks for this one any more. */
static void a_detail_stays_with_its_route(void **state)
{
	struct stage *s = *state;

	model_key(&s->m, M_DOWN);
	model_key(&s->m, M_ENTER);
	stats_reset(s->x->s.stats, SAMPLE_FROM);
	sample_ok(s->x, 2, "/slow", 200, 900 * MS);
	fill(s);
	assert_string_equal(s->m.route->template, "/many");
	assert_null(model_route(&s->m));
	sample_ok(s->x, 2, "/many", 200, MS);
	fill(s);
	assert_string_equal(model_route(&s->m)->route->template, "/many");
}

/* A level that folds takes its routes away; the choice goes with them. */
static void a_detail_follows_a_route_that_folds(void **state)
{
	struct stage *s = *state;
	struct route *old, *into;

	model_key(&s->m, M_ENTER);
	old = s->m.route;
	into = router_match(s->x->router, "GET", "/plain", 6);
	assert_ptr_not_equal(old, into);
	old->folded_into = into;
	assert_int_equal(stats_fold_routes(s->x->s.stats), 0);
	fill(s);
	assert_ptr_equal(s->m.route, into);
	assert_ptr_equal(model_route(&s->m)->route, into);
	assert_int_equal(model_route(&s->m)->count, 42);
}

static void an_open_request_leads_to_its_route(void **state)
{
	struct stage *s = *state;

	sample_open(s->x, NULL, 4711, 4 * SEC, PHASE_QUEUE);
	sample_open(s->x, "/plain", 4711, 3 * SEC, PHASE_APP);
	sample_open(s->x, "/never-ended", 4711, 2 * SEC, PHASE_APP);
	fill(s);
	model_key(&s->m, 'o');
	assert_int_equal(s->m.lists[PANEL_OPEN].n, 3);
	assert_int_equal(model_key(&s->m, M_ENTER), ACT_NOTHING); /* not read: no route */
	model_key(&s->m, M_END);
	assert_int_equal(model_key(&s->m, M_ENTER), ACT_NOTHING); /* none of it ended */
	model_key(&s->m, M_UP);
	assert_int_equal(model_key(&s->m, M_ENTER), ACT_DRAW);
	assert_string_equal(s->m.route->template, "/plain");
}

/* --- other keys */

static void panels_go_round(void **state)
{
	static const int keys[] = {'r', 'o', 'w'};
	struct stage *s = *state;

	for (int i = 1; i <= PANELS; i++) {
		model_key(&s->m, '\t');
		assert_int_equal(s->m.panel, i % PANELS);
	}
	model_key(&s->m, M_BACKTAB);
	assert_int_equal(s->m.panel, PANEL_WORKERS);
	for (int i = 0; i < PANELS; i++) {
		model_key(&s->m, keys[i]);
		assert_int_equal(s->m.panel, i);
	}
}

static void windows_pause_and_help(void **state)
{
	struct stage *s = *state;

	assert_int_equal(model_key(&s->m, '2'), ACT_WINDOW);
	assert_true(s->m.window == 60 * SEC);
	assert_int_equal(model_key(&s->m, '3'), ACT_WINDOW);
	assert_true(s->m.window == 0);
	assert_int_equal(model_key(&s->m, '1'), ACT_WINDOW);
	assert_true(s->m.window == 10 * SEC);
	assert_int_equal(model_key(&s->m, ' '), ACT_PAUSE);
	assert_true(s->m.paused);
	assert_int_equal(model_key(&s->m, '?'), ACT_DRAW);
	assert_true(s->m.help);
	assert_int_equal(model_key(&s->m, 'q'), ACT_DRAW); /* leaves help, no more */
	assert_false(s->m.help);
	assert_int_equal(model_key(&s->m, 'x'), ACT_NOTHING);
	assert_int_equal(model_key(&s->m, 0), ACT_NOTHING);
	assert_int_equal(model_key(&s->m, -1), ACT_NOTHING);
	assert_int_equal(model_key(&s->m, 255), ACT_NOTHING);
}

/* Whatever is typed, in whatever state: what is chosen is in its list. */
static void any_keys(void **state)
{
	static const int keys[] = {M_UP,   M_DOWN, M_PAGE_UP, M_PAGE_DOWN, M_HOME, M_END, M_ENTER,
				   M_BACK, '\t',   ' ',	      's',	   'o',	   'w',	  'r'};
	struct stage *s = *state;
	uint64_t random = 1;

	sample_open(s->x, "/plain", 4711, 3 * SEC, PHASE_APP);
	fill(s);
	for (int i = 0; i < 20000; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		model_key(&s->m, keys[(random >> 33) % (sizeof(keys) / sizeof(*keys))]);
		s->m.page = (uint32_t)(random >> 60);
		model_scroll(&s->m);
		for (int p = 0; p < PANELS; p++)
			assert_in_range(s->m.lists[p].at, 0, s->m.lists[p].n - 1);
	}
}

/* --- views */

static void a_view_outlives_what_it_was_taken_from(void **state)
{
	struct sample *x = sample_new();
	struct request *r = sample_open(x, "/hangs", 4711, 3 * SEC, PHASE_APP);
	char where[] = "shop/db.py:88 get", on[] = "Pool.acquire";
	struct summary_wait waits[] = {{.count = 37, .where = where, .on = on},
				       {.count = 2, .where = where, .on = ""}};
	struct view *v;

	(void)state;
	x->open[0].where = where;
	x->s.waits = waits;
	x->s.n_waits = 2;
	sample_ok(x, 10, "/a", 500, MS);
	x->workers[0] = (struct summary_worker){4711, 1};
	x->s.workers = x->workers;
	x->s.n_workers = 1;
	v = view_new(&x->s, &no_history, &plain);
	assert_non_null(v);
	stats_reset(x->s.stats, 0);
	memset(r, 0xff, sizeof(*r));
	memset(x->workers, 0xff, sizeof(x->workers));
	memset(where, 'x', sizeof(where) - 1);
	memset(on, 'x', sizeof(on) - 1);
	memset(waits, 0xff, sizeof(waits));
	x->pids[0] = 1;
	x->ports[0] = 1;
	assert_int_equal(v->s.stats->ledger.ok, 10);
	assert_memory_equal(v->s.open[0].request->http.path, "/hangs", 6);
	assert_int_equal(v->s.workers[0].pid, 4711);
	assert_int_equal(v->s.target.pids[0], 4711);
	assert_int_equal(v->s.target.ports[0], 8000);
	assert_string_equal(v->s.open[0].where, "shop/db.py:88 get");
	assert_true(v->s.n_waits == 2 && v->s.waits[0].count == 37);
	assert_string_equal(v->s.waits[0].on, "Pool.acquire");
	assert_string_equal(v->s.waits[1].where, "shop/db.py:88 get");
	assert_string_equal(v->s.waits[1].on, "");
	assert_true(view_failed(v->s.stats) == 1);
	view_free(v);
	sample_free(x);
}

static void failures_of_nothing_are_unknown(void **state)
{
	struct sample *x = sample_new();
	struct request r;

	(void)state;
	assert_true(isnan(view_failed(x->s.stats)));
	sample_ok(x, 2, "/a", 200, MS);
	assert_true(view_failed(x->s.stats) == 0);
	r = sample_request(x, "GET", "/a", 1, 0, MS, 0);
	sample_end(x, &r, REQ_SERVER_CLOSED, 0);
	r = sample_request(x, "GET", "/a", 1, 0, MS, 0);
	sample_end(x, &r, REQ_CLIENT_CLOSED, 0);
	assert_true(view_failed(x->s.stats) == 0.25);
	sample_free(x);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAGED(each_key_sorts),
		STAGED(sorting_goes_round),
		cmocka_unit_test(sort_words_are_those_of_the_option),
		STAGED(unmeasured_routes_come_last_by_latency),
		STAGED(a_chosen_row_stays_chosen_when_the_order_changes),
		STAGED(until_one_is_chosen_it_is_the_first),
		STAGED(choice_ends_at_both_ends),
		STAGED(the_place_stays_chosen_when_the_row_has_gone),
		STAGED(the_list_scrolls_with_the_choice),
		STAGED(enter_and_back),
		STAGED(a_detail_stays_with_its_route),
		STAGED(a_detail_follows_a_route_that_folds),
		STAGED(an_open_request_leads_to_its_route),
		STAGED(panels_go_round),
		STAGED(windows_pause_and_help),
		STAGED(any_keys),
		cmocka_unit_test(a_view_outlives_what_it_was_taken_from),
		cmocka_unit_test(failures_of_nothing_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
