// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* hostile_check.c - what must hold for text, JSON and pages, whatever went into them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

#include "../../user/lib/escape.h"
#include "../../user/lib/jsonr.h"

#define LINE_BYTES 65536

static void show_and_fail(const char *what, const char *text, size_t len, size_t at)
{
	size_t from = at > 60 ? at - 60 : 0, n = len - from < 120 ? len - from : 120;
	char shown[600];

	escape_text(shown, sizeof(shown), text + from, n, 0);
	fail_msg("%s at byte %zu: %s", what, at, shown);
}

/* Colours and weights as ours are: ESC [ digits and ; m. */
static size_t rendition(const char *p)
{
	size_t n;

	if (p[0] != '\x1b' || p[1] != '[')
		return 0;
	n = strspn(p + 2, "0123456789;");
	return n <= 8 && p[2 + n] == 'm' ? n + 3 : 0;
}

void hostile_check_text(const char *text, size_t len, bool lines, bool colour)
{
	size_t line = 0;

	for (size_t i = 0, n; i < len; i += n) {
		const unsigned char *p = (const unsigned char *)text + i;

		line = *p == '\n' ? 0 : line + 1;
		if (line > LINE_BYTES)
			show_and_fail("a line without an end", text, len, i);
		n = colour ? rendition(text + i) : 0;
		if (n || (lines && *p == '\n')) {
			n = n ? n : 1;
			continue;
		}
		n = utf8_length(p, len - i);
		if (!n)
			show_and_fail("broken UTF-8", text, len, i);
		if (utf8_is_control(p, n))
			show_and_fail("a control", text, len, i);
	}
}

void hostile_check_json(const char *text, size_t len)
{
	const char *p = text;
	struct jsonr_error e;
	struct jsonr v;

	assert_true(len > 1 && text[len - 1] == '\n');
	for (size_t i = 0, n; i < len - 1; i += n) {
		n = utf8_length((const unsigned char *)text + i, len - i);
		if (!n || utf8_is_control((const unsigned char *)text + i, n))
			show_and_fail("a control or broken UTF-8", text, len, i);
	}
	if (jsonr_next_text(&p, text + len, &v, &e) != 1)
		show_and_fail(e.what, text, len, e.at);
	assert_int_equal(jsonr_next_text(&p, text + len, &v, &e), 0);
}

/* --- pages */

static const char *const tags[] = {
	"!DOCTYPE", "html",   "head",	    "meta",	"title",   "style",  "body",  "main",
	"header",   "footer", "section",    "bdi",	"h1",	   "h2",     "h3",    "p",
	"div",	    "span",   "b",	    "i",	"em",	   "strong", "code",  "small",
	"br",	    "hr",     "ul",	    "ol",	"li",	   "dl",     "dt",    "dd",
	"table",    "thead",  "tbody",	    "tfoot",	"tr",	   "th",     "td",    "caption",
	"colgroup", "col",    "details",    "summary",	"svg",	   "g",	     "rect",  "line",
	"path",	    "text",   "circle",	    "polyline", "polygon", "desc",   "tspan", "defs",
	"pattern",  "figure", "figcaption", "time",	"nav",	   "abbr",
};

static bool is_tag(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (strlen(tags[i]) == len && !strncmp(tags[i], name, len))
			return true;
	return false;
}

/* What runs or loads. */
static bool is_active(const char *name, size_t len)
{
	static const char *const active[] = {"href",	   "src",  "srcset",	 "action",
					     "formaction", "data", "xlink:href", "background",
					     "poster",	   "ping"};

	if (len > 2 && !strncmp(name, "on", 2))
		return true;
	for (size_t i = 0; i < sizeof(active) / sizeof(*active); i++)
		if (strlen(active[i]) == len && !strncmp(active[i], name, len))
			return true;
	return false;
}

/* From behind a tag's name to its '>': attributes without a value, or with one in double quotes. */
static const char *check_attributes(const char *page, size_t len, const char *p)
{
	for (;;) {
		size_t n;

		p += strspn(p, " \n");
		if (*p == '>' || !strncmp(p, "/>", 2))
			return p + (*p == '/');
		n = strcspn(p, " \n=>\"'<&");
		if (!n || is_active(p, n))
			show_and_fail("an attribute", page, len, (size_t)(p - page));
		p += n;
		if (*p != '=')
			continue;
		if (p[1] != '"')
			show_and_fail("a value without quotes", page, len, (size_t)(p - page));
		n = strcspn(p + 2, "\"<");
		p += 2 + n;
		if (*p++ != '"')
			show_and_fail("a value without an end", page, len, (size_t)(p - page));
	}
}

void hostile_check_html(const char *text, size_t len)
{
	hostile_check_text(text, len, true, false);
	for (const char *p = text; (p = strpbrk(p, "<&")); p++) {
		size_t n;

		if (*p == '&') {
			n = strspn(
				p + 1,
				"#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
			if (!n || p[1 + n] != ';')
				show_and_fail("a bare ampersand", text, len, (size_t)(p - text));
			continue;
		}
		p += p[1] == '/' ? 2 : 1;
		n = strcspn(p, " \n/>");
		if (!is_tag(p, n))
			show_and_fail("a tag", text, len, (size_t)(p - text));
		p = check_attributes(text, len, p + n);
	}
}
