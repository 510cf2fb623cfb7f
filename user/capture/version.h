/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * version.h - which version of its application a process runs, as far as that can be read from
 * outside.
 */
#ifndef RS_CAPTURE_VERSION_H
#define RS_CAPTURE_VERSION_H

#include <stdint.h>

#include "../core/version_text.h"

/*
 * The first that tells: a variable of the environment that names a version; the git revision of the
 * working directory; the version in a pyproject.toml there or above; the installed distribution
 * that is called like the application's package. A file that was changed after the process began
 * (wall clock, ns; 0: not known) tells what is on disk, not what runs: it counts as not there.
 *
 * Reads nothing outside of the process's own root folder, follows no symbolic link to a file, and
 * opens plain files only. 0, -ENOENT when nothing tells, or a negative errno when the process
 * cannot be looked at.
 */
int version_read(uint32_t pid, uint64_t began_wall_ns, char out[VERSION_MAX]);

#endif
