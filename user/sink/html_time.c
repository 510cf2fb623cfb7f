/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_time.c - what happened when: strips of rate and errors above the heat map, all over one
 * axis of time, with deploys as marks across them.
 *
 * Pictures are stretched to the page's width, text is not: so everything that has words is placed
 * by percent, beside or above of what is drawn in columns.
 */
#include <math.h>
#include <stdio.h>

#include "html_priv.h"

#define STRIP_HEIGHT 56
#define HEAT_HEIGHT  240
#define MAX_TICKS    8
#define NS_PER_S     UINT64_C(1000000000)

struct times {
	const struct summary *s;
	const struct timeline *t;
	uint64_t wall;	/* of the left edge, ns */
	uint64_t span;	/* ns, at least 1 */
	double column;	/* seconds */
	uint64_t step;	/* between ticks, ns */
	enum clock how; /* ticks are written */
};

/* --- the axis */

static uint64_t choose_step(uint64_t span)
{
	static const uint64_t ms[] = {
		1,	2,	5,	 10,	  20,	   50,	     100,      200,	 500,
		1000,	2000,	5000,	 10000,	  15000,   30000,    60000,    120000,	 300000,
		600000, 900000, 1800000, 3600000, 7200000, 10800000, 21600000, 43200000, 86400000};
	size_t i = 0, last = sizeof(ms) / sizeof(*ms) - 1;
	uint64_t days;

	while (i < last && span / (ms[i] * 1000000) > MAX_TICKS)
		i++;
	days = i == last ? span / (ms[last] * 1000000) / MAX_TICKS + 1 : 1;
	return ms[i] * 1000000 * days;
}

static enum clock choose_clock(const struct times *x)
{
	if (x->step >= 86400 * NS_PER_S)
		return CLOCK_DAY;
	if (x->span > 86400 * NS_PER_S)
		return CLOCK_DAY_MINUTE;
	if (x->step >= 60 * NS_PER_S)
		return CLOCK_MINUTE;
	return x->step >= NS_PER_S ? CLOCK_SECOND : CLOCK_MILLI;
}

static void times_init(struct times *x, const struct html_report *r)
{
	*x = (struct times){.s = r->summary, .t = r->timeline};
	x->wall = r->timeline->from + (uint64_t)r->summary->wall_offset;
	x->span = r->timeline->to > r->timeline->from ? r->timeline->to - r->timeline->from : 1;
	x->column = (double)x->span / 1e9 / r->timeline->n;
	x->step = choose_step(x->span);
	x->how = choose_clock(x);
}

static double percent(const struct times *x, uint64_t wall)
{
	return 100.0 * (double)(int64_t)(wall - x->wall) / (double)x->span;
}

/* The i-th round time of day on the axis, from 0 on; false: there are no more. */
static bool tick_at(const struct times *x, unsigned i, uint64_t *wall)
{
	unsigned __int128 from = (x->step - x->wall % x->step) % x->step;

	from += (unsigned __int128)i * x->step;
	*wall = x->wall + (uint64_t)from;
	return from <= x->span;
}

static void put_grid(FILE *f, const struct times *x)
{
	uint64_t at;

	for (unsigned i = 0; tick_at(x, i, &at); i++)
		fprintf(f, "<line class=\"grid\" x1=\"%.3f%%\" x2=\"%.3f%%\" y2=\"100%%\"/>",
			percent(x, at), percent(x, at));
}

static void put_ticks(FILE *f, const struct times *x)
{
	uint64_t at;

	fputs("<div class=\"row\"><svg class=\"y\" height=\"22\" aria-hidden=\"true\"><text "
	      "x=\"54\" "
	      "y=\"14\">UTC</text></svg><svg class=\"x\" height=\"22\" aria-hidden=\"true\">",
	      f);
	for (unsigned i = 0; tick_at(x, i, &at); i++) {
		if (i > 1 && percent(x, at) > 96)
			break; /* moved inside, it could lie on the one before */
		fprintf(f, "<text class=\"%s%s\" x=\"%.3f%%\" y=\"14\">", i % 2 ? "odd" : "even",
			percent(x, at) > 96 ? " last" : "", percent(x, at));
		html_clock(f, x->how, at);
		fputs("</text>", f);
	}
	fputs("</svg></div>\n", f);
}

/* --- strips */

static double column_rate(const struct times *x, uint32_t i)
{
	return (double)x->t->column[i].started / x->column;
}

static double column_errors(const struct times *x, uint32_t i)
{
	return (double)x->t->column[i].errors;
}

struct strip {
	const char *title, *note, *class, *label;
	double (*value)(const struct times *x, uint32_t i);
	bool rate;
};

static const struct strip strips[] = {
	{"Rate", "requests that began, per second", "area", "Rate of requests over time",
	 column_rate, true},
	{"Failed", "5xx and cut off by the server, in each column", "bad",
	 "Failed requests over time", column_errors, false},
};

static double most_of(const struct times *x, const struct strip *st)
{
	double most = 0;

	for (uint32_t i = 0; i < x->t->n; i++)
		most = fmax(most, st->value(x, i));
	return most;
}

/* In a box of n columns and 100 high. What is not zero is seen. */
static void put_columns(FILE *f, const struct times *x, const struct strip *st, double most)
{
	double h;

	fprintf(f,
		"<svg viewBox=\"0 0 %u 100\" preserveAspectRatio=\"none\"><path class=\"%s\" d=\"",
		x->t->n, st->class);
	for (uint32_t i = 0; i < x->t->n && most > 0; i++) {
		h = 100 * st->value(x, i) / most;
		if (h > 0)
			fprintf(f, "M%u 100V%.1fh1V100z", i, 100 - fmax(h, 3));
	}
	fputs("\"/></svg>", f);
}

static void put_cap(FILE *f, const char *title, const char *note)
{
	fprintf(f, "<p class=\"cap\"><b>%s</b> %s</p>\n", title, note);
}

static void put_strip(FILE *f, const struct times *x, const struct strip *st)
{
	double most = most_of(x, st);

	put_cap(f, st->title, st->note);
	fprintf(f, "<div class=\"row\"><svg class=\"y\" height=\"%d\" aria-hidden=\"true\">",
		STRIP_HEIGHT);
	if (most > 0) {
		fputs("<text x=\"54\" y=\"9\">", f);
		if (st->rate)
			html_rate(f, most, 1);
		else
			html_count(f, (uint64_t)most);
		fputs("</text>", f);
	}
	fprintf(f,
		"<text x=\"54\" y=\"%d\">0</text></svg><svg class=\"p\" height=\"%d\" role=\"img\" "
		"aria-label=\"%s, at most ",
		STRIP_HEIGHT, STRIP_HEIGHT, st->label);
	if (st->rate)
		html_rate(f, most, 1);
	else
		html_count(f, (uint64_t)most);
	fputs("\">", f);
	put_grid(f, x);
	put_columns(f, x, st, most);
	fputs("</svg></div>\n", f);
}

/* --- the heat map with its axis */

static void put_latency_axis(FILE *f, const struct scale *sc)
{
	double ns = 0;

	fprintf(f, "<svg class=\"y\" height=\"%d\" aria-hidden=\"true\">", HEAT_HEIGHT);
	while (scale_tick(sc, &ns)) {
		fprintf(f, "<text x=\"54\" y=\"%.1f\">",
			HEAT_HEIGHT * (1 - scale_place(sc, ns)) + 4);
		scale_label(f, ns);
		fputs("</text>", f);
	}
	fputs("</svg>", f);
}

static void put_level(FILE *f, const char *class, double place)
{
	fprintf(f, "<line class=\"%s\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>", class,
		HEAT_HEIGHT * (1 - place), HEAT_HEIGHT * (1 - place));
}

/* The limit that the verdict went by, where it lies within the picture. */
static void put_slo(FILE *f, const struct times *x, const struct scale *sc)
{
	double ms = x->s->verdict.rules.slo_ms, place = ms > 0 ? scale_place(sc, ms * 1e6) : -1;

	if (place <= 0.02 || place >= 0.95)
		return;
	put_level(f, "slo", place);
	fprintf(f, "<text class=\"slo\" x=\"99.5%%\" y=\"%.1f\">p%g limit ",
		HEAT_HEIGHT * (1 - place) - 4, 100 * x->s->verdict.rules.slo_quantile);
	scale_label(f, ms * 1e6);
	fputs("</text>", f);
}

static void put_heat(FILE *f, const struct times *x, const struct scale *sc)
{
	double ns = 0;

	put_cap(f, "Latency", "total of the answered requests, by their end");
	fputs("<div class=\"row\">", f);
	put_latency_axis(f, sc);
	fprintf(f,
		"<svg class=\"p\" height=\"%d\" role=\"img\" aria-label=\"Heat map of latency over "
		"time\">",
		HEAT_HEIGHT);
	while (scale_tick(sc, &ns))
		put_level(f, "grid", scale_place(sc, ns));
	put_grid(f, x);
	html_heat(f, x->t, sc);
	put_slo(f, x, sc);
	fputs("</svg></div>\n", f);
}

/* --- what lies over all of it */

/* What the pointer tells of a column. */
static void put_tip(FILE *f, const struct times *x, uint32_t i)
{
	const struct timeline_column *c = &x->t->column[i];
	double from = (double)i * x->column * 1e9;
	enum clock how = x->column < 1 ? CLOCK_MILLI : CLOCK_WHOLE;

	fprintf(f, "<rect x=\"%u\" width=\"1\" height=\"1\"><title>", i);
	html_clock(f, how, x->wall + (uint64_t)from);
	fputs(" + ", f);
	html_duration(f, x->column * 1e9);
	fputs("\n", f);
	html_count(f, c->started);
	fputs(" began, ", f);
	html_count(f, c->ended);
	fputs(" ended, ", f);
	html_count(f, c->errors);
	fputs(" failed", f);
	if (c->total.count) {
		fputs("\np50 ", f);
		html_quantile(f, &c->total, 0.5);
		fputs("  p99 ", f);
		html_quantile(f, &c->total, 0.99);
		fputs("  max ", f);
		html_duration(f, (double)c->total.max);
	}
	fputs("</title></rect>", f);
}

static void put_tips(FILE *f, const struct times *x)
{
	fprintf(f,
		"<svg class=\"tips\" viewBox=\"0 0 %u 1\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\">",
		x->t->n);
	for (uint32_t i = 0; i < x->t->n; i++)
		if (x->t->column[i].started || x->t->column[i].ended)
			put_tip(f, x, i);
	fputs("</svg>", f);
}

/* Flags that would lie on each other take turns in height. */
static void put_marks(FILE *f, const struct times *x)
{
	double before = -100, at;
	unsigned level = 0;

	for (uint32_t i = 0; i < x->s->n_deploys && i < HTML_DEPLOYS; i++) {
		at = percent(x, x->s->deploys[i].at_wall_ns);
		if (at < 0 || at > 100)
			continue;
		level = at - before < 4 ? (level + 1) % 3 : 0;
		before = at;
		fprintf(f, "<div class=\"mark l%u\" style=\"left:%.3f%%\"><b>%u</b></div>", level,
			at, i + 1);
	}
}

static bool answered(const struct timeline *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->column[i].total.count)
			return true;
	return false;
}

static void put_chart(FILE *f, const struct times *x)
{
	struct scale sc;

	scale_init(&sc);
	for (uint32_t i = 0; i < x->t->n; i++)
		scale_include(&sc, &x->t->column[i].total);
	fputs(x->s->n_deploys ? "<div class=\"chart flags\">\n" : "<div class=\"chart\">\n", f);
	for (size_t i = 0; i < sizeof(strips) / sizeof(*strips); i++)
		put_strip(f, x, &strips[i]);
	if (scale_finish(&sc))
		put_heat(f, x, &sc);
	else
		put_cap(f, "Latency",
			answered(x->t) ? "no duration above 0 was measured"
				       : "no request was answered in this time");
	put_ticks(f, x);
	fputs("<div class=\"over\">", f);
	put_marks(f, x);
	put_tips(f, x);
	fputs("</div></div>\n", f);
	if (sc.n)
		html_heat_legend(f, x->t, &sc);
}

static bool is_empty(const struct timeline *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->column[i].started || t->column[i].ended)
			return false;
	return true;
}

void html_time(FILE *f, const struct html_report *r)
{
	struct times x;

	if (!r->timeline || !r->timeline->n)
		return;
	html_section(f, "time", "Over time", NULL);
	if (is_empty(r->timeline)) {
		fputs("<p class=\"none\">No request in this time.</p>\n", f);
	} else {
		times_init(&x, r);
		fputs("<p class=\"note\">A column is ", f);
		html_duration(f, x.column * 1e9);
		fputs(" wide.</p>\n", f);
		put_chart(f, &x);
	}
	html_deploys(f, r);
	html_section_end(f);
}
