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

#define PY_DEBUG_MAX 40

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

	/* the GIL, in the runtime up to 3.11; then a pointer to it in the interpreter */
	int rt_gil, in_gil, gil_size, gil_holder, gil_locked;
	int rt_collecting, in_collecting; /* 3.8; since then */
	int rt_main_thread, ts_thread_id; /* as pthread_self() has it */
	int ts_native_id;		  /* as the kernel has it, since 3.11 */

	int ts_exc_info, ts_exc_state; /* the innermost item; the outermost one, itself */
	int exc_value, exc_previous, be_traceback, tb_next, tb_frame, tb_lasti;
	int fo_frame; /* since 3.11: from a frame object to the frame */
	int ht_qualname;

	int fr_owner;		/* since 3.11 */
	int fr_lasti, fr_instr; /* up to 3.10 a number; then a pointer into the code */
	int fr_valuestack;	/* 3.10 */
	int fr_top; /* up to 3.9 a pointer; 3.10 from fr_valuestack; then from fr_locals */
	int fr_state, fr_executing; /* 3.10; before */
	int coro_qualname;
	int coro_state;		       /* since 3.11 */
	int st_suspended, st_awaiting; /* since 3.10; 3.13 knows an await by its state */
	int op_await, op_await_too;    /* up to 3.12 it is the next instruction */

	int co_name, co_qualname; /* the latter since 3.11 */
	int co_lines;		  /* lnotab, linetable, location table: lines.h */
	int co_code;		  /* a bytes object; since 3.11 the instructions themselves */
	int bytes_data, ref_object;
	struct py_debug_offset debug[PY_DEBUG_MAX]; /* ends with theirs == 0 */
};

/* The versions that are known, oldest first. */
const struct py_offsets *py_offsets_all(unsigned *n);
const struct py_offsets *py_offsets_find(uint16_t version); /* NULL: not known */

#endif
