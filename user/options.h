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

enum format { FORMAT_TEXT, FORMAT_JSON };

struct options {
	const struct verb *verb;
	uint32_t pids[OPTIONS_MAX_PIDS];
	uint32_t n_pids;
	uint16_t ports[OPTIONS_MAX_PORTS];
	uint32_t n_ports;
	uint64_t duration; /* ns; 0: until interrupted */
	bool wait;
	enum format format;
	const char *output; /* file, NULL: stdout */
	bool force;
	uint64_t slow_ns; /* --slow; 0: off */
	const char *status;
	const char *route;
	const char *routes_file;
	const char *insight;
	uint32_t ring_kib, snap_in, snap_out;
	uint32_t max_conns, max_open, max_routes;
	struct verdict_rules rules;
	unsigned verbose;
};

/* A verb of the command line. */
struct verb {
	const char *name;
	const char *summary;	  /* one line */
	const char *options;	  /* the letters and names it takes, see options.c */
	uint64_t duration;	  /* default, ns */
	int (*run)(const struct options *o); /* returns an exit code */
};

/* Fills o from the command line; verbs ends with a nameless entry, the first is the default. Prints
   help, version or what is wrong. Returns -1 to go on, else the exit code to leave with. */
int options_parse(struct options *o, const struct verb *verbs, int argc, char **argv);

/* Whether a status belongs to what --status asked for: "5xx", "404", "4xx,5xx". */
bool options_status_match(const char *filter, unsigned status);

#endif
