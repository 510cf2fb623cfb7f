/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * root.h - from the running server to the application that it serves. Pure.
 */
#ifndef RS_PYTHON_ROOT_H
#define RS_PYTHON_ROOT_H

#include "object.h"

/*
 * What uvicorn calls: Config.loaded_app, found in the frames of the threads (a local, or what a
 * coroutine there holds, is the server or its configuration). 0: no such thing.
 */
uint64_t py_served_app(struct py *py);

/*
 * Without that: the one Starlette application that is a variable of a module and that no other
 * mounts. 0: none, or several.
 */
uint64_t py_module_app(struct py *py);

/* Whether a module is imported. */
bool py_imported(struct py *py, const char *module);

/*
 * The Starlette application or router behind middleware: searches attributes, closures, bound
 * objects and partials, in breadth, at most 512 objects. 0: none, or several equally near.
 */
uint64_t py_unwrap(struct py *py, uint64_t app);

#endif
