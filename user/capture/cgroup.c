// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#define MOUNTS_MAX  16
#define DEPTH_MAX   16
#define FOLDERS_MAX 20000 /* looked into in one search */

struct mounts {
	char path[MOUNTS_MAX][256];
	uint32_t n;
};

/* --- where they are mounted */

/* cgroup2 first, then systemd's own hierarchy of version 1, then the controllers'. */
static int rank(const struct mntent *m)
{
	if (!strcmp(m->mnt_type, "cgroup2"))
		return 0;
	if (strcmp(m->mnt_type, "cgroup"))
		return -1;
	return hasmntopt(m, "name=systemd") ? 1 : 2;
}

static int find_mounts(struct mounts *out)
{
	struct mntent entry;
	char buf[4096];

	out->n = 0;
	for (int wanted = 0; wanted <= 2; wanted++) {
		FILE *f = setmntent("/proc/self/mounts", "re");

		if (!f)
			return -errno;
		while (out->n < MOUNTS_MAX && getmntent_r(f, &entry, buf, sizeof(buf)))
			if (rank(&entry) == wanted && strlen(entry.mnt_dir) < sizeof(out->path[0]))
				strcpy(out->path[out->n++], entry.mnt_dir);
		endmntent(f);
	}
	return out->n ? 0 : -ENOSYS;
}

static bool is_cgroup(const char *folder)
{
	struct statfs fs;
	struct stat st;

	if (stat(folder, &st) || !S_ISDIR(st.st_mode) || statfs(folder, &fs))
		return false;
	return fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC;
}

/* --- who is in one */

struct walk {
	uint32_t *pids;
	uint32_t max, n;
	uint32_t folders;
};

static void note_pid(struct walk *w, unsigned pid)
{
	if (!pid) /* it lives in a pid namespace that is not ours */
		return;
	for (uint32_t i = 0; i < w->n && i < w->max; i++)
		if (w->pids[i] == pid)
			return;
	if (w->n < w->max)
		w->pids[w->n] = pid;
	w->n++;
}

static int read_procs(struct walk *w, int dir)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned pid;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	while (fscanf(f, "%u", &pid) ==
	       1) /* a group of threads refuses: its processes are listed above */
		note_pid(w, pid);
	fclose(f);
	return 0;
}

static bool is_folder(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_name[0] == '.')
		return false;
	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return !fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static int open_folder(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Takes the descriptor. Folders that vanish under the walk are nobody's any more. */
static int walk_members(struct walk *w, int fd, int depth)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int err = dir ? read_procs(w, fd) : -errno;
	struct dirent *d;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && !err && depth < DEPTH_MAX && (d = readdir(dir)))
		if (is_folder(fd, d) && w->folders++ < FOLDERS_MAX)
			walk_members(w, open_folder(fd, d->d_name), depth + 1);
	if (dir)
		closedir(dir);
	return err;
}

int cgroup_members(const char *folder, uint32_t *pids, uint32_t max, uint32_t *n)
{
	struct walk w = {.pids = pids, .max = max};
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	*n = 0;
	if (fd < 0)
		return -errno;
	err = walk_members(&w, fd, 0);
	*n = w.n;
	return err == -ENODEV ? -ENOENT : err;
}

/* --- finding one */

struct search {
	const char *names[2]; /* the second may be NULL */
	char *out;	      /* CGROUP_PATH_MAX */
	char *others;
	size_t others_size;
	uint32_t found, folders;
};

static void note_found(struct search *s, const char *path)
{
	size_t used;

	if (!s->found++)
		snprintf(s->out, CGROUP_PATH_MAX, "%s", path);
	used = s->others ? strlen(s->others) : 0;
	if (s->others && s->found <= 8)
		snprintf(s->others + used, s->others_size - used, "  %s\n", path);
}

static bool is_wanted(const struct search *s, const char *name)
{
	return !strcmp(name, s->names[0]) || (s->names[1] && !strcmp(name, s->names[1]));
}

/* Looks for the name below a folder; not below one that is called so. */
static void search_below(struct search *s, const char *folder, int depth)
{
	char path[CGROUP_PATH_MAX];
	DIR *dir = opendir(folder);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		if (!is_folder(dirfd(dir), d) || s->folders++ >= FOLDERS_MAX ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", folder, d->d_name) >=
			    sizeof(path))
			continue;
		if (is_wanted(s, d->d_name))
			note_found(s, path);
		else if (depth < DEPTH_MAX)
			search_below(s, path, depth + 1);
	}
	if (dir)
		closedir(dir);
}

static bool search_system(struct search *s, const char *mount)
{
	char path[CGROUP_PATH_MAX];

	for (int i = 0; i < 2 && s->names[i] && !s->found; i++) {
		snprintf(path, sizeof(path), "%s/system.slice/%s", mount, s->names[i]);
		if (is_cgroup(path))
			note_found(s, path);
	}
	return s->found;
}

static bool has_unit_suffix(const char *name)
{
	static const char *const suffixes[] = {".service", ".scope", ".slice"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (len > strlen(suffixes[i]) &&
		    !strcmp(name + len - strlen(suffixes[i]), suffixes[i]))
			return true;
	return false;
}

int cgroup_find_unit(const char *unit, char out[CGROUP_PATH_MAX], char *others, size_t others_size)
{
	char service[256 + sizeof(".service")] = "";
	struct search s = {
		.names = {unit}, .out = out, .others = others, .others_size = others_size};
	struct mounts mounts;
	int err;

	if (!*unit || *unit == '.' || strlen(unit) > 255 || strchr(unit, '/'))
		return -EINVAL;
	strcat(strncat(service, unit, 255), ".service");
	if (!has_unit_suffix(unit))
		s.names[1] = service;
	if (others)
		*others = 0;
	err = find_mounts(&mounts);
	for (uint32_t i = 0; !err && i < mounts.n && !s.found; i++)
		if (!search_system(&s, mounts.path[i]))
			search_below(&s, mounts.path[i], 0);
	if (err)
		return err;
	return !s.found ? -ENOENT : s.found > 1 ? -ENOTUNIQ : 0;
}

/* The hierarchy in which it has processes, when it is there in several. */
static int choose(const struct mounts *mounts, const char *path, char out[CGROUP_PATH_MAX])
{
	char candidate[CGROUP_PATH_MAX];
	uint32_t pid, n;
	int err = -ENOENT;

	for (uint32_t i = 0; i < mounts->n; i++) {
		snprintf(candidate, sizeof(candidate), "%s/%s", mounts->path[i],
			 path + strspn(path, "/"));
		if (!is_cgroup(candidate))
			continue;
		n = 0;
		cgroup_members(candidate, &pid, 1, &n);
		if (err || n)
			strcpy(out, candidate);
		err = 0;
		if (n)
			break;
	}
	return err;
}

int cgroup_find_path(const char *path, char out[CGROUP_PATH_MAX])
{
	struct mounts mounts;
	int err;

	if (!*path || strlen(path) > CGROUP_PATH_MAX - 300)
		return -EINVAL;
	err = find_mounts(&mounts);
	if (err)
		return err;
	if (*path == '/' && is_cgroup(path)) {
		snprintf(out, CGROUP_PATH_MAX, "%s", path);
		return 0;
	}
	err = choose(&mounts, path, out);
	return err && *path == '/' && !access(path, F_OK) ? -EINVAL : err;
}
