// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* awaits.c - what a suspended coroutine waits for, as the interpreter itself finds out
 * (_PyGen_yf()). */
#include "frames.h"
#include "kinds.h"

#define INNER			 16  /* behind the head: where iterators keep what they are for */
#define TASK_MAX		 512 /* bytes of a task that are searched */
#define RESUMED_AFTER_YIELD_FROM 2   /* RESUME's argument: that, or an await */

enum state { BUSY, SUSPENDED, AWAITING };

static bool is_await(struct py *py, uint64_t at)
{
	uint8_t op = pymem_u8(py->mem, at);

	if (op != py->o.op_await && op != py->o.op_await_too)
		return false;
	return py->o.version < 0x30b || (pymem_u8(py->mem, at + 1) & 3) >= RESUMED_AFTER_YIELD_FROM;
}

/* Up to 3.10: the frame is an object, and knows itself whether it runs. */
static enum state look_old(struct py *py, const struct py_frame *f, uint64_t *awaited)
{
	uint64_t top = pymem_u64(py->mem, f->frame + py->o.fr_top), bytes;

	if (py->o.fr_state >= 0) {
		int32_t depth = (int32_t)top;

		if ((int8_t)pymem_u8(py->mem, f->frame + py->o.fr_state) != py->o.st_suspended)
			return BUSY;
		if (depth < 0)
			return BUSY;
		top = pymem_u64(py->mem, f->frame + py->o.fr_valuestack) + (uint64_t)depth * 8;
	} else if (!top || pymem_u8(py->mem, f->frame + py->o.fr_executing)) {
		return BUSY;
	}
	if (f->at < 0)
		return BUSY; /* it has not begun */
	bytes = pymem_u64(py->mem, f->code + py->o.co_code);
	if (!py_is(py, bytes, PY_BYTES) ||
	    (uint64_t)f->at + 2 >= pymem_u64(py->mem, bytes + py->o.var_size))
		return BUSY;
	if (!is_await(py, bytes + py->o.bytes_data + f->at + 2))
		return SUSPENDED;
	*awaited = pymem_u64(py->mem, top - 8);
	return AWAITING;
}

static enum state look_new(struct py *py, uint64_t object, const struct py_frame *f,
			   uint64_t *awaited)
{
	int8_t state = (int8_t)pymem_u8(py->mem, object + py->o.coro_state);
	int32_t top = (int32_t)pymem_u32(py->mem, f->frame + py->o.fr_top);
	bool awaits = state == py->o.st_awaiting;

	if (py->o.version < 0x30d) {
		if (state != py->o.st_suspended)
			return BUSY;
		awaits = is_await(py, pymem_u64(py->mem, f->frame + py->o.fr_instr) + 2);
	} else if (!awaits && state != py->o.st_suspended) {
		return BUSY;
	}
	if (!awaits)
		return SUSPENDED;
	if (top <= 0 || top > 1 << 16)
		return BUSY;
	*awaited = pymem_u64(py->mem, f->frame + py->o.fr_locals + (uint64_t)(top - 1) * 8);
	return AWAITING;
}

static enum state look(struct py *py, uint64_t object, struct py_frame *f, uint64_t *awaited)
{
	uint64_t frame = object + py->o.coro_frame;
	bool old = py->o.version < 0x30b;

	*f = py_frame(py, old ? pymem_u64(py->mem, frame) : frame);
	if (!f->code || py_kind(py, f->code) != KIND_CODE)
		return BUSY;
	f->name = pymem_u64(py->mem, object + py->o.coro_qualname);
	return old ? look_old(py, f, awaited) : look_new(py, object, f, awaited);
}

static bool in_list(const uint64_t *list, unsigned n, uint64_t what)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == what)
			return true;
	return false;
}

uint64_t py_task_coroutine(struct py *py, uint64_t task)
{
	uint64_t type = py_type(py, task), found = py_attr(py, task, "_coro");
	uint64_t size = pymem_u64(py->mem, type + py->o.tp_basicsize);

	if (found) /* asyncio's task in Python, where there is none of C */
		return py_kind(py, found) == KIND_COROUTINE || py_kind(py, found) == KIND_GENERATOR
			       ? found
			       : 0;
	for (uint64_t at = INNER; at + 8 <= size && at < TASK_MAX; at += 8) {
		uint64_t object = pymem_u64(py->mem, task + at);
		enum py_kind kind = object & 7 ? KIND_OTHER : py_kind(py, object);

		if (kind != KIND_COROUTINE && kind != KIND_GENERATOR)
			continue;
		if (found && found != object)
			return 0;
		found = object;
	}
	return found;
}

/* Through what stands between an await and what runs: 0 when there is no frame behind it. */
static uint64_t step_into(struct py *py, uint64_t object, uint64_t *end)
{
	for (unsigned i = 0; i < 8; i++) {
		switch (py_kind(py, object)) {
		case KIND_COROUTINE:
		case KIND_GENERATOR:
		case KIND_ASYNC_GENERATOR:
			return object;
		case KIND_AWAITABLE:
			object = pymem_u64(py->mem, object + INNER);
			break;
		case KIND_TASK:
			*end = object;
			object = py_task_coroutine(py, object);
			break;
		default:
			if (object)
				*end = object;
			return 0;
		}
	}
	return 0;
}

bool py_awaits(struct py *py, uint64_t coroutine, struct py_awaits *out)
{
	uint64_t seen[PY_AWAITS_MAX], object = coroutine;

	out->n = 0;
	out->end = 0;
	while (object && out->n < PY_AWAITS_MAX) {
		uint64_t awaited = 0;
		enum state state;

		if (in_list(seen, out->n, object))
			return false;
		state = look(py, object, &out->frames[out->n], &awaited);
		if (state == BUSY) /* another task may run, or wait for its turn */
			return out->n && out->end;
		out->end = 0;
		seen[out->n++] = object;
		object = state == AWAITING ? step_into(py, awaited, &out->end) : 0;
	}
	return out->n > 0;
}
