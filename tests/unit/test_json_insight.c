// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_json_insight.c - what the interpreter tells, in a summary's JSON: how it is written, what is
 * refused when it is read, how it merges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/merge.h"
#include "../../user/core/summary_read.h"
#include "../../user/sink/sink.h"
#include "sample.h"

static int setup(void **state)
{
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

static char *text_of(struct sample *x)
{
	struct verdict_rules rules;

	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	return sample_json(x);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in %s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("%s is in %s", part, text);
}

static void assert_written(struct sample *x, const char *part)
{
	char *text = text_of(x);

	assert_has(text, part);
	free(text);
}

/* --- how it is written */

static void nothing_is_known(void **state)
{
	char *text = text_of(*state);

	assert_has(text, "\"errors\":[],\"background_errors\":[],\"open\"");
	assert_has(text, "\"saturation\":{},\"loop\":{\"stalls\":[]},\"waits\":[],");
	assert_lacks(text, "_other");
	free(text);
}

static void errors_are_told_by_route(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/lib", 4711, 0, MS, 0);
	char *text;

	r.error = sites_get(x->sites, "shop.Gone", "lib/x.py:9 f", "shop/a.py:31 get");
	sample_end(x, &r, REQ_OK, 404);
	sample_failed(x, 2, "/a", "a.py:1 f");
	sample_failed(x, 3, "/a", "");
	text = text_of(x);
	assert_has(text,
		   "\"errors\":[{\"status\":500,\"type\":\"ValueError\",\"count\":3},"
		   "{\"status\":500,\"type\":\"ValueError\",\"where\":\"a.py:1 f\",\"count\":2}]}");
	assert_has(text, "\"errors\":[{\"status\":500,\"method\":\"GET\",\"route\":\"/a\",\"type\":"
			 "\"ValueError\",\"count\":3},");
	assert_has(text,
		   "{\"status\":404,\"method\":\"GET\",\"route\":\"/lib\",\"type\":\"shop.Gone\","
		   "\"where\":\"lib/x.py:9 f\",\"app\":\"shop/a.py:31 get\",\"count\":1}]");
	free(text);
}

static void the_list_of_all_is_cut(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/none", 4711, 0, MS, 0);
	const char *list, *at;
	unsigned n = 0;
	char *text;

	for (unsigned i = 0; i < 60; i++) {
		char path[20], where[40];

		snprintf(path, sizeof(path), "/p%c", 'a' + (int)(i % 3));
		snprintf(where, sizeof(where), "a.py:%u f", i);
		sample_failed(x, 2, path, where);
	}
	r.error = sites_get(x->sites, "E", "last.py:1 f", ""); /* no route, and the fewest */
	r.route = NULL;
	sample_end(x, &r, REQ_OK, 500);
	text = text_of(x);
	list = strstr(text, "\"errors\":[{\"status\":500,\"method\"");
	assert_non_null(list);
	for (at = list; (at = strstr(at, "\"method\"")) && at < strstr(list, "]"); at++)
		n++;
	assert_int_equal(n, 50);
	assert_has(list, "{\"status\":500,\"type\":\"E\",\"where\":\"last.py:1 f\",\"count\":1}],"
			 "\"errors_other\":20,\"background_errors\"");
	free(text);
}

static void background_errors(void **state)
{
	struct sample *x = *state;

	stats_background(x->s.stats, sites_get(x->sites, "E", "b.py:2 g", ""));
	stats_background(x->s.stats, sites_get(x->sites, "E", "b.py:2 g", ""));
	assert_written(
		x, "\"background_errors\":[{\"type\":\"E\",\"where\":\"b.py:2 g\",\"count\":2}]");
}

static void the_loop(void **state)
{
	struct sample *x = *state;
	struct loop_time t = {.watched = 10 * SEC, .gil_known = true, .gil = SEC, .gil_waits = 7};

	sample_stalls(x, 3, "syscall", "shop/r.py:31 render", "recvfrom", 400 * MS);
	stats_loop(x->s.stats, &t);
	assert_written(x,
		       "\"loop\":{\"busy\":0.06,\"watched\":20000,\"busy_time\":1200,\"stalls\":["
		       "{\"count\":3,\"max\":400,\"total\":1200,\"where\":\"shop/r.py:31 render\","
		       "\"kind\":\"syscall\",\"detail\":\"recvfrom\",\"victims\":3,"
		       "\"waited\":600}]},");
	stats_reset(x->s.stats, SAMPLE_FROM);
	stats_loop(x->s.stats, &t);
	x->s.held = sites_get(x->sites, "cpu", "a.py:3 f", "");
	x->s.held_ns = 4200 * MS;
	assert_written(x,
		       "\"saturation\":{\"gil_wait\":0.1},\"loop\":{\"busy\":0,\"watched\":10000,"
		       "\"busy_time\":0,\"gil_wait\":1000,\"gil_waits\":7,\"held\":{\"where\":"
		       "\"a.py:3 f\",\"kind\":\"cpu\",\"age\":4200},\"stalls\":[]},");
}

static void waits(void **state)
{
	struct sample *x = *state;

	sample_open(x, "/x", 4711, 5 * SEC, PHASE_APP);
	x->open[0].where = "db.py:88 get, on Pool.acquire";
	x->waits[0] = (struct summary_wait){
		.count = 37, .where = "db.py:88 get_conn", .on = "asyncpg Pool.acquire"};
	x->waits[1] =
		(struct summary_wait){.count = 2, .threads = true, .where = "s.py:1 f", .on = ""};
	x->s.n_waits = 2;
	assert_written(
		x, "\"waits\":[{\"count\":37,\"kind\":\"tasks\",\"where\":\"db.py:88 get_conn\","
		   "\"on\":\"asyncpg Pool.acquire\"},{\"count\":2,\"kind\":\"threads\","
		   "\"where\":\"s.py:1 f\"}]");
	assert_written(x, "\"where\":\"db.py:88 get, on Pool.acquire\"}]");
}

/* --- what is refused */

/* A summary with something of everything, printed. */
static char *rich(void)
{
	struct sample *x = sample_new();
	struct loop_time t = {.watched = SEC, .gc_known = true, .gc = 5, .gc_runs = 1};
	struct request r = sample_request(x, "GET", "/n", 4711, 0, MS, 0);
	char *text;

	sample_failed(x, 2, "/a", "a.py:1 f");
	sample_failed(x, 1, "/a", "a.py:2 f");
	r.error = sites_get(x->sites, "E", "n.py:1 f", "");
	r.route = NULL;
	sample_end(x, &r, REQ_OK, 500);
	stats_background(x->s.stats, sites_get(x->sites, "B", "b.py:2 g", ""));
	stats_loop(x->s.stats, &t);
	sample_stalls(x, 2, "cpu", "c.py:3 h", "", 300 * MS);
	x->s.stats->loop.gc_known = true;
	x->s.held = sites_get(x->sites, "cpu", "a.py:3 f", "");
	x->s.held_ns = SEC;
	x->waits[0] = (struct summary_wait){.count = 3, .where = "w.py:1 f", .on = "x"};
	x->s.n_waits = 1;
	text = text_of(x);
	sample_free(x);
	return text;
}

/* The first `old` after `from` replaced by `new`: what the reader says; empty: it takes that. */
static void says(const char *from, const char *old, const char *new, const char *why)
{
	char *text = rich(), *at = strstr(text, from), *bad;
	struct router *router = router_new(100);
	struct summary_read_error e = {.text = ""};
	struct summary *s;

	at = at ? strstr(at, old) : NULL;
	if (!at)
		fail_msg("no %s after %s in %s", old, from, text);
	assert_true(asprintf(&bad, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) > 0);
	s = summary_read(bad, strlen(bad), router, &e);
	if (!s != !!*why || !strstr(e.text, why))
		fail_msg("\"%s\" is not what is said: %s", why, e.text);
	summary_read_free(s);
	router_free(router);
	free(bad);
	free(text);
}

#define ROUTE "\"errors\":[{\"status\":500,\"type\""
#define ALL   "\"errors\":[{\"status\":500,\"method\""
static void refused_errors(void **state)
{
	(void)state;
	says(ROUTE, "500", "200",
	     "routes[1].errors[0].status: expected a status, 400 to 599, got 200");
	says(ROUTE, "\"status\":500,", "", "routes[1].errors[0]: status: missing");
	says(ROUTE, "a.py:2", "a.py:1", "the same place is given twice");
	says(ROUTE, "\"count\":2", "\"count\":0", "routes[1].errors[0].count: expected at least 1");
	says(ROUTE, "\"count\":2", "\"count\":3", "errors are more than the answers 4xx and 5xx");
	says(ROUTE, "\"count\":2", "\"count\":1", "does not add up with the errors of the routes");
	says(ROUTE, "a.py:1 f", "a\\u0000", "expected a string without NUL");
	says(ALL, "\"count\":2", "\"count\":3", "does not add up with the errors of the routes");
	says(ALL, "],\"back", "],\"errors_other\":-1,\"back",
	     "errors_other: expected a whole number");
	says("background_errors", "{", "{\"status\":500,", "a status of no request");
}

static void refused_loops(void **state)
{
	(void)state;
	says("\"loop\"", "\"watched\":11000,", "", "watched and busy_time belong together");
	says("\"loop\"", "\"watched\":11000,", "\"watched\":0,", "watched: expected more than 0");
	says("\"loop\"", "\"gc_runs\":1,", "", "belong together");
	says("\"loop\"", "\"max\":300", "\"max\":700", "total does not fit to count and max");
	says("\"loop\"", "\"max\":300", "\"max\":200", "total does not fit to count and max");
	says("\"loop\"", "\"kind\":\"cpu\",\"victims\"",
	     "\"kind\":\"cpu\",\"route\":\"/x\",\"victims\"", "method and route belong together");
	says("\"loop\"", "\"age\":1000", "\"age\":-1", "loop.held.age: expected milliseconds");
	says("\"loop\"", "\"stalls\":[",
	     "\"stalls\":[{\"count\":1,\"max\":1,\"total\":1,\"where\":"
	     "\"c.py:3 h\",\"kind\":\"cpu\",\"victims\":0,\"waited\":0},",
	     "given twice");
}

static void refused_waits(void **state)
{
	(void)state;
	says("\"waits\"", "\"kind\":\"tasks\"", "\"kind\":\"cats\"",
	     "waits[0].kind: expected tasks or threads");
	says("\"waits\"", "\"count\":3", "\"count\":0", "waits[0].count: expected at least 1");
}

static void long_texts_are_refused(void **state)
{
	char text[SITE_TEXT_MAX + 1], type[SITE_TYPE_MAX + 1];

	(void)state;
	memset(text, 'x', SITE_TEXT_MAX);
	text[SITE_TEXT_MAX] = '\0';
	memset(type, 'x', SITE_TYPE_MAX);
	type[SITE_TYPE_MAX] = '\0';
	says(ROUTE, "a.py:1 f", text, "expected at most 399 bytes");
	says(ROUTE, "ValueError", type, "expected at most 159 bytes");
}

/* An earlier version wrote none of it. */
static void older_summaries_are_read(void **state)
{
	(void)state;
	says("\"waits\"", "\"waits\"", "\"hats\"", "");
	says("\"loop\"", "\"loop\"", "\"soup\"", "");
	says("\"background_errors\"", "\"background_errors\"", "\"other\"", "");
}

/* --- merging */

/* A summary of ten seconds from `second` on; held, if not NULL, at its end. */
static char *stretch(const char *host, uint32_t pid, unsigned second, const char *held)
{
	struct sample *x = sample_new();
	char *text;

	x->s.host.name = host;
	x->pids[0] = x->generations[0].pid = pid;
	x->s.start_wall_ns += second * SEC;
	x->s.wall_offset += (int64_t)(second * SEC);
	sample_stalls(x, 1, "cpu", "c.py:3 h", "", (100 + second) * MS);
	sample_failed(x, 1, "/a", held ? held : "a.py:1 f");
	if (held) {
		x->s.held = sites_get(x->sites, "cpu", held, "");
		x->s.held_ns = SEC;
		x->waits[0] = (struct summary_wait){.count = 3, .where = held, .on = ""};
		x->s.n_waits = 1;
	}
	text = text_of(x);
	sample_free(x);
	return text;
}

/* All of them, which are freed. */
static char *merged(char *const *texts, size_t n)
{
	struct merge *m = merge_new();
	struct verdict_rules rules;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(m);
	for (size_t i = 0; i < n; i++) {
		struct summary_read_error e;
		struct merge_error why;
		struct summary *s = summary_read(texts[i], strlen(texts[i]), merge_router(m), &e);

		if (!s || merge_add(m, s, "x", &why))
			fail_msg("%s", s ? why.text : e.text);
		summary_read_free(s);
		free(texts[i]);
	}
	verdict_rules_default(&rules);
	sink_summary_json(f, merge_finish(m, &rules));
	fclose(f);
	merge_free(m);
	return out;
}

/* What held a loop up then does not now: the next stretch of the same process tells. */
static void held_is_of_the_end(void **state)
{
	char *texts[] = {stretch("a", 7, 10, NULL), stretch("a", 7, 0, "h.py:1 f")}, *text;

	(void)state;
	text = merged(texts, 2);
	assert_lacks(text, "\"held\"");
	assert_has(text, "\"waits\":[]");
	assert_has(text, "{\"count\":2,\"max\":110,\"total\":210,\"where\":\"c.py:3 h\"");
	assert_has(text, "\"watched\":20000,\"busy_time\":210,");
	free(text);
	texts[0] = stretch("a", 7, 0, NULL);
	texts[1] = stretch("a", 7, 10, "h.py:1 f");
	text = merged(texts, 2);
	assert_has(text, "\"held\":{\"where\":\"h.py:1 f\",\"kind\":\"cpu\",\"age\":1000}");
	assert_has(text, "\"waits\":[{\"count\":3,\"kind\":\"tasks\",\"where\":\"h.py:1 f\"}]");
	free(text);
}

/* Of two hosts both are told; what comes later takes back what it continues, whatever the grouping.
 */
static void held_in_any_grouping(void **state)
{
	char *ab, *all, *again;
	char *texts[] = {stretch("a", 7, 0, "h.py:1 f"), stretch("b", 7, 0, "h.py:2 g"), NULL};

	(void)state;
	ab = merged(texts, 2);
	assert_has(ab, "\"held\":{\"where\":\"h.py:1 f\"");
	assert_has(ab, "\"where\":\"h.py:2 g\",\"host\":\"b\",\"at\":");
	texts[0] = ab;
	texts[1] = stretch("a", 7, 10, NULL);
	all = merged(texts, 2);
	texts[0] = stretch("b", 7, 0, "h.py:2 g");
	texts[1] = stretch("a", 7, 10, NULL);
	texts[2] = stretch("a", 7, 0, "h.py:1 f");
	again = merged(texts, 3);
	assert_string_equal(all, again);
	assert_has(all, "\"loop\":{");
	assert_has(strstr(all, "\"loop\":{"), "\"held\":{\"where\":\"h.py:2 g\"");
	assert_lacks(strstr(all, "\"waits\""), "\"where\":\"h.py:1 f\"");
	free(all);
	free(again);
}

/* More places than one live summary has room for stay apart, and are read again. */
static void places_beyond_the_live_bound(void **state)
{
	char *text = NULL;

	(void)state;
	for (uint32_t i = 0; i < 3 * STATS_MAX_ERRORS; i++) {
		char where[40], *texts[2] = {text};

		snprintf(where, sizeof(where), "h.py:%u f", i);
		texts[text ? 1 : 0] = stretch("a", 100 + i, 0, where);
		text = merged(texts, text ? 2 : 1);
	}
	assert_lacks(strstr(text, "\"routes\""), "\"errors_other\":1");
	assert_has(text, "\"where\":\"h.py:95 f\",\"count\":1}]");
	assert_has(text, "\"errors_other\":46"); /* of the list of all, which is cut */
	free(text);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_known),
		T(errors_are_told_by_route),
		T(the_list_of_all_is_cut),
		T(background_errors),
		T(the_loop),
		T(waits),
		T(refused_errors),
		T(refused_loops),
		T(refused_waits),
		T(long_texts_are_refused),
		T(older_summaries_are_read),
		T(held_is_of_the_end),
		T(held_in_any_grouping),
		T(places_beyond_the_live_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
