/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proctext.h - what the kernel writes into /proc and into control groups about scheduling and limits,
 * as numbers. Pure: the text is the caller's, NUL-terminated. Each returns 0, or -EINVAL when the text
 * is not what proc(5) and Documentation/admin-guide/cgroup-v2.rst say; then nothing was stored.
 */
#ifndef RS_PROCTEXT_H
#define RS_PROCTEXT_H

#include <stdbool.h>
#include <stdint.h>

/* /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst): ns on a CPU, ns waiting for
   one while runnable. */
int proctext_schedstat(const char *text, uint64_t *run, uint64_t *wait);

/* /proc/PID/limits: the soft limit of open files; UINT64_MAX when there is none. */
int proctext_max_files(const char *text, uint64_t *limit);

/* cpu.stat of a control group, version 1 or 2: periods of the CPU quota, and those in which the group
   was throttled. */
int proctext_cpu_stat(const char *text, uint64_t *periods, uint64_t *throttled);

/* /proc/PID/cgroup: the path of the version 2 hierarchy, or with `controller` ("cpu") that of the
   version 1 hierarchy which has this controller. It lies within text; *len bytes. */
int proctext_cgroup(const char *text, const char *controller, const char **path, unsigned *len);

/* /proc/PID/task/TID/syscall: running, or the number of the system call it sleeps in; -1: it sleeps
   outside of any. */
int proctext_syscall(const char *text, bool *running, long *number);

#endif
