/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * symbols.h - where a process has the interpreter's variables: in its executable (Debian) or in a
 * libpython, in containers and with deleted files too.
 */
#ifndef RS_PYTHON_SYMBOLS_H
#define RS_PYTHON_SYMBOLS_H

#include "runtime.h"

/* 0; -ENOENT: no file that it has mapped has _PyRuntime; -ESRCH: gone; -EACCES: it may not be
   looked at. */
int symbols_find(uint32_t pid, struct py_symbols *out);

/* A function that the same file exports: a path by which the file can be opened here, and where in
   it the function begins. 0 or -ENOENT. */
int symbols_function(uint32_t pid, const char *name, char *file, size_t size, uint64_t *offset);

#endif
