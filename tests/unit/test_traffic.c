// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_traffic.c - random traffic through the core: what is reported is what was, exactly.
 *
 * RS_SEED=N runs one seed and shows its events; RS_SEEDS=N runs that many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traffic.h"

static const char *differs(const struct traffic_truth *t, const struct request *r)
{
	const struct request *w = &t->r;

	if (r->end != w->end)
		return "end";
	if (r->status != w->status || r->status_seen != w->status_seen)
		return "status";
	if (r->head_seen != w->head_seen)
		return "head_seen";
	if (r->head_seen &&
	    (strcmp(r->http.method, w->http.method) || r->http.path_len != w->http.path_len ||
	     strcmp(r->http.path, w->http.path)))
		return "method or path";
	if (r->head_seen && !r->route)
		return "route";
	if (r->arrived != w->arrived && (!t->arrived_free || r->arrived))
		return "arrived";
	if (r->received_all != w->received_all)
		return "received_all";
	if (r->received != w->received && (!t->received_free || r->received))
		return "received";
	if (r->read != w->read)
		return "read";
	if (r->head != w->head)
		return "head";
	if (r->done != w->done)
		return "done";
	if (r->accepted != w->accepted || r->established != w->established)
		return "accepted";
	if (r->end && r->ended != w->ended)
		return "ended";
	if (r->bytes_in != w->bytes_in || r->bytes_out != w->bytes_out)
		return "bytes";
	return NULL;
}

struct opens {
	struct request list[64];
	uint32_t n;
};

static void take_open(void *ctx, struct request *r)
{
	struct opens *o = ctx;

	assert_true(o->n < 64);
	o->list[o->n++] = *r;
}

/* What the kernel held at `at`. It is compared when what was in the ring then has been taken, with
   what came while that was done. */
struct census {
	struct rs_census list[4];
	size_t n;
	uint64_t at;
	uint32_t left; /* events that come before it is compared */
};

static void census_take(struct census *k, struct harness *h, const struct traffic *t, uint64_t at,
			uint32_t left)
{
	*k = (struct census){.at = at, .left = left};
	k->n = traffic_census(t, at, k->list);
	tracer_census_begin(h->tracer, at);
}

static void census_compare(struct census *k, struct harness *h)
{
	for (size_t i = 0; i < k->n; i++)
		tracer_census_conn(h->tracer, &k->list[i]);
	tracer_census_end(h->tracer, k->at);
	k->at = 0;
}

/* All events, and now and then a census between them. */
static void replay(struct harness *h, const struct traffic *t)
{
	struct random r = {t->seed};
	uint32_t censuses = random_chance(&r, 50) ? 0 : 1 + random_below(&r, 20);
	struct census k = {};

	for (size_t i = 0; i < t->n_events; i++) {
		assert_int_equal(tracer_event(h->tracer, t->events[i].data, t->events[i].size), 0);
		if (!k.at && random_chance(&r, censuses))
			census_take(&k, h, t, t->events[i].at,
				    random_chance(&r, 50) ? 0 : random_below(&r, 40));
		if (k.at && !k.left--)
			census_compare(&k, h);
	}
	if (k.at)
		census_compare(&k, h);
	census_take(&k, h, t, 1ULL << 60, 0);
	census_compare(&k, h);
	tracer_settle(h->tracer); /* nothing is waited for any more */
	tracer_settle(h->tracer);
}

/* The reported request of the i-th counted one on its connection; ended ones come first. */
static const struct request *reported(const struct harness *h, const struct opens *o, uint64_t conn,
				      uint32_t i)
{
	const struct request *open = NULL;

	for (uint32_t j = 0; j < h->n_ended; j++)
		if (h->ended[j].conn == conn && !i--)
			return &h->ended[j];
	/* the oldest open ones follow, by their ids */
	for (uint64_t after = 0;; after = open->id) {
		open = NULL;
		for (uint32_t j = 0; j < o->n; j++)
			if (o->list[j].conn == conn && o->list[j].id > after &&
			    (!open || o->list[j].id < open->id))
				open = &o->list[j];
		if (!open || !i--)
			return open;
	}
}

static bool is_noise(const struct traffic *t, const struct request *r)
{
	return !t->conns[r->conn - 1].http && !r->head_seen && r->end != REQ_OK;
}

/* As long as too few of them have been read, bytes that are no HTTP pass for a request. */
static uint32_t noise(const struct harness *h, const struct opens *o, const struct traffic *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n_ended; i++)
		n += is_noise(t, &h->ended[i]);
	for (uint32_t i = 0; i < o->n; i++)
		n += is_noise(t, &o->list[i]);
	return n;
}

static const char *compare(const struct harness *h, const struct opens *o, const struct traffic *t)
{
	uint32_t i = 0, conn = UINT32_MAX, counted = 0;
	const char *what;

	for (size_t j = 0; j < t->n_truth; j++) {
		const struct request *r;

		if (!t->truth[j].counted)
			continue;
		counted++;
		i = t->truth[j].conn == conn ? i + 1 : 0;
		conn = t->truth[j].conn;
		r = reported(h, o, t->conns[conn].id, i);
		what = r ? differs(&t->truth[j], r) : "a request is missing";
		if (!what)
			continue;
		traffic_print_request("want", &t->truth[j].r);
		if (r)
			traffic_print_request("got ", r);
		return what;
	}
	if (h->begun - h->retracted != h->n_ended + o->n)
		return "the ledger does not balance";
	return counted + noise(h, o, t) == h->n_ended + o->n ? NULL : "requests that never were";
}

static const char *check_counts(const struct harness *h, const struct traffic *t)
{
	const struct tracer_counts *c = tracer_counts(h->tracer);

	if (c->gaps || c->lost || c->malformed || c->evicted || c->late_attached)
		return "counts of losses";
	return c->events == t->n_events ? NULL : "count of events";
}

static bool run_exact(uint64_t seed, bool print)
{
	struct traffic t;
	struct harness h;
	struct opens o = {};
	const char *what;

	traffic_generate(&t, seed, 0);
	harness_init(&h);
	if (print)
		traffic_print(&t);
	replay(&h, &t);
	tracer_visit_open(h.tracer, take_open, &o);
	what = compare(&h, &o, &t);
	if (!what)
		what = check_counts(&h, &t);
	if (what)
		fprintf(stderr, "RS_SEED=%lu: %s\n", seed, what);
	for (uint32_t i = 0; print && i < h.n_ended; i++)
		traffic_print_request("  ended", &h.ended[i]);
	for (uint32_t i = 0; print && i < o.n; i++)
		traffic_print_request("  open ", &o.list[i]);
	harness_free(&h);
	traffic_free(&t);
	return !what;
}

/* ---- one exchange, cut everywhere */

struct exchange {
	const char *name, *in, *interim, *out;
	const char *method, *path;
	uint16_t status;
	bool upgrade;
	const char *frames; /* of an upgrade */
};

#define EVIL "GET /evil HTTP/1.1\r\n\r\n"
static const struct exchange exchanges[] = {
	{"get", "GET /a?q=1 HTTP/1.1\r\nHost: x\r\n\r\n", "",
	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", "/a", 200, false, ""},
	{"a body like a request", "POST /b HTTP/1.1\r\nContent-Length: 22\r\n\r\n" EVIL, "",
	 "HTTP/1.1 201 Created\r\nContent-Length: 22\r\n\r\n" EVIL, "POST", "/b", 201, false, ""},
	{"chunks",
	 "\r\nPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"1\"\r\nabc\r\n016\r\n" EVIL
	 "\r\n0\r\nX-Sum: 1\r\n\r\n",
	 "",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;y\r\n0\r\n\r\r\n0\r\nX-Sum: "
	 "1\r\n\r\n",
	 "PUT", "/c", 200, false, ""},
	{"head", "HEAD /d HTTP/1.1\r\n\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
	 "HEAD", "/d", 200, false, ""},
	{"no content", "DELETE /e HTTP/1.1\r\n\r\n", "",
	 "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", "DELETE", "/e", 204, false, ""},
	{"interim", "GET /f HTTP/1.1\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
	 "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "GET", "/f", 500, false, ""},
	{"until close", "GET /g HTTP/1.0\r\n\r\n", "",
	 "HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 500 Evil\r\n\r\n", "GET", "/g", 200, false, ""},
	{"upgrade", "GET /h HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "",
	 "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n", "GET", "/h", 101, true, EVIL},
};

/* Stamps: the two parts arrive at 10 and 12 and are read at 11 and 13, leave at 20 and 30. */
static const char *check_cut(const struct exchange *x, const struct request *r, uint32_t in,
			     uint32_t out)
{
	uint32_t start = strspn(x->in, "\r\n"), head = strlen(x->interim);
	uint32_t end = head + strlen(x->out);

	if (r->end != (x->upgrade ? REQ_UPGRADED : REQ_OK) || r->status != x->status)
		return "end or status";
	if (strcmp(r->http.method, x->method) || strcmp(r->http.path, x->path))
		return "method or path";
	if (r->arrived != (start < in ? 10 : 12) || r->read != (start < in ? 11 : 13))
		return "arrived or read";
	if (r->received != (strlen(x->in) <= in ? 10 : 12))
		return "received";
	if (r->head != (head < out ? 20 : 30))
		return "head";
	return r->ended == (end <= out ? 20 : 30) ? NULL : "done";
}

static void run_cut(const struct exchange *x, uint32_t in, uint32_t out)
{
	uint32_t n_in = strlen(x->in), n_head = strlen(x->interim), n_out = n_head + strlen(x->out);
	struct stream_conn c = stream_conn(1, 42);
	struct harness h;
	struct stream s;
	char text[1024];
	const char *what;

	stream_init(&s);
	harness_init(&h);
	snprintf(text, sizeof(text), "%s%s", x->interim, x->out);
	stream_open(&s, &c, 1, 2);
	stream_arrive(&c, 10, in);
	stream_read(&s, &c, 11, x->in, in);
	if (in < n_in) {
		stream_arrive(&c, 12, n_in - in);
		stream_read(&s, &c, 13, x->in + in, n_in - in);
	}
	stream_write(&s, &c, 20, 21, text, out);
	if (out < n_out)
		stream_write(&s, &c, 30, 31, text + out, n_out - out);
	if (*x->frames)
		stream_in(&s, &c, 35, 36, x->frames);
	stream_close(&s, &c, 40, true, false);
	harness_run(&h, &s);
	what = h.n_ended == 1 ? check_cut(x, &h.ended[0], in, out) : "how many";
	if (what || h.begun != 1)
		fail_msg("%s, cut at %u and %u: %s", x->name, in, out, what);
	harness_free(&h);
	stream_free(&s);
}

static void test_cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
		const struct exchange *x = &exchanges[i];
		uint32_t n_in = strlen(x->in), n_out = strlen(x->interim) + strlen(x->out);

		for (uint32_t in = 1; in <= n_in; in++)
			run_cut(x, in, n_out);
		for (uint32_t out = 1; out <= n_out; out++)
			run_cut(x, n_in, out);
	}
}

/* ---- what cannot be known whole: is nothing wrong, and enough known? */

struct known {
	struct traffic traffic;
	struct harness harness;
	bool used[64]; /* truths that a report was matched with */
	const char *wrong;
};

static void match(void *ctx, struct request *r)
{
	struct known *k = ctx;

	if (is_noise(&k->traffic, r))
		return;
	for (size_t i = 0; i < k->traffic.n_truth; i++)
		if (!k->used[i] && traffic_explains(&k->traffic.truth[i], r)) {
			k->used[i] = true;
			return;
		}
	/* a client that pipelines and was met late cannot be told from one that does not */
	if (k->traffic.conns[r->conn - 1].late)
		return;
	k->wrong = "what never was";
	traffic_print_request("got ", r);
}

/* Adds up how many requests there were that could be known, and how many were. */
struct tally {
	uint64_t requests, known;
};

static bool run_loose(uint64_t seed, unsigned what, bool print, struct tally *tally)
{
	struct known k = {};

	traffic_generate(&k.traffic, seed, what);
	harness_init(&k.harness);
	if (print)
		traffic_print(&k.traffic);
	assert_true(k.traffic.n_truth <= 64);
	replay(&k.harness, &k.traffic);
	for (uint32_t i = 0; i < k.harness.n_ended; i++)
		if (k.harness.ended[i].end != REQ_UNKNOWN)
			match(&k, &k.harness.ended[i]);
	tracer_visit_open(k.harness.tracer, match, &k);
	for (size_t i = 0; i < k.traffic.n_truth; i++) {
		const struct traffic_truth *t = &k.traffic.truth[i];

		if (!t->counted || !t->seen_whole || t->r.end != REQ_OK)
			continue;
		tally->requests++;
		tally->known += k.used[i];
		if (!k.used[i] && print)
			traffic_print_request("missed", &t->r);
	}
	if (k.wrong)
		fprintf(stderr, "RS_SEED=%lu: %s\n", seed, k.wrong);
	harness_free(&k.harness);
	traffic_free(&k.traffic);
	return !k.wrong;
}

/* ---- seeds */

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : otherwise;
}

static void test_exact(void **state)
{
	uint64_t one = number("RS_SEED", 0), n = number("RS_SEEDS", 5000), failed = 0;

	(void)state;
	if (one) {
		assert_true(run_exact(one, true));
		return;
	}
	for (uint64_t seed = 1; seed <= n && failed < 5; seed++)
		failed += !run_exact(seed, false);
	assert_int_equal(failed, 0);
}

static void loose(unsigned what, uint64_t n, uint32_t percent)
{
	uint64_t one = number("RS_SEED", 0), failed = 0;
	struct tally tally = {};

	n = number("RS_SEEDS", n);
	for (uint64_t seed = one ? one : 1; seed <= (one ? one : n) && failed < 5; seed++)
		failed += !run_loose(seed, what, one, &tally);
	print_message("%lu of %lu requests known\n", tally.known, tally.requests);
	assert_int_equal(failed, 0);
	assert_true(one || tally.known * 100 >= tally.requests * percent);
}

static void test_large(void **state)
{
	(void)state;
	loose(TRAFFIC_LARGE, 1000, 80);
}

static void test_late(void **state)
{
	(void)state;
	loose(TRAFFIC_LATE, 3000, 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_late),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
