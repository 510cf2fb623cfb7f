/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_recfile_traffic.c - recordings of random traffic, and of what an interpreter may tell of it:
 * what comes back is what went in, byte for byte in every output.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorded.h"
#include "sample.h"
#include "traffic.h"

struct live {
	struct side side;
	struct recfile_writer *w;
	struct sample *sample;
	struct random random;
	struct file file;
	uint64_t now;
	struct tracer *tracer;
	struct traffic traffic;
	struct summary_wait waits[SUMMARY_MAX_WAITS];
};

static const char *some_place(struct live *l)
{
	static const char *const places[] = {"shop/db.py:88 acquire", "/app/\x1b[2J.py:1 f",
					     "a.py:7 \xc3\xa9t\xc3\xa9", ""};

	return places[random_below(&l->random, 4)];
}

static const struct site *some_site(struct live *l)
{
	static const char *const types[] = {"cpu", "syscall", "gil", "gc", "unknown", "a.b.Error"};

	return sites_get(l->side.sites, types[random_below(&l->random, 6)], some_place(l),
			 some_place(l));
}

/* What is told of no request. */
static void live_tell(struct live *l)
{
	struct stall stall = {.pid = random_below(&l->random, 3), .site = some_site(l)};
	struct loop_time delta = {.watched = random_below(&l->random, 2000000000),
				  .gil = random_below(&l->random, 1000),
				  .gil_waits = random_below(&l->random, 3),
				  .gil_known = random_chance(&l->random, 90),
				  .gc_known = random_chance(&l->random, 90)};

	switch (random_below(&l->random, 3)) {
	case 0:
		stall.end = l->now;
		stall.start =
			l->now - random_below(&l->random, (uint32_t)(l->now < 900 ? l->now : 900));
		if (random_chance(&l->random, 50))
			stall.route =
				router_get(l->side.router,
					   random_below(&l->random, router_count(l->side.router)));
		if (stall.route)
			stall.route = route_final((struct route *)stall.route);
		side_stall(&l->side, &stall);
		recfile_stall(l->w, &stall);
		break;
	case 1:
		side_background(&l->side, stall.site, l->now);
		recfile_background(l->w, stall.site, l->now);
		break;
	default:
		delta.busy = delta.watched / 2;
		delta.gc = delta.gc_known ? random_below(&l->random, 1000) : 0;
		delta.gc_runs = delta.gc_known;
		side_loop(&l->side, &delta, l->now);
		recfile_loop(l->w, &delta, l->now);
	}
}

static void live_maybe_take(struct live *l)
{
	if (random_chance(&l->random, 5))
		file_take(&l->file, l->w);
}

static void live_begin(void *ctx, const struct request *r)
{
	struct live *l = ctx;

	side_begin(&l->side, r);
	recfile_begin(l->w, r);
	live_maybe_take(l);
}

/* What the interpreter told of it. */
static void annotate(struct live *l, struct request *r)
{
	if (r->status_seen && r->status >= 400 && random_chance(&l->random, 70))
		r->error = some_site(l);
	if (random_chance(&l->random, 20)) {
		r->stall.site = some_site(l);
		r->stall.ns = random_below(&l->random, 1000);
	}
	if (random_chance(&l->random, 20))
		r->gil_wait = random_below(&l->random, 1000);
	if (random_chance(&l->random, 20))
		r->gc = random_below(&l->random, 1000);
}

static void live_end(void *ctx, const struct request *request)
{
	struct live *l = ctx;
	struct request r = *request;

	annotate(l, &r);
	side_end(&l->side, &r);
	recfile_end(l->w, &r);
	live_maybe_take(l);
}

static void live_retract(void *ctx, const struct request *r)
{
	struct live *l = ctx;

	side_retract(&l->side, r);
	recfile_retract(l->w, r);
	live_maybe_take(l);
}

static void live_open(void *ctx, struct request *r)
{
	struct live *l = ctx;
	struct summary *s = &l->sample->s;
	const char *where = some_place(l);

	where = *where ? where : NULL;
	if (random_chance(&l->random, 30)) {
		side_stuck(&l->side, r, l->now, where);
		recfile_stuck(l->w, r, l->now, where);
	}
	assert_true(s->n_open < SUMMARY_MAX_OPEN);
	l->sample->open[s->n_open++] = (struct summary_open){.id = r->id,
							     .request = r,
							     .age = request_age(r, l->now),
							     .phase = request_open_phase(r),
							     .where = where};
}

/* What the interpreter told of this moment. */
static void live_waits(struct live *l)
{
	struct summary *s = &l->sample->s;

	s->held = random_chance(&l->random, 30) ? some_site(l) : NULL;
	s->held_ns = s->held ? random_below(&l->random, 1000000000) : 0;
	s->n_waits = random_below(&l->random, SUMMARY_MAX_WAITS + 1);
	s->waits = l->waits;
	for (uint32_t i = 0; i < s->n_waits; i++)
		l->waits[i] = (struct summary_wait){.count = 1 + random_below(&l->random, 100),
						    .threads = random_chance(&l->random, 50),
						    .where = some_place(l),
						    .on = some_place(l)};
}

static void live_state(struct live *l, struct tracer *t)
{
	struct summary *s = &l->sample->s;
	struct verdict_rules rules;

	s->n_open = 0;
	tracer_visit_open(t, live_open, l);
	live_waits(l);
	stats_free(s->stats);
	s->stats = l->side.stats;
	s->stats->from = 0;
	s->stats->to = s->now = l->now;
	s->seconds = (double)l->now / 1e9;
	verdict_rules_default(&rules);
	verdict_decide(s, &rules);
	recfile_state(l->w, s);
}

static void live_run(struct live *l, uint64_t seed)
{
	struct tracer_options o = {.max_conns = 64, .max_open = 64};
	struct request_sink sink = {
		.ctx = l, .begin = live_begin, .end = live_end, .retract = live_retract};
	struct tracer *t = tracer_new(&o, l->side.router, &sink);
	const struct traffic_event *e;

	l->tracer = t;
	traffic_generate(&l->traffic, seed,
			 seed % 3 == 1	 ? TRAFFIC_LATE
			 : seed % 3 == 2 ? TRAFFIC_LARGE
					 : 0);
	for (size_t i = 0; i < l->traffic.n_events; i++) {
		e = &l->traffic.events[i];
		assert_int_equal(tracer_event(t, e->data, e->size), 0);
		l->now = e->at > l->now ? e->at : l->now;
		if (l->now && random_chance(&l->random, 10))
			live_tell(l);
		if (random_chance(&l->random, 3)) {
			live_state(l, t);
			l->sample->s.stats = NULL;
		}
	}
	tracer_settle(t);
	tracer_settle(t);
	l->now += 1000;
	live_state(l, t);
	assert_int_equal(stats_fold_routes(l->side.stats), 0);
	file_take(&l->file, l->w);
}

static bool same_errors(const struct error_counts *a, const struct error_counts *b)
{
	if (a->n != b->n || a->rest != b->rest)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->items[i].count != b->items[i].count ||
		    a->items[i].status != b->items[i].status ||
		    site_compare(a->items[i].site, b->items[i].site))
			return false;
	return true;
}

/* Also what no sink shows. */
static bool stats_told_same(const struct stats *a, const struct stats *b)
{
	if (memcmp(&a->loop, &b->loop, sizeof(a->loop)) || a->n_stalls != b->n_stalls)
		return false;
	for (uint32_t i = 0; i < a->n_stalls; i++)
		if (a->stalls[i].count != b->stalls[i].count ||
		    a->stalls[i].max != b->stalls[i].max ||
		    a->stalls[i].total != b->stalls[i].total ||
		    a->stalls[i].waited != b->stalls[i].waited ||
		    a->stalls[i].victims != b->stalls[i].victims ||
		    site_compare(a->stalls[i].site, b->stalls[i].site))
			return false;
	return same_errors(&a->background, &b->background) &&
	       same_errors(&a->routeless, &b->routeless);
}

/* One summary live and one through a file; the tracer's open requests are in both. */
static void run_seed(uint64_t seed)
{
	struct live l = {.random = {seed}, .w = recfile_writer_new(5)};
	struct recfile_damage damage;
	struct recfile_info info;
	struct router *router = router_new(100);
	struct side back;
	char *want, *got;

	l.sample = sample_new();
	stats_free(l.sample->s.stats);
	l.sample->s.stats = NULL;
	side_init(&l.side, router_new(100));
	side_init(&back, router);
	live_run(&l, seed);
	want = json_of(&l.sample->s);
	assert_int_equal(side_read(&back, l.file.p, l.file.n, &info, &damage), 0);
	assert_false(damage.damaged);
	got = json_of_side(&back);
	fflush(back.f);
	fflush(l.side.f);
	if (strcmp(want, got) || strcmp(l.side.text, back.text)) {
		fprintf(stderr, "%s%s%s%s", want, got, l.side.text, back.text);
		fail_msg("seed %lu: what comes back is not what went in", (unsigned long)seed);
	}
	assert_true(back.stalls == l.side.stalls && back.loops == l.side.loops &&
		    back.backgrounds == l.side.backgrounds);
	assert_true(stats_told_same(back.stats, l.side.stats));
	assert_int_equal(info.requests, l.side.ended);
	assert_int_equal(info.blocks, l.file.n_blocks);
	assert_true(ledger_balances(&back.stats->ledger));
	free(want);
	free(got);
	l.sample->s.stats = NULL;
	tracer_free(l.tracer);
	traffic_free(&l.traffic);
	router_free(l.side.router);
	side_free(&l.side);
	side_free(&back);
	router_free(router);
	sample_free(l.sample);
	recfile_writer_free(l.w);
	free(l.file.p);
}

static void test_traffic(void **state)
{
	const char *seeds = getenv("RS_SEEDS");
	uint64_t n = seeds ? strtoull(seeds, NULL, 10) : 400;

	(void)state;
	for (uint64_t seed = 1; seed <= n; seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
