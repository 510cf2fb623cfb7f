/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* object.h - the kernel side's object, of which there are two (bpf/kread.bpf.h). */
#ifndef RS_OBJECT_H
#define RS_OBJECT_H

#include <stdbool.h>

#include "reqscope.skel.h"

/*
 * Opens the one whose programs cast pointers (features.casts), or the one for kernels where they
 * cannot. Programs, maps and switches of the two are the same. The caller destroys it
 * (reqscope_bpf__destroy()). NULL with errno set.
 */
struct reqscope_bpf *object_open(bool casts);

#endif
