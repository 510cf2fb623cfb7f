// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "hist.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hist_edges.h"

_Static_assert(sizeof(hist_middles) / sizeof(*hist_middles) == HIST_PER_OCTAVE, "regenerate");

void hist_init(struct hist *h)
{
	*h = (struct hist){0};
}

void hist_free(struct hist *h)
{
	free(h->counts);
	hist_init(h);
}

void hist_reset(struct hist *h)
{
	struct hist empty = {.offset = h->offset, .n = h->n, .counts = h->counts};

	if (h->n)
		memset(h->counts, 0, h->n * sizeof(*h->counts));
	*h = empty;
}

/* The octave (of the grid) that a bucket lies in, rounded down also below 1 s. */
static int32_t octave(int32_t i)
{
	return i >> HIST_SCALE;
}

int32_t hist_index(uint64_t ns)
{
	unsigned power, m;
	int32_t i;

	assert(ns > 0);
	/* With m the five bits below the leading one, the bucket is at or up to two above
	   32 * power + 32 log2(1 + m/32) + HIST_INDEX_MIN: 1 ns lies within the first third of its
	   bucket, and one step of m is less than two buckets wide. */
	power = 63 - __builtin_clzll(ns);
	m = ns << (63 - power) >> (63 - HIST_SCALE) & (HIST_PER_OCTAVE - 1);
	i = HIST_PER_OCTAVE * power + hist_logs[m];
	while (ns > hist_edges[i + 1])
		i++;
	return i + HIST_INDEX_MIN;
}

double hist_middle(int32_t i)
{
	/* Scaling by powers of two is exact: the same on every machine, unlike exp2(). */
	return ldexp(hist_middles[i & (HIST_PER_OCTAVE - 1)], octave(i));
}

/* Makes room for the buckets first..last, by whole octaves. */
static int reserve(struct hist *h, int32_t first, int32_t last)
{
	int32_t from = octave(first), to = octave(last) + 1;
	uint64_t *counts;
	size_t n;

	if (h->n) {
		int32_t old_from = octave(h->offset), old_to = octave(h->offset + (int32_t)h->n);

		if (old_from <= from && to <= old_to)
			return 0;
		from = from < old_from ? from : old_from;
		to = to > old_to ? to : old_to;
	}
	n = (size_t)(to - from) * HIST_PER_OCTAVE;
	counts = calloc(n, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	if (h->n)
		memcpy(counts + (h->offset - from * HIST_PER_OCTAVE), h->counts,
		       h->n * sizeof(*counts));
	free(h->counts);
	h->counts = counts;
	h->n = n;
	h->offset = from * HIST_PER_OCTAVE;
	return 0;
}

/* Almost every duration falls where there is room already. */
static bool has_room(const struct hist *h, int32_t i)
{
	return (uint32_t)(i - h->offset) < h->n;
}

static void widen(struct hist *h, uint64_t min, uint64_t max)
{
	if (!h->count || min < h->min)
		h->min = min;
	if (!h->count || max > h->max)
		h->max = max;
}

int hist_add_at(struct hist *h, uint64_t ns, int32_t index)
{
	if (ns) {
		if (!has_room(h, index) && reserve(h, index, index))
			return -ENOMEM;
		h->counts[index - h->offset]++;
	} else {
		h->zero++;
	}
	widen(h, ns, ns);
	h->count++;
	h->sum += ns;
	return 0;
}

int hist_add(struct hist *h, uint64_t ns)
{
	return hist_add_at(h, ns, ns ? hist_index(ns) : 0);
}

void hist_prefetch_at(const struct hist *h, int32_t index)
{
	if (has_room(h, index))
		__builtin_prefetch(&h->counts[index - h->offset], 1);
}

int hist_merge(struct hist *into, const struct hist *from)
{
	int32_t first;
	uint32_t n;

	hist_range(from, &first, &n);
	if (n && reserve(into, first, first + (int32_t)n - 1))
		return -ENOMEM;
	for (uint32_t k = 0; k < n; k++)
		into->counts[first - into->offset + k] += from->counts[first - from->offset + k];
	if (from->count)
		widen(into, from->min, from->max);
	into->zero += from->zero;
	into->count += from->count;
	into->sum += from->sum;
	return 0;
}

/* Rank by one double multiplication, as any script that reads our JSON would do it. */
static uint64_t rank_of(double q, uint64_t count)
{
	double rank = ceil(q * (double)count);

	if (!(rank >= 1))
		return 1;
	return rank < (double)count ? (uint64_t)rank : count;
}

double hist_quantile(const struct hist *h, double q)
{
	uint64_t rank;

	if (!h->count)
		return NAN;
	rank = rank_of(q, h->count);
	if (rank <= h->zero)
		return 0;
	rank -= h->zero;
	for (uint32_t k = 0; k < h->n; k++) {
		if (rank <= h->counts[k])
			return fmin(fmax(hist_middle(h->offset + (int32_t)k), (double)h->min),
				    (double)h->max);
		rank -= h->counts[k];
	}
	/* Only a stored histogram whose count exceeds its buckets gets here. */
	return (double)h->max;
}

double hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : NAN;
}

void hist_range(const struct hist *h, int32_t *first, uint32_t *n)
{
	uint32_t from = 0, to = h->n;

	while (from < to && !h->counts[from])
		from++;
	while (from < to && !h->counts[to - 1])
		to--;
	*n = to - from;
	*first = *n ? h->offset + (int32_t)from : 0;
}

int hist_add_bucket(struct hist *h, int32_t i, uint64_t count)
{
	uint64_t sum, *bucket;

	if (i < HIST_INDEX_MIN || i > HIST_INDEX_MAX)
		return -ERANGE;
	if (!count)
		return 0;
	if (reserve(h, i, i))
		return -ENOMEM;
	bucket = &h->counts[i - h->offset];
	if (__builtin_add_overflow(*bucket, count, &sum))
		return -ERANGE;
	*bucket = sum;
	return 0;
}
