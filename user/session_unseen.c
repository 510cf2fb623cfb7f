// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_unseen.c - event loops that have been held up since before tracing began. The kernel side
 * follows a thread from when it takes something of a connection on, which such a one does not. But
 * requests lie unread, and uvicorn's loop is that of its main thread: when that is in the
 * application's own code, whenever it is sampled, the loop is held up.
 */
#include "session_loops.h"

#include <stdlib.h>
#include <string.h>

/* In none of the calls in which a loop waits, and not in one that may be. */
bool unseen_is_held(const struct python_stack *stack)
{
	return *stack->own.where && *stack->syscall != '#' && !strstr(stack->syscall, "poll") &&
	       !strstr(stack->syscall, "select");
}

struct unread_walk {
	struct session *s;
	uint32_t pid;
	bool found;
};

static void note_unread(void *ctx, struct request *r)
{
	struct unread_walk *w = ctx;

	w->found |= request_open_phase(r) == PHASE_QUEUE &&
		    request_age(r, w->s->now) >= w->s->loops->stall &&
		    waits_server(w->s, r) == w->pid;
}

static bool has_loop(const struct loops *l, uint32_t pid)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (!l->list[i]->gone && l->list[i]->last.tgid == pid)
			return true;
	return false;
}

/* Since now, for all we know. */
static void suspect(struct session *s, uint32_t pid)
{
	struct loops *l = s->loops;
	struct loop *p = l->n < RS_MAX_LOOPS ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return;
	p->slot = LOOP_UNSEEN;
	p->last.tgid = p->last.tid = pid;
	p->last.start = session_now();
	l->list[l->n++] = p;
}

static void note_queue(void *ctx, const struct rs_ev_listen *e)
{
	bool *found = ctx;

	*found |= e->accept_queue > 0;
}

/* A loop that comes to its selector takes what waits for it. What lies unread shows in a census
 * only. */
static bool something_waits(struct session *s, uint32_t pid)
{
	struct unread_walk w = {s, pid, false};

	capture_census_listeners(s->capture, pid, note_queue, &w.found);
	if (w.found)
		return true;
	session_census(s);
	tracer_visit_open(s->tracer, note_unread, &w);
	return w.found;
}

static bool is_held(struct session *s, uint32_t pid)
{
	struct python *python = insight_python(s, pid);
	struct python_stack stack;

	return python && !python_stack(python, pid, &stack) && unseen_is_held(&stack) &&
	       something_waits(s, pid);
}

void loops_suspect(struct session *s)
{
	const char *kind = s->target.server.kind;

	if (!s->loops || !s->capture || !kind || strcmp(kind, "uvicorn"))
		return;
	for (uint32_t i = 0; i < s->target.n_processes; i++) {
		const struct process *p = &s->target.processes[i];
		uint32_t pid = p->pid; /* a census may move the list */

		if (p->alive && target_serves(&s->target, p) && !has_loop(s->loops, pid) &&
		    is_held(s, pid))
			suspect(s, pid);
	}
}
