// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * plugin_where.c - where a broken condition comes from: the route, or the request, that has the
 * largest part in it.
 */
#include "plugin.h"

#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"

#define LABEL_COLUMNS 80

/* Method and path, from the wire. */
static void put_label(FILE *f, const char *method, const char *path, size_t len)
{
	char text[4 * HTTP1_METHOD_MAX + 4 * LABEL_COLUMNS + 8];

	escape_text(text, sizeof(text), method, strlen(method), LABEL_COLUMNS);
	plugin_put(f, text);
	fputc(' ', f);
	escape_text(text, sizeof(text), path, len, LABEL_COLUMNS);
	plugin_put(f, text);
}

static void put_route(FILE *f, const struct route *route)
{
	if (route->id)
		put_label(f, route->method, route->template, strlen(route->template));
	else
		fputs("routes beyond the bound", f);
}

/* --- by route */

static uint64_t failures(const struct route_stats *r)
{
	return r->status.class[5] + r->ends[REQ_SERVER_CLOSED];
}

/* How much a route has to do with a metric: of quantiles the time of its slowest hundredth, of
   errors their number. */
static double part(const struct route_stats *r, enum check_metric metric)
{
	switch (metric) {
	case CHECK_ERROR_RATE:
		return (double)failures(r);
	case CHECK_CLIENT_ERROR_RATE:
		return (double)r->status.class[4];
	case CHECK_QUEUE_P99:
	case CHECK_QUEUE_SHARE:
		return (double)r->latency[LAT_QUEUE].sum;
	case CHECK_APP_P99:
		return r->latency[LAT_APP].count ? hist_quantile(&r->latency[LAT_APP], 0.99) : 0;
	case CHECK_TTFB_P99:
		return r->latency[LAT_TTFB].count ? hist_quantile(&r->latency[LAT_TTFB], 0.99) : 0;
	case CHECK_MAX:
		return r->latency[LAT_TOTAL].count ? (double)r->latency[LAT_TOTAL].max : 0;
	case CHECK_P50:
	case CHECK_P90:
	case CHECK_P95:
	case CHECK_P99:
	case CHECK_P999:
	case CHECK_MEAN:
		return r->latency[LAT_TOTAL].count ? hist_quantile(&r->latency[LAT_TOTAL], 0.99)
						   : 0;
	default:
		return 0;
	}
}

static const struct route_stats *worst(const struct check *c, const struct stats *st,
				       enum check_metric metric)
{
	const struct route_stats *found = NULL;
	double most = 0;

	for (uint32_t i = 0; i < st->n_routes; i++) {
		const struct route_stats *r = st->routes[i];

		if (!r || !r->count || (*c->route && !route_glob(c->route, r->route)))
			continue;
		if (part(r, metric) > most) {
			most = part(r, metric);
			found = r;
		}
	}
	return found;
}

static void put_errors(FILE *f, uint64_t n, const char *what, const struct route_stats *r)
{
	char part_[32], all[32];

	fprintf(f, ", %s %s of %s request%s", summary_count(part_, sizeof(part_), n), what,
		summary_count(all, sizeof(all), r->count), r->count == 1 ? "" : "s");
}

static void put_slowest(FILE *f, const struct route_stats *r)
{
	const struct hist *h = &r->latency[LAT_TOTAL];
	char p50[UNITS_MAX], p99[UNITS_MAX], n[32];

	if (!h->count)
		return;
	fprintf(f, ", p50 %s, p99 %s of %s request%s",
		units_duration(p50, sizeof(p50), hist_quantile(h, 0.5)),
		units_duration(p99, sizeof(p99), hist_quantile(h, 0.99)),
		summary_count(n, sizeof(n), h->count), h->count == 1 ? "" : "s");
}

static bool where_route(FILE *f, const char *before, const struct route_stats *r,
			enum check_metric metric)
{
	if (!r)
		return false;
	fputs(before, f);
	put_route(f, r->route);
	if (metric == CHECK_ERROR_RATE)
		put_errors(f, failures(r), "failed", r);
	else if (metric == CHECK_CLIENT_ERROR_RATE)
		put_errors(f, r->status.class[4], "4xx", r);
	else
		put_slowest(f, r);
	return true;
}

/* --- by request, by listener */

static bool where_open(FILE *f, const char *before, const struct check *c, const struct summary *s)
{
	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct request *q = s->open[i].request;
		char age[UNITS_MAX];

		if (*c->route && !(q->route && route_glob(c->route, route_final(q->route))))
			continue;
		fputs(before, f);
		if (q->head_seen)
			put_label(f, q->http.method, q->http.path, q->http.path_len);
		else
			fputs("one not read yet", f);
		fprintf(f, ", open for %s in %s",
			units_duration(age, sizeof(age), (double)s->open[i].age),
			request_phase_name(s->open[i].phase));
		if (q->pid)
			fprintf(f, ", pid %u", q->pid);
		return true;
	}
	return false;
}

static bool where_queue(FILE *f, const char *before, const struct summary *s)
{
	const struct summary_listener *fullest = NULL;
	char text[256];

	for (uint32_t i = 0; i < s->n_listeners; i++) {
		const struct summary_listener *l = &s->listeners[i];

		if (l->counted && l->backlog &&
		    (!fullest || (double)l->accept_queue / (double)l->backlog >
					 (double)fullest->accept_queue / (double)fullest->backlog))
			fullest = l;
	}
	if (!fullest)
		return false;
	escape_text(text, sizeof(text), fullest->address,
		    strnlen(fullest->address, sizeof(fullest->address)), LABEL_COLUMNS);
	fputs(before, f);
	plugin_put(f, text);
	fprintf(f, ", %llu of %llu wait to be accepted", (unsigned long long)fullest->accept_queue,
		(unsigned long long)fullest->backlog);
	return true;
}

bool plugin_where(FILE *f, const char *before, const struct check_report *r, const struct check *c,
		  enum check_metric metric)
{
	switch (metric) {
	case CHECK_OPEN:
	case CHECK_OPEN_AGE:
		return where_open(f, before, c, r->summary);
	case CHECK_ACCEPT_QUEUE_SHARE:
		return where_queue(f, before, r->summary);
	default:
		return where_route(f, before, worst(c, r->summary->stats, metric), metric);
	}
}
