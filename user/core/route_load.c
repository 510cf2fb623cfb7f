/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_load.c - the routes file: lines, or an OpenAPI document.
 */
#include "route_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "../lib/jsonr.h"

/* --- lines */

struct word {
	const char *p;
	size_t n;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line; empty at its end or where a comment begins. */
static struct word next_word(const char **p, const char *end)
{
	struct word word;

	while (*p < end && is_space(**p))
		++*p;
	word.p = *p;
	if (*p < end && **p == '#')
		*p = end;
	else
		while (*p < end && !is_space(**p))
			++*p;
	word.n = word.p < *p && *word.p != '#' ? (size_t)(*p - word.p) : 0;
	return word;
}

/* Adds a method and a template that end in no NUL. */
static int add_words(struct router *r, struct word method, struct word template,
		     struct route_error *error)
{
	char *m = strndup(method.p, method.n), *t = strndup(template.p, template.n);
	int err = m && t ? router_add(r, m, t, NULL, error) : -ENOMEM;

	free(m);
	free(t);
	return err;
}

static int load_line(struct router *r, const char *p, const char *end, struct route_error *error)
{
	const char *nul = memchr(p, '\0', (size_t)(end - p));
	struct word method, template, extra;

	if (nul)
		return route_fail(error, "a NUL byte: expected text, METHOD /template a line");
	method = next_word(&p, end);
	template = next_word(&p, end);
	extra = next_word(&p, end);
	if (!method.n)
		return 0;
	if (!template.n)
		return route_fail(error,
				  "\"%s\": expected METHOD /template, such as GET /items/{item_id}",
				  route_quoted(method.p, method.n).text);
	if (extra.n)
		return route_fail(error, "\"%s\" after the template: expected the end of the line",
				  route_quoted(extra.p, extra.n).text);
	return add_words(r, method, template, error);
}

static int load_lines(struct router *r, const char *text, const char *end,
		      struct route_error *error)
{
	for (unsigned line = 1; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		int err = load_line(r, text, stop, error);

		if (err) {
			if (error && err == -EINVAL)
				error->line = line;
			return err;
		}
		text = newline ? newline + 1 : end;
	}
	return 0;
}

/* --- OpenAPI */

/* The members of a path item that are operations (OpenAPI 3.1, 4.8.9; 3.2 adds query). The others
   are parameters, summary, servers and the like. */
static bool is_operation(const char *name)
{
	static const char *const names[] = {"get",  "put",   "post",  "delete", "options",
					    "head", "patch", "trace", "query"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* A member's name, to be freed; NULL when memory is short. */
static char *name_of(struct jsonr name, size_t *len)
{
	char *text;

	*len = jsonr_string(name, NULL, 0);
	text = malloc(*len + 1);
	if (text)
		jsonr_string(name, text, *len + 1);
	return text;
}

static int load_operation(struct router *r, struct jsonr name, const char *path,
			  struct route_error *error)
{
	char method[ROUTE_METHOD_MAX];
	size_t len = jsonr_string(name, method, sizeof(method));

	if (len >= sizeof(method) || strlen(method) != len || !is_operation(method))
		return 0;
	for (size_t i = 0; i < len; i++)
		method[i] = (char)toupper((unsigned char)method[i]);
	return router_add(r, method, path, NULL, error);
}

/*
 * FastAPI writes path_format, without converters: its "/files/{p:path}" is here an ordinary
 * parameter of one segment, and nothing in the document tells it apart. `servers` and root_path are
 * not joined: what uvicorn's routing sees does not have them.
 */
static int load_path_item(struct router *r, struct jsonr name, struct jsonr item,
			  struct route_error *error)
{
	struct jsonr_iter it;
	size_t len;
	char *path = name_of(name, &len);
	int err = path ? 0 : -ENOMEM;

	if (path && strlen(path) != len)
		err = route_fail(error, "template \"%s\": expected a path without NUL",
				 route_quoted(path, len).text);
	else if (path && jsonr_kind(item) != JSONR_OBJECT)
		err = route_fail(error, "paths[\"%s\"]: expected an object of operations",
				 route_quoted(path, len).text);
	jsonr_iter_init(&it, item);
	while (!err && jsonr_next(&it))
		err = load_operation(r, it.name, path, error);
	free(path);
	return err;
}

static int load_document(struct router *r, struct jsonr document, struct route_error *error)
{
	struct jsonr_iter it;
	struct jsonr paths;
	int err = 0;

	if (!jsonr_member(document, "paths", &paths) || jsonr_kind(paths) != JSONR_OBJECT)
		return route_fail(error, "JSON without an object \"paths\": expected an OpenAPI "
					 "document as FastAPI serves it at /openapi.json");
	jsonr_iter_init(&it, paths);
	while (!err && jsonr_next(&it))
		err = load_path_item(r, it.name, it.value, error);
	return err;
}

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static int load_json(struct router *r, const char *text, const char *end, struct route_error *error)
{
	const char *p = text;
	struct jsonr_error bad;
	struct jsonr document;

	if (jsonr_next_text(&p, end, &document, &bad) > 0)
		return load_document(r, document, error);
	route_fail(error, "not valid JSON: expected lines METHOD /template, or an OpenAPI document");
	if (error)
		error->line = line_of(text, text + bad.at);
	return -EINVAL;
}

/* --- both */

int router_load(struct router *r, const char *text, size_t len, struct route_error *error)
{
	const char *end = text + len, *p = text;
	uint32_t before;
	int err;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		p = text += 3; /* a byte order mark */
	while (p < end && (is_space(*p) || *p == '\n'))
		p++;
	before = route_table_added(r->table);
	if (p < end && (*p == '{' || *p == '['))
		err = load_json(r, text, end, error);
	else
		err = load_lines(r, text, end, error);
	if (!err && route_table_added(r->table) == before)
		err = route_fail(error, "no route in it: expected lines METHOD /template, or an "
					"OpenAPI document with paths");
	return err;
}
