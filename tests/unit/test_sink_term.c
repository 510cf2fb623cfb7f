/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/escape.h"
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

static char *render(struct sample *x, struct term_options o)
{
	struct verdict_rules rules;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	sink_summary_text(f, &x->s, &o);
	fclose(f);
	return text;
}

static char *render80(struct sample *x)
{
	return render(x, (struct term_options){.columns = 80, .utf8 = true});
}

/* Length of a colour sequence at p, 0 when there is none. */
static size_t sgr(const char *p)
{
	size_t n;

	if (p[0] != '\033' || p[1] != '[')
		return 0;
	n = 2 + strspn(p + 2, "0123456789;");
	return p[n] == 'm' ? n + 1 : 0;
}

/* Valid UTF-8 without controls, lines no wider than asked, no more of them, no trailing spaces. */
static void assert_clean(const char *text, const struct term_options *o)
{
	unsigned column = 0, lines = 0;
	const char *p = text;

	while (*p) {
		size_t n = o->colour ? sgr(p) : 0;

		if (n) {
			p += n;
			continue;
		}
		if (*p == '\n') {
			if (p > text && p[-1] == ' ')
				fail_msg("a line ends in a space:\n%s", text);
			lines++;
			column = 0;
			p++;
			continue;
		}
		n = utf8_length((const unsigned char *)p, strlen(p));
		if (!n || utf8_is_control((const unsigned char *)p, n) || (n > 1 && !o->utf8))
			fail_msg("byte 0x%02x:\n%s", (unsigned char)*p, text);
		if (++column > o->columns)
			fail_msg("wider than %u:\n%s", o->columns, text);
		p += n;
	}
	assert_int_equal(column, 0);
	if (o->lines && lines > o->lines)
		fail_msg("%u lines, not %u:\n%s", lines, o->lines, text);
}

/* The line that begins with `label`. */
static const char *line_of(const char *text, const char *label)
{
	static char line[1024];

	for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
		if (!strncmp(p, label, strlen(label))) {
			snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
			return line;
		}
	fail_msg("no line %s in:\n%s", label, text);
	return NULL;
}

static void assert_line(const char *text, const char *label, const char *expected)
{
	assert_string_equal(line_of(text, label), expected);
}

static void test_idle(void **state)
{
	char *text = render80(*state);

	assert_line(text, "IDLE", "IDLE      listening on 127.0.0.1:8000, no request in 10 s");
	assert_line(text, "target",
		    "target    uvicorn app:app   port 8000   pid 4711   10.0 s to 03:04:15 UTC");
	assert_line(text, "requests", "requests  none");
	assert_line(text, "reqscope",
		    "reqscope  100 events, 0 dropped, 0 unknown, 0 late-attached");
	assert_null(strstr(text, "p50"));
	assert_null(strstr(text, "routes"));
	free(text);
}

static void test_numbers(void **state)
{
	struct sample *x = *state;
	struct request r;
	char *text;

	sample_ok(x, 1190, "/", 200, 10 * MS);
	sample_ok(x, 9, "/", 404, 10 * MS);
	sample_ok(x, 3, "/", 500, 10 * MS);
	r = sample_request(x, "GET", "/", 4711, 0, MS, 0);
	sample_end(x, &r, REQ_CLIENT_CLOSED, 0);
	r = sample_request(x, "GET", "/", 4711, 0, MS, 0);
	sample_end(x, &r, REQ_SERVER_CLOSED, 0);
	sample_open(x, "/hang", 4711, 1500 * MS, PHASE_APP);
	x->s.stats->ledger.not_http = 3;
	text = render80(x);
	assert_line(text, "UP", "UP        1,204 requests in 10 s, p95 10.2 ms, 0.3 % errors");
	assert_line(text, "requests",
		    "requests  120/s   1,205 began   1 open, oldest 1.50 s in app   1,202 ok");
	assert_line(text, "errors", "errors    3 5xx   1 server closed   9 4xx   1 client gone");
	assert_line(text, "latency",
		    "latency   p50 10.2 ms   p90 10.2 ms   p99 10.2 ms   max 10.2 ms");
	assert_line(text, "reqscope",
		    "reqscope  100 events, 0 dropped, 0 unknown, 0 late-attached, 3 not HTTP");
	free(text);
}

static void test_no_errors(void **state)
{
	struct sample *x = *state;
	char *text;

	sample_ok(x, 1, "/", 200, MS);
	text = render80(x);
	assert_line(text, "errors", "errors    no errors");
	free(text);
}

/* Nothing was measured: a dash, never a zero. */
static void test_absent_is_a_dash(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/late", 4711, 0, MS, 0);
	char *text;

	r.late = true; /* its arrival is not known: neither queue nor total */
	sample_end(x, &r, REQ_OK, 200);
	text = render80(x);
	assert_line(text, "latency", "latency   p50 -   p90 -   p99 -   max -");
	assert_line(
		text, "GET  /late",
		"GET  /late                      -   0.1/s        -        -        -     0     0");
	free(text);
	sample_ok(x, 1, "/", 200, MS);
	hist_reset(&x->s.stats->latency[LAT_QUEUE]);
	text = render80(x);
	assert_memory_equal(line_of(text, "queue"), "queue                            -", 34);
	free(text);
}

static void test_phases(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/", 4711, 72 * MS, 25 * MS, 3 * MS);
	char *text;

	sample_end(x, &r, REQ_OK, 200);
	text = render80(x);
	assert_memory_equal(line_of(text, "recv"), "recv                           0 %", 34);
	assert_non_null(strstr(line_of(text, "queue"), "█████████████       72 %"));
	assert_non_null(strstr(line_of(text, "app"), "25 %"));
	assert_non_null(strstr(line_of(text, "send"), " 3 %"));
	free(text);
	text = render(x, (struct term_options){.columns = 80});
	assert_non_null(strstr(line_of(text, "queue"), "#############       72 %"));
	free(text);
	text = render(x, (struct term_options){.columns = 60, .lines = 9});
	assert_line(text, "time", "time      queue 72 %   recv 0 %   app 25 %   send 3 %");
	free(text);
}

/* Bars stand over the label of what they count. */
static void test_histogram(void **state)
{
	struct sample *x = *state;
	const char *line;
	ptrdiff_t bar, tick;
	char *text;

	for (int i = 0; i < 10; i++) {
		struct request r = sample_request(x, "GET", "/", 4711, 0, 11 * MS, 0);

		sample_end(x, &r, REQ_OK, 200);
	}
	text = render(x, (struct term_options){.columns = 80});
	line = line_of(text, "recv");
	bar = strchr(line + 38, '#') - line;
	line = line_of(text, "send");
	tick = strstr(line, "|10 ms") - line;
	assert_in_range(bar, tick, tick + 2);
	free(text);
}

static void test_routes_sorted_and_cut(void **state)
{
	struct sample *x = *state;
	char path[32], *text;

	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/route-%c/x", 'a' + i);
		router_add(x->router, "GET", path, NULL, &(struct route_error){0});
		sample_ok(x, 1, path, 200, (uint64_t)(i + 1) * 10 * MS);
	}
	text = render80(x);
	assert_true(strstr(text, "/route-t/x") < strstr(text, "/route-s/x"));
	assert_true(strstr(text, "/route-s/x") < strstr(text, "/route-i/x"));
	assert_null(strstr(text, "/route-h/x"));
	assert_line(text, "...", "... and 8 more               17 %");
	free(text);
}

/* A single row more costs no more than saying so. */
static void test_routes_one_more(void **state)
{
	struct sample *x = *state;
	char path[32], *text;

	for (int i = 0; i < 13; i++) {
		snprintf(path, sizeof(path), "/route-%c/x", 'a' + i);
		router_add(x->router, "GET", path, NULL, &(struct route_error){0});
		sample_ok(x, 1, path, 200, MS);
	}
	text = render80(x);
	assert_null(strstr(text, "more"));
	assert_non_null(strstr(text, "/route-m/x"));
	free(text);
}

static void test_workers(void **state)
{
	struct sample *x = *state;
	char *text;

	for (unsigned i = 0; i < 100; i++) {
		struct request r = sample_request(x, "GET", "/", i == 99 ? 12 : 11, 0, 10 * MS, 0);

		sample_end(x, &r, REQ_OK, 200);
	}
	text = render80(x);
	assert_line(
		text, "                12",
		"                12         1   0.1/s      0  10.0 ms  idle: hardly any requests");
	free(text);
	sample_open(x, "/hang", 11, 5 * SEC, PHASE_APP);
	x->workers[0] = (struct summary_worker){.pid = 11, .open = 1};
	x->workers[1] = (struct summary_worker){.pid = 13};
	x->s.workers = x->workers;
	x->s.n_workers = 2;
	text = render80(x);
	assert_line(text, "                11",
		    "                11        99   9.9/s      1  10.0 ms  stuck: 5.00 s in app");
	assert_line(text, "                13",
		    "                13         0     0/s      0        -  idle: no requests");
	free(text);
}

static void test_one_worker_is_no_table(void **state)
{
	struct sample *x = *state;
	char *text;

	sample_ok(x, 10, "/", 200, MS);
	text = render80(x);
	assert_null(strstr(text, "workers"));
	free(text);
}

static void test_open(void **state)
{
	struct sample *x = *state;
	char *text;

	sample_open(x, "/hang", 4711, 12300 * MS, PHASE_APP);
	for (int i = 0; i < 8; i++)
		sample_open(x, NULL, 4711, 3 * SEC, PHASE_QUEUE);
	text = render80(x);
	assert_non_null(strstr(text, "open           age  phase      pid  request\n"
				     "            12.3 s  app       4711  GET  /hang\n"
				     "            3.00 s  queue     4711  (not read yet)\n"));
	assert_non_null(strstr(text, "          ... and 4 more\n"));
	free(text);
}

static void test_since_start(void **state)
{
	struct sample *x = *state;
	char *text;

	sample_ok(x, 10, "/", 500, MS);
	x->s.overall = x->s.stats;
	x->s.overall_seconds = 200;
	text = render80(x);
	assert_line(text, "in all",
		    "in all    10 in 3m20s   p50 1.20 ms   p99 1.20 ms   max 1.20 ms   10 failed");
	free(text);
}

/* Reasons wrap; what follows of one is indented further than the next. */
static void test_wrap(void **state)
{
	struct sample *x = *state;
	char *text;

	sample_ok(x, 10, "/some/where/that/does/not/fit", 500, SEC);
	text = render(x, (struct term_options){.columns = 50});
	assert_memory_equal(text, "ERRORING  10 of 10 requests failed (100 %): 500", 46);
	assert_non_null(strstr(text, "500 on\n            GET /some/where"));
	assert_non_null(strstr(text, "\n          p95 of "));
	free(text);
}

/* The verdict stays when nearly everything has to go. */
static void test_few_lines(void **state)
{
	struct sample *x = *state;
	struct term_options o = {.columns = 80, .utf8 = true};
	char *text;

	sample_ok(x, 10, "/", 500, SEC);
	sample_open(x, "/hang", 4711, 5 * SEC, PHASE_APP);
	for (o.lines = 1; o.lines < 40; o.lines++) {
		text = render(x, o);
		assert_clean(text, &o);
		assert_memory_equal(text, "STUCK     1 request waits", 25);
		if (o.lines >= 5)
			assert_non_null(strstr(text, "\nrequests"));
		if (o.lines >= 10)
			assert_non_null(strstr(text, "GET  /hang"));
		free(text);
	}
}

static void test_colour(void **state)
{
	struct sample *x = *state;
	struct term_options o = {.columns = 80, .colour = true, .utf8 = true};
	char *text;

	sample_ok(x, 10, "/", 200, MS);
	text = render(x, o);
	assert_clean(text, &o);
	assert_memory_equal(text, "\033[1;32mUP\033[0m", 13);
	free(text);
	x->s.target.listening = false;
	text = render(x, o);
	assert_memory_equal(text, "\033[1;31mDOWN\033[0m", 15);
	free(text);
}

/* --- whatever the numbers and strings are, the screen stays whole */

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Any size from 0 to enormous, each order of magnitude as likely as any other. */
static uint64_t wild(uint64_t *seed, unsigned bits)
{
	return next(seed) >> (64 - bits + next(seed) % bits);
}

static void wild_text(char *out, size_t size, uint64_t *seed)
{
	static const char *const bits[] = {"/",
					   "a",
					   "\033[2J",
					   "\n",
					   "\xff",
					   "é",
					   "\t",
					   "\\",
					   "\xe2\x80\xae",
					   "\xc2\x9b",
					   "%",
					   "漢",
					   "0",
					   "orders",
					   "\x7f",
					   "\xf0\x9f\x94\xa5"};
	size_t n = next(seed) % (size - 1), len = 0;

	out[0] = '\0';
	while (len < n) {
		const char *s = bits[next(seed) % (sizeof(bits) / sizeof(*bits))];

		if (len + strlen(s) >= size)
			break;
		strcpy(out + len, s);
		len += strlen(s);
	}
}

static void wild_requests(struct sample *x, uint64_t *seed)
{
	char path[300] = "/";

	for (unsigned n = (unsigned)(next(seed) % 60); n; n--) {
		struct request r;

		wild_text(path + 1, sizeof(path) - 1, seed);
		r = sample_request(x, next(seed) % 4 ? "GET" : "PROPPATCHANDMORE", path,
				   (uint32_t)wild(seed, 32), wild(seed, 50), wild(seed, 50),
				   wild(seed, 50));
		sample_end(x, &r, (enum request_end)(1 + next(seed) % 5),
			   next(seed) % 5 ? (unsigned)(100 + next(seed) % 600) : 0);
	}
	for (unsigned n = (unsigned)(next(seed) % 20); n; n--) {
		wild_text(path + 1, sizeof(path) - 1, seed);
		sample_open(x, next(seed) % 2 ? path : NULL, (uint32_t)wild(seed, 32),
			    wild(seed, 55), (enum request_phase)(next(seed) % PHASES));
	}
}

static void wild_numbers(struct sample *x, uint64_t *seed)
{
	struct ledger *g = &x->s.stats->ledger;

	if (next(seed) % 2)
		return;
	g->ok = wild(seed, 63);
	g->started = (int64_t)wild(seed, 63);
	g->carried = (int64_t)wild(seed, 40);
	g->open = (int64_t)wild(seed, 63);
	g->unknown = wild(seed, 63);
	g->client_closed = wild(seed, 63);
	g->late_attached = wild(seed, 63);
	g->evicted = wild(seed, 63);
	g->not_http = wild(seed, 63);
	x->s.stats->status.class[4] = wild(seed, 63);
	x->s.stats->status.class[5] = wild(seed, 63);
	x->s.tracer.events = wild(seed, 64);
	x->s.tracer.dropped = wild(seed, 63);
	x->s.tracer.routes_overflow = wild(seed, 63);
	x->s.late.hung = wild(seed, 63);
	x->s.late.oldest = wild(seed, 63);
	x->s.seconds = (double)wild(seed, 40) / 1e6;
}

static void test_property(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 400; i++) {
		uint64_t seed = i * UINT64_C(0x9e3779b97f4a7c15);
		struct sample *x = sample_new();
		struct term_options o = {.columns = 80, .utf8 = i % 3, .colour = i % 2};
		char name[200] = "";

		wild_text(name, sizeof(name), &seed);
		x->s.target.name = x->s.target.python = x->s.host.name = name;
		memcpy(x->listeners[0].address, name, sizeof(x->listeners[0].address));
		x->s.target.n_ports = i % 2;
		wild_requests(x, &seed);
		wild_numbers(x, &seed);
		if (i % 4 == 0)
			o.columns = (unsigned)(20 + next(&seed) % 300);
		if (i % 5 == 0)
			o.lines = (unsigned)(1 + next(&seed) % 50);
		if (i % 7 == 0) {
			x->s.overall = x->s.stats;
			x->s.overall_seconds = (double)wild(&seed, 40);
		}
		char *text = render(x, o);

		assert_clean(text, &o);
		free(text);
		sample_free(x);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_idle),
		T(test_numbers),
		T(test_no_errors),
		T(test_absent_is_a_dash),
		T(test_phases),
		T(test_histogram),
		T(test_routes_sorted_and_cut),
		T(test_routes_one_more),
		T(test_workers),
		T(test_one_worker_is_no_table),
		T(test_open),
		T(test_since_start),
		T(test_wrap),
		T(test_few_lines),
		T(test_colour),
		cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
