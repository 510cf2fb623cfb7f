// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/stats.h"

#define SEED	 0x5eed0007ull
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static struct route *route(struct router *router, const char *path)
{
	return router_match(router, "GET", path, strlen(path));
}

/* An answered GET: 10 queued, 0 receiving, 80 in the app, 10 sending; in all 100 ms. */
static struct request answered(struct route *to, const char *path)
{
	struct request r = {
		.pid = 42,
		.end = REQ_OK,
		.received_all = true,
		.head_seen = true,
		.status_seen = true,
		.status = 200,
		.arrived = 1000000000,
		.read = 1010000000,
		.received = 1000000000,
		.head = 1090000000,
		.done = 1100000000,
		.ended = 1100000000,
		.route = to,
	};

	r.http.path_len = (uint16_t)strlen(path);
	memcpy(r.http.path, path, strlen(path));
	return r;
}

static void count(struct stats *s, const struct request *r)
{
	stats_begin(s, r);
	assert_int_equal(stats_end(s, r), 0);
}

static void check_latency(const struct hist h[LATENCIES], enum latency_kind kind, uint64_t n,
			  uint64_t each)
{
	assert_int_equal(h[kind].count, n);
	assert_true(h[kind].sum == (unsigned __int128)n * each);
}

/* --- what one request counts as */

static void ledger_counts_every_end(void **state)
{
	struct stats *s = stats_new();
	struct request r = {0};

	(void)state;
	for (int i = 0; i < 9; i++)
		stats_begin(s, &r);
	for (r.end = REQ_OK; r.end < REQ_ENDS; r.end++)
		assert_int_equal(stats_end(s, &r), 0);
	r.end = REQ_CLIENT_CLOSED;
	assert_int_equal(stats_end(s, &r), 0);
	stats_retract(s, &r);
	assert_int_equal(s->ledger.started, 8);
	assert_int_equal(s->ledger.ok, 1);
	assert_int_equal(s->ledger.client_closed, 2);
	assert_int_equal(s->ledger.server_closed, 1);
	assert_int_equal(s->ledger.upgraded, 1);
	assert_int_equal(s->ledger.unknown, 1);
	assert_int_equal(s->ledger.open, 2);
	assert_true(ledger_balances(&s->ledger));
	s->ledger.open++;
	assert_false(ledger_balances(&s->ledger));
	stats_free(s);
}

static void what_is_no_end_is_refused(void **state)
{
	struct stats *s = stats_new();
	struct request r = {.end = REQ_OPEN, .status_seen = true, .status = 200, .read = 1};

	(void)state;
	stats_begin(s, &r);
	assert_int_equal(stats_end(s, &r), -EINVAL);
	r.end = REQ_ENDS;
	assert_int_equal(stats_end(s, &r), -EINVAL);
	assert_int_equal(s->ledger.open, 1);
	assert_int_equal(s->status.class[2], 0);
	assert_int_equal(s->n_workers, 0);
	stats_free(s);
}

static void an_answered_request_is_in_every_place(void **state)
{
	struct router *router = router_new(50);
	struct stats *s = stats_new();
	struct request r = answered(route(router, "/items"), "/items");
	const struct route_stats *rs;

	(void)state;
	r.established = 1;
	r.accepted = 5000001;
	count(s, &r);
	count(s, &r);
	rs = s->routes[r.route->id];
	assert_ptr_equal(rs->route, r.route);
	assert_int_equal(rs->count, 2);
	assert_int_equal(rs->ends[REQ_OK], 2);
	assert_int_equal(rs->status.class[2], 2);
	for (int i = 0; i < 2; i++) {
		const struct hist *h = i ? rs->latency : s->latency;

		check_latency(h, LAT_TOTAL, 2, 100000000);
		check_latency(h, LAT_TTFB, 2, 90000000);
		check_latency(h, LAT_QUEUE, 2, 10000000);
		check_latency(h, LAT_RECV, 2, 0);
		check_latency(h, LAT_APP, 2, 80000000);
		check_latency(h, LAT_SEND, 2, 10000000);
		check_latency(h, LAT_ACCEPT_WAIT, 2, 5000000);
		check_latency(h, LAT_ABANDONED, 0, 0);
	}
	assert_int_equal(s->n_workers, 1);
	assert_int_equal(s->workers[0].pid, 42);
	assert_int_equal(s->workers[0].requests, 2);
	assert_true(s->workers[0].total.sum == 200000000);
	stats_free(s);
	router_free(router);
}

static void latencies_are_of_what_was_answered(void **state)
{
	static const struct {
		enum request_end end;
		uint64_t app, send, abandoned, total; /* how many count */
	} cases[] = {
		{REQ_OK, 1, 1, 0, 100000000},	 {REQ_UPGRADED, 1, 0, 0, 90000000},
		{REQ_CLIENT_CLOSED, 0, 0, 1, 0}, {REQ_SERVER_CLOSED, 0, 0, 0, 0},
		{REQ_UNKNOWN, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY(cases); i++) {
		struct stats *s = stats_new();
		struct request r = answered(NULL, "/");

		r.end = (uint8_t)cases[i].end;
		r.established = 1;
		r.accepted = 2;
		count(s, &r);
		check_latency(s->latency, LAT_TOTAL, cases[i].app, cases[i].total);
		check_latency(s->latency, LAT_TTFB, cases[i].app, 90000000);
		check_latency(s->latency, LAT_QUEUE, cases[i].app, 10000000);
		check_latency(s->latency, LAT_RECV, cases[i].app, 0);
		check_latency(s->latency, LAT_APP, cases[i].app, 80000000);
		check_latency(s->latency, LAT_SEND, cases[i].send, 10000000);
		check_latency(s->latency, LAT_ABANDONED, cases[i].abandoned, 100000000);
		check_latency(s->latency, LAT_ACCEPT_WAIT, 1, 1);
		assert_int_equal(s->status.class[2], 1); /* it was seen, whatever came then */
		assert_int_equal(s->workers[0].requests, 1);
		assert_int_equal(s->workers[0].total.count, cases[i].app);
		stats_free(s);
	}
}

static void a_request_never_read_is_nobodys(void **state)
{
	struct stats *s = stats_new();
	struct request r = {.end = REQ_CLIENT_CLOSED, .pid = 7, .arrived = 1000, .ended = 3000};

	(void)state;
	count(s, &r);
	assert_int_equal(s->n_workers, 0); /* the pid is the listener's */
	assert_int_equal(s->n_routes, 0);
	assert_int_equal(s->status.n, 0);
	check_latency(s->latency, LAT_ABANDONED, 1, 2000);
	stats_free(s);
}

static void statuses_are_counted_by_code(void **state)
{
	static const uint16_t codes[] = {503, 200, 100, 599, 200, 404, 301, 99, 600, 0, 999};
	static const uint16_t want[] = {100, 200, 301, 404, 503, 599};
	struct stats *s = stats_new();
	struct request r = answered(NULL, "/");

	(void)state;
	for (size_t i = 0; i < ARRAY(codes); i++) {
		r.status = codes[i];
		count(s, &r);
	}
	r.status_seen = false;
	r.status = 418;
	count(s, &r);
	assert_int_equal(s->status.n, ARRAY(want));
	for (size_t i = 0; i < ARRAY(want); i++) {
		assert_int_equal(s->status.codes[i].code, want[i]);
		assert_int_equal(s->status.codes[i].count, want[i] == 200 ? 2 : 1);
	}
	assert_int_equal(s->status.class[0], 4);
	assert_int_equal(s->status.class[1], 1);
	assert_int_equal(s->status.class[2], 2);
	assert_int_equal(s->status.class[3], 1);
	assert_int_equal(s->status.class[4], 1);
	assert_int_equal(s->status.class[5], 2);
	stats_free(s);
}

static void the_slowest_is_kept_with_its_path(void **state)
{
	struct router *router = router_new(50);
	struct stats *s = stats_new();
	struct request r = answered(route(router, "/r"), "/r?no");
	const struct route_stats *rs;

	(void)state;
	count(s, &r);
	rs = s->routes[r.route->id];
	r.arrived -= 1000; /* slower */
	memset(r.http.path, 'x', 300);
	r.http.path_len = 300;
	count(s, &r);
	assert_int_equal(rs->slowest.total, 100001000);
	assert_int_equal(rs->slowest.at, r.arrived);
	assert_int_equal(rs->slowest.path_len, 127);
	assert_int_equal(strlen(rs->slowest.path), 127);
	r.arrived += 500; /* quicker again */
	r.http.path_len = 1;
	count(s, &r);
	r.arrived -= 1000000;
	r.end = REQ_CLIENT_CLOSED; /* has no total */
	count(s, &r);
	assert_int_equal(rs->slowest.total, 100001000);
	assert_int_equal(rs->slowest.path_len, 127);
	stats_free(s);
	router_free(router);
}

/* --- workers and routes: bounds, folding */

static void workers_beyond_the_bound_are_one(void **state)
{
	struct stats *s = stats_new(), *sum = stats_new();
	struct request r = answered(NULL, "/");
	uint64_t rest = 0, requests = 0;

	(void)state;
	for (r.pid = 1; r.pid <= 1000; r.pid++)
		count(s, &r);
	assert_int_equal(s->n_workers, STATS_MAX_WORKERS);
	for (uint32_t i = 0; i < s->n_workers; i++) {
		requests += s->workers[i].requests;
		if (!s->workers[i].pid)
			rest += s->workers[i].requests;
	}
	assert_int_equal(requests, 1000);
	assert_int_equal(rest, 1000 - (STATS_MAX_WORKERS - 1));
	r.pid = 1; /* a known one stays itself */
	count(s, &r);
	assert_int_equal(s->workers[0].requests, 2);
	r.pid = 5000;
	count(sum, &r);
	assert_int_equal(stats_merge(sum, s), 0);
	assert_int_equal(sum->n_workers, STATS_MAX_WORKERS);
	requests = 0;
	for (uint32_t i = 0; i < sum->n_workers; i++)
		requests += sum->workers[i].requests;
	assert_int_equal(requests, 1002);
	stats_free(s);
	stats_free(sum);
}

static void folded_routes_move(void **state)
{
	struct router *router = router_new(50);
	struct stats *s = stats_new();
	struct route *a = route(router, "/a"), *b = route(router, "/b"), *c = route(router, "/c");
	struct request r = answered(a, "/a");
	const struct route_stats *rs;

	(void)state;
	count(s, &r);
	r.route = b;
	r.status = 500;
	r.arrived -= 5;
	memcpy(r.http.path, "/b", 2);
	count(s, &r);
	assert_true(a->id != b->id && b->id != c->id);
	a->folded_into = b; /* a chain, whose end has no entry yet */
	b->folded_into = c;
	assert_int_equal(stats_fold_routes(s), 0);
	assert_null(s->routes[a->id]);
	assert_null(s->routes[b->id]);
	rs = s->routes[c->id];
	assert_ptr_equal(rs->route, c);
	assert_int_equal(rs->count, 2);
	assert_int_equal(rs->ends[REQ_OK], 2);
	assert_int_equal(rs->status.class[2], 1);
	assert_int_equal(rs->status.class[5], 1);
	assert_int_equal(rs->latency[LAT_TOTAL].count, 2);
	assert_int_equal(rs->slowest.total, 100000005);
	assert_memory_equal(rs->slowest.path, "/b", 3);
	count(s, &r); /* one that was matched before the fold */
	assert_int_equal(rs->count, 3);
	assert_null(s->routes[b->id]);
	assert_int_equal(stats_fold_routes(s), 0);
	assert_ptr_equal(s->routes[c->id], rs);
	stats_free(s);
	router_free(router);
}

/* --- stretches */

static void reset_carries_what_is_open(void **state)
{
	struct router *router = router_new(50);
	struct stats *s = stats_new();
	struct request r = answered(route(router, "/a"), "/a");
	const struct route_stats *rs;
	uint64_t *memory;

	(void)state;
	stats_begin(s, &r);
	stats_begin(s, &r);
	count(s, &r);
	s->ledger.not_http = s->ledger.evicted = s->ledger.late_attached = 3;
	memory = s->latency[LAT_TOTAL].counts;
	rs = s->routes[r.route->id];
	stats_reset(s, 77);
	assert_int_equal(s->from, 77);
	assert_int_equal(s->ledger.carried, 2);
	assert_int_equal(s->ledger.open, 2);
	assert_int_equal(s->ledger.started, 0);
	assert_int_equal(s->ledger.ok, 0);
	assert_int_equal(s->ledger.not_http + s->ledger.evicted + s->ledger.late_attached, 0);
	assert_true(ledger_balances(&s->ledger));
	assert_int_equal(s->n_workers, 0);
	assert_int_equal(s->status.n, 0);
	assert_int_equal(s->status.class[2], 0);
	assert_int_equal(rs->count, 0);
	assert_int_equal(rs->ends[REQ_OK], 0);
	assert_int_equal(rs->status.n, 0);
	assert_int_equal(rs->slowest.at, 0);
	assert_int_equal(rs->latency[LAT_TOTAL].count, 0);
	assert_int_equal(s->latency[LAT_TOTAL].count, 0);
	assert_int_equal(stats_end(s, &r), 0); /* begun in the stretch before */
	stats_retract(s, &r);
	assert_int_equal(s->ledger.started, -1);
	assert_int_equal(s->ledger.open, 0);
	assert_true(ledger_balances(&s->ledger));
	assert_ptr_equal(s->latency[LAT_TOTAL].counts, memory);
	assert_int_equal(s->workers[0].requests, 1);
	assert_int_equal(s->workers[0].total.count, 1);
	stats_free(s);
	router_free(router);
}

static bool same_hist(const struct hist *a, const struct hist *b)
{
	int32_t first_a, first_b;
	uint32_t n_a, n_b;

	hist_range(a, &first_a, &n_a);
	hist_range(b, &first_b, &n_b);
	return a->count == b->count && a->zero == b->zero && a->sum == b->sum &&
	       (!a->count || (a->min == b->min && a->max == b->max)) && first_a == first_b &&
	       n_a == n_b &&
	       (!n_a || !memcmp(a->counts + (first_a - a->offset),
				b->counts + (first_b - b->offset), n_a * sizeof(*a->counts)));
}

static bool same_latency(const struct hist a[LATENCIES], const struct hist b[LATENCIES])
{
	for (int i = 0; i < LATENCIES; i++)
		if (!same_hist(&a[i], &b[i]))
			return false;
	return true;
}

static bool same_status(const struct status_counts *a, const struct status_counts *b)
{
	if (a->n != b->n || memcmp(a->class, b->class, sizeof(a->class)))
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->codes[i].code != b->codes[i].code || a->codes[i].count != b->codes[i].count)
			return false;
	return true;
}

static bool same_route(const struct stats *x, const struct stats *y, uint32_t id)
{
	static const struct route_stats none;
	const struct route_stats *a = id < x->n_routes ? x->routes[id] : NULL;
	const struct route_stats *b = id < y->n_routes ? y->routes[id] : NULL;

	a = a ? a : &none;
	b = b ? b : &none;
	return a->count == b->count && !memcmp(a->ends, b->ends, sizeof(a->ends)) &&
	       same_status(&a->status, &b->status) && same_latency(a->latency, b->latency) &&
	       a->slowest.total == b->slowest.total && a->slowest.at == b->slowest.at &&
	       !strcmp(a->slowest.path, b->slowest.path);
}

static bool same_workers(const struct stats *x, const struct stats *y)
{
	if (x->n_workers != y->n_workers)
		return false;
	for (uint32_t i = 0; i < x->n_workers; i++)
		if (x->workers[i].pid != y->workers[i].pid ||
		    x->workers[i].requests != y->workers[i].requests ||
		    !same_hist(&x->workers[i].total, &y->workers[i].total))
			return false;
	return true;
}

static void check_same(const struct stats *a, const struct stats *b, uint64_t seed)
{
	bool routes = true;

	for (uint32_t id = 0; id < a->n_routes || id < b->n_routes; id++)
		routes = routes && same_route(a, b, id);
	if (memcmp(&a->ledger, &b->ledger, sizeof(a->ledger)) || a->from != b->from ||
	    a->to != b->to)
		fail_msg("seed %#llx: the ledgers differ", (unsigned long long)seed);
	if (!same_status(&a->status, &b->status) || !same_latency(a->latency, b->latency))
		fail_msg("seed %#llx: the totals differ", (unsigned long long)seed);
	if (!routes || !same_workers(a, b))
		fail_msg("seed %#llx: routes or workers differ", (unsigned long long)seed);
}

#define MAX_OPEN 20

/* A service at work: what happens is counted in one stretch and in windows at once. */
struct service {
	uint64_t random, now;
	struct router *router;
	struct request open[MAX_OPEN];
	unsigned n_open;
	struct stats *whole, *window, *merged;
};

static void begin_one(struct service *v)
{
	static const char *const paths[] = {"/", "/items", "/users", "/health", "/login"};
	const char *path = paths[next_random(&v->random) % ARRAY(paths)];
	struct request r = answered(route(v->router, path), path);

	if (v->n_open == MAX_OPEN)
		return;
	r.arrived = v->now;
	r.pid = 1 + (uint32_t)(next_random(&v->random) % 5);
	stats_begin(v->whole, &r);
	stats_begin(v->window, &r);
	v->open[v->n_open++] = r;
}

static void finish_one(struct service *v)
{
	unsigned i = (unsigned)(next_random(&v->random) % (v->n_open + 1));
	struct request r;

	if (i == v->n_open)
		return;
	r = v->open[i];
	v->open[i] = v->open[--v->n_open];
	if (next_random(&v->random) % 16 == 0) {
		stats_retract(v->whole, &r);
		stats_retract(v->window, &r);
		v->whole->ledger.not_http++;
		v->window->ledger.not_http++;
		return;
	}
	r.read = r.arrived + next_random(&v->random) % 1000;
	r.received = r.arrived;
	r.head = r.read + next_random(&v->random) % 1000000;
	r.done = r.ended = r.head + next_random(&v->random) % 1000;
	r.end = (uint8_t)(1 + next_random(&v->random) % (REQ_ENDS - 1));
	r.status = (uint16_t)(200 + next_random(&v->random) % 5 * 101);
	r.status_seen = next_random(&v->random) % 4 != 0;
	assert_int_equal(stats_end(v->whole, &r), 0);
	assert_int_equal(stats_end(v->window, &r), 0);
}

static void next_window(struct service *v)
{
	v->window->to = v->whole->to = v->now;
	assert_true(ledger_balances(&v->window->ledger));
	assert_int_equal(stats_merge(v->merged, v->window), 0);
	assert_true(ledger_balances(&v->merged->ledger));
	stats_reset(v->window, v->now);
}

static void merged_windows_equal_the_whole(void **state)
{
	(void)state;
	for (uint64_t seed = SEED; seed < SEED + 100; seed++) {
		struct service v = {.random = seed, .now = 1000};

		v.router = router_new(50);
		v.whole = stats_new();
		v.window = stats_new();
		v.merged = stats_new();
		v.whole->from = v.window->from = v.now;
		for (int i = 0; i < 500; i++) {
			v.now += 1 + next_random(&v.random) % 1000;
			if (next_random(&v.random) % 2)
				begin_one(&v);
			else
				finish_one(&v);
			assert_int_equal(v.whole->ledger.open, v.n_open);
			if (next_random(&v.random) % 50 == 0)
				next_window(&v);
		}
		next_window(&v);
		check_same(v.merged, v.whole, seed);
		stats_free(v.whole);
		stats_free(v.window);
		stats_free(v.merged);
		router_free(v.router);
	}
}

static void adjacent_ledgers_join(void **state)
{
	struct stats *a = stats_new(), *b = stats_new();

	(void)state;
	*a = (struct stats){.from = 1, .to = 5};
	a->ledger = (struct ledger){
		.carried = 2, .started = 5, .ok = 3, .unknown = 1, .open = 3, .evicted = 1};
	*b = (struct stats){.from = 5, .to = 9};
	b->ledger = (struct ledger){.carried = 3,
				    .started = 1,
				    .ok = 2,
				    .server_closed = 1,
				    .open = 1,
				    .late_attached = 4};
	assert_int_equal(stats_merge(a, b), 0);
	assert_true(a->from == 1 && a->to == 9);
	assert_int_equal(a->ledger.carried, 2);
	assert_int_equal(a->ledger.started, 6);
	assert_int_equal(a->ledger.ok, 5);
	assert_int_equal(a->ledger.server_closed, 1);
	assert_int_equal(a->ledger.unknown, 1);
	assert_int_equal(a->ledger.open, 1);
	assert_int_equal(a->ledger.evicted, 1);
	assert_int_equal(a->ledger.late_attached, 4);
	assert_true(ledger_balances(&a->ledger));
	stats_free(a);
	stats_free(b);
}

static void blank_is_neutral(void **state)
{
	struct stats *blank = stats_new(), *s = stats_new();
	struct ledger before;

	(void)state;
	s->from = 10;
	s->to = 20;
	s->ledger = (struct ledger){.carried = 4, .ok = 1, .open = 3};
	before = s->ledger;
	assert_int_equal(stats_merge(s, blank), 0);
	assert_memory_equal(&s->ledger, &before, sizeof(before));
	assert_true(s->from == 10 && s->to == 20);
	assert_int_equal(stats_merge(blank, s), 0);
	assert_memory_equal(&blank->ledger, &before, sizeof(before));
	assert_true(blank->from == 10 && blank->to == 20);
	stats_free(blank);
	stats_free(s);
	stats_free(NULL);
}

static void merging_resolves_folded_routes(void **state)
{
	struct router *router = router_new(50);
	struct stats *into = stats_new(), *from = stats_new();
	struct route *a = route(router, "/a"), *b = route(router, "/b");
	struct request r = answered(a, "/a");

	(void)state;
	count(from, &r);
	r.route = b;
	count(into, &r);
	a->folded_into = b;
	assert_int_equal(stats_merge(into, from), 0);
	assert_int_equal(into->routes[b->id]->count, 2);
	assert_null(into->routes[a->id]);
	assert_int_equal(from->routes[a->id]->count, 1); /* as it was */
	stats_free(into);
	stats_free(from);
	router_free(router);
}

static void names(void **state)
{
	static const char *const want[] = {"total", "ttfb", "queue",	   "recv",
					   "app",   "send", "accept_wait", "abandoned"};

	(void)state;
	assert_int_equal(ARRAY(want), LATENCIES);
	for (int i = 0; i < LATENCIES; i++)
		assert_string_equal(latency_names[i], want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ledger_counts_every_end),
		cmocka_unit_test(what_is_no_end_is_refused),
		cmocka_unit_test(an_answered_request_is_in_every_place),
		cmocka_unit_test(latencies_are_of_what_was_answered),
		cmocka_unit_test(a_request_never_read_is_nobodys),
		cmocka_unit_test(statuses_are_counted_by_code),
		cmocka_unit_test(the_slowest_is_kept_with_its_path),
		cmocka_unit_test(workers_beyond_the_bound_are_one),
		cmocka_unit_test(folded_routes_move),
		cmocka_unit_test(reset_carries_what_is_open),
		cmocka_unit_test(merged_windows_equal_the_whole),
		cmocka_unit_test(adjacent_ledgers_join),
		cmocka_unit_test(blank_is_neutral),
		cmocka_unit_test(merging_resolves_folded_routes),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
