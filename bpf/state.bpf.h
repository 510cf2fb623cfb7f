/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * state.bpf.h - a TCP connection's beginning and end, and listening sockets.
 */
#ifndef RS_STATE_BPF_H
#define RS_STATE_BPF_H

static __always_inline void listener_describe(struct rs_ev_listen *e, struct sock *sk, u16 family)
{
	struct rs_addr unused = {};

	sock_addresses(sk, family, &e->local, &unused);
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	e->backlog = KREAD(sk, sk_max_ack_backlog);
	e->drops = KREAD(sk, sk_drops.counter);
	if (family == AF_UNIX) {
		struct unix_address *addr = KREAD((struct unix_sock *)sk, addr);
		u32 len = KREAD(addr, len) - 2;

		e->accept_queue = KREAD(sk, sk_receive_queue.qlen);
		if (addr && len <= sizeof(e->path)) {
			e->path_len = len;
			bpf_probe_read_kernel(e->path, sizeof(e->path), &addr->name[0].sun_path);
		}
	} else {
		e->accept_queue = KREAD(sk, sk_ack_backlog);
	}
}

/* Enters a listening socket of the target; nothing is done when it is there. */
static __always_inline void listener_add(struct sock *sk, u16 family)
{
	u64 key = listener_key(sk, family), at = (u64)sk;
	struct listener one = {.sockets = 1}, *l;

	if (!key || bpf_map_update_elem(&listening, &at, &key, BPF_NOEXIST))
		return;
	l = bpf_map_lookup_elem(&listeners, &key);
	if (l)
		__sync_fetch_and_add(&l->sockets, 1);
	else
		bpf_map_update_elem(&listeners, &key, &one, BPF_NOEXIST);
}

/* A listening socket is closed; nothing is done when it is not one of the target's. */
static __always_inline void listener_remove(struct sock *sk)
{
	u64 at = (u64)sk, *found = bpf_map_lookup_elem(&listening, &at), key;
	struct listener *l;

	if (!found)
		return;
	key = *found;
	bpf_map_delete_elem(&listening, &at);
	l = bpf_map_lookup_elem(&listeners, &key);
	if (l && __sync_fetch_and_sub(&l->sockets, 1) <= 1)
		bpf_map_delete_elem(&listeners, &key);
}

/* listen() of the target succeeded. */
static __noinline void after_listen(u32 fd, u64 now)
{
	struct file *file = fd_file(fd);
	struct sock *sk = file ? file_sock(file) : NULL;
	struct rs_ev_listen e = {};
	u64 id = bpf_get_current_pid_tgid();
	u16 family;

	if (!sk || !is_stream(file, sk))
		return;
	family = sock_family(sk);
	if (family == AF_UNIX) /* TCP was entered when its state changed */
		listener_add(sk, family);
	e.h.ts = now;
	e.h.type = RS_EV_LISTEN;
	e.h.tgid = id >> 32;
	e.h.tid = (u32)id;
	listener_describe(&e, sk, family);
	ring_put(&e, sizeof(e));
}

static __always_inline void join_by_port(struct sock *sk, u64 now)
{
	u16 port = KREAD(sk, __sk_common.skc_num);
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (!bpf_map_lookup_elem(&followed_ports, &port) || target_enter(tgid))
		return;
	if (insight)
		current_thread_create();
	emit_proc(bpf_get_current_task_btf(), RS_PROC_JOIN, 0, now);
}

static __always_inline void listener_changed(struct sock *sk, int newstate, u64 now)
{
	if (newstate != TCP_LISTEN) {
		listener_remove(sk);
		return;
	}
	if (!is_target(bpf_get_current_pid_tgid()))
		join_by_port(sk, now);
	if (is_target(bpf_get_current_pid_tgid()))
		listener_add(sk, AF_INET);
}

/*
 * Who ended it? A reset that came in was announced by tcp_receive_reset. Without one, a connection
 * that dies in the context of the target was aborted by it (close with unread bytes, SO_LINGER 0,
 * exit); in any other context its timers gave the peer up.
 */
static __always_inline void conn_died(struct conn *c, struct sock *sk, u64 now)
{
	bool by_server = !c->reset && is_target(bpf_get_current_pid_tgid());

	if (!by_server && !c->peer_fin)
		c->peer_fin = now;
	emit_close(c, sk, by_server, now);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int oldstate, int newstate)
{
	u16 family = sock_family(sk);
	u64 now;
	struct conn *c;

	if (!is_inet(family))
		return 0;
	now = bpf_ktime_get_ns();
	/* a connection begins as a clone of its listener and leaves LISTEN too, for SYN_RECV */
	if (newstate == TCP_LISTEN || (oldstate == TCP_LISTEN && newstate == TCP_CLOSE)) {
		listener_changed(sk, newstate, now);
		return 0;
	}
	if (oldstate == TCP_SYN_RECV && newstate == TCP_ESTABLISHED) {
		if (from_listener(sk, family)) {
			u64 key = (u64)sk;

			bpf_map_delete_elem(&conns, &key); /* what had its address is gone */
			conn_create(sk, family, CONN_PENDING, 0, now);
		}
		return 0;
	}
	c = conn_lookup(sk);
	if (!c || c->role == CONN_CONNECTED)
		return 0;
	if (newstate == TCP_CLOSE_WAIT || newstate == TCP_CLOSING)
		c->fin_in = 1; /* rcv_nxt counts it already */
	conn_positions(c, sk);
	if (newstate == TCP_CLOSE_WAIT) {
		c->peer_fin = now;
		emit_eof(c, sk, now);
	} else if (newstate == TCP_FIN_WAIT1 || newstate == TCP_LAST_ACK) {
		emit_close(c, sk, true, now);
	} else if (newstate == TCP_CLOSE) {
		conn_died(c, sk, now);
	}
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_receive_reset, struct sock *sk)
{
	struct conn *c = conn_lookup(sk);

	if (!c)
		return 0;
	c->reset = 1;
	if (!c->peer_fin)
		c->peer_fin = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	struct conn *c = conn_lookup(sk);
	u64 key = (u64)sk;

	if (!c)
		return 0;
	emit_close(c, sk, false, bpf_ktime_get_ns());
	bpf_map_delete_elem(&conns, &key);
	return 0;
}

#endif
