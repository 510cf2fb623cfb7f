/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session_insight.h - what the files of a session that look into interpreters share; nobody else
 * includes it.
 *
 *   session_insight.c  the interpreters of the target, and the routes that they define
 *   session_interp.c   what the kernel side is told of each, and what is said of all that
 *   session_errors.c   exceptions: behind answers, and of no request
 *   session_logbook.c  which of those that were logged may be of no request
 *   session_loops.c    event loops: their time, and samples of those that do not come back
 *   session_stalls.c   what holds a loop up, and who waits for that
 *   session_unseen.c   loops that were held up before tracing began
 *   session_tally.c    samples of one such stretch
 *   session_waits.c    where open requests wait
 */
#ifndef RS_SESSION_INSIGHT_H
#define RS_SESSION_INSIGHT_H

#include "session_priv.h"

#include "python/process.h"

struct table; /* session_insight.c */

/* A probe in a process. */
enum probe_state { PROBE_NONE, PROBE_ON, PROBE_OFF };

struct interpreter {
	uint32_t pid;
	unsigned tries;		  /* left, for one that is starting */
	struct python *python;	  /* NULL: not opened */
	unsigned version;	  /* 0: never opened */
	struct table *table;	  /* one of the insight's, or NULL */
	bool wanted;		  /* a request said that there is more than was read */
	bool gone;		  /* its end was not heard of */
	bool busy;		  /* it has ended a request since it was looked at */
	uint64_t next, pause;	  /* not before; ns between readings */
	char why[PYTHON_WHY_MAX]; /* no table */
	/* session_interp.c */
	enum probe_state errors, queue, gc;
	bool gil; /* its address is known */
	uint64_t told, read; /* exceptions can be told since; and when first something was read then */
	uint64_t trim; /* not before: the probes of no use */
	char errors_why[PYTHON_WHY_MAX];
	const char *queue_why, *gc_why;
};

struct insight {
	struct interpreter list[TARGET_MAX_PROCESSES];
	uint32_t n;
	struct table *tables; /* owned; those in use, newest first */
	uint32_t left_out;
	uint64_t told; /* the last time that one of them could be told of */
	bool changed; /* the router is to be told */
	bool said;
	bool full;				/* --insight full */
	char interpreters[PYTHON_WHY_MAX + 16], /* for tracer.features */
		routes[PYTHON_WHY_MAX + 64], errors[2 * PYTHON_WHY_MAX], gc[PYTHON_WHY_MAX];
};

/* NULL: there is none of that process. */
struct interpreter *insight_find(struct insight *in, uint32_t pid);
/* What can be read of a process; NULL: nothing. */
struct python *insight_python(struct session *s, uint32_t pid);

/* session_interp.c: the interpreter was opened; then, as long as it starts: it may be one of
   uvloop's by now. */
void interp_opened(struct session *s, struct interpreter *p);
void interp_look(struct session *s, struct interpreter *p);
/* Now and then: takes away what turned out to be of no use. */
void interp_trim(struct session *s, struct interpreter *p);

/* session_errors.c: how many exceptions could not be told. */
uint64_t exceptions_unread(const struct session *s);

#endif
