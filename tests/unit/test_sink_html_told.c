/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_sink_html_told.c - exceptions, stalls and waits on the HTML page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "html_page.h"

static void failed(struct page *p, const char *path, unsigned status, const struct site *error)
{
	struct request r = sample_request(p->x, "GET", path, 4711, 1000, MS, 1000);

	r.error = error;
	sample_end(p->x, &r, REQ_OK, status);
}

static void stalled(struct page *p, const struct site *s, uint64_t ns)
{
	struct stall stall = {.start = SAMPLE_FROM, .end = SAMPLE_FROM + ns, .site = s};

	stall.route = router_match(p->x->router, "GET", "/report", 7);
	assert_int_equal(stats_stall(p->x->s.stats, &stall), 0);
}

static void nothing_is_nothing(void **state)
{
	struct page *p = *state;

	sample_ok(p->x, 3, "/a", 200, MS);
	page_render(p, "told-nothing");
	page_lacks(p, "Exceptions");
	page_lacks(p, "Event loop");
	page_lacks(p, "Waiting in the application");
}

static void exceptions(void **state)
{
	struct page *p = *state;
	struct sites *s = p->x->sites;

	failed(p, "/orders", 500, sites_get(s, "ValueError", "shop/orders.py:31 get_order", ""));
	failed(p, "/import", 422,
	       sites_get(s, "json.JSONDecodeError", "json/decoder.py:355 raw",
			 "shop/imports.py:12 load"));
	stats_background(p->x->s.stats, sites_get(s, "KeyError", "shop/jobs.py:5 tick", ""));
	page_render(p, "told-exceptions");
	page_has(p, "<tr><td class=\"name fail\">500</td><td>1</td><td "
		    "class=\"req\"><b><bdi>ValueError</bdi></b> at "
		    "<bdi class=\"path\">shop/orders.py:31 get_order</bdi><div class=\"dim\"><b "
		    "class=\"m\">GET</b> "
		    "<bdi class=\"path\">/orders</bdi></div></td></tr>\n"
		    "<tr><td class=\"name fail\">background</td><td>1</td><td "
		    "class=\"req\"><b><bdi>KeyError</bdi></b> at "
		    "<bdi class=\"path\">shop/jobs.py:5 tick</bdi></td></tr>\n"
		    "<tr><td class=\"name warn\">422</td><td>1</td>");
	page_has(p, "at <bdi class=\"path\">json/decoder.py:355 raw</bdi>, in <bdi "
		    "class=\"path\">shop/imports.py:12 "
		    "load</bdi>");
}

/* They are no request's, so no request need have failed. */
static void only_in_the_background(void **state)
{
	struct page *p = *state;

	sample_ok(p->x, 3, "/a", 200, MS);
	stats_background(p->x->s.stats, sites_get(p->x->sites, "KeyError", "", ""));
	page_render(p, "told-background");
	page_has(p, "<p class=\"none\">None.</p>\n<h3 id=\"exceptions\">");
	page_has(p, "<b><bdi>KeyError</bdi></b></td></tr>");
}

static void the_event_loop(void **state)
{
	struct page *p = *state;
	struct sites *s = p->x->sites;
	struct loop_time time = {.watched = 10 * SEC, .busy = 6 * SEC};
	const struct site *render = sites_get(s, "cpu", "shop/report.py:31 render", "");
	struct request r = sample_request(p->x, "GET", "/a", 4711, 500 * MS, MS, 0);

	stats_loop(p->x->s.stats, &time);
	page_render(p, "told-loop-at-rest");
	page_has(p, "<b>60 %</b> of the time busy");
	page_has(p, "It was never held up for long.");
	page_lacks(p, "GIL");
	r.stall.site = render;
	r.stall.ns = 400 * MS;
	sample_end(p->x, &r, REQ_OK, 200);
	stalled(p, render, 300 * MS);
	stalled(p, render, 840 * MS);
	stalled(p, sites_get(s, "gil", "", "shop/thumbs.py:5 scale"), 150 * MS);
	p->x->s.held = render;
	p->x->s.held_ns = 4200 * MS;
	page_render(p, "told-loop");
	page_has(p, "Held up at the end, for 4.20 s so far, by <bdi "
		    "class=\"path\">shop/report.py:31 render (on CPU)");
	page_has(p, "<tr><td>2</td><td>840 ms</td><td class=\"w\">1.14 s</td><td>1</td><td "
		    "class=\"w\">400 ms</td>"
		    "<td class=\"req\"><bdi class=\"path\">shop/report.py:31 render</bdi> <span "
		    "class=\"dim\">on CPU</span>"
		    "<div class=\"dim\"><b class=\"m\">GET</b> <bdi "
		    "class=\"path\">/report</bdi></div></td></tr>");
	page_has(p, "<td>0</td><td class=\"w\">-</td><td class=\"req\"><i>place not known</i> "
		    "<span class=\"dim\">waiting "
		    "for the GIL, held by shop/thumbs.py:5 scale</span>");
	page_lacks(p, "never held up");
}

static void where_they_wait(void **state)
{
	struct page *p = *state;
	const struct summary_wait waits[] = {
		{.count = 37, .where = "shop/db.py:88 get_conn", .on = "Pool.acquire"},
		{.count = 2, .threads = true, .where = "b.py:2 g", .on = ""}};

	p->x->s.waits = waits;
	p->x->s.n_waits = 2;
	page_render(p, "told-waits-alone");
	page_has(p, "<tr><td>37</td><td class=\"name\">tasks</td><td class=\"req\"><bdi "
		    "class=\"path\">shop/db.py:88 "
		    "get_conn</bdi> on <bdi class=\"path\">Pool.acquire</bdi></td></tr>\n"
		    "<tr><td>2</td><td class=\"name\">threads</td><td class=\"req\"><bdi "
		    "class=\"path\">b.py:2 g</bdi></td>");
	page_lacks(p, "the oldest first");
	sample_open(p->x, "/hang", 4711, 4 * SEC, PHASE_APP);
	p->x->open[0].where = "shop/db.py:88 get_conn";
	page_render(p, "told-waits");
	page_has(p, "<bdi class=\"path\">/hang</bdi><div class=\"dim\">in <bdi "
		    "class=\"path\">shop/db.py:88 get_conn</bdi>");
}

static void nothing_from_outside_becomes_markup(void **state)
{
	static const char evil[] =
		"</td><script>alert(1)</script>\033[2J\xe2\x80\xae\xff\"' onload=x";
	struct page *p = *state;
	const struct site *s = sites_get(p->x->sites, evil, evil, evil);
	const struct summary_wait wait = {.count = 1, .where = evil, .on = evil};

	failed(p, "/a", 500, s);
	stalled(p, s, SEC);
	stats_background(p->x->s.stats, s);
	p->x->s.held = s;
	p->x->s.waits = &wait;
	p->x->s.n_waits = 1;
	sample_open(p->x, "/hang", 4711, 4 * SEC, PHASE_APP);
	p->x->open[0].where = evil;
	page_render(p, "told-evil");
	page_lacks(p, "<script");
	page_lacks(p, "\" onload");
	page_has(p, "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J");
}

/* As many as can be counted, all of the longest words. */
static void the_page_stays_bounded(void **state)
{
	struct page *p = *state;
	char where[SITE_TEXT_MAX + 1];

	memset(where, '<', sizeof(where) - 1);
	where[sizeof(where) - 1] = '\0';
	for (unsigned i = 0; i < 900; i++) {
		const struct site *s;

		memcpy(where,
		       (char[]){(char)('a' + i % 26), (char)('a' + i / 26 % 26),
				(char)('a' + i / 676)},
		       3);
		s = sites_get(p->x->sites, where, where, where);
		failed(p, i % 3 ? "/a" : "/b", 500, s);
		stalled(p, s, SEC);
		stats_background(p->x->s.stats, s);
	}
	page_render(p, "told-many");
	assert_true(p->len < 1 << 20);
	page_has(p, "more exceptions elsewhere");
	page_has(p, "more stalls elsewhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_nothing, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(exceptions, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(only_in_the_background, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(the_event_loop, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(where_they_wait, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(nothing_from_outside_becomes_markup, page_setup,
						page_teardown),
		cmocka_unit_test_setup_teardown(the_page_stays_bounded, page_setup, page_teardown),
	};

	return cmocka_run_group_tests_name("sink_html_told", tests, NULL, NULL);
}
