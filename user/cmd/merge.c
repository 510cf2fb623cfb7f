// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge.c - summaries of several workers, hosts or times become one.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/merge.h"
#include "../core/summary_read.h"
#include "../exit.h"
#include "../lib/escape.h"
#include "../output.h"

#define MAX_BYTES (UINT64_C(256) << 20) /* of one file */

struct text {
	char *p;
	size_t n, cap;
};

struct source {
	const char *arg;
	char name[128]; /* printable */
	dev_t dev;
	ino_t ino;
};

static void refuse(const struct source *src, const char *why)
{
	fprintf(stderr, "reqscope: cannot merge %s: %s\n", src->name, why);
}

/* --- reading */

static int grow(struct text *t)
{
	size_t cap = t->cap ? t->cap * 2 : 65536;
	char *p = realloc(t->p, cap);

	if (!p)
		return -ENOMEM;
	t->p = p;
	t->cap = cap;
	return 0;
}

static int read_all(int fd, struct text *t)
{
	for (;;) {
		ssize_t n;

		if (t->n == t->cap && grow(t))
			return -ENOMEM;
		n = read(fd, t->p + t->n, t->cap - t->n);
		if (!n)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		t->n += n > 0 ? (size_t)n : 0;
		if (t->n > MAX_BYTES)
			return -EFBIG;
	}
}

/* The same file by another name is the same file. Pipes are as many files as there are. */
static bool is_again(const struct source *src, const struct source *sources)
{
	for (const struct source *s = sources; s < src; s++)
		if (!strcmp(s->arg, src->arg) ||
		    (src->ino && s->dev == src->dev && s->ino == src->ino))
			return true;
	return false;
}

static int open_source(struct source *src, const char *arg, const struct source *sources)
{
	bool standard = !strcmp(arg, "-");
	struct stat st;
	int fd = standard ? dup(STDIN_FILENO) : open(arg, O_RDONLY | O_CLOEXEC);

	src->arg = arg;
	escape_text(src->name, sizeof(src->name), standard ? "standard input" : arg,
		    strlen(standard ? "standard input" : arg), 100);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		src->dev = st.st_dev;
		src->ino = st.st_ino;
	}
	if (!is_again(src, sources))
		return fd;
	close(fd);
	return -EALREADY;
}

static int cannot_read(const struct source *src, int err)
{
	if (err == -EALREADY)
		refuse(src, "given twice: its requests would count twice");
	else if (err == -EFBIG)
		refuse(src, "larger than 256 MiB; expected summaries in JSON");
	else
		fprintf(stderr, "reqscope: cannot read %s: %s\n", src->name, strerror(-err));
	return err == -EALREADY || err == -EFBIG || err == -ENOENT || err == -EISDIR ? EXIT_USAGE
										     : EXIT_RUNTIME;
}

/* --- adding */

static int add_one(struct merge *m, const struct source *src, unsigned i, struct summary *s)
{
	struct merge_error e;
	char label[160];
	int err;

	snprintf(label, sizeof(label), i > 1 ? "%s (object %u)" : "%s", src->name, i);
	err = merge_add(m, s, label, &e);
	if (err)
		fprintf(stderr, "reqscope: cannot merge: %s\n", e.text);
	return err;
}

/* All objects of one file. */
static int add_text(struct merge *m, const struct source *src, const struct text *t)
{
	const char *p = t->p, *end = t->p + t->n;
	struct summary_read_error e;
	struct summary *s;
	char why[400];
	unsigned i = 0;
	int got;

	while ((got = summary_read_next(&p, end, merge_router(m), &s, &e)) > 0) {
		int err = add_one(m, src, ++i, s);

		summary_read_free(s);
		if (err)
			return err;
	}
	if (!got && i)
		return 0;
	if (!got)
		refuse(src, "nothing in it; expected what summary --format json prints");
	else if (i)
		snprintf(why, sizeof(why), "object %u: %s", i + 1, e.text);
	else
		snprintf(why, sizeof(why), "%s", e.text);
	if (got)
		refuse(src, why);
	return got ? got : -EINVAL;
}

static int add_file(struct merge *m, struct source *src, const char *arg,
		    const struct source *sources)
{
	struct text t = {};
	int fd = open_source(src, arg, sources), err;

	if (fd < 0)
		return cannot_read(src, fd);
	err = read_all(fd, &t);
	close(fd);
	if (err)
		err = cannot_read(src, err);
	else
		err = exit_of(add_text(m, src, &t));
	free(t.p);
	return err;
}

static int print(struct merge *m, const struct options *o)
{
	const struct summary *s = merge_finish(m, &o->rules);
	struct term_options term;
	struct output out = {};
	int code;

	if (!s) {
		fprintf(stderr, "reqscope: out of memory\n");
		return EXIT_RUNTIME;
	}
	code = output_open(&out, o);
	if (code)
		return code;
	if (o->format == FORMAT_JSON) {
		sink_summary_json(out.f, s);
	} else {
		output_terminal(out.f, &term);
		sink_summary_text(out.f, s, &term);
	}
	return output_close(&out);
}

int cmd_merge(const struct options *o)
{
	struct source sources[OPTIONS_MAX_ARGS] = {};
	struct merge *m = merge_new();
	int code = m ? 0 : EXIT_RUNTIME;

	if (!m)
		fprintf(stderr, "reqscope: out of memory\n");
	for (uint32_t i = 0; !code && i < o->n_args; i++)
		code = add_file(m, &sources[i], o->args[i], sources);
	if (!code)
		code = print(m, o);
	merge_free(m);
	return code;
}
