/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * process.h - the interpreter of a process. Its memory is read with process_vm_readv(): nothing
 * runs in it, and it is not stopped.
 */
#ifndef RS_PYTHON_PROCESS_H
#define RS_PYTHON_PROCESS_H

#include "routes.h"

#define PYTHON_WHY_MAX 160

struct python;

/*
 * Finds the interpreter and checks it (runtime.h). 0; -ENOENT: there is none; -EPERM: it may not be
 * read; -ESRCH: gone; the errors of py_open(). With an error, why says what, for a person.
 */
int python_open(struct python **out, uint32_t pid, char why[PYTHON_WHY_MAX]);
void python_close(struct python *p); /* p may be NULL */

unsigned python_version(const struct python *p); /* major << 8 | minor */

/* The route table: py_routes_read(). */
int python_routes(struct python *p, struct py_routes *out, char why[PYTHON_WHY_MAX]);
/* Whether one of the lists that were read last has changed: one system call. */
bool python_routes_changed(const struct python *p);

#endif
