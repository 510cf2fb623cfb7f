// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge_workers.c - the workers of a merge: those of several hosts stay apart, whatever their pids.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "merge_priv.h"

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static struct merge_worker *worker_of(struct merge *m, const char *host, uint32_t pid)
{
	struct merge_worker *w = m->workers.v;

	for (uint32_t i = 0; i < m->workers.n; i++)
		if (w[i].pid == pid && !strcmp(w[i].host, host))
			return &w[i];
	w = merge_more(&m->workers, sizeof(*w));
	if (!w)
		return NULL;
	w->pid = pid;
	w->host = merge_string(m, host);
	return w->host ? w : NULL;
}

/* The end of the last window in which the process was. */
static uint64_t end_of(const struct summary *s, const char *host, uint32_t pid)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < s->n_parts; i++) {
		const struct summary_part *p = &s->parts[i];
		bool mine = !pid;

		for (uint32_t k = 0; !mine && k < p->n_pids; k++)
			mine = p->pids[k] == pid;
		if (mine && p->end_wall_ns > end && !strcmp(merge_host(p->host), host))
			end = p->end_wall_ns;
	}
	return end ? end : s->now;
}

/* A row as summary_workers() makes it. */
static int add_row(struct merge *m, const struct summary *s, const struct summary_worker_row *row)
{
	const char *host = merge_host(row->host ? row->host : s->host.name);
	struct merge_worker *w = worker_of(m, host, row->pid);
	uint64_t end = end_of(s, host, row->pid);

	if (!w)
		return -ENOMEM;
	w->requests += row->requests;
	if (row->total && hist_merge(&w->total, row->total))
		return -ENOMEM;
	/* What is open is what was so at the end of the last window; of two at once, both. */
	if (end > w->end) {
		w->open_known = row->open_known;
		w->open = row->open;
	} else if (end == w->end) {
		w->open_known &= row->open_known;
		w->open += row->open;
	}
	w->end = end > w->end ? end : w->end;
	return 0;
}

int merge_workers_add(struct merge *m, const struct summary *s)
{
	struct summary_worker_row rows[SUMMARY_MAX_WORKERS];
	uint32_t n = summary_workers(s, rows, SUMMARY_MAX_WORKERS);
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++)
		err = add_row(m, s, &rows[i]);
	return err;
}

static int by_requests(const void *x, const void *y)
{
	const struct merge_worker *a = x, *b = y;
	int c = compare_numbers(!a->pid, !b->pid); /* the rest comes last */

	if (!c)
		c = compare_numbers(b->requests, a->requests);
	if (!c)
		c = strcmp(a->host, b->host);
	return c ? c : compare_numbers(a->pid, b->pid);
}

static int by_host(const void *x, const void *y)
{
	const struct merge_worker *a = x, *b = y;
	int c = strcmp(a->host, b->host);

	return c ? c : compare_numbers(a->pid, b->pid);
}

/* Beyond the bound those with the fewest requests become the rest of their host. */
static int fold_workers(struct merge *m, uint32_t bound)
{
	uint32_t n = m->workers.n, keep = bound - m->hosts.list.n;

	if (n <= bound)
		return 0;
	qsort(m->workers.v, n, sizeof(struct merge_worker), by_requests);
	for (uint32_t i = keep; i < n; i++) {
		struct merge_worker from = ((struct merge_worker *)m->workers.v)[i], *to;

		if (!from.pid)
			continue;
		to = worker_of(m, from.host, 0);
		if (!to || hist_merge(&to->total, &from.total))
			return -ENOMEM;
		to->requests += from.requests;
		to->open_known = false;
		((struct merge_worker *)m->workers.v)[i].requests = SUMMARY_UNKNOWN; /* gone */
	}
	for (uint32_t i = keep, at = keep, all = m->workers.n; i < all; i++) {
		struct merge_worker *v = m->workers.v;

		if (v[i].requests == SUMMARY_UNKNOWN) {
			hist_free(&v[i].total);
			m->workers.n--;
		} else {
			v[at++] = v[i];
		}
	}
	return 0;
}

/* Of several hosts: rows, which have their names. */
static int finish_rows(struct merge *m)
{
	const struct merge_worker *w = m->workers.v;
	struct summary_worker_row *rows = merge_alloc(m, m->workers.n * sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->workers.n; i++)
		rows[i] = (struct summary_worker_row){
			.host = w[i].host,
			.pid = w[i].pid,
			.requests = w[i].requests,
			.open_known = w[i].open_known,
			.open = w[i].open,
			.total = w[i].requests ? &w[i].total : NULL,
		};
	m->s.rows = rows;
	m->s.n_rows = m->workers.n;
	return 0;
}

/* Of one host: as they are live. */
static int finish_processes(struct merge *m)
{
	struct merge_worker *w = m->workers.v;
	struct summary_worker *out = merge_alloc(m, m->workers.n * sizeof(*out));
	struct stats *st = m->s.stats;

	st->workers = calloc(m->workers.n, sizeof(*st->workers));
	if (!out || !st->workers)
		return -ENOMEM;
	st->cap_workers = m->workers.n;
	m->s.workers = out;
	for (uint32_t i = 0; i < m->workers.n; i++) {
		if (w[i].open_known)
			out[m->s.n_workers++] = (struct summary_worker){w[i].pid, w[i].open};
		if (!w[i].requests)
			continue;
		st->workers[st->n_workers].pid = w[i].pid;
		st->workers[st->n_workers].requests = w[i].requests;
		st->workers[st->n_workers++].total = w[i].total;
		w[i].total = (struct hist){0}; /* handed on */
	}
	return 0;
}

int merge_workers_finish(struct merge *m, bool hosts)
{
	int err = fold_workers(m, hosts ? SUMMARY_MAX_WORKERS : STATS_MAX_WORKERS);

	if (err || !m->workers.n)
		return err;
	qsort(m->workers.v, m->workers.n, sizeof(struct merge_worker), by_host);
	return hosts ? finish_rows(m) : finish_processes(m);
}
