/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * privileges.h - what is given up once everything is attached and open, so that bytes of the target
 * that get the better of a parser find little to work with. docs/security.md tells what is kept and
 * why.
 */
#ifndef RS_PRIVILEGES_H
#define RS_PRIVILEGES_H

#include "options.h"

/*
 * To be called once, before the first event is taken; admin: CAP_SYS_ADMIN will be needed. Drops
 * the capabilities that following new workers and reading their memory do not need, forbids to gain
 * any (no_new_privs), to leave a core file, which would hold what the target was sent, and all
 * system calls that are not expected from here on. Says with -v what was done. What the kernel does
 * not have is left out; 0, or an exit code after a message: then nothing should go on.
 */
int privileges_drop(const struct options *o, bool admin);

/*
 * privileges_calls.c: the filter of system calls; no_new_privs must be set. 0, -EOPNOTSUPP when the
 * kernel has none, or another negative errno.
 */
int privileges_filter_calls(void);

#endif
