/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h - the only place that knows libbpf: loads the programs, attaches them to a target, drains
 * the ring and takes the census.
 */
#ifndef RS_CAPTURE_H
#define RS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/events.h"

struct capture_options {
	const uint32_t *pids; /* roots of the target; their descendants are found */
	uint32_t n_pids;
	const uint16_t *ports; /* followed: whoever listens there joins */
	uint32_t n_ports;
	uint32_t ring_kib;  /* a power of two times the page size is made of it */
	uint32_t snap_in;   /* bytes copied of each buffer read, at most RS_MAX_SNAP */
	uint32_t snap_out;  /* ... written, where it starts no response head */
	uint32_t snap_head; /* ... written, where it does, at most RS_MAX_HEAD */
	uint32_t max_conns;
	bool insight;	   /* the programs of the interpreter too */
	uint64_t stall_ns; /* RS_EV_STALL from this on */
};
#define CAPTURE_DEFAULTS                                                                     \
	{.ring_kib = 4096, .snap_in = 4096, .snap_out = 64, .snap_head = RS_MAX_HEAD,        \
	 .max_conns = 16384, .stall_ns = 100000000}

struct capture_counts {
	uint64_t events, dropped, evicted, cut, faults, no_state;
	uint64_t no_fd;  /* calls of accept() refused for want of a descriptor */
	uint64_t missed; /* runs of a program that the kernel skipped because it was running already */
};

struct capture;

/*
 * Loads and attaches. On error a negative errno, with a message of one line in `error`:
 * -EPERM a privilege is missing, -EOPNOTSUPP the kernel lacks something required, -ESRCH the target
 * has gone; others are runtime errors. The caller frees with capture_close() in every case.
 */
int capture_open(struct capture **out, const struct capture_options *options, char *error,
		 size_t error_size);
void capture_close(struct capture *c);

/* Which hook gives the arrival stamps: "sk_data_ready", "sock_def_readable", "tcp_probe". */
const char *capture_arrival_hook(const struct capture *c);
unsigned capture_programs(const struct capture *c); /* programs attached */

/* A file descriptor that polls readable when the ring is filling up. */
int capture_fd(const struct capture *c);

/* Hands over every record in the ring. The number taken, or a negative errno. */
typedef void (*capture_record)(void *ctx, const void *record, size_t size);
int capture_drain(struct capture *c, capture_record take, void *ctx);

/*
 * For who is busy with something else for longer: takes the records out of the ring and keeps them for
 * the next capture_drain(), in their order. Nothing is taken any more when CAPTURE_KEPT bytes are kept. A
 * record for which there is no memory is lost, which its connection's numbers tell.
 */
#define CAPTURE_KEPT (64u << 20)
void capture_relieve(struct capture *c);

/*
 * The census. capture_census_conns() reads the state of each connection; call it, then drain, then
 * compare. capture_census_listeners() tells of every listening socket of the process; both hand over
 * one record at a time. 0 or a negative errno.
 */
typedef void (*capture_conn)(void *ctx, const struct rs_census *conn);
typedef void (*capture_listener)(void *ctx, const struct rs_ev_listen *listener);
int capture_census_conns(struct capture *c, capture_conn take, void *ctx);
int capture_census_listeners(struct capture *c, uint32_t pid, capture_listener take, void *ctx);

/* It is no target any more, and nothing of its interpreter is known. (What it left of unix connections ends
   at the next census: nothing else tells.) */
void capture_forget_process(struct capture *c, uint32_t pid);

/*
 * A process has ended and its last events but those of its connections are drained. Its interpreter is
 * forgotten at once, the process by capture_forget_ended(), often: as soon as it has closed its files, which it
 * does after it is said to have ended, and by which its connections' end is known as the server's. That returns
 * how many are still at it.
 */
void capture_process_ended(struct capture *c, uint32_t pid);
uint32_t capture_forget_ended(struct capture *c);

/* Adds a process to the target. 0 or a negative errno. */
int capture_add_process(struct capture *c, uint32_t pid);

void capture_counts(struct capture *c, struct capture_counts *counts);

/*
 * The interpreter of a process: from now on, exceptions behind its 4xx and 5xx and its waits for the GIL
 * are told. It ends with the process, by capture_forget_process(). What was told before of the process,
 * its probes too, is forgotten (it may have exec'ed). 0 or a negative errno: -ENOTSUP not on this
 * architecture, or without capture_options.insight.
 */
int capture_interp(struct capture *c, uint32_t pid, const struct rs_interp *interp);

/*
 * Probes in the process's own files; a negative errno where one cannot be placed, *why then says
 * why in words (static). file: a path that can be opened here (/proc/PID/map_files/..., /proc/PID/root/...).
 * A probe whose instruction would have to be single-stepped is refused with -ENOTSUP. They end with the process, by capture_forget_process().
 */
/* file is uvloop's loop: where it calls PySet_Add(), as to queue a transport for writing. Nobody else's
   calls are stopped. */
int capture_probe_queue(struct capture *c, uint32_t pid, const char *file, const char **why);
/* To be called now and then after that: takes away the probes at places where often something came, and
   never what writes. How many that were. */
unsigned capture_trim_queue(struct capture *c, uint32_t pid);
/* gc__start and gc__done of the provider "python" (USDT). */
int capture_probe_gc(struct capture *c, uint32_t pid, const char *file, const char **why);

/* The table of threads with an event loop, RS_MAX_LOOPS places, mapped: the kernel side writes it while it
   is read. A place counts when its tid is not 0 and its tgid is known. NULL: without insight. */
const volatile struct rs_loop *capture_loops(const struct capture *c);

#endif
