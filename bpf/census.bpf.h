/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * census.bpf.h - iterators that the user side runs: what the target holds at this moment.
 */
#ifndef RS_CENSUS_BPF_H
#define RS_CENSUS_BPF_H

static __always_inline struct sock *iter_sock(struct bpf_iter__task_file *ctx, u32 *tgid)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;

	if (!task || !file)
		return NULL;
	*tgid = task->tgid;
	if (!bpf_map_lookup_elem(&targets, tgid))
		return NULL;
	sk = file_sock(file);
	return sk && is_stream(file, sk) ? sk : NULL;
}

/* Enters the listening sockets among a process's files, and writes one struct rs_ev_listen for
 * each. */
SEC("iter/task_file")
int census_listeners(struct bpf_iter__task_file *ctx)
{
	struct rs_ev_listen e = {};
	u32 tgid = 0;
	struct sock *sk = iter_sock(ctx, &tgid);
	u16 family;

	if (!sk || sock_state(sk) != TCP_LISTEN)
		return 0;
	family = sock_family(sk);
	listener_add(sk, family);
	e.h.ts = bpf_ktime_get_ns();
	e.h.type = RS_EV_LISTEN;
	e.h.tgid = tgid;
	e.h.conn = (u64)sk; /* workers share one socket: told apart by this */
	listener_describe(&e, sk, family);
	bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
	return 0;
}

/* Enters the connections that were accepted before tracing began; each is told through the ring. */
SEC("iter/task_file")
int census_sockets(struct bpf_iter__task_file *ctx)
{
	u32 tgid = 0;
	struct sock *sk = iter_sock(ctx, &tgid);
	struct conn *c;
	u16 family;
	u8 state;

	if (!sk || conn_lookup(sk))
		return 0;
	state = sock_state(sk);
	family = sock_family(sk);
	if ((state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) || !from_listener(sk, family))
		return 0;
	c = conn_create(sk, family, CONN_ACCEPTED, RS_F_LATE, 0);
	if (!c) {
		count(RS_CNT_EVICTED);
		return 0;
	}
	c->tgid = tgid;
	emit_open(c, sk, bpf_ktime_get_ns());
	return 0;
}

/* A unix socket whose end nobody told: released (unix_release_sock() sets its state), or gone and
   its memory another's. */
static __always_inline bool unix_is_dead(struct conn *c, struct sock *sk)
{
	return c->family == AF_UNIX && (conn_is_stale(c, sk) || sock_state(sk) != TCP_ESTABLISHED);
}

/* Writes one struct rs_census for each connection that is followed; ends those of which only this
   can tell that they are over. */
SEC("iter/bpf_map_elem")
int census_conns(struct bpf_iter__bpf_map_elem *ctx)
{
	u64 *at = ctx->key, key;
	struct rs_census e = {};
	struct conn *c;

	if (!at)
		return 0;
	key = *at;
	/* looked up again: the iterator's own pointer allows no variable offset */
	c = bpf_map_lookup_elem(&conns, &key);
	if (!c || c->role == CONN_CONNECTED)
		return 0;
	if (unix_is_dead(c, (struct sock *)key)) {
		emit_close(c, (struct sock *)key, true, bpf_ktime_get_ns());
		bpf_map_delete_elem(&conns, &key);
		return 0;
	}
	e.in_end = c->in_end;
	if (!c->closed) {
		conn_positions(c, (struct sock *)key);
		e.in_end = conn_in_end(c, (struct sock *)key);
	}
	e.key = key;
	e.ts = bpf_ktime_get_ns();
	e.conn = c->id;
	e.seq = c->seq;
	e.tgid = c->tgid;
	e.in_pos = c->in_pos;
	e.out_pos = c->out_pos;
	e.family = c->family;
	e.flags = c->flags | (c->role == CONN_PENDING ? RS_F_UNACCEPTED : 0) |
		  (c->unsure ? RS_F_NO_ARRIVALS : 0) | (c->closed ? RS_F_CLOSED : 0);
	e.established = c->established;
	e.n_arrivals = arrivals_peek(c, e.arrivals);
	bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
	return 0;
}

#endif
