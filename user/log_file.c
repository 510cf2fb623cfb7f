// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * log_file.c - a log by the name of a file, and standard output.
 *
 * A regular file is appended to, is ours alone (a lock), never ends with half a line and is rotated
 * when the next line would make it too large. A pipe takes at most PIPE_BUF bytes at a time, which
 * it takes as a whole or not at all (pipe(7)), and only when poll() says that there is room: so
 * standard output, which others share, need not be made non-blocking for all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_target.h"

#define FILE_CHUNK (256 << 10)

static int look_at(struct log_target *t)
{
	struct stat st;

	if (fstat(t->fd, &st))
		return -errno;
	t->regular = S_ISREG(st.st_mode);
	t->special = !t->regular;
	t->size = (uint64_t)st.st_size;
	return S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode) ? -EINVAL : 0;
}

/* Somebody was killed within a line: ours begins on one of its own. */
static int end_half_line(struct log_target *t)
{
	char last = '\n';

	if (t->size && pread(t->fd, &last, 1, (off_t)t->size - 1) == 1 && last != '\n' &&
	    write(t->fd, "\n", 1) < 0)
		return -errno;
	return 0;
}

/* Two that rotate the same file would lose lines. Where there are no locks (some network file
   systems) it goes without. */
static int lock(const struct log_target *t)
{
	return flock(t->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK ? -EBUSY : 0;
}

static int file_open(struct log_target *t)
{
	/* to read its last byte; but a pipe opened for reading too would never tell that nobody
	 * reads */
	int flags = O_APPEND | O_NONBLOCK, err;
	struct stat st;

	flags |= lstat(t->path, &st) || S_ISREG(st.st_mode) ? O_RDWR : O_WRONLY;
	flags |= t->special ? 0 : O_CREAT;
	t->fd = safe_open(t->path, flags, SAFE_APPEND, t->unsafe);
	if (t->fd < 0)
		return t->fd;
	err = look_at(t);
	if (err || !t->regular)
		return err;
	t->rotate_from = 0;
	err = lock(t);
	return err ? err : end_half_line(t);
}

/* --- rotation */

static int numbered(char *out, size_t size, const char *path, uint32_t n)
{
	int len = n ? snprintf(out, size, "%s.%u", path, n) : snprintf(out, size, "%s", path);

	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* FILE.3 becomes FILE.4, ..., FILE becomes FILE.1. */
static int shift_names(const struct log_target *t)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (uint32_t n = t->keep; n > 0; n--) {
		int err = numbered(from, sizeof(from), t->path, n - 1);

		if (!err)
			err = numbered(to, sizeof(to), t->path, n);
		if (!err && rename(from, to) && errno != ENOENT)
			err = -errno;
		if (err)
			return err;
	}
	return 0;
}

/* When it does not succeed the file grows on; better a large log than none. */
static int rotate(struct log_target *t)
{
	int err = shift_names(t);

	if (!err)
		return log_target_reopen(t);
	fprintf(stderr, "reqscope: cannot rotate the log %s: %s; it grows on\n", t->path,
		strerror(-err));
	t->rotate_from = t->size + t->max_size;
	return 0;
}

static uint64_t full_size(const struct log_target *t)
{
	return t->rotate_from > t->max_size ? t->rotate_from : t->max_size;
}

static bool is_full(const struct log_target *t, const struct lineq *q)
{
	return t->max_size && t->size && t->size + lineq_first(q)->json_len > full_size(t);
}

/* --- writing */

/* The begin of a line for whose end there was no room goes away again, unless others wrote behind
 * it. */
static void undo_half_line(struct log_target *t)
{
	struct stat st;

	if (!t->at || fstat(t->fd, &st) || (uint64_t)st.st_size != t->size || t->size < t->at ||
	    ftruncate(t->fd, (off_t)(t->size - t->at)))
		return;
	t->size -= t->at;
	t->at = 0;
}

static int regular_write(struct log_target *t, struct lineq *q)
{
	struct stat st;
	int err = 0;

	/* deleted: what would be written there, nobody could read; it may also have been cut */
	if (fstat(t->fd, &st) || !st.st_nlink)
		return -ESTALE;
	t->size = (uint64_t)st.st_size;
	while (!err && lineq_first(q)) {
		uint64_t limit = FILE_CHUNK;
		int64_t n;

		if (is_full(t, q))
			err = rotate(t);
		if (err)
			break;
		if (t->max_size && t->size < full_size(t) && full_size(t) - t->size < limit)
			limit = full_size(t) - t->size;
		n = log_write_lines(t, q, limit, false);
		if (n <= 0) {
			undo_half_line(t);
			return n ? (int)n : -ENOSPC;
		}
		t->size += (uint64_t)n;
	}
	return err;
}

static int stream_write(struct log_target *t, struct lineq *q)
{
	while (lineq_first(q)) {
		int64_t n = log_has_room(t->fd) ? log_write_lines(t, q, PIPE_BUF, true) : -EAGAIN;

		if (n < 0)
			return (int)n;
	}
	return 0;
}

static int file_write(struct log_target *t, struct lineq *q)
{
	return t->regular ? regular_write(t, q) : stream_write(t, q);
}

/* Renamed or deleted, as logrotate does it. */
static bool file_moved(const struct log_target *t)
{
	struct stat name, open_one;

	if (fstat(t->fd, &open_one))
		return true;
	return lstat(t->path, &name) || name.st_dev != open_one.st_dev ||
	       name.st_ino != open_one.st_ino;
}

const struct log_target_kind log_target_file = {
	.open = file_open, .write = file_write, .moved = file_moved, .reopens = true};

/* --- standard output */

/* A description of our own where it can wait for a reader, to be non-blocking whoever else writes
   there. Sockets cannot be opened, nor what belongs to others: poll() has to do. */
static int stdout_open(struct log_target *t)
{
	int err, own = -1;

	t->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (t->fd < 0)
		return -errno;
	err = look_at(t);
	if (!err && !t->regular)
		own = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own >= 0) {
		close(t->fd);
		t->fd = own;
	}
	return err;
}

/* A file behind standard output is not ours: nothing is cut off there, half a line is completed
   when there is room. */
const struct log_target_kind log_target_stdout = {
	.what = "standard output", .open = stdout_open, .write = stream_write, .stays = true};
