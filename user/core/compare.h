/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compare.h - what changed between two stretches of time, and whether it is more than noise. Pure.
 * The test and its level are described in docs/diff.md.
 *
 * A change is `beyond` noise when the test says so at the level, corrected for the number of tests,
 * and the number that is shown has itself moved by the minimum effect, in the direction of the
 * test.
 */
#ifndef RS_COMPARE_H
#define RS_COMPARE_H

#include "series.h"

enum compare_metric {
	COMPARE_RATE,	/* requests per second */
	COMPARE_ERRORS, /* share of requests that ended 5xx or server_closed, of those whose end is
			   known */
	COMPARE_P50,	/* of total, ns */
	COMPARE_P99,	/* of total, ns */
	COMPARE_QUEUE,	/* mean, ns */
	COMPARE_APP,	/* mean, ns */
	COMPARE_METRICS
};
extern const char *const compare_names[COMPARE_METRICS]; /* "rate", "errors", "p50", ... */

/* Fewer requests than this on either side are shown, not judged. */
#define COMPARE_MIN_REQUESTS 30
/* Nor are medians and means of fewer than this, on geometric average of the sides: see
 * docs/diff.md. */
#define COMPARE_MIN_LATENCIES 150

struct compare_rules {
	double level; /* chance that a comparison without any difference says something; 0..1 */
	double min_effect; /* relative change (of errors: of the share, at least 0.1 points) below
			      which nothing is said */
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
	int sign[COMPARE_METRICS]; /* of what was tested: the ranks may move otherwise than a mean
				    */
	bool tested;	    /* enough requests on both sides to judge anything; else shown only */
	bool beyond, worse; /* any change is */
};

/*
 * An exception behind 5xx of a route that was raised after, at least COMPARE_MIN_NEW times, and in
 * that function in no route before, whatever the line. Not judged, only told; nothing where 5xx of
 * the route before have no exception that is known, so that it may have been among them.
 */
#define COMPARE_MIN_NEW 5
#define COMPARE_MAX_NEW 16
struct compare_new {
	const struct route *route;
	const struct site *site;
	uint16_t status;
	uint64_t count;
	uint64_t before, after; /* requests of the route that ended */
};

struct comparison {
	struct compare_rules rules;
	bool ordered; /* both sides hold the order in time; else the tests assume the worst of it */
	double before_seconds, after_seconds;
	uint32_t n_tests;   /* that the level is divided among */
	bool beyond, worse; /* any */
	uint32_t n_rows;    /* the first is of all requests; then routes, the most changed first */
	struct compare_row *rows;	  /* owned */
	uint32_t only_before, only_after; /* routes that one side alone has; they have rows, too */
	uint32_t in_both;		  /* routes that both have */
	uint32_t n_new;			  /* most first */
	struct compare_new news[COMPARE_MAX_NEW];
	uint32_t judged, routes_beyond, routes_worse; /* routes; the row of all is not among them */
};

/* seconds: how long each side was watched; they must be of one router, folded
   (series_fold_routes()). NULL when out of memory. */
struct comparison *compare(struct series *before, double before_seconds, struct series *after,
			   double after_seconds, const struct compare_rules *rules);
void comparison_free(struct comparison *c); /* NULL is allowed */

/* (after - before) / before; NaN when that says nothing */
double change_relative(const struct change *c);

/* --- in words (compare_words.c). What comes from outside is escaped; out is returned. */

/* "GET /orders/{id}", "all requests" */
char *compare_row_name(char *out, size_t size, const struct compare_row *row);

/* "120 -> 340 ms", "0.5 -> 4.8 %", "12.3 -> 15.8/s"; what was not measured is "-" */
char *change_words(char *out, size_t size, enum compare_metric metric, const struct change *change);

/* "GET /orders/{id}: p99 120 -> 340 ms (+183 %), beyond noise; errors unchanged" */
char *compare_words(char *out, size_t size, const struct comparison *c,
		    const struct compare_row *row);

/* "worse", "better" (something other than a rate changed, and nothing for the worse), "changed"
   (rates only), "unchanged", "unjudged" (too few requests to judge anything) */
const char *comparison_state(const struct comparison *c);

/* "new: ValueError at shop/orders.py:31 get_order: 57 of 1,998 requests of GET /orders/{id} (none
   seen in 2,103 before)" */
char *compare_new_words(char *out, size_t size, const struct compare_new *n);

/* "worse: 1 of 12 routes changed beyond noise" */
char *compare_verdict(char *out, size_t size, const struct comparison *c);

/* "rests on batches of requests in the order of time, ...": and the test, its level, their number
 */
char *compare_basis(char *out, size_t size, const struct comparison *c);

#endif
