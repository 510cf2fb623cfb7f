// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_close.c - how connections end: who ended them, by what, when, and that it is told once.
 */
#include "harness.h"

static struct world *listening(void **state, struct listener *listener)
{
	struct world *w = *state;

	listen_on(listener, w);
	watch(w);
	return w;
}

static struct world *connected(void **state, struct link *l)
{
	struct listener listener;
	struct world *w = listening(state, &listener);

	link_open(l, w, &listener);
	client_send(l->client, 0, 100);
	link_take(l, .op = OP_READ, ONE(100));
	prepare(l, 40);
	link_give(l, 0, .op = OP_WRITE, ONE(40));
	return w;
}

/* The CLOSE of a connection that moved 100 bytes in and 40 out. */
static const struct event *closed(struct link *l, uint16_t flags)
{
	const struct event *e = expect(l, RS_EV_CLOSE);

	assert_int_equal(e->h->flags, l->flags | flags);
	assert_int_equal(e->close->in_pos, 100);
	assert_int_equal(e->close->out_pos, 40);
	return e;
}

/* The end of the client's bytes, read as such: only this tells it of a unix socket. */
static const struct event *read_end(struct link *l)
{
	struct answer a;
	const struct event *e;

	if (!(l->flags & RS_F_POS_COUNTED)) {
		e = expect(l, RS_EV_EOF);
		assert_int_equal(
			ok(tell(l->target, .op = OP_READ, .fd = l->fd, ONE(10)), "read").ret, 0);
	} else {
		a = ok(tell(l->target, .op = OP_READ, .fd = l->fd, ONE(10)), "read");
		assert_int_equal(a.ret, 0);
		e = expect(l, RS_EV_EOF);
		assert_in_range(e->h->ts, a.before, a.after);
	}
	assert_int_equal(e->h->flags, l->flags);
	assert_int_equal(e->close->peer_fin, e->h->ts);
	assert_int_equal(e->close->in_pos, 100);
	assert_int_equal(e->close->in_end, 100);
	assert_int_equal(e->close->out_pos, 40);
	expect_none(l);
	return e;
}

static void client_first(void **state, bool whole)
{
	struct link l;
	struct bracket fin;
	uint64_t peer_fin;
	const struct event *e;

	connected(state, &l);
	fin.before = now_ns();
	if (whole)
		client_close(&l);
	else
		client_fin(&l);
	e = read_end(&l);
	peer_fin = e->close->peer_fin;
	if (!(l.flags & RS_F_POS_COUNTED))
		assert_true(peer_fin >= fin.before);
	link_close(&l);
	e = closed(&l, 0);
	assert_int_equal(e->close->peer_fin, peer_fin);
	assert_true(e->h->ts > peer_fin);
	expect_gone(&l);
}

static void client_closes_first(void **state)
{
	client_first(state, true);
}

static void client_ends_its_side_first(void **state)
{
	client_first(state, false);
}

/* The server has not read up to the end yet when it closes; it could know, and the kernel does. */
static void client_closes_unnoticed(void **state)
{
	struct link l;
	struct bracket fin;
	const struct event *e;

	connected(state, &l);
	fin.before = now_ns();
	client_close(&l);
	if (!(l.flags & RS_F_POS_COUNTED)) {
		e = expect(&l, RS_EV_EOF);
		assert_true(e->h->ts >= fin.before);
	}
	link_close(&l);
	e = closed(&l, 0);
	assert_true(e->close->peer_fin >= fin.before);
	expect_gone(&l);
}

/* What the client caused happens in the client's context, or in anybody's: that process is not
 * named. */
static void no_stranger_is_named(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct link l[3];

	for (unsigned i = 0; i < ARRAY(l); i++)
		link_open(&l[i], w, &listener);
	client_fin(&l[0]);
	expect(&l[0], RS_EV_EOF);
	client_reset(&l[1]);
	expect(&l[1], RS_EV_CLOSE);
	link_close(&l[2]);
	expect(&l[2], RS_EV_CLOSE);
	for (size_t i = 0; i < w->seen.n; i++) {
		const struct rs_event *h = w->seen.list[i]->h;

		if (h->tgid && h->tgid != (uint32_t)w->target.pid)
			fail_msg("%s names process %u", type_name(h->type), h->tgid);
	}
}

static void server_closes_first(void **state)
{
	struct link l;
	struct answer a;
	const struct event *e;

	connected(state, &l);
	a = link_close(&l);
	e = closed(&l, RS_F_BY_SERVER);
	assert_in_range(e->h->ts, a.before, a.after);
	assert_int_equal(e->close->peer_fin, 0);
	assert_int_equal(e->close->n_arrivals, 0);
	assert_int_equal(e->h->tgid, l.target->pid);
	if (!(l.flags & RS_F_POS_COUNTED))
		assert_in_range(e->close->established, 1, e->h->ts);
	client_close(&l);
	expect_gone(&l);
}

static void client_resets(void **state)
{
	struct link l;
	uint64_t before;
	const struct event *e;

	connected(state, &l);
	before = now_ns();
	client_reset(&l);
	e = closed(&l, RS_F_RESET);
	assert_true(e->close->peer_fin >= before && e->close->peer_fin <= e->h->ts);
	link_close(&l);
	expect_gone(&l);
}

/* The client resets with bytes that nobody read: they and their stamps are in the CLOSE. */
static void client_resets_with_unread_bytes(void **state)
{
	struct link l;
	struct bracket sent;
	const struct event *e;

	connected(state, &l);
	sent = client_send(l.client, 100, 30);
	client_reset(&l);
	e = closed(&l, RS_F_RESET);
	assert_int_equal(e->close->in_end, 130);
	assert_int_equal(e->n_arrivals, 1);
	assert_int_equal(e->arrivals[0].end, 130);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
	link_close(&l);
	expect_gone(&l);
}

/* A reset that follows a FIN: the client was gone before. */
static void client_ends_then_resets(void **state)
{
	struct link l;
	const struct event *e;
	uint64_t fin;

	connected(state, &l);
	client_fin(&l);
	e = expect(&l, RS_EV_EOF);
	fin = e->close->peer_fin;
	client_reset(&l);
	e = closed(&l, RS_F_RESET);
	assert_int_equal(e->close->peer_fin, fin);
	link_close(&l);
	expect_gone(&l);
}

/* close() with unread bytes is an abort: the client gets a reset, and it is the server's doing. */
static void server_closes_with_unread_bytes(void **state)
{
	struct link l;
	struct bracket sent;
	struct answer a;
	const struct event *e;

	connected(state, &l);
	sent = client_send(l.client, 100, 30);
	a = link_close(&l);
	e = expect(&l, RS_EV_CLOSE);
	assert_int_equal(e->h->flags & ~RS_F_RESET, l.flags | RS_F_BY_SERVER);
	assert_in_range(e->h->ts, a.before, a.after);
	assert_int_equal(e->close->peer_fin, 0);
	assert_int_equal(e->close->in_pos, 100);
	assert_int_equal(e->close->in_end, 130);
	assert_int_equal(e->n_arrivals, 1);
	assert_int_equal(e->arrivals[0].end, 130);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
	client_close(&l);
	expect_gone(&l);
}

static void server_resets(void **state)
{
	struct link l;
	struct answer a;
	const struct event *e;

	connected(state, &l);
	ok(tell(l.target, .op = OP_LINGER0, .fd = l.fd), "SO_LINGER");
	a = link_close(&l);
	e = expect(&l, RS_EV_CLOSE);
	assert_int_equal(e->h->flags & ~RS_F_RESET, RS_F_BY_SERVER);
	assert_in_range(e->h->ts, a.before, a.after);
	assert_int_equal(e->close->peer_fin, 0);
	client_close(&l);
	expect_gone(&l);
}

/* The server ends its side. What it reads afterwards belongs to no request that it could answer. */
static void server_shuts_down(void **state)
{
	struct link l;
	struct answer a;
	const struct event *e;
	struct rs_census k = {};

	connected(state, &l);
	assert_true(census_has(l.w, l.conn, &k));
	assert_int_equal(k.flags, l.flags);
	a = ok(tell(l.target, .op = OP_SHUTDOWN, .fd = l.fd, .arg = SHUT_WR), "shutdown");
	e = closed(&l, RS_F_BY_SERVER);
	assert_in_range(e->h->ts, a.before, a.after);
	/* it is still there, and known to be over */
	assert_true(census_has(l.w, l.conn, &k));
	assert_int_equal(k.flags, l.flags | RS_F_CLOSED);
	client_send(l.client, 100, 10);
	ok(tell(l.target, .op = OP_READ, .fd = l.fd, ONE(10)), "read");
	client_close(&l);
	ok(tell(l.target, .op = OP_READ, .fd = l.fd, ONE(10)), "read at the end");
	expect_none(&l);
	link_close(&l);
	expect_gone(&l);
}

/* It wants no more bytes; it can still send. */
static void server_stops_reading(void **state)
{
	struct link l;

	connected(state, &l);
	ok(tell(l.target, .op = OP_SHUTDOWN, .fd = l.fd, .arg = SHUT_RD), "shutdown");
	expect_none(&l);
	prepare(&l, 10);
	link_give(&l, 0, .op = OP_WRITE, ONE(10));
	link_close(&l);
	assert_int_equal(expect(&l, RS_EV_CLOSE)->h->flags, l.flags | RS_F_BY_SERVER);
	client_close(&l);
	expect_gone(&l);
}

static void server_shuts_down_after_client(void **state)
{
	struct link l;

	connected(state, &l);
	client_fin(&l);
	read_end(&l);
	ok(tell(l.target, .op = OP_SHUTDOWN, .fd = l.fd, .arg = SHUT_RDWR), "shutdown");
	closed(&l, 0);
	link_close(&l);
	client_close(&l);
	expect_gone(&l);
}

/* --- connections that accept() did not return yet */

static void unaccepted_client_resets(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent;
	const struct event *e;
	struct link l;

	link_connect(&l, w, &listener);
	sent = client_send(l.client, 0, 70);
	client_reset(&l);
	e = expect_new(&l, RS_EV_CLOSE);
	assert_int_equal(e->h->flags, RS_F_UNACCEPTED | RS_F_RESET);
	assert_true(e->close->peer_fin >= sent.after);
	assert_true(e->close->established && e->close->established <= sent.after);
	assert_int_equal(e->close->in_pos, 0);
	assert_int_equal(e->close->in_end, 70);
	assert_int_equal(e->close->out_pos, 0);
	assert_int_equal(e->n_arrivals, 1);
	assert_int_equal(e->arrivals[0].end, 70);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
	/* the kernel hands it out all the same; nothing follows a CLOSE */
	l.fd = ok(tell(l.target, .op = OP_ACCEPT4, .fd = listener.fd), "accept4").ret;
	expect_none(&l);
	ok(tell(l.target, .op = OP_CLOSE, .fd = l.fd), "close");
	expect_gone(&l);
}

/* The client has given up; its request is still there, and the server will answer nobody. */
static void unaccepted_client_closes(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent;
	const struct event *e;
	struct link l;

	link_connect(&l, w, &listener);
	sent = client_send(l.client, 0, 70);
	client_close(&l);
	if (w->family != AF_UNIX) {
		e = expect_new(&l, RS_EV_EOF);
		assert_int_equal(e->h->flags, RS_F_UNACCEPTED);
		assert_int_equal(e->close->in_end, 70);
		assert_true(e->close->peer_fin >= sent.after);
	}
	link_accept(&l, &listener);
	e = link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(e->n_arrivals, 1);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
	link_close(&l);
	e = expect(&l, RS_EV_CLOSE);
	assert_int_equal(e->h->flags, l.flags);
	expect_gone(&l);
}

/* The listener goes away, and with it those who waited. */
static void listener_closes_on_the_unaccepted(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct bracket sent;
	const struct event *e;
	struct answer a;
	struct link l;

	link_connect(&l, w, &listener);
	sent = client_send(l.client, 0, 70);
	a = ok(tell(l.target, .op = OP_CLOSE, .fd = listener.fd), "close");
	if (w->family == AF_UNIX)
		sweep(w, 1);
	e = expect_new(&l, RS_EV_CLOSE);
	assert_int_equal(e->h->flags & ~RS_F_RESET, l.flags | RS_F_UNACCEPTED | RS_F_BY_SERVER);
	assert_in_range(e->h->ts, a.before, w->family == AF_UNIX ? now_ns() : a.after);
	assert_int_equal(e->close->peer_fin, 0);
	assert_int_equal(e->close->in_end, 70);
	assert_int_equal(e->n_arrivals, 1);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
	expect_gone(&l);
}

/* --- descriptors and processes */

/* Only the last descriptor's close() ends a connection. */
static void second_descriptor(void **state)
{
	struct link l;
	struct answer a;

	connected(state, &l);
	a = ok(tell(l.target, .op = OP_DUP, .fd = l.fd), "dup");
	link_close(&l);
	expect_none(&l);
	l.fd = a.ret;
	client_send(l.client, 100, 10);
	link_take(&l, .op = OP_READ, ONE(10));
	a = link_close(&l);
	assert_in_range(expect(&l, RS_EV_CLOSE)->h->ts, a.before, a.after);
	client_close(&l);
	expect_gone(&l);
}

static void killed_process(void **state, bool unread)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct link l[3];
	const struct event *e;

	for (unsigned i = 0; i < ARRAY(l); i++) {
		link_open(&l[i], w, &listener);
		client_send(l[i].client, 0, 10);
		if (!unread)
			link_take(&l[i], .op = OP_READ, ONE(10));
	}
	kill(w->target.pid, SIGKILL);
	e = expect_bare(w, RS_EV_PROC, w->target.pid);
	assert_int_equal(e->proc->what, RS_PROC_EXIT);
	assert_int_equal(e->proc->other, SIGKILL);
	for (unsigned i = 0; i < ARRAY(l); i++) {
		e = expect(&l[i], RS_EV_CLOSE);
		assert_int_equal(e->h->flags & ~RS_F_RESET, l[i].flags | RS_F_BY_SERVER);
		assert_int_equal(e->n_arrivals, unread);
		assert_int_equal(e->close->peer_fin, 0);
		client_close(&l[i]);
		expect_gone(&l[i]);
	}
}

static void killed_with_open_connections(void **state)
{
	killed_process(state, false);
}

static void killed_with_unread_bytes(void **state)
{
	killed_process(state, true);
}

/* With the process goes its listener, and with that who waited there. */
static void killed_with_the_unaccepted(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	uint32_t pid = w->target.pid;
	struct rs_census k[1];
	uint64_t conn = 1;
	struct link l;

	link_connect(&l, w, &listener);
	client_send(l.client, 0, 10);
	assert_true(census_has(w, conn, k));
	assert_true(k->flags & RS_F_UNACCEPTED);
	target_kill(&w->target);
	expect_bare(w, RS_EV_PROC, pid);
	if (w->family == AF_UNIX)
		sweep(w, conn);
	assert_int_equal(expect_new(&l, RS_EV_CLOSE)->h->flags & ~RS_F_RESET,
			 l.flags | RS_F_UNACCEPTED | RS_F_BY_SERVER);
	assert_int_equal(l.conn, conn);
	capture_forget_process(w->capture, pid);
	expect_gone(&l);
}

/* Unix sockets do not tell; the census does. */
static void killed_with_unix_connections(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	uint32_t pid = w->target.pid;
	struct link l[3];

	for (unsigned i = 0; i < ARRAY(l); i++) {
		link_open(&l[i], w, &listener);
		client_send(l[i].client, 0, 10);
		link_take(&l[i], .op = OP_READ, ONE(10));
	}
	target_kill(&w->target);
	expect_bare(w, RS_EV_PROC, pid);
	capture_forget_process(w->capture, pid);
	for (unsigned i = 0; i < ARRAY(l); i++) {
		sweep(w, l[i].conn);
		assert_int_equal(expect(&l[i], RS_EV_CLOSE)->h->flags, l[i].flags | RS_F_BY_SERVER);
		expect_gone(&l[i]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ALL_FAMILIES(client_closes_first),
		ALL_FAMILIES(client_ends_its_side_first),
		ALL_FAMILIES(client_closes_unnoticed),
		ON_TCP(no_stranger_is_named),
		ALL_FAMILIES(server_closes_first),
		ON_TCP(client_resets),
		ON_TCP(client_resets_with_unread_bytes),
		ON_TCP(client_ends_then_resets),
		ALL_FAMILIES(server_closes_with_unread_bytes),
		ON_TCP(server_resets),
		ALL_FAMILIES(server_shuts_down),
		TCP_AND_UNIX(server_stops_reading),
		TCP_AND_UNIX(server_shuts_down_after_client),
		ON_TCP(unaccepted_client_resets),
		TCP_AND_UNIX(unaccepted_client_closes),
		TCP_AND_UNIX(listener_closes_on_the_unaccepted),
		TCP_AND_UNIX(second_descriptor),
		ON_TCP(killed_with_open_connections),
		ON_TCP(killed_with_unread_bytes),
		TCP_AND_UNIX(killed_with_the_unaccepted),
		ON_UNIX(killed_with_unix_connections),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
