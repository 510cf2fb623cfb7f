// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * diff.c - a comparison as text: the verdict, the two sides, a table of before and after, a
 * sentence for every change beyond noise, and what the verdict rests on.
 */
#include "diff.h"

#include <math.h>
#include <string.h>

#include "../lib/units.h"
#include "../lib/utc.h"
#include "term_priv.h"

/* Routes shown without a change; those with one always are. */
#define QUIET_ROWS 20

/* --- sentences, broken at spaces */

static void put_wrapped(struct line *l, enum style style, const char *text, unsigned indent)
{
	char word[TERM_MAX_COLUMNS + 1];

	while (*text) {
		size_t n = strcspn(text, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		if (l->at && line_room(l) < n + 1) {
			line_end(l);
			line_to(l, indent);
		} else if (l->at) {
			line_skip(l, 1);
		}
		line_text(l, style, word);
		text += n + (text[n] == ' ');
	}
	line_end(l);
}

/* --- the two sides */

/* Of a path, its end tells files apart. */
static const char *name_of(const struct diff_side *side)
{
	const char *slash = strrchr(side->source, '/');

	if (side->version)
		return side->version;
	return slash && slash[1] ? slash + 1 : side->source;
}

static void put_side(struct line *l, const char *label, const struct diff_side *side,
		     double seconds, uint64_t requests)
{
	struct utc t = utc_of(side->start_wall_ns);
	char text[64];

	line_text(l, STYLE_DIM, label);
	line_to(l, LABEL_WIDTH);
	line_printf(l, STYLE_PLAIN, "%s requests in %s",
		    summary_count(text, sizeof(text), requests),
		    units_duration((char[UNITS_MAX]){0}, UNITS_MAX, seconds * 1e9));
	if (side->start_wall_ns) {
		snprintf(text, sizeof(text), "from %04u-%02u-%02u %02u:%02u:%02u UTC", t.year,
			 t.month, t.day, t.hour, t.minute, t.second);
		line_item(l, STYLE_PLAIN, LABEL_WIDTH, text);
	}
	line_skip(l, 3);
	line_string(l, STYLE_PLAIN, name_of(side), line_room(l));
	line_end(l);
}

/* --- the table */

static enum style style_of(const struct change *c, enum compare_metric m)
{
	if (!c->beyond)
		return STYLE_PLAIN;
	return c->worse ? STYLE_RED : m == COMPARE_RATE ? STYLE_YELLOW : STYLE_GREEN;
}

/* "0.5 -> 4.8 %" */
static void cell_both(struct line *l, const struct compare_row *row, enum compare_metric m,
		      unsigned width)
{
	const struct change *c = &row->change[m];
	char text[2 * UNITS_MAX + 8] = "-";

	if (m == COMPARE_ERRORS && c->before == 0 && c->after == 0)
		snprintf(text, sizeof(text), "0 %%");
	else if (!isnan(c->before) || !isnan(c->after))
		change_words(text, sizeof(text), m, c);
	line_right(l, style_of(c, m), width, text);
}

/* "+12 %" */
static void cell_relative(struct line *l, const struct compare_row *row, enum compare_metric m,
			  unsigned width)
{
	double percent = 100 * change_relative(&row->change[m]);
	char text[UNITS_MAX] = "-";

	if (percent >= 9999.5)
		snprintf(text, sizeof(text), ">+9999 %%");
	else if (isfinite(percent))
		snprintf(text, sizeof(text), "%+.0f %%", percent);
	line_right(l, style_of(&row->change[m], m), width, text);
}

/* From how many columns of screen on each is shown. */
static const struct column {
	enum compare_metric metric;
	unsigned width, from;
	void (*cell)(struct line *l, const struct compare_row *row, enum compare_metric m,
		     unsigned width);
} columns[] = {
	{COMPARE_P50, 19, 44, cell_both},	{COMPARE_P99, 19, 64, cell_both},
	{COMPARE_ERRORS, 14, 80, cell_both},	{COMPARE_RATE, 9, 88, cell_relative},
	{COMPARE_QUEUE, 9, 100, cell_relative}, {COMPARE_APP, 9, 100, cell_relative},
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static unsigned name_width(const struct line *l)
{
	unsigned used = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		if (l->width >= columns[i].from)
			used += columns[i].width;
	return l->width > used ? l->width - used : 1;
}

static void put_heading(struct line *l)
{
	line_text(l, STYLE_DIM, "routes");
	line_to(l, name_width(l));
	for (size_t i = 0; i < COLUMNS; i++)
		if (l->width >= columns[i].from)
			line_right(l, STYLE_DIM, columns[i].width,
				   compare_names[columns[i].metric]);
	line_end(l);
}

static void put_row(struct line *l, const struct compare_row *row)
{
	unsigned width = name_width(l);

	if (!row->route)
		line_string(l, STYLE_BOLD, "all requests", width);
	else if (!row->route->id)
		line_string(l, STYLE_PLAIN, "(all other routes)", width);
	else
		line_request(l, row->route->method, row->route->template,
			     strlen(row->route->template), width);
	line_to(l, width);
	for (size_t i = 0; i < COLUMNS; i++)
		if (l->width >= columns[i].from)
			columns[i].cell(l, row, columns[i].metric, columns[i].width);
	line_end(l);
}

static void put_table(struct line *l, const struct comparison *c)
{
	uint32_t quiet = 0, left = 0;

	put_heading(l);
	for (uint32_t i = 0; i < c->n_rows; i++) {
		quiet += !c->rows[i].beyond;
		if (c->rows[i].beyond || quiet <= QUIET_ROWS)
			put_row(l, &c->rows[i]);
		else
			left++;
	}
	if (left) {
		line_printf(l, STYLE_DIM, "and %u more without a change beyond noise", left);
		line_end(l);
	}
}

/* --- in words */

static enum style style_of_row(const struct compare_row *row)
{
	return row->worse ? STYLE_RED : STYLE_PLAIN;
}

static void put_sentences(struct line *l, const struct comparison *c)
{
	char text[2048];

	if (!c->beyond)
		return;
	line_end(l);
	for (uint32_t i = 0; i < c->n_rows; i++)
		if (c->rows[i].beyond)
			put_wrapped(l, style_of_row(&c->rows[i]),
				    compare_words(text, sizeof(text), c, &c->rows[i]), 4);
}

/* Exceptions that were not there before. */
static void put_new(struct line *l, const struct comparison *c)
{
	char text[2048];

	if (c->n_new && !c->beyond)
		line_end(l);
	for (uint32_t i = 0; i < c->n_new; i++)
		put_wrapped(l, STYLE_RED, compare_new_words(text, sizeof(text), &c->news[i]), 4);
}

/* What was not judged, so that nobody takes it for unchanged. */
static void put_unjudged(struct line *l, const struct comparison *c)
{
	uint32_t few = c->n_rows - 1 - c->judged - c->only_before - c->only_after;

	if (few) {
		line_printf(l, STYLE_PLAIN,
			    "%u route%s had fewer than %d requests on a side: not judged", few,
			    few == 1 ? "" : "s", COMPARE_MIN_REQUESTS);
		line_end(l);
	}
	if (c->only_before || c->only_after) {
		line_printf(l, STYLE_PLAIN, "routes on one side only: %u before, %u after",
			    c->only_before, c->only_after);
		line_end(l);
	}
}

static enum style style_of_verdict(const struct comparison *c)
{
	if (c->worse)
		return STYLE_RED;
	return c->beyond ? STYLE_GREEN : STYLE_BOLD;
}

void sink_diff_text(FILE *f, const struct diff *d, const struct term_options *o)
{
	const struct comparison *c = d->comparison;
	struct line l;
	char text[1024];

	line_init(&l, f, o);
	put_wrapped(&l, style_of_verdict(c), compare_verdict(text, sizeof(text), c), 4);
	put_side(&l, "before", &d->before, c->before_seconds, c->rows[0].before);
	put_side(&l, "after", &d->after, c->after_seconds, c->rows[0].after);
	line_end(&l);
	put_table(&l, c);
	put_sentences(&l, c);
	put_new(&l, c);
	line_end(&l);
	put_unjudged(&l, c);
	put_wrapped(&l, STYLE_DIM, compare_basis(text, sizeof(text), c), 0);
}
