// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stats_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/prefetch.h"

const char *const latency_names[LATENCIES] = {
	[LAT_TOTAL] = "total",
	[LAT_TTFB] = "ttfb",
	[LAT_QUEUE] = "queue",
	[LAT_RECV] = "recv",
	[LAT_APP] = "app",
	[LAT_SEND] = "send",
	[LAT_ACCEPT_WAIT] = "accept_wait",
	[LAT_ABANDONED] = "abandoned",
};

/* --- latencies */

/* Which of a request's durations count, by latency kind. */
static void durations(const struct request *r, struct duration d[LATENCIES])
{
	struct phases p;

	request_phases(r, &p);
	for (int i = 0; i < LATENCIES; i++)
		d[i].ns = -1;
	d[LAT_ACCEPT_WAIT].ns = p.accept_wait;
	d[LAT_ABANDONED].ns = p.abandoned;
	if (r->end == REQ_OK || r->end == REQ_UPGRADED) {
		d[LAT_TOTAL].ns = p.total;
		d[LAT_TTFB].ns = p.ttfb;
		d[LAT_QUEUE].ns = p.queue;
		d[LAT_RECV].ns = p.recv;
		d[LAT_APP].ns = p.app;
		d[LAT_SEND].ns = r->end == REQ_OK ? p.send : -1;
	}
	for (int i = 0; i < LATENCIES; i++)
		d[i].bucket = d[i].ns > 0 ? hist_index((uint64_t)d[i].ns) : 0;
}

static int latency_add(struct hist latency[LATENCIES], const struct duration d[LATENCIES])
{
	int err = 0;

	for (int i = 0; i < LATENCIES; i++)
		if (duration_add(&latency[i], &d[i]))
			err = -ENOMEM;
	return err;
}

static int latency_merge(struct hist into[LATENCIES], const struct hist from[LATENCIES])
{
	int err = 0;

	for (int i = 0; i < LATENCIES; i++)
		if (hist_merge(&into[i], &from[i]))
			err = -ENOMEM;
	return err;
}

/* --- routes */

static void route_stats_free(struct route_stats *rs)
{
	if (!rs)
		return;
	for (int i = 0; i < LATENCIES; i++)
		hist_free(&rs->latency[i]);
	auth_free(rs->auth);
	errors_free(&rs->errors);
	free(rs->status.codes);
	free(rs);
}

static void route_stats_reset(struct route_stats *rs)
{
	rs->count = 0;
	memset(rs->ends, 0, sizeof(rs->ends));
	memset(&rs->slowest, 0, sizeof(rs->slowest));
	memset(rs->cache, 0, sizeof(rs->cache));
	auth_reset(rs->auth);
	errors_reset(&rs->errors);
	status_counts_reset(&rs->status);
	for (int i = 0; i < LATENCIES; i++)
		hist_reset(&rs->latency[i]);
}

/* Makes room for a route id. */
static int routes_room(struct stats *s, uint32_t id)
{
	struct route_stats **routes;
	uint32_t n = s->n_routes ? s->n_routes : 8;

	if (id < s->n_routes)
		return 0;
	while (n <= id)
		n *= 2;
	routes = realloc(s->routes, n * sizeof(struct route_stats *));
	if (!routes)
		return -ENOMEM;
	memset(routes + s->n_routes, 0, (n - s->n_routes) * sizeof(struct route_stats *));
	s->routes = routes;
	s->n_routes = n;
	return 0;
}

/* The entry of a route that has not folded, made when there is none. NULL when out of memory. */
static struct route_stats *route_entry(struct stats *s, struct route *route)
{
	struct route_stats *rs;

	if (routes_room(s, route->id))
		return NULL;
	rs = s->routes[route->id];
	if (!rs) {
		rs = aligned_alloc(_Alignof(struct route_stats), sizeof(*rs));
		if (!rs)
			return NULL;
		*rs = (struct route_stats){.route = route};
		s->routes[route->id] = rs;
	}
	return rs;
}

static void keep_slowest(struct route_stats *rs, const struct request *r, uint64_t total)
{
	size_t len = r->http.path_len;

	if (rs->slowest.at && total <= rs->slowest.total)
		return;
	rs->slowest.total = total;
	rs->slowest.at = r->arrived;
	if (!r->head_seen)
		len = 0;
	if (len > sizeof(rs->slowest.path) - 1)
		len = sizeof(rs->slowest.path) - 1;
	memcpy(rs->slowest.path, r->http.path, len);
	rs->slowest.path[len] = '\0';
	rs->slowest.path_len = (uint16_t)len;
}

static int route_end(struct stats *s, const struct request *r, const struct duration d[LATENCIES])
{
	struct route_stats *rs = route_entry(s, route_final(r->route));
	int err = 0;

	if (!rs)
		return -ENOMEM;
	rs->count++;
	rs->ends[r->end]++;
	if (r->status_seen)
		err = status_counts_add(&rs->status, r->status, 1);
	if (d[LAT_TOTAL].ns >= 0)
		keep_slowest(rs, r, (uint64_t)d[LAT_TOTAL].ns);
	cache_add(rs->cache, r);
	if (auth_add(rs->auth, r, &d[LAT_TOTAL]) || errors_end(s, r, rs))
		err = -ENOMEM;
	return latency_add(rs->latency, d) ? -ENOMEM : err;
}

/* errors: how many of them may be there */
static int route_stats_merge(struct route_stats *into, const struct route_stats *from,
			     uint32_t errors)
{
	int err;

	into->count += from->count;
	for (int i = 0; i < REQ_ENDS; i++)
		into->ends[i] += from->ends[i];
	if (from->slowest.at && (!into->slowest.at || from->slowest.total > into->slowest.total))
		into->slowest = from->slowest;
	cache_merge(into->cache, from->cache);
	err = status_counts_merge(&into->status, &from->status);
	if (auth_merge(into->auth, from->auth) ||
	    errors_merge(&into->errors, &from->errors, errors))
		err = -ENOMEM;
	return latency_merge(into->latency, from->latency) ? -ENOMEM : err;
}

static int routes_merge(struct stats *into, const struct stats *from)
{
	int err = 0;

	for (uint32_t i = 0; i < from->n_routes; i++) {
		const struct route_stats *rs = from->routes[i];
		struct route_stats *to;

		if (!rs || !rs->count)
			continue;
		to = route_entry(into, route_final(rs->route));
		if (!to || route_stats_merge(to, rs, errors_max(into)))
			err = -ENOMEM;
	}
	return err;
}

/* Puts an entry where its route has gone. The entry is consumed unless there is no room for it. */
static int route_refile(struct stats *s, struct route_stats *rs)
{
	struct route *route = route_final(rs->route);
	struct route_stats *to;
	int err;

	if (routes_room(s, route->id))
		return -ENOMEM;
	s->routes[rs->route->id] = NULL;
	to = s->routes[route->id];
	if (!to) {
		rs->route = route;
		s->routes[route->id] = rs;
		return 0;
	}
	err = route_stats_merge(to, rs, errors_max(s));
	route_stats_free(rs);
	return err;
}

int stats_fold_routes(struct stats *s)
{
	int err = 0;

	stalls_fold(s);
	for (uint32_t i = 0; i < s->n_routes; i++) {
		struct route_stats *rs = s->routes[i];

		if (rs && rs->route->folded_into && route_refile(s, rs))
			err = -ENOMEM;
	}
	return err;
}

/* --- the whole */

struct stats *stats_new(void)
{
	return calloc(1, sizeof(struct stats));
}

void stats_free(struct stats *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_routes; i++)
		route_stats_free(s->routes[i]);
	for (uint32_t i = 0; i < s->cap_workers; i++)
		hist_free(&s->workers[i].total);
	for (int i = 0; i < LATENCIES; i++)
		hist_free(&s->latency[i]);
	auth_free(s->auth);
	errors_free(&s->background);
	errors_free(&s->routeless);
	free(s->stalls);
	free(s->status.codes);
	free(s->routes);
	free(s->workers);
	free(s);
}

void stats_reset(struct stats *s, uint64_t from)
{
	int64_t open = s->ledger.open;

	s->from = s->to = from;
	s->ledger = (struct ledger){.carried = open, .open = open};
	status_counts_reset(&s->status);
	memset(s->cache, 0, sizeof(s->cache));
	auth_reset(s->auth);
	errors_reset(&s->background);
	errors_reset(&s->routeless);
	stalls_reset(s);
	for (int i = 0; i < LATENCIES; i++)
		hist_reset(&s->latency[i]);
	for (uint32_t i = 0; i < s->n_routes; i++)
		if (s->routes[i])
			route_stats_reset(s->routes[i]);
	workers_reset(s);
}

void stats_begin(struct stats *s, const struct request *r)
{
	(void)r;
	s->ledger.started++;
	s->ledger.open++;
}

void stats_retract(struct stats *s, const struct request *r)
{
	(void)r;
	s->ledger.started--;
	s->ledger.open--;
}

static uint64_t *ledger_end(struct ledger *l, enum request_end end)
{
	switch (end) {
	case REQ_OK:
		return &l->ok;
	case REQ_CLIENT_CLOSED:
		return &l->client_closed;
	case REQ_SERVER_CLOSED:
		return &l->server_closed;
	case REQ_UPGRADED:
		return &l->upgraded;
	case REQ_UNKNOWN:
		return &l->unknown;
	case REQ_OPEN:
	case REQ_ENDS:
		break;
	}
	return NULL;
}

/* With many routes, what is kept of one lies in no cache any more when its next request ends. It is
   fetched while the sums over all routes are made: the entry, then what it points to. NULL: there is
   none yet, or no route. */
static struct route_stats *route_prefetch(const struct stats *s, const struct route *route)
{
	if (!route || route->id >= s->n_routes)
		return NULL;
	prefetch(s->routes[route->id], sizeof(struct route_stats));
	return s->routes[route->id];
}

static void route_prefetch_counts(const struct route_stats *rs, const struct duration d[LATENCIES])
{
	if (!rs)
		return;
	__builtin_prefetch(rs->status.codes, 1);
	for (int i = 0; i < LATENCIES; i++)
		if (d[i].ns > 0)
			hist_prefetch_at(&rs->latency[i], d[i].bucket);
}

int stats_end(struct stats *s, const struct request *r)
{
	uint64_t *end = ledger_end(&s->ledger, r->end);
	struct duration d[LATENCIES];
	const struct route_stats *known;
	int err = 0;

	if (!end)
		return -EINVAL;
	known = route_prefetch(s, r->route);
	++*end;
	s->ledger.open--;
	durations(r, d);
	if (latency_add(s->latency, d) || auth_add(s->auth, r, &d[LAT_TOTAL]))
		err = -ENOMEM;
	route_prefetch_counts(known, d);
	cache_add(s->cache, r);
	if (r->status_seen && status_counts_add(&s->status, r->status, 1))
		err = -ENOMEM;
	if (stalls_end(s, r))
		err = -ENOMEM;
	/* Until it is read its pid is the listener's, which may be no worker at all. */
	if ((r->read || r->head) && worker_end(s, r, d))
		err = -ENOMEM;
	if (r->route ? route_end(s, r, d) : errors_end(s, r, NULL))
		err = -ENOMEM;
	return err;
}

static void ledger_merge(struct ledger *into, const struct ledger *from)
{
	into->started += from->started;
	into->ok += from->ok;
	into->client_closed += from->client_closed;
	into->server_closed += from->server_closed;
	into->upgraded += from->upgraded;
	into->unknown += from->unknown;
	into->open = from->open;
	into->not_http += from->not_http;
	into->late_attached += from->late_attached;
	into->evicted += from->evicted;
}

/* No stretch at all, as stats_new() makes it. */
static bool is_blank(const struct stats *s)
{
	static const struct ledger zero;

	return !s->from && !s->to && !memcmp(&s->ledger, &zero, sizeof(zero)) && !s->background.n &&
	       !s->n_stalls && !s->loop.watched;
}

int stats_merge(struct stats *into, const struct stats *from)
{
	int err = 0;

	if (is_blank(from))
		return 0;
	if (is_blank(into)) {
		into->from = from->from;
		into->ledger.carried = from->ledger.carried;
	}
	into->to = from->to;
	ledger_merge(&into->ledger, &from->ledger);
	if (status_counts_merge(&into->status, &from->status))
		err = -ENOMEM;
	cache_merge(into->cache, from->cache);
	if (latency_merge(into->latency, from->latency) || auth_merge(into->auth, from->auth))
		err = -ENOMEM;
	if (routes_merge(into, from) || stalls_merge(into, from))
		err = -ENOMEM;
	if (errors_merge(&into->background, &from->background, errors_max(into)) ||
	    errors_merge(&into->routeless, &from->routeless, errors_max(into)))
		err = -ENOMEM;
	if (workers_merge(into, from))
		err = -ENOMEM;
	return err;
}

bool ledger_balances(const struct ledger *l)
{
	uint64_t ended = l->ok + l->client_closed + l->server_closed + l->upgraded + l->unknown;

	/* Unsigned, so that numbers from a hostile file cannot overflow; they may be negative. */
	return (uint64_t)l->carried + (uint64_t)l->started == ended + (uint64_t)l->open;
}
