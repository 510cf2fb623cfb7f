/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * target.h - a process that the test starts and that makes the system calls it is told to, one a
 * command. Commands and answers go through pipes, bytes through a shared area.
 *
 * A target may fork (the child serves the next channel) and exec this same program again, which
 * then goes on serving (target_main()).
 */
#ifndef RS_TEST_TARGET_H
#define RS_TEST_TARGET_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Not every test uses every helper. */
#define HELPER static __attribute__((unused))

#define MAX_BUFFERS 48
#define MAX_BYTES   (8u << 20)
#define CHANNELS    4
#define BUFFER_GAP  64 /* between two buffers, so that a read past one's end shows */
#define DEADLINE_NS 10000000000ull

enum op {
	OP_LISTEN,  /* arg: family, flags: backlog, bound to area->addr or, with len 0, anywhere */
	OP_CONNECT, /* to area->addr */
	OP_ACCEPT,
	OP_ACCEPT4, /* flags */
	OP_READ,
	OP_READV,
	OP_RECVFROM, /* flags, as the others that have any */
	OP_RECVMSG,
	OP_RECVMMSG, /* a message a buffer */
	OP_WRITE,
	OP_WRITEV,
	OP_SENDTO,
	OP_SENDMSG,
	OP_SENDMMSG,
	OP_SENDFILE, /* arg: file */
	OP_SPLICE,   /* arg: read end of a pipe */
	OP_CLOSE,
	OP_SHUTDOWN, /* arg: how */
	OP_UNREAD,   /* returns when len[0] bytes lie unread */
	OP_SET,	     /* SOL_SOCKET option arg to flags */
	OP_LINGER0,
	OP_NONBLOCK,
	OP_DUP,
	OP_FILE,   /* a file of area->bytes, len[0] of them */
	OP_PIPE,   /* ret: read end | write end << 16 */
	OP_PAIR,   /* of unix sockets; ret as OP_PIPE */
	OP_THREAD, /* starts a thread and waits for its end */
	OP_FORK,   /* arg: the child's channel */
	OP_EXEC,
	OP_EXIT, /* arg: code; no answer */
	OP_WAIT, /* arg: a child's pid */
	/* waits.h */
	OP_EPOLL,      /* a descriptor of epoll */
	OP_EPOLL_WAIT, /* fd: it, arg: milliseconds at most */
	OP_POLL,       /* of nothing, arg: milliseconds */
	OP_SLEEP,      /* arg: milliseconds */
	OP_SPIN,       /* arg: milliseconds of CPU time */
	OP_FUTEX,      /* arg: milliseconds; flags: which word of fake_gil */
	OP_READERS,    /* arg: threads that take a byte each and stay; ret: tid of one of them */
	OP_READERS_END,
	OP_POLLERS,    /* the same, but they wait in epoll only */
	OP_WRITERS,    /* the same, but they write a byte each, one after the other */
};

struct command {
	uint32_t op;
	int32_t fd;
	int32_t arg;
	uint32_t flags;
	uint32_t n; /* buffers */
	uint32_t len[MAX_BUFFERS];
};

struct answer {
	int64_t ret;
	int64_t bytes;		/* that the call moved, whatever it returned */
	uint64_t before, after; /* the clock on either side of the call */
	int32_t err;		/* errno */
	int32_t pad;
};

/* What is written from and read to: the segment in one piece. */
struct area {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	uint8_t bytes[MAX_BYTES];
};

struct channel {
	int command[2], answer[2];
};

struct stage {
	int memfd;
	struct area *area;
	struct channel channels[CHANNELS];
};

struct target {
	struct stage *stage;
	unsigned channel;
	pid_t pid;
};

HELPER uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Between two looks at a condition. */
HELPER void breathe(void)
{
	poll(NULL, 0, 1);
}

/* --- the target's side */

static uint8_t scattered[MAX_BYTES + MAX_BUFFERS * BUFFER_GAP];

/* The buffers of a command, apart from one another; returns their sum. */
HELPER size_t lay_out(const struct command *c, struct iovec *v)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		v[i].iov_base = scattered + sum + i * BUFFER_GAP;
		v[i].iov_len = c->len[i];
		sum += c->len[i];
	}
	return sum;
}

HELPER void scatter(const struct area *area, const struct iovec *v, uint32_t n)
{
	for (size_t i = 0, at = 0; i < n; at += v[i++].iov_len)
		memcpy(v[i].iov_base, area->bytes + at, v[i].iov_len);
}

HELPER void gather(struct area *area, const struct iovec *v, uint32_t n, size_t bytes)
{
	for (size_t i = 0, at = 0; i < n && at < bytes; at += v[i++].iov_len)
		memcpy(area->bytes + at, v[i].iov_base,
		       v[i].iov_len < bytes - at ? v[i].iov_len : bytes - at);
}

/* recvmmsg and sendmmsg: one message a buffer. */
HELPER long call_mmsg(const struct command *c, struct iovec *v, int64_t *bytes)
{
	struct mmsghdr m[MAX_BUFFERS] = {};
	long ret;

	for (uint32_t i = 0; i < c->n; i++)
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
	if (c->op == OP_RECVMMSG)
		ret = syscall(SYS_recvmmsg, c->fd, m, c->n, c->flags, NULL);
	else
		ret = syscall(SYS_sendmmsg, c->fd, m, c->n, c->flags);
	*bytes = 0;
	for (long i = 0; i < ret; i++)
		*bytes += m[i].msg_len;
	return ret;
}

HELPER long call_bytes(const struct command *c, struct iovec *v, int64_t *bytes)
{
	struct msghdr m = {.msg_iov = v, .msg_iovlen = c->n};
	size_t first = v[0].iov_len;

	switch (c->op) {
	case OP_READ:
		return syscall(SYS_read, c->fd, v[0].iov_base, first);
	case OP_READV:
		return syscall(SYS_readv, c->fd, v, c->n);
	case OP_RECVFROM:
		return syscall(SYS_recvfrom, c->fd, v[0].iov_base, first, c->flags, NULL, NULL);
	case OP_RECVMSG:
		return syscall(SYS_recvmsg, c->fd, &m, c->flags);
	case OP_WRITE:
		return syscall(SYS_write, c->fd, v[0].iov_base, first);
	case OP_WRITEV:
		return syscall(SYS_writev, c->fd, v, c->n);
	case OP_SENDTO:
		return syscall(SYS_sendto, c->fd, v[0].iov_base, first, c->flags, NULL, 0);
	case OP_SENDMSG:
		return syscall(SYS_sendmsg, c->fd, &m, c->flags);
	case OP_SENDFILE:
		lseek(c->arg, 0, SEEK_SET);
		return syscall(SYS_sendfile, c->fd, c->arg, NULL, first);
	case OP_SPLICE:
		return syscall(SYS_splice, c->arg, NULL, c->fd, NULL, first, 0);
	}
	return call_mmsg(c, v, bytes);
}

HELPER void transfer(const struct command *c, struct area *area, struct answer *a)
{
	struct iovec v[MAX_BUFFERS];

	lay_out(c, v);
	if (c->op >= OP_WRITE)
		scatter(area, v, c->n);
	a->bytes = -1;
	a->before = now_ns();
	a->ret = call_bytes(c, v, &a->bytes);
	a->after = now_ns();
	a->err = errno;
	if (a->bytes < 0)
		a->bytes = a->ret;
	if (c->op < OP_WRITE && a->bytes > 0)
		gather(area, v, c->n, a->bytes);
}

/* A unix socket bound with no more than its family gets an abstract name of its own. */
HELPER long open_listener(const struct command *c, struct area *area)
{
	struct sockaddr_storage any = {.ss_family = c->arg};
	bool given = area->addr_len;
	socklen_t len = c->arg == AF_INET    ? sizeof(struct sockaddr_in)
			: c->arg == AF_INET6 ? sizeof(struct sockaddr_in6)
					     : sizeof(sa_family_t);
	int fd = socket(c->arg, SOCK_STREAM, 0), one = 1;

	if (c->arg == AF_INET)
		((struct sockaddr_in *)&any)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (c->arg == AF_INET6)
		((struct sockaddr_in6 *)&any)->sin6_addr = in6addr_loopback;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)(given ? &area->addr : &any), given ? area->addr_len : len))
		return -1;
	area->addr_len = sizeof(area->addr);
	if (getsockname(fd, (struct sockaddr *)&area->addr, &area->addr_len))
		return -1;
	return syscall(SYS_listen, fd, c->flags) ? -1 : fd;
}

HELPER long wait_unread(int fd, uint32_t want)
{
	uint64_t deadline = now_ns() + DEADLINE_NS;
	int n = 0;

	while (!ioctl(fd, FIONREAD, &n) && (uint32_t)n < want && now_ns() < deadline)
		breathe();
	return n;
}

HELPER long make_file(const struct area *area, uint32_t len)
{
	int fd = memfd_create("sent", 0);

	return write(fd, area->bytes, len) == len ? fd : -1;
}

HELPER long make_ends(const struct command *c)
{
	int ends[2];

	if (c->op == OP_PIPE ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	return ends[0] | ends[1] << 16;
}

#include "waits.h"

HELPER void *idle_thread(void *arg)
{
	return arg;
}

HELPER long run_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, idle_thread, NULL);
	return errno || (errno = pthread_join(thread, NULL)) ? -1 : 0;
}

HELPER void become_again(const struct stage *stage, unsigned channel)
{
	char memfd[16], command[16], answer[16];

	snprintf(memfd, sizeof(memfd), "%d", stage->memfd);
	snprintf(command, sizeof(command), "%d", stage->channels[channel].command[0]);
	snprintf(answer, sizeof(answer), "%d", stage->channels[channel].answer[1]);
	execl("/proc/self/exe", "target", "--serve", memfd, command, answer, NULL);
}

HELPER long call_plain(const struct command *c, struct area *area)
{
	struct linger abort = {.l_onoff = 1};
	int value = c->flags, fd;

	switch (c->op) {
	case OP_LISTEN:
		return open_listener(c, area);
	case OP_CONNECT:
		fd = socket(area->addr.ss_family, SOCK_STREAM, 0);
		return syscall(SYS_connect, fd, &area->addr, area->addr_len) ? -1 : fd;
	case OP_ACCEPT:
		return syscall(SYS_accept, c->fd, NULL, NULL);
	case OP_ACCEPT4:
		return syscall(SYS_accept4, c->fd, NULL, NULL, c->flags);
	case OP_CLOSE:
		return syscall(SYS_close, c->fd);
	case OP_SHUTDOWN:
		return syscall(SYS_shutdown, c->fd, c->arg);
	case OP_UNREAD:
		return wait_unread(c->fd, c->len[0]);
	case OP_SET:
		return setsockopt(c->fd, SOL_SOCKET, c->arg, &value, sizeof(value));
	case OP_LINGER0:
		return setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	case OP_NONBLOCK:
		return fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	case OP_DUP:
		return dup(c->fd);
	case OP_FILE:
		return make_file(area, c->len[0]);
	case OP_PIPE:
	case OP_PAIR:
		return make_ends(c);
	case OP_THREAD:
		return run_thread();
	case OP_WAIT:
		return waitpid(c->arg, NULL, 0);
	}
	return call_wait(c);
}

HELPER void serve(struct stage *stage, unsigned channel);

HELPER long fork_server(struct stage *stage, unsigned channel)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent) /* it may have died before */
			serve(stage, channel);
		_exit(0);
	}
	return pid;
}

/* Serves commands until the test's end of the pipe is closed. */
HELPER void serve(struct stage *stage, unsigned channel)
{
	int in = stage->channels[channel].command[0], out = stage->channels[channel].answer[1];
	struct command c;

	signal(SIGPIPE, SIG_IGN);
	while (read(in, &c, sizeof(c)) == sizeof(c)) {
		struct answer a = {};

		if (c.op == OP_EXIT)
			_exit(c.arg);
		if (c.op == OP_EXEC)
			become_again(stage, channel);
		if (c.op >= OP_READ && c.op <= OP_SPLICE) {
			transfer(&c, stage->area, &a);
		} else {
			a.before = now_ns();
			a.ret = c.op == OP_FORK ? fork_server(stage, c.arg)
						: call_plain(&c, stage->area);
			a.after = now_ns();
			a.err = errno;
		}
		if (write(out, &a, sizeof(a)) != sizeof(a))
			break;
	}
	_exit(0);
}

/* First thing in main(): after OP_EXEC this program is the target and does not return. */
HELPER void target_main(int argc, char **argv)
{
	struct stage stage = {};
	struct answer a = {};

	if (argc != 5 || strcmp(argv[1], "--serve"))
		return;
	stage.memfd = atoi(argv[2]);
	stage.channels[0].command[0] = atoi(argv[3]);
	stage.channels[0].answer[1] = atoi(argv[4]);
	stage.area =
		mmap(NULL, sizeof(*stage.area), PROT_READ | PROT_WRITE, MAP_SHARED, stage.memfd, 0);
	if (stage.area == MAP_FAILED ||
	    write(stage.channels[0].answer[1], &a, sizeof(a)) != sizeof(a))
		_exit(1);
	serve(&stage, 0);
}

/* --- the test's side */

HELPER int stage_open(struct stage *stage)
{
	stage->memfd = memfd_create("area", 0);
	if (stage->memfd < 0 || ftruncate(stage->memfd, sizeof(*stage->area)))
		return -1;
	stage->area = mmap(NULL, sizeof(*stage->area), PROT_READ | PROT_WRITE, MAP_SHARED,
			   stage->memfd, 0);
	if (stage->area == MAP_FAILED)
		return -1;
	for (unsigned i = 0; i < CHANNELS; i++)
		if (pipe(stage->channels[i].command) || pipe(stage->channels[i].answer))
			return -1;
	return 0;
}

HELPER void stage_close(struct stage *stage)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		for (unsigned end = 0; end < 2; end++) {
			close(stage->channels[i].command[end]);
			close(stage->channels[i].answer[end]);
		}
	munmap(stage->area, sizeof(*stage->area));
	close(stage->memfd);
}

HELPER int target_start(struct target *t, struct stage *stage, unsigned channel)
{
	*t = (struct target){stage, channel, -1};
	t->pid = fork_server(stage, channel);
	return t->pid > 0 ? 0 : -1;
}

HELPER void target_kill(struct target *t)
{
	if (t->pid <= 0)
		return;
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	t->pid = 0;
}

HELPER void target_send(const struct target *t, const struct command *c)
{
	if (write(t->stage->channels[t->channel].command[1], c, sizeof(*c)) != sizeof(*c))
		abort();
}

/* An answer that does not come is an error of the call (ETIMEDOUT), not a test that hangs. */
HELPER struct answer target_answer(const struct target *t)
{
	struct pollfd p = {.fd = t->stage->channels[t->channel].answer[0], .events = POLLIN};
	struct answer a = {.ret = -1, .err = ETIMEDOUT};

	if (poll(&p, 1, DEADLINE_NS / 1000000) == 1 && read(p.fd, &a, sizeof(a)) != sizeof(a))
		abort();
	return a;
}

HELPER struct answer target_call(const struct target *t, struct command c)
{
	target_send(t, &c);
	return target_answer(t);
}

/* tell(t, .op = OP_CLOSE, .fd = 5) */
#define tell(t, ...) target_call((t), (struct command){__VA_ARGS__})
#define ONE(length)  .n = 1, .len = {length}

#endif
