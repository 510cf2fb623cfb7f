// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "told.h"

#include <stdio.h>
#include <string.h>

/* --- which are told first */

/* 5xx, then what no request had, then 4xx: many of these are the clients' own. */
static int rank(const struct error_row *e)
{
	return e->status >= 500 ? 0 : e->status ? 2 : 1;
}

static int compare_routes(const struct route *a, const struct route *b)
{
	int c;

	if (!a || !b)
		return !!a - !!b;
	c = strcmp(a->template, b->template);
	return c ? c : strcmp(a->method, b->method);
}

static bool before(const struct error_row *a, const struct error_row *b)
{
	int c = rank(a) - rank(b);

	if (!c && a->count != b->count)
		return a->count > b->count;
	if (!c)
		c = site_compare(a->site, b->site);
	if (!c)
		c = compare_routes(a->route, b->route);
	return c ? c < 0 : a->status > b->status;
}

struct errors {
	struct error_row *rows;
	uint32_t n, max, all;
	uint64_t untold;
};

static void insert(struct errors *e, const struct error_row *row)
{
	uint32_t at = e->n;

	e->all++;
	if (e->n == e->max && (!e->n || !before(row, &e->rows[e->n - 1])))
		return;
	if (e->n == e->max)
		at--;
	else
		e->n++;
	for (; at && before(row, &e->rows[at - 1]); at--)
		e->rows[at] = e->rows[at - 1];
	e->rows[at] = *row;
}

static void collect(struct errors *e, const struct error_counts *c, const struct route *route)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->items[i].count)
			insert(e, &(struct error_row){.site = c->items[i].site,
						      .route = route,
						      .status = c->items[i].status,
						      .count = c->items[i].count});
	e->untold += c->rest;
}

uint32_t told_errors(const struct stats *st, const struct route_stats *rs, struct error_row *rows,
		     uint32_t max, uint64_t *untold)
{
	struct errors e = {.rows = rows, .max = max};

	if (rs) {
		collect(&e, &rs->errors, rs->route);
	} else {
		collect(&e, &st->background, NULL);
		collect(&e, &st->routeless, NULL);
		for (uint32_t i = 0; i < st->n_routes; i++)
			if (st->routes[i])
				collect(&e, &st->routes[i]->errors, st->routes[i]->route);
	}
	if (untold)
		*untold = e.untold;
	return e.all;
}

struct stall_totals told_stall_totals(const struct stats *st)
{
	struct stall_totals t = {.count = st->stalls_rest};

	for (uint32_t i = 0; i < st->n_stalls; i++) {
		const struct stall_stats *s = &st->stalls[i];

		t.count += s->count;
		t.max = s->max > t.max ? s->max : t.max;
		t.total += s->total;
		t.victims += s->victims;
		t.waited += s->waited;
	}
	return t;
}

/* --- words */

static const char *after_last(const char *s, char c)
{
	const char *at = strrchr(s, c);

	return at && at[1] ? at + 1 : s;
}

/* A function's name has no slash, but for what a code object may be called. */
const char *told_file(const char *where)
{
	const char *end = strchr(where, ':'), *at = where;

	for (const char *p = where; *p && (!end || p < end); p++)
		if (*p == '/' && p[1])
			at = p + 1;
	return at;
}

static const char *place(const char *where, enum words_length length)
{
	return length >= WORDS_BRIEFEST ? told_file(where) : where;
}

/* "orders.py:31" */
static const char *line_of(const char *where, char *out, size_t size)
{
	const char *file = told_file(where), *space = strchr(file, ':');

	space = space ? strchr(space, ' ') : NULL;
	snprintf(out, size, "%.*s", (int)(space ? space - file : (long)strlen(file)), file);
	return out;
}

char *told_error(char *out, size_t size, const struct site *s, enum words_length length)
{
	const char *type = length >= WORDS_SHORT_TYPE ? after_last(s->type, '.') : s->type;
	const char *own = *s->detail ? s->detail : NULL;
	char line[SITE_TEXT_MAX];

	if (!*type)
		type = "an exception";
	if (length == WORDS_LINE && (own || *s->where))
		snprintf(out, size, "%s %s", type,
			 line_of(own ? own : s->where, line, sizeof(line)));
	else if (length == WORDS_TYPE || (!*s->where && !own))
		snprintf(out, size, "%s", type);
	else if (!own)
		snprintf(out, size, "%s at %s", type, place(s->where, length));
	else if (length >= WORDS_BRIEF || !*s->where)
		snprintf(out, size, "%s in %s", type, place(own, length));
	else
		snprintf(out, size, "%s at %s, in %s", type, s->where, own);
	return out;
}

char *told_how(char *out, size_t size, const struct site *s)
{
	const char *detail = s->detail;

	*out = '\0';
	if (!strcmp(s->type, "cpu"))
		snprintf(out, size, "on CPU");
	else if (!strcmp(s->type, "gc"))
		snprintf(out, size, "collecting garbage");
	else if (!strcmp(s->type, "syscall"))
		snprintf(out, size, *detail ? "in the system call %s" : "in a system call", detail);
	else if (!strcmp(s->type, "gil"))
		snprintf(out, size,
			 *detail ? "waiting for the GIL, held by %s" : "waiting for the GIL",
			 detail);
	return out;
}

/* The least of how. */
static const char *brief_how(const struct site *s)
{
	if (!strcmp(s->type, "syscall") && *s->detail)
		return s->detail;
	return strcmp(s->type, "unknown") ? s->type : "";
}

/* Where the place is not known, how it was may tell the more: who held the GIL. */
char *told_stall(char *out, size_t size, const struct site *s, enum words_length length)
{
	char how[TOLD_WORDS / 2];

	told_how(how, sizeof(how), s);
	if (*s->where && length >= WORDS_BRIEF)
		snprintf(how, sizeof(how), "%s", brief_how(s));
	if (!*s->where)
		snprintf(out, size, "%s", *how ? how : "an unknown place");
	else if (*how)
		snprintf(out, size, "%s (%s)", place(s->where, length), how);
	else
		snprintf(out, size, "%s", place(s->where, length));
	return out;
}

char *told_wait(char *out, size_t size, const struct summary_wait *w, enum words_length length)
{
	const char *where = *w->where ? place(w->where, length) : "an unknown place";

	if (w->on && *w->on && length < WORDS_BRIEFEST)
		snprintf(out, size, "%s on %s", where, w->on);
	else
		snprintf(out, size, "%s", where);
	return out;
}
