// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "options_priv.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "capture/capture.h"
#include "exit.h"

int options_usage(const struct verb *verb, const char *what)
{
	if (verb && verb->refused)
		return verb->refused(what);
	fprintf(stderr, "reqscope: %s\nTry 'reqscope%s%s --help'.\n", what, verb ? " " : "",
		verb ? verb->name : "");
	return EXIT_USAGE;
}

/* The letters and names that getopt wants, from the table. */
static void getopt_tables(char *letters, struct option *names)
{
	*letters++ = ':';
	for (size_t i = 0; i < options_count; i++) {
		names[i] = (struct option){options_table[i].name,
					   options_table[i].arg ? required_argument : no_argument, NULL,
					   options_table[i].id};
		if (options_table[i].id >= 256)
			continue;
		*letters++ = options_table[i].id;
		if (options_table[i].arg)
			*letters++ = ':';
	}
	*letters = 0;
	names[options_count] = (struct option){};
}

static size_t find_option(int id)
{
	size_t i = 0;

	while (i < options_count && options_table[i].id != id)
		i++;
	return i;
}

static int unknown_option(const struct options *o, int id, char **argv)
{
	char text[160];

	if (id == ':')
		snprintf(text, sizeof(text), "option %.60s needs a value", argv[optind - 1]);
	else if (optopt && optopt < 256)
		snprintf(text, sizeof(text), "unknown option -%c", optopt);
	else
		snprintf(text, sizeof(text), "unknown option %.60s", argv[optind - 1]);
	return options_usage(o->verb, text);
}

static const struct verb *find_verb(const struct verb *verbs, const char *name)
{
	for (; verbs->name; verbs++)
		if (!strcmp(verbs->name, name))
			return verbs;
	return NULL;
}

/* What is no option. */
static int take_args(struct options *o, const struct verb *verbs, int n, char **args)
{
	char text[160];

	if ((uint32_t)n < o->verb->min_args) {
		snprintf(text, sizeof(text), "'%s' wants %s", o->verb->name, o->verb->args);
		return options_usage(o->verb, text);
	}
	if ((uint32_t)n > o->verb->max_args) {
		const char *first = args[o->verb->max_args];

		snprintf(text, sizeof(text), "unexpected argument \"%.60s\"%s", first,
			 find_verb(verbs, first) ? ": the verb comes first" : "");
		return options_usage(o->verb, text);
	}
	while (o->n_args < (uint32_t)n) {
		o->args[o->n_args] = args[o->n_args];
		o->n_args++;
	}
	return -1;
}

static int take_option(struct options *o, const struct verb *verbs, size_t i)
{
	switch (options_table[i].id) {
	case 'h':
	case OPT_HELP_ALL:
		options_help(verbs, o->verb, options_table[i].id == OPT_HELP_ALL);
		return EXIT_DONE;
	case 'V':
		printf("reqscope %s\n", RS_VERSION);
		return EXIT_DONE;
	}
	return options_value(o, i, optarg);
}

static int parse_options(struct options *o, const struct verb *verbs, int argc, char **argv)
{
	char letters[2 * OPTIONS_MAX + 3], text[160];
	struct option names[OPTIONS_MAX + 1];
	int id, code;

	getopt_tables(letters, names);
	opterr = 0;
	while ((id = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		size_t i = find_option(id);

		if (i == options_count)
			return unknown_option(o, id, argv);
		if (!options_takes(o->verb, options_table[i].group)) {
			snprintf(text, sizeof(text), "--%s means nothing to '%s'", options_table[i].name,
				 o->verb->name);
			return options_usage(o->verb, text);
		}
		code = take_option(o, verbs, i);
		if (code >= 0)
			return code;
	}
	code = take_args(o, verbs, argc - optind, argv + optind);
	if (code >= 0)
		return code;
	if (!!o->n_pids + !!o->n_ports + !!o->unit + !!o->cgroup > 1 && (o->unit || o->cgroup))
		return options_usage(o->verb, "--unit and --cgroup each stand alone: they name all of the target");
	if (o->log.with && !o->log.to) {
		snprintf(text, sizeof(text), "--%s goes with --log", o->log.with);
		return options_usage(o->verb, text);
	}
	if (o->wait && o->n_pids)
		return options_usage(o->verb, "--wait goes with --port or alone: a pid that is not there yet cannot "
				      "be known");
	return -1;
}

int options_parse(struct options *o, const struct verb *verbs, int argc, char **argv)
{
	struct capture_options c = CAPTURE_DEFAULTS;
	bool named = argc > 1 && argv[1][0] != '-';
	char text[160];

	*o = (struct options){
		.verb = named ? find_verb(verbs, argv[1]) : verbs,
		.ring_kib = c.ring_kib,
		.snap_in = c.snap_in,
		.snap_out = c.snap_out,
		.max_conns = c.max_conns,
		.max_open = 16384,
		.max_routes = 500,
		.log = {.interval = 60000000000ULL, .max_size = 100 << 20, .keep = 4},
		.level = 0.01,
		.min_effect = 0.05,
		.window = 10000000000ULL,
		.sort = "time",
	};
	verdict_rules_default(&o->rules);
	if (named && !strcmp(argv[1], "help")) {
		options_help(verbs, argc > 2 ? find_verb(verbs, argv[2]) : NULL, false);
		return EXIT_DONE;
	}
	if (!o->verb) {
		snprintf(text, sizeof(text), "unknown verb \"%.60s\"", argv[1]);
		return options_usage(NULL, text);
	}
	if (!named && argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		options_help(verbs, NULL, false);
		return EXIT_DONE;
	}
	o->duration = o->verb->duration;
	return parse_options(o, verbs, argc - named, argv + named);
}
