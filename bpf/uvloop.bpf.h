/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * uvloop.bpf.h - answers that uvloop queues, and its loop writes later: what is being handled is
 * taken when they are queued.
 *
 * The probe runs for every answer, so the most usual thing to find out, that it is no failure,
 * takes the fewest reads.
 */
#ifndef RS_UVLOOP_BPF_H
#define RS_UVLOOP_BPF_H

/* UVHandle._handle in uvloop, uv_handle_t and uv_stream_t in libuv; proved by the way back: data is
   the object itself. Of uvloop 0.17 to 0.23. */
#define TRANSPORT_HANDLE 24
#define HANDLE_DATA	 0
#define HANDLE_TYPE	 16
#define STREAM_LEFT	 96 /* bytes that libuv itself has not written yet */
#define STREAM_FD	 184
#define UV_NAMED_PIPE	 7
#define UV_TCP		 12

static __always_inline bool name_is(const char *name, const char *want, u32 size)
{
	for (u32 i = 0; i < size; i++)
		if (name[i] != want[i])
			return false;
	return true;
}

/* Into an array of the caller's: the verifier wants to see its size. */
#define TYPE_NAME(name, p, type) \
	bpf_probe_read_user_str(name, sizeof(name), (void *)user_u64((type) + (p)->at.tp_name))

enum key_kind {
	KEY_OTHER,
	KEY_PIPE, /* it writes, and to nothing that is followed */
	KEY_TRANSPORT,
};

/* A type that is met for the first time, or again after many others. (A function of its own for the
   verifier, as all here that happens hardly ever.) enum key_kind. */
__attribute__((noinline)) int type_meet(u64 type)
{
	const char tcp[] = "uvloop.loop.TCPTransport", local[] = "uvloop.loop.UnixTransport",
		   pipe[] = "uvloop.loop.WriteUnixTransport";
	struct interp *p = current_interp();
	char name[sizeof(pipe) + 1] = {};

	if (!p)
		return KEY_OTHER;
	TYPE_NAME(name, p, type);
	if (name_is(name, tcp, sizeof(tcp))) {
		p->transports[0] = type;
		return KEY_TRANSPORT;
	}
	if (name_is(name, local, sizeof(local))) {
		p->transports[1] = type;
		return KEY_TRANSPORT;
	}
	if (name_is(name, pipe, sizeof(pipe))) {
		p->pipe = type;
		return KEY_PIPE;
	}
	p->others[p->n_others++ & (RS_OTHER_TYPES - 1)] = type;
	return KEY_OTHER;
}

/* uvloop's types are static ones: no other type is ever found where they are. */
static __always_inline enum key_kind key_kind(struct interp *p, u64 type)
{
	if (!type)
		return KEY_OTHER;
	if (type == p->transports[0] || type == p->transports[1])
		return KEY_TRANSPORT;
	for (u32 i = 0; i < RS_OTHER_TYPES; i++)
		if (type == p->others[i])
			return KEY_OTHER;
	return type == p->pipe ? KEY_PIPE : type_meet(type);
}

/* Notes what came to a place; the user side takes the probes of useless places away. */
static __always_inline bool is_transport(struct interp *p, u64 key, u64 place)
{
	enum key_kind kind = key_kind(p, user_u64(key + p->at.ob_type));

	place &= RS_PLACES - 1;
	if (kind == KEY_OTHER)
		p->misses[place]++;
	else if (!(p->writers & 1u << place))
		__sync_fetch_and_or(&p->writers, 1u << place);
	return kind == KEY_TRANSPORT;
}

/* --- what is queued */

#define BUFFER_WORDS 64 /* of a transport that are looked at */
#define OBJECT_HEAD  2

/* A list and an object of bytes. Where their offsets are these, each is read at once: reading is
   most of the price. */
struct list_object {
	u64 references, type, size, items;
};
struct bytes_object {
	u64 references, type, size, hash;
	u8 data[STATUS_DIGIT + 1];
};

static __always_inline bool has_layout(const struct rs_interp *at)
{
	return at->ob_type == offsetof(struct list_object, type) &&
	       at->ob_size == offsetof(struct list_object, size) &&
	       at->list_items == offsetof(struct list_object, items) &&
	       at->bytes_data == offsetof(struct bytes_object, data);
}

struct buffer_search {
	struct interp *p;
	u64 object, list;
	u32 words, at, several, pad;
};

static long buffer_step(u32 i, struct buffer_search *s)
{
	const char list[] = "list";
	char name[sizeof(list) + 1] = {};
	u32 at = (i + OBJECT_HEAD) * sizeof(u64);
	u64 word, type;

	if (i + OBJECT_HEAD >= s->words)
		return 1;
	word = user_u64(s->object + at);
	type = word && !(word & 7) ? user_u64(word + s->p->at.ob_type) : 0;
	if (!type || type & 7)
		return 0;
	TYPE_NAME(name, s->p, type);
	if (!name_is(name, list, sizeof(list)))
		return 0;
	s->several = s->at != 0;
	s->at = at;
	s->list = type;
	return s->several;
}

/* Which word of a transport is its list (UVStream._buffer): the only one, or it is not known. */
__attribute__((noinline)) int buffer_find(u64 transport)
{
	struct interp *p = current_interp();
	struct buffer_search s = {.p = p, .object = transport};

	if (!p)
		return 0;
	s.words = user_u64(user_u64(transport + p->at.ob_type) + p->at.tp_basicsize) / sizeof(u64);
	bpf_loop(BUFFER_WORDS, buffer_step, &s, 0);
	p->list = s.list;
	p->buffer = s.at && !s.several && has_layout(&p->at) ? s.at : RS_NO_BUFFER;
	return 0;
}

/* Notes the type, if it is that of bytes. */
__attribute__((noinline)) int bytes_meet(u64 type)
{
	const char bytes[] = "bytes";
	struct interp *p = current_interp();
	char name[sizeof(bytes) + 1] = {};

	if (!p || !type)
		return 0;
	TYPE_NAME(name, p, type);
	if (name_is(name, bytes, sizeof(bytes)))
		p->bytes = type;
	return 0;
}

/*
 * Whether the next write is no matter of what has just been queued: something else was queued
 * before it, or it is seen not to begin a failure. What is not known for certain does matter.
 */
static __always_inline bool queues_no_failure(struct interp *p, u64 transport)
{
	struct bytes_object bytes;
	struct list_object list;

	if (!p->buffer)
		buffer_find(transport);
	if (p->buffer == RS_NO_BUFFER ||
	    bpf_probe_read_user(&list, sizeof(list), (void *)user_u64(transport + p->buffer)) ||
	    list.type != p->list || !list.size)
		return false;
	if (list.size > 1)
		return true;
	if (bpf_probe_read_user(&bytes, sizeof(bytes), (void *)user_u64(list.items)))
		return false;
	if (!p->bytes)
		bytes_meet(bytes.type);
	return bytes.type && bytes.type == p->bytes && bytes.size >= sizeof(bytes.data) &&
	       !is_failure(bytes.data);
}

/* The followed connection of a transport. */
static __always_inline struct conn *transport_conn(u64 transport, u64 handle)
{
	u32 type = user_u32(handle + HANDLE_TYPE);
	struct sock *sk;
	struct conn *c;

	if (!handle || user_u64(handle + HANDLE_DATA) != transport ||
	    (type != UV_TCP && type != UV_NAMED_PIPE))
		return NULL;
	sk = fd_sock(user_u32(handle + STREAM_FD));
	c = sk ? conn_lookup(sk) : NULL;
	if (!c || c->role != CONN_ACCEPTED || c->closed)
		return NULL;
	return c->tgid == bpf_get_current_pid_tgid() >> 32 ? c : NULL;
}

/* What libuv still has to write goes first, and an answer may begin in it, too: then nothing is
   noted. */
static __always_inline void queue_note(struct conn *c, bool first)
{
	struct thread *t;

	c->queued = 1;
	if (c->waiting != QUEUE_EMPTY)
		return;
	c->waiting = QUEUE_PLAIN;
	if (!first || !error_take())
		return;
	t = current_thread();
	if (t && !bpf_map_update_elem(&queued, &c->id, &t->told.error, BPF_ANY))
		c->waiting = QUEUE_ERROR;
}

/*
 * uvloop calls PySet_Add(set, key). What is queued first after a write is what the next one begins
 * with; what comes behind it says nothing.
 */
SEC("uprobe")
int on_set_add(struct pt_regs *regs)
{
	u64 key = call_arg1(regs); /* the second register is the same for functions */
	struct interp *p = current_interp();
	struct conn *c;
	u64 handle;

	if (!p || !p->at.interp || !is_transport(p, key, bpf_get_attach_cookie(regs)) ||
	    queues_no_failure(p, key))
		return 0;
	handle = user_u64(key + TRANSPORT_HANDLE);
	c = transport_conn(key, handle);
	if (c)
		queue_note(c, !user_u64(handle + STREAM_LEFT));
	return 0;
}

#endif
