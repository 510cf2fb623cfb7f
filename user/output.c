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

static int open_file(const struct options *o)
{
	int fd = open(o->output, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 || errno != EEXIST || !o->force)
		return fd;
	fd = open(o->output, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && (fchmod(fd, 0600) || ftruncate(fd, 0))) {
		close(fd);
		return -1;
	}
	return fd;
}

FILE *output_open(const struct options *o, int *code)
{
	FILE *f;
	int fd;

	if (!o->output || !strcmp(o->output, "-"))
		return stdout;
	fd = open_file(o);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f)
		return f;
	if (errno == EEXIST)
		fprintf(stderr, "reqscope: %s exists; --force replaces it\n", o->output);
	else if (errno == ELOOP)
		fprintf(stderr, "reqscope: %s is a symbolic link, which is never followed\n", o->output);
	else
		fprintf(stderr, "reqscope: cannot write %s: %s\n", o->output, strerror(errno));
	*code = errno == EEXIST || errno == ELOOP ? EXIT_USAGE : EXIT_RUNTIME;
	if (fd >= 0)
		close(fd);
	return NULL;
}

bool output_broken(FILE *f)
{
	return fflush(f) || ferror(f);
}

int output_close(FILE *f, const struct options *o)
{
	int err = 0;

	errno = 0;
	if (fflush(f) || ferror(f))
		err = errno ? errno : EIO;
	if (f != stdout && fclose(f) && !err)
		err = errno;
	if (!err || err == EPIPE)
		return EXIT_DONE;
	fprintf(stderr, "reqscope: cannot write %s: %s\n", o->output ? o->output : "the output",
		strerror(err));
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
