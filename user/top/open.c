// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * open.c - the panel of requests that are under way, oldest first.
 */
#include <curses.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "../sink/told.h"
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

#define PATH_LEAST 20 /* columns of a request that the place where it waits leaves it */

/* The request and where in the application it waits: without its folders where they have no room.
 */
static void put_request(struct row *r, const struct summary_open *o)
{
	const struct request *q = o->request;
	int room = row_room(r), wants = q->head_seen ? 5 + q->http.path_len : 14, place = 0;
	const char *where = o->where;

	if (where && wants + 3 + (int)utf8_columns(where) > room)
		where = told_file(where);
	if (where)
		place = 3 + (int)utf8_columns(where);
	wants = wants < PATH_LEAST ? wants : PATH_LEAST;
	if (place && wants + place > room)
		place = room > wants + 10 ? room - wants : 0;
	if (q->head_seen)
		row_request(r, STYLE_PLAIN, q->http.method, q->http.path, q->http.path_len,
			    room - place);
	else
		row_text(r, STYLE_DIM, "(not read yet)");
	if (!place)
		return;
	row_to(r, r->x + 3);
	row_bytes(r, STYLE_YELLOW, where, strlen(where), place - 3);
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
	put_request(r, o);
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

/* Below the list, where there is room: where the rest of the application waits. */
static void put_waits(const struct draw *d, int y)
{
	const struct summary *s = &d->v->s;
	const struct plan plan = {.waits = s->n_waits};
	int room = d->top + d->lines - y;

	if (s->n_waits && room >= 3)
		draw_part(d, y + 1, room - 1, s, &plan, term_waits);
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
		put_more(d, i++);
	}
	put_waits(d, d->top + 1 + (int)(i ? i : 1));
}
