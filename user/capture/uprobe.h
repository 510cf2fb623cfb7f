/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uprobe.h - a uprobe by a link of its own, as kernels from 6.6 on have it
 * (bpf_uprobe_multi_link_attach()). By a perf event, the older way, it takes CAP_SYS_ADMIN
 * (perf_uprobe_event_init()); this one takes nothing but the program. Its type is newer than the
 * libbpf that is built with.
 */
#ifndef RS_UPROBE_H
#define RS_UPROBE_H

#include <bpf/libbpf.h>
#include <stdint.h>

/* Before loading: such a program can be attached by links of this kind only. */
int uprobe_prepare(struct bpf_program *program);

/* One place in one process's file; semaphore: 0 none. The link's descriptor, or a negative errno.
 */
int uprobe_link(const struct bpf_program *program, uint32_t pid, const char *file, uint64_t offset,
		uint64_t semaphore, uint64_t cookie);

#endif
