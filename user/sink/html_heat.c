/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_heat.c - the heat map: over time, how many requests took how long. One path for each shade
 * keeps it small: a cell is some ten bytes of it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "html_priv.h"

#define SHADES 7

/* From how many requests in a column on its quantile says something. */
#define LEAST_P50 8
#define LEAST_P99 100

struct heat {
	const struct timeline *t;
	const struct scale *sc;
	unsigned n;		/* shades in use */
	uint64_t most;		/* requests in a cell */
	uint64_t least[SHADES]; /* requests from which on each holds; ascending */
	uint8_t shade[SCALE_MAX][TIMELINE_COLUMNS]; /* 1..n; 0: none */
};

static uint64_t most_in_a_cell(const struct heat *h)
{
	uint64_t bins[SCALE_MAX], most = 0, here;

	for (uint32_t x = 0; x < h->t->n; x++) {
		here = scale_bins(h->sc, &h->t->column[x].total, bins);
		if (here > most)
			most = here;
	}
	return most;
}

/* Equal ratios between one request and the most; fewer shades where these would not differ. */
static void choose_shades(struct heat *h)
{
	uint64_t least;

	h->most = most_in_a_cell(h);
	for (int i = 0; i < SHADES; i++) {
		least = (uint64_t)ceil(pow((double)h->most, (double)i / SHADES));
		if (!h->n || least > h->least[h->n - 1])
			h->least[h->n++] = least;
	}
}

static uint8_t shade_of(const struct heat *h, uint64_t count)
{
	uint8_t shade = 0;

	while (shade < h->n && count >= h->least[shade])
		shade++;
	return shade;
}

static void fill(struct heat *h)
{
	uint64_t bins[SCALE_MAX];

	choose_shades(h);
	for (uint32_t x = 0; x < h->t->n; x++) {
		scale_bins(h->sc, &h->t->column[x].total, bins);
		for (int32_t y = 0; y < h->sc->n; y++)
			h->shade[y][x] = shade_of(h, bins[y]);
	}
}

/* The name of shade 1..n: the whole range of colours is used however few there are. */
static unsigned colour(const struct heat *h, unsigned shade)
{
	return h->n == 1 ? SHADES : 1 + (shade - 1) * (SHADES - 1) / (h->n - 1);
}

/* Neighbours in a row as one. */
static void put_row(FILE *f, const struct heat *h, int32_t y, unsigned shade)
{
	const uint8_t *row = h->shade[y];
	uint32_t from;

	for (uint32_t x = 0; x < h->t->n; x++) {
		if (row[x] != shade)
			continue;
		from = x;
		while (x + 1 < h->t->n && row[x + 1] == shade)
			x++;
		fprintf(f, "M%u %dh%uv1h-%uz", from, h->sc->n - 1 - y, x + 1 - from, x + 1 - from);
	}
}

static void put_cells(FILE *f, const struct heat *h)
{
	for (unsigned shade = 1; shade <= h->n; shade++) {
		fprintf(f, "<path class=\"h%u\" d=\"", colour(h, shade));
		for (int32_t y = 0; y < h->sc->n; y++)
			put_row(f, h, y, shade);
		fputs("\"/>", f);
	}
}

/* A quantile over time, in steps. Where there was nothing the line is interrupted; with fewer than
   `least` requests in a column it would show single ones. */
static void put_quantile(FILE *f, const struct heat *h, double q, uint64_t least, const char *class)
{
	bool drawing = false;
	double y;

	fprintf(f, "<path class=\"%s\" d=\"", class);
	for (uint32_t x = 0; x < h->t->n; x++) {
		const struct hist *total = &h->t->column[x].total;

		y = hist_quantile(total, q);
		if (total->count < least || !(y > 0)) {
			drawing = false;
			continue;
		}
		y = h->sc->n * (1 - scale_place(h->sc, y));
		if (drawing)
			fprintf(f, "V%.1fH%u", y, x + 1);
		else
			fprintf(f, "M%u %.1fH%u", x, y, x + 1);
		drawing = true;
	}
	fputs("\"/>", f);
}

/* What a line means, if there is one. */
static void put_line_name(FILE *f, const struct heat *h, uint64_t least, const char *class,
			  const char *name)
{
	bool some = false, all = true;

	for (uint32_t x = 0; x < h->t->n; x++) {
		some |= h->t->column[x].total.count >= least;
		all &= h->t->column[x].total.count >= least;
	}
	if (some)
		fprintf(f, "<span><i class=\"%s\"></i>%s%s</span>", class, name,
			all ? "" : ", where there are enough requests");
}

static void put_legend(FILE *f, const struct heat *h)
{
	fputs("<p class=\"legend\"><span>requests in a cell</span>", f);
	for (unsigned shade = 1; shade <= h->n; shade++) {
		fprintf(f, "<span><i class=\"h%u\"></i>", colour(h, shade));
		html_count(f, h->least[shade - 1]);
		fputs(shade == h->n && h->most > h->least[shade - 1] ? " and more</span>"
								     : "</span>",
		      f);
	}
	put_line_name(f, h, LEAST_P50, "l50", "p50");
	put_line_name(f, h, LEAST_P99, "l99", "p99");
	fputs("</p>\n", f);
}

void html_heat(FILE *f, const struct timeline *t, const struct scale *sc)
{
	struct heat h = {.t = t, .sc = sc};

	fill(&h);
	fprintf(f, "<svg viewBox=\"0 0 %u %d\" preserveAspectRatio=\"none\" class=\"heat\">", t->n,
		sc->n);
	put_cells(f, &h);
	put_quantile(f, &h, 0.5, LEAST_P50, "q50");
	put_quantile(f, &h, 0.99, LEAST_P99, "q99");
	fputs("</svg>", f);
}

void html_heat_legend(FILE *f, const struct timeline *t, const struct scale *sc)
{
	struct heat h = {.t = t, .sc = sc};

	choose_shades(&h);
	put_legend(f, &h);
}
