// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "saturation.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/hashmap.h"
#include "../lib/proctext.h"

#define MARKS	  4096 /* looks that are remembered, for windows: over an hour of one a second */
#define GROUPS	  64   /* control groups of a target */
#define GROUP_MAX 256

/* What has added up since the first look. */
struct mark {
	uint64_t at; /* monotonic ns */
	uint64_t run, wait;
	uint64_t periods, throttled;
	uint64_t refused;
};

struct thread {
	uint64_t run, wait;
	uint32_t look; /* that saw it last */
};

struct group {
	char path[GROUP_MAX];
	uint64_t periods, throttled;
	uint32_t look;
};

struct saturation {
	uint32_t look;		/* counts from 1 */
	bool scheduling, quota; /* they could be read */
	struct mark sum;
	struct mark marks[MARKS];
	uint32_t n_marks;	/* ever made */
	struct hashmap threads; /* by tid */
	struct group groups[GROUPS];
	uint32_t n_groups;
};

struct saturation *saturation_new(void)
{
	return calloc(1, sizeof(struct saturation));
}

void saturation_free(struct saturation *s)
{
	struct hashmap_iter it;

	if (!s)
		return;
	hashmap_iter_init(&it, &s->threads);
	while (hashmap_next(&it))
		free(it.value);
	hashmap_free(&s->threads);
	free(s);
}

static int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return 0;
}

/* --- threads: run queue, and which of them are busy */

/* One that is not known yet began after the last look, so all that it did counts: but for the
 * first. */
static struct thread *thread_of(struct saturation *s, uint32_t tid)
{
	struct thread *t = hashmap_get(&s->threads, tid);

	if (t || hashmap_count(&s->threads) >= SATURATION_THREADS)
		return t;
	t = calloc(1, sizeof(*t));
	if (t && hashmap_put(&s->threads, tid, t)) {
		free(t);
		return NULL;
	}
	return t;
}

static void add_thread(struct saturation *s, uint32_t tid, uint64_t run, uint64_t wait)
{
	struct thread *t = thread_of(s, tid);

	if (!t)
		return;
	if (run < t->run || wait < t->wait) /* another thread has its number now */
		t->run = t->wait = 0;
	if (s->look > 1) {
		s->sum.run += run - t->run;
		s->sum.wait += wait - t->wait;
	}
	*t = (struct thread){run, wait, s->look};
}

/* A thread that sleeps on a futex waits for work, or for a lock: it cannot be told which. Any other
   system call that it sleeps in, and running, is work. -EACCES when that may not be seen; 0 also of
   one that has just ended. */
static int is_busy(const char *dir, uint32_t tid)
{
	char path[96], text[256];
	bool running;
	long nr;
	int err;

	snprintf(path, sizeof(path), "%s/%u/syscall", dir, tid);
	err = read_text(path, text, sizeof(text));
	if (err == -EACCES || err == -EPERM)
		return -EACCES;
	if (err || proctext_syscall(text, &running, &nr))
		return 0;
	return running || (nr >= 0 && nr != SYS_futex
#ifdef SYS_epoll_wait
			   && nr != SYS_epoll_wait
#endif
			   && nr != SYS_epoll_pwait);
}

static void look_at_thread(struct saturation *s, const char *dir, uint32_t tid)
{
	uint64_t run, wait;
	char path[96], text[256];

	snprintf(path, sizeof(path), "%s/%u/schedstat", dir, tid);
	if (read_text(path, text, sizeof(text)) || proctext_schedstat(text, &run, &wait))
		return;
	s->scheduling = true;
	add_thread(s, tid, run, wait);
}

/* Whether more of them are busy, as a share; what is known comes before what is not. */
static bool is_busier(uint64_t busy, uint64_t threads, const struct summary_saturation *than)
{
	if (than->threads == SUMMARY_UNKNOWN || busy == SUMMARY_UNKNOWN)
		return than->threads == SUMMARY_UNKNOWN;
	return than->threads_busy == SUMMARY_UNKNOWN ||
	       busy * (than->threads ? than->threads : 1) >
		       than->threads_busy * (threads ? threads : 1);
}

static void note_threads(struct summary_saturation *out, uint32_t pid, uint64_t threads,
			 uint64_t busy)
{
	if (!is_busier(busy, threads, out))
		return;
	out->threads = threads;
	out->threads_busy = busy;
	out->threads_pid = pid;
}

/* The main thread runs the loop: it is no worker thread. */
static void look_at_threads(struct saturation *s, uint32_t pid, struct summary_saturation *out)
{
	uint64_t threads = 0, busy = 0;
	bool hidden = false;
	char dir[64];
	struct dirent *d;
	DIR *tasks;

	snprintf(dir, sizeof(dir), "/proc/%u/task", pid);
	tasks = opendir(dir);
	if (!tasks)
		return;
	while ((d = readdir(tasks)) && threads < SATURATION_THREADS) {
		uint32_t tid = strtoul(d->d_name, NULL, 10);
		int working;

		if (!tid)
			continue;
		look_at_thread(s, dir, tid);
		if (tid == pid)
			continue;
		threads++;
		working = is_busy(dir, tid);
		hidden |= working < 0;
		busy += working > 0;
	}
	closedir(tasks);
	note_threads(out, pid, threads, hidden ? SUMMARY_UNKNOWN : busy);
}

static void forget_threads(struct saturation *s)
{
	struct hashmap_iter it;

	hashmap_iter_init(&it, &s->threads);
	while (hashmap_next(&it)) {
		struct thread *t = it.value;

		if (t->look != s->look)
			free(hashmap_remove(&s->threads, it.key));
	}
}

/* --- descriptors */

static int count_files(const char *dir, uint64_t *count)
{
	struct dirent *d;
	struct stat st;
	DIR *files;

	if (!stat(dir, &st) && st.st_size > 0) { /* since Linux 6.2, commit f1f1f2569901 */
		*count = (uint64_t)st.st_size;
		return 0;
	}
	files = opendir(dir);
	if (!files)
		return -errno;
	for (*count = 0; (d = readdir(files));)
		*count += isdigit((unsigned char)d->d_name[0]) != 0;
	closedir(files);
	return 0;
}

static void look_at_files(uint32_t pid, struct summary_saturation *out)
{
	uint64_t count = 0, limit;
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%u/limits", pid);
	if (read_text(path, text, sizeof(text)) || proctext_max_files(text, &limit) || !limit)
		return;
	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	if (count_files(path, &count))
		return;
	if (out->fds != SUMMARY_UNKNOWN &&
	    (double)count / (double)limit <= (double)out->fds / (double)out->fd_limit)
		return;
	out->fds = count;
	out->fd_limit = limit;
	out->fd_pid = pid;
}

/* --- control groups */

/* The quota may stand on any group above, but a group's own cpu.stat is what throttles its tasks in
   practice: container runtimes and systemd set it on the leaf. Without a quota there are no
   periods. */
static int group_stat(const char *text, char *path, size_t size)
{
	static const char *const roots[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};
	const char *at;
	unsigned len;

	if (!proctext_cgroup(text, "cpu", &at, &len)) {
		for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
			snprintf(path, size, "%s%.*s/cpu.stat", roots[i], (int)len, at);
			if (!access(path, R_OK))
				return 0;
		}
		return -ENOENT;
	}
	if (proctext_cgroup(text, NULL, &at, &len))
		return -ENOENT;
	snprintf(path, size, "/sys/fs/cgroup%.*s/cpu.stat", (int)len, at);
	return 0;
}

static struct group *group_of(struct saturation *s, const char *path)
{
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!strcmp(s->groups[i].path, path))
			return &s->groups[i];
	if (s->n_groups == GROUPS)
		return NULL;
	s->groups[s->n_groups] = (struct group){};
	snprintf(s->groups[s->n_groups].path, GROUP_MAX, "%s", path);
	return &s->groups[s->n_groups++];
}

static void add_group(struct saturation *s, const char *path, uint64_t periods, uint64_t throttled)
{
	struct group *g = group_of(s, path);

	if (!g || g->look == s->look) /* seen by another of its processes */
		return;
	if (g->look && periods >= g->periods && throttled >= g->throttled) {
		s->sum.periods += periods - g->periods;
		s->sum.throttled += throttled - g->throttled;
	}
	g->periods = periods;
	g->throttled = throttled;
	g->look = s->look;
}

static void look_at_group(struct saturation *s, uint32_t pid)
{
	char path[GROUP_MAX], text[4096];
	uint64_t periods, throttled;

	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	if (read_text(path, text, sizeof(text)) || group_stat(text, path, sizeof(path)))
		return;
	if (read_text(path, text, sizeof(text)) || proctext_cpu_stat(text, &periods, &throttled))
		return;
	s->quota |= periods > 0;
	add_group(s, path, periods, throttled);
}

/* --- the window */

/* The mark that the window begins with: the youngest that is old enough, else the oldest. Without a
   window it is the first look, when nothing had added up. */
static const struct mark *window_begin(const struct saturation *s, uint64_t now, uint64_t window)
{
	uint32_t kept = s->n_marks < MARKS ? s->n_marks : MARKS;
	static const struct mark first;
	const struct mark *m = &first;

	for (uint32_t i = 1; window && i <= kept; i++) {
		m = &s->marks[(s->n_marks - i) % MARKS];
		if (now - m->at >= window)
			break;
	}
	return m;
}

static void measure(struct saturation *s, uint64_t now, uint64_t window,
		    struct summary_saturation *out)
{
	const struct mark *m = window_begin(s, now, window);
	uint64_t run = s->sum.run - m->run, wait = s->sum.wait - m->wait;
	uint64_t periods = s->sum.periods - m->periods;

	if (s->scheduling && run + wait)
		out->run_queue = (double)wait / (double)(run + wait);
	if (s->quota)
		out->throttled =
			periods ? (double)(s->sum.throttled - m->throttled) / (double)periods : 0;
	out->accept_failed = s->sum.refused - m->refused;
}

void saturation_look(struct saturation *s, const uint32_t *pids, uint32_t n, uint64_t refused,
		     uint64_t now, uint64_t window_ns, struct summary_saturation *out)
{
	saturation_unknown(out);
	s->look++;
	for (uint32_t i = 0; i < n && i < SATURATION_PROCESSES; i++) {
		look_at_threads(s, pids[i], out);
		look_at_files(pids[i], out);
		look_at_group(s, pids[i]);
	}
	forget_threads(s);
	s->sum.at = now;
	s->sum.refused = refused;
	measure(s, now, window_ns, out);
	s->marks[s->n_marks++ % MARKS] = s->sum;
}
