// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_read_insight.c - what a summary's JSON has from the interpreter: exceptions, event loops,
 * where everything waits. Summaries of earlier versions have none of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "summary_read_priv.h"

/* --- places */

struct place {
	const char *type, *where, *detail; /* NULL: not there */
};

static int read_text(struct reader *rd, struct jsonr v, const char **out, size_t size)
{
	int err = read_name(rd, v, out);

	return err || strlen(*out) < size ? err
					  : read_expected(rd, v, "at most %zu bytes", size - 1);
}

static int read_type(struct reader *rd, struct jsonr v, void *into)
{
	return read_text(rd, v, into, SITE_TYPE_MAX);
}

static int read_where(struct reader *rd, struct jsonr v, void *into)
{
	return read_text(rd, v, into, SITE_TEXT_MAX);
}

static int find_site(struct reader *rd, const struct place *p, const struct site **out)
{
	*out = sites_get(rd->file->sites, p->type, p->where, p->detail);
	return *out ? 0 : read_wrong(rd, "more than %u different places", READ_MAX_SITES);
}

/* --- exceptions */

struct error_entry {
	struct place place;
	uint64_t status, count;
	struct jsonr route;
};

static int read_error_status(struct reader *rd, struct jsonr v, void *into)
{
	uint64_t *status = into;

	if (jsonr_u64(v, status) || *status < 400 || *status > 599)
		return read_expected(rd, v, "a status, 400 to 599");
	return 0;
}

static int read_some(struct reader *rd, struct jsonr v, void *into)
{
	int err = read_count(rd, v, into);

	return err || *(uint64_t *)into ? err : read_expected(rd, v, "at least 1");
}

static int read_error(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"status", read_error_status, offsetof(struct error_entry, status), false},
		{"route", read_value, offsetof(struct error_entry, route), false},
		{"type", read_type, offsetof(struct error_entry, place.type), false},
		{"where", read_where, offsetof(struct error_entry, place.where), false},
		{"app", read_where, offsetof(struct error_entry, place.detail), false},
		{"count", read_some, offsetof(struct error_entry, count), true},
	};

	return READ_OBJECT(rd, v, members, into);
}

static bool is_told(const struct error_counts *e, const struct site *site, uint64_t status)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->items[i].site == site && e->items[i].status == status)
			return true;
	return false;
}

/* background: those have no status, all others have one. */
static int keep_error(struct reader *rd, const struct error_entry *from, struct error_counts *e,
		      bool background)
{
	const struct site *site;
	int err = find_site(rd, &from->place, &site);

	if (err)
		return err;
	if (!from->status != background)
		return read_wrong(rd, background ? "a status of no request" : "status: missing");
	if (is_told(e, site, from->status))
		return read_wrong(rd, "the same place is given twice");
	e->items[e->n++] = (struct error_count){site, (uint16_t)from->status, from->count};
	return 0;
}

/* Those of no route, when routed is not NULL: the sum of the others goes there. */
static int keep_errors(struct reader *rd, const struct error_entry *from, uint32_t n,
		       struct error_counts *e, bool background, unsigned __int128 *routed)
{
	int err = 0;

	if (!n)
		return 0;
	e->items = calloc(n, sizeof(*e->items));
	if (!e->items)
		return read_no_memory(rd);
	e->cap = n;
	for (uint32_t i = 0; i < n && !err; i++) {
		size_t at = read_enter_element(rd, i);

		if (routed && from[i].route.p)
			*routed += from[i].count;
		else
			err = keep_error(rd, &from[i], e, background);
		if (!err)
			read_leave(rd, at);
	}
	return err;
}

static int read_error_list(struct reader *rd, struct jsonr v, struct error_counts *e,
			   bool background, unsigned __int128 *routed)
{
	uint32_t n;
	void *p;
	int err =
		read_array(rd, v, read_error, sizeof(struct error_entry), READ_MAX_ERRORS, &p, &n);

	return err ? err : keep_errors(rd, p, n, e, background, routed);
}

int read_route_errors(struct reader *rd, struct jsonr v, void *into)
{
	return read_error_list(rd, v, into, false, NULL);
}

int read_background(struct reader *rd, struct jsonr v, struct summary *s)
{
	return read_error_list(rd, v, &s->stats->background, true, NULL);
}

/* In all; UINT64_MAX: more than `max`. */
static uint64_t sum_of(const struct error_counts *e, uint64_t max)
{
	uint64_t sum = e->rest;

	for (uint32_t i = 0; i < e->n && sum <= max; i++)
		sum += e->items[i].count;
	return sum <= max ? sum : UINT64_MAX;
}

int check_route_errors(struct reader *rd, const struct route_stats *rs)
{
	uint64_t answers = rs->status.class[4] + rs->status.class[5];

	return sum_of(&rs->errors, answers) <= answers
		       ? 0
		       : read_wrong(rd, "errors are more than the answers 4xx and 5xx");
}

/* All that are told of routes; UINT64_MAX: more than may be. */
static uint64_t sum_of_routes(const struct stats *st)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < st->n_routes && sum < SUMMARY_READ_MAX; i++)
		if (st->routes[i])
			sum += sum_of(&st->routes[i]->errors, SUMMARY_READ_MAX) & INT64_MAX;
	return sum < SUMMARY_READ_MAX ? sum : UINT64_MAX;
}

/*
 * The list is of all routes and cut; `other` is how many are not in it. What those of the routes do
 * not account for had no route, and no room.
 */
int read_errors(struct reader *rd, struct jsonr v, uint64_t other, struct stats *st)
{
	unsigned __int128 listed = 0;
	uint64_t routed = sum_of_routes(st), max = SUMMARY_READ_MAX - 1;
	int err = v.p ? read_error_list(rd, v, &st->routeless, false, &listed) : 0;

	if (err)
		return err;
	if (v.p && (listed > routed || routed - listed > other))
		return read_wrong(rd, "does not add up with the errors of the routes");
	st->routeless.rest = v.p ? other - (routed - (uint64_t)listed) : 0;
	return routed <= max && sum_of(&st->routeless, max - routed) <= max - routed
		       ? 0
		       : read_wrong(rd, "the counts add up to 2^53 and more");
}

/* --- event loops */

struct stall_entry {
	struct place place;
	struct stall_stats stall;
	struct jsonr method, route;
};

static int check_stall(struct reader *rd, const struct stall_stats *s)
{
	if (s->max > s->total || s->total > (unsigned __int128)s->count * s->max)
		return read_wrong(rd, "total does not fit to count and max");
	return 0;
}

static int read_stall_route(struct reader *rd, const struct stall_entry *e,
			    const struct route **out)
{
	struct route *route;
	int err;

	if (!e->method.p && !e->route.p)
		return 0;
	if (!e->method.p || !e->route.p)
		return read_wrong(rd, "method and route belong together");
	err = read_route_name(rd, e->method, e->route, NULL, &route);
	if (!err)
		*out = route;
	return err;
}

static int read_stall(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"count", read_count, offsetof(struct stall_entry, stall.count), true},
		{"max", read_ns, offsetof(struct stall_entry, stall.max), true},
		{"total", read_ns, offsetof(struct stall_entry, stall.total), true},
		{"where", read_where, offsetof(struct stall_entry, place.where), false},
		{"kind", read_type, offsetof(struct stall_entry, place.type), false},
		{"detail", read_where, offsetof(struct stall_entry, place.detail), false},
		{"method", read_value, offsetof(struct stall_entry, method), false},
		{"route", read_value, offsetof(struct stall_entry, route), false},
		{"victims", read_count, offsetof(struct stall_entry, stall.victims), true},
		{"waited", read_ns, offsetof(struct stall_entry, stall.waited), true},
	};
	struct stall_entry e = {.place = {.type = NULL}};
	int err = READ_OBJECT(rd, v, members, &e);

	if (!err)
		err = check_stall(rd, &e.stall);
	if (!err)
		err = find_site(rd, &e.place, &e.stall.site);
	if (!err)
		err = read_stall_route(rd, &e, &e.stall.route);
	*(struct stall_stats *)into = e.stall;
	return err;
}

static int read_stalls(struct reader *rd, struct jsonr v, void *into)
{
	struct stats *st = ((struct summary *)into)->stats;
	const struct stall_stats *from;
	uint32_t n;
	void *p;
	int err = read_array(rd, v, read_stall, sizeof(*from), READ_MAX_SITES, &p, &n);

	if (err || !n)
		return err;
	from = p;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (from[i].site == from[k].site)
				return read_wrong(rd, "the same place is given twice");
	st->stalls = calloc(n, sizeof(*st->stalls)); /* owned there */
	if (!st->stalls)
		return read_no_memory(rd);
	memcpy(st->stalls, from, n * sizeof(*from));
	st->n_stalls = st->cap_stalls = n;
	return 0;
}

struct held_entry {
	struct place place;
	uint64_t age;
};

int read_held(struct reader *rd, struct jsonr v, const struct site **held, uint64_t *ns)
{
	static const struct member members[] = {
		{"where", read_where, offsetof(struct held_entry, place.where), false},
		{"kind", read_type, offsetof(struct held_entry, place.type), false},
		{"detail", read_where, offsetof(struct held_entry, place.detail), false},
		{"age", read_ns, offsetof(struct held_entry, age), true},
	};
	struct held_entry e = {.place = {.type = NULL}};
	size_t at = read_enter(rd, "held");
	int err = v.p ? READ_OBJECT(rd, v, members, &e) : 0;

	if (!err && v.p)
		err = find_site(rd, &e.place, held);
	*ns = e.age;
	if (!err)
		read_leave(rd, at);
	return err;
}

struct loop_entry {
	uint64_t watched, busy, gil, gil_waits, gc, gc_runs; /* UINT64_MAX: not there */
	struct jsonr held;
};

static int keep_time(struct reader *rd, const struct loop_entry *e, struct loop_time *l)
{
	bool watched = e->watched != UINT64_MAX;

	if (watched && !e->watched)
		return read_wrong(rd, "watched: expected more than 0");
	if (watched != (e->busy != UINT64_MAX) || (e->gil != UINT64_MAX && !watched) ||
	    (e->gc != UINT64_MAX && !watched))
		return read_wrong(rd,
				  "watched and busy_time belong together, and to gil_wait and gc");
	if ((e->gil == UINT64_MAX) != (e->gil_waits == UINT64_MAX) ||
	    (e->gc == UINT64_MAX) != (e->gc_runs == UINT64_MAX))
		return read_wrong(rd, "times and numbers of gil_wait and gc belong together");
	l->watched = watched ? e->watched : 0;
	l->busy = watched ? e->busy : 0;
	l->gil_known = e->gil != UINT64_MAX;
	l->gc_known = e->gc != UINT64_MAX;
	l->gil = l->gil_known ? e->gil : 0;
	l->gil_waits = l->gil_known ? e->gil_waits : 0;
	l->gc = l->gc_known ? e->gc : 0;
	l->gc_runs = l->gc_known ? e->gc_runs : 0;
	return 0;
}

int read_loop(struct reader *rd, struct jsonr v, struct summary *s)
{
	static const struct member times[] = {
		{"watched", read_ns, offsetof(struct loop_entry, watched), false},
		{"busy_time", read_ns, offsetof(struct loop_entry, busy), false},
		{"gil_wait", read_ns, offsetof(struct loop_entry, gil), false},
		{"gil_waits", read_count, offsetof(struct loop_entry, gil_waits), false},
		{"gc", read_ns, offsetof(struct loop_entry, gc), false},
		{"gc_runs", read_count, offsetof(struct loop_entry, gc_runs), false},
		{"held", read_value, offsetof(struct loop_entry, held), false},
	};
	static const struct member stalls[] = {{"stalls", read_stalls, 0, true}};
	static const struct member rest[] = {
		{"stalls_other", read_count, offsetof(struct stats, stalls_rest), false},
	};
	struct loop_entry e = {.watched = UINT64_MAX,
			       .busy = UINT64_MAX,
			       .gil = UINT64_MAX,
			       .gil_waits = UINT64_MAX,
			       .gc = UINT64_MAX,
			       .gc_runs = UINT64_MAX};
	int err = READ_OBJECT(rd, v, times, &e);

	if (!err)
		err = keep_time(rd, &e, &s->stats->loop);
	if (!err)
		err = read_held(rd, e.held, &s->held, &s->held_ns);
	if (!err)
		err = READ_OBJECT(rd, v, stalls, s);
	return err ? err : READ_OBJECT(rd, v, rest, s->stats);
}

/* --- where everything waits */

static int read_kind(struct reader *rd, struct jsonr v, void *into)
{
	*(bool *)into = jsonr_is(v, "threads");
	return *(bool *)into || jsonr_is(v, "tasks") ? 0 : read_expected(rd, v, "tasks or threads");
}

static int read_wait(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"count", read_some, offsetof(struct summary_wait, count), true},
		{"kind", read_kind, offsetof(struct summary_wait, threads), true},
		{"where", read_name, offsetof(struct summary_wait, where), false},
		{"on", read_name, offsetof(struct summary_wait, on), false},
		{"host", read_name, offsetof(struct summary_wait, host), false},
		{"at", read_wall, offsetof(struct summary_wait, at_wall_ns), false},
		{"pid", read_pid, offsetof(struct summary_wait, pid), false},
	};
	struct summary_wait *w = into;

	w->where = w->on = "";
	return READ_OBJECT(rd, v, members, w);
}

int read_waits(struct reader *rd, struct jsonr v, struct summary *s)
{
	void *p;
	int err = read_array(rd, v, read_wait, sizeof(struct summary_wait), READ_MAX_WAITS, &p,
			     &s->n_waits);

	s->waits = p;
	return err;
}
