/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict_saturation.c - limits of the host that the target is near, as further reasons of whatever
 * state holds: they seldom are what is wrong, but often why.
 *
 *   accept()     refused for want of a descriptor, at all; or 90 % of the descriptors in use
 *   threads      every worker thread busy (8 at least) and more requests open in the application than
 *                there are threads: the thread pool of sync endpoints is exhausted (anyio has 40)
 *   run queue    a fifth of the time in which its threads could run they waited for a CPU
 *   throttled    in 5 % of its control group's quota periods
 *   queue        the accept queue four fifths full (full, and overflowed, are verdict.c's)
 */
#include <string.h>

#include "verdict_priv.h"

#define MUCH_FDS       0.9
#define MUCH_RUN_QUEUE 0.2
#define MUCH_THROTTLED 0.05
#define MUCH_QUEUE     0.8
#define MIN_THREADS    8

static void check_descriptors(const struct summary_saturation *s, struct verdict *v)
{
	bool known = s->fds != SUMMARY_UNKNOWN && s->fd_limit != SUMMARY_UNKNOWN;

	if (s->accept_failed != SUMMARY_UNKNOWN && s->accept_failed)
		verdict_add(v, v->state,
			    "%s times accept() found no free descriptor%s%s: connections wait",
			    words_count(s->accept_failed).s, known ? "; the limit is " : "",
			    known ? words_count(s->fd_limit).s : "");
	else if (known && (double)s->fds >= MUCH_FDS * (double)s->fd_limit)
		verdict_add(v, v->state, "pid %u%s uses %s of its %s descriptors", s->fd_pid,
			    words_host(s->fd_host).s, words_count(s->fds).s,
			    words_count(s->fd_limit).s);
}

/* Open requests in the application of one process; the list is bounded, so this is at least. */
static uint64_t in_app(const struct summary *s, uint32_t pid, const char *host)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct summary_open *o = &s->open[i];

		n += o->phase == PHASE_APP && o->request->pid == pid &&
		     (!host || !o->host || !strcmp(host, o->host));
	}
	return n;
}

static void check_threads(const struct summary *s, struct verdict *v)
{
	const struct summary_saturation *t = &s->saturation;
	uint64_t waiting;

	if (t->threads == SUMMARY_UNKNOWN || t->threads_busy == SUMMARY_UNKNOWN ||
	    t->threads < MIN_THREADS || t->threads_busy < t->threads)
		return;
	waiting = in_app(s, t->threads_pid, t->threads_host);
	if (waiting > t->threads)
		verdict_add(v, v->state,
			    "all %s worker threads of pid %u%s are busy and %s requests are in the "
			    "application: its thread pool is exhausted",
			    words_count(t->threads).s, t->threads_pid,
			    words_host(t->threads_host).s, words_count(waiting).s);
}

static void check_cpu(const struct summary_saturation *s, struct verdict *v)
{
	if (s->run_queue >= MUCH_RUN_QUEUE)
		verdict_add(v, v->state, "its threads waited for a CPU %s of the time they could run",
			    words_percent(s->run_queue).s);
	if (s->throttled >= MUCH_THROTTLED)
		verdict_add(v, v->state, "its control group was throttled in %s of the quota's periods",
			    words_percent(s->throttled).s);
}

static void check_queues(const struct summary *s, struct verdict *v)
{
	char text[LABEL_MAX];

	for (uint32_t i = 0; i < s->n_listeners; i++) {
		const struct summary_listener *l = &s->listeners[i];

		if (l->counted && l->backlog && !l->overflows && l->accept_queue <= l->backlog &&
		    (double)l->accept_queue >= MUCH_QUEUE * (double)l->backlog)
			verdict_add(v, v->state, "%s of %s places in the accept queue of %s are taken",
				    words_count(l->accept_queue).s, words_count(l->backlog).s,
				    words_address(text, l));
	}
}

void verdict_saturation(const struct summary *s, struct verdict *v)
{
	check_descriptors(&s->saturation, v);
	check_threads(s, v);
	check_queues(s, v);
	check_cpu(&s->saturation, v);
}
