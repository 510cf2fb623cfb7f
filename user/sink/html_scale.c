/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_scale.c - a logarithmic axis of durations, cut into cells of whole histogram buckets: what
 * the heat map and the histograms are drawn on.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "html_priv.h"

#define MIN_SHIFT 2  /* finer than 9 % would be noise */
#define MIN_CELLS 24 /* three octaves at the finest: a tick or two is always there */

void scale_init(struct scale *sc)
{
	*sc = (struct scale){.low = INT32_MAX, .high = INT32_MIN};
}

void scale_include(struct scale *sc, const struct hist *h)
{
	int32_t first;
	uint32_t n;

	hist_range(h, &first, &n);
	if (!n)
		return;
	if (first < sc->low)
		sc->low = first;
	if (first + (int32_t)n - 1 > sc->high)
		sc->high = first + (int32_t)n - 1;
}

bool scale_finish(struct scale *sc)
{
	if (sc->low > sc->high)
		return false;
	sc->shift = MIN_SHIFT;
	while ((sc->high >> sc->shift) - (sc->low >> sc->shift) >= SCALE_MAX)
		sc->shift++;
	sc->first = sc->low >> sc->shift;
	sc->n = (sc->high >> sc->shift) - sc->first + 1;
	if (sc->n < MIN_CELLS) { /* what does not fill the axis lies in the middle */
		sc->first -= (MIN_CELLS - sc->n) / 2;
		sc->n = MIN_CELLS;
	}
	return true;
}

uint64_t scale_bins(const struct scale *sc, const struct hist *h, uint64_t *bins)
{
	uint64_t most = 0;
	int32_t first, cell;
	uint32_t n;

	memset(bins, 0, SCALE_MAX * sizeof(*bins));
	hist_range(h, &first, &n);
	for (uint32_t i = 0; i < n; i++) {
		cell = ((first + (int32_t)i) >> sc->shift) - sc->first;
		if (cell < 0 || cell >= sc->n)
			continue;
		bins[cell] += h->counts[first - h->offset + (int32_t)i];
		if (bins[cell] > most)
			most = bins[cell];
	}
	return most;
}

double scale_place(const struct scale *sc, double ns)
{
	double bucket = HIST_PER_OCTAVE * log2(ns / 1e9);

	return (bucket / (1 << sc->shift) - sc->first) / sc->n;
}

double scale_edge(const struct scale *sc, int32_t i)
{
	return 1e9 * exp2((double)(sc->first + i) * (1 << sc->shift) / HIST_PER_OCTAVE);
}

/* With fewer decades than these 2 and 5 are ticks too; with more, only every third is one. */
#define FEW_DECADES  2.2
#define MANY_DECADES 9

static double next_round(double ns, double decades)
{
	double decade = pow(10, floor(log10(ns) + 1e-9)), lead = ns / decade;

	if (decades > MANY_DECADES)
		return decade * 1000;
	if (decades > FEW_DECADES || lead > 4.5)
		return decade * 10;
	return decade * (lead < 1.5 ? 2 : 5);
}

bool scale_tick(const struct scale *sc, double *ns)
{
	double low = scale_edge(sc, 0), high = scale_edge(sc, sc->n);

	if (*ns <= 0) /* 1 ns or below, and every third decade is a unit's */
		*ns = 1e-3;
	do
		*ns = next_round(*ns, log10(high / low));
	while (*ns < low);
	return *ns <= high;
}

void scale_label(FILE *f, double ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	unsigned i = 0;

	for (; i < 3 && ns >= 999.5; i++)
		ns /= 1000;
	fprintf(f, ns < 99999 ? "%.0f %s" : "%.0e %s", ns, units[i]);
}
