/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arrival.bpf.h - when bytes arrived in a socket's receive queue.
 *
 * Three programs, of which the loader takes the first that the kernel has: the tracepoint
 * sk_data_ready (since 6.2, kernel commit 40e0b0908142), fentry on sock_def_readable, and tcp_probe.
 */
#ifndef RS_ARRIVAL_BPF_H
#define RS_ARRIVAL_BPF_H

/* The newest entry of a socket's queue; NULL when it has been taken already. */
static __always_inline struct sk_buff *queue_newest(struct sock *sk)
{
	struct sk_buff *newest = KREAD(sk, sk_receive_queue.prev);

	if ((u64)newest == (u64)sk + bpf_core_field_offset(struct sock, sk_receive_queue))
		return NULL;
	return newest;
}

static __always_inline u32 unix_newest(struct sock *sk)
{
	struct sk_buff *newest = queue_newest(sk);

	return newest ? KREAD(newest, len) : 0;
}

/*
 * connect() puts the new socket into its listener's queue and then tells the listener
 * (unix_stream_connect()): the client cannot have sent anything yet, so all arrivals will be seen.
 */
static __always_inline void unix_connected(struct sock *listener)
{
	struct sk_buff *newest = queue_newest(listener);
	u64 key = listener_key(listener, AF_UNIX);
	struct sock *sk;

	if (!key || !bpf_map_lookup_elem(&listeners, &key) || !newest)
		return;
	sk = KREAD(newest, sk);
	if (sk && !conn_lookup(sk))
		conn_create(sk, AF_UNIX, CONN_PENDING, 0, 0);
}

/*
 * One that connected before tracing began is met when more bytes come, before accept(). If older bytes
 * lie in the queue already, when they came is not known.
 */
static __always_inline struct conn *unix_meet(struct sock *sk)
{
	struct conn *c;
	u32 queued = KREAD(sk, sk_receive_queue.qlen);

	if (!from_listener(sk, AF_UNIX))
		return NULL;
	c = conn_create(sk, AF_UNIX, CONN_PENDING, 0, 0);
	if (c)
		c->unsure = queued > 1;
	return c;
}

static __always_inline int data_ready(struct sock *sk)
{
	u16 family = sk->__sk_common.skc_family;
	struct conn *c;
	u64 now;
	u32 end;

	if (family != AF_UNIX && !ports[sk->__sk_common.skc_num & (RS_PORTS - 1)])
		return 0;
	now = bpf_ktime_get_ns();
	c = conn_lookup(sk);
	if (!c) {
		if (family != AF_UNIX)
			return 0;
		if (sk->__sk_common.skc_state == TCP_LISTEN)
			unix_connected(sk);
		if (sk->__sk_common.skc_state != TCP_ESTABLISHED)
			return 0;
		c = unix_meet(sk);
	}
	if (!c || c->role == CONN_CONNECTED)
		return 0;
	end = conn_in_end(c, sk);
	if (c->flags & RS_F_POS_COUNTED) {
		/* the reader overtook the sender, which tells only now: it is all that there is */
		if (c->unsure && KREAD(sk, sk_receive_queue.qlen) == 1) {
			c->unsure = 0;
			end = c->in_pos;
		}
		end += unix_newest(sk);
		if (!c->cookie)
			c->cookie = bpf_get_socket_cookie(sk);
	}
	if (end != c->in_end)
		arrival_add(c, end, now);
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_data_ready, struct sock *sk)
{
	return data_ready(sk);
}

SEC("fentry/sock_def_readable")
int BPF_PROG(on_readable, struct sock *sk)
{
	return data_ready(sk);
}

#define TCPHDR_FIN 0x01
static __always_inline bool has_fin(struct tcp_skb_cb *cb)
{
	if (bpf_core_field_size(((struct tcp_skb_cb___word *)0)->tcp_flags) == 2)
		return BPF_CORE_READ((struct tcp_skb_cb___word *)cb, tcp_flags) & TCPHDR_FIN;
	return BPF_CORE_READ((struct tcp_skb_cb___byte *)cb, tcp_flags) & TCPHDR_FIN;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_tcp_probe, struct sock *sk, struct sk_buff *skb)
{
	struct conn *c = conn_lookup(sk);
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)skb->cb;
	u32 seq, end;

	if (!c || c->role == CONN_CONNECTED)
		return 0;
	seq = KREAD(cb, seq);
	end = KREAD(cb, end_seq) - has_fin(cb);
	/* only what fits on to the bytes in order; it fires for acknowledgements and repeats too */
	if (seq != KREAD((struct tcp_sock *)sk, rcv_nxt) || (s32)(end - seq) <= 0)
		return 0;
	arrival_add(c, end - c->base_in, bpf_ktime_get_ns());
	return 0;
}

#endif
