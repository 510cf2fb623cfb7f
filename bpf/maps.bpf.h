/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.bpf.h - what the kernel side remembers, and the switches that the loader sets.
 */
#ifndef RS_MAPS_BPF_H
#define RS_MAPS_BPF_H

/* Set by the loader before loading (user/capture/attach.c). */
#define RS_SYSCALLS 512
const volatile __u8 call_class[RS_SYSCALLS]; /* enum call_class by system call number */
const volatile __u32 snap_in = RS_MAX_SNAP;  /* bytes copied of each buffer read */
const volatile __u32 snap_out = 64;          /* ... written, where it starts no response head */
const volatile __u32 snap_head = RS_MAX_HEAD; /* ... written, where it starts one */
const volatile __u64 wake_bytes = 1 << 18;   /* fill of the ring at which the reader is woken */
const volatile __u8 insight;		     /* the interpreter is looked at, too */
const volatile __u64 stall_ns = 100000000;   /* RS_EV_STALL from this on */

#define PF_EXITING 0x4 /* task_struct.flags */

/* Processes of the target, by tgid. */
struct target {
	u32 exiting; /* its last thread has passed sched_process_exit; it closes its files after that */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, struct target);
} targets SEC(".maps");

/*
 * By the low bits of a tgid: the only process of the target that has them, 0 if none has, or that the
 * table must be asked, because several have or one is about to end. All processes of the host pay for
 * the question, and the target at each call.
 */
#define RS_SIEVE 4096
__u32 sieve[RS_SIEVE];

/* By the low bits of a port: 0, and no connection that is followed has it at this end. Everybody's
   sockets are asked for it whenever data arrive. */
#define RS_PORTS 4096
__u8 ports[RS_PORTS];

/* By the low bits of a thread's id: when the write began that it is in. The thread that comes first has
   the place until it ends; another one with the same bits keeps the stamp in its struct thread. */
#define RS_WRITERS 1024
static struct writer {
	u32 tid;
	u32 pad;
	u64 entry;
} writers[RS_WRITERS];

/*
 * Addresses the target listens on. TCP: netns inode << 32 | port. unix: the address of the kernel's
 * struct unix_address, which every accepted socket shares with its listener (unix_stream_connect()).
 */
struct listener {
	u32 sockets; /* several may listen on one port: SO_REUSEPORT, other addresses */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct listener);
} listeners SEC(".maps");

/* The target's own listening sockets, by struct sock, with their key in `listeners`: others may come
   and go on the same port. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u64);
} listening SEC(".maps");

/* Ports (host byte order) whose new listeners join the target (--port). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u16);
	__type(value, u8);
} followed_ports SEC(".maps");

enum conn_role {
	CONN_PENDING,  /* accept() has not returned it yet */
	CONN_ACCEPTED,
	CONN_CONNECTED, /* the target is the client: not followed */
};

/* One connection, by the address of its struct sock; gone at tcp_destroy_sock or the last close. */
struct conn {
	u64 id;
	u64 cookie;   /* unix: the socket's own, 0 none yet; tells that the address is another's now */
	u64 established;
	u64 peer_fin;
	u32 seq;
	u32 tgid;     /* the target's process that used it last */
	u32 base_in;  /* copied_seq and write_seq at position 0 */
	u32 base_out;
	u32 in_pos;   /* counted (unix), or as last seen (TCP) */
	u32 in_end;
	u32 out_pos;
	u32 put, get; /* arrivals: written by put, taken by get; index & (RS_MAX_ARRIVALS - 1) */
	u16 flags;    /* RS_F_LATE, RS_F_POS_COUNTED */
	u8 role;      /* enum conn_role */
	u8 fin_in;    /* the peer's FIN took a sequence number */
	u8 reset;
	u8 closed;    /* RS_EV_CLOSE was emitted */
	u8 family;
	u8 unsure;    /* unix: bytes lay unread whose arrival was not seen, or is not yet */
	u8 queued;    /* the server's loop queues its writes: who writes is not who answers */
	u8 waiting;   /* enum queue_state (python.bpf.h) */
	struct rs_arrival arrivals[RS_MAX_ARRIVALS];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct conn);
} conns SEC(".maps");

/* A thread of the target. All but `entry` is there only where the interpreter is looked at. */
struct thread {
	u64 entry;	  /* of the write that it is in, where its place in `writers` is another's */
	u64 left;	  /* its last wait for descriptors returned */
	u64 cpu, gil, gc; /* what it had used then */
	u64 gc_since;	  /* a collection is under way */
	u64 tstate;	  /* its PyThreadState */
	u32 generation;	  /* of the collection */
	u32 loop;	  /* place in `loops` + 1; 0: it has no event loop */
	int polled;	  /* what it waited in last: a descriptor of epoll + 1, or of enum selector */
	int selector;	  /* the same, of its event loop */
	u64 last[RS_MAX_FRAMES];  /* of a traceback, the innermost so far, each at its depth modulo */
	struct rs_ev_logged told; /* its exceptions are put together here */
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/*
 * Where RS_EV_IN and RS_EV_OUT are put together. Only the sys_exit program uses it, and a tracing
 * program does not nest on one CPU (bpf_prog->active, kernel/trace/bpf_trace.c).
 */
#define RS_RECORD_MASK 16383
struct copy { /* copy.bpf.h */
	u64 iov;   /* array of struct iovec in user memory, or 0: one buffer */
	u64 count; /* iovecs */
	u64 base;  /* the one buffer */
	u64 end;   /* where the last buffer ends */
	u32 len;   /* of the segment */
	u32 at;    /* bytes of it gone through */
	u32 rest;  /* bytes of the last buffer that were not copied */
	u32 fill;  /* of buf */
	u32 out;   /* a write */
	u32 pad;
};
struct record {
	struct copy copy;
	union {
		struct {
			u8 gap[sizeof(struct rs_error)];
			struct rs_ev_data ev;
		};
		struct { /* whether there is an error shows when the pieces lie there already */
			struct rs_ev_data ev;
			struct rs_error error;
		} with;
	};
	u8 buf[RS_RECORD_MASK + 1 + RS_MAX_SNAP + 64];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct record);
} records SEC(".maps");

/* Interpreters of the target's processes, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct interp);
} interps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RS_COUNTERS);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

__u64 next_conn = 1;
__u32 listeners_known; /* set by the loader when the census has entered those of the target */
__u32 kernel_hz; /* found by jiffies_to_ktime() */

static __always_inline void count(u32 which)
{
	u64 *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		(*n)++;
}

static __always_inline struct interp *current_interp(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&interps, &tgid);
}

/* The thread at hand, NULL when nothing was ever noted of it. */
static __always_inline struct thread *current_thread(void)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
}

static __always_inline struct thread *current_thread_create(void)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void sieve_enter(u32 tgid)
{
	u32 *place = &sieve[tgid & (RS_SIEVE - 1)];
	u32 other = __sync_val_compare_and_swap(place, 0, tgid);

	if (other && other != tgid)
		*place = RS_SIEVE_ASK;
}

static __always_inline long target_enter(u32 tgid)
{
	struct target t = {};
	long err = bpf_map_update_elem(&targets, &tgid, &t, BPF_ANY);

	if (!err)
		sieve_enter(tgid);
	return err;
}

/* The entry of the process at hand among the target's; not of one that has the pid of a process whose
   end the user side has not seen to yet. */
static __always_inline struct target *current_target(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct target *t = bpf_map_lookup_elem(&targets, &tgid);

	if (t && t->exiting && !(bpf_get_current_task_btf()->flags & PF_EXITING))
		return NULL;
	return t;
}

/* The first question of every program: is this task (tgid << 32 | tid, bpf_get_current_pid_tgid()) one
   of the target's? */
static __always_inline bool is_target(u64 task)
{
	u32 tgid = task >> 32, found = sieve[tgid & (RS_SIEVE - 1)];

	return found == RS_SIEVE_ASK ? current_target() != NULL : found == tgid;
}

/* The target's last thread ends. */
static __always_inline void target_exits(struct target *t, u32 tgid)
{
	t->exiting = 1;
	sieve[tgid & (RS_SIEVE - 1)] = RS_SIEVE_ASK;
}

/* The current thread begins to write. */
static __always_inline void write_begins(u32 tid)
{
	struct writer *w = &writers[tid & (RS_WRITERS - 1)];
	struct thread *t;

	if (w->tid == tid || (!w->tid && !__sync_val_compare_and_swap(&w->tid, 0, tid))) {
		w->entry = bpf_ktime_get_ns();
		return;
	}
	t = current_thread_create();
	if (t)
		t->entry = bpf_ktime_get_ns();
}

/* When it did; 0: that was not seen. To be asked once. */
static __always_inline u64 write_began(u32 tid)
{
	struct writer *w = &writers[tid & (RS_WRITERS - 1)];
	struct thread *t;
	u64 entry = 0;

	if (w->tid == tid) {
		entry = w->entry;
		w->entry = 0;
		return entry;
	}
	t = current_thread();
	if (t) {
		entry = t->entry;
		t->entry = 0;
	}
	return entry;
}

/* The current thread ends. */
static __always_inline void writer_ends(u32 tid)
{
	struct writer *w = &writers[tid & (RS_WRITERS - 1)];

	if (w->tid != tid)
		return;
	w->entry = 0;
	asm volatile("" ::: "memory");
	w->tid = 0;
}

#endif
