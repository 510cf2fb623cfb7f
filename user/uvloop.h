/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* uvloop.h - whether a process uses uvloop, whose writes happen later than the application asks for
 * them. */
#ifndef RS_UVLOOP_H
#define RS_UVLOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the file of uvloop's loop is mapped in it. */
bool uvloop_loaded(uint32_t pid);

#endif
