/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_recfile.c - recordings: each field of a request and of a state comes back as it went in.
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

#include "recorded.h"
#include "sample.h"

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
	assert_true(!r->error == !w->error && !r->stall.site == !w->stall.site);
	assert_true(!r->error || !site_compare(r->error, w->error));
	assert_true(!r->stall.site || !site_compare(r->stall.site, w->stall.site));
	assert_true(r->stall.ns == w->stall.ns && r->gil_wait == w->gil_wait && r->gc == w->gc);
}

static void test_request(void **state)
{
	struct sample *x = sample_new();
	struct recfile_writer *w = recfile_writer_new(1);
	struct compare c = {full_request(x), 0};
	struct sites *sites = sites_new(), *told = sites_new();
	const struct site *error = sites_get(sites, "a.B", "c.py:1 d", "e.py:2 f");
	const struct site *stall = sites_get(sites, "cpu", "g.py:3 h", "");
	struct recfile_sink sink = {.ctx = &c, .end = same_request};
	struct recfile_damage damage;
	struct recfile_info info;
	struct router *router = router_new(10);
	struct file f = {};

	(void)state;
	c.want.route->place = "app.py:7 item";
	for (unsigned bits = 0; bits < 512; bits++) { /* also what contradicts itself */
		c.want.output_lost = bits & 1;
		c.want.input_lost = bits & 2;
		c.want.late = bits & 4;
		c.want.received_all = bits & 8;
		c.want.received = bits & 16 ? 0 : c.want.arrived + 7;
		c.want.error = bits & 32 ? error : NULL;
		c.want.stall.site = bits & 64 ? stall : NULL;
		c.want.stall.ns = bits & 64 ? 5 * SEC : 0;
		c.want.gil_wait = bits & 128 ? 1 : 0;
		c.want.gc = bits & 256 ? 2 * SEC : 0;
		recfile_begin(w, &c.want);
		recfile_end(w, &c.want);
		f.n = f.n_blocks = 0;
		recfile_new_file(w);
		file_take(&f, w);
		assert_int_equal(recfile_read(f.p, f.n, router, told, &sink, &info, &damage), 0);
		assert_false(damage.damaged);
		assert_int_equal(info.requests, 1);
	}
	assert_int_equal(c.n, 512);
	free(f.p);
	sites_free(sites);
	sites_free(told);
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
	assert_string_equal(g->open[0].where, "db.py:88 get");
	assert_string_equal(g->held->where, "report.py:31 render");
	assert_true(g->held_ns == 42 && g->n_waits == 2);
	assert_true(g->waits[0].count == 37 && !g->waits[0].threads && g->waits[1].threads);
	assert_string_equal(g->waits[0].on, "Pool.acquire");
	assert_string_equal(g->waits[1].where, "b.py:2 g");
	assert_string_equal(g->waits[1].on, "");
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
	const struct summary_wait waits[] = {
		{.count = 37, .where = "db.py:88 get", .on = "Pool.acquire"},
		{.count = 2, .threads = true, .where = "b.py:2 g", .on = ""}};
	struct recfile_sink sink = {.ctx = x, .state = on_checked_state};
	struct sites *sites = sites_new(), *told = sites_new();
	struct recfile_damage damage;
	struct recfile_info info;
	struct router *router = router_new(10);
	struct file f = {};

	(void)state;
	fill(x);
	sample_open(x, "/hang", 4711, 3 * SEC, PHASE_APP);
	x->open[0].where = "db.py:88 get";
	x->s.held = sites_get(sites, "cpu", "report.py:31 render", "");
	x->s.held_ns = 42;
	x->s.waits = waits;
	x->s.n_waits = 2;
	x->s.deploys = &deploy;
	x->s.n_deploys = 1;
	recfile_state(w, &x->s);
	file_take(&f, w);
	assert_int_equal(recfile_read(f.p, f.n, router, told, &sink, &info, &damage), 0);
	assert_false(damage.damaged);
	assert_true(info.first == SAMPLE_FROM && info.last == x->s.now);
	free(f.p);
	sites_free(sites);
	sites_free(told);
	router_free(router);
	recfile_writer_free(w);
	sample_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_privacy),
		cmocka_unit_test(test_state),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
