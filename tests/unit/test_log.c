// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The pure half of the log: the queue, the words, the forms of syslog and the journal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/lib/lineq.h"
#include "../../user/sink/log.h"
#include "sample.h"

/* --- the queue */

static int put(struct lineq *q, const char *json, bool matters)
{
	struct line_text t = {.words = "w",
			      .words_len = 1,
			      .json = json,
			      .json_len = strlen(json),
			      .priority = 6,
			      .matters = matters};

	return lineq_put(q, &t);
}

static void assert_line(const struct lineq *q, const char *wanted)
{
	const struct lineq_line *l = lineq_first(q);

	assert_non_null(l);
	assert_int_equal(l->json_len, strlen(wanted));
	assert_memory_equal(l->json, wanted, l->json_len);
}

static void queue_keeps_order(void **state)
{
	struct lineq *q = lineq_new(4096, 0);

	(void)state;
	assert_null(lineq_first(q));
	lineq_take(q);
	lineq_refuse(q);
	assert_int_equal(put(q, "{\"a\":1}\n", false), 0);
	assert_int_equal(put(q, "{\"a\":2}", false), 0);
	assert_line(q, "{\"a\":1}\n");
	assert_int_equal(lineq_first(q)->words_len, 1);
	assert_int_equal(lineq_first(q)->priority, 6);
	assert_int_equal(lineq_missing(q), 2);
	lineq_take(q);
	assert_line(q, "{\"a\":2}\n");
	lineq_take(q);
	assert_null(lineq_first(q));
	assert_int_equal(put(q, "{\"a\":3}\n", false), 0);
	assert_line(q, "{\"a\":3}\n");
	lineq_free(q);
	lineq_free(NULL);
}

static void queue_wants_objects(void **state)
{
	static const char *const bad[] = {"", "\n", "{}", "{}\n", "[1]\n", "{\"a\":1", "x}"};
	struct lineq *q = lineq_new(4096, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(put(q, bad[i], false), -EINVAL);
	assert_null(lineq_first(q));
	assert_int_equal(lineq_dropped(q), 0);
	lineq_free(q);
}

/* Puts lines until one is dropped; returns how many went in. */
static unsigned fill(struct lineq *q, bool matters)
{
	unsigned n = 0;

	while (!put(q, "{\"a\":1}\n", matters))
		n++;
	return n;
}

static void queue_counts_what_it_drops(void **state)
{
	struct lineq *q = lineq_new(4096, 0);
	unsigned n = fill(q, false);

	(void)state;
	assert_in_range(n, 10, 100);
	assert_int_equal(put(q, "{\"a\":1}\n", false), -ENOBUFS);
	lineq_lose(q);
	assert_int_equal(lineq_dropped(q), 3);
	assert_int_equal(lineq_missing(q), n + 3);
	lineq_take(q);
	assert_int_equal(put(q, "{\"a\":2}\n", false), 0);
	for (unsigned i = 0; i < n - 1; i++) {
		assert_line(q, "{\"a\":1}\n");
		lineq_take(q);
	}
	assert_line(q, "{\"a\":2,\"dropped_lines\":3}\n");
	assert_int_equal(lineq_missing(q), 4);
	assert_int_equal(put(q, "{\"a\":3}\n", false), 0);
	lineq_take(q);
	assert_line(q, "{\"a\":3}\n"); /* told once */
	assert_int_equal(lineq_missing(q), 1);
	lineq_free(q);
}

/* A flood leaves room for what matters, and that tells of the flood. */
static void queue_reserves(void **state)
{
	struct lineq *q = lineq_new(8192, 4096);
	unsigned n = fill(q, false), more = fill(q, true);

	(void)state;
	assert_in_range(more, n - 1, n + 1);
	for (unsigned i = 0; i < n; i++)
		lineq_take(q);
	assert_line(q, "{\"a\":1,\"dropped_lines\":1}\n");
	lineq_free(q);
}

static void queue_is_half_full(void **state)
{
	struct lineq *q = lineq_new(8192, 4096);
	unsigned n = 0, all;

	(void)state;
	while (!lineq_is_half_full(q)) {
		assert_int_equal(put(q, "{\"a\":1}\n", false), 0);
		n++;
	}
	all = n + fill(q, false);
	assert_in_range(all, 2 * n - 2, 2 * n);
	lineq_free(q);
}

/* What was refused, and what it would have told of, the next one tells: queued already, or not yet.
 */
static void queue_refuses(void **state)
{
	struct lineq *q = lineq_new(4096, 0);

	(void)state;
	lineq_lose(q);
	lineq_lose(q);
	assert_int_equal(put(q, "{\"a\":1}\n", false), 0);
	assert_int_equal(put(q, "{\"a\":2}\n", false), 0);
	assert_line(q, "{\"a\":1,\"dropped_lines\":2}\n");
	lineq_refuse(q);
	assert_line(q, "{\"a\":2,\"dropped_lines\":3}\n");
	lineq_refuse(q);
	assert_null(lineq_first(q));
	assert_int_equal(lineq_missing(q), 4);
	assert_int_equal(put(q, "{\"a\":3}\n", false), 0);
	assert_line(q, "{\"a\":3,\"dropped_lines\":4}\n");
	assert_int_equal(lineq_dropped(q), 4);
	lineq_free(q);
}

/* --- how bad, and in words */

static void assert_words(const struct request *r, uint64_t now, const char *wanted)
{
	char words[LOG_WORDS_MAX];

	assert_int_equal(log_words_request(words, sizeof(words), r, now), strlen(wanted));
	assert_string_equal(words, wanted);
}

static void requests_in_words(void **state)
{
	struct sample *x = sample_new();
	struct verdict_rules rules;
	struct request r = sample_request(x, "GET", "/orders/7", 4711, 0, 12 * MS, 0);
	struct request *open;

	(void)state;
	verdict_rules_default(&rules);
	sample_end(x, &r, REQ_OK, 200);
	assert_words(&r, 0, "GET /orders/7 200 in 12.0 ms");
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_INFO);
	rules.slo_ms = 11;
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_WARNING);
	rules.slo_ms = 12;
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_INFO);
	r.status = 499;
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_INFO);
	r.status = 500;
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_ERROR);
	r = sample_request(x, "GET", "/x", 4711, 0, 12 * MS, 0);
	r.status_seen = false;
	r.end = REQ_SERVER_CLOSED;
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_ERROR);
	open = sample_open(x, "/hang", 4711, 3 * SEC, PHASE_APP);
	assert_words(open, x->s.now, "GET /hang open for 3.00 s in app");
	assert_int_equal(log_priority_request(open, &rules), PRIORITY_WARNING);
	open = sample_open(x, NULL, 4711, 2 * SEC, PHASE_QUEUE);
	assert_words(open, x->s.now, "a request not read yet open for 2.00 s in queue");
	sample_free(x);
}

/* A client that left is a problem however long it waited; what we lost is none of the service's. */
static void ends_in_words(void **state)
{
	struct sample *x = sample_new();
	struct verdict_rules rules;
	struct request r = sample_request(x, "GET", "/x", 4711, 0, 12 * MS, 0);

	(void)state;
	verdict_rules_default(&rules);
	r.status_seen = false;
	r.head = r.done = 0;
	r.end = REQ_CLIENT_CLOSED;
	r.ended = r.arrived + 2 * SEC;
	assert_words(&r, 0, "GET /x client_closed after 2.00 s");
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_WARNING);
	r.end = REQ_UNKNOWN;
	assert_words(&r, 0, "GET /x unknown");
	assert_int_equal(log_priority_request(&r, &rules), PRIORITY_INFO);
	sample_free(x);
}

/* No byte of the wire gets through as it is, nor does a long one push out the rest. */
static void words_are_safe(void **state)
{
	struct sample *x = sample_new();
	struct request r = sample_request(x, "GET", "/a\n\x1b[31m\xff", 4711, 0, 12 * MS, 0);
	char words[LOG_WORDS_MAX], tiny[8];

	(void)state;
	sample_end(x, &r, REQ_OK, 200);
	assert_words(&r, 0, "GET /a\\x0a\\x1b[31m\\xff 200 in 12.0 ms");
	memset(r.http.path, 'x', sizeof(r.http.path));
	r.http.path_len = sizeof(r.http.path) - 1;
	log_words_request(words, sizeof(words), &r, 0);
	assert_non_null(strstr(words, ".. 200 in 12.0 ms"));
	assert_int_equal(log_words_request(tiny, sizeof(tiny), &r, 0), 7);
	assert_string_equal(tiny, "GET xxx");
	sample_free(x);
}

static void summary_in_words(void **state)
{
	struct sample *x = sample_new();
	struct verdict_rules rules;
	char words[LOG_WORDS_MAX];
	size_t len;

	(void)state;
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	log_words_summary(words, sizeof(words), &x->s);
	assert_string_equal(words, "idle: listening on 127.0.0.1:8000, no request in 10 s");
	sample_ok(x, 98, "/fast", 200, 10 * MS);
	sample_ok(x, 2, "/boom", 500, 10 * MS);
	sample_open(x, "/hang", 4711, SEC, PHASE_APP);
	verdict_decide(&x->s, &rules);
	len = log_words_summary(words, sizeof(words), &x->s);
	assert_int_equal(len, strlen(words));
	assert_ptr_equal(
		strstr(words, "erroring: 2 of 100 requests failed (2 %): 500 on GET /boom; "),
		words);
	assert_non_null(strstr(words, "/s, p50 "));
	assert_non_null(strstr(words, ", 2 failed, 1 open, oldest 1.00 s"));
	sample_free(x);
}

static void verdicts_have_levels(void **state)
{
	static const char *const wanted[VERDICTS] = {
		[VERDICT_UP] = "info",	      [VERDICT_IDLE] = "info",	[VERDICT_SLOW] = "warning",
		[VERDICT_BLIND] = "warning",  [VERDICT_DOWN] = "error", [VERDICT_STUCK] = "error",
		[VERDICT_ERRORING] = "error",
	};

	(void)state;
	for (int v = 0; v < VERDICTS; v++)
		assert_string_equal(log_level(log_priority_verdict(v)), wanted[v]);
}

/* --- the lines of an interval */

static char *printed(struct sample *x,
		     void (*print)(FILE *f, const struct summary *s, const struct sink_line *line))
{
	struct sink_line line = {.wall_ns = SAMPLE_WALL + 10 * SEC,
				 .level = "error",
				 .message = "so it is",
				 .max_routes = 2};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct verdict_rules rules;

	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	print(f, &x->s, &line);
	fclose(f);
	assert_int_equal(text[size - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	return text;
}

static const char *string_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static void assert_front(const cJSON *o, const char *schema)
{
	assert_non_null(o);
	assert_string_equal(string_of(o, "schema"), schema);
	assert_string_equal(string_of(o, "ts"), "2026-01-02T03:04:15.000000Z");
	assert_string_equal(string_of(o, "level"), "error");
	assert_string_equal(string_of(o, "message"), "so it is");
}

/* A summary, but for what makes it a line; without that it is what it always was. */
static void a_line_is_a_summary(void **state)
{
	struct sample *x = sample_new();
	char *line, *plain;
	cJSON *o;

	(void)state;
	sample_ok(x, 3, "/a", 200, 10 * MS);
	sample_ok(x, 2, "/b", 200, 10 * MS);
	line = printed(x, sink_summary_json_line);
	plain = sample_json(x);
	o = cJSON_Parse(line);
	assert_front(o, "reqscope.summary/1");
	assert_null(cJSON_GetObjectItem(o, "routes_left_out"));
	assert_string_equal(strstr(line, "\"host\""), strstr(plain, "\"host\""));
	cJSON_Delete(o);
	free(line);
	sample_ok(x, 1, "/c", 200, 1 * MS);
	line = printed(x, sink_summary_json_line);
	o = cJSON_Parse(line);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "routes")), 2);
	assert_int_equal(cJSON_GetObjectItem(o, "routes_left_out")->valueint, 1);
	cJSON_Delete(o);
	free(line);
	free(plain);
	sample_free(x);
}

/* With the longest of everything it still fits into what syslog takes. */
static void brief_is_brief(void **state)
{
	struct sample *x = sample_new();
	char path[64], *line;
	cJSON *o;

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/%c%c/\x01\x02\x03\xff\xfe/and/so/on/and/on",
			 'a' + i % 26, 'a' + i / 26);
		sample_ok(x, 1 + i, path, i % 3 ? 200 : 503, (1 + i) * MS);
	}
	for (unsigned i = 0; i < 20; i++)
		sample_open(x, "/hang", 4711, (40 - i) * SEC, PHASE_APP);
	line = printed(x, sink_log_json);
	assert_in_range(strlen(line), 500, 7000);
	o = cJSON_Parse(line);
	assert_front(o, "reqscope.log/1");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "routes")), 5);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "open")), 3);
	assert_null(strstr(line, "\"hist\""));
	cJSON_Delete(o);
	free(line);
	sample_free(x);
}

/* --- syslog and the journal */

static void syslog_heads(void **state)
{
	struct tm t = {.tm_mon = 0, .tm_mday = 2, .tm_hour = 3, .tm_min = 4, .tm_sec = 5};
	char head[64], tiny[10];

	(void)state;
	assert_int_equal(log_syslog_head(head, sizeof(head), PRIORITY_INFO, &t, 7), 33);
	assert_string_equal(head, "<30>Jan  2 03:04:05 reqscope[7]: ");
	t.tm_mon = 11;
	t.tm_mday = 31;
	log_syslog_head(head, sizeof(head), PRIORITY_ERROR, &t, 4711);
	assert_string_equal(head, "<27>Dec 31 03:04:05 reqscope[4711]: ");
	assert_int_equal(log_syslog_head(tiny, sizeof(tiny), PRIORITY_INFO, &t, 7), 0);
}

static void journal_fields(void **state)
{
	static const char wanted[] = "A=plain = text\nB\n\x03\0\0\0\0\0\0\0a\nb\nC=\n";
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	log_journal_field(f, "A", "plain = text", 12);
	log_journal_field(f, "B", "a\nb", 3);
	log_journal_field(f, "C", "", 0);
	fclose(f);
	assert_int_equal(size, sizeof(wanted) - 1);
	assert_memory_equal(text, wanted, size);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_keeps_order),
		cmocka_unit_test(queue_wants_objects),
		cmocka_unit_test(queue_counts_what_it_drops),
		cmocka_unit_test(queue_reserves),
		cmocka_unit_test(queue_is_half_full),
		cmocka_unit_test(queue_refuses),
		cmocka_unit_test(requests_in_words),
		cmocka_unit_test(ends_in_words),
		cmocka_unit_test(words_are_safe),
		cmocka_unit_test(summary_in_words),
		cmocka_unit_test(verdicts_have_levels),
		cmocka_unit_test(a_line_is_a_summary),
		cmocka_unit_test(brief_is_brief),
		cmocka_unit_test(syslog_heads),
		cmocka_unit_test(journal_fields),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
