// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEXT_SIZE   4096
#define PTHREAD_MAX 2048 /* bytes of a libc's description of a thread that are searched */

static int read_file(uint32_t pid, uint32_t tid, const char *what, char *buf, size_t size)
{
	char name[64];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%u/task/%u/%s", pid, tid, what);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		n = n && errno != ESRCH ? -errno : -ESRCH;
	close(fd);
	return n < 0 ? (int)n : 0;
}

/* --- what it does */

int thread_look(uint32_t pid, uint32_t tid, struct thread_now *out)
{
	char text[256], *p = text;
	int err = read_file(pid, tid, "syscall", text, sizeof(text));

	*out = (struct thread_now){.runs = true, .syscall = -1};
	if (err || !strncmp(text, "running", 7))
		return err;
	out->syscall = strtol(p, &p, 10);
	for (unsigned i = 0; i < 6 && out->syscall >= 0; i++)
		out->args[i] = strtoull(p, &p, 16);
	out->sp = strtoull(p, &p, 16);
	out->pc = strtoull(p, &p, 16);
	out->runs = false;
	return 0;
}

bool thread_waits(const struct thread_now *now)
{
	return !now->runs && now->syscall >= 0;
}

bool thread_same(const struct thread_now *a, const struct thread_now *b)
{
	return a->runs == b->runs && a->syscall == b->syscall && a->sp == b->sp && a->pc == b->pc &&
	       !memcmp(a->args, b->args, sizeof(a->args));
}

/* PI futexes and requeues are the kernel's own business: no lock of Python is one. */
uint64_t thread_futex(const struct thread_now *now)
{
	return now->syscall == SYS_futex ? now->args[0] : 0;
}

/* --- who it is */

/* The thread's id as the process itself counts. 0: not known. */
static uint32_t own_id(uint32_t pid, uint32_t tid, bool *nested)
{
	char text[TEXT_SIZE], *p;
	uint32_t id = 0, n = 0;

	*nested = false;
	if (read_file(pid, tid, "status", text, sizeof(text)))
		return 0;
	p = strstr(text, "\nNSpid:");
	if (!p)
		return tid; /* a kernel without pid namespaces */
	for (p += 7; *p == '\t' || *p == ' '; n++)
		id = (uint32_t)strtoul(p, &p, 10);
	*nested = n > 1;
	return id;
}

static uint64_t by_native_id(struct py *py, uint32_t id)
{
	uint64_t threads[PY_THREADS_MAX];
	unsigned n = py_threads(py, threads);

	for (unsigned i = 0; i < n; i++)
		if (pymem_u64(py->mem, threads[i] + py->o.ts_native_id) == id)
			return threads[i];
	return 0;
}

static uint64_t pthread_of(struct py *py, uint64_t tstate)
{
	return pymem_u64(py->mem, tstate + py->o.ts_thread_id);
}

static uint64_t by_self(struct py *py, uint64_t self)
{
	uint64_t threads[PY_THREADS_MAX];
	unsigned n = py_threads(py, threads);

	for (unsigned i = 0; self && i < n; i++)
		if (pthread_of(py, threads[i]) == self)
			return threads[i];
	return 0;
}

/* The one thread that has its id there. 0: none, or several. */
static uint64_t by_offset(struct py *py, uint32_t at, uint32_t id)
{
	uint64_t threads[PY_THREADS_MAX], found = 0;
	unsigned n = py_threads(py, threads);

	for (unsigned i = 0; i < n; i++) {
		if (pymem_u32(py->mem, pthread_of(py, threads[i]) + at) != id)
			continue;
		if (found)
			return 0;
		found = threads[i];
	}
	return found;
}

/*
 * Before 3.11 a thread is known by pthread_self() only, the address at which the libc describes it.
 * Where in there its id lies is told by the main thread, whose id is the process's. A small number
 * may lie in several places: then they must not disagree.
 */
static uint64_t by_pthread(struct py *py, uint32_t main_id, uint32_t id)
{
	uint64_t self = pymem_u64(py->mem, py->runtime + py->o.rt_main_thread), found = 0, one;

	if (id == main_id)
		return by_self(py, self);
	for (uint32_t at = 4; self && at < PTHREAD_MAX; at += 4) {
		if (pymem_u32(py->mem, self + at) != main_id)
			continue;
		one = by_offset(py, at, id);
		if (found && one && one != found)
			return 0;
		if (one)
			found = one;
	}
	return found;
}

uint64_t thread_state(struct thread_finder *f, struct py *py, uint32_t pid, uint32_t tid)
{
	uint32_t id = tid, main_id = pid;
	bool nested;

	if (!f->asked) {
		own_id(pid, pid, &f->nested);
		f->asked = true;
	}
	if (f->nested) {
		id = own_id(pid, tid, &nested);
		main_id = tid == pid ? id : own_id(pid, pid, &nested);
	}
	if (!id || !main_id)
		return 0;
	return py->o.ts_native_id >= 0 ? by_native_id(py, id) : by_pthread(py, main_id, id);
}
