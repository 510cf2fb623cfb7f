/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * symbols.h - where a process has the interpreter's variables: in its executable (Debian) or in a
 * libpython, in containers and with deleted files too.
 */
#ifndef RS_PYTHON_SYMBOLS_H
#define RS_PYTHON_SYMBOLS_H

#include <limits.h>

#include "runtime.h"

/* file: which one that is, as a path by which it can be opened here. 0; -ENOENT: no file that it has
   mapped has _PyRuntime; -ESRCH: gone; -EACCES: it may not be looked at. */
int symbols_find(uint32_t pid, struct py_symbols *out, char file[PATH_MAX]);

#endif
