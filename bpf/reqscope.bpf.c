// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * reqscope.bpf.c - the kernel side: hook -> is it the target's? -> stamp, position, snippet -> ring.
 *
 * One object, so that its maps and switches exist once; one header a subject.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "interp.h"

#ifndef NULL
#define NULL ((void *)0)
#endif
#define E2BIG 7

#include "kread.bpf.h"
#include "maps.bpf.h"
#include "sock.bpf.h"
#include "conn.bpf.h"
#include "calls.bpf.h"
#include "copy.bpf.h"
#include "loop.bpf.h"
#include "python.bpf.h"
#include "uvloop.bpf.h"
#include "proc.bpf.h"
#include "state.bpf.h"
#include "socket.bpf.h"
#include "arrival.bpf.h"
#include "census.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
