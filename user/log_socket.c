// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * log_socket.c - syslog and the journal: one datagram a line into a local socket, never waiting.
 * The C library's syslog() would wait for a daemon that hangs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "log_target.h"
#include "sink/log.h"

#define SYSLOG_MAX 8192 /* what daemons take by default; they cut the rest off, which is no JSON \
			 */

static int socket_open(struct log_target *t)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (strlen(t->path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, t->path);
	t->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0 || connect(t->fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	return 0;
}

/* One datagram of parts, perhaps with a descriptor. */
static int send_parts(int fd, struct iovec *parts, size_t n, const int *passed)
{
	char room[CMSG_SPACE(sizeof(int))] = {};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = n};

	if (passed) {
		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						      .cmsg_type = SCM_RIGHTS,
						      .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), passed, sizeof(int));
	}
	if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ENOBUFS ? -EAGAIN : -errno;
}

/* Line by line; what never fits is refused, which the next one tells. */
static int write_each(struct log_target *t, struct lineq *q,
		      int (*send_line)(struct log_target *t, const struct lineq_line *l))
{
	struct lineq_line *l;

	while ((l = lineq_first(q))) {
		int err = send_line(t, l);

		if (err && err != -EMSGSIZE)
			return err;
		if (err)
			lineq_refuse(q);
		else
			lineq_take(q);
	}
	return 0;
}

/* --- syslog */

static int syslog_line(struct log_target *t, const struct lineq_line *l)
{
	char head[80];
	time_t now = time(NULL);
	struct tm local;
	struct iovec parts[2] = {{head, 0}, {l->json, l->json_len - 1}};

	localtime_r(&now, &local);
	parts[0].iov_len =
		log_syslog_head(head, sizeof(head), l->priority, &local, (unsigned)getpid());
	if (parts[0].iov_len + parts[1].iov_len > SYSLOG_MAX)
		return -EMSGSIZE;
	return send_parts(t->fd, parts, 2, NULL);
}

static int syslog_write(struct log_target *t, struct lineq *q)
{
	return write_each(t, q, syslog_line);
}

const struct log_target_kind log_target_syslog = {
	.what = "syslog", .open = socket_open, .write = syslog_write, .brief = true};

/* --- the journal */

/* What is too large for a datagram goes as a sealed memory file. */
static int send_memory(int fd, const char *bytes, size_t len)
{
	int memory = memfd_create("reqscope-log", MFD_CLOEXEC | MFD_ALLOW_SEALING), err = 0;

	if (memory < 0)
		return -errno;
	if (write(memory, bytes, len) != (ssize_t)len ||
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		err = -ENOMEM;
	if (!err)
		err = send_parts(fd, NULL, 0, &memory);
	close(memory);
	return err;
}

static char *journal_entry(const struct lineq_line *l, size_t *size)
{
	char priority = (char)('0' + l->priority), *bytes = NULL;
	FILE *f = open_memstream(&bytes, size);

	if (!f)
		return NULL;
	log_journal_field(f, "MESSAGE", l->words, l->words_len);
	log_journal_field(f, "PRIORITY", &priority, 1);
	log_journal_field(f, "SYSLOG_IDENTIFIER", "reqscope", 8);
	log_journal_field(f, "REQSCOPE_JSON", l->json, l->json_len - 1);
	if (!fclose(f))
		return bytes;
	free(bytes);
	return NULL;
}

static int journald_line(struct log_target *t, const struct lineq_line *l)
{
	size_t size = 0;
	char *bytes = journal_entry(l, &size);
	struct iovec part = {bytes, size};
	int err;

	if (!bytes)
		return -ENOMEM;
	err = send_parts(t->fd, &part, 1, NULL);
	if (err == -EMSGSIZE)
		err = send_memory(t->fd, bytes, size);
	free(bytes);
	return err;
}

static int journald_write(struct log_target *t, struct lineq *q)
{
	return write_each(t, q, journald_line);
}

const struct log_target_kind log_target_journald = {
	.what = "the journal", .open = socket_open, .write = journald_write};
