/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Check files: what they mean, and what is said of those that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "../../user/core/check.h"
#include "../../user/lib/escape.h"

#define ARRAY(a) (sizeof(a) / sizeof(*(a)))
#define MUST	 "critical = p99 < 1s\n"

static struct check_file file;
static struct check_error error;

/* From memory of exactly that size, so that a read beyond it is seen. */
static int parse_bytes(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, text, len);
	err = check_file_parse(&file, copy, len, &error);
	free(copy);
	return err;
}

static void accept(const char *text)
{
	int err = parse_bytes(text, strlen(text));

	if (err)
		fail_msg("line %u: %s\nof:\n%s", error.line, error.text, text);
}

static void refuse_bytes(const char *text, size_t len, unsigned line, const char *says)
{
	if (parse_bytes(text, len) != -EINVAL)
		fail_msg("accepted:\n%s", text);
	check_file_free(&file);
	if (error.line != line || !strstr(error.text, says))
		fail_msg("wanted line %u: %s\ngot    line %u: %s", line, says, error.line,
			 error.text);
}

static void refuse(const char *text, unsigned line, const char *says)
{
	refuse_bytes(text, strlen(text), line, says);
}

/* --- what files mean */

static void a_whole_section(void **state)
{
	const struct check *c;

	(void)state;
	accept("; a comment\n# another\n"
	       "[check out]  ; with a comment\n"
	       "  route = POST /orders/*   ; indented\n"
	       "warning=p99<200ms , error_rate <= 0.5%\n"
	       "\tcritical\t= p99 < 0.3 s\n"
	       "critical: rate >= 60/m ; a colon is as good\n"
	       "min_requests = 20\n"
	       "owner = payments team, #payments\n"
	       "rollback = one\n"
	       "expected = 120 ms at noon; 80 at night\n"
	       "rollback = two\n");
	assert_int_equal(file.n, 1);
	c = file.checks;
	assert_string_equal(c->name, "check out");
	assert_int_equal(c->line, 3);
	assert_string_equal(c->route, "POST /orders/*");
	assert_int_equal(c->min_requests, 20);
	assert_string_equal(c->words[CHECK_OWNER], "payments team, #payments");
	assert_string_equal(c->words[CHECK_EXPECTED], "120 ms at noon; 80 at night");
	assert_string_equal(c->words[CHECK_ROLLBACK], "one\ntwo");
	assert_null(c->words[CHECK_RUNBOOK]);
	check_file_free(&file);
}

static void conditions_in_their_order(void **state)
{
	static const struct check_condition want[] = {
		{CHECK_P99, CHECK_LT, 200e6, CHECK_WARNING, 2},
		{CHECK_ERROR_RATE, CHECK_LE, 0.005, CHECK_WARNING, 2},
		{CHECK_P99, CHECK_LT, 300e6, CHECK_CRITICAL, 3},
		{CHECK_RATE, CHECK_GE, 1.5, CHECK_CRITICAL, 4},
		{CHECK_OPEN, CHECK_GT, 2, CHECK_CRITICAL, 4},
		{CHECK_OPEN_AGE, CHECK_LT, 60e9, CHECK_CRITICAL, 4},
		{CHECK_QUEUE_SHARE, CHECK_LT, 0.25, CHECK_CRITICAL, 4},
	};

	(void)state;
	accept("[a]\nwarning = p99 < 200ms, error_rate <= 0.5%,\ncritical = p99 < 0.3s\n"
	       "critical = rate >= 90/m, open > 2, open_age < 1m, queue_share < 0.25");
	assert_int_equal(file.checks->n_conditions, ARRAY(want));
	for (size_t i = 0; i < ARRAY(want); i++) {
		const struct check_condition *c = &file.checks->conditions[i];

		assert_int_equal(c->metric, want[i].metric);
		assert_int_equal(c->op, want[i].op);
		assert_int_equal(c->level, want[i].level);
		assert_int_equal(c->line, want[i].line);
		assert_true(c->limit > want[i].limit * 0.999999 &&
			    c->limit < want[i].limit * 1.000001);
	}
	check_file_free(&file);
}

static void every_metric_is_named(void **state)
{
	static const char *const limits[] = {[CHECK_DURATION] = "5ms",
					     [CHECK_SHARE] = "5%",
					     [CHECK_PER_SECOND] = "5/s",
					     [CHECK_COUNT] = "5"};
	char text[128];

	(void)state;
	for (int i = 0; i < CHECK_METRICS; i++) {
		enum check_metric m = (enum check_metric)i;

		snprintf(text, sizeof(text), "[a]\nwarning = %s < %s\n", check_metric_name(m),
			 limits[check_metric_unit(m)]);
		accept(text);
		assert_int_equal(file.checks->conditions[0].metric, i);
		assert_non_null(strstr(check_metric_names, check_metric_name(m)));
		check_file_free(&file);
	}
}

static void all_is_no_route(void **state)
{
	(void)state;
	accept("[a]\nroute = all\n" MUST "[b]\n" MUST "[c]\nroute=/x\n" MUST
	       "[d]\nroute=other\n" MUST);
	assert_int_equal(file.n, 4);
	assert_string_equal(file.checks[0].route, "");
	assert_string_equal(file.checks[1].route, "");
	assert_string_equal(file.checks[2].route, "/x");
	assert_string_equal(file.checks[3].route, "other");
	assert_int_equal(file.checks[1].min_requests, 1);
	check_file_free(&file);
}

static void other_editors(void **state)
{
	(void)state;
	accept("\xef\xbb\xbf[a]\r\ncritical = p99 < 1s\r\nowner = me\r\n");
	assert_string_equal(file.checks->name, "a");
	assert_string_equal(file.checks->words[CHECK_OWNER], "me");
	check_file_free(&file);
	accept("\xef\xbb\xbf; comment\n[\xc3\xbc]\ncritical = p99 < 1s"); /* no newline at its end
									   */
	assert_string_equal(file.checks->name, "\xc3\xbc");
	check_file_free(&file);
}

static void a_long_comment_is_none(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = ';';
	memcpy(text + 3000, "\n[a]\n" MUST, sizeof("\n[a]\n" MUST));
	accept(text);
	check_file_free(&file);
}

static void limits_that_may_stand_together(void **state)
{
	(void)state;
	accept("[a]\nwarning = rate > 10/s, rate < 100/s\ncritical = rate > 1/s, rate < 1000/s\n"
	       "warning = p99 < 1s\ncritical = p99 <= 1s\n" /* differ at 1 s exactly */
	       "critical = open >= 3, open <= 3\n"
	       "warning = error_rate <= 0%, unknown_share < 100%, client_error_rate > 0\n");
	check_file_free(&file);
}

/* --- what is refused */

static void values(void **state)
{
	(void)state;
	refuse("[a]\n\nwarning = p99 < fast\n", 3,
	       "p99 wants a duration such as 300ms, got \"fast\"; known units ns us ms s m h");
	refuse("[a]\nwarning = p99 < 300\n", 2, "got \"300\"; known units");
	refuse("[a]\nwarning = p99 < -3ms\n", 2, "got \"-3ms\"");
	refuse("[a]\nwarning = p99 <\n", 2, "got \"\"");
	refuse("[a]\nwarning = p99 < 99999999999999h\n", 2, "p99 wants");
	refuse("[a]\nwarning = error_rate < 101%\n", 2, "error_rate wants a share such as 1%");
	refuse("[a]\nwarning = error_rate < 5ms\n", 2, "got \"5ms\"");
	refuse("[a]\nwarning = rate > 5\n", 2, "rate wants a rate such as 1/s, got \"5\"");
	refuse("[a]\nwarning = rate > 5/d\n", 2, "known units /s /m /h");
	refuse("[a]\nwarning = rate > nan/s\n", 2, "got \"nan/s\"");
	refuse("[a]\nwarning = open < 2.5\n", 2, "open wants a whole number");
	refuse("[a]\n" MUST "min_requests = none\n", 3, "min_requests wants");
	refuse("[a]\n" MUST "min_requests = 0\n", 3, "min_requests wants");
	refuse("[a]\n" MUST "route = orders\n", 3, "route wants all, or a route such as");
}

static void conditions(void **state)
{
	(void)state;
	refuse("[a]\nwarning = p99\n", 2, "a condition is \"metric < limit\"");
	refuse("[a]\nwarning = p99 = 3ms\n", 2, "a condition is");
	refuse("[a]\nwarning = < 3ms\n", 2, "a condition is");
	refuse("[a]\nwarning = p99 < 3ms,, p50 < 1ms\n", 2, "got \"\"");
	refuse("[a]\nwarning = p98 < 3ms\n", 2, "unknown metric \"p98\"; did you mean p9");
	refuse("[a]\nwarning = eror_rate < 3%\n", 2, "did you mean error_rate?");
	refuse("[a]\nwarning = temperature < 3\n", 2, "known are p50 p90");
	refuse("[a]\nwarning = p99 =< 3ms\n", 2, "a condition is");
	refuse("[a]\nwarning = p99 << 3ms\n", 2, "got \"< 3ms\"");
}

static void impossible_conditions(void **state)
{
	(void)state;
	refuse("[a]\nwarning = error_rate < 0%\n", 2, "can never hold");
	refuse("[a]\nwarning = p99 < 0ms\n", 2, "can never hold");
	refuse("[a]\nwarning = queue_share > 100%\n", 2, "can never hold");
	refuse("[a]\nwarning = error_rate <= 100%\n", 2, "can never fail");
	refuse("[a]\nwarning = rate >= 0/s\n", 2, "can never fail");
	refuse("[a]\nwarning = p99 < 400ms\ncritical = p99 < 300ms\n", 2,
	       "the warning \"p99 < 400 ms\" can never show: \"p99 < 300 ms\" of line 3 is "
	       "critical");
	refuse("[a]\ncritical = p99 < 300ms\nwarning = p99 < 300ms\n", 3, "can never show");
	refuse("[a]\ncritical = p99 < 300ms\nwarning = p99 <= 300ms\n", 3, "can never show");
	refuse("[a]\ncritical = rate > 10/s\nwarning = rate > 1/s\n", 3, "can never show");
	refuse("[a]\ncritical = rate > 10/s, rate < 5/s\n", 2, "contradicts");
	refuse("[a]\ncritical = rate > 5/s\nwarning = rate <= 5/s\n", 3, "no value keeps both");
	refuse("[a]\ncritical = p99 < 1s\ncritical = p99 < 2s\n", 3, "line 2 has");
	refuse("[a]\nwarning = p99 < 2s\ncritical = p99 < 1s\n[b]\nx = y\n", 2, "can never show");
}

static void sections(void **state)
{
	(void)state;
	refuse("", 0, "no check in it");
	refuse("\n; only a comment\n", 0, "no check in it");
	refuse("owner = me\n[a]\n" MUST, 1, "before the first section");
	refuse("[a]\n" MUST "[b]\n" MUST "[ a ]\n", 5, "section [a] is there twice: line 1 has it");
	refuse("[a]\nowner = me\n[b]\n" MUST, 1, "[a] has no condition");
	refuse("[a]\n" MUST "[b]\nowner = me\n", 3, "[b] has no condition");
	refuse("[]\n", 1, "a section's name has 1 to 63 bytes");
	refuse("[  ]\n", 1, "a section's name has 1 to 63 bytes");
	refuse("[a\n" MUST, 1, "a section is \"[name]\", got \"[a\"");
	refuse("[a] b\n", 1, "a section is");
	refuse("[a'b]\n", 1, "cannot hold '");
	refuse("[a=b]\n", 1, "cannot hold =");
	refuse("[a|b]\n", 1, "holds a \"|\"");
	refuse("[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n", 1,
	       "1 to 63 bytes");
}

static void keys(void **state)
{
	(void)state;
	refuse("[a]\n" MUST "onwer = me\n", 3, "unknown key \"onwer\"; did you mean owner?");
	refuse("[a]\n" MUST "colour = red\n", 3, "unknown key \"colour\"; keys are route warning");
	refuse("[a]\np99 = 300ms\n", 2, "\"p99\" is a metric, not a key");
	refuse("[a]\np99 < 300ms\n", 2,
	       "expected \"key = value\" or \"[name]\", got \"p99 < 300ms\"");
	refuse("[a]\n = 3\n", 2, "unknown key \"\"");
	refuse("[a]\n" MUST "owner =\n", 3, "owner is empty");
	refuse("[a]\n" MUST "route = /a\nroute = /b\n", 4, "[a] has route twice");
	refuse("[a]\n" MUST "min_requests = 1\nmin_requests = 1\n", 4, "has min_requests twice");
	/* the first mistake is told, whoever finds it */
	refuse("[a]\nnonsense\ncolour = red\n", 2, "got \"nonsense\"");
	refuse("[a]\ncolour = red\nnonsense\n", 2, "unknown key");
}

static void bytes(void **state)
{
	static const char nul[] = "[a]\n" MUST "owner = m\0e\n";

	(void)state;
	refuse_bytes(nul, sizeof(nul) - 1, 3, "a NUL byte");
	refuse("[a]\n" MUST "owner = \x1b[31m\n", 3, "owner holds a control character: \"\\x1b");
	refuse("[a]\n" MUST "owner = a\rb\n", 3, "a control character");
	refuse("[a]\n" MUST "owner = \xe2\x80\xae\n", 3, "a control character");
	refuse("[a]\n" MUST "owner = \xff\n", 3, "bytes that are not UTF-8");
	refuse("[a]\n" MUST "rollback = x | y\n", 3, "rollback holds a \"|\"");
	refuse("[a]\n" MUST "route = /a|b\n", 3, "route holds a \"|\"");
	refuse("[a]\n" MUST "\x1b[2J = 1\n", 3, "unknown key \"\\x1b[2J\"");
}

static void long_things(void **state)
{
	char *text = malloc(CHECK_FILE_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', CHECK_FILE_MAX + 2);
	memcpy(text, "[a]\nowner = ", 12);
	text[1000] = '\n';
	refuse_bytes(text, 1001, 2, "the line has 996 bytes");
	memset(text, '\n', CHECK_FILE_MAX + 1);
	refuse_bytes(text, CHECK_FILE_MAX + 1, 0, "more than 256 KiB");
	free(text);
}

static void too_many(void **state)
{
	size_t size = 16384;
	char *text = malloc(size);
	size_t at = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i <= CHECK_MAX_CHECKS; i++)
		at += (size_t)snprintf(text + at, size - at, "[%d]\n" MUST, i);
	refuse(text, 2 * CHECK_MAX_CHECKS + 1, "too many sections: at most 128");
	at = (size_t)snprintf(text, size, "[a]\n" MUST);
	for (int i = 0; i < 20; i++)
		at += (size_t)snprintf(text + at, size - at, "owner = %0150d\n", i);
	refuse(text, 16, "owner is too long");
	at = (size_t)snprintf(text, size, "[a]\n");
	for (int i = 0; i <= CHECK_MAX_CONDITIONS; i++)
		at += (size_t)snprintf(text + at, size - at, "warning = p99 < %ds\n", i + 1);
	refuse(text, 34, "too many conditions in [a]: at most 32");
	free(text);
}

/* Whatever is done to a good file: no crash, and an error that can be printed. */
static void broken_files(void **state)
{
	static const char good[] =
		"[a]\nroute = POST /x*\nwarning = p99 < 20ms, error_rate < 1%\n"
		"critical = p99 < 30ms ; c\nowner = me\nrunbook = https://x\n[b]\n" MUST;
	static const char odd[] = "\0\xff|[]=;<>,\n\r\t 9-.%/ax";
	uint64_t random = 7;
	unsigned refused = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(good));
		for (int k = 0; k <= i % 3; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			text[(random >> 33) % (sizeof(good) - 1)] =
				odd[(random >> 20) % (sizeof(odd) - 1)];
		}
		if (parse_bytes(text,
				sizeof(good) - 1 - (i % 7 ? 0 : (random >> 40) % sizeof(good)))) {
			refused++;
			assert_true(*error.text);
			for (const char *p = error.text; *p; p++)
				assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
		}
		check_file_free(&file);
	}
	assert_in_range(refused, 1000, 19999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_section),
		cmocka_unit_test(conditions_in_their_order),
		cmocka_unit_test(every_metric_is_named),
		cmocka_unit_test(all_is_no_route),
		cmocka_unit_test(other_editors),
		cmocka_unit_test(a_long_comment_is_none),
		cmocka_unit_test(limits_that_may_stand_together),
		cmocka_unit_test(values),
		cmocka_unit_test(conditions),
		cmocka_unit_test(impossible_conditions),
		cmocka_unit_test(sections),
		cmocka_unit_test(keys),
		cmocka_unit_test(bytes),
		cmocka_unit_test(long_things),
		cmocka_unit_test(too_many),
		cmocka_unit_test(broken_files),
	};

	return cmocka_run_group_tests_name("check_file", tests, NULL, NULL);
}
