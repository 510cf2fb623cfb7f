// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * routes.c - the panel of routes: one line each, in the order asked for.
 */
#include <curses.h>
#include <math.h>

#include "../lib/units.h"
#include "draw.h"

typedef void (*cell)(const struct draw *d, struct row *r, const struct route_stats *rs, int width);

static void cell_time(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	const struct hist *all = &d->v->s.stats->latency[LAT_TOTAL], *h = &rs->latency[LAT_TOTAL];
	char text[UNITS_MAX];

	row_right(
		r, STYLE_BOLD, width,
		short_share(text, h->count && all->sum ? (double)h->sum / (double)all->sum : NAN));
}

static void cell_count(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	char text[UNITS_MAX];

	(void)d;
	row_right(r, STYLE_PLAIN, width, short_count(text, rs->count));
}

static void cell_rate(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	double seconds = d->v->s.seconds;
	char text[UNITS_MAX];

	row_right(r, STYLE_PLAIN, width,
		  short_rate(text, seconds > 0 ? (double)rs->count / seconds : NAN));
}

static void cell_quantile(const struct draw *d, struct row *r, const struct route_stats *rs,
			  int width, double q)
{
	double ns = hist_quantile(&rs->latency[LAT_TOTAL], q);

	row_duration(r, draw_slow(d, ns), width, ns);
}

static void cell_p50(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	cell_quantile(d, r, rs, width, 0.5);
}

static void cell_p90(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	cell_quantile(d, r, rs, width, 0.9);
}

static void cell_p99(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	cell_quantile(d, r, rs, width, 0.99);
}

static void cell_max(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	cell_quantile(d, r, rs, width, 1);
}

/* How much of the route's time is spent waiting to be read. */
static void cell_queue(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	const struct hist *queue = &rs->latency[LAT_QUEUE], *total = &rs->latency[LAT_TOTAL];
	double share = queue->count && total->sum ? (double)queue->sum / (double)total->sum : NAN;
	char text[UNITS_MAX];

	(void)d;
	row_right(r, STYLE_PLAIN, width, short_share(text, share > 1 ? 1 : share));
}

/* A count of what is bad: zero is measured, but nothing to look at. */
static void put_bad(struct row *r, enum style style, int width, uint64_t n)
{
	char text[UNITS_MAX];

	row_right(r, n ? style : STYLE_DIM, width, short_count(text, n));
}

static void cell_5xx(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	(void)d;
	put_bad(r, STYLE_RED, width, rs->status.class[5]);
}

static void cell_4xx(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	(void)d;
	put_bad(r, STYLE_YELLOW, width, rs->status.class[4]);
}

static void cell_cut(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	(void)d;
	put_bad(r, STYLE_RED, width, rs->ends[REQ_SERVER_CLOSED]);
}

static void cell_gone(const struct draw *d, struct row *r, const struct route_stats *rs, int width)
{
	(void)d;
	put_bad(r, STYLE_PLAIN, width, rs->ends[REQ_CLIENT_CLOSED]);
}

#define UNSORTED SORTS

/* From how many columns of screen on each is shown. */
static const struct column {
	const char *name;
	int width, from;
	enum sort_key sort; /* by which the routes have the order of this column */
	cell put;
} columns[] = {
	{"time", 7, 30, SORT_TIME, cell_time}, {"count", 9, 100, UNSORTED, cell_count},
	{"rate", 8, 60, SORT_RATE, cell_rate}, {"p50", 9, 52, UNSORTED, cell_p50},
	{"p90", 9, 112, UNSORTED, cell_p90},   {"p99", 9, 40, SORT_P99, cell_p99},
	{"max", 9, 68, UNSORTED, cell_max},    {"queue", 8, 120, UNSORTED, cell_queue},
	{"5xx", 6, 46, SORT_ERRORS, cell_5xx}, {"cut", 6, 96, SORT_ERRORS, cell_cut},
	{"4xx", 6, 76, UNSORTED, cell_4xx},    {"gone", 7, 104, UNSORTED, cell_gone},
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static int name_width(void)
{
	int used = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		if (COLS >= columns[i].from)
			used += columns[i].width;
	return COLS > used ? COLS - used : 1;
}

static void put_heading(const struct draw *d)
{
	struct row r = row_at(d->top, d->utf8);

	row_text(&r, STYLE_DIM, "route");
	row_to(&r, name_width());
	for (size_t i = 0; i < COLUMNS; i++)
		if (COLS >= columns[i].from)
			row_right(&r, columns[i].sort == d->m->sort ? STYLE_BOLD : STYLE_DIM,
				  columns[i].width, columns[i].name);
}

static void put_route(const struct draw *d, struct row *r, const struct route_stats *rs)
{
	int width = name_width();

	draw_route_name(r, STYLE_PLAIN, rs->route, width - 1);
	row_to(r, width);
	for (size_t i = 0; i < COLUMNS; i++)
		if (COLS >= columns[i].from)
			columns[i].put(d, r, rs, columns[i].width);
	row_end(r);
}

void draw_routes(const struct draw *d)
{
	const struct list *l = &d->m->lists[PANEL_ROUTES];
	struct row r;

	put_heading(d);
	for (uint32_t i = 0; draw_row(d, i, &r); i++)
		put_route(d, &r, d->m->routes[l->top + i]);
	if (!l->n) {
		r = row_at(d->top + 1, d->utf8);
		row_text(&r, STYLE_DIM, "no request ended in this window");
	}
}
