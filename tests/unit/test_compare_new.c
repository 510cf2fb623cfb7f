// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_compare_new.c - exceptions that are new since: told when it is certain, else not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/compare.h"
#include "../../user/core/site.h"
#include "../../user/sink/diff.h"

#define MS UINT64_C(1000000)

struct sides {
	struct router *router;
	struct sites *sites;
	struct series *before, *after;
	uint64_t now;
	struct comparison *c;
};

static int setup(void **state)
{
	static struct sides s;

	s = (struct sides){.router = router_new(50),
			   .sites = sites_new(),
			   .before = series_new(),
			   .after = series_new(),
			   .now = 1000 * MS};
	assert_true(s.router && s.sites && s.before && s.after);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct sides *s = *state;

	comparison_free(s->c);
	series_free(s->before);
	series_free(s->after);
	sites_free(s->sites);
	router_free(s->router);
	return 0;
}

static const struct site *site(struct sides *s, const char *where)
{
	return sites_get(s->sites, "shop.errors.Late", where, "");
}

static void add(struct sides *s, struct series *to, unsigned n, const char *path, unsigned status,
		const struct site *error)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = {.end = REQ_OK,
				    .received_all = true,
				    .head_seen = true,
				    .status_seen = true,
				    .status = (uint16_t)status,
				    .error = error};

		r.arrived = s->now += MS;
		r.read = r.received = r.arrived;
		r.head = r.done = r.ended = r.arrived + MS;
		r.route = router_match(s->router, "GET", path, strlen(path));
		assert_int_equal(series_add(to, &r), 0);
	}
}

static const struct comparison *compared(struct sides *s)
{
	struct compare_rules rules;

	compare_rules_default(&rules);
	comparison_free(s->c);
	assert_int_equal(series_fold_routes(s->before), 0);
	assert_int_equal(series_fold_routes(s->after), 0);
	s->c = compare(s->before, 10, s->after, 10, &rules);
	assert_non_null(s->c);
	return s->c;
}

static void what_is_new_is_told(void **state)
{
	struct sides *s = *state;
	const struct comparison *c;
	char text[512];

	add(s, s->before, 2103, "/a", 200, NULL);
	add(s, s->after, 1941, "/a", 200, NULL);
	add(s, s->after, 57, "/a", 500, site(s, "shop/orders.py:31 get_order"));
	add(s, s->after, 90, "/b", 503, site(s, "shop/db.py:8 \033acquire"));
	c = compared(s);
	assert_int_equal(c->n_new, 2);
	assert_string_equal(compare_new_words(text, sizeof(text), &c->news[0]),
			    "new: shop.errors.Late at shop/db.py:8 \\x1bacquire: 90 of 90 requests "
			    "of GET /b (none seen in 0 before)");
	assert_string_equal(compare_new_words(text, sizeof(text), &c->news[1]),
			    "new: shop.errors.Late at shop/orders.py:31 get_order: 57 of 1,998 "
			    "requests of GET /a (none seen in 2,103 before)");
}

static void what_was_there_is_not_new(void **state)
{
	struct sides *s = *state;
	struct sites *other = sites_new();

	add(s, s->before, 100, "/a", 200, NULL);
	add(s, s->before, 1, "/b", 500, sites_get(other, "shop.errors.Late", "a.py:1 f", ""));
	add(s, s->after, 50, "/a", 500,
	    site(s, "a.py:1 f")); /* another route's, of another table */
	add(s, s->after, 50, "/a", 500, site(s, "a.py:7 f")); /* the same, further down */
	add(s, s->after, 4, "/a", 500, site(s, "a.py:2 g"));  /* too few */
	add(s, s->after, 50, "/a", 404, site(s, "a.py:3 h")); /* no failure of the server */
	assert_int_equal(compared(s)->n_new, 0);
	sites_free(other);
}

/* Answers before whose exception is not known may have been these. */
static void what_may_have_been_there_is_not_told(void **state)
{
	struct sides *s = *state;

	add(s, s->before, 100, "/a", 200, NULL);
	add(s, s->before, 3, "/a", 500, NULL);
	add(s, s->before, 3, "/c", 500, NULL);
	add(s, s->after, 59, "/a", 500, site(s, "a.py:1 f"));
	assert_int_equal(compared(s)->n_new, 0);
	add(s, s->after, 1, "/a", 500, site(s, "a.py:1 f"));
	assert_int_equal(compared(s)->n_new, 1);
}

/* Of sums the same as of requests, and bounded. */
static void of_summaries(void **state)
{
	struct sides *s = *state;
	struct stats *st = stats_new();
	const struct comparison *c;
	char where[32];

	assert_non_null(st);
	add(s, s->before, 100, "/a", 200, NULL);
	for (unsigned i = 0; i < 300; i++) {
		struct request r = {.end = REQ_OK, .status_seen = true, .status = 500};

		snprintf(where, sizeof(where), "a.py:1 f%u", i % 20);
		r.error = i % 30 ? site(s, where) : NULL;
		r.arrived = r.read = r.received = r.head = r.done = r.ended = 5000 * MS;
		r.route = router_match(s->router, "GET", "/a", 2);
		stats_begin(st, &r);
		assert_int_equal(stats_end(st, &r), 0);
	}
	series_free(s->after);
	s->after = series_new();
	assert_int_equal(series_from_stats(s->after, st), 0);
	c = compared(s);
	assert_int_equal(c->n_new, COMPARE_MAX_NEW);
	assert_int_equal(c->news[0].count, 15);
	assert_int_equal(c->news[0].after, 300);
	stats_free(st);
}

/* What folds later takes its exceptions along. */
static void folded_routes(void **state)
{
	struct sides *s = *state;
	struct route *a, *b;

	add(s, s->before, 40, "/x", 200, NULL);
	add(s, s->after, 3, "/x", 500, site(s, "a.py:1 f"));
	add(s, s->after, 4, "/y", 500, site(s, "a.py:1 f"));
	assert_int_equal(compared(s)->n_new, 0);
	a = router_match(s->router, "GET", "/x", 2);
	b = router_match(s->router, "GET", "/y", 2);
	router_restore_fold(b, a);
	assert_int_equal(compared(s)->n_new, 1);
	assert_int_equal(s->c->news[0].count, 7);
}

static void on_paper(void **state)
{
	struct sides *s = *state;
	struct term_options o = {.columns = 80};
	struct diff d = {.before = {.source = "a.rec", .kind = "recording"},
			 .after = {.source = "b.rec", .kind = "recording"}};
	char *text = NULL;
	size_t size;
	FILE *f;

	add(s, s->before, 100, "/a", 200, NULL);
	add(s, s->after, 9, "/a", 500, site(s, "a.py:1 \033f"));
	d.comparison = compared(s);
	f = open_memstream(&text, &size);
	sink_diff_text(f, &d, &o);
	sink_diff_json(f, &d);
	fclose(f);
	assert_non_null(strstr(text, "\nnew: shop.errors.Late at a.py:1 \\x1bf: 9 of 9 requests of "
				     "GET /a (none seen in\n    100 before)\n"));
	assert_non_null(strstr(
		text, "\"new_errors\":[{\"method\":\"GET\",\"route\":\"/a\",\"status\":500,"
		      "\"type\":\"shop.errors.Late\",\"where\":\"a.py:1 \\u001bf\",\"count\":9,"
		      "\"requests\":{\"before\":100,\"after\":9},\"text\":\"new: "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_new_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_there_is_not_new, setup, teardown),
		cmocka_unit_test_setup_teardown(what_may_have_been_there_is_not_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(of_summaries, setup, teardown),
		cmocka_unit_test_setup_teardown(folded_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(on_paper, setup, teardown),
	};

	return cmocka_run_group_tests_name("compare_new", tests, NULL, NULL);
}
