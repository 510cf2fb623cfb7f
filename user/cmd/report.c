// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * report.c - what a recording says: the summary, the trace or the page of a stretch of time.
 */
#include "cmd.h"

#include <stdio.h>

#include "../core/timeline.h"
#include "../exit.h"
#include "../output.h"
#include "../replay.h"
#include "../sink/html.h"

struct report {
	const struct options *o;
	struct replay *replay;
	struct output out;
	struct timeline *timeline; /* of --format html */
	bool failed;		   /* out of memory */
};

/* --- lines */

static void line(struct report *c, const struct request *r, uint64_t now, const char *where)
{
	struct trace_context t = {
		.host = replay_host(c->replay),
		.target = replay_target(c->replay),
		.wall_offset = replay_wall_offset(c->replay),
		.now = now,
		.where = where,
	};

	if (!ferror(c->out.f)) /* else the reader of the pipe has gone */
		sink_trace_json(c->out.f, &t, r);
}

static void ended(void *ctx, const struct request *r)
{
	struct report *c = ctx;

	if (c->o->format == FORMAT_TRACE)
		line(c, r, r->ended, NULL);
	else if (timeline_add(c->timeline, r))
		c->failed = true;
}

static void stuck(void *ctx, const struct request *r, uint64_t now, const char *where)
{
	line(ctx, r, now, where);
}

/* --- the rest */

static int out_of_memory(void)
{
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_RUNTIME;
}

static int print_html(struct report *c, const struct summary *s)
{
	struct html_report html = {.summary = s, .timeline = c->timeline};

	for (uint32_t i = 0; i < s->n_open; i++)
		if (timeline_add(c->timeline, s->open[i].request))
			c->failed = true;
	sink_html(c->out.f, &html);
	return c->failed ? out_of_memory() : EXIT_DONE;
}

static int print(struct report *c)
{
	const struct summary *s = replay_summary(c->replay);
	struct term_options term;

	if (!s)
		return out_of_memory();
	switch (c->o->format) {
	case FORMAT_HTML:
		return print_html(c, s);
	case FORMAT_JSON:
		sink_summary_json(c->out.f, s);
		return EXIT_DONE;
	default:
		output_terminal(c->out.f, &term);
		sink_summary_text(c->out.f, s, &term);
		return EXIT_DONE;
	}
}

/* A damage ends the recording earlier than its blocks' heads say, which is known once it was read:
   it is read again then. */
static int read_timeline(struct report *c)
{
	const struct replay_callbacks cb = {.ctx = c, .ended = ended};
	uint64_t from, to, end;
	int64_t wall;
	int code;

	replay_span(c->replay, &from, &end, &wall);
	do {
		to = end;
		timeline_free(c->timeline);
		c->timeline = timeline_new(from, to, TIMELINE_COLUMNS);
		if (!c->timeline)
			return out_of_memory();
		code = replay_run(c->replay, &cb);
		replay_span(c->replay, &from, &end, &wall);
	} while (!code && end < to);
	return code;
}

static int read_it(struct report *c)
{
	struct replay_callbacks cb = {.ctx = c};

	if (c->o->format == FORMAT_HTML)
		return read_timeline(c);
	if (c->o->format == FORMAT_TRACE) {
		cb.ended = ended;
		cb.stuck = stuck;
	}
	return replay_run(c->replay, &cb);
}

/* Numbers of some requests that look like those of all would mislead. */
static int check_options(const struct options *o)
{
	if (o->format == FORMAT_TRACE || (!o->slow_ns && !o->status))
		return 0;
	fprintf(stderr,
		"reqscope: --slow and --status choose lines of --format trace; a summary of such "
		"requests alone would not be one of the service\nTry 'reqscope report --help'.\n");
	return EXIT_USAGE;
}

int cmd_report(const struct options *o)
{
	struct report c = {.o = o};
	struct router *router = router_new(REPLAY_MAX_ROUTES);
	struct sites *sites = sites_new();
	int code = router && sites ? check_options(o) : out_of_memory(), closed;

	if (!code)
		code = replay_check_output(o);
	if (!code)
		code = replay_open(&c.replay, o->args[0], o, router, sites);
	if (!code)
		code = output_open(&c.out, o);
	if (!code)
		code = read_it(&c);
	if (!code && o->format != FORMAT_TRACE)
		code = replay_compare_deploys(c.replay);
	if (!code && o->format != FORMAT_TRACE)
		code = print(&c);
	closed = output_close(&c.out);
	timeline_free(c.timeline);
	replay_close(c.replay);
	router_free(router);
	sites_free(sites);
	return code ? code : closed;
}
