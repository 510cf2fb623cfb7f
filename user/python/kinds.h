/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * kinds.h - what an object is, by the classes it descends from: their names and the modules that
 * define them. An app's own subclass of a route is a route.
 */
#ifndef RS_PYTHON_KINDS_H
#define RS_PYTHON_KINDS_H

#include "object.h"

enum py_kind {
	KIND_OTHER,
	KIND_ROUTE,
	KIND_WEBSOCKET,
	KIND_MOUNT,
	KIND_HOST,
	KIND_INCLUDED,	 /* FastAPI's _IncludedRouter */
	KIND_FRONTENDS,	 /* FastAPI's _FrontendRouteGroup */
	KIND_FRONTEND,	 /* and one of it */
	KIND_BASE_ROUTE, /* a route of a class of its own */
	KIND_ROUTER,
	KIND_APP,
	KIND_FASTAPI,
	KIND_STATIC,
	KIND_SERVER, /* has a .config */
	KIND_CONFIG,
	KIND_FUNCTION,
	KIND_METHOD,
	KIND_PARTIAL,
	KIND_COROUTINE,
	KIND_GENERATOR,
	KIND_ASYNC_GENERATOR,
	KIND_AWAITABLE, /* of C, and leads to what is awaited behind its head */
	KIND_REFERENCE, /* weak */
	KIND_TASK,
	KIND_GATHERING,
	KIND_FUTURE,
	KIND_CELL,
	KIND_CODE,
	KIND_MODULE,
};

enum py_kind py_kind(struct py *py, uint64_t object); /* KIND_OTHER for none, too */
/* Has routes: an application or a router. */
static inline bool py_kind_routes(enum py_kind kind)
{
	return kind == KIND_APP || kind == KIND_FASTAPI || kind == KIND_ROUTER;
}

void py_kinds_forget(struct py *py);

/* A class of the object's that is not the framework's defines this method itself. */
bool py_overrides(struct py *py, uint64_t object, const char *method);

#endif
