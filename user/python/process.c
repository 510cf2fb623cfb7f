// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "insight.h"
#include "symbols.h"
#include "thread.h"

struct python {
	uint32_t pid;
	char file[PATH_MAX];
	struct py py;
	struct python_between between;
	int denied;    /* what the last failing read said */
	uint64_t none; /* where None is; 0 not known */
	struct py_home home;
	struct thread_finder threads;
	struct py_watch watch[PY_WATCH_MAX];
	uint32_t n_watch;
};

static int read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct python *p = ctx;
	struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};
	ssize_t n;

	if (p->between.call)
		p->between.call(p->between.ctx);
	n = process_vm_readv((pid_t)p->pid, &local, 1, &remote, 1, 0);
	if (n == (ssize_t)len)
		return 0;
	if (n < 0 && errno != EFAULT)
		p->denied = errno;
	return -EFAULT;
}

static size_t read_link(uint32_t pid, const char *what, char buf[PATH_MAX])
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%u/%s", pid, what);
	n = readlink(name, buf, PATH_MAX - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* As the process itself calls it: from its own root on. */
static void find_cwd(struct python *p)
{
	char root[PATH_MAX];
	char *cwd = p->home.cwd;
	size_t n = read_link(p->pid, "root", root), len = read_link(p->pid, "cwd", cwd);

	if (n > 1 && !strncmp(cwd, root, n) && cwd[n] == '/')
		memmove(cwd, cwd + n, len - n + 1);
}

static int explain(const struct python *p, int err, char why[PYTHON_WHY_MAX])
{
	if (p->denied == ESRCH || err == -ESRCH) {
		snprintf(why, PYTHON_WHY_MAX, "the process has gone");
		return -ESRCH;
	}
	if (p->denied == EPERM || err == -EACCES || err == -EPERM) {
		snprintf(why, PYTHON_WHY_MAX,
			 "its memory may not be read: CAP_SYS_PTRACE is missing");
		return -EPERM;
	}
	if (err == -ENOENT)
		snprintf(why, PYTHON_WHY_MAX, "no CPython from 3.8 on is mapped in the process");
	else if (!*why)
		snprintf(why, PYTHON_WHY_MAX, "%s", strerror(-err));
	return err;
}

int python_open(struct python **out, uint32_t pid, struct python_between between,
		char why[PYTHON_WHY_MAX])
{
	struct python *p = calloc(1, sizeof(*p));
	struct py_symbols symbols;
	int err = p ? 0 : -ENOMEM;

	*out = NULL;
	*why = '\0';
	if (!p) {
		snprintf(why, PYTHON_WHY_MAX, "out of memory");
		return err;
	}
	p->pid = pid;
	p->between = between;
	err = symbols_find(pid, &symbols, p->file);
	if (!err)
		err = py_open(&p->py, read_memory, p, &symbols, why, PYTHON_WHY_MAX);
	if (err) {
		err = explain(p, err, why);
		free(p);
		return err;
	}
	p->none = symbols.none;
	find_cwd(p);
	*out = p;
	return 0;
}

void python_close(struct python *p)
{
	if (!p)
		return;
	py_close(&p->py);
	free(p);
}

unsigned python_version(const struct python *p)
{
	return p->py.o.version;
}

int python_routes(struct python *p, struct py_routes *out, char why[PYTHON_WHY_MAX])
{
	int err;

	p->denied = 0;
	err = py_routes_read(&p->py, p->home.cwd, out, why, PYTHON_WHY_MAX);
	p->n_watch = err ? 0 : out->n_watch;
	memcpy(p->watch, out->watch, p->n_watch * sizeof(*p->watch));
	return err && p->denied ? explain(p, err, why) : err;
}

bool python_routes_changed(const struct python *p)
{
	struct {
		int64_t length;
		uint64_t items;
	} now[PY_WATCH_MAX] = {};
	struct iovec local = {now, p->n_watch * sizeof(*now)}, remote[2 * PY_WATCH_MAX];
	const struct py_offsets *o = &p->py.o;

	for (uint32_t i = 0; i < p->n_watch; i++) {
		uintptr_t list = p->watch[i].list;

		remote[2 * i] = (struct iovec){(void *)(list + o->var_size), 8};
		remote[2 * i + 1] = (struct iovec){(void *)(list + o->list_item), 8};
	}
	if (!p->n_watch)
		return false;
	if (process_vm_readv((pid_t)p->pid, &local, 1, remote, 2 * p->n_watch, 0) !=
	    (ssize_t)local.iov_len)
		return true;
	for (uint32_t i = 0; i < p->n_watch; i++)
		if (now[i].length != p->watch[i].length || now[i].items != p->watch[i].items)
			return true;
	return false;
}

/* --- what is asked while it runs */

int python_interp(struct python *p, struct rs_interp *out, char why[PYTHON_WHY_MAX])
{
	int err;

	p->denied = 0;
	*why = '\0';
	*out = (struct rs_interp){};
	if (!p->none) {
		snprintf(why, PYTHON_WHY_MAX, "the interpreter does not export _Py_NoneStruct");
		return -ENOTSUP;
	}
	err = py_interp(&p->py, p->none, out, why, PYTHON_WHY_MAX);
	return err && p->denied ? explain(p, err, why) : err;
}

const char *python_file(const struct python *p)
{
	return p->file;
}

/* Soon after its start a process has not imported all there is to be known by. */
static const struct py_home *home_of(struct python *p)
{
	if (!*p->home.stdlib)
		py_home_open(&p->py, &p->home);
	return &p->home;
}

int python_error(struct python *p, const struct rs_error *error, struct python_error *out)
{
	py_forget(&p->py);
	return py_error(&p->py, home_of(p), error, out);
}

int python_stack(struct python *p, uint32_t tid, struct python_stack *out)
{
	struct thread_now now;
	uint64_t tstate;
	int err;

	*out = (struct python_stack){};
	py_forget(&p->py);
	tstate = thread_state(&p->threads, &p->py, p->pid, tid);
	if (!tstate)
		return -ENOENT;
	err = thread_look(p->pid, tid, &now);
	if (err)
		return err;
	py_stack(&p->py, home_of(p), tstate, !now.runs && now.syscall >= 0, thread_futex(&now),
		 out);
	thread_syscall_name(now.syscall, out->syscall, sizeof(out->syscall));
	return 0;
}

int python_waits(struct python *p, python_wait_visit visit, void *ctx)
{
	py_forget(&p->py);
	return py_waits(&p->py, home_of(p), visit, ctx);
}
