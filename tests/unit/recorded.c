/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorded.h"

/* --- a file in memory */

void file_take(struct file *f, struct recfile_writer *w)
{
	const void *bytes;
	size_t n;

	assert_int_equal(recfile_take(w, &bytes, &n), 0);
	if (!n)
		return;
	f->p = realloc(f->p, f->n + n);
	assert_non_null(f->p);
	memcpy(f->p + f->n, bytes, n);
	assert_true(f->n_blocks < 64);
	f->block[f->n_blocks++] = f->n ? f->n : RECFILE_HEAD_SIZE;
	f->n += n;
}

/* --- both sides: the statistics, and the text of every line of a trace */

const struct trace_context side_context = {.host = "h", .target = "t"};

void side_init(struct side *s, struct router *router)
{
	*s = (struct side){.router = router,
			   .sites = sites_new(),
			   .stats = stats_new(),
			   .kept = kept_summary_new()};
	s->f = open_memstream(&s->text, &s->size);
	assert_true(s->sites && s->stats && s->kept && s->f);
}

void side_free(struct side *s)
{
	fclose(s->f);
	free(s->text);
	stats_free(s->stats);
	sites_free(s->sites);
	kept_summary_free(s->kept);
}

void side_begin(void *ctx, const struct request *r)
{
	struct side *s = ctx;

	s->begun++;
	stats_begin(s->stats, r);
}

void side_end(void *ctx, const struct request *r)
{
	struct side *s = ctx;

	s->ended++;
	s->last_id = r->id;
	assert_int_equal(stats_end(s->stats, r), 0);
	sink_trace_json(s->f, &side_context, r);
}

void side_retract(void *ctx, const struct request *r)
{
	struct side *s = ctx;

	s->retracted++;
	stats_retract(s->stats, r);
}

void side_stuck(void *ctx, const struct request *r, uint64_t now, const char *where)
{
	struct side *s = ctx;
	struct trace_context c = side_context;

	s->stuck++;
	c.now = now;
	c.where = where;
	sink_trace_json(s->f, &c, r);
}

void side_stall(void *ctx, const struct stall *stall)
{
	struct side *s = ctx;

	s->stalls++;
	assert_int_equal(stats_stall(s->stats, stall), 0);
}

void side_background(void *ctx, const struct site *site, uint64_t now)
{
	struct side *s = ctx;

	(void)now;
	s->backgrounds++;
	assert_int_equal(stats_background(s->stats, site), 0);
}

void side_loop(void *ctx, const struct loop_time *delta, uint64_t now)
{
	struct side *s = ctx;

	(void)now;
	s->loops++;
	stats_loop(s->stats, delta);
}

void side_state(void *ctx, const struct summary *sum)
{
	struct side *s = ctx;

	s->states++;
	kept_summary_set(s->kept, sum);
}

int side_read(struct side *s, const void *p, size_t n, struct recfile_info *info,
	      struct recfile_damage *damage)
{
	const struct recfile_sink sink = {
		.ctx = s,
		.begin = side_begin,
		.end = side_end,
		.retract = side_retract,
		.stuck = side_stuck,
		.stall = side_stall,
		.background = side_background,
		.loop = side_loop,
		.state = side_state,
	};

	return recfile_read(p, n, s->router, s->sites, &sink, info, damage);
}

char *json_of(const struct summary *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	sink_summary_json(f, s);
	fclose(f);
	return text;
}

/* What the read side says of the last state and its own statistics. */
char *json_of_side(struct side *s)
{
	struct summary *sum = kept_summary_get(s->kept);
	struct verdict_rules rules;

	assert_non_null(sum);
	assert_int_equal(stats_fold_routes(s->stats), 0);
	s->stats->from = sum->stats->from;
	s->stats->to = sum->stats->to;
	s->stats->ledger.not_http = sum->stats->ledger.not_http;
	s->stats->ledger.late_attached = sum->stats->ledger.late_attached;
	s->stats->ledger.evicted = sum->stats->ledger.evicted;
	sum->stats = s->stats;
	rules = sum->verdict.rules;
	verdict_decide(sum, &rules);
	return json_of(sum);
}
