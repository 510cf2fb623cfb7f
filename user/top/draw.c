// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "draw.h"

#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/units.h"
#include "layout.h"

#define EXTRAS 5 /* lines of term_extra.c */

static int put_lines(const struct draw *d, int y, int max, const char *text)
{
	int lines = 0;

	for (const char *p = text, *end; lines < max && (end = strchr(p, '\n')); p = end + 1) {
		struct row r = row_at(y + lines++, d->utf8);

		row_sink(&r, p, (size_t)(end - p));
	}
	return lines;
}

int draw_part(const struct draw *d, int y, int max, const struct summary *s,
	      const struct plan *plan, sink_part part)
{
	struct term_options o = {.columns = (unsigned)COLS, .colour = true, .utf8 = d->utf8};
	struct term t = {.s = s, .plan = *plan};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int lines;

	if (!f)
		return 0;
	line_init(&t.line, f, &o);
	part(&t);
	fclose(f);
	lines = put_lines(d, y, max, text);
	free(text);
	return lines;
}

/* --- what the panels share */

bool draw_row(const struct draw *d, uint32_t i, struct row *r)
{
	const struct list *l = &d->m->lists[d->m->panel];

	if (l->top + i >= l->n || (int)i + 1 >= d->lines)
		return false;
	*r = row_at(d->top + 1 + (int)i, d->utf8);
	r->marked = l->top + i == l->at;
	return true;
}

void draw_route_name(struct row *r, enum style style, const struct route *route, int columns)
{
	if (route->id)
		row_request(r, style, route->method, route->template, strlen(route->template),
			    columns);
	else
		row_bytes(r, style, "(all other routes)", 18, columns);
}

enum style draw_slow(const struct draw *d, double ns)
{
	double slo = d->v->s.verdict.rules.slo_ms * 1e6;

	return slo > 0 && ns > slo ? STYLE_YELLOW : STYLE_PLAIN;
}

/* --- the frame */

static const char *const panel_names[PANELS] = {"Routes", "Open", "Workers"};

static uint64_t panel_count(const struct draw *d, enum panel panel)
{
	int64_t open = d->v->s.stats->ledger.open;

	/* the list of open requests is cut, the ledger is not */
	if (panel == PANEL_OPEN && open > (int64_t)d->m->lists[panel].n)
		return (uint64_t)open;
	return d->m->lists[panel].n;
}

/* Which of the rows are to be seen, and their order. */
static void put_position(const struct draw *d, struct row *r)
{
	const struct list *l = &d->m->lists[d->m->panel];
	uint32_t last = l->top + d->m->page < l->n ? l->top + d->m->page : l->n;
	char text[80] = "", by[32] = "";

	if (d->m->panel == PANEL_ROUTES)
		snprintf(by, sizeof(by), "by %s", sort_name(d->m->sort));
	if (l->n > d->m->page)
		snprintf(text, sizeof(text), "%u to %u of %u   ", l->top + 1, last, l->n);
	strcat(text, by);
	if ((int)strlen(text) + 2 <= row_room(r))
		row_right(r, STYLE_DIM, row_room(r), text);
}

static void draw_tabs(const struct draw *d, int y)
{
	struct row r = row_at(y, d->utf8);
	char n[UNITS_MAX];

	for (int i = 0; i < PANELS; i++) {
		r.marked = (enum panel)i == d->m->panel;
		row_printf(&r, r.marked ? STYLE_BOLD : STYLE_PLAIN, " %s %s ", panel_names[i],
			   short_count(n, panel_count(d, (enum panel)i)));
		r.marked = false;
		row_to(&r, r.x + 1);
	}
	put_position(d, &r);
}

static void draw_keys(const struct draw *d, int y)
{
	static const struct {
		const char *key, *words;
	} keys[] = {{"q", "quit"},	 {"h", "help"},	     {"Tab", "panel"},
		    {"Enter", "detail"}, {"Space", "pause"}, {"t R p e", "sort"},
		    {"1 2 3", "window"}},
	  inside[] = {{"q", "back"},
		      {"h", "help"},
		      {"up/down", "other routes"},
		      {"Space", "pause"},
		      {"1 2 3", "window"}};
	bool detail = d->m->detail;
	size_t n = detail ? sizeof(inside) / sizeof(*inside) : sizeof(keys) / sizeof(*keys);
	struct row r = row_at(y, d->utf8);

	for (size_t i = 0; i < n; i++) {
		const char *key = detail ? inside[i].key : keys[i].key;
		const char *words = detail ? inside[i].words : keys[i].words;

		if ((int)(strlen(key) + strlen(words)) + 1 > row_room(&r))
			return;
		row_text(&r, STYLE_BOLD, key);
		row_printf(&r, STYLE_DIM, " %s  ", words);
	}
}

static void draw_panel(struct draw *d)
{
	static void (*const panels[PANELS])(const struct draw *) = {
		[PANEL_ROUTES] = draw_routes,
		[PANEL_OPEN] = draw_open,
		[PANEL_WORKERS] = draw_workers,
	};

	panels[d->m->panel](d);
}

/* --- the whole */

static int draw_shape(const struct draw *d, int y, const struct layout *l)
{
	struct plan plan = {.shape = LAYOUT_SHAPE};

	if (l->shape == 1)
		draw_phases(d, y);
	else if (l->shape)
		draw_part(d, y, LAYOUT_SHAPE, &d->v->s, &plan, term_shape);
	return (int)l->shape;
}

static void part_extras(struct term *t)
{
	term_extras(t, false);
}

static unsigned count_extras(const struct draw *d)
{
	struct term t = {.s = &d->v->s, .plan = {.extras = EXTRAS}};

	return term_extras(&t, true);
}

static int draw_head(const struct draw *d, const struct layout *l)
{
	const struct plan plan = {.extras = l->extras};
	int y = (int)l->reasons;

	draw_verdict(d, 0, y);
	if (l->target)
		draw_target(d, y++);
	if (l->gaps)
		draw_span(d, y++);
	draw_numbers(d, y, (int)l->numbers);
	y += (int)l->numbers;
	if (l->overall)
		y += draw_part(d, y, 1, &d->v->s, &plan, term_overall);
	y += draw_part(d, y, (int)l->extras, &d->v->s, &plan, part_extras);
	y += put_lines(d, y, (int)l->deploys, d->v->deploys);
	if (l->tracer)
		y += draw_part(d, y, 1, &d->v->s, &plan, term_tracer);
	if (l->shape == LAYOUT_SHAPE)
		y++;
	y += draw_shape(d, y, l);
	return y + (l->gaps > 1);
}

static void draw_lists(struct draw *d)
{
	struct layout_wish wish = {
		.reasons = draw_reasons(d),
		.extras = count_extras(d),
		.deploys = d->v->n_deploys,
		.overall = d->v->s.overall != NULL,
		.measured = d->v->s.stats->latency[LAT_TOTAL].count > 0,
	};
	struct layout l;

	layout_make(&l, (unsigned)LINES, &wish);
	d->top = draw_head(d, &l) + (int)l.tabs;
	d->lines = LINES - d->top - (int)l.keys;
	d->m->page = d->lines > 1 ? (uint32_t)d->lines - 1 : 1;
	model_scroll(d->m);
	if (l.tabs)
		draw_tabs(d, d->top - 1);
	if (l.rows)
		draw_panel(d);
	if (l.keys)
		draw_keys(d, LINES - 1);
}

/* The numbers of all give way to those of the route. */
static void draw_one(struct draw *d)
{
	int reasons = LINES > 22 && draw_reasons(d) > 1 ? 2 : 1, keys = LINES > 5;

	draw_verdict(d, 0, reasons);
	if (LINES > 6)
		draw_target(d, reasons);
	d->top = reasons + (LINES > 6) + (LINES > 21);
	d->lines = LINES - d->top - keys;
	draw_detail(d);
	if (keys)
		draw_keys(d, LINES - 1);
}

void draw_screen(struct draw *d)
{
	erase();
	if (COLS == 1 && LINES == 1)
		; /* the corner: to write it curses writes what is left of it, too (PutCharLR()) */
	else if (d->m->help)
		draw_help(d);
	else if (d->m->detail)
		draw_one(d);
	else
		draw_lists(d);
	refresh();
}
