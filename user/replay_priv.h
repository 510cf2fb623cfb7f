/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay_priv.h - what the files of the replay share; nobody else includes it.
 *
 *   replay.c          opening, the slice, the public face
 *   replay_files.c    the files of a recording: found, looked through, read block by block
 *   replay_run.c      the facts of a slice into statistics
 *   replay_list.c     what is open at its end
 *   replay_summary.c  the summary of a slice
 *   replay_deploy.c   its deploys, each compared with what came before
 */
#ifndef RS_REPLAY_PRIV_H
#define RS_REPLAY_PRIV_H

#include <stddef.h>

#include "replay.h"

#define TIME_FAR (UINT64_MAX >> 1)

struct replay_file {
	char *path; /* owned */
	struct recfile_head head;
	uint64_t end; /* offset behind the last block whose head is whole */
	uint64_t blocks;
	uint64_t first, last; /* monotonic ns as written; of its blocks */
	int64_t wall_offset;  /* of its last block */
	uint64_t shift;	      /* what to add to its stamps */
	struct recfile_damage damage;
	bool told; /* of the damage */
};

/* From `first` on the wall clock is this much ahead. */
struct replay_wall {
	uint64_t first;
	int64_t offset;
};

/* What states count since their run began. */
enum {
	COUNT_NOT_HTTP,
	COUNT_LATE,
	COUNT_EVICTED,
	COUNT_EVENTS,
	COUNT_DROPPED,
	COUNT_UNATTRIBUTED,
	COUNT_OVERFLOW,
	COUNT_TLS,
	COUNT_HTTP2,
	COUNT_PROXY,
	COUNT_OTHER,
	COUNTS
};

/* One reading of the slice. */
struct replay_pass {
	const struct replay_callbacks *cb;
	bool done;   /* nothing more can be of the slice */
	bool failed; /* out of memory while counting */
	bool any;    /* a block was read; of its run is what follows */
	uint64_t run;
	bool from_start; /* its first block was read */
	uint32_t runs;	 /* that are over */
	uint64_t begun, ended;
	bool has_base; /* base[] is what was counted when the slice began */
	uint64_t base[COUNTS], last[COUNTS];
	uint64_t sum[COUNTS]; /* of the runs before */
	uint64_t missing;     /* requests that ended in blocks that are not there */
	uint64_t started_at;  /* of the first run, where its begin was read; else 0 */
	uint64_t latest;      /* time of any fact */
	int64_t wall_offset;  /* of the block under way */
	struct {
		struct replay_file *file; /* NULL: at the begin */
		uint64_t at;
	} early; /* where to begin: a block's head */
	uint32_t n_open;
	bool counted[SUMMARY_MAX_OPEN]; /* in the ledger already (--route) */
	uint64_t max_open;		/* the largest id that is listed */
};

#define REPLAY_LISTENERS 64
#define REPLAY_DEPLOYS	 8 /* that are compared; of those before only the time is told */

struct replay {
	const struct options *o;
	struct router *router;
	char *path;
	struct replay_file *files;
	uint32_t n_files, cap_files;
	struct replay_wall *walls;
	uint32_t n_walls, cap_walls;
	uint64_t first, last; /* of all files, shifted */
	uint64_t from, to;    /* the slice; 0 and UINT64_MAX: no bound */
	struct recfile_reader *reader;
	void *packed; /* RECFILE_BLOCK_MAX */
	struct stats *stats;
	struct kept_summary *kept; /* the state that describes the slice, with the open requests */
	struct summary summary;
	bool summarised; /* summary is made: it is made once a run */
	struct replay_pass pass;
	struct { /* what listeners had turned away when the slice began */
		char address[sizeof(((struct summary_listener *)NULL)->address)];
		uint64_t overflows;
	} turned_away[REPLAY_LISTENERS];
	uint32_t n_listeners;
	struct {
		uint64_t at_wall_ns;
		struct comparison *comparison; /* owned; NULL: a side has no request */
	} deploys[REPLAY_DEPLOYS];
	uint32_t n_deploys;
	uint64_t readable; /* up to when facts could be read; 0: none */
	bool cut;	   /* what comes after that is damaged, up to the end of the recording */
	bool told;	   /* of gaps and of what is missing: it may be read several times */
};

/* --- replay.c: messages, each once however often the recording is read */

/* Between `from` and `to` no run recorded. */
void replay_tell_gap(const struct replay *r, uint64_t from, uint64_t to);
void replay_tell_missing(struct replay *r);
/* Damage left nothing of the slice; an exit code. */
int replay_tell_nothing(const struct replay *r);

/* --- replay_files.c */

/* Finds the files and looks through the heads of their blocks. 0 or an exit code after a message.
 */
int replay_find(struct replay *r, const char *path);
void replay_forget(struct replay *r);

/* Hands over the heads of a file's blocks, shifted, with the offset of what follows each; fd is -1
   in the look before. Non-zero from `block` ends it. 0, that, or a negative errno. */
typedef int (*replay_block)(struct replay *r, struct replay_file *f, int fd,
			    const struct recfile_block *b, uint64_t at);
int replay_blocks(struct replay *r, struct replay_file *f, uint64_t at, replay_block block);
/* Reads one block's facts. 0, or -ENOMEM; damage ends the file, is told, and is -EILSEQ. */
int replay_facts(struct replay *r, struct replay_file *f, int fd, const struct recfile_block *b,
		 uint64_t at, const struct recfile_sink *sink);

/* --- replay_run.c */

bool replay_wants(const struct replay *r, const struct request *q); /* by --route */

/* --- replay_list.c */

/* It ended, or was none. */
void replay_list_remove(struct replay *r, uint64_t id);
/* It was open at the slice's end. Of more than there is room for, the oldest stay. counted: in the
 * ledger. */
void replay_list_add(struct replay *r, const struct request *q, bool counted);
/* A state's own list is the truth of its moment. */
void replay_list_take(struct replay *r, const struct summary *s);

/* --- replay_summary.c */

/* What a state counts. */
void replay_count(uint64_t counts[COUNTS], const struct summary *s);
void replay_note_listeners(struct replay *r, const struct summary *s);

/* --- replay_deploy.c */

/* NULL: it was not compared. */
const struct comparison *replay_comparison(const struct replay *r, uint64_t at_wall_ns);
void replay_forget_deploys(struct replay *r);

#endif
