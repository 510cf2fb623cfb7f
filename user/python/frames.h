/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * frames.h - code objects in words, and the frames of threads and of what is suspended. Pure.
 */
#ifndef RS_PYTHON_FRAMES_H
#define RS_PYTHON_FRAMES_H

#include "home.h"
#include "told.h"

#define PY_FRAMES_MAX 256 /* of a thread, the innermost */
#define PY_AWAITS_MAX 64  /* of a task, the outermost */

/* A frame: its code and the instruction it is at, in bytes; below 0 it has not begun. */
struct py_frame {
	uint64_t frame, code;
	uint64_t name; /* its generator's qualified name; 0: the code's own name */
	int32_t at;
};

/* --- code objects (code.c) */

/* Whether it is one, and the application's own. */
bool py_code_own(struct py *py, const struct py_home *h, uint64_t code);
/* "file:line name"; without ":line" where the instruction has none. where "" when it cannot be
 * told. */
void py_code_place(struct py *py, const struct py_home *h, const struct py_frame *f,
		   struct python_place *out);
/*
 * What a frame called: "package name", "module name" of the standard library, the name alone of the
 * application's own. called: the frame inside of it, an array in the direction of step (1 or -1)
 * that goes on for `more` frames: where that is but the protocol of a with or an await, the next
 * one is told.
 */
void py_code_called(struct py *py, const struct py_home *h, const struct py_frame *called, int step,
		    unsigned more, char *buf, size_t size);
/* Whether it runs an event loop or starts what does: what is outside of it did not call what is
 * inside. */
bool py_code_runs_loop(struct py *py, uint64_t code);
/* Whether its file ends so and it is of that name. */
bool py_code_is(struct py *py, uint64_t code, const char *file_end, const char *name);
/* Puts one behind the other; cuts between characters. */
void py_join(char *buf, size_t size, const char *a, const char *between, const char *b);

/* Whether it is UTF-8: a name that C code keeps may be anything. */
bool py_is_text(const char *text);

/* --- frames (frames.c) */

/* Of a thread, innermost first. Their number; 0: none, or it does not fit together. The code
   objects are not looked at. */
unsigned py_frames(struct py *py, uint64_t tstate, struct py_frame frames[PY_FRAMES_MAX]);
/* A frame of its own or of a frame object: code 0 when it has none. */
struct py_frame py_frame(struct py *py, uint64_t frame);
/* Index of the innermost frame of the application that the thread has inside of its event loop; n:
 *none. loop, where not NULL: it runs one, which takes a look at all of them. */
unsigned py_frames_own(struct py *py, const struct py_home *h, const struct py_frame *frames,
		       unsigned n, bool *loop);

/* --- what is suspended (awaits.c) */

struct py_awaits {
	struct py_frame frames[PY_AWAITS_MAX]; /* outermost first */
	unsigned n;
	uint64_t end; /* what the innermost waits for, when that has no frame; 0: nothing, not known
		       */
};

/* A coroutine and what it awaits, to the end. False: it is not suspended, or does not fit together.
 */
bool py_awaits(struct py *py, uint64_t coroutine, struct py_awaits *out);
/* Of a task that is not done; 0: there is none. */
uint64_t py_task_coroutine(struct py *py, uint64_t task);

/* --- requests (served.c) */

struct py_served {
	uint64_t scope; /* of the request that a task has to do with; 0 none */
	uint64_t cycle; /* uvicorn's own object of it: the task is the first one of the request */
	bool relays; /* it waits for another task that serves the same: BaseHTTPMiddleware makes one
		      */
};
void py_serves(struct py *py, const struct py_awaits *task, struct py_served *out);
/* Sets peer and path, as on the wire. */
void py_wait_request(struct py *py, uint64_t cycle, struct python_wait *w);

#endif
