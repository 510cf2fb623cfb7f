// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * open.c - the panel of requests that are under way, oldest first.
 */
#include <curses.h>

#include "../lib/units.h"
#include "draw.h"

static void put_heading(const struct draw *d)
{
	struct row r = row_at(d->top, d->utf8);

	row_right(&r, STYLE_DIM, 9, "age");
	row_to(&r, r.x + 2);
	row_text(&r, STYLE_DIM, "phase");
	row_right(&r, STYLE_DIM, 9, "pid");
	row_to(&r, r.x + 2);
	row_text(&r, STYLE_DIM, "request");
}

static void put_open(const struct draw *d, struct row *r, const struct summary_open *o)
{
	const struct request *q = o->request;
	bool waits = o->phase == PHASE_QUEUE || o->phase == PHASE_APP;
	bool stuck = waits && (double)o->age >= d->v->s.verdict.rules.stuck_ms * 1e6;
	char pid[UNITS_MAX] = "-";

	if (q->pid)
		snprintf(pid, sizeof(pid), "%u", q->pid);
	row_duration(r, stuck ? STYLE_RED : STYLE_PLAIN, 9, (double)o->age);
	row_to(r, r->x + 2);
	row_printf(r, STYLE_PLAIN, "%-5s", request_phase_name(o->phase));
	row_right(r, q->pid ? STYLE_PLAIN : STYLE_DIM, 9, pid);
	row_to(r, r->x + 2);
	if (q->head_seen)
		row_request(r, STYLE_PLAIN, q->http.method, q->http.path, q->http.path_len,
			    row_room(r));
	else
		row_text(r, STYLE_DIM, "(not read yet)");
	row_end(r);
}

/* The list is cut, the ledger is not. */
static void put_more(const struct draw *d, uint32_t shown)
{
	uint64_t open = (uint64_t)d->v->s.stats->ledger.open;
	struct row r = row_at(d->top + 1 + (int)shown, d->utf8);
	char n[UNITS_MAX];

	row_to(&r, 11);
	row_printf(&r, STYLE_DIM, "... and %s younger ones",
		   short_count(n, open - d->m->lists[PANEL_OPEN].n));
}

void draw_open(const struct draw *d)
{
	const struct list *l = &d->m->lists[PANEL_OPEN];
	struct row r;
	uint32_t i = 0;

	put_heading(d);
	for (; draw_row(d, i, &r); i++)
		put_open(d, &r, &d->v->open[l->top + i]);
	if (!l->n) {
		r = row_at(d->top + 1, d->utf8);
		row_to(&r, 11);
		row_text(&r, STYLE_DIM, "no request is open");
	} else if (d->v->s.stats->ledger.open > (int64_t)l->n && (int)i + 1 < d->lines) {
		put_more(d, i);
	}
}
