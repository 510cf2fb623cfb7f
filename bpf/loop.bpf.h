/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * loop.bpf.h - threads with an event loop: how long they stay away from their selector, wait for
 * the GIL and collect garbage.
 *
 * A thread has an event loop when it has accepted or read a followed connection. Its selector is
 * what it had waited in before that; so main threads are noted from the beginning, others when they
 * first move bytes.
 */
#ifndef RS_LOOP_BPF_H
#define RS_LOOP_BPF_H

/* thread.polled, thread.selector: a descriptor of epoll + 1, or one of these */
enum selector {
	SELECTOR_NONE = 0,
	SELECTOR_POLL = -1, /* poll() or select() */
};

#define LOOP_REFUSED	  ~0U /* thread.loop: there was no place */
#define PAUSE_NS	  500000
#define FUTEX_WAIT	  0
#define FUTEX_WAIT_BITSET 9
#define FUTEX_COMMAND	  127
#define UNKNOWN		  (~0ULL)

__u32 gil_waiting; /* threads with rs_loop.gil_since: most of the time there is none to look for */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RS_MAX_LOOPS);
	__type(key, u32);
	__type(value, struct rs_loop);
} loops SEC(".maps");

/*
 * Whether something may have been noted of the task at hand. Every process of the host waits, most
 * of all in these calls, so this has to be cheaper than the question whether it is the target's.
 */
static __always_inline bool thread_is_known(void)
{
	return bpf_get_current_task_btf()->bpf_storage;
}

static __always_inline struct rs_loop *loop_of(struct thread *t)
{
	u32 at = t->loop - 1;

	return t->loop ? bpf_map_lookup_elem(&loops, &at) : NULL;
}

static __always_inline struct rs_loop *current_loop(struct thread **tp)
{
	struct thread *t = current_thread();

	*tp = t;
	return t ? loop_of(t) : NULL;
}

/* --- places in the table */

struct loop_search {
	u32 tid, place;
};

static long loop_try(u32 i, struct loop_search *s)
{
	struct rs_loop *l = bpf_map_lookup_elem(&loops, &i);

	if (!l)
		return 1;
	if (l->tid || __sync_val_compare_and_swap(&l->tid, 0, s->tid))
		return 0;
	s->place = i + 1;
	return 1;
}

/* Gives the current thread a place, which is asked for once. */
__attribute__((noinline)) int loop_claim(void)
{
	u64 id = bpf_get_current_pid_tgid();
	struct loop_search s = {.tid = (u32)id};
	struct thread *t = current_thread();
	struct rs_loop *l;

	if (!t)
		return 0;
	bpf_loop(RS_MAX_LOOPS, loop_try, &s, 0);
	t->loop = s.place ? s.place : LOOP_REFUSED;
	l = loop_of(t);
	if (!l)
		return 0;
	l->since = bpf_ktime_get_ns();
	l->tgid = id >> 32; /* a place without it is not looked at */
	return 0;
}

static __always_inline void gil_wait_over(struct rs_loop *l)
{
	l->gil_since = 0;
	__sync_fetch_and_sub(&gil_waiting, 1);
}

static __always_inline void loop_free(struct rs_loop *l)
{
	if (l->gil_since)
		gil_wait_over(l);
	l->tgid = 0;
	l->since = l->start = l->busy = l->turns = 0;
	l->gil = l->gil_waits = l->gc = l->gc_runs = 0;
	asm volatile("" ::: "memory");
	l->tid = 0;
}

/* The current thread ends, or another program begins in it. */
static __always_inline void loop_end(void)
{
	struct thread *t;
	struct rs_loop *l = current_loop(&t);

	if (l)
		loop_free(l);
	if (t) {
		t->loop = t->polled = t->selector = 0;
		t->left = t->gc_since = t->tstate = 0;
	}
}

/* It is out of its selector since it left what it had waited in last. */
static __always_inline void selector_found(struct thread *t)
{
	struct rs_loop *l = loop_of(t);

	t->selector = t->polled;
	if (!l)
		return;
	t->gil = l->gil;
	t->gc = l->gc;
	l->start = t->left;
}

/*
 * The current thread took a connection or bytes of one. An epoll descriptor goes before poll(),
 * with which handlers wait for sockets of their own; otherwise the selector stays what it is until
 * it is closed.
 */
static __always_inline void loop_mark(void)
{
	struct thread *t = current_thread_create();

	if (!t)
		return;
	if (!t->loop)
		loop_claim();
	if (t->polled && (!t->selector || (t->selector == SELECTOR_POLL && t->polled > 0)))
		selector_found(t);
}

/* --- the selector */

static __always_inline int selector_of(struct pt_regs *regs, u8 class)
{
	return class == CALL_EPOLL ? (int)call_arg0(regs) + 1 : SELECTOR_POLL;
}

static __always_inline void emit_stall(struct thread *t, struct rs_loop *l, u64 now)
{
	u64 id = bpf_get_current_pid_tgid();
	struct interp *p = current_interp();
	struct rs_ev_stall e = {};

	e.h.ts = now;
	e.h.type = RS_EV_STALL;
	e.h.tgid = id >> 32;
	e.h.tid = (u32)id;
	e.start = l->start;
	e.cpu = bpf_get_current_task_btf()->se.sum_exec_runtime - t->cpu;
	e.gil = l->gil - t->gil;
	e.gc = p && p->gc_since && p->gc_since <= l->start ? l->gc - t->gc : UNKNOWN;
	ring_put(&e, sizeof(e));
}

static __always_inline void before_poll(struct pt_regs *regs, u8 class)
{
	struct thread *t;
	struct rs_loop *l = current_loop(&t);
	u64 now, took;

	if (!l || !l->start || t->selector != selector_of(regs, class))
		return;
	now = bpf_ktime_get_ns();
	took = now - l->start;
	l->busy += took;
	l->turns++;
	if (took >= stall_ns)
		emit_stall(t, l, now);
	l->start = 0;
}

static __always_inline void after_poll(struct pt_regs *regs, u8 class)
{
	int selector = selector_of(regs, class);
	struct thread *t = current_thread();
	struct rs_loop *l;

	if (!t)
		return;
	if (selector != SELECTOR_POLL || t->polled <= 0)
		t->polled = selector;
	if (t->selector > 0 && t->selector != selector) /* one within a handler */
		return;
	t->left = bpf_ktime_get_ns();
	t->cpu = bpf_get_current_task_btf()->se.sum_exec_runtime;
	l = loop_of(t);
	if (!l || t->selector != selector)
		return;
	t->gil = l->gil;
	t->gc = l->gc;
	l->start = t->left;
}

/* Its number may be another's soon. */
static __always_inline void selector_closed(u32 fd)
{
	struct thread *t = current_thread();
	struct rs_loop *l;

	if (!t)
		return;
	if (t->polled == (int)fd + 1)
		t->polled = SELECTOR_NONE;
	if (t->selector != (int)fd + 1)
		return;
	t->selector = SELECTOR_NONE;
	l = loop_of(t);
	if (l)
		l->start = 0;
}

/* --- pauses */

static __always_inline void pause_fill(struct rs_ev_pause *e, u32 what, u64 start, u64 now)
{
	u64 id = bpf_get_current_pid_tgid();

	e->h.ts = now;
	e->h.type = RS_EV_PAUSE;
	e->h.tgid = id >> 32;
	e->h.tid = (u32)id;
	e->start = start;
	e->what = what;
}

/* Waiting for the GIL is waiting on a condition and a mutex within it. */
static __always_inline void before_futex(struct pt_regs *regs)
{
	u32 op = call_arg1(regs) & FUTEX_COMMAND;
	u64 addr = call_arg0(regs);
	struct thread *t;
	struct rs_loop *l = current_loop(&t);
	struct interp *p;

	if (!l || (op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET))
		return;
	p = current_interp();
	if (!p || !p->at.gil || addr - p->at.gil >= p->at.gil_size)
		return;
	if (!l->gil_since)
		__sync_fetch_and_add(&gil_waiting, 1);
	l->gil_since = bpf_ktime_get_ns();
}

static __always_inline void after_futex(void)
{
	struct thread *t;
	struct rs_loop *l = current_loop(&t);
	struct rs_ev_pause e = {};
	u64 now, since;

	if (!l || !l->gil_since)
		return;
	now = bpf_ktime_get_ns();
	since = l->gil_since;
	gil_wait_over(l);
	l->gil += now - since;
	l->gil_waits++;
	if (now - since < PAUSE_NS)
		return;
	pause_fill(&e, RS_PAUSE_GIL, since, now);
	ring_put(&e, sizeof(e));
}

static __always_inline void before_wait(struct pt_regs *regs, u8 class)
{
	if (!thread_is_known())
		return;
	if (class == CALL_FUTEX)
		before_futex(regs);
	else
		before_poll(regs, class);
}

static __always_inline void after_wait(struct pt_regs *regs, u8 class)
{
	if ((class == CALL_FUTEX && !gil_waiting) || !thread_is_known())
		return;
	if (class == CALL_FUTEX)
		after_futex();
	else
		after_poll(regs, class);
}

/* Reads the number of a probe's argument; ~0 when where it is is not known. */
static __always_inline u32 probe_number(void *ctx, u64 where)
{
	u32 kind = WHERE_KIND(where), number = ~0U;
	u64 reg = 0;

	if (kind == WHERE_NUMBER)
		return WHERE_AMOUNT(where);
	if (kind == WHERE_UNKNOWN ||
	    bpf_probe_read_kernel(&reg, sizeof(reg), ctx + WHERE_REG(where)))
		return ~0U;
	if (kind == WHERE_REGISTER)
		return reg;
	bpf_probe_read_user(&number, sizeof(number), (void *)(reg + WHERE_AMOUNT(where)));
	return number;
}

SEC("uprobe")
int on_gc_start(struct pt_regs *ctx)
{
	struct thread *t;
	struct rs_loop *l = current_loop(&t);

	if (!l)
		return 0;
	t->generation = probe_number(ctx, bpf_get_attach_cookie(ctx));
	t->gc_since = bpf_ktime_get_ns();
	return 0;
}

SEC("uprobe")
int on_gc_done(struct pt_regs *ctx)
{
	struct thread *t;
	struct rs_loop *l = current_loop(&t);
	struct rs_ev_pause e = {};
	u64 now, since;

	if (!l || !t->gc_since)
		return 0;
	now = bpf_ktime_get_ns();
	since = t->gc_since;
	t->gc_since = 0;
	l->gc += now - since;
	l->gc_runs++;
	if (now - since < PAUSE_NS)
		return 0;
	pause_fill(&e, RS_PAUSE_GC, since, now);
	e.generation = t->generation;
	ring_put_preempted(&e, sizeof(e));
	return 0;
}

#endif
