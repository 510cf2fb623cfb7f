// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recorder_ring.c - the folder of a flight recorder: files named by number and time, the oldest
 * deleted when the time or the size that was asked for is exceeded.
 *
 * Ages are counted on the monotonic clock, so that a wall clock that is set does not delete the
 * past. Only for files of runs before this one there is nothing but the wall clock, once, at the
 * start.
 */
#include "recorder_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "replay.h"
#include "safe_open.h"

#define NUMBER_MAX 99999999u

static int fail(const struct ring *r, const char *what, int error)
{
	fprintf(stderr, "reqscope: %s %s: %s\n", what, r->path, strerror(error));
	return EXIT_RUNTIME;
}

/* --- the folder */

static int open_folder(struct ring *r)
{
	char why[SAFE_WHY_MAX];

	r->dir = safe_open_folder(r->path, why);
	if (r->dir >= 0)
		return 0;
	if (*why)
		fprintf(stderr, "reqscope: the folder %s is not safe to record into: %s; name another\n",
			r->path, why);
	else if (r->dir == -ELOOP)
		fprintf(stderr, "reqscope: %s is a symbolic link, which is never followed\n",
			r->path);
	else if (r->dir == -ENOTDIR)
		fprintf(stderr,
			"reqscope: %s is no folder: with --keep, -o names the folder of the ring\n",
			r->path);
	else
		return fail(r, "cannot open", -r->dir);
	return EXIT_USAGE;
}

static int lock_folder(struct ring *r)
{
	r->lock = openat(r->dir, RING_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->lock < 0)
		return fail(r, "cannot write into", errno);
	if (!flock(r->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return fail(r, "cannot lock", errno);
	fprintf(stderr, "reqscope: another recorder writes into %s; name another folder\n",
		r->path);
	return EXIT_USAGE;
}

/* What it takes on disk, and at least what it will. */
static uint64_t size_of(const struct stat *st)
{
	uint64_t there = (uint64_t)st->st_blocks * 512,
		 whole = ((uint64_t)st->st_size + 4095) & ~4095ULL;

	return there > whole ? there : whole;
}

static struct ring_file *add_file(struct ring *r)
{
	if (r->n == r->cap) {
		uint32_t cap = r->cap ? 2 * r->cap : 32;
		struct ring_file *files = realloc(r->files, cap * sizeof(*files));

		if (!files)
			return NULL;
		r->files = files;
		r->cap = cap;
	}
	r->files[r->n] = (struct ring_file){};
	return &r->files[r->n++];
}

static uint64_t wall_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int look_at(struct ring *r, const char *name, uint64_t wall)
{
	struct ring_file *f;
	struct stat st;
	uint32_t number;
	uint64_t time;

	if (!replay_file_name(name, &number, &time))
		return 0;
	if (fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return 0;
	f = add_file(r);
	if (!f)
		return -ENOMEM;
	memcpy(f->name, name, strlen(name) + 1); /* it is as long as the pattern */
	f->number = number;
	f->size = size_of(&st);
	time *= 1000000000u;
	f->age = wall > time ? wall - time : 0;
	r->next = number >= r->next ? number + 1 : r->next;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct ring_file *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int look_around(struct ring *r)
{
	uint64_t wall = wall_now();
	DIR *d = fdopendir(dup(r->dir));
	struct dirent *e;
	int err = 0;

	if (!d)
		return fail(r, "cannot read", errno);
	while (!err && (e = readdir(d)))
		err = look_at(r, e->d_name, wall);
	closedir(d);
	if (err)
		return fail(r, "cannot read", -err);
	if (r->n)
		qsort(r->files, r->n, sizeof(*r->files), by_number);
	return 0;
}

int ring_open(struct ring *r, const struct options *o, uint64_t now)
{
	int code;

	*r = (struct ring){.path = o->output,
			   .dir = -1,
			   .lock = -1,
			   .keep = o->keep,
			   .max_size = o->max_size,
			   .started = now,
			   .next = 1};
	code = open_folder(r);
	if (!code)
		code = lock_folder(r);
	return code ? code : look_around(r);
}

void ring_close(struct ring *r)
{
	if (r->lock >= 0)
		close(r->lock);
	if (r->dir >= 0)
		close(r->dir);
	free(r->files);
}

/* --- files */

int ring_begin(struct ring *r, uint64_t now)
{
	time_t wall = (time_t)(wall_now() / 1000000000u);
	struct ring_file *f;
	char time[24];
	struct tm tm;
	int fd;

	if (r->next > NUMBER_MAX)
		return -EOVERFLOW;
	f = add_file(r);
	if (!f)
		return -ENOMEM;
	gmtime_r(&wall, &tm);
	strftime(time, sizeof(time), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(f->name, sizeof(f->name), RING_NAME, r->next, time);
	fd = openat(r->dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		fd = -errno;
		r->n--;
		return fd;
	}
	f->number = r->next++;
	f->born = now - r->started;
	return fd;
}

void ring_measure(struct ring *r, int fd)
{
	struct stat st;

	if (!fstat(fd, &st))
		r->files[r->n - 1].size = size_of(&st);
}

static uint64_t share(uint64_t whole, uint64_t least)
{
	return whole / RING_SHARES > least ? whole / RING_SHARES : least;
}

bool ring_full(const struct ring *r, uint64_t now)
{
	const struct ring_file *f = &r->files[r->n - 1];

	if (r->max_size && f->size >= share(r->max_size, RING_FILE_MIN))
		return true;
	return r->keep && now - r->started - f->born >= share(r->keep, 1000000000u);
}

/* How long ago it was begun. */
static uint64_t age_of(const struct ring *r, const struct ring_file *f, uint64_t now)
{
	return now - r->started - f->born + f->age;
}

/* A file holds what came until the next one was begun. */
static bool too_old(const struct ring *r, uint64_t now)
{
	return r->keep && age_of(r, &r->files[1], now) > r->keep;
}

static bool too_large(const struct ring *r, uint64_t n)
{
	for (uint32_t i = 0; i < r->n; i++)
		n += r->files[i].size;
	return r->max_size && n > r->max_size;
}

void ring_trim(struct ring *r, uint64_t now, uint64_t n)
{
	while (r->n > 1 && (too_old(r, now) || too_large(r, n))) {
		if (unlinkat(r->dir, r->files[0].name, 0) && errno != ENOENT)
			return; /* it is tried again with the next block */
		memmove(r->files, r->files + 1, --r->n * sizeof(*r->files));
	}
}
