/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * home.h - whose a source file is: the application's own, a package's that was installed, the
 * standard library's. Pure.
 */
#ifndef RS_PYTHON_HOME_H
#define RS_PYTHON_HOME_H

#include "object.h"

#define PY_FILE_MAX 384 /* bytes of a file's name that is told, with its NUL */

struct py_home {
	char cwd[4096]; /* PATH_MAX; the process's working directory; names below it are told from
			   there */
	char stdlib[1024]; /* folder of the standard library; "" not known: by its usual name */
};

/* Finds the standard library: os.__file__. Leaves it "" where that cannot be read. */
void py_home_open(struct py *py, struct py_home *h);

bool py_file_own(const struct py_home *h, const char *file);
/* The name with what is told of it: below the working directory from there on. */
const char *py_file_short(const struct py_home *h, const char *file);
/* What a file that is not the application's own belongs to: "asyncpg", "asyncio.locks". "" not
 * known. */
void py_file_module(const struct py_home *h, const char *file, char *buf, size_t size);

#endif
