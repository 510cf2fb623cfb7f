/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * process.h - the interpreter of a process. Its memory is read with process_vm_readv(): nothing
 * runs in it, and it is not stopped.
 */
#ifndef RS_PYTHON_PROCESS_H
#define RS_PYTHON_PROCESS_H

#include "routes.h"
#include "told.h"

#define PYTHON_WHY_MAX 160

struct python;

/* Called before each page that is read: reading may take a while. call may be NULL. */
struct python_between {
	void (*call)(void *ctx);
	void *ctx;
};

/*
 * Finds the interpreter and checks it (runtime.h). 0; -ENOENT: there is none; -EPERM: it may not be
 * read; -ESRCH: gone; the errors of py_open(). With an error, why says what, for a person.
 */
int python_open(struct python **out, uint32_t pid, struct python_between between,
		char why[PYTHON_WHY_MAX]);
void python_close(struct python *p); /* p may be NULL */

unsigned python_version(const struct python *p); /* major << 8 | minor */

/* The route table: py_routes_read(). */
int python_routes(struct python *p, struct py_routes *out, char why[PYTHON_WHY_MAX]);
/* Whether one of the lists that were read last has changed: one system call. */
bool python_routes_changed(const struct python *p);

/* What the kernel side needs to know (capture_interp()). -ENOTSUP: not on this architecture or
   build, why says it. */
int python_interp(struct python *p, struct rs_interp *out, char why[PYTHON_WHY_MAX]);
/* The file of the interpreter, as a path that can be opened here; p's. */
const char *python_file(const struct python *p);

/* An exception, soon after it was told. -ESTALE: the memory has changed since, nothing is told;
   -ENODATA: it is the ambient exception of its thread, that was being handled all along
   (error.base). */
int python_error(struct python *p, const struct rs_error *error, struct python_error *out);

/*
 * The frames of a thread at this moment. Of one that runs they may be torn: what does not fit
 * together is not told. tid: as the kernel counts threads, in the initial pid namespace. 0;
 * -ENOENT: no thread of the interpreter, or which one it is cannot be told; -EPERM; -ESRCH: it has
 * gone.
 */
int python_stack(struct python *p, uint32_t tid, struct python_stack *out);

/*
 * Where everything waits: each task of the event loops, suspended, and each other thread of the
 * process that runs code of the application. Bounded to 20,000 tasks. 0; -ENOENT: asyncio is not
 * imported; or another negative errno.
 */
int python_waits(struct python *p, python_wait_visit visit, void *ctx);

#endif
