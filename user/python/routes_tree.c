// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * routes_tree.c - the tree of routers, mounts and routes, laid flat in the order in which Starlette
 * tries it (starlette/routing.py: Router.app; fastapi/routing.py: APIRouter.app, _IncludedRouter).
 */
#include "routes_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "root.h"

#define METHODS_MAX 24
#define VISITS_MAX  (4 * PY_ROUTES_MAX)
/* Modules/_sre/sre.h, PatternObject: size, groups, groupindex, indexgroup, pattern, flags. */
#define RE_PATTERN    48
#define RE_FLAGS      56
#define RE_IGNORECASE 2

/* Where in the tree the walk is. */
struct walk {
	struct py *py;
	const char *cwd;
	struct py_routes *out;
	char prefix[PY_TEXT_MAX];
	const char *host; /* of the innermost Host; NULL: any */
	bool host_case;
	bool doubt; /* something above decides in its own way */
	unsigned depth;
	uint32_t visits;
};

static int read_router(struct walk *w, uint64_t router, bool included);

/* --- entries */

static int entry_add(struct py_routes *r, const struct route_entry *e)
{
	struct route_entry *to;

	if (r->n == r->room) {
		uint32_t room = r->room ? r->room * 2 : 64;
		void *grown = realloc(r->entries, room * sizeof(*r->entries));

		if (!grown)
			return -ENOMEM;
		r->entries = grown;
		r->room = room;
	}
	to = &r->entries[r->n++];
	*to = *e;
	to->template = strdup(e->template);
	to->place = e->place && *e->place ? strdup(e->place) : NULL;
	to->host = e->host ? strdup(e->host) : NULL;
	return to->template && (to->place || !e->place || !*e->place) && (to->host || !e->host)
		       ? 0
		       : -ENOMEM;
}

static void count_route(struct walk *w, bool uncertain)
{
	w->out->routes++;
	w->out->uncertain += uncertain;
}

static bool is_full(struct walk *w)
{
	if (w->out->routes < PY_ROUTES_MAX && w->visits < VISITS_MAX)
		return false;
	w->out->cut = true;
	return true;
}

/* The prefix and a path behind it. False when that is too long for a template. */
static bool join(const struct walk *w, const char *path, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s%s", w->prefix, path);

	return n >= 0 && (size_t)n < size;
}

/* --- routes */

/* Route.path_regex.pattern; NULL when it cannot be read. */
static const char *regex_of(struct py *py, uint64_t compiled, char *buf, size_t size)
{
	char name[24];

	if (py_type_name(py, compiled, name, sizeof(name)) || strcmp(name, "re.Pattern"))
		return NULL;
	return py_str(py, pymem_u64(py->mem, compiled + RE_PATTERN), buf, size) > 0 && *buf == '^'
		       ? buf
		       : NULL;
}

struct attrs {
	struct py *py;
	uint64_t path, methods, endpoint, app, host, regex;
};

static int note_attr(void *ctx, uint64_t key, uint64_t value)
{
	struct attrs *a = ctx;
	const struct {
		const char *name;
		uint64_t *to;
	} wanted[] = {
		{"path", &a->path},	    {"methods", &a->methods}, {"app", &a->app},
		{"endpoint", &a->endpoint}, {"host", &a->host},	      {"path_regex", &a->regex},
		{"host_regex", &a->regex},
	};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (py_str_is(a->py, key, wanted[i].name))
			*wanted[i].to = value;
	return 0;
}

static struct attrs attrs_of(struct walk *w, uint64_t object)
{
	struct attrs a = {.py = w->py};

	py_attrs_each(w->py, object, note_attr, &a);
	return a;
}

static int compare_methods(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names of Route.methods, in order; "*" when it is None. */
static int methods_of(struct walk *w, uint64_t set, char names[METHODS_MAX][ROUTE_METHOD_MAX])
{
	uint64_t keys[METHODS_MAX];
	char type[16];
	int n;

	if (!py_type_name(w->py, set, type, sizeof(type)) && !strcmp(type, "NoneType")) {
		strcpy(names[0], "*");
		return 1;
	}
	n = py_set(w->py, set, keys, METHODS_MAX);
	for (int i = 0; i < n; i++)
		if (py_str(w->py, keys[i], names[i], ROUTE_METHOD_MAX) <= 0)
			return -EINVAL;
	if (n > 0)
		qsort(names, n, ROUTE_METHOD_MAX, compare_methods);
	if (!n) { /* an empty set refuses nothing */
		strcpy(names[0], "*");
		return 1;
	}
	return n;
}

/* A route of a path, for http or websocket. */
static int read_route(struct walk *w, uint64_t route, bool websocket)
{
	char names[METHODS_MAX][ROUTE_METHOD_MAX] = {"GET"}; /* a handshake is a GET */
	char path[PY_TEXT_MAX], template[2 * PY_TEXT_MAX], regex[PY_TEXT_MAX], place[PY_PLACE_MAX];
	struct attrs a = attrs_of(w, route);
	struct route_entry e = {.template = template,
				.place = place,
				.host = w->host,
				.host_case = w->host_case,
				.scope = ROUTE_NO_SCOPE,
				.upgrade = websocket};
	int n = 1, err = 0;

	if (py_str(w->py, a.path, path, sizeof(path)) < 0 ||
	    !join(w, path, template, sizeof(template)))
		return -EAGAIN;
	if (!websocket)
		n = methods_of(w, a.methods, names);
	if (n < 0)
		return -EAGAIN;
	py_place(w->py, a.endpoint, w->cwd, place, sizeof(place));
	e.uncertain = w->doubt || py_overrides(w->py, route, "matches") ||
		      !py_converters_known(path, regex_of(w->py, a.regex, regex, sizeof(regex)));
	count_route(w, e.uncertain);
	for (int i = 0; i < n && !err; i++) {
		memcpy(e.method, names[i], sizeof(e.method));
		err = entry_add(w->out, &e);
	}
	return err;
}

/* --- what has routes below it */

/* Whatever is below a mount stays there: what none of its routes takes gets the mount's own entry.
 */
static int close_scope(struct walk *w, uint32_t scope, uint64_t app)
{
	char template[PY_TEXT_MAX + 16], place[PY_PLACE_MAX] = "";
	struct route_entry e = {.method = "*",
				.template = template,
				.place = place,
				.host = w->host,
				.host_case = w->host_case,
				.scope = scope,
				.uncertain = w->doubt};

	if (py_kind(w->py, app) == KIND_FUNCTION)
		py_place(w->py, app, w->cwd, place, sizeof(place));
	if (!join(w, "/{path:path}", template, sizeof(template)))
		return -EAGAIN;
	return entry_add(w->out, &e);
}

/* Reads what an ASGI application has, and closes it: an opaque one is but the entry at its end. */
static int read_below(struct walk *w, uint64_t app)
{
	uint64_t inner = py_kind(w->py, app) == KIND_STATIC ? 0 : py_unwrap(w->py, app);
	uint32_t scope = w->out->n;
	int err = 0;

	if (inner)
		err = read_router(w, inner, false);
	else
		count_route(w, w->doubt);
	return err ? err : close_scope(w, scope, inner ? 0 : app);
}

static int read_mount(struct walk *w, uint64_t route)
{
	struct attrs a = attrs_of(w, route);
	size_t before = strlen(w->prefix), len;
	char path[PY_TEXT_MAX];
	bool doubt = w->doubt;
	int err;

	if (py_str(w->py, a.path, path, sizeof(path)) < 0)
		return -EAGAIN;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		path[--len] = '\0';
	if (before + len >= sizeof(w->prefix))
		return -EAGAIN;
	memcpy(w->prefix + before, path, len + 1);
	w->doubt |= py_overrides(w->py, route, "matches") || !py_converters_known(path, NULL);
	err = read_below(w, a.app);
	w->doubt = doubt;
	w->prefix[before] = '\0';
	return err;
}

/* A host in a host replaces it: both would have to match. */
static int read_host(struct walk *w, uint64_t route)
{
	struct attrs a = attrs_of(w, route);
	const char *before = w->host;
	bool doubt = w->doubt;
	bool host_case = w->host_case;
	char host[256];
	int err;

	if (py_str(w->py, a.host, host, sizeof(host)) <= 0)
		return -EAGAIN;
	w->doubt |=
		before || py_overrides(w->py, route, "matches") || !py_converters_known(host, NULL);
	w->host = host;
	w->host_case = !(pymem_u32(w->py->mem, a.regex + RE_FLAGS) & RE_IGNORECASE);
	err = read_below(w, a.app);
	w->host = before;
	w->host_case = host_case;
	w->doubt = doubt;
	return err;
}

/* FastAPI from 0.137: include_router() keeps the router, and a prefix beside it. */
static int read_included(struct walk *w, uint64_t route,
			 int (*read)(struct walk *w, uint64_t router))
{
	uint64_t context = py_attr(w->py, route, "include_context");
	uint64_t router = py_attr(w->py, route, "original_router");
	size_t before = strlen(w->prefix);
	bool doubt = w->doubt;
	char prefix[PY_TEXT_MAX];
	int n = py_str(w->py, py_attr(w->py, context, "prefix"), prefix, sizeof(prefix)), err;

	if (n < 0 || before + n >= sizeof(w->prefix) || py_kind(w->py, router) != KIND_ROUTER)
		return -EAGAIN;
	memcpy(w->prefix + before, prefix, n + 1);
	w->doubt |= py_overrides(w->py, route, "matches") || !py_converters_known(prefix, NULL);
	err = read(w, router);
	w->doubt = doubt;
	w->prefix[before] = '\0';
	return err;
}

static int read_included_routes(struct walk *w, uint64_t router)
{
	return read_router(w, router, true);
}

static int read_one(struct walk *w, uint64_t route)
{
	switch (py_kind(w->py, route)) {
	case KIND_ROUTE:
		return read_route(w, route, false);
	case KIND_WEBSOCKET:
		return read_route(w, route, true);
	case KIND_MOUNT:
		return read_mount(w, route);
	case KIND_HOST:
		return read_host(w, route);
	case KIND_INCLUDED:
		return read_included(w, route, read_included_routes);
	default: /* a class of its own: what it takes cannot be known, nor what comes after it */
		count_route(w, true);
		w->doubt = true;
		return 0;
	}
}

/* --- FastAPI's frontends: tried when no route has matched */

static int read_frontend(struct walk *w, uint64_t frontend)
{
	static const char *const methods[] = {"GET", "HEAD"};
	char path[PY_TEXT_MAX], template[2 * PY_TEXT_MAX + 16];
	struct route_entry e = {.template = template,
				.host = w->host,
				.host_case = w->host_case,
				.scope = ROUTE_NO_SCOPE,
				.uncertain = w->doubt};
	int n = py_str(w->py, py_attr(w->py, frontend, "path"), path, sizeof(path)), err = 0;

	if (py_kind(w->py, frontend) != KIND_FRONTEND || n <= 0)
		return -EAGAIN;
	if (path[n - 1] == '/')
		path[n - 1] = '\0';
	count_route(w, e.uncertain);
	for (unsigned i = 0; i < 4 && !err; i++) {
		snprintf(template, sizeof(template), "%s%s%s", w->prefix, path,
			 i < 2 ? "/{path:path}" : "");
		snprintf(e.method, sizeof(e.method), "%s", methods[i % 2]);
		if (*template)
			err = entry_add(w->out, &e);
	}
	return err;
}

/* The longest path wins, not the first; their order is as they were added, so more than one is in
   doubt. */
static int read_frontends(struct walk *w, uint64_t group)
{
	uint64_t items;
	int64_t n = py_list(w->py, py_attr(w->py, group, "routes"), &items);
	bool doubt = w->doubt;
	int err = 0;

	if (py_kind(w->py, group) != KIND_FRONTENDS || n < 0)
		return -EAGAIN;
	w->doubt |= n > 1;
	for (int64_t i = 0; i < n && !err && !is_full(w); i++)
		err = read_frontend(w, pymem_u64(w->py->mem, items + i * 8));
	w->doubt = doubt;
	return err;
}

/* A router's own, then those of the routers that it includes. */
static int read_last(struct walk *w, uint64_t router)
{
	uint64_t list = py_attr(w->py, router, "_low_priority_routes"), items;
	int64_t n = list ? py_list(w->py, list, &items) : 0;
	int err = n < 0 ? -EAGAIN : 0;

	for (int64_t i = 0; i < n && !err && !is_full(w); i++)
		err = read_frontends(w, pymem_u64(w->py->mem, items + i * 8));
	n = list && !err && w->depth < PY_DEPTH_MAX
		    ? py_list(w->py, py_attr(w->py, router, "routes"), &items)
		    : 0;
	w->depth++;
	for (int64_t i = 0; i < n && !err && !is_full(w); i++) {
		uint64_t route = pymem_u64(w->py->mem, items + i * 8);

		w->visits++;
		if (py_kind(w->py, route) == KIND_INCLUDED)
			err = read_included(w, route, read_last);
	}
	w->depth--;
	return err;
}

/* --- routers */

static void watch(struct walk *w, uint64_t list, uint64_t items, int64_t length)
{
	struct py_routes *r = w->out;

	for (uint32_t i = 0; i < r->n_watch; i++)
		if (r->watch[i].list == list)
			return;
	if (r->n_watch < PY_WATCH_MAX)
		r->watch[r->n_watch++] = (struct py_watch){list, items, length};
}

/* An included router's frontends come later, with those of the one that includes it. */
static int read_router(struct walk *w, uint64_t router, bool included)
{
	uint64_t list, items;
	bool doubt = w->doubt;
	int64_t n;
	int err = 0;

	if (py_kind(w->py, router) != KIND_ROUTER)
		router = py_attr(w->py, router, "router");
	list = py_attr(w->py, router, "routes");
	n = py_list(w->py, list, &items);
	if (n < 0)
		return -EAGAIN;
	if (w->depth == PY_DEPTH_MAX) {
		w->out->cut = true;
		return 0;
	}
	watch(w, list, items, n);
	w->doubt |= py_overrides(w->py, router, "app");
	w->depth++;
	for (int64_t i = 0; i < n && !err && !is_full(w); i++) {
		w->visits++;
		err = read_one(w, pymem_u64(w->py->mem, items + i * 8));
	}
	if (!err && !included)
		err = read_last(w, router);
	w->depth--;
	w->doubt = doubt;
	return err;
}

int py_tree_read(struct py *py, uint64_t app, const char *cwd, struct py_routes *out)
{
	struct walk *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->py = py;
	w->cwd = cwd;
	w->out = out;
	w->doubt = py_overrides(py, app, "__call__"); /* it may rewrite paths */
	err = read_router(w, app, false);
	free(w);
	return err;
}
