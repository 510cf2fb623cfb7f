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

enum rs_event_type {
	RS_EV_OPEN = 1, /* a connection was accepted, or one that existed before was met */
	RS_EV_IN,       /* a system call took bytes from a connection */
	RS_EV_OUT,      /* a system call handed bytes to a connection */
	RS_EV_EOF,      /* the peer finished sending, or reset */
	RS_EV_CLOSE,    /* the server can send no more on this connection, whoever caused it */
	RS_EV_PROC,     /* a process joined, exec'ed or left the target */
	RS_EV_LISTEN,   /* the target listens on an address */
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
 * taken, oldest first, the last may reach beyond the segment), then n_pieces times a struct rs_piece
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
	__u16 flags; /* RS_F_LATE, RS_F_UNACCEPTED, RS_F_POS_COUNTED, RS_F_NO_ARRIVALS */
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
