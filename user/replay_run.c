// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_run.c - the facts of a slice into statistics.
 *
 * A request begins when it was first seen and ends when it left the open state. What is open when
 * the slice begins is told by the head of the first block that reaches into it, and by what it
 * holds from before. What is open when it ends are the requests that end after it, as far as they
 * had come by then, and those that the next state lists: so it is read on to that state.
 */
#include "replay_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exit.h"
#include "filter.h"

/* Numbers from a file may be anything: no overflow of signed numbers. */
static void add(int64_t *to, int64_t n)
{
	*to = (int64_t)((uint64_t)*to + (uint64_t)n);
}

static uint64_t end_of(const struct request *q)
{
	return q->ended > q->seen ? q->ended : q->seen;
}

/* --- filters */

bool replay_wants(const struct replay *r, const struct request *q)
{
	return filter_route(r->o, q);
}

/* --- requests */

/* With --route a request's begin counts when it is known whose it is. */
static void count_begin(struct replay *r, const struct request *q)
{
	if (q->seen < r->from) {
		add(&r->stats->ledger.carried, 1);
		add(&r->stats->ledger.open, 1);
	} else {
		stats_begin(r->stats, q);
	}
}

static void on_begin(void *ctx, const struct request *q)
{
	struct replay *r = ctx;

	r->pass.begun++;
	if (!r->o->route && q->seen < r->to)
		count_begin(r, q);
}

static void ended_before(struct replay *r)
{
	if (r->o->route)
		return;
	add(&r->stats->ledger.carried, -1);
	add(&r->stats->ledger.open, -1);
}

static void on_end(void *ctx, const struct request *q)
{
	struct replay *r = ctx;
	uint64_t t = end_of(q);

	r->pass.ended++;
	if (t < r->to)
		replay_list_remove(r, q->id);
	if (t < r->from) {
		ended_before(r);
		return;
	}
	if (!replay_wants(r, q) || (t >= r->to && q->seen >= r->to))
		return;
	if (r->o->route)
		count_begin(r, q);
	if (t >= r->to) {
		replay_list_add(r, q, true);
		return;
	}
	if (stats_end(r->stats, q))
		r->pass.failed = true;
	if (r->pass.cb->ended && filter_line(r->o, q))
		r->pass.cb->ended(r->pass.cb->ctx, q);
}

static void on_retract(void *ctx, const struct request *q)
{
	struct replay *r = ctx;

	r->pass.begun--;
	if (q->ended >= r->to)
		return;
	replay_list_remove(r, q->id);
	if (r->o->route)
		return;
	if (q->seen < r->from)
		ended_before(r);
	else
		stats_retract(r->stats, q);
}

/* It hangs: a filter on the status cannot apply yet, nor one on the time. */
static void on_stuck(void *ctx, const struct request *q, uint64_t now, const char *where)
{
	struct replay *r = ctx;
	const struct replay_callbacks *cb = r->pass.cb;

	if (now < r->from || now >= r->to || !cb->stuck || r->o->status || !replay_wants(r, q))
		return;
	cb->stuck(cb->ctx, q, now, where);
}

/* --- what belongs to no single request: it counts when it is told, whatever --route says */

static bool in_slice(const struct replay *r, uint64_t t)
{
	return t >= r->from && t < r->to;
}

static void on_stall(void *ctx, const struct stall *stall)
{
	struct replay *r = ctx;

	if (in_slice(r, stall->end) && stats_stall(r->stats, stall))
		r->pass.failed = true;
}

static void on_background(void *ctx, const struct site *site, uint64_t now)
{
	struct replay *r = ctx;

	if (in_slice(r, now) && stats_background(r->stats, site))
		r->pass.failed = true;
}

static void on_loop(void *ctx, const struct loop_time *delta, uint64_t now)
{
	struct replay *r = ctx;

	if (in_slice(r, now))
		stats_loop(r->stats, delta);
}

/* --- states */

/* Counts are of the stretch between the last state before the slice and the first behind it: what
   was lost in it cannot be missed so. */
static void count_state(struct replay *r, const struct summary *s)
{
	struct replay_pass *p = &r->pass;

	if (!p->runs && p->from_start && !p->started_at)
		p->started_at = s->stats->from;
	replay_count(p->last, s);
	if (s->now <= r->from || (!p->has_base && !p->from_start)) {
		memcpy(p->base, p->last, sizeof(p->base));
		replay_note_listeners(r, s);
	}
	p->has_base = true;
}

static void on_state(void *ctx, const struct summary *s)
{
	struct replay *r = ctx;
	struct replay_pass *p = &r->pass;

	count_state(r, s);
	if (s->now <= r->to) {
		replay_list_take(r, s);
		if (p->cb->state && s->now >= r->from)
			p->cb->state(p->cb->ctx, s);
		return;
	}
	p->done = true;
	if (!kept_summary_get(r->kept)) {
		replay_list_take(r, s);
		p->n_open = 0;
	}
	for (uint32_t i = 0; i < s->n_open; i++)
		if (s->open[i].request->seen < r->to)
			replay_list_add(r, s->open[i].request, false);
}

/* --- runs of the recorder */

/* Between what is known and t more requests began and ended, in blocks that are not there. */
static void count_missing(struct replay *r, int64_t begun, int64_t ended, uint64_t t)
{
	struct ledger *l = &r->stats->ledger;

	if (r->o->route || t >= r->to)
		return;
	add(&l->open, begun - ended);
	if (t < r->from) {
		add(&l->carried, begun - ended);
		return;
	}
	add(&l->started, begun);
	l->unknown += (uint64_t)ended;
}

/* What was open when a run ended has an end that nobody saw. */
static void close_run(struct replay *r, uint64_t t)
{
	struct replay_pass *p = &r->pass;

	for (int i = 0; i < COUNTS; i++)
		p->sum[i] += p->last[i] - p->base[i];
	memset(p->last, 0, sizeof(p->last));
	memset(p->base, 0, sizeof(p->base));
	count_missing(r, 0, (int64_t)(p->begun - p->ended), t);
	p->runs++;
	p->has_base = false;
	p->begun = p->ended = 0;
	p->n_open = r->n_listeners = 0;
}

static void enter_run(struct replay *r, const struct replay_file *f, const struct recfile_block *b)
{
	struct replay_pass *p = &r->pass;
	int64_t open = (int64_t)(b->begun - b->ended);

	if (p->any && p->run == f->head.run)
		return;
	p->from_start = b->number == 0;
	if (p->any) {
		replay_tell_gap(r, p->latest, b->first);
		close_run(r, b->first);
	} else {
		p->begun = b->begun;
		p->ended = b->ended;
		if (!r->o->route) {
			add(&r->stats->ledger.carried, open);
			add(&r->stats->ledger.open, open);
		}
	}
	p->any = true;
	p->run = f->head.run;
}

static void enter_block(struct replay *r, const struct recfile_block *b)
{
	struct replay_pass *p = &r->pass;
	int64_t begun = (int64_t)(b->begun - p->begun), ended = (int64_t)(b->ended - p->ended);

	p->wall_offset = b->wall_offset;
	p->latest = b->last > p->latest ? b->last : p->latest;
	p->begun = b->begun;
	p->ended = b->ended;
	if (!begun && !ended)
		return;
	if (b->first >= r->from && b->first < r->to)
		p->missing += (uint64_t)ended;
	count_missing(r, begun, ended, b->first);
}

/* --- what lies before the slice is passed over, up to the last state there: from then on it is
   known what is open */

static int look_early(struct replay *r, struct replay_file *f, int fd,
		      const struct recfile_block *b, uint64_t at)
{
	struct replay_pass *p = &r->pass;
	bool in_slice = b->last >= r->from;

	(void)fd;
	if (in_slice && p->early.file && p->early.file->head.run == f->head.run)
		return 1;
	if (in_slice || b->has_state) {
		p->early.file = f;
		p->early.at = at - RECFILE_BLOCK_SIZE;
	}
	return in_slice;
}

/* A slice behind the end begins with the last state there is: as it stood then. */
static int find_start(struct replay *r)
{
	int found = 0;

	r->pass.early.file = NULL;
	if (!r->from)
		return 0;
	for (uint32_t i = 0; i < r->n_files && !found; i++)
		found = replay_blocks(r, &r->files[i], RECFILE_HEAD_SIZE, look_early);
	return found < 0 ? found : 0;
}

/* --- blocks */

/* Of a recording's first state before it is its turn: host and target are asked for from the begin.
 */
static void on_names(void *ctx, const struct summary *s)
{
	struct replay *r = ctx;

	if (!kept_summary_get(r->kept))
		kept_summary_set(r->kept, s);
}

static int read_names(struct replay *r, struct replay_file *f, int fd,
		      const struct recfile_block *b, uint64_t at)
{
	const struct recfile_sink sink = {.ctx = r, .state = on_names};

	if (kept_summary_get(r->kept) || !b->has_state)
		return 0;
	return replay_facts(r, f, fd, b, at, &sink);
}

static int read_block(struct replay *r, struct replay_file *f, int fd,
		      const struct recfile_block *b, uint64_t at)
{
	const struct recfile_sink sink = {
		.ctx = r,
		.begin = on_begin,
		.end = on_end,
		.retract = on_retract,
		.stuck = on_stuck,
		.stall = on_stall,
		.background = on_background,
		.loop = on_loop,
		.state = on_state,
	};
	struct replay_pass *p = &r->pass;
	int err;

	if (p->any && p->run != f->head.run && b->first >= r->to)
		p->done = true; /* the run that holds the slice's end is over */
	if (p->done)
		return 1;
	enter_run(r, f, b);
	err = read_names(r, f, fd, b, at);
	enter_block(r, b);
	if (!err)
		err = replay_facts(r, f, fd, b, at, &sink);
	if (!err && b->last > r->readable)
		r->readable = b->last;
	return err;
}

static int start(struct replay *r, const struct replay_callbacks *cb)
{
	stats_free(r->stats);
	r->stats = stats_new();
	r->pass = (struct replay_pass){.cb = cb};
	r->n_listeners = 0;
	r->summarised = false;
	kept_summary_clear(r->kept);
	return r->stats ? 0 : -ENOMEM;
}

static int fail(const struct replay *r, int err)
{
	if (err == -ENOMEM)
		fprintf(stderr, "reqscope: out of memory\n");
	else
		fprintf(stderr, "reqscope: cannot read %s: %s\n", r->path, strerror(-err));
	return EXIT_RUNTIME;
}

/* Of the time behind a damage nothing is known, unless a later file has it. */
static void cut_span(struct replay *r, uint32_t file)
{
	for (uint32_t i = file + 1; i < r->n_files; i++)
		if (r->files[i].blocks)
			return;
	r->last = r->readable;
	r->cut = true;
}

static int read_files(struct replay *r)
{
	struct replay_file *f = r->pass.early.file;
	uint32_t i = f ? (uint32_t)(f - r->files) : 0;
	uint64_t at = f ? r->pass.early.at : RECFILE_HEAD_SIZE;
	int err = 0;

	r->readable = 0;
	for (; i < r->n_files && err >= 0 && !r->pass.done; i++) {
		err = replay_blocks(r, &r->files[i], at, read_block);
		if (err == -EILSEQ) { /* told; the next file goes on */
			cut_span(r, i);
			err = 0;
		}
		at = RECFILE_HEAD_SIZE;
	}
	return err < 0 ? err : 0;
}

int replay_run(struct replay *r, const struct replay_callbacks *cb)
{
	static const struct replay_callbacks none;
	int err = start(r, cb ? cb : &none);

	if (!err)
		err = find_start(r);
	if (!err)
		err = read_files(r);
	r->pass.cb = &none;
	if (err)
		return fail(r, err);
	if (r->cut && (r->last < r->from || r->last < r->first))
		return replay_tell_nothing(r);
	replay_tell_missing(r);
	return 0;
}
