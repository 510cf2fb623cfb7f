// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge_lists.c - what a merge lists. Each list has an order of its own that does not depend on the
 * order in which the summaries came.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "merge_priv.h"

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_names(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : !!a - !!b;
}

/* Whose it is, when the summary itself is of one host. */
static const char *host_of(struct merge *m, const struct summary *s, const char *own)
{
	return merge_string(m, own ? own : merge_host(s->host.name));
}

/* --- open requests */

static int add_open(struct merge *m, const struct summary *s)
{
	for (uint32_t i = 0; i < s->n_open; i++) {
		struct merge_open *o = merge_more(&m->opens, sizeof(*o));

		if (!o)
			return -ENOMEM;
		o->o = s->open[i];
		o->request = *s->open[i].request;
		o->request.error = NULL; /* of the summary's own places */
		o->request.stall.site = NULL;
		o->o.where = merge_string(m, s->open[i].where);
		o->o.host = host_of(m, s, s->open[i].host);
		if (!o->o.host || (s->open[i].where && !o->o.where))
			return -ENOMEM;
		o->input = m->n_inputs;
		if (!o->o.at_wall_ns)
			o->o.at_wall_ns = merge_cut(s->now);
	}
	return 0;
}

/* Oldest first; then by whatever else tells them apart. */
static int by_age(const void *x, const void *y)
{
	const struct merge_open *a = x, *b = y;
	int c = compare_numbers(b->o.age, a->o.age);

	if (!c)
		c = strcmp(a->o.host, b->o.host);
	if (!c)
		c = compare_numbers(a->request.pid, b->request.pid);
	if (!c)
		c = compare_numbers(a->o.id, b->o.id);
	if (!c)
		c = compare_numbers(a->request.conn, b->request.conn);
	if (!c)
		c = strcmp(a->request.http.method, b->request.http.method);
	return c ? c
		 : memcmp(a->request.http.path, b->request.http.path, sizeof(a->request.http.path));
}

static bool same_connection(const struct merge_open *a, const struct merge_open *b)
{
	return a->input == b->input && a->request.conn == b->request.conn;
}

/* Connections were numbered for each summary alone; now by the order in which they are listed. */
static void number_connections(struct merge_open *v, uint32_t n)
{
	uint64_t numbers[SUMMARY_MAX_OPEN], next = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = 0;

		while (!same_connection(&v[k], &v[i]))
			k++;
		numbers[i] = k < i ? numbers[k] : ++next;
	}
	for (uint32_t i = 0; i < n; i++)
		v[i].request.conn = numbers[i];
}

/* On the clock of the merge, as the ages have it. */
static void restamp(struct request *r, uint64_t age, uint64_t now)
{
	uint64_t queue = r->read - r->arrived;
	bool read = r->read, arrived = r->arrived;

	r->seen = now - age;
	r->arrived = arrived ? r->seen : 0;
	r->read = read ? r->seen + (arrived ? queue : 0) : 0;
	r->head = r->head ? r->read : 0;
}

static int finish_open(struct merge *m, bool hosts)
{
	struct merge_open *v = m->opens.v;
	struct summary_open *out;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->opens.n; i++)
		if (!merge_part_continues(m, v[i].o.host, v[i].request.pid, v[i].o.at_wall_ns))
			v[n++] = v[i];
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), by_age);
	n = n < SUMMARY_MAX_OPEN ? n : SUMMARY_MAX_OPEN;
	if (m->n_inputs > 1)
		number_connections(v, n);
	m->s.open = out = merge_alloc(m, n * sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		restamp(&v[i].request, v[i].o.age, m->s.now);
		out[i] = v[i].o;
		out[i].request = &v[i].request;
		out[i].host = hosts ? v[i].o.host : NULL;
		if (m->n_out == 1)
			out[i].at_wall_ns = 0;
	}
	m->s.n_open = n;
	return 0;
}

/* --- listeners */

/* The same socket at different times: the worst that was seen of it. */
static void worse_listener(struct summary_listener *l, const struct summary_listener *from)
{
	if (!from->counted)
		return;
	l->counted = true;
	l->accept_queue =
		l->accept_queue > from->accept_queue ? l->accept_queue : from->accept_queue;
	l->backlog = l->backlog > from->backlog ? l->backlog : from->backlog;
	l->overflows += from->overflows;
}

static int add_listener(struct merge *m, const struct summary_listener *from, const char *host)
{
	struct summary_listener *v = m->listeners.v, *l;

	for (uint32_t i = 0; i < m->listeners.n; i++) {
		if (strcmp(v[i].address, from->address) || strcmp(v[i].host, host))
			continue;
		worse_listener(&v[i], from);
		return 0;
	}
	l = merge_more(&m->listeners, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = *from;
	l->host = merge_string(m, host);
	return l->host ? 0 : -ENOMEM;
}

static int add_listeners(struct merge *m, const struct summary *s)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < s->n_listeners; i++)
		err = add_listener(
			m, &s->listeners[i],
			merge_host(s->listeners[i].host ? s->listeners[i].host : s->host.name));
	return err;
}

static int by_address(const void *x, const void *y)
{
	const struct summary_listener *a = x, *b = y;
	int c = strcmp(a->host, b->host);

	return c ? c : strcmp(a->address, b->address);
}

/* --- generations, deploys, features */

static int by_since(const void *x, const void *y)
{
	const struct summary_generation *a = x, *b = y;
	int c = compare_names(a->host, b->host);

	if (!c)
		c = compare_numbers(a->since_wall_ns, b->since_wall_ns);
	return c ? c : compare_numbers(a->pid, b->pid);
}

static int add_generation(struct merge *m, const struct summary *s,
			  const struct summary_generation *g)
{
	const char *host = merge_host(g->host ? g->host : s->host.name);
	struct summary_generation *v = m->generations.v, *to;

	for (uint32_t i = 0; i < m->generations.n; i++) {
		if (v[i].pid != g->pid || v[i].since_wall_ns != g->since_wall_ns ||
		    strcmp(v[i].host, host))
			continue;
		if (g->until_wall_ns > v[i].until_wall_ns)
			v[i].until_wall_ns = g->until_wall_ns;
		if (!v[i].version && g->version)
			v[i].version = merge_string(m, g->version);
		return 0;
	}
	to = merge_more(&m->generations, sizeof(*to));
	if (!to)
		return -ENOMEM;
	*to = *g;
	to->version = merge_string(m, g->version);
	to->host = merge_string(m, host);
	return to->host ? 0 : -ENOMEM;
}

static int by_time(const void *x, const void *y)
{
	const struct summary_deploy *a = x, *b = y;
	int c = compare_numbers(a->at_wall_ns, b->at_wall_ns);

	if (!c)
		c = compare_numbers(a->after.pid, b->after.pid);
	if (!c)
		c = compare_numbers(a->before.pid, b->before.pid);
	if (!c)
		c = compare_numbers(a->after.requests, b->after.requests);
	return c ? c : compare_numbers(a->before.requests, b->before.requests);
}

static int add_deploy(struct merge *m, const struct summary_deploy *from)
{
	struct summary_deploy *d = merge_more(&m->deploys, sizeof(*d));

	if (!d)
		return -ENOMEM;
	*d = *from;
	d->comparison = NULL; /* of what it compared only the sums are here */
	d->before.version = merge_string(m, from->before.version);
	d->after.version = merge_string(m, from->after.version);
	return 0;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct summary_feature *)x)->name,
		      ((const struct summary_feature *)y)->name);
}

static int add_feature(struct merge *m, const struct summary_feature *from)
{
	struct summary_feature *v = m->features.v, *to;

	for (uint32_t i = 0; i < m->features.n; i++) {
		if (strcmp(v[i].name, from->name))
			continue;
		if (strcmp(v[i].state, from->state))
			v[i].state = "mixed";
		return 0;
	}
	to = merge_more(&m->features, sizeof(*to));
	if (!to)
		return -ENOMEM;
	to->name = merge_string(m, from->name);
	to->state = merge_string(m, from->state);
	return to->name && to->state ? 0 : -ENOMEM;
}

/* --- limits */

static double worse_share(double a, double b)
{
	return isnan(a) || b > a ? b : a;
}

struct use {
	uint64_t part, whole;
	uint32_t pid;
	const char *host;
};

/* Whether more of a is used than of b; of the same share that which is larger, then by name. */
static bool fuller(const struct use *a, const struct use *b)
{
	unsigned __int128 x = (unsigned __int128)a->part * b->whole;
	unsigned __int128 y = (unsigned __int128)b->part * a->whole;

	if (a->part == SUMMARY_UNKNOWN || b->part == SUMMARY_UNKNOWN)
		return a->part != SUMMARY_UNKNOWN;
	if (a->whole == SUMMARY_UNKNOWN || b->whole == SUMMARY_UNKNOWN)
		return a->whole != SUMMARY_UNKNOWN && b->whole == SUMMARY_UNKNOWN;
	if (x != y)
		return x > y;
	if (a->whole != b->whole)
		return a->whole > b->whole;
	return a->pid != b->pid ? a->pid < b->pid : strcmp(a->host, b->host) < 0;
}

static int add_saturation(struct merge *m, const struct summary *summary)
{
	const struct summary_saturation *from = &summary->saturation;
	struct summary_saturation *s = &m->s.saturation;
	const char *own = merge_host(summary->host.name);
	const char *fd_host = from->fd_host ? from->fd_host : own;
	const char *threads_host = from->threads_host ? from->threads_host : own;

	s->run_queue = worse_share(s->run_queue, from->run_queue);
	s->throttled = worse_share(s->throttled, from->throttled);
	if (s->accept_failed == SUMMARY_UNKNOWN)
		s->accept_failed = from->accept_failed;
	else if (from->accept_failed != SUMMARY_UNKNOWN)
		s->accept_failed += from->accept_failed;
	if (fuller(&(struct use){from->fds, from->fd_limit, from->fd_pid, fd_host},
		   &(struct use){s->fds, s->fd_limit, s->fd_pid, merge_host(s->fd_host)})) {
		s->fds = from->fds;
		s->fd_limit = from->fd_limit;
		s->fd_pid = from->fd_pid;
		s->fd_host = merge_string(m, fd_host);
	}
	if (fuller(&(struct use){from->threads_busy, from->threads, from->threads_pid,
				 threads_host},
		   &(struct use){s->threads_busy, s->threads, s->threads_pid,
				 merge_host(s->threads_host)})) {
		s->threads = from->threads;
		s->threads_busy = from->threads_busy;
		s->threads_pid = from->threads_pid;
		s->threads_host = merge_string(m, threads_host);
	}
	return (s->fds != SUMMARY_UNKNOWN && !s->fd_host) ||
			       (s->threads != SUMMARY_UNKNOWN && !s->threads_host)
		       ? -ENOMEM
		       : 0;
}

/* --- all lists */

int merge_lists_add(struct merge *m, struct summary *s)
{
	int err = add_open(m, s);

	if (!err)
		err = merge_workers_add(m, s);
	if (!err)
		err = merge_waits_add(m, s);
	if (!err)
		err = add_listeners(m, s);
	for (uint32_t i = 0; !err && i < s->target.n_generations; i++)
		err = add_generation(m, s, &s->target.generations[i]);
	for (uint32_t i = 0; !err && i < s->n_deploys; i++)
		err = add_deploy(m, &s->deploys[i]);
	for (uint32_t i = 0; !err && i < s->tracer.n_features; i++)
		err = add_feature(m, &s->tracer.features[i]);
	for (uint32_t i = 0; !err && i < s->target.n_pids; i++)
		err = merge_set_add(&m->pids, s->target.pids[i]);
	for (uint32_t i = 0; !err && i < s->target.n_ports; i++)
		err = merge_set_add(&m->ports, s->target.ports[i]);
	return err ? err : add_saturation(m, s);
}

static int finish_target(struct merge *m, bool hosts)
{
	struct summary_generation *g = m->generations.v;
	const uint32_t *from = m->ports.v;
	uint16_t *ports = merge_alloc(m, (m->ports.n + 1) * sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->ports.n; i++)
		ports[i] = (uint16_t)from[i];
	m->s.target.ports = ports;
	m->s.target.n_ports = m->ports.n;
	m->s.target.pids = m->pids.v;
	m->s.target.n_pids = m->pids.n;
	if (g)
		qsort(g, m->generations.n, sizeof(*g), by_since);
	for (uint32_t i = 0; g && !hosts && i < m->generations.n; i++)
		g[i].host = NULL;
	m->s.target.generations = g;
	m->s.target.n_generations = m->generations.n;
	return 0;
}

static void sort(struct merge_list *l, size_t size, int (*compare)(const void *, const void *))
{
	if (l->n)
		qsort(l->v, l->n, size, compare);
}

int merge_lists_finish(struct merge *m)
{
	bool hosts = m->hosts.list.n > 1;
	struct summary_listener *l = m->listeners.v;
	int err = finish_open(m, hosts);

	if (!err)
		err = merge_workers_finish(m, hosts);
	if (!err)
		err = finish_target(m, hosts);
	merge_waits_finish(m, hosts);
	sort(&m->listeners, sizeof(struct summary_listener), by_address);
	sort(&m->deploys, sizeof(struct summary_deploy), by_time);
	sort(&m->features, sizeof(struct summary_feature), by_name);
	for (uint32_t i = 0; !hosts && i < m->listeners.n; i++)
		l[i].host = NULL;
	if (!hosts)
		m->s.saturation.fd_host = m->s.saturation.threads_host = NULL;
	m->s.listeners = l;
	m->s.n_listeners = m->listeners.n;
	m->s.deploys = m->deploys.v;
	m->s.n_deploys = m->deploys.n;
	m->s.tracer.features = m->features.v;
	m->s.tracer.n_features = m->features.n;
	return err;
}
