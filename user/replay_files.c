// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_files.c - the files of a recording: found, looked through by the heads of their blocks,
 * read block by block. They are read, not mapped: one that is cut while it is mapped would kill us.
 */
#include "replay_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"

#define MAX_WALLS 4096 /* the clock is set that often at most; the rest is as the last */

/* --- names */

static bool all_digits(const char *s, size_t n)
{
	return strspn(s, "0123456789") >= n;
}

bool replay_file_name(const char *name, uint32_t *number, uint64_t *time)
{
	static const char pattern[] = "reqscope-########-########T######Z.rec";
	struct tm tm = {};

	if (strlen(name) != sizeof(pattern) - 1)
		return false;
	for (size_t i = 0; pattern[i]; i++)
		if (pattern[i] == '#' ? !all_digits(name + i, 1) : pattern[i] != name[i])
			return false;
	if (number)
		*number = (uint32_t)strtoul(name + 9, NULL, 10);
	if (!strptime(name + 18, "%Y%m%dT%H%M%SZ", &tm))
		return false;
	if (time)
		*time = (uint64_t)timegm(&tm);
	return true;
}

/* --- reading */

/* All n bytes, or how many there were. */
static ssize_t read_at(int fd, void *buf, size_t n, uint64_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, (char *)buf + got, n - got, (off_t)(at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (!k)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

/* Not a device and not a pipe, which would block or never end. */
static int open_regular(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static void shift_block(struct recfile_block *b, const struct replay_file *f)
{
	b->first += f->shift;
	b->last += f->shift;
	b->wall_offset = (int64_t)((uint64_t)b->wall_offset - f->shift);
}

static int truncated(struct replay_file *f, uint64_t at, uint64_t have, uint64_t want)
{
	f->damage.damaged = true;
	f->damage.offset = at;
	snprintf(f->damage.text, sizeof(f->damage.text),
		 "it ends within a block, of which %" PRIu64 " of %" PRIu64 " bytes are there",
		 have, want);
	return 0;
}

/* Whether the block at `at` is there to its end; size: of the file. */
static bool is_whole(struct replay_file *f, const struct recfile_block *b, uint64_t at,
		     uint64_t size)
{
	uint64_t want = RECFILE_BLOCK_SIZE + (uint64_t)b->packed;

	if (size - at >= want)
		return true;
	truncated(f, at, size - at, want);
	return false;
}

static int each_block(struct replay *r, struct replay_file *f, int fd, uint64_t at, uint64_t size,
		      replay_block block)
{
	uint8_t bytes[RECFILE_BLOCK_SIZE];
	struct recfile_damage damage;
	struct recfile_block b;
	int ret = 0;

	while (!ret && at < size) {
		ssize_t n = read_at(fd, bytes, sizeof(bytes), at);

		if (n < 0)
			return (int)n;
		if ((size_t)n < sizeof(bytes))
			return truncated(f, at, (uint64_t)n, sizeof(bytes));
		if (recfile_block_read(bytes, &b, &damage)) {
			f->damage = damage;
			f->damage.offset = at;
			return 0;
		}
		if (!is_whole(f, &b, at, size))
			return 0;
		shift_block(&b, f);
		ret = block(r, f, fd, &b, at + RECFILE_BLOCK_SIZE);
		at += RECFILE_BLOCK_SIZE + (uint64_t)b.packed;
		f->end = !ret && at > f->end ? at : f->end;
	}
	return ret;
}

/* The end that was found in the look before bounds it: the recorder may be writing. */
int replay_blocks(struct replay *r, struct replay_file *f, uint64_t at, replay_block block)
{
	int fd = open_regular(f->path, 0), ret;

	if (fd < 0) { /* a ring's oldest file goes at any time */
		fprintf(stderr, "reqscope: %s: %s\n", f->path, strerror(-fd));
		return 0;
	}
	ret = each_block(r, f, fd, at, f->end, block);
	close(fd);
	return ret;
}

static void tell(struct replay_file *f)
{
	if (!f->damage.damaged || f->told)
		return;
	fprintf(stderr,
		"reqscope: %s: damaged at offset %" PRIu64 ": %s; what comes before it is used\n",
		f->path, f->damage.offset, f->damage.text);
	f->told = true;
}

int replay_facts(struct replay *r, struct replay_file *f, int fd, const struct recfile_block *b,
		 uint64_t at, const struct recfile_sink *sink)
{
	struct recfile_block as_written = *b;
	struct recfile_damage damage;
	ssize_t n = read_at(fd, r->packed, b->packed, at);
	int err;

	if (n < 0)
		return (int)n;
	as_written.first -= f->shift;
	as_written.last -= f->shift;
	if ((size_t)n < b->packed) {
		truncated(f, at - RECFILE_BLOCK_SIZE, (uint64_t)n, b->packed);
	} else {
		err = recfile_reader_block(r->reader, &as_written, r->packed, f->shift, sink,
					   &damage);
		if (err != -EINVAL)
			return err;
		f->damage = damage;
		f->damage.offset = at - RECFILE_BLOCK_SIZE;
	}
	f->end = f->damage.offset;
	f->told = false;
	tell(f);
	return -EILSEQ;
}

/* --- looking through */

static int add_wall(struct replay *r, uint64_t first, int64_t offset)
{
	if (r->n_walls && (r->walls[r->n_walls - 1].offset == offset || r->n_walls == MAX_WALLS))
		return 0;
	if (r->n_walls == r->cap_walls) {
		uint32_t cap = r->cap_walls ? 2 * r->cap_walls : 8;
		struct replay_wall *walls = realloc(r->walls, cap * sizeof(*walls));

		if (!walls)
			return -ENOMEM;
		r->walls = walls;
		r->cap_walls = cap;
	}
	r->walls[r->n_walls++] = (struct replay_wall){first, offset};
	return 0;
}

static int look_at_block(struct replay *r, struct replay_file *f, int fd,
			 const struct recfile_block *b, uint64_t at)
{
	(void)r;
	(void)fd;
	(void)at;
	if (!f->blocks || b->first < f->first)
		f->first = b->first;
	if (b->last > f->last)
		f->last = b->last;
	f->wall_offset = b->wall_offset;
	f->blocks++;
	return 0;
}

static int note_wall(struct replay *r, struct replay_file *f, int fd, const struct recfile_block *b,
		     uint64_t at)
{
	(void)f;
	(void)fd;
	(void)at;
	return add_wall(r, b->first, b->wall_offset);
}

/* Reads the head of a file and those of its blocks. -EINVAL: no recording, damage says why. */
static int look_through(struct replay *r, struct replay_file *f, int flags)
{
	uint8_t head[RECFILE_HEAD_SIZE];
	int fd = open_regular(f->path, flags), ret;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd == -EINVAL ? -EISDIR : fd;
	n = read_at(fd, head, sizeof(head), 0);
	ret = n < 0 ? (int)n : recfile_head_read(head, (size_t)n, &f->head, &f->damage);
	if (!ret && fstat(fd, &st))
		ret = -errno;
	if (!ret)
		ret = each_block(r, f, fd, RECFILE_HEAD_SIZE, (uint64_t)st.st_size, look_at_block);
	close(fd);
	return ret;
}

static struct replay_file *add_file(struct replay *r, const char *folder, const char *name)
{
	struct replay_file *f;

	if (r->n_files == r->cap_files) {
		uint32_t cap = r->cap_files ? 2 * r->cap_files : 8;
		struct replay_file *files = realloc(r->files, cap * sizeof(*files));

		if (!files)
			return NULL;
		r->files = files;
		r->cap_files = cap;
	}
	f = &r->files[r->n_files];
	*f = (struct replay_file){};
	if (asprintf(&f->path, folder ? "%s/%s" : "%s%s", folder ? folder : "", name) < 0)
		return NULL;
	r->n_files++;
	return f;
}

static int no_memory(void)
{
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_RUNTIME;
}

static int cannot_read(const struct replay_file *f, int err)
{
	if (err == -ENOMEM)
		return no_memory();
	if (err == -EINVAL)
		fprintf(stderr, "reqscope: cannot read %s: %s\n", f->path, f->damage.text);
	else if (err == -EISDIR)
		fprintf(stderr, "reqscope: cannot read %s: it is no regular file\n", f->path);
	else
		fprintf(stderr, "reqscope: cannot read %s: %s\n", f->path, strerror(-err));
	return err == -EINVAL || err == -EISDIR || err == -ENOENT ? EXIT_USAGE : EXIT_RUNTIME;
}

static int find_one(struct replay *r, const char *path)
{
	struct replay_file *f = add_file(r, NULL, path);
	int err = f ? look_through(r, f, 0) : -ENOMEM;

	return err ? (f ? cannot_read(f, err) : no_memory()) : 0;
}

static int is_ours(const struct dirent *d)
{
	return replay_file_name(d->d_name, NULL, NULL);
}

/* A file of a folder that cannot be read is said and left out; the incident is in another, maybe.
 */
static int find_all(struct replay *r, const char *folder)
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_ours, alphasort), code = 0;

	if (n < 0) {
		fprintf(stderr, "reqscope: cannot read %s: %s\n", folder, strerror(errno));
		return errno == ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
	}
	for (int i = 0; i < n; i++) {
		struct replay_file *f = code ? NULL : add_file(r, folder, list[i]->d_name);
		int err = f ? look_through(r, f, O_NOFOLLOW) : -ENOMEM;

		free(list[i]);
		if (err == -ENOMEM)
			code = code ? code : no_memory();
		else if (err && err != -ENOENT)
			cannot_read(f, err);
		if (err && f)
			free(r->files[--r->n_files].path);
	}
	free(list);
	if (!code && !r->n_files) {
		fprintf(stderr,
			"reqscope: %s holds no recording: expected files such as "
			"reqscope-00000001-20260102T030405Z.rec\n",
			folder);
		code = EXIT_USAGE;
	}
	return code;
}

/*
 * Another boot's monotonic clock began anew. Its stamps are moved to where its wall clock says they
 * are, seen from the first file; and never before those of the file before, whatever that clock
 * did.
 */
static void place_boots(struct replay *r)
{
	struct replay_file *f = r->files, *last = NULL;

	for (uint32_t i = 0; i < r->n_files; i++) {
		uint64_t end = last ? last->last + last->shift : 0;

		if (!f[i].blocks)
			continue;
		if (last && !memcmp(f[i].head.boot, last->head.boot, sizeof(last->head.boot))) {
			f[i].shift = last->shift;
		} else if (last) {
			f[i].shift = (uint64_t)f[i].wall_offset -
				     ((uint64_t)last->wall_offset - last->shift);
			if ((int64_t)(f[i].first + f[i].shift - end) < 0)
				f[i].shift = end - f[i].first;
		}
		last = &f[i];
	}
}

static int find_span(struct replay *r)
{
	int err = 0;

	r->first = UINT64_MAX;
	for (uint32_t i = 0; i < r->n_files && !err; i++) {
		struct replay_file *f = &r->files[i];

		tell(f);
		if (!f->blocks)
			continue;
		r->first = f->first + f->shift < r->first ? f->first + f->shift : r->first;
		r->last = f->last + f->shift > r->last ? f->last + f->shift : r->last;
		err = replay_blocks(r, f, RECFILE_HEAD_SIZE, note_wall);
	}
	if (err)
		return no_memory();
	if (r->n_walls)
		return 0;
	fprintf(stderr, "reqscope: %s: the recording holds nothing\n", r->path);
	return EXIT_USAGE;
}

int replay_find(struct replay *r, const char *path)
{
	struct stat st;
	int code;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		code = find_all(r, path);
	else
		code = find_one(r, path);
	if (code)
		return code;
	place_boots(r);
	return find_span(r);
}

void replay_forget(struct replay *r)
{
	for (uint32_t i = 0; i < r->n_files; i++)
		free(r->files[i].path);
	free(r->files);
	free(r->walls);
}

/* --- what is written must not be what is read */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int replay_check_output(const struct options *o)
{
	const char *slash = o->output ? strrchr(o->output, '/') : NULL;
	const char *name = slash ? slash + 1 : o->output;
	char path[PATH_MAX];
	bool same = false;

	for (uint32_t i = 0; name && i < o->n_args && !same; i++) {
		snprintf(path, sizeof(path), "%s/%s", o->args[i], name); /* a ring's */
		same = same_file(o->args[i], o->output) || same_file(path, o->output);
	}
	if (!same)
		return 0;
	fprintf(stderr, "reqscope: %s is what is to be read; name another file for -o\n",
		o->output);
	return EXIT_USAGE;
}

/* --- is it one? */

bool replay_is_recording(const char *path)
{
	struct recfile_damage damage;
	struct recfile_head head;
	uint8_t bytes[RECFILE_HEAD_SIZE];
	struct dirent **list = NULL;
	struct stat st;
	ssize_t size;
	int fd, n;

	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		n = scandir(path, &list, is_ours, NULL);
		for (int i = 0; i < n; i++)
			free(list[i]);
		free(list);
		return n > 0;
	}
	fd = open_regular(path, 0);
	if (fd < 0)
		return false;
	size = read_at(fd, bytes, sizeof(bytes), 0);
	close(fd);
	return size >= 8 && (!recfile_head_read(bytes, (size_t)size, &head, &damage) ||
			     !memcmp(bytes, "\x89RSREC\r\n", 8));
}
