/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * events.h - the only thing the kernel side and the user side share.
 *
 * Every record in the ring buffer starts with struct rs_event; what follows depends on its type.
 * All stamps are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns()), taken in the kernel; 0 means
 * "not known". All fields have a fixed width and explicit padding; numbers are in host byte order
 * except addresses and ports, which stay in network byte order.
 *
 * Byte positions are the socket's own. For TCP they are the low 32 bits of copied_seq, rcv_nxt and
 * write_seq less their value when the connection was created (so that they start near 0 and wrap at
 * 4 GiB; the user side extends them). A unix stream socket has no such counters: there the program
 * counts what it sees, and RS_POS_COUNTED is set.
 */
#ifndef RS_EVENTS_H
#define RS_EVENTS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define RS_EVENTS_VERSION 1

#define RS_MAX_ARRIVALS 8     /* stamps kept per socket for bytes that nobody read yet */
#define RS_MAX_PIECES   40    /* copied parts of one segment: one or two per iovec, and the tail */
#define RS_MAX_SNAP     4096  /* most bytes copied of one iovec in one piece */
#define RS_MAX_HEAD     8192  /* most bytes copied of an iovec that starts a response head */
#define RS_TAIL         16    /* bytes copied from the end of a segment that was not copied whole */
#define RS_MAX_FRAMES   16    /* innermost entries kept of a traceback */
#define RS_TYPE_NAME    64    /* bytes of an exception's type name, with its NUL */
#define RS_MAX_LOOPS    512   /* threads with an event loop that are followed */
#define RS_SIEVE_ASK    (~0U) /* in `sieve`: the table of the target's processes must be asked */

enum rs_event_type {
	RS_EV_OPEN = 1, /* a connection was accepted, or one that existed before was met */
	RS_EV_IN,       /* a system call took bytes from a connection */
	RS_EV_OUT,      /* a system call handed bytes to a connection */
	RS_EV_EOF,      /* the peer finished sending, or reset */
	RS_EV_CLOSE,    /* the server can send no more on this connection, whoever caused it */
	RS_EV_PROC,     /* a process joined, exec'ed or left the target */
	RS_EV_LISTEN,   /* the target listens on an address */
	RS_EV_STALL,    /* an event loop came back to its selector after longer than the threshold */
	RS_EV_PAUSE,    /* an event loop's thread waited for the GIL, or collected garbage */
	RS_EV_LOGGED,   /* a traceback was written to standard error while its exception was handled */
	RS_EV_TYPES
};

/* rs_event.flags */
#define RS_F_LATE         0x0001 /* OPEN: it existed before tracing began */
#define RS_F_NO_ARRIVALS  0x0004 /* IN: when these bytes arrived is not known, whatever the list says */
#define RS_F_POS_COUNTED  0x0002 /* positions are counted by us (unix sockets), not the socket's */
#define RS_F_RESET        0x0008 /* EOF, CLOSE: by RST, not FIN */
#define RS_F_BY_SERVER    0x0010 /* CLOSE: the server closed first; without it, the peer did */
#define RS_F_FILE         0x0020 /* OUT: sendfile; no bytes can be copied */
#define RS_F_FAULT        0x0040 /* IN, OUT: some bytes could not be copied (page not resident) */
#define RS_F_NONBLOCK     0x0080 /* OUT: the call could not block */
#define RS_F_UNACCEPTED   0x0100 /* CLOSE: accept() never returned this connection */
#define RS_F_ERROR        0x0200 /* OUT: it starts a 4xx or 5xx, and a struct rs_error is there */
#define RS_F_LINE         0x0400 /* LOGGED: what was written ends with that line: it comes in pieces */
#define RS_F_CLOSED       0x0400 /* census: its RS_EV_CLOSE has been emitted, the socket lingers */

/* Every record's head. `conn` and `seq` are 0 on RS_EV_PROC and RS_EV_LISTEN; in the census of
   listeners, `conn` is an identity of the socket. */
struct rs_event {
	__u64 ts;
	__u64 conn;  /* identity of the connection, never reused within one run */
	__u32 seq;   /* counts the events of this connection from 1, lost ones included */
	__u32 tgid;  /* the target's process that used the connection last, 0 none yet */
	__u32 tid;   /* IN, OUT, OPEN: its thread; else 0 */
	__u16 type;  /* enum rs_event_type */
	__u16 flags; /* RS_F_* */
};
_Static_assert(sizeof(struct rs_event) == 32, "rs_event layout");

/* rs_addr.family, as the kernel numbers them (include/linux/socket.h); 0: none */
#define RS_AF_UNIX  1
#define RS_AF_INET  2
#define RS_AF_INET6 10

struct rs_addr {
	__u8 ip[16]; /* IPv4 in the first 4 bytes */
	__u16 port;  /* network byte order */
	__u16 family;
	__u32 pad;
};
_Static_assert(sizeof(struct rs_addr) == 24, "rs_addr layout");

struct rs_ev_open {
	struct rs_event h; /* h.ts: accept() returned; for a late one, when it was met */
	__u64 established; /* handshake completed */
	__u32 in_pos;      /* next byte that a read will take */
	__u32 in_end;      /* one past the last byte that has arrived (late unix ones: in_pos + 1 if any) */
	__u32 out_pos;     /* next byte that a write will hand over */
	__u32 netns;
	__u64 last_in;     /* late TCP ones: when bytes last arrived, 0 unknown (jiffy resolution) */
	__u64 last_out;    /* late TCP ones: when bytes were last sent, 0 unknown */
	struct rs_addr local;
	struct rs_addr peer;
};
_Static_assert(sizeof(struct rs_ev_open) == 120, "rs_ev_open layout");

/* Bytes up to `end` (exclusive) had arrived at `ts`; they follow those of the entry before. */
struct rs_arrival {
	__u64 ts;
	__u32 end;
	__u32 merged; /* of several arrivals: ts is that of its last byte */
};
_Static_assert(sizeof(struct rs_arrival) == 16, "rs_arrival layout");

/* `len` bytes of the segment, from `at` on, are among the copied bytes. */
struct rs_piece {
	__u32 at;
	__u32 len;
};

/*
 * RS_EV_IN: h.ts is the return of the call. RS_EV_OUT: h.ts is its entry, `exit` its return.
 * After this struct follow n_arrivals times struct rs_arrival (IN only; the stamps of the bytes
 * taken, oldest first, the last may reach beyond the segment), or a struct rs_error (OUT with
 * RS_F_ERROR), then n_pieces times a struct rs_piece
 * with its bytes behind it, padded to 8; pieces ascend and do not overlap.
 */
struct rs_ev_data {
	struct rs_event h;
	__u64 exit;
	__u32 pos; /* position of the segment's first byte */
	__u32 len; /* bytes moved */
	__u8 n_arrivals;
	__u8 n_pieces;
	__u16 pad[3];
};
_Static_assert(sizeof(struct rs_ev_data) == 56, "rs_ev_data layout");

/* RS_EV_EOF and RS_EV_CLOSE; arrivals of bytes never read follow a CLOSE (n_arrivals of them). */
struct rs_ev_close {
	struct rs_event h;
	__u64 established;
	__u64 peer_fin; /* the peer's FIN or RST came; 0: it did not */
	__u32 in_pos;
	__u32 in_end;
	__u32 out_pos;
	__u8 n_arrivals;
	__u8 pad[3];
};
_Static_assert(sizeof(struct rs_ev_close) == 64, "rs_ev_close layout");

enum rs_proc_what {
	RS_PROC_FORK = 1, /* h.tgid is the child, `other` its parent */
	RS_PROC_EXEC,
	RS_PROC_EXIT, /* `other` is the exit code as wait(2) encodes it */
	RS_PROC_JOIN, /* it began to listen on a port that is followed */
};

struct rs_ev_proc {
	struct rs_event h;
	__u32 what; /* enum rs_proc_what */
	__u32 other;
	__u64 start; /* start of the process, CLOCK_BOOTTIME ns; with the pid its identity */
	char comm[16];
};
_Static_assert(sizeof(struct rs_ev_proc) == 64, "rs_ev_proc layout");

struct rs_ev_listen {
	struct rs_event h;
	struct rs_addr local; /* family AF_UNIX: port and ip are 0, see path */
	__u32 netns;
	__u32 accept_queue;
	__u32 backlog;
	__u32 drops;    /* overflows and SYN drops of this socket (sk_drops) */
	char path[108]; /* AF_UNIX: as bound; abstract names start with NUL */
	__u32 path_len;
};
_Static_assert(sizeof(struct rs_ev_listen) == 184, "rs_ev_listen layout");

/* --- the interpreter: what its memory tells while a hook runs on one of its threads */

/* One entry of a traceback, as it lies in the process. */
struct rs_frame {
	__u64 code;      /* PyCodeObject */
	__s32 lasti;     /* tb_lasti: bytes from 3.11 on, before that as the version counts */
	__s32 firstline; /* co_firstlineno when the event was made: another now, another code object */
};
_Static_assert(sizeof(struct rs_frame) == 16, "rs_frame layout");

/* The exception that a thread is handling. */
struct rs_error {
	__u64 exception; /* the object */
	__u64 type;      /* its type */
	__u64 tstate;    /* PyThreadState */
	__u32 depth;     /* entries of its traceback; 0: none, or more than can be counted */
	__u8 n_frames;   /* the last ones of them are kept, innermost last */
	__u8 base;       /* it was found in the thread's own item of exc_info, not in a coroutine's */
	__u8 pad[2];
	char name[RS_TYPE_NAME]; /* tp_name when the event was made, cut */
	struct rs_frame frames[RS_MAX_FRAMES];
};
_Static_assert(sizeof(struct rs_error) == 96 + 16 * RS_MAX_FRAMES, "rs_error layout");

/* An event loop's thread did not come back to its selector from `start` to h.ts. */
struct rs_ev_stall {
	struct rs_event h; /* h.tid: the thread */
	__u64 start;
	__u64 cpu; /* ns of it on a CPU */
	__u64 gil; /* ns of it waiting for the GIL */
	__u64 gc;  /* ns of it collecting garbage; ~0: not known */
};
_Static_assert(sizeof(struct rs_ev_stall) == 64, "rs_ev_stall layout");

enum rs_pause_what {
	RS_PAUSE_GIL = 1,
	RS_PAUSE_GC,
};

/* From `start` to h.ts; only of threads with an event loop, and only 0.5 ms or more. */
struct rs_ev_pause {
	struct rs_event h;
	__u64 start;
	__u32 what;       /* enum rs_pause_what */
	__u32 generation; /* of the collection */
};
_Static_assert(sizeof(struct rs_ev_pause) == 48, "rs_ev_pause layout");

struct rs_ev_logged {
	struct rs_event h;
	struct rs_error error;
};
_Static_assert(sizeof(struct rs_ev_logged) == 32 + 96 + 16 * RS_MAX_FRAMES, "rs_ev_logged layout");

/* What the programs must know of a process's interpreter; the user side has checked it. Offsets in
   bytes, addresses in the process. */
struct rs_interp {
	__u64 interp;     /* PyInterpreterState */
	__u64 none;       /* _Py_NoneStruct */
	__u64 gil;        /* struct _gil_runtime_state; 0: not known */
	__u32 gil_size;
	__u32 in_tstate_head;
	__u32 ts_next, ts_thread_id, ts_exc_info;
	__u32 exc_value, exc_previous;
	__u32 ob_type, tp_name;
	__u32 be_traceback;
	__u32 tb_next, tb_frame, tb_lasti;
	__s32 fo_frame; /* of a PyFrameObject to the frame itself; -1: it is the frame */
	__u32 fr_code, co_firstlineno;
	__u32 tp_basicsize, ob_size, list_items, bytes_data; /* what uvloop keeps until it writes */
};

/* One thread with an event loop, in a table that the user side maps. Written by that thread's hooks
   alone; every field is of one load. */
struct rs_loop {
	__u32 tgid, tid; /* tid 0: the place is free */
	__u64 since;     /* followed since */
	__u64 start;     /* it left its selector; 0: it waits there */
	__u64 busy;      /* ns out of the selector, up to the last time that it came back */
	__u64 turns;     /* times that it came back */
	__u64 gil_since; /* it waits for the GIL since; 0: it does not */
	__u64 gil, gil_waits;
	__u64 gc, gc_runs; /* where collections can be seen */
};
_Static_assert(sizeof(struct rs_loop) == 80, "rs_loop layout");

/*
 * One connection's state in the kernel, as the census iterator writes it (not in the ring).
 * It is compared with what the events told, so that a loss cannot pass for a hung request.
 */
struct rs_census {
	__u64 key; /* of the kernel's connection map */
	__u64 ts;
	__u64 conn;
	__u32 seq; /* events emitted so far, lost ones included */
	__u32 tgid;
	__u32 in_pos, in_end; /* differ: bytes lie unread */
	__u32 out_pos;
	__u32 pad;
	__u16 family;
	__u16 flags; /* RS_F_LATE, _UNACCEPTED, _POS_COUNTED, _NO_ARRIVALS, _CLOSED */
	__u16 n_arrivals;
	__u16 pad1;
	__u64 established;
	struct rs_arrival arrivals[RS_MAX_ARRIVALS];
};
_Static_assert(sizeof(struct rs_census) == 64 + 16 * RS_MAX_ARRIVALS, "rs_census layout");

/* Counters of the kernel side, one set per CPU. */
enum rs_counter {
	RS_CNT_EVENTS,    /* records put into the ring */
	RS_CNT_DROPPED,   /* records that found no room */
	RS_CNT_EVICTED,   /* connections not followed because the map was full */
	RS_CNT_CUT,       /* arrival stamps merged */
	RS_CNT_FAULTS,    /* user memory that could not be read */
	RS_CNT_NO_STATE, /* system calls missed because per-task state could not be had */
	RS_CNT_NO_FD,    /* accept() refused: the target has no descriptor left */
	RS_COUNTERS
};

#endif
