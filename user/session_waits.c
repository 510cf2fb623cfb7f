// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_waits.c - where open requests wait: in the suspended tasks of the loops and in the
 * threads, which are read when something hangs, at most once a second in each process. A task that
 * serves a connection is known by its client's address; the rest is counted by place.
 */
#include "session_insight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND	   1000000000ULL
#define GROUPS_MAX 512 /* places of a process */
#define TASKS_MAX  20000
#define COST \
	20 /* the time between readings is so many times what one takes, and a second at least */

/* Tasks or threads of a process at one place. */
struct group {
	uint64_t count;
	uint64_t told; /* of them, with their requests */
	bool thread;
	char where[SITE_TEXT_MAX], on[SITE_TEXT_MAX];
};

/* A task that serves a connection, and where it is. */
struct served {
	struct rs_addr peer;
	uint32_t group;
};

struct waiting {
	uint32_t pid;
	uint64_t read, again; /* when, and when it may be read again; monotonic ns */
	struct group *groups;
	uint32_t n_groups, cap_groups;
	struct served *served; /* by address */
	uint32_t n_served, cap_served;
};

struct waits {
	struct waiting *list; /* by process */
	uint32_t n, cap;
	char text[WAITS_TEXT_MAX]; /* what waits_where() returned last */
};

int waits_new(struct session *s)
{
	s->waits = s->insight ? calloc(1, sizeof(*s->waits)) : NULL;
	return s->waits || !s->insight ? 0 : -ENOMEM;
}

static void waiting_free(struct waiting *w)
{
	free(w->groups);
	free(w->served);
	*w = (struct waiting){};
}

void waits_free(struct waits *w)
{
	for (uint32_t i = 0; w && i < w->n; i++)
		waiting_free(&w->list[i]);
	if (w)
		free(w->list);
	free(w);
}

/* --- what a process says */

/* Room for one more; doubles, from `least` on. */
static bool grow(void **items, uint32_t *cap, uint32_t n, size_t size, uint32_t least)
{
	uint32_t more = *cap ? 2 * *cap : least;
	void *grown;

	if (n < *cap)
		return true;
	grown = realloc(*items, more * size);
	if (!grown)
		return false;
	*items = grown;
	*cap = more;
	return true;
}

static struct group *group_of(struct waiting *w, const struct python_wait *p)
{
	struct group *g = w->groups;

	for (; g < w->groups + w->n_groups; g++)
		if (g->thread == p->thread && !strcmp(g->where, p->where) && !strcmp(g->on, p->on))
			return g;
	if (w->n_groups == GROUPS_MAX ||
	    !grow((void **)&w->groups, &w->cap_groups, w->n_groups, sizeof(*g), 16))
		return NULL;
	g = &w->groups[w->n_groups++];
	*g = (struct group){.thread = p->thread};
	memcpy(g->where, p->where, sizeof(g->where));
	memcpy(g->on, p->on, sizeof(g->on));
	return g;
}

/* Only what has a place in the application says something. */
static void note(void *ctx, const struct python_wait *p)
{
	struct waiting *w = ctx;
	struct group *g = *p->where ? group_of(w, p) : NULL;

	if (!g)
		return;
	g->count++;
	if (!p->peer.family || w->n_served == TASKS_MAX ||
	    !grow((void **)&w->served, &w->cap_served, w->n_served, sizeof(*w->served), 64))
		return;
	w->served[w->n_served++] = (struct served){p->peer, (uint32_t)(g - w->groups)};
}

static int by_address(const void *a, const void *b)
{
	const struct rs_addr *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return memcmp(x->ip, y->ip, x->family == AF_INET ? 4 : sizeof(x->ip));
}

static void read_process(struct session *s, struct waiting *w)
{
	struct python *python = insight_python(s, w->pid);
	struct waiting fresh = {.pid = w->pid, .read = s->now};

	waiting_free(w);
	if (python && python_waits(python, note, &fresh)) /* what is not whole is not told */
		fresh.n_groups = fresh.n_served = 0;
	if (fresh.n_served)
		qsort(fresh.served, fresh.n_served, sizeof(*fresh.served), by_address);
	fresh.again = session_now();
	fresh.again += (fresh.again - fresh.read) * COST > SECOND
			       ? (fresh.again - fresh.read) * COST
			       : SECOND;
	*w = fresh;
}

static struct waiting *waiting_of(struct session *s, uint32_t pid)
{
	struct waits *all = s->waits;

	for (uint32_t i = 0; i < all->n; i++)
		if (all->list[i].pid == pid)
			return &all->list[i];
	if (!grow((void **)&all->list, &all->cap, all->n, sizeof(*all->list), 4))
		return NULL;
	all->list[all->n] = (struct waiting){.pid = pid};
	return &all->list[all->n++];
}

static void forget_old(struct session *s)
{
	struct waits *all = s->waits;

	for (uint32_t i = all->n; i-- > 0;) {
		if (all->list[i].again > s->now)
			continue;
		waiting_free(&all->list[i]);
		all->list[i] = all->list[--all->n];
	}
}

/* --- whether something hangs */

struct hang_walk {
	struct session *s;
	uint64_t limit;
};

static void look_at_open(void *ctx, struct request *r)
{
	struct hang_walk *h = ctx;
	struct session *s = h->s;
	struct waiting *w;

	if (request_open_phase(r) != PHASE_APP || request_age(r, s->now) < h->limit)
		return;
	w = waiting_of(s, r->pid);
	if (w && !w->read)
		read_process(s, w);
}

static void look_at_all(struct session *s)
{
	for (uint32_t i = 0; i < s->insight->n; i++) {
		struct waiting *w =
			s->insight->list[i].python ? waiting_of(s, s->insight->list[i].pid) : NULL;

		if (w && !w->read)
			read_process(s, w);
	}
}

/* What was asked before tracing began has no request here, but its task tells. */
static bool late_hangs(const struct session *s, uint64_t limit)
{
	uint64_t oldest;

	return tracer_late_hung(s->tracer, &oldest) && oldest && oldest + limit < s->now;
}

void waits_look(struct session *s)
{
	uint64_t stuck = (uint64_t)(s->options->rules.stuck_ms * 1e6);
	struct hang_walk h = {s, stuck < SECOND ? stuck : SECOND};

	if (!s->waits)
		return;
	forget_old(s);
	if (s->insight->full || late_hangs(s, h.limit))
		look_at_all(s);
	tracer_visit_open(s->tracer, look_at_open, &h);
}

/* --- where one waits */

static struct waiting *known(struct session *s, uint32_t pid)
{
	for (uint32_t i = 0; s->waits && i < s->waits->n; i++)
		if (s->waits->list[i].pid == pid)
			return &s->waits->list[i];
	return NULL;
}

static struct group *served_at(struct session *s, const struct request *r)
{
	struct waiting *w = known(s, r->pid);
	const struct served *at;

	/* read before the task was looked at, and the first of its connection that is not answered
	 */
	if (!w || !w->n_served || r->peer.family == AF_UNIX || !r->peer.port || !r->read ||
	    r->read > w->read || request_open_phase(r) != PHASE_APP)
		return NULL;
	at = bsearch(&r->peer, w->served, w->n_served, sizeof(*at), by_address);
	return at ? &w->groups[at->group] : NULL;
}

uint32_t waits_server(const struct session *s, const struct request *r)
{
	uint32_t pid = 0;

	if (r->pid)
		return r->pid;
	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		const struct process *p = &s->target.processes[i];

		if (!p->alive || !target_serves(&s->target, p))
			continue;
		if (pid)
			return 0;
		pid = p->pid;
	}
	return pid;
}

struct alone_walk {
	const struct request *r;
	bool others;
};

static void note_other(void *ctx, struct request *r)
{
	struct alone_walk *w = ctx;

	w->others |= r != w->r && r->pid == w->r->pid && r->route == w->r->route && r->read &&
		     request_open_phase(r) == PHASE_APP;
}

/* The loop is in its endpoint, and no other request of that endpoint is open there. */
static bool holds(struct session *s, const struct request *r, const struct site *held)
{
	struct alone_walk w = {.r = r};

	if (!r->route || !r->route->place || !place_is_of(held->where, r->route->place))
		return false;
	tracer_visit_open(s->tracer, note_other, &w);
	return !w.others;
}

static const char *held_where(struct session *s, const struct request *r)
{
	enum request_phase phase = request_open_phase(r);
	const struct site *held = NULL;

	if (phase == PHASE_QUEUE || phase == PHASE_APP)
		held = loops_held_of(s, waits_server(s, r));
	if (!held)
		return NULL;
	if (phase == PHASE_APP)
		return holds(s, r, held) ? held->where : NULL;
	/* the place first: narrow screens cut the rest */
	snprintf(s->waits->text, sizeof(s->waits->text), "%s holds the event loop up",
		 *held->where ? held->where : "something");
	return s->waits->text;
}

const char *waits_where(struct session *s, const struct request *r)
{
	const struct group *g = s->waits ? served_at(s, r) : NULL;

	if (!g)
		return s->waits ? held_where(s, r) : NULL;
	snprintf(s->waits->text, sizeof(s->waits->text), "%s%s%s", g->where, *g->on ? ", on " : "",
		 g->on);
	return s->waits->text;
}

/* --- the rest, by place */

static void leave_out(struct session *s, const struct summary *sum)
{
	for (uint32_t i = 0; i < s->waits->n; i++)
		for (uint32_t k = 0; k < s->waits->list[i].n_groups; k++)
			s->waits->list[i].groups[k].told = 0;
	for (uint32_t i = 0; i < sum->n_open; i++) {
		struct group *g = served_at(s, sum->open[i].request);

		if (g)
			g->told++;
	}
}

static struct wait_place *place_like(struct wait_place *list, uint32_t n, const struct group *g)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].threads == g->thread && !strcmp(list[i].where, g->where) &&
		    !strcmp(list[i].on, g->on))
			return &list[i];
	return NULL;
}

static int most_first(const void *a, const void *b)
{
	const struct wait_place *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->threads != y->threads)
		return x->threads ? 1 : -1;
	return strcmp(x->where, y->where) ? strcmp(x->where, y->where) : strcmp(x->on, y->on);
}

/* Several processes may wait at one place. */
static uint32_t gather(const struct waits *all, struct wait_place *list)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->n; i++) {
		for (uint32_t k = 0; k < all->list[i].n_groups; k++) {
			const struct group *g = &all->list[i].groups[k];
			struct wait_place *p = place_like(list, n, g);

			if (g->count <= g->told || (!p && n == GROUPS_MAX))
				continue;
			if (!p) {
				p = &list[n++];
				*p = (struct wait_place){.threads = g->thread};
				memcpy(p->where, g->where, sizeof(p->where));
				memcpy(p->on, g->on, sizeof(p->on));
			}
			p->count += g->count - g->told;
		}
	}
	return n;
}

uint32_t waits_rest(struct session *s, const struct summary *sum, struct wait_place *out,
		    uint32_t max)
{
	struct wait_place *list;
	uint32_t n;

	if (!s->waits || !s->waits->n)
		return 0;
	list = malloc(GROUPS_MAX * sizeof(*list));
	if (!list)
		return 0;
	leave_out(s, sum);
	n = gather(s->waits, list);
	qsort(list, n, sizeof(*list), most_first);
	n = n < max ? n : max;
	memcpy(out, list, n * sizeof(*list));
	free(list);
	return n;
}
