// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../../user/lib/escape.h"
#include "../../user/sink/diff.h"
#include "noise.h"

#define HOSTILE "/\033[31m\xff\xc2\x9b\xe2\x80\xae\n\"x"

struct setup {
	struct noise_source src;
	struct series *before, *after;
	struct comparison *c;
	struct diff d;
};

/* Twenty routes, the first of which is slower and fails; one of them has an ugly name. */
static void set_up(struct setup *x, const struct noise *n, bool changed)
{
	struct compare_rules rules;
	double a, b;

	noise_init(&x->src, 7);
	x->src.routes[0].template = HOSTILE;
	x->before = noise_series(&x->src, n, false, &a);
	x->after = noise_series(&x->src, n, changed, &b);
	compare_rules_default(&rules);
	x->c = compare(x->before, a, x->after, b, &rules);
	assert_non_null(x->c);
	x->d = (struct diff){
		.comparison = x->c,
		.before = {.source = "/tmp/a\033b.rec",
			   .kind = "recording",
			   .target = "uvicorn app:app",
			   .start_wall_ns = UINT64_C(1767323045) * 1000000000},
		.after = {.source = "b.json", .kind = "summary", .version = "v\0331.2"},
	};
}

static void tear_down(struct setup *x)
{
	comparison_free(x->c);
	series_free(x->before);
	series_free(x->after);
}

static const struct noise worse = {
	.n = 1000, .rare = 40, .sigma = 0.5, .factor = 3, .errors = 0.01, .more_errors = 0.3};
static const struct noise few = {.n = 20, .sigma = 0.5};

static char *text_of(const struct diff *d, const struct term_options *o)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	if (o)
		sink_diff_text(f, d, o);
	else
		sink_diff_json(f, d);
	fclose(f);
	return text;
}

/* Valid UTF-8 of at most `columns` a line, and no control byte. */
static void check_lines(const char *text, unsigned columns)
{
	for (const char *end; *text; text = end + 1) {
		char line[2048];

		end = strchr(text, '\n');
		assert_non_null(end);
		assert_true((size_t)(end - text) < sizeof(line));
		memcpy(line, text, (size_t)(end - text));
		line[end - text] = '\0';
		for (const char *p = line; *p; p++)
			assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
		assert_true(utf8_columns(line) <= columns);
	}
}

static void text_fits_and_holds_no_control(void **state)
{
	const struct noise *const traffic[] = {&worse, &few};
	struct setup x;

	(void)state;
	for (int i = 0; i < 2; i++) {
		set_up(&x, traffic[i], true);
		for (unsigned columns = 20; columns < 220; columns += 7) {
			struct term_options o = {.columns = columns, .utf8 = columns % 2};
			char *text = text_of(&x.d, &o);

			check_lines(text, columns);
			free(text);
		}
		tear_down(&x);
	}
}

/* Line breaks away, so that what is looked for may be broken. */
static char *joined(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if ((*p == '\n' || *p == ' ') && to > text && to[-1] == ' ')
			continue;
		*to++ = *p == '\n' ? ' ' : *p;
	}
	*to = '\0';
	return text;
}

static void has(const char *text, const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("\"%s\" is not in: %s", wanted, text);
}

static void text_says_what_changed(void **state)
{
	struct term_options o = {.columns = 80};
	struct setup x;
	char *text;

	(void)state;
	set_up(&x, &worse, true);
	text = joined(text_of(&x.d, &o));
	assert_ptr_equal(strstr(text, "worse: 1 of 20 routes changed beyond noise"), text);
	has(text, "before 1,760 requests in ");
	has(text, "from 2026-01-02 03:04:05 UTC");
	has(text, "a\\x1bb.rec");
	has(text, "v\\x1b1.2");
	has(text, "GET /\\x1b[31m\\xff");
	has(text, "beyond noise");
	has(text, "rests on batches of requests in the order of time");
	free(text);
	tear_down(&x);
}

static void text_says_what_was_not_judged(void **state)
{
	struct term_options o = {.columns = 80};
	struct setup x;
	char *text;

	(void)state;
	set_up(&x, &few, false);
	text = joined(text_of(&x.d, &o));
	has(text, "20 routes had fewer than 30 requests on a side: not judged");
	has(text, "and 1 more without a change beyond noise");
	free(text);
	tear_down(&x);
}

static void colour_only_where_it_is_asked_for(void **state)
{
	struct term_options o = {.columns = 80};
	struct setup x;
	char *text;

	(void)state;
	set_up(&x, &worse, true);
	text = text_of(&x.d, &o);
	assert_null(strchr(text, '\033'));
	free(text);
	o.colour = true;
	text = text_of(&x.d, &o);
	assert_ptr_equal(strstr(text, "\033[1;31m"), text); /* the verdict, red */
	free(text);
	tear_down(&x);
}

static cJSON *member(const cJSON *o, const char *name)
{
	cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	if (!m)
		fail_msg("no member %s", name);
	return m;
}

static double number(const cJSON *o, const char *name)
{
	assert_true(cJSON_IsNumber(member(o, name)));
	return member(o, name)->valuedouble;
}

static void json_holds_every_number(void **state)
{
	const struct compare_row *row;
	struct setup x;
	cJSON *o, *routes, *p50;
	char *text;

	(void)state;
	set_up(&x, &worse, true);
	text = text_of(&x.d, NULL);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	o = cJSON_Parse(text);
	assert_non_null(o);
	assert_string_equal(member(o, "schema")->valuestring, "reqscope.diff/1");
	assert_string_equal(member(member(o, "verdict"), "state")->valuestring, "worse");
	assert_true(number(member(o, "basis"), "tests") == x.c->n_tests);
	assert_string_equal(member(member(o, "before"), "start")->valuestring,
			    "2026-01-02T03:04:05.000000Z");
	assert_null(cJSON_GetObjectItem(member(o, "after"), "start"));
	routes = member(o, "routes");
	assert_int_equal(cJSON_GetArraySize(routes), NOISE_ROUTES);
	row = &x.c->rows[1];
	p50 = member(cJSON_GetArrayItem(routes, 0), "p50");
	assert_true(number(p50, "before") * 1e6 - row->change[COMPARE_P50].before < 1e-3);
	assert_true(number(p50, "after") * 1e6 - row->change[COMPARE_P50].after < 1e-3);
	assert_true(number(p50, "p") < 0.01);
	assert_true(cJSON_IsTrue(member(p50, "worse")));
	/* Not tested is absent, not 0 or 1. */
	p50 = member(cJSON_GetArrayItem(routes, NOISE_ROUTES - 1), "p50");
	assert_null(cJSON_GetObjectItem(p50, "p"));
	cJSON_Delete(o);
	free(text);
	tear_down(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_fits_and_holds_no_control),
		cmocka_unit_test(text_says_what_changed),
		cmocka_unit_test(text_says_what_was_not_judged),
		cmocka_unit_test(colour_only_where_it_is_asked_for),
		cmocka_unit_test(json_holds_every_number),
	};

	return cmocka_run_group_tests_name("sink_diff", tests, NULL, NULL);
}
