/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * layout.h - which lines of the live screen there is room for. Pure.
 */
#ifndef RS_TOP_LAYOUT_H
#define RS_TOP_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* What there would be to show. */
struct layout_wish {
	unsigned reasons; /* lines of the verdict */
	unsigned extras;  /* the event loop, limits, caches, logins */
	unsigned deploys;
	bool overall;  /* totals since the start are known */
	bool measured; /* there is a shape to draw */
};

struct layout {
	unsigned reasons; /* at least 1 */
	unsigned target;  /* 0, 1 */
	unsigned gaps;	  /* empty lines: 1 between head and numbers, 2 before the panel too */
	unsigned numbers; /* 0 to 4: requests, errors, latency, open */
	unsigned overall; /* 0, 1 */
	unsigned extras;
	unsigned deploys;
	unsigned shape;	 /* 0; 1 one bar; LAYOUT_SHAPE bars and histogram */
	unsigned tracer; /* 0, 1 */
	unsigned tabs;	 /* 0, 1: the names of the panels, above its heading */
	unsigned rows;	 /* of the panel, heading included; the rest of the screen */
	unsigned keys;	 /* 0, 1 */
};
#define LAYOUT_SHAPE 5

/* The whole makes `lines` lines (at least 1). */
void layout_make(struct layout *l, unsigned lines, const struct layout_wish *wish);

#endif
