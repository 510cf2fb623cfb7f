// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* interp.c - what the kernel side needs to know of an interpreter, and the proof that it is right.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "insight.h"

#define OB_TYPE	  8
#define ITEMS_MAX 256
#define TRIES	  5

/* The items of exc_info end in the one that lies in the thread's own state. */
static bool check_items(struct py *py, uint64_t ts)
{
	uint64_t item = pymem_u64(py->mem, ts + py->o.ts_exc_info), next;

	for (unsigned i = 0; item && !(item & 7) && i < ITEMS_MAX; i++) {
		next = pymem_u64(py->mem, item + py->o.exc_previous);
		if (!next)
			return item == ts + py->o.ts_exc_state;
		item = next;
	}
	return false;
}

static bool check_threads(struct py *py)
{
	uint64_t threads[PY_THREADS_MAX];
	unsigned n = py_threads(py, threads);

	for (unsigned i = 0; i < n; i++)
		if (!check_items(py, threads[i]) ||
		    !pymem_u64(py->mem, threads[i] + py->o.ts_thread_id))
			return false;
	return n > 0;
}

static bool is_thread(struct py *py, uint64_t tstate)
{
	uint64_t threads[PY_THREADS_MAX];
	unsigned n = py_threads(py, threads);

	for (unsigned i = 0; i < n; i++)
		if (threads[i] == tstate)
			return true;
	return false;
}

/* Who held it last is a thread, or nobody was. */
uint64_t py_gil(struct py *py, uint32_t *size)
{
	uint64_t gil = py->o.rt_gil >= 0 ? py->runtime + py->o.rt_gil
					 : pymem_u64(py->mem, py->interp + py->o.in_gil);
	int32_t locked = (int32_t)pymem_u32(py->mem, gil + py->o.gil_locked);
	uint64_t holder = pymem_u64(py->mem, gil + py->o.gil_holder);

	*size = 0;
	if (!gil || gil & 7 || locked < -1 || locked > 1 || (holder && !is_thread(py, holder)))
		return 0;
	*size = (uint32_t)py->o.gil_size;
	return gil;
}

static void fill(struct py *py, uint64_t none, struct rs_interp *out)
{
	const struct py_offsets *o = &py->o;

	*out = (struct rs_interp){
		.interp = py->interp,
		.none = none,
		.in_tstate_head = (uint32_t)o->in_tstate_head,
		.ts_next = (uint32_t)o->ts_next,
		.ts_thread_id = (uint32_t)o->ts_thread_id,
		.ts_exc_info = (uint32_t)o->ts_exc_info,
		.exc_value = (uint32_t)o->exc_value,
		.exc_previous = (uint32_t)o->exc_previous,
		.ob_type = OB_TYPE,
		.tp_name = (uint32_t)o->tp_name,
		.be_traceback = (uint32_t)o->be_traceback,
		.tb_next = (uint32_t)o->tb_next,
		.tb_frame = (uint32_t)o->tb_frame,
		.tb_lasti = (uint32_t)o->tb_lasti,
		.fo_frame = o->fo_frame,
		.fr_code = (uint32_t)o->fr_code,
		.co_firstlineno = (uint32_t)o->co_firstlineno,
		.tp_basicsize = (uint32_t)o->tp_basicsize,
		.ob_size = (uint32_t)o->var_size,
		.list_items = (uint32_t)o->list_item,
		.bytes_data = (uint32_t)o->bytes_data,
	};
	out->gil = py_gil(py, &out->gil_size);
}

int py_interp(struct py *py, uint64_t none, struct rs_interp *out, char *why, size_t size)
{
	char name[16];

	*out = (struct rs_interp){};
	for (unsigned i = 0; i < TRIES; i++) {
		py_forget(py);
		if (py_type_name(py, none, name, sizeof(name)) || strcmp(name, "NoneType") ||
		    !check_threads(py))
			continue;
		fill(py, none, out);
		if (out->gil || i == TRIES - 1)
			return 0;
	}
	if (out->interp)
		return 0;
	snprintf(why, size, "the check of the interpreter's threads and exceptions failed");
	return -EINVAL;
}
