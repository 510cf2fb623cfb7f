/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * merge_priv.h - what the files of a merge share; nobody else includes it.
 *
 *   merge.c        the sums, and the whole
 *   merge_parts.c  which stretches of time of which processes it is made of
 *   merge_lists.c  what is listed: open requests, listeners, generations, features, deploys, limits
 *   merge_workers.c  the workers
 *   merge_insight.c  places in the application, where everything waits
 *   merge_names.c  names that differ, memory
 *
 * A host without a name is "" here.
 */
#ifndef RS_MERGE_PRIV_H
#define RS_MERGE_PRIV_H

#include "merge.h"

/* Any array that grows: v is typed by who uses it. */
struct merge_list {
	void *v;
	uint32_t n, cap;
};

/* A set of names, ascending. */
struct merge_names {
	struct merge_list list; /* const char * */
};

struct merge_part {
	struct summary_part p;
	const char *label; /* where it came from */
};

struct merge_open {
	struct summary_open o;
	struct request request;
	uint32_t input; /* which one it came with */
};

struct merge_worker {
	const char *host;
	uint32_t pid;
	uint64_t requests, open;
	bool open_known;
	uint64_t end;	   /* of the window that told what is open */
	struct hist total; /* owned */
};

struct merge_block {
	struct merge_block *next;
	max_align_t data[];
};

struct merge {
	struct router *router, *final_router; /* as they came; by name */
	struct merge_block *blocks;
	struct merge_names hosts, kernels, targets, servers, pythons;
	struct merge_list parts;       /* struct merge_part */
	struct merge_list opens;       /* struct merge_open */
	struct merge_list workers;     /* struct merge_worker */
	struct merge_list listeners;   /* struct summary_listener */
	struct merge_list generations; /* struct summary_generation */
	struct merge_list features;    /* struct summary_feature */
	struct merge_list deploys;     /* struct summary_deploy */
	struct merge_list waits;       /* struct summary_wait */
	struct merge_list pids, ports; /* uint32_t */
	struct sites *sites;
	uint64_t n_part_pids;	       /* in all parts together */
	uint32_t n_inputs;
	double only_seconds; /* of the first input */
	struct summary s;
	struct summary_part *out_parts; /* when those that continue each other are one */
	uint32_t n_out;
};

/* --- memory and names (merge_names.c) */

/* Zeroed, lives as long as the merge. NULL: out of memory. */
void *merge_alloc(struct merge *m, size_t size);
const char *merge_string(struct merge *m,
			 const char *s); /* a copy; NULL of NULL or out of memory */
/* Room for one more of `size` bytes, zeroed and counted; NULL: out of memory. */
void *merge_more(struct merge_list *l, size_t size);
/* Adds the names in s, which are set apart by ", ". NULL adds nothing. 0 or -ENOMEM. */
int merge_names_add(struct merge *m, struct merge_names *names, const char *s);
/* All of them, set apart by ", "; NULL when there are none. *failed is set when out of memory. */
const char *merge_names_join(struct merge *m, const struct merge_names *names, bool *failed);
/* Adds numbers to an ascending set. 0 or -ENOMEM. */
int merge_set_add(struct merge_list *set, uint32_t number);

static inline const char *merge_host(const char *name)
{
	return name ? name : "";
}

/* --- parts (merge_parts.c) */
int merge_parts_check(const struct merge *m, const struct summary *s, const char *label,
		      struct merge_error *e);
int merge_parts_add(struct merge *m, const struct summary *s, const char *label);
/* Puts together what continues each other, and fills the window, the ledger's carried and open, and
   whether it lives. 0 or -ENOMEM. */
int merge_parts_finish(struct merge *m);
bool merge_part_is_last(const struct merge *m, uint32_t i);
/* Whether the open requests of the part that ended `at` are those that another one carries. */
bool merge_part_continues(const struct merge *m, const char *host, uint32_t pid, uint64_t at);
/* Stamps are written in microseconds: what is finer would not come back from a file. */
uint64_t merge_cut(uint64_t ns);

/* --- lists (merge_lists.c); 0 or -ENOMEM */
int merge_lists_add(struct merge *m, struct summary *s);
int merge_lists_finish(struct merge *m);
int merge_workers_add(struct merge *m, const struct summary *s);
int merge_workers_finish(struct merge *m, bool hosts);

/* --- what the interpreter told (merge_insight.c) */
/* Takes the places of a summary into this merge's table, where it counts by them from then on. 0, or
   -EINVAL: they are too many, nothing was changed. */
int merge_sites(struct merge *m, struct summary *s, const char *label, struct merge_error *e);
const struct site *merge_site(struct merge *m, const struct site *site); /* one that was taken */
/* A loop that was held up at the end of a part, and is not told of by a later one. */
void merge_held(struct summary *s, const struct summary_part *p);
int merge_stall_routes(struct merge *m); /* 0 or -ENOMEM */
int merge_waits_add(struct merge *m, const struct summary *s);
void merge_waits_finish(struct merge *m, bool hosts);

#endif
