/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * told.h - what is told of an interpreter, in words: places, exceptions, stacks, waits. The texts
 * are UTF-8 as the interpreter has it; who writes them out escapes them.
 */
#ifndef RS_PYTHON_TOLD_H
#define RS_PYTHON_TOLD_H

#include <stdbool.h>

#include "../core/site.h"
#include "../../bpf/events.h"

/*
 * Frames told in words. Code is the application's own when its file is not below a folder named
 * site-packages or dist-packages, nor of the standard library, nor frozen.
 */
struct python_place {
	char where[SITE_TEXT_MAX]; /* "shop/db.py:88 Pool.acquire"; "" not known */
	bool own;		   /* the application's own code */
};

/* An exception. type: "module.Class" (of builtins without the module). where: the place of the
   raise; own: the innermost frame of the application, "" where that is the same or there is none.
 */
struct python_error {
	char type[SITE_TYPE_MAX], where[SITE_TEXT_MAX], own[SITE_TEXT_MAX];
};

/* The frames of a thread at one moment. */
struct python_stack {
	struct python_place own;    /* the innermost frame of the application; where "" if none */
	struct python_place inner;  /* the innermost frame of all */
	char called[SITE_TEXT_MAX]; /* what `own` called: "asyncpg Pool.acquire"; "" nothing of
				       Python */
	bool gil;		    /* it waits for the GIL, and this says who holds it: */
	struct python_place holder; /* the frame of the application there; else the innermost */
	bool collecting;	    /* a garbage collection is under way in the interpreter */
	char syscall[32]; /* the system call it is in: "clock_nanosleep", "#999"; "" none, not known
			   */
};

/* One task of an event loop that is suspended, or one thread. */
struct python_wait {
	bool thread;
	char where[SITE_TEXT_MAX]; /* innermost frame of the application; "" none */
	char on[SITE_TEXT_MAX]; /* what that called: "asyncpg Pool.acquire"; "" it waits itself */
	struct rs_addr peer;	/* of the request that the task serves (uvicorn); family 0: none */
	char path[256];		/* of the same, as on the wire; "" not known */
};
typedef void (*python_wait_visit)(void *ctx, const struct python_wait *w);

#endif
