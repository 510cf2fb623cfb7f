// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "session_tally.h"

#include <stdlib.h>
#include <string.h>

#define TALLY_MAX 32 /* different ones of a stretch */
#define ENOUGH	  2  /* samples, to say of what was not measured that it computed */

const char *const stall_kind_names[STALL_KINDS] = {
	[STALL_UNKNOWN] = "unknown", [STALL_CPU] = "cpu", [STALL_SYSCALL] = "syscall",
	[STALL_GIL] = "gil",	     [STALL_GC] = "gc",
};

struct seen {
	uint32_t n;
	bool gil, collecting;
	char where[SITE_TEXT_MAX]; /* of the application */
	char holder[SITE_TEXT_MAX];
	char syscall[32];
};

struct tally {
	uint64_t start;
	uint32_t samples, n;
	struct {
		struct tally_cpu cpu;
		uint64_t at;
	} first, last;	 /* of what its thread had run; at 0: not known */
	uint64_t waited; /* ns of it for a CPU, since the first of these, at least */
	struct seen list[TALLY_MAX];
};

struct tally *tally_new(uint64_t start)
{
	struct tally *t = malloc(sizeof(*t));

	if (t) { /* the list is large, and seldom used up */
		t->start = start;
		t->samples = t->n = 0;
		t->first.at = t->last.at = t->waited = 0;
	}
	return t;
}

uint64_t tally_start(const struct tally *t)
{
	return t->start;
}

static bool is_like(const struct seen *seen, const struct python_stack *s)
{
	return seen->gil == s->gil && seen->collecting == s->collecting &&
	       !strcmp(seen->where, s->own.where) && !strcmp(seen->syscall, s->syscall) &&
	       !strcmp(seen->holder, s->holder.where);
}

void tally_add(struct tally *t, const struct python_stack *s)
{
	struct seen *seen = t->list;

	t->samples++;
	while (seen < t->list + t->n && !is_like(seen, s))
		seen++;
	if (seen < t->list + t->n) {
		seen->n++;
		return;
	}
	if (t->n == TALLY_MAX)
		return;
	t->n++;
	seen->n = 1;
	seen->gil = s->gil;
	seen->collecting = s->collecting;
	memcpy(seen->where, s->own.where, sizeof(seen->where));
	memcpy(seen->holder, s->holder.where, sizeof(seen->holder));
	memcpy(seen->syscall, s->syscall, sizeof(seen->syscall));
}

void tally_ran(struct tally *t, struct tally_cpu cpu, uint64_t now)
{
	t->last.cpu = cpu;
	t->last.at = now;
	if (!t->first.at)
		t->first = t->last;
	t->waited = cpu.waited - t->first.cpu.waited;
}

void tally_ended(struct tally *t, struct tally_cpu cpu, uint64_t late)
{
	uint64_t waited;

	if (!t->first.at)
		return;
	waited = cpu.waited - t->first.cpu.waited;
	if (waited > t->waited + late) /* all that time it may have waited for something else */
		t->waited = waited - late;
}

/* Whether it ran, or could have, most of the time that was looked at. One that is stopped does
 * neither. */
static bool has_run(const struct tally *t)
{
	uint64_t time = t->last.at - t->first.at;
	uint64_t ran = t->last.cpu.ran - t->first.cpu.ran;
	uint64_t waited = t->last.cpu.waited - t->first.cpu.waited;

	return time && 2 * (ran + waited) >= time;
}

/* --- who it was */

static const char *where_of(const struct seen *seen)
{
	return seen->where;
}

static const char *holder_of(const struct seen *seen)
{
	return seen->gil ? seen->holder : "";
}

static const char *syscall_of(const struct seen *seen)
{
	return seen->gil ? "" : seen->syscall;
}

/* The text that most samples have, and in how many it is; "" does not take part. where: of those at
   this place alone; "" of all. */
static const char *most(const struct tally *t, const char *(*text)(const struct seen *),
			const char *where, uint32_t *n)
{
	const char *best = "";

	*n = 0;
	for (uint32_t i = 0; t && i < t->n; i++) {
		uint32_t sum = 0;

		for (uint32_t k = 0; k < t->n; k++)
			if ((!*where || !strcmp(where, t->list[k].where)) &&
			    !strcmp(text(&t->list[i]), text(&t->list[k])))
				sum += t->list[k].n;
		if (*text(&t->list[i]) && sum > *n) {
			*n = sum;
			best = text(&t->list[i]);
		}
	}
	return best;
}

/* Samples with something in common. */
struct shares {
	uint32_t samples, gil, collecting, called;
};

static struct shares shares_of(const struct tally *t)
{
	struct shares s = {.samples = t ? t->samples : 0};

	for (uint32_t i = 0; t && i < t->n; i++) {
		s.gil += t->list[i].gil ? t->list[i].n : 0;
		s.collecting += t->list[i].collecting ? t->list[i].n : 0;
		s.called += *syscall_of(&t->list[i]) ? t->list[i].n : 0;
	}
	return s;
}

/* By what was measured, where that tells; a thread that waits for a CPU runs for less than it wants
 * to. */
static enum stall_kind kind_measured(const struct tally *t, const struct tally_time *time,
				     const struct shares *s)
{
	if (time->gil >= time->length / 2)
		return STALL_GIL;
	if ((time->gc != UINT64_MAX && time->gc >= time->length / 2) ||
	    2 * s->collecting > s->samples)
		return STALL_GC;
	if (time->cpu >= time->length / 2)
		return STALL_CPU;
	if (2 * s->called > s->samples)
		return STALL_SYSCALL;
	if (s->samples && 2 * s->gil >= s->samples && time->gil >= time->length / 4)
		return STALL_GIL;
	if (s->samples < ENOUGH)
		return STALL_UNKNOWN;
	if (time->cpu + t->waited >= time->length / 2 || time->cpu >= time->length / 4 ||
	    has_run(t))
		return STALL_CPU;
	return STALL_UNKNOWN;
}

static enum stall_kind kind_sampled(const struct tally *t, const struct shares *s)
{
	if (!s->samples)
		return STALL_UNKNOWN;
	if (2 * s->gil >= s->samples)
		return STALL_GIL;
	if (2 * s->collecting > s->samples)
		return STALL_GC;
	if (2 * s->called >= s->samples)
		return STALL_SYSCALL;
	return s->samples >= ENOUGH && has_run(t) ? STALL_CPU : STALL_UNKNOWN;
}

struct culprit tally_culprit(const struct tally *t, const struct tally_time *time)
{
	struct shares s = shares_of(t);
	enum stall_kind kind = time ? kind_measured(t, time, &s) : kind_sampled(t, &s);
	struct culprit c = {stall_kind_names[kind], "", ""};
	uint32_t n;

	c.where = most(t, where_of, "", &n);
	if (3 * n < s.samples)
		c.where = "";
	if (kind == STALL_GIL)
		c.detail = most(t, holder_of, "", &n);
	else if (kind == STALL_SYSCALL)
		c.detail = most(t, syscall_of, c.where, &n);
	return c;
}
