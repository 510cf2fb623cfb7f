// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_census.c - what existed before tracing began, and what the kernel holds at a moment: its
 * connections, the ones that nobody accepted, and its listeners.
 */
#include "harness.h"

#include <stddef.h>

/* --- connections that existed before */

/* Until the kernel's jiffies have moved on, two stamps made of them may be equal. */
static void next_jiffy(void)
{
	struct timespec first, t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &first);
	for (int moved = 0; moved < 2;) {
		breathe();
		clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
		if (t.tv_sec != first.tv_sec || t.tv_nsec != first.tv_nsec) {
			first = t;
			moved++;
		}
	}
}

/* A connection that is accepted without being watched. */
static void link_early(struct link *l, struct world *w, const struct listener *listener)
{
	link_connect(l, w, listener);
	l->fd = ok(tell(l->target, .op = OP_ACCEPT, .fd = listener->fd), "accept").ret;
	l->flags |= RS_F_LATE;
}

static void early_take(struct link *l, uint32_t len)
{
	client_send(l->client, 0, len);
	ok(tell(l->target, .op = OP_READ, .fd = l->fd, ONE(len)), "read");
}

static void early_give(struct link *l, uint32_t len)
{
	prepare(l, len);
	ok(tell(l->target, .op = OP_WRITE, .fd = l->fd, ONE(len)), "write");
	client_receive(l->client, l->target->stage->area->bytes, len);
}

/* Positions begin at what has been taken and sent so far. */
static const struct event *expect_late(struct link *l, uint32_t unread)
{
	const struct event *e = expect_new(l, RS_EV_OPEN);

	assert_int_equal(e->h->flags, l->flags);
	assert_int_equal(e->open->established, 0);
	assert_int_equal(e->open->in_pos, 0);
	assert_int_equal(e->open->in_end, unread);
	assert_int_equal(e->open->out_pos, 0);
	return e;
}

static void idle_connection_is_met(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct bracket took, gave;
	const struct event *e;
	uint64_t before;
	struct link l;

	listen_on(&listener, w);
	link_early(&l, w, &listener);
	took.before = now_ns();
	early_take(&l, 300);
	took.after = now_ns();
	next_jiffy();
	gave.before = now_ns();
	early_give(&l, 200);
	gave.after = now_ns();
	before = now_ns();
	watch(w);
	e = expect_late(&l, 0);
	assert_in_range(e->h->ts, before, now_ns());
	if (w->family != AF_UNIX) {
		assert_true(e->open->last_in < e->open->last_out);
		/* to a jiffy of at most 10 ms */
		assert_in_range(e->open->last_in, took.before - 10000000, took.after + 10000000);
		assert_in_range(e->open->last_out, gave.before - 10000000, gave.after + 10000000);
		assert_int_equal(ntohs(e->open->local.port), listener_port(&listener));
	}
	/* it goes on as any other */
	client_send(l.client, 0, 50);
	e = link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(e->n_arrivals, 1);
	prepare(&l, 60);
	link_give(&l, 0, .op = OP_WRITE, ONE(60));
	link_close(&l);
	assert_int_equal(expect(&l, RS_EV_CLOSE)->h->flags, l.flags | RS_F_BY_SERVER);
	client_close(&l);
	expect_gone(&l);
}

/* It was met by the tracer's census; whose connection it is must be told all the same. */
static void late_connection_names_its_process(void **state)
{
	struct world *w = *state;
	struct listener listener;
	const struct event *e;
	struct link l;

	listen_on(&listener, w);
	link_early(&l, w, &listener);
	watch(w);
	e = expect_late(&l, 0);
	assert_int_equal(e->h->tgid, w->target.pid);
}

/* The server has read a request and not answered: the last bytes went in. */
static void busy_connection_is_met(void **state)
{
	struct world *w = *state;
	struct listener listener;
	const struct event *e;
	struct link l;

	listen_on(&listener, w);
	link_early(&l, w, &listener);
	early_give(&l, 10);
	next_jiffy();
	early_take(&l, 300);
	watch(w);
	e = expect_late(&l, 0);
	if (w->family != AF_UNIX)
		assert_true(e->open->last_in > e->open->last_out);
}

/* Bytes that came before tracing began have no stamp, those that come after it have. */
static void unread_bytes_are_met(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct bracket sent;
	const struct event *e;
	struct link l;

	listen_on(&listener, w);
	link_early(&l, w, &listener);
	client_send(l.client, 0, 300);
	watch(w);
	expect_late(&l, w->family == AF_UNIX ? 1 : 300);
	e = link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(e->n_arrivals, 0);
	e = link_take(&l, .op = OP_READ, ONE(200));
	assert_int_equal(e->n_arrivals, 0);
	sent = client_send(l.client, 300, 20);
	e = link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(e->n_arrivals, 1);
	assert_int_equal(e->arrivals[0].end, 320);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
}

/* Old bytes and new ones in one read. No old byte may have a new one's stamp. */
static void old_and_new_bytes(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct bracket sent;
	const struct event *e;
	struct link l;

	listen_on(&listener, w);
	link_early(&l, w, &listener);
	client_send(l.client, 0, 300);
	watch(w);
	e = expect_late(&l, w->family == AF_UNIX ? 1 : 300);
	sent = client_send(l.client, 300, 20);
	e = link_take(&l, .op = OP_READ, ONE(1000));
	assert_int_equal(e->data->len, 320);
	if (w->family != AF_UNIX) { /* the user side knows from in_end which bytes are old */
		assert_int_equal(e->n_arrivals, 1);
		assert_int_equal(e->arrivals[0].end, 320);
		assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
	}
	sent = client_send(l.client, 320, 20);
	e = link_take(&l, .op = OP_READ, ONE(1000));
	assert_int_equal(e->n_arrivals, 1);
	assert_int_equal(e->arrivals[0].end, 340);
	assert_in_range(e->arrivals[0].ts, sent.before, sent.after);
}

static void half_closed_connection_is_met(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct link l;

	listen_on(&listener, w);
	link_early(&l, w, &listener);
	client_send(l.client, 0, 30);
	client_fin(&l);
	wait_acknowledged(l.client);
	watch(w);
	expect_late(&l, 30);
	link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(tell(l.target, .op = OP_READ, .fd = l.fd, ONE(100)).ret, 0);
	prepare(&l, 20);
	link_give(&l, 0, .op = OP_WRITE, ONE(20));
	link_close(&l);
	/* when the client ended is not known, but that it did, before the server */
	assert_int_equal(expect(&l, RS_EV_CLOSE)->h->flags & RS_F_BY_SERVER, 0);
}

/* Waiting in the accept queue since before: known when it is accepted, its bytes without stamps. */
static void early_unaccepted_connection(void **state)
{
	struct world *w = *state;
	struct listener listener;
	const struct event *e;
	struct link l;

	listen_on(&listener, w);
	link_connect(&l, w, &listener);
	client_send(l.client, 0, 30);
	watch(w);
	drain(w);
	assert_int_equal(w->seen.n, 0);
	e = link_accept(&l, &listener);
	assert_int_equal(e->open->established, 0);
	assert_int_equal(e->open->in_pos, 0);
	if (w->family != AF_UNIX)
		assert_int_equal(e->open->in_end, 30);
	l.flags = e->h->flags | (w->family == AF_UNIX ? RS_F_NO_ARRIVALS : 0);
	e = link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(e->n_arrivals, 0);
}

/* The target is the client of it: no connection of ours, however old. */
static void outgoing_connections_are_not_met(void **state)
{
	struct world *w = *state;
	struct listener own, others;
	struct answer a;
	int fd[2], peer[2];

	listen_on(&own, w);
	listen_at(&others, &w->other, w->family, 16);
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			watch(w);
		w->stage.area->addr = others.addr;
		w->stage.area->addr_len = others.addr_len;
		fd[i] = ok(tell(&w->target, .op = OP_CONNECT), "connect").ret;
		peer[i] = ok(tell(&w->other, .op = OP_ACCEPT, .fd = others.fd), "accept").ret;
	}
	for (unsigned i = 0; i < 2; i++) {
		ok(tell(&w->target, .op = OP_WRITE, .fd = fd[i], ONE(30)), "write");
		a = ok(tell(&w->other, .op = OP_READ, .fd = peer[i], ONE(30)), "read");
		assert_int_equal(a.ret, 30);
		ok(tell(&w->other, .op = OP_WRITE, .fd = peer[i], ONE(30)), "write");
		ok(tell(&w->target, .op = OP_READ, .fd = fd[i], ONE(30)), "read");
		ok(tell(&w->target, .op = OP_CLOSE, .fd = fd[i]), "close");
		ok(tell(&w->other, .op = OP_CLOSE, .fd = peer[i]), "close");
	}
	drain(w);
	assert_int_equal(w->seen.n, 0);
}

/* The target connects to itself: one end is a client, the other is served. */
static void connection_to_itself(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct answer a;
	struct link l = {.w = w, .target = &w->target};
	int fd;

	listen_on(&listener, w);
	watch(w);
	w->stage.area->addr = listener.addr;
	w->stage.area->addr_len = listener.addr_len;
	fd = ok(tell(&w->target, .op = OP_CONNECT), "connect").ret;
	a = ok(tell(&w->target, .op = OP_ACCEPT, .fd = listener.fd), "accept");
	l.fd = a.ret;
	expect_new(&l, RS_EV_OPEN);
	ok(tell(&w->target, .op = OP_WRITE, .fd = fd, ONE(30)), "write");
	ok(tell(&w->target, .op = OP_READ, .fd = l.fd, ONE(30)), "read");
	assert_int_equal(expect(&l, RS_EV_IN)->data->len, 30);
	ok(tell(&w->target, .op = OP_WRITE, .fd = l.fd, ONE(40)), "write");
	assert_int_equal(expect(&l, RS_EV_OUT)->data->len, 40);
	ok(tell(&w->target, .op = OP_READ, .fd = fd, ONE(40)), "read");
	link_close(&l);
	assert_true(expect(&l, RS_EV_CLOSE)->h->flags & RS_F_BY_SERVER);
	ok(tell(&w->target, .op = OP_CLOSE, .fd = fd), "close");
	expect_gone(&l);
	for (size_t i = 0; i < w->seen.n; i++)
		assert_int_equal(w->seen.list[i]->h->conn, l.conn);
}

/* --- the census of connections */

/* What find_conn() finds of the connection that was made last. */
static struct rs_census census_of(struct world *w, uint64_t conn)
{
	struct rs_census k = {};

	assert_true(census_has(w, conn, &k));
	return k;
}

static void unaccepted_bytes_are_listed(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct bracket sent[3];
	struct rs_census k;
	uint64_t before;
	struct link l;

	listen_on(&listener, w);
	watch(w);
	link_connect(&l, w, &listener);
	for (unsigned i = 0; i < 3; i++)
		sent[i] = client_send(l.client, 10 * i, 10);
	before = now_ns();
	k = census_of(w, 1);
	assert_in_range(k.ts, before, now_ns());
	assert_int_equal(k.flags, l.flags | RS_F_UNACCEPTED);
	assert_int_equal(k.family, w->family);
	assert_int_equal(k.seq, 0);
	assert_int_equal(k.in_pos, 0);
	assert_int_equal(k.in_end, 30);
	assert_int_equal(k.out_pos, 0);
	assert_int_equal(k.n_arrivals, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(k.arrivals[i].end, 10 * (i + 1));
		assert_in_range(k.arrivals[i].ts, sent[i].before, sent[i].after);
	}
	if (w->family != AF_UNIX)
		assert_in_range(k.established, 1, sent[0].after);
	/* accept() returns the same connection */
	link_accept(&l, &listener);
	assert_int_equal(l.conn, 1);
	assert_int_equal(census_of(w, 1).flags, l.flags);
}

static void state_is_listed(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct rs_census k;
	struct bracket sent;
	struct link l;

	listen_on(&listener, w);
	watch(w);
	link_open(&l, w, &listener);
	k = census_of(w, l.conn);
	assert_int_equal(k.seq, 1);
	assert_int_equal(k.tgid, w->target.pid);
	assert_int_equal(k.in_end, 0);
	assert_int_equal(k.n_arrivals, 0);
	sent = client_send(l.client, 0, 100);
	link_take(&l, .op = OP_READ, ONE(60));
	prepare(&l, 40);
	link_give(&l, 0, .op = OP_WRITE, ONE(40));
	k = census_of(w, l.conn);
	assert_int_equal(k.seq, l.seq);
	assert_int_equal(k.in_pos, 60);
	assert_int_equal(k.in_end, 100);
	assert_int_equal(k.out_pos, 40);
	assert_int_equal(k.n_arrivals, 1);
	assert_int_equal(k.arrivals[0].end, 100);
	assert_in_range(k.arrivals[0].ts, sent.before, sent.after);
	link_take(&l, .op = OP_READ, ONE(40));
	k = census_of(w, l.conn);
	assert_int_equal(k.in_pos, k.in_end);
	assert_int_equal(k.n_arrivals, 0);
}

static void count_conn(void *ctx, const struct rs_census *k)
{
	assert_int_not_equal(k->conn, 0);
	++*(unsigned *)ctx;
}

/* More than one read of the iterator takes. */
static void many_connections_are_listed(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct link l[300];
	unsigned n = 0;
	uint64_t deadline = now_ns() + DEADLINE_NS;

	listen_at(&listener, &w->target, w->family, ARRAY(l));
	watch(w);
	for (unsigned i = 0; i < ARRAY(l); i++)
		link_open(&l[i], w, &listener);
	assert_int_equal(capture_census_conns(w->capture, count_conn, &n), 0);
	assert_int_equal(n, ARRAY(l));
	for (unsigned i = 0; i < ARRAY(l); i++) {
		client_close(&l[i]);
		link_close(&l[i]);
	}
	for (unsigned i = 0; i < ARRAY(l); i++)
		while (census_has(w, l[i].conn, NULL) && now_ns() < deadline)
			breathe();
	n = 0;
	assert_int_equal(capture_census_conns(w->capture, count_conn, &n), 0);
	assert_int_equal(n, 0);
}

/* --- the census of listeners */

struct listed {
	struct rs_ev_listen e[8];
	unsigned n;
};

static void take_listener(void *ctx, const struct rs_ev_listen *e)
{
	struct listed *l = ctx;

	assert_true(l->n < ARRAY(l->e));
	l->e[l->n++] = *e;
}

static void take_listeners(struct world *w, struct listed *l)
{
	l->n = 0;
	assert_int_equal(capture_census_listeners(w->capture, w->target.pid, take_listener, l), 0);
}

static void check_listener(const struct rs_ev_listen *e, const struct listener *l)
{
	assert_int_equal(e->h.type, RS_EV_LISTEN);
	assert_int_equal(e->local.family, l->addr.ss_family);
	assert_int_equal(ntohs(e->local.port), listener_port(l));
	assert_int_not_equal(e->netns, 0);
	if (l->addr.ss_family == AF_UNIX) {
		size_t at = offsetof(struct sockaddr_un, sun_path);

		assert_int_equal(e->path_len, l->addr_len - at);
		assert_memory_equal(e->path, (uint8_t *)&l->addr + at, e->path_len);
	}
}

static void listeners_are_listed(void **state)
{
	struct world *w = *state;
	struct listener listener[3];
	struct listed found;
	struct link l;

	for (unsigned i = 0; i < 3; i++)
		listen_at(&listener[i], &w->target, w->family, 5 + i);
	watch(w);
	for (unsigned i = 0; i < 2; i++)
		link_connect(&l, w, &listener[1]);
	take_listeners(w, &found);
	assert_int_equal(found.n, 3);
	for (unsigned i = 0; i < 3; i++) {
		check_listener(&found.e[i], &listener[i]);
		assert_int_equal(found.e[i].h.tgid, w->target.pid);
		assert_int_equal(found.e[i].backlog, 5 + i);
		assert_int_equal(found.e[i].accept_queue, i == 1 ? 2 : 0);
		assert_int_not_equal(found.e[i].h.conn, 0);
	}
	ok(tell(&w->target, .op = OP_ACCEPT, .fd = listener[1].fd), "accept");
	ok(tell(&w->target, .op = OP_CLOSE, .fd = listener[2].fd), "close");
	take_listeners(w, &found);
	assert_int_equal(found.n, 2);
	assert_int_equal(found.e[1].accept_queue, 1);
}

static void listener_by_path(void **state)
{
	struct world *w = *state;
	struct sockaddr_un *addr = (struct sockaddr_un *)&w->stage.area->addr;
	char folder[] = "/tmp/reqscope-XXXXXX";
	struct listener listener;
	struct listed found;
	struct answer a;

	assert_non_null(mkdtemp(folder));
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/app.sock", folder);
	w->stage.area->addr_len = sizeof(*addr);
	a = tell(&w->target, .op = OP_LISTEN, .arg = AF_UNIX, .flags = 3);
	unlink(addr->sun_path);
	rmdir(folder);
	listener = (struct listener){&w->target, ok(a, "listen").ret, w->stage.area->addr,
				     w->stage.area->addr_len};
	watch(w);
	take_listeners(w, &found);
	assert_int_equal(found.n, 1);
	check_listener(&found.e[0], &listener);
	assert_int_equal(found.e[0].backlog, 3);
}

/* listen() while we watch: told, and its connections are followed from their beginning. */
static void new_listener_is_told(void **state)
{
	struct world *w = *state;
	struct listener listener;
	const struct event *e;
	struct link l;

	watch(w);
	listen_at(&listener, &w->target, w->family, 9);
	e = expect_bare(w, RS_EV_LISTEN, w->target.pid);
	check_listener(e->listen, &listener);
	assert_int_equal(e->listen->backlog, 9);
	assert_int_equal(e->listen->accept_queue, 0);
	link_connect(&l, w, &listener);
	client_send(l.client, 0, 10);
	link_accept(&l, &listener);
	assert_int_equal(link_take(&l, .op = OP_READ, ONE(100))->n_arrivals, 1);
	/* and again after it closed and came back at the same address */
	ok(tell(&w->target, .op = OP_CLOSE, .fd = listener.fd), "close");
	w->stage.area->addr = listener.addr;
	w->stage.area->addr_len = listener.addr_len;
	listener.fd =
		ok(tell(&w->target, .op = OP_LISTEN, .arg = w->family, .flags = 4), "listen").ret;
	e = expect_bare(w, RS_EV_LISTEN, w->target.pid);
	check_listener(e->listen, &listener);
	link_connect(&l, w, &listener);
	client_send(l.client, 0, 10);
	link_accept(&l, &listener);
	assert_int_equal(link_take(&l, .op = OP_READ, ONE(100))->n_arrivals, 1);
}

/* --- ports that are followed */

static void free_address(struct world *w, struct listener *l)
{
	listen_at(l, &w->target, w->family, 1);
	ok(tell(&w->target, .op = OP_CLOSE, .fd = l->fd), "close");
}

static void listen_again(struct world *w, struct listener *l, const struct target *t)
{
	w->stage.area->addr = l->addr;
	w->stage.area->addr_len = l->addr_len;
	l->target = t;
	l->fd = ok(tell(t, .op = OP_LISTEN, .arg = w->family, .flags = 8), "listen").ret;
}

static void follow(struct world *w, const struct listener *l)
{
	struct capture_options options = CAPTURE_DEFAULTS;
	uint16_t port = listener_port(l);

	options.ports = &port;
	options.n_ports = 1;
	watch_with(w, &options);
}

/* Whoever begins to listen on the port is the target, one process after the other. */
static void followed_port_is_joined(void **state)
{
	struct world *w = *state;
	struct listener listener;
	const struct event *e;
	struct link l;

	free_address(w, &listener);
	follow(w, &listener);
	for (unsigned i = 0; i < 2; i++) {
		const struct target *t = i ? &w->other : &w->target;

		listen_again(w, &listener, t);
		e = expect_bare(w, RS_EV_PROC, t->pid);
		assert_int_equal(e->proc->what, RS_PROC_JOIN);
		e = expect_bare(w, RS_EV_LISTEN, t->pid);
		check_listener(e->listen, &listener);
		link_connect(&l, w, &listener);
		client_send(l.client, 0, 10);
		e = link_accept(&l, &listener);
		assert_int_equal(e->h->tgid, t->pid);
		assert_int_not_equal(e->open->established, 0);
		assert_int_equal(link_take(&l, .op = OP_READ, ONE(100))->n_arrivals, 1);
		link_close(&l);
		expect(&l, RS_EV_CLOSE);
		client_close(&l);
		expect_gone(&l);
		ok(tell(t, .op = OP_CLOSE, .fd = listener.fd), "close");
	}
}

static void other_ports_are_not_joined(void **state)
{
	struct world *w = *state;
	struct listener followed, listener;
	int client, fd;

	free_address(w, &followed);
	follow(w, &followed);
	listen_at(&listener, &w->other, w->family, 8);
	assert_int_not_equal(listener_port(&listener), listener_port(&followed));
	client = client_connect(&listener);
	client_send(client, 0, 10);
	fd = ok(tell(&w->other, .op = OP_ACCEPT, .fd = listener.fd), "accept").ret;
	ok(tell(&w->other, .op = OP_READ, .fd = fd, ONE(10)), "read");
	ok(tell(&w->other, .op = OP_CLOSE, .fd = fd), "close");
	close(client);
	drain(w);
	assert_int_equal(w->seen.n, 0);
}

/* A process that the user side adds: what it holds is met. */
static void added_process_is_met(void **state)
{
	struct world *w = *state;
	struct listener listener;
	struct link l;

	listen_at(&listener, &w->other, w->family, 8);
	link_early(&l, w, &listener);
	watch(w);
	drain(w);
	assert_int_equal(w->seen.n, 0);
	assert_int_equal(capture_add_process(w->capture, w->other.pid), 0);
	expect_late(&l, 0);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(10));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ALL_FAMILIES(idle_connection_is_met),
		TCP_AND_UNIX(late_connection_names_its_process),
		TCP_AND_UNIX(busy_connection_is_met),
		ALL_FAMILIES(unread_bytes_are_met),
		TCP_AND_UNIX(old_and_new_bytes),
		ON_TCP(half_closed_connection_is_met),
		TCP_AND_UNIX(early_unaccepted_connection),
		TCP_AND_UNIX(outgoing_connections_are_not_met),
		TCP_AND_UNIX(connection_to_itself),
		ALL_FAMILIES(unaccepted_bytes_are_listed),
		TCP_AND_UNIX(state_is_listed),
		TCP_AND_UNIX(many_connections_are_listed),
		ALL_FAMILIES(listeners_are_listed),
		ON_UNIX(listener_by_path),
		ALL_FAMILIES(new_listener_is_told),
		FAMILY(followed_port_is_joined, "tcp4", AF_INET),
		FAMILY(followed_port_is_joined, "tcp6", AF_INET6),
		ON_TCP(other_ports_are_not_joined),
		TCP_AND_UNIX(added_process_is_met),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
