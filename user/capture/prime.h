/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* prime.h - what has to be asked of the kernel while that is still allowed. */
#ifndef RS_PRIME_H
#define RS_PRIME_H

#include <stdbool.h>

struct capture;

/* Whether probes on processes that join later go by perf events, and so want CAP_SYS_ADMIN
 * (uprobe.h). */
bool capture_wants_admin(const struct capture *c);

/*
 * Before privileges are given up: where probes go by perf events, libbpf finds out by loading a
 * trial program, once and when it is first needed, how to attach to one. Without the answer, a
 * probe on a process that joins later would be attached in the old way, which knows no cookies.
 */
void capture_prime(struct capture *c);

#endif
