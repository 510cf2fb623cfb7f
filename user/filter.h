/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* filter.h - which requests the options choose: --route, --status, --slow. */
#ifndef RS_FILTER_H
#define RS_FILTER_H

#include "core/request.h"
#include "options.h"

/* By --route: one that was never read has no route and passes only without it. */
bool filter_route(const struct options *o, const struct request *r);
/* By --status and --slow, of a request that ended. */
bool filter_line(const struct options *o, const struct request *r);

#endif
