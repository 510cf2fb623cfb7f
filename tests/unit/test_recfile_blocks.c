/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_recfile_blocks.c - the blocks of a recording: damage is named, and what comes before it is
 * used; each says what it needs of those before it.
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

#include "recfile_v1.h"
#include "recorded.h"
#include "sample.h"
#include "traffic.h"

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
	uint8_t head[RECFILE_HEAD_SIZE] = "\x89RSREC\r\n\x03";
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
	assert_string_equal(damage.text,
			    "its format is version 3, this reqscope reads versions 1 to 2");
}

/* Of what it did not tell nothing is known; it is not nothing. */
static void test_older(void **state)
{
	struct router *router = router_new(10);
	struct recfile_damage damage;
	struct recfile_info info;
	const struct summary *sum;
	struct side s;

	(void)state;
	side_init(&s, router);
	assert_int_equal(side_read(&s, recfile_v1, sizeof(recfile_v1), &info, &damage), 0);
	assert_false(damage.damaged);
	assert_int_equal(info.version, 1);
	assert_true(s.ended == 1 && s.stuck == 1 && s.states == 1);
	assert_true(!s.stalls && !s.backgrounds && !s.loops && !s.stats->loop.watched);
	assert_true(!s.stats->n_stalls && !s.stats->background.n);
	assert_int_equal(s.stats->status.class[5], 1);
	sum = kept_summary_get(s.kept);
	assert_true(sum->n_open == 1 && !sum->open[0].where && !sum->held && !sum->n_waits);
	side_free(&s);
	router_free(router);
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
	struct sites *sites = sites_new();
	struct recfile_reader *reader = recfile_reader_new(router, sites);
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
	sites_free(sites);
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
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_across_blocks),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_restored_routes),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
