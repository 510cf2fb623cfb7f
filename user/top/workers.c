// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * workers.c - the panel of processes that serve, one line each.
 */
#include <curses.h>
#include <math.h>

#include "../lib/units.h"
#include "draw.h"

#define WIDE 100 /* columns from which on there is room for more than the necessary */

static void put_heading(const struct draw *d)
{
	struct row r = row_at(d->top, d->utf8);

	row_right(&r, STYLE_DIM, 9, "pid");
	row_right(&r, STYLE_DIM, 10, "requests");
	row_right(&r, STYLE_DIM, 9, "rate");
	row_right(&r, STYLE_DIM, 7, "open");
	if (COLS >= WIDE) {
		row_right(&r, STYLE_DIM, 9, "p50");
		row_right(&r, STYLE_DIM, 9, "p90");
	}
	row_right(&r, STYLE_DIM, 9, "p99");
	row_right(&r, STYLE_DIM, 9, "max");
	row_to(&r, r.x + 2);
	row_text(&r, STYLE_DIM, "oldest open");
}

/* What it waits for, if it waits. */
static void put_waits(const struct draw *d, struct row *r, const struct summary_worker_row *w)
{
	char text[UNITS_MAX];
	bool stuck;

	if (!w->waits)
		return;
	stuck = (double)w->waits->age >= d->v->s.verdict.rules.stuck_ms * 1e6;
	row_to(r, r->x + 2);
	row_printf(r, stuck ? STYLE_RED : STYLE_DIM, "%s%s in %s", stuck ? "stuck: " : "",
		   units_duration(text, sizeof(text), (double)w->waits->age),
		   request_phase_name(w->waits->phase));
}

static void put_quantile(const struct draw *d, struct row *r, const struct summary_worker_row *w,
			 double q)
{
	double ns = w->total ? hist_quantile(w->total, q) : NAN;

	row_duration(r, draw_slow(d, ns), 9, ns);
}

static void put_worker(const struct draw *d, struct row *r, const struct summary_worker_row *w)
{
	double seconds = d->v->s.seconds;
	char text[UNITS_MAX] = "others";

	if (w->pid)
		snprintf(text, sizeof(text), "%u", w->pid);
	row_right(r, STYLE_PLAIN, 9, text);
	row_right(r, STYLE_PLAIN, 10, short_count(text, w->requests));
	row_right(r, STYLE_PLAIN, 9,
		  short_rate(text, seconds > 0 ? (double)w->requests / seconds : NAN));
	row_right(r, w->open_known ? STYLE_PLAIN : STYLE_DIM, 7,
		  w->open_known ? short_count(text, w->open) : "-");
	if (COLS >= WIDE) {
		put_quantile(d, r, w, 0.5);
		put_quantile(d, r, w, 0.9);
	}
	put_quantile(d, r, w, 0.99);
	put_quantile(d, r, w, 1);
	put_waits(d, r, w);
	row_end(r);
}

void draw_workers(const struct draw *d)
{
	const struct list *l = &d->m->lists[PANEL_WORKERS];
	struct row r;

	put_heading(d);
	for (uint32_t i = 0; draw_row(d, i, &r); i++)
		put_worker(d, &r, &d->m->workers[l->top + i]);
	if (!l->n) {
		r = row_at(d->top + 1, d->utf8);
		row_text(&r, STYLE_DIM, "no process serves");
	}
}
