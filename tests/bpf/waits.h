/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * waits.h - the part of a target that behaves like an event loop: waits for descriptors, is held
 * up, waits for a lock.
 */
#ifndef RS_TEST_WAITS_H
#define RS_TEST_WAITS_H

#include <linux/futex.h>
#include <sys/epoll.h>

/* The test and its targets are one program before any exec, so this has one address in all. The
   programs are told that words 1 and 2 of it are a GIL. */
static uint32_t fake_gil[4];

#define MAX_READERS 1100
static struct {
	pthread_t threads[MAX_READERS];
	unsigned n, through;
	int fd, gate[2];
	pid_t tid;
	enum op op;
} readers;

HELPER uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

HELPER long spin(uint64_t ms)
{
	uint64_t end = cpu_ns() + ms * 1000000;

	while (cpu_ns() < end)
		;
	return 0;
}

HELPER long sleep_for(uint64_t ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	return nanosleep(&t, NULL);
}

HELPER long wait_futex(const struct command *c)
{
	struct timespec t = {c->arg / 1000, c->arg % 1000 * 1000000};
	long ret = syscall(SYS_futex, &fake_gil[c->flags], FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);

	return ret && errno == ETIMEDOUT ? 0 : ret;
}

/* Stays until the gate is closed. */
HELPER void *reader(void *arg)
{
	struct epoll_event e;
	int ep = readers.op == OP_POLLERS ? epoll_create1(0) : -1;
	char byte = 'w';

	readers.tid = gettid();
	if (readers.op == OP_POLLERS)
		epoll_wait(ep, &e, 1, 0);
	else if (syscall(readers.op == OP_WRITERS ? SYS_write : SYS_read, readers.fd, &byte, 1) != 1)
		abort();
	__atomic_add_fetch(&readers.through, 1, __ATOMIC_RELEASE);
	if (read(readers.gate[0], &byte, 1))
		abort();
	if (ep >= 0)
		close(ep);
	return arg;
}

HELPER void readers_wait(unsigned n)
{
	while (__atomic_load_n(&readers.through, __ATOMIC_ACQUIRE) < n)
		breathe();
}

HELPER long readers_start(const struct command *c)
{
	pthread_attr_t small;

	if (c->arg > MAX_READERS || pipe(readers.gate))
		return -1;
	readers.fd = c->fd;
	readers.op = c->op;
	readers.through = 0;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (readers.n = 0; readers.n < (unsigned)c->arg; readers.n++) {
		if ((errno = pthread_create(&readers.threads[readers.n], &small, reader, NULL)))
			return -1;
		if (c->op == OP_WRITERS)
			readers_wait(readers.n + 1);
	}
	readers_wait(readers.n);
	return readers.tid;
}

HELPER long readers_end(void)
{
	close(readers.gate[1]);
	for (unsigned i = 0; i < readers.n; i++)
		pthread_join(readers.threads[i], NULL);
	close(readers.gate[0]);
	return 0;
}

HELPER long call_wait(const struct command *c)
{
	struct epoll_event e;

	switch (c->op) {
	case OP_EPOLL:
		return epoll_create1(0);
	case OP_EPOLL_WAIT:
		return epoll_wait(c->fd, &e, 1, c->arg);
	case OP_POLL:
		return poll(NULL, 0, c->arg);
	case OP_SLEEP:
		return sleep_for(c->arg);
	case OP_SPIN:
		return spin(c->arg);
	case OP_FUTEX:
		return wait_futex(c);
	case OP_READERS:
	case OP_POLLERS:
	case OP_WRITERS:
		return readers_start(c);
	case OP_READERS_END:
		return readers_end();
	}
	errno = ENOSYS;
	return -1;
}

#endif
