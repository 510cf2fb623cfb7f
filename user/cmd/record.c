// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * record.c - keeps what happens, for `report`, `diff` and `check`: in one file, or as a flight
 * recorder in a ring of files.
 */
#include "cmd.h"

#include <stdio.h>

#include "../exit.h"
#include "../recorder.h"
#include "../session.h"

#define TICK_NS 1000000000ULL

struct record {
	struct session *s;
	struct recorder *recorder;
	bool failed; /* out of memory */
};

static void began(void *ctx, const struct request *r)
{
	struct record *c = ctx;

	recorder_begin(c->recorder, r);
}

static void ended(void *ctx, const struct request *r)
{
	struct record *c = ctx;

	recorder_end(c->recorder, r);
}

static void retracted(void *ctx, const struct request *r)
{
	struct record *c = ctx;

	recorder_retract(c->recorder, r);
}

static void stuck(void *ctx, const struct request *r, uint64_t now, const char *where)
{
	struct record *c = ctx;

	recorder_stuck(c->recorder, r, now, where);
}

static void stalled(void *ctx, const struct stall *stall)
{
	struct record *c = ctx;

	recorder_stall(c->recorder, stall);
}

static void background(void *ctx, const struct site *site)
{
	struct record *c = ctx;

	recorder_background(c->recorder, site);
}

static void looped(void *ctx, const struct loop_time *delta)
{
	struct record *c = ctx;

	recorder_loop(c->recorder, delta);
}

static int drained(void *ctx)
{
	struct record *c = ctx;

	return recorder_failed(c->recorder);
}

/* The summary takes every event that came before it: those belong before the state. */
static void take_state(struct record *c)
{
	const struct summary *sum = session_summary(c->s);

	if (sum)
		recorder_state(c->recorder, sum);
	else
		c->failed = true;
}

static int tick(void *ctx, uint64_t now)
{
	struct record *c = ctx;

	recorder_flush(c->recorder, now);
	if (recorder_due(c->recorder, now))
		take_state(c);
	return c->failed;
}

/* The recorder is there before the first event is taken. */
static int run(struct record *c, const struct options *o)
{
	int code = recorder_open(&c->recorder, o, session_wall_offset(c->s));

	if (code)
		return code;
	take_state(c);
	code = session_run(c->s);
	take_state(c);
	if (c->failed)
		fprintf(stderr, "reqscope: out of memory\n");
	if (!code && session_saw_nothing(c->s))
		code = EXIT_TARGET;
	return c->failed ? EXIT_RUNTIME : code;
}

int cmd_record(const struct options *o)
{
	struct record c = {};
	struct session_callbacks cb = {.ctx = &c,
				       .began = began,
				       .ended = ended,
				       .retracted = retracted,
				       .stuck = stuck,
				       .stalled = stalled,
				       .background = background,
				       .looped = looped,
				       .drained = drained,
				       .tick = tick,
				       .tick_ns = TICK_NS,
				       .input_fd = -1};
	int code = recorder_check(o), closed;

	if (!code)
		code = session_open(&c.s, o, &cb);
	if (!code)
		code = run(&c, o);
	session_end(c.s); /* its log's last line takes what happened until then: the recorder too */
	closed = recorder_close(c.recorder); /* it speaks of the session's routes */
	session_close(c.s);
	return closed ? closed : code;
}
