/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * target.h - which processes a run is about, and what has become of them.
 */
#ifndef RS_TARGET_H
#define RS_TARGET_H

#include "capture/cgroup.h"
#include "capture/discover.h"
#include "core/version_text.h"
#include "options.h"

struct process {
	uint32_t pid, ppid;
	uint64_t since; /* wall clock, ns: its fork, or its last exec that was seen */
	uint64_t until; /* the same, its end, or when that was noticed; 0: it lives */
	bool alive;
	bool listens; /* at the last census */
	bool version_read;
	char version[VERSION_MAX]; /* "": not known, or not read */
};

#define TARGET_MAX_PROCESSES 1024

struct target {
	char name[160];	     /* what a person calls it */
	struct server server; /* of the first root; zero when nothing was found */
	uint32_t roots[OPTIONS_MAX_PIDS];
	uint32_t n_roots;
	const struct options *options;
	char group[CGROUP_PATH_MAX]; /* --unit, --cgroup: the control group's folder */
	uint32_t looks;		     /* in vain, for a group that has gone */
	struct process *processes; /* every one seen, in the order met; owned */
	uint32_t n_processes;
};

/*
 * Finds what the options name, or the one server that listens here. 0 or an exit code after a message
 * on stderr. With --port and nobody listening EXIT_TARGET, and t names the port all the same.
 * With --wait, whenever signal_fd is readable `interrupted` reads it, and tells whether to give up. o must
 * outlive t.
 */
int target_find(struct target *t, const struct options *o, int signal_fd, bool (*interrupted)(void *ctx),
		void *ctx);
void target_free(struct target *t);

/* A process is there (again); reads from /proc what can be read. */
struct process *target_add(struct target *t, uint32_t pid);
/* until: when it ended, wall clock, ns; 0: it is only known that it has. */
void target_gone(struct target *t, uint32_t pid, uint64_t until);
bool target_alive(const struct target *t);
/* Looks whether processes still live, for deaths whose event was lost. */
void target_refresh(struct target *t);

/* Whether new processes can join: then the run is not over when all have ended. */
bool target_follows(const struct target *t);
/* --unit, --cgroup: tells of every process in the control group that is not known to live. It is
   looked for anew when it has gone: a restart removes and makes it. */
void target_look(struct target *t, void (*joined)(void *ctx, uint32_t pid), void *ctx);

/*
 * --port: tells of a process that began to listen there, and of all of its server that is not known to
 * live: up to the topmost that is a server or holds the port, and its descendants. Workers may share
 * one socket, and only the first that listens on it is heard of.
 */
void target_join(struct target *t, uint32_t pid, void (*joined)(void *ctx, uint32_t pid), void *ctx);

struct process *target_process(const struct target *t, uint32_t pid); /* the last of that pid, or NULL */
/* Listens, and has no child that does: a supervisor's children serve, not it. */
bool target_serves(const struct target *t, const struct process *p);

#endif
