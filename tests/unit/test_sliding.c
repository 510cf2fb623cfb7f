// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "../../user/core/sliding.h"
#include "sample.h"

#define FROM (1000 * SEC)

static uint64_t pseudo(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* What every second held, beside the window: the truth. */
struct truth {
	uint32_t began[2000], ended[2000];
};

/* One second of traffic: some begin, some of those that are open end. */
static void second(struct sample *x, struct sliding *w, struct truth *t, uint32_t i, int64_t *open,
		   uint64_t *random)
{
	struct request r = sample_request(x, "GET", i % 3 ? "/a" : "/b", 4711, 0, (i + 1) * MS, 0);
	uint32_t begin = (uint32_t)(pseudo(random) % 6);

	r.end = REQ_OK;
	for (uint32_t k = 0; k < begin; k++)
		stats_begin(sliding_current(w), &r);
	t->began[i] = begin;
	*open += begin;
	for (; *open && pseudo(random) % 4; --*open, t->ended[i]++)
		assert_int_equal(stats_end(sliding_current(w), &r), 0);
}

/* Of the window that st is: its length, and that it holds exactly what its seconds held. */
static void check(struct stats *st, const struct truth *t, uint64_t now, unsigned wanted,
		  unsigned slack)
{
	uint64_t first = (st->from - FROM) / SEC, last = (now - FROM) / SEC;
	uint64_t length = last - first + 1, began = 0, ended = 0, per_route = 0;

	assert_true((st->from - FROM) % SEC == 0);
	if (first)
		assert_in_range(length, wanted, wanted + slack);
	else
		assert_true(length <= wanted + slack);
	for (uint64_t i = first; i <= last; i++) {
		began += t->began[i];
		ended += t->ended[i];
	}
	assert_true(st->ledger.started == (int64_t)began);
	assert_true(st->ledger.ok == ended);
	assert_true(st->latency[LAT_TOTAL].count == ended);
	assert_true(ledger_balances(&st->ledger));
	for (uint32_t i = 0; i < st->n_routes; i++)
		per_route += st->routes[i] ? st->routes[i]->count : 0;
	assert_true(per_route == ended);
}

/* After every second, windows of several lengths against the truth. */
static void run(unsigned keep, uint32_t seconds)
{
	const unsigned wanted[] = {1, 3, 10, 11, 15, 37, 60, keep};
	unsigned block = keep > SLIDING_SECONDS ? (keep - SLIDING_SECONDS) / SLIDING_BLOCKS + 1 : 1;
	struct sample *x = sample_new();
	struct sliding *w = sliding_new(keep, FROM);
	struct history *h = calloc(1, sizeof(*h));
	struct truth *t = calloc(1, sizeof(*t));
	uint64_t random = keep;
	int64_t open = 0;

	for (uint32_t i = 0; i < seconds; i++) {
		second(x, w, t, i, &open, &random);
		for (size_t k = 0; k < sizeof(wanted) / sizeof(*wanted); k++) {
			struct stats *st = stats_new();

			if (wanted[k] <= keep) {
				assert_int_equal(sliding_merge(w, wanted[k], st), 0);
				check(st, t, FROM + i * SEC, wanted[k],
				      wanted[k] <= SLIDING_SECONDS ? 0 : block);
				assert_true(st->ledger.open == open);
			}
			stats_free(st);
		}
		assert_int_equal(sliding_advance(w, FROM + (i + 1) * SEC, h), 0);
		assert_int_equal(history_get(h, 0)->ended, t->ended[i]);
	}
	free(t);
	free(h);
	sliding_free(w);
	sample_free(x);
}

static void a_minute(void **state)
{
	(void)state;
	run(60, 200);
}

static void ten_minutes(void **state)
{
	(void)state;
	run(600, 1400);
}

static void odd_lengths(void **state)
{
	(void)state;
	for (unsigned keep = 1; keep < 80; keep += 13)
		run(keep, 2 * keep + 30);
}

/* Who was away for a while (suspended) finds every second in its place. */
static void many_seconds_at_once(void **state)
{
	struct sample *x = sample_new();
	struct sliding *w = sliding_new(60, FROM);
	struct history *h = calloc(1, sizeof(*h));
	struct request r = sample_request(x, "GET", "/a", 4711, 0, MS, 0);
	struct stats *st = stats_new();

	(void)state;
	stats_begin(sliding_current(w), &r);
	assert_int_equal(sliding_advance(w, FROM + 5000 * SEC, h), 0);
	assert_int_equal(sliding_merge(w, 60, st), 0);
	assert_int_equal(st->ledger.started, 0);
	assert_int_equal(st->ledger.carried, 1);
	assert_int_equal(st->ledger.open, 1);
	assert_in_range((FROM + 5000 * SEC - st->from) / SEC, 59, 65);
	assert_true(history_get(h, HISTORY_SECONDS - 1)->from == FROM + 4400 * SEC);
	stats_free(st);
	free(h);
	sliding_free(w);
	sample_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute),
		cmocka_unit_test(ten_minutes),
		cmocka_unit_test(odd_lengths),
		cmocka_unit_test(many_seconds_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
