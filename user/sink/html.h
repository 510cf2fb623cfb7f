/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html.h - a summary and its course over time as one page of HTML: styles and pictures (SVG) are
 * inside, scripts there are none, and its policy forbids a browser to load anything. Pure.
 *
 * Bounded at HTML_MAX bytes, whatever the traffic was: at most 50 routes, 50 rows of errors and so
 * on, the rest summed and counted.
 */
#ifndef RS_HTML_H
#define RS_HTML_H

#include "../core/summary.h"
#include "../core/timeline.h"
#include "sink.h"

#define HTML_MAX (1u << 20)

struct html_report {
	const struct summary *summary;
	const struct timeline *timeline; /* NULL: nothing is drawn over time */
};

/* The page. Strings from outside are escaped; the caller checks ferror(). */
void sink_html(FILE *f, const struct html_report *r);

#endif
