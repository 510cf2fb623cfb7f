/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* exit.h - the exit codes, in one place (reqscope(1), EXIT STATUS). */
#ifndef RS_EXIT_H
#define RS_EXIT_H

#include <errno.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_RUNTIME = 1,
	EXIT_USAGE = 2,
	EXIT_PRIVILEGE = 3,
	EXIT_KERNEL = 4,
	EXIT_TARGET = 5, /* not found, or gone before anything was seen */
};

/* The exit code of a negative errno as capture and session return it. */
static inline enum exit_code exit_of(int err)
{
	switch (-err) {
	case 0:
		return EXIT_DONE;
	case EPERM:
	case EACCES:
		return EXIT_PRIVILEGE;
	case EOPNOTSUPP:
		return EXIT_KERNEL;
	case ESRCH:
		return EXIT_TARGET;
	case EINVAL:
		return EXIT_USAGE;
	default:
		return EXIT_RUNTIME;
	}
}

#endif
