/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term_shape.c - two pictures side by side: in which phase the time goes, and a histogram of total
 * latency over a logarithmic axis.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../lib/units.h"
#include "term_priv.h"

#define MIN_BOTH    72 /* columns from which on there is room for the histogram too */
#define MIN_DETAILS 110
#define HIST_ROWS   3
#define HIST_MAX    64 /* columns of the histogram at most */
#define MIN_PER_COL 4  /* buckets in a column at least: finer would be noise */
#define GAP	    4

/* Filled from the left in eighths, and from below. */
static const char *const lying[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
static const char *const standing[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const standing_ascii[] = {" ", ".", ":", "#"};

/* --- where the time goes */

static const enum latency_kind phase_kinds[PHASES] = {
	[PHASE_QUEUE] = LAT_QUEUE,
	[PHASE_RECV] = LAT_RECV,
	[PHASE_APP] = LAT_APP,
	[PHASE_SEND] = LAT_SEND,
};

/* Of the time of all phases; NaN when this one was not measured. */
static double phase_share(const struct stats *st, enum request_phase phase)
{
	const struct hist *h = &st->latency[phase_kinds[phase]];
	double all = 0;

	for (int i = 0; i < PHASES; i++)
		all += (double)st->latency[phase_kinds[i]].sum;
	return h->count && all > 0 ? (double)h->sum / all : NAN;
}

static void put_bar(struct line *l, double share, unsigned width)
{
	char bar[4 * TERM_MAX_COLUMNS] = "";
	unsigned step = l->o->utf8 ? 8 : 1;
	unsigned filled = share > 0 ? (unsigned)(share * width * step + 0.5) : 0;

	if (share > 0 && !filled)
		filled = 1; /* something is never drawn as nothing */
	for (unsigned i = 0; i < filled / step; i++)
		strcat(bar, l->o->utf8 ? lying[8] : "#");
	if (filled % step)
		strcat(bar, lying[filled % step]);
	line_text(l, STYLE_CYAN, bar);
}

static unsigned bar_width(const struct line *l)
{
	return l->width >= MIN_DETAILS ? 22 : 18;
}

/* name, bar, share; where there is room the phase's own quantiles too */
static void put_phase(struct term *t, enum request_phase phase)
{
	const struct hist *h = &t->s->stats->latency[phase_kinds[phase]];
	struct line *l = &t->line;
	double share = phase_share(t->s->stats, phase);
	char text[UNITS_MAX];

	line_text(l, STYLE_PLAIN, request_phase_name(phase));
	line_to(l, LABEL_WIDTH);
	put_bar(l, share, bar_width(l));
	line_to(l, LABEL_WIDTH + bar_width(l));
	line_right(l, isnan(share) ? STYLE_DIM : STYLE_PLAIN, 6, short_share(text, share));
	if (l->width < MIN_DETAILS)
		return;
	line_duration(l, STYLE_DIM, 9, hist_quantile(h, 0.5));
	line_duration(l, STYLE_DIM, 9, hist_quantile(h, 0.99));
}

static unsigned phases_width(const struct line *l)
{
	return LABEL_WIDTH + bar_width(l) + 6 + (l->width >= MIN_DETAILS ? 18 : 0);
}

static void put_phases_heading(struct line *l)
{
	line_text(l, STYLE_DIM, "where the time goes");
	if (l->width < MIN_DETAILS)
		return;
	line_to(l, phases_width(l) - 18);
	line_right(l, STYLE_DIM, 9, "p50");
	line_right(l, STYLE_DIM, 9, "p99");
}

/* --- how long it takes */

struct picture {
	unsigned width;
	int32_t first; /* bucket at the left edge */
	int32_t per;   /* buckets in a column */
	uint64_t columns[HIST_MAX];
	uint64_t most;
};

static void picture_scale(struct picture *p, const struct hist *h, int32_t *first, uint32_t *n)
{
	int32_t span;

	hist_range(h, first, n);
	if (!*n)
		*first = hist_index(h->max ? h->max : 1);
	span = (int32_t)p->width;
	p->per = ((int32_t)*n + span - 1) / span;
	if (p->per < MIN_PER_COL)
		p->per = MIN_PER_COL;
	/* what does not fill the width lies in the middle */
	p->first = *first - (p->per * span - (int32_t)*n) / 2;
}

static void picture_make(struct picture *p, const struct hist *h, unsigned width)
{
	int32_t first;
	uint32_t n;

	memset(p, 0, sizeof(*p));
	p->width = width < HIST_MAX ? width : HIST_MAX;
	picture_scale(p, h, &first, &n);
	p->columns[0] = h->zero;
	for (uint32_t i = 0; i < n; i++) {
		int32_t column = (first + (int32_t)i - p->first) / p->per;

		p->columns[column] += h->counts[first - h->offset + (int32_t)i];
	}
	for (unsigned i = 0; i < p->width; i++)
		if (p->columns[i] > p->most)
			p->most = p->columns[i];
}

/* row 0 is the top */
static void put_picture_row(struct line *l, const struct picture *p, unsigned row)
{
	const char *const *cells = l->o->utf8 ? standing : standing_ascii;
	unsigned steps = l->o->utf8 ? 8 : 3, base = (HIST_ROWS - 1 - row) * steps;
	char text[4 * HIST_MAX + 1] = "";
	size_t blank, end;

	for (unsigned i = 0; i < p->width; i++) {
		double part = p->most ? (double)p->columns[i] / (double)p->most : 0;
		unsigned level = (unsigned)(part * HIST_ROWS * steps + 0.5);

		if (p->columns[i] && !level)
			level = 1;
		level = level > base ? level - base : 0;
		strcat(text, cells[level < steps ? level : steps]);
	}
	for (end = strlen(text); end && text[end - 1] == ' '; end--)
		text[end - 1] = '\0';
	blank = strspn(text, " ");
	line_skip(l, (unsigned)blank);
	line_text(l, STYLE_CYAN, text + blank);
}

/* Column of a duration, or -1 when it lies outside. Its bucket's edge is the column's left edge. */
static int tick_column(const struct picture *p, uint64_t ns)
{
	int32_t d = hist_index(ns) + 1 - p->first;

	return d < 0 || d / p->per >= (int32_t)p->width ? -1 : d / p->per;
}

/* Writes a label where nothing is near; false when it does not fit. */
static void put_tick(char *axis, const struct picture *p, uint64_t ns, const char *text)
{
	int at = tick_column(p, ns), len = (int)strlen(text);

	if (at < 0 || at + len + 1 > (int)p->width)
		return;
	for (int i = at - 2; i < at + len + 3; i++)
		if (i >= 0 && i < (int)p->width && axis[i] != ' ')
			return;
	axis[at] = '|';
	memcpy(axis + at + 1, text, (size_t)len);
}

/* Decades first, then 2 and 5 of each where they fit between. */
static void put_axis(struct line *l, const struct picture *p)
{
	static const char *const units[] = {"us", "ms", "s"};
	static const unsigned steps[] = {1, 5, 2};
	char axis[HIST_MAX + 1], text[UNITS_MAX];

	memset(axis, ' ', p->width);
	axis[p->width] = '\0';
	for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++) {
		uint64_t ns = 1000ull * steps[k];

		for (unsigned decade = 0; decade < 9; decade++, ns *= 10) {
			unsigned v = steps[k] * (decade % 3 == 0 ? 1 : decade % 3 == 1 ? 10 : 100);

			snprintf(text, sizeof(text), "%u %s", v, units[decade / 3]);
			put_tick(axis, p, ns, text);
		}
	}
	for (size_t end = p->width; end && axis[end - 1] == ' '; end--)
		axis[end - 1] = '\0';
	line_text(l, STYLE_DIM, axis);
}

/* --- both */

static void put_one_line(struct term *t)
{
	char share[UNITS_MAX], text[64];

	line_text(&t->line, STYLE_DIM, "time");
	line_to(&t->line, LABEL_WIDTH);
	for (int i = 0; i < PHASES; i++) {
		snprintf(text, sizeof(text), "%s %s", request_phase_name((enum request_phase)i),
			 short_share(share, phase_share(t->s->stats, (enum request_phase)i)));
		line_item(&t->line, STYLE_PLAIN, LABEL_WIDTH, text);
	}
	line_end(&t->line);
}

void term_shape(struct term *t)
{
	struct line *l = &t->line;
	unsigned left = phases_width(l) + GAP;
	bool both = l->width >= MIN_BOTH;
	struct picture p;

	if (t->plan.shape == 1) {
		put_one_line(t);
		return;
	}
	if (both)
		picture_make(&p, &t->s->stats->latency[LAT_TOTAL], l->width - left);
	put_phases_heading(l);
	if (both) {
		line_to(l, left);
		line_text(l, STYLE_DIM, "how long answers take");
	}
	line_end(l);
	for (unsigned row = 0; row < PHASES; row++) {
		put_phase(t, (enum request_phase)row);
		line_to(l, left);
		if (both && row < HIST_ROWS)
			put_picture_row(l, &p, row);
		else if (both)
			put_axis(l, &p);
		line_end(l);
	}
}
