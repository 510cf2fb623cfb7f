/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * compare_test.h - is the difference of two means more than noise, when neighbours in time resemble
 * each other? The test that compare.c makes of every number; docs/diff.md says why it is as it is,
 * and how it was measured. Pure.
 */
#ifndef RS_COMPARE_TEST_H
#define RS_COMPARE_TEST_H

#include "series.h"

#define TEST_CELLS SERIES_BATCHES

#define TEST_SCALES 3

/* Variance of a mean relative to independent requests, assumed where no order in time tells: that
   of an autocorrelation of 0.95 from one request to the next, (1 + 0.95) / (1 - 0.95). */
#define TEST_UNORDERED 39.0

/* Consecutive batches of one side: how much was looked at (requests, seconds), and what it adds up
   to (ranks, errors, requests). */
struct test_side {
	double requests; /* how many it is about: few call for caution */
	uint32_t n;
	struct test_cell {
		double weight, sum;
	} cell[TEST_CELLS];
};

struct test_input {
	struct test_side before, after;
	double unit; /* variance of one unit of weight if all were independent; the least assumed */
	bool ordered;	 /* both sides' cells are in the order of time */
	bool events;	 /* sums count events, which may be few: a binomial bound holds, too */
	bool rate;	 /* ... per time, not a share of what was looked at */
	uint32_t scales; /* 1..TEST_SCALES: sizes of batches that have to agree */
	bool apart;	 /* so far that no swing within the sides explains it: test_apart() */
	double design;	 /* variance relative to that of independent requests: at least this */
};

struct test_result {
	double p; /* chance (two-sided) of a difference at least this large if there were none: the
		     most cautious of several; 1 when nothing varies or a side is empty */
	double design; /* variance relative to that of independent requests, the largest found */
	int sign;      /* 1: more after than before, -1: less */
};
struct test_result test_difference(const struct test_input *in);

/* Whether the sides lie apart by several times of what either of them moves by itself; sums are of
   magnitudes here, such as logarithms, not of ranks. False with too few batches to tell. */
bool test_apart(const struct test_side *before, const struct test_side *after);

/* The parts, for tests of their own. Regularised incomplete beta function I_x(a, b). */
double test_beta(double a, double b, double x);
/* P(|T| >= |t|), Student with df > 0 degrees of freedom; they need not be whole. */
double test_student(double t, double df);

#endif
