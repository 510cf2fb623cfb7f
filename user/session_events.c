// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_events.c - what the kernel side tells, from the ring to whom it concerns.
 */
#include "session_priv.h"

#include <stdio.h>

void session_joined(void *ctx, uint32_t pid)
{
	struct session *s = ctx;

	target_add(&s->target, pid);
	deploys_process(s, pid);
	insight_process(s, pid);
	if (!capture_add_process(s->capture, pid) && s->options->verbose)
		fprintf(stderr, "reqscope: pid %u joins\n", pid);
}

static void on_process(struct session *s, const struct rs_ev_proc *e)
{
	struct process *p;

	switch (e->what) {
	case RS_PROC_FORK:
		target_add(&s->target, e->h.tgid);
		deploys_process(s, e->h.tgid);
		insight_process(s, e->h.tgid);
		break;
	case RS_PROC_EXEC: /* what it runs began now */
		p = target_add(&s->target, e->h.tgid);
		if (p)
			p->since = e->h.ts + (uint64_t)s->wall_offset;
		deploys_process(s, e->h.tgid);
		insight_process(s, e->h.tgid);
		break;
	case RS_PROC_JOIN:
		target_join(&s->target, e->h.tgid, session_joined, s);
		break;
	case RS_PROC_EXIT:
		target_gone(&s->target, e->h.tgid, e->h.ts + (uint64_t)s->wall_offset);
		deploys_exit(s, e->h.tgid, (int)e->other, e->h.ts);
		insight_exit(s, e->h.tgid);
		capture_process_ended(s->capture, e->h.tgid);
		s->ending = 1;
		s->sweep = e->h.ts + SESSION_SWEEP_NS;
		break;
	}
}

/* The tracer has found the record to be whole. */
static const struct rs_error *error_behind(const struct rs_ev_data *e)
{
	return (const struct rs_error *)(e + 1);
}

static void on_record(void *ctx, const void *record, size_t size)
{
	struct session *s = ctx;
	const struct rs_event *h = record;

	if (tracer_event(s->tracer, record, size))
		return;
	switch (h->type) {
	case RS_EV_IN:
		exceptions_read(s, h);
		break;
	case RS_EV_OUT:
		if (h->flags & RS_F_ERROR)
			exceptions_answered(s, h, error_behind(record));
		break;
	case RS_EV_PROC:
		on_process(s, record);
		break;
	case RS_EV_STALL:
		loops_stalled(s, record);
		break;
	case RS_EV_PAUSE:
		loops_paused(s, record);
		break;
	case RS_EV_LOGGED:
		exceptions_logged(s, record);
		break;
	}
}

/* Reading an interpreter takes tens of milliseconds, and longer where there is no CPU for it: the ring
   must not run full meanwhile. */
#define RELIEVE_NS 5000000
void session_relieve(void *ctx)
{
	struct session *s = ctx;
	uint64_t now = session_now();

	if (now < s->relieved + RELIEVE_NS)
		return;
	s->relieved = now;
	capture_relieve(s->capture);
}

void session_drain(struct session *s)
{
	s->relieved = s->now;
	capture_drain(s->capture, on_record, s);
}
