/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term_head.c - the lines of the summary screen that are not tables: the verdict, what is watched,
 * the main numbers, and the tracer's own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "../lib/utc.h"
#include "term_priv.h"

#define ITEM_MAX 160

static void label(struct line *l, const char *text)
{
	line_text(l, STYLE_DIM, text);
	line_to(l, LABEL_WIDTH);
}

/* --- the verdict */

static enum style verdict_style(enum verdict_state state)
{
	switch (state) {
	case VERDICT_UP:
		return STYLE_GREEN;
	case VERDICT_SLOW:
	case VERDICT_IDLE:
	case VERDICT_BLIND:
		return STYLE_YELLOW;
	default:
		return STYLE_RED;
	}
}

/* Bytes of text that go on a line of `columns`: up to the last space that fits, or cut hard. */
static size_t wrap_at(const char *text, unsigned columns)
{
	size_t at = 0, space = 0, len = strlen(text);

	for (unsigned column = 0; at < len && column < columns; column++) {
		size_t n = utf8_length((const unsigned char *)text + at, len - at);

		if (text[at] == ' ' && at)
			space = at;
		at += n ? n : 1;
	}
	if (at == len || text[at] == ' ')
		return at;
	return space ? space : at;
}

/* One reason, wrapped; returns its lines, at most `max`. */
static unsigned put_reason(struct line *l, const char *text, unsigned max, bool first, bool dry)
{
	char part[VERDICT_REASON_MAX + 4];
	unsigned lines = 0;

	while (*text && lines < max) {
		unsigned indent = lines ? 2 : 0; /* so that the next reason stands out */
		size_t n = wrap_at(text, l->width - LABEL_WIDTH - indent);
		bool cut = lines + 1 == max && text[n];

		if (cut) /* no line is left for the rest */
			n = wrap_at(text, l->width - LABEL_WIDTH - indent - 3);
		snprintf(part, sizeof(part), "%.*s%s", (int)n, text, cut ? " .." : "");
		text += n;
		text += strspn(text, " ");
		lines++;
		if (dry)
			continue;
		line_to(l, LABEL_WIDTH + indent);
		line_text(l, first ? STYLE_BOLD : STYLE_PLAIN, part);
		line_end(l);
	}
	return lines;
}

unsigned term_verdict(struct term *t, bool dry)
{
	const struct verdict *v = &t->s->verdict;
	unsigned max = t->plan.reasons, lines = 0;
	char word[16];

	snprintf(word, sizeof(word), "%s", verdict_name(v->state));
	for (char *c = word; *c; c++)
		*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	if (!dry)
		line_text(&t->line, verdict_style(v->state), word);
	for (unsigned i = 0; i < v->n_reasons && lines < max; i++)
		lines += put_reason(&t->line, v->reasons[i], max - lines, i == 0, dry);
	if (lines)
		return lines;
	if (!dry)
		line_end(&t->line);
	return 1;
}

/* --- what is watched */

static void pids_words(char *out, size_t size, const struct summary *s)
{
	uint32_t n = s->target.n_pids;

	if (!n)
		snprintf(out, size, "no process");
	else if (n == 1)
		snprintf(out, size, "pid %u", s->target.pids[0]);
	else
		snprintf(out, size, "pid %u (+%u)", s->target.pids[0], n - 1);
}

static void window_words(char *out, size_t size, const struct summary *s)
{
	uint64_t end = s->end_wall_ns ? s->end_wall_ns
				      : s->start_wall_ns + (uint64_t)(s->seconds * 1e9);
	struct utc t = utc_of(end);
	char length[UNITS_MAX];

	units_duration(length, sizeof(length), s->seconds * 1e9);
	snprintf(out, size, "%s to %02u:%02u:%02u UTC", length, t.hour, t.minute, t.second);
}

/* An escaped string from outside, as an item. */
static void item_string(struct line *l, const char *prefix, const char *s, unsigned columns)
{
	char text[4 * TERM_MAX_COLUMNS + 1], item[4 * TERM_MAX_COLUMNS + 64];

	if (!s || !*s)
		return;
	escape_text(text, sizeof(text), s, strlen(s), columns);
	snprintf(item, sizeof(item), "%s%s", prefix, text);
	line_item(l, STYLE_PLAIN, LABEL_WIDTH, item);
}

void term_head(struct term *t)
{
	const struct summary *s = t->s;
	struct line *l = &t->line;
	char text[ITEM_MAX];

	label(l, "target");
	item_string(l, "", s->target.name, l->width / 2 - LABEL_WIDTH);
	if (s->target.n_ports) {
		snprintf(text, sizeof(text), "port %u", s->target.ports[0]);
		line_item(l, STYLE_PLAIN, LABEL_WIDTH, text);
	} else if (s->n_listeners) {
		item_string(l, "", s->listeners[0].address, 24);
	}
	pids_words(text, sizeof(text), s);
	line_item(l, STYLE_PLAIN, LABEL_WIDTH, text);
	window_words(text, sizeof(text), s);
	line_item(l, STYLE_DIM, LABEL_WIDTH, text);
	item_string(l, "Python ", s->target.python, 12);
	item_string(l, "on ", s->host.name, 32);
	line_end(l);
}

/* --- numbers */

static void __attribute__((format(printf, 3, 4)))
item(struct line *l, enum style style, const char *format, ...)
{
	char text[ITEM_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utf8_trim(text);
	line_item(l, style, LABEL_WIDTH, text);
}

static void put_requests(struct term *t)
{
	const struct summary *s = t->s;
	const struct ledger *g = &s->stats->ledger;
	struct line *l = &t->line;
	bool stuck = s->n_open && (double)s->open[0].age >= s->verdict.rules.stuck_ms * 1e6;
	char n[UNITS_MAX], age[UNITS_MAX];

	label(l, "requests");
	if (g->carried + g->started <= 0) {
		line_text(l, STYLE_PLAIN, "none");
		line_end(l);
		return;
	}
	item(l, STYLE_BOLD, "%s",
	     short_rate(n, s->seconds > 0 ? (double)g->started / s->seconds : -1));
	item(l, STYLE_PLAIN, "%s began", short_count(n, g->started > 0 ? (uint64_t)g->started : 0));
	if (g->open <= 0)
		item(l, STYLE_PLAIN, "none open");
	else if (!s->n_open)
		item(l, STYLE_PLAIN, "%s open", short_count(n, (uint64_t)g->open));
	else
		item(l, stuck ? STYLE_YELLOW : STYLE_PLAIN, "%s open, oldest %s in %s",
		     short_count(n, (uint64_t)g->open),
		     units_duration(age, sizeof(age), (double)s->open[0].age),
		     request_phase_name(s->open[0].phase));
	item(l, STYLE_PLAIN, "%s ok", short_count(n, g->ok));
	if (g->upgraded)
		item(l, STYLE_PLAIN, "%s upgraded", short_count(n, g->upgraded));
	if (g->carried > 0)
		item(l, STYLE_PLAIN, "%s carried in", short_count(n, (uint64_t)g->carried));
	line_end(l);
}

static void put_latency(struct term *t)
{
	static const struct {
		const char *name;
		double q;
		bool wide;
	} quantiles[] = {{"p50", .5, false},
			 {"p90", .9, false},
			 {"p95", .95, true},
			 {"p99", .99, false},
			 {"p99.9", .999, true}};
	const struct hist *h = &t->s->stats->latency[LAT_TOTAL];
	char d[UNITS_MAX];

	label(&t->line, "latency");
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		if (!quantiles[i].wide || t->line.width >= 100)
			item(&t->line, STYLE_BOLD, "%s %s", quantiles[i].name,
			     units_duration(d, sizeof(d), hist_quantile(h, quantiles[i].q)));
	item(&t->line, STYLE_BOLD, "max %s",
	     units_duration(d, sizeof(d), h->count ? (double)h->max : -1));
	line_end(&t->line);
}

static void put_errors(struct term *t)
{
	const struct stats *st = t->s->stats;
	const struct {
		uint64_t n;
		enum style style;
		const char *words;
	} errors[] = {
		{st->status.class[5], STYLE_RED, "5xx"},
		{st->ledger.server_closed, STYLE_RED, "server closed"},
		{st->status.class[4], STYLE_YELLOW, "4xx"},
		{st->ledger.client_closed, STYLE_PLAIN, "client gone"},
		{st->ledger.unknown, STYLE_PLAIN, "unknown"},
	};
	const struct ledger *g = &st->ledger;
	char n[UNITS_MAX];
	bool any = false;

	label(&t->line, "errors");
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (!errors[i].n)
			continue;
		item(&t->line, errors[i].style, "%s %s", short_count(n, errors[i].n),
		     errors[i].words);
		any = true;
	}
	if (st->latency[LAT_ABANDONED].count && t->line.width >= 100)
		item(&t->line, STYLE_DIM, "half of the gone had waited %s or more",
		     units_duration(n, sizeof(n), hist_quantile(&st->latency[LAT_ABANDONED], 0.5)));
	if (!any)
		line_text(&t->line, STYLE_PLAIN, g->ok + g->upgraded ? "no errors" : "-");
	line_end(&t->line);
}

void term_numbers(struct term *t)
{
	put_requests(t);
	if (t->plan.numbers > 1)
		put_errors(t);
	if (t->plan.numbers > 2)
		put_latency(t);
}

void term_overall(struct term *t)
{
	const struct stats *st = t->s->overall;
	const struct hist *h = &st->latency[LAT_TOTAL];
	uint64_t failed = st->status.class[5] + st->ledger.server_closed;
	char n[UNITS_MAX], d[UNITS_MAX];

	label(&t->line, "in all");
	item(&t->line, STYLE_PLAIN, "%s in %s",
	     short_count(n, st->ledger.started > 0 ? (uint64_t)st->ledger.started : 0),
	     units_duration(d, sizeof(d), t->s->overall_seconds * 1e9));
	item(&t->line, STYLE_PLAIN, "p50 %s", units_duration(d, sizeof(d), hist_quantile(h, 0.5)));
	item(&t->line, STYLE_PLAIN, "p99 %s", units_duration(d, sizeof(d), hist_quantile(h, 0.99)));
	item(&t->line, STYLE_PLAIN, "max %s",
	     units_duration(d, sizeof(d), h->count ? (double)h->max : -1));
	if (failed)
		item(&t->line, STYLE_RED, "%s failed", short_count(n, failed));
	line_end(&t->line);
}

/* --- the tracer's own */

static void also(struct line *l, uint64_t n, const char *words)
{
	char text[UNITS_MAX];

	if (n)
		line_printf(l, STYLE_DIM, ", %s %s", short_count(text, n), words);
}

void term_tracer(struct term *t)
{
	const struct summary *s = t->s;
	const struct ledger *g = &s->stats->ledger;
	struct line *l = &t->line;
	char n[UNITS_MAX];

	label(l, "reqscope");
	line_printf(l, STYLE_DIM, "%s events, ", short_count(n, s->tracer.events));
	line_printf(l, s->tracer.dropped ? STYLE_YELLOW : STYLE_DIM, "%s dropped",
		    short_count(n, s->tracer.dropped));
	line_printf(l, STYLE_DIM, ", ");
	line_printf(l, g->unknown ? STYLE_YELLOW : STYLE_DIM, "%s unknown",
		    short_count(n, g->unknown));
	line_printf(l, STYLE_DIM, ", %s late-attached", short_count(n, g->late_attached));
	also(l, g->evicted, "evicted");
	also(l, g->not_http, "not HTTP");
	also(l, s->tracer.routes_overflow, "beyond the routes");
	line_end(l);
}
