// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_loop.c - threads with an event loop: which they are, and what is told of the time that they
 * spend out of their selector.
 */
#include "harness.h"

#define MS 1000000ull

static void watch_loops(struct world *w, uint64_t stall_ns)
{
	struct capture_options options = CAPTURE_DEFAULTS;
	uint32_t pid = w->target.pid;

	options.pids = &pid;
	options.n_pids = 1;
	options.insight = true;
	options.stall_ns = stall_ns;
	watch_with(w, &options);
}

/* The place of a thread in the table; NULL: it has none. */
static const volatile struct rs_loop *find_loop(struct world *w, uint32_t tid)
{
	const volatile struct rs_loop *l = capture_loops(w->capture);

	assert_non_null(l);
	for (unsigned i = 0; i < RS_MAX_LOOPS; i++)
		if (l[i].tid == tid)
			return &l[i];
	return NULL;
}

static unsigned loops_taken(struct world *w)
{
	const volatile struct rs_loop *l = capture_loops(w->capture);
	unsigned n = 0;

	for (unsigned i = 0; i < RS_MAX_LOOPS; i++)
		n += l[i].tid != 0;
	return n;
}

/* A target whose main thread has an event loop, which has just left its selector. */
struct looping {
	struct link link;
	struct listener listener;
	int epoll;
	struct answer left; /* the wait that it came out of */
	const volatile struct rs_loop *loop;
};

static struct answer poll_once(struct looping *l)
{
	return ok(tell(l->link.target, .op = OP_EPOLL_WAIT, .fd = l->epoll), "epoll_wait");
}

static struct world *looping(void **state, struct looping *l, uint64_t stall_ns)
{
	struct world *w = *state;

	listen_on(&l->listener, w);
	watch_loops(w, stall_ns);
	link_open(&l->link, w, &l->listener);
	l->epoll = ok(tell(&w->target, .op = OP_EPOLL), "epoll_create1").ret;
	l->left = poll_once(l);
	client_send(l->link.client, 0, 10);
	link_take(&l->link, .op = OP_READ, ONE(10));
	poll_once(l);
	l->left = poll_once(l);
	l->loop = find_loop(w, w->target.pid);
	assert_non_null(l->loop);
	return w;
}

static const struct event *expect_stall(struct world *w, const struct looping *l)
{
	const struct event *e = expect_bare(w, RS_EV_STALL, w->target.pid);

	assert_int_equal(e->h->tid, w->target.pid);
	assert_int_equal(e->h->conn, 0);
	assert_in_range(e->stall->start, l->left.before, l->left.after);
	assert_int_equal(e->stall->gc, UINT64_MAX);
	return e;
}

/* --- stalls */

static void busy_stall(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	uint64_t busy = l.loop->busy, turns = l.loop->turns;
	const struct event *e;
	struct answer a;

	assert_in_range(l.loop->start, l.left.before, l.left.after);
	assert_int_equal(l.loop->tgid, w->target.pid);
	ok(tell(&w->target, .op = OP_SPIN, .arg = 200), "spin");
	a = poll_once(&l);
	e = expect_stall(w, &l);
	assert_in_range(e->h->ts, a.before, a.after);
	/* the scheduler adds up at each tick */
	assert_in_range(e->stall->cpu, 150 * MS, e->h->ts - e->stall->start + 50 * MS);
	assert_int_equal(e->stall->gil, 0);
	assert_int_equal(l.loop->busy - busy, e->h->ts - e->stall->start);
	assert_int_equal(l.loop->turns - turns, 1);
	assert_in_range(l.loop->start, a.before, a.after);
}

static void sleeping_stall(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	const struct event *e;

	ok(tell(&w->target, .op = OP_SLEEP, .arg = 300), "sleep");
	poll_once(&l);
	e = expect_stall(w, &l);
	assert_true(e->h->ts - e->stall->start >= 300 * MS);
	assert_true(e->stall->cpu < 150 * MS);
}

static void shorter_is_no_stall(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 3600 * 1000 * MS);

	ok(tell(&w->target, .op = OP_SLEEP, .arg = 50), "sleep");
	poll_once(&l);
	assert_int_equal(l.loop->turns, 3);
	assert_true(l.loop->busy >= 50 * MS);
	drain(w);
	for (size_t i = 0; i < w->seen.n; i++)
		assert_int_not_equal(w->seen.list[i]->h->type, RS_EV_STALL);
}

/* Waiting in its selector is no stall, however long it is. */
static void waiting_is_no_stall(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	uint64_t busy;

	ok(tell(&w->target, .op = OP_SLEEP, .arg = 60), "sleep");
	l.left = ok(tell(&w->target, .op = OP_EPOLL_WAIT, .fd = l.epoll, .arg = 300), "epoll_wait");
	expect_bare(w, RS_EV_STALL, w->target.pid);
	busy = l.loop->busy;
	assert_true(l.loop->start >= l.left.before + 300 * MS);
	ok(tell(&w->target, .op = OP_SLEEP, .arg = 60), "sleep");
	poll_once(&l);
	/* the next one has nothing of the wait */
	assert_true(expect_bare(w, RS_EV_STALL, w->target.pid)->stall->start >=
		    l.left.before + 300 * MS);
	assert_true(l.loop->busy > busy);
}

/* A handler that waits in poll(), or in an epoll of its own, is no return to the loop's selector.
 */
static void waits_of_handlers(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	int other = ok(tell(&w->target, .op = OP_EPOLL), "epoll_create1").ret;
	uint64_t turns = l.loop->turns;

	ok(tell(&w->target, .op = OP_POLL, .arg = 100), "poll");
	ok(tell(&w->target, .op = OP_EPOLL_WAIT, .fd = other, .arg = 100), "epoll_wait");
	client_send(l.link.client, 10, 10);
	link_take(&l.link, .op = OP_READ, ONE(10));
	assert_int_equal(l.loop->turns, turns);
	assert_in_range(l.loop->start, l.left.before, l.left.after);
	poll_once(&l);
	assert_true(expect_stall(w, &l)->stall->start <= l.left.after);
	assert_int_equal(l.loop->turns, turns + 1);
}

/* Once the selector is closed there is nothing to come back to, until the next one. */
static void closed_selector(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);

	ok(tell(&w->target, .op = OP_CLOSE, .fd = l.epoll), "close");
	assert_int_equal(l.loop->start, 0);
	assert_ptr_equal(find_loop(w, w->target.pid), l.loop);
	ok(tell(&w->target, .op = OP_SLEEP, .arg = 100), "sleep");
	l.epoll = ok(tell(&w->target, .op = OP_EPOLL), "epoll_create1").ret;
	poll_once(&l);
	client_send(l.link.client, 10, 10);
	link_take(&l.link, .op = OP_READ, ONE(10));
	poll_once(&l);
	l.left = poll_once(&l);
	ok(tell(&w->target, .op = OP_SLEEP, .arg = 100), "sleep");
	poll_once(&l);
	expect_stall(w, &l);
}

/* --- the table */

static void wait_freed(struct world *w, unsigned left)
{
	uint64_t deadline = now_ns() + DEADLINE_NS;

	while (loops_taken(w) != left && now_ns() < deadline)
		breathe();
	assert_int_equal(loops_taken(w), left);
}

static void thread_has_a_place_while_it_lives(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	const volatile struct rs_loop *loop;
	uint32_t tid;

	client_send(l.link.client, 10, 1);
	tid = ok(tell(&w->target, .op = OP_READERS, .fd = l.link.fd, .arg = 1), "readers").ret;
	loop = find_loop(w, tid);
	assert_non_null(loop);
	assert_int_equal(loop->tgid, w->target.pid);
	assert_true(loop->since > l.left.after);
	assert_int_equal(loop->start, 0); /* it waited for nothing yet */
	assert_int_equal(loops_taken(w), 2);
	ok(tell(&w->target, .op = OP_READERS_END), "join");
	wait_freed(w, 1);
	assert_null(find_loop(w, tid));
	target_kill(&w->target);
	wait_freed(w, 0);
}

static void others_have_no_place(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	uint32_t tid = ok(tell(&w->target, .op = OP_POLLERS, .arg = 1), "pollers").ret;
	struct listener foreign;
	struct link f;
	int fd, epoll;

	assert_null(find_loop(w, tid));
	listen_at(&foreign, &w->other, w->family, 16);
	f = (struct link){.w = w, .target = &w->other, .client = client_connect(&foreign)};
	fd = ok(tell(&w->other, .op = OP_ACCEPT, .fd = foreign.fd), "accept").ret;
	epoll = ok(tell(&w->other, .op = OP_EPOLL), "epoll_create1").ret;
	for (int i = 0; i < 3; i++) {
		client_send(f.client, 0, 10);
		ok(tell(&w->other, .op = OP_EPOLL_WAIT, .fd = epoll), "epoll_wait");
		ok(tell(&w->other, .op = OP_READ, .fd = fd, ONE(10)), "read");
		ok(tell(&w->other, .op = OP_SLEEP, .arg = 60), "sleep");
	}
	ok(tell(&w->other, .op = OP_EPOLL_WAIT, .fd = epoll), "epoll_wait");
	assert_int_equal(loops_taken(w), 1);
	drain(w);
	for (size_t i = 0; i < w->seen.n; i++)
		assert_int_not_equal(w->seen.list[i]->h->tgid, w->other.pid);
	ok(tell(&w->target, .op = OP_READERS_END), "join");
}

/* More threads than places: the rest goes without, and all are given back. */
static void full_table(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 3600 * 1000 * MS);
	const unsigned n = RS_MAX_LOOPS + 20;

	w->may_drop = true;
	client_send(l.link.client, 10, n);
	ok(tell(&w->target, .op = OP_READERS, .fd = l.link.fd, .arg = n), "readers");
	assert_int_equal(loops_taken(w), RS_MAX_LOOPS);
	ok(tell(&w->target, .op = OP_READERS_END), "join");
	wait_freed(w, 1);
	assert_ptr_equal(find_loop(w, w->target.pid), l.loop);
}

static void exec_begins_anew(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);

	ok(tell(&w->target, .op = OP_EXEC), "exec");
	assert_null(find_loop(w, w->target.pid));
	client_send(l.link.client, 10, 10);
	link_take(&l.link, .op = OP_READ, ONE(10));
	assert_non_null(find_loop(w, w->target.pid));
}

static void forgotten_process(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);

	capture_forget_process(w->capture, w->target.pid);
	assert_int_equal(loops_taken(w), 0);
}

static void without_insight(void **state)
{
	struct world *w = *state;
	struct rs_interp interp = {.interp = 1};
	struct listener listener;
	const char *why;
	struct link l;

	listen_on(&listener, w);
	watch(w);
	link_open(&l, w, &listener);
	assert_null(capture_loops(w->capture));
	assert_int_equal(capture_interp(w->capture, w->target.pid, &interp), -ENOTSUP);
	assert_int_equal(capture_probe_queue(w->capture, w->target.pid, "/proc/self/exe", &why),
			 -ENOTSUP);
	assert_true(*why);
}

/* --- waiting for the GIL */

static void tell_gil(struct world *w)
{
	struct rs_interp interp = {.gil = (uintptr_t)&fake_gil[1],
				   .gil_size = 2 * sizeof(*fake_gil)};

	assert_int_equal(capture_interp(w->capture, w->target.pid, &interp), 0);
}

static void gil_waits(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 50 * MS);
	const struct event *e;
	struct answer a;
	uint64_t sum = 0;

	tell_gil(w);
	for (unsigned word = 1; word <= 2; word++) {
		a = ok(tell(&w->target, .op = OP_FUTEX, .arg = 60, .flags = word), "futex");
		e = expect_bare(w, RS_EV_PAUSE, w->target.pid);
		assert_int_equal(e->h->tid, w->target.pid);
		assert_int_equal(e->pause->what, RS_PAUSE_GIL);
		assert_in_range(e->pause->start, a.before, a.after);
		assert_in_range(e->h->ts, e->pause->start + 60 * MS, a.after);
		sum += e->h->ts - e->pause->start;
	}
	assert_int_equal(l.loop->gil_waits, 2);
	assert_int_equal(l.loop->gil, sum);
	assert_int_equal(l.loop->gil_since, 0);
	poll_once(&l);
	assert_int_equal(expect_stall(w, &l)->stall->gil, sum);
}

/* Words on either side of it, and all of them before the interpreter is known. */
static void other_futexes(void **state)
{
	struct looping l = {};
	struct world *w = looping(state, &l, 3600 * 1000 * MS);

	ok(tell(&w->target, .op = OP_FUTEX, .arg = 5, .flags = 1), "futex");
	tell_gil(w);
	ok(tell(&w->target, .op = OP_FUTEX, .arg = 5, .flags = 0), "futex");
	ok(tell(&w->target, .op = OP_FUTEX, .arg = 5, .flags = 3), "futex");
	assert_int_equal(l.loop->gil_waits, 0);
	assert_int_equal(l.loop->gil, 0);
	ok(tell(&w->target, .op = OP_FUTEX, .flags = 2), "futex");
	assert_int_equal(l.loop->gil_waits, 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TCP_AND_UNIX(busy_stall),
		ON_TCP(sleeping_stall),
		ON_TCP(shorter_is_no_stall),
		ON_TCP(waiting_is_no_stall),
		ON_TCP(waits_of_handlers),
		ON_TCP(closed_selector),
		ON_TCP(thread_has_a_place_while_it_lives),
		TCP_AND_UNIX(others_have_no_place),
		ON_TCP(full_table),
		ON_TCP(exec_begins_anew),
		ON_TCP(forgotten_process),
		ON_TCP(without_insight),
		ON_TCP(gil_waits),
		ON_TCP(other_futexes),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
