/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * routes.h - the route table of a Starlette or FastAPI application, read from its memory in the
 * order in which the application tries it. Pure.
 */
#ifndef RS_PYTHON_ROUTES_H
#define RS_PYTHON_ROUTES_H

#include "../core/route.h"
#include "object.h"

#define PY_ROUTES_MAX 20000
#define PY_DEPTH_MAX  12 /* mounts in mounts */
#define PY_WATCH_MAX  64

/* A list of routes that was read: it has changed when its length or its items' place has. */
struct py_watch {
	uint64_t list, items;
	int64_t length;
};

struct py_routes {
	struct route_entry *entries; /* owned, with their strings */
	uint32_t n, room;
	uint32_t routes;    /* that the application has: an entry is one method of one */
	uint32_t uncertain; /* of these: the application may decide otherwise */
	bool cut;	    /* a bound was met: there are more */
	bool fastapi;	    /* it is FastAPI's, not Starlette's own */
	bool guessed; /* the application was found as a module's variable, not as what is served */
	struct py_watch watch[PY_WATCH_MAX];
	uint32_t n_watch;
};

/*
 * Reads the table, twice, and only two equal readings count. cwd: what to leave out at the
 * beginning of file names, "" nothing. 0; -ENOENT: there is no table, why says so; -EAGAIN: it
 * changed all the time; -ENOMEM. Free it in any case.
 */
int py_routes_read(struct py *py, const char *cwd, struct py_routes *out, char *why, size_t size);
void py_routes_free(struct py_routes *r);
bool py_routes_equal(const struct py_routes *a, const struct py_routes *b); /* the entries */

/* Where an endpoint is: "file:line function". "" when that cannot be told. */
#define PY_PLACE_MAX 512
void py_place(struct py *py, uint64_t endpoint, const char *cwd, char *buf, size_t size);

#endif
