// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/hist.h"
#include "../../user/core/hist_edges.h"

#define SEED	  0x5eed0002ull
#define ARRAY(a)  (sizeof(a) / sizeof(*(a)))
#define LAST_EDGE (HIST_INDEX_MAX + 1) /* cut to UINT64_MAX */

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Log-uniform in low..high. */
static uint64_t random_duration(uint64_t *state, double low, double high)
{
	double u = (double)(next_random(state) >> 11) / 0x1p53;

	return (uint64_t)(low * exp2(u * log2(high / low)));
}

static uint64_t edge(int32_t i)
{
	return hist_edges[i - HIST_INDEX_MIN];
}

/* --- the definition, in whole numbers: d > 1e9 * 2^(i/32) exactly when d^32 > 1e9^32 * 2^i */

#define LIMBS 72

struct big {
	uint32_t limb[LIMBS]; /* lowest first */
};

static struct big big_mul(const struct big *a, const struct big *b)
{
	struct big r = {0};

	for (int i = 0; i < LIMBS; i++) {
		uint64_t carry = 0;

		for (int j = 0; i + j < LIMBS; j++) {
			carry += (uint64_t)a->limb[i] * b->limb[j] + r.limb[i + j];
			r.limb[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
		assert_true(!carry || !a->limb[i]);
	}
	return r;
}

static struct big big_power32(uint64_t v)
{
	struct big r = {{(uint32_t)v, (uint32_t)(v >> 32)}};

	for (int i = 0; i < 5; i++)
		r = big_mul(&r, &r);
	return r;
}

static struct big big_shift(const struct big *a, unsigned bits)
{
	struct big power = {0};

	power.limb[bits / 32] = 1u << bits % 32;
	return big_mul(a, &power);
}

static int big_compare(const struct big *a, const struct big *b)
{
	for (int i = LIMBS - 1; i >= 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

/* Whether d > 1e9 * 2^(i/32). */
static bool is_above(uint64_t d, int32_t i)
{
	struct big left = big_power32(d), right = big_power32(1000000000);

	if (i < 0)
		left = big_shift(&left, (unsigned)-i);
	else
		right = big_shift(&right, (unsigned)i);
	return big_compare(&left, &right) > 0;
}

static void edges_are_the_definition(void **state)
{
	(void)state;
	for (int32_t i = HIST_INDEX_MIN; i < LAST_EDGE; i++) {
		assert_false(is_above(edge(i), i));
		assert_true(is_above(edge(i) + 1, i));
	}
	assert_true(edge(LAST_EDGE) == UINT64_MAX);
	assert_false(is_above(UINT64_MAX, LAST_EDGE));
	assert_true(edge(0) == 1000000000);
	assert_true(edge(-9 * HIST_PER_OCTAVE) == 1953125);
}

static void every_bucket_takes_what_is_its_own(void **state)
{
	(void)state;
	for (int32_t i = HIST_INDEX_MIN; i <= HIST_INDEX_MAX; i++) {
		if (edge(i) == edge(i + 1))
			continue; /* no integer lies in it: below some 45 ns */
		assert_int_equal(hist_index(edge(i) + 1), i);
		assert_int_equal(hist_index(edge(i + 1)), i);
	}
	assert_int_equal(hist_index(1), HIST_INDEX_MIN);
	assert_int_equal(hist_index(1000000000), -1);
	assert_int_equal(hist_index(1000000001), 0);
	assert_int_equal(hist_index(2000000000), 31);
	assert_int_equal(hist_index(UINT64_MAX), HIST_INDEX_MAX);
}

static void check_index(uint64_t ns)
{
	int32_t i = hist_index(ns);

	if (i < HIST_INDEX_MIN || i > HIST_INDEX_MAX || ns <= edge(i) || ns > edge(i + 1))
		fail_msg("%llu ns in bucket %d", (unsigned long long)ns, i);
}

static void index_lies_between_its_edges(void **state)
{
	uint64_t random = SEED;

	(void)state;
	for (uint64_t ns = 1; ns < 200000; ns++)
		check_index(ns);
	for (int power = 0; power < 64; power++)
		for (uint64_t d = 0; d < 3; d++)
			check_index((1ull << power) - 1 + d ? (1ull << power) - 1 + d : 1);
	for (int k = 0; k < 1000000; k++) {
		uint64_t r = next_random(&random);

		r >>= next_random(&random) % 64;
		check_index(r ? r : 1);
	}
}

static void middles_are_geometric(void **state)
{
	(void)state;
	for (int32_t i = HIST_INDEX_MIN; i <= HIST_INDEX_MAX; i++) {
		long double exact = 1e9L * exp2l((2 * i + 1) / 64.0L);

		assert_true(fabsl((long double)hist_middle(i) / exact - 1) <= 0x1p-52L);
	}
	assert_true(hist_middle(32) == 2 * hist_middle(0));
	assert_true(hist_middle(-1) * 2 == hist_middle(31));
	for (unsigned m = 0; m < ARRAY(hist_logs); m++)
		assert_int_equal(hist_logs[m], (int)floorl(32 * log2l(1 + m / 32.0L)));
	assert_int_equal(ARRAY(hist_middles), HIST_PER_OCTAVE);
}

/* --- quantiles */

static void add_all(struct hist *h, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(hist_add(h, values[i]), 0);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void quantiles_err_by_half_a_bucket(void **state)
{
	static const double qs[] = {0, 0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1};
	const double bound = exp2(1 / 64.0) - 1 + 1e-12;
	static uint64_t values[5000];

	(void)state;
	for (uint64_t seed = SEED; seed < SEED + 60; seed++) {
		uint64_t random = seed;
		size_t n = 1 + next_random(&random) % ARRAY(values);
		struct hist h = {0};

		for (size_t i = 0; i < n; i++)
			values[i] = random_duration(&random, 1e3, 3600e9);
		add_all(&h, values, n);
		qsort(values, n, sizeof(*values), ascending);
		for (size_t k = 0; k < ARRAY(qs); k++) {
			size_t rank = (size_t)ceil(qs[k] * (double)n);
			double exact = (double)values[rank ? rank - 1 : 0];
			double got = hist_quantile(&h, qs[k]);

			if (!(fabs(got / exact - 1) <= bound))
				fail_msg("seed %#llx: q %g of %zu is %.17g, not %.17g",
					 (unsigned long long)seed, qs[k], n, got, exact);
		}
		hist_free(&h);
	}
}

/* The rank rule, where each value has a bucket of its own: 1, 2, 4 ... 512 ms. */
static void quantile_takes_the_rank_rounded_up(void **state)
{
	static const struct {
		double q;
		int rank;
	} cases[] = {
		{0, 1},	  {0.05, 1},  {0.1, 1},	   {0.1000001, 2}, {0.5, 5}, {0.51, 6},
		{0.9, 9}, {0.91, 10}, {0.999, 10}, {1, 10},	   {-1, 1},  {7, 10},
	};
	struct hist h = {0};

	(void)state;
	for (int k = 0; k < 10; k++)
		assert_int_equal(hist_add(&h, 1000000ull << k), 0);
	for (size_t c = 0; c < ARRAY(cases); c++) {
		uint64_t value = 1000000ull << (cases[c].rank - 1);
		double middle = hist_middle(hist_index(value));

		/* Below 1 ms and above 512 ms there was nothing: clamped. */
		middle = fmin(fmax(middle, 1e6), 512e6);
		if (hist_quantile(&h, cases[c].q) != middle)
			fail_msg("q %g is %.17g, not %.17g", cases[c].q,
				 hist_quantile(&h, cases[c].q), middle);
	}
	hist_free(&h);
}

static void quantile_of_few(void **state)
{
	struct hist h = {0};

	(void)state;
	assert_true(isnan(hist_quantile(&h, 0.5)));
	assert_true(isnan(hist_mean(&h)));
	assert_int_equal(hist_add(&h, 1234567), 0);
	assert_true(hist_quantile(&h, 0) == 1234567 && hist_quantile(&h, 1) == 1234567);
	assert_true(hist_mean(&h) == 1234567);
	hist_reset(&h);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hist_add(&h, 0), 0);
	assert_true(hist_quantile(&h, 1) == 0 && h.min == 0 && h.max == 0);
	assert_int_equal(hist_add(&h, 5000), 0);
	assert_true(hist_quantile(&h, 0.75) == 0);
	assert_true(hist_quantile(&h, 0.76) == 5000); /* its middle, clamped */
	assert_int_equal(h.zero, 3);
	hist_free(&h);
}

/* --- what is exact */

static void sums_are_exact(void **state)
{
	struct hist h = {0};
	unsigned __int128 sum = 0;
	uint64_t random = SEED, min = UINT64_MAX, max = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t v = next_random(&random) >> next_random(&random) % 20;

		assert_int_equal(hist_add(&h, v), 0);
		sum += v;
		min = v < min ? v : min;
		max = v > max ? v : max;
		assert_true(h.sum == sum && h.min == min && h.max == max);
		assert_int_equal(h.count, i + 1);
	}
	assert_true(sum >> 64); /* more than a uint64_t holds */
	hist_free(&h);
}

static void check_equal(const struct hist *a, const struct hist *b, uint64_t seed)
{
	int32_t first_a, first_b;
	uint32_t n_a, n_b;

	hist_range(a, &first_a, &n_a);
	hist_range(b, &first_b, &n_b);
	if (a->count != b->count || a->zero != b->zero || a->sum != b->sum ||
	    (a->count && (a->min != b->min || a->max != b->max)) || first_a != first_b ||
	    n_a != n_b ||
	    (n_a && memcmp(a->counts + (first_a - a->offset), b->counts + (first_b - b->offset),
			   n_a * sizeof(*a->counts))))
		fail_msg("seed %#llx: merged is not the whole", (unsigned long long)seed);
}

static void merged_equals_whole(void **state)
{
	(void)state;
	for (uint64_t seed = SEED; seed < SEED + 300; seed++) {
		uint64_t random = seed;
		struct hist whole = {0}, parts[4] = {0}, merged = {0};
		unsigned n = next_random(&random) % 300, k = 1 + next_random(&random) % 4;

		for (unsigned i = 0; i < n; i++) {
			/* Ranges that lie apart, so that merging has to grow on both sides. */
			uint64_t part = next_random(&random) % k;
			uint64_t v = random_duration(&random, 1, 1e3) << 10 * part;

			v = next_random(&random) % 10 ? v : 0;
			assert_int_equal(hist_add(&whole, v), 0);
			assert_int_equal(hist_add(&parts[part], v), 0);
		}
		for (unsigned i = 0; i < k; i++)
			assert_int_equal(hist_merge(&merged, &parts[(i + seed) % k]), 0);
		check_equal(&merged, &whole, seed);
		for (unsigned i = 0; i < 4; i++)
			hist_free(&parts[i]);
		hist_free(&whole);
		hist_free(&merged);
	}
}

static void merging_nothing_changes_nothing(void **state)
{
	struct hist h = {0}, empty = {0};

	(void)state;
	assert_int_equal(hist_merge(&empty, &h), 0);
	assert_null(empty.counts);
	assert_int_equal(hist_add(&h, 77), 0);
	assert_int_equal(hist_merge(&h, &empty), 0);
	assert_true(h.count == 1 && h.min == 77 && h.max == 77 && h.sum == 77);
	hist_free(&h);
}

/* --- memory and layout */

static void grows_by_whole_octaves(void **state)
{
	struct hist h;
	uint64_t random = SEED + 9;
	int32_t first;
	uint32_t n;

	(void)state;
	hist_init(&h);
	hist_range(&h, &first, &n);
	assert_int_equal(n, 0);
	assert_int_equal(hist_add(&h, 1500000000), 0);
	assert_int_equal(h.offset, 0);
	assert_int_equal(h.n, HIST_PER_OCTAVE);
	assert_int_equal(hist_add(&h, 999999999), 0);
	assert_int_equal(h.offset, -HIST_PER_OCTAVE);
	assert_int_equal(h.n, 2 * HIST_PER_OCTAVE);
	hist_range(&h, &first, &n);
	assert_int_equal(first, -1);
	assert_int_equal(n, hist_index(1500000000) + 2);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = next_random(&random) >> next_random(&random) % 64, sum = h.zero;

		assert_int_equal(hist_add(&h, v), 0);
		assert_int_equal(h.offset & (HIST_PER_OCTAVE - 1), 0);
		assert_int_equal(h.n % HIST_PER_OCTAVE, 0);
		sum = h.zero;
		for (uint32_t k = 0; k < h.n; k++)
			sum += h.counts[k];
		assert_int_equal(sum, h.count);
	}
	assert_true(h.n <= 66 * HIST_PER_OCTAVE);
	hist_free(&h);
	assert_true(!h.counts && !h.n && !h.count);
}

static void reset_keeps_memory(void **state)
{
	struct hist h = {0};
	uint64_t *counts;
	int32_t first;
	uint32_t n;

	(void)state;
	assert_int_equal(hist_add(&h, 1000), 0);
	assert_int_equal(hist_add(&h, 0), 0);
	assert_int_equal(hist_add(&h, 1000000), 0);
	counts = h.counts;
	hist_reset(&h);
	hist_range(&h, &first, &n);
	assert_true(!h.count && !h.zero && !h.sum && !n && h.counts == counts);
	assert_int_equal(hist_add(&h, 5000), 0);
	assert_ptr_equal(h.counts, counts);
	assert_true(h.min == 5000 && h.max == 5000);
	hist_free(&h);
}

static void stored_buckets_read_back(void **state)
{
	struct hist h = {0}, copy = {0};
	uint64_t random = SEED + 3;
	int32_t first;
	uint32_t n;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(hist_add(&h, random_duration(&random, 1, 1e15)), 0);
	hist_range(&h, &first, &n);
	for (uint32_t k = 0; k < n; k++)
		assert_int_equal(
			hist_add_bucket(&copy, first + (int32_t)k, h.counts[first - h.offset + k]),
			0);
	assert_true(!copy.count && !copy.sum && !copy.min && !copy.max);
	copy.count = h.count;
	copy.sum = h.sum;
	copy.min = h.min;
	copy.max = h.max;
	check_equal(&copy, &h, SEED + 3);
	hist_free(&h);
	hist_free(&copy);
}

static void stored_buckets_out_of_range(void **state)
{
	static const int32_t bad[] = {HIST_INDEX_MIN - 1, HIST_INDEX_MAX + 1, INT32_MIN, INT32_MAX};
	struct hist h = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY(bad); i++)
		assert_int_equal(hist_add_bucket(&h, bad[i], 1), -ERANGE);
	assert_int_equal(hist_add_bucket(&h, 5, 0), 0);
	assert_null(h.counts);
	assert_int_equal(hist_add_bucket(&h, HIST_INDEX_MIN, 1), 0);
	assert_int_equal(hist_add_bucket(&h, HIST_INDEX_MAX, UINT64_MAX), 0);
	assert_int_equal(hist_add_bucket(&h, HIST_INDEX_MAX, 1), -ERANGE);
	assert_true(h.counts[HIST_INDEX_MAX - h.offset] == UINT64_MAX);
	/* More said to be there than is: the most that is known. */
	h.max = 42;
	h.count = UINT64_MAX;
	h.counts[HIST_INDEX_MAX - h.offset] = 7;
	assert_true(hist_quantile(&h, 1) == 42);
	hist_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_are_the_definition),
		cmocka_unit_test(every_bucket_takes_what_is_its_own),
		cmocka_unit_test(index_lies_between_its_edges),
		cmocka_unit_test(middles_are_geometric),
		cmocka_unit_test(quantiles_err_by_half_a_bucket),
		cmocka_unit_test(quantile_takes_the_rank_rounded_up),
		cmocka_unit_test(quantile_of_few),
		cmocka_unit_test(sums_are_exact),
		cmocka_unit_test(merged_equals_whole),
		cmocka_unit_test(merging_nothing_changes_nothing),
		cmocka_unit_test(grows_by_whole_octaves),
		cmocka_unit_test(reset_keeps_memory),
		cmocka_unit_test(stored_buckets_read_back),
		cmocka_unit_test(stored_buckets_out_of_range),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
