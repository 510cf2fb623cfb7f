/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * summary_view.c - a summary's contents in the order and shape in which every sink shows them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "summary.h"

char *summary_count(char *buf, size_t size, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	size_t out = 0;

	for (int i = 0; i < len && out + 2 < size; i++) {
		if (i && (len - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
	return buf;
}

/* Whether a comes before b: more time first, then by name. Not by age: a recording or a merge meets
   the routes in another order. */
bool summary_route_before(const struct route_stats *a, const struct route_stats *b)
{
	int name = strcmp(a->route->template, b->route->template);

	if (a->latency[LAT_TOTAL].sum != b->latency[LAT_TOTAL].sum)
		return a->latency[LAT_TOTAL].sum > b->latency[LAT_TOTAL].sum;
	return name ? name < 0 : strcmp(a->route->method, b->route->method) < 0;
}

const struct route_stats *summary_next_route(const struct stats *st, const struct route_stats *prev)
{
	const struct route_stats *next = NULL;

	for (uint32_t i = 0; i < st->n_routes; i++) {
		const struct route_stats *r = st->routes[i];

		if (!r || !r->count || (prev && !summary_route_before(prev, r)))
			continue;
		if (!next || summary_route_before(r, next))
			next = r;
	}
	return next;
}

static struct summary_worker_row *row_of(struct summary_worker_row *rows, uint32_t *n, uint32_t max,
					 uint32_t pid)
{
	for (uint32_t i = 0; i < *n; i++)
		if (rows[i].pid == pid)
			return &rows[i];
	if (*n == max)
		return NULL;
	rows[*n] = (struct summary_worker_row){.pid = pid};
	return &rows[(*n)++];
}

/* What the list of open requests tells of each worker; it is cut at SUMMARY_MAX_OPEN. */
static void view_open(const struct summary *s, struct summary_worker_row *row)
{
	uint64_t open = 0;

	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct summary_open *o = &s->open[i];

		if (o->request->pid != row->pid)
			continue;
		open++;
		if (!row->waits && (o->phase == PHASE_QUEUE || o->phase == PHASE_APP))
			row->waits = o;
	}
	if (!row->open_known && (int64_t)s->n_open >= s->stats->ledger.open) {
		row->open_known = true;
		row->open = open;
	}
}

/* The rows of a merge, which know all but the requests in the list. */
static uint32_t copy_rows(const struct summary *s, struct summary_worker_row *rows, uint32_t n)
{
	memcpy(rows, s->rows, n * sizeof(*rows));
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < s->n_open && !rows[i].waits; k++) {
			const struct summary_open *o = &s->open[k];
			bool waits = o->phase == PHASE_QUEUE || o->phase == PHASE_APP;

			if (waits && o->request->pid == rows[i].pid && o->host && rows[i].host &&
			    !strcmp(o->host, rows[i].host))
				rows[i].waits = o;
		}
	}
	return n;
}

static int by_pid(const void *a, const void *b)
{
	uint32_t x = ((const struct summary_worker_row *)a)->pid;
	uint32_t y = ((const struct summary_worker_row *)b)->pid;

	return (x > y) - (x < y);
}

uint32_t summary_workers(const struct summary *s, struct summary_worker_row *rows, uint32_t max)
{
	struct summary_worker_row *row;
	uint32_t n = 0;

	if (s->n_rows)
		return copy_rows(s, rows, s->n_rows < max ? s->n_rows : max);
	for (uint32_t i = 0; i < s->n_workers; i++) {
		row = row_of(rows, &n, max, s->workers[i].pid);
		if (!row)
			break;
		row->open_known = true;
		row->open = s->workers[i].open;
	}
	for (uint32_t i = 0; i < s->stats->n_workers; i++) {
		const struct worker_stats *w = &s->stats->workers[i];

		row = w->requests ? row_of(rows, &n, max, w->pid) : NULL;
		if (!row)
			continue;
		row->requests = w->requests;
		row->total = &w->total;
	}
	for (uint32_t i = 0; i < s->n_open; i++)
		if (s->open[i].request->read) /* before that, the pid is the listener's */
			row_of(rows, &n, max, s->open[i].request->pid);
	for (uint32_t i = 0; i < n; i++)
		view_open(s, &rows[i]);
	qsort(rows, n, sizeof(*rows), by_pid);
	return n;
}

void saturation_unknown(struct summary_saturation *s)
{
	*s = (struct summary_saturation){
		.run_queue = NAN,
		.throttled = NAN,
		.fds = SUMMARY_UNKNOWN,
		.fd_limit = SUMMARY_UNKNOWN,
		.accept_failed = SUMMARY_UNKNOWN,
		.threads = SUMMARY_UNKNOWN,
		.threads_busy = SUMMARY_UNKNOWN,
	};
}

void summary_opaque_since(struct summary *s, const struct summary_opaque *before, int64_t begun,
			  const struct verdict_rules *rules)
{
	struct summary_opaque *o = &s->opaque;
	double opaque = (double)(o->tls + o->http2 + o->proxy);
	double all = opaque + (begun > 0 ? (double)begun : 0);

	if (s->stats->ledger.started <= 0 && opaque > rules->max_unknown * all)
		return;
	o->tls -= before->tls;
	o->http2 -= before->http2;
	o->proxy -= before->proxy;
	o->other -= begun > 0 ? before->other : 0;
}
