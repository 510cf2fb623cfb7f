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

struct parents {
	uint32_t (*list)[2]; /* pid, ppid */
	size_t n, cap;
};

static int note_parent(void *ctx, uint32_t pid)
{
	struct parents *p = ctx;
	struct proc_info info;
	char state;

	if (read_stat(pid, &info, &state))
		return 0;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 256;
		void *grown = realloc(p->list, cap * sizeof(*p->list));

		if (!grown)
			return -ENOMEM;
		p->list = grown;
		p->cap = cap;
	}
	p->list[p->n][0] = pid;
	p->list[p->n++][1] = info.ppid;
	return 0;
}

static bool in_tree(const struct proc_tree *t, uint32_t pid)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->pids[i] == pid)
			return true;
	return false;
}

int proc_descendants(uint32_t root, struct proc_tree *tree)
{
	struct parents p = {};
	int err = proc_each(note_parent, &p);
	uint32_t before;

	*tree = (struct proc_tree){};
	if (!err && !proc_alive(root))
		err = -ESRCH;
	tree->pids = err ? NULL : calloc(p.n + 1, sizeof(*tree->pids));
	if (!err && !tree->pids)
		err = -ENOMEM;
	if (err)
		goto out;
	tree->pids[tree->n++] = root;
	do { /* pids wrap, so a child may stand before its parent */
		before = tree->n;
		for (size_t i = 0; i < p.n && tree->n <= p.n; i++)
			if (in_tree(tree, p.list[i][1]) && !in_tree(tree, p.list[i][0]))
				tree->pids[tree->n++] = p.list[i][0];
	} while (tree->n != before);
out:
	free(p.list);
	return err;
}
