/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * draw.h - a model as a picture on the screen.
 *
 *   draw.c     the screen as a whole: which parts, where
 *   head.c     verdict, target, numbers with their sparklines, phases
 *   routes.c, open.c, workers.c, detail.c, help.c   what is below
 */
#ifndef RS_TOP_DRAW_H
#define RS_TOP_DRAW_H

#include "model.h"
#include "row.h"
#include "slowest.h"

struct draw {
	struct model *m;
	const struct view *v;
	const struct slowest *slow;
	bool utf8;
	int top, lines; /* where a panel goes: first line and how many */
};

/* Everything, from the first line to the last. Sets m->page. */
void draw_screen(struct draw *d);

/* --- between the files of this folder */

/* A part of the text sink at line y, at most `max` lines of what s tells; returns how many. */
typedef void (*sink_part)(struct term *t);
int draw_part(const struct draw *d, int y, int max, const struct summary *s,
	      const struct plan *plan, sink_part part);

unsigned draw_reasons(const struct draw *d); /* lines that the whole verdict takes */
void draw_verdict(const struct draw *d, int y, int lines);
void draw_target(const struct draw *d, int y);
void draw_span(const struct draw *d, int y); /* what time the sparklines tell of */
void draw_numbers(const struct draw *d, int y, int lines);
void draw_phases(const struct draw *d, int y);

/* Each draws heading and rows, or what there is instead. */
void draw_routes(const struct draw *d);
void draw_open(const struct draw *d);
void draw_workers(const struct draw *d);
void draw_detail(const struct draw *d);
void draw_help(const struct draw *d);

/* A row of a panel: i of the list, marked when it is the one chosen. False beyond the last. */
bool draw_row(const struct draw *d, uint32_t i, struct row *r);
/* A route's name in `columns`. */
void draw_route_name(struct row *r, enum style style, const struct route *route, int columns);
/* A duration's style: yellow above --slo-ms. */
enum style draw_slow(const struct draw *d, double ns);

#endif
