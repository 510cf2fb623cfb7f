/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks held against summaries, and how the outcome is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>

#include "../../user/lib/escape.h"
#include "../../user/sink/plugin.h"
#include "sample.h"

static struct check_file file;
static struct check_report report;
static char *text;

static int setup(void **state)
{
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	check_report_free(&report);
	check_file_free(&file);
	free(text);
	text = NULL;
	return 0;
}

static void load(const char *ini)
{
	struct check_error error;

	check_report_free(&report);
	check_file_free(&file);
	if (check_file_parse(&file, ini, strlen(ini), &error))
		fail_msg("line %u: %s", error.line, error.text);
}

/* Into `text`. */
static void written(void (*write)(FILE *f, const struct check_report *r))
{
	size_t size;
	FILE *f;

	free(text);
	text = NULL;
	f = open_memstream(&text, &size);
	assert_non_null(f);
	write(f, &report);
	fclose(f);
}

static void hold(struct sample *x, const char *ini)
{
	struct verdict_rules rules;

	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	load(ini);
	assert_int_equal(check_evaluate(&report, &file, &x->s), 0);
	written(sink_check_text);
}

static void assert_state(enum check_state state)
{
	if (report.state != state)
		fail_msg("wanted %s, got: %s", check_state_name(state), text);
}

static void assert_has(const char *what)
{
	if (!strstr(text, what))
		fail_msg("no \"%s\" in:\n%s", what, text);
}

static void assert_first_line(const char *want)
{
	size_t n = strcspn(text, "\n");

	if (strlen(want) != n || memcmp(text, want, n))
		fail_msg("wanted %s\ngot    %.*s", want, (int)n, text);
}

/* n answered requests that were in the application for `app` ms, and queued for a quarter of it. */
static void ok(struct sample *x, unsigned n, const char *path, unsigned status, uint64_t app)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, app * MS / 4, app * MS, 0);

		sample_end(x, &r, REQ_OK, status);
	}
}

static void ends(struct sample *x, unsigned n, const char *path, enum request_end end)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, 0, MS, 0);

		sample_end(x, &r, end, 0);
	}
}

/* --- states */

static void all_is_well(void **state)
{
	struct sample *x = *state;

	ok(x, 40, "/a", 200, 8);
	hold(x, "[one]\nwarning = p99 < 20ms\ncritical = p99 < 50ms, rate > 1/s, rate < 1000/s\n"
		"[two]\nroute = /a\nwarning = error_rate < 1%\nowner = nobody is woken\n");
	assert_state(CHECK_OK);
	assert_first_line("REQSCOPE OK - 2 checks hold: 40 requests in 10.0 s |"
			  " 'one_p99'=0.01s;0.02;0.05;0; 'one_rate'=4;;1:1000;0;"
			  " 'two_error_rate'=0%;1;;0;100");
	assert_has("\nOK one: p99 10.0 ms, rate 4/s; 40 requests in 10.0 s\n");
	assert_null(strstr(text, "woken"));
}

static void a_broken_check_says_what_helps(void **state)
{
	struct sample *x = *state;

	ok(x, 40, "/orders/1", 500, 330);
	ok(x, 10, "/fast", 200, 4);
	hold(x, "[fast]\nroute = /fast\nwarning = p99 < 1s\n"
		"[checkout]\nroute = GET /orders/*\nwarning = p99 < 200ms\ncritical = p99 < 300ms\n"
		"critical = error_rate < 1%\n"
		"owner = payments team, #payments\nexpected = 120 ms at noon\n"
		"rollback = kubectl rollout undo deploy/checkout\nrollback = then wait\n"
		"runbook = https://wiki/x\n");
	assert_state(CHECK_CRITICAL);
	assert_has("REQSCOPE CRITICAL - checkout: p99 412 ms, expected < 300 ms "
		   "(1 of 2 checks failing) | 'fast_p99'=");
	assert_has(
		"\nCRITICAL checkout (GET /orders/*): p99 412 ms, error_rate 100 %; 40 requests in "
		"10.0 s\n"
		"    measured  p99 412 ms; critical unless < 300 ms\n"
		"    where     GET /orders/{id}, p50 412 ms, p99 412 ms of 40 requests\n"
		"    measured  error_rate 100 %; critical unless < 1 %\n"
		"    where     GET /orders/{id}, 40 failed of 40 requests\n"
		"    owner     payments team, #payments\n"
		"    expected  120 ms at noon\n"
		"    rollback  kubectl rollout undo deploy/checkout\n"
		"              then wait\n"
		"    runbook   https://wiki/x\n");
	assert_null(strstr(text, "unless < 200 ms"));
}

static void a_warning_is_less(void **state)
{
	struct sample *x = *state;

	ok(x, 40, "/a", 200, 200);
	hold(x, "[a]\nwarning = p99 < 200ms\ncritical = p99 < 300ms\n");
	assert_state(CHECK_WARNING);
	assert_first_line("REQSCOPE WARNING - a: p99 250 ms, expected < 200 ms |"
			  " 'a_p99'=0.25s;0.2;0.3;0;");
}

static void each_operator(void **state)
{
	static const struct {
		const char *condition;
		enum check_state state;
	} rows[] = {
		{"open < 2", CHECK_CRITICAL},  {"open <= 2", CHECK_OK},
		{"open < 3", CHECK_OK},	       {"open > 2", CHECK_CRITICAL},
		{"open >= 2", CHECK_OK},       {"open > 1", CHECK_OK},
		{"open <= 1", CHECK_CRITICAL}, {"open >= 3", CHECK_CRITICAL},
	};
	struct sample *x = *state;
	char ini[64];

	sample_open(x, "/a", 4711, SEC, PHASE_APP);
	sample_open(x, "/a", 4711, SEC, PHASE_APP);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(ini, sizeof(ini), "[a]\ncritical = %s\n", rows[i].condition);
		hold(x, ini);
		assert_state(rows[i].state);
	}
}

static void known_to_be_bad_before_not_known(void **state)
{
	struct sample *x = *state;

	ok(x, 5, "/a", 500, 8);
	hold(x, "[u]\ncritical = loop_stall < 200ms\n[w]\nwarning = error_rate < 1%\n");
	assert_state(CHECK_WARNING);
	hold(x, "[u]\ncritical = loop_stall < 200ms\n[o]\nwarning = p99 < 1s\n");
	assert_state(CHECK_UNKNOWN);
	assert_has("REQSCOPE UNKNOWN - u: loop_stall not known: no event loop could be watched");
	assert_has("(1 of 2 checks unknown) | 'u_loop_stall'=U;;0.2;0; ");
}

/* --- what is not known */

static void no_data_is_unknown(void **state)
{
	struct sample *x = *state;

	hold(x, "[a]\ncritical = p99 < 300ms\nwarning = error_rate < 1%, queue_share < 50%\n"
		"owner = me\n");
	assert_state(CHECK_UNKNOWN);
	assert_first_line(
		"REQSCOPE UNKNOWN - a: p99 not known: no request ended, expected < 300 ms |"
		" 'a_p99'=U;;0.3;0; 'a_error_rate'=U;1;;0;100 'a_queue_share'=U;50;;0;100");
	assert_has("    owner     me\n");
}

static void no_traffic_is_a_rate(void **state)
{
	struct sample *x = *state;

	hold(x, "[a]\ncritical = rate > 0.5/s\nwarning = open_age < 1s\n");
	assert_state(CHECK_CRITICAL);
	assert_first_line("REQSCOPE CRITICAL - a: rate 0/s, expected > 0.5/s |"
			  " 'a_rate'=0;;0.5:;0; 'a_open_age'=0s;1;;0;");
}

static void too_few_requests(void **state)
{
	struct sample *x = *state;

	ok(x, 19, "/a", 500, 800);
	hold(x, "[a]\ncritical = p99 < 300ms, error_rate < 1%\nmin_requests = 20\n");
	assert_state(CHECK_UNKNOWN);
	assert_has("not known: fewer requests than min_requests ended");
	ok(x, 1, "/a", 500, 800);
	hold(x, "[a]\ncritical = p99 < 300ms, error_rate < 1%\nmin_requests = 20\n");
	assert_state(CHECK_CRITICAL);
}

static void what_went_unseen(void **state)
{
	struct sample *x = *state;

	ok(x, 10, "/a", 200, 8);
	ends(x, 10, "/a", REQ_UNKNOWN);
	hold(x, "[a]\ncritical = p99 < 300ms, rate > 0.1/s, open < 5\n[b]\nwarning = unknown_share "
		"< 90%\n");
	assert_state(CHECK_UNKNOWN);
	assert_int_equal(report.results[0].state, CHECK_UNKNOWN);
	assert_int_equal(report.results[1].state, CHECK_OK);
	assert_has("a: p99 not known: 50 % of requests could not be followed");
	assert_has("\nnot seen: 50 % of requests");
	/* one that is stuck is blind all the same */
	sample_open(x, "/a", 4711, 60 * SEC, PHASE_APP);
	hold(x, "[a]\ncritical = p99 < 300ms\n");
	assert_string_equal(verdict_name(x->s.verdict.state), "stuck");
	assert_state(CHECK_UNKNOWN);
}

static void encrypted_traffic(void **state)
{
	struct sample *x = *state;

	x->s.opaque.tls = 3;
	hold(x, "[a]\ncritical = rate > 1/s\n");
	assert_state(CHECK_UNKNOWN);
	assert_has("REQSCOPE UNKNOWN - a: rate not known: traffic is TLS");
}

static void a_target_that_is_down(void **state)
{
	struct sample *x = *state;

	ok(x, 10, "/a", 200, 8);
	x->s.target.alive = x->s.target.listening = false;
	hold(x, "[a]\nwarning = p99 < 300ms\n");
	assert_state(CHECK_CRITICAL);
	assert_has("REQSCOPE CRITICAL - uvicorn app:app is down: process 4711 is gone | "
		   "'a_p99'=0.01s");
	assert_has("\nOK a: ");
}

static void queues_that_are_not_counted(void **state)
{
	struct sample *x = *state;

	hold(x, "[a]\nwarning = accept_queue_share < 50%\n");
	assert_state(CHECK_UNKNOWN);
	x->listeners[0].counted = true;
	x->listeners[0].backlog = 2;
	x->listeners[0].accept_queue = 3;
	hold(x, "[a]\nwarning = accept_queue_share < 50%\n");
	assert_state(CHECK_WARNING);
	assert_has(
		"accept_queue_share 150 %, expected < 50 % | 'a_accept_queue_share'=150%;50;;0;\n");
	assert_has("    where     127.0.0.1:8000, 3 of 2 wait to be accepted\n");
}

/* More are open than a summary lists. */
static void more_than_are_listed(void **state)
{
	struct sample *x = *state;

	for (int i = 0; i < SUMMARY_MAX_OPEN; i++)
		sample_open(x, i < 4 ? "/a" : "/b", 4711, SEC, PHASE_SEND);
	hold(x, "[a]\nroute = /a\nwarning = open < 4\n");
	assert_state(CHECK_WARNING);
	assert_has("a: open at least 4, expected < 4 | 'a_open'=U;4;;0;");
	hold(x, "[a]\nroute = /a\nwarning = open < 5\n");
	assert_state(CHECK_UNKNOWN);
	hold(x, "[a]\nroute = /a\nwarning = open > 3\n");
	assert_state(CHECK_OK);
	hold(x, "[c]\nroute = /c\nwarning = open_age < 5s\n");
	assert_state(CHECK_UNKNOWN);
}

static void under_way_before_we_came(void **state)
{
	struct sample *x = *state;

	x->s.late.hung = 2;
	x->s.late.oldest = 4 * SEC;
	hold(x, "[a]\ncritical = open_age < 3s\nwarning = open < 2\n");
	assert_state(CHECK_CRITICAL);
	assert_has("a: open_age at least 4.00 s, expected < 3 s");
	hold(x, "[a]\ncritical = open_age < 5s\n");
	assert_state(CHECK_UNKNOWN);
}

/* --- how it is written */

static void a_rounded_value_does_not_look_right(void **state)
{
	struct sample *x = *state;
	struct request r = sample_request(x, "GET", "/a", 4711, 0, 300 * MS + 1234, 0);

	sample_end(x, &r, REQ_OK, 200);
	hold(x, "[a]\ncritical = max < 300ms\n");
	assert_has("max 300.001234 ms, expected < 300 ms");
}

static void where_an_open_one_is(void **state)
{
	struct sample *x = *state;

	sample_open(x, "/slow", 4711, 7 * SEC, PHASE_APP);
	hold(x, "[a]\nwarning = open_age < 2s\n");
	assert_has("    where     GET /slow, open for 7.00 s in app, pid 4711\n");
	x->s.n_open = 0;
	sample_open(x, NULL, 0, 7 * SEC, PHASE_QUEUE);
	hold(x, "[a]\nwarning = open_age < 2s\n");
	assert_has("    where     one not read yet, open for 7.00 s in queue\n");
}

/* Nothing that came from the wire moves the terminal, ends the line, or begins performance data. */
static void hostile_bytes(void **state)
{
	struct sample *x = *state;
	unsigned bars = 0;

	assert_int_equal(router_add(x->router, "GET", "/a|b", NULL, NULL), 0);
	ok(x, 5, "/a|b", 500, 900);
	sample_open(x, "/p|q\r\n\xe2\x80\xae", 4711, 9 * SEC, PHASE_APP);
	x->s.target.name = "uvicorn |\x1b]0;x\x07 \xff";
	x->s.target.alive = false;
	hold(x, "[a]\ncritical = p99 < 300ms, error_rate < 1%, open_age < 1s\n");
	for (const char *p = text; *p; p++) {
		bars += *p == '|';
		assert_true(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 0x7f));
	}
	assert_int_equal(bars, 1);
	assert_true(strcspn(text, "|") < strcspn(text, "\n"));
	assert_has("GET /a\\x7cb, ");
	assert_has("GET /p\\x7cq\\x0d\\x0a\\xe2\\x80\\xae, ");
}

static void problems(void **state)
{
	struct plugin_problem p = {CHECK_UNKNOWN, "no |\x1b[2J\xff", "one|\ntwo\n"};
	size_t size;
	FILE *f = open_memstream(&text, &size);
	cJSON *json;

	(void)state;
	assert_non_null(f);
	sink_problem_text(f, &p);
	fclose(f);
	assert_string_equal(text, "REQSCOPE UNKNOWN - no \\x7c\\x1b[2J\\xff\none\\x7c\ntwo\n");
	free(text);
	f = open_memstream(&text, &size);
	assert_non_null(f);
	sink_problem_json(f, &p);
	fclose(f);
	json = cJSON_Parse(text);
	assert_non_null(json);
	assert_int_equal(cJSON_GetObjectItem(json, "code")->valueint, 3);
	cJSON_Delete(json);
}

static void as_json(void **state)
{
	struct sample *x = *state;
	const cJSON *c, *k;
	cJSON *json;

	ok(x, 10, "/a", 200, 8);
	hold(x, "[a]\ncritical = p99 < 5ms, loop_stall < 1s\nwarning = queue_share < 50%\nowner = "
		"me\n");
	written(sink_check_json);
	json = cJSON_Parse(text);
	assert_non_null(json);
	assert_string_equal(cJSON_GetObjectItem(json, "schema")->valuestring, "reqscope.check/1");
	assert_string_equal(cJSON_GetObjectItem(json, "state")->valuestring, "critical");
	c = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "checks"), 0);
	assert_string_equal(cJSON_GetObjectItem(c, "owner")->valuestring, "me");
	assert_null(cJSON_GetObjectItem(c, "runbook"));
	k = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "conditions"), 0);
	assert_true(fabs(cJSON_GetObjectItem(k, "limit")->valuedouble - 5) < 1e-9);
	assert_true(fabs(cJSON_GetObjectItem(k, "value")->valuedouble - 10) < 0.2);
	k = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "conditions"), 1);
	assert_null(cJSON_GetObjectItem(k, "value"));
	assert_string_equal(cJSON_GetObjectItem(k, "state")->valuestring, "unknown");
	k = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "conditions"), 2);
	assert_string_equal(cJSON_GetObjectItem(k, "state")->valuestring, "ok");
	cJSON_Delete(json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_well),
		TEST(a_broken_check_says_what_helps),
		TEST(a_warning_is_less),
		TEST(each_operator),
		TEST(known_to_be_bad_before_not_known),
		TEST(no_data_is_unknown),
		TEST(no_traffic_is_a_rate),
		TEST(too_few_requests),
		TEST(what_went_unseen),
		TEST(encrypted_traffic),
		TEST(a_target_that_is_down),
		TEST(queues_that_are_not_counted),
		TEST(more_than_are_listed),
		TEST(under_way_before_we_came),
		TEST(a_rounded_value_does_not_look_right),
		TEST(where_an_open_one_is),
		TEST(hostile_bytes),
		TEST(problems),
		TEST(as_json),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
