// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stats_errors.c - exceptions, by the place where they were raised: behind answers, and of no
 * request.
 */
#include "stats_priv.h"

#include <errno.h>
#include <stdlib.h>

static struct error_count *find(struct error_counts *e, const struct site *site, uint16_t status)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->items[i].site == site && e->items[i].status == status)
			return &e->items[i];
	return NULL;
}

static int room(struct error_counts *e)
{
	uint32_t cap = e->cap ? e->cap * 2 : 4;
	struct error_count *items;

	if (e->n < e->cap)
		return 0;
	items = realloc(e->items, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	e->items = items;
	e->cap = cap;
	return 0;
}

int errors_add(struct error_counts *e, const struct site *site, uint16_t status, uint64_t count,
	       uint32_t max)
{
	struct error_count *item = find(e, site, status);

	if (!item && e->n >= max) {
		e->rest += count;
		return 0;
	}
	if (!item) {
		if (room(e))
			return -ENOMEM;
		item = &e->items[e->n++];
		*item = (struct error_count){.site = site, .status = status};
	}
	item->count += count;
	return 0;
}

int errors_merge(struct error_counts *into, const struct error_counts *from, uint32_t max)
{
	int err = 0;

	for (uint32_t i = 0; i < from->n; i++) {
		const struct error_count *c = &from->items[i];

		if (errors_add(into, c->site, c->status, c->count, max))
			err = -ENOMEM;
	}
	into->rest += from->rest;
	return err;
}

void errors_reset(struct error_counts *e)
{
	e->n = 0;
	e->rest = 0;
}

void errors_free(struct error_counts *e)
{
	free(e->items);
}

uint32_t errors_max(const struct stats *s)
{
	return s->all_sites ? UINT32_MAX : STATS_MAX_ERRORS;
}

int errors_end(struct stats *s, const struct request *r, struct route_stats *rs)
{
	if (!r->error || !r->status_seen || r->status < 400 || r->status > 599)
		return 0;
	return errors_add(rs ? &rs->errors : &s->routeless, r->error, r->status, 1, errors_max(s));
}

int stats_background(struct stats *s, const struct site *site)
{
	return errors_add(&s->background, site, 0, 1, errors_max(s));
}
