/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_priv.h - what the files of the router share; nobody else includes it.
 *
 *   route.c        the public face: methods, the routes themselves and their bound, the glob
 *   route_fold.c   a path to segments: which segment is a value
 *   route_trie.c   segments to routes, folding levels which explode
 *   route_table.c  exact templates: reading them, the tree that holds them
 *   route_find.c   the template of a path
 *   route_load.c   the routes file
 *   route_kids.c   the children of a node, for both trees
 */
#ifndef RS_ROUTE_PRIV_H
#define RS_ROUTE_PRIV_H

#include <stdint.h>
#include <string.h>

#include "route.h"

#define ROUTE_METHODS	  32 /* standard ones and those a routes file names */
#define ROUTE_MAX_ROUTES  (1u << 20)
#define ROUTE_SEGMENTS	  16   /* of a folded path; what is deeper becomes one {*} */
#define ROUTE_SEGMENT_MAX 40   /* bytes; a longer segment is a value */
#define ROUTE_DECODED_MAX 8192 /* a path with escapes beyond this is matched undecoded */

/* Every level that folds turns a label of one byte or more into {*}: leave room for that. */
#define ROUTE_FOLDED_MAX (ROUTE_TEMPLATE_MAX - 1 - 2 * ROUTE_SEGMENTS)

/* --- segments (route_fold.c) */
enum seg_kind { SEG_NAME, SEG_ID, SEG_REST };

struct route_seg {
	const char *p; /* "{id}" and "{*}" for the other two kinds */
	uint8_t len;
	uint8_t kind;
};

/* Whether a segment looks like a value rather than a name. */
bool route_is_value(const char *s, size_t n);

/* Whether these 36 or 32 bytes are a UUID: hex in groups of 8-4-4-4-12, each dash optional (that is
   Starlette's converter). Returns its length, 0 when there is none at s. */
size_t route_uuid_length(const char *s, size_t n);

/* Segments of a path that begins with '/'; at most ROUTE_SEGMENTS + 1. */
unsigned route_split(const char *path, size_t len, struct route_seg segs[ROUTE_SEGMENTS + 1]);

/* --- children of a tree node (route_kids.c): sorted by hash; the label lies in the child */
struct route_kid {
	uint32_t hash;
	uint32_t len;
	const char *label;
	void *node;
};

struct route_kids {
	struct route_kid *v;
	uint32_t n;
	uint32_t room;
};

uint32_t route_hash(const char *s, size_t n);
void *route_kids_find(const struct route_kids *kids, const char *label, size_t len);
int route_kids_add(struct route_kids *kids, const char *label, size_t len,
		   void *node); /* -ENOMEM */

/* --- routes (route.c) */
struct route_box {
	struct route route; /* first: a struct route is its box */
	struct route_box *bucket;
	struct route_box *next; /* while its level folds */
	uint32_t hash;
	uint8_t method;
	uint8_t hits;
	bool exact; /* belongs to an exact template: never folds */
	struct route_place *places; /* owned; the route's is one of them */
	char text[];
};

/* Places that a route has had: whoever holds one may keep it as long as the router. */
struct route_place {
	struct route_place *next;
	char text[];
};

static inline struct route_box *route_box(struct route *route)
{
	return (struct route_box *)route;
}

struct route_method {
	char name[ROUTE_METHOD_MAX];
	struct trie_node *root;
};

struct router {
	uint32_t max;
	uint32_t count;
	uint32_t reserved; /* templates whose route is still to be made: nothing else may take their
			      ids */
	uint32_t n_nodes;
	uint64_t overflow;
	struct route_box **by_id;
	struct route_box **buckets;
	uint32_t mask;
	unsigned n_methods;
	struct route_method methods[ROUTE_METHODS];
	struct route_table *table; /* of router_add(); NULL without templates */
	struct route_table *app;   /* of router_replace_app(); NULL without */
	char decoded[ROUTE_DECODED_MAX];
};

/* For whom an id is wanted, by what is kept back for others. */
enum route_claim {
	CLAIM_NAME,  /* a new path: the last eighth is not for it */
	CLAIM_STAR,  /* where folding leads: anything that no template waits for */
	CLAIM_EXACT, /* the route that was kept back for a template */
};

bool route_room(const struct router *r, enum route_claim claim);

/* The route (method, template), made if there is room. NULL: at the bound, or no memory.
   hash is route_hash() of the template. */
struct route *route_intern(struct router *r, unsigned method, const char *template, uint32_t hash,
			   enum route_claim claim);

/* Index of a method, that of "_OTHER" when unknown. */
unsigned route_method(const struct router *r, const char *name);
/* Makes it known. -1 when there are too many. */
int route_method_add(struct router *r, const char *name);

/* --- the folding tree (route_trie.c) */
struct route *route_trie_match(struct router *r, unsigned method, const struct route_seg *segs,
			       unsigned n);
void route_trie_free(struct trie_node *root);

/* --- exact templates (route_table.c, route_find.c) */

/* The order is that of params[] in a node; the last two are tokens only. */
enum token_kind { T_ANY, T_INT, T_FLOAT, T_UUID, T_PARAMS, T_PATH = T_PARAMS, T_LITERAL };

struct route_token {
	uint8_t kind;
	uint8_t len; /* of a literal */
	const char *p;
};

struct table_node {
	struct route_kids kids;
	struct table_node *params[T_PARAMS];
	struct route_template *ends; /* end here; by order */
	struct route_template *rest; /* go on with tokens; by order */
	uint32_t min_order;	     /* of the whole subtree */
	struct table_node *all;
	char label[];
};

struct route_table {
	struct table_node *root;
	struct table_node *nodes; /* all, for freeing */
	struct route_template *templates;
	uint32_t n;
	uint32_t added; /* with those that were there already */
};

struct route_template {
	struct route_template *next; /* in the same list of a node */
	struct route_template *all;
	uint32_t order;
	uint32_t hash;
	int16_t method; /* -1: any */
	uint16_t n_tokens;
	bool made;
	struct route *route; /* that of the last request, NULL before; `told` is its place then */
	const char *told;
	bool upgrade, host_case;
	bool uncertain;
	uint32_t scope; /* order of the first template of the mount that this one ends */
	char *host;	/* NULL: any */
	char *raw;    /* as written; the tokens point into it */
	char *format; /* converters left out */
	char *place;
	struct route_token *tokens; /* what follows the last segment that the tree knows */
};

/* The template of a path (raw bytes, begins with '/'): the first one registered that has path and
   method; else the first one that has the path, as Starlette answers 405. NULL: none. */
struct route_template *route_table_match(struct router *r, const struct route_table *table,
					 unsigned method, const struct route_ask *ask,
					 const char *path, size_t len);
void route_table_free(struct route_table *table);
uint32_t route_table_added(const struct route_table *table); /* table may be NULL */

/* Fills an error, if one is wanted. Always -EINVAL. */
int route_fail(struct route_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Bytes that somebody wrote, short and printable, for an error. */
struct route_quote {
	char text[64];
};
struct route_quote route_quoted(const char *s, size_t n);

#endif
