// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "lib/units.h"

static bool is_regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static int open_file(const struct options *o)
{
	int fd = open(o->output, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 || errno != EEXIST || !o->force)
		return fd;
	fd = open(o->output, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	/* a device or a pipe is somebody else's: it is written to, its mode stays */
	if (fd >= 0 && is_regular(fd) && (fchmod(fd, 0600) || ftruncate(fd, 0))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int cannot_open(const char *name, int error)
{
	if (error == EEXIST)
		fprintf(stderr, "reqscope: %s exists; --force replaces it\n", name);
	else if (error == ELOOP)
		fprintf(stderr, "reqscope: %s is a symbolic link, which is never followed\n", name);
	else
		fprintf(stderr, "reqscope: cannot write %s: %s\n", name, strerror(error));
	return error == EEXIST || error == ELOOP ? EXIT_USAGE : EXIT_RUNTIME;
}

int output_open(struct output *out, const struct options *o)
{
	int fd;

	*out = (struct output){.f = stdout, .name = "standard output"};
	if (!o->output || !strcmp(o->output, "-"))
		return 0;
	out->name = o->output;
	fd = open_file(o);
	out->f = fd >= 0 ? fdopen(fd, "w") : NULL;
	return out->f ? 0 : cannot_open(o->output, errno);
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
	fprintf(stderr, "reqscope: cannot write %s: %s\n", out->name, strerror(out->error));
	return EXIT_RUNTIME;
}

void output_terminal(FILE *f, struct term_options *t)
{
	const char *columns = getenv("COLUMNS"), *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool tty = isatty(fileno(f));
	struct winsize w = {};
	uint64_t n;

	*t = (struct term_options){.columns = 80};
	if (tty && !ioctl(fileno(f), TIOCGWINSZ, &w) && w.ws_col)
		t->columns = w.ws_col;
	else if (columns && !units_parse_u64(columns, 20, 1000, &n))
		t->columns = n;
	if (tty)
		t->lines = 0;
	t->colour = tty && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	t->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}
