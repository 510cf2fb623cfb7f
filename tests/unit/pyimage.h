/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pyimage.h - an interpreter's memory, made by hand: objects laid out as the table of a version
 * says.
 */
#ifndef RS_TEST_PYIMAGE_H
#define RS_TEST_PYIMAGE_H

#include "../../user/python/runtime.h"

#define IMAGE_BASE 0x7f0000000000ULL
#define IMAGE_SIZE (1024 * 1024)

struct image {
	struct py_offsets o;
	uint8_t *bytes; /* IMAGE_SIZE, at IMAGE_BASE */
	uint64_t used;
	struct py_symbols symbols;
	uint64_t interp, thread, modules, sys;
	/* types; those of C have no module */
	uint64_t type, object, str, integer, dict, list, tuple, set, none_type, none, code,
		function;
	uint64_t method, partial, coroutine, cell, module, context, pattern;
	uint64_t bytes_type, weakref, generator, wrapper, future, future_iter,
		task;	   /* the C ones */
	uint64_t frame;	   /* the innermost of the one thread */
	uint64_t task_set; /* image_tasks() */
	unsigned reads;
	void (*meddle)(
		struct image *im); /* called before each read; NULL: nobody changes anything */
};

/* Runs the block that follows once for each version that is known. */
#define IMAGE_EACH(im)                                                \
	for (unsigned v_ = 0, n_; py_offsets_all(&n_), v_ < n_; v_++) \
		for (struct image *im = image_new(py_offsets_all(&n_)[v_].version); im; im = NULL)

/* Opens it for reading, or abort(). Closes and frees both. */
struct py *image_open(struct image *im);
void image_done(struct image *im, struct py *py);

/* An interpreter of a version that has no application. abort() when memory is short. */
struct image *image_new(uint16_t version);
void image_free(struct image *im);
int image_read(void *ctx, uint64_t addr, void *buf, size_t len); /* a pymem_read; ctx: the image */

uint64_t image_alloc(struct image *im, size_t size); /* zeroed, aligned to 16 */
void image_put(struct image *im, uint64_t addr, uint64_t value);
void image_put32(struct image *im, uint64_t addr, uint32_t value);
uint64_t image_get(struct image *im, uint64_t addr);

uint64_t image_raw(struct image *im, uint64_t type, size_t size); /* an object of zeroes */
uint64_t image_module(struct image *im, const char *name);	  /* imported, empty */
uint64_t image_str(struct image *im, const char *ascii);
/* kind: bytes of a character, 1, 2 or 4; ascii false. */
uint64_t image_wide_str(struct image *im, const uint32_t *text, int64_t n, unsigned kind);
uint64_t image_int(struct image *im, uint32_t value);
uint64_t image_list(struct image *im, unsigned n, const uint64_t *items);
uint64_t image_tuple(struct image *im, unsigned n, const uint64_t *items);
uint64_t image_set(struct image *im, unsigned n, const uint64_t *keys);

struct image_pair {
	const char *name;
	uint64_t value;
};
uint64_t image_dict(struct image *im, unsigned n, const struct image_pair *pairs);
void image_dict_add(struct image *im, uint64_t dict, const char *name,
		    uint64_t value); /* room for 8 more */
/* Keys here, values there, as instances of one class shared them before 3.11. */
uint64_t image_split_dict(struct image *im, unsigned n, const struct image_pair *pairs);

/* A class of Python's: module NULL for none; base 0 for object. */
uint64_t image_class(struct image *im, const char *name, const char *module, uint64_t base);

/* How an instance keeps its attributes; those that a version does not have are made the nearest
   that it has. */
enum image_form { FORM_DICT, FORM_VALUES };
uint64_t image_object(struct image *im, uint64_t class, enum image_form form, unsigned n,
		      const struct image_pair *pairs);

uint64_t image_code(struct image *im, const char *file, unsigned line, unsigned locals);
uint64_t image_function(struct image *im, const char *file, unsigned line, const char *qualname);
/* A frame with these locals, called by the one before; the thread's innermost from now on. */
void image_push_frame(struct image *im, unsigned n, const uint64_t *locals);
uint64_t image_coroutine(struct image *im, unsigned n, const uint64_t *locals);

/* --- pyimage_run.c: what runs and what waits */

uint64_t image_bytes(struct image *im, const void *data, size_t n);
/* Code whose instruction k, at byte 2 * k, is of line + k, for 100 of them. */
uint64_t image_code_named(struct image *im, const char *file, unsigned line, const char *name);
/* The thread calls that code, which is at instruction k. */
void image_call(struct image *im, uint64_t code, unsigned k, uint64_t local);
/* Entered from C code: does nothing before 3.12. */
void image_call_c(struct image *im);
/* A coroutine of that code, suspended at instruction k; awaits: an object, or 0 for a plain yield.
 */
uint64_t image_suspended(struct image *im, uint64_t type, uint64_t code, unsigned k,
			 uint64_t awaits, uint64_t local);
/* It went on, and awaits the same in another place. */
void image_move(struct image *im, uint64_t coroutine, unsigned k);
/* It runs, and is not suspended. */
void image_resume(struct image *im, uint64_t coroutine);
uint64_t image_awaiting(struct image *im, uint64_t type,
			uint64_t what); /* what a wrapper stands for */
uint64_t image_task(struct image *im, uint64_t coroutine);
/* asyncio.tasks, with these tasks instead of those of an earlier call. */
void image_tasks(struct image *im, unsigned n, const uint64_t *tasks);
/* What uvicorn has of a request: the local of run_asgi(). raw_path NULL: none. */
uint64_t image_cycle(struct image *im, const char *host, uint32_t port, const char *raw_path);
/* An exception that is handled by a coroutine of the thread, or by the thread itself. */
void image_handle(struct image *im, uint64_t exception, bool base);

/*
 * A small application with a route of every kind, served by uvicorn. Also its parts that tests
 * change.
 */
struct image_app {
	uint64_t app, router, routes, items_route, server, config;
};
struct image_app image_app(struct image *im);

#endif
