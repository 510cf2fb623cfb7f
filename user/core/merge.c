// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge.c - summaries become one: the sums, and the whole.
 */
#include "merge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "merge_priv.h"
#include "verdict_priv.h"

struct merge *merge_new(void)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->router = router_new(MERGE_MAX_ROUTES);
	m->sites = sites_new_max(MERGE_MAX_SITES);
	m->s.stats = stats_new();
	saturation_unknown(&m->s.saturation);
	if (!m->router || !m->sites || !m->s.stats) {
		merge_free(m);
		return NULL;
	}
	m->s.stats->all_sites = true;
	return m;
}

void merge_free(struct merge *m)
{
	struct merge_list *lists[] = {&m->hosts.list,	&m->kernels.list, &m->targets.list,
				      &m->servers.list, &m->pythons.list, &m->parts,
				      &m->opens,	&m->workers,	  &m->listeners,
				      &m->generations,	&m->features,	  &m->deploys,
				      &m->pids,		&m->ports,	  &m->waits};
	struct merge_worker *w;
	struct merge_block *block;

	if (!m)
		return;
	w = m->workers.v;
	for (uint32_t i = 0; i < m->workers.n; i++)
		hist_free(&w[i].total);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		free(lists[i]->v);
	while ((block = m->blocks)) {
		m->blocks = block->next;
		free(block);
	}
	stats_free(m->s.stats);
	sites_free(m->sites);
	router_free(m->router);
	router_free(m->final_router);
	free(m);
}

struct router *merge_router(struct merge *m)
{
	return m->router;
}

/* --- adding */

/* Of two that took as long, the earlier, then the one whose path comes first: so that it does not
   matter which of the two was there first. */
static bool goes_before(const struct route_stats *a, const struct route_stats *b)
{
	if (a->slowest.total != b->slowest.total || a->slowest.at != b->slowest.at)
		return a->slowest.total == b->slowest.total && a->slowest.at < b->slowest.at;
	return memcmp(a->slowest.path, b->slowest.path, sizeof(a->slowest.path)) < 0;
}

static void settle_slowest(struct stats *into, const struct stats *from)
{
	for (uint32_t i = 0; i < from->n_routes; i++) {
		const struct route_stats *rs = from->routes[i];
		struct route_stats *to = rs && i < into->n_routes ? into->routes[i] : NULL;

		if (to && rs->slowest.at && goes_before(rs, to))
			to->slowest = rs->slowest;
	}
}

/* Workers are added host by host (merge_lists.c): their pids may be the same. */
static int add_stats(struct merge *m, struct summary *s)
{
	struct stats *into = m->s.stats;
	uint32_t workers = s->stats->n_workers;
	int err;

	s->stats->n_workers = 0;
	err = stats_merge(into, s->stats);
	s->stats->n_workers = workers;
	if (!err)
		settle_slowest(into, s->stats);
	return err;
}

static void add_tracer(struct merge *m, const struct summary *s)
{
	struct summary *to = &m->s;

	to->tracer.events += s->tracer.events;
	to->tracer.dropped += s->tracer.dropped;
	to->tracer.unattributed_drops += s->tracer.unattributed_drops;
	to->tracer.routes_overflow += s->tracer.routes_overflow;
	to->opaque.tls += s->opaque.tls;
	to->opaque.http2 += s->opaque.http2;
	to->opaque.proxy += s->opaque.proxy;
	to->opaque.other += s->opaque.other;
	to->late.hung += s->late.hung;
	if (s->late.oldest > to->late.oldest)
		to->late.oldest = s->late.oldest;
}

static int add_names(struct merge *m, const struct summary *s)
{
	int err = merge_names_add(m, &m->hosts, merge_host(s->host.name));

	if (!err)
		err = merge_names_add(m, &m->kernels, s->host.kernel);
	if (!err)
		err = merge_names_add(m, &m->targets, s->target.name);
	if (!err)
		err = merge_names_add(m, &m->servers, s->target.server);
	if (!err)
		err = merge_names_add(m, &m->pythons, s->target.python);
	return err;
}

/* Lists are as bounded as what is read of them. */
static int check_room(const struct merge *m, const struct summary *s, const char *label,
		      struct merge_error *e)
{
	struct {
		uint64_t n;
		unsigned max;
		const char *what;
	} rooms[] = {
		{m->n_inputs + 1, MERGE_MAX_INPUTS, "summaries"},
		{m->hosts.list.n + UINT64_C(1), MERGE_MAX_HOSTS, "hosts"},
		{m->parts.n + (s->n_parts ? s->n_parts : 1), MERGE_MAX_PARTS, "parts"},
		{m->pids.n + s->target.n_pids, MERGE_MAX_PROCESSES, "processes"},
		{m->generations.n + s->target.n_generations, MERGE_MAX_PROCESSES, "processes"},
		{m->listeners.n + s->n_listeners, MERGE_MAX_PARTS, "listeners"},
		{m->ports.n + s->target.n_ports, MERGE_MAX_PARTS, "ports"},
		{m->deploys.n + s->n_deploys, MERGE_MAX_PARTS, "deploys"},
		{m->waits.n + s->n_waits, MERGE_MAX_PARTS, "waits"},
		{m->n_part_pids + s->target.n_pids, MERGE_MAX_PART_PIDS, "processes of parts"},
	};

	for (const char *p = merge_host(s->host.name); (p = strstr(p, ", ")); p += 2)
		rooms[1].n++;
	for (uint32_t i = 0; i < s->n_parts; i++)
		rooms[9].n += s->parts[i].n_pids;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		if (rooms[i].n <= rooms[i].max)
			continue;
		snprintf(e->text, sizeof(e->text), "%.100s: expected at most %u %s in all", label,
			 rooms[i].max, rooms[i].what);
		return -EINVAL;
	}
	return 0;
}

int merge_add(struct merge *m, struct summary *s, const char *label, struct merge_error *e)
{
	int err = check_room(m, s, label, e);

	if (!err)
		err = merge_parts_check(m, s, label, e);
	if (!err)
		err = merge_sites(m, s, label, e);
	if (err)
		return err;
	snprintf(e->text, sizeof(e->text), "out of memory");
	err = merge_parts_add(m, s, label);
	if (!err)
		err = merge_lists_add(m, s);
	if (!err)
		err = add_names(m, s);
	if (!err)
		err = add_stats(m, s);
	if (err)
		return err;
	add_tracer(m, s);
	if (!m->n_inputs++)
		m->only_seconds = s->seconds;
	e->text[0] = '\0';
	return 0;
}

/* --- the whole */

static int by_route_name(const void *x, const void *y)
{
	const struct route *a = (*(struct route_stats *const *)x)->route;
	const struct route *b = (*(struct route_stats *const *)y)->route;
	int c = (!a->id > !b->id) - (!a->id < !b->id); /* `other` comes last */

	if (!c)
		c = strcmp(a->template, b->template);
	return c ? c : strcmp(a->method, b->method);
}

/* Routes that took the same time are shown in the order of their ids, which is that in which they
   came. A router whose ids go by name takes their place. */
static int order_routes(struct merge *m)
{
	struct stats *st = m->s.stats;
	struct route_stats **v = calloc(st->n_routes + 1, sizeof(struct route_stats *));
	struct route **routes = calloc(st->n_routes + 1, sizeof(struct route *));
	uint32_t n = 0;
	int err = -ENOMEM;

	m->final_router = router_new(MERGE_MAX_ROUTES);
	if (!v || !routes || !m->final_router)
		goto out;
	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i])
			v[n++] = st->routes[i];
	qsort(v, n, sizeof(struct route_stats *), by_route_name);
	for (uint32_t i = 0; i < n; i++) {
		const struct route *r = v[i]->route;

		routes[i] = router_restore(m->final_router, r->method, r->template, r->place);
		if (!routes[i]->id != !r->id)
			goto out; /* no memory for it */
	}
	if (n)
		memset(st->routes, 0, st->n_routes * sizeof(struct route_stats *));
	for (uint32_t i = 0; i < n; i++) {
		v[i]->route = routes[i];
		st->routes[routes[i]->id] = v[i];
	}
	err = merge_stall_routes(m);
out:
	free(v);
	free(routes);
	return err;
}

static int join_names(struct merge *m)
{
	bool failed = false;

	m->s.host.name = merge_names_join(m, &m->hosts, &failed);
	m->s.host.kernel = merge_names_join(m, &m->kernels, &failed);
	m->s.target.name = merge_names_join(m, &m->targets, &failed);
	m->s.target.server = merge_names_join(m, &m->servers, &failed);
	m->s.target.python = merge_names_join(m, &m->pythons, &failed);
	if (m->s.host.name && !*m->s.host.name)
		m->s.host.name = NULL;
	return failed ? -ENOMEM : 0;
}

/* While something else of the merge is well, nothing of the above tells of a host that is not. */
static void note_down(struct merge *m)
{
	struct verdict *v = &m->s.verdict;
	char host[64];

	if (!m->s.target.alive || !m->s.target.listening)
		return;
	for (uint32_t i = 0; i < m->n_out; i++) {
		const struct summary_part *p = &m->out_parts[i];

		if ((p->alive && p->listening) || !merge_part_is_last(m, i))
			continue;
		escape_text(host, sizeof(host), p->host, strlen(p->host), 48);
		if (p->alive)
			verdict_add(v, v->state, "nothing listens any more on host %s", host);
		else if (p->n_pids == 1)
			verdict_add(v, v->state, "process %u of host %s is gone", p->pids[0], host);
		else
			verdict_add(v, v->state, "all processes of host %s are gone", host);
	}
}

const struct summary *merge_finish(struct merge *m, const struct verdict_rules *rules)
{
	struct summary *s = &m->s;

	if (!m->n_inputs || merge_parts_finish(m) || merge_lists_finish(m) || order_routes(m) ||
	    join_names(m))
		return NULL;
	if (m->n_inputs == 1)
		s->seconds = m->only_seconds;
	s->stats->from = s->start_wall_ns;
	s->stats->to = s->now;
	verdict_decide(s, rules);
	note_down(m);
	return s;
}
