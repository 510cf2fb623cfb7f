/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * summary_read_priv.h - what the files that read a summary share; nobody else includes it.
 *
 *   summary_read.c        the summary as a whole: the ledger, the verdict, the tracer
 *   summary_read_who.c    who and when: host, target, window, parts
 *   summary_read_stats.c  what is counted: statuses, distributions, routes
 *   summary_read_lists.c  what is listed: open requests, workers, listeners, deploys
 *   summary_read_insight.c  what the interpreter tells: exceptions, event loops, waits
 *   summary_read_value.c  members and values, errors, memory
 */
#ifndef RS_SUMMARY_READ_PRIV_H
#define RS_SUMMARY_READ_PRIV_H

#include <stddef.h>

#include "../lib/jsonr.h"
#include "summary_read.h"

#define READ_MAX_PROCESSES 8192 /* pids, generations, parts: in each list */
#define READ_MAX_LISTENERS 4096
#define READ_MAX_FEATURES  64
#define READ_MAX_DEPLOYS   4096
#define READ_MAX_SITES	   8192
#define READ_MAX_ERRORS	   65536 /* in each list */
#define READ_MAX_WAITS	   4096
#define READ_MAX_TEXT	   65536 /* bytes of a name; the names of many hosts are one */

/* A summary and all that it points to. */
struct read_block {
	struct read_block *next;
	max_align_t data[];
};

struct read_summary {
	struct summary s; /* first: a summary that was read is its whole */
	struct read_block *blocks;
	struct sites *sites;
	struct hist *row_hists; /* of s.rows */
	uint32_t n_row_hists;
};

struct reader {
	struct read_summary *file;
	struct router *router;
	struct summary_read_error *e;
	char path[128]; /* of what is being read: routes[3].latency */
	size_t path_len;
};

/* Reads v into `into`. 0; -EINVAL or -ENOMEM, after the error was said. */
typedef int read_fn(struct reader *rd, struct jsonr v, void *into);

struct member {
	const char *name;
	read_fn *read;
	size_t offset; /* in what read_object() was given */
	bool required;
};

/* The members of an object, in any order; others are ignored, the same one twice is refused. */
int read_object(struct reader *rd, struct jsonr v, const struct member *members, size_t n,
		void *base);
#define READ_OBJECT(rd, v, members, base) \
	read_object(rd, v, members, sizeof(members) / sizeof(*(members)), base)

/* The elements of an array, at most `max`: each into the next `size` bytes of memory made for them.
 *out is NULL when there are none. */
int read_array(struct reader *rd, struct jsonr v, read_fn *read, size_t size, uint32_t max,
	       void **out, uint32_t *n);

/* Memory that lives as long as the summary, zeroed. NULL after the error was said. */
void *read_alloc(struct reader *rd, size_t size);

/* Says "PATH: expected ..., got ...". Always -EINVAL. */
int read_expected(struct reader *rd, struct jsonr v, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says "PATH: ...". Always -EINVAL. */
int read_wrong(struct reader *rd, const char *format, ...) __attribute__((format(printf, 2, 3)));
int read_no_memory(struct reader *rd); /* always -ENOMEM */

/* Goes into a member (name) or an element of the value being read; read_leave() takes its result.
 */
size_t read_enter(struct reader *rd, const char *name);
size_t read_enter_element(struct reader *rd, uint32_t i);
void read_leave(struct reader *rd, size_t at);

/* --- values: read_fn each, by what they are read into */
read_fn read_count;   /* uint64_t, below SUMMARY_READ_MAX */
read_fn read_balance; /* int64_t, its size below SUMMARY_READ_MAX */
read_fn read_pid;     /* uint32_t */
read_fn read_port;    /* uint16_t */
read_fn read_ns;      /* uint64_t ns, from ms */
read_fn read_sum;     /* unsigned __int128 ns, from ms */
read_fn read_number;  /* double, not negative */
read_fn read_flag;    /* bool */
read_fn read_name;    /* const char *: no NUL */
read_fn read_wall;    /* uint64_t ns since the epoch */
read_fn read_value;   /* struct jsonr: as it is, for later */

/* Text that was raw bytes into out[size]; those that are no UTF-8 stand there as \xHH and become
   bytes again where there is no room for them so. *len may be NULL: then it must hold no NUL. */
int read_bytes(struct reader *rd, struct jsonr v, char *out, size_t size, uint16_t *len);

/* --- parts of a summary */
read_fn read_host, read_target, read_window; /* struct summary */
int read_parts(struct reader *rd, struct jsonr v, struct summary *s);

int read_statuses(struct reader *rd, struct jsonr classes, struct jsonr codes,
		  struct status_counts *out);
read_fn read_distribution; /* struct hist, empty */
read_fn read_latency;	   /* struct hist[LATENCIES] */
read_fn read_cache;	   /* uint64_t[CACHE_KINDS] */
read_fn read_auth;	   /* struct auth_stats[AUTH_KINDS] */
int read_routes(struct reader *rd, struct jsonr v, struct stats *st);
/* The route of that name; made when there is none. */
int read_route_name(struct reader *rd, struct jsonr method, struct jsonr template,
		    const char *place, struct route **out);

read_fn read_route_errors; /* struct error_counts, empty */
int check_route_errors(struct reader *rd, const struct route_stats *rs);
/* After the routes. other: those that are not listed. */
int read_errors(struct reader *rd, struct jsonr v, uint64_t other, struct stats *st);
int read_background(struct reader *rd, struct jsonr v, struct summary *s);
int read_loop(struct reader *rd, struct jsonr v, struct summary *s);
int read_held(struct reader *rd, struct jsonr v, const struct site **held, uint64_t *ns);
int read_waits(struct reader *rd, struct jsonr v, struct summary *s);

int read_open(struct reader *rd, struct jsonr v, struct summary *s);
int read_workers(struct reader *rd, struct jsonr v, struct summary *s);
int read_listeners(struct reader *rd, struct jsonr v, struct summary *s);
read_fn read_saturation; /* struct summary_saturation */
int read_features(struct reader *rd, struct jsonr v, struct summary *s);
int read_deploys(struct reader *rd, struct jsonr v, struct summary *s);

#endif
