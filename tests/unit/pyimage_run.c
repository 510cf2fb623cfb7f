// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* pyimage_run.c - frames that are somewhere, coroutines that wait, exceptions that are handled. */
#include <stdlib.h>
#include <string.h>

#include "pyimage.h"

#define INSTRUCTIONS 100
#define AT(im, addr) ((im)->bytes + ((addr)-IMAGE_BASE))

struct py *image_open(struct image *im)
{
	struct py *py = calloc(1, sizeof(*py));
	char why[160];

	if (!py || py_open(py, image_read, im, &im->symbols, why, sizeof(why)))
		abort();
	return py;
}

void image_done(struct image *im, struct py *py)
{
	py_close(py);
	free(py);
	image_free(im);
}

uint64_t image_bytes(struct image *im, const void *data, size_t n)
{
	uint64_t b = image_raw(im, im->bytes_type, im->o.bytes_data + n + 1);

	image_put(im, b + im->o.var_size, n);
	if (n)
		memcpy(AT(im, b + im->o.bytes_data), data, n);
	return b;
}

/* One entry for each instruction, whose line is one more than that of the one before. */
static uint64_t line_table(struct image *im)
{
	static const uint8_t forms[3][2] = {{2, 1}, {2, 1}, {0x80 | 13 << 3, 2}};
	uint8_t table[2 * INSTRUCTIONS];
	unsigned form = im->o.version < 0x30a ? 0 : im->o.version == 0x30a ? 1 : 2;

	for (unsigned i = 0; i < INSTRUCTIONS; i++)
		memcpy(table + 2 * i, forms[form], 2);
	if (form) /* the first one has the first line */
		table[1] = 0;
	return image_bytes(im, table, sizeof(table));
}

uint64_t image_code_named(struct image *im, const char *file, unsigned line, const char *name)
{
	static const uint8_t nothing[2 * INSTRUCTIONS];
	const char *dot = strrchr(name, '.');
	uint64_t c = image_code(im, file, line, 1);

	image_put(im, c + im->o.co_name, image_str(im, dot ? dot + 1 : name));
	if (im->o.co_qualname >= 0)
		image_put(im, c + im->o.co_qualname, image_str(im, name));
	image_put(im, c + im->o.co_lines, line_table(im));
	if (im->o.version < 0x30b)
		image_put(im, c + im->o.co_code, image_bytes(im, nothing, sizeof(nothing)));
	return c;
}

static uint64_t code_bytes(struct image *im, uint64_t code)
{
	if (im->o.version < 0x30b)
		return image_get(im, code + im->o.co_code) + im->o.bytes_data;
	return code + im->o.co_code;
}

static void put_frame(struct image *im, uint64_t frame, uint64_t code, unsigned k, uint64_t local)
{
	image_put(im, frame + im->o.fr_code, code);
	if (im->o.fr_lasti >= 0)
		image_put32(im, frame + im->o.fr_lasti, im->o.version == 0x30a ? k : 2 * k);
	else
		image_put(im, frame + im->o.fr_instr, code + im->o.co_code + 2 * k);
	image_put(im, frame + im->o.fr_locals, local);
}

void image_call(struct image *im, uint64_t code, unsigned k, uint64_t local)
{
	image_push_frame(im, 1, (uint64_t[]){0});
	put_frame(im, im->frame, code, k, local);
	if (im->o.fr_executing >= 0)
		*AT(im, im->frame + im->o.fr_executing) = 1;
}

void image_call_c(struct image *im)
{
	if (im->o.version < 0x30c)
		return;
	image_push_frame(im, 0, NULL);
	image_put(im, im->frame + im->o.fr_code, im->none);
	*AT(im, im->frame + im->o.fr_owner) = 3;
}

/* --- what is suspended */

/* The instruction behind the one that a suspended frame is at. */
static void put_await(struct image *im, uint64_t code, unsigned k)
{
	uint8_t *op = AT(im, code_bytes(im, code) + 2 * (k + 1));

	if (im->o.op_await < 0)
		return;
	op[0] = (uint8_t)im->o.op_await;
	op[1] = 3; /* behind an await */
}

static void put_top(struct image *im, uint64_t frame, uint64_t top)
{
	uint64_t slot = frame + im->o.fr_locals + 8;

	image_put(im, slot, top);
	if (im->o.version < 0x30a) {
		image_put(im, frame + im->o.fr_top, slot + 8);
	} else if (im->o.version == 0x30a) {
		image_put(im, frame + im->o.fr_valuestack, slot);
		image_put32(im, frame + im->o.fr_top, 1);
		*AT(im, frame + im->o.fr_state) = (uint8_t)im->o.st_suspended;
	} else {
		image_put32(im, frame + im->o.fr_top, 2);
	}
}

uint64_t image_suspended(struct image *im, uint64_t type, uint64_t code, unsigned k,
			 uint64_t awaits, uint64_t local)
{
	uint64_t c = image_coroutine(im, 2, (uint64_t[]){0, 0}), frame = c + im->o.coro_frame;
	int state = awaits && im->o.version >= 0x30d ? im->o.st_awaiting : im->o.st_suspended;

	image_put(im, c + 8, type);
	if (im->o.version < 0x30b)
		frame = image_get(im, frame);
	else
		*AT(im, c + im->o.coro_state) = (uint8_t)state;
	put_frame(im, frame, code, k, local);
	put_top(im, frame, awaits);
	if (awaits)
		put_await(im, code, k);
	return c;
}

void image_resume(struct image *im, uint64_t coroutine)
{
	uint64_t frame = coroutine + im->o.coro_frame;

	if (im->o.version >= 0x30b) {
		*AT(im, coroutine + im->o.coro_state) = 0;
		return;
	}
	frame = image_get(im, frame);
	if (im->o.fr_state >= 0)
		*AT(im, frame + im->o.fr_state) = 0;
	else
		image_put(im, frame + im->o.fr_top, 0);
}

void image_move(struct image *im, uint64_t coroutine, unsigned k)
{
	uint64_t frame = coroutine + im->o.coro_frame, code;

	if (im->o.version < 0x30b)
		frame = image_get(im, frame);
	code = image_get(im, frame + im->o.fr_code);
	put_frame(im, frame, code, k, im->none);
	put_await(im, code, k);
}

uint64_t image_awaiting(struct image *im, uint64_t type, uint64_t what)
{
	uint64_t w = image_raw(im, type, 64);

	image_put(im, w + 16, what);
	return w;
}

uint64_t image_task(struct image *im, uint64_t coroutine)
{
	uint64_t t = image_raw(im, im->task, 160);

	image_put(im, t + 88, im->none);
	image_put(im, t + 96, coroutine);
	return t;
}

void image_tasks(struct image *im, unsigned n, const uint64_t *tasks)
{
	uint64_t refs[16], set, module, class, all;

	for (unsigned i = 0; i < n; i++)
		refs[i] = image_awaiting(im, im->weakref, tasks[i]);
	set = image_set(im, n, refs);
	if (im->task_set) {
		image_put(im, im->task_set + im->o.set_table, image_get(im, set + im->o.set_table));
		return;
	}
	im->task_set = set;
	module = image_get(im, image_module(im, "asyncio.tasks") + 16);
	class = image_class(im, "WeakSet", "_weakrefset", 0);
	all = image_object(im, class, FORM_DICT, 1, &(struct image_pair){"data", set});
	image_dict_add(im, module, im->o.version < 0x30c ? "_all_tasks" : "_scheduled_tasks", all);
}

uint64_t image_cycle(struct image *im, const char *host, uint32_t port, const char *raw_path)
{
	uint64_t cycle = image_class(im, "RequestResponseCycle", "uvicorn.x", 0);
	uint64_t class = image_class(im, "H11Protocol", "uvicorn.x", 0);
	uint64_t proxied =
		image_tuple(im, 2, (uint64_t[]){image_str(im, "10.9.8.7"), image_int(im, 0)});
	uint64_t real = image_tuple(im, 2, (uint64_t[]){image_str(im, host), image_int(im, port)});
	uint64_t method = image_raw(im, im->method, 64);
	const struct image_pair protocol[] = {{"client", real}, {"root_path", image_str(im, "")}};
	const struct image_pair scope[] = {
		{"client", proxied},
		{"raw_path", raw_path ? image_bytes(im, raw_path, strlen(raw_path)) : 0}};
	const struct image_pair attrs[] = {{"scope", image_dict(im, raw_path ? 2 : 1, scope)},
					   {"on_response", method}};

	image_put(im, method + im->o.meth_self, image_object(im, class, FORM_VALUES, 2, protocol));
	return image_object(im, cycle, FORM_VALUES, 2, attrs);
}

/* --- exceptions */

void image_handle(struct image *im, uint64_t exception, bool base)
{
	uint64_t own = im->thread + im->o.ts_exc_state, item = own;

	if (!base) {
		item = image_alloc(im, 64);
		image_put(im, item + im->o.exc_previous, own);
		image_put(im, im->thread + im->o.ts_exc_info, item);
	}
	image_put(im, item + im->o.exc_value, exception);
}
