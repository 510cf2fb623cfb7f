// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "safe_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_PLACE (O_PATH | O_DIRECTORY | O_CLOEXEC)

static int refuse(char why[SAFE_WHY_MAX], int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int refuse(char why[SAFE_WHY_MAX], int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, SAFE_WHY_MAX, format, args);
	va_end(args);
	return err;
}

static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid();
}

/* Besides its owner; a group of root's or of ours alone is nobody else. */
static bool others_write(const struct stat *folder)
{
	return folder->st_mode & S_IWOTH ||
	       (folder->st_mode & S_IWGRP && folder->st_gid && folder->st_gid != getegid());
}

/* Nobody but root and we can have put anything there. */
static bool is_closed(const struct stat *folder)
{
	return (is_ours(folder) || !folder->st_uid) && !others_write(folder);
}

/* --- the folders of a path */

/* A link is what the owner of the folder, or we, made it to be; what others put there is not
 * followed. */
static int follow(int at, const char *name, const struct stat *link, char why[SAFE_WHY_MAX])
{
	struct stat folder;

	if (fstat(at, &folder))
		return -errno;
	if (!is_closed(&folder) && !is_ours(link) && link->st_uid)
		return refuse(why, -EPERM,
			      "%.60s on the way to it is a symbolic link of another user (uid %u)",
			      name, link->st_uid);
	return openat(at, name, AT_PLACE);
}

static int enter(int at, const char *name, char why[SAFE_WHY_MAX])
{
	int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), next = fd;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		next = -errno;
	else if (S_ISLNK(st.st_mode))
		next = follow(at, name, &st, why);
	else if (!S_ISDIR(st.st_mode))
		next = -ENOTDIR;
	if (next == -1)
		next = -errno;
	if (next != fd)
		close(fd);
	return next;
}

/* The folder that the last component of a path is in; *name is that component. */
static int open_parent(const char *path, const char **name, char why[SAFE_WHY_MAX])
{
	int at = open(*path == '/' ? "/" : ".", AT_PLACE), next;
	char part[NAME_MAX + 1];
	const char *p = path + strspn(path, "/"), *end;

	*name = p;
	if (at < 0)
		return -errno;
	while ((end = strchr(p, '/')) && end[strspn(end, "/")]) {
		if ((size_t)(end - p) >= sizeof(part)) {
			close(at);
			return -ENAMETOOLONG;
		}
		memcpy(part, p, (size_t)(end - p));
		part[end - p] = '\0';
		next = enter(at, part, why);
		close(at);
		if (next < 0)
			return next;
		at = next;
		p = end + strspn(end, "/");
	}
	*name = p;
	return at;
}

/* --- what is there already */

static int judge(int fd, int folder, enum safe_existing existing, char why[SAFE_WHY_MAX])
{
	struct stat st, in;
	bool alone;

	if (fstat(fd, &st) || fstat(folder, &in))
		return -errno;
	alone = is_closed(&in);
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISBLK(st.st_mode))
		return refuse(why, -EINVAL, "it is a block device");
	if (!is_ours(&st) && (!alone || (S_ISREG(st.st_mode) && existing == SAFE_REPLACE)))
		return refuse(why, -EPERM, "it belongs to another user (uid %u)", st.st_uid);
	if (S_ISREG(st.st_mode) && st.st_nlink > 1 && !alone)
		return refuse(why, -EPERM, "it has another name elsewhere (a hard link)");
	return 0;
}

/* It is looked at before it is opened: that alone can have effects on a device. What is looked at
   and what is opened are compared. */
static int open_existing(int folder, const char *name, int flags, enum safe_existing existing,
			 char why[SAFE_WHY_MAX])
{
	int seen = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd, err;
	struct stat a, b;

	if (seen < 0)
		return -errno;
	err = fstat(seen, &a) ? -errno : S_ISLNK(a.st_mode) ? -ELOOP : 0;
	if (!err)
		err = judge(seen, folder, existing, why);
	close(seen);
	if (err)
		return err;
	fd = openat(folder, name, flags & ~(O_CREAT | O_EXCL));
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return fd;
	close(fd);
	return refuse(why, -EPERM, "it changed while it was opened");
}

int safe_open(const char *path, int flags, enum safe_existing existing, char why[SAFE_WHY_MAX])
{
	const char *name;
	int folder, fd;

	*why = '\0';
	folder = open_parent(path, &name, why);
	if (folder < 0)
		return folder;
	flags |= O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
	fd = -EEXIST;
	if (flags & O_CREAT) {
		fd = openat(folder, name, flags | O_EXCL, 0600);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd == -EEXIST && !(flags & O_EXCL))
		fd = open_existing(folder, name, flags, existing, why);
	close(folder);
	return fd;
}

int safe_open_folder(const char *path, char why[SAFE_WHY_MAX])
{
	int parent, fd, err = 0;
	const char *name;
	struct stat st;

	*why = '\0';
	parent = open_parent(path, &name, why);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, *name ? name : ".", 0700) && errno != EEXIST)
		err = -errno;
	fd = err ? err
		 : openat(parent, *name ? name : ".",
			  O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (!err && fd < 0)
		fd = -errno;
	if (fd == -ENOTDIR && !fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISLNK(st.st_mode))
		fd = -ELOOP;
	close(parent);
	if (fd < 0 || fstat(fd, &st))
		return fd;
	if (!is_ours(&st))
		err = refuse(why, -EPERM, "it belongs to another user (uid %u)", st.st_uid);
	else if (others_write(&st))
		err = refuse(why, -EPERM, "others may write into it (mode %04o)",
			     st.st_mode & 07777);
	if (!err)
		return fd;
	close(fd);
	return err;
}
