/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * safe_open.h - files that are written to, by names that somebody gives to a program which may be
 * root: what lies there must not have been put there by another user.
 */
#ifndef RS_SAFE_OPEN_H
#define RS_SAFE_OPEN_H

#include <stddef.h>

#define SAFE_WHY_MAX 200

enum safe_existing {
	SAFE_REPLACE, /* its content goes: a regular file must be ours */
	SAFE_APPEND,  /* one of another user will do where nobody else could have put it there */
};

/*
 * open(2) with O_CLOEXEC, for writing; new files are 0600. Symbolic links are not followed: the
 * last component never, those before it only where no other user could have made them (who else may
 * write into the folder that they are in). What is there already is refused when it was perhaps put
 * there by another user: it is not ours and others than root and we may write into its folder, or
 * it has a second name there, or it is a block device. The descriptor, or a negative errno; when
 * `why` is not empty then, it says what is wrong, for a person ("it belongs to another user (uid
 * 1000)").
 */
int safe_open(const char *path, int flags, enum safe_existing existing, char why[SAFE_WHY_MAX]);

/*
 * The folder `path` for files of ours, opened to read it; made with 0700 when it is missing. As
 * above, and it must belong to us and others may not write into it. */
int safe_open_folder(const char *path, char why[SAFE_WHY_MAX]);

#endif
