// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kinds.h"

#include <string.h>

#define MRO_MAX	  64
#define TYPES_MAX 16384 /* remembered */

static const struct {
	const char *name;
	const char *module; /* NULL: of C, where the name is enough */
	enum py_kind kind;
} classes[] = {
	{"Route", "starlette.routing", KIND_ROUTE},
	{"WebSocketRoute", "starlette.routing", KIND_WEBSOCKET},
	{"Mount", "starlette.routing", KIND_MOUNT},
	{"Host", "starlette.routing", KIND_HOST},
	{"_IncludedRouter", "fastapi.routing", KIND_INCLUDED},
	{"_FrontendRouteGroup", "fastapi.routing", KIND_FRONTENDS},
	{"_FrontendRoute", "fastapi.routing", KIND_FRONTEND},
	{"BaseRoute", "starlette.routing", KIND_BASE_ROUTE},
	{"Router", "starlette.routing", KIND_ROUTER},
	{"Starlette", "starlette.applications", KIND_APP},
	{"FastAPI", "fastapi.applications", KIND_FASTAPI},
	{"StaticFiles", "starlette.staticfiles", KIND_STATIC},
	{"Server", "uvicorn.server", KIND_SERVER},
	{"UvicornWorker", "uvicorn.workers", KIND_SERVER},
	{"UvicornWorker", "uvicorn_worker._workers", KIND_SERVER},
	{"Config", "uvicorn.config", KIND_CONFIG},
	{"function", NULL, KIND_FUNCTION},
	{"method", NULL, KIND_METHOD},
	{"functools.partial", NULL, KIND_PARTIAL},
	{"coroutine", NULL, KIND_COROUTINE},
	{"generator", NULL, KIND_GENERATOR},
	{"async_generator", NULL, KIND_ASYNC_GENERATOR},
	{"coroutine_wrapper", NULL, KIND_AWAITABLE},
	{"async_generator_asend", NULL, KIND_AWAITABLE},
	{"async_generator_athrow", NULL, KIND_AWAITABLE},
	{"anext_awaitable", NULL, KIND_AWAITABLE},
	{"_asyncio.FutureIter", NULL, KIND_AWAITABLE},
	{"weakref", NULL, KIND_REFERENCE},
	{"weakref.ReferenceType", NULL, KIND_REFERENCE},
	{"_asyncio.Task", NULL, KIND_TASK},
	{"Task", "asyncio.tasks", KIND_TASK},
	{"_GatheringFuture", "asyncio.tasks", KIND_GATHERING},
	{"_asyncio.Future", NULL, KIND_FUTURE},
	{"Future", "asyncio.futures", KIND_FUTURE},
	{"cell", NULL, KIND_CELL},
	{"code", NULL, KIND_CODE},
	{"module", NULL, KIND_MODULE},
};

static int module_of(struct py *py, uint64_t type, char *buf, size_t size)
{
	uint64_t dict = pymem_u64(py->mem, type + py->o.tp_dict);

	return py_str(py, py_dict_get(py, dict, "__module__"), buf, size);
}

/* A class that Python code made has no dot in its name; one of C has, or is none of the heap's. */
static bool is_of_c(struct py *py, uint64_t type, const char *name)
{
	return strchr(name, '.') || !(pymem_u64(py->mem, type + py->o.tp_flags) & PY_HEAP_TYPE);
}

static enum py_kind kind_of_class(struct py *py, uint64_t type)
{
	char name[96], module[64] = "";
	bool asked = false;

	if (!py_is(py, type, PY_TYPE) ||
	    pymem_text(py->mem, pymem_u64(py->mem, type + py->o.tp_name), name, sizeof(name)))
		return KIND_OTHER;
	for (unsigned i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strcmp(classes[i].name, name))
			continue;
		if (!classes[i].module && is_of_c(py, type, name))
			return classes[i].kind;
		if (!classes[i].module)
			continue;
		if (!asked && module_of(py, type, module, sizeof(module)) < 0)
			return KIND_OTHER;
		asked = true;
		if (!strcmp(classes[i].module, module))
			return classes[i].kind;
	}
	return KIND_OTHER;
}

/* Calls visit with each class, the object's own first, until it returns true. */
static bool classes_any(struct py *py, uint64_t type, bool (*visit)(struct py *, uint64_t, void *),
			void *ctx)
{
	uint64_t items;
	int64_t n = py_tuple(py, pymem_u64(py->mem, type + py->o.tp_mro), &items);

	for (int64_t i = 0; i < n && i < MRO_MAX; i++)
		if (visit(py, pymem_u64(py->mem, items + i * 8), ctx))
			return true;
	return false;
}

static bool is_known(struct py *py, uint64_t type, void *ctx)
{
	enum py_kind *kind = ctx;

	*kind = kind_of_class(py, type);
	return *kind != KIND_OTHER;
}

enum py_kind py_kind(struct py *py, uint64_t object)
{
	uint64_t type = py_type(py, object);
	enum py_kind kind = KIND_OTHER;
	void *known = type ? hashmap_get(&py->kinds, type) : NULL;

	if (known)
		return (enum py_kind)((uintptr_t)known - 1);
	if (!py_is(py, type, PY_TYPE))
		return KIND_OTHER;
	/* types of C that nobody made ready (before 3.10) have no list of classes */
	if (!classes_any(py, type, is_known, &kind))
		kind = kind_of_class(py, type);
	if (hashmap_count(&py->kinds) < TYPES_MAX)
		hashmap_put(&py->kinds, type, (void *)((uintptr_t)kind + 1));
	return kind;
}

void py_kinds_forget(struct py *py)
{
	hashmap_free(&py->kinds);
}

struct override {
	const char *method;
	bool own;
};

/* Stops at the first class of the framework. */
static bool looks_overridden(struct py *py, uint64_t type, void *ctx)
{
	struct override *o = ctx;
	char module[64];

	if (module_of(py, type, module, sizeof(module)) < 0 || !strncmp(module, "starlette.", 10) ||
	    !strncmp(module, "fastapi.", 8))
		return true;
	o->own = py_dict_get(py, pymem_u64(py->mem, type + py->o.tp_dict), o->method) != 0;
	return o->own;
}

bool py_overrides(struct py *py, uint64_t object, const char *method)
{
	struct override o = {method, false};

	classes_any(py, py_type(py, object), looks_overridden, &o);
	return o.own;
}
