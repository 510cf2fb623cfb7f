// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_loops.c - the event loops of the target: how much of their time they are busy, what holds
 * one up, and which requests waited for that.
 *
 * The kernel side keeps a table of the threads, which is mapped: looking at it costs no system
 * call. A loop that has been away from its selector for a while is sampled from here until it comes
 * back; then the kernel side's own event tells how long that was, and the samples by whom.
 */
#include "session_loops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MS	   1000000ULL
#define SECOND	   1000000000ULL
#define MEET_EVERY (100 * MS) /* new loops are looked for; those of an event at once */
#define SAMPLES	   16	      /* at one time, of all loops */

static uint64_t between(uint64_t least, uint64_t x, uint64_t most)
{
	return x < least ? least : x > most ? most : x;
}

int loops_new(struct session *s)
{
	struct capture_options defaults = CAPTURE_DEFAULTS;
	struct loops *l;

	if (!s->insight)
		return 0;
	l = s->loops = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->stall = s->options->stall_ns ? s->options->stall_ns : defaults.stall_ns;
	/* told even when the table of sites is full */
	for (int i = 0; i < STALL_KINDS; i++)
		if (!sites_get(s->sites, stall_kind_names[i], "", ""))
			return -ENOMEM;
	l->away = l->stall / 4;
	l->every = between(2 * MS, l->stall / 5, 20 * MS);
	return 0;
}

static void loop_free(struct loop *p)
{
	free(p->now);
	free(p->before);
	free(p);
}

void loops_free(struct loops *l)
{
	for (uint32_t i = 0; l && i < l->n; i++)
		loop_free(l->list[i]);
	free(l);
}

/* --- the table */

/* Its thread goes on writing: `turns` is the last that changes when it comes back. Fields may still
   be of two moments, which the next look puts right. */
static struct rs_loop read_slot(const volatile struct rs_loop *at)
{
	struct rs_loop out;

	for (int tries = 0; tries < 4; tries++) {
		out = (struct rs_loop){
			.tgid = at->tgid,
			.tid = at->tid,
			.since = at->since,
			.turns = at->turns,
			.start = at->start,
			.busy = at->busy,
			.gil_since = at->gil_since,
			.gil = at->gil,
			.gil_waits = at->gil_waits,
			.gc = at->gc,
			.gc_runs = at->gc_runs,
		};
		if (out.turns == at->turns && out.start == at->start)
			break;
	}
	return out;
}

static void meet(struct session *s, uint32_t slot, const struct rs_loop *now)
{
	struct loops *l = s->loops;
	struct loop *p = calloc(1, sizeof(*p));

	if (!p || l->n == RS_MAX_LOOPS) {
		free(p);
		s->failed |= !p;
		return;
	}
	for (uint32_t i = 0; i < l->n; i++) /* now it is seen */
		if (l->list[i]->slot == LOOP_UNSEEN && l->list[i]->last.tgid == now->tgid)
			l->list[i]->gone = 1;
	p->slot = slot;
	p->last = *now;
	p->seen = p->told_at = now->since;
	l->list[l->n++] = p;
	l->taken[slot] = true;
	insight_serves(s, now->tgid);
}

static void meet_new(struct session *s)
{
	const volatile struct rs_loop *table = capture_loops(s->capture);
	struct loops *l = s->loops;

	l->met = s->now;
	for (uint32_t i = 0; table && i < RS_MAX_LOOPS; i++) {
		struct rs_loop now;

		if (l->taken[i] || !table[i].tid)
			continue;
		now = read_slot(&table[i]);
		if (now.tid && now.since)
			meet(s, i, &now);
	}
}

/* Sums after a thread's end are those that were seen last. */
static void see(struct loops *l, struct loop *p, const volatile struct rs_loop *table)
{
	struct rs_loop now;

	if (p->gone || p->slot == LOOP_UNSEEN)
		return;
	now = read_slot(&table[p->slot]);
	if (now.tid == p->last.tid && now.since == p->last.since) {
		p->last = now;
		p->seen = session_now();
		return;
	}
	p->gone = p->seen = session_now();
	p->last.start = p->last.gil_since = 0;
	l->taken[p->slot] = false;
}

static void see_all(struct session *s)
{
	const volatile struct rs_loop *table = capture_loops(s->capture);

	for (uint32_t i = 0; table && i < s->loops->n; i++)
		see(s->loops, s->loops->list[i], table);
}

/* Requests of a thread that has ended may end a moment later. */
static void forget_gone(struct loops *l, uint64_t now)
{
	for (uint32_t i = l->n; i-- > 0;) {
		if (!l->list[i]->gone || l->list[i]->gone + SECOND > now)
			continue;
		loop_free(l->list[i]);
		l->list[i] = l->list[--l->n];
	}
}

struct loop *loop_find(struct loops *l, uint32_t tid)
{
	struct loop *gone = NULL;

	for (uint32_t i = 0; i < l->n; i++) {
		if (l->list[i]->last.tid != tid)
			continue;
		if (!l->list[i]->gone)
			return l->list[i];
		gone = l->list[i];
	}
	return gone;
}

struct loop *loop_find_or_meet(struct session *s, uint32_t tid)
{
	struct loop *p = loop_find(s->loops, tid);

	if (p)
		return p;
	meet_new(s);
	return loop_find(s->loops, tid);
}

/* --- their time */

/* Sums never go back, even where two moments were read as one. */
static uint64_t rise(uint64_t *told, uint64_t now)
{
	uint64_t n = now > *told ? now - *told : 0;

	*told += n;
	return n;
}

static uint64_t since(uint64_t start, uint64_t now)
{
	return start && start < now ? now - start : 0;
}

/* Its first stretch may have begun before it was followed. */
static void add_time(struct session *s, struct loop *p, struct loop_time *t)
{
	const struct rs_loop *l = &p->last;
	uint64_t watched = rise(&p->told_at, p->seen);
	uint64_t busy = rise(&p->told.busy, l->busy + since(l->start, p->seen));

	t->watched += watched;
	t->busy += busy < watched ? busy : watched;
	t->gil += rise(&p->told.gil, l->gil + since(l->gil_since, p->seen));
	t->gil_waits += rise(&p->told.gil_waits, l->gil_waits);
	t->gc += rise(&p->told.gc, l->gc);
	t->gc_runs += rise(&p->told.gc_runs, l->gc_runs);
	t->gil_known &= insight_sees_gil(s, l->tgid);
	t->gc_known &= insight_sees_gc(s, l->tgid);
}

void loops_tell(struct session *s)
{
	struct loops *l = s->loops;
	struct loop_time t = {.gil_known = true, .gc_known = true};

	if (!l || !s->capture)
		return;
	meet_new(s);
	see_all(s);
	l->told = s->now;
	for (uint32_t i = 0; i < l->n; i++)
		if (l->list[i]->slot != LOOP_UNSEEN)
			add_time(s, l->list[i], &t);
	if (t.watched)
		session_looped(s, &t);
}

/* --- samples */

static struct tally *tally_of(struct loop *p, uint64_t start)
{
	if (p->now && tally_start(p->now) == start)
		return p->now;
	free(p->before);
	p->before = p->now;
	p->now = tally_new(start);
	return p->now;
}

bool loop_cpu(const struct rs_loop *l, struct tally_cpu *cpu)
{
	unsigned long long ran, waited;
	char name[64];
	bool known;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%u/task/%u/schedstat", l->tgid, l->tid);
	f = fopen(name, "re");
	if (!f)
		return false;
	known = fscanf(f, "%llu %llu", &ran, &waited) == 2 && ran;
	fclose(f);
	if (known)
		*cpu = (struct tally_cpu){ran, waited};
	return known;
}

/* A sample counts when its stretch went on all the while. */
static void sample(struct session *s, struct loop *p)
{
	const volatile struct rs_loop *table = capture_loops(s->capture);
	struct python *python = insight_python(s, p->last.tgid);
	uint64_t start = p->last.start;
	struct python_stack stack;
	struct tally_cpu cpu;
	bool seen, known;
	struct tally *t;

	p->sampled = session_now();
	seen = python && !python_stack(python, p->last.tid, &stack);
	known = loop_cpu(&p->last, &cpu);
	if (p->slot != LOOP_UNSEEN && table[p->slot].start != start)
		return;
	if (p->slot == LOOP_UNSEEN && seen && !unseen_is_held(&stack)) {
		p->gone = 1;
		return;
	}
	t = seen || known ? tally_of(p, start) : NULL;
	if (t && seen)
		tally_add(t, &stack);
	if (t && known)
		tally_ran(t, cpu, p->sampled);
}

uint64_t loop_away(const struct loop *p, uint64_t now)
{
	return since(p->last.start, now);
}

void loops_look(struct session *s)
{
	struct loops *l = s->loops;
	unsigned samples = 0;
	uint64_t now;

	if (!l || !s->capture)
		return;
	if (s->now >= l->met + MEET_EVERY)
		meet_new(s);
	see_all(s);
	l->any_away = false;
	now = session_now();
	for (uint32_t i = 0; i < l->n; i++) {
		struct loop *p = l->list[i];

		if (p->gone || loop_away(p, now) < l->away)
			continue;
		l->any_away = true;
		if (now >= p->sampled + l->every && samples++ < SAMPLES)
			sample(s, p);
	}
	if (s->now >= l->told + SECOND)
		loops_tell(s);
	forget_gone(l, now); /* after its last time was told */
}

unsigned loops_pause(const struct session *s, unsigned ms)
{
	const struct loops *l = s->loops;

	if (!l)
		return ms;
	/* short stretches are looked for more often, and those that are sampled */
	return (unsigned)between(2, (l->any_away ? l->every : l->away) / MS, ms);
}
