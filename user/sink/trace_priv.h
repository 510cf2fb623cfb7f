/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* trace_priv.h - what the two forms of a trace's lines share: trace.c, trace_text.c. */
#ifndef RS_TRACE_PRIV_H
#define RS_TRACE_PRIV_H

#include "sink.h"

/* When it arrived, or when it was first seen where that is not known; monotonic ns, 0 unknown. */
uint64_t trace_began(const struct request *r);
uint64_t trace_wall(const struct trace_context *c, uint64_t monotonic);

#endif
