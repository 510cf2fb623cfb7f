// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_file.c - the INI file of checks. inih takes the lines apart into keys and values; what they
 * mean, and that nothing is silently misread, is decided here. Sections and the lines' bounds are
 * looked at before inih sees them, because it cuts long lines and long names without a word. Blanks
 * before a key mean nothing: to inih they would continue the value above.
 */
#include "check_priv.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"

#define ADVICE "; keys are route warning critical min_requests owner expected rollback runbook"

struct reader {
	struct check_file *file;
	struct check_error *error;
	const char *p, *end;
	unsigned line;
	bool failed; /* error is filled, or no_memory */
	bool no_memory;
	bool has_route, has_min; /* of the section under way */
};

static struct check *current(const struct reader *r)
{
	return r->file->n ? &r->file->checks[r->file->n - 1] : NULL;
}

/* --- what text may hold */

/* Everything read here is printed, and beyond '|' a monitoring system takes it for performance
 * data. */
static int check_text(struct reader *r, const char *what, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length((const unsigned char *)text + i, len - i);
		if (!n || utf8_is_control((const unsigned char *)text + i, n))
			return check_fail(r->error, r->line, "%s holds %s: \"%s\"", what,
					  n ? "a control character" : "bytes that are not UTF-8",
					  check_quote(text, len).s);
	}
	if (strchr(text, '|'))
		return check_fail(r->error, r->line,
				  "%s holds a \"|\", where monitoring systems cut text off; put a "
				  "command with a pipe into the runbook",
				  what);
	return 0;
}

/* --- sections */

static int section_end(struct reader *r)
{
	const struct check *c = current(r);

	if (!c)
		return 0;
	if (!c->n_conditions)
		return check_fail(r->error, c->line,
				  "[%s] has no condition; add one, such as critical = p99 < 300ms",
				  c->name);
	return check_compare_conditions(c, r->error);
}

static int section_name(struct reader *r, const char *name, size_t len)
{
	if (!len || len >= CHECK_NAME_MAX)
		return check_fail(r->error, r->line,
				  "a section's name has 1 to %d bytes, got \"%s\"",
				  CHECK_NAME_MAX - 1, check_quote(name, len).s);
	for (size_t i = 0; i < len; i++)
		if (strchr("'\"=;[\\", name[i]))
			return check_fail(r->error, r->line, "a section's name cannot hold %c",
					  name[i]);
	for (uint32_t i = 0; i < r->file->n; i++)
		if (strlen(r->file->checks[i].name) == len &&
		    !memcmp(r->file->checks[i].name, name, len))
			return check_fail(r->error, r->line,
					  "section [%.*s] is there twice: line %u has it already",
					  (int)len, name, r->file->checks[i].line);
	return 0;
}

static int section_new(struct reader *r, const char *name, size_t len)
{
	struct check_file *f = r->file;
	struct check *more;

	if (f->n == CHECK_MAX_CHECKS)
		return check_fail(r->error, r->line, "too many sections: at most %d",
				  CHECK_MAX_CHECKS);
	more = realloc(f->checks, (f->n + 1) * sizeof(*more));
	if (!more) {
		r->no_memory = true;
		return -ENOMEM;
	}
	f->checks = more;
	more += f->n++;
	*more = (struct check){.min_requests = 1, .line = r->line};
	memcpy(more->name, name, len);
	r->has_route = r->has_min = false;
	return check_text(r, "the section's name", more->name);
}

/* "[name]", perhaps with a comment behind it. */
static int section(struct reader *r, const char *text)
{
	const char *name = text + 1, *end = strchr(name, ']'), *rest;
	size_t len;
	int err;

	rest = end ? end + 1 + strspn(end + 1, " ") : NULL;
	if (!end || (*rest && *rest != ';' && *rest != '#'))
		return check_fail(r->error, r->line, "a section is \"[name]\", got \"%s\"",
				  check_quote(text, strlen(text)).s);
	name += strspn(name, " ");
	len = end > name ? (size_t)(end - name) : 0;
	while (len && name[len - 1] == ' ')
		len--;
	err = section_end(r);
	if (!err)
		err = section_name(r, name, len);
	return err ? err : section_new(r, name, len);
}

/* --- keys */

static int twice(struct reader *r, const char *key)
{
	return check_fail(r->error, r->line, "[%s] has %s twice", current(r)->name, key);
}

static int take_route(struct reader *r, const char *value)
{
	struct check *c = current(r);

	if (r->has_route)
		return twice(r, "route");
	r->has_route = true;
	if (!strcmp(value, "all"))
		return 0;
	if (strlen(value) >= sizeof(c->route) || (!strpbrk(value, "/*") && strcmp(value, "other")))
		return check_fail(
			r->error, r->line,
			"route wants all, or a route such as /orders/* or POST /orders/*, got "
			"\"%s\"",
			check_quote(value, strlen(value)).s);
	snprintf(c->route, sizeof(c->route), "%s", value);
	return check_text(r, "route", value);
}

static int take_min_requests(struct reader *r, const char *value)
{
	if (r->has_min)
		return twice(r, "min_requests");
	r->has_min = true;
	if (!units_parse_u64(value, 1, 1000000000, &current(r)->min_requests))
		return 0;
	return check_fail(r->error, r->line,
			  "min_requests wants a whole number from 1 to 1000000000, got \"%s\"",
			  check_quote(value, strlen(value)).s);
}

/* A key given again adds a line. */
static int take_word(struct reader *r, enum check_word word, const char *value)
{
	char **at = &current(r)->words[word], *longer;
	size_t old = *at ? strlen(*at) + 1 : 0, len = strlen(value);

	if (old + len >= CHECK_WORD_MAX)
		return check_fail(r->error, r->line, "%s is too long: at most %d bytes in all",
				  check_word_name(word), CHECK_WORD_MAX - 1);
	if (check_text(r, check_word_name(word), value))
		return -EINVAL;
	longer = realloc(*at, old + len + 1);
	if (!longer) {
		r->no_memory = true;
		return -ENOMEM;
	}
	if (old)
		longer[old - 1] = '\n';
	memcpy(longer + old, value, len + 1);
	*at = longer;
	return 0;
}

static int unknown_key(struct reader *r, const char *key)
{
	static const char *const keys[] = {"route", "warning",	"critical", "min_requests",
					   "owner", "expected", "rollback", "runbook"};
	const char *nearest = check_nearest(key, strlen(key), keys, sizeof(keys) / sizeof(*keys));

	if (nearest)
		return check_fail(r->error, r->line, "unknown key \"%s\"; did you mean %s?",
				  check_quote(key, strlen(key)).s, nearest);
	if (check_metric_find(key, strcspn(key, " <>")) != CHECK_METRICS)
		return check_fail(
			r->error, r->line,
			"\"%s\" is a metric, not a key; write warning = %s ... or critical = "
			"%s ...",
			check_quote(key, strlen(key)).s, check_quote(key, strlen(key)).s,
			check_quote(key, strlen(key)).s);
	return check_fail(r->error, r->line, "unknown key \"%s\"" ADVICE,
			  check_quote(key, strlen(key)).s);
}

static int take(struct reader *r, const char *key, const char *value)
{
	if (!current(r))
		return check_fail(r->error, r->line,
				  "\"%s\" stands before the first section; begin with [name]",
				  check_quote(key, strlen(key)).s);
	if (!*value)
		return check_fail(r->error, r->line, "%s is empty",
				  check_quote(key, strlen(key)).s);
	if (!strcmp(key, "route"))
		return take_route(r, value);
	if (!strcmp(key, "warning"))
		return check_add_conditions(current(r), CHECK_WARNING, value, r->line, r->error);
	if (!strcmp(key, "critical"))
		return check_add_conditions(current(r), CHECK_CRITICAL, value, r->line, r->error);
	if (!strcmp(key, "min_requests"))
		return take_min_requests(r, value);
	for (int i = 0; i < CHECK_WORDS; i++)
		if (!strcmp(key, check_word_name((enum check_word)i)))
			return take_word(r, (enum check_word)i, value);
	return unknown_key(r, key);
}

/* inih's ini_handler: 0 means an error. */
static int on_value(void *ctx, const char *section_name_, const char *key, const char *value)
{
	struct reader *r = ctx;

	(void)section_name_;
	if (!r->failed && take(r, key, value ? value : ""))
		r->failed = true;
	return !r->failed;
}

/* --- lines */

/* The next line without the blanks around it. */
static const char *next_line(struct reader *r, size_t *len)
{
	const char *line = r->p, *end = memchr(line, '\n', (size_t)(r->end - line));

	r->p = end ? end + 1 : r->end;
	end = end ? end : r->end;
	if (!r->line++ && end - line >= 3 && !memcmp(line, "\xef\xbb\xbf", 3))
		line += 3;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*len = (size_t)(end - line);
	return line;
}

/* inih's ini_reader. */
static char *on_line(char *out, int size, void *ctx)
{
	struct reader *r = ctx;
	const char *line;
	size_t len;

	if (r->failed || r->p == r->end)
		return NULL;
	line = next_line(r, &len);
	if (len && (*line == ';' || *line == '#'))
		len = 0; /* a comment may be as long as it likes */
	if (len >= (size_t)size) {
		check_fail(
			r->error, r->line,
			"the line has %zu bytes, more than %d; a key may be given several times, "
			"each adds to it",
			len, size - 1);
		r->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		out[i] = line[i] == '\t' ? ' ' : line[i];
	out[len] = '\0';
	if (*out == '[' && section(r, out)) {
		r->failed = true;
		return NULL;
	}
	return out;
}

/* --- the file */

static unsigned count_lines(const char *text, const char *end)
{
	unsigned n = 1;

	for (; text < end; text++)
		n += *text == '\n';
	return n;
}

/* What inih could make nothing of: neither a section nor a key with a value. */
static int no_key(struct reader *r, const char *text, unsigned at)
{
	size_t len = 0;
	const char *line = "";

	r->p = text;
	for (r->line = 0; r->line < at;)
		line = next_line(r, &len);
	return check_fail(r->error, at, "expected \"key = value\" or \"[name]\", got \"%s\"",
			  check_quote(line, len).s);
}

static int parse(struct reader *r, const char *text)
{
	int bad = ini_parse_stream(on_line, r, on_value, r);

	if (r->no_memory || bad == -2)
		return -ENOMEM;
	/* it goes on after an error of its own, so ours may be a later one */
	if (bad > 0 && !(r->failed && r->error->line <= (unsigned)bad))
		return no_key(r, text, (unsigned)bad);
	if (r->failed)
		return -EINVAL;
	if (!r->file->n)
		return check_fail(
			r->error, 0,
			"no check in it; it has a section for each, such as [all] and below it "
			"critical = p99 < 300ms");
	return section_end(r);
}

int check_file_parse(struct check_file *file, const char *text, size_t len,
		     struct check_error *error)
{
	const char *nul = memchr(text, '\0', len);
	struct reader r = {.file = file, .error = error, .p = text, .end = text + len};

	*file = (struct check_file){};
	*error = (struct check_error){};
	if (nul)
		return check_fail(error, count_lines(text, nul),
				  "a NUL byte: this is no text file");
	if (len > CHECK_FILE_MAX)
		return check_fail(error, 0, "more than %d KiB: this is no check file",
				  CHECK_FILE_MAX / 1024);
	return parse(&r, text);
}

void check_file_free(struct check_file *file)
{
	for (uint32_t i = 0; i < file->n; i++)
		for (int k = 0; k < CHECK_WORDS; k++)
			free(file->checks[i].words[k]);
	free(file->checks);
	*file = (struct check_file){};
}
