/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * options.h - the command line: one table of options for all verbs, the same word everywhere.
 */
#ifndef RS_OPTIONS_H
#define RS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/summary.h"

#define OPTIONS_MAX_PIDS  64
#define OPTIONS_MAX_PORTS 16

#define OPTIONS_MAX_ARGS  64

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HTML, FORMAT_TRACE };
enum log_requests { LOG_ALL, LOG_PROBLEMS, LOG_NONE };

struct options {
	const struct verb *verb;
	uint32_t pids[OPTIONS_MAX_PIDS];
	uint32_t n_pids;
	uint16_t ports[OPTIONS_MAX_PORTS];
	uint32_t n_ports;
	const char *unit;   /* --unit: a systemd unit's processes */
	const char *cgroup; /* --cgroup: the processes of this control group and those below it */
	const char *args[OPTIONS_MAX_ARGS]; /* what is no option: files */
	uint32_t n_args;
	uint64_t duration; /* ns; 0: until interrupted */
	bool wait;
	enum format format;
	const char *output; /* file, NULL: stdout */
	bool force;
	uint64_t slow_ns; /* --slow; 0: off */
	const char *status;
	const char *route;
	const char *routes_file;
	const char *from, *to; /* --from, --to as written: lib/instant.h */
	struct {
		const char *to; /* --log: "-", "syslog", "journald" or a file; NULL: no log */
		const char *with; /* the last option given that goes with it, or NULL */
		enum log_requests requests;
		uint64_t interval; /* ns between summary lines */
		uint64_t max_size; /* bytes, then the file is rotated; 0: never */
		uint32_t keep;	   /* rotated files kept */
	} log;
	uint64_t keep;	   /* record: how far back the ring of files reaches, ns; 0: no ring */
	uint64_t max_size; /* record: bytes on disk at most; 0: no bound */
	const char *config; /* check -c */
	uint64_t every;	    /* check: ns between checks; 0: once */
	double level;	    /* diff: chance of one false alarm in a whole comparison */
	double min_effect;  /* diff: relative change below which nothing is said */
	uint64_t window;    /* top: ns the numbers are about; 0: since the start */
	const char *sort;   /* top: the routes' order */
	const char *insight; /* "off", "default" or "full"; NULL: default */
	uint64_t stall_ns; /* --stall-ms: a loop away for this long is held up; 0: the default */
	uint32_t ring_kib, snap_in, snap_out;
	uint32_t max_conns, max_open, max_routes;
	struct verdict_rules rules;
	uint32_t rules_given; /* bits of enum rule_given: what the command line said */
	unsigned verbose;
};

/* Which of the rules were given; a report takes the others from its recording. */
enum rule_given {
	RULE_SLO_MS = 1,
	RULE_SLO_QUANTILE = 2,
	RULE_MAX_ERRORS = 4,
	RULE_STUCK = 8,
};

/* A verb of the command line. */
struct verb {
	const char *name;
	const char *summary;	  /* one line */
	const char *options;	  /* the groups of options it takes, see options.c */
	uint64_t duration;	  /* default, ns */
	int (*run)(const struct options *o); /* returns an exit code */
	const char *formats;	  /* of --format, the first is the default; NULL: "text json" */
	const char *args;	  /* what follows the options, for --help: "FILE", "A [B]"; NULL: none */
	uint32_t min_args, max_args;
	int (*refused)(const char *what); /* tells of a usage error in its own way; returns an exit
					     code. NULL: on stderr, EXIT_USAGE */
};

/* Fills o from the command line; verbs ends with a nameless entry, the first is the default. Prints
   help, version or what is wrong. Returns -1 to go on, else the exit code to leave with. */
int options_parse(struct options *o, const struct verb *verbs, int argc, char **argv);

/* Whether a status belongs to what --status asked for: "5xx", "404", "4xx,5xx". */
bool options_status_match(const char *filter, unsigned status);

#endif
