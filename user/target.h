/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * target.h - which processes a run is about, and what has become of them.
 */
#ifndef RS_TARGET_H
#define RS_TARGET_H

#include "capture/discover.h"
#include "options.h"

struct process {
	uint32_t pid, ppid;
	uint64_t since; /* wall clock, ns */
	bool alive;
	bool listens; /* at the last census */
};

#define TARGET_MAX_PROCESSES 1024

struct target {
	char name[160];	     /* what a person calls it */
	struct server server; /* of the first root; zero when nothing was found */
	uint32_t roots[OPTIONS_MAX_PIDS];
	uint32_t n_roots;
	const uint16_t *followed; /* --port */
	uint32_t n_followed;
	struct process *processes; /* every one seen, in the order met; owned */
	uint32_t n_processes;
};

/*
 * Finds what the options name, or the one server that listens here. 0 or an exit code after a message
 * on stderr. With --port and nobody listening EXIT_TARGET, and t names the port all the same.
 * --wait is given up when signal_fd becomes readable.
 */
int target_find(struct target *t, const struct options *o, int signal_fd);
void target_free(struct target *t);

/* A process is there (again); reads from /proc what can be read. */
struct process *target_add(struct target *t, uint32_t pid);
void target_gone(struct target *t, uint32_t pid);
bool target_alive(const struct target *t);
/* Looks whether processes still live, for deaths whose event was lost. */
void target_refresh(struct target *t);

#endif
