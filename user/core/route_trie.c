/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_trie.c - from segments to routes; levels that explode fold into {*}.
 *
 * Values that look like names (user names, slugs, what scanners try) are told from names by their
 * use: there are many, and each is seen few times. A child is rare until ROUTE_RARE_HITS requests
 * took it. When a level has too many rare children they merge into one {*}; the others stay, so
 * that a scan of a thousand guesses does not cost a service the routes it really has. When it has
 * four times too many children all in all, all merge. From then on new names at that level are {*}.
 *
 * A route that merged keeps its id and points to where its requests go now. Merging happens in two
 * steps: routes are replanted below {*} as pending (which may fold deeper levels in turn), then
 * what has settled gets routes. Ids are used for the outcome only, never for what lies in between.
 *
 * Nothing depends on time or on addresses: the same requests give the same routes.
 */
#include "route_priv.h"

#include <errno.h>
#include <stdlib.h>

#define ROUTE_RARE_HITS	   16
#define ROUTE_RARE_FIRST   100 /* rare children: first segment, also behind /api, /v1 */
#define ROUTE_RARE_BELOW   32
#define ROUTE_RARE_PRESSED 4 /* when ids for new names have run out */
#define ROUTE_NAMED_FACTOR 4 /* children of any kind, in units of the above */

struct trie_node {
	struct trie_node *parent;
	struct trie_node *star;
	struct route_kids kids;
	struct route *route;
	struct route_box *pending; /* folded routes that wait for this node's route */
	uint32_t named;		   /* kids that may fold: not {id}, not the empty segment */
	uint32_t rare;		   /* those of them that were hit few times */
	uint8_t hits;		   /* up to ROUTE_RARE_HITS */
	uint8_t depth;
	uint8_t len;
	bool folded;  /* unknown names go to star */
	bool roomy;   /* its children are an API's resources: a level with many names */
	bool starred; /* there is a {*} on the way here */
	char label[];
};

static bool may_fold(const struct route_seg *seg)
{
	return seg->kind == SEG_NAME && seg->len;
}

/* "api", "v1", "v2beta1": what an API stands behind. */
static bool is_prefix(const char *label, unsigned len)
{
	if (len == 3 && !memcmp(label, "api", 3))
		return true;
	return len >= 2 && len <= 8 && label[0] == 'v' && label[1] >= '0' && label[1] <= '9';
}

static struct trie_node *node_new(struct router *r, struct trie_node *parent, const char *label,
				  uint8_t len)
{
	struct trie_node *node;

	/* Every leaf is or was a route, so this holds by itself unless memory was short before. */
	if (r->n_nodes / (ROUTE_SEGMENTS + 2) > r->max)
		return NULL;
	node = calloc(1, sizeof(*node) + len);
	if (!node)
		return NULL;
	memcpy(node->label, label, len);
	node->len = len;
	node->parent = parent;
	node->roomy = !parent || (parent->roomy && is_prefix(label, len));
	if (parent) {
		node->depth = parent->depth + 1;
		node->starred = parent->starred;
	}
	r->n_nodes++;
	return node;
}

static struct trie_node *star_of(struct router *r, struct trie_node *node)
{
	if (!node->star) {
		node->star = node_new(r, node, "{*}", 3);
		if (node->star)
			node->star->starred = true;
	}
	return node->star;
}

/* The child a segment leads to, made when there is none. NULL: no memory. */
static struct trie_node *child_of(struct router *r, struct trie_node *node,
				  const struct route_seg *seg)
{
	struct trie_node *kid;

	if (seg->kind == SEG_REST)
		return star_of(r, node);
	kid = node_new(r, node, seg->p, seg->len);
	if (!kid || route_kids_add(&node->kids, kid->label, kid->len, kid)) {
		r->n_nodes -= !!kid;
		free(kid);
		return NULL;
	}
	if (may_fold(seg)) {
		node->named++;
		node->rare++;
	} else {
		kid->hits = ROUTE_RARE_HITS; /* counts as known from the beginning */
	}
	return kid;
}

static struct trie_node *step(const struct trie_node *node, const struct route_seg *seg)
{
	struct trie_node *kid;

	if (seg->kind == SEG_REST)
		return node->star;
	kid = route_kids_find(&node->kids, seg->p, seg->len);
	return kid || !node->folded || !may_fold(seg) ? kid : node->star;
}

static void touch(struct trie_node *node, unsigned times)
{
	struct trie_node *parent = node->parent;

	if (node->hits == ROUTE_RARE_HITS)
		return;
	node->hits = node->hits + times < ROUTE_RARE_HITS ? node->hits + times : ROUTE_RARE_HITS;
	if (node->hits == ROUTE_RARE_HITS && parent && parent->star != node)
		parent->rare--;
}

static uint32_t rare_limit(const struct router *r, const struct trie_node *node)
{
	uint32_t limit = node->roomy ? r->max / 4 * 3 : r->max / 8;
	uint32_t most = node->roomy ? ROUTE_RARE_FIRST : ROUTE_RARE_BELOW;

	if (limit > most)
		return most;
	return limit < ROUTE_RARE_PRESSED ? ROUTE_RARE_PRESSED : limit;
}

static bool too_many(const struct router *r, const struct trie_node *node)
{
	return node->named >= ROUTE_NAMED_FACTOR * rare_limit(r, node);
}

/* Whether one more name at this level folds it. */
static bool is_full(const struct router *r, const struct trie_node *node)
{
	uint32_t limit = rare_limit(r, node);

	if (node->folded || !route_room(r, CLAIM_STAR))
		return false;
	if (!route_room(r, CLAIM_NAME))
		limit = ROUTE_RARE_PRESSED;
	return node->rare >= limit || too_many(r, node);
}

/* Takes a subtree apart; its routes, and those that wait in it, go onto the list. */
static void uproot(struct router *r, struct trie_node *node, struct route_box **list)
{
	struct route_box *box = node->route ? route_box(node->route) : NULL;

	if (box && !box->exact) {
		box->hits = node->hits;
		box->next = *list;
		*list = box;
	}
	while ((box = node->pending)) {
		node->pending = box->next;
		box->next = *list;
		*list = box;
	}
	for (uint32_t i = 0; i < node->kids.n; i++)
		uproot(r, node->kids.v[i].node, list);
	if (node->star)
		uproot(r, node->star, list);
	free(node->kids.v);
	free(node);
	r->n_nodes--;
}

/* Uproots the children that a fold takes. */
static struct route_box *uproot_kids(struct router *r, struct trie_node *node)
{
	bool all = too_many(r, node);
	struct route_box *list = NULL;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < node->kids.n; i++) {
		struct trie_node *kid = node->kids.v[i].node;
		bool name = kid->len && strncmp(kid->label, "{id}", 5);

		if (name && (all || kid->hits < ROUTE_RARE_HITS)) {
			node->named--;
			node->rare -= kid->hits < ROUTE_RARE_HITS;
			uproot(r, kid, &list);
		} else {
			node->kids.v[kept++] = node->kids.v[i];
		}
	}
	node->kids.n = kept;
	return list;
}

/* The segments of a template that this file made. */
static unsigned split_template(const char *template, struct route_seg segs[ROUTE_SEGMENTS + 1])
{
	const char *p = template;
	unsigned n = 0;

	while (*p && n <= ROUTE_SEGMENTS) {
		size_t size = strcspn(++p, "/");
		enum seg_kind kind = SEG_NAME;

		if (size == 4 && !memcmp(p, "{id}", 4))
			kind = SEG_ID;
		else if (size == 3 && !memcmp(p, "{*}", 3))
			kind = SEG_REST;
		segs[n++] = (struct route_seg){p, (uint8_t)size, kind};
		p += size;
	}
	return n;
}

static int fold_level(struct router *r, struct trie_node *node);

/* Leads a folded route from the level that folded to its new place; it waits there for a route. */
static int replant(struct router *r, struct trie_node *node, struct route_box *box)
{
	struct route_seg segs[ROUTE_SEGMENTS + 1];
	unsigned n = split_template(box->text, segs);

	for (unsigned i = node->depth; i < n; i++) {
		struct trie_node *next = step(node, &segs[i]);

		if (!next && may_fold(&segs[i]) && is_full(r, node)) {
			if (fold_level(r, node))
				return -ENOMEM;
			next = step(node, &segs[i]);
		}
		if (!next)
			next = child_of(r, node, &segs[i]);
		if (!next)
			return -ENOMEM;
		touch(next, box->hits);
		node = next;
	}
	box->next = node->pending;
	node->pending = box;
	return 0;
}

/* Recurses only to levels below, so at most ROUTE_SEGMENTS deep. */
static int fold_level(struct router *r, struct trie_node *node)
{
	struct route_box *list, *box;

	if (!star_of(r, node))
		return -ENOMEM;
	node->folded = true;
	list = uproot_kids(r, node);
	while ((box = list)) {
		list = box->next;
		box->next = NULL;
		if (replant(r, node, box))
			box->route.folded_into = &r->by_id[0]->route;
	}
	return 0;
}

/* The template of a node. It fits: see ROUTE_FOLDED_MAX. */
static const char *compose(const struct trie_node *node, char buf[ROUTE_TEMPLATE_MAX])
{
	char *p = buf + ROUTE_TEMPLATE_MAX - 1;

	*p = '\0';
	for (; node->parent && p - buf > node->len; node = node->parent) {
		p -= node->len;
		memcpy(p, node->label, node->len);
		*--p = '/';
	}
	return p;
}

static struct route *route_of(struct router *r, unsigned method, struct trie_node *node)
{
	char buf[ROUTE_TEMPLATE_MAX];
	const char *template;

	if (!node->route) {
		template = compose(node, buf);
		node->route =
			route_intern(r, method, template, route_hash(template, strlen(template)),
				     node->starred ? CLAIM_STAR : CLAIM_NAME);
	}
	return node->route;
}

/* Gives the routes that wait in a subtree what they fold into. */
static void settle(struct router *r, unsigned method, struct trie_node *node)
{
	struct route_box *box;

	while ((box = node->pending)) {
		struct route *into = route_of(r, method, node);

		node->pending = box->next;
		box->next = NULL;
		box->route.folded_into = into ? into : &r->by_id[0]->route;
	}
	for (uint32_t i = 0; i < node->kids.n; i++)
		settle(r, method, node->kids.v[i].node);
	if (node->star)
		settle(r, method, node->star);
}

/* Makes the node of a path that is not in the tree, folding what it overfills. NULL: no room. */
static struct trie_node *grow(struct router *r, unsigned method, const struct route_seg *segs,
			      unsigned n)
{
	struct trie_node *node = r->methods[method].root, *next;
	bool starred;
	unsigned i;

	for (i = 0; i < n; i++) {
		next = step(node, &segs[i]);
		if (!next && may_fold(&segs[i]) && is_full(r, node)) {
			if (fold_level(r, node))
				return NULL;
			settle(r, method, node->star);
			next = step(node, &segs[i]);
		}
		if (!next)
			break;
		node = next;
	}
	/* Only the last segment may be SEG_REST. Nothing is made that could have no route. */
	starred = node->starred || segs[n - 1].kind == SEG_REST;
	if (i < n && !route_room(r, starred ? CLAIM_STAR : CLAIM_NAME))
		return NULL;
	for (; i < n && node; i++) {
		node = child_of(r, node, &segs[i]);
		if (node)
			touch(node, 1);
	}
	return node;
}

struct route *route_trie_match(struct router *r, unsigned method, const struct route_seg *segs,
			       unsigned n)
{
	struct trie_node *root = r->methods[method].root, *node = root;

	if (!root) {
		root = node = r->methods[method].root = node_new(r, NULL, "", 0);
		if (!root)
			return NULL;
	}
	for (unsigned i = 0; node && i < n; i++) {
		node = step(node, &segs[i]);
		if (node)
			touch(node, 1);
	}
	if (!node)
		node = grow(r, method, segs, n);
	return node ? route_of(r, method, node) : NULL;
}

void route_trie_free(struct trie_node *root)
{
	if (!root)
		return;
	for (uint32_t i = 0; i < root->kids.n; i++)
		route_trie_free(root->kids.v[i].node);
	route_trie_free(root->star);
	free(root->kids.v);
	free(root);
}
