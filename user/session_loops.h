/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* session_loops.h - what session_loops.c and session_stalls.c share; nobody else includes it. */
#ifndef RS_SESSION_LOOPS_H
#define RS_SESSION_LOOPS_H

#include "session_insight.h"
#include "session_tally.h"

#define LOOP_STALLS 32 /* of each loop that are remembered, for requests that end later */
#define LOOP_PAUSES 64

#define LOOP_UNSEEN UINT32_MAX /* the slot of one that the kernel side does not follow yet */

struct past {
	uint64_t start, end;
	const struct site *site; /* of a stall */
	uint32_t what;		 /* of a pause: enum rs_pause_what */
};

struct loop {
	uint32_t slot;
	uint64_t gone;	     /* since; its thread has ended. 0: it lives */
	struct rs_loop last; /* as it was seen at... */
	uint64_t seen;	     /* ...this time */
	struct {	     /* the sums that were told, up to... */
		uint64_t busy, gil, gil_waits, gc, gc_runs;
	} told;
	uint64_t told_at; /* ...this time */
	uint64_t sampled; /* when last */
	struct tally *now,
		*before; /* of the stretch under way, and of the one before it; NULL: none */
	struct past stalls[LOOP_STALLS], pauses[LOOP_PAUSES]; /* rings */
	uint32_t n_stalls, n_pauses;			      /* ever */
};

struct loops {
	struct loop *list[RS_MAX_LOOPS];
	uint32_t n;
	bool taken[RS_MAX_LOOPS]; /* by slot: one of the list is its */
	uint64_t met;		  /* when new ones were looked for */
	uint64_t told;		  /* when their time was */
	uint64_t stall;		  /* --stall-ms, ns */
	uint64_t away, every;	  /* ns after which a loop is sampled, and between samples */
	bool any_away;		  /* one is sampled */
};

/* session_unseen.c: whether what was sampled of an unseen loop is that it is held up. */
bool unseen_is_held(const struct python_stack *stack);

/* The loop of a thread; the second looks for it in the table, too. NULL: there is none. */
struct loop *loop_find(struct loops *l, uint32_t tid);
struct loop *loop_find_or_meet(struct session *s, uint32_t tid);
/* How long its thread has run, and waited for a CPU; false: not known. */
bool loop_cpu(const struct rs_loop *l, struct tally_cpu *cpu);
/* Since when it has been away from its selector, as a duration up to `now`; 0: it is not. */
uint64_t loop_away(const struct loop *p, uint64_t now);

#endif
