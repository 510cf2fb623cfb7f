// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "compare_priv.h"

/* --- text that grows, cut where there is no more room */

struct words {
	char *out;
	size_t size, len;
};

static void say(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->out + w->len, w->size - w->len, format, args);
	va_end(args);
	if (n > 0)
		w->len += (size_t)n < w->size - w->len ? (size_t)n : w->size - w->len - 1;
}

/* --- names and numbers */

char *compare_row_name(char *out, size_t size, const struct compare_row *row)
{
	char raw[ROUTE_METHOD_MAX + ROUTE_TEMPLATE_MAX + 2];

	if (!row->route) {
		snprintf(out, size, "all requests");
	} else if (!row->route->id) {
		snprintf(out, size, "all other routes");
	} else {
		snprintf(raw, sizeof(raw), "%s %s", row->route->method, row->route->template);
		escape_text(out, size, raw, strlen(raw), 0);
	}
	return out;
}

static void number(char text[UNITS_MAX], enum compare_metric metric, double value)
{
	if (isnan(value))
		strcpy(text, "-");
	else if (metric == COMPARE_RATE)
		units_rate(text, UNITS_MAX, value);
	else if (metric == COMPARE_ERRORS)
		units_percent(text, UNITS_MAX, value);
	else
		units_duration(text, UNITS_MAX, value);
}

char *change_words(char *out, size_t size, enum compare_metric metric, const struct change *change)
{
	char before[UNITS_MAX], after[UNITS_MAX], *unit;
	const char *end = metric == COMPARE_RATE ? "/" : " ";

	number(before, metric, change->before);
	number(after, metric, change->after);
	unit = strpbrk(before, end);
	if (unit && strpbrk(after, end) && !strcmp(unit, strpbrk(after, end)))
		*unit = '\0'; /* "120 -> 340 ms" */
	snprintf(out, size, "%s -> %s", before, after);
	return out;
}

/* " (+183 %)"; nothing where it would say nothing. */
static void say_relative(struct words *w, enum compare_metric metric, const struct change *c)
{
	double percent = 100 * change_relative(c);

	if (metric != COMPARE_ERRORS && isfinite(percent))
		say(w, " (%+.*f %%)", fabs(percent) < 9.95 ? 1 : 0, percent);
}

static void say_change(struct words *w, enum compare_metric metric, const struct change *c)
{
	char text[2 * UNITS_MAX + 8];

	say(w, "%s %s", compare_names[metric], change_words(text, sizeof(text), metric, c));
	say_relative(w, metric, c);
}

/* --- one row */

/* What most want to hear of, whether or not it is said already that something else changed. */
static void say_errors(struct words *w, const struct change *c)
{
	if (c->beyond || isnan(c->before) || isnan(c->after))
		return;
	say(w, "; ");
	if (c->before == c->after) {
		say(w, "errors unchanged");
		return;
	}
	say_change(w, COMPARE_ERRORS, c);
	say(w, isnan(c->p) ? ", too few to judge" : ", within noise");
}

static void say_unjudged(struct words *w, const struct compare_row *row)
{
	const char *few = row->before && row->after ? ", too few to judge" : "";

	if (!row->after)
		say(w, "only before, %llu requests", (unsigned long long)row->before);
	else if (!row->before)
		say(w, "only after, %llu requests", (unsigned long long)row->after);
	else
		say(w, "%llu -> %llu requests%s", (unsigned long long)row->before,
		    (unsigned long long)row->after, few);
}

char *compare_words(char *out, size_t size, const struct comparison *c,
		    const struct compare_row *row)
{
	char name[4 * (ROUTE_METHOD_MAX + ROUTE_TEMPLATE_MAX) + 8];
	struct words w = {out, size, 0};
	bool any = false;

	(void)c;
	say(&w, "%s: ", compare_row_name(name, sizeof(name), row));
	if (!row->tested) {
		say_unjudged(&w, row);
		return out;
	}
	for (int m = 0; m < COMPARE_METRICS; m++) {
		if (!row->change[m].beyond)
			continue;
		if (any)
			say(&w, ", ");
		say_change(&w, m, &row->change[m]);
		any = true;
	}
	say(&w, any ? ", beyond noise" : "no change beyond noise");
	if ((double)row->before * (double)row->after <
	    COMPARE_MIN_LATENCIES * COMPARE_MIN_LATENCIES)
		say(&w, "; latencies: too few requests to judge");
	say_errors(&w, &row->change[COMPARE_ERRORS]);
	return out;
}

/* --- the whole */

const char *comparison_state(const struct comparison *c)
{
	bool judged = c->n_tests > 0, better = false;

	for (uint32_t i = 0; i < c->n_rows; i++)
		for (int m = 0; m < COMPARE_METRICS; m++)
			better |= c->rows[i].change[m].beyond && m != COMPARE_RATE;
	if (c->worse)
		return "worse";
	if (better)
		return "better";
	if (c->beyond)
		return "changed";
	return judged ? "unchanged" : "unjudged";
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* "1 of 12 routes changed beyond noise" */
static void say_routes(struct words *w, const struct comparison *c)
{
	if (!c->routes_beyond)
		say(w, "all requests together changed beyond noise, no single route did");
	else if (c->routes_worse && c->routes_worse < c->routes_beyond)
		say(w, "%u of %u route%s changed beyond noise, %u of them for the worse",
		    c->routes_beyond, c->judged, plural(c->judged), c->routes_worse);
	else
		say(w, "%u of %u route%s changed beyond noise", c->routes_beyond, c->judged,
		    plural(c->judged));
}

char *compare_verdict(char *out, size_t size, const struct comparison *c)
{
	struct words w = {out, size, 0};
	const char *state = comparison_state(c);

	if (!strcmp(state, "unjudged")) {
		say(&w, "not judged: fewer than %d requests on a side", COMPARE_MIN_REQUESTS);
		return out;
	}
	if (!c->beyond) {
		say(&w, "unchanged: nothing beyond noise in %u route%s", c->judged,
		    plural(c->judged));
		return out;
	}
	say(&w, "%s: ", state);
	say_routes(&w, c);
	if (!strcmp(state, "changed"))
		say(&w, ", in rate only");
	return out;
}

char *compare_basis(char *out, size_t size, const struct comparison *c)
{
	char level[UNITS_MAX], effect[UNITS_MAX];
	struct words w = {out, size, 0};

	if (c->ordered)
		say(&w,
		    "rests on batches of requests in the order of time, ranks for p50, queue and "
		    "app, the slowest hundredth for p99");
	else
		say(&w,
		    "rests on counts alone: a summary holds no order in time, so neighbours are "
		    "taken to resemble each other much (autocorrelation 0.95, variance times "
		    "%.0f); "
		    "recordings tell smaller changes",
		    TEST_UNORDERED);
	say(&w,
	    "; %u test%s, chance of one false alarm among all of them %s (Holm); changes below %s "
	    "are left out",
	    c->n_tests, plural(c->n_tests), units_percent(level, sizeof(level), c->rules.level),
	    units_percent(effect, sizeof(effect), c->rules.min_effect));
	return out;
}
