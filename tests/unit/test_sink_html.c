/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The HTML page of summaries of all kinds; what holds for every page is checked in html_page.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/compare.h"
#include "html_page.h"

/* --- pages */

/* Everything that a page can have. */
static void busy_service(void **state)
{
	struct compare_row rows[2] = {0};
	struct comparison changes = {.beyond = true, .worse = true, .n_rows = 2, .rows = rows};
	static const struct summary_worker workers[] = {{4711, 1}, {4712, 1}, {4713, 0}};
	struct page *p = *state;
	struct summary *s = &p->x->s;
	struct summary_deploy deploys[] = {
		{SAMPLE_WALL + 200 * SEC, {"1.4.1", 4700, 3, 3000}, {"1.4.2", 4705, 3, 4000}, NULL},
		{SAMPLE_WALL + 450 * SEC, {"1.4.2", 4705, 3, 4000}, {NULL, 4711, 1, 2500}, NULL},
	};

	page_window(p, 600, 240);
	page_traffic(p, 600, 12000);
	rows[1] = (struct compare_row){.route = router_match(p->x->router, "GET", "/search", 7),
				       .before = 3000,
				       .after = 4000,
				       .tested = true,
				       .beyond = true,
				       .worse = true};
	rows[1].change[COMPARE_P99] = (struct change){20e6, 80e6, 1e-6, true, true};
	deploys[0].comparison = &changes;
	s->deploys = deploys;
	s->n_deploys = 2;
	s->workers = workers;
	s->n_workers = 3;
	p->x->listeners[0] = (struct summary_listener){.address = "127.0.0.1:8000",
						       .counted = true,
						       .accept_queue = 3,
						       .backlog = 128,
						       .overflows = 2};
	s->n_listeners = 1;
	s->target.python = "3.11.2";
	s->saturation.run_queue = 0.031;
	s->saturation.fds = 812;
	s->saturation.fd_limit = 1024;
	s->saturation.fd_pid = 4712;
	s->saturation.threads = 40;
	s->saturation.threads_busy = 38;
	s->tracer.events = 71234;
	s->stats->ledger.late_attached = 5;
	sample_open(p->x, NULL, 4711, 1900 * MS, PHASE_QUEUE);
	sample_open(p->x, "/export", 4712, 198 * MS, PHASE_SEND);
	page_render(p, "busy");
	page_is_alone(p);
	page_has(p, "<p class=\"state\">");
	page_has(p, "/items/{id}");
	page_has(p, "class=\"heat\"");
	page_has(p, "class=\"mark l0\" style=\"left:33.333%\"><b>1</b>");
	page_has(p, "class=\"mark l0\" style=\"left:75.000%\"><b>2</b>");
	page_has(p, "1.4.1");
	page_has(p, "version not known");
	page_has(p, "<div class=\"fail\">p99 of GET /search 20.0 -&gt; 80.0 ms (+300 %)</div>");
	page_has(p, "812 of 1,024");
	page_has(p, "38 of 40");
	page_lacks(p, "throttled"); /* not known */
	page_has(p, "Slowest requests");
	page_has(p, "Logins");
	page_has(p, "Caches");
	page_has(p, "cut off");
	page_has(p, "not read");
}

static void an_empty_recording(void **state)
{
	struct page *p = *state;

	page_window(p, 10, 240);
	page_render(p, "empty");
	page_is_alone(p);
	page_has(p, "No request in this time.");
	page_has(p, "No request ended.");
	page_lacks(p, "<svg");
	page_lacks(p, "id=\"slowest\"");
	page_lacks(p, "id=\"routes\"");
}

static void no_time_at_all(void **state)
{
	struct page *p = *state;
	struct request r = sample_request(p->x, "GET", "/one", 4711, 0, 0, 0);

	page_window(p, 0, 1);
	page_end(p, &r, SAMPLE_FROM, REQ_OK, 200);
	page_render(p, "instant");
	page_has(p, "/one");
	p->t->from = p->t->to = 0; /* before the clock's zero, as far as it goes */
	page_render(p, "instant");
}

static void without_a_timeline(void **state)
{
	struct page *p = *state;

	sample_ok(p->x, 100, "/x", 200, 5 * MS);
	page_render(p, "plain");
	page_lacks(p, "id=\"time\"");
}

static void a_single_request(void **state)
{
	struct page *p = *state;
	struct request r = sample_request(p->x, "GET", "/items/7", 4711, MS, 20 * MS, 2 * MS);

	page_window(p, 10, 240);
	page_end(p, &r, SAMPLE_FROM + 4 * SEC, REQ_OK, 200);
	page_render(p, "single");
	page_is_alone(p);
	page_has(p, "queue 1.00 ms, recv 0 ns, app 20.0 ms, send 2.00 ms");
	page_has(p, "<path class=\"h7\" d=\"M96 ");
	page_has(p, "<h2 id=\"errors\">Errors</h2>\n<p class=\"none\">None.</p>");
}

/* Other quantiles are the middle of a bucket. */
static void the_maximum_is_exact(void **state)
{
	struct page *p = *state;

	sample_ok(p->x, 1, "/x", 200, 10 * MS);
	sample_ok(p->x, 1, "/x", 200, 154900 * MS / 1000);
	page_render(p, "maximum");
	page_has(p, "max 155 ms");
	page_lacks(p, "154 ms</td><td class=\"w\">2</td>");
}

static void slow_ones_are_above_quick_ones(void **state)
{
	struct page *p = *state;
	struct request quick = sample_request(p->x, "GET", "/x", 4711, 0, MS, 0);
	struct request slow = sample_request(p->x, "GET", "/x", 4711, 0, SEC, 0);
	int x[2], y[2];

	page_window(p, 10, 10);
	page_end(p, &slow, SAMPLE_FROM, REQ_OK, 200);
	page_end(p, &quick, SAMPLE_FROM + 7 * SEC, REQ_OK, 200);
	page_render(p, "height");
	assert_int_equal(sscanf(strstr(p->text, "<path class=\"h7\""),
				"<path class=\"h7\" d=\"M%d %dh1v1h-1zM%d %dh1", &x[0], &y[0],
				&x[1], &y[1]),
			 4);
	assert_int_equal(x[0], 7); /* from the lowest row up */
	assert_int_equal(x[1], 1);
	assert_true(y[0] > y[1]);
	assert_int_equal(y[1], 0);
}

static void one_column(void **state)
{
	struct page *p = *state;

	page_window(p, 10, 1);
	page_traffic(p, 10, 500);
	page_render(p, "column");
	page_is_alone(p);
}

/* A phase that nobody measured is not there, and what it leaves open is drawn as such. */
static void what_is_not_known_is_not_zero(void **state)
{
	struct page *p = *state;
	struct request r = sample_request(p->x, "GET", "/x", 4711, MS, 20 * MS, 2 * MS);

	page_window(p, 10, 10);
	r.read = 0;
	page_move(&r, SAMPLE_FROM + SEC);
	r.read = 0;
	sample_end(p->x, &r, REQ_OK, 200);
	assert_int_equal(timeline_add(p->t, &r), 0);
	page_render(p, "undivided");
	page_has(p, "send 2.00 ms, not divided 21.0 ms");
	page_lacks(p, "queue 0 ns");
	page_lacks(p, "Listening</h3></div>");
	p->x->s.n_listeners = 1;
	page_render(p, "undivided");
	page_has(p, "127.0.0.1:8000</bdi></th><td>-</td><td>-</td><td>-</td>");
}

/* Whatever the clock and the length are, an axis has a few ticks. */
static void axes_of_all_lengths(void **state)
{
	static const uint64_t spans[] = {
		1,	  1000,	      1 * MS,	   900 * MS,	 7 * SEC,
		61 * SEC, 3599 * SEC, 86401 * SEC, 864000 * SEC, 40000000 * SEC};
	struct page *p = *state;
	const char *text;
	unsigned ticks;

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		struct request r = sample_request(p->x, "GET", "/x", 4711, 10, 10, 10);

		timeline_free(p->t);
		p->t = timeline_new(SAMPLE_FROM, SAMPLE_FROM + spans[i], 240);
		assert_non_null(p->t);
		r.ended = r.done = r.head = r.arrived;
		page_end(p, &r, SAMPLE_FROM, REQ_OK, 200);
		text = strstr(page_render(p, "axis"), "y=\"14\">UTC");
		assert_non_null(text);
		text = strstr(text, "<svg class=\"x\"");
		for (ticks = 0; strncmp(text, "</svg>", 6); text++)
			ticks += !strncmp(text, "<text", 5);
		assert_in_range(ticks, i < 2 ? 0 : 1, 9);
	}
}

/* Durations from 1 ns to centuries: bars stay inside of their boxes. */
static void latencies_of_all_sizes(void **state)
{
	struct page *p = *state;
	struct request r;

	page_window(p, 10, 30);
	for (unsigned bit = 0; bit < 60; bit++) {
		r = sample_request(p->x, "GET", "/wide", 4711, 0, UINT64_C(1) << bit, 0);
		r.ended = SAMPLE_FROM + bit * SEC / 6;
		sample_end(p->x, &r, REQ_OK, 200);
		r.ended = SAMPLE_FROM + bit * SEC / 6;
		assert_int_equal(timeline_add(p->t, &r), 0);
	}
	page_render(p, "wide");
	page_lacks(p, "V-");
	page_is_alone(p);
}

static void durations_of_zero_are_counted_though_not_drawn(void **state)
{
	struct page *p = *state;
	struct request r = sample_request(p->x, "GET", "/zero", 4711, 0, 0, 0);

	page_window(p, 10, 30);
	page_end(p, &r, SAMPLE_FROM + SEC, REQ_OK, 200);
	page_render(p, "zero");
	page_has(p, "no duration above 0");
}

/* --- hostile bytes */

static const char *const hostile[] = {
	"/<script>alert(1)</script>",
	"/\"><svg onload=alert(1)>",
	"/'onmouseover='x'",
	"/&lt;b&gt;&amp;",
	"/]]></title></style></svg><b>",
	"/\xff\xfe\x80 broken \xc3",
	"/\033[2J\007\r\n\t",
	"/\xe2\x80\xae gnp.exe \xe2\x81\xa6",
	"/\xe2\x80\xa8line",
	"/\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
};

static void hostile_paths(struct page *p)
{
	static char longest[HTTP1_PATH_MAX];

	memset(longest, '<', sizeof(longest) - 1);
	longest[0] = '/';
	for (size_t i = 0; i <= sizeof(hostile) / sizeof(*hostile); i++) {
		const char *path = i < sizeof(hostile) / sizeof(*hostile) ? hostile[i] : longest;
		struct request r = sample_request(p->x, "GET", path, 4711, MS, MS, MS);

		page_end(p, &r, SAMPLE_FROM + i * MS, REQ_OK, i % 2 ? 500 : 404);
		sample_open(p->x, path, 4711, (20 - i) * MS, PHASE_APP);
	}
}

static void nothing_from_outside_becomes_markup(void **state)
{
	struct page *p = *state;
	struct summary *s = &p->x->s;
	struct summary_deploy deploy = {
		.at_wall_ns = SAMPLE_WALL + SEC,
		.before.version = "<b onload=1>\xe2\x80\xae",
		.after.version = "\"\033[1m",
	};

	page_window(p, 10, 100);
	assert_int_equal(router_add(p->x->router, "GET", "/<i>{x}", "<u>.py:1 \"f\"", NULL), 0);
	hostile_paths(p);
	sample_ok(p->x, 1, "/<i>7", 200, MS);
	s->target.name = "<script>uvicorn</script>\"'\033";
	s->host.name = "<h1>&";
	s->host.kernel = "\"></title>";
	s->target.server = s->target.python = "</style>\xff";
	snprintf(p->x->listeners[0].address, sizeof(p->x->listeners[0].address),
		 "unix:/<b>\xff\"'");
	p->x->features[0] = (struct summary_feature){"<f>", "off: </p>\"\n"};
	s->deploys = &deploy;
	s->n_deploys = 1;
	page_render(p, "hostile");
	page_lacks(p, "<script");
	page_lacks(p, "<b onload");
	page_lacks(p, "\"><svg onload");
	page_lacks(p, "<h1>&<");
	page_has(p, "&lt;script&gt;alert(1)&lt;/script&gt;");
	page_has(p, "&quot;&gt;&lt;svg onload=alert(1)&gt;");
	page_has(p, "&amp;lt;b&amp;gt;");
	page_has(p, "\\xff\\xfe\\x80");
	page_has(p, "\\x1b[2J");
	page_has(p, "&lt;u&gt;.py:1 &quot;f&quot;");
}

/* --- bounds */

#define QUOTES 240 /* of which each takes six bytes in the page */

/* A request of route i, its durations anywhere in twenty-four octaves. */
static void any_request(struct page *p, unsigned i, unsigned k)
{
	uint64_t time = (UINT64_C(1) << (10 + random_below(&p->random, 24))) *
			(4 + random_below(&p->random, 5)) / 4;
	char path[QUOTES];
	struct request r;

	memset(path, '"', sizeof(path));
	snprintf(path, sizeof(path), "/r%c%c", 'a' + i % 26, 'a' + i / 26);
	path[4] = '/';
	path[sizeof(path) - 1] = '\0';
	if (!k)
		assert_int_equal(router_add(p->x->router, "GET", path, path, NULL), 0);
	r = sample_request(p->x, "GET", path, 4000 + i, time / 2, time, time / 3);
	r.http.flags |= HTTP1_F_AUTH * (k % 2);
	r.cache = (uint8_t)(k % CACHE_KINDS);
	page_end(p, &r, SAMPLE_FROM + random_below(&p->random, 580000) * MS, REQ_OK,
		 k < 40 ? 400 + (i * 7 + k * 5) % 200 : 200);
}

/* More of everything than there is room for, each as long as it can be. */
static void the_page_stays_bounded(void **state)
{
	struct page *p = *state;
	char quotes[QUOTES];

	memset(quotes, '"', sizeof(quotes) - 1);
	quotes[sizeof(quotes) - 1] = '\0';
	router_free(p->x->router);
	p->x->router = router_new(2000);
	page_window(p, 600, TIMELINE_COLUMNS);
	for (unsigned i = 0; i < 500; i++)
		for (unsigned k = 0; k < 100; k++)
			any_request(p, i, k);
	for (unsigned i = 0; i < SUMMARY_MAX_OPEN; i++)
		sample_open(p->x, quotes, 4711, (200 - i) * MS, PHASE_APP);
	p->x->s.target.name = p->x->s.host.name = quotes;
	page_render(p, "bounded");
	page_has(p, "and 450 more routes together");
	page_has(p, "more workers");
	page_has(p, "and 80 more open requests");
	assert_true(p->len > HTML_MAX / 2); /* or the test would be about something else */
	printf("a page of %zu bytes\n", p->len);
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* What the rows show adds up to what there was. */
static void the_rest_is_summed(void **state)
{
	struct page *p = *state;
	char path[32];

	router_free(p->x->router);
	p->x->router = router_new(256);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(path, sizeof(path), "/r%c%c", 'a' + i % 26, 'a' + i / 26);
		assert_int_equal(router_add(p->x->router, "GET", path, NULL, NULL), 0);
		sample_ok(p->x, i < 10 ? 2 : 1, path, i < 10 ? 503 : 200, i < 10 ? MS : 10 * MS);
	}
	page_render(p, "rest");
	assert_int_equal(count_of(p->text, "<details>"), 50);
	page_has(p, "and 10 more routes together");
	page_has(p, "<td class=\"w\">20</td><td class=\"w\">2/s</td>");
	page_has(p, "<td class=\"fail\">20</td>");
}

static void every_verdict_has_its_colour(void **state)
{
	struct page *p = *state;
	struct html_report r = {.summary = &p->x->s};
	char want[64];

	for (int v = 0; v < VERDICTS; v++) {
		FILE *f;

		free(p->text);
		f = open_memstream(&p->text, &p->len);
		p->x->s.verdict.state = v;
		sink_html(f, &r);
		fclose(f);
		snprintf(want, sizeof(want), "verdict v-%s\"", verdict_name(v));
		page_has(p, want);
		snprintf(want, sizeof(want), ".v-%s", verdict_name(v));
		page_has(p, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(busy_service, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(an_empty_recording, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(no_time_at_all, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(without_a_timeline, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(a_single_request, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(the_maximum_is_exact, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(slow_ones_are_above_quick_ones, page_setup,
						page_teardown),
		cmocka_unit_test_setup_teardown(one_column, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_known_is_not_zero, page_setup,
						page_teardown),
		cmocka_unit_test_setup_teardown(axes_of_all_lengths, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(latencies_of_all_sizes, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(durations_of_zero_are_counted_though_not_drawn,
						page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(nothing_from_outside_becomes_markup, page_setup,
						page_teardown),
		cmocka_unit_test_setup_teardown(the_page_stays_bounded, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(the_rest_is_summed, page_setup, page_teardown),
		cmocka_unit_test_setup_teardown(every_verdict_has_its_colour, page_setup,
						page_teardown),
	};

	return cmocka_run_group_tests_name("sink_html", tests, NULL, NULL);
}
