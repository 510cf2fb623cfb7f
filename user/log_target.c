// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "log_target.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SYSLOG_PATH   "/dev/log"
#define JOURNALD_PATH "/run/systemd/journal/socket"
#define BATCH	      64 /* lines in one write */

int log_target_open(struct log_target *t, const char *path, uint64_t max_size, uint32_t keep)
{
	*t = (struct log_target){.kind = &log_target_file,
				 .path = path,
				 .fd = -1,
				 .max_size = max_size,
				 .keep = keep};
	if (!strcmp(path, "-")) {
		t->kind = &log_target_stdout;
	} else if (!strcmp(path, "syslog")) {
		t->kind = &log_target_syslog;
		t->path = SYSLOG_PATH;
	} else if (!strcmp(path, "journald")) {
		t->kind = &log_target_journald;
		t->path = JOURNALD_PATH;
	}
	return log_target_reopen(t);
}

int log_target_reopen(struct log_target *t)
{
	int err;

	if (t->fd >= 0 && t->kind->stays)
		return 0;
	log_target_close(t);
	err = t->kind->open(t);
	if (err)
		log_target_close(t);
	return err;
}

int log_target_write(struct log_target *t, struct lineq *q)
{
	return t->fd < 0 ? -EBADF : t->kind->write(t, q);
}

bool log_target_moved(const struct log_target *t)
{
	return t->fd >= 0 && t->kind->moved && t->kind->moved(t);
}

/* A line that was cut starts anew: whoever reads the next one knows nothing of its begin. */
void log_target_close(struct log_target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->at = 0;
}

const char *log_target_name(const struct log_target *t)
{
	return t->kind->what ? t->kind->what : t->path;
}

/* --- lines into a descriptor */

bool log_has_room(int fd)
{
	struct pollfd p = {fd, POLLOUT, 0};

	/* an error is for write() to tell */
	return poll(&p, 1, 0) > 0;
}

static int gather(const struct log_target *t, const struct lineq *q, uint64_t limit, bool cut,
		  struct iovec iov[BATCH])
{
	struct lineq_line *l = lineq_first(q);
	uint32_t at = t->at;
	int n = 0;

	for (; l && n < BATCH; l = l->next, at = 0) {
		uint64_t len = l->json_len - at;

		if (len > limit && n)
			break;
		if (len > limit && cut)
			len = limit;
		iov[n++] = (struct iovec){l->json + at, len};
		limit -= len < limit ? len : limit;
	}
	return n;
}

static void take(struct log_target *t, struct lineq *q, uint64_t written)
{
	struct lineq_line *l;

	while ((l = lineq_first(q)) && written >= l->json_len - t->at) {
		written -= l->json_len - t->at;
		t->at = 0;
		lineq_take(q);
	}
	t->at += (uint32_t)written;
}

int64_t log_write_lines(struct log_target *t, struct lineq *q, uint64_t limit, bool cut)
{
	struct iovec iov[BATCH];
	int n = gather(t, q, limit, cut, iov);
	ssize_t written;

	if (!n)
		return 0;
	written = writev(t->fd, iov, n);
	if (written < 0)
		return -errno;
	take(t, q, (uint64_t)written);
	return written;
}
