/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hist.h - duration histogram: base-2 exponential, scale 5, on the grid of seconds.
 *
 * Bucket i holds the durations d with 2^(i/32) s < d <= 2^((i+1)/32) s: the rule of the
 * OpenTelemetry exponential histogram (upper bound inclusive). Values are integer nanoseconds and
 * the edges a table of integers (hist_edges.h, made by tools/gen-hist-edges.py), so no two builds
 * disagree. A value read back as its bucket's geometric middle is off by at most 2^(1/64) - 1
 * = 1.09 %. Count, sum, min and max are exact. Merging adds integers. Pure; the only error is
 * -ENOMEM.
 */
#ifndef RS_HIST_H
#define RS_HIST_H

#include <stdint.h>

#define HIST_SCALE	5
#define HIST_PER_OCTAVE (1 << HIST_SCALE)

struct hist {
	uint64_t count;
	uint64_t zero;	       /* durations of exactly 0 ns */
	unsigned __int128 sum; /* ns */
	uint64_t min, max;     /* ns; valid when count > 0 */
	int32_t offset;	       /* index of counts[0]; a multiple of HIST_PER_OCTAVE */
	uint32_t n;	       /* buckets allocated; a multiple of HIST_PER_OCTAVE */
	uint64_t *counts;      /* owned */
};

void hist_init(struct hist *h); /* an all-zero struct is initialised too */
void hist_free(struct hist *h);
void hist_reset(struct hist *h); /* to empty, keeps the memory */

/* Adds one duration. 0 or -ENOMEM (then nothing was added). */
int hist_add(struct hist *h, uint64_t ns);

/* The same where several get one duration: index is hist_index(ns), not looked at for 0. */
int hist_add_at(struct hist *h, uint64_t ns, int32_t index);
/* Fetches into the cache what that will need: for who has others to add before. */
void hist_prefetch_at(const struct hist *h, int32_t index);

/* into += from. 0 or -ENOMEM (then nothing was added). */
int hist_merge(struct hist *into, const struct hist *from);

/* Index of the bucket of a duration ns >= 1. */
int32_t hist_index(uint64_t ns);

/* Geometric middle of bucket i, in ns. */
double hist_middle(int32_t i);

/*
 * The q-quantile in ns (0 <= q <= 1): the value of rank ceil(q * count), at least 1, in ascending
 * order, as its bucket's geometric middle, not rounded, clamped to [min, max]. NaN when empty.
 */
double hist_quantile(const struct hist *h, double q);

/* Mean in ns, NaN when empty. */
double hist_mean(const struct hist *h);

/* Lowest and highest bucket in use; *n = 0 when there is none. counts of that range: h->counts +
   (*first - h->offset). */
void hist_range(const struct hist *h, int32_t *first, uint32_t *n);

/* Adds `count` durations to bucket i without touching count, sum, min, max: for readers of stored
   histograms, which set those fields themselves. 0, -ENOMEM, -ERANGE. */
int hist_add_bucket(struct hist *h, int32_t i, uint64_t count);

#endif
