// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge_insight.c - what the interpreter told, in a merge: places are those of one table, and where
 * everything waited is listed as the open requests are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merge_priv.h"

/* --- places */

static bool there_is(struct merge *m, const struct site *site)
{
	return !site || sites_get(m->sites, site->type, site->where, site->detail);
}

int merge_sites(struct merge *m, struct summary *s, const char *label, struct merge_error *e)
{
	bool room = there_is(m, s->held);

	for (uint32_t i = 0; i < s->n_parts; i++)
		room = room && there_is(m, s->parts[i].held);
	if (room && !stats_move_sites(s->stats, m->sites))
		return 0;
	snprintf(e->text, sizeof(e->text), "%.100s: expected at most %d places in all", label,
		 MERGE_MAX_SITES);
	return -EINVAL;
}

const struct site *merge_site(struct merge *m, const struct site *site)
{
	return site ? sites_get(m->sites, site->type, site->where, site->detail) : NULL;
}

void merge_held(struct summary *s, const struct summary_part *p)
{
	int c = (p->held_ns > s->held_ns) - (p->held_ns < s->held_ns);

	if (!p->held)
		return;
	if (!s->held || c > 0 || (!c && site_compare(p->held, s->held) < 0)) {
		s->held = p->held;
		s->held_ns = p->held_ns;
	}
}

/* Of stalls, as merge.c does it with the others. */
int merge_stall_routes(struct merge *m)
{
	struct stats *st = m->s.stats;

	for (uint32_t i = 0; i < st->n_stalls; i++) {
		const struct route *r = st->stalls[i].route, *to;

		if (!r)
			continue;
		to = router_restore(m->final_router, r->method, r->template, r->place);
		if (!to->id != !r->id)
			return -ENOMEM;
		st->stalls[i].route = to;
	}
	return 0;
}

/* --- where everything waits */

int merge_waits_add(struct merge *m, const struct summary *s)
{
	for (uint32_t i = 0; i < s->n_waits; i++) {
		struct summary_wait *w = merge_more(&m->waits, sizeof(*w));
		const char *host = s->waits[i].host;

		if (!w)
			return -ENOMEM;
		*w = s->waits[i];
		w->where = merge_string(m, w->where ? w->where : "");
		w->on = merge_string(m, w->on ? w->on : "");
		w->host = merge_string(m, merge_host(host ? host : s->host.name));
		if (!w->where || !w->on || !w->host)
			return -ENOMEM;
		if (w->at_wall_ns)
			continue;
		w->at_wall_ns = merge_cut(s->now);
		w->pid = s->target.n_pids ? s->target.pids[0] : 0;
	}
	return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_count(const void *x, const void *y)
{
	const struct summary_wait *a = x, *b = y;
	int c = compare_numbers(b->count, a->count);

	if (!c)
		c = strcmp(a->where, b->where);
	if (!c)
		c = strcmp(a->on, b->on);
	if (!c)
		c = compare_numbers(a->threads, b->threads);
	if (!c)
		c = strcmp(a->host, b->host);
	if (!c)
		c = compare_numbers(a->at_wall_ns, b->at_wall_ns);
	return c ? c : compare_numbers(a->pid, b->pid);
}

void merge_waits_finish(struct merge *m, bool hosts)
{
	struct summary_wait *w = m->waits.v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->waits.n; i++)
		if (!merge_part_continues(m, w[i].host, w[i].pid, w[i].at_wall_ns))
			w[n++] = w[i];
	if (n)
		qsort(w, n, sizeof(*w), by_count);
	for (uint32_t i = 0; i < n; i++) {
		if (!hosts)
			w[i].host = NULL;
		if (m->n_out == 1)
			w[i].at_wall_ns = w[i].pid = 0;
	}
	m->s.waits = w;
	m->s.n_waits = n;
}
