/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route.h - paths to routes of bounded number.
 *
 * Three sources, in this order: exact templates (a routes file, then the app's own table), the
 * folding heuristic (numbers, UUIDs, hashes, long or high-entropy segments become {id}), and a trie
 * per method that folds a level which still explodes into {*}. A route is (method, template). At
 * the bound everything new is the one route `other`, counted. Pure; knows no HTTP beyond methods
 * and paths.
 *
 * Folding keeps the structure: "/a", "/a/" and "//a" are three routes, as they are for Starlette. A
 * path of more than 16 segments, or whose template would be longer than ROUTE_TEMPLATE_MAX allows,
 * ends in
 * {*}. OPTIONS * has the template "*", CONNECT's authority-form "{authority}", any other target
 * that is no path "{invalid}"; of an absolute-form only the path counts.
 *
 * Methods are case-sensitive. Those of RFC 9110, PATCH, QUERY and those that a routes file names
 * are themselves; all others together are "_OTHER", the convention of OpenTelemetry.
 *
 * Memory is bounded by max_routes and by the templates added, whatever the traffic is.
 */
#ifndef RS_ROUTE_H
#define RS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ROUTE_METHOD_MAX   24
#define ROUTE_TEMPLATE_MAX 256

struct route {
	uint32_t id; /* dense from 0; id 0 is `other`, whose method is "*" */
	char method[ROUTE_METHOD_MAX];
	char *template; /* raw bytes, NUL-terminated; sinks escape them. "other" for id 0 */
	char *place;	/* "file:line function" of the endpoint, or NULL */
	bool uncertain; /* the app may have decided in its own way: see route_entry */
	struct route *folded_into; /* set when a level folded later; follow with route_final(). Such
				      a route keeps its id and is not matched any more */
};

struct router;

/*
 * max_routes: bound on the routes ever made, `other` and folded ones included; taken as 2 when it
 * is less, as 1048576 when it is more. An eighth is kept back for what levels fold into, and one id
 * for each template until it is first matched. NULL when out of memory.
 */
struct router *router_new(uint32_t max_routes);
void router_free(struct router *r); /* with its routes; r may be NULL */

/*
 * The route of a request. Never NULL: `other` at the bound, or when memory is short. The path is as
 * it came, percent-encoded; it may hold any bytes and is cut at a ? or #. method may be NULL
 * (_OTHER). The result never has folded_into set, but a later match may fold it. Pointers stay
 * valid as long as the router. Steady state (route known) does not allocate.
 */
struct route *router_match(struct router *r, const char *method, const char *path, size_t path_len);

/* The same, with all that the templates of an app may ask for. */
struct route_ask {
	const char *method, *path;
	size_t path_len;
	const char *host; /* what Host said, with or without a port; NULL: not known */
	bool upgrade;	  /* it asks for another protocol: a WebSocket, perhaps */
};
struct route *router_match_ask(struct router *r, const struct route_ask *ask);

/* Whether a template says so, not a heuristic. */
bool route_is_exact(const struct route *route);

/* Follows folded_into to the end. */
struct route *route_final(struct route *route);

uint32_t router_count(const struct router *r);		 /* routes ever made, ids are below it */
struct route *router_get(struct router *r, uint32_t id); /* NULL beyond the count */
/* Requests for which router_match() returned `other`. Routes that fold when no id is left may also
   have `other` as folded_into; their earlier requests are not counted here. */
uint64_t router_overflow(const struct router *r);

/* What is wrong with a routes file, for the person who wrote it. */
struct route_error {
	unsigned line;	/* 1-based; 0: the file as a whole */
	char text[160]; /* what was found and what was expected */
};

/*
 * Adds one exact template for a method, "*" for any. "{name}" matches one segment or the part of
 * one,
 * "{name:int}", "{name:float}" and "{name:uuid}" what Starlette's converters match, "{name:path}"
 * all that follows, slashes too; another converter one segment. Matched against the percent-decoded
 * path. As in Starlette, the first one added that has path and method wins; a literal does not win
 * over a parameter added before it. A path whose template is there for other methods only (405) has
 * that template, with its own method. route->template is Starlette's path_format: converters left
 * out.
 *
 * Templates are not bounded by max_routes, the routes made of them are. place is copied and may be
 * NULL. Adding the same again changes nothing. 0, -EINVAL (error filled, line 0), -ENOMEM; error
 * may be NULL, and its text is printable.
 */
int router_add(struct router *r, const char *method, const char *template, const char *place,
	       struct route_error *error);

/*
 * Adds the templates of a routes file held in memory (any bytes, no NUL needed at its end): either
 * lines "METHOD /template" (blank lines and # comments allowed; METHOD may be *), or an OpenAPI
 * JSON document with `paths` as FastAPI serves it. There a "{p:path}" cannot be told from a "{p}":
 * name such routes in lines. `servers` is ignored. Stops at the first error; templates before it
 * stay added. A file that adds nothing is an error. 0, -EINVAL (error filled, if not NULL),
 * -ENOMEM.
 */
int router_load(struct router *r, const char *text, size_t len, struct route_error *error);

/* One route and method of the app's own table, in the order in which the app tries them. */
#define ROUTE_NO_SCOPE UINT32_MAX
struct route_entry {
	char method[ROUTE_METHOD_MAX]; /* "*": any */
	const char *template;	       /* as for router_add() */
	const char *place;	       /* or NULL */
	const char *host; /* NULL: any; else as Starlette's Host has it: "{sub}.example.org" */
	/*
	 * The index of the first entry of a mount, for its last one, which takes all that is below the
	 * mount: nothing behind it is tried then, and a path that others in the mount have for other
	 * methods is theirs (405). ROUTE_NO_SCOPE for all others.
	 */
	uint32_t scope;
	bool host_case; /* upper and lower case of the host differ, as in old Starlette */
	bool upgrade;	/* for WebSockets: requests that ask for no upgrade are not its */
	bool uncertain; /* the app decides by more than path, method and host here */
};

/*
 * Puts these in the place of the table that was there. What a routes file says goes first. Routes made
 * before stay, with their place. Entries that cannot be used (longer than a template may be, not a
 * path) are left out and counted, if left_out is not NULL. 0, or -ENOMEM with the old table kept.
 */
int router_replace_app(struct router *r, const struct route_entry *entries, uint32_t n,
		       uint32_t *left_out);

/* Whether any exact template was added; with templates, a path that matches none is folded. */
bool router_has_templates(const struct router *r);

/*
 * What a recording says of routes (core/recfile.h), for routers that match no path themselves.
 * router_restore(): the route of that method, template and place (NULL: not known), made when there
 * is none; `other` at the bound, for what is no route at all and when memory is short. Never NULL.
 * router_restore_fold(): `route` was folded into `into`; into itself: it stands again. What would
 * lead in a circle is ignored.
 */
struct route *router_restore(struct router *r, const char *method, const char *template,
			     const char *place);
void router_restore_fold(struct route *route, struct route *into);

/* Glob over "METHOD template" or over the template alone, case-sensitive: * matches any bytes,
   slashes too, ? one byte; braces stand for themselves. For --route. */
bool route_glob(const char *glob, const struct route *route);

#endif
