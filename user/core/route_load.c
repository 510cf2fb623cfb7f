/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_load.c - the routes file: lines, or an OpenAPI document.
 */
#include "route_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

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

/*
 * FastAPI writes path_format, without converters: its "/files/{p:path}" is here an ordinary
 * parameter of one segment, and nothing in the document tells it apart. `servers` and root_path are
 * not joined: what uvicorn's routing sees does not have them.
 */
static int load_path_item(struct router *r, const cJSON *item, struct route_error *error)
{
	const cJSON *member;

	if (!cJSON_IsObject(item))
		return route_fail(error, "paths[\"%s\"]: expected an object of operations",
				  route_quoted(item->string, strlen(item->string)).text);
	cJSON_ArrayForEach(member, item)
	{
		char method[ROUTE_METHOD_MAX] = "";
		int err;

		if (!is_operation(member->string))
			continue;
		for (size_t i = 0; member->string[i]; i++)
			method[i] = (char)toupper((unsigned char)member->string[i]);
		err = router_add(r, method, item->string, NULL, error);
		if (err)
			return err;
	}
	return 0;
}

static int load_document(struct router *r, const cJSON *document, struct route_error *error)
{
	const cJSON *paths = cJSON_GetObjectItemCaseSensitive(document, "paths");
	const cJSON *item;

	if (!cJSON_IsObject(paths))
		return route_fail(error, "JSON without an object \"paths\": expected an OpenAPI "
					 "document as FastAPI serves it at /openapi.json");
	cJSON_ArrayForEach(item, paths)
	{
		int err = load_path_item(r, item, error);

		if (err)
			return err;
	}
	return 0;
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
	const char *stop = text;
	cJSON *document = cJSON_ParseWithLengthOpts(text, (size_t)(end - text), &stop, false);
	int err;

	if (!document) {
		route_fail(error, "not valid JSON: expected lines METHOD /template, or an OpenAPI "
				  "document");
		if (error)
			error->line = line_of(text, stop < end ? stop : end);
		return -EINVAL;
	}
	err = load_document(r, document, error);
	cJSON_Delete(document);
	return err;
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
