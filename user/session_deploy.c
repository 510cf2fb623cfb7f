// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_deploy.c - generations of workers: what of the target makes them up, which requests are
 * whose, and how the one that runs does, compared with the one before.
 */
#include "session_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "capture/version.h"
#include "core/compare.h"
#include "core/generation.h"

#define DEPLOYS_MAX   (GENERATIONS_KEPT - 1)
#define COMPARE_EVERY 1000000000ULL /* ns: a comparison is of all routes */
#define LOOK_EVERY    1000000000ULL /* the same for listeners, while a decision is due */

struct deploys {
	struct generations *generations;
	struct series *before, *current, *next;	    /* NULL: nothing ended there */
	struct comparison *comparison[DEPLOYS_MAX]; /* by the number of the generation, modulo */
	uint64_t compared, looked;		    /* when, monotonic ns */
	struct summary_deploy list[DEPLOYS_MAX];
};

int deploys_new(struct session *s)
{
	s->deploys = calloc(1, sizeof(*s->deploys));
	if (s->deploys)
		s->deploys->generations = generations_new();
	return s->deploys && s->deploys->generations ? 0 : -ENOMEM;
}

void deploys_free(struct deploys *d)
{
	if (!d)
		return;
	generations_free(d->generations);
	series_free(d->before);
	series_free(d->current);
	series_free(d->next);
	for (uint32_t i = 0; i < DEPLOYS_MAX; i++)
		comparison_free(d->comparison[i]);
	free(d);
}

/* --- the comparison */

static struct comparison **comparison_of(struct deploys *d, uint32_t number)
{
	return &d->comparison[number % DEPLOYS_MAX];
}

static double seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1e9 : 0;
}

/* The generation that runs, up to `now`, with the one before, up to its last request: how long
   nobody served in between is neither's. */
static void compare_sides(struct session *s, uint32_t number, uint64_t now)
{
	struct deploys *d = s->deploys;
	struct compare_rules rules;
	struct comparison *c;

	if (!number || !d->before || !d->current)
		return;
	compare_rules_default(&rules);
	if (series_fold_routes(d->before) || series_fold_routes(d->current))
		s->failed = true;
	c = compare(d->before, seconds(d->before->from, d->before->to), d->current,
		    seconds(d->current->from, now), &rules);
	d->compared = now;
	if (!c) {
		s->failed = true;
		return;
	}
	comparison_free(*comparison_of(d, number));
	*comparison_of(d, number) = c;
}

/* The comparison of the deploy before stays as it is now. */
static void take_over(struct session *s, uint64_t now)
{
	struct deploys *d = s->deploys;
	uint32_t number = generations_current(d->generations);
	struct comparison **c = comparison_of(d, number);

	compare_sides(s, number - 1, now);
	series_free(d->before);
	d->before = d->current;
	d->current = d->next;
	d->next = NULL;
	d->compared = 0;
	d->looked = now;
	comparison_free(*c);
	*c = NULL;
}

/* --- who serves */

static void judge(struct session *s, uint64_t now)
{
	struct deploys *d = s->deploys;

	switch (generations_judge(d->generations, now)) {
	case GENERATION_TOOK_OVER:
		take_over(s, now);
		break;
	case GENERATION_STAYS: /* whose the requests of the next one are is not told by its series
				*/
		series_free(d->next);
		d->next = NULL;
		break;
	case GENERATION_SAME:
		break;
	}
}

/* Which version a process runs is read once, when it begins to serve: what lies on disk later may
   be of the next. */
static const char *version_of(struct process *p)
{
	if (!p->version_read && p->alive && version_read(p->pid, p->since, p->version))
		p->version[0] = 0;
	p->version_read = true;
	return p->version;
}

static void serve(struct session *s, uint32_t pid, uint64_t now)
{
	struct generations *g = s->deploys->generations;
	struct process *p = target_process(&s->target, pid);
	struct generation_process worker = {.pid = pid};
	const struct process *parent;

	if (p) {
		parent = target_process(&s->target, p->ppid);
		worker.parent = p->ppid;
		worker.supervised = parent && parent->alive;
		worker.version = version_of(p);
		if (p->since)
			worker.start = p->since - (uint64_t)s->wall_offset;
	}
	if (generations_serve(g, &worker, now) == -ENOMEM)
		s->failed = true;
	if (p && !p->alive)
		generations_gone(g, pid, false, now);
	judge(s, now);
}

/* Between the end of its only worker and the next one a supervisor alone listens. */
static bool has_had_workers(const struct session *s, uint32_t pid)
{
	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		const struct process *p = &s->target.processes[i];

		if (p->ppid == pid && generations_counts(s->deploys->generations, p->pid))
			return true;
	}
	return false;
}

void deploys_serving(struct session *s)
{
	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		struct process *p = &s->target.processes[i];

		if (!p->alive)
			continue;
		generations_listens(s->deploys->generations, p->pid, p->listens);
		if (target_serves(&s->target, p) &&
		    !generations_knows(s->deploys->generations, p->pid) &&
		    !has_had_workers(s, p->pid))
			serve(s, p->pid, s->now);
	}
	judge(s, s->now);
}

static void note_listens(void *ctx, const struct rs_ev_listen *e)
{
	struct process *p = ctx;

	(void)e;
	p->listens = true;
}

static void look_at_listeners(struct session *s)
{
	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		struct process *p = &s->target.processes[i];

		p->listens = false;
		if (p->alive)
			capture_census_listeners(s->capture, p->pid, note_listens, p);
	}
	s->deploys->looked = s->now;
	deploys_serving(s);
}

void deploys_begin(struct session *s)
{
	s->now = s->started;
	look_at_listeners(s);
	generations_begin(s->deploys->generations, s->started);
}

void deploys_look(struct session *s)
{
	struct generations *g = s->deploys->generations;

	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		const struct process *p = &s->target.processes[i];

		if (!p->alive && target_process(&s->target, p->pid) == p)
			generations_gone(g, p->pid, false, s->now); /* its event was lost */
	}
	judge(s, s->now);
	if (generations_pending(g) && s->now >= s->deploys->looked + LOOK_EVERY)
		look_at_listeners(s); /* the old ones may have closed their listeners, and finish */
}

/* --- what happens */

void deploys_process(struct session *s, uint32_t pid)
{
	generations_forget(s->deploys->generations, pid);
}

/* By an exit code that is not 0, or a signal that is not how supervisors ask. */
static bool has_crashed(int code)
{
	int sig = WTERMSIG(code);

	if (WIFEXITED(code))
		return WEXITSTATUS(code) != 0;
	return sig != SIGTERM && sig != SIGINT && sig != SIGHUP && sig != SIGQUIT;
}

void deploys_exit(struct session *s, uint32_t pid, int code, uint64_t ts)
{
	generations_gone(s->deploys->generations, pid, has_crashed(code), ts);
	judge(s, ts);
}

static struct series **series_of(struct deploys *d, enum generation_side side)
{
	switch (side) {
	case SIDE_BEFORE:
		return &d->before;
	case SIDE_CURRENT:
		return &d->current;
	case SIDE_NEXT:
		return &d->next;
	default:
		return NULL;
	}
}

void deploys_prefetch(const struct session *s, const struct request *r)
{
	if (s->deploys->current)
		series_prefetch(s->deploys->current, r->route);
}

void deploys_ended(struct session *s, const struct request *r)
{
	struct deploys *d = s->deploys;
	struct series **series;

	if (!r->pid || (!r->read && !r->head))
		return; /* nobody served it */
	if (!generations_counts(d->generations, r->pid))
		serve(s, r->pid, r->ended ? r->ended : s->now);
	series = series_of(d, generations_count(d->generations, r->pid));
	if (!series)
		return;
	if (!*series)
		*series = series_new();
	if (!*series || series_add(*series, r))
		s->failed = true;
}

/* --- the summary's part */

uint32_t deploys_count(const struct session *s)
{
	return generations_current(s->deploys->generations);
}

static void fill_side(struct summary_deploy_side *side, const struct generation *g)
{
	*side = (struct summary_deploy_side){
		.version = *g->version ? g->version : NULL,
		.pid = g->pid,
		.workers = g->workers,
		.requests = g->requests,
	};
}

void deploys_fill(struct session *s, struct summary *sum)
{
	struct deploys *d = s->deploys;
	uint32_t last = generations_current(d->generations);
	uint32_t first = last > DEPLOYS_MAX ? last - DEPLOYS_MAX + 1 : 1;

	if (!d->compared || s->now >= d->compared + COMPARE_EVERY)
		compare_sides(s, last, s->now);
	sum->deploys = d->list;
	sum->n_deploys = 0;
	for (uint32_t n = first; n <= last; n++) {
		const struct generation *before = generations_get(d->generations, n - 1);
		const struct generation *after = generations_get(d->generations, n);
		struct summary_deploy *out = &d->list[sum->n_deploys++];

		fill_side(&out->before, before);
		fill_side(&out->after, after);
		out->at_wall_ns =
			(after->start ? after->start : after->noted) + (uint64_t)s->wall_offset;
		out->comparison = *comparison_of(d, n);
	}
}
