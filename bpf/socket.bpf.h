/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * socket.bpf.h - the system calls through which the target moves bytes on its sockets.
 *
 * sys_enter notes only when a write began; everything else is done at sys_exit, where the result is
 * known and the argument registers still stand.
 */
#ifndef RS_SOCKET_BPF_H
#define RS_SOCKET_BPF_H

/* The followed connection behind a descriptor; one met for the first time is judged by its listener. */
static __always_inline struct conn *fd_conn(u32 fd, struct file **filep, struct sock **skp, u64 now)
{
	struct file *file = fd_file(fd);
	struct sock *sk = file ? file_sock(file) : NULL;
	struct conn *c;
	u16 family;

	if (!sk)
		return NULL;
	*filep = file;
	*skp = sk;
	c = conn_lookup(sk);
	if (c)
		return c->role == CONN_CONNECTED ? NULL : c;
	if (!is_stream(file, sk))
		return NULL;
	family = sock_family(sk);
	if (sock_state(sk) == TCP_LISTEN)
		return NULL;
	if (!from_listener(sk, family)) {
		if (is_inet(family) && listeners_known) /* judged once: a pooled connection to a database is busy */
			conn_create(sk, family, CONN_CONNECTED, 0, 0);
		return NULL;
	}
	c = conn_create(sk, family, CONN_ACCEPTED, RS_F_LATE, 0);
	if (c)
		emit_open(c, sk, now);
	return c;
}

/* Moves the arrivals that a segment ending at `end` takes into the record; one that reaches beyond
   stays for the next read. */
static __always_inline void arrivals_take(struct conn *c, struct record *r, u32 end)
{
	u32 get = c->get, put = c->put;

	for (u32 i = 0; i < RS_MAX_ARRIVALS; i++) {
		struct rs_arrival *a = &c->arrivals[get & (RS_MAX_ARRIVALS - 1)];

		if (get == put)
			break;
		*(struct rs_arrival *)&r->buf[i * sizeof(*a)] = *a;
		r->ev.n_arrivals = i + 1;
		if ((s32)(a->end - end) > 0)
			break;
		get++;
		if (a->end == end)
			break;
	}
	c->get = get;
	r->copy.fill = r->ev.n_arrivals * sizeof(struct rs_arrival);
}

static __always_inline struct record *record_begin(struct conn *c, u64 task, u16 type, u64 ts, u32 len)
{
	struct record *r = record_get();

	if (!r)
		return NULL;
	event_init(&r->ev.h, c, type, ts);
	r->ev.h.tid = (u32)task;
	r->ev.exit = 0;
	r->ev.len = len;
	r->ev.n_arrivals = r->ev.n_pieces = 0;
	r->ev.pad[0] = r->ev.pad[1] = r->ev.pad[2] = 0;
	r->copy.len = len;
	r->copy.at = r->copy.rest = r->copy.fill = 0;
	r->copy.out = type == RS_EV_OUT;
	return r;
}

static __always_inline void record_put(struct conn *c, struct record *r, bool error)
{
	u32 fill = r->copy.fill;

	if (fill > sizeof(r->buf)) /* never; the verifier wants to see it */
		fill = sizeof(r->buf);
	asm volatile("" : "+r"(fill));
	if (fill > sizeof(r->buf))
		return;
	if (insight && error)
		event_put(c, &r->with.ev.h, sizeof(r->with) + fill);
	else
		event_put(c, &r->ev.h, sizeof(r->ev) + fill);
}

static __always_inline void after_read(struct pt_regs *regs, u8 class, long ret, u64 task)
{
	u64 now = bpf_ktime_get_ns();
	struct file *file;
	struct sock *sk;
	struct conn *c;
	struct record *r;
	u32 len, flags;

	flags = call_flags(regs, class);
	if (ret < 0 || flags & (MSG_PEEK | MSG_ERRQUEUE)) /* they take no bytes from the stream */
		return;
	c = fd_conn(call_arg0(regs), &file, &sk, now);
	if (!c || c->closed)
		return;
	c->tgid = task >> 32;
	if (!ret) { /* a unix socket has no FIN that could be seen on its way in */
		if (c->family == AF_UNIX && !c->peer_fin && KREAD(sk, sk_shutdown)) {
			c->peer_fin = now;
			emit_eof(c, sk, now);
		}
		return;
	}
	if (insight)
		loop_mark();
	len = call_bytes(regs, class, ret);
	r = record_begin(c, task, RS_EV_IN, now, len);
	if (!r)
		return;
	if (c->flags & RS_F_POS_COUNTED) {
		c->in_pos += len;
		if (!KREAD(sk, sk_receive_queue.qlen))
			c->in_end = c->in_pos;
	} else {
		conn_in_position(c, sk);
	}
	if ((s32)(c->in_pos - c->in_end) > 0) /* an arrival was missed */
		c->in_end = c->in_pos;
	r->ev.pos = c->in_pos - len;
	if (c->unsure)
		r->ev.h.flags |= RS_F_NO_ARRIVALS;
	c->unsure = 0;
	arrivals_take(c, r, c->in_pos);
	if (!(flags & MSG_TRUNC)) /* it throws the bytes away: the buffer holds others */
		segment_copy(call_arg1(regs), call_arg2(regs), class);
	record_put(c, r, false);
}

static __always_inline void after_write(struct pt_regs *regs, u8 class, long ret, u64 task)
{
	u64 now = bpf_ktime_get_ns(), entry;
	struct file *file;
	struct sock *sk;
	struct conn *c;
	struct record *r;
	u32 len;

	if (ret <= 0)
		return;
	if (insight && class == CALL_WRITE && call_arg0(regs) == STANDARD_ERROR)
		after_log(regs, ret, now);
	c = fd_conn(call_arg0(regs), &file, &sk, now);
	/* a client that has the response may reset the connection before the call that sent it returns;
	   nothing else follows the close */
	if (!c || (c->closed && !c->reset))
		return;
	entry = write_began(task);
	c->tgid = task >> 32;
	len = call_bytes(regs, class, ret);
	/* without its entry (attached in between) the call must not pass for an exact stamp */
	if (!entry)
		count(RS_CNT_NO_STATE);
	r = record_begin(c, task, RS_EV_OUT, entry, len);
	if (!r)
		return;
	r->ev.exit = now;
	if ((KREAD(file, f_flags) & O_NONBLOCK) || (call_flags(regs, class) & MSG_DONTWAIT))
		r->ev.h.flags |= RS_F_NONBLOCK;
	if (c->flags & RS_F_POS_COUNTED)
		c->out_pos += len;
	else
		conn_out_position(c, sk);
	r->ev.pos = c->out_pos - len;
	if (class == CALL_SENDFILE)
		r->ev.h.flags |= RS_F_FILE;
	else
		segment_copy(call_arg1(regs), call_arg2(regs), class);
	record_put(c, r, insight && record_error(c, r));
}

#define ENFILE 23
#define EMFILE 24
static __always_inline void after_accept(long ret, u64 task)
{
	u64 now = bpf_ktime_get_ns();
	struct file *file = ret >= 0 ? fd_file(ret) : NULL;
	struct sock *sk = file ? file_sock(file) : NULL;
	struct conn *c;

	if (ret == -EMFILE || ret == -ENFILE)
		count(RS_CNT_NO_FD);
	if (!sk || !is_stream(file, sk))
		return;
	c = conn_lookup(sk);
	if (!c) {
		c = conn_create(sk, sock_family(sk), CONN_ACCEPTED, 0, 0);
		if (!c) {
			count(RS_CNT_EVICTED);
			return;
		}
		c->unsure = c->family == AF_UNIX && KREAD(sk, sk_receive_queue.qlen);
	}
	if (c->closed) /* it was reset before anybody accepted it */
		return;
	if (insight)
		loop_mark();
	c->role = CONN_ACCEPTED;
	if (is_inet(c->family))
		port_enter(sk);
	c->tgid = task >> 32;
	emit_open(c, sk, now);
}

/* include/net/sock.h: a peer that closes shuts both of our directions down, one that only stops sending
   ours for receiving */
#define SEND_SHUTDOWN 2

#define EINPROGRESS 115
static __always_inline void after_connect(struct pt_regs *regs, long ret)
{
	struct file *file;
	struct sock *sk;

	if (ret && ret != -EINPROGRESS)
		return;
	file = fd_file(call_arg0(regs));
	sk = file ? file_sock(file) : NULL;
	if (sk && is_inet(sock_family(sk)) && is_stream(file, sk) && !conn_lookup(sk))
		conn_create(sk, sock_family(sk), CONN_CONNECTED, 0, 0);
}

static __always_inline void after_shutdown(struct pt_regs *regs, long ret, u64 now)
{
	struct sock *sk;
	struct conn *c;

	if (ret || !call_arg1(regs)) /* SHUT_RD: it can still send */
		return;
	sk = fd_sock(call_arg0(regs));
	c = sk ? conn_lookup(sk) : NULL;
	if (c && c->family == AF_UNIX) /* TCP says it through its states */
		emit_close(c, sk, true, now);
}

/* Unix sockets have no tracepoint for their end: the last close() is it. */
static __always_inline void before_close(struct pt_regs *regs, u64 now)
{
	struct file *file = fd_file(call_arg0(regs));
	struct sock *sk = file ? file_sock(file) : NULL;
	struct conn *c;
	u64 key;

	if (!sk || sock_family(sk) != AF_UNIX || !last_reference(file))
		return;
	if (sock_state(sk) == TCP_LISTEN) {
		listener_remove(sk);
		return;
	}
	c = conn_lookup(sk);
	if (!c)
		return;
	/* the peer's close shuts our side down before we close it */
	if (!c->peer_fin && (KREAD(sk, sk_shutdown) & SEND_SHUTDOWN))
		c->peer_fin = now;
	emit_close(c, sk, true, now);
	key = (u64)sk;
	bpf_map_delete_elem(&conns, &key);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long id)
{
	u8 class = (u64)id < RS_SYSCALLS ? call_class[id & (RS_SYSCALLS - 1)] : CALL_NONE;
	u64 task;

	if (class == CALL_NONE)
		return 0;
	if (insight && is_wait(class)) {
		before_wait(regs, class);
		return 0;
	}
	if (class != CALL_CLOSE && !is_out(class))
		return 0;
	task = bpf_get_current_pid_tgid();
	if (!is_target(task))
		return 0;
	if (class == CALL_CLOSE) {
		if (insight)
			selector_closed(call_arg0(regs));
		before_close(regs, bpf_ktime_get_ns());
		return 0;
	}
	write_begins(task);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	long id = call_nr(regs);
	u8 class = (u64)id < RS_SYSCALLS ? call_class[id & (RS_SYSCALLS - 1)] : CALL_NONE;
	u64 task;

	if (class == CALL_NONE || class == CALL_CLOSE)
		return 0;
	if (insight && is_wait(class)) {
		after_wait(regs, class);
		return 0;
	}
	task = bpf_get_current_pid_tgid();
	if (!is_target(task))
		return 0;
	if (is_in(class))
		after_read(regs, class, ret, task);
	else if (is_out(class))
		after_write(regs, class, ret, task);
	else if (class == CALL_ACCEPT)
		after_accept(ret, task);
	else if (class == CALL_CONNECT)
		after_connect(regs, ret);
	else if (class == CALL_SHUTDOWN)
		after_shutdown(regs, ret, bpf_ktime_get_ns());
	else if (class == CALL_LISTEN && !ret)
		after_listen(call_arg0(regs), bpf_ktime_get_ns());
	return 0;
}

#endif
