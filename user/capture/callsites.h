/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * callsites.h - where a shared object calls a function of another one. A probe there sees the calls
 * of this object alone; one at the function's beginning would stop every caller of the process.
 */
#ifndef RS_CALLSITES_H
#define RS_CALLSITES_H

#include <stdint.h>

#define CALLSITES_MAX 16

struct callsites {
	unsigned n;
	uint64_t offsets[CALLSITES_MAX]; /* in the file, of the call instruction */
};

/*
 * The calls of `function` through the procedure linkage table whose result is compared with -1
 * right after, as callers written by Cython do: five bytes that lead exactly there and three behind
 * them are no chance. x86_64 alone.
 *
 * 0; -ENOENT: there are none, or it calls in another way; -E2BIG: more than CALLSITES_MAX; -EINVAL:
 * no such file format; the errors of open(2).
 */
int callsites_find(const char *file, const char *function, struct callsites *out);

#endif
