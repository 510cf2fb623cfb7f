/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_sink_told.c - what the interpreter told, on the screen of the summary and in the lines of a
 * trace: which first, in which words, and nothing where there is nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/escape.h"
#include "../../user/sink/log.h"
#include "../../user/sink/sink.h"
#include "../../user/sink/told.h"
#include "sample.h"

struct told {
	struct sample *x;
	struct sites *sites;
};

static int setup(void **state)
{
	static struct told t;

	t = (struct told){.x = sample_new(), .sites = sites_new()};
	assert_non_null(t.sites);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct told *t = *state;

	sample_free(t->x);
	sites_free(t->sites);
	return 0;
}

static const struct site *site(struct told *t, const char *type, const char *where,
			       const char *detail)
{
	const struct site *s = sites_get(t->sites, type, where, detail);

	assert_non_null(s);
	return s;
}

static void failed(struct told *t, unsigned n, const char *path, unsigned status,
		   const struct site *error)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(t->x, "GET", path, 4711, 1000, MS, 1000);

		r.error = error;
		sample_end(t->x, &r, REQ_OK, status);
	}
}

static void stalled(struct told *t, const struct site *s, uint64_t ns, const char *path)
{
	struct stall stall = {
		.start = SAMPLE_FROM, .end = SAMPLE_FROM + ns, .pid = 4711, .tid = 4711, .site = s};

	if (path)
		stall.route = router_match(t->x->router, "GET", path, strlen(path));
	assert_int_equal(stats_stall(t->x->s.stats, &stall), 0);
}

static char *render(struct told *t, struct term_options o)
{
	struct verdict_rules rules;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	verdict_rules_default(&rules);
	verdict_decide(&t->x->s, &rules);
	sink_summary_text(f, &t->x->s, &o);
	fclose(f);
	return text;
}

static char *render_at(struct told *t, unsigned columns)
{
	return render(t, (struct term_options){.columns = columns, .utf8 = true});
}

static void assert_has(const char *text, const char *line)
{
	char whole[600];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no line\n%s\nin\n%s", line, text);
}

static void assert_lacks(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("%s in\n%s", what, text);
}

/* --- the summary */

static void nothing_is_nothing(void **state)
{
	struct told *t = *state;
	char *text;

	sample_ok(t->x, 10, "/a", 200, MS);
	sample_open(t->x, "/b", 4711, MS, PHASE_APP);
	text = render_at(t, 80);
	assert_lacks(text, "exceptions");
	assert_lacks(text, "event loop");
	assert_lacks(text, "loop ");
	assert_lacks(text, "held up");
	assert_lacks(text, "waiting");
	free(text);
}

static void exceptions_server_errors_first(void **state)
{
	struct told *t = *state;
	char *text;

	failed(t, 90, "/items/1", 404,
	       site(t, "starlette.exceptions.HTTPException", "shop/items.py:8 item", ""));
	failed(t, 3, "/orders", 500, site(t, "ValueError", "shop/orders.py:31 get_order", ""));
	failed(t, 7, "/import", 502,
	       site(t, "json.decoder.JSONDecodeError", "json/decoder.py:355 raw_decode",
		    "shop/imports.py:12 load"));
	for (int i = 0; i < 4; i++)
		assert_int_equal(stats_background(t->x->s.stats,
						  site(t, "KeyError", "shop/jobs.py:5 tick", "")),
				 0);
	text = render_at(t, 80);
	assert_has(
		text,
		"exceptions                                                          code   count\n"
		"JSONDecodeError in shop/imports.py:12 load   GET  /import            502       7\n"
		"ValueError at shop/orders.py:31 get_order    GET  /orders            500       3\n"
		"KeyError at shop/jobs.py:5 tick                                        -       4\n"
		"HTTPException at shop/items.py:8 item        GET  /items/{id}        404      90");
	free(text);
	text = render_at(t, 140);
	assert_non_null(strstr(text,
			       "json.decoder.JSONDecodeError at json/decoder.py:355 raw_decode, in "
			       "shop/imports.py:12 load   GET  /import"));
	free(text);
}

/* Of one place by two routes there are two rows; of what found no room it is said. */
static void exceptions_beyond_the_table(void **state)
{
	struct told *t = *state;
	char where[32], *text;

	for (unsigned i = 0; i < STATS_MAX_ERRORS + 5; i++) {
		snprintf(where, sizeof(where), "a.py:%u f", i);
		failed(t, 2, "/a", 500, site(t, "E", where, ""));
	}
	failed(t, 3, "/b", 500, site(t, "E", "a.py:1 f", ""));
	text = render_at(t, 80);
	assert_has(
		text,
		"E at a.py:1 f    GET  /b                                             500       3");
	assert_has(text, "... and 25 more, and 10 elsewhere");
	free(text);
}

static void a_loop_at_rest(void **state)
{
	struct told *t = *state;
	struct loop_time time = {.watched = 10 * SEC, .busy = 2 * SEC};
	char *text;

	sample_ok(t->x, 10, "/a", 200, MS);
	stats_loop(t->x->s.stats, &time);
	text = render_at(t, 80);
	assert_has(text, "loop      busy 20 %");
	assert_lacks(text, "event loop");
	free(text);
}

static void a_loop_held_up(void **state)
{
	struct told *t = *state;
	struct loop_time time = {.watched = 10 * SEC,
				 .busy = 6300 * MS,
				 .gil = 200 * MS,
				 .gil_known = true,
				 .gc = 100 * MS,
				 .gc_known = true};
	const struct site *render_site = site(t, "cpu", "shop/report.py:31 render", "");
	struct request r = sample_request(t->x, "GET", "/fast", 4711, 500 * MS, MS, 0);
	char *text;

	sample_ok(t->x, 10, "/a", 200, MS);
	r.stall.site = render_site;
	r.stall.ns = 400 * MS;
	sample_end(t->x, &r, REQ_OK, 200);
	stats_loop(t->x->s.stats, &time);
	stalled(t, render_site, 300 * MS, "/report");
	stalled(t, render_site, 840 * MS, "/report");
	stalled(t, site(t, "syscall", "shop/mail.py:9 send", "recvfrom"), 200 * MS, NULL);
	stalled(t, site(t, "gil", "", "shop/thumbs.py:5 scale"), 150 * MS, NULL);
	stalled(t, site(t, "unknown", "", ""), 120 * MS, NULL);
	t->x->s.held = site(t, "syscall", "shop/mail.py:9 send", "recvfrom");
	t->x->s.held_ns = 4200 * MS;
	text = render_at(t, 110);
	assert_has(text,
		   "held up   4.20 s so far, by shop/mail.py:9 send (in the system call recvfrom)");
	assert_has(text, "loop      busy 63 %   5 stalls, longest 840 ms   1 request waited 400 ms "
			 "  waiting for the GIL 2 %");
	free(text);
	text = render_at(t, 80);
	assert_has(
		text,
		"event loop held up by                                     times  longest  waited\n"
		"shop/report.py:31 render (on CPU)   GET  /report              2   840 ms       1\n"
		"shop/mail.py:9 send (in the system call recvfrom)             1   200 ms       0\n"
		"waiting for the GIL, held by shop/thumbs.py:5 scale           1   150 ms       0\n"
		"an unknown place                                              1   120 ms       0");
	free(text);
}

static void where_they_wait(void **state)
{
	struct told *t = *state;
	const struct summary_wait waits[] = {
		{.count = 37, .where = "shop/db.py:88 get_conn", .on = "asyncpg Pool.acquire"},
		{.count = 3, .threads = true, .where = "shop/thumbs.py:5 scale", .on = ""}};
	char *text;

	sample_open(t->x, "/orders/7", 4711, 4 * SEC, PHASE_APP);
	t->x->open[0].where = "shop/db.py:88 get_conn";
	t->x->s.waits = waits;
	t->x->s.n_waits = 2;
	text = render_at(t, 80);
	assert_has(text,
		   "            4.00 s  app       4711  GET  /orders/7   shop/db.py:88 get_conn");
	assert_has(
		text,
		"waiting in                                                                 count\n"
		"shop/db.py:88 get_conn on asyncpg Pool.acquire                     tasks      37\n"
		"shop/thumbs.py:5 scale                                           threads       3");
	free(text);
	t->x->open[0].where = "shop/a/long/folder/db.py:88 get_conn";
	text = render_at(t, 70);
	assert_has(text, "            4.00 s  app       4711  GET  /orders/7   db.py:88 get_conn");
	free(text);
}

/* Hostile words on every width and in every number of lines. */
static void hostile_words(void **state)
{
	static const char evil[] = "\033[2J\xe2\x80\xae/\xff\n:1 \r<script>\x7f";
	struct told *t = *state;
	const struct summary_wait wait = {.count = 1, .where = evil, .on = evil};
	const struct site *s = site(t, evil, evil, evil);

	failed(t, 3, "/a", 500, s);
	stalled(t, s, SEC, "/a");
	stats_background(t->x->s.stats, s);
	sample_open(t->x, "/b", 4711, 4 * SEC, PHASE_APP);
	t->x->open[0].where = evil;
	t->x->s.held = s;
	t->x->s.waits = &wait;
	t->x->s.n_waits = 1;
	for (unsigned columns = 20; columns < 200; columns += 7)
		for (unsigned lines = 0; lines < 60; lines += 6) {
			char *text = render(t, (struct term_options){.columns = columns,
								     .lines = lines,
								     .utf8 = true});
			unsigned n = 0;

			for (const char *p = text, *end; *p; p = end + 1, n++) {
				end = strchr(p, '\n');
				assert_non_null(end);
				for (const char *q = p; q < end;) {
					size_t len = utf8_length((const unsigned char *)q,
								 (size_t)(end - q));

					assert_true(len && !utf8_is_control(
								   (const unsigned char *)q, len));
					q += len;
				}
			}
			assert_true(!lines || n <= lines);
			free(text);
		}
}

/* --- lines */

static struct request answered(struct told *t, unsigned status)
{
	struct request r = sample_request(t->x, "GET", "/orders/17", 4711, 100, 12 * MS, 200);

	r.end = REQ_OK;
	r.status = (uint16_t)status;
	r.status_seen = true;
	return r;
}

static char *line(const struct request *r, const char *where, unsigned columns)
{
	struct trace_context c = {
		.host = "h", .target = "t", .now = SAMPLE_FROM + 10 * SEC, .where = where};
	struct term_options o = {.columns = columns, .utf8 = true};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	if (columns)
		sink_trace_text(f, &c, r, &o);
	else
		sink_trace_json(f, &c, r);
	fclose(f);
	return text;
}

static void assert_line(const struct request *r, const char *where, unsigned columns,
			const char *wanted)
{
	char *text = line(r, where, columns);

	if (!strstr(text, wanted))
		fail_msg("no %s in %s", wanted, text);
	free(text);
}

static void a_line_names_the_exception(void **state)
{
	struct told *t = *state;
	struct request r = answered(t, 500);

	r.error = site(t, "shop.errors.Late", "lib/x.py:5 run", "shop/orders.py:31 get_order");
	assert_line(&r, NULL, 0,
		    "\"error_type\":\"shop.errors.Late\",\"error_where\":\"lib/x.py:5 run\","
		    "\"error_app\":\"shop/orders.py:31 get_order\"");
	assert_line(&r, NULL, 80, "  GET  /orders/17  Late\n");
	assert_line(&r, NULL, 110, "  GET  /orders/17  Late orders.py:31\n");
	assert_line(&r, NULL, 140, "  GET  /orders/17  Late orders.py:31\n");
	assert_line(&r, NULL, 250,
		    "GET  /orders/17  shop.errors.Late at lib/x.py:5 run, in shop/orders.py:31 "
		    "get_order\n");
	r.error = site(t, "ValueError", "", "");
	assert_line(&r, NULL, 80, "GET  /orders/17  ValueError\n");
	r.error = NULL;
	assert_line(&r, NULL, 250, "GET  /orders/17\n");
}

static void a_line_names_what_it_waited_for(void **state)
{
	struct told *t = *state;
	struct request r = answered(t, 200);
	char *text = line(&r, "ended.py:1 f", 0);

	assert_lacks(text, "stall");
	assert_lacks(text, "gil_wait");
	assert_lacks(text, "\"gc\"");
	assert_lacks(text, "where");
	free(text);
	r.stall.site = site(t, "cpu", "shop/report.py:31 render", "");
	r.stall.ns = 10 * MS;
	r.gil_wait = 1500000;
	r.gc = 2 * MS;
	assert_line(
		&r, NULL, 0,
		"\"stall\":10,\"stall_where\":\"shop/report.py:31 render\",\"stall_kind\":\"cpu\","
		"\"gil_wait\":1.5,\"gc\":2");
	assert_line(&r, NULL, 180, "behind report.py:31 render\n");
	r.stall.ns = MS; /* not what took its time */
	assert_line(&r, NULL, 180, "GET  /orders/17\n");
}

static void a_line_says_where_it_hangs(void **state)
{
	struct told *t = *state;
	struct request *r = sample_open(t->x, "/hang", 4711, 4 * SEC, PHASE_APP);

	assert_line(r, "shop/db.py:88 get, on Pool.acquire", 0,
		    "\"where\":\"shop/db.py:88 get, on Pool.acquire\"");
	assert_line(r, "shop/db.py:88 get", 130,
		    "GET  /hang  open in app for 4.00 s  shop/db.py:88 get\n");
	assert_line(r, "shop/db.py:88 get", 106, "GET  /hang  4.00 s in app  db.py:88 get\n");
	assert_line(r, NULL, 102, "GET  /hang  open in app for 4.00 s\n");
}

static void the_log_says_it_in_words(void **state)
{
	struct told *t = *state;
	struct request r = answered(t, 500);
	char words[LOG_WORDS_MAX];

	r.error = site(t, "ValueError", "a.py:1 f\033", "");
	log_words_request(words, sizeof(words), &r, r.ended);
	assert_string_equal(words, "GET /orders/17 500 in 12.0 ms: ValueError at a.py:1 f\\x1b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(exceptions_server_errors_first, setup, teardown),
		cmocka_unit_test_setup_teardown(exceptions_beyond_the_table, setup, teardown),
		cmocka_unit_test_setup_teardown(a_loop_at_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(a_loop_held_up, setup, teardown),
		cmocka_unit_test_setup_teardown(where_they_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_words, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_names_the_exception, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_names_what_it_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_says_where_it_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(the_log_says_it_in_words, setup, teardown),
	};

	return cmocka_run_group_tests_name("sink_told", tests, NULL, NULL);
}
