/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route.h - paths to routes of bounded number.
 *
 * Three sources, in this order: exact templates (a routes file, or later the app's own table), the
 * folding heuristic (numbers, UUIDs, hashes, long or high-entropy segments become {id}), and a trie per
 * method that folds a level which still explodes into {*}. A route is (method, template). At the bound
 * everything new is the one route `other`, counted. Pure; knows no HTTP beyond methods and paths.
 */
#ifndef RS_ROUTE_H
#define RS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ROUTE_METHOD_MAX 24
#define ROUTE_TEMPLATE_MAX 256

struct route {
	uint32_t id; /* dense from 0; id 0 is `other` */
	char method[ROUTE_METHOD_MAX];
	char *template; /* raw bytes, NUL-terminated; sinks escape them. "other" for id 0 */
	char *place;    /* "file:line function" of the endpoint, or NULL */
	struct route *folded_into; /* set when a level folded later; follow with route_final() */
};

struct router;

/* max_routes: bound on the routes in use (>= 2), `other` included. NULL when out of memory. */
struct router *router_new(uint32_t max_routes);
void router_free(struct router *r);

/*
 * The route of a request. Never NULL: `other` at the bound. The path has no query; it may hold any
 * bytes. A method that is no known token is used as it is. Pointers stay valid as long as the router.
 * Steady state (route known) does not allocate.
 */
struct route *router_match(struct router *r, const char *method, const char *path, size_t path_len);

/* Follows folded_into to the end. */
struct route *route_final(struct route *route);

uint32_t router_count(const struct router *r); /* routes ever made, ids are below it */
struct route *router_get(struct router *r, uint32_t id);
uint64_t router_overflow(const struct router *r); /* requests that fell into `other` */

/* What is wrong with a routes file, for the person who wrote it. */
struct route_error {
	unsigned line;  /* 1-based; 0: the file as a whole */
	char text[160]; /* what was found and what was expected */
};

/*
 * Adds one exact template: method "*" for any; "/items/{item_id}", "{name:path}" matches the rest,
 * other converters match one segment. Literal segments win over parameters, as in Starlette the first
 * registered wins among equals. place may be NULL. 0, -EINVAL (error filled), -ENOMEM.
 */
int router_add(struct router *r, const char *method, const char *template, const char *place,
	       struct route_error *error);

/*
 * Adds the templates of a routes file held in memory: either lines "METHOD /template" (blank lines and
 * # comments allowed; METHOD may be *), or an OpenAPI JSON document with `paths` as FastAPI serves it.
 * 0 or -EINVAL (error filled) or -ENOMEM.
 */
int router_load(struct router *r, const char *text, size_t len, struct route_error *error);

/* Whether any exact template was added; with templates, a path that matches none is folded. */
bool router_has_templates(const struct router *r);

/* Glob over "METHOD template" or over the template alone (* matches within and across segments,
   ? one byte), for --route. */
bool route_glob(const char *glob, const struct route *route);

#endif
