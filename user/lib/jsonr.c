// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * jsonr.c - the check of a text (RFC 8259), and the walk over one that was checked.
 */
#include "jsonr.h"

#include <errno.h>
#include <string.h>

#include "escape.h"

/* --- the check */

struct check {
	const char *p, *end;
	const char *what; /* is wrong at p; NULL: nothing */
	unsigned depth;
	bool object[JSONR_DEPTH];
};

static bool wrong(struct check *c, const char *what)
{
	c->what = what;
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The next byte that is no space; NUL at the end, which no JSON may hold outside of strings. */
static char peek(struct check *c)
{
	while (c->p < c->end && is_space(*c->p))
		c->p++;
	return c->p < c->end ? *c->p : '\0';
}

static bool check_escape(struct check *c)
{
	const char *p = c->p + 1;

	if (p < c->end && *p != '\0' && strchr("\"\\/bfnrt", *p)) {
		c->p += 2;
		return true;
	}
	if (c->end - p < 5 || *p != 'u')
		return wrong(c, "an escape such as \\n or \\u0041");
	for (int i = 1; i <= 4; i++)
		if (!is_hex(p[i]))
			return wrong(c, "four hex digits after \\u");
	c->p += 6;
	return true;
}

static bool check_string(struct check *c)
{
	if (peek(c) != '"')
		return wrong(c, "a string in double quotes");
	c->p++;
	while (c->p < c->end && *c->p != '"') {
		unsigned char byte = (unsigned char)*c->p;
		size_t n = utf8_length((const unsigned char *)c->p, (size_t)(c->end - c->p));

		if (byte < 0x20)
			return wrong(c, "no control byte within a string");
		if (!n)
			return wrong(c, "valid UTF-8");
		if (byte != '\\')
			c->p += n;
		else if (!check_escape(c))
			return false;
	}
	if (c->p == c->end)
		return wrong(c, "the end of the string; the text is cut off");
	c->p++;
	return true;
}

static bool check_digits(struct check *c)
{
	if (c->p == c->end || !is_digit(*c->p))
		return wrong(c, "a digit");
	while (c->p < c->end && is_digit(*c->p))
		c->p++;
	return true;
}

static bool check_number(struct check *c)
{
	if (*c->p == '-')
		c->p++;
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else if (!check_digits(c))
		return false;
	if (c->p < c->end && is_digit(*c->p))
		return wrong(c, "no digit after a leading 0");
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (!check_digits(c))
			return false;
	}
	if (c->p < c->end && (*c->p | 0x20) == 'e') {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		return check_digits(c);
	}
	return true;
}

static bool check_word(struct check *c)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(c->end - c->p) >= n && !memcmp(c->p, words[i], n)) {
			c->p += n;
			return true;
		}
	}
	return wrong(c, c->p < c->end ? "a value" : "a value; the text is cut off");
}

static bool check_name(struct check *c)
{
	if (!check_string(c))
		return false;
	if (peek(c) != ':')
		return wrong(c, "a colon after the name");
	c->p++;
	return true;
}

/* A value that holds no others, or the beginning of one that does: *opened. */
static bool check_value(struct check *c, bool *opened)
{
	char first = peek(c);

	*opened = first == '{' || first == '[';
	if (first == '"')
		return check_string(c);
	if (first == '-' || is_digit(first))
		return check_number(c);
	if (!*opened)
		return check_word(c);
	if (c->depth == JSONR_DEPTH)
		return wrong(c, "fewer arrays and objects within each other");
	c->object[c->depth++] = first == '{';
	c->p++;
	return true;
}

/* What follows a value: closes what ends here, and goes to the place of the next one. */
static bool check_next(struct check *c)
{
	while (c->depth) {
		bool object = c->object[c->depth - 1];
		char next = peek(c);

		if (next == ',') {
			c->p++;
			return object ? check_name(c) : true;
		}
		if (next != (object ? '}' : ']'))
			return wrong(c, c->p == c->end ? "more; the text is cut off"
					: object       ? "a comma or }"
						       : "a comma or ]");
		c->p++;
		c->depth--;
	}
	return true;
}

/* Just behind a bracket: whether it closes at once. */
static bool check_empty(struct check *c)
{
	return peek(c) == (c->object[c->depth - 1] ? '}' : ']');
}

/* One whole text. */
static bool check_text(struct check *c)
{
	bool opened;

	do {
		if (!check_value(c, &opened))
			return false;
		if (opened && !check_empty(c)) {
			if (c->object[c->depth - 1] && !check_name(c))
				return false;
			continue;
		}
		if (!check_next(c))
			return false;
	} while (c->depth);
	return true;
}

int jsonr_next_text(const char **p, const char *end, struct jsonr *v, struct jsonr_error *e)
{
	struct check c = {.p = *p, .end = end};

	peek(&c);
	if (c.p == end)
		return 0;
	v->p = c.p;
	if (!check_text(&c)) {
		*e = (struct jsonr_error){(size_t)(c.p - *p), c.what};
		return -EINVAL;
	}
	v->end = *p = c.p;
	return 1;
}

/* --- the walk: the text is valid from here on */

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

static const char *skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* Behind the value that begins at p. */
static const char *skip_value(const char *p, const char *end)
{
	unsigned depth = 0;

	do {
		if (*p == '"') {
			p = skip_string(p);
		} else if (depth || *p == '{' || *p == '[') {
			depth += *p == '{' || *p == '[';
			depth -= *p == '}' || *p == ']';
			p++;
		} else {
			while (p < end && !is_space(*p) && *p != ',' && *p != ']' && *p != '}')
				p++;
		}
	} while (depth);
	return p;
}

enum jsonr_kind jsonr_kind(struct jsonr v)
{
	switch (v.p < v.end ? *v.p : 'n') {
	case '{':
		return JSONR_OBJECT;
	case '[':
		return JSONR_ARRAY;
	case '"':
		return JSONR_STRING;
	case 't':
	case 'f':
		return JSONR_BOOL;
	case 'n':
		return JSONR_NULL;
	default:
		return JSONR_NUM;
	}
}

const char *jsonr_kind_name(enum jsonr_kind kind)
{
	static const char *const names[] = {"null",	"true or false", "a number",
					    "a string", "an array",	 "an object"};

	return names[kind];
}

void jsonr_iter_init(struct jsonr_iter *it, struct jsonr v)
{
	enum jsonr_kind kind = jsonr_kind(v);

	*it = (struct jsonr_iter){.value = {.end = v.end}, .object = kind == JSONR_OBJECT};
	if (kind == JSONR_OBJECT || kind == JSONR_ARRAY)
		it->p = v.p + 1;
}

bool jsonr_next(struct jsonr_iter *it)
{
	const char *p = it->p, *end = it->value.end;

	if (!p)
		return false;
	p = skip_space(p, end);
	if (*p == ',')
		p = skip_space(p + 1, end);
	it->p = NULL;
	if (*p == '}' || *p == ']')
		return false;
	if (it->object) {
		it->name.p = p;
		it->name.end = p = skip_string(p);
		p = skip_space(p, end) + 1; /* the colon */
		p = skip_space(p, end);
	}
	it->value.p = p;
	it->p = skip_value(p, end);
	return true;
}

bool jsonr_member(struct jsonr v, const char *name, struct jsonr *member)
{
	struct jsonr_iter it;

	if (jsonr_kind(v) != JSONR_OBJECT)
		return false;
	jsonr_iter_init(&it, v);
	while (jsonr_next(&it)) {
		if (jsonr_is(it.name, name)) {
			*member = it.value;
			return true;
		}
	}
	return false;
}

struct jsonr_text jsonr_text(struct jsonr v)
{
	return (struct jsonr_text){v.p, (size_t)(skip_value(v.p, v.end) - v.p)};
}
