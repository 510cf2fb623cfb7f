// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "uprobe.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACE_UPROBE_MULTI 48 /* enum bpf_attach_type, include/uapi/linux/bpf.h of 6.6 */

/* union bpf_attr for BPF_LINK_CREATE, with the member uprobe_multi. */
struct link_create {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies; /* pointers */
	uint32_t cnt, uprobe_flags, pid, pad;
};

int uprobe_prepare(struct bpf_program *program)
{
	return bpf_program__set_expected_attach_type(program, TRACE_UPROBE_MULTI);
}

int uprobe_link(const struct bpf_program *program, uint32_t pid, const char *file, uint64_t offset,
		uint64_t semaphore, uint64_t cookie)
{
	const struct link_create attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)file,
		.offsets = (uintptr_t)&offset,
		.ref_ctr_offsets = (uintptr_t)&semaphore,
		.cookies = (uintptr_t)&cookie,
		.cnt = 1,
		.pid = pid,
	};
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}
