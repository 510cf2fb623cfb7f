/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * python.bpf.h - the exception that a thread of CPython is handling, read from its memory while it
 * is in the kernel or at a probe.
 *
 * Nothing read here is trusted: what leads nowhere ends the walk. Lists are walked by bpf_loop(),
 * one step being a function that the verifier checks once.
 */
#ifndef RS_PYTHON_BPF_H
#define RS_PYTHON_BPF_H

#define MAX_THREADS   1024
#define MAX_HANDLERS  256  /* nested coroutines and generators between a frame and its thread */
#define MAX_TRACEBACK 4096 /* entries; sys.setrecursionlimit() allows more */
#define LAST	      (RS_MAX_FRAMES - 1)

/* What connections with queued writes wait to say, by identity. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct rs_error);
} queued SEC(".maps");

/* conn.waiting: what was queued since the last write */
enum queue_state {
	QUEUE_EMPTY,
	QUEUE_PLAIN, /* nothing was being handled when the first of it was queued */
	QUEUE_ERROR, /* it is in the map `queued` */
};

static __always_inline u64 user_u64(u64 addr)
{
	u64 v = 0;

	bpf_probe_read_user(&v, sizeof(v), (void *)addr);
	return v;
}

static __always_inline u32 user_u32(u64 addr)
{
	u32 v = 0;

	bpf_probe_read_user(&v, sizeof(v), (void *)addr);
	return v;
}

/* --- the thread's state */

struct tstate_search {
	u64 at, self;
	u32 thread_id, next;
	u32 found, pad;
};

static long tstate_step(u32 i, struct tstate_search *s)
{
	if (!s->at)
		return 1;
	if (user_u64(s->at + s->thread_id) == s->self) {
		s->found = 1;
		return 1;
	}
	s->at = user_u64(s->at + s->next);
	return 0;
}

/* pthread_self(), which CPython keeps as a thread's number, is the thread pointer; 0: not known. */
static __always_inline u64 thread_pointer(void)
{
#if defined(__TARGET_ARCH_x86)
	return bpf_get_current_task_btf()->thread.fsbase;
#else
	return 0;
#endif
}

/* PyThreadState of the current thread; 0: it has none. One in the interpreter's own variable would
   be that of whoever holds the GIL. */
static __always_inline u64 tstate_find(struct thread *t, struct interp *p)
{
	struct tstate_search s = {
		.self = thread_pointer(),
		.thread_id = p->at.ts_thread_id,
		.next = p->at.ts_next,
	};

	if (!s.self)
		return 0;
	if (t->tstate && user_u64(t->tstate + s.thread_id) == s.self)
		return t->tstate;
	s.at = user_u64(p->at.interp + p->at.in_tstate_head);
	bpf_loop(MAX_THREADS, tstate_step, &s, 0);
	t->tstate = s.found ? s.at : 0;
	return t->tstate;
}

/* --- the exception */

struct handler_search {
	u64 item, value, none;
	u32 exc_value, previous;
	u32 base, pad;
};

static long handler_step(u32 i, struct handler_search *s)
{
	u64 value, previous;

	if (!s->item)
		return 1;
	value = user_u64(s->item + s->exc_value);
	previous = user_u64(s->item + s->previous);
	if (value && value != s->none) {
		s->value = value;
		s->base = !previous;
		return 1;
	}
	s->item = previous;
	return 0;
}

/* Whether the current thread is handling an exception, which is noted in thread.told. A function of
   its own for the verifier, as all that follow. */
__attribute__((noinline)) int error_find(void)
{
	struct thread *t = current_thread_create();
	struct interp *p = current_interp();
	struct handler_search s = {};
	u64 tstate;

	if (!t || !p || !p->at.interp)
		return 0;
	tstate = tstate_find(t, p);
	if (!tstate)
		return 0;
	s.none = p->at.none;
	s.exc_value = p->at.exc_value;
	s.previous = p->at.exc_previous;
	s.item = user_u64(tstate + p->at.ts_exc_info);
	bpf_loop(MAX_HANDLERS, handler_step, &s, 0);
	if (!s.value)
		return 0;
	t->told.error.exception = s.value;
	t->told.error.tstate = tstate;
	t->told.error.base = s.base;
	return 1;
}

struct traceback {
	struct interp *p;
	struct thread *t;
	u64 at, none;
	u32 next, depth;
};

static long traceback_step(u32 i, struct traceback *s)
{
	u64 next = user_u64(s->at + s->next);

	s->t->last[i & LAST] = s->at;
	s->depth = i + 1;
	if (!next || next == s->none) {
		s->at = 0;
		return 1;
	}
	s->at = next;
	return 0;
}

static __always_inline void frame_take(struct rs_frame *f, struct interp *p, u64 tb)
{
	u64 frame = user_u64(tb + p->at.tb_frame);

	if (p->at.fo_frame >= 0)
		frame = user_u64(frame + p->at.fo_frame);
	f->code = user_u64(frame + p->at.fr_code);
	f->lasti = user_u32(tb + p->at.tb_lasti);
	f->firstline = user_u32(f->code + p->at.co_firstlineno);
}

static long frame_step(u32 i, struct traceback *s)
{
	struct rs_error *e = &s->t->told.error;

	if (i >= RS_MAX_FRAMES)
		return 1;
	frame_take(&e->frames[i], s->p, s->t->last[(s->depth - e->n_frames + i) & LAST]);
	return 0;
}

/* Where the exception that error_find() found was raised. */
__attribute__((noinline)) int error_trace(void)
{
	struct thread *t = current_thread();
	struct interp *p = current_interp();
	struct traceback s = {.p = p, .t = t};
	struct rs_error *e;
	u32 n;

	if (!t || !p)
		return 0;
	e = &t->told.error;
	e->depth = e->n_frames = 0;
	s.at = user_u64(e->exception + p->at.be_traceback);
	s.none = p->at.none;
	s.next = p->at.tb_next;
	if (!s.at || s.at == s.none)
		return 0;
	bpf_loop(MAX_TRACEBACK, traceback_step, &s, 0);
	if (s.at) /* more than that */
		return 0;
	e->depth = s.depth;
	n = s.depth < RS_MAX_FRAMES ? s.depth : RS_MAX_FRAMES;
	e->n_frames = n;
	bpf_loop(n, frame_step, &s, 0);
	return 0;
}

/* All of the exception being handled into thread.told; 0: there is none. */
__attribute__((noinline)) int error_take(void)
{
	struct interp *p = current_interp();
	struct thread *t;
	struct rs_error *e;
	u64 name;

	if (!error_find())
		return 0;
	t = current_thread();
	if (!t || !p)
		return 0;
	e = &t->told.error;
	e->type = user_u64(e->exception + p->at.ob_type);
	name = user_u64(e->type + p->at.tp_name);
	e->name[0] = 0;
	bpf_probe_read_user_str(e->name, sizeof(e->name), (void *)name);
	error_trace();
	return 1;
}

/* --- behind an answer */

/* The head of a 4xx or 5xx, and whether the segment that was copied begins with one. */
#define STATUS_DIGIT 9 /* HTTP/1.1 404 */
static __always_inline bool is_failure(const u8 *s)
{
	return (s[STATUS_DIGIT] == '4' || s[STATUS_DIGIT] == '5') && s[0] == 'H' && s[1] == 'T' &&
	       s[2] == 'T' && s[3] == 'P' && s[4] == '/' && s[5] == '1' && s[6] == '.';
}

static __always_inline bool starts_failure(struct record *r)
{
	struct rs_piece *piece = (struct rs_piece *)r->buf;

	return r->ev.n_pieces && is_failure((u8 *)(piece + 1)) && !piece->at &&
	       piece->len > STATUS_DIGIT;
}

static __always_inline bool record_add(struct record *r, struct rs_error *e)
{
	r->with.ev = r->ev;
	r->with.error = *e;
	r->with.ev.h.flags |= RS_F_ERROR;
	return true;
}

/* What the loop's thread handles while it empties its queue has nothing to do with the answers in
 * it. */
static __always_inline bool record_queued(struct conn *c, struct record *r, u8 waiting)
{
	struct rs_error *e = bpf_map_lookup_elem(&queued, &c->id);

	return e && waiting == QUEUE_ERROR && record_add(r, e);
}

static __always_inline bool record_handled(struct record *r)
{
	struct thread *t;

	if (!current_interp() || !error_take())
		return false;
	t = current_thread();
	return t && record_add(r, &t->told.error);
}

/* Puts the exception behind the segment into its record, if it begins a failure and there is one.
 */
static __always_inline bool record_error(struct conn *c, struct record *r)
{
	u8 waiting = c->waiting;
	bool error = false;

	c->waiting = QUEUE_EMPTY;
	if (starts_failure(r))
		error = c->queued ? record_queued(c, r, waiting) : record_handled(r);
	if (waiting == QUEUE_ERROR)
		bpf_map_delete_elem(&queued, &c->id);
	return error;
}

/* --- behind a line of a log */

#define STANDARD_ERROR 2
#define LOGGED_SECOND  100 /* records in one, of one process */
#define LOOK_AT	       256
#define TRACEBACK      "Traceback (most recent call last)"

struct text {
	u32 found;
};

static long text_step(u32 i, struct text *s)
{
	const char want[] = TRACEBACK;
	struct record *r = record_get();

	if (!r)
		return 1;
	for (u32 k = 0; k < sizeof(want) - 1; k++)
		if (r->buf[(i + k) & (LOOK_AT - 1)] != want[k])
			return 0;
	s->found = i + sizeof(want);
	return 1;
}

/* Where the line with those words ends; 0: there is none. */
static __always_inline u32 has_traceback(u64 from, u64 len)
{
	struct record *r = record_get();
	struct text s = {};
	u32 n = len < LOOK_AT ? len : LOOK_AT;

	if (!r || n < sizeof(TRACEBACK) - 1)
		return 0;
	asm volatile("" : "+r"(n));
	if (n > LOOK_AT || bpf_probe_read_user(r->buf, n, (void *)from))
		return 0;
	bpf_loop(n - (sizeof(TRACEBACK) - 1) + 1, text_step, &s, 0);
	return s.found;
}

static __always_inline bool log_has_room(struct interp *p, u64 now)
{
	u64 second = now / 1000000000;

	if (p->second != second) {
		p->second = second;
		p->logged = 0;
	}
	return p->logged++ < LOGGED_SECOND;
}

/* The current thread has written to standard error. */
static __always_inline void after_log(struct pt_regs *regs, long ret, u64 now)
{
	struct interp *p = current_interp();
	u64 id = bpf_get_current_pid_tgid();
	struct thread *t;
	u32 line;

	if (!p || !error_find())
		return;
	line = has_traceback(call_arg1(regs), ret);
	if (!line || !log_has_room(p, now))
		return;
	error_take();
	t = current_thread();
	if (!t)
		return;
	__builtin_memset(&t->told.h, 0, sizeof(t->told.h));
	t->told.h.ts = now;
	t->told.h.type = RS_EV_LOGGED;
	t->told.h.flags = ret <= line + 1 ? RS_F_LINE : 0;
	t->told.h.tgid = id >> 32;
	t->told.h.tid = (u32)id;
	ring_put(&t->told, sizeof(t->told));
}

#endif
