/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_table.c - exact templates: read, checked, and put into a tree.
 *
 * Starlette (starlette/routing.py: compile_path) makes a regular expression of each and tries one
 * after the other. Here they lie in a tree by segments, in which a segment is literal or one whole
 * parameter. What a segment cannot say, "{name}.json" or a "{rest:path}", is kept as a list of
 * tokens at the node before it. route_find.c looks paths up.
 */
#include "route_priv.h"

#include <errno.h>
#include <stdlib.h>

/* --- reading a template */

static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool letter = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';
		bool other = (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '.';

		if (!letter && s[i] != '_' && !(i && other))
			return false;
	}
	return n;
}

/* A converter of the app's own matches one segment: what its regular expression is cannot be known.
 */
static enum token_kind converter(const char *s, size_t n)
{
	static const char *const names[] = {"str", "int", "float", "uuid", "path"};

	for (unsigned i = 0; i < 5; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], s, n))
			return (enum token_kind)i;
	return T_ANY;
}

/* Reads one token at *p and moves behind it. -1: not a parameter where there should be one. */
static int next_token(const char **p, struct route_token *token)
{
	const char *s = *p, *close, *colon;

	if (*s != '{') {
		token->kind = T_LITERAL;
		token->p = s;
		token->len = (uint8_t)strcspn(s, "{");
		*p = s + token->len;
		return 0;
	}
	close = strchr(++s, '}');
	if (!close)
		return -1;
	colon = memchr(s, ':', (size_t)(close - s));
	*p = close + 1;
	if (!is_name(s, (size_t)((colon ? colon : close) - s)))
		return -1;
	if (colon && !is_name(colon + 1, (size_t)(close - colon - 1)))
		return -1;
	token->kind = colon ? converter(colon + 1, (size_t)(close - colon - 1)) : T_ANY;
	token->p = s;
	token->len = 0;
	return 0;
}

/* Says what is wrong with a template; 0 when nothing is. */
static int check_template(const char *s, struct route_error *error)
{
	struct route_quote quote = route_quoted(s, strlen(s));
	struct route_token token;

	if (*s != '/')
		return route_fail(error, "template \"%s\": expected / at the beginning",
				  quote.text);
	if (strlen(s) >= ROUTE_TEMPLATE_MAX)
		return route_fail(error, "template of %zu bytes: expected at most %d", strlen(s),
				  ROUTE_TEMPLATE_MAX - 1);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '?' || *p == '#')
			return route_fail(error,
					  "template \"%s\": expected a path without spaces, "
					  "control bytes, query or fragment",
					  quote.text);
	for (const char *p = s; *p;) {
		const char *at = p;

		if (next_token(&p, &token))
			return route_fail(error,
					  "parameter \"%s\": expected {name} or {name:converter}",
					  route_quoted(at, strcspn(at, "/")).text);
		if (token.kind == T_LITERAL && memchr(token.p, '}', token.len))
			return route_fail(error, "template \"%s\": expected { before }",
					  quote.text);
	}
	return 0;
}

/* Starlette's path_format: the template without converters. */
static char *path_format(const char *s)
{
	char *format = malloc(strlen(s) + 1), *out = format;
	bool inside = false, skip = false;

	if (!format)
		return NULL;
	for (; *s; s++) {
		if (*s == '{')
			inside = true;
		if (*s == '}')
			inside = skip = false;
		if (inside && *s == ':')
			skip = true;
		if (!skip)
			*out++ = *s;
	}
	*out = '\0';
	return format;
}

static int read_tokens(struct route_template *t, const char *s)
{
	struct route_token tokens[ROUTE_TEMPLATE_MAX];

	while (*s && !next_token(&s, &tokens[t->n_tokens]))
		t->n_tokens++;
	t->tokens = malloc(t->n_tokens * sizeof(*tokens));
	if (!t->tokens)
		return -ENOMEM;
	memcpy(t->tokens, tokens, t->n_tokens * sizeof(*tokens));
	return 0;
}

/* --- growing the tree */

static struct table_node *node_new(struct route_table *table, const char *label, size_t len)
{
	struct table_node *node = calloc(1, sizeof(*node) + len);

	if (!node)
		return NULL;
	memcpy(node->label, label, len);
	node->min_order = UINT32_MAX;
	node->all = table->nodes;
	table->nodes = node;
	return node;
}

/* The node of a whole segment. A segment that is more than one token has none: T_PATH. */
static enum token_kind segment_kind(const char *s, size_t len)
{
	struct route_token token = {.kind = T_LITERAL};
	const char *p = s;

	if (!memchr(s, '{', len))
		return T_LITERAL;
	if (next_token(&p, &token) || p != s + len || token.kind >= T_PARAMS)
		return T_PATH;
	return token.kind;
}

static struct table_node *child_of(struct route_table *table, struct table_node *node,
				   enum token_kind kind, const char *s, size_t len)
{
	struct table_node *kid;

	if (kind != T_LITERAL) {
		if (!node->params[kind])
			node->params[kind] = node_new(table, "", 0);
		return node->params[kind];
	}
	kid = route_kids_find(&node->kids, s, len);
	if (kid)
		return kid;
	kid = node_new(table, s, len);
	if (!kid || route_kids_add(&node->kids, kid->label, len, kid))
		return NULL; /* a node of the table all the same, freed with it */
	return kid;
}

/* Where a template belongs: walks it from the first segment on. */
static struct route_template **slot_of(struct route_table *table, struct route_template *t)
{
	struct table_node *node = table->root;
	const char *s = t->raw;

	while (s) {
		size_t len = strcspn(++s, "/");
		enum token_kind kind = segment_kind(s, len);

		if (t->order < node->min_order)
			node->min_order = t->order;
		if (kind == T_PATH)
			return read_tokens(t, s) ? NULL : &node->rest;
		node = child_of(table, node, kind, s, len);
		if (!node)
			return NULL;
		s = s[len] ? s + len : NULL;
	}
	if (t->order < node->min_order)
		node->min_order = t->order;
	return &node->ends;
}

static void template_free(struct route_template *t)
{
	if (!t)
		return;
	free(t->raw);
	free(t->format);
	free(t->place);
	free(t->host);
	free(t->tokens);
	free(t);
}

static struct route_template *template_new(int method, const char *raw, const char *place)
{
	struct route_template *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->method = (int16_t)method;
	t->raw = strdup(raw);
	t->format = path_format(raw);
	t->place = place ? strdup(place) : NULL;
	t->scope = ROUTE_NO_SCOPE;
	if (!t->raw || !t->format || (place && !t->place)) {
		template_free(t);
		return NULL;
	}
	t->hash = route_hash(t->format, strlen(t->format));
	return t;
}

static bool same_host(const struct route_template *a, const struct route_template *b)
{
	return a->host == b->host || (a->host && b->host && !strcmp(a->host, b->host));
}

/* Appends a template to its node's list, or drops it when it is there already. 1: dropped. */
static int plant(struct route_table *table, struct route_template *t)
{
	struct route_template **slot;

	t->order = table->added;
	slot = slot_of(table, t);
	if (!slot)
		return -ENOMEM;
	for (; *slot; slot = &(*slot)->next)
		if ((*slot)->method == t->method && !strcmp((*slot)->raw, t->raw) &&
		    same_host(*slot, t))
			return 1;
	*slot = t;
	t->all = table->templates;
	table->templates = t;
	table->n++;
	return 0;
}

static int table_make(struct route_table **to)
{
	struct route_table *table;

	if (*to)
		return 0;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->root = node_new(table, "", 0);
	if (!table->root) {
		free(table);
		return -ENOMEM;
	}
	*to = table;
	return 0;
}

static int check_method(const char *s, struct route_error *error)
{
	const char *bad = s;

	while ((*bad >= 'A' && *bad <= 'Z') || (bad > s && (*bad == '-' || *bad == '_')))
		bad++;
	if (!*s || *bad || strlen(s) >= ROUTE_METHOD_MAX)
		return route_fail(error,
				  "method \"%s\": expected upper case such as GET, or * for any",
				  route_quoted(s, strlen(s)).text);
	return 0;
}

int router_add(struct router *r, const char *method, const char *template, const char *place,
	       struct route_error *error)
{
	bool any = !strcmp(method, "*");
	struct route_template *t;
	int index = -1, err;

	if ((!any && check_method(method, error)) || check_template(template, error))
		return -EINVAL;
	if (!any && (index = route_method_add(r, method)) < 0)
		return route_fail(error, "method \"%s\": expected at most %d different ones",
				  method, ROUTE_METHODS);
	if (table_make(&r->table))
		return -ENOMEM;
	t = template_new(index, template, place);
	if (!t)
		return -ENOMEM;
	err = plant(r->table, t);
	if (err)
		template_free(t);
	else
		r->reserved++;
	r->table->added += err >= 0;
	return err < 0 ? err : 0;
}

/* --- the app's own table */

/* 0, -EINVAL: left out, -ENOMEM. Its id is not kept back: the app may have more routes than there are. */
static int add_entry(struct router *r, struct route_table *table, const struct route_entry *e)
{
	bool any = !strcmp(e->method, "*");
	struct route_template *t;
	int index = -1, err;

	if ((!any && check_method(e->method, NULL)) || check_template(e->template, NULL) ||
	    (!any && (index = route_method_add(r, e->method)) < 0))
		return -EINVAL;
	t = template_new(index, e->template, e->place);
	if (!t)
		return -ENOMEM;
	t->made = true;
	t->uncertain = e->uncertain;
	t->upgrade = e->upgrade;
	t->host_case = e->host_case;
	t->scope = e->scope;
	t->host = e->host ? strdup(e->host) : NULL;
	err = e->host && !t->host ? -ENOMEM : plant(table, t);
	if (err)
		template_free(t);
	return err < 0 ? err : 0;
}

int router_replace_app(struct router *r, const struct route_entry *entries, uint32_t n,
		       uint32_t *left_out)
{
	struct route_table *table = NULL;
	uint32_t out = 0;
	int err = n ? table_make(&table) : 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		table->added = i; /* the order that scopes refer to */
		err = add_entry(r, table, &entries[i]);
		if (err == -EINVAL) {
			out++;
			err = 0;
		}
	}
	if (err) {
		route_table_free(table);
		return err;
	}
	if (left_out)
		*left_out = out;
	route_table_free(r->app);
	r->app = table;
	return 0;
}

uint32_t route_table_added(const struct route_table *table)
{
	return table ? table->added : 0;
}

void route_table_free(struct route_table *table)
{
	struct route_template *t;
	struct table_node *node;

	if (!table)
		return;
	while ((t = table->templates)) {
		table->templates = t->all;
		template_free(t);
	}
	while ((node = table->nodes)) {
		table->nodes = node->all;
		free(node->kids.v);
		free(node);
	}
	free(table);
}
