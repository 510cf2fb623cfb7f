/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* uvloop.h - whether a process uses uvloop, whose writes happen later than the application asks for
 * them. */
#ifndef RS_UVLOOP_H
#define RS_UVLOOP_H

#include <stddef.h>
#include <stdint.h>

/* The file of uvloop's loop that is mapped in it, as a path that can be opened here. 0; -ENOENT: it has
   none; -ENAMETOOLONG. */
int uvloop_file(uint32_t pid, char *file, size_t size);

#endif
