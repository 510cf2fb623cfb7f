/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spark.h - a few minutes of the history as a row of levels. Pure.
 */
#ifndef RS_TOP_SPARK_H
#define RS_TOP_SPARK_H

#include "../core/history.h"

#define SPARK_MAX    100 /* columns at most */
#define SPARK_LEVELS 8
#define SPARK_ABSENT (-1)

enum spark_kind {
	SPARK_RATE,   /* requests that began, mean of the seconds */
	SPARK_ERRORS, /* failed, mean */
	SPARK_P99,    /* of the worst second */
	SPARK_OPEN,   /* at the end of a second, the most */
};

struct spark {
	uint32_t n;
	uint32_t per; /* seconds in a column */
	double most;
	int8_t level[SPARK_MAX]; /* SPARK_ABSENT: nothing is known; 0: it was 0; else 1 to 7 */
};

/* How many seconds a column should stand for: such that the row tells of some minutes. */
uint32_t spark_per(uint32_t columns);

/* The newest is in the last column, which may stand for fewer seconds than the others: columns
   begin at fixed moments, so that the picture moves on without changing. */
void spark_make(struct spark *s, const struct history *h, enum spark_kind kind, uint32_t columns,
		uint32_t per);

#endif
