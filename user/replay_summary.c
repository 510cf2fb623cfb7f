// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_summary.c - the summary of a slice: the statistics counted again, the last state, and what
 * states count since their run began, less what they had counted when the slice began.
 */
#include "replay_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/escape.h"

void replay_count(uint64_t counts[COUNTS], const struct summary *s)
{
	const struct ledger *l = &s->stats->ledger;

	counts[COUNT_NOT_HTTP] = l->not_http;
	counts[COUNT_LATE] = l->late_attached;
	counts[COUNT_EVICTED] = l->evicted;
	counts[COUNT_EVENTS] = s->tracer.events;
	counts[COUNT_DROPPED] = s->tracer.dropped;
	counts[COUNT_UNATTRIBUTED] = s->tracer.unattributed_drops;
	counts[COUNT_OVERFLOW] = s->tracer.routes_overflow;
	counts[COUNT_TLS] = s->opaque.tls;
	counts[COUNT_HTTP2] = s->opaque.http2;
	counts[COUNT_PROXY] = s->opaque.proxy;
	counts[COUNT_OTHER] = s->opaque.other;
}

static void set_counts(struct replay *r, struct summary *s)
{
	struct ledger *l = &r->stats->ledger;
	uint64_t n[COUNTS];

	for (int i = 0; i < COUNTS; i++)
		n[i] = r->pass.sum[i] + r->pass.last[i] - r->pass.base[i];
	l->not_http = n[COUNT_NOT_HTTP];
	l->late_attached = n[COUNT_LATE];
	l->evicted = n[COUNT_EVICTED];
	s->tracer.events = n[COUNT_EVENTS];
	s->tracer.dropped = n[COUNT_DROPPED];
	s->tracer.unattributed_drops = n[COUNT_UNATTRIBUTED];
	s->tracer.routes_overflow = n[COUNT_OVERFLOW];
	s->opaque.tls = n[COUNT_TLS];
	s->opaque.http2 = n[COUNT_HTTP2];
	s->opaque.proxy = n[COUNT_PROXY];
	s->opaque.other = n[COUNT_OTHER];
}

/* --- listeners */

void replay_note_listeners(struct replay *r, const struct summary *s)
{
	r->n_listeners = s->n_listeners < REPLAY_LISTENERS ? s->n_listeners : REPLAY_LISTENERS;
	for (uint32_t i = 0; i < r->n_listeners; i++) {
		memcpy(r->turned_away[i].address, s->listeners[i].address,
		       sizeof(r->turned_away[i].address));
		r->turned_away[i].overflows = s->listeners[i].overflows;
	}
}

/* They count since tracing began. */
static void set_listeners(struct replay *r, struct summary *s)
{
	struct summary_listener *l = (struct summary_listener *)s->listeners;

	for (uint32_t i = 0; i < s->n_listeners; i++)
		for (uint32_t k = 0; k < r->n_listeners; k++)
			if (!strcmp(l[i].address, r->turned_away[k].address) &&
			    l[i].overflows >= r->turned_away[k].overflows) {
				l[i].overflows -= r->turned_away[k].overflows;
				break;
			}
}

/* --- open requests */

/* With --route a listed one counts now, unless its end has. */
static void count_open(struct replay *r, const struct request *q)
{
	struct ledger *l = &r->stats->ledger;

	if (q->seen < r->from) {
		l->carried++;
		l->open++;
	} else {
		stats_begin(r->stats, q);
	}
}

static int older(const void *a, const void *b)
{
	const struct summary_open *x = a, *y = b;

	if (x->age != y->age)
		return x->age > y->age ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool in_order(const struct summary_open *open, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (open[i - 1].age < open[i].age)
			return false;
	return true;
}

static void set_open(struct replay *r, struct summary *s)
{
	struct summary_open *open = kept_summary_open(r->kept);
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->pass.n_open; i++) {
		struct summary_open o = open[i];

		if (!replay_wants(r, o.request))
			continue;
		if (r->o->route && !r->pass.counted[i])
			count_open(r, o.request);
		o.age = request_age(o.request, s->now);
		o.phase = request_open_phase(o.request);
		open[i].request = open[n].request; /* each place keeps a room of its own */
		open[n++] = o;
	}
	if (!in_order(open, n)) /* a live list keeps those of one age as they came */
		qsort(open, n, sizeof(*open), older);
	r->pass.n_open = n;
	s->open = open;
	s->n_open = n;
}

static void set_workers(struct summary *s)
{
	struct summary_worker *w = (struct summary_worker *)s->workers;

	for (uint32_t i = 0; w && i < s->n_workers; i++) {
		w[i].open = 0;
		for (uint32_t k = 0; k < s->n_open; k++)
			w[i].open += s->open[k].request->pid == w[i].pid;
	}
}

/* --- the window */

static void set_window(struct replay *r, struct summary *s)
{
	struct stats *st = r->stats;
	const struct replay_wall *w = r->walls;
	int64_t offset;

	replay_span(r, &st->from, &st->to, &s->wall_offset);
	if (!r->from && r->pass.started_at && r->pass.started_at <= st->to)
		st->from = r->pass.started_at;
	offset = w->offset;
	for (uint32_t i = 1; i < r->n_walls && w[i].first <= st->from; i++)
		offset = w[i].offset;
	s->now = st->to;
	s->seconds = (double)(st->to - st->from) / 1e9;
	s->start_wall_ns = st->from + (uint64_t)offset;
}

/* Only those of the slice. */
static void set_deploys(struct replay *r, struct summary *s)
{
	struct summary_deploy *d = (struct summary_deploy *)s->deploys;
	uint64_t end = s->now + (uint64_t)s->wall_offset;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_deploys; i++)
		if ((!r->from || d[i].at_wall_ns >= s->start_wall_ns) &&
		    (r->to == UINT64_MAX || d[i].at_wall_ns < end))
			d[n++] = d[i];
	s->n_deploys = n;
	for (uint32_t i = 0; i < n; i++)
		d[i].comparison = replay_comparison(r, d[i].at_wall_ns);
}

/* Where things waited and what held the loop up is of the moment of its state: of one outside of
   the slice it says nothing. */
static void drop_foreign(struct replay *r, struct summary *s)
{
	struct summary_open *open = kept_summary_open(r->kept);

	if (s->now >= r->from && s->now <= r->to)
		return;
	s->held = NULL;
	s->held_ns = 0;
	s->n_waits = 0;
	for (uint32_t i = 0; i < r->pass.n_open; i++)
		open[i].where = NULL;
}

/* As recorded, but for what the command line says. */
static struct verdict_rules rules_of(const struct options *o, const struct verdict_rules *recorded)
{
	struct verdict_rules rules = *recorded;

	if (o->rules_given & RULE_SLO_MS)
		rules.slo_ms = o->rules.slo_ms;
	if (o->rules_given & RULE_SLO_QUANTILE)
		rules.slo_quantile = o->rules.slo_quantile;
	if (o->rules_given & RULE_MAX_ERRORS)
		rules.max_error_rate = o->rules.max_error_rate;
	if (o->rules_given & RULE_STUCK)
		rules.stuck_ms = o->rules.stuck_ms;
	return rules;
}

/* Numbers of a part must not pass for those of the whole. */
static void say_filter(struct summary *s)
{
	struct verdict *v = &s->verdict;
	char glob[64];

	if (!s->only || v->n_reasons == VERDICT_MAX_REASONS)
		return;
	escape_text(glob, sizeof(glob), s->only, strlen(s->only), 60);
	snprintf(v->reasons[v->n_reasons++], VERDICT_REASON_MAX, "only requests of routes like %s",
		 glob);
}

const struct summary *replay_summary(struct replay *r)
{
	const struct summary *kept = kept_summary_get(r->kept);
	struct summary *s = &r->summary;
	struct verdict_rules rules;

	if (stats_fold_routes(r->stats))
		return NULL;
	if (r->summarised)
		return s;
	r->summarised = true;
	*s = (struct summary){};
	rules = r->o->rules;
	saturation_unknown(&s->saturation);
	if (kept) {
		*s = *kept;
		drop_foreign(r, s);
		rules = rules_of(r->o, &kept->verdict.rules);
	}
	s->stats = r->stats;
	s->only = r->o->route;
	set_window(r, s);
	set_counts(r, s);
	set_listeners(r, s);
	set_open(r, s);
	set_workers(s);
	set_deploys(r, s);
	verdict_decide(s, &rules);
	say_filter(s);
	return s;
}
