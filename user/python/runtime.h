/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * runtime.h - one running interpreter: which version it is, and the proof that its memory is laid
 * out as is believed. Pure.
 */
#ifndef RS_PYTHON_RUNTIME_H
#define RS_PYTHON_RUNTIME_H

#include "object.h"

struct py_symbols {
	uint64_t runtime;      /* _PyRuntime, where it is in the process */
	uint64_t context_type; /* PyContext_Type; 0: not exported */
	uint64_t none;	       /* _Py_NoneStruct; the same */
};

/*
 * Opens an interpreter. Nothing is trusted before the check on the process itself: the chain from
 * _PyRuntime through interpreter and threads, the threads' contexts (the pointer whose type is
 * PyContext_Type must lie where the table says), and sys.hexversion, found through modules, dicts and
 * strings, which must name the version whose table was used.
 *
 * 0; -ENOTSUP: a version or build that is not known; -EINVAL: the check failed, perhaps because the
 * process is just starting; -EFAULT: nothing can be read; -ENOMEM. With an error, why says what,
 * for a person, and py is closed.
 */
int py_open(struct py *py, pymem_read read, void *ctx, const struct py_symbols *symbols, char *why,
	    size_t size);
void py_close(struct py *py); /* an all-zero one may be closed, too */

/* Drops all that was read: to be called before things are read anew. */
void py_forget(struct py *py);

#define PY_THREADS_MAX 512
/* The thread states, newest first; their number. */
unsigned py_threads(struct py *py, uint64_t threads[PY_THREADS_MAX]);

#endif
