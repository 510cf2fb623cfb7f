/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session_tally.h - samples of one stretch in which an event loop did not come back: what they say
 * of who held it, and how.
 */
#ifndef RS_SESSION_TALLY_H
#define RS_SESSION_TALLY_H

#include "python/process.h"

/* struct site.type of a stall. */
enum stall_kind { STALL_UNKNOWN, STALL_CPU, STALL_SYSCALL, STALL_GIL, STALL_GC, STALL_KINDS };
extern const char *const stall_kind_names[STALL_KINDS];

struct tally;

struct tally *tally_new(uint64_t start); /* of the stretch; NULL when out of memory */
uint64_t tally_start(const struct tally *t);
/* Sampled what was found at this moment; at the bound of different ones it is counted alone. */
void tally_add(struct tally *t, const struct python_stack *stack);
/* How long a thread has run, and waited for a CPU to run on, since it began; ns. */
struct tally_cpu {
	uint64_t ran, waited;
};
/* That of the stretch's thread at this moment, monotonic ns; then, when the stretch has been over
   for `late` ns. */
void tally_ran(struct tally *t, struct tally_cpu cpu, uint64_t now);
void tally_ended(struct tally *t, struct tally_cpu cpu, uint64_t late);

/* What the kernel side measured of a stretch, ns. */
struct tally_time {
	uint64_t length, cpu, gil;
	uint64_t gc; /* ~0: not known */
};

/*
 * What held it up. time: as measured; NULL: it is not over, what was sampled decides. t may be
 * NULL: nothing was sampled. The strings are the tally's, or static.
 */
struct culprit {
	const char *kind, *where, *detail; /* as of struct site */
};
struct culprit tally_culprit(const struct tally *t, const struct tally_time *time);

#endif
