/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * insight.h - what is asked of an interpreter while it runs: the exception behind an answer, what a
 * thread does, where everything waits. Each drops first what was read before. Pure.
 */
#ifndef RS_PYTHON_INSIGHT_H
#define RS_PYTHON_INSIGHT_H

#include "home.h"
#include "runtime.h"
#include "told.h"

/* What the kernel side needs to know. none: the address of None. 0; -EINVAL: the check of threads
   and exceptions failed, why says it: perhaps because they were changing. */
int py_interp(struct py *py, uint64_t none, struct rs_interp *out, char *why, size_t size);
/* The GIL's place and size; 0: not known. */
uint64_t py_gil(struct py *py, uint32_t *size);

/* 0; -ESTALE: the memory has changed since, nothing is told; -ENODATA: it is the ambient exception
   of its thread, that was being handled all along (error.base). */
int py_error(struct py *py, const struct py_home *h, const struct rs_error *error,
	     struct python_error *out);

/*
 * What a thread does. tstate: its state. still: the thread is in a system call and was not seen to
 * leave it; else it runs, and only what two readings agree on is told. waits_at: address of the
 * futex that it waits for; 0 none. out->syscall is left as it is.
 */
void py_stack(struct py *py, const struct py_home *h, uint64_t tstate, bool still,
	      uint64_t waits_at, struct python_stack *out);

#define PY_TASKS_MAX 20000
/* Every task that is suspended, unless it only waits for another one that serves the same request,
   and every thread outside of event loops in code of the application. What changes while it is read
   is left out. 0; -ENOENT: asyncio is not imported; -ENOMEM. */
int py_waits(struct py *py, const struct py_home *h, python_wait_visit visit, void *ctx);
#endif
