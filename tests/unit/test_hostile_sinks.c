// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whatever bytes a target, its clients or a file bring along: no sink lets a control, broken UTF-8
 * or markup out. Every string of a summary and a request is hostile at once, in many random
 * combinations; RS_HOSTILE=N makes it N rounds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/sink/diff.h"
#include "../../user/sink/html.h"
#include "../../user/sink/log.h"
#include "../../user/sink/plugin.h"
#include "hostile.h"

static struct hostile h;
static char *out;
static size_t out_len;
static FILE *out_file;

static FILE *begin(void)
{
	free(out);
	out = NULL;
	out_file = open_memstream(&out, &out_len);
	assert_non_null(out_file);
	return out_file;
}

static void end(void)
{
	assert_int_equal(fclose(out_file), 0);
	assert_true(out_len > 0);
	assert_int_equal(strlen(out), out_len); /* no NUL either */
}

static unsigned rounds(void)
{
	const char *n = getenv("RS_HOSTILE");

	return n && atoi(n) > 0 ? (unsigned)atoi(n) : 150;
}

/* `check` with one hostile summary after the other. */
static void again_and_again(void (*check)(void))
{
	for (unsigned seed = 1; seed <= rounds(); seed++) {
		hostile_init(&h, seed * UINT64_C(0x9e3779b97f4a7c15));
		check();
		hostile_free(&h);
	}
	free(out);
	out = NULL;
}

static struct term_options some_terminal(void)
{
	return (struct term_options){.columns = 20 + random_below(&h.random, 240),
				     .lines = random_chance(&h.random, 30) ? 24 : 0,
				     .colour = random_chance(&h.random, 30),
				     .utf8 = random_chance(&h.random, 50),
				     .slow_ns = SEC / 10};
}

/* --- summaries */

static void summary_text(void)
{
	struct term_options o = some_terminal();

	sink_summary_text(begin(), &h.x->s, &o);
	end();
	hostile_check_text(out, out_len, true, o.colour);
}

static void summary_json(void)
{
	struct sink_line line = {SAMPLE_WALL, "warning", "in words", 3};

	sink_summary_json(begin(), &h.x->s);
	end();
	hostile_check_json(out, out_len);
	sink_summary_json_line(begin(), &h.x->s, &line);
	end();
	hostile_check_json(out, out_len);
	sink_log_json(begin(), &h.x->s, &line);
	end();
	hostile_check_json(out, out_len);
}

static void page(void)
{
	struct html_report r = {.summary = &h.x->s, .timeline = h.timeline};

	sink_html(begin(), &r);
	end();
	assert_true(out_len < HTML_MAX);
	hostile_check_html(out, out_len);
}

static void reasons(void)
{
	const struct verdict *v = &h.x->s.verdict;

	for (unsigned i = 0; i < v->n_reasons; i++)
		hostile_check_text(v->reasons[i], strlen(v->reasons[i]), false, false);
}

static void summaries_as_text(void **state)
{
	(void)state;
	again_and_again(summary_text);
}

static void summaries_as_json(void **state)
{
	(void)state;
	again_and_again(summary_json);
}

static void summaries_as_pages(void **state)
{
	(void)state;
	again_and_again(page);
}

static void verdicts(void **state)
{
	(void)state;
	again_and_again(reasons);
}

/* --- requests */

static void trace_lines(void)
{
	struct trace_context c = {.host = hostile_text(&h, 500),
				  .target = hostile_text(&h, 500),
				  .wall_offset = h.x->s.wall_offset,
				  .now = h.x->s.now,
				  .where = hostile_text(&h, 500)};
	const struct request *const requests[] = {&h.request, h.x->open[0].request};
	struct term_options o = some_terminal();

	for (int i = 0; i < 2; i++) {
		sink_trace_json(begin(), &c, requests[i]);
		end();
		hostile_check_json(out, out_len);
		sink_trace_text(begin(), &c, requests[i], &o);
		end();
		hostile_check_text(out, out_len, true, o.colour);
		assert_ptr_equal(strchr(out, '\n'), out + out_len - 1);
	}
}

static void requests_as_lines(void **state)
{
	(void)state;
	again_and_again(trace_lines);
}

/* --- logs */

static void log_words(void)
{
	char words[LOG_WORDS_MAX];
	size_t size = 1 + random_below(&h.random, sizeof(words));
	size_t n;

	n = log_words_request(words, size, &h.request, h.x->s.now);
	assert_true(n < size && strlen(words) == n);
	hostile_check_text(words, n, false, false);
	n = log_words_summary(words, size, &h.x->s);
	assert_true(n < size && strlen(words) == n);
	hostile_check_text(words, n, false, false);
}

static void words_of_a_log(void **state)
{
	(void)state;
	again_and_again(log_words);
}

/* --- monitoring */

static const char checks[] =
	"[all]\nwarning = p99 < 1ms, error_rate < 0.1%\ncritical = open_age < 1s\n"
	"owner = me\nmin_requests = 1\n"
	"[some]\nroute = GET *\nwarning = p99 < 1ms, loop_stall < 1ms\n";

/* One '|' before performance data, which others take apart. */
static void check_bars(bool data)
{
	const char *bar = strchr(out, '|'), *newline = strchr(out, '\n');

	assert_non_null(newline);
	assert_true(data ? bar && bar < newline && !strchr(bar + 1, '|') : !bar);
}

static void monitoring(void)
{
	struct plugin_problem p = {CHECK_UNKNOWN, hostile_text(&h, 500), hostile_text(&h, 500)};
	struct check_report report;
	struct check_error error;
	struct check_file file;

	if (check_file_parse(&file, checks, sizeof(checks) - 1, &error))
		fail_msg("line %u: %s", error.line, error.text);
	assert_int_equal(check_evaluate(&report, &file, &h.x->s), 0);
	sink_check_text(begin(), &report);
	end();
	hostile_check_text(out, out_len, true, false);
	check_bars(true);
	sink_check_json(begin(), &report);
	end();
	hostile_check_json(out, out_len);
	check_report_free(&report);
	check_file_free(&file);
	sink_problem_text(begin(), &p);
	end();
	hostile_check_text(out, out_len, true, false);
	check_bars(false);
	sink_problem_json(begin(), &p);
	end();
	hostile_check_json(out, out_len);
}

static void outcomes_of_checks(void **state)
{
	(void)state;
	again_and_again(monitoring);
}

/* What is wrong with a file that somebody wrote is told with its words. */
static void wrong_files(void)
{
	const char *text = hostile_text(&h, 4000);
	struct route_error route;
	struct check_error error;
	struct check_file file;

	if (check_file_parse(&file, text, strlen(text), &error) == -EINVAL)
		hostile_check_text(error.text, strlen(error.text), false, false);
	check_file_free(&file);
	if (router_load(h.x->router, text, strlen(text), &route) == -EINVAL)
		hostile_check_text(route.text, strlen(route.text), false, false);
}

static void errors_in_files(void **state)
{
	(void)state;
	again_and_again(wrong_files);
}

/* --- comparisons */

static void differences(void)
{
	struct diff d = {
		.comparison = h.comparison,
		.before = {hostile_text(&h, 300), "recording", hostile_text(&h, 300),
			   hostile_text(&h, 100), SAMPLE_WALL},
		.after = {hostile_text(&h, 300), "summary", hostile_text(&h, 300), NULL, 0},
		.deploy = random_chance(&h.random, 30)};
	struct term_options o = some_terminal();

	sink_diff_text(begin(), &d, &o);
	end();
	hostile_check_text(out, out_len, true, o.colour);
	sink_diff_json(begin(), &d);
	end();
	hostile_check_json(out, out_len);
}

static void comparisons(void **state)
{
	(void)state;
	again_and_again(differences);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summaries_as_text),  cmocka_unit_test(summaries_as_json),
		cmocka_unit_test(summaries_as_pages), cmocka_unit_test(verdicts),
		cmocka_unit_test(requests_as_lines),  cmocka_unit_test(words_of_a_log),
		cmocka_unit_test(outcomes_of_checks), cmocka_unit_test(errors_in_files),
		cmocka_unit_test(comparisons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
