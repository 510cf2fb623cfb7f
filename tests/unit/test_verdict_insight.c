// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_verdict_insight.c - why a service errs, is slow or hangs, with the place in the application.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/escape.h"
#include "sample.h"

static struct verdict_rules rules;

static int setup(void **state)
{
	verdict_rules_default(&rules);
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

static void assert_verdict(struct sample *x, enum verdict_state state, const char *const *reasons,
			   unsigned n)
{
	verdict_decide(&x->s, &rules);
	assert_string_equal(verdict_name(x->s.verdict.state), verdict_name(state));
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(i < x->s.verdict.n_reasons ? x->s.verdict.reasons[i] : "",
				    reasons[i]);
	assert_int_equal(x->s.verdict.n_reasons, n);
}

#define EXPECT(x, state, ...)                                        \
	assert_verdict(x, state, (const char *const[]){__VA_ARGS__}, \
		       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void failed(struct sample *x, unsigned n, const char *path, unsigned status,
		   const struct site *site)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, 0, MS, 0);

		r.error = site;
		sample_end(x, &r, REQ_OK, status);
	}
}

/* --- erroring */

static void what_is_raised_where(void **state)
{
	struct sample *x = *state;
	const struct site *timeout =
		sites_get(x->sites, "sqlalchemy.exc.TimeoutError", "shop/db.py:88 acquire", "");

	sample_ok(x, 49, "/", 200, MS);
	failed(x, 34, "/x", 500, timeout);
	failed(x, 17, "/x", 500, NULL);
	failed(x, 90, "/x", 404, sites_get(x->sites, "HTTPException", "shop/a.py:1 get", ""));
	EXPECT(x, VERDICT_ERRORING, "51 of 190 requests failed (27 %): 500 on GET /x",
	       "34 of 51 5xx on GET /x: sqlalchemy.exc.TimeoutError at shop/db.py:88 acquire");
}

static void the_line_of_the_application(void **state)
{
	struct sample *x = *state;

	failed(x, 2, "/x", 500,
	       sites_get(x->sites, "json.decoder.JSONDecodeError", "json/decoder.py:355 raw_decode",
			 "shop/a.py:31 load"));
	EXPECT(x, VERDICT_ERRORING, "2 of 2 requests failed (100 %): 500 on GET /x",
	       "2 of 2 5xx on GET /x: json.decoder.JSONDecodeError at shop/a.py:31 load");
}

static void the_second_place_when_it_counts(void **state)
{
	struct sample *x = *state;
	const struct site *a = sites_get(x->sites, "KeyError", "a.py:1 f", "");
	const struct site *b = sites_get(x->sites, "", "b.py:2 g", "");

	failed(x, 6, "/x", 500, a);
	failed(x, 3, "/y", 502, b);
	failed(x, 3, "/z", 500, sites_get(x->sites, "E", "c.py:3 h", ""));
	EXPECT(x, VERDICT_ERRORING, "12 of 12 requests failed (100 %): 6 of them 500 on GET /x",
	       "6 of 6 5xx on GET /x: KeyError at a.py:1 f",
	       "3 of 3 5xx on GET /y: an exception at b.py:2 g");
	failed(x, 20, "/x", 500, a);
	EXPECT(x, VERDICT_ERRORING, "32 of 32 requests failed (100 %): 26 of them 500 on GET /x",
	       "26 of 26 5xx on GET /x: KeyError at a.py:1 f");
}

static void nothing_known_nothing_told(void **state)
{
	struct sample *x = *state;

	failed(x, 2, "/x", 500, NULL);
	failed(x, 2, "/x", 404, sites_get(x->sites, "HTTPException", "a.py:1 f", ""));
	EXPECT(x, VERDICT_ERRORING, "2 of 4 requests failed (50 %): 500 on GET /x");
}

static void not_while_it_is_well(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 500, "/", 200, MS);
	failed(x, 1, "/x", 500, sites_get(x->sites, "E", "a.py:1 f", ""));
	sample_stalls(x, 1, "cpu", "c.py:3 h", "", 300 * MS);
	verdict_decide(&x->s, &rules);
	assert_string_equal(verdict_name(x->s.verdict.state), "up");
	assert_int_equal(x->s.verdict.n_reasons, 1);
}

static void long_places_keep_their_end(void **state)
{
	struct sample *x = *state;

	failed(x, 1, "/x", 500,
	       sites_get(x->sites, "a_very_long_package.with_modules.and_more_modules.TimeoutError",
			 "/srv/applications/shop/releases/20260102/app/services/db.py:88 Pool.get",
			 ""));
	EXPECT(x, VERDICT_ERRORING, "1 of 1 request failed (100 %): 500 on GET /x",
	       "1 of 1 5xx on GET /x: ..and_more_modules.TimeoutError at "
	       "..shop/releases/20260102/app/services/db.py:88 Pool.get");
}

/* --- slow */

static void slow(struct sample *x, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", "/slow", 4711, 600 * MS, 10 * MS, 0);

		sample_end(x, &r, REQ_OK, 200);
	}
}

static void stalls_explain(void **state)
{
	struct sample *x = *state;

	slow(x, 10);
	sample_stalls(x, 12, "cpu", "shop/report.py:31 render", "", 840 * MS);
	EXPECT(x, VERDICT_SLOW, "p95 of 610 ms is above 500 ms (GET /slow)",
	       "99 % of the time is waiting in front of the event loop",
	       "the event loop was held up 12 times, up to 840 ms, by shop/report.py:31 render (on "
	       "CPU); 12 requests waited");
}

static void nobody_known_who_held_it(void **state)
{
	struct sample *x = *state;

	slow(x, 10);
	sample_stalls(x, 12, "gil", "", "hog.py:7 spin", 840 * MS);
	EXPECT(x, VERDICT_SLOW, "p95 of 610 ms is above 500 ms (GET /slow)",
	       "99 % of the time is waiting in front of the event loop",
	       "the event loop was held up 12 times, up to 840 ms (waiting for the GIL, held by "
	       "hog.py:7 spin); 12 requests waited");
}

static void nothing_known_of_who_held_it(void **state)
{
	struct sample *x = *state;

	slow(x, 10);
	sample_stalls(x, 12, "unknown", "", "", 840 * MS);
	EXPECT(x, VERDICT_SLOW, "p95 of 610 ms is above 500 ms (GET /slow)",
	       "99 % of the time is waiting in front of the event loop",
	       "the event loop was held up 12 times, up to 840 ms; 12 requests waited");
}

/* The stalls are of other requests' time: that is not why. */
static void stalls_do_not_explain(void **state)
{
	struct sample *x = *state;

	for (int i = 0; i < 100; i++)
		slow(x, 1);
	sample_stalls(x, 2, "cpu", "a.py:1 f", "", 110 * MS);
	verdict_decide(&x->s, &rules);
	assert_string_equal(verdict_name(x->s.verdict.state), "slow");
	for (unsigned i = 0; i < x->s.verdict.n_reasons; i++)
		assert_null(strstr(x->s.verdict.reasons[i], "held up"));
}

static void how_it_was_held(void **state)
{
	static const struct {
		const char *kind, *where, *detail, *words;
	} all[] = {
		{"cpu", "a.py:1 f", "", " by a.py:1 f (on CPU)"},
		{"syscall", "a.py:1 f", "recvfrom", " by a.py:1 f (in the system call recvfrom)"},
		{"syscall", "", "", " (in a system call)"},
		{"gil", "a.py:1 f", "b.py:2 hog",
		 " by a.py:1 f (waiting for the GIL, held by b.py:2 hog)"},
		{"gil", "", "", " (waiting for the GIL)"},
		{"gc", "", "", " (collecting garbage)"},
		{"unknown", "a.py:1 f", "", " by a.py:1 f"},
		{"unknown", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sample *x = sample_new();
		char text[200];

		sample_open(x, NULL, 4711, 5 * SEC, PHASE_QUEUE);
		x->s.held = sites_get(x->sites, all[i].kind, all[i].where, all[i].detail);
		x->s.held_ns = 5200 * MS;
		snprintf(text, sizeof(text), "the event loop has been held up for 5.20 s%s",
			 all[i].words);
		EXPECT(x, VERDICT_STUCK,
		       "the event loop took nothing for 5.00 s: 1 request waits unread", text);
		sample_free(x);
	}
}

/* --- stuck */

static void held_up_for_long_is_always_told(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 1, "/", 200, MS);
	x->s.held = sites_get(x->sites, "cpu", "a.py:1 f", "");
	x->s.held_ns = 999 * MS;
	verdict_decide(&x->s, &rules);
	assert_int_equal(x->s.verdict.n_reasons, 1);
	x->s.held_ns = SEC;
	EXPECT(x, VERDICT_UP, "1 request in 10 s, p95 1.20 ms, no errors",
	       "the event loop has been held up for 1.00 s by a.py:1 f (on CPU)");
}

static void where_they_wait(void **state)
{
	struct sample *x = *state;

	sample_open(x, "/a", 4711, 9 * SEC, PHASE_APP)->conn = 1;
	sample_open(x, "/b", 4711, 8 * SEC, PHASE_APP);
	sample_open(x, "/b", 4711, 7 * SEC, PHASE_APP);
	sample_open(x, "/b", 4711, 6 * SEC, PHASE_APP);
	sample_open(x, "/b", 4711, 1 * SEC, PHASE_APP);
	x->open[0].where = "a.py:1 f";
	x->open[1].where = x->open[2].where = x->open[4].where =
		"db.py:88 get, on asyncpg Pool.acquire";
	x->waits[0] = (struct summary_wait){
		.count = 37, .where = "db.py:88 get_conn", .on = "asyncpg Pool.acquire"};
	x->waits[1] = (struct summary_wait){.count = 20, .where = "", .on = "asyncio Queue.get"};
	x->waits[2] =
		(struct summary_wait){.count = 1, .threads = true, .where = "s.py:1 f", .on = ""};
	x->waits[3] = (struct summary_wait){.count = 1, .where = "last.py:1 f", .on = ""};
	x->s.n_waits = 4;
	EXPECT(x, VERDICT_STUCK,
	       "4 requests wait without an answer, the oldest for 9.00 s: GET /a in the app",
	       "2 requests wait in db.py:88 get, on asyncpg Pool.acquire",
	       "37 tasks wait in db.py:88 get_conn on asyncpg Pool.acquire",
	       "1 thread waits in s.py:1 f");
}

/* Whatever bytes come, a reason is valid, without controls, and fits. */
static void hostile(void **state)
{
	struct sample *x = *state;
	char bytes[700];

	for (unsigned seed = 0; seed < 200; seed++) {
		const struct site *site;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(1 + (seed * 131 + i * i * 7 + seed * i) % 255);
		bytes[seed * 3 + 1] = '\0';
		site = sites_get(x->sites, bytes, bytes, seed % 2 ? bytes : "");
		failed(x, 1 + seed, bytes, 500, site);
		x->s.held = sites_get(x->sites, seed % 3 ? "gil" : bytes, bytes, bytes);
		x->s.held_ns = 5 * SEC;
		x->waits[0] = (struct summary_wait){.count = 1, .where = site->where, .on = bytes};
		x->s.n_waits = 1;
		if (!seed)
			sample_open(x, "/", 4711, 9 * SEC, PHASE_APP);
		x->open[0].where = bytes;
		verdict_decide(&x->s, &rules);
		for (unsigned i = 0; i < x->s.verdict.n_reasons; i++) {
			const unsigned char *p = (const unsigned char *)x->s.verdict.reasons[i];
			size_t left = strnlen((const char *)p, VERDICT_REASON_MAX), n;

			assert_in_range(left, 1, VERDICT_REASON_MAX - 1);
			for (; left; p += n, left -= n) {
				n = utf8_length(p, left);
				assert_int_not_equal(n, 0);
				assert_false(utf8_is_control(p, n));
			}
		}
	}
	x->open[0].where = NULL;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_raised_where),
		T(the_line_of_the_application),
		T(the_second_place_when_it_counts),
		T(nothing_known_nothing_told),
		T(not_while_it_is_well),
		T(long_places_keep_their_end),
		T(stalls_explain),
		T(nobody_known_who_held_it),
		T(nothing_known_of_who_held_it),
		T(stalls_do_not_explain),
		T(how_it_was_held),
		T(held_up_for_long_is_always_told),
		T(where_they_wait),
		T(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
