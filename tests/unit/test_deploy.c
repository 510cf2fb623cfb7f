// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A deploy in words, as JSON, on the screen and in the verdict. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/deploy.h"
#include "../../user/sink/sink.h"
#include "sample.h"

#define ROWS 40

/* A summary with two deploys, the second compared; every row may be changed. */
struct scene {
	struct sample *x;
	struct summary_deploy deploys[2];
	struct comparison comparison;
	struct compare_row rows[ROWS];
};

static struct scene *scene_new(void)
{
	struct scene *s = calloc(1, sizeof(*s));
	char path[] = "/a", *last = &path[1];

	assert_non_null(s);
	s->x = sample_new();
	for (uint32_t i = 0; i < ROWS; i++) {
		if (i) {
			*last = (char)('a' + i % 26);
			s->rows[i].route =
				router_match(s->x->router, i < 26 ? "GET" : "PUT", path, 2);
		}
		s->rows[i].tested = true;
		s->rows[i].before = s->rows[i].after = 1000;
	}
	s->comparison.rows = s->rows;
	s->comparison.n_rows = 3;
	s->comparison.ordered = true;
	s->deploys[0] = (struct summary_deploy){
		.at_wall_ns = SAMPLE_WALL + 2 * SEC,
		.before = {.pid = 800, .workers = 1, .requests = 7},
		.after = {.version = "1.4.2", .pid = 812, .workers = 1, .requests = 2000},
	};
	s->deploys[1] = (struct summary_deploy){
		.at_wall_ns = SAMPLE_WALL + 5 * SEC,
		.before = s->deploys[0].after,
		.after = {.version = "1.4.3", .pid = 911, .workers = 4, .requests = 12031},
		.comparison = &s->comparison,
	};
	s->x->s.deploys = s->deploys;
	s->x->s.n_deploys = 2;
	return s;
}

static void scene_free(struct scene *s)
{
	sample_free(s->x);
	free(s);
}

static void change(struct scene *s, uint32_t row, enum compare_metric metric, double before,
		   double after, bool worse)
{
	s->rows[row].change[metric] = (struct change){before, after, 0.0001, true, worse};
	s->rows[row].beyond = s->comparison.beyond = true;
	s->rows[row].worse |= worse;
	s->comparison.worse |= worse;
}

/* GET /b is slower, PUT-free; all requests are faster. */
static void change_some(struct scene *s)
{
	change(s, 0, COMPARE_P50, 20 * MS, 10 * MS, false);
	change(s, 1, COMPARE_P50, 100 * MS, 110 * MS, true);
	change(s, 1, COMPARE_P99, 120 * MS, 340 * MS, true);
	change(s, 2, COMPARE_RATE, 10, 99, false);
}

static char *text_of(struct scene *s, unsigned columns, unsigned lines)
{
	struct term_options o = {.columns = columns, .lines = lines, .utf8 = true};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	sink_summary_text(f, &s->x->s, &o);
	fclose(f);
	return text;
}

/* --- words */

static void in_words(void **state)
{
	struct scene *s = scene_new();
	char out[DEPLOY_WORDS];

	(void)state;
	assert_string_equal(deploy_time(out, sizeof(out), &s->deploys[1]), "03:04:10 UTC");
	assert_string_equal(deploy_versions(out, sizeof(out), &s->deploys[1]), "1.4.2 -> 1.4.3");
	assert_string_equal(deploy_versions(out, sizeof(out), &s->deploys[0]),
			    "unknown version -> 1.4.2");
	assert_string_equal(deploy_pids(out, sizeof(out), &s->deploys[0]), "pid 800 -> 812");
	assert_string_equal(deploy_pids(out, sizeof(out), &s->deploys[1]),
			    "pid 812 -> 911 (+3)");
	s->deploys[1].before.version = "1.4.3";
	assert_string_equal(deploy_versions(out, sizeof(out), &s->deploys[1]), "1.4.3 again");
	s->deploys[0].after.version = NULL;
	assert_string_equal(deploy_versions(out, sizeof(out), &s->deploys[0]), "");
	s->deploys[1].before.version = "\x1b[31m"; /* of a recording that somebody made */
	assert_string_equal(deploy_versions(out, sizeof(out), &s->deploys[1]),
			    "\\x1b[31m -> 1.4.3");
	scene_free(s);
}

static void the_worst_is_told_first(void **state)
{
	struct scene *s = scene_new();
	const struct compare_row *row;
	enum compare_metric metric;
	char out[DEPLOY_WORDS];

	(void)state;
	assert_false(deploy_change(NULL, 0, &row, &metric));
	assert_false(deploy_change(&s->comparison, 0, &row, &metric));
	change_some(s);
	assert_true(deploy_change(&s->comparison, 0, &row, &metric));
	assert_ptr_equal(row, &s->rows[1]);
	assert_string_equal(deploy_change_words(out, sizeof(out), row, metric),
			    "p99 of GET /b 120 -> 340 ms (+183 %)");
	assert_true(deploy_change(&s->comparison, 1, &row, &metric));
	assert_string_equal(deploy_change_words(out, sizeof(out), row, metric),
			    "p50 of all requests 20.0 -> 10.0 ms (-50 %)");
	assert_false(deploy_change(&s->comparison, 2, &row, &metric)); /* a rate is the clients' */
	change(s, 2, COMPARE_ERRORS, 0, 0.05, true);
	assert_true(deploy_change(&s->comparison, 1, &row, &metric));
	assert_string_equal(deploy_change_words(out, sizeof(out), row, metric),
			    "errors of GET /c 0 -> 5 %");
	scene_free(s);
}

static void in_one_line(void **state)
{
	struct scene *s = scene_new();
	char out[DEPLOY_LINE];

	(void)state;
	assert_string_equal(
		deploy_line(out, sizeof(out), &s->deploys[1]),
		"03:04:10 UTC 1.4.2 -> 1.4.3 (pid 812 -> 911 (+3)), 12,031 requests since: "
		"nothing changed beyond noise so far");
	change_some(s);
	assert_string_equal(
		deploy_line(out, sizeof(out), &s->deploys[1]),
		"03:04:10 UTC 1.4.2 -> 1.4.3 (pid 812 -> 911 (+3)), 12,031 requests since: "
		"worse: p99 of GET /b 120 -> 340 ms (+183 %), beyond noise");
	s->deploys[0].after.version = NULL;
	assert_string_equal(deploy_line(out, sizeof(out), &s->deploys[0]),
			    "03:04:07 UTC (pid 800 -> 812), 2,000 requests since: not compared");
	scene_free(s);
}

static void what_nothing_rests_on(void **state)
{
	struct scene *s = scene_new();
	struct summary_deploy *d = &s->deploys[1];

	(void)state;
	assert_non_null(strstr(deploy_nothing(d), "nothing changed beyond noise"));
	for (uint32_t i = 0; i < ROWS; i++)
		s->rows[i].tested = false;
	assert_non_null(strstr(deploy_nothing(d), "too few requests"));
	d->comparison = NULL;
	assert_non_null(strstr(deploy_nothing(d), "not compared"));
	d->before.requests = 0;
	assert_non_null(strstr(deploy_nothing(d), "nothing to compare with"));
	d->after.requests = 0;
	assert_non_null(strstr(deploy_nothing(d), "no request"));
	scene_free(s);
}

/* --- the verdict */

static bool has_reason(struct scene *s, const char *text)
{
	struct verdict *v = &s->x->s.verdict;
	struct verdict_rules rules;

	verdict_rules_default(&rules);
	verdict_decide(&s->x->s, &rules);
	for (unsigned i = 0; i < v->n_reasons; i++)
		if (strstr(v->reasons[i], text))
			return true;
	return false;
}

static void worse_is_a_reason(void **state)
{
	struct scene *s = scene_new();

	(void)state;
	sample_ok(s->x, 5, "/b", 200, MS);
	assert_false(has_reason(s, "deploy"));
	change(s, 0, COMPARE_P50, 20 * MS, 10 * MS, false);
	assert_false(has_reason(s, "deploy"));
	change_some(s);
	assert_true(has_reason(
		s, "since the deploy at 03:04:10 UTC worse: p99 of GET /b 120 -> 340 ms"));
	assert_int_equal(s->x->s.verdict.state, VERDICT_UP); /* it is no state */
	s->x->s.n_deploys = 1;
	assert_false(has_reason(s, "deploy"));
	scene_free(s);
}

/* --- JSON */

static double number(const cJSON *o, const char *name)
{
	const cJSON *n = cJSON_GetObjectItem(o, name);

	assert_true(cJSON_IsNumber(n));
	return n->valuedouble;
}

static cJSON *deploys_json(struct scene *s, cJSON **whole)
{
	char *text = sample_json(s->x);
	cJSON *deploys;

	*whole = cJSON_Parse(text);
	free(text);
	assert_non_null(*whole);
	deploys = cJSON_GetObjectItem(*whole, "deploys");
	assert_true(cJSON_IsArray(deploys));
	return deploys;
}

static void as_json(void **state)
{
	struct scene *s = scene_new();
	const cJSON *d, *side, *c, *list, *one;
	cJSON *whole;

	(void)state;
	change_some(s);
	d = deploys_json(s, &whole);
	assert_int_equal(cJSON_GetArraySize(d), 2);
	one = cJSON_GetArrayItem(d, 0);
	assert_null(cJSON_GetObjectItem(one, "comparison"));
	assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(one, "before"), "version"));
	d = cJSON_GetArrayItem(d, 1);
	assert_string_equal(cJSON_GetObjectItem(d, "at")->valuestring,
			    "2026-01-02T03:04:10.000000Z");
	side = cJSON_GetObjectItem(d, "after");
	assert_string_equal(cJSON_GetObjectItem(side, "version")->valuestring, "1.4.3");
	assert_true(number(side, "pid") == 911 && number(side, "workers") == 4);
	assert_true(number(side, "requests") == 12031);
	c = cJSON_GetObjectItem(d, "comparison");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(c, "worse")));
	list = cJSON_GetObjectItem(c, "changes");
	assert_int_equal(cJSON_GetArraySize(list), 4);
	one = cJSON_GetArrayItem(list, 0);
	assert_string_equal(cJSON_GetObjectItem(one, "route")->valuestring, "/b");
	assert_string_equal(cJSON_GetObjectItem(one, "metric")->valuestring, "p99");
	assert_true(number(one, "before") == 120 && number(one, "after") == 340);
	one = cJSON_GetArrayItem(list, 2);
	assert_null(cJSON_GetObjectItem(one, "route"));
	one = cJSON_GetArrayItem(list, 3);
	assert_string_equal(cJSON_GetObjectItem(one, "metric")->valuestring, "rate");
	assert_true(number(one, "before") == 10 && number(one, "after") == 99);
	cJSON_Delete(whole);
	scene_free(s);
}

static void json_is_bounded(void **state)
{
	struct scene *s = scene_new();
	cJSON *whole, *d;

	(void)state;
	s->comparison.n_rows = ROWS;
	for (uint32_t i = 0; i < ROWS; i++) {
		change(s, i, COMPARE_P50, 1 * MS, 2 * MS, true);
		change(s, i, COMPARE_RATE, 1, 2, false);
	}
	s->rows[5].change[COMPARE_P50].before = NAN; /* not measured */
	d = cJSON_GetObjectItem(cJSON_GetArrayItem(deploys_json(s, &whole), 1), "comparison");
	d = cJSON_GetObjectItem(d, "changes");
	assert_int_equal(cJSON_GetArraySize(d), 20);
	for (int i = 0; i < 20; i++)
		assert_string_equal(
			cJSON_GetObjectItem(cJSON_GetArrayItem(d, i), "metric")->valuestring,
			"p50");
	assert_null(cJSON_GetObjectItem(cJSON_GetArrayItem(d, 4), "before"));
	cJSON_Delete(whole);
	scene_free(s);
}

/* --- the screen */

static void on_the_screen(void **state)
{
	struct scene *s = scene_new();
	char *text;

	(void)state;
	sample_ok(s->x, 5, "/b", 200, MS);
	change_some(s);
	text = text_of(s, 100, 0);
	assert_non_null(strstr(
		text,
		"\ndeploy    03:04:10 UTC   1.4.2 -> 1.4.3   pid 812 -> 911 (+3)   "
		"12,031 requests since\n"
		"          worse: p99 of GET /b 120 -> 340 ms (+183 %), beyond noise\n"
		"          better: p50 of all requests 20.0 -> 10.0 ms (-50 %), beyond noise\n"
		"          03:04:07 UTC   unknown version -> 1.4.2   pid 800 -> 812   "
		"2,000 requests since\n"));
	free(text);
	s->x->s.n_deploys = 0;
	text = text_of(s, 100, 0);
	assert_null(strstr(text, "deploy"));
	free(text);
	scene_free(s);
}

static void it_fits(void **state)
{
	struct scene *s = scene_new();

	(void)state;
	sample_ok(s->x, 5, "/b", 200, MS);
	change_some(s);
	for (unsigned lines = 1; lines < 40; lines++) {
		char *text = text_of(s, 60, lines);
		unsigned n = 0;

		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++)
			assert_true(strlen(line) <= 3 * 60);
		assert_in_range(n, 1, lines);
		free(text);
	}
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_words),	     cmocka_unit_test(the_worst_is_told_first),
		cmocka_unit_test(in_one_line),	     cmocka_unit_test(what_nothing_rests_on),
		cmocka_unit_test(worse_is_a_reason), cmocka_unit_test(as_json),
		cmocka_unit_test(json_is_bounded),   cmocka_unit_test(on_the_screen),
		cmocka_unit_test(it_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
