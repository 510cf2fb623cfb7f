/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log_target.h - where the lines of a log go. Nothing here waits: what cannot be taken now stays in
 * the queue. Functions return 0 or a negative errno.
 *
 *   log_target.c  by name, and how lines get into whatever has a descriptor
 *   log_file.c    a file with rotation, a named pipe, a device; standard output
 *   log_socket.c  syslog and the journal
 */
#ifndef RS_LOG_TARGET_H
#define RS_LOG_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/lineq.h"
#include "safe_open.h"

struct log_target;

struct log_target_kind {
	const char *what; /* for messages; NULL: the name that the person gave */
	/* (Re)opens or (re)connects; there is no descriptor then. */
	int (*open)(struct log_target *t);
	/* Writes whole lines from the queue as far as they are taken: 0 all of them, -EAGAIN there
	   is no room now, else it is broken. */
	int (*write)(struct log_target *t, struct lineq *q);
	/* Once a second: whether it is what its name says; if not, it is to be opened again. NULL:
	   it always is. */
	bool (*moved)(const struct log_target *t);
	bool reopens; /* on SIGHUP */
	bool stays;   /* cannot be opened again: what there is goes on being tried */
	bool brief;   /* cuts what is long: a summary in few bytes, please */
};

/* Everything is private to the files above, but for kind and path. */
struct log_target {
	const struct log_target_kind *kind;
	const char *path;     /* the caller's; of syslog and the journal the socket's */
	int fd;		      /* -1: none */
	bool regular;	      /* a regular file */
	bool special;	      /* a pipe or a device: never made anew when it is gone */
	uint32_t at;	      /* bytes of the first line that are out already */
	uint64_t size;	      /* of a regular file */
	uint64_t max_size;    /* then it is rotated; 0: never */
	uint64_t rotate_from; /* not below this size, as the last attempt failed */
	char unsafe[SAFE_WHY_MAX]; /* why the last opening refused what is there; "": it did not */
	uint32_t keep;	      /* rotated ones that are kept */
};

/* path: "-", "syslog", "journald" or a file; it stays the caller's. On error nothing is open. */
int log_target_open(struct log_target *t, const char *path, uint64_t max_size, uint32_t keep);
/* Closes it and opens it again, a file by its name. */
int log_target_reopen(struct log_target *t);
int log_target_write(struct log_target *t, struct lineq *q); /* see log_target_kind.write */
bool log_target_moved(const struct log_target *t);
void log_target_close(struct log_target *t);
const char *log_target_name(const struct log_target *t); /* for messages */

/* --- for the kinds */

extern const struct log_target_kind log_target_file, log_target_stdout, log_target_syslog,
	log_target_journald;

/*
 * One write of the first lines: as many as fit into `limit` bytes and one at least, of which a
 * single one that is longer is begun only when `cut`. Takes from the queue what is out; t->at is
 * what is out of the next. Returns the bytes written, or a negative errno.
 */
int64_t log_write_lines(struct log_target *t, struct lineq *q, uint64_t limit, bool cut);
/* Whether something can be written there without waiting. */
bool log_has_room(int fd);

#endif
