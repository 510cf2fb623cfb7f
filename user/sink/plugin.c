// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * plugin.c - checks as text: for the person who is woken, and for the system that does it.
 */
#include "plugin.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"

void plugin_put(FILE *f, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), n;

	for (; left; p += n, left -= n) {
		n = utf8_length(p, left);
		if (n && !utf8_is_control(p, n) && *p != '|') {
			fwrite(p, 1, n, f);
			continue;
		}
		n = n ? n : 1;
		for (size_t i = 0; i < n; i++)
			fprintf(f, "\\x%02x", p[i]);
	}
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* --- the first line */

/* A value that is rounded to its limit would seem to keep it: then with all its digits. */
static void put_value(FILE *f, const struct check_condition *c, double value)
{
	char text[CHECK_VALUE_MAX], limit[CHECK_VALUE_MAX];

	check_value(text, c->metric, value);
	check_value(limit, c->metric, c->limit);
	if (value < c->limit || value > c->limit)
		if (!strcmp(text, limit))
			check_limit(text, c->metric, value);
	fputs(text, f);
}

void plugin_measured(FILE *f, const struct check_condition *c, const struct check_measure *m)
{
	if (m->known) {
		fputs(m->at_least ? "at least " : "", f);
		put_value(f, c, m->value);
	} else {
		fputs("not known: ", f);
		plugin_put(f, m->why);
	}
}

static void put_condition(FILE *f, const struct check_condition *c)
{
	char limit[CHECK_VALUE_MAX];

	fprintf(f, "%s %s", check_op_name(c->op), check_limit(limit, c->metric, c->limit));
}

/* The first check in the state of all, and of it the first condition. */
static void put_worst(FILE *f, const struct check_report *r)
{
	uint32_t i = 0;
	unsigned k = 0;
	const struct check *c;
	const struct check_result *res;

	while (r->results[i].state != r->state)
		i++;
	c = &r->file->checks[i];
	res = &r->results[i];
	while (res->outcomes[k] != r->state)
		k++;
	plugin_put(f, c->name);
	fprintf(f, ": %s ", check_metric_name(c->conditions[k].metric));
	plugin_measured(f, &c->conditions[k], &res->measures[c->conditions[k].metric]);
	fputs(", expected ", f);
	put_condition(f, &c->conditions[k]);
}

static void put_down(FILE *f, const struct check_report *r)
{
	char name[200];
	const char *target = r->summary->target.name ? r->summary->target.name : "the target";

	escape_text(name, sizeof(name), target, strlen(target), 80);
	plugin_put(f, name);
	fputs(" is down: ", f);
	plugin_put(f, r->down);
}

static uint64_t ended(const struct ledger *l)
{
	return l->ok + l->client_closed + l->server_closed + l->upgraded;
}

static void put_window(FILE *f, uint64_t requests, double seconds)
{
	char n[32], t[UNITS_MAX];

	fprintf(f, "%s request%s in %s", summary_count(n, sizeof(n), requests), plural(requests),
		units_duration(t, sizeof(t), seconds * 1e9));
}

void plugin_headline(FILE *f, const struct check_report *r)
{
	uint32_t n = r->file->n, bad = r->counts[CHECK_WARNING] + r->counts[CHECK_CRITICAL];

	fprintf(f, "REQSCOPE %s - ", check_state_name(r->state));
	if (*r->down) {
		put_down(f, r);
		return;
	}
	if (r->state == CHECK_OK) {
		fprintf(f, "%" PRIu32 " check%s hold%s: ", n, plural(n), n == 1 ? "s" : "");
		put_window(f, ended(&r->summary->stats->ledger), r->summary->seconds);
		return;
	}
	put_worst(f, r);
	if (n == 1)
		return;
	if (bad)
		fprintf(f, " (%" PRIu32 " of %" PRIu32 " checks failing)", bad, n);
	else
		fprintf(f, " (%" PRIu32 " of %" PRIu32 " checks unknown)", r->counts[CHECK_UNKNOWN],
			n);
}

/* --- performance data */

/* Decimal, without an exponent and without trailing zeros. */
static void put_number(FILE *f, double v)
{
	char text[352];
	size_t len = (size_t)snprintf(text, sizeof(text), "%.9f", v);

	while (len > 1 && text[len - 1] == '0')
		len--;
	len -= text[len - 1] == '.';
	fprintf(f, "%.*s", (int)len, text);
}

/* Seconds, percent, or a plain number. */
static void put_base(FILE *f, enum check_metric metric, double v)
{
	enum check_unit unit = check_metric_unit(metric);

	put_number(f, unit == CHECK_DURATION ? v / 1e9 : unit == CHECK_SHARE ? v * 100 : v);
}

/* The range outside of which a level alerts: "300", "1:", "1:300". Whether its end belongs to it
   cannot be said there. */
static void put_range(FILE *f, const struct check *c, enum check_metric metric,
		      enum check_state level)
{
	const struct check_condition *low = NULL, *high = NULL;

	for (unsigned i = 0; i < c->n_conditions; i++) {
		const struct check_condition *k = &c->conditions[i];

		if (k->metric != metric || k->level != level)
			continue;
		if (k->op == CHECK_LT || k->op == CHECK_LE)
			high = k;
		else
			low = k;
	}
	if (low) {
		put_base(f, metric, low->limit);
		fputc(':', f);
	}
	if (high)
		put_base(f, metric, high->limit);
}

static void put_perf(FILE *f, const struct check *c, enum check_metric metric,
		     const struct check_measure *m)
{
	static const char *const units[] = {[CHECK_DURATION] = "s",
					    [CHECK_SHARE] = "%",
					    [CHECK_PER_SECOND] = "",
					    [CHECK_COUNT] = ""};

	fputs(" '", f);
	plugin_put(f, c->name);
	fprintf(f, "_%s'=", check_metric_name(metric));
	if (m->known && !m->at_least) {
		put_base(f, metric, m->value);
		fputs(units[check_metric_unit(metric)], f);
	} else {
		fputc('U', f); /* the value could not be determined */
	}
	fputc(';', f);
	put_range(f, c, metric, CHECK_WARNING);
	fputc(';', f);
	put_range(f, c, metric, CHECK_CRITICAL);
	/* an accept queue takes one more than its bound */
	fputs(check_metric_unit(metric) == CHECK_SHARE && metric != CHECK_ACCEPT_QUEUE_SHARE
		      ? ";0;100"
		      : ";0;",
	      f);
}

static bool is_first_of_metric(const struct check *c, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (c->conditions[k].metric == c->conditions[i].metric)
			return false;
	return true;
}

static void put_perfdata(FILE *f, const struct check_report *r)
{
	fputs(" |", f);
	for (uint32_t i = 0; i < r->file->n; i++) {
		const struct check *c = &r->file->checks[i];

		for (unsigned k = 0; k < c->n_conditions; k++)
			if (is_first_of_metric(c, k))
				put_perf(f, c, c->conditions[k].metric,
					 &r->results[i].measures[c->conditions[k].metric]);
	}
	fputc('\n', f);
}

/* --- details */

static void put_row(FILE *f, const char *name, const char *lines)
{
	while (lines) {
		size_t n = strcspn(lines, "\n");

		fprintf(f, "    %-10s%.*s\n", name, (int)n, lines);
		lines = lines[n] ? lines + n + 1 : NULL;
		name = "";
	}
}

/* Whether an earlier line told it: of a metric that breaks both levels the critical one is enough.
 */
static bool is_told(const struct check *c, const struct check_result *res, unsigned i)
{
	for (unsigned k = 0; k < c->n_conditions; k++) {
		if (k == i || c->conditions[k].metric != c->conditions[i].metric ||
		    res->outcomes[k] == CHECK_OK)
			continue;
		if (res->outcomes[k] != res->outcomes[i] ? res->outcomes[k] == CHECK_CRITICAL
							 : k < i)
			return true;
	}
	return false;
}

static void put_broken(FILE *f, const struct check_report *r, uint32_t at)
{
	const struct check *c = &r->file->checks[at];
	const struct check_result *res = &r->results[at];

	for (unsigned i = 0; i < c->n_conditions; i++) {
		const struct check_condition *k = &c->conditions[i];

		if (res->outcomes[i] == CHECK_OK || is_told(c, res, i))
			continue;
		fprintf(f, "    %-10s%s ", "measured", check_metric_name(k->metric));
		plugin_measured(f, k, &res->measures[k->metric]);
		fprintf(f, "; %s unless ", k->level == CHECK_CRITICAL ? "critical" : "warning");
		put_condition(f, k);
		fputc('\n', f);
		if (res->outcomes[i] != CHECK_UNKNOWN &&
		    plugin_where(f, "    where     ", r, c, k->metric))
			fputc('\n', f);
	}
	for (int i = 0; i < CHECK_WORDS; i++)
		put_row(f, check_word_name((enum check_word)i), c->words[i]);
}

/* "CRITICAL checkout (POST /orders): p99 412 ms, error_rate 0.2 %; 49 requests in 10 s" */
static void put_check(FILE *f, const struct check_report *r, uint32_t at)
{
	const struct check *c = &r->file->checks[at];
	const struct check_result *res = &r->results[at];
	const char *before = ": ";

	fprintf(f, "%s ", check_state_name(res->state));
	plugin_put(f, c->name);
	if (*c->route) {
		fputs(" (", f);
		plugin_put(f, c->route);
		fputc(')', f);
	}
	for (unsigned i = 0; i < c->n_conditions; i++) {
		const struct check_condition *k = &c->conditions[i];
		const struct check_measure *m = &res->measures[k->metric];

		if (!is_first_of_metric(c, i))
			continue;
		fprintf(f, "%s%s ", before, check_metric_name(k->metric));
		if (m->known)
			plugin_measured(f, k, m);
		else
			fputs("not known", f);
		before = ", ";
	}
	fputs("; ", f);
	put_window(f, res->requests, r->summary->seconds);
	fputc('\n', f);
	if (res->state != CHECK_OK)
		put_broken(f, r, at);
}

void sink_check_text(FILE *f, const struct check_report *r)
{
	plugin_headline(f, r);
	put_perfdata(f, r);
	for (uint32_t i = 0; i < r->file->n; i++)
		put_check(f, r, i);
	if (*r->blind) {
		fputs("not seen: ", f);
		plugin_put(f, r->blind);
		fputc('\n', f);
	}
}

void sink_problem_text(FILE *f, const struct plugin_problem *p)
{
	const char *line = p->more;

	fprintf(f, "REQSCOPE %s - ", check_state_name(p->state));
	plugin_put(f, p->text);
	fputc('\n', f);
	while (line && *line) {
		size_t n = strcspn(line, "\n");
		char one[512];

		snprintf(one, sizeof(one), "%.*s", (int)n, line);
		plugin_put(f, one);
		fputc('\n', f);
		line += n + (line[n] == '\n');
	}
}
