/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * generation.h - which worker processes belong together, and when new ones have taken over: a
 * deploy.
 *
 * A worker is a process that serves: a request ended there, or it listens and is no supervisor.
 * Workers that serve when tracing begins are the first generation. A later one is
 *
 *   of the generation   when it is a replacement: its supervisor, which lives, started it after
 * another worker had crashed; or when it was there already when the generation took over, or came
 * with those a moment later. of the next one     otherwise, as a candidate.
 *
 * The next generation takes over, and that is a deploy, when
 *
 *   a. a worker of another version begins to serve, both versions being known; or
 *   b. all workers of the generation have ended or serve no more, and candidates serve. So with a
 *      restart, with SIGHUP to gunicorn (new forks, then the old ones end), with a container that
 * is created anew.
 *
 * A candidate that has served for GENERATION_OVERLAP beside a worker of the generation, under the
 * same supervisor, was none: workers are recycled one by one (max-requests). It belongs to the
 * generation.
 *
 * Times are ns of one clock. Memory is bounded by GENERATION_WORKERS and GENERATIONS_KEPT. Pure.
 */
#ifndef RS_GENERATION_H
#define RS_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "version_text.h"

#define GENERATION_WORKERS 1024 /* processes known; dead ones make room */
#define GENERATIONS_KEPT   17	/* 16 deploys have that many sides */
#define GENERATION_OVERLAP 30000000000ULL

struct generation {
	uint32_t number;	   /* the first is 0 */
	uint32_t pid;		   /* of its first worker */
	uint32_t workers;	   /* the most that lived at once */
	uint64_t requests;	   /* that ended there */
	uint64_t start;		   /* of its first process */
	uint64_t noted;		   /* when it took over */
	bool mixed;		   /* its workers are of several versions: it has none */
	char version[VERSION_MAX]; /* "": not known */
};

struct generation_process {
	uint32_t pid, parent;
	bool supervised;     /* the parent lives, and belongs to the target */
	uint64_t start;	     /* its exec or fork; 0: not known */
	const char *version; /* NULL or "": not known */
};

struct generations;

struct generations *generations_new(void); /* NULL when out of memory */
void generations_free(struct generations *g);

/* From now on, who begins to serve may be of a new generation. */
void generations_begin(struct generations *g, uint64_t now);

/* Whether a process is known as a worker that lives. */
bool generations_knows(const struct generations *g, uint32_t pid);
/* Whether generations_count() knows whose the requests of a process are: also of one that has
 * ended. */
bool generations_counts(const struct generations *g, uint32_t pid);

/* A process serves; one that is known already is as it was. 0; -ENOMEM; -ENOSPC: at the bound,
   its requests count for nobody. */
int generations_serve(struct generations *g, const struct generation_process *p, uint64_t now);

/* Whether it listens at this moment. One that listened once and does no more serves no more: it
   only finishes what it has. */
void generations_listens(struct generations *g, uint32_t pid, bool listens);

/* It has ended. crashed: by a signal that is no request to end. */
void generations_gone(struct generations *g, uint32_t pid, bool crashed, uint64_t now);

/* Its pid is another process now, or the process runs another program. */
void generations_forget(struct generations *g, uint32_t pid);

/* What has become of the candidates. Call after anything above, and now and then. */
enum generation_news {
	GENERATION_SAME,
	GENERATION_TOOK_OVER, /* they are the generation now */
	GENERATION_STAYS,     /* one of them or all belong to the generation after all */
};
enum generation_news generations_judge(struct generations *g, uint64_t now);

/* Counts a request that ended in a process; whose worker that is. */
enum generation_side {
	SIDE_NONE,    /* no worker that is known, or one of an older generation */
	SIDE_BEFORE,  /* the one before */
	SIDE_CURRENT, /* the generation */
	SIDE_NEXT,    /* a candidate */
};
enum generation_side generations_count(struct generations *g, uint32_t pid);

/* Whether candidates serve beside the generation: a decision is due. */
bool generations_pending(const struct generations *g);

/* The number of the generation; deploys so far. */
uint32_t generations_current(const struct generations *g);
/* NULL: no longer kept. */
const struct generation *generations_get(const struct generations *g, uint32_t number);

#endif
