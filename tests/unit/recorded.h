/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * recorded.h - for the tests of recordings: a file in memory, and what a side, that which writes or
 * that which reads, makes of the facts.
 */
#ifndef RS_TEST_RECORDED_H
#define RS_TEST_RECORDED_H

#include <stdio.h>

#include "../../user/core/recfile.h"
#include "../../user/sink/sink.h"

struct file {
	uint8_t *p;
	size_t n;
	size_t block[64]; /* where they begin */
	unsigned n_blocks;
};

/* Appends what the writer has. */
void file_take(struct file *f, struct recfile_writer *w);

/* The statistics, and the text of every line of a trace. */
struct side {
	struct router *router;
	struct sites *sites;
	struct stats *stats;
	char *text;
	size_t size;
	FILE *f;
	struct kept_summary *kept;
	unsigned begun, ended, retracted, stuck, stalls, backgrounds, loops, states;
	uint64_t last_id;
};

extern const struct trace_context side_context;

void side_init(struct side *s, struct router *router);
void side_free(struct side *s);

/* A sink of requests and states; ctx is the side. */
void side_begin(void *ctx, const struct request *r);
void side_end(void *ctx, const struct request *r);
void side_retract(void *ctx, const struct request *r);
void side_stuck(void *ctx, const struct request *r, uint64_t now, const char *where);
void side_stall(void *ctx, const struct stall *stall);
void side_background(void *ctx, const struct site *site, uint64_t now);
void side_loop(void *ctx, const struct loop_time *delta, uint64_t now);
void side_state(void *ctx, const struct summary *sum);
/* recfile_read() into it. */
int side_read(struct side *s, const void *p, size_t n, struct recfile_info *info,
	      struct recfile_damage *damage);

/* To be freed: of a summary; of the last state that the side read, with its own statistics. */
char *json_of(const struct summary *s);
char *json_of_side(struct side *s);

#endif
