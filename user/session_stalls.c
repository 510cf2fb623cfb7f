// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_stalls.c - stretches in which an event loop did not come back: who held it up, which
 * requests lay unread meanwhile, and what a thread's waits for the GIL and its collections are to
 * requests.
 */
#include "session_loops.h"

#include <stdlib.h>
#include <string.h>

static const struct site *stall_site(struct session *s, const struct culprit *c)
{
	const struct site *site = sites_get(s->sites, c->kind, c->where, c->detail);

	return site ? site : sites_get(s->sites, c->kind, "", "");
}

bool place_is_of(const char *where, const char *place)
{
	const char *a = strchr(where, ' '), *b = strchr(place, ' ');
	size_t file;

	if (!a || !b || strcmp(a, b))
		return false;
	while (a > where && *a != ':')
		a--;
	while (b > place && *b != ':')
		b--;
	file = (size_t)(a - where);
	return file == (size_t)(b - place) && !memcmp(where, place, file);
}

/* The one route whose endpoint it is; one that has several is none's. */
static const struct route *route_of(struct session *s, const char *where)
{
	const struct route *found = NULL;

	for (uint32_t i = 0; *where && i < router_count(s->router); i++) {
		const struct route *r = router_get(s->router, i);

		if (!r->place || !place_is_of(where, r->place))
			continue;
		if (found)
			return NULL;
		found = r;
	}
	return found;
}

static struct tally *tally_at(const struct loop *p, uint64_t start)
{
	if (p->now && tally_start(p->now) == start)
		return p->now;
	return p->before && tally_start(p->before) == start ? p->before : NULL;
}

static struct tally *tally_over(const struct loop *p, const struct rs_ev_stall *e)
{
	struct tally *t = tally_at(p, e->start);
	struct tally_cpu cpu;
	uint64_t now;

	if (!t || !loop_cpu(&p->last, &cpu))
		return t;
	now = session_now();
	if (now > e->h.ts)
		tally_ended(t, cpu, now - e->h.ts);
	return t;
}

static void remember(struct past *ring, uint32_t size, uint32_t *n, struct past what)
{
	ring[(*n)++ % size] = what;
}

static void drop_tally(struct loop *p, uint64_t start)
{
	struct tally **t = p->now && tally_start(p->now) == start ? &p->now : &p->before;

	if (!*t || tally_start(*t) != start)
		return;
	free(*t);
	*t = NULL;
}

void loops_stalled(struct session *s, const struct rs_ev_stall *e)
{
	struct loop *p = s->loops ? loop_find_or_meet(s, e->h.tid) : NULL;
	struct tally_time time = {e->h.ts - e->start, e->cpu, e->gil, e->gc};
	struct culprit c;
	struct stall stall = {e->start, e->h.ts, e->h.tgid, e->h.tid, NULL, NULL};

	if (!s->loops || !e->start || e->h.ts <= e->start)
		return;
	c = tally_culprit(p ? tally_over(p, e) : NULL, &time);
	stall.site = stall_site(s, &c);
	if (!stall.site)
		return;
	stall.route = route_of(s, c.where);
	session_stalled(s, &stall);
	if (!p)
		return;
	drop_tally(p, e->start);
	remember(p->stalls, LOOP_STALLS, &p->n_stalls,
		 (struct past){.start = e->start, .end = e->h.ts, .site = stall.site});
}

void loops_paused(struct session *s, const struct rs_ev_pause *e)
{
	struct loop *p = s->loops ? loop_find_or_meet(s, e->h.tid) : NULL;

	if (p && e->start && e->start < e->h.ts)
		remember(p->pauses, LOOP_PAUSES, &p->n_pauses,
			 (struct past){.start = e->start, .end = e->h.ts, .what = e->what});
}

/* --- what they are to requests */

static uint64_t overlap(const struct past *p, uint64_t from, uint64_t to)
{
	uint64_t a = p->start > from ? p->start : from, b = p->end < to ? p->end : to;

	return a < b ? b - a : 0;
}

/* What it lay unread while its loop was held up. */
static void add_stalls(struct request *r, const struct loop *p)
{
	uint32_t n = p->n_stalls < LOOP_STALLS ? p->n_stalls : LOOP_STALLS;
	uint64_t longest = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t ns = overlap(&p->stalls[i], r->arrived, r->read);

		r->stall.ns += ns;
		if (ns <= longest)
			continue;
		longest = ns;
		r->stall.site = p->stalls[i].site;
	}
}

static void add_pauses(struct request *r, const struct loop *p)
{
	uint64_t from = r->received > r->read ? r->received : r->read,
		 to = r->head ? r->head : r->ended;
	uint32_t n = p->n_pauses < LOOP_PAUSES ? p->n_pauses : LOOP_PAUSES;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t ns = overlap(&p->pauses[i], from, to);

		if (p->pauses[i].what == RS_PAUSE_GIL)
			r->gil_wait += ns;
		else if (p->pauses[i].what == RS_PAUSE_GC)
			r->gc += ns;
	}
}

void loops_annotate(struct session *s, struct request *r)
{
	const struct loop *p;

	if (!s->loops || !r->tid || !r->read)
		return;
	p = loop_find(s->loops, r->tid);
	if (!p)
		return;
	if (r->arrived)
		add_stalls(r, p);
	add_pauses(r, p);
}

/* --- held up at this moment */

static const struct loop *longest_away(const struct session *s, uint32_t pid, uint32_t *n)
{
	const struct loop *found = NULL;

	*n = 0;
	for (uint32_t i = 0; i < s->loops->n; i++) {
		const struct loop *p = s->loops->list[i];

		if (p->gone || (pid && p->last.tgid != pid))
			continue;
		++*n;
		if (loop_away(p, s->now) < s->loops->stall)
			continue;
		if (!found || p->last.start < found->last.start)
			found = p;
	}
	return found;
}

static const struct site *held_site(struct session *s, const struct loop *p)
{
	struct culprit c = tally_culprit(tally_at(p, p->last.start), NULL);

	return stall_site(s, &c);
}

const struct site *loops_held(struct session *s, uint64_t *ns)
{
	uint32_t n;
	const struct loop *p = s->loops ? longest_away(s, 0, &n) : NULL;

	*ns = p ? loop_away(p, s->now) : 0;
	return p ? held_site(s, p) : NULL;
}

const struct site *loops_held_of(struct session *s, uint32_t pid)
{
	uint32_t n;
	const struct loop *p = s->loops && pid ? longest_away(s, pid, &n) : NULL;

	return p && n == 1 ? held_site(s, p) : NULL;
}
