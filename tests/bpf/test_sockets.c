// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_sockets.c - every system call that moves bytes: its event, the place of its segment in the
 * stream, the bytes that were copied, and what must not be told.
 */
#include "harness.h"

#include <sys/resource.h>

#define BIG	 (100 * 1024)
#define SNAP_IN	 4096
#define SNAP_OUT 64

/* Most tests: one watched connection. */
static struct world *connected(void **state, struct link *l)
{
	struct world *w = *state;
	struct listener listener;

	listen_on(&listener, w);
	watch(w);
	link_open(l, w, &listener);
	return w;
}

/* Closes the connection; its events must have been as many as were expected. */
static void finish(struct link *l)
{
	link_close(l);
	expect(l, RS_EV_CLOSE);
	client_close(l);
	expect_gone(l);
}

/* More threads that write than there are places for when a write began (RS_WRITERS): some share one. */
static void more_writers_than_places(void **state)
{
	const unsigned n = 1024 + 2;
	uint8_t bytes[1024 + 2];
	struct answer a;
	struct link l;
	struct world *w = connected(state, &l);

	for (int round = 0; round < 2; round++) { /* the places are given back */
		a = ok(tell(&w->target, .op = OP_WRITERS, .fd = l.fd, .arg = n), "writers");
		for (unsigned i = 0; i < n; i++) {
			const struct event *e = expect(&l, RS_EV_OUT);

			assert_in_range(e->h->ts, a.before, a.after);
			assert_in_range(e->data->exit, e->h->ts, a.after);
			assert_int_equal(e->data->pos, l.out++);
			assert_int_equal(e->data->len, 1);
		}
		memset(bytes, 'w', n);
		client_receive(l.client, bytes, n);
		ok(tell(&w->target, .op = OP_READERS_END), "join");
	}
	finish(&l);
}

/* --- accept */

static void accept_by(void **state, enum op op)
{
	struct world *w = *state;
	struct listener listener;
	struct bracket connecting;
	struct sockaddr_in own = {};
	socklen_t size = sizeof(own);
	const struct event *e;
	struct answer a;
	struct link l;

	listen_on(&listener, w);
	watch(w);
	connecting.before = now_ns();
	link_connect(&l, w, &listener);
	a = ok(tell(&w->target, .op = op, .fd = listener.fd,
		    .flags = op == OP_ACCEPT4 ? SOCK_NONBLOCK : 0),
	       "accept");
	e = expect_new(&l, RS_EV_OPEN);
	check_head(&l, e, 0);
	assert_in_range(e->h->ts, a.before, a.after);
	assert_int_equal(e->open->in_pos, 0);
	assert_int_equal(e->open->in_end, 0);
	assert_int_equal(e->open->out_pos, 0);
	assert_int_not_equal(e->open->netns, 0);
	assert_int_equal(e->open->local.family, w->family);
	assert_int_equal(e->open->peer.family, w->family);
	assert_int_equal(e->open->last_in, 0);
	assert_int_equal(e->open->last_out, 0);
	if (w->family == AF_UNIX) {
		assert_int_equal(e->open->established, 0);
	} else {
		assert_in_range(e->open->established, connecting.before, e->h->ts);
		assert_int_equal(ntohs(e->open->local.port), listener_port(&listener));
		getsockname(l.client, (struct sockaddr *)&own, &size);
		assert_int_equal(e->open->peer.port, own.sin_port); /* at the same place for IPv6 */
	}
	if (w->family == AF_INET)
		assert_memory_equal(e->open->peer.ip, "\177\0\0\1", 4);
	else if (w->family == AF_INET6)
		assert_memory_equal(e->open->local.ip, &in6addr_loopback, 16);
	l.fd = a.ret;
	finish(&l);
}

static void accept_is_told(void **state)
{
	accept_by(state, OP_ACCEPT);
}

static void accept4_is_told(void **state)
{
	accept_by(state, OP_ACCEPT4);
}

/* --- reading */

/* Twice, so that the second one's position shows. */
static void read_by(void **state, struct command c, uint32_t first_pieces)
{
	struct link l;
	struct iovec v[MAX_BUFFERS];
	size_t total = lay_out(&c, v);
	const struct event *e;

	connected(state, &l);
	for (int i = 0; i < 2; i++) {
		client_send(l.client, l.in, total);
		ok(tell(l.target, .op = OP_UNREAD, .fd = l.fd, ONE(total)), "unread");
		e = link_take_at(&l, c);
		assert_int_equal(e->data->len, total);
		assert_int_equal(e->n_arrivals, 1);
		assert_int_equal(e->n_pieces, first_pieces);
	}
	finish(&l);
}

static void read_is_told(void **state)
{
	read_by(state, (struct command){.op = OP_READ, ONE(300)}, 1);
}

static void readv_is_told(void **state)
{
	read_by(state, (struct command){.op = OP_READV, .n = 4, .len = {10, 0, 200, 33}}, 3);
}

static void recvfrom_is_told(void **state)
{
	read_by(state, (struct command){.op = OP_RECVFROM, ONE(1)}, 1);
}

static void recvmsg_is_told(void **state)
{
	read_by(state, (struct command){.op = OP_RECVMSG, .n = 3, .len = {7, 8, 1000}}, 3);
}

/* Of several messages the first one's buffers are copied, the bytes of all are counted. */
static void recvmmsg_is_told(void **state)
{
	read_by(state, (struct command){.op = OP_RECVMMSG, .n = 2, .len = {30, 40}}, 1);
}

/* A buffer larger than what there is: only what was taken counts. */
static void short_read(void **state)
{
	struct link l;
	const struct event *e;

	connected(state, &l);
	client_send(l.client, 0, 5);
	e = link_take(&l, .op = OP_READV, .n = 2, .len = {3, 50});
	check_pieces(e, {0, 3}, {3, 2});
	client_send(l.client, 5, 5);
	e = link_take(&l, .op = OP_RECVFROM, ONE(4000));
	check_pieces(e, {0, 5});
	finish(&l);
}

/* A prefix, and the end of what was not copied. */
static void big_read(void **state)
{
	struct link l;
	const struct event *e;

	connected(state, &l);
	client_send(l.client, 0, BIG);
	e = link_take(&l, .op = OP_RECVFROM, .flags = MSG_WAITALL, ONE(BIG));
	assert_int_equal(e->data->len, BIG);
	check_pieces(e, {0, SNAP_IN}, {BIG - RS_TAIL, RS_TAIL});
	client_send(l.client, BIG, SNAP_IN + 3);
	e = link_take(&l, .op = OP_RECVFROM, .flags = MSG_WAITALL, ONE(SNAP_IN + 3));
	check_pieces(e, {0, SNAP_IN}, {SNAP_IN, 3});
	finish(&l);
}

/* Several large buffers: what there is room for, and nothing that is not the segment's. */
static void big_readv(void **state)
{
	struct link l;
	const struct event *e;

	connected(state, &l);
	client_send(l.client, 0, 15000);
	ok(tell(l.target, .op = OP_UNREAD, .fd = l.fd, ONE(15000)), "unread");
	e = link_take(&l, .op = OP_READV, .n = 2, .len = {5000, 5000});
	assert_int_equal(e->data->len, 10000);
	assert_in_range(e->n_pieces, 2, 3);
	assert_int_equal(e->pieces[1].at, 5000);
	assert_int_equal(e->pieces[1].len, SNAP_IN);
	e = link_take(&l, .op = OP_READV, .n = 3, .len = {2000, 2000, 1000});
	check_pieces(e, {0, 2000}, {2000, 2000}, {4000, 1000});
	finish(&l);
}

static void peeking_is_not_told(void **state)
{
	struct link l;

	connected(state, &l);
	client_send(l.client, 0, 20);
	ok(tell(l.target, .op = OP_RECVFROM, .fd = l.fd, .flags = MSG_PEEK, ONE(20)), "recvfrom");
	ok(tell(l.target, .op = OP_RECVMSG, .fd = l.fd, .flags = MSG_PEEK, ONE(20)), "recvmsg");
	ok(tell(l.target, .op = OP_RECVMMSG, .fd = l.fd, .flags = MSG_PEEK, ONE(20)), "recvmmsg");
	expect_none(&l);
	assert_int_equal(link_take(&l, .op = OP_READ, ONE(20))->n_arrivals, 1);
	finish(&l);
}

/* --- writing */

static void write_by(void **state, struct command c, uint16_t flags, const struct rs_piece *want,
		     uint32_t n)
{
	struct link l;
	struct iovec v[MAX_BUFFERS];
	size_t total = lay_out(&c, v);
	const struct event *e;

	connected(state, &l);
	for (int i = 0; i < 2; i++) {
		prepare(&l, total);
		e = link_give_at(&l, flags, c);
		assert_int_equal(e->data->len, total);
		check_pieces_at(e, want, n, __FILE__, __LINE__);
	}
	finish(&l);
}

#define write_pieces(state, c, flags, ...)                                \
	write_by((state), (c), (flags), (struct rs_piece[]){__VA_ARGS__}, \
		 sizeof((struct rs_piece[]){__VA_ARGS__}) / sizeof(struct rs_piece))

static void write_is_told(void **state)
{
	struct command c = {.op = OP_WRITE, ONE(300)};

	write_pieces(state, c, 0, {0, SNAP_OUT}, {300 - RS_TAIL, RS_TAIL});
}

static void writev_is_told(void **state)
{
	struct command c = {.op = OP_WRITEV, .n = 4, .len = {10, 0, 300, 270}};

	write_pieces(state, c, 0, {0, 10}, {10, SNAP_OUT}, {310, SNAP_OUT},
		     {580 - RS_TAIL, RS_TAIL});
}

/* Looking whether they start a head would cost more than copying them. */
static void short_buffers_are_copied_whole(void **state)
{
	struct command c = {.op = OP_WRITEV, .n = 3, .len = {10, 256, 70}};

	write_pieces(state, c, 0, {0, 10}, {10, 256}, {266, 70});
}

static void sendto_is_told(void **state)
{
	struct command c = {.op = OP_SENDTO, ONE(1)};

	write_pieces(state, c, 0, {0, 1});
}

static void sendto_that_cannot_block(void **state)
{
	struct command c = {.op = OP_SENDTO, .flags = MSG_DONTWAIT, ONE(64)};

	write_pieces(state, c, RS_F_NONBLOCK, {0, 64});
}

static void sendmsg_is_told(void **state)
{
	struct command c = {.op = OP_SENDMSG, .flags = MSG_DONTWAIT, .n = 2, .len = {64, 257}};

	write_pieces(state, c, RS_F_NONBLOCK, {0, 64}, {64, SNAP_OUT}, {321 - RS_TAIL, RS_TAIL});
}

static void sendmmsg_is_told(void **state)
{
	struct command c = {.op = OP_SENDMMSG, .n = 2, .len = {30, 40}};

	write_pieces(state, c, 0, {0, 30});
}

static void sendmmsg_of_many(void **state)
{
	struct command c = {.op = OP_SENDMMSG, .n = 10, .len = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};

	write_pieces(state, c, 0, {0, 1});
}

static void sendfile_is_told(void **state)
{
	struct link l;
	struct answer a;
	const struct event *e;

	connected(state, &l);
	prepare(&l, BIG);
	a = ok(tell(l.target, .op = OP_FILE, ONE(BIG)), "memfd");
	e = link_give(&l, RS_F_FILE, .op = OP_SENDFILE, .arg = a.ret, ONE(BIG));
	assert_int_equal(e->data->len, BIG);
	assert_int_equal(e->n_pieces, 0);
	prepare(&l, 3);
	link_give(&l, 0, .op = OP_WRITE, ONE(3));
	finish(&l);
}

static void head_at(uint8_t *at, size_t len)
{
	memcpy(at, len >= 17 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.", len >= 17 ? 17 : 7);
}

/* A response head is copied further than other bytes, wherever among the buffers it stands. */
static void heads_are_copied_whole(void **state)
{
	struct link l;
	uint8_t *bytes;
	const struct event *e;

	connected(state, &l);
	bytes = l.target->stage->area->bytes;
	prepare(&l, 3800);
	head_at(bytes + 300, 3000);
	e = link_give(&l, 0, .op = OP_WRITEV, .n = 3, .len = {300, 3000, 500});
	check_pieces(e, {0, SNAP_OUT}, {300, 3000}, {3300, SNAP_OUT}, {3800 - RS_TAIL, RS_TAIL});
	prepare(&l, BIG);
	head_at(bytes, BIG);
	e = link_give(&l, 0, .op = OP_SENDTO, ONE(BIG));
	check_pieces(e, {0, RS_MAX_SNAP}, {RS_MAX_SNAP, RS_MAX_HEAD - RS_MAX_SNAP},
		     {BIG - RS_TAIL, RS_TAIL});
	prepare(&l, 7);
	head_at(bytes, 7);
	e = link_give(&l, 0, .op = OP_SENDTO, ONE(7));
	check_pieces(e, {0, 7});
	finish(&l);
}

static void big_write(void **state)
{
	struct command c = {.op = OP_WRITE, ONE(BIG)};

	write_pieces(state, c, 0, {0, SNAP_OUT}, {BIG - RS_TAIL, RS_TAIL});
}

/* More buffers than pieces: the first ones, and no bytes that belong elsewhere. */
static void more_buffers_than_pieces(void **state)
{
	struct link l;
	const struct event *e;

	struct command c = {.op = OP_WRITEV, .n = MAX_BUFFERS};

	for (int i = 0; i < MAX_BUFFERS; i++)
		c.len[i] = 5;
	connected(state, &l);
	prepare(&l, MAX_BUFFERS * 5);
	e = link_give_at(&l, 0, c);
	assert_int_equal(e->data->len, MAX_BUFFERS * 5);
	assert_in_range(e->n_pieces, RS_MAX_PIECES - 4, RS_MAX_PIECES);
	finish(&l);
}

static void descriptor_that_cannot_block(void **state)
{
	struct link l;

	connected(state, &l);
	ok(tell(l.target, .op = OP_NONBLOCK, .fd = l.fd), "O_NONBLOCK");
	prepare(&l, 10);
	link_give(&l, RS_F_NONBLOCK, .op = OP_WRITE, ONE(10));
	finish(&l);
}

/* A call that takes only part of what it was given counts that part. */
static void partial_write(void **state)
{
	struct link l;
	const struct event *e;

	connected(state, &l);
	prepare(&l, MAX_BYTES);
	e = link_give(&l, RS_F_NONBLOCK, .op = OP_SENDTO, .flags = MSG_DONTWAIT, ONE(MAX_BYTES));
	assert_in_range(e->data->len, 1, MAX_BYTES - 1);
	assert_int_equal(e->n_pieces, 2);
	assert_int_equal(e->pieces[1].at, e->data->len - RS_TAIL);
	assert_int_equal(e->pieces[1].len, RS_TAIL);
	finish(&l);
}

/* A call that waits for the client is stamped with its entry, before the client has a byte. */
static void blocking_write(void **state)
{
	struct link l;
	const struct event *e;
	struct command c = {.op = OP_WRITE, ONE(MAX_BYTES)};
	static uint8_t first[1];
	uint64_t had;
	struct answer a;

	connected(state, &l);
	prepare(&l, MAX_BYTES);
	c.fd = l.fd;
	target_send(l.target, &c);
	assert_int_equal(recv(l.client, first, 1, 0), 1);
	had = now_ns();
	drain(l.w);
	client_receive(l.client, l.target->stage->area->bytes + 1, MAX_BYTES - 1);
	a = ok(target_answer(l.target), "write");
	e = expect(&l, RS_EV_OUT);
	check_head(&l, e, 0);
	assert_in_range(e->h->ts, a.before, had);
	assert_in_range(e->data->exit, had, a.after);
	assert_int_equal(e->data->len, MAX_BYTES);
	check_bytes(e, l.target->stage->area->bytes);
	finish(&l);
}

/* --- both ways on one connection, as a server does */

static void exchange(void **state)
{
	struct link l;

	connected(state, &l);
	for (int i = 0; i < 50; i++) {
		client_send(l.client, l.in, 100 + i);
		link_take(&l, .op = OP_RECVFROM, ONE(65536));
		prepare(&l, 200 + i);
		link_give(&l, 0, .op = OP_SENDTO, ONE(200 + i));
	}
	finish(&l);
}

/* A way into the socket that no program hooks shows in the positions, where there are any. */
static void unhooked_call_leaves_a_gap(void **state)
{
	struct link l;
	struct answer a;
	int in, out;

	connected(state, &l);
	a = ok(tell(l.target, .op = OP_PIPE), "pipe");
	in = a.ret & 0xffff;
	out = a.ret >> 16;
	prepare(&l, 5);
	ok(tell(l.target, .op = OP_WRITE, .fd = out, ONE(5)), "write");
	ok(tell(l.target, .op = OP_SPLICE, .fd = l.fd, .arg = in, ONE(5)), "splice");
	client_receive(l.client, l.target->stage->area->bytes, 5);
	l.out += 5;
	prepare(&l, 10);
	link_give(&l, 0, .op = OP_WRITE, ONE(10));
	finish(&l);
}

/* --- what must not be told */

static void fails_with(const struct target *t, struct command c, int err)
{
	struct answer a = target_call(t, c);

	assert_int_equal(a.ret, -1);
	assert_int_equal(a.err, err);
}
#define refused(t, err, ...) fails_with((t), (struct command){__VA_ARGS__}, (err))

static void failed_calls_are_not_told(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct link l;

	listen_on(&listener, w);
	watch(w);
	ok(tell(&w->target, .op = OP_NONBLOCK, .fd = listener.fd), "O_NONBLOCK");
	refused(&w->target, EAGAIN, .op = OP_ACCEPT4, .fd = listener.fd);
	link_open(&l, w, &listener);
	refused(l.target, EAGAIN, .op = OP_RECVFROM, .fd = l.fd, .flags = MSG_DONTWAIT, ONE(10));
	refused(l.target, EAGAIN, .op = OP_RECVMSG, .fd = l.fd, .flags = MSG_DONTWAIT, ONE(10));
	refused(l.target, EAGAIN, .op = OP_RECVMMSG, .fd = l.fd, .flags = MSG_DONTWAIT, ONE(10));
	refused(l.target, EBADF, .op = OP_READ, .fd = -1, ONE(10));
	refused(l.target, EBADF, .op = OP_READ, .fd = 1 << 20, ONE(10));
	refused(l.target, EBADF, .op = OP_SENDTO, .fd = 1000, ONE(10));
	refused(l.target, EBADF, .op = OP_CLOSE, .fd = 1000);
	ok(tell(l.target, .op = OP_READ, .fd = l.fd, ONE(0)), "read of nothing");
	ok(tell(l.target, .op = OP_WRITE, .fd = l.fd, ONE(0)), "write of nothing");
	expect_none(&l);
	finish(&l);
}

/* accept() that finds no free descriptor is counted: it is why connections wait. */
static void accept_without_descriptor_is_counted(void **state)
{
	struct world *w = *state;
	struct rlimit old, low = {.rlim_cur = 3, .rlim_max = 3};
	struct capture_counts counts = {};
	struct listener listener;
	struct link l;

	listen_on(&listener, w);
	watch(w);
	link_connect(&l, w, &listener);
	assert_int_equal(prlimit(w->target.pid, RLIMIT_NOFILE, NULL, &old), 0);
	low.rlim_max = old.rlim_max;
	assert_int_equal(prlimit(w->target.pid, RLIMIT_NOFILE, &low, NULL), 0);
	refused(&w->target, EMFILE, .op = OP_ACCEPT4, .fd = listener.fd);
	refused(&w->target, EMFILE, .op = OP_ACCEPT, .fd = listener.fd);
	assert_int_equal(prlimit(w->target.pid, RLIMIT_NOFILE, &old, NULL), 0);
	capture_counts(w->capture, &counts);
	assert_int_equal(counts.no_fd, 2);
	l.fd = ok(tell(&w->target, .op = OP_ACCEPT4, .fd = listener.fd), "accept4").ret;
	expect_new(&l, RS_EV_OPEN);
	finish(&l);
	capture_counts(w->capture, &counts);
	assert_int_equal(counts.no_fd, 2);
}

/* The buffer is full: the call that takes nothing is not told. */
static void full_buffer_is_not_told(void **state)
{
	struct link l;
	struct answer a;
	const struct event *e;
	struct command c = {.op = OP_SENDTO, .flags = MSG_DONTWAIT, ONE(1 << 18)};
	uint64_t taken = 0;

	connected(state, &l);
	pattern_fill(l.target->stage->area->bytes, 0, 1 << 18);
	c.fd = l.fd;
	while ((a = target_call(l.target, c)).ret > 0) {
		e = expect(&l, RS_EV_OUT);
		assert_int_equal(e->data->pos, taken);
		taken += a.ret;
	}
	assert_int_equal(a.err, EAGAIN);
	expect_none(&l);
	client_reset(&l);
}

static void writes_to_a_closed_peer(void **state)
{
	struct link l;
	struct answer a;

	connected(state, &l);
	client_reset(&l);
	if (l.flags & RS_F_POS_COUNTED)
		refused(l.target, EPIPE, .op = OP_SENDTO, .fd = l.fd, ONE(10));
	else
		expect(&l, RS_EV_CLOSE);
	a = tell(l.target, .op = OP_SENDTO, .fd = l.fd, ONE(10));
	assert_int_equal(a.ret, -1);
	expect_none(&l);
	link_close(&l);
	if (l.flags & RS_F_POS_COUNTED)
		expect(&l, RS_EV_CLOSE);
	expect_gone(&l);
}

static void move_through(const struct target *t, int in, int out)
{
	ok(tell(t, .op = OP_WRITE, .fd = out, ONE(100)), "write");
	ok(tell(t, .op = OP_WRITEV, .fd = out, .n = 2, .len = {10, 20}), "writev");
	ok(tell(t, .op = OP_READ, .fd = in, ONE(100)), "read");
	ok(tell(t, .op = OP_READV, .fd = in, .n = 2, .len = {10, 20}), "readv");
	ok(tell(t, .op = OP_CLOSE, .fd = out), "close");
	ok(tell(t, .op = OP_READ, .fd = in, ONE(1)), "read at the end");
	if (in != out)
		ok(tell(t, .op = OP_CLOSE, .fd = in), "close");
}

/* Pipes, files, an event loop's own socket pair: descriptors that are no followed connection. */
static void other_descriptors_are_not_told(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct answer a;

	listen_on(&listener, w);
	watch(w);
	a = ok(tell(&w->target, .op = OP_PIPE), "pipe");
	move_through(&w->target, a.ret & 0xffff, a.ret >> 16);
	a = ok(tell(&w->target, .op = OP_PAIR), "socketpair");
	move_through(&w->target, a.ret & 0xffff, a.ret >> 16);
	a = ok(tell(&w->target, .op = OP_FILE, ONE(100)), "memfd");
	ok(tell(&w->target, .op = OP_WRITE, .fd = a.ret, ONE(100)), "write");
	ok(tell(&w->target, .op = OP_READ, .fd = a.ret, ONE(100)), "read");
	ok(tell(&w->target, .op = OP_CLOSE, .fd = a.ret), "close");
	drain(w);
	assert_int_equal(w->seen.n, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ALL_FAMILIES(accept_is_told),
		ALL_FAMILIES(accept4_is_told),
		ALL_FAMILIES(read_is_told),
		ALL_FAMILIES(readv_is_told),
		ALL_FAMILIES(recvfrom_is_told),
		ALL_FAMILIES(recvmsg_is_told),
		ALL_FAMILIES(recvmmsg_is_told),
		ALL_FAMILIES(short_read),
		ALL_FAMILIES(big_read),
		TCP_AND_UNIX(big_readv),
		TCP_AND_UNIX(peeking_is_not_told),
		ALL_FAMILIES(write_is_told),
		ALL_FAMILIES(writev_is_told),
		ALL_FAMILIES(short_buffers_are_copied_whole),
		ALL_FAMILIES(sendto_is_told),
		TCP_AND_UNIX(sendto_that_cannot_block),
		ALL_FAMILIES(sendmsg_is_told),
		ALL_FAMILIES(sendmmsg_is_told),
		TCP_AND_UNIX(sendmmsg_of_many),
		ALL_FAMILIES(sendfile_is_told),
		TCP_AND_UNIX(heads_are_copied_whole),
		ALL_FAMILIES(big_write),
		TCP_AND_UNIX(more_buffers_than_pieces),
		TCP_AND_UNIX(descriptor_that_cannot_block),
		TCP_AND_UNIX(partial_write),
		TCP_AND_UNIX(blocking_write),
		TCP_AND_UNIX(exchange),
		ON_TCP(more_writers_than_places),
		ON_TCP(unhooked_call_leaves_a_gap),
		TCP_AND_UNIX(failed_calls_are_not_told),
		TCP_AND_UNIX(accept_without_descriptor_is_counted),
		TCP_AND_UNIX(full_buffer_is_not_told),
		TCP_AND_UNIX(writes_to_a_closed_peer),
		TCP_AND_UNIX(other_descriptors_are_not_told),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
