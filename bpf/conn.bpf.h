/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * conn.bpf.h - the life of one connection in the kernel's map, and the small events about it.
 */
#ifndef RS_CONN_BPF_H
#define RS_CONN_BPF_H

/* The reader is not woken for each record, only when it falls behind. */
static __always_inline u64 ring_flags(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > wake_bytes ? BPF_RB_FORCE_WAKEUP :
									   BPF_RB_NO_WAKEUP;
}

/* Puts a finished record into the ring. Whether the reader falls behind is asked now and then. */
#define RING_ASK       8    /* records between two questions */
#define RING_ASK_BYTES 1024 /* ... and before each that is larger */
static __always_inline void ring_put(void *record, u64 size)
{
	u32 which = RS_CNT_EVENTS;
	u64 *n = bpf_map_lookup_elem(&counters, &which);
	u64 flags = BPF_RB_NO_WAKEUP;

	if (!n)
		return;
	if (!(*n % RING_ASK) || size > RING_ASK_BYTES)
		flags = ring_flags();
	if (bpf_ringbuf_output(&ring, record, size, flags))
		count(RS_CNT_DROPPED);
	else
		(*n)++;
}

/* From a uprobe, which another program may interrupt. */
static __always_inline void ring_put_preempted(void *record, u64 size)
{
	u32 which = bpf_ringbuf_output(&ring, record, size, ring_flags()) ? RS_CNT_DROPPED :
									    RS_CNT_EVENTS;
	u64 *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/* Fills the head of a connection's event, all but its sequence number. */
static __always_inline void event_init(struct rs_event *h, struct conn *c, u16 type, u64 ts)
{
	h->ts = ts;
	h->type = type;
	h->flags = c->flags & (RS_F_POS_COUNTED | RS_F_LATE);
	h->conn = c->id;
	h->tgid = c->tgid;
	h->tid = 0;
}

/*
 * Puts a connection's event into the ring. Its sequence number advances whether or not there is room,
 * so that a lost event is a known gap; it is taken last, so that events of two CPUs hardly ever change
 * places between taking a number and a place in the ring.
 */
static __always_inline void event_put(struct conn *c, struct rs_event *h, u64 size)
{
	h->seq = __sync_fetch_and_add(&c->seq, 1) + 1;
	ring_put(h, size);
}

/*
 * Nothing tells of a unix socket's end when its process is killed or its listener closed. Its address
 * may then belong to another socket, whose cookie is not the one that we gave it.
 */
static __always_inline bool conn_is_stale(struct conn *c, struct sock *sk)
{
	return c->cookie && KREAD(sk, __sk_common.skc_cookie.counter) != (s64)c->cookie;
}

static __always_inline struct conn *conn_lookup(struct sock *sk)
{
	u64 key = (u64)sk;
	struct conn *c = bpf_map_lookup_elem(&conns, &key);

	if (c && conn_is_stale(c, sk)) {
		bpf_map_delete_elem(&conns, &key);
		return NULL;
	}
	return c;
}

/* From now on arrivals at its port are looked at. */
static __always_inline void port_enter(struct sock *sk)
{
	u16 port = KREAD(sk, __sk_common.skc_num);

	ports[port & (RS_PORTS - 1)] = 1;
}

/* Enters a connection. Its positions start at what the socket has taken and sent so far. (What puts
   a whole event or connection together has a frame of its own: all frames of a program that are there
   at once must fit into 512 bytes.) */
static __noinline struct conn *conn_create(struct sock *sk, u16 family, u8 role, u16 flags,
					   u64 established)
{
	u64 key = (u64)sk;
	struct conn c = {
		.established = established,
		.role = role,
		.flags = flags,
		.family = family,
	};

	c.id = __sync_fetch_and_add(&next_conn, 1);
	if (is_inet(family)) {
		struct tcp_sock *tp = (struct tcp_sock *)sk;
		u8 state = sock_state(sk);

		c.base_in = KREAD(tp, copied_seq);
		c.base_out = KREAD(tp, write_seq);
		c.fin_in = state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING;
		c.in_end = KREAD(tp, rcv_nxt) - c.base_in - c.fin_in;
		if (c.fin_in) /* some time before */
			c.peer_fin = bpf_ktime_get_ns();
		if (role != CONN_CONNECTED)
			port_enter(sk);
	} else {
		c.flags |= RS_F_POS_COUNTED;
	}
	bpf_map_update_elem(&conns, &key, &c, BPF_NOEXIST);
	return bpf_map_lookup_elem(&conns, &key);
}

/* Position one past the last byte that has arrived, by the socket's own counters.
   A FIN takes a sequence number, in rcv_nxt at once, in copied_seq when it is read. */
static __always_inline u32 conn_in_end(struct conn *c, struct sock *sk)
{
	if (c->flags & RS_F_POS_COUNTED)
		return c->in_end;
	return KREAD((struct tcp_sock *)sk, rcv_nxt) - c->base_in - c->fin_in;
}

/* Brings in_pos up to the socket's own counter. in_end is the arrivals' business. */
static __always_inline void conn_in_position(struct conn *c, struct sock *sk)
{
	u32 pos = KREAD((struct tcp_sock *)sk, copied_seq) - c->base_in;

	if (c->fin_in && (s32)(pos - conn_in_end(c, sk)) > 0)
		pos--; /* the FIN was read along with the last byte */
	c->in_pos = pos;
}

static __always_inline void conn_out_position(struct conn *c, struct sock *sk)
{
	c->out_pos = KREAD((struct tcp_sock *)sk, write_seq) - c->base_out;
}

static __always_inline void conn_positions(struct conn *c, struct sock *sk)
{
	if (c->flags & RS_F_POS_COUNTED)
		return;
	conn_in_position(c, sk);
	conn_out_position(c, sk);
}

/*
 * Notes that all bytes before `end` have arrived by now. The list is written by the socket's receive
 * path and taken by the thread that reads. When it is full the last entry is stretched: the stamps of
 * the first byte and of the last stay exact, what lies between is marked as merged.
 */
static __always_inline void arrival_add(struct conn *c, u32 end, u64 now)
{
	u32 slot = c->put;

	if (slot - c->get >= RS_MAX_ARRIVALS) {
		slot--;
		c->arrivals[slot & (RS_MAX_ARRIVALS - 1)].merged = 1;
		count(RS_CNT_CUT);
	} else {
		c->arrivals[slot & (RS_MAX_ARRIVALS - 1)].merged = 0;
		c->put = slot + 1;
	}
	c->arrivals[slot & (RS_MAX_ARRIVALS - 1)].ts = now;
	c->arrivals[slot & (RS_MAX_ARRIVALS - 1)].end = end;
	c->in_end = end;
}

/* Copies the waiting arrivals to out (room for RS_MAX_ARRIVALS) without taking them. */
static __always_inline u32 arrivals_peek(struct conn *c, struct rs_arrival *out)
{
	u32 n = c->put - c->get;

	if (n > RS_MAX_ARRIVALS)
		n = RS_MAX_ARRIVALS;
	for (u32 i = 0; i < RS_MAX_ARRIVALS; i++)
		out[i] = c->arrivals[(c->get + i) & (RS_MAX_ARRIVALS - 1)];
	return n;
}

static __noinline void emit_open(struct conn *c, struct sock *sk, u64 now)
{
	struct rs_ev_open e = {};

	conn_positions(c, sk);
	event_init(&e.h, c, RS_EV_OPEN, now);
	if (c->role == CONN_ACCEPTED && !(c->flags & RS_F_LATE))
		e.h.tid = (u32)bpf_get_current_pid_tgid();
	e.established = c->established;
	e.in_pos = c->in_pos;
	e.in_end = conn_in_end(c, sk);
	if ((c->flags & RS_F_LATE) && c->family == AF_UNIX)
		e.in_end = c->in_pos + !!KREAD(sk, sk_receive_queue.qlen);
	e.out_pos = c->out_pos;
	e.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if ((c->flags & RS_F_LATE) && is_inet(c->family)) {
		struct tcp_sock *tp = (struct tcp_sock *)sk;
		struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;

		e.last_in = jiffies_to_ktime(KREAD(icsk, icsk_ack.lrcvtime));
		e.last_out = jiffies_to_ktime(KREAD(tp, lsndtime));
		/* both stamps are set when the connection is created, too */
		if (!KREAD(tp, bytes_received))
			e.last_in = 0;
		if (!KREAD(tp, bytes_sent))
			e.last_out = 0;
	}
	sock_addresses(sk, c->family, &e.local, &e.peer);
	event_put(c, &e.h, sizeof(e));
}

struct close_record {
	struct rs_ev_close ev;
	struct rs_arrival arrivals[RS_MAX_ARRIVALS];
};

static __always_inline void close_fill(struct conn *c, struct sock *sk, struct rs_ev_close *e,
				       u16 type, u64 now, u16 flags)
{
	event_init(&e->h, c, type, now);
	e->h.flags |= flags;
	if (c->role == CONN_PENDING)
		e->h.flags |= RS_F_UNACCEPTED;
	e->established = c->established;
	e->peer_fin = c->peer_fin;
	e->in_pos = c->in_pos;
	e->in_end = conn_in_end(c, sk);
	e->out_pos = c->out_pos;
}

static __always_inline void emit_eof(struct conn *c, struct sock *sk, u64 now)
{
	struct rs_ev_close e = {};

	close_fill(c, sk, &e, RS_EV_EOF, now, 0);
	event_put(c, &e.h, sizeof(e));
}

/* The server can send no more. Said once; by_server: nobody but the server ended it first. */
static __noinline void emit_close(struct conn *c, struct sock *sk, bool by_server, u64 now)
{
	struct close_record r = {};

	if (c->closed || c->role == CONN_CONNECTED)
		return;
	c->closed = 1;
	close_fill(c, sk, &r.ev, RS_EV_CLOSE, now,
		   (by_server && !c->peer_fin ? RS_F_BY_SERVER : 0) | (c->reset ? RS_F_RESET : 0));
	r.ev.n_arrivals = arrivals_peek(c, r.arrivals);
	event_put(c, &r.ev.h, sizeof(r));
}

#endif
