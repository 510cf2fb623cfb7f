/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term_table.c - the tables of the summary screen: routes, workers, open requests.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "term_priv.h"
#include "told.h"

#define WIDE 100 /* columns from which on there is room for more than the necessary */

uint64_t term_rows(uint64_t n, unsigned max)
{
	return n <= (uint64_t)max + 1 ? n : max;
}

static void put_more(struct line *l, unsigned column, uint64_t n)
{
	char text[UNITS_MAX];

	line_to(l, column);
	line_printf(l, STYLE_DIM, "... and %s more", short_count(text, n));
}

/* A count of what is bad: zero is measured, but nothing to look at. */
static void put_bad(struct line *l, enum style style, unsigned width, uint64_t n)
{
	char text[UNITS_MAX];

	line_right(l, n ? style : STYLE_DIM, width, short_count(text, n));
}

/* --- routes */

static double time_share(const struct summary *s, const struct route_stats *r)
{
	double all = (double)s->stats->latency[LAT_TOTAL].sum;

	if (!r->latency[LAT_TOTAL].count || all <= 0)
		return NAN;
	return (double)r->latency[LAT_TOTAL].sum / all;
}

static void cell_time(struct term *t, const struct route_stats *r, unsigned width)
{
	char text[UNITS_MAX];

	line_right(&t->line, STYLE_BOLD, width, short_share(text, time_share(t->s, r)));
}

static void cell_count(struct term *t, const struct route_stats *r, unsigned width)
{
	char text[UNITS_MAX];

	line_right(&t->line, STYLE_PLAIN, width, short_count(text, r->count));
}

static void cell_rate(struct term *t, const struct route_stats *r, unsigned width)
{
	double rate = t->s->seconds > 0 ? (double)r->count / t->s->seconds : -1;
	char text[UNITS_MAX];

	line_right(&t->line, STYLE_PLAIN, width, short_rate(text, rate));
}

static void cell_quantile(struct term *t, const struct route_stats *r, unsigned width, double q)
{
	double ns = hist_quantile(&r->latency[LAT_TOTAL], q),
	       slo = t->s->verdict.rules.slo_ms * 1e6;

	line_duration(&t->line, slo > 0 && ns > slo ? STYLE_YELLOW : STYLE_PLAIN, width, ns);
}

static void cell_p50(struct term *t, const struct route_stats *r, unsigned width)
{
	cell_quantile(t, r, width, 0.5);
}

static void cell_p90(struct term *t, const struct route_stats *r, unsigned width)
{
	cell_quantile(t, r, width, 0.9);
}

static void cell_p99(struct term *t, const struct route_stats *r, unsigned width)
{
	cell_quantile(t, r, width, 0.99);
}

static void cell_max(struct term *t, const struct route_stats *r, unsigned width)
{
	cell_quantile(t, r, width, 1);
}

/* How much of the route's time is spent waiting to be read. */
static void cell_queue(struct term *t, const struct route_stats *r, unsigned width)
{
	const struct hist *queue = &r->latency[LAT_QUEUE], *total = &r->latency[LAT_TOTAL];
	double share = queue->count && total->sum ? (double)queue->sum / (double)total->sum : NAN;
	char text[UNITS_MAX];

	line_right(&t->line, STYLE_PLAIN, width, short_share(text, share > 1 ? 1 : share));
}

static void cell_5xx(struct term *t, const struct route_stats *r, unsigned width)
{
	put_bad(&t->line, STYLE_RED, width, r->status.class[5]);
}

static void cell_4xx(struct term *t, const struct route_stats *r, unsigned width)
{
	put_bad(&t->line, STYLE_YELLOW, width, r->status.class[4]);
}

static void cell_gone(struct term *t, const struct route_stats *r, unsigned width)
{
	put_bad(&t->line, STYLE_PLAIN, width,
		r->ends[REQ_CLIENT_CLOSED] + r->ends[REQ_SERVER_CLOSED]);
}

/* From how many columns of screen on each is shown. */
static const struct column {
	const char *name;
	unsigned width, from;
	void (*cell)(struct term *t, const struct route_stats *r, unsigned width);
} columns[] = {
	{"time", 7, 30, cell_time}, {"count", 9, 100, cell_count}, {"rate", 8, 60, cell_rate},
	{"p50", 9, 52, cell_p50},   {"p90", 9, 112, cell_p90},	   {"p99", 9, 40, cell_p99},
	{"max", 9, 68, cell_max},   {"queue", 8, 120, cell_queue}, {"5xx", 6, 46, cell_5xx},
	{"4xx", 6, 76, cell_4xx},   {"closed", 8, 112, cell_gone},
};

static unsigned route_width(const struct line *l)
{
	unsigned used = 0;

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		if (l->width >= columns[i].from)
			used += columns[i].width;
	return l->width > used ? l->width - used : 1;
}

static void put_heading(struct term *t)
{
	struct line *l = &t->line;

	line_text(l, STYLE_DIM, "routes");
	line_to(l, route_width(l));
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		if (l->width >= columns[i].from)
			line_right(l, STYLE_DIM, columns[i].width, columns[i].name);
	line_end(l);
}

static void put_route(struct term *t, const struct route_stats *r)
{
	unsigned width = route_width(&t->line);
	struct line *l = &t->line;

	if (r->route->id)
		line_request(l, r->route->method, r->route->template, strlen(r->route->template),
			     width);
	else
		line_string(l, STYLE_PLAIN, "(all other routes)", width);
	line_to(l, width);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		if (l->width >= columns[i].from)
			columns[i].cell(t, r, columns[i].width);
	line_end(l);
}

/* Those not shown, with the time that they take together. */
static void put_rest(struct term *t, const struct route_stats *last, uint64_t n)
{
	struct line *l = &t->line;
	const struct route_stats *r = last;
	double share = 0, one;
	char text[UNITS_MAX];

	while ((r = summary_next_route(t->s->stats, r))) {
		one = time_share(t->s, r);
		share += one >= 0 ? one : 0;
	}
	put_more(l, 0, n);
	line_to(l, route_width(l));
	line_right(l, STYLE_DIM, columns[0].width, short_share(text, share));
	line_end(l);
}

void term_routes(struct term *t)
{
	uint64_t rows = term_rows(t->n_routes, t->plan.routes);
	const struct route_stats *r = NULL;

	put_heading(t);
	for (uint64_t i = 0; i < rows; i++) {
		r = summary_next_route(t->s->stats, r);
		put_route(t, r);
	}
	if (rows < t->n_routes)
		put_rest(t, r, t->n_routes - rows);
}

/* --- workers */

static uint64_t all_requests(const struct term *t)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < t->n_workers; i++)
		sum += t->workers[i].requests;
	return sum;
}

/* Below a tenth of an even share, once there are enough requests for that to mean something. */
static bool is_idle(const struct term *t, const struct summary_worker_row *w)
{
	uint64_t all = all_requests(t);

	return all >= 20ull * t->n_workers && w->requests * t->n_workers * 10 < all;
}

static bool is_stuck(const struct term *t, const struct summary_worker_row *w)
{
	return w->waits && (double)w->waits->age >= t->s->verdict.rules.stuck_ms * 1e6;
}

static void put_outlier(struct term *t, const struct summary_worker_row *w)
{
	char text[UNITS_MAX];

	line_skip(&t->line, 2);
	if (is_stuck(t, w))
		line_printf(&t->line, STYLE_RED, "stuck: %s in %s",
			    units_duration(text, sizeof(text), (double)w->waits->age),
			    request_phase_name(w->waits->phase));
	else if (is_idle(t, w))
		line_text(&t->line, STYLE_YELLOW,
			  w->requests ? "idle: hardly any requests" : "idle: no requests");
}

static void put_worker(struct term *t, const struct summary_worker_row *w)
{
	struct line *l = &t->line;
	char text[UNITS_MAX];

	line_to(l, LABEL_WIDTH);
	if (w->pid)
		line_printf(l, STYLE_PLAIN, "%8u", w->pid);
	else
		line_right(l, STYLE_PLAIN, 8, "others");
	line_right(l, STYLE_PLAIN, 10, short_count(text, w->requests));
	line_right(l, STYLE_PLAIN, 8,
		   short_rate(text, t->s->seconds > 0 ? (double)w->requests / t->s->seconds : -1));
	line_right(l, w->open_known ? STYLE_PLAIN : STYLE_DIM, 7,
		   w->open_known ? short_count(text, w->open) : "-");
	if (l->width >= WIDE)
		line_duration(l, STYLE_PLAIN, 9, w->total ? hist_quantile(w->total, 0.5) : -1);
	line_duration(l, STYLE_PLAIN, 9, w->total ? hist_quantile(w->total, 0.99) : -1);
	if (w->host) {
		line_skip(l, 2);
		line_string(l, STYLE_DIM, w->host, 16);
	}
	put_outlier(t, w);
	line_end(l);
}

/* Outliers first when there is no room for all. */
static void put_workers(struct term *t, uint64_t rows)
{
	bool all = rows == t->n_workers;
	uint64_t put = 0;

	for (int pass = all ? 1 : 0; pass < 2; pass++)
		for (uint32_t i = 0; i < t->n_workers && put < rows; i++) {
			const struct summary_worker_row *w = &t->workers[i];
			bool outlier = is_stuck(t, w) || is_idle(t, w);

			if (!all && outlier != (pass == 0))
				continue;
			put_worker(t, w);
			put++;
		}
}

void term_workers(struct term *t)
{
	uint64_t rows = term_rows(t->n_workers, t->plan.workers);
	struct line *l = &t->line;

	line_text(l, STYLE_DIM, "workers");
	line_to(l, LABEL_WIDTH);
	line_right(l, STYLE_DIM, 8, "pid");
	line_right(l, STYLE_DIM, 10, "requests");
	line_right(l, STYLE_DIM, 8, "rate");
	line_right(l, STYLE_DIM, 7, "open");
	if (l->width >= WIDE)
		line_right(l, STYLE_DIM, 9, "p50");
	line_right(l, STYLE_DIM, 9, "p99");
	line_end(l);
	put_workers(t, rows);
	if (rows < t->n_workers) {
		put_more(l, LABEL_WIDTH, t->n_workers - rows);
		line_end(l);
	}
}

/* --- open requests */

/* The ledger knows of all; the list may be cut, and may be there alone in a hand-made summary. */
uint64_t term_open_count(const struct term *t)
{
	int64_t open = t->s->stats->ledger.open;

	return open > (int64_t)t->s->n_open ? (uint64_t)open : t->s->n_open;
}

#define PATH_LEAST 20 /* columns of a request that the place where it waits leaves it */

/* Whole if there is room for both, else without its folders. */
static unsigned place_columns(const char **where, unsigned request, unsigned room)
{
	unsigned least = request < PATH_LEAST ? request : PATH_LEAST, wants;

	if (!*where)
		return 0;
	wants = (unsigned)utf8_columns(*where) + 3;
	if (request + wants <= room)
		return wants;
	*where = told_file(*where);
	wants = (unsigned)utf8_columns(*where) + 3;
	if (least + wants <= room)
		return wants;
	return room > least + 3 + PATH_LEAST / 2 ? room - least : 0;
}

/* The request, and where in the application it waits. */
static void put_request(struct line *l, const struct summary_open *o)
{
	const struct request *r = o->request;
	const char *where = o->where;
	unsigned room = line_room(l), request = r->head_seen ? 5u + r->http.path_len : 14;
	unsigned place = place_columns(&where, request, room);

	if (r->head_seen)
		line_request(l, r->http.method, r->http.path, r->http.path_len, room - place);
	else
		line_string(l, STYLE_DIM, "(not read yet)", room - place);
	if (place < 3)
		return;
	line_skip(l, 3);
	line_string(l, STYLE_YELLOW, where, place - 3);
}

static void put_open(struct term *t, const struct summary_open *o)
{
	const struct request *r = o->request;
	struct line *l = &t->line;
	bool waits = o->phase == PHASE_QUEUE || o->phase == PHASE_APP;
	bool stuck = waits && (double)o->age >= t->s->verdict.rules.stuck_ms * 1e6;

	line_to(l, LABEL_WIDTH);
	line_duration(l, stuck ? STYLE_RED : STYLE_PLAIN, 8, (double)o->age);
	line_skip(l, 2);
	line_printf(l, STYLE_PLAIN, "%-5s", request_phase_name(o->phase));
	if (r->pid)
		line_printf(l, STYLE_PLAIN, "%9u", r->pid);
	else
		line_right(l, STYLE_DIM, 9, "-");
	line_skip(l, 2);
	if (o->host) {
		line_string(l, STYLE_DIM, o->host, 16);
		line_skip(l, 2);
	}
	put_request(l, o);
	line_end(l);
}

void term_open(struct term *t)
{
	uint64_t n = term_open_count(t), rows = term_rows(n, t->plan.open);
	struct line *l = &t->line;

	if (rows > t->s->n_open)
		rows = t->s->n_open;
	line_text(l, STYLE_DIM, "open");
	line_to(l, LABEL_WIDTH);
	line_right(l, STYLE_DIM, 8, "age");
	line_skip(l, 2);
	line_text(l, STYLE_DIM, "phase");
	line_right(l, STYLE_DIM, 9, "pid");
	line_skip(l, 2);
	line_text(l, STYLE_DIM, "request");
	line_end(l);
	for (uint64_t i = 0; i < rows; i++)
		put_open(t, &t->s->open[i]);
	if (rows < n) {
		put_more(l, LABEL_WIDTH, n - rows);
		line_end(l);
	}
}
