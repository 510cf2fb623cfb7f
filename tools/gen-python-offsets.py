#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes user/python/offsets_data.h: where CPython keeps what reqscope reads, by minor version.

    tools/gen-python-offsets.py INCLUDE... > user/python/offsets_data.h

INCLUDE is a folder with Python.h and internal/ of one version (".../include/python3.12"). The numbers
are offsetof() and sizeof(), as the compiler sees these headers; nothing is written down by hand. Of
versions that carry debug offsets (3.13 on) it also says where in them a number is found, so that the
running interpreter's own are used.
"""
import os
import subprocess
import sys
import tempfile

PROLOGUE = r"""
#define Py_BUILD_CORE 1
#define Py_BUILD_CORE_MODULE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
#include "internal/pycore_pystate.h"
#include "internal/pycore_gil.h"
#include "opcode.h"
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_frame.h"
#include "internal/pycore_code.h"
#include "internal/pycore_dict.h"
#else
#include "internal/pycore_pymem.h"
#include <frameobject.h>
#include <code.h>
#endif
#ifdef Py_GIL_DISABLED
#error a free-threaded build keeps its objects elsewhere
#endif
#define AT(type, field) (int)offsetof(type, field)
int main(void)
{
	printf("\t{ /* from the headers of %s */\n", PY_VERSION);
	printf("\t\t.version = 0x%04x,\n", PY_VERSION_HEX >> 16);
"""

# name, [(first version, expression)]: the last that the version reaches counts; None: not there.
# A third member names the same in _Py_DebugOffsets.
FIELDS = [
    ("rt_interp_head", [(0x308, "AT(_PyRuntimeState, interpreters.head)")], "runtime_state.interpreters_head"),
    ("in_tstate_head", [(0x308, "AT(PyInterpreterState, tstate_head)"), (0x30b, "AT(PyInterpreterState, threads.head)")],
     "interpreter_state.threads_head"),
    ("in_modules", [(0x308, "AT(PyInterpreterState, modules)"), (0x30c, "AT(PyInterpreterState, imports.modules)")],
     "interpreter_state.imports_modules"),
    ("ts_next", [(0x308, "AT(PyThreadState, next)")], "thread_state.next"),
    ("ts_interp", [(0x308, "AT(PyThreadState, interp)")], "thread_state.interp"),
    ("ts_context", [(0x308, "AT(PyThreadState, context)")]),
    ("ts_frame", [(0x308, "AT(PyThreadState, frame)"), (0x30b, "AT(PyThreadState, cframe)"),
                  (0x30d, "AT(PyThreadState, current_frame)")], "thread_state.current_frame"),
    ("cf_current", [(0x308, None), (0x30b, "AT(_PyCFrame, current_frame)"), (0x30d, None)]),
    ("fr_previous", [(0x308, "AT(PyFrameObject, f_back)"), (0x30b, "AT(_PyInterpreterFrame, previous)")],
     "interpreter_frame.previous"),
    ("fr_code", [(0x308, "AT(PyFrameObject, f_code)"), (0x30b, "AT(_PyInterpreterFrame, f_code)"),
                 (0x30d, "AT(_PyInterpreterFrame, f_executable)")], "interpreter_frame.executable"),
    ("fr_locals", [(0x308, "AT(PyFrameObject, f_localsplus)"), (0x30b, "AT(_PyInterpreterFrame, localsplus)")],
     "interpreter_frame.localsplus"),
    ("co_nlocals", [(0x308, "AT(PyCodeObject, co_nlocals)"), (0x30b, "AT(PyCodeObject, co_nlocalsplus)")]),
    ("co_stacksize", [(0x308, "AT(PyCodeObject, co_stacksize)")]),
    ("co_filename", [(0x308, "AT(PyCodeObject, co_filename)")], "code_object.filename"),
    ("co_firstlineno", [(0x308, "AT(PyCodeObject, co_firstlineno)")], "code_object.firstlineno"),
    ("tp_name", [(0x308, "AT(PyTypeObject, tp_name)")], "type_object.tp_name"),
    ("tp_basicsize", [(0x308, "AT(PyTypeObject, tp_basicsize)")]),
    ("tp_flags", [(0x308, "AT(PyTypeObject, tp_flags)")], "type_object.tp_flags"),
    ("tp_dictoffset", [(0x308, "AT(PyTypeObject, tp_dictoffset)")]),
    ("tp_dict", [(0x308, "AT(PyTypeObject, tp_dict)")]),
    ("tp_mro", [(0x308, "AT(PyTypeObject, tp_mro)")]),
    ("ht_cached_keys", [(0x308, "AT(PyHeapTypeObject, ht_cached_keys)")]),
    ("fn_code", [(0x308, "AT(PyFunctionObject, func_code)")]),
    ("fn_dict", [(0x308, "AT(PyFunctionObject, func_dict)")]),
    ("fn_closure", [(0x308, "AT(PyFunctionObject, func_closure)")]),
    ("fn_qualname", [(0x308, "AT(PyFunctionObject, func_qualname)")]),
    ("meth_func", [(0x308, "AT(PyMethodObject, im_func)")]),
    ("meth_self", [(0x308, "AT(PyMethodObject, im_self)")]),
    ("cell_ref", [(0x308, "AT(PyCellObject, ob_ref)")]),
    ("coro_frame", [(0x308, "AT(PyCoroObject, cr_frame)"), (0x30b, "AT(PyCoroObject, cr_iframe)")]),
    ("var_size", [(0x308, "AT(PyVarObject, ob_size)")]),
    ("uni_length", [(0x308, "AT(PyASCIIObject, length)")], "unicode_object.length"),
    ("uni_state", [(0x308, "AT(PyASCIIObject, state)")], "unicode_object.state"),
    ("uni_ascii", [(0x308, "(int)sizeof(PyASCIIObject)")], "unicode_object.asciiobject_size"),
    ("uni_compact", [(0x308, "(int)sizeof(PyCompactUnicodeObject)")]),
    ("ma_keys", [(0x308, "AT(PyDictObject, ma_keys)")], "dict_object.ma_keys"),
    ("ma_values", [(0x308, "AT(PyDictObject, ma_values)")], "dict_object.ma_values"),
    ("dv_values", [(0x308, None), (0x30b, "AT(PyDictValues, values)")]),
    ("set_mask", [(0x308, "AT(PySetObject, mask)")]),
    ("set_table", [(0x308, "AT(PySetObject, table)")]),
    ("list_item", [(0x308, "AT(PyListObject, ob_item)")], "list_object.ob_item"),
    ("tuple_item", [(0x308, "AT(PyTupleObject, ob_item)")], "tuple_object.ob_item"),
    ("int_digit", [(0x308, "AT(PyLongObject, ob_digit)"), (0x30c, "AT(PyLongObject, long_value.ob_digit)")],
     "long_object.ob_digit"),
    # the GIL, the collector, threads
    ("rt_gil", [(0x308, "AT(_PyRuntimeState, ceval.gil)"), (0x30c, None)]),
    ("in_gil", [(0x308, None), (0x30c, "AT(PyInterpreterState, ceval.gil)")], "interpreter_state.ceval_gil"),
    ("gil_size", [(0x308, "(int)sizeof(struct _gil_runtime_state)")]),
    ("gil_holder", [(0x308, "AT(struct _gil_runtime_state, last_holder)")]),
    ("gil_locked", [(0x308, "AT(struct _gil_runtime_state, locked)")]),
    ("rt_collecting", [(0x308, "AT(_PyRuntimeState, gc.collecting)"), (0x309, None)]),
    ("in_collecting", [(0x308, None), (0x309, "AT(PyInterpreterState, gc.collecting)")]),
    ("rt_main_thread", [(0x308, "AT(_PyRuntimeState, main_thread)")]),
    ("ts_thread_id", [(0x308, "AT(PyThreadState, thread_id)")], "thread_state.thread_id"),
    ("ts_native_id", [(0x308, None), (0x30b, "AT(PyThreadState, native_thread_id)")],
     "thread_state.native_thread_id"),
    # exceptions
    ("ts_exc_info", [(0x308, "AT(PyThreadState, exc_info)")]),
    ("ts_exc_state", [(0x308, "AT(PyThreadState, exc_state)")]),
    ("exc_value", [(0x308, "AT(_PyErr_StackItem, exc_value)")]),
    ("exc_previous", [(0x308, "AT(_PyErr_StackItem, previous_item)")]),
    ("be_traceback", [(0x308, "AT(PyBaseExceptionObject, traceback)")]),
    ("tb_next", [(0x308, "AT(PyTracebackObject, tb_next)")]),
    ("tb_frame", [(0x308, "AT(PyTracebackObject, tb_frame)")]),
    ("tb_lasti", [(0x308, "AT(PyTracebackObject, tb_lasti)")]),
    ("fo_frame", [(0x308, None), (0x30b, "AT(PyFrameObject, f_frame)")]),
    ("ht_qualname", [(0x308, "AT(PyHeapTypeObject, ht_qualname)")]),
    # where a frame is, and what it waits for
    ("fr_owner", [(0x308, None), (0x30b, "AT(_PyInterpreterFrame, owner)")], "interpreter_frame.owner"),
    ("fr_lasti", [(0x308, "AT(PyFrameObject, f_lasti)"), (0x30b, None)]),
    ("fr_instr", [(0x308, None), (0x30b, "AT(_PyInterpreterFrame, prev_instr)"),
                  (0x30d, "AT(_PyInterpreterFrame, instr_ptr)")], "interpreter_frame.instr_ptr"),
    ("fr_valuestack", [(0x308, None), (0x30a, "AT(PyFrameObject, f_valuestack)"), (0x30b, None)]),
    ("fr_top", [(0x308, "AT(PyFrameObject, f_stacktop)"), (0x30a, "AT(PyFrameObject, f_stackdepth)"),
                (0x30b, "AT(_PyInterpreterFrame, stacktop)")]),
    ("fr_state", [(0x308, None), (0x30a, "AT(PyFrameObject, f_state)"), (0x30b, None)]),
    ("fr_executing", [(0x308, "AT(PyFrameObject, f_executing)"), (0x30a, None)]),
    ("coro_qualname", [(0x308, "AT(PyCoroObject, cr_qualname)")]),
    ("coro_state", [(0x308, None), (0x30b, "AT(PyCoroObject, cr_frame_state)")]),
    ("st_suspended", [(0x308, None), (0x30a, "FRAME_SUSPENDED")]),
    ("st_awaiting", [(0x308, None), (0x30d, "FRAME_SUSPENDED_YIELD_FROM")]),
    ("op_await", [(0x308, "YIELD_FROM"), (0x30b, "RESUME"), (0x30d, None)]),
    ("op_await_too", [(0x308, None), (0x30b, "RESUME_QUICK"), (0x30c, "INSTRUMENTED_RESUME"), (0x30d, None)]),
    # code
    ("co_name", [(0x308, "AT(PyCodeObject, co_name)")], "code_object.name"),
    ("co_qualname", [(0x308, None), (0x30b, "AT(PyCodeObject, co_qualname)")], "code_object.qualname"),
    ("co_lines", [(0x308, "AT(PyCodeObject, co_lnotab)"), (0x30a, "AT(PyCodeObject, co_linetable)")],
     "code_object.linetable"),
    ("co_code", [(0x308, "AT(PyCodeObject, co_code)"), (0x30b, "AT(PyCodeObject, co_code_adaptive)")],
     "code_object.co_code_adaptive"),
    ("bytes_data", [(0x308, "AT(PyBytesObject, ob_sval)")], "bytes_object.ob_sval"),
    ("ref_object", [(0x308, "AT(PyWeakReference, wr_object)")]),
]


def pick(choices, version):
    return [expression for since, expression in choices if version >= since][-1]


def version_of(include):
    with open(os.path.join(include, "patchlevel.h")) as f:
        words = [line.split() for line in f if line.startswith("#define PY_")]
    number = {w[1]: w[2] for w in words}
    return int(number["PY_MAJOR_VERSION"]) << 8 | int(number["PY_MINOR_VERSION"])


def program(version):
    out = [PROLOGUE]
    for name, choices, *_ in FIELDS:
        expression = pick(choices, version)
        out.append(f'\tprintf("\\t\\t.{name} = %d,\\n", {expression or -1});')
    if version >= 0x30d:
        out.append('\tprintf("\\t\\t.debug = {\\n");')
        for name, _, *debug in FIELDS:
            if debug:
                at = f"AT(struct _Py_DebugOffsets, {debug[0]})"
                out.append(f'\tprintf("\\t\\t\\t{{offsetof(struct py_offsets, {name}), %d}},\\n", {at});')
        out.append('\tprintf("\\t\\t},\\n");')
    out.append('\tprintf("\\t},\\n");\n\treturn 0;\n}\n')
    return "\n".join(out)


def row(include, work):
    version = version_of(include)
    source, binary = os.path.join(work, "offsets.c"), os.path.join(work, "offsets")
    with open(source, "w") as f:
        f.write(program(version))
    subprocess.run(["gcc", "-w", "-I" + include, "-I" + os.path.join(include, "internal"), "-o", binary, source],
                   check=True)
    return version, subprocess.run([binary], check=True, capture_output=True, text=True).stdout


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as work:
        rows = sorted(row(include, work) for include in sys.argv[1:])
    print("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */")
    print("/* Made by tools/gen-python-offsets.py; 64-bit builds with the GIL. */")
    print("/* clang-format off */")
    print("".join(text for _, text in rows), end="")


if __name__ == "__main__":
    main()
