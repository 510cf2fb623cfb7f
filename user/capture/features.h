/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * features.h - what this kernel and these privileges allow, found out without loading anything.
 */
#ifndef RS_FEATURES_H
#define RS_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

enum arrival_hook { ARRIVAL_DATA_READY, ARRIVAL_READABLE, ARRIVAL_TCP_PROBE, ARRIVAL_NONE };
extern const char *const arrival_hook_names[]; /* by enum arrival_hook */

struct features {
	char kernel[72];      /* release */
	bool btf;	      /* /sys/kernel/btf/vmlinux is there and readable */
	bool tracepoints;     /* every tracepoint that is required */
	char missing[64];     /* the first that is not */
	bool task_storage, iterators;
	bool uprobe_links; /* uprobes need no CAP_SYS_ADMIN (uprobe.h) */
	bool casts;	   /* programs can say what a pointer points to (object.h) */
	enum arrival_hook arrival;
	bool cap_bpf, cap_perfmon, cap_sys_admin, cap_sys_ptrace, cap_dac;
	bool unprivileged_pids; /* pid namespace is not the initial one */
	char lockdown[24];    /* "none", "integrity", "confidentiality", "" unknown */
	unsigned cpus;
};

void features_probe(struct features *f);

/* The privileges alone, at next to no cost: 0 or -EPERM with a line as below. */
int features_privileges(char *why, size_t size);

/* Whether other users' processes show what they hold, as far as that is a matter of privilege. */
bool features_see_processes(void);

/* Whether capture can work: 0, -EPERM, -EOPNOTSUPP; then with a line that says what is missing and
   what to do. */
int features_check(const struct features *f, char *why, size_t size);

#endif
