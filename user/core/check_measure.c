// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_measure.c - the values that checks ask for, of all requests of a summary or of those of
 * some routes together. What the summary does not know is unknown, with the reason.
 */
#include "check_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct numbers {
	bool all;	/* no route is asked for */
	uint64_t ended; /* how is known */
	uint64_t unknown, failed, client_errors;
	double arrived; /* requests that the rate is of */
	struct hist latency[LATENCIES];
};

static const char few[] = "fewer requests than min_requests ended";
static const char none[] = "no request ended";

static bool is_wanted(const struct check *c, const struct route *route)
{
	return !*c->route || (route && route_glob(c->route, route));
}

/* --- adding up */

static uint64_t at_most(uint64_t n, uint64_t max)
{
	return n < max ? n : max;
}

/* A request cut off after a 5xx head counts once. */
static void take_counts(struct numbers *n, const struct status_counts *status,
			uint64_t server_closed)
{
	n->failed = at_most(status->class[5] + server_closed, n->ended);
	n->client_errors = at_most(status->class[4], n -> ended);
}

static int add_latency(struct numbers *n, const struct hist latency[LATENCIES])
{
	int err = 0;

	for (int i = 0; i < LATENCIES && !err; i++)
		err = hist_merge(&n->latency[i], &latency[i]);
	return err;
}

static int add_all(struct numbers *n, const struct stats *st)
{
	const struct ledger *l = &st->ledger;

	n->ended = l->ok + l->client_closed + l->server_closed + l->upgraded;
	n->unknown = l->unknown;
	n->arrived = l->started > 0 ? (double)l->started : 0;
	take_counts(n, &st->status, l->server_closed);
	return add_latency(n, st->latency);
}

static int add_routes(struct numbers *n, const struct check *c, const struct stats *st)
{
	struct status_counts status = {};
	uint64_t server_closed = 0;
	int err = 0;

	for (uint32_t i = 0; i < st->n_routes && !err; i++) {
		const struct route_stats *r = st->routes[i];

		if (!r || !r->count || !is_wanted(c, r->route))
			continue;
		n->ended += r->count - r->ends[REQ_UNKNOWN];
		n->unknown += r->ends[REQ_UNKNOWN];
		n->arrived += (double)r->count;
		server_closed += r->ends[REQ_SERVER_CLOSED];
		status.class[4] += r->status.class[4];
		status.class[5] += r->status.class[5];
		err = add_latency(n, r->latency);
	}
	take_counts(n, &status, server_closed);
	return err;
}

/* --- one measure each */

static void put(struct check_measure *m, double value)
{
	*m = (struct check_measure){.known = true, .value = value};
}

static void put_unknown(struct check_measure *m, const char *why)
{
	*m = (struct check_measure){.why = why};
}

/* part of whole, which has `n` requests in it. */
static void put_share(struct check_measure *m, double part, double whole, uint64_t n, uint64_t min)
{
	if (n >= min && whole > 0)
		put(m, fmin(part / whole, 1));
	else
		put_unknown(m, n && n < min ? few : n ? "they took no time" : none);
}

static void put_quantile(struct check_measure *m, const struct hist *h, double q, uint64_t min)
{
	if (h->count >= min)
		put(m, hist_quantile(h, q));
	else
		put_unknown(m, h->count ? few : none);
}

static void put_latencies(struct check_result *r, const struct numbers *n, uint64_t min)
{
	const struct hist *total = &n->latency[LAT_TOTAL];
	struct check_measure *m = r->measures;

	put_quantile(&m[CHECK_P50], total, 0.5, min);
	put_quantile(&m[CHECK_P90], total, 0.9, min);
	put_quantile(&m[CHECK_P95], total, 0.95, min);
	put_quantile(&m[CHECK_P99], total, 0.99, min);
	put_quantile(&m[CHECK_P999], total, 0.999, min);
	put_quantile(&m[CHECK_MAX], total, 1, min);
	put_quantile(&m[CHECK_MEAN], total, 1, min);
	if (m[CHECK_MAX].known)
		m[CHECK_MAX].value = (double)total->max;
	if (m[CHECK_MEAN].known)
		m[CHECK_MEAN].value = hist_mean(total);
	put_quantile(&m[CHECK_TTFB_P99], &n->latency[LAT_TTFB], 0.99, min);
	put_quantile(&m[CHECK_QUEUE_P99], &n->latency[LAT_QUEUE], 0.99, min);
	put_quantile(&m[CHECK_APP_P99], &n->latency[LAT_APP], 0.99, min);
}

static void put_shares(struct check_result *r, const struct numbers *n, uint64_t min)
{
	const struct hist *l = n->latency;
	double queue = (double)l[LAT_QUEUE].sum;
	double all =
		queue + (double)l[LAT_RECV].sum + (double)l[LAT_APP].sum + (double)l[LAT_SEND].sum;
	double ended = (double)n->ended, unknown = (double)n->unknown;
	struct check_measure *m = r->measures;

	put_share(&m[CHECK_ERROR_RATE], (double)n->failed, ended, n->ended, min);
	put_share(&m[CHECK_CLIENT_ERROR_RATE], (double)n->client_errors, ended, n->ended, min);
	put_share(&m[CHECK_UNKNOWN_SHARE], unknown, ended + unknown, n->ended + n->unknown, min);
	put_share(&m[CHECK_QUEUE_SHARE], queue, all, l[LAT_QUEUE].count, min);
}

/* Linux takes one connection more than the backlog: the share may be a little above 1. */
static void put_accept_queue(struct check_measure *m, const struct summary *s)
{
	put_unknown(m, "the fill of no accept queue is known");
	for (uint32_t i = 0; i < s->n_listeners; i++) {
		const struct summary_listener *l = &s->listeners[i];
		double share = l->backlog ? (double)l->accept_queue / (double)l->backlog : 0;

		if (l->counted && (!m->known || share > m->value))
			put(m, share);
	}
}

/* Of all: those that were under way before tracing began are open too, for at least as long. */
static void put_open_all(struct check_result *r, const struct summary *s)
{
	double open = (double)s->stats->ledger.open + (double)s->late.hung;
	uint64_t age = s->n_open ? s->open[0].age : 0;

	put(&r->measures[CHECK_OPEN], fmax(open, 0));
	put(&r->measures[CHECK_OPEN_AGE], (double)age);
	if (s->late.hung) {
		r->measures[CHECK_OPEN_AGE].at_least = true;
		if (s->late.oldest > age)
			r->measures[CHECK_OPEN_AGE].value = (double)s->late.oldest;
	}
}

/* Of a route: the summary lists the oldest only. What is not read yet has no route. */
static void put_open_routes(struct check_result *r, const struct check *c, const struct summary *s)
{
	bool cut = s->n_open == SUMMARY_MAX_OPEN;
	uint64_t n = 0, age = 0;

	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct request *q = s->open[i].request;

		if (!q->route || !is_wanted(c, route_final(q->route)))
			continue;
		n++;
		age = s->open[i].age > age ? s->open[i].age : age;
	}
	put(&r->measures[CHECK_OPEN], (double)n);
	r->measures[CHECK_OPEN].at_least = cut;
	put(&r->measures[CHECK_OPEN_AGE], (double)age);
	r->measures[CHECK_OPEN_AGE].at_least = cut && !n;
}

static void put_rate(struct check_measure *m, const struct numbers *n, const struct summary *s)
{
	if (s->seconds > 0)
		put(m, n->arrived / s->seconds);
	else
		put_unknown(m, "the window has no length");
}

/* Of the target, whatever the route. A loop that is held up counts with what that has taken so far.
   Stalls that found no room may have been longer than those told. */
static void put_loop(struct check_result *r, const struct summary *s)
{
	static const char unseen[] = "no event loop could be watched";
	struct check_measure *stall = &r->measures[CHECK_LOOP_STALL];
	uint64_t longest = s->held ? s->held_ns : 0;

	if (!s->stats->loop.watched) {
		put_unknown(stall, unseen);
		put_unknown(&r->measures[CHECK_LOOP_BUSY], unseen);
		return;
	}
	for (uint32_t i = 0; i < s->stats->n_stalls; i++)
		if (s->stats->stalls[i].max > longest)
			longest = s->stats->stalls[i].max;
	put(stall, (double)longest);
	stall->at_least = s->stats->stalls_rest;
	put(&r->measures[CHECK_LOOP_BUSY], summary_loop_busy(s->stats));
}

/* What is seen is too little to judge the service by. */
static void blindfold(struct check_result *r, const char *why)
{
	for (int i = 0; i < CHECK_METRICS; i++)
		if (i != CHECK_UNKNOWN_SHARE && i != CHECK_ACCEPT_QUEUE_SHARE &&
		    i != CHECK_LOOP_STALL && i != CHECK_LOOP_BUSY)
			put_unknown(&r->measures[i], why);
}

int check_measure(struct check_result *r, const struct check *c, const struct summary *s,
		  const char *blind)
{
	struct numbers n = {.all = !*c->route};
	int err = n.all ? add_all(&n, s->stats) : add_routes(&n, c, s->stats);

	if (!err) {
		r->requests = n.ended;
		put_latencies(r, &n, c->min_requests);
		put_shares(r, &n, c->min_requests);
		put_rate(&r->measures[CHECK_RATE], &n, s);
		put_accept_queue(&r->measures[CHECK_ACCEPT_QUEUE_SHARE], s);
		put_loop(r, s);
		if (n.all)
			put_open_all(r, s);
		else
			put_open_routes(r, c, s);
		if (*blind)
			blindfold(r, blind);
	}
	for (int i = 0; i < LATENCIES; i++)
		hist_free(&n.latency[i]);
	return err;
}
