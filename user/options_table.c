// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "options_priv.h"

#include <stdio.h>
#include <string.h>

const struct option_row options_table[] = {
	{'p', 't', false, "pid", "PID", "this process and its descendants (repeatable)"},
	{OPT_PORT, 't', false, "port", "N", "who listens on this TCP port, also after a restart"},
	{OPT_UNIT, 't', false, "unit", "NAME", "a systemd unit's processes, also after a restart"},
	{OPT_CGROUP, 't', false, "cgroup", "PATH", "a control group's processes, also those to come"},
	{OPT_WAIT, 'r', false, "wait", NULL, "wait until the target is there (not with --pid)"},
	{'d', 'n', false, "duration", "SECONDS", "stop after this long; 0: without end"},
	{'c', 'c', false, "config", "FILE", "the checks: see reqscope(1), CHECK FILE"},
	{OPT_EVERY, 'c', false, "every", "SECONDS", "check again and again, this far apart"},
	{OPT_KEEP, 'k', false, "keep", "DURATION", "keep this much; -o is a folder, a ring of files"},
	{OPT_MAX_SIZE, 'k', false, "max-size", "SIZE", "bytes on disk at most: 200M, 1G"},
	{OPT_FROM, 's', false, "from", "TIME", "since 2026-01-02T03:04:05Z, 03:04, +5m or -10m"},
	{OPT_TO, 's', false, "to", "TIME", "until; + counts from the start, - from the end"},
	{OPT_LEVEL, 'd', true, "level", "SHARE", "chance of one false alarm in the whole (1%)"},
	{OPT_MIN_EFFECT, 'd', true, "min-effect", "SHARE", "smaller changes are none (5%)"},
	{OPT_WINDOW, 'T', false, "window", "DURATION", "10s, 1m or all (10s)"},
	{OPT_SORT, 'T', false, "sort", "KEY", "time, rate, p99 or errors (time)"},
	{OPT_LOG, 'L', false, "log", "DEST", "JSON lines to a file, -, syslog or journald"},
	{OPT_LOG_REQUESTS, 'L', true, "log-requests", "WHICH", "all, problems (slow or failed) or none (all)"},
	{OPT_LOG_INTERVAL, 'L', true, "log-interval", "SECONDS", "a summary line this often (60)"},
	{OPT_LOG_MAX_SIZE, 'L', true, "log-max-size", "SIZE", "then the file is rotated (100M; 0: never)"},
	{OPT_LOG_KEEP, 'L', true, "log-keep", "N", "rotated files kept (4)"},
	{OPT_FORMAT, 'x', false, "format", "FORMAT", NULL},
	{'o', 'o', false, "output", "FILE", "write to a new file, mode 0600, not to stdout"},
	{OPT_FORCE, 'o', true, "force", NULL, "let -o replace a file that exists"},
	{OPT_SLOW, 'f', false, "slow", "MS", "only requests that took at least this long in all"},
	{OPT_STATUS, 'f', false, "status", "LIST", "only these statuses: 5xx, 404, 4xx,5xx"},
	{OPT_ROUTE, 'R', false, "route", "GLOB", "only routes like this: '/orders/*', 'POST *'"},
	{OPT_ROUTES, 'l', true, "routes", "FILE", "lines such as 'GET /items/{id}', or OpenAPI JSON"},
	{OPT_SLO_MS, 'v', false, "slo-ms", "MS", "slow above this (500)"},
	{OPT_SLO_QUANTILE, 'v', true, "slo-quantile", "Q", "the quantile of total that is judged (0.95)"},
	{OPT_MAX_ERRORS, 'v', true, "max-error-rate", "SHARE", "erroring above this share, 1% or 0.01 (1%)"},
	{OPT_STUCK, 'v', false, "stuck-ms", "MS", "stuck when a request waits longer than this (2000)"},
	{OPT_INSIGHT, 'l', true, "insight", "LEVEL", "off, default or full (GC too); some 3 us a request"},
	{OPT_STALL, 'l', true, "stall-ms", "MS", "an event loop is held up from this on (100)"},
	{OPT_RING, 'l', true, "ring-kib", "N", "size of the event ring (4096)"},
	{OPT_SNAP_IN, 'l', true, "snap-in", "BYTES", "bytes copied of each buffer received (4096)"},
	{OPT_SNAP_OUT, 'l', true, "snap-out", "BYTES", "bytes copied of each sent in a response (64)"},
	{OPT_MAX_CONNS, 'l', true, "max-conns", "N", "connections followed at once (16384)"},
	{OPT_MAX_OPEN, 'l', true, "max-open", "N", "open requests held at once (16384)"},
	{OPT_MAX_ROUTES, 'l', true, "max-routes", "N", "distinct routes; the rest is 'other' (500)"},
	{'v', 'r', true, "verbose", NULL, "say more on stderr"},
	{'V', 'g', true, "version", NULL, "print the version"},
	{'h', 'g', false, "help", NULL, "this help; --help-all shows every option"},
	{OPT_HELP_ALL, 'g', true, "help-all", NULL, "every option"},
};
_Static_assert(sizeof(options_table) / sizeof(*options_table) <= OPTIONS_MAX, "OPTIONS_MAX");
const size_t options_count = sizeof(options_table) / sizeof(*options_table);

static const struct {
	char id;
	const char *title;
} groups[] = {
	{'t', "Target (none given: the one Python web server that listens here)"},
	{'c', "Checks"},
	{'r', "Run"},
	{'n', "Run"},
	{'k', "Ring of files"},
	{'s', "Time"},
	{'f', "Filter"},
	{'R', "Filter"},
	{'T', "Screen"},
	{'d', "Comparison"},
	{'x', "Output"},
	{'o', "Output"},
	{'L', "Log"},
	{'v', "Verdict"},
	{'l', "Details and limits"},
	{'g', ""},
};

bool options_takes(const struct verb *verb, char group)
{
	return group == 'g' || strchr(verb->options, group);
}

const char *options_formats(const struct verb *verb)
{
	return verb->formats ? verb->formats : "text json";
}

char *options_say_formats(char *out, size_t size, const struct verb *verb)
{
	const char *s = options_formats(verb);
	size_t at = 0;

	while (*s && at < size) {
		size_t n = strcspn(s, " ");
		const char *more = s + n + (s[n] == ' ');
		bool last = *more && !strchr(more, ' ');

		at += (size_t)snprintf(out + at, size - at, "%.*s%s", (int)n, s,
				       !*more ? "" : last ? " or " : ", ");
		s = more;
	}
	return out;
}

static void print_option(const struct verb *verb, const struct option_row *row)
{
	char left[40], letter[5] = "", formats[64];

	if (row->id < 256)
		snprintf(letter, sizeof(letter), "-%c, ", row->id);
	snprintf(left, sizeof(left), "%4s--%s%s%s", letter, row->name, row->arg ? " " : "",
		 row->arg ? row->arg : "");
	printf("  %-26s %s\n", left,
	       row->help ? row->help : options_say_formats(formats, sizeof(formats), verb));
}

static void print_group(const struct verb *verb, size_t group, bool all, const char **title)
{
	for (size_t i = 0; i < options_count; i++) {
		const struct option_row *row = &options_table[i];

		if (row->group != groups[group].id || (row->rare && !all))
			continue;
		if (*groups[group].title && strcmp(*title, groups[group].title))
			printf("%s:\n", groups[group].title);
		*title = groups[group].title;
		print_option(verb, row);
	}
}

static void print_verbs(const struct verb *verbs)
{
	printf("Tells how a running Python web service on uvicorn is doing, without touching it.\n\n"
	       "Verbs (reqscope VERB --help for its options):\n");
	for (const struct verb *v = verbs; v->name; v++)
		printf("  %-9s %s%s\n", v->name, v->summary, v == verbs ? " (default)" : "");
	printf("\nExample: sudo reqscope summary -d 10\n");
}

void options_help(const struct verb *verbs, const struct verb *verb, bool all)
{
	const char *title = "";

	printf("Usage: reqscope %s [OPTION]...%s%s\n", verb ? verb->name : "[VERB]",
	       verb && verb->args ? " " : "", verb && verb->args ? verb->args : "");
	if (!verb) {
		print_verbs(verbs);
		return;
	}
	printf("%s: %s.\n", verb->name, verb->summary);
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		if (options_takes(verb, groups[g].id))
			print_group(verb, g, all, &title);
}
