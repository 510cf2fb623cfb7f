/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * harness.h - one test: a target process, a capture of it, and connections from the test to it.
 *
 * The real thing happens, then what the BPF programs told of it is compared. The records of a
 * connection are taken strictly in order and their sequence numbers must be contiguous, so one too
 * many is noticed by whoever expects the next.
 */
#ifndef RS_TEST_HARNESS_H
#define RS_TEST_HARNESS_H

#include "seen.h"

#include <linux/sockios.h>

#define ARRAY(a)     (sizeof(a) / sizeof(*(a)))
#define BUFFER_BYTES (1 << 20) /* socket buffers: no call of less blocks or is cut short */

struct world {
	struct stage stage;
	struct target target;
	struct target other; /* a process that is not the target */
	struct capture *capture;
	struct seen seen;
	uint64_t last_conn; /* identities up to here belong to known connections */
	size_t cursor;	    /* of records that belong to no connection, and of new connections */
	int family;
	bool may_drop;
};

struct listener {
	const struct target *target;
	int fd; /* the target's */
	struct sockaddr_storage addr;
	socklen_t addr_len;
};

/* One connection, seen from both sides. */
struct link {
	struct world *w;
	const struct target *target; /* process that serves it */
	int client;		     /* the test's descriptor */
	int fd;			     /* the target's */
	uint64_t conn;
	uint32_t seq;
	uint32_t in, out; /* positions that the next segments must have */
	size_t cursor;
	uint16_t flags; /* that every event of it carries */
};

/* Time within which something happened, by the test's clock. */
struct bracket {
	uint64_t before, after;
};

#define fail_at(file, line, ...)                        \
	do {                                            \
		print_error("%s:%d: ", (file), (line)); \
		fail_msg(__VA_ARGS__);                  \
	} while (0)

/* --- the world */

HELPER int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w || stage_open(&w->stage) || target_start(&w->target, &w->stage, 0) ||
	    target_start(&w->other, &w->stage, 1))
		return -1;
	w->family = (int)(uintptr_t)*state;
	*state = w;
	return 0;
}

/* Whatever a test is about: every record can be decoded, and the counters agree with them. */
HELPER int world_teardown(void **state)
{
	struct world *w = *state;
	struct capture_counts counts = {};
	int err = 0;

	target_kill(&w->target);
	target_kill(&w->other);
	if (w->capture) {
		/* what its end gave rise to on another CPU may still be under way */
		uint64_t deadline = now_ns() + DEADLINE_NS;

		do {
			capture_drain(w->capture, seen_take, &w->seen);
			capture_counts(w->capture, &counts);
		} while (counts.events != w->seen.n && now_ns() < deadline);
	}
	if (w->seen.malformed || counts.events != w->seen.n || counts.no_state ||
	    (counts.dropped && !w->may_drop)) {
		print_error("%zu records seen, %zu malformed; counted: %llu, dropped %llu, no "
			    "state %llu\n",
			    w->seen.n, w->seen.malformed, (unsigned long long)counts.events,
			    (unsigned long long)counts.dropped,
			    (unsigned long long)counts.no_state);
		err = -1;
	}
	capture_close(w->capture);
	seen_free(&w->seen);
	stage_close(&w->stage);
	free(w);
	return err;
}

/* Begins to trace; skips the test where that is not allowed. */
HELPER void watch_with(struct world *w, const struct capture_options *options)
{
	char error[512] = "";
	int err = capture_open(&w->capture, options, error, sizeof(error));

	if (!err)
		return;
	capture_close(w->capture);
	w->capture = NULL;
	if (err == -EPERM || err == -EOPNOTSUPP) {
		print_message("skipped: %s\n", error);
		skip();
	}
	fail_msg("capture_open: %s", error);
}

HELPER void watch(struct world *w)
{
	struct capture_options options = CAPTURE_DEFAULTS;
	uint32_t pid = w->target.pid;

	options.pids = &pid;
	options.n_pids = 1;
	watch_with(w, &options);
}

HELPER void drain(struct world *w)
{
	assert_true(capture_drain(w->capture, seen_take, &w->seen) >= 0);
}

/* --- listeners and connections */

#define ok(a, what) ok_at((a), (what), __FILE__, __LINE__)
HELPER struct answer ok_at(struct answer a, const char *what, const char *file, int line)
{
	if (a.ret < 0)
		fail_at(file, line, "%s: %s", what, strerror(a.err));
	return a;
}

HELPER void listen_at(struct listener *l, const struct target *t, int family, int backlog)
{
	struct area *area = t->stage->area;
	struct answer a;

	area->addr_len = 0;
	a = tell(t, .op = OP_LISTEN, .arg = family, .flags = backlog);
	if (a.ret < 0 && family == AF_INET6 && (a.err == EAFNOSUPPORT || a.err == EADDRNOTAVAIL)) {
		print_message("skipped: no IPv6 loopback here\n");
		skip();
	}
	*l = (struct listener){t, ok(a, "listen").ret, area->addr, area->addr_len};
}

HELPER void listen_on(struct listener *l, struct world *w)
{
	listen_at(l, &w->target, w->family, 16);
	/* not allowed without privileges; then capture_open() skips the test */
	tell(&w->target, .op = OP_SET, .fd = l->fd, .arg = SO_RCVBUFFORCE, .flags = BUFFER_BYTES);
}

HELPER uint16_t listener_port(const struct listener *l)
{
	return l->addr.ss_family == AF_UNIX ? 0 : ntohs(((struct sockaddr_in *)&l->addr)->sin_port);
}

HELPER int client_connect(const struct listener *l)
{
	int fd = socket(l->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), size = BUFFER_BYTES,
	    one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	assert_int_equal(connect(fd, (struct sockaddr *)&l->addr, l->addr_len), 0);
	return fd;
}

/* The byte at a position of a stream. No stretch of it looks like a response head. */
HELPER uint8_t pattern(uint32_t pos)
{
	return 0x80 | (pos ^ pos >> 7 ^ pos >> 14);
}

HELPER void pattern_fill(uint8_t *to, uint32_t pos, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = pattern(pos + i);
}

HELPER void wait_acknowledged(int fd)
{
	uint64_t deadline = now_ns() + DEADLINE_NS;
	int left = 1;

	while (!ioctl(fd, SIOCOUTQ, &left) && left && now_ns() < deadline)
		breathe();
	assert_int_equal(left, 0);
}

/*
 * Sends the bytes of the pattern from `pos` on, as one segment, and tells within which time they
 * came: at its end the peer's kernel has acknowledged them, or, unix, they were put there by the
 * call itself.
 */
HELPER struct bracket client_send(int fd, uint32_t pos, size_t len)
{
	static uint8_t bytes[MAX_BYTES];
	struct bracket b;
	int domain = 0;
	socklen_t size = sizeof(domain);

	pattern_fill(bytes, pos, len);
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	b.before = now_ns();
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
	if (domain != AF_UNIX)
		wait_acknowledged(fd);
	b.after = now_ns();
	return b;
}

/* Takes `len` bytes at the client's end and compares them. */
HELPER void client_receive(int fd, const uint8_t *want, size_t len)
{
	static uint8_t bytes[MAX_BYTES];

	assert_int_equal(recv(fd, bytes, len, MSG_WAITALL), len);
	assert_memory_equal(bytes, want, len);
}

/* --- records */

HELPER bool match_conn(const struct event *e, const void *arg)
{
	return e->h->conn == *(const uint64_t *)arg;
}

HELPER bool match_new(const struct event *e, const void *arg)
{
	return e->h->conn > *(const uint64_t *)arg;
}

struct bare {
	uint16_t type;
	uint32_t tgid;
};

HELPER bool match_bare(const struct event *e, const void *arg)
{
	const struct bare *b = arg;

	return !e->h->conn && e->h->type == b->type && (!b->tgid || e->h->tgid == b->tgid);
}

/* The next record of a connection; it must be of this type. */
#define expect(l, type) expect_at((l), (type), __FILE__, __LINE__)
HELPER const struct event *expect_at(struct link *l, unsigned type, const char *file, int line)
{
	struct world *w = l->w;
	const struct event *e = seen_wait(&w->seen, w->capture, &l->cursor, match_conn, &l->conn);

	if (!e || e->h->type != type || e->h->seq != l->seq + 1) {
		seen_print(&w->seen);
		if (!e)
			fail_at(file, line, "conn %llu: no %s came", (unsigned long long)l->conn,
				type_name(type));
		fail_at(file, line, "conn %llu: wanted %s seq %u, got %s seq %u",
			(unsigned long long)l->conn, type_name(type), l->seq + 1,
			type_name(e->h->type), e->h->seq);
	}
	l->seq++;
	return e;
}

/* The first record of a connection that was not known yet. */
#define expect_new(l, type) expect_new_at((l), (type), __FILE__, __LINE__)
HELPER const struct event *expect_new_at(struct link *l, unsigned type, const char *file, int line)
{
	struct world *w = l->w;
	const struct event *e =
		seen_wait(&w->seen, w->capture, &w->cursor, match_new, &w->last_conn);

	if (!e)
		fail_at(file, line, "no %s of a new connection came", type_name(type));
	w->last_conn = l->conn = e->h->conn;
	l->cursor = w->cursor - 1;
	return expect_at(l, type, file, line);
}

/* The next record of this type that belongs to no connection; tgid 0: whose it is does not matter.
 */
#define expect_bare(w, type, tgid) expect_bare_at((w), (type), (tgid), __FILE__, __LINE__)
HELPER const struct event *expect_bare_at(struct world *w, unsigned type, uint32_t tgid,
					  const char *file, int line)
{
	struct bare b = {type, tgid};
	size_t cursor = w->cursor;
	const struct event *e = seen_wait(&w->seen, w->capture, &cursor, match_bare, &b);

	if (!e)
		fail_at(file, line, "no %s of process %u came", type_name(type), tgid);
	w->cursor = cursor;
	return e;
}

/* Nothing more was told of this connection by what has ended before. */
#define expect_none(l) expect_none_at((l), __FILE__, __LINE__)
HELPER void expect_none_at(struct link *l, const char *file, int line)
{
	drain(l->w);
	for (; l->cursor < l->w->seen.n; l->cursor++) {
		const struct rs_event *h = l->w->seen.list[l->cursor]->h;

		if (h->conn == l->conn)
			fail_at(file, line, "conn %llu: unexpected %s seq %u flags %#x",
				(unsigned long long)h->conn, type_name(h->type), h->seq, h->flags);
	}
}

struct find_conn {
	uint64_t conn;
	struct rs_census *out;
	bool found;
};

HELPER void find_conn(void *ctx, const struct rs_census *k)
{
	struct find_conn *f = ctx;

	if (k->conn != f->conn)
		return;
	f->found = true;
	if (f->out)
		*f->out = *k;
}

HELPER bool census_has(struct world *w, uint64_t conn, struct rs_census *out)
{
	struct find_conn f = {conn, out, false};

	assert_int_equal(capture_census_conns(w->capture, find_conn, &f), 0);
	return f.found;
}

/* Takes the census until the connection is not in it any more. Of a unix socket whose process was
   killed, or whose listener was closed, only this tells that it is over. */
HELPER void sweep(struct world *w, uint64_t conn)
{
	uint64_t deadline = now_ns() + DEADLINE_NS;

	while (census_has(w, conn, NULL)) {
		if (now_ns() > deadline)
			fail_msg("conn %llu is still followed", (unsigned long long)conn);
		breathe();
	}
}

/* The kernel's side has forgotten the connection: no event of it can come any more. */
HELPER void expect_gone(struct link *l)
{
	sweep(l->w, l->conn);
	expect_none(l);
}

/* --- links */

HELPER void link_connect(struct link *l, struct world *w, const struct listener *listener)
{
	*l = (struct link){.w = w, .target = listener->target, .fd = -1};
	l->flags = listener->addr.ss_family == AF_UNIX ? RS_F_POS_COUNTED : 0;
	l->client = client_connect(listener);
}

/* accept() of the target, with its event. */
HELPER const struct event *link_accept(struct link *l, const struct listener *listener)
{
	struct answer a = ok(tell(l->target, .op = OP_ACCEPT4, .fd = listener->fd), "accept4");
	const struct event *e = l->conn ? expect(l, RS_EV_OPEN) : expect_new(l, RS_EV_OPEN);

	l->fd = a.ret;
	assert_in_range(e->h->ts, a.before, a.after);
	ok(tell(l->target, .op = OP_SET, .fd = l->fd, .arg = SO_SNDBUFFORCE, .flags = BUFFER_BYTES),
	   "SO_SNDBUFFORCE");
	return e;
}

HELPER const struct event *link_open(struct link *l, struct world *w,
				     const struct listener *listener)
{
	link_connect(l, w, listener);
	return link_accept(l, listener);
}

HELPER struct answer link_close(struct link *l)
{
	return ok(tell(l->target, .op = OP_CLOSE, .fd = l->fd), "close");
}

HELPER void client_close(struct link *l)
{
	close(l->client);
	l->client = -1;
}

HELPER void client_reset(struct link *l)
{
	struct linger abort = {.l_onoff = 1};

	setsockopt(l->client, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	client_close(l);
}

HELPER void client_fin(struct link *l)
{
	assert_int_equal(shutdown(l->client, SHUT_WR), 0);
}

/* What every event of a link has; `flags` beside those of the link itself. */
HELPER void check_head(const struct link *l, const struct event *e, uint16_t flags)
{
	assert_int_equal(e->h->flags, l->flags | flags);
	assert_int_equal(e->h->tgid, l->target->pid);
	assert_int_equal(e->h->tid, l->target->pid);
}

/* The copied bytes are those of the segment. */
HELPER void check_bytes(const struct event *e, const uint8_t *segment)
{
	for (uint32_t i = 0; i < e->n_pieces; i++)
		assert_memory_equal(e->pieces[i].data, segment + e->pieces[i].at, e->pieces[i].len);
}

/* Exactly these stretches of the segment were copied. */
#define check_pieces(e, ...)                                                                \
	check_pieces_at((e), (struct rs_piece[]){__VA_ARGS__},                              \
			sizeof((struct rs_piece[]){__VA_ARGS__}) / sizeof(struct rs_piece), \
			__FILE__, __LINE__)
HELPER void check_pieces_at(const struct event *e, const struct rs_piece *want, uint32_t n,
			    const char *file, int line)
{
	_assert_int_equal(e->n_pieces, n, file, line);
	for (uint32_t i = 0; i < n; i++) {
		_assert_int_equal(e->pieces[i].at, want[i].at, file, line);
		_assert_int_equal(e->pieces[i].len, want[i].len, file, line);
	}
}

/* The target took bytes: the event of it, its place in the stream and its bytes compared. */
#define link_take(l, ...) link_take_at((l), (struct command){__VA_ARGS__})
HELPER const struct event *link_take_at(struct link *l, struct command c)
{
	struct area *area = l->target->stage->area;
	struct answer a;
	const struct event *e;

	c.fd = l->fd;
	a = ok(target_call(l->target, c), "read");
	e = expect(l, RS_EV_IN);
	check_head(l, e, 0);
	assert_in_range(e->h->ts, a.before, a.after);
	assert_int_equal(e->data->exit, 0);
	assert_int_equal(e->data->pos, l->in);
	assert_int_equal(e->data->len, a.bytes);
	for (int64_t i = 0; i < a.bytes; i++)
		if (area->bytes[i] != pattern(l->in + i))
			fail_msg("byte %lld is not the one that was sent", (long long)i);
	check_bytes(e, area->bytes);
	l->in += a.bytes;
	return e;
}

/* The target handed over bytes, those in area->bytes; the client gets them. */
#define link_give(l, flags, ...) link_give_at((l), (flags), (struct command){__VA_ARGS__})
HELPER const struct event *link_give_at(struct link *l, uint16_t flags, struct command c)
{
	struct area *area = l->target->stage->area;
	struct answer a;
	const struct event *e;

	c.fd = l->fd;
	a = ok(target_call(l->target, c), "write");
	e = expect(l, RS_EV_OUT);
	check_head(l, e, flags);
	assert_in_range(e->h->ts, a.before, a.after);
	assert_in_range(e->data->exit, e->h->ts, a.after);
	assert_int_equal(e->data->pos, l->out);
	assert_int_equal(e->data->len, a.bytes);
	assert_int_equal(e->n_arrivals, 0);
	check_bytes(e, area->bytes);
	client_receive(l->client, area->bytes, a.bytes);
	l->out += a.bytes;
	return e;
}

/* Fills what is written next. */
HELPER void prepare(struct link *l, size_t len)
{
	pattern_fill(l->target->stage->area->bytes, l->out, len);
}

/* --- lists of tests */

#define FAMILY(f, name, family)                                                          \
	{                                                                                \
#f " " name, f, world_setup, world_teardown, (void *)(uintptr_t)(family) \
	}
#define ALL_FAMILIES(f) \
	FAMILY(f, "tcp4", AF_INET), FAMILY(f, "tcp6", AF_INET6), FAMILY(f, "unix", AF_UNIX)
#define TCP_AND_UNIX(f) FAMILY(f, "tcp", AF_INET), FAMILY(f, "unix", AF_UNIX)
#define ON_TCP(f)	FAMILY(f, "tcp", AF_INET)
#define ON_UNIX(f)	FAMILY(f, "unix", AF_UNIX)

#endif
