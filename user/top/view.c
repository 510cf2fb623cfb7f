// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sink/term_priv.h"

/* NULL for nothing; *failed when out of memory. */
static void *duplicate(const void *from, size_t n, size_t size, bool *failed)
{
	void *copy;

	if (!n || !from)
		return NULL;
	copy = calloc(n, size);
	if (copy)
		memcpy(copy, from, n * size);
	else
		*failed = true;
	return copy;
}

static void copy_open(struct view *v, const struct summary *s)
{
	for (uint32_t i = 0; i < s->n_open; i++) {
		v->open[i] = s->open[i];
		v->requests[i] = *s->open[i].request;
		v->requests[i].next = NULL;
		v->open[i].request = &v->requests[i];
	}
	v->s.open = v->open;
}

/* --- where they wait: texts that live as long as the summary */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *text_copy(char **to, const char *text)
{
	size_t n = text_size(text);
	char *copy = *to;

	if (!n)
		return NULL;
	memcpy(copy, text, n);
	*to += n;
	return copy;
}

/* After copy_open(). */
static void copy_places(struct view *v, const struct summary *s, bool *failed)
{
	uint32_t n = s->n_waits < SUMMARY_MAX_WAITS ? s->n_waits : SUMMARY_MAX_WAITS;
	size_t size = 1;
	char *to;

	for (uint32_t i = 0; i < s->n_open; i++)
		size += text_size(s->open[i].where);
	for (uint32_t i = 0; i < n; i++)
		size += text_size(s->waits[i].where) + text_size(s->waits[i].on);
	v->places = to = malloc(size);
	v->s.waits = v->waits;
	v->s.n_waits = to ? n : 0;
	*failed |= !to;
	for (uint32_t i = 0; i < s->n_open; i++)
		v->open[i].where = to ? text_copy(&to, s->open[i].where) : NULL;
	for (uint32_t i = 0; i < v->s.n_waits; i++) {
		v->waits[i] = s->waits[i];
		v->waits[i].where = text_copy(&to, s->waits[i].where);
		v->waits[i].on = text_copy(&to, s->waits[i].on);
	}
}

static void copy_stats(struct view *v, const struct summary *s, bool *failed)
{
	v->stats = stats_new();
	if (!v->stats || stats_merge(v->stats, s->stats))
		*failed = true;
	v->s.stats = v->stats;
	v->s.overall = NULL;
	if (!s->overall)
		return;
	v->overall = stats_new();
	if (!v->overall ||
	    hist_merge(&v->overall->latency[LAT_TOTAL], &s->overall->latency[LAT_TOTAL])) {
		*failed = true;
		return;
	}
	v->overall->ledger = s->overall->ledger;
	memcpy(v->overall->status.class, s->overall->status.class,
	       sizeof(s->overall->status.class));
	v->s.overall = v->overall;
}

static int write_deploys(struct view *v, const struct summary *s, const struct term_options *o)
{
	struct term t = {.s = s};
	size_t size = 0;
	FILE *f = open_memstream(&v->deploys, &size);

	if (!f)
		return -1;
	line_init(&t.line, f, o);
	t.plan.deploy = v->n_deploys = term_deploy_lines(&t);
	term_deploy(&t);
	return fclose(f);
}

struct view *view_new(const struct summary *s, const struct history *h,
		      const struct term_options *o)
{
	struct view *v = calloc(1, sizeof(*v));
	bool failed = false;

	if (!v)
		return NULL;
	v->s = *s;
	copy_stats(v, s, &failed);
	copy_open(v, s);
	copy_places(v, s, &failed);
	v->workers = duplicate(s->workers, s->n_workers, sizeof(*s->workers), &failed);
	v->listeners = duplicate(s->listeners, s->n_listeners, sizeof(*s->listeners), &failed);
	v->pids = duplicate(s->target.pids, s->target.n_pids, sizeof(*v->pids), &failed);
	v->ports = duplicate(s->target.ports, s->target.n_ports, sizeof(*v->ports), &failed);
	v->s.workers = v->workers;
	v->s.listeners = v->listeners;
	v->s.target.pids = v->pids;
	v->s.target.ports = v->ports;
	v->s.target.generations = NULL;
	v->s.target.n_generations = 0;
	v->s.deploys = NULL;
	v->s.n_deploys = 0;
	v->s.tracer.features = NULL;
	v->s.tracer.n_features = 0;
	v->history = *h;
	if (!write_deploys(v, s, o) && !failed)
		return v;
	view_free(v);
	return NULL;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	stats_free(v->stats);
	stats_free(v->overall);
	free(v->places);
	free(v->workers);
	free(v->listeners);
	free(v->pids);
	free(v->ports);
	free(v->deploys);
	free(v);
}

double view_failed(const struct stats *st)
{
	const struct ledger *g = &st->ledger;
	uint64_t known = g->ok + g->client_closed + g->server_closed + g->upgraded;

	return known ? (double)(st->status.class[5] + g->server_closed) / (double)known : NAN;
}
