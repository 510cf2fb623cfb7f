/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * process.h - the interpreter of a process. Its memory is read with process_vm_readv(): nothing
 * runs in it, and it is not stopped.
 */
#ifndef RS_PYTHON_PROCESS_H
#define RS_PYTHON_PROCESS_H

#include "../core/site.h"
#include "../../bpf/events.h"
#include "routes.h"

#define PYTHON_WHY_MAX 160

struct python;

/*
 * Finds the interpreter and checks it (runtime.h). 0; -ENOENT: there is none; -EPERM: it may not be
 * read; -ESRCH: gone; the errors of py_open(). With an error, why says what, for a person.
 */
int python_open(struct python **out, uint32_t pid, char why[PYTHON_WHY_MAX]);
void python_close(struct python *p); /* p may be NULL */

unsigned python_version(const struct python *p); /* major << 8 | minor */

/* The route table: py_routes_read(). */
int python_routes(struct python *p, struct py_routes *out, char why[PYTHON_WHY_MAX]);
/* Whether one of the lists that were read last has changed: one system call. */
bool python_routes_changed(const struct python *p);

/* What the kernel side needs to know (capture_interp()). -ENOTSUP: not on this architecture or build, why
   says it. */
int python_interp(struct python *p, struct rs_interp *out, char why[PYTHON_WHY_MAX]);
/* An exported function of the interpreter: a path that can be opened here, and the offset in that file.
   0 or -ENOENT. */
int python_function(struct python *p, const char *name, char *file, size_t size, uint64_t *offset);

/*
 * Frames told in words. Code is the application's own when its file is not below a folder named
 * site-packages or dist-packages, nor of the standard library, nor frozen.
 */
struct python_place {
	char where[SITE_TEXT_MAX]; /* "shop/db.py:88 Pool.acquire"; "" not known */
	bool own;		   /* the application's own code */
};

/* An exception, soon after it was told. type: "module.Class" (of builtins without the module). where: the
   place of the raise; own: the innermost frame of the application, "" where that is the same or there is
   none. -ESTALE: the memory has changed since, nothing is told; -ENODATA: it is the ambient exception of
   its thread, that was being handled all along (error.base). */
struct python_error {
	char type[SITE_TYPE_MAX], where[SITE_TEXT_MAX], own[SITE_TEXT_MAX];
};
int python_error(struct python *p, const struct rs_error *error, struct python_error *out);

/*
 * The frames of a thread at this moment. Of one that runs they may be torn: what does not fit together
 * is not told. tid: as the kernel counts threads, in the initial pid namespace.
 */
struct python_stack {
	struct python_place own;   /* the innermost frame of the application; where "" if none */
	struct python_place inner; /* the innermost frame of all */
	char called[SITE_TEXT_MAX]; /* the qualified name of what `own` called; "" nothing of Python */
	bool gil;		   /* it waits for the GIL, and these two say who holds it: */
	struct python_place holder; /* the frame of the application there */
	bool collecting;	   /* a garbage collection is under way in the interpreter */
	char syscall[32];	   /* the system call it is in: "clock_nanosleep", "#999"; "" none, not known */
};
int python_stack(struct python *p, uint32_t tid, struct python_stack *out);

/*
 * Where everything waits: each task of the event loops, suspended, and each other thread of the process
 * that runs code of the application. Bounded to 20,000 tasks. 0 or a negative errno.
 */
struct python_wait {
	bool thread;
	char where[SITE_TEXT_MAX]; /* innermost frame of the application; "" none */
	char on[SITE_TEXT_MAX];	   /* what that called, qualified; "" it waits itself */
	struct rs_addr peer;	   /* of the request that the task serves (uvicorn); family 0: none */
	char path[256];		   /* of the same; cut */
};
typedef void (*python_wait_visit)(void *ctx, const struct python_wait *w);
int python_waits(struct python *p, python_wait_visit visit, void *ctx);

#endif
