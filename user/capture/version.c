// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "version.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

#define TEXT_MAX    (256 << 10)	 /* of an environment, a pyproject.toml, packed-refs */
#define LEVELS	    6		 /* from the working directory up */
#define ROOT_LEVELS 64		 /* deeper ones are not looked into */
#define ENTRIES_MAX 20000	 /* of a folder of packages */
#define CLOCK_SLACK 100000000ULL /* ns by which a start, in ticks, and a file's time may differ */

/* A process whose files are looked at. */
struct look {
	uint32_t pid;
	uint64_t began; /* wall clock, ns */
	int root;	/* its root folder */
	int dir;	/* its working directory; -1: none that lies below root */
	char *text;	/* TEXT_MAX bytes to read into */
	char *out;
};

/* --- opening what belongs to another */

static int open_how(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
			       .resolve = resolve | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Below a folder, through no link. */
static int open_below(int dir, const char *path, uint64_t flags)
{
	return open_how(dir, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

static int open_folder(const struct look *l, const char *path)
{
	return open_how(l->root, path, O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
}

static int open_proc(uint32_t pid, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool same_folder(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The folder above; -ENOENT at the process's root. */
static int open_parent(const struct look *l, int dir)
{
	int fd;

	if (same_folder(dir, l->root))
		return -ENOENT;
	fd = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 &&
	    same_folder(fd, dir)) { /* another root, so this is not below the process's */
		close(fd);
		return -ENOENT;
	}
	return fd < 0 ? -errno : fd;
}

/* One that was entered from outside (a chroot) would lead out of the process's root. */
static bool lies_below_root(const struct look *l, int dir)
{
	int at = dup(dir), up;
	bool found = false;

	for (int i = 0; at >= 0 && !found && i < ROOT_LEVELS; i++) {
		found = same_folder(at, l->root);
		up = found ? -1 : open_parent(l, at);
		close(at);
		at = up;
	}
	if (at >= 0)
		close(at);
	return found;
}

static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size && (n = read(fd, buf + used, size - used)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		used += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)used;
}

static bool is_newer(const struct look *l, const struct stat *st)
{
	uint64_t changed =
		(uint64_t)st->st_mtim.tv_sec * 1000000000ULL + (uint64_t)st->st_mtim.tv_nsec;

	return l->began && changed > l->began + CLOCK_SLACK;
}

/*
 * The text of a plain file, at most TEXT_MAX bytes. It is looked at before it is opened: opening a
 * device can have effects, and a FIFO would wait for a writer. Length, or a negative errno.
 */
static ssize_t read_text(const struct look *l, int dir, const char *name)
{
	int fd = open_below(dir, name, O_PATH), plain;
	char path[64];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || is_newer(l, &st)) {
		close(fd);
		return -ENOENT;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	plain = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	n = plain < 0 ? -errno : read_all(plain, l->text, TEXT_MAX);
	if (plain >= 0)
		close(plain);
	close(fd);
	return n;
}

/* --- the environment */

static bool from_environment(struct look *l)
{
	int fd = open_proc(l->pid, "environ", O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read_all(fd, l->text, TEXT_MAX);
	close(fd);
	return n > 0 && version_from_environ(l->out, l->text, (size_t)n);
}

/* --- git */

/* A path that a git file names: absolute within the process's root, or from dir, also upwards. */
static int open_named(const struct look *l, int dir, const char *path)
{
	int at, up;

	if (*path == '/')
		return open_how(l->root, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
	at = dup(dir);
	while (at >= 0 && !strncmp(path, "..", 2) && (path[2] == '/' || !path[2])) {
		up = open_parent(l, at);
		close(at);
		at = up;
		path += path[2] ? 3 : 2;
	}
	if (at < 0 || !*path)
		return at;
	up = open_below(at, path, O_PATH | O_DIRECTORY);
	close(at);
	return up;
}

/* The first line of a small file, after `prefix`; opened as a folder. */
static int open_pointer(const struct look *l, int dir, const char *name, const char *prefix)
{
	ssize_t n = read_text(l, dir, name);
	size_t skip = strlen(prefix);
	char path[1024];

	if (n <= (ssize_t)skip || strncmp(l->text, prefix, skip))
		return -ENOENT;
	snprintf(path, sizeof(path), "%.*s", (int)((size_t)n - skip), l->text + skip);
	path[strcspn(path, "\r\n")] = 0;
	return open_named(l, dir, path);
}

/* .git is the folder, or in a worktree and a submodule a file that names it. */
static int open_git(const struct look *l, int dir)
{
	int fd = open_below(dir, ".git", O_PATH | O_DIRECTORY);

	return fd == -ENOTDIR ? open_pointer(l, dir, ".git", "gitdir: ") : fd;
}

static bool ref_in(struct look *l, int git, const char *ref)
{
	char next[GIT_REF_MAX];
	ssize_t n = read_text(l, git, ref);

	if (n > 0)
		return version_from_git(l->out, next, l->text, (size_t)n) && !*next;
	if (n == -ENOENT && !faccessat(git, ref, F_OK, AT_SYMLINK_NOFOLLOW))
		return false; /* changed since: what is packed is older still */
	n = read_text(l, git, "packed-refs");
	return n > 0 && version_from_packed_refs(l->out, ref, l->text, (size_t)n);
}

static bool from_git_folder(struct look *l, int git)
{
	char ref[GIT_REF_MAX];
	ssize_t n = read_text(l, git, "HEAD");
	int common;
	bool found;

	if (n <= 0 || !version_from_git(l->out, ref, l->text, (size_t)n))
		return false;
	if (!*ref)
		return true;
	common = open_pointer(l, git, "commondir", ""); /* of a worktree: there its branches are */
	found = ref_in(l, common >= 0 ? common : git, ref);
	if (common >= 0)
		close(common);
	return found;
}

/* The next .git upwards decides, whether or not it tells. */
static bool from_git(struct look *l, int dir, bool *decided)
{
	int git = open_git(l, dir);
	bool found;

	if (git < 0)
		return false;
	*decided = true;
	found = from_git_folder(l, git);
	close(git);
	return found;
}

/* --- pyproject.toml */

static bool from_pyproject(struct look *l, int dir, bool *decided)
{
	ssize_t n = read_text(l, dir, "pyproject.toml");

	*decided = n >= 0;
	return n > 0 && version_from_pyproject(l->out, l->text, (size_t)n);
}

static bool upwards(struct look *l, bool (*try)(struct look *l, int dir, bool *decided))
{
	int at = l->dir >= 0 ? dup(l->dir) : -1, up;
	bool found = false, decided = false;

	for (int i = 0; at >= 0 && !decided && i < LEVELS; i++) {
		found = try(l, at, &decided);
		up = decided ? -1 : open_parent(l, at);
		close(at);
		at = up;
	}
	if (at >= 0)
		close(at);
	return found;
}

/* --- installed distributions */

static bool search_folder(struct look *l, int fd, const char *package)
{
	DIR *dir = fdopendir(fd);
	bool found = false;
	struct dirent *d;
	struct stat st;

	if (!dir) {
		close(fd);
		return false;
	}
	for (int i = 0; !found && i < ENTRIES_MAX && (d = readdir(dir)); i++)
		found = version_from_dist_info(l->out, d->d_name, package) &&
			!fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			!is_newer(l, &st);
	closedir(dir);
	return found;
}

/* PREFIX/lib/python3.11/site-packages and what distributions call it instead. */
static bool search_prefix(struct look *l, const char *prefix, const char *package)
{
	static const char *const names[] = {"site-packages", "dist-packages"};
	char path[1400];
	struct dirent *d;
	bool found = false;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/lib", prefix);
	fd = open_folder(l, path);
	dir = fd < 0 ? NULL : fdopendir(fd);
	for (int i = 0; dir && !found && i < ENTRIES_MAX && (d = readdir(dir)); i++) {
		if (strncmp(d->d_name, "python3", 7))
			continue;
		for (size_t k = 0; !found && k < sizeof(names) / sizeof(*names); k++) {
			snprintf(path, sizeof(path), "%s/lib/%.200s/%s", prefix, d->d_name,
				 names[k]);
			fd = open_folder(l, path);
			found = fd >= 0 && search_folder(l, fd, package);
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

/* "/srv/venv/bin/python" -> "/srv/venv" */
static bool prefix_of(char *out, size_t size, const char *program)
{
	size_t len = strlen(program);

	for (int parts = 0; parts < 2; parts++) {
		while (len && program[len - 1] != '/')
			len--;
		if (!len--)
			return false;
	}
	snprintf(out, size, "%.*s", (int)len, program);
	return program[0] == '/' && !strncmp(program + len, "/bin/", 5);
}

/* A worker's own command line may not name the application: its parent's does. */
static bool find_package(const struct look *l, struct proc_info *info, char package[VERSION_MAX])
{
	struct proc_info parent;

	if (proc_read(l->pid, info))
		return false;
	if (version_app_package(package, info->args, info->args_len))
		return true;
	return info->ppid > 1 && !proc_read(info->ppid, &parent) &&
	       version_app_package(package, parent.args, parent.args_len);
}

static bool from_distribution(struct look *l)
{
	char package[VERSION_MAX], prefix[1024], exe[1024], link[64];
	struct proc_info info;
	ssize_t n;
	int fd;

	if (!find_package(l, &info, package))
		return false;
	fd = l->dir >= 0 ? openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0 && search_folder(l, fd, package))
		return true;
	if (prefix_of(prefix, sizeof(prefix), info.args) && search_prefix(l, prefix, package))
		return true;
	snprintf(link, sizeof(link), "/proc/%u/exe", l->pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = 0;
	if (!prefix_of(prefix, sizeof(prefix), exe))
		return false;
	return search_prefix(l, prefix, package) ||
	       (!strcmp(prefix, "/usr") && search_prefix(l, "/usr/local", package));
}

/* --- all of it */

static int look_open(struct look *l)
{
	l->dir = -1;
	l->text = malloc(TEXT_MAX);
	if (!l->text)
		return -ENOMEM;
	l->root = open_proc(l->pid, "root", O_PATH | O_DIRECTORY);
	if (l->root < 0)
		return l->root;
	l->dir = open_proc(l->pid, "cwd", O_PATH | O_DIRECTORY);
	if (l->dir >= 0 && !lies_below_root(l, l->dir)) {
		close(l->dir);
		l->dir = -1;
	}
	return 0;
}

static void look_close(struct look *l)
{
	if (l->dir >= 0)
		close(l->dir);
	if (l->root >= 0)
		close(l->root);
	free(l->text);
}

int version_read(uint32_t pid, uint64_t began_wall_ns, char out[VERSION_MAX])
{
	struct look l = {.pid = pid, .began = began_wall_ns, .root = -1, .dir = -1, .out = out};
	int err = look_open(&l);

	if (!err && !from_environment(&l) && !upwards(&l, from_git) &&
	    !upwards(&l, from_pyproject) && !from_distribution(&l))
		err = -ENOENT;
	look_close(&l);
	return err;
}
