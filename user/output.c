// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "lib/units.h"
#include "safe_open.h"

static bool is_regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static int open_file(const struct options *o, char why[SAFE_WHY_MAX])
{
	int flags = O_WRONLY | (o->force ? O_NONBLOCK : O_CREAT | O_EXCL);
	int fd = safe_open(o->output, flags, SAFE_REPLACE, why);

	if (fd == -ENOENT && o->force)
		return safe_open(o->output, O_WRONLY | O_CREAT | O_EXCL, SAFE_REPLACE, why);
	/* a device or a pipe is somebody else's: it is written to, its mode stays */
	if (fd >= 0 && is_regular(fd) && (fchmod(fd, 0600) || ftruncate(fd, 0))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int cannot_open(const char *name, int error, const char *why)
{
	if (error == EEXIST)
		fprintf(stderr, "reqscope: %s exists; --force replaces it\n", name);
	else if (error == ELOOP)
		fprintf(stderr, "reqscope: %s is a symbolic link, which is never followed\n", name);
	else if (*why)
		fprintf(stderr, "reqscope: %s is not safe to write: %s; name another file\n", name,
			why);
	else
		fprintf(stderr, "reqscope: cannot write %s: %s\n", name, strerror(error));
	return error == EEXIST || error == ELOOP || *why ? EXIT_USAGE : EXIT_RUNTIME;
}

#define PATIENCE_MS 1000 /* with a reader that is slow, once the run is to end */

/* Waits for room; a pipe that is writable has room for PIPE_BUF. */
static bool has_room(const struct output *out)
{
	struct pollfd fds[] = {{STDOUT_FILENO, POLLOUT, 0}, {out->until, POLLIN, 0}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return true; /* write() will say what it is */
	return fds[0].revents || poll(fds, 1, PATIENCE_MS);
}

/* Returns less than n when it has failed: stdio asks for that, and does not keep errno. */
static ssize_t write_waiting(void *cookie, const char *data, size_t n)
{
	struct output *out = cookie;
	size_t done = 0;

	while (done < n && !out->error) {
		size_t part = n - done < PIPE_BUF ? n - done : PIPE_BUF;
		ssize_t written;

		if (!has_room(out)) {
			out->error = EAGAIN;
			break;
		}
		written = write(STDOUT_FILENO, data + done, part);
		if (written >= 0)
			done += written;
		else if (errno != EINTR && errno != EAGAIN)
			out->error = errno;
	}
	return done;
}

void output_until(struct output *out, int fd)
{
	cookie_io_functions_t io = {.write = write_waiting};
	FILE *f;

	if (out->f != stdout || is_regular(STDOUT_FILENO))
		return;
	f = fopencookie(out, "w", io);
	if (!f)
		return; /* it can be waited for in vain, that is all */
	out->until = fd;
	out->f = f;
}

int output_open(struct output *out, const struct options *o)
{
	char why[SAFE_WHY_MAX] = "";
	int fd;

	*out = (struct output){.f = stdout, .name = "standard output", .until = -1};
	if (!o->output || !strcmp(o->output, "-"))
		return 0;
	out->name = o->output;
	fd = open_file(o, why);
	out->f = fd >= 0 ? fdopen(fd, "w") : NULL;
	return out->f ? 0 : cannot_open(o->output, fd < 0 ? -fd : errno, why);
}

bool output_broken(struct output *out)
{
	errno = 0;
	if ((fflush(out->f) || ferror(out->f)) && !out->error)
		out->error = errno ? errno : EIO;
	return out->error;
}

int output_close(struct output *out)
{
	if (!out->f)
		return EXIT_DONE;
	output_broken(out);
	errno = 0;
	if (out->f != stdout && fclose(out->f) && !out->error)
		out->error = errno;
	out->f = NULL;
	if (!out->error || out->error == EPIPE)
		return EXIT_DONE;
	fprintf(stderr, "reqscope: cannot write %s: %s\n", out->name,
		out->error == EAGAIN ? "nobody reads it" : strerror(out->error));
	return EXIT_RUNTIME;
}

void output_terminal(FILE *f, struct term_options *t)
{
	const char *columns = getenv("COLUMNS"), *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	int fd = fileno(f) < 0 ? STDOUT_FILENO : fileno(f); /* output_until() */
	bool tty = isatty(fd);
	struct winsize w = {};
	uint64_t n;

	*t = (struct term_options){.columns = 80};
	if (tty && !ioctl(fd, TIOCGWINSZ, &w) && w.ws_col)
		t->columns = w.ws_col;
	else if (columns && !units_parse_u64(columns, 20, 1000, &n))
		t->columns = n;
	if (tty)
		t->lines = 0;
	t->colour = tty && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	t->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}
