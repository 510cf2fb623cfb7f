/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * options_priv.h - what the files of the command line share; nobody else includes it.
 *
 *   options.c        the command line as a whole: verbs, getopt, arguments
 *   options_parse.c  the value of each option
 *   options_table.c  the table of options, and the help that is printed from it
 */
#ifndef RS_OPTIONS_PRIV_H
#define RS_OPTIONS_PRIV_H

#include "options.h"

/* What takes no letter has a number above all letters. */
enum {
	OPT_PORT = 256,
	OPT_WAIT,
	OPT_FORMAT,
	OPT_FORCE,
	OPT_SLOW,
	OPT_STATUS,
	OPT_ROUTE,
	OPT_ROUTES,
	OPT_INSIGHT,
	OPT_STALL,
	OPT_RING,
	OPT_SNAP_IN,
	OPT_SNAP_OUT,
	OPT_MAX_CONNS,
	OPT_MAX_OPEN,
	OPT_MAX_ROUTES,
	OPT_SLO_MS,
	OPT_SLO_QUANTILE,
	OPT_MAX_ERRORS,
	OPT_STUCK,
	OPT_UNIT,
	OPT_CGROUP,
	OPT_FROM,
	OPT_TO,
	OPT_LOG,
	OPT_LOG_REQUESTS,
	OPT_LOG_INTERVAL,
	OPT_LOG_MAX_SIZE,
	OPT_LOG_KEEP,
	OPT_KEEP,
	OPT_MAX_SIZE,
	OPT_EVERY,
	OPT_LEVEL,
	OPT_MIN_EFFECT,
	OPT_WINDOW,
	OPT_SORT,
	OPT_HELP_ALL,
};

/*
 * One option. groups: t target, r run, n the run's length, x the output's form, o output, f filter,
 * R route filter, s slice of time, v verdict, c check, k keeping, d diff, T top, L log, l limits,
 * g general; a verb lists those it takes.
 */
struct option_row {
	int id; /* its letter, or one of the above */
	char group;
	bool rare; /* only in --help-all */
	const char *name, *arg;
	const char *help; /* NULL: the verb's formats */
};
#define OPTIONS_MAX 64
extern const struct option_row options_table[];
extern const size_t options_count;

bool options_takes(const struct verb *verb, char group);
const char *options_formats(const struct verb *verb); /* set apart by spaces */
/* "text", "text or json", "text, json or html"; returns out. */
char *options_say_formats(char *out, size_t size, const struct verb *verb);
/* verb NULL: of the whole. all: the rare ones too. */
void options_help(const struct verb *verbs, const struct verb *verb, bool all);

/* Says what is wrong and how to get help; EXIT_USAGE. */
int options_usage(const struct verb *verb, const char *what);
/* Takes the value of row i. -1 to go on, else an exit code after a message. */
int options_value(struct options *o, size_t i, const char *arg);

#endif
