// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_ring.c - at the bounds: a ring without room, a map without room. What is lost is known,
 * exactly.
 */
#include "harness.h"

#define CONNS 3

static void watch_small(struct world *w, uint32_t ring_kib, uint32_t max_conns)
{
	struct capture_options options = CAPTURE_DEFAULTS;
	uint32_t pid = w->target.pid;

	options.pids = &pid;
	options.n_pids = 1;
	options.ring_kib = ring_kib;
	options.max_conns = max_conns;
	w->may_drop = true;
	watch_with(w, &options);
}

struct sums {
	uint64_t highest[CONNS + 1], seen[CONNS + 1], bare;
};

/* Numbers of a connection rise strictly; what is missing between them is a gap. */
static void add_up(const struct seen *seen, struct sums *s)
{
	*s = (struct sums){};
	for (size_t i = 0; i < seen->n; i++) {
		const struct rs_event *h = seen->list[i]->h;

		assert_true(h->conn <= CONNS);
		s->bare += !h->conn;
		if (!h->conn)
			continue;
		assert_true(h->seq > s->highest[h->conn]);
		s->highest[h->conn] = h->seq;
		s->seen[h->conn]++;
	}
}

/* Requests and answers in turns on all connections. */
static void push(struct link *l, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		for (unsigned k = 0; k < CONNS; k++) {
			client_send(l[k].client, 0, 3000);
			ok(tell(l[k].target, .op = OP_READ, .fd = l[k].fd, ONE(3000)), "read");
			ok(tell(l[k].target, .op = OP_SENDTO, .fd = l[k].fd, ONE(60)), "sendto");
			assert_int_equal(recv(l[k].client, (char[60]){0}, 60, MSG_WAITALL), 60);
		}
}

static void full_ring(void **state)
{
	struct world *w = *state;
	struct capture_counts counts;
	struct listener listener;
	struct link l[CONNS];
	struct rs_census k;
	uint64_t missing = 0;
	struct sums s;

	listen_on(&listener, w);
	watch_small(w, 64, 1024);
	for (unsigned i = 0; i < CONNS; i++)
		link_open(&l[i], w, &listener);
	push(l, 50);
	capture_counts(w->capture, &counts);
	assert_true(counts.dropped > 0);
	drain(w);
	add_up(&w->seen, &s);
	assert_int_equal(counts.events, w->seen.n);
	for (unsigned i = 1; i <= CONNS; i++) {
		/* the census tells what the ring could not */
		assert_true(census_has(w, i, &k));
		assert_int_equal(k.seq, 1 + 2 * 50);
		missing += k.seq - s.seen[i];
	}
	assert_int_equal(missing, counts.dropped);
	/* there is room again: the gap shows in the next event, and nothing is lost any more */
	push(l, 1);
	drain(w);
	add_up(&w->seen, &s);
	missing = 0;
	for (unsigned i = 1; i <= CONNS; i++) {
		assert_int_equal(s.highest[i], 1 + 2 * 51);
		missing += s.highest[i] - s.seen[i];
	}
	assert_int_equal(missing, counts.dropped);
	capture_counts(w->capture, &counts);
	assert_int_equal(missing, counts.dropped);
	assert_int_equal(counts.events + counts.dropped, CONNS * (1 + 2 * 51) + s.bare);
}

/* Positions survive what was lost. */
/* Who is busy has the records kept: more than the ring holds, and none is lost or twice there. */
static void kept_while_busy(void **state)
{
	struct world *w = *state;
	struct capture_counts counts;
	struct listener listener;
	struct link l[CONNS];
	struct sums s;

	listen_on(&listener, w);
	watch_small(w, 64, 1024);
	for (unsigned i = 0; i < CONNS; i++)
		link_open(&l[i], w, &listener);
	for (unsigned i = 0; i < 20; i++) {
		push(l, 5);
		capture_relieve(w->capture);
	}
	push(l, 5);
	drain(w);
	capture_counts(w->capture, &counts);
	assert_int_equal(counts.dropped, 0);
	assert_int_equal(counts.events, w->seen.n);
	add_up(&w->seen, &s);
	for (unsigned i = 1; i <= CONNS; i++) {
		assert_int_equal(s.highest[i], 1 + 2 * 21 * 5);
		assert_int_equal(s.seen[i], s.highest[i]);
	}
}

static void positions_after_a_gap(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct capture_counts counts;
	struct link l[CONNS];

	listen_on(&listener, w);
	watch_small(w, 64, 1024);
	for (unsigned i = 0; i < CONNS; i++)
		link_open(&l[i], w, &listener);
	push(l, 50);
	capture_counts(w->capture, &counts);
	assert_true(counts.dropped > 0);
	drain(w);
	for (unsigned i = 0; i < CONNS; i++) {
		l[i].seq = 1 + 2 * 50;
		l[i].cursor = w->seen.n;
		l[i].in = 50 * 3000;
		l[i].out = 50 * 60;
		client_send(l[i].client, l[i].in, 10);
		assert_int_equal(link_take(&l[i], .op = OP_READ, ONE(10))->n_arrivals, 1);
		prepare(&l[i], 10);
		link_give(&l[i], 0, .op = OP_WRITE, ONE(10));
		link_close(&l[i]);
		expect(&l[i], RS_EV_CLOSE);
	}
}

/* Without an explicit wake-up per event, the reader is woken when the ring is filling up. */
static void filling_ring_wakes_the_reader(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct link l[CONNS];
	struct pollfd p = {.events = POLLIN};

	listen_on(&listener, w);
	watch_small(w, 64, 1024);
	for (unsigned i = 0; i < CONNS; i++)
		link_open(&l[i], w, &listener);
	p.fd = capture_fd(w->capture);
	assert_int_equal(poll(&p, 1, 0), 0);
	push(l, 3); /* of 16 KiB, at which it is woken, 27 and more */
	assert_int_equal(poll(&p, 1, DEADLINE_NS / 1000000), 1);
	drain(w);
}

/* A connection for which the map has no room is not followed, and counted, once. */
static void full_map(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct capture_counts counts;
	struct link l[4];

	listen_on(&listener, w);
	watch_small(w, 1024, 2);
	for (unsigned i = 0; i < 2; i++)
		link_open(&l[i], w, &listener);
	for (unsigned i = 2; i < 4; i++) {
		link_connect(&l[i], w, &listener);
		l[i].fd = ok(tell(&w->target, .op = OP_ACCEPT, .fd = listener.fd), "accept").ret;
		client_send(l[i].client, 0, 10);
		ok(tell(&w->target, .op = OP_READ, .fd = l[i].fd, ONE(10)), "read");
		ok(tell(&w->target, .op = OP_WRITE, .fd = l[i].fd, ONE(10)), "write");
	}
	drain(w);
	for (size_t i = 0; i < w->seen.n; i++)
		assert_true(w->seen.list[i]->h->conn <= 2);
	capture_counts(w->capture, &counts);
	assert_true(counts.evicted >= 2);
	/* those that are followed go on */
	for (unsigned i = 0; i < 2; i++) {
		client_send(l[i].client, 0, 10);
		link_take(&l[i], .op = OP_READ, ONE(10));
		link_close(&l[i]);
		expect(&l[i], RS_EV_CLOSE);
		client_close(&l[i]);
		expect_gone(&l[i]);
	}
	assert_int_equal(counts.evicted, 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TCP_AND_UNIX(full_ring),
		ON_TCP(kept_while_busy),
		TCP_AND_UNIX(positions_after_a_gap),
		ON_TCP(filling_ring_wakes_the_reader),
		TCP_AND_UNIX(full_map),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
