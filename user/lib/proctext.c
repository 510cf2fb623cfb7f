// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "proctext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Digits at *s, moved beyond; no sign, no white space before. */
static int number(const char **s, uint64_t *out)
{
	char *end;

	if (**s < '0' || **s > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(*s, &end, 10);
	*s = end;
	return errno ? -EINVAL : 0;
}

int proctext_schedstat(const char *text, uint64_t *run, uint64_t *wait)
{
	uint64_t r, w, slices;

	if (number(&text, &r) || *text++ != ' ' || number(&text, &w) || *text++ != ' ' ||
	    number(&text, &slices))
		return -EINVAL;
	*run = r;
	*wait = w;
	return 0;
}

/* The line that begins with `key`, behind it and the white space that follows. */
static const char *value_of(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (*text) {
		if (!strncmp(text, key, n) && (text[n] == ' ' || text[n] == '\t'))
			return text + n + strspn(text + n, " \t");
		text = strchrnul(text, '\n');
		text += *text == '\n';
	}
	return NULL;
}

int proctext_max_files(const char *text, uint64_t *limit)
{
	const char *s = value_of(text, "Max open files");

	if (!s)
		return -EINVAL;
	if (strncmp(s, "unlimited", 9))
		return number(&s, limit);
	*limit = UINT64_MAX;
	return 0;
}

int proctext_cpu_stat(const char *text, uint64_t *periods, uint64_t *throttled)
{
	const char *p = value_of(text, "nr_periods"), *t = value_of(text, "nr_throttled");
	uint64_t n, m;

	if (!p || !t || number(&p, &n) || number(&t, &m))
		return -EINVAL;
	*periods = n;
	*throttled = m;
	return 0;
}

/* Whether the comma-separated list s[0..len) has this word. */
static bool has_word(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	while (len) {
		const char *comma = memchr(s, ',', len);
		size_t part = comma ? (size_t)(comma - s) : len;

		if (part == n && !memcmp(s, word, n))
			return true;
		len -= comma ? part + 1 : part;
		s += comma ? part + 1 : part;
	}
	return false;
}

/* One line: "hierarchy:controllers:path"; version 2 is 0 and has none. */
static bool is_hierarchy(const char *line, const char *first, const char *second,
			 const char *controller)
{
	size_t len = (size_t)(second - first - 1);

	if (!controller)
		return first == line + 1 && *line == '0' && !len;
	return has_word(first + 1, len, controller);
}

int proctext_cgroup(const char *text, const char *controller, const char **path, unsigned *len)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *first = memchr(text, ':', (size_t)(end - text));
		const char *second =
			first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;

		if (second && second[1] == '/' && is_hierarchy(text, first, second, controller)) {
			*path = second + 1;
			*len = (unsigned)(end - second - 1);
			return 0;
		}
		text = end + (*end == '\n');
	}
	return -EINVAL;
}

int proctext_syscall(const char *text, bool *running, long *nr)
{
	char *end;
	long n;

	if (!strncmp(text, "running", 7)) {
		*running = true;
		*nr = -1;
		return 0;
	}
	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || *end != ' ' || errno || n < -1)
		return -EINVAL;
	*running = false;
	*nr = n;
	return 0;
}
