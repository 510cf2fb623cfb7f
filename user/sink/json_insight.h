/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* json_insight.h - members of a summary that the interpreter tells. For user/sink/ only. */
#ifndef RS_JSON_INSIGHT_H
#define RS_JSON_INSIGHT_H

#include "../core/summary.h"
#include "../lib/jsonw.h"

void json_route_errors(struct jsonw *w, const struct route_stats *r); /* "errors" of a route */
/* "errors", at most `most` and those of no route, and "background_errors". */
void json_errors(struct jsonw *w, const struct stats *st, uint32_t most);
void json_held(struct jsonw *w, const struct site *held, uint64_t ns); /* "held"; NULL: nothing */
void json_loop(struct jsonw *w, const struct summary *s);	       /* "loop" */
void json_waits(struct jsonw *w, const struct summary *s);	       /* "waits" */

#endif
