// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static ssize_t read_file(uint32_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n;
}

/* /proc/PID/stat: the command stands in parentheses and may hold anything, so count from its end. */
static int read_stat(uint32_t pid, struct proc_info *info, char *state)
{
	char buf[1024], *open, *close;
	unsigned ppid = 0;
	unsigned long long start = 0;
	ssize_t n = read_file(pid, "stat", buf, sizeof(buf));

	if (n < 0)
		return n;
	open = strchr(buf, '(');
	close = strrchr(buf, ')');
	if (!open || !close ||
	    sscanf(close + 1,
		   " %c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   state, &ppid, &start) != 3)
		return -ESRCH;
	info->pid = pid;
	info->ppid = ppid;
	info->start_ticks = start;
	*close = 0;
	snprintf(info->comm, sizeof(info->comm), "%s", open + 1);
	return 0;
}

int proc_read(uint32_t pid, struct proc_info *info)
{
	char state;
	ssize_t n;
	int err;

	*info = (struct proc_info){};
	err = read_stat(pid, info, &state);
	if (err)
		return err;
	if (state == 'Z' || state == 'X')
		return -ESRCH;
	n = read_file(pid, "cmdline", info->args, sizeof(info->args));
	info->args_len = n > 0 ? n : 0;
	return 0;
}

bool proc_alive(uint32_t pid)
{
	struct proc_info info;
	char state;

	return !read_stat(pid, &info, &state) && state != 'Z' && state != 'X';
}

/* A thread closes its files, the last one that has them for good, before it becomes a zombie; the leader may
   be one before the others. */
bool proc_closes_files(uint32_t pid)
{
	const unsigned exiting = 0x4; /* PF_EXITING, include/linux/sched.h */
	unsigned flags = 0, threads = 0;
	char buf[1024], *close, state;

	if (read_file(pid, "stat", buf, sizeof(buf)) < 0)
		return false;
	close = strrchr(buf, ')');
	if (!close || sscanf(close + 1,
			     " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u",
			     &state, &flags, &threads) != 3)
		return false;
	return (flags & exiting) && (threads > 1 || (state != 'Z' && state != 'X'));
}

uint64_t proc_start_wall(const struct proc_info *info)
{
	struct timespec wall, boot;
	long hz = sysconf(_SC_CLK_TCK);

	if (hz <= 0 || clock_gettime(CLOCK_REALTIME, &wall) || clock_gettime(CLOCK_BOOTTIME, &boot))
		return 0;
	return (wall.tv_sec - boot.tv_sec) * 1000000000ULL + (wall.tv_nsec - boot.tv_nsec) +
	       info->start_ticks * (1000000000ULL / hz);
}

int proc_each(int (*visit)(void *ctx, uint32_t pid), void *ctx)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0]))
			ret = visit(ctx, strtoul(d->d_name, NULL, 10));
	closedir(dir);
	return ret;
}

static bool in_tree(const struct proc_tree *t, uint32_t pid)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->pids[i] == pid)
			return true;
	return false;
}

static int tree_add(struct proc_tree *t, uint32_t pid)
{
	uint32_t *grown;

	if (in_tree(t, pid))
		return 0;
	if (!(t->n & (t->n - 1))) { /* full at each power of two */
		grown = realloc(t->pids, (t->n ? 2 * t->n : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		t->pids = grown;
	}
	t->pids[t->n++] = pid;
	return 0;
}

/* The children that one thread forked; -ENOENT when the kernel has no such file (CONFIG_PROC_CHILDREN). */
static int add_children(struct proc_tree *t, uint32_t pid, const char *tid)
{
	char path[320];
	unsigned child;
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/task/%s/children", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return -ENOENT;
	while (!err && fscanf(f, "%u", &child) == 1)
		err = tree_add(t, child);
	fclose(f);
	return err;
}

static int add_all_children(struct proc_tree *t, uint32_t pid)
{
	char path[64];
	struct dirent *d;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	if (!dir)
		return 0; /* gone */
	while (!err && (d = readdir(dir)))
		if (isdigit((unsigned char)d->d_name[0]))
			err = add_children(t, pid, d->d_name);
	closedir(dir);
	return err == -ENOENT && !proc_alive(pid) ? 0 : err;
}

static int note_child(void *ctx, uint32_t pid)
{
	struct proc_tree *t = ctx;
	struct proc_info info;
	char state;

	if (read_stat(pid, &info, &state) || !in_tree(t, info.ppid))
		return 0;
	return tree_add(t, pid);
}

/* Without the children files: every process is asked for its parent until no new one turns up (pids
   wrap, so a child may stand before its parent). */
static int descend_by_parents(struct proc_tree *t)
{
	uint32_t before;
	int err = 0;

	do {
		before = t->n;
		err = proc_each(note_child, t);
	} while (!err && t->n != before);
	return err;
}

int proc_descendants(uint32_t root, struct proc_tree *tree)
{
	int err;

	*tree = (struct proc_tree){};
	err = proc_alive(root) ? tree_add(tree, root) : -ESRCH;
	for (uint32_t i = 0; !err && i < tree->n; i++)
		err = add_all_children(tree, tree->pids[i]);
	if (err == -ENOENT)
		err = descend_by_parents(tree);
	if (err) {
		free(tree->pids);
		*tree = (struct proc_tree){};
	}
	return err;
}
