// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stats_sites.c - statistics whose places are those of one table become those of another.
 */
#include "stats_priv.h"

#include <errno.h>

/* Finds it there first, without a change: so that all of them move, or none. */
static int move_site(const struct site **site, struct sites *into, bool change)
{
	const struct site *s = sites_get(into, (*site)->type, (*site)->where, (*site)->detail);

	if (!s)
		return -ENOSPC;
	if (change)
		*site = s;
	return 0;
}

static int move_errors(struct error_counts *e, struct sites *into, bool change)
{
	int err = 0;

	for (uint32_t i = 0; i < e->n && !err; i++)
		err = move_site(&e->items[i].site, into, change);
	return err;
}

static int move_all(struct stats *s, struct sites *into, bool change)
{
	int err = move_errors(&s->background, into, change);

	if (!err)
		err = move_errors(&s->routeless, into, change);
	for (uint32_t i = 0; i < s->n_routes && !err; i++)
		if (s->routes[i])
			err = move_errors(&s->routes[i]->errors, into, change);
	for (uint32_t i = 0; i < s->n_stalls && !err; i++)
		err = move_site(&s->stalls[i].site, into, change);
	return err;
}

int stats_move_sites(struct stats *s, struct sites *into)
{
	int err = move_all(s, into, false);

	return err ? err : move_all(s, into, true);
}
