/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hostile.h - strings made to get out of whatever they are written into, in every place of a
 * summary and a request that can hold one; and what must hold for anything that was written from
 * them.
 */
#ifndef RS_TEST_HOSTILE_H
#define RS_TEST_HOSTILE_H

#include "sample.h"
#include "traffic.h"

#include "../../user/core/compare.h"
#include "../../user/core/timeline.h"

struct hostile_string {
	struct hostile_string *next;
	char text[];
};

/* A sample in which everything that is a string is hostile. */
struct hostile {
	struct random random;
	struct sample *x;
	struct timeline *timeline;
	struct request request; /* one that ended */
	struct series *before, *after;
	struct comparison *comparison; /* of two stretches with these routes */
	struct summary_deploy deploy;
	struct summary_part part;
	struct hostile_string *strings;
};

void hostile_init(struct hostile *h, uint64_t seed);
void hostile_free(struct hostile *h);

/* A hostile string of at most `max` bytes, often much shorter; it lives until hostile_free(). */
const char *hostile_text(struct hostile *h, size_t max);

/*
 * Terminals and lines: UTF-8 (RFC 3629), no control (lib/escape.h) but, where `lines`, the newline;
 * a line is of 64 KiB at most. colour: as well as select graphic rendition in the few forms that
 * are ours.
 */
void hostile_check_text(const char *text, size_t len, bool lines, bool colour);

/* One JSON value on one line that ends with a newline. */
void hostile_check_json(const char *text, size_t len);

/* A page: the tags and attributes that pages have, and none of these may run or load anything. */
void hostile_check_html(const char *text, size_t len);

#endif
