// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_keep.c - a summary with room of its own: what the reader hands over, and copies of it.
 */
#include "recfile_priv.h"

#include <stdlib.h>

struct kept_summary *kept_summary_new(void)
{
	struct kept_summary *k = calloc(1, sizeof(*k));

	if (k)
		kept_summary_clear(k);
	return k;
}

void kept_summary_free(struct kept_summary *k)
{
	free(k);
}

void kept_summary_clear(struct kept_summary *k)
{
	k->set = false;
	k->used = 0;
	memset(&k->s, 0, sizeof(k->s));
	memset(&k->stats, 0, sizeof(k->stats));
	k->s.stats = &k->stats;
	k->s.target.pids = k->pids;
	k->s.target.ports = k->ports;
	k->s.target.generations = k->generations;
	k->s.workers = k->workers;
	k->s.listeners = k->listeners;
	k->s.tracer.features = k->features;
	k->s.deploys = k->deploys;
	k->s.open = k->open;
	k->s.waits = k->waits;
	for (uint32_t i = 0; i < SUMMARY_MAX_OPEN; i++)
		k->open[i] = (struct summary_open){.request = &k->requests[i]};
}

const char *kept_string(struct kept_summary *k, const char *s, size_t max)
{
	size_t n = s ? strnlen(s, max) : 0;
	char *copy = k->strings + k->used;

	if (!s || STATE_STRINGS - k->used < n + 1)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = '\0';
	k->used += n + 1;
	return copy;
}

static uint32_t least(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

static void copy_target(struct kept_summary *k, const struct summary *s)
{
	struct summary *d = &k->s;

	d->host.name = kept_string(k, s->host.name, STATE_STRING);
	d->host.kernel = kept_string(k, s->host.kernel, STATE_STRING);
	d->target.name = kept_string(k, s->target.name, STATE_STRING);
	d->target.server = kept_string(k, s->target.server, STATE_STRING);
	d->target.python = kept_string(k, s->target.python, STATE_STRING);
	d->target.n_pids = least(s->target.n_pids, STATE_PIDS);
	for (uint32_t i = 0; i < d->target.n_pids; i++)
		k->pids[i] = s->target.pids[i];
	d->target.n_ports = least(s->target.n_ports, STATE_PORTS);
	for (uint32_t i = 0; i < d->target.n_ports; i++)
		k->ports[i] = s->target.ports[i];
	d->target.n_generations = least(s->target.n_generations, STATE_PIDS);
	for (uint32_t i = 0; i < d->target.n_generations; i++) {
		k->generations[i] = s->target.generations[i];
		k->generations[i].version =
			kept_string(k, s->target.generations[i].version, STATE_VERSION);
	}
	d->target.alive = s->target.alive;
	d->target.listening = s->target.listening;
}

static void copy_deploys(struct kept_summary *k, const struct summary *s)
{
	k->s.n_deploys = least(s->n_deploys, STATE_DEPLOYS);
	for (uint32_t i = 0; i < k->s.n_deploys; i++) {
		struct summary_deploy *d = &k->deploys[i];

		*d = s->deploys[i];
		d->before.version = kept_string(k, d->before.version, STATE_VERSION);
		d->after.version = kept_string(k, d->after.version, STATE_VERSION);
		d->comparison = NULL; /* its maker's */
	}
}

static void copy_lists(struct kept_summary *k, const struct summary *s)
{
	struct summary *d = &k->s;

	if (!s->workers)
		d->workers = NULL;
	d->n_workers = s->workers ? least(s->n_workers, STATE_PIDS) : 0;
	for (uint32_t i = 0; i < d->n_workers; i++)
		k->workers[i] = s->workers[i];
	d->n_listeners = least(s->n_listeners, STATE_LISTENERS);
	for (uint32_t i = 0; i < d->n_listeners; i++)
		k->listeners[i] = s->listeners[i];
	d->n_open = least(s->n_open, SUMMARY_MAX_OPEN);
	for (uint32_t i = 0; i < d->n_open; i++) {
		k->requests[i] = *s->open[i].request;
		k->open[i] = s->open[i];
		k->open[i].request = &k->requests[i];
		k->open[i].where = kept_string(k, s->open[i].where, STATE_WHERE);
	}
}

/* The site stays where it is: it outlives this. */
static void copy_waits(struct kept_summary *k, const struct summary *s)
{
	k->s.held = s->held;
	k->s.held_ns = s->held_ns;
	for (uint32_t i = 0; i < least(s->n_waits, SUMMARY_MAX_WAITS); i++) {
		struct summary_wait *wait = &k->waits[k->s.n_waits];

		*wait = s->waits[i];
		wait->where = kept_string(k, wait->where, STATE_WHERE);
		wait->on = kept_string(k, wait->on ? wait->on : "", STATE_WHERE);
		if (wait->where && wait->on)
			k->s.n_waits++;
	}
}

static void copy_tracer(struct kept_summary *k, const struct summary *s)
{
	k->s.tracer = s->tracer;
	k->s.tracer.features = k->features;
	k->s.tracer.n_features = least(s->tracer.n_features, STATE_FEATURES);
	for (uint32_t i = 0; i < k->s.tracer.n_features; i++) {
		k->features[i].name = kept_string(k, s->tracer.features[i].name, STATE_STRING);
		k->features[i].state = kept_string(k, s->tracer.features[i].state, STATE_STRING);
	}
}

void kept_summary_set(struct kept_summary *k, const struct summary *s)
{
	kept_summary_clear(k);
	k->set = true;
	copy_target(k, s);
	copy_deploys(k, s);
	copy_lists(k, s);
	copy_tracer(k, s);
	copy_waits(k, s);
	k->s.start_wall_ns = s->start_wall_ns;
	k->s.wall_offset = s->wall_offset;
	k->s.seconds = s->seconds;
	k->s.now = s->now;
	k->s.verdict = s->verdict;
	k->s.saturation = s->saturation;
	k->s.late = s->late;
	k->s.opaque = s->opaque;
	k->stats.from = s->stats->from;
	k->stats.to = s->stats->to;
	k->stats.ledger = s->stats->ledger;
}

struct summary *kept_summary_get(struct kept_summary *k)
{
	return k->set ? &k->s : NULL;
}

struct summary_open *kept_summary_open(struct kept_summary *k)
{
	return k->open;
}
