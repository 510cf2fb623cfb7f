// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/hashmap.h"

#define TOGETHER 2000000000ULL /* workers of one start come this close to each other */
#define TICK	 20000000ULL   /* a start is known in clock ticks, an end exactly */

struct worker {
	uint32_t pid, parent;
	bool used, alive;
	bool supervised;
	bool listened, serves;
	bool crashed;	     /* and no replacement for it has come */
	uint32_t generation; /* number */
	uint64_t start, since, ended;
	uint64_t requests;
	char version[VERSION_MAX];
};

struct generations {
	bool begun;
	uint32_t current;
	struct generation kept[GENERATIONS_KEPT]; /* by number, modulo */
	uint64_t together; /* until then workers come along with the generation */
	struct hashmap by_pid;
	struct worker workers[GENERATION_WORKERS];
};

struct generations *generations_new(void)
{
	return calloc(1, sizeof(struct generations));
}

void generations_free(struct generations *g)
{
	if (!g)
		return;
	hashmap_free(&g->by_pid);
	free(g);
}

static struct generation *current(struct generations *g)
{
	return &g->kept[g->current % GENERATIONS_KEPT];
}

void generations_begin(struct generations *g, uint64_t now)
{
	g->begun = true;
	current(g)->noted = now; /* who serves has been seen, so nobody is still to come along */
	g->together = 0;
}

uint32_t generations_current(const struct generations *g)
{
	return g->current;
}

const struct generation *generations_get(const struct generations *g, uint32_t number)
{
	if (number > g->current || number + GENERATIONS_KEPT <= g->current)
		return NULL;
	return &g->kept[number % GENERATIONS_KEPT];
}

/* --- workers */

static struct worker *find(const struct generations *g, uint32_t pid)
{
	return hashmap_get(&g->by_pid, pid);
}

bool generations_knows(const struct generations *g, uint32_t pid)
{
	const struct worker *w = find(g, pid);

	return w && w->alive;
}

bool generations_counts(const struct generations *g, uint32_t pid)
{
	return find(g, pid);
}

static bool is_serving(const struct worker *w, uint32_t generation)
{
	return w->used && w->alive && w->serves && w->generation == generation;
}

static uint32_t count_serving(const struct generations *g, uint32_t generation)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < GENERATION_WORKERS; i++)
		n += is_serving(&g->workers[i], generation);
	return n;
}

static void drop(struct generations *g, struct worker *w)
{
	if (find(g, w->pid) == w)
		hashmap_remove(&g->by_pid, w->pid);
	w->used = false;
}

/* A free place, or that of the one which ended first. */
static struct worker *new_worker(struct generations *g)
{
	struct worker *oldest = NULL;

	for (uint32_t i = 0; i < GENERATION_WORKERS; i++) {
		struct worker *w = &g->workers[i];

		if (!w->used)
			return w;
		if (!w->alive && (!oldest || w->ended < oldest->ended))
			oldest = w;
	}
	if (oldest)
		drop(g, oldest);
	return oldest;
}

/* --- which generation it belongs to */

static bool same_parent(const struct worker *a, const struct worker *b)
{
	return a->parent && a->parent == b->parent;
}

/* A worker of the generation whose place this one takes; NULL: none. */
static struct worker *crashed_before(struct generations *g, const struct worker *w)
{
	for (uint32_t i = 0; i < GENERATION_WORKERS; i++) {
		struct worker *old = &g->workers[i];

		if (old->used && old->crashed && old->generation == g->current && w->supervised &&
		    same_parent(old, w) && w->start + TICK >= old->ended)
			return old;
	}
	return NULL;
}

/* Whether one of the generation serves, or served, under the same parent. */
static bool has_sibling(const struct generations *g, const struct worker *w, bool serving)
{
	for (uint32_t i = 0; i < GENERATION_WORKERS; i++) {
		const struct worker *old = &g->workers[i];

		if (old != w && old->used && old->generation == g->current && same_parent(old, w) &&
		    (!serving || is_serving(old, g->current)))
			return true;
	}
	return false;
}

/* It came with the generation, and only serves later than the first of it. */
static bool came_along(const struct generations *g, const struct worker *w,
		       const struct generation *c)
{
	if (w->start <= c->noted)
		return true;
	return w->start <= g->together && has_sibling(g, w, true);
}

static bool differs(const struct worker *w, const struct generation *c)
{
	return *w->version && *c->version && !c->mixed && strcmp(w->version, c->version);
}

/* A worker of the generation before that had nothing to do until now, or that a supervisor of it
   has started still. */
static bool is_of_before(const struct generations *g, const struct worker *w)
{
	const struct generation *c = generations_get(g, g->current), *b;

	b = g->current ? generations_get(g, g->current - 1) : NULL;
	if (!b || !c)
		return false;
	if (*w->version && !strcmp(w->version, c->version))
		return false;
	if (w->start &&
	    w->start + TOGETHER < c->start) /* the first to serve need not be the first forked */
		return true;
	return differs(w, c) && *b->version && !b->mixed && !strcmp(w->version, b->version) &&
	       count_serving(g, g->current - 1);
}

static uint32_t generation_of(struct generations *g, const struct worker *w)
{
	const struct generation *c = current(g);
	struct worker *old;

	if (!g->begun || !c->workers)
		return g->current;
	if (is_of_before(g, w))
		return g->current - 1;
	if (differs(w, c))
		return g->current + 1;
	old = crashed_before(g, w);
	if (old)
		old->crashed = false;
	return old || came_along(g, w, c) ? g->current : g->current + 1;
}

/* Enters a worker into the record of its generation. */
static void enter(struct generations *g, struct worker *w, uint32_t number, uint64_t now)
{
	struct generation *r = &g->kept[number % GENERATIONS_KEPT];
	uint32_t alive;

	w->generation = number;
	if (number > g->current || number + GENERATIONS_KEPT <= g->current)
		return; /* a candidate, or too long ago */
	alive = count_serving(g, number);
	if (!r->workers) {
		r->pid = w->pid;
		r->noted = now;
		g->together = now + TOGETHER;
	}
	if (alive > r->workers || !r->workers)
		r->workers = alive ? alive : 1;
	if (w->start && (!r->start || w->start < r->start))
		r->start = w->start;
	if (*w->version && !*r->version && !r->mixed)
		memcpy(r->version, w->version, VERSION_MAX);
	else if (*w->version && strcmp(w->version, r->version))
		r->mixed = true, *r->version = 0;
	r->requests += w->requests;
}

/* Its parent listened and was taken for a worker: it is the supervisor, and this one stands in its
   place. Returns whether it was so. */
static bool take_place_of_parent(struct generations *g, struct worker *w, uint64_t now)
{
	struct worker *p = w->parent ? find(g, w->parent) : NULL;
	struct generation *r;
	uint32_t number;

	if (!p || p->requests || !p->alive)
		return false;
	number = p->generation;
	r = &g->kept[number % GENERATIONS_KEPT];
	drop(g, p);
	if (number <= g->current && r->pid == p->pid) {
		r->pid = w->pid;
		r->noted = now;
		g->together = now + TOGETHER;
	}
	enter(g, w, number, now);
	return true;
}

int generations_serve(struct generations *g, const struct generation_process *p, uint64_t now)
{
	struct worker *w = find(g, p->pid);

	if (w && w->alive)
		return 0;
	w = new_worker(g);
	if (!w)
		return -ENOSPC;
	if (hashmap_put(&g->by_pid, p->pid, w))
		return -ENOMEM;
	*w = (struct worker){
		.pid = p->pid,
		.parent = p->parent,
		.supervised = p->supervised,
		.used = true,
		.alive = true,
		.serves = true,
		.start = p->start,
		.since = now,
	};
	if (p->version)
		version_take(w->version, p->version, strlen(p->version));
	w->generation = g->current + 2; /* none, while it is looked for */
	if (!take_place_of_parent(g, w, now))
		enter(g, w, generation_of(g, w), now);
	return 0;
}

void generations_listens(struct generations *g, uint32_t pid, bool listens)
{
	struct worker *w = find(g, pid);

	if (!w || !w->alive)
		return;
	w->listened |= listens;
	w->serves = listens || !w->listened;
}

void generations_gone(struct generations *g, uint32_t pid, bool crashed, uint64_t now)
{
	struct worker *w = find(g, pid);

	if (!w || !w->alive)
		return;
	w->alive = w->serves = false;
	w->crashed = crashed;
	w->ended = now;
}

void generations_forget(struct generations *g, uint32_t pid)
{
	struct worker *w = hashmap_remove(&g->by_pid, pid);

	if (w)
		w->alive = w->serves = false;
}

/* --- who has taken over */

/* Candidates: `served` of them all, those that ended included, `serving` of them at this moment. */
static void candidates(const struct generations *g, uint32_t *known, uint32_t *serving)
{
	*known = *serving = 0;
	for (uint32_t i = 0; i < GENERATION_WORKERS; i++) {
		*known += g->workers[i].used && g->workers[i].generation == g->current + 1;
		*serving += is_serving(&g->workers[i], g->current + 1);
	}
}

bool generations_pending(const struct generations *g)
{
	uint32_t known, serving;

	candidates(g, &known, &serving);
	return serving > 0;
}

/* The first candidate of a version that is known to be another; NULL: none. */
static const struct worker *other_version(struct generations *g)
{
	for (uint32_t i = 0; i < GENERATION_WORKERS; i++)
		if (is_serving(&g->workers[i], g->current + 1) &&
		    differs(&g->workers[i], current(g)))
			return &g->workers[i];
	return NULL;
}

/* Candidates that do not belong to the new version stay with the old generation. */
static void sort_out(struct generations *g, const char *version, uint64_t now)
{
	for (uint32_t i = 0; i < GENERATION_WORKERS; i++) {
		struct worker *w = &g->workers[i];

		if (w->used && w->generation == g->current + 1 && strcmp(w->version, version))
			enter(g, w, g->current, now);
	}
}

static void take_over(struct generations *g, uint64_t now)
{
	struct generation *r;

	g->current++;
	r = current(g);
	*r = (struct generation){.number = g->current, .noted = now};
	for (uint32_t i = 0; i < GENERATION_WORKERS; i++)
		if (g->workers[i].used && g->workers[i].generation == g->current)
			enter(g, &g->workers[i], g->current, now);
}

static bool is_recycled(const struct generations *g, const struct worker *w, uint64_t now)
{
	if (!w->used || w->generation != g->current + 1)
		return false;
	return !w->alive || (now >= w->since + GENERATION_OVERLAP && has_sibling(g, w, false));
}

/* The generation lives on: candidates that ended before they could take over, and those that only
   replace what was recycled, are of it. */
static enum generation_news settle(struct generations *g, uint64_t now)
{
	enum generation_news news = GENERATION_SAME;

	for (uint32_t i = 0; i < GENERATION_WORKERS; i++) {
		if (!is_recycled(g, &g->workers[i], now))
			continue;
		enter(g, &g->workers[i], g->current, now);
		news = GENERATION_STAYS;
	}
	return news;
}

enum generation_news generations_judge(struct generations *g, uint64_t now)
{
	const struct worker *other;
	uint32_t known, serving;

	candidates(g, &known, &serving);
	if (!known)
		return GENERATION_SAME;
	other = other_version(g);
	if (other)
		sort_out(g, other->version, now);
	if (!other && (!serving || count_serving(g, g->current)))
		return settle(g, now);
	take_over(g, now);
	return GENERATION_TOOK_OVER;
}

enum generation_side generations_count(struct generations *g, uint32_t pid)
{
	struct worker *w = find(g, pid);

	if (!w)
		return SIDE_NONE;
	w->requests++;
	if (w->generation > g->current)
		return SIDE_NEXT;
	if (w->generation + GENERATIONS_KEPT > g->current)
		g->kept[w->generation % GENERATIONS_KEPT].requests++;
	if (w->generation == g->current)
		return SIDE_CURRENT;
	return w->generation + 1 == g->current ? SIDE_BEFORE : SIDE_NONE;
}
