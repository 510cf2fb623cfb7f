/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_find.c - the exact template of a path, as Starlette finds it (starlette/routing.py:
 * Route.matches, Router.app): on the decoded path, the first one registered that fits path and
 * method, else the first that fits the path. A literal does not win over a parameter registered
 * before it.
 */
#include "route_priv.h"

/* Attempts to match tokens, per request; what takes more does not match. Templates that a person
   writes take a few, those with several parameters side by side could take the length to a power.
 */
#define ROUTE_TRIES 4096

struct search {
	const char *end;
	unsigned method;
	unsigned tries;
	const struct route_ask *ask;
	struct route_template *full;	/* fits path and method */
	struct route_template *partial; /* fits the path */
	/* the entry of a mount took it: what in the mount has the path for other methods is wanted */
	const struct route_template *mount;
};

/* --- one segment, one parameter */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && is_digit(*p))
		p++;
	return (size_t)(p - s);
}

/* The longest text at s that a parameter takes; 0: none (T_PATH: or the empty one). */
static size_t longest(enum token_kind kind, const char *s, const char *end)
{
	size_t len = (size_t)(end - s), n;
	const char *slash;

	switch (kind) {
	case T_INT:
		return digits(s, end);
	case T_FLOAT:
		n = digits(s, end);
		if (n && n + 1 < len && s[n] == '.' && is_digit(s[n + 1]))
			n += 1 + digits(s + n + 1, end);
		return n;
	case T_UUID:
		return route_uuid_length(s, len);
	case T_ANY:
		slash = memchr(s, '/', len);
		return slash ? (size_t)(slash - s) : len;
	default:
		return len;
	}
}

/* Whether the parameter may also take the first n bytes of its longest text. */
static bool may_take(enum token_kind kind, const char *s, size_t n)
{
	if (kind == T_UUID)
		return false;
	return n ? kind != T_FLOAT || is_digit(s[n - 1]) : kind == T_PATH;
}

/* --- tokens: what a segment alone cannot say */

/* Longest first, as a regular expression would; recursion is as deep as there are tokens. */
static bool match_tokens(struct search *s, const struct route_token *t, unsigned n, const char *p)
{
	size_t take;

	for (; n && t->kind == T_LITERAL; t++, n--) {
		if ((size_t)(s->end - p) < t->len || memcmp(p, t->p, t->len))
			return false;
		p += t->len;
	}
	if (!n)
		return p == s->end;
	take = longest((enum token_kind)t->kind, p, s->end);
	if (!take && t->kind != T_PATH)
		return false;
	/* The last one takes all or nothing. */
	if (n == 1)
		return p + take == s->end;
	for (size_t len = take + 1; len--;) {
		if (len != take && !may_take((enum token_kind)t->kind, p, len))
			continue;
		if (!s->tries)
			return false;
		s->tries--;
		if (match_tokens(s, t + 1, n - 1, p + len))
			return true;
	}
	return false;
}

/* --- the tree */

static bool is_better(const struct route_template *t, const struct route_template *best)
{
	return !best || t->order < best->order;
}

/* "{name}" stands for one character or more. Only the last one seen needs to be tried again. fold: what
   upper and lower case differ by. */
static bool host_fits(const char *pattern, const char *host, const char *end, char fold)
{
	const char *again = NULL, *from = NULL;

	while (host < end) {
		if (*pattern == '{') {
			pattern += strcspn(pattern, "}");
			pattern += *pattern == '}';
			again = pattern;
			from = ++host;
		} else if (*pattern && (*pattern | fold) == (*host | fold)) {
			pattern++;
			host++;
		} else if (again) {
			pattern = again;
			host = ++from;
		} else {
			return false;
		}
	}
	return !*pattern;
}

/* The port does not count; that of an IPv6 address comes behind the bracket. */
static bool is_host(const struct route_template *t, const char *host)
{
	const char *end = host ? strchr(host, *host == '[' ? ']' : ':') : NULL;

	if (!host || strchr(host, '/'))
		return false;
	if (end && *host == '[')
		end++;
	return host_fits(t->host, host, end ? end : host + strlen(host), t->host_case ? 0 : 0x20);
}

static void take(struct search *s, struct route_template *t)
{
	if ((t->host && !is_host(t, s->ask->host)) || (t->upgrade && !s->ask->upgrade))
		return;
	if (s->mount) {
		if (t->order >= s->mount->scope && t->order < s->mount->order &&
		    is_better(t, s->partial))
			s->partial = t;
		return;
	}
	if ((t->method < 0 || (unsigned)t->method == s->method) && is_better(t, s->full))
		s->full = t;
	else if (is_better(t, s->partial))
		s->partial = t;
}

/* Tries all below a node; p is where the next segment begins, NULL at the end of the path. As deep
   as the tree, and no node is tried twice. */
static void visit(struct search *s, const struct table_node *node, const char *p)
{
	const struct table_node *kid;
	const char *slash, *next;
	size_t len;

	if (s->full && !s->mount && s->full->order < node->min_order)
		return;
	if (!p) {
		for (struct route_template *t = node->ends; t; t = t->next)
			take(s, t);
		return;
	}
	slash = memchr(p, '/', (size_t)(s->end - p));
	len = (size_t)((slash ? slash : s->end) - p);
	next = slash ? slash + 1 : NULL;
	kid = len < ROUTE_TEMPLATE_MAX ? route_kids_find(&node->kids, p, len) : NULL;
	if (kid)
		visit(s, kid, next);
	for (unsigned kind = 0; kind < T_PARAMS; kind++)
		if (node->params[kind] && len && longest(kind, p, p + len) == len)
			visit(s, node->params[kind], next);
	for (struct route_template *t = node->rest; t; t = t->next)
		if ((s->mount || is_better(t, s->full)) && match_tokens(s, t->tokens, t->n_tokens, p))
			take(s, t);
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Python's unquote(): an escape that is none stays. Returns the length. */
static size_t decode(const char *path, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high = -1, low = -1;

		if (path[i] == '%' && len - i > 2) {
			high = hex_value(path[i + 1]);
			low = hex_value(path[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			out[n++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[n++] = path[i];
		}
	}
	return n;
}

/* Starlette has given the path to a mount; a route there that has it, for other methods, answers. */
static struct route_template *in_mount(struct search *s, const struct route_table *table,
				       const char *path)
{
	s->mount = s->full;
	s->partial = NULL;
	visit(s, table->root, path);
	return s->partial ? s->partial : s->full;
}

struct route_template *route_table_match(struct router *r, const struct route_table *table,
					 unsigned method, const struct route_ask *ask,
					 const char *path, size_t len)
{
	struct search s = {.method = method, .tries = ROUTE_TRIES, .ask = ask};

	/* What could be decoded is never longer than what is there. */
	if (len <= sizeof(r->decoded) && memchr(path, '%', len)) {
		len = decode(path, len, r->decoded);
		path = r->decoded;
	}
	s.end = path + len;
	if (len && *path == '/')
		visit(&s, table->root, path + 1);
	if (s.full && s.full->scope < s.full->order)
		return in_mount(&s, table, path + 1);
	return s.full ? s.full : s.partial;
}
