/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * plugin.h - the outcome of checks as monitoring systems read it. Text is the form of the
 * Monitoring Plugins Development Guidelines: a line with the state, '|', performance data; then
 * details. No '|' but that one is ever written, whatever came from the wire. JSON is
 * docs/check.schema.json.
 */
#ifndef RS_PLUGIN_H
#define RS_PLUGIN_H

#include <stdio.h>

#include "../core/check.h"

void sink_check_text(FILE *f, const struct check_report *r);
void sink_check_json(FILE *f, const struct check_report *r);

/* There is nothing to hold the checks against. text: why, a line; more: further lines, or NULL. Any
   bytes. */
struct plugin_problem {
	enum check_state state;
	const char *text, *more;
};
void sink_problem_text(FILE *f, const struct plugin_problem *p);
void sink_problem_json(FILE *f, const struct plugin_problem *p);

/* The state in words, "REQSCOPE OK - ..." without the performance data and without a newline. */
void plugin_headline(FILE *f, const struct check_report *r);
/* What was found for a condition: "412 ms", "at least 3.2 s", "not known: no request ended". */
void plugin_measured(FILE *f, const struct check_condition *c, const struct check_measure *m);
/* Where it comes from mostly: "GET /report, 49 of 60 requests"; nothing when that is not known.
   Returns whether something was written after `before`. */
bool plugin_where(FILE *f, const char *before, const struct check_report *r, const struct check *c,
		  enum check_metric metric);
/* Printable text: controls and what is no UTF-8 become \xHH, so does '|'. */
void plugin_put(FILE *f, const char *text);

#endif
