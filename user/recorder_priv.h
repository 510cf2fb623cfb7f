/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recorder_priv.h - the ring of files, for recorder.c alone.
 */
#ifndef RS_RECORDER_PRIV_H
#define RS_RECORDER_PRIV_H

#include "recorder.h"

#define RING_NAME     "reqscope-%08u-%s.rec"
#define RING_LOCK     "reqscope.lock"
#define RING_SHARES   16	   /* files that the ring is divided into */
#define RING_FILE_MIN (1ULL << 20) /* bytes, below that a file is not closed for its size */

struct ring_file {
	uint32_t number;
	char name[48];
	uint64_t born; /* monotonic ns since `started` of the ring; earlier than that: 0 */
	uint64_t age;  /* of one from before: how old it was then, ns */
	uint64_t size; /* on disk */
};

struct ring {
	const char *path; /* for messages */
	int dir, lock;
	uint64_t keep, max_size; /* ns, bytes; 0: no bound */
	uint64_t started;	 /* monotonic ns */
	uint32_t next;		 /* number */
	struct ring_file
		*files; /* oldest first; the last one is under way once ring_begin() was called */
	uint32_t n, cap;
};

/* Makes the folder when it is missing, locks it and looks what is there. 0 or an exit code after a
   message. */
int ring_open(struct ring *r, const struct options *o, uint64_t now);
void ring_close(struct ring *r);
/* A new file under way. Its descriptor, or a negative errno. */
int ring_begin(struct ring *r, uint64_t now);
/* Makes room for n more bytes: the oldest files go until they fit, and those that are too old. */
void ring_trim(struct ring *r, uint64_t now, uint64_t n);
/* How large the file under way is on disk. */
void ring_measure(struct ring *r, int fd);
/* The file under way has had its share of size or time. */
bool ring_full(const struct ring *r, uint64_t now);

#endif
