/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/summary_read.h"
#include "../../user/sink/sink.h"
#include "random_summary.h"

static char *print(const struct summary *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	sink_summary_json(f, s);
	fclose(f);
	return text;
}

/* Reads a copy that ends where the text ends, so that a read beyond it is caught. */
static struct summary *read_text(const char *text, struct router *router,
				 struct summary_read_error *e)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	struct summary *s;

	assert_non_null(copy);
	memcpy(copy, text, n);
	s = summary_read(copy, n, router, e);
	free(copy);
	return s;
}

static void assert_round_trip(const char *text)
{
	struct router *router = router_new(100);
	struct summary_read_error e;
	struct summary *s = read_text(text, router, &e);
	char *again;

	if (!s)
		fail_msg("%s\n%s", e.text, text);
	again = print(s);
	assert_string_equal(again, text);
	free(again);
	summary_read_free(s);
	router_free(router);
}

/* --- what was written comes back */

static void test_empty(void **state)
{
	struct sample *x = sample_new();
	struct verdict_rules rules;
	char *text;

	(void)state;
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	text = sample_json(x);
	assert_round_trip(text);
	free(text);
	sample_free(x);
}

static void test_random(void **state)
{
	struct random r = {1};

	(void)state;
	for (int i = 0; i < 300; i++) {
		char *text = random_summary_json(&r);

		assert_round_trip(text);
		free(text);
	}
}

/* Beyond 2^53 ns a double of the sum would be off. */
static void test_exact_sums(void **state)
{
	struct sample *x = sample_new();
	struct router *router = router_new(100);
	struct summary_read_error e;
	struct verdict_rules rules;
	struct summary *s;
	char *text;

	(void)state;
	for (int i = 0; i < 9; i++) {
		uint64_t app = (UINT64_C(1) << 53) + 1;
		struct request q = sample_request(x, "GET", "/", 1, 0, app, 0);

		sample_end(x, &q, REQ_OK, 200);
	}
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	text = sample_json(x);
	assert_non_null(strstr(text, "\"sum\":81064793292.668937,"));
	assert_round_trip(text);
	s = read_text(text, router, &e);
	assert_non_null(s);
	assert_true(s->stats->latency[LAT_TOTAL].sum == 9 * ((UINT64_C(1) << 53) + 1));
	assert_int_equal(s->stats->latency[LAT_TOTAL].min, (UINT64_C(1) << 53) + 1);
	summary_read_free(s);
	router_free(router);
	free(text);
	sample_free(x);
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *data;
	size_t n;

	if (!f)
		fail_msg("%s is missing (the tests run from the top of the tree)", path);
	fseek(f, 0, SEEK_END);
	n = (size_t)ftell(f);
	rewind(f);
	data = calloc(1, n + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, n, f), n);
	fclose(f);
	return data;
}

/* The last line of what a recorded stream of a real server gives is its summary. */
static void test_golden(void **state)
{
	static const char *const names[] = {"debian-asyncio-h11", "debian-uvloop-httptools",
					    "debian-asyncio-h11-uds", "pypi-asyncio-httptools",
					    "pypi-uvloop-h11"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[128], *text, *line;

		snprintf(path, sizeof(path), "tests/golden/%s.expected", names[i]);
		text = read_file(path);
		line = strstr(text, "{\"schema\":\"reqscope.summary/1\"");
		assert_non_null(line);
		assert_round_trip(line);
		free(text);
	}
}

/* --- what does not fit is refused, by name */

/* A summary with something of everything, printed. */
static char *rich(void)
{
	struct sample *x = sample_new();
	struct verdict_rules rules;
	struct request q;
	char *text;

	sample_ok(x, 3, "/items/1", 200, 5 * MS);
	q = sample_request(x, "POST", "/orders", 4711, MS, 7 * MS, MS);
	sample_end(x, &q, REQ_OK, 503);
	sample_open(x, "/slow", 4711, 3 * SEC, PHASE_APP);
	sample_open(x, NULL, 4711, 2 * SEC, PHASE_QUEUE);
	x->listeners[0].counted = true;
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	text = sample_json(x);
	sample_free(x);
	return text;
}

/* The text with the first `old` after `from` replaced; to be freed. */
static char *with(const char *text, const char *from, const char *old, const char *new)
{
	const char *at = strstr(text, from);
	char *out;

	at = at ? strstr(at, old) : NULL;
	if (!at)
		fail_msg("no %s after %s in %s", old, from, text);
	if (asprintf(&out, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) < 0)
		abort();
	return out;
}

static void assert_refused(const char *text, const char *why)
{
	struct router *router = router_new(100);
	struct summary_read_error e = {.text = ""};
	struct summary *s = read_text(text, router, &e);

	if (s)
		fail_msg("taken, though: %s", why);
	if (!strstr(e.text, why))
		fail_msg("\"%s\" is not in: %s", why, e.text);
	router_free(router);
}

static void refused(const char *from, const char *old, const char *new, const char *why)
{
	char *text = rich(), *bad = with(text, from, old, new);

	assert_refused(bad, why);
	free(bad);
	free(text);
}

static void test_refused_text(void **state)
{
	char *text = rich(), *two;

	(void)state;
	assert_refused("", "nothing in it");
	assert_refused(" \n\t", "nothing in it");
	assert_refused("{", "not valid JSON, at byte 2 (line 1)");
	assert_refused("\n\n[1,]", "line 3");
	assert_refused("null", "expected an object, got null");
	assert_refused("[]", "expected an object, got an array");
	assert_refused("{}", "schema: missing");
	assert_refused("{\"schema\":\"reqscope.summary/2\"}",
		       "schema: expected \"reqscope.summary/1\", got \"reqscope.summary/2\"");
	assert_refused("{\"schema\":7}", "schema: expected \"reqscope.summary/1\", got 7");
	assert_refused("{\"schema\":\"reqscope.summary/1\"}", "host: missing");
	if (asprintf(&two, "%s%s", text, text) < 0)
		abort();
	assert_refused(two, "several objects");
	free(two);
	for (size_t n = 1; n < strlen(text) - 1; n += 7) { /* cut off anywhere */
		two = strndup(text, n);
		assert_refused(two, "not valid JSON");
		free(two);
	}
	free(text);
}

static void test_refused_values(void **state)
{
	(void)state;
	refused("\"requests\"", "\"ok\":4", "\"ok\":\"4\"", "requests.ok: expected a whole number");
	refused("\"requests\"", "\"ok\":4", "\"ok\":4.5", "requests.ok: expected a whole number");
	refused("\"requests\"", "\"ok\":4", "\"ok\":-4", "requests.ok: expected a whole number");
	refused("\"requests\"", "\"ok\":4", "\"ok\":4,\"ok\":4", "requests.ok: given twice");
	refused("\"requests\"", "\"ok\":4", "\"ok\":5", "carried + started is not");
	refused("\"requests\"", "\"ok\":4", "\"ok\":99999999999999999999", "requests.ok: expected");
	refused("\"requests\"", "\"ok\":4", "\"ok\":9007199254740992", "below 2^53");
	refused("\"requests\"", "\"ok\":4", "\"ok\":NaN", "not valid JSON");
	refused("\"requests\"", "\"ok\":4,", "", "requests.ok: missing");
	refused("\"window\"", "\"seconds\":10", "\"seconds\":1e400", "window.seconds: expected");
	refused("\"window\"", "\"seconds\":10", "\"seconds\":1e300", "before the year 2262");
	refused("\"window\"", "2026-01-02T", "2026-02-30T", "window.start: expected a time");
	refused("\"window\"", "2026-01-02T", "1969-01-02T", "window.start: expected a time");
	refused("\"window\"", "\"start\":\"", "\"start\":\"x", "window.start: expected a time");
	refused("\"pids\"", "[4711]", "[4294967296]", "target.pids[0]: expected a process id");
	refused("\"ports\"", "[8000]", "[70000]", "target.ports[0]: expected a port");
	refused("\"verdict\"", "stuck", "fine", "verdict.state: expected a verdict");
	refused("\"reasons\"", "[\"", "[\"\\u001b",
		"verdict.reasons[0]: expected a string without");
	refused("\"status\"", "\"5xx\":1", "\"5xx\":2", "status: does not add up");
	refused("\"codes\"", "\"200\"", "\"600\"", "codes: expected a status");
	refused("\"codes\"", "\"503\"", "\"200\"", "codes.200: given twice");
}

static void test_refused_distributions(void **state)
{
	(void)state;
	refused("\"latency\"", "\"count\":4", "\"count\":5", "latency.total: hist holds 4");
	refused("\"latency\"", "\"sum\":", "\"sum\":-", "latency.total.sum: expected milli");
	refused("\"latency\"", "\"sum\":", "\"sum\":9", "latency.total: sum does not fit");
	refused("\"latency\"", "\"min\":", "\"min\":1", "latency.total: min and max");
	refused("\"latency\"", "\"scale\":5", "\"scale\":4",
		"latency.total.hist.scale: expected 5");
	refused("\"latency\"", "\"offset\":-", "\"offset\":9999", "latency.total.hist: bucket");
	refused("\"latency\"", "\"offset\":-", "\"offset\":-9999", "latency.total.hist: bucket");
	refused("\"latency\"", "\"counts\":[", "\"counts\":[1e3,",
		"latency.total.hist: expected a");
	refused("\"latency\"", "\"counts\":[", "\"counts\":[-1,", "latency.total.hist: expected a");
	refused("\"latency\"", "\"ttfb\":", "\"tfb\":", "latency.ttfb: missing");
	refused("\"routes\"", "\"count\":", "\"count\":1", "routes[0]: ends do not add up");
	refused("\"routes\"", "\"scale\":5", "\"scale\":\"x\"",
		"routes[0].latency.total.hist.scale: expected 5: histograms of another scale do "
		"not add "
		"up, got \"x\"");
	refused("\"slowest\"", "\"total\":", "\"total\":1", "routes[0].slowest: its total");
	refused("\"routes\"", "\"slowest\"", "\"slow\"", "routes[0].slowest: missing");
	refused("\"routes\"", "\"POST\",\"route\":\"/orders\"", "\"GET\",\"route\":\"/items/{id}\"",
		"routes[1]: this method and route are given twice");
	refused("\"routes\"", "\"route\":\"", "\"route\":\"\\u0000", "without NUL");
}

static void test_refused_lists(void **state)
{
	(void)state;
	refused("\"open\":[", "\"age\":3000", "\"age\":1000", "open: ages must go");
	refused("\"open\":[", "\"phase\":\"app\"", "\"phase\":\"lost\"", "expected queue, recv");
	refused("\"open\":[", "\"method\"", "\"verb\"", "open[0]: method and path belong together");
	refused("\"workers\"", "\"requests\":4", "\"requests\":0",
		"workers[0]: total must be there");
	refused("\"workers\"", "\"requests\":4", "\"requests\":3",
		"workers.total: of more requests");
	refused("\"listeners\"", "\"backlog\"", "\"b\"", "listeners[0]: accept_queue, backlog and");
	refused("\"tracer\"", "\"unknown\":0", "\"unknown\":1", "tracer: unknown is not");
	refused("\"features\"", "{", "{\"arrival\":\"x\",", "each name once");
	refused("\"tracer\"", "\"features\"", "\"f\"", "tracer.features: missing");
}

/* Nothing in it may overflow the stack or run long. */
static void test_deep(void **state)
{
	const size_t n = 1000000;
	char *text = malloc(n + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '[', n);
	text[n] = '\0';
	assert_refused(text, "fewer arrays and objects within each other");
	for (size_t i = 0; i < n; i++)
		text[i] = "{\"a\":"[i % 5];
	assert_refused(text, "fewer arrays and objects within each other");
	free(text);
}

static void test_route_bound(void **state)
{
	struct router *router = router_new(2); /* `other` and one more */
	struct summary_read_error e;
	char *text = rich();

	(void)state;
	assert_null(read_text(text, router, &e));
	assert_non_null(strstr(e.text, "routes[1]: more different routes"));
	free(text);
	router_free(router);
}

/* One a line; the third is refused, and told so. */
static void test_several(void **state)
{
	struct router *router = router_new(100);
	struct summary_read_error e;
	struct summary *s;
	char *text = rich(), *three;
	const char *p, *end;

	(void)state;
	if (asprintf(&three, "%s\n%s {\"schema\":1} ", text, text) < 0)
		abort();
	p = three;
	end = three + strlen(three);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(summary_read_next(&p, end, router, &s, &e), 1);
		assert_int_equal(s->stats->ledger.ok, 4);
		summary_read_free(s);
	}
	assert_true(summary_read_next(&p, end, router, &s, &e) < 0);
	assert_null(s);
	assert_int_equal(summary_read_next(&p, end, router, &s, &e), 0);
	free(three);
	free(text);
	router_free(router);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_exact_sums),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_refused_text),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_refused_distributions),
		cmocka_unit_test(test_refused_lists),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_route_bound),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
