/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* check_priv.h - what the files of the checks share; nobody else includes it. */
#ifndef RS_CHECK_PRIV_H
#define RS_CHECK_PRIV_H

#include "check.h"

/* Fills an error; what is printed with %s must be printable. -EINVAL. */
int check_fail(struct check_error *error, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What somebody wrote, for a message: escaped and cut. */
struct check_quote {
	char s[96];
};
struct check_quote check_quote(const char *text, size_t len);

/* The metric of that name; CHECK_METRICS: there is none. */
enum check_metric check_metric_find(const char *name, size_t len);
/* The limit that text gives for a metric. 0 or -EINVAL with an error. */
int check_parse_limit(enum check_metric metric, const char *text, double *limit, unsigned line,
		      struct check_error *error);
/* The closest of several words, if one is close enough that somebody may have meant it; else NULL.
 */
const char *check_nearest(const char *text, size_t len, const char *const *words, size_t n);

/* Adds the conditions of one line ("p99 < 200ms, error_rate < 1%") to a check. 0 or -EINVAL. */
int check_add_conditions(struct check *c, enum check_state level, const char *text, unsigned line,
			 struct check_error *error);
/* After the last: conditions that contradict each other. 0 or -EINVAL. */
int check_compare_conditions(const struct check *c, struct check_error *error);

/* Fills requests and measures of a result. 0 or -ENOMEM. */
int check_measure(struct check_result *r, const struct check *c, const struct summary *s,
		  const char *blind);

#endif
