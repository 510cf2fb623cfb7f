// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trace.c - one line per request as it ends, and one per request that hangs.
 */
#include "cmd.h"

#include <stdio.h>

#include "../exit.h"
#include "../filter.h"
#include "../output.h"
#include "../session.h"

struct trace {
	const struct options *o;
	struct session *s;
	struct output out;
	struct term_options term;
	bool dirty;
};

static void line(struct trace *t, const struct request *r, uint64_t now, const char *where)
{
	struct trace_context c = {
		.host = session_host(t->s),
		.target = session_target(t->s),
		.wall_offset = session_wall_offset(t->s),
		.now = now,
		.where = where,
	};

	if (t->o->format == FORMAT_JSON)
		sink_trace_json(t->out.f, &c, r);
	else
		sink_trace_text(t->out.f, &c, r, &t->term);
	t->dirty = true;
}

static void ended(void *ctx, const struct request *r)
{
	struct trace *t = ctx;

	if (filter_route(t->o, r) && filter_line(t->o, r))
		line(t, r, r->ended, NULL);
}

/* It hangs: a filter on the status cannot apply yet, one on the route when it is not read. */
static void stuck(void *ctx, const struct request *r, uint64_t now, const char *where)
{
	struct trace *t = ctx;

	if (t->o->status || !filter_route(t->o, r))
		return;
	line(t, r, now, where);
}

static int drained(void *ctx)
{
	struct trace *t = ctx;
	bool dirty = t->dirty;

	t->dirty = false;
	return dirty && output_broken(&t->out);
}

int cmd_trace(const struct options *o)
{
	struct trace t = {.o = o};
	struct session_callbacks cb = {
		.ctx = &t, .ended = ended, .stuck = stuck, .drained = drained, .input_fd = -1};
	int code = session_open(&t.s, o, &cb), written;

	if (!code)
		code = output_open(&t.out, o);
	if (!code) {
		output_until(&t.out, session_signal_fd(t.s));
		output_terminal(t.out.f, &t.term);
		t.term.slow_ns = o->rules.slo_ms * 1e6;
		if (o->format == FORMAT_TEXT)
			sink_trace_text_header(t.out.f, &t.term);
		if (!output_broken(&t.out))
			code = session_run(t.s);
	}
	if (!code && session_saw_nothing(t.s))
		code = EXIT_TARGET;
	if (t.out.f)
		output_broken(&t.out);
	session_close(t.s);
	written = output_close(&t.out);
	return written ? written : code;
}
