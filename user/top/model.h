/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * model.h - what the live screen is about: which panel, which order, which row is chosen, and what
 * a key changes. Knows nothing of terminals. Pure.
 */
#ifndef RS_TOP_MODEL_H
#define RS_TOP_MODEL_H

#include "rows.h"
#include "view.h"

enum panel { PANEL_ROUTES, PANEL_OPEN, PANEL_WORKERS, PANELS };

/*
 * A list that is longer than its place. The row chosen stays chosen by its key wherever it moves;
 * until one was chosen, and after going Home, it is whatever row comes first.
 */
struct list {
	uint64_t key;
	bool held;    /* key is that of the row chosen */
	uint32_t at;  /* the row chosen */
	uint32_t top; /* the first row shown */
	uint32_t n;
};

struct model {
	enum panel panel;
	enum sort_key sort;
	uint64_t window; /* ns, 0: since the start */
	bool paused, help;
	bool detail;	     /* of the route chosen: */
	struct route *route; /* NULL: none was */
	uint32_t page;	     /* rows that a panel shows; for whoever draws to set */
	struct list lists[PANELS];
	const struct view *view;	   /* what it was filled from */
	const struct route_stats **routes; /* in order; owned */
	struct summary_worker_row workers[SUMMARY_MAX_WORKERS];
};

/* Keys that are no characters. */
enum model_key {
	KEYS_BEGIN = 0x10000,
	M_UP,
	M_DOWN,
	M_PAGE_UP,
	M_PAGE_DOWN,
	M_HOME,
	M_END,
	M_ENTER,
	M_BACK, /* Escape or Backspace */
	M_BACKTAB,
};

enum model_act {
	ACT_NOTHING,
	ACT_DRAW,   /* something that is shown has changed */
	ACT_WINDOW, /* the window has changed: a new view is wanted */
	ACT_PAUSE,  /* paused has changed */
	ACT_REDRAW, /* the terminal's content may be spoilt */
	ACT_QUIT,
};

/* Takes a view, which must stay until the next is taken; NULL: the one it has, anew. 0 or -ENOMEM.
 */
int model_fill(struct model *m, const struct view *v);
void model_free(struct model *m);

/* A character or an enum model_key. */
enum model_act model_key(struct model *m, int key);

/* Scrolls so that the row chosen is among the m->page rows shown. */
void model_scroll(struct model *m);

/* What the view tells of m->route: NULL when no request of it ended in the window. */
const struct route_stats *model_route(const struct model *m);

#endif
