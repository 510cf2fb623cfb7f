/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sink.h - finished data to bytes. Sinks know nothing of where the data came from. Whatever came
 * from the wire is escaped here: no control byte and no broken UTF-8 leaves (lib/escape.h). All
 * write to a stdio stream; the caller checks ferror().
 */
#ifndef RS_SINK_H
#define RS_SINK_H

#include <stdio.h>

#include "../core/summary.h"

/* The contract of docs/summary.schema.json: one object, one line, newline at the end. */
void sink_summary_json(FILE *f, const struct summary *s);

/* The same as a line of a log: what tells a reader of lines when, how bad and what comes first, and the
   routes are bounded. */
struct sink_line {
	uint64_t wall_ns;	    /* end of the window, wall clock */
	const char *level, *message; /* valid UTF-8, printable */
	uint32_t max_routes;
};
void sink_summary_json_line(FILE *f, const struct summary *s, const struct sink_line *line);

struct term_options {
	unsigned columns; /* width to lay out for */
	unsigned lines;	  /* 0: no limit (a report); else fit this many (top) */
	bool colour;
	bool utf8;	  /* block characters allowed */
	uint64_t slow_ns; /* trace: a total above this stands out; 0: none does */
};
/* The screen of `summary` and of `top`. */
void sink_summary_text(FILE *f, const struct summary *s, const struct term_options *o);

/* One line per request (event "end"), or for one still open (event "open"). wall_offset: wall clock
   less monotonic, ns. target: its name. now: monotonic, for the age of an open one; where: it waits there
   in the application, NULL not known. */
struct trace_context {
	const char *host, *target;
	int64_t wall_offset;
	uint64_t now;
	const char *where;
};
void sink_trace_json(FILE *f, const struct trace_context *c, const struct request *r);
void sink_trace_text(FILE *f, const struct trace_context *c, const struct request *r,
		     const struct term_options *o);
/* Column names for sink_trace_text. */
void sink_trace_text_header(FILE *f, const struct term_options *o);

#endif
