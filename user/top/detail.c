// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * detail.c - one route: how many, how they ended, its exceptions, how long they took and in which
 * phase, and its slowest requests.
 */
#include <curses.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "../sink/told.h"
#include "draw.h"
#include "layout.h"

#define WIDE 100

struct put {
	const struct draw *d;
	const struct route_stats *rs;
	int y, end; /* next line, and the first that is not ours */
};

static bool next_row(struct put *p, struct row *r)
{
	if (p->y >= p->end)
		return false;
	*r = row_at(p->y++, p->d->utf8);
	return true;
}

static bool labelled(struct put *p, struct row *r, const char *label)
{
	if (!next_row(p, r))
		return false;
	row_text(r, STYLE_DIM, label);
	row_to(r, LABEL_WIDTH);
	return true;
}

static void put_title(struct put *p)
{
	const struct list *l = &p->d->m->lists[PANEL_ROUTES];
	struct row r;

	if (!next_row(p, &r))
		return;
	draw_route_name(&r, STYLE_BOLD, p->d->m->route, COLS - 26);
	row_to(&r, r.x + 2);
	if (p->rs && row_room(&r) >= 20) {
		char text[64];

		snprintf(text, sizeof(text), "%u of %u by %s", l->at + 1, l->n,
			 sort_name(p->d->m->sort));
		row_right(&r, STYLE_DIM, row_room(&r), text);
	}
}

static void put_place(struct put *p)
{
	const char *place = p->d->m->route->place;
	struct row r;

	if (!place || !labelled(p, &r, "endpoint"))
		return;
	row_bytes(&r, STYLE_PLAIN, place, strlen(place), row_room(&r));
}

/* --- numbers */

static void put_requests(struct put *p)
{
	const struct summary *s = &p->d->v->s;
	const struct hist *all = &s->stats->latency[LAT_TOTAL], *h = &p->rs->latency[LAT_TOTAL];
	char n[UNITS_MAX];
	struct row r;

	if (!labelled(p, &r, "requests"))
		return;
	row_item(&r, STYLE_BOLD, LABEL_WIDTH, "%s",
		 short_rate(n, s->seconds > 0 ? (double)p->rs->count / s->seconds : NAN));
	row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "%s ended", short_count(n, p->rs->count));
	if (h->count && all->sum)
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "%s of the time of all",
			 short_share(n, (double)h->sum / (double)all->sum));
	if (p->rs->ends[REQ_SERVER_CLOSED])
		row_item(&r, STYLE_RED, LABEL_WIDTH, "%s server closed",
			 short_count(n, p->rs->ends[REQ_SERVER_CLOSED]));
	if (p->rs->ends[REQ_CLIENT_CLOSED])
		row_item(&r, STYLE_PLAIN, LABEL_WIDTH, "%s client gone",
			 short_count(n, p->rs->ends[REQ_CLIENT_CLOSED]));
	if (p->rs->ends[REQ_UNKNOWN])
		row_item(&r, STYLE_YELLOW, LABEL_WIDTH, "%s unknown",
			 short_count(n, p->rs->ends[REQ_UNKNOWN]));
}

static void put_statuses(struct put *p)
{
	const struct status_counts *s = &p->rs->status;
	char n[UNITS_MAX];
	struct row r;

	if (!labelled(p, &r, "status"))
		return;
	if (!s->n)
		row_text(&r, STYLE_DIM, "none seen");
	for (uint32_t i = 0; i < s->n; i++) {
		unsigned code = s->codes[i].code;

		row_item(&r,
			 code >= 500   ? STYLE_RED
			 : code >= 400 ? STYLE_YELLOW
				       : STYLE_PLAIN,
			 LABEL_WIDTH, "%u: %s", code, short_count(n, s->codes[i].count));
	}
}

static void put_latency(struct put *p)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"max", 1}, {"p99.9", .999}};
	const struct hist *h = &p->rs->latency[LAT_TOTAL];
	char text[UNITS_MAX];
	struct row r;

	if (!labelled(p, &r, "latency"))
		return;
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		row_item(&r, STYLE_BOLD, LABEL_WIDTH, "%s %s", quantiles[i].name,
			 units_duration(text, sizeof(text), hist_quantile(h, quantiles[i].q)));
}

#define ERRORS 3 /* of its exceptions that are shown */

/* As long as fits, in words that may be from outside. */
static void put_words(struct row *r, const struct site *site)
{
	char words[TOLD_WORDS];

	for (int length = WORDS_FULL; length < WORDS_LENGTHS; length++) {
		told_error(words, sizeof(words), site, (enum words_length)length);
		if ((int)utf8_columns(words) <= row_room(r))
			break;
	}
	row_bytes(r, STYLE_PLAIN, words, strlen(words), row_room(r));
}

/* Its exceptions with their places: how many, behind which status. */
static void put_errors(struct put *p)
{
	struct error_row errors[ERRORS];
	uint32_t all = told_errors(p->d->v->s.stats, p->rs, errors, ERRORS, NULL);
	char n[UNITS_MAX];
	struct row r;

	for (uint32_t i = 0; i < all && i < ERRORS; i++) {
		enum style style = errors[i].status >= 500 ? STYLE_RED : STYLE_YELLOW;

		if (!labelled(p, &r, i ? "" : "raised"))
			return;
		row_printf(&r, STYLE_BOLD, "%s", short_count(n, errors[i].count));
		row_printf(&r, style, "  %u", errors[i].status);
		row_to(&r, r.x + 2);
		put_words(&r, errors[i].site);
	}
}

static void part_extras(struct term *t)
{
	term_extras(t, false);
}

/* Caches, logins and the pictures of the summary, of this route alone. */
static void put_parts(struct put *p)
{
	const struct plan plan = {.shape = LAYOUT_SHAPE, .extras = 2};
	struct summary s = p->d->v->s;
	struct stats st = *s.stats;

	for (int i = 0; i < LATENCIES; i++)
		st.latency[i] = p->rs->latency[i];
	memcpy(st.cache, p->rs->cache, sizeof(st.cache));
	memcpy(st.auth, p->rs->auth, sizeof(st.auth));
	saturation_unknown(&s.saturation);
	st.loop = (struct loop_time){0}; /* of all routes */
	st.n_stalls = 0;
	st.stalls_rest = 0;
	s.held = NULL;
	s.stats = &st;
	p->y += draw_part(p->d, p->y, p->end - p->y, &s, &plan, part_extras);
	if (!p->rs->latency[LAT_TOTAL].count || p->end - p->y < LAYOUT_SHAPE + 1)
		return;
	p->y++;
	p->y += draw_part(p->d, p->y, LAYOUT_SHAPE, &s, &plan, term_shape);
}

/* --- the slowest */

static void put_slowest_heading(struct row *r)
{
	row_text(r, STYLE_DIM, "slowest, UTC");
	row_to(r, 12);
	row_right(r, STYLE_DIM, 9, "total");
	row_right(r, STYLE_DIM, 9, "queue");
	if (COLS >= WIDE)
		row_right(r, STYLE_DIM, 9, "recv");
	row_right(r, STYLE_DIM, 9, "app");
	row_right(r, STYLE_DIM, 9, "send");
	row_right(r, STYLE_DIM, 6, "code");
	if (COLS >= WIDE)
		row_right(r, STYLE_DIM, 9, "pid");
	row_to(r, r->x + 2);
	row_text(r, STYLE_DIM, "path");
}

static void put_when(struct row *r, const struct draw *d, uint64_t at)
{
	uint64_t ms = (at + (uint64_t)d->v->s.wall_offset) / 1000000u;
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm = {0};

	gmtime_r(&seconds, &tm);
	row_printf(r, STYLE_PLAIN, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (unsigned)(ms % 1000));
}

/* Its status, or how it ended without a whole answer. */
static void put_code(struct row *r, const struct slow_request *x)
{
	char code[UNITS_MAX] = "-";

	if (x->status)
		snprintf(code, sizeof(code), "%u", x->status);
	if (x->end == REQ_CLIENT_CLOSED)
		row_right(r, STYLE_YELLOW, 6, "gone");
	else if (x->end == REQ_SERVER_CLOSED)
		row_right(r, STYLE_RED, 6, "cut");
	else
		row_right(r, x->status >= 500 ? STYLE_RED : STYLE_PLAIN, 6, code);
}

static void put_slow(struct row *r, const struct draw *d, const struct slow_request *x)
{
	char pid[UNITS_MAX];

	put_when(r, d, x->arrived);
	row_duration(r, draw_slow(d, (double)x->took), 9, (double)x->took);
	row_duration(r, STYLE_PLAIN, 9, (double)x->phases.queue);
	if (COLS >= WIDE)
		row_duration(r, STYLE_PLAIN, 9, (double)x->phases.recv);
	row_duration(r, STYLE_PLAIN, 9, (double)x->phases.app);
	row_duration(r, STYLE_PLAIN, 9, (double)x->phases.send);
	put_code(r, x);
	snprintf(pid, sizeof(pid), "%u", x->pid);
	if (COLS >= WIDE)
		row_right(r, STYLE_PLAIN, 9, pid);
	row_to(r, r->x + 2);
	row_bytes(r, STYLE_PLAIN, x->path, x->path_len, row_room(r));
}

static void put_slowest(struct put *p)
{
	const struct slow_request *list[SLOWEST_SHOWN];
	uint32_t n = slowest_of(p->d->slow, p->d->m->route, p->d->v->stats->from, list);
	struct row r;

	if (!n || p->end - p->y < 3)
		return;
	p->y++;
	if (next_row(p, &r))
		put_slowest_heading(&r);
	for (uint32_t i = 0; i < n && next_row(p, &r); i++)
		put_slow(&r, p->d, list[i]);
}

void draw_detail(const struct draw *d)
{
	struct put p = {d, model_route(d->m), d->top, d->top + d->lines};
	struct row r;

	put_title(&p);
	put_place(&p);
	if (!p.rs) {
		if (next_row(&p, &r))
			row_text(&r, STYLE_DIM, "no request of this route ended in this window");
		return;
	}
	put_requests(&p);
	put_statuses(&p);
	put_latency(&p);
	put_errors(&p);
	put_parts(&p);
	put_slowest(&p);
}
