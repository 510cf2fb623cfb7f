// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stats_workers.c - requests by the process that served them.
 */
#include "stats_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int workers_room(struct stats *s)
{
	uint32_t cap = s->cap_workers ? s->cap_workers * 2 : 4;
	struct worker_stats *workers;

	if (s->n_workers < s->cap_workers)
		return 0;
	workers = realloc(s->workers, cap * sizeof(*workers));
	if (!workers)
		return -ENOMEM;
	memset(workers + s->cap_workers, 0, (cap - s->cap_workers) * sizeof(*workers));
	s->workers = workers;
	s->cap_workers = cap;
	return 0;
}

static struct worker_stats *find_worker(struct stats *s, uint32_t pid)
{
	for (uint32_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid == pid)
			return &s->workers[i];
	return NULL;
}

/* The entry of a worker, made when there is none; at the bound that of the rest. NULL when out of
   memory. */
static struct worker_stats *worker_entry(struct stats *s, uint32_t pid)
{
	struct worker_stats *w = find_worker(s, pid);

	if (!w && s->n_workers >= STATS_MAX_WORKERS - 1) {
		pid = 0;
		w = find_worker(s, pid);
	}
	if (w || workers_room(s))
		return w;
	w = &s->workers[s->n_workers++];
	w->pid = pid;
	return w;
}

int worker_end(struct stats *s, const struct request *r, const struct duration d[LATENCIES])
{
	struct worker_stats *w = worker_entry(s, r->pid);

	if (!w)
		return -ENOMEM;
	w->requests++;
	return duration_add(&w->total, &d[LAT_TOTAL]);
}

int workers_merge(struct stats *into, const struct stats *from)
{
	int err = 0;

	for (uint32_t i = 0; i < from->n_workers; i++) {
		struct worker_stats *w = worker_entry(into, from->workers[i].pid);

		if (!w || hist_merge(&w->total, &from->workers[i].total))
			err = -ENOMEM;
		if (w)
			w->requests += from->workers[i].requests;
	}
	return err;
}

/* Workers come and go, so none is kept; their memory serves the next ones. */
void workers_reset(struct stats *s)
{
	for (uint32_t i = 0; i < s->n_workers; i++) {
		s->workers[i].pid = 0;
		s->workers[i].requests = 0;
		hist_reset(&s->workers[i].total);
	}
	s->n_workers = 0;
}
