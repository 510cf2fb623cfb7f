/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup.h - control groups: where the one of a systemd unit or of a path is, and who is in it.
 * Both hierarchies are known: cgroup2, and version 1 with systemd's own (name=systemd) first.
 */
#ifndef RS_CGROUP_H
#define RS_CGROUP_H

#include <stddef.h>
#include <stdint.h>

#define CGROUP_PATH_MAX 1024

/*
 * The folder of a unit's control group: NAME, or NAME.service, in system.slice or else anywhere (a
 * user's units are deeper). 0; -ENOENT: there is none; -ENOTUNIQ: several are called so, and
 * `others` (may be NULL) lists the first of them, one a line; -EINVAL: no name of a unit; -ENOSYS:
 * no control groups here.
 */
int cgroup_find_unit(const char *unit, char out[CGROUP_PATH_MAX], char *others, size_t others_size);

/* The folder of a control group: as it is, or below the place where they are mounted, as
   /proc/PID/cgroup writes it. 0; -ENOENT; -EINVAL: what is there is no control group; -ENOSYS. */
int cgroup_find_path(const char *path, char out[CGROUP_PATH_MAX]);

/* The processes in a control group and in those below it, at most max; *n: how many there are. Not
   those that have no pid here. 0; -ENOENT: the group is gone; or a negative errno. */
int cgroup_members(const char *folder, uint32_t *pids, uint32_t max, uint32_t *n);

#endif
