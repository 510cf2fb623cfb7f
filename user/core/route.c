/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route.c - the router's face: methods, the routes and their bound, the glob.
 */
#include "route_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../lib/escape.h"

/* RFC 9110, 9.1; RFC 5789; QUERY. Whatever else a client sends is one method, as OpenTelemetry's
   HTTP conventions have it. The order is by frequency. */
static const char *const known_methods[] = {
	"_OTHER", "GET",     "POST",  "PUT",	 "PATCH", "DELETE",
	"HEAD",	  "OPTIONS", "TRACE", "CONNECT", "QUERY",
};

/* --- methods */

/* -1 when it is not known. */
static int find_method(const struct router *r, const char *name)
{
	for (unsigned i = 1; i < r->n_methods; i++)
		if (!strcmp(r->methods[i].name, name))
			return (int)i;
	return -1;
}

unsigned route_method(const struct router *r, const char *name)
{
	int found = name ? find_method(r, name) : -1;

	return found < 0 ? 0 : (unsigned)found;
}

int route_method_add(struct router *r, const char *name)
{
	int found = find_method(r, name);

	if (found >= 0)
		return found;
	if (r->n_methods == ROUTE_METHODS || strlen(name) >= ROUTE_METHOD_MAX)
		return -1;
	strcpy(r->methods[r->n_methods].name, name);
	return (int)r->n_methods++;
}

/* --- routes */

bool route_room(const struct router *r, enum route_claim claim)
{
	uint64_t kept = claim == CLAIM_EXACT ? 0 : r->reserved;

	if (claim == CLAIM_NAME)
		kept += r->max / 8;
	return r->count + kept < r->max;
}

/* Makes the route without asking for room. NULL: no memory. */
static struct route_box *make_route(struct router *r, unsigned method, const char *template,
				    uint32_t hash)
{
	size_t size = strlen(template) + 1;
	struct route_box *box = calloc(1, sizeof(*box) + size);
	struct route_box **bucket = &r->buckets[hash & r->mask];

	if (!box)
		return NULL;
	memcpy(box->text, template, size);
	memcpy(box->route.method, r->methods[method].name, ROUTE_METHOD_MAX);
	box->route.template = box->text;
	box->route.id = r->count;
	box->method = (uint8_t)method;
	box->hash = hash;
	box->bucket = *bucket;
	*bucket = box;
	r->by_id[r->count++] = box;
	return box;
}

struct route *route_intern(struct router *r, unsigned method, const char *template, uint32_t hash,
			   enum route_claim claim)
{
	struct route_box *box;

	hash += method; /* the templates of one path lie side by side */
	for (box = r->buckets[hash & r->mask]; box; box = box->bucket)
		if (box->hash == hash && box->method == method && !strcmp(box->text, template))
			return &box->route;
	if (!route_room(r, claim))
		return NULL;
	box = make_route(r, method, template, hash);
	return box ? &box->route : NULL;
}

/* Id 0. No path leads to its template, which has no slash; nor can its method be asked for. */
static int make_other(struct router *r)
{
	struct route_box *box = make_route(r, 0, "other", 0);

	if (!box)
		return -ENOMEM;
	strcpy(box->route.method, "*");
	return 0;
}

static uint32_t buckets_for(uint32_t routes)
{
	uint32_t n = 16;

	while (n < routes)
		n *= 2;
	return n;
}

struct router *router_new(uint32_t max_routes)
{
	struct router *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	if (max_routes > ROUTE_MAX_ROUTES)
		max_routes = ROUTE_MAX_ROUTES;
	r->max = max_routes < 2 ? 2 : max_routes;
	r->mask = buckets_for(r->max) - 1;
	r->by_id = calloc(r->max, sizeof(*r->by_id));
	r->buckets = calloc(r->mask + 1, sizeof(*r->buckets));
	r->n_methods = sizeof(known_methods) / sizeof(*known_methods);
	for (unsigned i = 0; i < r->n_methods; i++)
		strcpy(r->methods[i].name, known_methods[i]);
	if (!r->by_id || !r->buckets || make_other(r)) {
		router_free(r);
		return NULL;
	}
	return r;
}

/* --- places */

#define PLACES_MAX 16 /* of one route: it moves when the app's source does */

static void places_free(struct route_place *p)
{
	while (p) {
		struct route_place *next = p->next;

		free(p);
		p = next;
	}
}

/* NULL when there is no memory, and when there were too many. */
static void set_place(struct route *route, const char *place)
{
	struct route_box *box = route_box(route);
	struct route_place *p = box->places;
	unsigned n = 0;

	if (route->place && !strcmp(route->place, place))
		return;
	for (; p && strcmp(p->text, place); p = p->next)
		n++;
	if (!p && n < PLACES_MAX) {
		p = malloc(sizeof(*p) + strlen(place) + 1);
		if (p) {
			strcpy(p->text, place);
			p->next = box->places;
			box->places = p;
		}
	}
	route->place = p ? p->text : NULL;
}

void router_free(struct router *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n_methods; i++)
		route_trie_free(r->methods[i].root);
	route_table_free(r->table);
	route_table_free(r->app);
	for (uint32_t i = 0; r->by_id && i < r->count; i++) {
		places_free(r->by_id[i]->places);
		free(r->by_id[i]);
	}
	free(r->by_id);
	free(r->buckets);
	free(r);
}

struct route *route_final(struct route *route)
{
	while (route->folded_into)
		route = route->folded_into;
	return route;
}

uint32_t router_count(const struct router *r)
{
	return r->count;
}

struct route *router_get(struct router *r, uint32_t id)
{
	return id < r->count ? &r->by_id[id]->route : NULL;
}

uint64_t router_overflow(const struct router *r)
{
	return r->overflow;
}

bool router_has_templates(const struct router *r)
{
	return r->table || r->app;
}

bool route_is_exact(const struct route *route)
{
	return ((const struct route_box *)route)->exact;
}

/* --- restoring */

static struct route *restore(struct router *r, const char *method, const char *template)
{
	int index = *method && strcmp(method, "_OTHER") ? route_method_add(r, method) : 0;

	if (!strcmp(method, "*") || strlen(template) >= ROUTE_TEMPLATE_MAX)
		return NULL;
	return route_intern(r, index < 0 ? 0 : (unsigned)index, template,
			    route_hash(template, strlen(template)), CLAIM_EXACT);
}

struct route *router_restore(struct router *r, const char *method, const char *template,
			     const char *place)
{
	struct route *route = restore(r, method, template);

	if (!route)
		return &r->by_id[0]->route;
	if (place && !route->place)
		set_place(route, place);
	return route;
}

void router_restore_fold(struct route *route, struct route *into)
{
	struct route *end = route_final(into);

	if (!route->id)
		return;
	if (route == into)
		route->folded_into = NULL;
	else if (end != route)
		route->folded_into = end;
}

/* --- matching */

/* The route of the template's last request, if it is this one's and as it was then. */
static struct route *same_route(const struct route_template *t, unsigned method)
{
	struct route *route = t->route;

	if (!route || route_box(route)->method != method || route->folded_into ||
	    route->place != t->told || route->uncertain != t->uncertain)
		return NULL;
	return route;
}

/* The route of a request that a template took. */
static struct route *exact_route(struct router *r, unsigned method, struct route_template *t)
{
	bool own = t->method < 0 || (unsigned)t->method == method;
	bool kept = own && !t->made;
	struct route *route = own ? same_route(t, method) : NULL;

	if (route)
		return route;
	route = route_intern(r, method, t->format, t->hash, kept ? CLAIM_EXACT : CLAIM_NAME);
	if (!route)
		return NULL;
	if (kept) {
		t->made = true;
		r->reserved--;
	}
	/* The folding tree may have made it before, and even folded it. From now on it stands. */
	route_box(route)->exact = true;
	route->folded_into = NULL;
	if (own) {
		route->uncertain = t->uncertain;
		if (t->place)
			set_place(route, t->place);
		t->route = route;
		t->told = route->place;
	}
	return route;
}

/* Targets that are no path: RFC 9112, 3.2.3 (authority-form) and 3.2.4 (asterisk-form). */
static const char *formless(const char *method, const char *path, size_t len)
{
	if (len && *path == '/')
		return NULL;
	if (!len)
		return "/"; /* RFC 9110, 4.2.3 */
	if (method && !strcmp(method, "CONNECT"))
		return "{authority}";
	return len == 1 && *path == '*' ? "*" : "{invalid}";
}

/* RFC 9112, 3.2.2: of an absolute-form only the path counts. */
static void strip_origin(const char **path, size_t *len)
{
	size_t scheme = 0;
	const char *slash;

	if (*len >= 7 && !strncasecmp(*path, "http://", 7))
		scheme = 7;
	else if (*len >= 8 && !strncasecmp(*path, "https://", 8))
		scheme = 8;
	if (!scheme)
		return;
	slash = memchr(*path + scheme, '/', *len - scheme);
	*len = slash ? (size_t)(*path + *len - slash) : 0;
	*path = slash ? slash : "";
}

/* The caller has cut the query already; that nothing of it is kept must not hang on that. */
static size_t cut_query(const char *path, size_t len)
{
	const char *mark = memchr(path, '?', len);

	if (mark)
		len = (size_t)(mark - path);
	mark = memchr(path, '#', len);
	return mark ? (size_t)(mark - path) : len;
}

static struct route_template *find_template(struct router *r, unsigned method,
					    const struct route_ask *ask, const char *path, size_t len)
{
	struct route_template *t = NULL;

	if (r->table)
		t = route_table_match(r, r->table, method, ask, path, len);
	if (!t && r->app)
		t = route_table_match(r, r->app, method, ask, path, len);
	return t;
}

static struct route *match(struct router *r, unsigned method, const struct route_ask *ask,
			   const char *path, size_t len)
{
	struct route_seg segs[ROUTE_SEGMENTS + 1];
	struct route_template *t;
	const char *special;

	if (*path != '/')
		strip_origin(&path, &len);
	special = formless(r->methods[method].name, path, len);
	if (special && *special != '/')
		return route_intern(r, method, special, route_hash(special, strlen(special)),
				    CLAIM_NAME);
	if (special) {
		path = special;
		len = 1;
	}
	t = find_template(r, method, ask, path, len);
	if (t)
		return exact_route(r, method, t);
	return route_trie_match(r, method, segs, route_split(path, len, segs));
}

struct route *router_match(struct router *r, const char *method, const char *path, size_t path_len)
{
	return router_match_ask(
		r, &(struct route_ask){.method = method, .path = path, .path_len = path_len});
}

struct route *router_match_ask(struct router *r, const struct route_ask *ask)
{
	size_t len = ask->path_len ? cut_query(ask->path, ask->path_len) : 0;
	struct route *route =
		match(r, route_method(r, ask->method), ask, len ? ask->path : "", len);

	if (!route) {
		r->overflow++;
		route = &r->by_id[0]->route;
	}
	return route;
}

/* --- the glob */

/* Whether a glob takes all of a text. Only the last star seen needs to be tried again. */
static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL, *from = text;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool route_glob(const char *pattern, const struct route *route)
{
	char both[ROUTE_METHOD_MAX + 1 + ROUTE_TEMPLATE_MAX];

	if (glob(pattern, route->template))
		return true;
	snprintf(both, sizeof(both), "%s %s", route->method, route->template);
	return glob(pattern, both);
}

/* --- errors */

int route_fail(struct route_error *error, const char *format, ...)
{
	va_list args;

	if (error) {
		error->line = 0;
		va_start(args, format);
		vsnprintf(error->text, sizeof(error->text), format, args);
		va_end(args);
		utf8_trim(error->text);
	}
	return -EINVAL;
}

struct route_quote route_quoted(const char *s, size_t n)
{
	struct route_quote quote;

	escape_text(quote.text, sizeof(quote.text), s, n, 40);
	return quote;
}
