// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_metric.c - what a check can ask for, the units of it, and how values are written.
 */
#include "check_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"

static const struct {
	const char *name;
	enum check_unit unit;
} metrics[CHECK_METRICS] = {
	[CHECK_P50] = {"p50", CHECK_DURATION},
	[CHECK_P90] = {"p90", CHECK_DURATION},
	[CHECK_P95] = {"p95", CHECK_DURATION},
	[CHECK_P99] = {"p99", CHECK_DURATION},
	[CHECK_P999] = {"p999", CHECK_DURATION},
	[CHECK_MAX] = {"max", CHECK_DURATION},
	[CHECK_MEAN] = {"mean", CHECK_DURATION},
	[CHECK_TTFB_P99] = {"ttfb_p99", CHECK_DURATION},
	[CHECK_QUEUE_P99] = {"queue_p99", CHECK_DURATION},
	[CHECK_APP_P99] = {"app_p99", CHECK_DURATION},
	[CHECK_OPEN_AGE] = {"open_age", CHECK_DURATION},
	[CHECK_LOOP_STALL] = {"loop_stall", CHECK_DURATION},
	[CHECK_ERROR_RATE] = {"error_rate", CHECK_SHARE},
	[CHECK_CLIENT_ERROR_RATE] = {"client_error_rate", CHECK_SHARE},
	[CHECK_QUEUE_SHARE] = {"queue_share", CHECK_SHARE},
	[CHECK_UNKNOWN_SHARE] = {"unknown_share", CHECK_SHARE},
	[CHECK_ACCEPT_QUEUE_SHARE] = {"accept_queue_share", CHECK_SHARE},
	[CHECK_LOOP_BUSY] = {"loop_busy", CHECK_SHARE},
	[CHECK_RATE] = {"rate", CHECK_PER_SECOND},
	[CHECK_OPEN] = {"open", CHECK_COUNT},
};

const char check_metric_names[] =
	"p50 p90 p95 p99 p999 max mean ttfb_p99 queue_p99 app_p99 open_age loop_stall error_rate "
	"client_error_rate queue_share unknown_share accept_queue_share loop_busy rate open";

const char *check_metric_name(enum check_metric metric)
{
	return metrics[metric].name;
}

enum check_unit check_metric_unit(enum check_metric metric)
{
	return metrics[metric].unit;
}

enum check_metric check_metric_find(const char *name, size_t len)
{
	unsigned i = 0;

	while (i < CHECK_METRICS &&
	       !(strlen(metrics[i].name) == len && !memcmp(metrics[i].name, name, len)))
		i++;
	return (enum check_metric)i;
}

const char *check_state_name(enum check_state state)
{
	static const char *const names[CHECK_STATES] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

	return (unsigned)state < CHECK_STATES ? names[state] : "UNKNOWN";
}

const char *check_op_name(enum check_op op)
{
	static const char *const names[] = {"<", "<=", ">", ">="};

	return names[op];
}

const char *check_word_name(enum check_word word)
{
	static const char *const names[CHECK_WORDS] = {"owner", "expected", "rollback", "runbook"};

	return names[word];
}

bool check_holds(const struct check_condition *c, double value)
{
	switch (c->op) {
	case CHECK_LT:
		return value < c->limit;
	case CHECK_LE:
		return value <= c->limit;
	case CHECK_GT:
		return value > c->limit;
	default:
		return value >= c->limit;
	}
}

/* --- writing */

char *check_value(char out[CHECK_VALUE_MAX], enum check_metric metric, double value)
{
	switch (metrics[metric].unit) {
	case CHECK_DURATION:
		units_duration(out, CHECK_VALUE_MAX, value);
		return value > 0 ? out : strcpy(out, "0 s");
	case CHECK_SHARE:
		return units_percent(out, CHECK_VALUE_MAX, value);
	case CHECK_PER_SECOND:
		return units_rate(out, CHECK_VALUE_MAX, value);
	default:
		return summary_count(out, CHECK_VALUE_MAX, (uint64_t)value);
	}
}

/* In the largest unit in which it is a number of at least 1. */
static void exact_duration(char *out, double ns)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
	unsigned i = 0;

	while (ns > 0 && i < 3 && ns < units[i].ns)
		i++;
	snprintf(out, CHECK_VALUE_MAX, "%.9g %s", ns / units[i].ns, units[i].name);
}

char *check_limit(char out[CHECK_VALUE_MAX], enum check_metric metric, double limit)
{
	switch (metrics[metric].unit) {
	case CHECK_DURATION:
		exact_duration(out, limit);
		break;
	case CHECK_SHARE:
		snprintf(out, CHECK_VALUE_MAX, "%.9g %%", limit * 100);
		break;
	case CHECK_PER_SECOND:
		snprintf(out, CHECK_VALUE_MAX, "%.9g/s", limit);
		break;
	default:
		return check_value(out, metric, limit);
	}
	return out;
}

/* --- reading */

int check_fail(struct check_error *error, unsigned line, const char *format, ...)
{
	va_list args;

	error->line = line;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	utf8_trim(error->text);
	return -EINVAL;
}

struct check_quote check_quote(const char *text, size_t len)
{
	struct check_quote q;

	escape_text(q.s, sizeof(q.s), text, len, 60);
	return q;
}

/* Levenshtein's distance of two words, up to what is still close. */
static unsigned distance(const char *a, size_t n, const char *b)
{
	unsigned row[32], m = (unsigned)strlen(b);

	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 0; i < n; i++) {
		unsigned before = row[0];

		row[0] = (unsigned)i + 1;
		for (unsigned j = 0; j < m; j++) {
			unsigned best = before + (a[i] != b[j]);

			before = row[j + 1];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j + 1] = best < before + 1 ? best : before + 1;
		}
	}
	return row[m];
}

const char *check_nearest(const char *text, size_t len, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < n && len < 31; i++) {
		unsigned d = strlen(words[i]) < 31 ? distance(text, len, words[i]) : least;

		if (d < least && d < len) {
			nearest = words[i];
			least = d;
		}
	}
	return nearest;
}

static int parse_duration(const char *text, double *limit)
{
	uint64_t ns;
	int err = units_parse_duration(text, 0, &ns);

	if (!err)
		*limit = (double)ns;
	return err;
}

/* "5/s", "90/m", "0.5 /s" */
static int parse_rate(const char *text, double *limit)
{
	const char *slash = strchr(text, '/');
	char number[40];
	size_t n = slash ? (size_t)(slash - text) : 0;
	double per = !slash		    ? 0
		     : !strcmp(slash, "/s") ? 1
		     : !strcmp(slash, "/m") ? 60
		     : !strcmp(slash, "/h") ? 3600
					    : 0;

	while (n && text[n - 1] == ' ')
		n--;
	if (!n || per == 0 || n >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, n);
	number[n] = '\0';
	if (units_parse_double(number, 0, 1e12, limit))
		return -EINVAL;
	*limit /= per;
	return 0;
}

static int parse_count(const char *text, double *limit)
{
	uint64_t n;
	int err = units_parse_u64(text, 0, UINT64_C(1) << 53, &n);

	if (!err)
		*limit = (double)n;
	return err;
}

int check_parse_limit(enum check_metric metric, const char *text, double *limit, unsigned line,
		      struct check_error *error)
{
	static const struct {
		int (*parse)(const char *text, double *limit);
		const char *wants, *units;
	} kinds[] = {
		[CHECK_DURATION] = {parse_duration, "a duration such as 300ms",
				    "; known units ns us ms s m h"},
		[CHECK_SHARE] = {units_parse_share, "a share such as 1%, from 0% to 100% or 0 to 1",
				 ""},
		[CHECK_PER_SECOND] = {parse_rate, "a rate such as 1/s", "; known units /s /m /h"},
		[CHECK_COUNT] = {parse_count, "a whole number such as 100", ""},
	};
	enum check_unit unit = metrics[metric].unit;

	if (!kinds[unit].parse(text, limit))
		return 0;
	return check_fail(error, line, "%s wants %s, got \"%s\"%s", metrics[metric].name,
			  kinds[unit].wants, check_quote(text, strlen(text)).s, kinds[unit].units);
}
