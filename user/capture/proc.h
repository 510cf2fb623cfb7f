/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proc.h - what /proc tells of processes: who they are, whose children, what they listen on.
 */
#ifndef RS_PROC_H
#define RS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROC_ARGS_MAX 512

struct proc_info {
	uint32_t pid, ppid;
	uint64_t start_ticks; /* since boot, clock ticks */
	char comm[32];
	char args[PROC_ARGS_MAX]; /* NUL-separated, args_len bytes, cut at the bound */
	size_t args_len;
};

/* 0, -ESRCH (gone), -EACCES. */
int proc_read(uint32_t pid, struct proc_info *info);
bool proc_alive(uint32_t pid); /* and no zombie */

/* It is ending, and has not closed all of its files yet. */
bool proc_closes_files(uint32_t pid);

/* Wall-clock start in ns since the epoch; 0 when it cannot be known. */
uint64_t proc_start_wall(const struct proc_info *info);

struct proc_tree {
	uint32_t *pids; /* owned: free() */
	uint32_t n;
};
/* The process and all its descendants, the root first. -ESRCH when the root is gone. */
int proc_descendants(uint32_t root, struct proc_tree *tree);

struct proc_listener {
	uint32_t pid;
	uint16_t port;	    /* host order; 0 for unix */
	char address[120];  /* "127.0.0.1:8000", "[::1]:8000", "unix:/run/app.sock" */
	uint64_t inode;
};
struct proc_listeners {
	struct proc_listener *list; /* owned: free() */
	uint32_t n;
};
/* Listening stream sockets that a process holds. 0 or a negative errno. */
int proc_listening(uint32_t pid, struct proc_listeners *out);

/* Calls visit for every process that can be read; stops at a non-zero return and returns it. */
int proc_each(int (*visit)(void *ctx, uint32_t pid), void *ctx);

#endif
