// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * head.c - what stands above every panel: the verdict, what is watched, the numbers and how they
 * were in the last minutes.
 */
#include <curses.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/units.h"
#include "draw.h"
#include "spark.h"

#define VALUE_WIDTH  12
#define LEGEND_WIDTH 44 /* of the phases and their shares */

/* --- the verdict */

static void part_verdict(struct term *t)
{
	term_verdict(t, false);
}

unsigned draw_reasons(const struct draw *d)
{
	struct term_options o = {.columns = (unsigned)COLS, .utf8 = d->utf8};
	struct term t = {.s = &d->v->s, .plan = {.reasons = 2 * VERDICT_MAX_REASONS}};

	line_init(&t.line, NULL, &o); /* only counted, nothing is written */
	return term_verdict(&t, true);
}

void draw_verdict(const struct draw *d, int y, int lines)
{
	struct plan plan = {.reasons = (unsigned)lines};

	draw_part(d, y, lines, &d->v->s, &plan, part_verdict);
}

/* --- what is watched */

static void window_words(char *out, size_t size, const struct draw *d)
{
	double seconds = round(d->v->s.seconds);
	char length[UNITS_MAX];

	if (seconds < 60)
		snprintf(length, sizeof(length), "%.0f s", seconds);
	else
		units_duration(length, sizeof(length), seconds * 1e9);
	snprintf(out, size, d->m->window ? "last %s" : "since start, %s", length);
}

/* At the right end of the line; returns the column where it begins. */
static int put_clock(const struct draw *d, int y)
{
	const struct summary *s = &d->v->s;
	time_t seconds = (time_t)((s->now + (uint64_t)s->wall_offset) / 1000000000u);
	const char *paused = d->m->paused ? " PAUSED " : "";
	struct row r = row_at(y, d->utf8);
	char window[64], text[128];
	struct tm tm = {0};

	gmtime_r(&seconds, &tm);
	window_words(window, sizeof(window), d);
	snprintf(text, sizeof(text), "   %s   %02d:%02d:%02d UTC", window, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
	if (COLS < 60) /* no room: only what must be known */
		text[0] = '\0';
	row_to(&r, r.end - (int)(strlen(paused) + strlen(text)));
	y = r.x;
	r.marked = true;
	row_text(&r, STYLE_PLAIN, paused);
	r.marked = false;
	row_text(&r, STYLE_DIM, text);
	return y;
}

void draw_target(const struct draw *d, int y)
{
	const struct summary *s = &d->v->s;
	struct row r = row_at(y, d->utf8);

	r.end = put_clock(d, y);
	row_text(&r, STYLE_DIM, "target");
	row_to(&r, LABEL_WIDTH);
	row_bytes(&r, STYLE_PLAIN, s->target.name, strlen(s->target.name), COLS / 3);
	if (s->target.n_ports)
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "port %u", s->target.ports[0]);
	if (s->target.n_pids == 1)
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "pid %u", s->target.pids[0]);
	else if (s->target.n_pids)
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "pid %u (+%u)", s->target.pids[0],
			 s->target.n_pids - 1);
	else
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "no process");
	if (s->target.python)
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "Python %.12s", s->target.python);
}

/* --- sparklines */

static int spark_width(void)
{
	int width = COLS < 64 ? 0 : COLS < 80 ? 12 : 18 + (COLS - 80) / 2;

	return width < SPARK_MAX ? width : SPARK_MAX;
}

static int detail_column(void)
{
	int spark = spark_width();

	return LABEL_WIDTH + VALUE_WIDTH + (spark ? spark + 2 : 0);
}

static void put_spark(const struct draw *d, struct row *r, enum spark_kind kind, enum style style)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
	uint32_t width = (uint32_t)spark_width();
	struct spark s;

	row_to(r, LABEL_WIDTH + VALUE_WIDTH);
	spark_make(&s, &d->v->history, kind, width, spark_per(width));
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.level[i] == SPARK_ABSENT)
			row_text(r, STYLE_PLAIN, " ");
		else
			row_text(r, s.level[i] ? style : STYLE_DIM,
				 (d->utf8 ? blocks : ascii)[s.level[i]]);
	}
	row_to(r, detail_column());
}

void draw_span(const struct draw *d, int y)
{
	struct row r = row_at(y, d->utf8);
	uint32_t width = (uint32_t)spark_width();

	row_to(&r, LABEL_WIDTH + VALUE_WIDTH);
	if (width)
		row_printf(&r, STYLE_DIM, "last %u minutes", (width * spark_per(width) + 30) / 60);
}

/* --- numbers */

static void put_label(struct row *r, const char *label)
{
	row_text(r, STYLE_DIM, label);
	row_to(r, LABEL_WIDTH);
}

static void put_requests(const struct draw *d, struct row *r)
{
	const struct summary *s = &d->v->s;
	const struct ledger *g = &s->stats->ledger;
	int from = detail_column();
	char n[UNITS_MAX];

	put_label(r, "requests");
	row_text(r, STYLE_BOLD,
		 short_rate(n, s->seconds > 0 ? (double)g->started / s->seconds : NAN));
	put_spark(d, r, SPARK_RATE, STYLE_CYAN);
	row_item(r, STYLE_PLAIN, from, "%s began",
		 short_count(n, g->started > 0 ? (uint64_t)g->started : 0));
	row_item(r, STYLE_PLAIN, from, "%s ok", short_count(n, g->ok));
	if (g->upgraded)
		row_item(r, STYLE_PLAIN, from, "%s upgraded", short_count(n, g->upgraded));
	if (g->carried > 0)
		row_item(r, STYLE_DIM, from, "%s carried in", short_count(n, (uint64_t)g->carried));
}

static void put_errors(const struct draw *d, struct row *r)
{
	const struct stats *st = d->v->s.stats;
	const struct {
		uint64_t n;
		enum style style;
		const char *words;
	} errors[] = {
		{st->status.class[5], STYLE_RED, "5xx"},
		{st->ledger.server_closed, STYLE_RED, "server closed"},
		{st->status.class[4], STYLE_YELLOW, "4xx"},
		{st->ledger.client_closed, STYLE_PLAIN, "client gone"},
	};
	double failed = view_failed(st);
	char n[UNITS_MAX];

	put_label(r, "errors");
	row_text(r,
		 failed > d->v->s.verdict.rules.max_error_rate ? STYLE_RED
		 : failed >= 0				       ? STYLE_BOLD
							       : STYLE_DIM,
		 units_percent(n, sizeof(n), failed));
	put_spark(d, r, SPARK_ERRORS, STYLE_RED);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].n)
			row_item(r, errors[i].style, detail_column(), "%s %s",
				 short_count(n, errors[i].n), errors[i].words);
	if (r->x == detail_column() && failed >= 0)
		row_text(r, STYLE_DIM, "no errors");
}

static void put_latency(const struct draw *d, struct row *r)
{
	const struct hist *h = &d->v->s.stats->latency[LAT_TOTAL];
	double p99 = hist_quantile(h, 0.99);
	char text[UNITS_MAX];
	int from = detail_column();

	put_label(r, COLS < LABEL_WIDTH + VALUE_WIDTH ? "p99" : "latency");
	row_printf(r, p99 >= 0 ? STYLE_BOLD : STYLE_DIM, "%s%s",
		   COLS < LABEL_WIDTH + VALUE_WIDTH ? "" : "p99 ",
		   units_duration(text, sizeof(text), p99));
	put_spark(d, r, SPARK_P99, STYLE_YELLOW);
	if (!h->count)
		return;
	row_item(r, STYLE_PLAIN, from, "p50 %s",
		 units_duration(text, sizeof(text), hist_quantile(h, 0.5)));
	row_item(r, STYLE_PLAIN, from, "p90 %s",
		 units_duration(text, sizeof(text), hist_quantile(h, 0.9)));
	row_item(r, STYLE_PLAIN, from, "max %s",
		 units_duration(text, sizeof(text), (double)h->max));
	row_item(r, STYLE_PLAIN, from, "p99.9 %s",
		 units_duration(text, sizeof(text), hist_quantile(h, 0.999)));
}

/* What the numbers lack, if anything. */
static void put_lacking(const struct draw *d, struct row *r)
{
	const struct summary *s = &d->v->s;
	const struct {
		uint64_t n;
		enum style style;
		const char *words;
	} lacking[] = {
		{s->stats->ledger.unknown, STYLE_YELLOW, "unknown"},
		{s->tracer.dropped, STYLE_YELLOW, "dropped"},
		{s->stats->ledger.evicted, STYLE_YELLOW, "evicted"},
		{s->stats->ledger.not_http, STYLE_PLAIN, "not HTTP"},
		{s->stats->ledger.late_attached, STYLE_DIM, "late-attached"},
	};
	char n[UNITS_MAX];

	for (size_t i = 0; i < sizeof(lacking) / sizeof(*lacking); i++)
		if (lacking[i].n)
			row_item(r, lacking[i].style, detail_column(), "%s %s",
				 short_count(n, lacking[i].n), lacking[i].words);
}

static void put_open(const struct draw *d, struct row *r)
{
	const struct summary *s = &d->v->s;
	int64_t open = s->stats->ledger.open;
	bool stuck = s->n_open && (double)s->open[0].age >= s->verdict.rules.stuck_ms * 1e6;
	char text[UNITS_MAX];

	put_label(r, "open");
	row_text(r, STYLE_BOLD, short_count(text, open > 0 ? (uint64_t)open : 0));
	put_spark(d, r, SPARK_OPEN, STYLE_CYAN);
	if (s->n_open)
		row_item(r, stuck ? STYLE_YELLOW : STYLE_PLAIN, detail_column(), "oldest %s in %s",
			 units_duration(text, sizeof(text), (double)s->open[0].age),
			 request_phase_name(s->open[0].phase));
	put_lacking(d, r);
}

void draw_numbers(const struct draw *d, int y, int lines)
{
	static void (*const numbers[])(const struct draw *, struct row *) = {
		put_requests, put_errors, put_latency, put_open};

	for (int i = 0; i < lines; i++) {
		struct row r = row_at(y + i, d->utf8);

		numbers[i](d, &r);
	}
}

/* --- phases */

static const struct {
	enum latency_kind kind;
	enum style style;
	const char *block, *letter; /* told apart without colour too */
} phases[PHASES] = {
	[PHASE_QUEUE] = {LAT_QUEUE, STYLE_YELLOW, "▒", "q"},
	[PHASE_RECV] = {LAT_RECV, STYLE_PLAIN, "░", "r"},
	[PHASE_APP] = {LAT_APP, STYLE_CYAN, "█", "a"},
	[PHASE_SEND] = {LAT_SEND, STYLE_GREEN, "▓", "s"},
};

void draw_phases(const struct draw *d, int y)
{
	const struct hist *latency = d->v->s.stats->latency;
	int bar = COLS - LABEL_WIDTH - 2 - LEGEND_WIDTH, from = LABEL_WIDTH;
	struct row r = row_at(y, d->utf8);
	double all = 0, sum = 0;
	char text[UNITS_MAX];

	bar = bar < 8 ? 0 : bar > 60 ? 60 : bar;
	put_label(&r, "time");
	for (int i = 0; i < PHASES; i++)
		all += (double)latency[phases[i].kind].sum;
	for (int i = 0; i < PHASES && all > 0; i++) {
		sum += (double)latency[phases[i].kind].sum;
		while (r.x < from + (int)lround(bar * sum / all))
			row_text(&r, phases[i].style, d->utf8 ? phases[i].block : phases[i].letter);
	}
	from += bar ? bar + 2 : 0;
	row_to(&r, from);
	for (int i = 0; i < PHASES; i++) {
		const struct hist *h = &latency[phases[i].kind];
		double share = h->count && all > 0 ? (double)h->sum / all : NAN;

		row_printf(&r, phases[i].style, "%s %s", request_phase_name((enum request_phase)i),
			   short_share(text, share));
		row_to(&r, r.x + 2);
	}
}
