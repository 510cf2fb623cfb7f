// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where a log goes: real files, pipes and sockets, which fill up, go away and come back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* They are no part of what unit tests link: they make system calls. */
#include "../../user/log_target.c"
#include "../../user/log_file.c"
#include "../../user/log_socket.c"
#include "../../user/safe_open.c"

struct place {
	char dir[64];
	struct lineq *q;
	struct log_target t;
	unsigned next; /* number of the next line */
};

static char *path_of(struct place *p, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return path;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	strcpy(p->dir, "/tmp/reqscope-unit-XXXXXX");
	*state = p;
	p->t.fd = -1;
	p->q = lineq_new(8 << 20, 0);
	return p->q && mkdtemp(p->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[128];

	log_target_close(&p->t);
	lineq_free(p->q);
	snprintf(command, sizeof(command), "rm -rf '%s'", p->dir);
	free(p);
	return system(command);
}

/* n lines {"n":0,"pad":"..."}, each at least `size` long, numbered on and on */
static void put_lines(struct place *p, unsigned n, unsigned size)
{
	char *text = malloc(size + 64);

	for (; n > 0; n--) {
		int len = sprintf(text, "{\"n\":%u,\"pad\":\"%0*d\"}\n", p->next++, (int)size, 0);
		struct line_text t = {.words = "in words",
				      .words_len = 8,
				      .json = text,
				      .json_len = (size_t)len,
				      .priority = 4};

		assert_int_equal(lineq_put(p->q, &t), 0);
	}
	free(text);
}

/* Reads a file of whole lines; returns the number after the last one's. They begin with `first`. */
static unsigned check_file(const char *path, unsigned first)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	assert_non_null(f);
	while ((len = getline(&line, &size, f)) > 0) {
		unsigned n = UINT_MAX;

		assert_int_equal(sscanf(line, "{\"n\":%u,", &n), 1);
		assert_int_equal(n, first++);
		assert_string_equal(line + len - 2, "}\n");
	}
	free(line);
	fclose(f);
	return first;
}

static unsigned size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (unsigned)st.st_size;
}

/* --- files */

static void files_are_appended_to(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "log"));
	struct stat st;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
		put_lines(p, 1000, 300);
		assert_int_equal(log_target_write(&p->t, p->q), 0);
		assert_null(lineq_first(p->q));
		log_target_close(&p->t);
	}
	assert_int_equal(check_file(path, 0), 2000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(path);
}

static void files_are_rotated(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "log"));
	unsigned n;

	assert_int_equal(log_target_open(&p->t, path, 4000, 3), 0);
	put_lines(p, 50, 300);
	put_lines(p, 1, 9000); /* longer than a file may be: alone */
	put_lines(p, 12, 300);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(access(path_of(p, "log.4"), F_OK), -1);
	n = check_file(path_of(p, "log.3"), 36); /* the first ones are gone */
	assert_int_equal(n, 48);
	assert_in_range(size_of(path_of(p, "log.3")), 3700, 4000);
	n = check_file(path_of(p, "log.2"), n);
	assert_int_equal(n, 50);
	n = check_file(path_of(p, "log.1"), n);
	assert_int_equal(n, 51);
	assert_int_equal(check_file(path, n), 63);
	free(path);
}

/* It goes on when it cannot be rotated, and tries again later. */
static void rotation_may_fail(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "log"));

	assert_int_equal(mkdir(path_of(p, "log.1"), 0700), 0);
	assert_int_equal(mkdir(path_of(p, "log.1/full"), 0700), 0);
	assert_int_equal(log_target_open(&p->t, path, 4000, 1), 0);
	put_lines(p, 20, 300);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(check_file(path, 0), 20);
	assert_int_equal(rmdir(path_of(p, "log.1/full")), 0);
	assert_int_equal(rmdir(path_of(p, "log.1")), 0);
	put_lines(p, 10, 300);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(check_file(path, check_file(path_of(p, "log.1"), 0)), 30);
	free(path);
}

/* A line that does not fit leaves no trace, wherever the limit cuts it. */
static void full_files_end_with_a_line(void **state)
{
	struct place *p = *state;
	struct rlimit old, limit;
	char *path = strdup(path_of(p, "log"));
	unsigned n = 0;

	getrlimit(RLIMIT_FSIZE, &old);
	for (rlim_t at = 5000; at < 5700; at += 37) {
		limit = (struct rlimit){at, old.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
		put_lines(p, 40, 300);
		assert_int_equal(log_target_write(&p->t, p->q), -EFBIG);
		n = check_file(path, 0);
		assert_in_range(n, 14, 18);
		assert_in_range(size_of(path), at - 330, at);
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(log_target_write(&p->t, p->q), 0);
		assert_int_equal(check_file(path, 0), 40);
		assert_int_equal(unlink(path), 0);
		p->next = 0;
	}
	free(path);
}

static void files_are_noticed_to_move(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "log"));

	assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
	assert_false(log_target_moved(&p->t));
	assert_int_equal(rename(path, path_of(p, "log.old")), 0);
	assert_true(log_target_moved(&p->t));
	put_lines(p, 3, 10);
	assert_int_equal(log_target_write(&p->t, p->q), 0); /* logrotate without a signal */
	assert_int_equal(check_file(path_of(p, "log.old"), 0), 3);
	assert_int_equal(log_target_reopen(&p->t), 0);
	assert_false(log_target_moved(&p->t));
	assert_int_equal(unlink(path), 0);
	assert_true(log_target_moved(&p->t));
	put_lines(p, 3, 10);
	assert_int_equal(log_target_write(&p->t, p->q), -ESTALE);
	assert_int_equal(log_target_reopen(&p->t), 0);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(check_file(path, 3), 6);
	free(path);
}

/* Cut by others (logrotate's copytruncate): it goes on at the new end, without a hole. */
static void files_may_be_cut(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "log"));

	assert_int_equal(log_target_open(&p->t, path, 4000, 4), 0);
	put_lines(p, 10, 300);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(truncate(path, 0), 0);
	put_lines(p, 10, 300);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(check_file(path, 10), 20);
	assert_int_equal(access(path_of(p, "log.1"), F_OK), -1);
	free(path);
}

static void what_cannot_be_opened(void **state)
{
	struct place *p = *state;
	struct log_target other;
	char *path = strdup(path_of(p, "log"));

	assert_int_equal(log_target_open(&p->t, p->dir, 0, 4), -EISDIR);
	assert_int_equal(log_target_open(&p->t, path_of(p, "none/log"), 0, 4), -ENOENT);
	assert_int_equal(symlink(path, path_of(p, "link")), 0);
	assert_int_equal(log_target_open(&p->t, path_of(p, "link"), 0, 4), -ELOOP);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(mkfifo(path_of(p, "fifo"), 0600), 0);
	assert_int_equal(log_target_open(&p->t, path_of(p, "fifo"), 0, 4), -ENXIO);
	assert_int_equal(p->t.fd, -1);
	assert_int_equal(log_target_write(&p->t, p->q), -EBADF);
	assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
	assert_int_equal(log_target_open(&other, path, 0, 4), -EBUSY);
	free(path);
}

static void half_a_line_is_ended(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "log")), text[8] = "";
	int fd = open(path, O_WRONLY | O_CREAT, 0640);

	assert_int_equal(write(fd, "{\"x", 3), 3);
	close(fd);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
		log_target_close(&p->t);
	}
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "{\"x\n");
	close(fd);
	free(path);
}

/* --- pipes */

/* Reads what is there; returns the bytes. */
static size_t take_some(int fd, char *out, size_t size)
{
	ssize_t n = read(fd, out, size);

	return n > 0 ? (size_t)n : 0;
}

/* Lines longer than what a pipe takes at once, and a reader that takes a little at a time. */
static void pipes_get_whole_lines(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "fifo")), *all = calloc(1, 1 << 20), *line, *save = NULL;
	unsigned n = 0;
	size_t len = 0;
	int fd, err;

	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
	for (unsigned i = 0; i < 40; i++)
		put_lines(p, 1, i % 3 ? 300 : 20000);
	assert_int_equal(log_target_write(&p->t, p->q), -EAGAIN);
	do {
		len += take_some(fd, all + len, 1777);
		err = log_target_write(&p->t, p->q);
		assert_true(!err || err == -EAGAIN);
	} while (err);
	while (len < 1 << 19 && (err = (int)take_some(fd, all + len, 65536)))
		len += (size_t)err;
	for (line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned number = UINT_MAX;

		assert_int_equal(sscanf(line, "{\"n\":%u,", &number), 1);
		assert_int_equal(number, n++);
		assert_int_equal(line[strlen(line) - 1], '}');
	}
	assert_int_equal(n, 40);
	close(fd);
	free(all);
	free(path);
}

/* The next reader begins with a whole line. */
static void pipes_change_readers(void **state)
{
	struct place *p = *state;
	char *path = strdup(path_of(p, "fifo")), text[64] = "";
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(log_target_open(&p->t, path, 0, 4), 0);
	put_lines(p, 1, 100000);
	assert_int_equal(log_target_write(&p->t, p->q), -EAGAIN);
	assert_true(p->t.at > 0);
	close(fd);
	assert_int_equal(log_target_write(&p->t, p->q), -EPIPE);
	assert_int_equal(log_target_reopen(&p->t), -ENXIO);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(log_target_reopen(&p->t), 0);
	assert_int_equal(log_target_write(&p->t, p->q), -EAGAIN);
	assert_int_equal(read(fd, text, 14), 14);
	assert_string_equal(text, "{\"n\":0,\"pad\":\"");
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_true(log_target_moved(&p->t));
	assert_int_equal(log_target_reopen(&p->t), -ENOENT); /* a file is no pipe */
	free(path);
}

/* --- sockets */

struct daemon {
	int fd;
	char *bytes;
};

static struct daemon listen_at(struct place *p)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct daemon d = {socket(AF_UNIX, SOCK_DGRAM, 0), calloc(1, 8 << 20)};

	strcpy(at.sun_path, path_of(p, "socket"));
	assert_int_equal(bind(d.fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return d;
}

static void hang_up(struct place *p, struct daemon *d)
{
	close(d->fd);
	unlink(path_of(p, "socket"));
	free(d->bytes);
}

/* One message; its length, -1 when there is none. One that comes as a file must be sealed. */
static ssize_t take_message(struct daemon *d)
{
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec part = {d->bytes, 4 << 20};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	ssize_t n = recvmsg(d->fd, &m, MSG_DONTWAIT);
	int file;

	if (n != 0 || !CMSG_FIRSTHDR(&m))
		return n;
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(file));
	assert_int_equal(fcntl(file, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	n = pread(file, d->bytes, 8 << 20, 0);
	close(file);
	return n;
}

static void open_socket(struct place *p, const struct log_target_kind *kind, char *path)
{
	p->t = (struct log_target){.kind = kind, .path = path, .fd = -1};
	assert_int_equal(log_target_reopen(&p->t), 0);
}

static void syslog_gets_messages(void **state)
{
	struct place *p = *state;
	struct daemon d = listen_at(p);
	char *path = strdup(path_of(p, "socket"));

	open_socket(p, &log_target_syslog, path);
	put_lines(p, 1, 10);
	put_lines(p, 1, SYSLOG_MAX); /* would be cut */
	put_lines(p, 1, 10);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_true(take_message(&d) > 0);
	assert_memory_equal(d.bytes, "<28>", 4);
	assert_non_null(strstr(d.bytes, ": {\"n\":0,\"pad\":\"0000000000\"}"));
	memset(d.bytes, 0, 1024);
	assert_true(take_message(&d) > 0);
	assert_non_null(strstr(d.bytes, ": {\"n\":2,\"pad\":\"0000000000\",\"dropped_lines\":1}"));
	assert_int_equal(take_message(&d), -1);
	hang_up(p, &d);
	free(path);
}

/* Nothing is lost when it does not read, or goes away and comes back. */
static void daemons_come_and_go(void **state)
{
	struct place *p = *state;
	struct daemon d = listen_at(p);
	char *path = strdup(path_of(p, "socket"));
	unsigned n = 0;

	open_socket(p, &log_target_syslog, path);
	put_lines(p, 3000, 100);
	assert_int_equal(log_target_write(&p->t, p->q), -EAGAIN);
	while (n < 3000) {
		char wanted[32];

		log_target_write(&p->t, p->q);
		assert_true(take_message(&d) > 0);
		snprintf(wanted, sizeof(wanted), ": {\"n\":%u,", n++);
		assert_non_null(strstr(d.bytes, wanted));
	}
	hang_up(p, &d);
	put_lines(p, 1, 100);
	assert_int_equal(log_target_write(&p->t, p->q), -ECONNREFUSED);
	assert_int_equal(log_target_reopen(&p->t), -ENOENT);
	d = listen_at(p);
	assert_int_equal(log_target_reopen(&p->t), 0);
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_true(take_message(&d) > 0);
	assert_non_null(strstr(d.bytes, ": {\"n\":3000,"));
	hang_up(p, &d);
	free(path);
}

static void the_journal_gets_fields(void **state)
{
	static const char wanted[] = "MESSAGE=in words\nPRIORITY=4\nSYSLOG_IDENTIFIER=reqscope\n"
				     "REQSCOPE_JSON={\"n\":0,\"pad\":\"0000000000\"}\n";
	struct place *p = *state;
	struct daemon d = listen_at(p);
	char *path = strdup(path_of(p, "socket"));
	ssize_t n;

	open_socket(p, &log_target_journald, path);
	put_lines(p, 1, 10);
	put_lines(p, 1, 2 << 20); /* larger than any datagram: as a file */
	assert_int_equal(log_target_write(&p->t, p->q), 0);
	assert_int_equal(take_message(&d), sizeof(wanted) - 1);
	assert_memory_equal(d.bytes, wanted, sizeof(wanted) - 1);
	n = take_message(&d);
	assert_true(n > 2 << 20);
	assert_memory_equal(d.bytes, wanted, 70);
	assert_memory_equal(d.bytes + n - 4, "0\"}\n", 4);
	hang_up(p, &d);
	free(path);
}

#define PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE(files_are_appended_to),	  PLACE(files_are_rotated),
		PLACE(rotation_may_fail),	  PLACE(full_files_end_with_a_line),
		PLACE(files_are_noticed_to_move), PLACE(files_may_be_cut),
		PLACE(what_cannot_be_opened),	  PLACE(half_a_line_is_ended),
		PLACE(pipes_get_whole_lines),	  PLACE(pipes_change_readers),
		PLACE(syslog_gets_messages),	  PLACE(daemons_come_and_go),
		PLACE(the_journal_gets_fields),
	};

	return cmocka_run_group_tests_name("log_target", tests, NULL, NULL);
}
