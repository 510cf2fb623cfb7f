// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "root.h"

#include <string.h>

#include "kinds.h"
#include "runtime.h"

#define FRAMES_MAX  512 /* of a thread */
#define LOCALS_MAX  48	/* of a frame, its value stack too */
#define NESTED_MAX  8	/* coroutines in coroutines */
#define SEARCH_MAX  512
#define APPS_MAX    32
#define CLOSURE_MAX 32

/* --- the frames */

static uint64_t in_frame(struct py *py, uint64_t frame, unsigned depth);

static uint64_t of_config(struct py *py, uint64_t config)
{
	return py_kind(py, config) == KIND_CONFIG ? py_attr(py, config, "loaded_app") : 0;
}

static uint64_t of_local(struct py *py, uint64_t object, unsigned depth)
{
	uint64_t frame;

	switch (py_kind(py, object)) {
	case KIND_SERVER:
		return of_config(py, py_attr(py, object, "config"));
	case KIND_CONFIG:
		return of_config(py, object);
	case KIND_COROUTINE:
		frame = object + py->o.coro_frame;
		if (py->o.version < 0x30b)
			frame = pymem_u64(py->mem, frame);
		return depth < NESTED_MAX ? in_frame(py, frame, depth + 1) : 0;
	default:
		return 0;
	}
}

/* What lies above the top of the value stack is stale: it is looked at, and checked, like the rest.
 */
static uint64_t in_frame(struct py *py, uint64_t frame, unsigned depth)
{
	uint64_t code = pymem_u64(py->mem, frame + py->o.fr_code), app = 0;
	uint32_t n;

	if (!frame || frame & 7 || py_kind(py, code) != KIND_CODE)
		return 0;
	n = pymem_u32(py->mem, code + py->o.co_nlocals) +
	    pymem_u32(py->mem, code + py->o.co_stacksize);
	for (uint32_t i = 0; i < n && i < LOCALS_MAX && !app; i++) {
		uint64_t at = frame + py->o.fr_locals + i * 8;

		app = of_local(py, pymem_u64(py->mem, at), depth);
	}
	return app;
}

uint64_t py_served_app(struct py *py)
{
	uint64_t threads[PY_THREADS_MAX], app = 0;
	unsigned n = py_threads(py, threads);

	for (unsigned i = 0; i < n; i++) {
		uint64_t frame = pymem_u64(py->mem, threads[i] + py->o.ts_frame);

		if (py->o.cf_current >= 0)
			frame = pymem_u64(py->mem, frame + py->o.cf_current);
		for (unsigned k = 0; frame && k < FRAMES_MAX && !app; k++) {
			app = in_frame(py, frame, 0);
			frame = pymem_u64(py->mem, frame + py->o.fr_previous);
		}
		if (app)
			return app;
	}
	return 0;
}

/* --- the modules */

struct apps {
	struct py *py;
	uint64_t list[APPS_MAX];
	unsigned n;
	bool many;
};

static int note_app(void *ctx, uint64_t key, uint64_t value)
{
	struct apps *a = ctx;
	enum py_kind kind = py_kind(a->py, value);

	(void)key;
	if (kind != KIND_APP && kind != KIND_FASTAPI)
		return 0;
	for (unsigned i = 0; i < a->n; i++)
		if (a->list[i] == value)
			return 0;
	if (a->n == APPS_MAX)
		a->many = true;
	else
		a->list[a->n++] = value;
	return 0;
}

static int in_module(void *ctx, uint64_t key, uint64_t value)
{
	struct apps *a = ctx;

	(void)key;
	if (py_kind(a->py, value) == KIND_MODULE)
		py_attrs_each(a->py, value, note_app, a);
	return 0;
}

static uint64_t modules(struct py *py)
{
	return pymem_u64(py->mem, py->interp + py->o.in_modules);
}

bool py_imported(struct py *py, const char *module)
{
	return py_dict_get(py, modules(py), module) != 0;
}

/* Whether one of the mounts of an app leads to the other. */
static bool mounts(struct py *py, uint64_t app, uint64_t other)
{
	uint64_t items;
	int64_t n = py_list(py, py_attr(py, py_attr(py, app, "router"), "routes"), &items);

	for (int64_t i = 0; i < n; i++) {
		uint64_t route = pymem_u64(py->mem, items + i * 8);
		enum py_kind kind = py_kind(py, route);

		if ((kind == KIND_MOUNT || kind == KIND_HOST) &&
		    py_unwrap(py, py_attr(py, route, "app")) == other)
			return true;
	}
	return false;
}

uint64_t py_module_app(struct py *py)
{
	struct apps a = {.py = py};
	uint64_t top = 0;

	py_dict_each(py, modules(py), in_module, &a);
	for (unsigned i = 0; i < a.n && !a.many; i++) {
		bool mounted = false;

		for (unsigned k = 0; k < a.n && !mounted; k++)
			mounted = k != i && mounts(py, a.list[k], a.list[i]);
		if (mounted)
			continue;
		if (top)
			return 0;
		top = a.list[i];
	}
	return top;
}

/* --- behind middleware */

struct search {
	struct py *py;
	uint64_t list[SEARCH_MAX];
	unsigned n;
};

static void search_add(struct search *s, uint64_t object)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->list[i] == object)
			return;
	if (object && s->n < SEARCH_MAX)
		s->list[s->n++] = object;
}

static int search_attr(void *ctx, uint64_t key, uint64_t value)
{
	struct search *s = ctx;

	(void)key;
	if (!py_is(s->py, value,
		   PY_STR | PY_BYTES | PY_INT | PY_DICT | PY_LIST | PY_TUPLE | PY_TYPE |
			   PY_EXCEPTION))
		search_add(s, value);
	return 0;
}

static void search_closure(struct search *s, uint64_t function)
{
	struct py *py = s->py;
	uint64_t items;
	int64_t n = py_tuple(py, pymem_u64(py->mem, function + py->o.fn_closure), &items);

	for (int64_t i = 0; i < n && i < CLOSURE_MAX; i++) {
		uint64_t cell = pymem_u64(py->mem, items + i * 8);

		if (cell)
			search_attr(s, 0, pymem_u64(py->mem, cell + py->o.cell_ref));
	}
}

/* Adds what an object leads to. */
static void search_into(struct search *s, uint64_t o)
{
	struct py *py = s->py;

	switch (py_kind(py, o)) {
	case KIND_FUNCTION:
		search_closure(s, o);
		break;
	case KIND_METHOD:
		search_add(s, pymem_u64(py->mem, o + py->o.meth_self));
		search_add(s, pymem_u64(py->mem, o + py->o.meth_func));
		break;
	case KIND_PARTIAL: /* partialobject: the function comes first */
		search_add(s, pymem_u64(py->mem, o + 16));
		break;
	case KIND_MODULE:
		break;
	default:
		if (!py_is(py, o, PY_TYPE))
			py_attrs_each(py, o, search_attr, s);
	}
}

uint64_t py_unwrap(struct py *py, uint64_t app)
{
	struct search s = {.py = py};
	uint64_t found = 0;
	unsigned level = 1; /* where the next distance begins */

	search_add(&s, app);
	for (unsigned i = 0; i < s.n; i++) {
		enum py_kind kind = py_kind(py, s.list[i]);

		if (i == level) {
			if (found)
				return found;
			level = s.n;
		}
		if (!py_kind_routes(kind)) {
			search_into(&s, s.list[i]);
			continue;
		}
		if (found) /* two, equally near: which of them cannot be told */
			return 0;
		found = s.list[i];
	}
	return found;
}
