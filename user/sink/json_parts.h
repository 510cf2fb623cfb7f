/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * json_parts.h - members that stand in several kinds of JSON objects, always alike. For user/sink/
 * only.
 */
#ifndef RS_JSON_PARTS_H
#define RS_JSON_PARTS_H

#include "../core/summary.h"
#include "../lib/jsonw.h"

void json_window(struct jsonw *w, const struct summary *s);	   /* "window" */
void json_verdict(struct jsonw *w, const struct verdict *v);	   /* "verdict" */
void json_ledger(struct jsonw *w, const struct summary *s);	   /* "requests", with its rate */
void json_classes(struct jsonw *w, const struct status_counts *c); /* "status" */

#endif
