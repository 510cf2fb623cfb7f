// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* converters.c - whether the parameters of a path mean what they mean in Starlette. */
#include <string.h>

#include "routes_priv.h"

/* The text of the regular expression's group of that name, from behind its name on; NULL: none. */
static const char *group_of(const char *regex, const char *name, size_t len)
{
	const char *p = regex;

	while ((p = strstr(p, "(?P<"))) {
		p += 4;
		if (!strncmp(p, name, len) && p[len] == '>')
			return p + len + 1;
	}
	return NULL;
}

/* Whether a parameter matches what this converter of Starlette's matches. An app may register its
   own, under these names too: the compiled expression tells. */
static bool is_builtin(const char *regex, const char *name, size_t name_len, const char *conv,
		       size_t conv_len)
{
	static const struct {
		const char *name, *regex;
	} known[] = {
		{"", "[^/]+)"},
		{"str", "[^/]+)"},
		{"path", ".*)"},
		{"int", "[0-9]+)"},
		{"float", "[0-9]+(\\.[0-9]+)?)"},
		{"uuid", "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-"
			 "F]{12})"},
		{"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"},
	};
	const char *group = regex ? group_of(regex, name, name_len) : NULL;

	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strlen(known[i].name) != conv_len || memcmp(known[i].name, conv, conv_len))
			continue;
		if (!group || !strncmp(group, known[i].regex, strlen(known[i].regex)))
			return true;
	}
	return false;
}

bool py_converters_known(const char *path, const char *regex)
{
	for (const char *p = strchr(path, '{'); p; p = strchr(p, '{')) {
		size_t len = strcspn(++p, ":}"), conv = 0;

		if (p[len] == ':')
			conv = strcspn(p + len + 1, "}");
		if (!is_builtin(regex, p, len, p + len + (p[len] == ':'), conv))
			return false;
		p += len;
	}
	return true;
}
