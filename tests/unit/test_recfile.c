/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_recfile.c - recordings: what comes back is what went in, byte for byte in every output;
 * damage is named, and what comes before it is used.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <zlib.h>

#include "../../user/core/recfile.h"
#include "../../user/sink/sink.h"
#include "sample.h"
#include "traffic.h"

/* --- a file in memory */

struct file {
	uint8_t *p;
	size_t n;
	size_t block[64]; /* where they begin */
	unsigned n_blocks;
};

static void file_take(struct file *f, struct recfile_writer *w)
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

struct side {
	struct router *router;
	struct stats *stats;
	char *text;
	size_t size;
	FILE *f;
	struct kept_summary *kept;
	unsigned begun, ended, retracted, stuck, states;
	uint64_t last_id;
};

static const struct trace_context context = {.host = "h", .target = "t"};

static void side_init(struct side *s, struct router *router)
{
	*s = (struct side){.router = router, .stats = stats_new(), .kept = kept_summary_new()};
	s->f = open_memstream(&s->text, &s->size);
	assert_true(s->stats && s->kept && s->f);
}

static void side_free(struct side *s)
{
	fclose(s->f);
	free(s->text);
	stats_free(s->stats);
	kept_summary_free(s->kept);
}

static void side_begin(void *ctx, const struct request *r)
{
	struct side *s = ctx;

	s->begun++;
	stats_begin(s->stats, r);
}

static void side_end(void *ctx, const struct request *r)
{
	struct side *s = ctx;

	s->ended++;
	s->last_id = r->id;
	assert_int_equal(stats_end(s->stats, r), 0);
	sink_trace_json(s->f, &context, r);
}

static void side_retract(void *ctx, const struct request *r)
{
	struct side *s = ctx;

	s->retracted++;
	stats_retract(s->stats, r);
}

static void side_stuck(void *ctx, const struct request *r, uint64_t now)
{
	struct side *s = ctx;
	struct trace_context c = context;

	s->stuck++;
	c.now = now;
	sink_trace_json(s->f, &c, r);
}

static void side_state(void *ctx, const struct summary *sum)
{
	struct side *s = ctx;

	s->states++;
	kept_summary_set(s->kept, sum);
}

static int side_read(struct side *s, const void *p, size_t n, struct recfile_info *info,
		     struct recfile_damage *damage)
{
	const struct recfile_sink sink = {s,	      side_begin, side_end, side_retract,
					  side_stuck, side_state};

	return recfile_read(p, n, s->router, &sink, info, damage);
}

static char *json_of(const struct summary *s)
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
static char *json_of_side(struct side *s)
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

/* --- random traffic */

struct live {
	struct side side;
	struct recfile_writer *w;
	struct sample *sample;
	struct random random;
	struct file file;
	uint64_t now;
	struct tracer *tracer;
	struct traffic traffic;
};

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

static void live_end(void *ctx, const struct request *r)
{
	struct live *l = ctx;

	side_end(&l->side, r);
	recfile_end(l->w, r);
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

	if (random_chance(&l->random, 30)) {
		side_stuck(&l->side, r, l->now);
		recfile_stuck(l->w, r, l->now);
	}
	assert_true(s->n_open < SUMMARY_MAX_OPEN);
	l->sample->open[s->n_open++] = (struct summary_open){.id = r->id,
							     .request = r,
							     .age = request_age(r, l->now),
							     .phase = request_open_phase(r)};
}

static void live_state(struct live *l, struct tracer *t)
{
	struct summary *s = &l->sample->s;
	struct verdict_rules rules;

	s->n_open = 0;
	tracer_visit_open(t, live_open, l);
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
	struct request_sink sink = {l, live_begin, live_end, live_retract};
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

/* --- one of everything */

static struct request full_request(struct sample *x)
{
	struct request r = sample_request(x, "POST", "/items/7", 4712, 100, 2000, 30);

	r.end = REQ_OK;
	r.status = 503;
	r.status_seen = true;
	r.cache = HTTP1_CACHE_REVALIDATED;
	r.established = r.arrived - 500;
	r.accepted = r.arrived - 300;
	r.seen = r.read;
	r.conn = UINT64_C(0xffff888812345678);
	r.bytes_in = UINT64_C(1) << 40;
	r.bytes_out = 12;
	r.peer.family = AF_INET6;
	memcpy(r.peer.ip, "0123456789abcdef", 16);
	strcpy(r.http.host, "s3cret.example");
	strcpy(r.http.trace_id, "0af7651916cd43dd8448eb211c80319c");
	r.http.flags = HTTP1_F_AUTH | HTTP1_F_TRACE_ID | HTTP1_F_LENGTH | HTTP1_F_PATH_CUT;
	r.http.content_length = 99;
	return r;
}

struct compare {
	struct request want;
	unsigned n;
};

static void same_request(void *ctx, const struct request *r)
{
	struct compare *c = ctx;
	const struct request *w = &c->want;

	c->n++;
	assert_true(r->id == w->id && r->conn == w->conn && r->pid == w->pid && r->end == w->end);
	assert_true(r->received_all == w->received_all && r->head_seen == w->head_seen);
	assert_true(r->status_seen == w->status_seen && r->output_lost == w->output_lost);
	assert_true(r->input_lost == w->input_lost && r->late == w->late);
	assert_true(r->status == w->status && r->cache == w->cache);
	assert_true(r->established == w->established && r->accepted == w->accepted);
	assert_true(r->arrived == w->arrived && r->read == w->read && r->received == w->received);
	assert_true(r->head == w->head && r->done == w->done && r->ended == w->ended);
	assert_true(r->seen == w->seen);
	assert_true(r->bytes_in == w->bytes_in && r->bytes_out == w->bytes_out);
	assert_memory_equal(&r->peer, &w->peer, sizeof(r->peer));
	assert_string_equal(r->http.method, w->http.method);
	assert_int_equal(r->http.path_len, w->http.path_len);
	assert_memory_equal(r->http.path, w->http.path, w->http.path_len);
	assert_string_equal(r->http.trace_id, w->http.trace_id);
	assert_int_equal(r->http.flags & HTTP1_F_AUTH, w->http.flags & HTTP1_F_AUTH);
	assert_string_equal(r->route->template, "/items/{id}");
	assert_string_equal(r->route->method, "POST");
	assert_string_equal(r->route->place, "app.py:7 item");
}

static void test_request(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(1);
	struct compare c = {full_request(x), 0};
	struct recfile_sink sink = {.ctx = &c, .end = same_request};
	struct recfile_damage damage;
	struct recfile_info info;
	struct router *router = router_new(10);
	struct file f = {};

	(void)state;
	c.want.route->place = "app.py:7 item";
	for (unsigned bits = 0; bits < 32; bits++) { /* also what contradicts itself */
		c.want.output_lost = bits & 1;
		c.want.input_lost = bits & 2;
		c.want.late = bits & 4;
		c.want.received_all = bits & 8;
		c.want.received = bits & 16 ? 0 : c.want.arrived + 7;
		recfile_begin(w, &c.want);
		recfile_end(w, &c.want);
		f.n = f.n_blocks = 0;
		recfile_new_file(w);
		file_take(&f, w);
		assert_int_equal(recfile_read(f.p, f.n, router, &sink, &info, &damage), 0);
		assert_false(damage.damaged);
		assert_int_equal(info.requests, 1);
	}
	assert_int_equal(c.n, 32);
	free(f.p);
	router_free(router);
	recfile_writer_free(w);
	sample_free(x);
}

/* Everything of a block as it lies in the file, unpacked. */
static uint8_t *unpack(const struct file *f, unsigned i, uLongf *n)
{
	struct recfile_damage damage;
	struct recfile_block b;
	uint8_t *raw;

	assert_int_equal(recfile_block_read(f->p + f->block[i], &b, &damage), 0);
	*n = b.raw;
	raw = malloc(*n);
	assert_int_equal(uncompress(raw, n, f->p + f->block[i] + RECFILE_BLOCK_SIZE, b.packed),
			 Z_OK);
	return raw;
}

static void test_privacy(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(1);
	struct request r = full_request(x);
	struct file f = {};
	uint8_t *raw;
	uLongf n;

	(void)state;
	recfile_begin(w, &r);
	recfile_end(w, &r);
	file_take(&f, w);
	raw = unpack(&f, 0, &n);
	assert_non_null(memmem(raw, n, "/items/7", 8));
	assert_null(memmem(raw, n, "s3cret", 6)); /* the host is a header's value */
	free(raw);
	free(f.p);
	recfile_writer_free(w);
	sample_free(x);
}

static void fill(struct sample *x)
{
	struct summary *s = &x->s;

	s->host.kernel = NULL;
	s->target.python = "3.11.2";
	s->target.n_pids = 3;
	memcpy(x->pids, (uint32_t[]){4711, 4712, UINT32_MAX}, 12);
	x->ports[1] = 65535;
	s->target.n_ports = 2;
	x->generations[1] = (struct summary_generation){
		.pid = 9, .since_wall_ns = 1, .until_wall_ns = UINT64_MAX, .version = "v1.2"};
	s->target.n_generations = 2;
	x->listeners[1] = (struct summary_listener){.address = "unix:@x",
						    .counted = true,
						    .accept_queue = 3,
						    .backlog = 128,
						    .overflows = 7};
	s->n_listeners = 2;
	x->workers[0] = (struct summary_worker){4711, 2};
	s->workers = x->workers;
	s->n_workers = 1;
	saturation_unknown(&s->saturation);
	s->saturation.throttled = 0.25;
	s->saturation.fds = 1000;
	s->late.hung = 2;
	s->late.oldest = 5 * SEC;
	s->opaque.tls = 1;
	s->opaque.other = 4;
	s->tracer.dropped = 3;
	s->tracer.unattributed_drops = 2;
	s->tracer.routes_overflow = 11;
	s->stats->from = SAMPLE_FROM;
	s->stats->to = s->now;
	s->stats->ledger.not_http = 5;
	s->stats->ledger.evicted = 6;
	s->verdict.rules.slo_ms = 123.5;
}

static void check_state(void *ctx, const struct summary *g)
{
	const struct sample *x = ctx;
	const struct summary *w = &x->s;

	assert_null(g->host.kernel);
	assert_string_equal(g->host.name, w->host.name);
	assert_string_equal(g->target.python, "3.11.2");
	assert_int_equal(g->target.n_pids, 3);
	assert_memory_equal(g->target.pids, w->target.pids, 12);
	assert_int_equal(g->target.ports[1], 65535);
	assert_int_equal(g->target.n_generations, 2);
	assert_null(g->target.generations[0].version);
	assert_string_equal(g->target.generations[1].version, "v1.2");
	assert_true(g->target.generations[1].until_wall_ns == UINT64_MAX);
	assert_true(g->target.alive && g->target.listening);
	assert_string_equal(g->listeners[1].address, "unix:@x");
	assert_int_equal(g->listeners[1].overflows, 7);
	assert_true(!g->listeners[0].counted && g->listeners[1].counted);
	assert_true(g->n_workers == 1 && g->workers[0].open == 2);
	assert_true(isnan(g->saturation.run_queue) && g->saturation.throttled == 0.25);
	assert_true(g->saturation.fds == 1000 && g->saturation.fd_limit == SUMMARY_UNKNOWN);
	assert_true(g->deploys[0].before.requests == 77 && g->n_deploys == 1);
	assert_string_equal(g->deploys[0].after.version, "b");
	assert_memory_equal(&g->late, &w->late, sizeof(g->late));
	assert_memory_equal(&g->opaque, &w->opaque, sizeof(g->opaque));
	assert_int_equal(g->tracer.dropped, 3);
	assert_int_equal(g->tracer.unattributed_drops, 2);
	assert_int_equal(g->tracer.routes_overflow, 11);
	assert_string_equal(g->tracer.features[0].state, "sk_data_ready");
	assert_memory_equal(&g->stats->ledger, &w->stats->ledger, sizeof(struct ledger));
	assert_true(g->stats->from == w->stats->from && g->now == w->now &&
		    g->seconds == w->seconds);
	assert_true(g->start_wall_ns == w->start_wall_ns && g->wall_offset == w->wall_offset);
	assert_true(g->verdict.rules.slo_ms == 123.5);
	assert_int_equal(g->n_open, 1);
	assert_true(g->open[0].age == 3 * SEC && g->open[0].phase == PHASE_APP);
	assert_memory_equal(g->open[0].request->http.path, "/hang", 5);
}

/* As read, and as a copy of that. */
static void on_checked_state(void *ctx, const struct summary *s)
{
	struct kept_summary *k = kept_summary_new();

	check_state(ctx, s);
	kept_summary_set(k, s);
	check_state(ctx, kept_summary_get(k));
	kept_summary_free(k);
}

static void test_state(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(1);
	struct summary_deploy deploy = {
		.at_wall_ns = 5, .before = {"a", 1, 2, 77}, .after = {"b", 3, 4, 0}};
	struct recfile_sink sink = {.ctx = x, .state = on_checked_state};
	struct recfile_damage damage;
	struct recfile_info info;
	struct router *router = router_new(10);
	struct file f = {};

	(void)state;
	fill(x);
	sample_open(x, "/hang", 4711, 3 * SEC, PHASE_APP);
	x->s.deploys = &deploy;
	x->s.n_deploys = 1;
	recfile_state(w, &x->s);
	file_take(&f, w);
	assert_int_equal(recfile_read(f.p, f.n, router, &sink, &info, &damage), 0);
	assert_false(damage.damaged);
	assert_true(info.first == SAMPLE_FROM && info.last == x->s.now);
	free(f.p);
	router_free(router);
	recfile_writer_free(w);
	sample_free(x);
}

/* --- blocks */

/* A file of `n` blocks, each of which ends `each` requests. */
static struct file some_file(struct sample *x, unsigned n, unsigned each)
{
	struct recfile_writer *w = recfile_writer_new(7);
	struct file f = {};

	for (unsigned i = 0; i < n; i++) {
		recfile_state(w, &x->s);
		for (unsigned k = 0; k < each; k++) {
			struct request r =
				sample_request(x, "GET", k & 1 ? "/a" : "/b/1", 5, 10, 20, 30);

			r.arrived += k * 1000;
			recfile_begin(w, &r);
			r.end = REQ_OK;
			r.status = 200;
			r.status_seen = true;
			recfile_end(w, &r);
		}
		file_take(&f, w);
	}
	recfile_writer_free(w);
	return f;
}

/* How many requests come out, and that nothing comes twice or out of order. */
static unsigned read_some(const uint8_t *p, size_t n, struct recfile_damage *damage, int *err)
{
	struct router *router = router_new(10);
	struct recfile_info info;
	struct side s;
	unsigned ended;

	side_init(&s, router);
	*err = side_read(&s, p, n, &info, damage);
	ended = s.ended;
	assert_int_equal(s.begun, ended);
	side_free(&s);
	router_free(router);
	return ended;
}

/* Cut anywhere: the blocks before are whole, and the offset is that of the one that is not. */
static void test_truncated(void **state)
{
	struct sample *x = sample_new();
	struct file f = some_file(x, 3, 10);
	struct recfile_damage damage;
	int err;

	(void)state;
	for (size_t n = 0; n < f.n; n++) {
		uint8_t *copy =
			malloc(n ? n : 1); /* exactly that long: the sanitizer sees a byte beyond */
		unsigned whole = 0, ended;

		memcpy(copy, f.p, n);
		while (whole + 1 < f.n_blocks && n >= f.block[whole + 1])
			whole++;
		ended = read_some(copy, n, &damage, &err);
		free(copy);
		if (n < RECFILE_HEAD_SIZE) {
			assert_int_equal(err, -EINVAL);
			assert_true(damage.damaged && damage.text[0]);
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(ended, whole * 10);
		if (n ==
		    f.block[whole]) { /* between two blocks: nothing tells that more was to come */
			assert_false(damage.damaged);
			continue;
		}
		assert_true(damage.damaged);
		assert_int_equal(damage.offset, f.block[whole]);
	}
	free(f.p);
	sample_free(x);
}

/* Whatever bit is flipped, it is noticed, and what comes before its block is used. */
static void test_flipped(void **state)
{
	struct sample *x = sample_new();
	struct file f = some_file(x, 2, 5);
	struct recfile_damage damage;
	int err;

	(void)state;
	for (size_t i = 0; i < f.n * 8; i++) {
		unsigned ended;

		f.p[i / 8] ^= 1u << i % 8;
		ended = read_some(f.p, f.n, &damage, &err);
		f.p[i / 8] ^= 1u << i % 8;
		assert_true(damage.damaged);
		assert_int_equal(err, i / 8 < RECFILE_HEAD_SIZE ? -EINVAL : 0);
		if (err)
			continue;
		assert_int_equal(ended, i / 8 < f.block[1] ? 0 : 5);
		assert_int_equal(damage.offset, f.block[i / 8 >= f.block[1]]);
	}
	free(f.p);
	sample_free(x);
}

static void test_foreign(void **state)
{
	struct recfile_damage damage;
	uint8_t head[RECFILE_HEAD_SIZE] = "\x89RSREC\r\n\x02";
	int err;

	(void)state;
	read_some((const uint8_t *)"", 0, &damage, &err);
	assert_int_equal(err, -EINVAL);
	assert_string_equal(damage.text, "it is empty");
	read_some((const uint8_t *)"PK\3\4 no recording \x1b[2J", 20, &damage, &err);
	assert_int_equal(err, -EINVAL);
	assert_string_equal(damage.text, "it is no recording: it begins with \"PK\\x03\\x04 no \"");
	read_some(head, sizeof(head), &damage, &err);
	assert_int_equal(err, -EINVAL);
	assert_string_equal(damage.text, "its format is version 2, this reqscope reads version 1");
}

/* Heads that fit their checksum and claim what cannot be. */
static void test_forged(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} lies[] = {{7, 0x7f},	{11, 0x7f}, {23, 0xff}, {31, 0xff},
		    {39, 0x40}, {47, 0x40}, {55, 0x7f}};
	struct sample *x = sample_new();
	struct file f = some_file(x, 1, 1);
	struct recfile_damage damage;
	struct recfile_block b;

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		uint8_t copy[RECFILE_BLOCK_SIZE];
		uint32_t crc;

		memcpy(copy, f.p + f.block[0], sizeof(copy));
		copy[lies[i].at] = lies[i].value;
		crc = (uint32_t)crc32(0, copy, sizeof(copy) - 4);
		for (int k = 0; k < 4; k++)
			copy[sizeof(copy) - 4 + k] = (uint8_t)(crc >> 8 * k);
		assert_int_equal(recfile_block_read(copy, &b, &damage), -EINVAL);
		assert_string_equal(damage.text, "the head of a block says what cannot be");
	}
	free(f.p);
	sample_free(x);
}

/* Begun in one block, ended or taken back in another: each head tells what was before it. */
static void test_across_blocks(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(7);
	struct request a = sample_request(x, "GET", "/a", 5, 10, 20, 30), b = a, c = a;
	struct recfile_damage damage;
	struct recfile_info info;
	struct recfile_block head;
	struct router *router = router_new(10);
	struct file f = {};
	struct side s;

	(void)state;
	side_init(&s, router);
	b.id = 50;
	c.id = 51;
	recfile_begin(w, &a);
	recfile_begin(w, &b);
	recfile_begin(w, &c);
	recfile_retract(w, &c);
	file_take(&f, w);
	a.end = REQ_CLIENT_CLOSED;
	recfile_end(w, &a);
	file_take(&f, w);
	recfile_retract(w, &b);
	file_take(&f, w);
	recfile_begin(w, &c);
	file_take(&f, w);
	assert_int_equal(side_read(&s, f.p, f.n, &info, &damage), 0);
	assert_false(damage.damaged);
	assert_true(s.begun == 3 && s.ended == 1 && s.retracted == 1);
	assert_true(s.stats->ledger.open == 1 && ledger_balances(&s.stats->ledger));
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned begun[] = {0, 2, 2, 1}, ended[] = {0, 0, 1, 1};

		assert_int_equal(recfile_block_read(f.p + f.block[i], &head, &damage), 0);
		assert_int_equal(head.number, i);
		assert_int_equal(head.begun, begun[i]);
		assert_int_equal(head.ended, ended[i]);
		assert_int_equal(head.requests, i == 1);
		assert_true(head.wall_offset == 7 && !head.has_state);
		assert_true(head.first <= head.last);
	}
	side_free(&s);
	router_free(router);
	free(f.p);
	recfile_writer_free(w);
	sample_free(x);
}

/* More of everything than the dictionaries take: paths, connections, routes, kinds. */
static void test_many(void **state)
{
	struct sample *x = sample_new();
	struct router *live = router_new(400), *router = router_new(400);
	struct recfile_writer *w = recfile_writer_new(7);
	struct recfile_damage damage;
	struct recfile_info info;
	struct file f = {};
	struct side want, got;
	char path[32];

	(void)state;
	side_init(&want, live);
	side_init(&got, router);
	for (unsigned i = 0; i < 20000; i++) {
		struct request r = sample_request(x, "GET", "/x", i % 300, 10, 20 + i, 30);

		snprintf(path, sizeof(path), "/%u/n%c%c", i % 15000, 'a' + i % 15,
			 'a' + i / 15 % 15);
		r.http.path_len = (uint16_t)strlen(path);
		memcpy(r.http.path, path, r.http.path_len);
		r.route = router_match(live, i & 1 ? "GET" : "PUT", r.http.path, r.http.path_len);
		r.conn = i % 11000;
		r.end = REQ_OK;
		r.status = (uint16_t)(200 + i % 57);
		r.status_seen = true;
		side_begin(&want, &r);
		side_end(&want, &r);
		recfile_begin(w, &r);
		recfile_end(w, &r);
		if (recfile_pending(w) > 500000)
			file_take(&f, w);
	}
	file_take(&f, w);
	assert_true(f.n_blocks < 8);
	assert_int_equal(side_read(&got, f.p, f.n, &info, &damage), 0);
	assert_false(damage.damaged);
	fflush(want.f);
	fflush(got.f);
	assert_string_equal(want.text, got.text);
	side_free(&want);
	side_free(&got);
	router_free(live);
	router_free(router);
	free(f.p);
	recfile_writer_free(w);
	sample_free(x);
}

/* A level that folds after requests were counted below it: the replay's routes fold as well. */
static void test_folded(void **state)
{
	struct sample *x = sample_new();
	struct router *live = router_new(50), *router = router_new(50);
	struct recfile_writer *w = recfile_writer_new(7);
	struct recfile_damage damage;
	struct recfile_info info;
	struct file f = {};
	struct side want, got;
	char path[32], *a, *b;

	(void)state;
	side_init(&want, live);
	side_init(&got, router);
	for (unsigned i = 0; i < 200; i++) {
		struct request r = sample_request(x, "GET", "/x", 1, 10, 20 + i, 30);

		snprintf(path, sizeof(path), "/u/name%c%c", 'a' + i % 20, 'a' + i / 20);
		r.http.path_len = (uint16_t)strlen(path);
		memcpy(r.http.path, path, r.http.path_len);
		r.route = router_match(live, "GET", r.http.path, r.http.path_len);
		r.end = REQ_OK;
		side_begin(&want, &r);
		side_end(&want, &r);
		recfile_begin(w, &r);
		recfile_end(w, &r);
		if (i % 30 == 0)
			file_take(&f, w);
	}
	assert_int_equal(stats_fold_routes(want.stats), 0);
	stats_free(x->s.stats);
	x->s.stats = want.stats;
	want.stats->to = x->s.now;
	recfile_state(w, &x->s);
	file_take(&f, w);
	a = json_of(&x->s);
	x->s.stats = NULL;
	assert_int_equal(side_read(&got, f.p, f.n, &info, &damage), 0);
	assert_false(damage.damaged);
	b = json_of_side(&got);
	assert_non_null(strstr(a, "{*}"));
	assert_null(strstr(a, "nameaa"));
	assert_string_equal(strstr(a, "\"routes\""), strstr(b, "\"routes\""));
	free(a);
	free(b);
	side_free(&want);
	side_free(&got);
	router_free(live);
	router_free(router);
	free(f.p);
	recfile_writer_free(w);
	sample_free(x);
}

/* What nobody takes is refused in the end, and the next head tells how much is missing. */
static void test_refused(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(7);
	struct recfile_damage damage;
	struct recfile_block head;
	struct file f = {};
	const void *bytes;
	size_t n = 1;
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		struct request r = sample_request(x, "GET", "/x", 1, 10, 20, 30);

		snprintf(path, sizeof(path), "/some/path/%u", i);
		r.http.path_len = (uint16_t)strlen(path);
		memcpy(r.http.path, path, r.http.path_len);
		recfile_begin(w, &r);
		r.end = REQ_OK;
		recfile_end(w, &r);
	}
	assert_true(recfile_pending(w) < 1 << 20);
	assert_int_equal(recfile_take(w, &bytes, &n), -EFBIG);
	assert_int_equal(n, 0);
	recfile_state(w, &x->s);
	file_take(&f, w);
	assert_int_equal(recfile_block_read(f.p + f.block[0], &head, &damage), 0);
	assert_true(head.begun == 60000 && head.ended == 60000 && head.number == 1);
	free(f.p);
	recfile_writer_free(w);
	sample_free(x);
}

/* Stamps moved to another clock; what is not known stays so. */
static void shifted(void *ctx, const struct request *r)
{
	const struct request *w = ctx;

	assert_true(r->ended == w->ended + 1000 && r->seen == w->seen + 1000 && !r->established);
}

static void test_shift(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(7);
	struct request r = sample_request(x, "GET", "/a", 5, 10, 20, 30);
	struct recfile_sink sink = {.ctx = &r, .end = shifted};
	struct router *router = router_new(10);
	struct recfile_reader *reader = recfile_reader_new(router);
	struct recfile_damage damage;
	struct recfile_block head;
	struct file f = {};

	(void)state;
	recfile_begin(w, &r);
	r.end = REQ_OK;
	recfile_end(w, &r);
	file_take(&f, w);
	assert_int_equal(recfile_block_read(f.p + f.block[0], &head, &damage), 0);
	assert_int_equal(recfile_reader_block(reader, &head, f.p + f.block[0] + RECFILE_BLOCK_SIZE,
					      1000, &sink, &damage),
			 0);
	recfile_reader_free(reader);
	router_free(router);
	free(f.p);
	recfile_writer_free(w);
	sample_free(x);
}

/* Routes as a forger may name them: bounded, never in a circle. */
static void test_restored_routes(void **state)
{
	struct router *r = router_new(6);
	struct route *other = router_get(r, 0), *a, *b, *c;
	char long_one[ROUTE_TEMPLATE_MAX + 1];

	(void)state;
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	a = router_restore(r, "GET", "/a", NULL);
	b = router_restore(r, "GET", "/b", "x.py:1 f");
	c = router_restore(r, "MKCOL", "/c", NULL);
	assert_ptr_equal(router_restore(r, "GET", "/a", "x.py:2 g"), a);
	assert_string_equal(a->place, "x.py:2 g");
	assert_string_equal(c->method, "MKCOL");
	assert_ptr_equal(router_restore(r, "*", "other", NULL), other);
	assert_ptr_equal(router_restore(r, "GET", long_one, NULL), other);
	router_restore_fold(a, b);
	router_restore_fold(b, c);
	router_restore_fold(c, a);
	router_restore_fold(other, a);
	assert_ptr_equal(route_final(a), c);
	assert_ptr_equal(route_final(other), other);
	router_restore_fold(a, a);
	assert_ptr_equal(route_final(a), a);
	router_restore(r, "GET", "/d", NULL);
	router_restore(r, "GET", "/e", NULL);
	assert_ptr_equal(router_restore(r, "GET", "/f", NULL), other);
	router_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_privacy),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_across_blocks),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_restored_routes),
		cmocka_unit_test(test_traffic),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
