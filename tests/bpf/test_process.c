// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_process.c - which processes belong to the target: what its children do is seen, what others
 * do is not.
 */
#include "harness.h"

static struct world *listening(void **state, struct listener *listener)
{
	struct world *w = *state;

	listen_on(listener, w);
	watch(w);
	return w;
}

/* Field `n` (from 1) of /proc/PID/stat, counted behind the name; 0 when the process is gone. */
static uint64_t stat_field(pid_t pid, unsigned n)
{
	char path[32], line[1024] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	for (unsigned i = 2; p && i < n; i++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

static const struct event *expect_proc(struct world *w, uint32_t pid, uint32_t what, uint32_t other)
{
	const struct event *e = expect_bare(w, RS_EV_PROC, pid);

	assert_int_equal(e->proc->what, what);
	assert_int_equal(e->proc->other, other);
	assert_int_equal(e->h->tgid, pid);
	assert_int_equal(e->h->conn, 0);
	assert_int_equal(e->h->seq, 0);
	return e;
}

/* A child of the target, which serves channel 2, and the event of it. */
static const struct event *fork_worker(struct world *w, struct target *child)
{
	struct answer a = ok(tell(&w->target, .op = OP_FORK, .arg = 2), "fork");
	const struct event *e;

	*child = (struct target){&w->stage, 2, a.ret};
	e = expect_proc(w, a.ret, RS_PROC_FORK, w->target.pid);
	assert_in_range(e->h->ts, a.before, a.after);
	return e;
}

static void fork_is_told(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct target child;
	const struct event *e = fork_worker(w, &child);
	uint64_t tick = 1000000000ull / sysconf(_SC_CLK_TCK);
	char comm[16];

	assert_int_equal(e->proc->start / tick, stat_field(child.pid, 22));
	prctl(PR_GET_NAME, comm);
	assert_string_equal(e->proc->comm, comm);
}

static void exec_is_told(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	const struct event *e;
	struct bracket b;
	struct link l;

	link_open(&l, w, &listener);
	b.before = now_ns();
	ok(tell(&w->target, .op = OP_EXEC), "exec");
	b.after = now_ns();
	e = expect_proc(w, w->target.pid, RS_PROC_EXEC, 0);
	assert_in_range(e->h->ts, b.before, b.after);
	assert_string_equal(e->proc->comm, "exe");
	/* its connections and its listener go on */
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
	expect_none(&l);
	link_open(&l, w, &listener);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
}

static void exit_is_told(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct command leave = {.op = OP_EXIT, .arg = 3};
	struct target child;
	uint64_t start = fork_worker(w, &child)->proc->start;
	const struct event *e;

	target_send(&child, &leave);
	e = expect_proc(w, child.pid, RS_PROC_EXIT, 3 << 8);
	assert_int_equal(e->proc->start, start);
	ok(tell(&w->target, .op = OP_WAIT, .arg = child.pid), "waitpid");
	fork_worker(w, &child);
	kill(child.pid, SIGTERM);
	expect_proc(w, child.pid, RS_PROC_EXIT, SIGTERM);
}

/* A thread is no process: neither its start nor its end is told. */
static void threads_are_not_told(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);

	for (int i = 0; i < 3; i++)
		ok(tell(&w->target, .op = OP_THREAD), "thread");
	drain(w);
	assert_int_equal(w->seen.n, 0);
}

/* A worker that is forked after tracing began accepts on the listener that it inherited. */
static void worker_is_watched(void **state)
{
	struct listener listener, inherited;
	struct world *w = listening(state, &listener);
	struct target child;
	const struct event *e;
	struct link l;

	fork_worker(w, &child);
	inherited = listener;
	inherited.target = &child;
	e = link_open(&l, w, &inherited);
	assert_int_equal(e->h->tgid, child.pid);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
	prepare(&l, 20);
	link_give(&l, 0, .op = OP_SENDTO, ONE(20));
	link_close(&l);
	e = expect(&l, RS_EV_CLOSE);
	assert_int_equal(e->h->tgid, child.pid);
	assert_int_equal(e->h->flags, l.flags | RS_F_BY_SERVER);
}

/* A worker of a worker, and its own listener. */
static void grandchild_is_watched(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct target child, grandchild;
	struct answer a;
	struct link l;

	fork_worker(w, &child);
	a = ok(tell(&child, .op = OP_FORK, .arg = 3), "fork");
	expect_proc(w, a.ret, RS_PROC_FORK, child.pid);
	grandchild = (struct target){&w->stage, 3, a.ret};
	listen_at(&listener, &grandchild, w->family, 16);
	assert_int_equal(expect_bare(w, RS_EV_LISTEN, a.ret)->h->tgid, a.ret);
	link_open(&l, w, &listener);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
}

/* A child that was there before tracing began. */
static void earlier_child_is_watched(void **state)
{
	struct world *w = *state;
	struct answer a = ok(tell(&w->target, .op = OP_FORK, .arg = 2), "fork");
	struct target child = {&w->stage, 2, a.ret};
	struct listener listener;
	struct link l;

	listen_at(&listener, &child, w->family, 16);
	watch(w);
	link_open(&l, w, &listener);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
}

/* A connection that a child took over is the same connection. */
static void connection_is_passed_on(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	const struct target *parent = &w->target;
	struct target child;
	const struct event *e;
	struct link l;

	link_open(&l, w, &listener);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
	fork_worker(w, &child);
	link_close(&l); /* the child's descriptor keeps it */
	expect_none(&l);
	l.target = &child;
	client_send(l.client, 10, 10);
	e = link_take(&l, .op = OP_READ, ONE(100));
	assert_int_equal(e->n_arrivals, 1);
	assert_int_not_equal(e->h->tgid, parent->pid);
	prepare(&l, 20);
	link_give(&l, 0, .op = OP_SENDTO, ONE(20));
	link_close(&l);
	assert_int_equal(expect(&l, RS_EV_CLOSE)->h->tgid, child.pid);
	client_close(&l);
	expect_gone(&l);
}

/* The end of one of two processes that share a connection does not end it. */
static void one_of_two_holders_dies(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct target child;
	struct link l;

	link_open(&l, w, &listener);
	fork_worker(w, &child);
	kill(child.pid, SIGKILL);
	expect_proc(w, child.pid, RS_PROC_EXIT, SIGKILL);
	ok(tell(&w->target, .op = OP_WAIT, .arg = child.pid), "waitpid");
	expect_none(&l);
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
	link_close(&l);
	expect(&l, RS_EV_CLOSE);
}

/* The same with a worker that had used it: when its entry is removed, its connection stays. */
static void last_user_dies(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct target child;
	struct link l;

	link_open(&l, w, &listener);
	fork_worker(w, &child);
	l.target = &child;
	client_send(l.client, 0, 10);
	link_take(&l, .op = OP_READ, ONE(100));
	kill(child.pid, SIGKILL);
	expect_proc(w, child.pid, RS_PROC_EXIT, SIGKILL);
	ok(tell(&w->target, .op = OP_WAIT, .arg = child.pid), "waitpid");
	capture_forget_process(w->capture, child.pid);
	assert_true(census_has(w, l.conn, NULL));
	l.target = &w->target;
	client_send(l.client, 10, 10);
	link_take(&l, .op = OP_READ, ONE(100));
}

/* After its entry is removed a pid says nothing any more. */
static void forgotten_process(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct target child;
	struct link l;
	size_t before;

	fork_worker(w, &child);
	capture_forget_process(w->capture, child.pid);
	before = w->seen.n;
	listen_at(&listener, &child, w->family, 16);
	l = (struct link){.client = client_connect(&listener)};
	l.fd = ok(tell(&child, .op = OP_ACCEPT, .fd = listener.fd), "accept").ret;
	client_send(l.client, 0, 10);
	ok(tell(&child, .op = OP_READ, .fd = l.fd, ONE(100)), "read");
	ok(tell(&child, .op = OP_WRITE, .fd = l.fd, ONE(100)), "write");
	ok(tell(&child, .op = OP_CLOSE, .fd = l.fd), "close");
	drain(w);
	assert_int_equal(w->seen.n, before);
}

/* --- the filter */

/* Everything a server does. */
static void serve_one(const struct target *t, int family)
{
	struct listener listener;
	struct answer a;
	int client, fd;

	listen_at(&listener, t, family, 16);
	for (int i = 0; i < 3; i++) {
		client = client_connect(&listener);
		client_send(client, 0, 50);
		a = ok(tell(t, .op = OP_ACCEPT4, .fd = listener.fd), "accept4");
		fd = a.ret;
		ok(tell(t, .op = OP_RECVFROM, .fd = fd, ONE(10)), "recvfrom");
		ok(tell(t, .op = OP_READ, .fd = fd, ONE(10)), "read");
		ok(tell(t, .op = OP_WRITEV, .fd = fd, .n = 2, .len = {10, 20}), "writev");
		ok(tell(t, .op = OP_SENDTO, .fd = fd, ONE(10)), "sendto");
		if (i == 1)
			ok(tell(t, .op = OP_SHUTDOWN, .fd = fd, .arg = SHUT_RDWR), "shutdown");
		if (i == 2)
			close(client);
		ok(tell(t, .op = OP_CLOSE, .fd = fd), "close");
		if (i != 2)
			close(client);
	}
	client = client_connect(&listener); /* and one that nobody accepts */
	client_send(client, 0, 50);
	close(client);
	ok(tell(t, .op = OP_THREAD), "thread");
	ok(tell(t, .op = OP_CONNECT), "connect");
	ok(tell(t, .op = OP_CLOSE, .fd = listener.fd), "close");
}

static void count_conn(void *ctx, const struct rs_census *k)
{
	(void)k;
	++*(unsigned *)ctx;
}

static void other_process_is_not_watched(void **state)
{
	struct listener listener;
	struct world *w = listening(state, &listener);
	struct answer a;
	unsigned n = 0;
	struct link l;
	struct target child;
	struct command leave = {.op = OP_EXIT};

	serve_one(&w->other, w->family);
	a = ok(tell(&w->other, .op = OP_FORK, .arg = 2), "fork");
	child = (struct target){&w->stage, 2, a.ret};
	serve_one(&child, w->family);
	target_send(&child, &leave);
	ok(tell(&w->other, .op = OP_WAIT, .arg = a.ret), "waitpid");
	ok(tell(&w->other, .op = OP_EXEC), "exec");
	drain(w);
	assert_int_equal(w->seen.n, 0);
	assert_int_equal(capture_census_conns(w->capture, count_conn, &n), 0);
	assert_int_equal(n, 0);
	/* while the target is */
	link_open(&l, w, &listener);
	assert_int_equal(l.conn, 1);
}

/* Each of two processes is a target; a third one is none. */
static void several_roots(void **state)
{
	struct world *w = *state;
	struct capture_options options = CAPTURE_DEFAULTS;
	uint32_t pids[] = {w->target.pid, w->other.pid};
	struct listener listener[2];
	struct link l;

	listen_at(&listener[0], &w->target, w->family, 16);
	listen_at(&listener[1], &w->other, w->family, 16);
	options.pids = pids;
	options.n_pids = 2;
	watch_with(w, &options);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(link_open(&l, w, &listener[i])->h->tgid, pids[i]);
		client_send(l.client, 0, 10);
		link_take(&l, .op = OP_READ, ONE(100));
	}
}

static void gone_process(void **state)
{
	struct world *w = *state;
	struct capture_options options = CAPTURE_DEFAULTS;
	uint32_t pid = w->other.pid;
	char error[512] = "";
	int err;

	target_kill(&w->other);
	options.pids = &pid;
	options.n_pids = 1;
	err = capture_open(&w->capture, &options, error, sizeof(error));
	capture_close(w->capture);
	w->capture = NULL;
	if (err == -EPERM || err == -EOPNOTSUPP) {
		print_message("skipped: %s\n", error);
		skip();
	}
	assert_int_equal(err, -ESRCH);
	assert_true(error[0]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ON_TCP(fork_is_told),
		TCP_AND_UNIX(exec_is_told),
		ON_TCP(exit_is_told),
		ON_TCP(threads_are_not_told),
		TCP_AND_UNIX(worker_is_watched),
		TCP_AND_UNIX(grandchild_is_watched),
		TCP_AND_UNIX(earlier_child_is_watched),
		TCP_AND_UNIX(connection_is_passed_on),
		TCP_AND_UNIX(one_of_two_holders_dies),
		TCP_AND_UNIX(last_user_dies),
		TCP_AND_UNIX(forgotten_process),
		ALL_FAMILIES(other_process_is_not_watched),
		TCP_AND_UNIX(several_roots),
		ON_TCP(gone_process),
	};

	target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
