/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * offsets.h - where CPython keeps what is read of it, by minor version. The numbers come from each
 * version's own headers (tools/gen-python-offsets.py); a version that is not there is not read.
 * Bytes; -1 where a version has no such thing.
 */
#ifndef RS_PYTHON_OFFSETS_H
#define RS_PYTHON_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#define PY_DEBUG_MAX 32

/* One number of _Py_DebugOffsets (3.13 on): which of ours it is, and where in them it is found. */
struct py_debug_offset {
	uint16_t ours, theirs;
};

struct py_offsets {
	uint16_t version; /* major << 8 | minor */
	int rt_interp_head;
	int in_tstate_head, in_modules;
	int ts_next, ts_interp, ts_context, ts_frame;
	int cf_current; /* 3.11, 3.12: ts_frame leads to a _PyCFrame */
	int fr_previous, fr_code, fr_locals;
	int co_nlocals; /* since 3.11 with cells and free variables */
	int co_stacksize, co_filename, co_firstlineno;
	int tp_name, tp_basicsize, tp_flags, tp_dictoffset, tp_dict, tp_mro, ht_cached_keys;
	int fn_code, fn_dict, fn_closure, fn_qualname;
	int meth_func, meth_self, cell_ref;
	int coro_frame; /* since 3.11 the frame itself, before a pointer */
	int var_size;
	int uni_length, uni_state, uni_ascii, uni_compact;
	int ma_keys, ma_values;
	int dv_values; /* since 3.11: from ma_values to the first */
	int set_mask, set_table, list_item, tuple_item, int_digit;
	struct py_debug_offset debug[PY_DEBUG_MAX]; /* ends with theirs == 0 */
};

/* The versions that are known, oldest first. */
const struct py_offsets *py_offsets_all(unsigned *n);
const struct py_offsets *py_offsets_find(uint16_t version); /* NULL: not known */

#endif
