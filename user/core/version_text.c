// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "version_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HASH_SHOWN 12

static bool is_hash(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return len == 40 || len == 64;
}

static bool is_version_byte(char c)
{
	/* ASCII, whatever the locale takes for a letter */
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("._+-/@:", c));
}

bool version_take(char out[VERSION_MAX], const char *s, size_t len)
{
	if (is_hash(s, len))
		len = HASH_SHOWN;
	if (!len || len >= VERSION_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_version_byte(s[i]))
			return false;
	memcpy(out, s, len);
	out[len] = 0;
	return true;
}

/* --- the environment */

/* "service.name=shop,service.version=1.4.2" */
static bool from_attributes(char out[VERSION_MAX], const char *s, size_t len)
{
	static const char key[] = "service.version=";
	const char *end = s + len;

	while (s < end) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		const char *stop = comma ? comma : end;

		s += strspn(s, " ");
		if ((size_t)(stop - s) > sizeof(key) - 1 && !memcmp(s, key, sizeof(key) - 1))
			return version_take(out, s + sizeof(key) - 1,
					    (size_t)(stop - s) - (sizeof(key) - 1));
		s = comma ? comma + 1 : end;
	}
	return false;
}

/* The value of a variable; NULL: it is not set, or lies where the environment was cut. */
static const char *variable(const char *name, const char *environ, size_t len, size_t *value_len)
{
	size_t n = strlen(name);
	const char *end = environ + len;

	for (const char *s = environ; s < end;) {
		const char *stop = memchr(s, 0, (size_t)(end - s));

		if (!stop)
			return NULL;
		if ((size_t)(stop - s) > n && !memcmp(s, name, n) && s[n] == '=') {
			*value_len = (size_t)(stop - s) - n - 1;
			return s + n + 1;
		}
		s = stop + 1;
	}
	return NULL;
}

bool version_from_environ(char out[VERSION_MAX], const char *environ, size_t len)
{
	static const char *const names[] = {
		"GIT_COMMIT",	   "GIT_SHA",	    "GIT_REVISION",	  "COMMIT_SHA",
		"SOURCE_VERSION",  "SOURCE_COMMIT", "HEROKU_SLUG_COMMIT", "RELEASE",
		"RELEASE_VERSION", "APP_VERSION",   "SENTRY_RELEASE",	  "DD_VERSION",
	};
	const char *value;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		value = variable(names[i], environ, len, &n);
		if (value && version_take(out, value, n))
			return true;
	}
	value = variable("OTEL_RESOURCE_ATTRIBUTES", environ, len, &n);
	return value && from_attributes(out, value, n);
}

/* --- git */

static size_t line_length(const char *s, size_t left)
{
	const char *end = memchr(s, '\n', left);

	return end ? (size_t)(end - s) : left;
}

static size_t without_trailing_space(const char *s, size_t len)
{
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	return len;
}

/* Below refs/, and no way out of it (git-check-ref-format(1)). */
static bool is_ref(const char *s, size_t len)
{
	if (len < 6 || len >= GIT_REF_MAX || memcmp(s, "refs/", 5) || s[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '\\' ||
		    (i && s[i] == '.' && (s[i - 1] == '.' || s[i - 1] == '/')) ||
		    (i && s[i] == '/' && s[i - 1] == '/'))
			return false;
	return true;
}

bool version_from_git(char out[VERSION_MAX], char ref[GIT_REF_MAX], const char *text, size_t len)
{
	size_t n = without_trailing_space(text, line_length(text, len));

	*ref = 0;
	if (is_hash(text, n))
		return version_take(out, text, n);
	if (n < 5 || memcmp(text, "ref:", 4))
		return false;
	for (text += 4, n -= 4; n && *text == ' '; n--)
		text++;
	if (!is_ref(text, n))
		return false;
	memcpy(ref, text, n);
	ref[n] = 0;
	return true;
}

/* Lines "HASH REF"; comments begin with #, and ^HASH is what the tag above it points to. */
bool version_from_packed_refs(char out[VERSION_MAX], const char *ref, const char *text, size_t len)
{
	size_t ref_len = strlen(ref);

	for (const char *end = text + len; text < end;) {
		size_t n = line_length(text, (size_t)(end - text));
		const char *space = memchr(text, ' ', n);

		if (space && (size_t)(text + n - space - 1) == ref_len &&
		    !memcmp(space + 1, ref, ref_len) && is_hash(text, (size_t)(space - text)))
			return version_take(out, text, (size_t)(space - text));
		text += n + 1;
	}
	return false;
}

/* --- pyproject.toml: as much of TOML as a version takes */

enum table { TABLE_OTHER, TABLE_PROJECT, TABLE_POETRY };

struct toml {
	enum table table;
	const char *quotes; /* within a string of several lines: what ends it */
};

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

/* "[project]", "[ tool.poetry ]  # as it was"; any other line that begins so ends the table. */
static enum table table_of(const char *s, const char *end)
{
	const char *name = skip_blanks(s + 1, end);
	size_t n = 0;

	while (name + n < end && (isalnum((unsigned char)name[n]) || strchr("._-", name[n])))
		n++;
	s = skip_blanks(name + n, end);
	if (s == end || *s != ']')
		return TABLE_OTHER;
	s = skip_blanks(s + 1, end);
	if (s < end && *s != '#')
		return TABLE_OTHER;
	if (n == 7 && !memcmp(name, "project", n))
		return TABLE_PROJECT;
	return n == 11 && !memcmp(name, "tool.poetry", n) ? TABLE_POETRY : TABLE_OTHER;
}

/* version = "1.4.2", or with single quotes. */
static bool version_line(char out[VERSION_MAX], const char *s, const char *end)
{
	static const char *const keys[] = {"version", "\"version\"", "'version'"};
	const char *close;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !n; i++)
		if ((size_t)(end - s) > strlen(keys[i]) && !memcmp(s, keys[i], strlen(keys[i])))
			n = strlen(keys[i]);
	s = skip_blanks(s + n, end);
	if (!n || s == end || *s != '=')
		return false;
	s = skip_blanks(s + 1, end);
	if (s == end || (*s != '"' && *s != '\''))
		return false;
	close = memchr(s + 1, *s, (size_t)(end - s - 1));
	return close && version_take(out, s + 1, (size_t)(close - s - 1));
}

/* Whether this line leaves a string of several lines open, or closes the one it is in. */
static void follow_quotes(struct toml *t, const char *s, const char *end)
{
	for (; end - s >= 3; s++) {
		const char *quotes = *s == '"' ? "\"\"\"" : "'''";

		if (memcmp(s, quotes, 3) || (t->quotes && *t->quotes != *s))
			continue;
		t->quotes = t->quotes ? NULL : quotes;
		s += 2;
	}
}

static void take_line(struct toml *t, char project[VERSION_MAX], char poetry[VERSION_MAX],
		      const char *s, const char *end)
{
	bool inside = t->quotes;

	follow_quotes(t, s, end);
	s = skip_blanks(s, end);
	if (inside || s == end || *s == '#')
		return;
	if (*s == '[')
		t->table = table_of(s, end);
	else if (t->table == TABLE_PROJECT && !*project)
		version_line(project, s, end);
	else if (t->table == TABLE_POETRY && !*poetry)
		version_line(poetry, s, end);
}

bool version_from_pyproject(char out[VERSION_MAX], const char *text, size_t len)
{
	char project[VERSION_MAX] = "", poetry[VERSION_MAX] = "";
	struct toml t = {TABLE_OTHER, NULL};

	for (const char *end = text + len; text < end;) {
		size_t n = line_length(text, (size_t)(end - text));

		take_line(&t, project, poetry, text, text + without_trailing_space(text, n));
		text += n + 1;
	}
	if (!*project && !*poetry)
		return false;
	memcpy(out, *project ? project : poetry, VERSION_MAX);
	return true;
}

/* --- distributions */

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == '.';
}

/* PEP 503: runs of separators are one. */
static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t i = 0, k = 0;

	while (i < a_len && k < b_len) {
		if (is_separator(a[i]) != is_separator(b[k]))
			return false;
		if (!is_separator(a[i]) &&
		    tolower((unsigned char)a[i]) != tolower((unsigned char)b[k]))
			return false;
		for (i++; i < a_len && is_separator(a[i - 1]) && is_separator(a[i]);)
			i++;
		for (k++; k < b_len && is_separator(b[k - 1]) && is_separator(b[k]);)
			k++;
	}
	return i == a_len && k == b_len;
}

bool version_from_dist_info(char out[VERSION_MAX], const char *entry, const char *package)
{
	static const char suffix[] = ".dist-info";
	size_t len = strlen(entry);
	const char *dash;

	if (len < sizeof(suffix) || strcmp(entry + len - (sizeof(suffix) - 1), suffix))
		return false;
	len -= sizeof(suffix) - 1;
	dash = memchr(entry, '-', len); /* a name holds none there: the format writes them as _ */
	if (!dash || !same_name(entry, (size_t)(dash - entry), package, strlen(package)))
		return false;
	return version_take(out, dash + 1, len - (size_t)(dash - entry) - 1);
}

/* A module path and an attribute, "shop.web:app" or "shop.web:make()"; no host:port, no file, no
 * URL. */
static size_t package_length(const char *word)
{
	size_t top = 0, n = 0;

	if (!isalpha((unsigned char)word[0]) && word[0] != '_')
		return 0;
	for (; isalnum((unsigned char)word[n]) || word[n] == '_' || word[n] == '.'; n++)
		if (word[n] == '.' && !top)
			top = n;
	if (word[n] != ':' || (!isalpha((unsigned char)word[n + 1]) && word[n + 1] != '_'))
		return 0;
	return top ? top : n;
}

bool version_app_package(char out[VERSION_MAX], const char *args, size_t len)
{
	for (const char *word = args, *end = args + len; word < end;) {
		const char *stop = memchr(word, 0, (size_t)(end - word));
		size_t n;

		if (!stop)
			return false; /* cut */
		n = package_length(word);
		if (n && n < VERSION_MAX) {
			memcpy(out, word, n);
			out[n] = 0;
			return true;
		}
		word = stop + 1;
	}
	return false;
}
