/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compare.h - what changed between two stretches of time, and whether it is more than noise. Pure.
 * The test and its level are described in docs/diff.md.
 */
#ifndef RS_COMPARE_H
#define RS_COMPARE_H

#include "series.h"

enum compare_metric {
	COMPARE_RATE,	/* requests per second */
	COMPARE_ERRORS, /* share of requests that ended 5xx or server_closed */
	COMPARE_P50,	/* of total, ns */
	COMPARE_P99,	/* of total, ns */
	COMPARE_QUEUE,	/* mean, ns */
	COMPARE_APP,	/* mean, ns */
	COMPARE_METRICS
};
extern const char *const compare_names[COMPARE_METRICS]; /* "rate", "errors", "p50", ... */

struct compare_rules {
	double level;	   /* chance that a comparison without any difference says something; 0..1 */
	double min_effect; /* relative change (of errors: of the share, at least 0.1 points) below which
			      nothing is said */
};
void compare_rules_default(struct compare_rules *rules); /* 0.01, 0.05 */

struct change {
	double before, after; /* NaN: not measured on that side */
	double p;	      /* of the test, corrected for the number of tests; NaN: not tested */
	bool beyond;	      /* beyond noise, and at least the minimum effect */
	bool worse;	      /* beyond, and for the worse (a rate is neither) */
};

struct compare_row {
	const struct route *route; /* NULL: all requests */
	uint64_t before, after;	   /* requests that ended */
	struct change change[COMPARE_METRICS];
	bool tested; /* enough requests on both sides to judge; else shown only */
};

struct comparison {
	struct compare_rules rules;
	bool ordered;	   /* both sides hold the order in time */
	double before_seconds, after_seconds;
	uint32_t n_tests;  /* that the level is divided among */
	bool beyond, worse; /* any */
	uint32_t n_rows;   /* the first is of all requests; then routes, the most changed first */
	struct compare_row *rows; /* owned */
	uint32_t only_before, only_after; /* routes that one side alone has; they have rows, too */
};

/* seconds: how long each side was watched; they must be of one router. NULL when out of memory. */
struct comparison *compare(const struct series *before, double before_seconds,
			   const struct series *after, double after_seconds,
			   const struct compare_rules *rules);
void comparison_free(struct comparison *c);

/* "GET /orders/{id}: p99 120 -> 340 ms (+183 %), beyond noise; errors unchanged", escaped, into out;
   returned. */
char *compare_words(char *out, size_t size, const struct comparison *c, const struct compare_row *row);

#endif
