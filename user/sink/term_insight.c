// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * term_insight.c - the tables of the summary screen that tell what the interpreter told: exceptions
 * behind answers, what held event loops up, where tasks and threads wait. Words at the left,
 * numbers at the right, as in the table of routes.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "told.h"
#include "term_priv.h"

#define ROWS_MAX 64
#define W_COUNT	 8
#define W_CODE	 6
#define W_KIND	 9
#define W_TIME	 9
#define W_GAP	 3

/* From how many columns of screen on each is shown. */
#define CODE_FROM   40
#define TOTAL_FROM  90
#define WAITED_FROM 60

static unsigned at_most(uint64_t n, unsigned max)
{
	return n < max ? (unsigned)n : max;
}

/* --- words that are made to fit */

typedef char *(*words_make)(char *out, size_t size, const void *ctx, enum words_length length);

static char *error_words(char *out, size_t size, const void *ctx, enum words_length length)
{
	return told_error(out, size, ctx, length);
}

static char *stall_words(char *out, size_t size, const void *ctx, enum words_length length)
{
	return told_stall(out, size, ctx, length);
}

static char *wait_words(char *out, size_t size, const void *ctx, enum words_length length)
{
	return told_wait(out, size, ctx, length);
}

struct text {
	char words[4 * TERM_MAX_COLUMNS + 8]; /* escaped */
	unsigned columns;
};

static void make(struct text *t, words_make words, const void *ctx, enum words_length length,
		 unsigned columns)
{
	char raw[TOLD_WORDS];

	words(raw, sizeof(raw), ctx, length);
	escape_text(t->words, sizeof(t->words), raw, strlen(raw), columns);
	t->columns = (unsigned)utf8_columns(t->words);
}

/* The longest that fits into `room`; 0 when even the shortest is cut. */
static bool fit(struct text *t, words_make words, const void *ctx, unsigned room)
{
	for (int length = WORDS_FULL; length < WORDS_LENGTHS; length++) {
		make(t, words, ctx, (enum words_length)length, TERM_MAX_COLUMNS);
		if (t->columns <= room)
			return true;
	}
	make(t, words, ctx, WORDS_BRIEFEST, room);
	return false;
}

static unsigned route_columns(const struct route *route)
{
	size_t method = strnlen(route->method, sizeof(route->method));

	return (unsigned)((method < 4 ? 4 : method) + 1 + strlen(route->template));
}

/* A table whose routes stand in one column: how long the words are, and where that begins. */
struct columns {
	enum words_length length;
	unsigned route; /* 0: there is no such column */
};

struct row {
	const void *ctx; /* of the words */
	const struct route *route;
};

static struct columns columns_of(words_make words, const struct row *rows, unsigned n,
				 unsigned room)
{
	unsigned routes = 0, wide, columns;
	struct text t;

	for (unsigned i = 0; i < n; i++) {
		columns = rows[i].route ? route_columns(rows[i].route) : 0;
		routes = columns > routes ? columns : routes;
	}
	for (int length = WORDS_FULL; routes && length < WORDS_LENGTHS; length++) {
		wide = 0;
		for (unsigned i = 0; i < n; i++) {
			make(&t, words, rows[i].ctx, (enum words_length)length, TERM_MAX_COLUMNS);
			wide = t.columns > wide ? t.columns : wide;
		}
		if (wide + W_GAP + routes <= room)
			return (struct columns){(enum words_length)length, wide + W_GAP};
	}
	return (struct columns){};
}

/* The words, and the route where both have room. */
static void put_words(struct line *l, unsigned room, words_make words, const struct row *row,
		      struct columns at)
{
	const struct route *route = row->route;
	unsigned wants = route ? route_columns(route) + W_GAP : 0;
	const void *ctx = row->ctx;
	struct text t;

	if (at.route) {
		make(&t, words, ctx, at.length, TERM_MAX_COLUMNS);
		line_text(l, STYLE_PLAIN, t.words);
		line_to(l, at.route);
		if (route)
			line_request(l, route->method, route->template, strlen(route->template),
				     wants);
		return;
	}
	if (wants >= room || !fit(&t, words, ctx, room - wants)) {
		wants = 0;
		fit(&t, words, ctx, room);
	}
	line_text(l, STYLE_PLAIN, t.words);
	if (!wants)
		return;
	line_skip(l, W_GAP);
	line_request(l, route->method, route->template, strlen(route->template), wants);
}

static void put_more(struct line *l, uint64_t n)
{
	char text[UNITS_MAX];

	line_printf(l, STYLE_DIM, "... and %s more", short_count(text, n));
	line_end(l);
}

static unsigned words_room(const struct line *l, unsigned cells)
{
	return l->width > cells + 1 ? l->width - cells - 1 : 1;
}

/* --- exceptions */

unsigned term_error_height(const struct term *t)
{
	uint64_t untold, n = told_errors(t->s->stats, NULL, NULL, 0, &untold);
	unsigned rows = t->plan.errors ? at_most(term_rows(n, t->plan.errors), ROWS_MAX) : 0;

	return rows ? 1 + rows + (rows < n || untold) : 0;
}

/* Those whose place is not told are exceptions, those beyond the table's end kinds of them. */
static void put_other_errors(struct line *l, uint64_t kinds, uint64_t untold)
{
	char text[UNITS_MAX], others[UNITS_MAX];

	if (!kinds && !untold)
		return;
	short_count(text, kinds);
	short_count(others, untold);
	if (!kinds)
		line_printf(l, STYLE_DIM, "... and %s elsewhere", others);
	else if (!untold)
		line_printf(l, STYLE_DIM, "... and %s more", text);
	else
		line_printf(l, STYLE_DIM, "... and %s more, and %s elsewhere", text, others);
	line_end(l);
}

static unsigned error_cells(const struct line *l)
{
	return W_COUNT + (l->width >= CODE_FROM ? W_CODE : 0);
}

static void put_error(struct line *l, const struct error_row *e, struct columns at)
{
	unsigned cells = error_cells(l);
	enum style style = e->status >= 500 || !e->status ? STYLE_RED : STYLE_YELLOW;
	char text[UNITS_MAX] = "-";

	put_words(l, words_room(l, cells), error_words, &(struct row){e->site, e->route}, at);
	line_to(l, l->width - cells);
	if (e->status)
		snprintf(text, sizeof(text), "%u", e->status);
	if (l->width >= CODE_FROM)
		line_right(l, e->status ? style : STYLE_DIM, W_CODE, text);
	line_right(l, STYLE_BOLD, W_COUNT, short_count(text, e->count));
	line_end(l);
}

static void put_error_heading(struct line *l)
{
	line_text(l, STYLE_DIM, "exceptions");
	line_to(l, l->width - error_cells(l));
	if (l->width >= CODE_FROM)
		line_right(l, STYLE_DIM, W_CODE, "code");
	line_right(l, STYLE_DIM, W_COUNT, "count");
	line_end(l);
}

void term_errors(struct term *t)
{
	struct error_row list[ROWS_MAX];
	struct row words[ROWS_MAX];
	uint64_t untold, n = told_errors(t->s->stats, NULL, NULL, 0, &untold);
	unsigned rows = at_most(term_rows(n, t->plan.errors), ROWS_MAX);
	struct columns at;

	told_errors(t->s->stats, NULL, list, rows, NULL);
	for (unsigned i = 0; i < rows; i++)
		words[i] = (struct row){list[i].site, list[i].route};
	at = columns_of(error_words, words, rows, words_room(&t->line, error_cells(&t->line)));
	put_error_heading(&t->line);
	for (unsigned i = 0; i < rows; i++)
		put_error(&t->line, &list[i], at);
	put_other_errors(&t->line, n - rows, untold);
}

/* --- stalls */

static unsigned stall_cells(const struct line *l)
{
	return W_COUNT + W_TIME + (l->width >= TOTAL_FROM ? W_TIME : 0) +
	       (l->width >= WAITED_FROM ? W_COUNT : 0);
}

static void put_stall_heading(struct line *l)
{
	line_text(l, STYLE_DIM, "event loop held up by");
	line_to(l, l->width - stall_cells(l));
	line_right(l, STYLE_DIM, W_COUNT, "times");
	line_right(l, STYLE_DIM, W_TIME, "longest");
	if (l->width >= TOTAL_FROM)
		line_right(l, STYLE_DIM, W_TIME, "in all");
	if (l->width >= WAITED_FROM)
		line_right(l, STYLE_DIM, W_COUNT, "waited");
	line_end(l);
}

static void put_stall(struct line *l, const struct stall_stats *s, const struct row *words,
		      struct columns at)
{
	unsigned cells = stall_cells(l);
	char text[UNITS_MAX];

	put_words(l, words_room(l, cells), stall_words, words, at);
	line_to(l, l->width - cells);
	line_right(l, STYLE_BOLD, W_COUNT, short_count(text, s->count));
	line_duration(l, STYLE_YELLOW, W_TIME, (double)s->max);
	if (l->width >= TOTAL_FROM)
		line_duration(l, STYLE_PLAIN, W_TIME, (double)s->total);
	if (l->width >= WAITED_FROM)
		line_right(l, s->victims ? STYLE_PLAIN : STYLE_DIM, W_COUNT,
			   short_count(text, s->victims));
	line_end(l);
}

void term_stalls(struct term *t)
{
	const struct stall_stats *stall = NULL;
	uint32_t n = t->s->stats->n_stalls;
	unsigned rows = at_most(term_rows(n, t->plan.stalls), ROWS_MAX);
	struct row words[ROWS_MAX];
	struct columns at;

	for (unsigned i = 0; i < rows; i++) {
		stall = summary_next_stall(t->s->stats, stall);
		words[i] = (struct row){stall->site,
					stall->route ? route_final((struct route *)stall->route)
						     : NULL};
	}
	at = columns_of(stall_words, words, rows, words_room(&t->line, stall_cells(&t->line)));
	put_stall_heading(&t->line);
	stall = NULL;
	for (unsigned i = 0; i < rows; i++) {
		stall = summary_next_stall(t->s->stats, stall);
		put_stall(&t->line, stall, &words[i], at);
	}
	if (rows < n)
		put_more(&t->line, n - rows);
}

/* --- waits */

static void put_wait(struct line *l, const struct summary_wait *w)
{
	char text[UNITS_MAX];

	put_words(l, words_room(l, W_KIND + W_COUNT), wait_words, &(struct row){w, NULL},
		  (struct columns){});
	line_to(l, l->width - W_KIND - W_COUNT);
	line_right(l, STYLE_PLAIN, W_KIND, w->threads ? "threads" : "tasks");
	line_right(l, STYLE_BOLD, W_COUNT, short_count(text, w->count));
	line_end(l);
}

void term_waits(struct term *t)
{
	unsigned rows = (unsigned)term_rows(t->s->n_waits, t->plan.waits);
	struct line *l = &t->line;

	line_text(l, STYLE_DIM, "waiting in");
	line_to(l, l->width - W_COUNT);
	line_right(l, STYLE_DIM, W_COUNT, "count");
	line_end(l);
	for (unsigned i = 0; i < rows; i++)
		put_wait(l, &t->s->waits[i]);
	if (rows < t->s->n_waits)
		put_more(l, t->s->n_waits - rows);
}

/* --- lines among those of term_extra.c */

bool term_held(struct term *t, bool dry)
{
	const struct summary *s = t->s;
	struct line *l = &t->line;
	char age[UNITS_MAX];
	struct text words;

	if (!s->held || dry)
		return s->held;
	line_text(l, STYLE_DIM, "held up");
	line_to(l, LABEL_WIDTH);
	line_printf(l, STYLE_RED, "%s", units_duration(age, sizeof(age), (double)s->held_ns));
	line_text(l, STYLE_PLAIN, " so far, by ");
	fit(&words, stall_words, s->held, line_room(l));
	line_text(l, STYLE_BOLD, words.words);
	line_end(l);
	return true;
}

#define SHARE_TOLD 0.01 /* of waiting for the GIL, and of collecting garbage */

/* Who held it up for the longest time in all, where no table follows that says so. */
static void put_culprit(struct term *t)
{
	const struct stall_stats *s = summary_next_stall(t->s->stats, NULL);
	struct text words;

	if (t->plan.stalls || !s)
		return;
	make(&words, stall_words, s->site, WORDS_BRIEF, TERM_MAX_COLUMNS);
	if (W_GAP + 3 + words.columns > line_room(&t->line))
		make(&words, stall_words, s->site, WORDS_BRIEFEST, TERM_MAX_COLUMNS);
	if (W_GAP + 3 + words.columns > line_room(&t->line))
		return;
	line_item(&t->line, STYLE_PLAIN, LABEL_WIDTH, "by");
	line_skip(&t->line, 1);
	line_text(&t->line, STYLE_PLAIN, words.words);
}

static void put_share(struct line *l, const char *what, double share)
{
	char item[64], n[UNITS_MAX];

	if (!(share >= SHARE_TOLD))
		return;
	snprintf(item, sizeof(item), "%s %s", what, short_share(n, share));
	line_item(l, STYLE_PLAIN, LABEL_WIDTH, item);
}

static void put_totals(struct line *l, const struct stall_totals *all)
{
	char item[96], n[UNITS_MAX], longest[UNITS_MAX];

	if (!all->count)
		return;
	snprintf(item, sizeof(item), "%s stall%s, longest %s", short_count(n, all->count),
		 all->count == 1 ? "" : "s",
		 units_duration(longest, sizeof(longest), (double)all->max));
	line_item(l, STYLE_YELLOW, LABEL_WIDTH, item);
}

static void put_victims(struct line *l, const struct stall_totals *all)
{
	char item[96], n[UNITS_MAX], each[UNITS_MAX];

	if (!all->victims)
		return;
	units_duration(each, sizeof(each), (double)all->waited / (double)all->victims);
	snprintf(item, sizeof(item), "%s request%s waited %s%s", short_count(n, all->victims),
		 all->victims == 1 ? "" : "s", all->victims == 1 ? "" : "on average ", each);
	line_item(l, STYLE_PLAIN, LABEL_WIDTH, item);
}

bool term_loop(struct term *t, bool dry)
{
	const struct stats *st = t->s->stats;
	struct stall_totals all = told_stall_totals(st);
	bool any = st->loop.watched || all.count;
	struct line *l = &t->line;
	char item[64], n[UNITS_MAX];

	if (!any || dry)
		return any;
	line_text(l, STYLE_DIM, "loop");
	line_to(l, LABEL_WIDTH);
	if (st->loop.watched) {
		snprintf(item, sizeof(item), "busy %s", short_share(n, summary_loop_busy(st)));
		line_item(l, STYLE_BOLD, LABEL_WIDTH, item);
	}
	put_totals(l, &all);
	put_culprit(t);
	put_victims(l, &all);
	put_share(l, "waiting for the GIL", summary_loop_gil(st));
	put_share(l, "collecting garbage", summary_loop_gc(st));
	line_end(l);
	return true;
}
