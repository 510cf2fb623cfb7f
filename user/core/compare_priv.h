/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compare_priv.h - what the files of a comparison share; nobody else includes it.
 *
 *   compare.c         rows, correction for the number of tests, what follows
 *   compare_sides.c   from a series to the numbers that are tested
 *   compare_test.c    the test
 *   compare_new.c     exceptions that are new
 *   compare_words.c   the result in words
 */
#ifndef RS_COMPARE_PRIV_H
#define RS_COMPARE_PRIV_H

#include "compare.h"
#include "compare_test.h"

/* The two sides of one row. */
struct compare_pair {
	const struct series_route *before, *after;
	bool ordered;
	uint64_t before_width, after_width; /* of a slice, ns */
	double before_seconds, after_seconds;
	double design[COMPARE_METRICS]; /* variance relative to independent requests, at least */
};

/* What a test of one number found, not corrected for others: see compare_test.h. p is NaN where
   there is nothing to test. */
struct test_result compare_test_metric(const struct compare_pair *p, enum compare_metric metric);

/* Fills c->news. Both of one router, folded. */
void compare_news(struct comparison *c, const struct series *before, const struct series *after);

#endif
