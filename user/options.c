// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "exit.h"
#include "lib/units.h"

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
};

/* groups: t target, r run, o output, f filter, v verdict, l limits; a verb lists those it takes */
static const struct {
	int id;
	char group;
	const char *name, *arg, *help;
} table[] = {
	{'p', 't', "pid", "PID", "this process and its descendants (repeatable)"},
	{OPT_PORT, 't', "port", "N", "whoever listens on this TCP port, also after a restart"},
	{OPT_WAIT, 'r', "wait", NULL, "wait until a server listens (with --port or without any)"},
	{'d', 'r', "duration", "SECONDS", "stop after this long"},
	{OPT_FORMAT, 'o', "format", "FORMAT", "text or json"},
	{'o', 'o', "output", "FILE", "write there instead of stdout: a new file, mode 0600"},
	{OPT_FORCE, 'o', "force", NULL, "let -o replace a file that exists"},
	{OPT_SLOW, 'f', "slow", "MS", "only requests that took at least this long in all"},
	{OPT_STATUS, 'f', "status", "LIST", "only these statuses: 5xx, 404, 4xx,5xx"},
	{OPT_ROUTE, 'f', "route", "GLOB", "only routes like this: '/orders/*', 'POST *'"},
	{OPT_ROUTES, 'l', "routes", "FILE", "exact routes: lines 'GET /items/{id}', or OpenAPI JSON"},
	{OPT_SLO_MS, 'v', "slo-ms", "MS", "slow above this (500)"},
	{OPT_SLO_QUANTILE, 'v', "slo-quantile", "Q", "the quantile of total that is judged (0.95)"},
	{OPT_MAX_ERRORS, 'v', "max-error-rate", "SHARE", "erroring above this share, 1% or 0.01 (1%)"},
	{OPT_STUCK, 'v', "stuck-ms", "MS", "stuck when a request waits longer than this (2000)"},
	{OPT_INSIGHT, 'l', "insight", "LEVEL", "off, default or full; this version reads sockets only"},
	{OPT_RING, 'l', "ring-kib", "N", "size of the event ring (4096)"},
	{OPT_SNAP_IN, 'l', "snap-in", "BYTES", "bytes copied of each buffer received (4096)"},
	{OPT_SNAP_OUT, 'l', "snap-out", "BYTES", "bytes copied of each sent that starts no response (64)"},
	{OPT_MAX_CONNS, 'l', "max-conns", "N", "connections followed at once (16384)"},
	{OPT_MAX_OPEN, 'l', "max-open", "N", "open requests held at once (16384)"},
	{OPT_MAX_ROUTES, 'l', "max-routes", "N", "distinct routes; the rest is 'other' (500)"},
	{'v', 'r', "verbose", NULL, "say more on stderr"},
	{'V', 'g', "version", NULL, "print the version"},
	{'h', 'g', "help", NULL, "this help"},
};
#define N_OPTIONS (sizeof(table) / sizeof(*table))

static const struct {
	char id;
	const char *title;
} groups[] = {
	{'t', "Target (none given: the one Python web server that listens here)"},
	{'r', "Run"},
	{'f', "Filter"},
	{'o', "Output"},
	{'v', "Verdict"},
	{'l', "Details and limits"},
	{'g', "General"},
};

static bool takes(const struct verb *verb, char group)
{
	return group == 'g' || strchr(verb->options, group);
}

static void print_options(const struct verb *verb)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++) {
		if (!takes(verb, groups[g].id))
			continue;
		printf("%s:\n", groups[g].title);
		for (size_t i = 0; i < N_OPTIONS; i++) {
			char left[40], letter[5] = "";

			if (table[i].group != groups[g].id)
				continue;
			if (table[i].id < 256)
				snprintf(letter, sizeof(letter), "-%c, ", table[i].id);
			snprintf(left, sizeof(left), "%4s--%s%s%s", letter, table[i].name,
				 table[i].arg ? " " : "", table[i].arg ? table[i].arg : "");
			printf("  %-26s %s\n", left, table[i].help);
		}
	}
}

static void print_help(const struct verb *verbs, const struct verb *verb)
{
	printf("Usage: reqscope %s [OPTION]...\n", verb ? verb->name : "[VERB]");
	if (verb) {
		printf("%s: %s.\n\n", verb->name, verb->summary);
		print_options(verb);
	} else {
		printf("Tells how a running Python web service on uvicorn is doing, without touching it.\n\n"
		       "Verbs (reqscope VERB --help for its options):\n");
		for (const struct verb *v = verbs; v->name; v++)
			printf("  %-9s %s%s\n", v->name, v->summary, v == verbs ? " (default)" : "");
		printf("\nExample: sudo reqscope summary -d 10\n");
	}
}

static int usage(const struct verb *verb, const char *what)
{
	fprintf(stderr, "reqscope: %s\nTry 'reqscope%s%s --help'.\n", what, verb ? " " : "",
		verb ? verb->name : "");
	return EXIT_USAGE;
}

static int bad(const struct options *o, size_t option, const char *value, const char *wants)
{
	char text[256];

	snprintf(text, sizeof(text), "--%s wants %s, got \"%.60s\"", table[option].name, wants, value);
	return usage(o->verb, text);
}

static int parse_u32(const struct options *o, size_t i, const char *arg, uint64_t min, uint64_t max,
		     uint32_t *out)
{
	char wants[96];
	uint64_t v;

	if (!units_parse_u64(arg, min, max, &v)) {
		*out = v;
		return -1;
	}
	snprintf(wants, sizeof(wants), "a whole number from %llu to %llu", (unsigned long long)min,
		 (unsigned long long)max);
	return bad(o, i, arg, wants);
}

static int parse_pid(struct options *o, size_t i, const char *arg)
{
	if (o->n_pids == OPTIONS_MAX_PIDS)
		return usage(o->verb, "too many --pid: at most 64");
	return parse_u32(o, i, arg, 1, 4194304, &o->pids[o->n_pids++]);
}

static int parse_port(struct options *o, size_t i, const char *arg)
{
	uint32_t port;
	int code = parse_u32(o, i, arg, 1, 65535, &port);

	if (code >= 0)
		return code;
	if (o->n_ports == OPTIONS_MAX_PORTS)
		return usage(o->verb, "too many --port: at most 16");
	o->ports[o->n_ports++] = port;
	return -1;
}

static int parse_time(const struct options *o, size_t i, const char *arg, uint64_t unit, uint64_t *ns)
{
	if (!units_parse_duration(arg, unit, ns))
		return -1;
	return bad(o, i, arg,
		   unit == 1000000 ? "milliseconds or a duration such as 300ms or 1.5s"
				   : "seconds or a duration such as 10, 500ms or 2m");
}

static int parse_ms(const struct options *o, size_t i, const char *arg, double *ms)
{
	uint64_t ns;
	int code = parse_time(o, i, arg, 1000000, &ns);

	*ms = code < 0 ? ns / 1e6 : *ms;
	return code;
}

static int parse_format(struct options *o, size_t i, const char *arg)
{
	if (!strcmp(arg, "text"))
		o->format = FORMAT_TEXT;
	else if (!strcmp(arg, "json"))
		o->format = FORMAT_JSON;
	else
		return bad(o, i, arg, "text or json");
	return -1;
}

/* One element of --status: "404" or "5xx". */
static bool status_element(const char *s, size_t n)
{
	if (n != 3 || s[0] < '1' || s[0] > '5')
		return false;
	return (isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2])) ||
	       (tolower((unsigned char)s[1]) == 'x' && tolower((unsigned char)s[2]) == 'x');
}

static int parse_status(struct options *o, size_t i, const char *arg)
{
	const char *s = arg;

	for (;;) {
		size_t n = strcspn(s, ",");

		if (!status_element(s, n))
			return bad(o, i, arg, "statuses such as 5xx, 404 or 4xx,5xx");
		if (!s[n])
			break;
		s += n + 1;
	}
	o->status = arg;
	return -1;
}

bool options_status_match(const char *filter, unsigned status)
{
	const char *s = filter;

	for (;;) {
		size_t n = strcspn(s, ",");

		if (status / 100 == (unsigned)(s[0] - '0') &&
		    (!isdigit((unsigned char)s[1]) || strtoul(s, NULL, 10) == status))
			return true;
		if (!s[n])
			return false;
		s += n + 1;
	}
}

static int parse_insight(struct options *o, size_t i, const char *arg)
{
	if (strcmp(arg, "off") && strcmp(arg, "default") && strcmp(arg, "full"))
		return bad(o, i, arg, "off, default or full");
	o->insight = arg;
	return -1;
}

static int parse_verdict(struct options *o, size_t i, const char *arg)
{
	switch (table[i].id) {
	case OPT_SLO_MS:
		return parse_ms(o, i, arg, &o->rules.slo_ms);
	case OPT_STUCK:
		return parse_ms(o, i, arg, &o->rules.stuck_ms);
	case OPT_SLO_QUANTILE:
		if (units_parse_double(arg, 0, 1, &o->rules.slo_quantile))
			return bad(o, i, arg, "a quantile from 0 to 1 such as 0.99");
		return -1;
	default:
		if (units_parse_share(arg, &o->rules.max_error_rate))
			return bad(o, i, arg, "a share such as 1% or 0.01");
		return -1;
	}
}

static int parse_limit(struct options *o, size_t i, const char *arg)
{
	switch (table[i].id) {
	case OPT_RING:
		return parse_u32(o, i, arg, 64, 1 << 20, &o->ring_kib);
	case OPT_SNAP_IN:
		return parse_u32(o, i, arg, 256, RS_MAX_SNAP, &o->snap_in);
	case OPT_SNAP_OUT:
		return parse_u32(o, i, arg, 16, RS_MAX_SNAP, &o->snap_out);
	case OPT_MAX_CONNS:
		return parse_u32(o, i, arg, 16, 1 << 20, &o->max_conns);
	case OPT_MAX_OPEN:
		return parse_u32(o, i, arg, 16, 1 << 20, &o->max_open);
	case OPT_MAX_ROUTES:
		return parse_u32(o, i, arg, 2, 100000, &o->max_routes);
	case OPT_INSIGHT:
		return parse_insight(o, i, arg);
	default:
		o->routes_file = arg;
		return -1;
	}
}

static int parse_one(struct options *o, const struct verb *verbs, size_t i, const char *arg)
{
	switch (table[i].id) {
	case 'h':
		print_help(verbs, o->verb);
		return EXIT_DONE;
	case 'V':
		printf("reqscope %s\n", RS_VERSION);
		return EXIT_DONE;
	case 'p':
		return parse_pid(o, i, arg);
	case OPT_PORT:
		return parse_port(o, i, arg);
	case OPT_WAIT:
		o->wait = true;
		return -1;
	case 'd':
		return parse_time(o, i, arg, 1000000000, &o->duration);
	case OPT_FORMAT:
		return parse_format(o, i, arg);
	case 'o':
		o->output = arg;
		return -1;
	case OPT_FORCE:
		o->force = true;
		return -1;
	case OPT_SLOW:
		return parse_time(o, i, arg, 1000000, &o->slow_ns);
	case OPT_STATUS:
		return parse_status(o, i, arg);
	case OPT_ROUTE:
		o->route = arg;
		return -1;
	case 'v':
		o->verbose++;
		return -1;
	}
	return table[i].group == 'v' ? parse_verdict(o, i, arg) : parse_limit(o, i, arg);
}

/* The letters and names that getopt wants, from the table. */
static void getopt_tables(char *letters, struct option *names)
{
	*letters++ = '+';
	*letters++ = ':';
	for (size_t i = 0; i < N_OPTIONS; i++) {
		names[i] = (struct option){table[i].name,
					   table[i].arg ? required_argument : no_argument, NULL,
					   table[i].id};
		if (table[i].id >= 256)
			continue;
		*letters++ = table[i].id;
		if (table[i].arg)
			*letters++ = ':';
	}
	*letters = 0;
	names[N_OPTIONS] = (struct option){};
}

static size_t find_option(int id)
{
	size_t i = 0;

	while (i < N_OPTIONS && table[i].id != id)
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
	return usage(o->verb, text);
}

static const struct verb *find_verb(const struct verb *verbs, const char *name)
{
	for (; verbs->name; verbs++)
		if (!strcmp(verbs->name, name))
			return verbs;
	return NULL;
}

static int parse_options(struct options *o, const struct verb *verbs, int argc, char **argv)
{
	char letters[2 * N_OPTIONS + 3], text[160];
	struct option names[N_OPTIONS + 1];
	int id, code;

	getopt_tables(letters, names);
	opterr = 0;
	while ((id = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		size_t i = find_option(id);

		if (i == N_OPTIONS)
			return unknown_option(o, id, argv);
		if (!takes(o->verb, table[i].group)) {
			snprintf(text, sizeof(text), "--%s means nothing to '%s'", table[i].name,
				 o->verb->name);
			return usage(o->verb, text);
		}
		code = parse_one(o, verbs, i, optarg);
		if (code >= 0)
			return code;
	}
	if (optind < argc) {
		snprintf(text, sizeof(text), "unexpected argument \"%.60s\"%s", argv[optind],
			 find_verb(verbs, argv[optind]) ? ": the verb comes first" : "");
		return usage(o->verb, text);
	}
	if (o->wait && o->n_pids)
		return usage(o->verb, "--wait goes with --port or alone: a pid that is not there yet cannot "
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
	};
	verdict_rules_default(&o->rules);
	if (named && !strcmp(argv[1], "help")) {
		print_help(verbs, argc > 2 ? find_verb(verbs, argv[2]) : NULL);
		return EXIT_DONE;
	}
	if (!o->verb) {
		snprintf(text, sizeof(text), "unknown verb \"%.60s\"", argv[1]);
		return usage(NULL, text);
	}
	if (!named && argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		print_help(verbs, NULL);
		return EXIT_DONE;
	}
	o->duration = o->verb->duration;
	return parse_options(o, verbs, argc - named, argv + named);
}
