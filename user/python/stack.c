// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* stack.c - what a thread does at this moment. */
#include <string.h>

#include "frames.h"
#include "insight.h"

/* How many of the outermost frames two readings have in common: those did not change in between. */
static unsigned in_common(const struct py_frame *a, unsigned n_a, const struct py_frame *b,
			  unsigned n_b)
{
	unsigned n = 0;

	while (n < n_a && n < n_b && a[n_a - 1 - n].frame == b[n_b - 1 - n].frame &&
	       a[n_a - 1 - n].code == b[n_b - 1 - n].code)
		n++;
	return n;
}

/* The frames of a thread; *sure: how many of the outermost are certain. A thread that has more than
   can be read is told of only where it stands still. */
static unsigned read_frames(struct py *py, uint64_t tstate, bool still,
			    struct py_frame frames[PY_FRAMES_MAX], unsigned *sure)
{
	struct py_frame before[PY_FRAMES_MAX];
	unsigned n_before = still ? 0 : py_frames(py, tstate, before), n;

	if (!still)
		py_forget(py);
	n = py_frames(py, tstate, frames);
	*sure = still ? n : n < PY_FRAMES_MAX ? in_common(before, n_before, frames, n) : 0;
	return n;
}

static void tell(struct py *py, const struct py_home *h, uint64_t tstate, bool still,
		 struct python_stack *out)
{
	struct py_frame frames[PY_FRAMES_MAX];
	unsigned sure, n = read_frames(py, tstate, still, frames, &sure), own;

	if (!n)
		return;
	own = py_frames_own(py, h, frames, n, NULL);
	py_code_place(py, h, &frames[0], &out->inner);
	if (own == n || own < n - sure)
		return;
	py_code_place(py, h, &frames[own], &out->own);
	if (own && own - 1 >= n - sure)
		py_code_called(py, h, &frames[own - 1], -1, own - 1 - (n - sure), out->called,
			       sizeof(out->called));
}

/* --- the GIL */

static void tell_holder(struct py *py, const struct py_home *h, uint64_t gil, uint64_t waiter,
			struct python_stack *out)
{
	uint64_t holder = pymem_u64(py->mem, gil + py->o.gil_holder);
	struct python_stack there = {};

	if (pymem_u32(py->mem, gil + py->o.gil_locked) != 1 || !holder || holder == waiter)
		return;
	tell(py, h, holder, false, &there);
	out->holder = *there.own.where ? there.own : there.inner;
}

static bool is_collecting(struct py *py)
{
	uint64_t at = py->o.rt_collecting >= 0 ? py->runtime + py->o.rt_collecting
					       : py->interp + py->o.in_collecting;

	return pymem_u32(py->mem, at) == 1;
}

void py_stack(struct py *py, const struct py_home *h, uint64_t tstate, bool still,
	      uint64_t waits_at, struct python_stack *out)
{
	uint32_t size = 0;
	uint64_t gil;

	py_forget(py);
	tell(py, h, tstate, still, out);
	out->collecting = is_collecting(py);
	gil = waits_at ? py_gil(py, &size) : 0;
	out->gil = gil && waits_at >= gil && waits_at < gil + size;
	if (out->gil)
		tell_holder(py, h, gil, tstate, out);
}
