/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * diff.h - a comparison (core/compare.h) as text and as JSON (docs/diff.schema.json), with what is
 * known of its two sides. Everything from outside is escaped here.
 */
#ifndef RS_SINK_DIFF_H
#define RS_SINK_DIFF_H

#include "../core/compare.h"
#include "sink.h"

struct diff_side {
	const char *source;	/* the file's name */
	const char *kind;	/* "recording" or "summary" */
	const char *target;	/* what was watched, or NULL */
	const char *version;	/* of the service, when it is known; or NULL */
	uint64_t start_wall_ns; /* 0: not known */
};

struct diff {
	const struct comparison *comparison;
	struct diff_side before, after;
	bool deploy; /* both sides are of one recording, before and after a deploy */
};

void sink_diff_text(FILE *f, const struct diff *d, const struct term_options *o);
/* One object, one line, newline at the end. */
void sink_diff_json(FILE *f, const struct diff *d);

#endif
