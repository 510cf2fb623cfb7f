/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * thread.h - threads as the kernel has them: what they are doing, and which of the interpreter's
 * they are.
 */
#ifndef RS_PYTHON_THREAD_H
#define RS_PYTHON_THREAD_H

#include "runtime.h"

/* What the kernel says of a thread at one moment. */
struct thread_now {
	bool runs;    /* on a CPU or waiting for one: the rest is not known */
	long syscall; /* the call that it is in; -1 none */
	uint64_t args[6], sp, pc;
};

/* 0; -ESRCH; -EACCES. */
int thread_look(uint32_t pid, uint32_t tid, struct thread_now *out);
/* It is in a system call and does not run; and it is still in the same. */
bool thread_waits(const struct thread_now *now);
bool thread_same(const struct thread_now *a, const struct thread_now *b);
/* The name of a system call: "clock_nanosleep", "#999". "" for -1. */
void thread_syscall_name(long number, char *buf, size_t size);
/* The address of the futex that it waits for; 0: it does not. */
uint64_t thread_futex(const struct thread_now *now);

/* Remembers how the threads of one process are counted. All zero at first. */
struct thread_finder {
	bool asked;
	bool nested; /* in a pid namespace of its own */
};

/* The thread state of a thread; 0: none, or it cannot be told. */
uint64_t thread_state(struct thread_finder *f, struct py *py, uint32_t pid, uint32_t tid);

#endif
