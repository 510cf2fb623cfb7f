// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* reqscope_plain.bpf.c - the same kernel side for kernels before 6.2: see kread.bpf.h. */
#define RS_NO_CASTS
#include "reqscope.bpf.c"
