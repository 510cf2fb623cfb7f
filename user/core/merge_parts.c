// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge_parts.c - the stretches of time that a merge is made of: what may not be added, what
 * continues what, and the window that all of them cover.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/utc.h"
#include "merge_priv.h"

#define US	 UINT64_C(1000)
#define SLACK	 (1000 * US)	/* clocks of two runs may be as far apart */
#define ADJACENT (1000000 * US) /* between the end of one and the begin of what continues it */

uint64_t merge_cut(uint64_t ns)
{
	return ns - ns % US;
}

/* --- the parts of one summary */

/* All processes that lived in it: those at its end, and those that are gone. */
static int all_pids(struct merge *m, const struct summary *s, struct summary_part *p)
{
	struct merge_list set = {0};
	uint32_t *pids = NULL;
	int err = 0;

	for (uint32_t i = 0; !err && i < s->target.n_pids; i++)
		err = merge_set_add(&set, s->target.pids[i]);
	for (uint32_t i = 0; !err && i < s->target.n_generations; i++)
		err = merge_set_add(&set, s->target.generations[i].pid);
	if (!err && set.n)
		pids = merge_alloc(m, set.n * sizeof(*pids));
	if (pids)
		memcpy(pids, set.v, set.n * sizeof(*pids));
	p->pids = pids;
	p->n_pids = pids ? set.n : 0;
	free(set.v);
	return err || (set.n && !pids) ? -ENOMEM : 0;
}

static int ports_of(struct merge *m, const uint16_t *ports, uint32_t n, struct summary_part *p)
{
	uint16_t *copy = n ? merge_alloc(m, n * sizeof(*copy)) : NULL;

	if (n && !copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, ports, n * sizeof(*copy));
	p->ports = copy;
	p->n_ports = n;
	return 0;
}

static int add_part(struct merge *m, const struct summary_part *from, const char *label)
{
	struct merge_part *part = merge_more(&m->parts, sizeof(*part));
	uint32_t *pids = from->n_pids ? merge_alloc(m, from->n_pids * sizeof(*pids)) : NULL;

	if (!part || (from->n_pids && !pids))
		return -ENOMEM;
	m->n_part_pids += from->n_pids;
	part->p = *from;
	part->label = label;
	if (pids)
		memcpy(pids, from->pids, from->n_pids * sizeof(*pids));
	part->p.pids = pids;
	part->p.held = merge_site(m, from->held);
	part->p.host = merge_string(m, merge_host(from->host));
	return part->p.host ? ports_of(m, from->ports, from->n_ports, &part->p) : -ENOMEM;
}

/* A summary that is no merge is one part. */
static struct summary_part whole(const struct summary *s)
{
	return (struct summary_part){
		.host = merge_host(s->host.name),
		.ports = s->target.ports,
		.n_ports = s->target.n_ports,
		.start_wall_ns = merge_cut(s->start_wall_ns),
		.end_wall_ns = merge_cut(s->now),
		.carried = s->stats->ledger.carried,
		.open = s->stats->ledger.open,
		.alive = s->target.alive,
		.listening = s->target.listening,
		.held = s->held,
		.held_ns = s->held_ns,
	};
}

int merge_parts_add(struct merge *m, const struct summary *s, const char *label)
{
	struct summary_part one = whole(s);
	const char *name = merge_string(m, label);
	int err = name ? 0 : -ENOMEM;

	if (!err && !s->n_parts) {
		err = all_pids(m, s, &one);
		return err ? err : add_part(m, &one, name);
	}
	for (uint32_t i = 0; !err && i < s->n_parts; i++)
		err = add_part(m, &s->parts[i], name);
	return err;
}

/* --- what may not be added */

static bool has_pid(const struct summary_part *p, uint32_t pid)
{
	uint32_t low = 0, high = p->n_pids;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->pids[mid] == pid)
			return true;
		if (p->pids[mid] < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* A process that both hold; 0: none. */
static uint32_t shared_pid(const struct summary_part *a, const uint32_t *pids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (has_pid(a, pids[i]))
			return pids[i];
	return 0;
}

static bool share_port(const struct summary_part *a, const struct summary_part *b)
{
	for (uint32_t i = 0; i < a->n_ports; i++)
		for (uint32_t k = 0; k < b->n_ports; k++)
			if (a->ports[i] == b->ports[k])
				return true;
	return false;
}

static bool overlap(const struct summary_part *a, const struct summary_part *b)
{
	return a->start_wall_ns + SLACK < b->end_wall_ns &&
	       b->start_wall_ns + SLACK < a->end_wall_ns;
}

static void say_time(char *out, size_t size, uint64_t ns)
{
	struct utc t = utc_of(ns);

	snprintf(out, size, "%04u-%02u-%02u %02u:%02u:%02u", t.year, t.month, t.day, t.hour, t.minute,
		 t.second);
}

static int say_overlap(const struct merge_part *a, const struct summary_part *b, const char *label,
		       uint32_t pid, struct merge_error *e)
{
	uint64_t from =
		a->p.start_wall_ns > b->start_wall_ns ? a->p.start_wall_ns : b->start_wall_ns;
	char host[80], at[32], process[32] = "";

	escape_text(host, sizeof(host), b->host, strlen(b->host), 60);
	say_time(at, sizeof(at), from);
	if (pid)
		snprintf(process, sizeof(process), ", process %u", pid);
	snprintf(e->text, sizeof(e->text),
		 "%.100s and %.100s both hold host %s%s at %s UTC: its requests would count twice",
		 a->label, label, host, process, at);
	return -EINVAL;
}

/* pids: those of b. Targets without any process are told apart by their ports. */
static int check_part(const struct merge *m, const struct summary_part *b, const uint32_t *pids,
		      uint32_t n, const char *label, struct merge_error *e)
{
	const struct merge_part *parts = m->parts.v;

	for (uint32_t i = 0; i < m->parts.n; i++) {
		const struct summary_part *a = &parts[i].p;
		uint32_t pid;

		if (strcmp(a->host, b->host) || !overlap(a, b))
			continue;
		pid = shared_pid(a, pids, n);
		if (pid || (!n && !a->n_pids && share_port(a, b)))
			return say_overlap(&parts[i], b, label, pid, e);
	}
	return 0;
}

static int check_whole(const struct merge *m, const struct summary *s, const char *label,
		       struct merge_error *e)
{
	struct summary_part one = whole(s);
	int err;

	err = check_part(m, &one, s->target.pids, s->target.n_pids, label, e);
	for (uint32_t i = 0; !err && i < s->target.n_generations; i++)
		err = check_part(m, &one, &s->target.generations[i].pid, 1, label, e);
	return err;
}

/* What its parts carry and leave open is what its ledger says. */
static int check_sums(const struct summary *s, const char *label, struct merge_error *e)
{
	int64_t carried = 0, open = 0;

	for (uint32_t i = 0; i < s->n_parts; i++) {
		carried += s->parts[i].carried;
		open += s->parts[i].open;
	}
	if (carried == s->stats->ledger.carried && open == s->stats->ledger.open)
		return 0;
	snprintf(e->text, sizeof(e->text), "%.100s: its parts do not add up to its requests",
		 label);
	return -EINVAL;
}

int merge_parts_check(const struct merge *m, const struct summary *s, const char *label,
		      struct merge_error *e)
{
	int err;

	if (!s->n_parts)
		return check_whole(m, s, label, e);
	err = check_sums(s, label, e);
	for (uint32_t i = 0; !err && i < s->n_parts; i++) {
		struct summary_part p = s->parts[i];

		p.host = merge_host(p.host);
		err = check_part(m, &p, p.pids, p.n_pids, label, e);
	}
	return err;
}

/* --- what continues what */

static int compare_pids(const struct summary_part *a, const struct summary_part *b)
{
	if (a->n_pids != b->n_pids)
		return a->n_pids < b->n_pids ? -1 : 1;
	for (uint32_t i = 0; i < a->n_pids; i++)
		if (a->pids[i] != b->pids[i])
			return a->pids[i] < b->pids[i] ? -1 : 1;
	return 0;
}

static int compare_ports(const struct summary_part *a, const struct summary_part *b)
{
	if (a->n_ports != b->n_ports)
		return a->n_ports < b->n_ports ? -1 : 1;
	for (uint32_t i = 0; i < a->n_ports; i++)
		if (a->ports[i] != b->ports[i])
			return a->ports[i] < b->ports[i] ? -1 : 1;
	return 0;
}

/* By target, then by time: what continues a part stands next to it. */
static int compare_parts(const void *x, const void *y)
{
	const struct summary_part *a = x, *b = y;
	int c = strcmp(a->host, b->host);

	if (!c)
		c = compare_pids(a, b);
	if (!c)
		c = compare_ports(a, b);
	if (!c && a->start_wall_ns != b->start_wall_ns)
		c = a->start_wall_ns < b->start_wall_ns ? -1 : 1;
	if (!c && a->end_wall_ns != b->end_wall_ns)
		c = a->end_wall_ns < b->end_wall_ns ? -1 : 1;
	return c;
}

static bool continues(const struct summary_part *a, const struct summary_part *b)
{
	return !strcmp(a->host, b->host) && !compare_pids(a, b) && !compare_ports(a, b) &&
	       a->open == b->carried && b->start_wall_ns + SLACK >= a->end_wall_ns &&
	       b->start_wall_ns <= a->end_wall_ns + ADJACENT;
}

/* Later on the same host, of the same processes or the same port: what was true at the end of part
   i is not any more. */
bool merge_part_is_last(const struct merge *m, uint32_t i)
{
	const struct summary_part *a = &m->out_parts[i];

	for (uint32_t k = 0; k < m->n_out; k++) {
		const struct summary_part *b = &m->out_parts[k];

		if (k != i && !strcmp(a->host, b->host) &&
		    b->start_wall_ns + SLACK >= a->end_wall_ns && b->end_wall_ns > a->end_wall_ns &&
		    (shared_pid(a, b->pids, b->n_pids) || share_port(a, b)))
			return false;
	}
	return true;
}

bool merge_part_continues(const struct merge *m, const char *host, uint32_t pid, uint64_t at)
{
	for (uint32_t i = 0; i < m->n_out; i++) {
		const struct summary_part *p = &m->out_parts[i];

		if (!strcmp(p->host, host) && (!pid || has_pid(p, pid)) && p->start_wall_ns < at &&
		    at < p->end_wall_ns)
			return true;
	}
	return false;
}

static void join_parts(struct merge *m)
{
	struct summary_part *v = m->out_parts;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->parts.n; i++) {
		if (!n || !continues(&v[n - 1], &v[i])) {
			v[n++] = v[i];
			continue;
		}
		v[n - 1].end_wall_ns = v[i].end_wall_ns;
		v[n - 1].open = v[i].open;
		v[n - 1].alive = v[i].alive;
		v[n - 1].listening = v[i].listening;
		v[n - 1].held = v[i].held;
		v[n - 1].held_ns = v[i].held_ns;
	}
	m->n_out = n;
}

/* --- the window */

static int by_start(const void *x, const void *y)
{
	const struct summary_part *a = *(const struct summary_part *const *)x;
	const struct summary_part *b = *(const struct summary_part *const *)y;

	return (a->start_wall_ns > b->start_wall_ns) - (a->start_wall_ns < b->start_wall_ns);
}

/* How long any of the parts was watched. */
static int fill_window(struct merge *m)
{
	const struct summary_part **order = malloc(m->n_out * sizeof(*order));
	uint64_t covered = 0, end = 0;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->n_out; i++)
		order[i] = &m->out_parts[i];
	qsort(order, m->n_out, sizeof(*order), by_start);
	for (uint32_t i = 0; i < m->n_out; i++) {
		uint64_t from = order[i]->start_wall_ns > end ? order[i]->start_wall_ns : end;

		if (order[i]->end_wall_ns <= from)
			continue;
		covered += order[i]->end_wall_ns - from;
		end = order[i]->end_wall_ns;
	}
	m->s.start_wall_ns = order[0]->start_wall_ns;
	m->s.now = end > m->s.start_wall_ns ? end : m->s.start_wall_ns;
	m->s.seconds = (double)covered / 1e9;
	if (covered != m->s.now - m->s.start_wall_ns)
		m->s.end_wall_ns = m->s.now;
	free(order);
	return 0;
}

int merge_parts_finish(struct merge *m)
{
	struct ledger *l = &m->s.stats->ledger;
	const struct merge_part *parts = m->parts.v;

	m->out_parts = merge_alloc(m, m->parts.n * sizeof(*m->out_parts));
	if (!m->out_parts)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->parts.n; i++)
		m->out_parts[i] = parts[i].p;
	qsort(m->out_parts, m->parts.n, sizeof(*m->out_parts), compare_parts);
	join_parts(m);
	l->carried = l->open = 0;
	for (uint32_t i = 0; i < m->n_out; i++) {
		const struct summary_part *p = &m->out_parts[i];

		l->carried += p->carried;
		l->open += p->open;
		if (!merge_part_is_last(m, i))
			continue;
		m->s.target.alive |= p->alive;
		m->s.target.listening |= p->alive && p->listening;
		merge_held(&m->s, p);
	}
	if (m->n_out > 1) {
		m->s.parts = m->out_parts;
		m->s.n_parts = m->n_out;
	}
	return fill_window(m);
}
