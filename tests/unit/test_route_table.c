/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_route_table.c - exact templates, and the files they come from. */
#include <errno.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/route.h"

static struct route *get(struct router *r, const char *method, const char *path)
{
	return router_match(r, method, path, strlen(path));
}

static void expect(struct router *r, const char *method, const char *path, const char *template)
{
	struct route *route = get(r, method, path);

	if (strcmp(route->template, template))
		fail_msg("%s %s: \"%s\", expected \"%s\"", method, path, route->template, template);
	assert_ptr_equal(route, get(r, method, path));
	if (route->id)
		assert_string_equal(route->method, method);
}

static void add(struct router *r, const char *method, const char *template)
{
	struct route_error error = {0};

	if (router_add(r, method, template, NULL, &error))
		fail_msg("%s: %s", template, error.text);
}

/* --- matching */

static void test_match(void **state)
{
	struct router *r = router_new(100);

	(void)state;
	assert_false(router_has_templates(r));
	add(r, "GET", "/");
	add(r, "GET", "/items/{item_id}");
	add(r, "GET", "/items/{item_id}/reviews/");
	add(r, "GET", "/int/{n:int}");
	add(r, "GET", "/float/{x:float}/y");
	add(r, "GET", "/uuid/{u:uuid}");
	add(r, "GET", "/own/{x:custom}");
	add(r, "GET", "/files/{p:path}");
	add(r, "GET", "/raw/{p:path}/meta");
	add(r, "GET", "/img/{name}.{ext}");
	add(r, "GET", "/pages/{from:int}-{to:int}");
	add(r, "*", "/any/{x}");
	assert_true(router_has_templates(r));
	expect(r, "GET", "/", "/");
	expect(r, "GET", "/items/me", "/items/{item_id}");
	expect(r, "GET", "/items/5?q=1", "/items/{item_id}");
	expect(r, "GET", "/items/", "/items/");
	expect(r, "GET", "/items/a%2Fb", "/items/{id}");
	expect(r, "GET", "/%69tems/a%20b", "/items/{item_id}");
	expect(r, "GET", "/items/100%", "/items/{item_id}");
	expect(r, "GET", "/items/5/reviews/", "/items/{item_id}/reviews/");
	expect(r, "GET", "/items/5/reviews", "/items/{id}/reviews");
	expect(r, "GET", "/int/007", "/int/{n}");
	expect(r, "GET", "/int/me", "/int/me");
	expect(r, "GET", "/int/-1", "/int/{id}");
	expect(r, "GET", "/float/1/y", "/float/{x}/y");
	expect(r, "GET", "/float/1.25/y", "/float/{x}/y");
	expect(r, "GET", "/float/1./y", "/float/{id}/y");
	expect(r, "GET", "/uuid/123e4567-e89b-12d3-a456-426614174000", "/uuid/{u}");
	expect(r, "GET", "/uuid/123e4567e89b12d3a456426614174000", "/uuid/{u}");
	expect(r, "GET", "/uuid/nil", "/uuid/nil");
	expect(r, "GET", "/own/thing", "/own/{x}");
	expect(r, "GET", "/files/", "/files/{p}");
	expect(r, "GET", "/files/a/b/c.txt", "/files/{p}");
	expect(r, "GET", "/files", "/files");
	expect(r, "GET", "/raw/a/b/meta", "/raw/{p}/meta");
	expect(r, "GET", "/raw//meta", "/raw/{p}/meta");
	expect(r, "GET", "/raw/meta", "/raw/meta");
	expect(r, "GET", "/img/a.b.png", "/img/{name}.{ext}");
	expect(r, "GET", "/img/.png", "/img/.png");
	expect(r, "GET", "/pages/10-20", "/pages/{from}-{to}");
	expect(r, "PATCH", "/any/1", "/any/{x}");
	expect(r, "_OTHER", "/any/1", "/any/{x}");
	expect(r, "DELETE", "/items/5", "/items/{item_id}"); /* 405 */
	expect(r, "OPTIONS", "*", "*");
	router_free(r);
}

static void test_precedence(void **state)
{
	struct router *r = router_new(100);

	(void)state;
	add(r, "GET", "/users/me");
	add(r, "GET", "/users/{id}");
	add(r, "GET", "/users/late");
	add(r, "POST", "/users/late");
	add(r, "GET", "/x/{a:path}");
	add(r, "GET", "/x/y");
	add(r, "PUT", "/x/y");
	expect(r, "GET", "/users/me", "/users/me");
	expect(r, "GET", "/users/you", "/users/{id}");
	expect(r, "GET", "/users/late", "/users/{id}");
	/* A later template with the method wins over an earlier one without it, else the first. */
	expect(r, "POST", "/users/late", "/users/late");
	expect(r, "POST", "/users/me", "/users/me");
	expect(r, "GET", "/x/y", "/x/{a}");
	expect(r, "PUT", "/x/y", "/x/y");
	expect(r, "DELETE", "/x/y", "/x/{a}");
	router_free(r);
}

static void test_place(void **state)
{
	struct router *r = router_new(100);
	char place[] = "main.py:10 read_item";

	(void)state;
	assert_int_equal(router_add(r, "GET", "/items/{i}", place, NULL), 0);
	place[0] = '!';
	assert_string_equal(get(r, "GET", "/items/1")->place, "main.py:10 read_item");
	assert_null(get(r, "POST", "/items/1")->place);
	assert_null(get(r, "GET", "/other")->place);
	router_free(r);
}

/* Ids that templates will need are not given to others; one (method, template) is one route. */
static void test_reserve(void **state)
{
	struct router *r = router_new(12);
	char path[32];

	(void)state;
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/t%c/{x}", 'a' + i);
		add(r, "GET", path);
		add(r, "GET", path); /* again: nothing changes */
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/w%c%c", 'a' + i % 26, 'a' + i / 26 % 26);
		get(r, "GET", path);
	}
	assert_true(router_overflow(r) > 0);
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/t%c/5", 'a' + i);
		assert_true(get(r, "GET", path)->id);
	}
	assert_true(router_count(r) <= 12);
	router_free(r);
}

/* A route that the folding tree made first, and that a template then claims, never folds. */
static void test_claimed(void **state)
{
	struct router *r = router_new(200);
	struct route *route = get(r, "GET", "/shop/5");
	char path[32];

	(void)state;
	assert_string_equal(route->template, "/shop/{id}");
	add(r, "GET", "/shop/{id:int}");
	assert_ptr_equal(get(r, "GET", "/shop/5"), route);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/w%c%c", 'a' + i % 26, 'a' + i / 26 % 26);
		get(r, "GET", path);
	}
	expect(r, "GET", "/shop", "/{*}");
	assert_null(route->folded_into);
	assert_ptr_equal(get(r, "GET", "/shop/7"), route);
	router_free(r);
}

/* --- against regular expressions, as Starlette has them */

static uint64_t rng = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 32) % below;
}

static const char *const pieces[][2] = {
	{"a", "a"},
	{"b", "b"},
	{"1", "1"},
	{".", "\\."},
	{"/", "/"},
	{"/", "/"},
	{"/{x}", "/[^/]+"},
	{"{x}", "[^/]+"},
	{"{x:int}", "[0-9]+"},
	{"/{x:int}", "/[0-9]+"},
	{"{x:float}", "[0-9]+(\\.[0-9]+)?"},
	{"{x:path}", ".*"},
};

static void random_template(char *template, char *regex)
{
	strcpy(template, "/");
	strcpy(regex, "^/");
	for (unsigned n = rnd(6); n; n--) {
		const char *const *piece = pieces[rnd(sizeof(pieces) / sizeof(*pieces))];

		strcat(template, piece[0]);
		strcat(regex, piece[1]);
	}
	strcat(regex, "$");
}

struct reference {
	unsigned count;
	const char *methods[32];
	char templates[32][128];
	regex_t compiled[32];
};

/* The template that Starlette would take for a GET. -1: none. */
static int reference_find(const struct reference *ref, const char *path)
{
	int partial = -1;

	for (unsigned i = 0; i < ref->count; i++) {
		if (regexec(&ref->compiled[i], path, 0, NULL, 0))
			continue;
		if (!strcmp(ref->methods[i], "GET"))
			return (int)i;
		if (partial < 0)
			partial = (int)i;
	}
	return partial;
}

/* path_format, by hand. */
static void leave_out_converters(const char *template, char *out)
{
	for (; *template; template ++) {
		if (*template == ':')
			template = strchr(template, '}');
		*out++ = *template;
	}
	*out = '\0';
}

static void compare(struct router *r, const struct reference *ref)
{
	char path[16], wanted[128];
	unsigned len = 1 + rnd(sizeof(path) - 2);
	int found;

	path[0] = '/';
	for (unsigned i = 1; i < len; i++)
		path[i] = "aab1.///"[rnd(8)];
	path[len] = '\0';
	found = reference_find(ref, path);
	if (found < 0)
		return;
	leave_out_converters(ref->templates[found], wanted);
	expect(r, "GET", path, wanted);
}

static void test_regex(void **state)
{
	struct reference ref;
	char regex[128];

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		struct router *r = router_new(200);

		ref.count = 1 + rnd(32);
		for (unsigned i = 0; i < ref.count; i++) {
			random_template(ref.templates[i], regex);
			ref.methods[i] = rnd(2) ? "GET" : "POST";
			assert_int_equal(regcomp(&ref.compiled[i], regex, REG_EXTENDED | REG_NOSUB),
					 0);
			add(r, ref.methods[i], ref.templates[i]);
		}
		for (unsigned n = 0; n < 300; n++)
			compare(r, &ref);
		for (unsigned i = 0; i < ref.count; i++)
			regfree(&ref.compiled[i]);
		router_free(r);
	}
}

/* --- routes files */

static int load(struct router *r, const char *text, struct route_error *error)
{
	return router_load(r, text, strlen(text), error);
}

static void test_lines(void **state)
{
	struct router *r = router_new(100);
	struct route_error error = {0};

	(void)state;
	assert_int_equal(load(r,
			      "\xef\xbb\xbf# the shop\n\n  GET   /items/{item_id}   # one\r\n"
			      "\t* /health\nPOST /items/",
			      &error),
			 0);
	expect(r, "GET", "/items/x", "/items/{item_id}");
	expect(r, "POST", "/items/", "/items/");
	expect(r, "TRACE", "/health", "/health");
	assert_int_equal(load(r, "GET /items/{item_id}\n", &error), 0);
	router_free(r);
}

struct bad {
	const char *text;
	unsigned line;
	const char *message;
};

static const struct bad bads[] = {
	{"GET /a\n\n/items/{item_id}\n", 3,
	 "\"/items/{item_id}\": expected METHOD /template, such as GET /items/{item_id}"},
	{"# x\nget /a\n", 2, "method \"get\": expected upper case such as GET, or * for any"},
	{"GET /a\r\nGET items\r\n", 2, "template \"items\": expected / at the beginning"},
	{"GET /a b", 1, "\"b\" after the template: expected the end of the line"},
	{"GET /a\nGET /{x", 2, "parameter \"{x\": expected {name} or {name:converter}"},
	{"GET /a/{}/b", 1, "parameter \"{}\": expected {name} or {name:converter}"},
	{"GET /a/{1x}", 1, "parameter \"{1x}\": expected {name} or {name:converter}"},
	{"GET /a/{x:}", 1, "parameter \"{x:}\": expected {name} or {name:converter}"},
	{"GET /a/x}", 1, "template \"/a/x}\": expected { before }"},
	{"GET /a?b=1", 1,
	 "template \"/a?b=1\": expected a path without spaces, control bytes, query or fragment"},
	{"GET /\x01", 1,
	 "template \"/\\x01\": expected a path without spaces, control bytes, query or fragment"},
	{"", 0,
	 "no route in it: expected lines METHOD /template, or an OpenAPI document with paths"},
	{"# only\n", 0,
	 "no route in it: expected lines METHOD /template, or an OpenAPI document with paths"},
	{"{\n\"paths\": {\n\"/a\": oops\n}}", 3,
	 "not valid JSON: expected lines METHOD /template, or an OpenAPI document"},
	{"{}", 0,
	 "JSON without an object \"paths\": expected an OpenAPI document as FastAPI serves it at "
	 "/openapi.json"},
	{"[1]", 0,
	 "JSON without an object \"paths\": expected an OpenAPI document as FastAPI serves it at "
	 "/openapi.json"},
	{"{\"paths\":{}}", 0,
	 "no route in it: expected lines METHOD /template, or an OpenAPI document with paths"},
	{"{\"paths\":{\"/a\":7}}", 0, "paths[\"/a\"]: expected an object of operations"},
	{"{\"paths\":{\"a\":{\"get\":{}}}}", 0, "template \"a\": expected / at the beginning"},
};

static void test_bad_files(void **state)
{
	struct route_error error;
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		struct router *r = router_new(100);

		memset(&error, 0xaa, sizeof(error));
		assert_int_equal(load(r, bads[i].text, &error), -EINVAL);
		assert_string_equal(error.text, bads[i].message);
		assert_int_equal(error.line, bads[i].line);
		assert_int_equal(load(r, bads[i].text, NULL), -EINVAL);
		router_free(r);
	}
	struct router *r = router_new(100);

	assert_int_equal(router_load(r, "GET /a\nGET \0/b", 14, &error), -EINVAL);
	assert_int_equal(error.line, 2);
	assert_string_equal(error.text, "a NUL byte: expected text, METHOD /template a line");
	snprintf(text, sizeof(text), "GET /%0500d", 0);
	assert_int_equal(load(r, text, &error), -EINVAL);
	assert_string_equal(error.text, "template of 501 bytes: expected at most 255");
	router_free(r);
}

/* As FastAPI 0.115 serves it, shortened. */
static const char openapi[] =
	"{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Shop\",\"version\":\"1\"},"
	"\"servers\":[{\"url\":\"/root\"}],\"paths\":{"
	"\"/\":{\"get\":{\"summary\":\"Root\",\"operationId\":\"root__get\",\"responses\":{}}},"
	"\"/items/me\":{\"get\":{\"operationId\":\"me\"}},"
	"\"/items/{item_id}\":{\"parameters\":[],\"summary\":\"x\",\"x-own\":{\"get\":1},"
	"\"get\":{\"parameters\":[{\"name\":\"item_id\",\"in\":\"path\",\"required\":true,"
	"\"schema\":{\"type\":\"integer\"}}]},\"put\":{},\"delete\":{}},"
	"\"/files/{file_path}\":{\"get\":{}},\"/\\u00fcber\":{\"post\":{}}},"
	"\"components\":{\"schemas\":{}}}\n";

static void test_openapi(void **state)
{
	struct router *r = router_new(100);
	struct route_error error = {0};

	(void)state;
	if (load(r, openapi, &error))
		fail_msg("%s", error.text);
	expect(r, "GET", "/", "/");
	expect(r, "GET", "/items/me", "/items/me");
	expect(r, "PUT", "/items/foo", "/items/{item_id}");
	expect(r, "PATCH", "/items/foo", "/items/{item_id}");
	expect(r, "POST", "/%C3%BCber",
	       "/\xc3\xbc"
	       "ber");
	assert_null(get(r, "GET", "/items/me")->place);
	/* The document does not say that it is a path: one segment only. */
	expect(r, "GET", "/files/a", "/files/{file_path}");
	expect(r, "GET", "/files/a/b", "/files/a/b");
	expect(r, "GET", "/root/items/me", "/root/items/me");
	router_free(r);
}

/* Any damage to a good file is an answer, not a crash. */
static void test_damaged(void **state)
{
	struct route_error error;
	char text[sizeof(openapi)];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct router *r = router_new(50);
		size_t len = 1 + rnd(sizeof(openapi) - 1);
		int err;

		memcpy(text, openapi, len);
		for (unsigned n = rnd(4); n; n--)
			text[rnd((uint32_t)len)] = (char)rnd(256);
		err = router_load(r, text, len, &error);
		assert_true(!err || err == -EINVAL);
		get(r, "GET", "/items/me");
		router_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),	cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_place),	cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_claimed), cmocka_unit_test(test_regex),
		cmocka_unit_test(test_lines),	cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_openapi), cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
