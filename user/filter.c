// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "filter.h"

bool filter_route(const struct options *o, const struct request *r)
{
	return !o->route || (r->route && route_glob(o->route, route_final(r->route)));
}

bool filter_line(const struct options *o, const struct request *r)
{
	struct phases p;

	if (o->status && !(r->status_seen && options_status_match(o->status, r->status)))
		return false;
	if (!o->slow_ns)
		return true;
	request_phases(r, &p);
	if (p.total >= 0)
		return (uint64_t)p.total >= o->slow_ns;
	return p.abandoned >= 0 && (uint64_t)p.abandoned >= o->slow_ns;
}
