// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "recorder_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/recfile.h"
#include "exit.h"
#include "lib/units.h"
#include "output.h"

#define TAKE_AT	   (256u << 10)	  /* bytes that wait: a block is closed then, if not every second */
#define STATE_NS   1000000000ULL  /* a state costs a census */
#define STATE_RING 10000000000ULL /* the same of a ring, which is to cost little */
#define JUMP_NS	   50000000	  /* the wall clock was set when it differs by more than that */

struct recorder {
	const struct options *o;
	bool is_ring;
	struct ring ring;
	struct output out; /* the one file */
	int fd;		   /* -1: a ring's next file is to begin */
	uint64_t at;	   /* bytes of it that are written */
	struct recfile_writer *writer;
	struct recfile_head head;
	int64_t wall_offset;
	uint64_t next_state;
	uint64_t requests, pending; /* that ended: in what is written, and since */
	uint64_t bytes, lost; /* lost: requests that ended in blocks that could not be written */
	int error;	      /* errno of the write that failed; 0: the last one went well */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- opening */

/* Which clock the stamps are of. All zero when it is not told: then it is taken for one boot. */
static void read_boot(uint8_t boot[16])
{
	char text[40] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC), n = 0;

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) <= 0)
		*text = '\0';
	if (fd >= 0)
		close(fd);
	for (const char *p = text; *p && n < 32; p++) {
		int v = *p >= '0' && *p <= '9'	 ? *p - '0'
			: *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
						 : -1;

		if (v < 0)
			continue;
		boot[n / 2] = (uint8_t)(boot[n / 2] << 4 | v);
		n++;
	}
}

int recorder_check(const struct options *o)
{
	const char *wrong = NULL;

	if (!o->output || !strcmp(o->output, "-") || !*o->output)
		wrong = "'record' wants -o FILE, or with --keep -o FOLDER: a recording is no text "
			"for a screen";
	else if (o->max_size && !o->keep)
		wrong = "--max-size bounds the ring of --keep; say --keep, too";
	else if (o->max_size && o->max_size < 4 * RING_FILE_MIN)
		wrong = "--max-size wants 4M or more: the ring goes by files of 1M";
	else if (o->keep && o->keep < 10000000000ULL)
		wrong = "--keep wants 10 seconds or more, such as 30m or 24h";
	if (!wrong)
		return 0;
	fprintf(stderr, "reqscope: %s\nTry 'reqscope record --help'.\n", wrong);
	return EXIT_USAGE;
}

static int open_target(struct recorder *rec, uint64_t now)
{
	int code;

	if (rec->is_ring)
		return ring_open(&rec->ring, rec->o, now);
	code = output_open(&rec->out, rec->o);
	if (!code)
		rec->fd = fileno(rec->out.f);
	return code;
}

int recorder_open(struct recorder **out, const struct options *o, int64_t wall_offset)
{
	struct recorder *rec = calloc(1, sizeof(*rec));
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	*out = rec;
	if (rec) {
		*rec = (struct recorder){.o = o,
					 .is_ring = o->keep,
					 .fd = -1,
					 .ring = {.dir = -1, .lock = -1},
					 .wall_offset = wall_offset};
		rec->writer = recfile_writer_new(wall_offset);
	}
	if (!rec || !rec->writer) {
		fprintf(stderr, "reqscope: out of memory\n");
		return EXIT_RUNTIME;
	}
	read_boot(rec->head.boot);
	rec->head.run = clock_ns(CLOCK_REALTIME) ^ ((uint64_t)getpid() << 40);
	return open_target(rec, now);
}

/* --- writing */

/* All of it at `at`, or a negative errno. One call: a block is whole, or it is not there. */
static int write_all(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t k = pwrite(fd, p, n, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		p += k;
		at += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

static void end_file(struct recorder *rec)
{
	if (rec->fd >= 0 && rec->is_ring)
		close(rec->fd);
	rec->fd = -1;
	rec->at = 0;
}

/* Half a block must not stay: a reader would take it for damage. */
static int put(struct recorder *rec, const void *bytes, size_t n, uint64_t now)
{
	int err;

	if (rec->is_ring)
		ring_trim(&rec->ring, now, n);
	if (rec->fd < 0)
		rec->fd = ring_begin(&rec->ring, now);
	if (rec->fd < 0) {
		err = rec->fd;
		rec->fd = -1;
		return err;
	}
	err = write_all(rec->fd, bytes, n, rec->at);
	if (err && ftruncate(rec->fd, (off_t)rec->at) && rec->is_ring)
		end_file(rec);
	if (!err)
		rec->at += n;
	if (rec->is_ring && rec->fd >= 0)
		ring_measure(&rec->ring, rec->fd);
	return err;
}

static void account(struct recorder *rec, int err, size_t n)
{
	const char *where = rec->o->output;

	if (err && !rec->error && rec->is_ring)
		fprintf(stderr,
			"reqscope: cannot write into %s: %s; tracing goes on, what comes now is "
			"not "
			"recorded until that is mended\n",
			where, strerror(-err));
	if (!err && rec->error)
		fprintf(stderr,
			"reqscope: recording into %s again; %" PRIu64 " requests are not in it\n",
			where, rec->lost);
	rec->error = -err;
	if (err) {
		rec->lost += rec->pending;
		recfile_repeat(rec->writer);
	} else {
		rec->requests += rec->pending;
		rec->bytes += n;
	}
	rec->pending = 0;
}

static void take(struct recorder *rec, uint64_t now)
{
	const void *bytes;
	size_t n;
	int err;

	if (recorder_failed(rec))
		return;
	if (rec->fd < 0 || !rec->at) {
		rec->head.created = clock_ns(CLOCK_REALTIME);
		recfile_set_head(rec->writer, &rec->head);
		recfile_new_file(rec->writer);
	}
	err = recfile_take(rec->writer, &bytes, &n);
	if (!err && n)
		err = put(rec, bytes, n, now);
	if (err || n)
		account(rec, err, n);
}

/* A clock that was set: from here on the stamps belong to another wall time. */
static void look_at_wall(struct recorder *rec)
{
	int64_t offset = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	int64_t by = offset - rec->wall_offset;

	if (by > -JUMP_NS && by < JUMP_NS)
		return;
	fprintf(stderr, "reqscope: the wall clock was set by %+.3f s\n", (double)by / 1e9);
	rec->wall_offset = offset;
	recfile_set_wall(rec->writer, offset);
}

void recorder_flush(struct recorder *rec, uint64_t now)
{
	take(rec, now);
	look_at_wall(rec);
	if (!rec->is_ring)
		return;
	ring_trim(&rec->ring, now, 0);
	if (rec->fd >= 0 && ring_full(&rec->ring, now)) {
		end_file(rec);
		rec->next_state = 0; /* each file begins with a state */
	}
}

/* --- facts */

static void enough(struct recorder *rec)
{
	if (recfile_pending(rec->writer) >= TAKE_AT)
		take(rec, clock_ns(CLOCK_MONOTONIC));
}

void recorder_begin(struct recorder *rec, const struct request *r)
{
	recfile_begin(rec->writer, r);
	enough(rec);
}

void recorder_end(struct recorder *rec, const struct request *r)
{
	recfile_end(rec->writer, r);
	rec->pending++;
	enough(rec);
}

void recorder_retract(struct recorder *rec, const struct request *r)
{
	recfile_retract(rec->writer, r);
}

void recorder_stuck(struct recorder *rec, const struct request *r, uint64_t now, const char *where)
{
	recfile_stuck(rec->writer, r, now, where);
	enough(rec);
}

void recorder_stall(struct recorder *rec, const struct stall *stall)
{
	recfile_stall(rec->writer, stall);
	enough(rec);
}

void recorder_background(struct recorder *rec, const struct site *site)
{
	recfile_background(rec->writer, site, clock_ns(CLOCK_MONOTONIC));
	enough(rec);
}

void recorder_loop(struct recorder *rec, const struct loop_time *delta)
{
	recfile_loop(rec->writer, delta, clock_ns(CLOCK_MONOTONIC));
	enough(rec);
}

bool recorder_due(const struct recorder *rec, uint64_t now)
{
	return now >= rec->next_state;
}

void recorder_state(struct recorder *rec, const struct summary *s)
{
	recfile_state(rec->writer, s);
	rec->next_state = s->now + (rec->is_ring ? STATE_RING : STATE_NS);
	enough(rec);
}

bool recorder_failed(const struct recorder *rec)
{
	return rec->error && !rec->is_ring;
}

/* --- the end */

static void say_kept(const struct recorder *rec)
{
	char size[UNITS_MAX], each[64] = "", lost[64] = "";

	if (rec->requests)
		snprintf(each, sizeof(each), ", %.1f bytes a request",
			 (double)rec->bytes / (double)rec->requests);
	if (rec->lost)
		snprintf(lost, sizeof(lost), "; %" PRIu64 " could not be written", rec->lost);
	fprintf(stderr, "reqscope: recorded %" PRIu64 " requests into %s: %s%s%s\n", rec->requests,
		rec->o->output, units_bytes(size, sizeof(size), rec->bytes), each, lost);
}

static int finish(struct recorder *rec)
{
	take(rec, clock_ns(CLOCK_MONOTONIC));
	if (recorder_failed(rec))
		fprintf(stderr, "reqscope: cannot write %s: %s; it holds what came before\n",
			rec->o->output, strerror(rec->error));
	say_kept(rec);
	return rec->lost || rec->error ? EXIT_RUNTIME : EXIT_DONE;
}

int recorder_close(struct recorder *rec)
{
	bool begun = rec && (rec->fd >= 0 || rec->ring.lock >= 0);
	int code = EXIT_DONE, closed;

	if (!rec)
		return EXIT_DONE;
	if (begun)
		code = finish(rec);
	if (rec->is_ring) {
		end_file(rec);
		ring_close(&rec->ring);
	}
	closed = output_close(&rec->out);
	recfile_writer_free(rec->writer);
	free(rec);
	return code ? code : closed;
}
