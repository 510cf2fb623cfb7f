// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_facts.c - what the core made of the events, to all who count it or want to hear of it:
 * the statistics since the start and of the window, the log, the deploys, the verb.
 */
#include "session_priv.h"

static void on_begin(void *ctx, const struct request *r)
{
	struct session *s = ctx;

	stats_begin(s->total, r);
	if (window_current(s))
		stats_begin(window_current(s), r);
	log_began(s->log, r);
	if (s->cb.began)
		s->cb.began(s->cb.ctx, r);
}

static void on_end(void *ctx, const struct request *r)
{
	struct session *s = ctx;

	deploys_prefetch(s, r);
	if (stats_end(s->total, r))
		s->failed = true;
	if (window_current(s) && stats_end(window_current(s), r))
		s->failed = true;
	if (log_ended(s->log, r))
		s->failed = true;
	deploys_ended(s, r);
	insight_ended(s, r);
	if (s->cb.ended)
		s->cb.ended(s->cb.ctx, r);
}

static void on_retract(void *ctx, const struct request *r)
{
	struct session *s = ctx;

	stats_retract(s->total, r);
	if (window_current(s))
		stats_retract(window_current(s), r);
	log_retracted(s->log, r);
	if (s->cb.retracted)
		s->cb.retracted(s->cb.ctx, r);
}

static void on_error(void *ctx, struct request *r, const struct rs_error *error)
{
	exceptions_of(ctx, r, error);
}

static void on_annotate(void *ctx, struct request *r)
{
	loops_annotate(ctx, r);
}

struct request_sink session_sink(struct session *s)
{
	return (struct request_sink){.ctx = s,
				     .begin = on_begin,
				     .end = on_end,
				     .retract = on_retract,
				     .error = on_error,
				     .annotate = on_annotate};
}

void session_stalled(struct session *s, const struct stall *stall)
{
	if (stats_stall(s->total, stall))
		s->failed = true;
	if (window_current(s) && stats_stall(window_current(s), stall))
		s->failed = true;
	if (log_stall(s->log, stall))
		s->failed = true;
	if (s->cb.stalled)
		s->cb.stalled(s->cb.ctx, stall);
}

void session_background(struct session *s, const struct site *site)
{
	if (stats_background(s->total, site))
		s->failed = true;
	if (window_current(s) && stats_background(window_current(s), site))
		s->failed = true;
	if (log_background(s->log, site))
		s->failed = true;
	if (s->cb.background)
		s->cb.background(s->cb.ctx, site);
}

void session_looped(struct session *s, const struct loop_time *delta)
{
	stats_loop(s->total, delta);
	if (window_current(s))
		stats_loop(window_current(s), delta);
	log_loop(s->log, delta);
	if (s->cb.looped)
		s->cb.looped(s->cb.ctx, delta);
}
