// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * series_counts.c - latencies by batch: buckets as narrow as what they hold, and what all of a route's
 * batches tell together.
 */
#include "series_priv.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Room grows by this many buckets, half an octave. */
#define ROOM 16

static int32_t round_down(int32_t index)
{
	return (index - SERIES_ZERO) / ROOM * ROOM + SERIES_ZERO;
}

static uint32_t width_of(uint64_t count)
{
	return count <= UINT8_MAX ? 1 : count <= UINT16_MAX ? 2 : 4;
}

static void count_set(struct series_counts *c, uint32_t k, uint32_t count)
{
	switch (c->width) {
	case 1:
		((uint8_t *)c->counts)[k] = (uint8_t)count;
		return;
	case 2:
		((uint16_t *)c->counts)[k] = (uint16_t)count;
		return;
	default:
		((uint32_t *)c->counts)[k] = count;
	}
}

/* Makes room for the buckets first..last, and for counts of so many bytes. */
static int counts_reserve(struct series_counts *c, int32_t first, int32_t last, uint32_t width)
{
	int32_t from = round_down(first), to = round_down(last) + ROOM;
	struct series_counts grown = {.width = (uint8_t)width};

	if (c->n) {
		from = c->first < from ? c->first : from;
		to = c->first + c->n > to ? c->first + c->n : to;
		if (width < c->width)
			grown.width = c->width;
	}
	grown.first = (int16_t)from;
	grown.n = (uint16_t)(to - from);
	grown.counts = calloc(grown.n, grown.width);
	if (!grown.counts)
		return -ENOMEM;
	for (uint32_t k = 0; k < c->n; k++)
		count_set(&grown, (uint32_t)(c->first - from) + k, series_count(c, k));
	free(c->counts);
	c->counts = grown.counts;
	c->width = grown.width;
	c->first = grown.first;
	c->n = grown.n;
	return 0;
}

int counts_add(struct series_counts *c, int32_t index, uint64_t count)
{
	bool there = index >= c->first && index < c->first + c->n;
	uint64_t sum = count + (there ? series_count(c, (uint32_t)(index - c->first)) : 0);
	uint32_t width = width_of(sum);

	/* almost always there is room already */
	if ((!there || width > c->width) && counts_reserve(c, index, index, width))
		return -ENOMEM;
	count_set(c, (uint32_t)(index - c->first), sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX);
	return 0;
}

int counts_merge(struct series_counts *into, const struct series_counts *from)
{
	for (uint32_t k = 0; k < from->n; k++) {
		uint32_t count = series_count(from, k);

		if (count && counts_add(into, from->first + (int32_t)k, count))
			return -ENOMEM;
	}
	return 0;
}

int counts_from_hist(struct series_counts *c, const struct hist *h)
{
	int32_t first;
	uint32_t n;

	hist_range(h, &first, &n);
	for (uint32_t k = 0; k < n; k++) {
		uint64_t count = h->counts[first - h->offset + (int32_t)k];

		if (count && counts_add(c, first + (int32_t)k, count))
			return -ENOMEM;
	}
	return h->zero ? counts_add(c, SERIES_ZERO, h->zero) : 0;
}

/* --- of all batches together */

double series_mean(const struct series_sum *sum)
{
	return sum->count ? (double)sum->sum / (double)sum->count : NAN;
}

int series_latency(const struct series_route *r, enum series_kind kind, struct hist *out)
{
	const struct series_sum *sum = &r->latency[kind];

	out->count = sum->count;
	out->min = sum->min;
	out->max = sum->max;
	out->sum = sum->sum;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct series_counts *c = &r->batch[i].latency[kind];

		for (uint32_t k = 0; k < c->n; k++) {
			int32_t index = c->first + (int32_t)k;

			if (index == SERIES_ZERO)
				out->zero += series_count(c, k);
			else if (hist_add_bucket(out, index, series_count(c, k)) == -ENOMEM)
				return -ENOMEM;
		}
	}
	return 0;
}
