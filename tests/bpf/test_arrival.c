// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_arrival.c - when bytes lay in the socket's receive queue: each segment's stamp must lie
 * between the client's clock before it sent and after its arrival was certain, however late it is
 * read.
 */
#include "harness.h"
#include "../../user/core/conn.h"

#define SLOTS RS_MAX_ARRIVALS

static void check_arrival(const struct event *e, unsigned i, uint32_t end, struct bracket b)
{
	assert_true(i < e->n_arrivals);
	assert_int_equal(e->arrivals[i].end, end);
	assert_in_range(e->arrivals[i].ts, b.before, b.after);
}

static struct world *listening(void **state, struct listener *listener)
{
	struct world *w = *state;

	listen_on(listener, w);
	watch(w);
	return w;
}

/* Sends `n` segments of `len` bytes each, one after the other. */
static void send_segments(int fd, struct bracket *b, unsigned n, uint32_t pos, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		b[i] = client_send(fd, pos + i * len, len);
}

static void before_accept(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct bracket connecting, sent;
	const struct event *open, *in;
	struct link l;

	listening(state, &listener);
	connecting.before = now_ns();
	link_connect(&l, w, &listener);
	sent = client_send(l.client, 0, 100);
	open = link_accept(&l, &listener);
	assert_int_equal(open->open->in_pos, 0);
	if (w->family != AF_UNIX)
		assert_int_equal(open->open->in_end, 100);
	assert_int_equal(open->open->last_in, 0);
	assert_int_equal(open->h->flags, l.flags);
	in = link_take(&l, .op = OP_READ, ONE(1000));
	assert_int_equal(in->n_arrivals, 1);
	check_arrival(in, 0, 100, sent);
	assert_true(in->arrivals[0].ts < open->h->ts);
	if (w->family != AF_UNIX) {
		assert_in_range(open->open->established, connecting.before, sent.after);
		assert_true(open->open->established <= in->arrivals[0].ts);
	}
	/* and the connection goes on as any other */
	sent = client_send(l.client, 100, 50);
	in = link_take(&l, .op = OP_READ, ONE(1000));
	assert_int_equal(in->n_arrivals, 1);
	check_arrival(in, 0, 150, sent);
}

static void after_accept(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent;
	const struct event *in;
	struct link l;

	link_open(&l, w, &listener);
	for (uint32_t end = 10; end <= 100; end += 10) {
		sent = client_send(l.client, end - 10, 10);
		in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
		assert_int_equal(in->n_arrivals, 1);
		check_arrival(in, 0, end, sent);
	}
}

static void several_segments_one_read(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[5];
	const struct event *in;
	struct link l;

	link_open(&l, w, &listener);
	send_segments(l.client, sent, 5, 0, 100);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(in->data->len, 500);
	for (uint32_t i = 0; i < in->n_arrivals; i++)
		assert_int_equal(in->arrivals[i].merged, 0);
	assert_int_equal(in->n_arrivals, 5);
	for (unsigned i = 0; i < 5; i++)
		check_arrival(in, i, 100 * (i + 1), sent[i]);
}

static void several_segments_before_accept(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[SLOTS];
	const struct event *in;
	struct link l;

	link_connect(&l, w, &listener);
	send_segments(l.client, sent, SLOTS, 0, 10);
	link_accept(&l, &listener);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	for (uint32_t i = 0; i < in->n_arrivals; i++)
		assert_int_equal(in->arrivals[i].merged, 0);
	assert_int_equal(in->n_arrivals, SLOTS);
	for (unsigned i = 0; i < SLOTS; i++)
		check_arrival(in, i, 10 * (i + 1), sent[i]);
}

/* A segment that is read in part keeps its stamp for the rest. */
static void reads_that_split_segments(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[3];
	const struct event *in;
	struct link l;

	link_open(&l, w, &listener);
	send_segments(l.client, sent, 3, 0, 100);
	in = link_take(&l, .op = OP_RECVFROM, ONE(150));
	assert_int_equal(in->n_arrivals, 2);
	check_arrival(in, 0, 100, sent[0]);
	check_arrival(in, 1, 200, sent[1]);
	in = link_take(&l, .op = OP_RECVFROM, ONE(50));
	assert_int_equal(in->n_arrivals, 1);
	check_arrival(in, 0, 200, sent[1]);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1));
	assert_int_equal(in->n_arrivals, 1);
	check_arrival(in, 0, 300, sent[2]);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(in->data->len, 99);
	assert_int_equal(in->n_arrivals, 1);
	check_arrival(in, 0, 300, sent[2]);
}

/* A read that is already waiting when the bytes come. */
static void read_that_waits(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct command c = {.op = OP_RECVFROM, .flags = MSG_WAITALL, ONE(300)};
	struct bracket sent[3];
	const struct event *in;
	struct answer a;
	struct link l;

	link_open(&l, w, &listener);
	c.fd = l.fd;
	target_send(l.target, &c);
	send_segments(l.client, sent, 3, 0, 100);
	a = ok(target_answer(l.target), "recvfrom");
	assert_int_equal(a.ret, 300);
	in = expect(&l, RS_EV_IN);
	assert_int_equal(in->data->len, 300);
	assert_in_range(in->h->ts, sent[2].before, a.after);
	assert_int_equal(in->n_arrivals, 3);
	for (unsigned i = 0; i < 3; i++)
		check_arrival(in, i, 100 * (i + 1), sent[i]);
}

/* More segments than slots: the first ones and the last byte keep their exact stamps. */
static void overflow(void **state, bool accepted)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[20], next;
	struct capture_counts counts;
	const struct event *in;
	struct link l;

	link_connect(&l, w, &listener);
	if (accepted)
		link_accept(&l, &listener);
	send_segments(l.client, sent, 20, 0, 10);
	if (!accepted)
		link_accept(&l, &listener);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(in->data->len, 200);
	assert_int_equal(in->h->flags, l.flags);
	assert_int_equal(in->n_arrivals, SLOTS);
	for (unsigned i = 0; i < SLOTS - 1; i++)
		check_arrival(in, i, 10 * (i + 1), sent[i]);
	check_arrival(in, SLOTS - 1, 200, sent[19]);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_int_equal(in->arrivals[i].merged, i == SLOTS - 1);
	capture_counts(w->capture, &counts);
	assert_int_equal(counts.cut, 20 - SLOTS);
	next = client_send(l.client, 200, 10);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(in->h->flags, l.flags);
	assert_int_equal(in->n_arrivals, 1);
	check_arrival(in, 0, 210, next);
}

static void overflow_after_accept(void **state)
{
	overflow(state, true);
}

static void overflow_before_accept(void **state)
{
	overflow(state, false);
}

/* No byte of a read may have the stamp of another segment; it may have none. */
static unsigned check_stamps(const struct event *in, const struct bracket *sent, uint32_t len)
{
	struct arrivals a = {
		.list = in->arrivals,
		.n = in->n_arrivals,
	};
	unsigned known = 0;

	for (uint32_t at = in->data->pos; at < in->data->pos + in->data->len; at++) {
		uint64_t ts = arrival_at(&a, at);
		struct bracket b = sent[at / len];

		if (ts && (ts < b.before || ts > b.after))
			fail_msg("byte %u is stamped %lld us %s its arrival", at,
				 (long long)(ts > b.after ? ts - b.after : b.before - ts) / 1000,
				 ts > b.after ? "after" : "before");
		known += ts != 0;
	}
	return known;
}

/* A merged entry of which a read takes a part, and another the rest. */
static void overflow_read_in_parts(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[20];
	const struct event *in;
	struct link l;

	link_open(&l, w, &listener);
	send_segments(l.client, sent, 20, 0, 10);
	in = link_take(&l, .op = OP_RECVFROM, ONE(70));
	assert_int_equal(check_stamps(in, sent, 10), 70);
	in = link_take(&l, .op = OP_RECVFROM, ONE(30));
	assert_int_equal(check_stamps(in, sent, 10), 0);
	in = link_take(&l, .op = OP_RECVFROM, ONE(100));
	assert_int_equal(check_stamps(in, sent, 10), 1);
}

/* Segments that find room again after others were merged. */
static void overflow_and_room_again(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[24];
	const struct event *in;
	struct link l;

	link_open(&l, w, &listener);
	send_segments(l.client, sent, 20, 0, 10);
	in = link_take(&l, .op = OP_RECVFROM, ONE(50));
	assert_int_equal(check_stamps(in, sent, 10), 50);
	send_segments(l.client, sent + 20, 3, 200, 10);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(in->data->len, 180);
	check_stamps(in, sent, 10);
	send_segments(l.client, sent + 23, 1, 230, 10);
	in = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(check_stamps(in, sent, 10), 10);
}

/* The last request and the client's FIN in one segment. */
static void data_and_fin(void **state, bool accepted)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent;
	const struct event *e;
	uint8_t bytes[100];
	int one = 1;
	struct link l;

	link_connect(&l, w, &listener);
	if (accepted)
		link_accept(&l, &listener);
	setsockopt(l.client, IPPROTO_TCP, TCP_CORK, &one, sizeof(one));
	pattern_fill(bytes, 0, sizeof(bytes));
	sent.before = now_ns();
	assert_int_equal(send(l.client, bytes, sizeof(bytes), 0), sizeof(bytes));
	client_fin(&l);
	if (w->family != AF_UNIX)
		wait_acknowledged(l.client);
	sent.after = now_ns();
	if (!accepted && w->family == AF_UNIX) {
		link_accept(&l, &listener);
	} else if (!accepted) {
		/* it is told of before accept() returns it */
		e = expect_new(&l, RS_EV_EOF);
		assert_true(e->h->flags & RS_F_UNACCEPTED);
		assert_int_equal(e->close->in_end, 100);
		link_accept(&l, &listener);
	} else if (w->family != AF_UNIX) {
		e = expect(&l, RS_EV_EOF);
		assert_in_range(e->h->ts, sent.before, sent.after);
		assert_int_equal(e->close->peer_fin, e->h->ts);
		assert_int_equal(e->close->in_pos, 0);
		assert_int_equal(e->close->in_end, 100);
	}
	e = link_take(&l, .op = OP_RECVFROM, ONE(1000));
	assert_int_equal(e->data->len, 100);
	assert_int_equal(e->n_arrivals, 1);
	check_arrival(e, 0, 100, sent);
	/* the end of the stream itself is no segment */
	assert_int_equal(tell(l.target, .op = OP_RECVFROM, .fd = l.fd, ONE(1000)).ret, 0);
	if (w->family == AF_UNIX)
		expect(&l, RS_EV_EOF);
	expect_none(&l);
	prepare(&l, 10);
	link_give(&l, 0, .op = OP_WRITE, ONE(10));
	link_close(&l);
	e = expect(&l, RS_EV_CLOSE);
	assert_int_equal(e->close->in_pos, 100);
	assert_int_equal(e->close->in_end, 100);
	assert_int_equal(e->close->n_arrivals, 0);
}

static void data_and_fin_after_accept(void **state)
{
	data_and_fin(state, true);
}

static void data_and_fin_before_accept(void **state)
{
	data_and_fin(state, false);
}

/* One send that the network splits: every part has arrived when its stamp says so. */
static void large_segment(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	const uint32_t len = 300000;
	struct bracket sent;
	const struct event *in;
	uint64_t last = 0;
	uint32_t end = 0;
	struct link l;

	link_open(&l, w, &listener);
	sent = client_send(l.client, 0, len);
	in = link_take(&l, .op = OP_RECVFROM, .flags = MSG_WAITALL, ONE(len));
	assert_int_equal(in->data->len, len);
	assert_in_range(in->n_arrivals, 1, SLOTS);
	for (unsigned i = 0; i < in->n_arrivals; i++) {
		assert_in_range(in->arrivals[i].ts, sent.before, sent.after);
		assert_true(in->arrivals[i].ts >= last);
		assert_true(in->arrivals[i].end > end);
		last = in->arrivals[i].ts;
		end = in->arrivals[i].end;
	}
	assert_int_equal(end, len);
}

/* Two connections in turns: neither one's stamps end up with the other. */
static void two_connections(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[2][3];
	const struct event *in;
	struct link l[2];

	link_open(&l[0], w, &listener);
	link_open(&l[1], w, &listener);
	for (unsigned i = 0; i < 6; i++)
		sent[i % 2][i / 2] = client_send(l[i % 2].client, i / 2 * 10, 10);
	for (unsigned k = 0; k < 2; k++) {
		in = link_take(&l[k], .op = OP_READ, ONE(1000));
		assert_int_equal(in->n_arrivals, 3);
		for (unsigned i = 0; i < 3; i++)
			check_arrival(in, i, 10 * (i + 1), sent[k][i]);
	}
}

/* Bytes that are only looked at keep their stamps. */
static void peeking_takes_no_stamp(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent[2];
	const struct event *in;
	struct link l;

	link_open(&l, w, &listener);
	sent[0] = client_send(l.client, 0, 10);
	ok(tell(l.target, .op = OP_RECVFROM, .fd = l.fd, .flags = MSG_PEEK, ONE(100)), "peek");
	sent[1] = client_send(l.client, 10, 10);
	in = link_take(&l, .op = OP_RECVFROM, ONE(100));
	assert_int_equal(in->n_arrivals, 2);
	check_arrival(in, 0, 10, sent[0]);
	check_arrival(in, 1, 20, sent[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ALL_FAMILIES(before_accept),
		ALL_FAMILIES(after_accept),
		ALL_FAMILIES(several_segments_one_read),
		ALL_FAMILIES(several_segments_before_accept),
		TCP_AND_UNIX(reads_that_split_segments),
		TCP_AND_UNIX(read_that_waits),
		TCP_AND_UNIX(overflow_after_accept),
		TCP_AND_UNIX(overflow_before_accept),
		TCP_AND_UNIX(overflow_read_in_parts),
		TCP_AND_UNIX(overflow_and_room_again),
		TCP_AND_UNIX(data_and_fin_after_accept),
		TCP_AND_UNIX(data_and_fin_before_accept),
		TCP_AND_UNIX(large_segment),
		TCP_AND_UNIX(two_connections),
		TCP_AND_UNIX(peeking_takes_no_stamp),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
