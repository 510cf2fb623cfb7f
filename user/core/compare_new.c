// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * compare_new.c - exceptions that were raised after and not before.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "compare_priv.h"
#include "summary.h"

/* Of the 5xx before that have no exception, one at the same rate may be this for so many that are
 * new. */
#define PER_UNKNOWN 20

static const struct series_route *route_at(const struct series *s, uint32_t id)
{
	return id < s->n_routes ? s->routes[id] : NULL;
}

/* Of "file:line function" without the line: another version of the code has the same one elsewhere.
 */
static bool same_code(const char *a, const char *b)
{
	size_t file = strcspn(a, ":");

	if (strncmp(a, b, file) || strcspn(b, ":") != file)
		return false;
	a += file;
	b += file;
	a += strcspn(a, " ");
	b += strcspn(b, " ");
	return !strcmp(a, b);
}

/* The sides may be of two tables of sites: what they say decides. */
static bool same_error(const struct site *a, const struct site *b)
{
	return a == b || (!strcmp(a->type, b->type) && same_code(a->where, b->where) &&
			  same_code(a->detail, b->detail));
}

static bool raised_in(const struct series *s, const struct site *site)
{
	for (uint32_t id = 0; id < s->n_routes; id++) {
		const struct series_route *r = s->routes[id];

		for (uint32_t i = 0; r && i < r->raised.n; i++)
			if (same_error(r->raised.items[i].site, site))
				return true;
	}
	return false;
}

static bool told_before(const struct compare_new *a, const struct compare_new *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	if (a->route != b->route)
		return a->route->id < b->route->id;
	return site_compare(a->site, b->site) < 0;
}

static void insert(struct comparison *c, const struct compare_new *n)
{
	uint32_t at = c->n_new;

	if (at == COMPARE_MAX_NEW) {
		if (!told_before(n, &c->news[at - 1]))
			return;
		at--;
	} else {
		c->n_new++;
	}
	for (; at && told_before(n, &c->news[at - 1]); at--)
		c->news[at] = c->news[at - 1];
	c->news[at] = *n;
}

static void look_at(struct comparison *c, const struct series *before, const struct series_route *r)
{
	const struct series_route *was = route_at(before, r->route->id);

	for (uint32_t i = 0; i < r->raised.n; i++) {
		const struct error_count *e = &r->raised.items[i];
		struct compare_new n = {.route = r->route,
					.site = e->site,
					.status = e->status,
					.count = e->count,
					.before = was ? was->count : 0,
					.after = r->count};

		if (e->count >= COMPARE_MIN_NEW &&
		    (!was || was->raised.rest * PER_UNKNOWN <= e->count) &&
		    !raised_in(before, e->site))
			insert(c, &n);
	}
}

void compare_news(struct comparison *c, const struct series *before, const struct series *after)
{
	for (uint32_t id = 0; id < after->n_routes; id++)
		if (after->routes[id] && after->routes[id]->route)
			look_at(c, before, after->routes[id]);
}

/* --- in words */

static char *escaped(char *out, size_t size, const char *text)
{
	escape_text(out, size, text, strlen(text), 80);
	return out;
}

char *compare_new_words(char *out, size_t size, const struct compare_new *n)
{
	const struct compare_row row = {.route = n->route};
	char name[512], type[4 * 80 + 1], where[4 * 80 + 1], own[4 * 80 + 1];
	char count[32], after[32], before[32];
	bool has_own = *n->site->detail;

	snprintf(out, size, "new: %s%s%s%s%s: %s of %s requests of %s (none seen in %s before)",
		 *n->site->type ? escaped(type, sizeof(type), n->site->type) : "an exception",
		 *n->site->where ? " at " : "", escaped(where, sizeof(where), n->site->where),
		 has_own ? ", in " : "", escaped(own, sizeof(own), n->site->detail),
		 summary_count(count, sizeof(count), n->count),
		 summary_count(after, sizeof(after), n->after),
		 compare_row_name(name, sizeof(name), &row),
		 summary_count(before, sizeof(before), n->before));
	return out;
}
