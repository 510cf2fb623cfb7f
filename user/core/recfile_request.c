// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_request.c - one request, both ways. What each keeps in step: the dictionaries, and the
 * numbers that the next deltas refer to.
 */
#include "recfile_priv.h"

#include <stddef.h>

/* From the end backwards, so that each is close to the one before it; `ended` of one request is
   close to that of the one before. */
static const uint16_t stamps[STAMPS] = {
	offsetof(struct request, ended),       offsetof(struct request, done),
	offsetof(struct request, head),	       offsetof(struct request, read),
	offsetof(struct request, seen),	       offsetof(struct request, received),
	offsetof(struct request, arrived),     offsetof(struct request, accepted),
	offsetof(struct request, established),
};

static inline uint64_t stamp_get(const struct request *r, unsigned i)
{
	return *(const uint64_t *)((const char *)r + stamps[i]);
}

static inline void stamp_set(struct request *r, unsigned i, uint64_t t)
{
	*(uint64_t *)((char *)r + stamps[i]) = t;
}

static inline unsigned mode_of(uint32_t shape, unsigned i)
{
	return shape >> 2 * i & 3;
}

/* --- writing */

static uint32_t shape_of(const struct request *r, uint64_t base)
{
	uint32_t shape = 0;

	for (unsigned i = 0; i < STAMPS; i++) {
		uint64_t t = stamp_get(r, i);
		unsigned mode = t < base ? STAMP_EARLIER : t > base ? STAMP_LATER : STAMP_EQUAL;

		if (!t)
			continue;
		shape |= mode << 2 * i;
		base = t;
	}
	return shape;
}

static void write_stamps(struct recfile_writer *w, const struct request *r, uint32_t shape)
{
	uint64_t base = w->base;

	for (unsigned i = 0; i < STAMPS; i++) {
		uint64_t t = stamp_get(r, i);

		if (!t)
			continue;
		if (t != base)
			bytes_u64(&w->nums,
				  mode_of(shape, i) == STAMP_EARLIER ? base - t : t - base);
		base = t;
	}
	if (r->ended)
		w->base = r->ended;
}

static bool is_hex(const char *s)
{
	return strspn(s, "0123456789abcdef") == 32;
}

static void describe(struct kind *k, struct recfile_writer *w, const struct request *r,
		     unsigned flags)
{
	memset(k, 0, sizeof(*k));
	k->shape = shape_of(r, w->base);
	k->pid = r->pid;
	k->end = r->end;
	k->cache = r->cache;
	k->status = r->status;
	k->flags = (uint16_t)(flags | (r->received_all ? KIND_RECEIVED_ALL : 0) |
			      (r->head_seen ? KIND_HEAD_SEEN : 0) |
			      (r->status_seen ? KIND_STATUS_SEEN : 0) |
			      (r->output_lost ? KIND_OUTPUT_LOST : 0) |
			      (r->input_lost ? KIND_INPUT_LOST : 0) | (r->late ? KIND_LATE : 0) |
			      (r->error ? KIND_ERROR : 0) | (r->stall.site ? KIND_STALL : 0) |
			      (r->gil_wait ? KIND_GIL : 0) | (r->gc ? KIND_GC : 0));
	k->error = r->error;
	k->stall = r->stall.site;
	k->route = r->route ? route_final(r->route) : NULL;
	if (!r->head_seen)
		return;
	k->http = r->http.flags & KIND_HTTP;
	if (!is_hex(r->http.trace_id))
		k->http &= (uint16_t)~HTTP1_F_TRACE_ID;
	memcpy(k->method, r->http.method, strnlen(r->http.method, HTTP1_METHOD_MAX - 1));
}

static void write_kind(struct recfile_writer *w, const struct kind *k)
{
	bytes_u64(&w->text, k->shape);
	bytes_u64(&w->text, k->pid);
	bytes_u64(&w->text, k->flags);
	bytes_u64(&w->text, k->http);
	bytes_u64(&w->text, k->status);
	bytes_u64(&w->text, k->end);
	bytes_u64(&w->text, k->cache);
	write_route(w, k->route);
	bytes_string(&w->text, k->method);
	if (k->flags & KIND_ERROR)
		write_site(w, k->error);
	if (k->flags & KIND_STALL)
		write_site(w, k->stall);
}

struct kind_look {
	const struct recfile_writer *w;
	const struct kind *k;
};

static bool same_kind(const void *ctx, uint32_t index)
{
	const struct kind_look *l = ctx;

	return !memcmp(&l->w->kind[index], l->k, sizeof(*l->k));
}

static void put_kind(struct recfile_writer *w, const struct kind *k)
{
	struct kind_look look = {w, k};
	bool added;
	uint32_t index = dict_find(&w->kinds, dict_hash(k, sizeof(*k)), same_kind, &look, &added);

	if (!added) {
		bytes_u64(&w->text, FACT_END + 1 + index);
		return;
	}
	if (index < DICT_MAX)
		w->kind[index] = *k;
	bytes_u64(&w->text, FACT_END);
	write_kind(w, k);
}

static unsigned address_size(unsigned family)
{
	return family == RS_AF_INET ? 4 : family == RS_AF_INET6 ? 16 : 0;
}

static void write_peer(struct recfile_writer *w, const struct rs_addr *a)
{
	unsigned n = address_size(a->family);
	bool same = n && a->family == w->last_peer.family && !memcmp(a->ip, w->last_peer.ip, n);

	bytes_u64(&w->text, a->family * 2u + same);
	if (!n)
		return;
	if (!same)
		bytes_put(&w->text, a->ip, n);
	bytes_put(&w->nums, &a->port, sizeof(a->port));
	w->last_peer = *a;
}

struct conn_look {
	const struct recfile_writer *w;
	struct conn_entry e;
};

static bool same_conn(const void *ctx, uint32_t index)
{
	const struct conn_look *l = ctx;

	return !memcmp(&l->w->conn[index], &l->e, sizeof(l->e));
}

/* Only what is written: a family without an address has none in memory either. */
static void put_conn(struct recfile_writer *w, const struct request *r)
{
	struct conn_look look = {w, {.conn = r->conn}};
	uint32_t index;
	bool added;

	look.e.peer.family = r->peer.family;
	if (address_size(r->peer.family)) {
		memcpy(look.e.peer.ip, r->peer.ip, address_size(r->peer.family));
		look.e.peer.port = r->peer.port;
	}
	index = dict_find(&w->conns, dict_hash(&look.e, sizeof(look.e)), same_conn, &look, &added);
	bytes_u64(&w->text, added ? 0 : index + 1);
	if (!added)
		return;
	if (index < DICT_MAX)
		w->conn[index] = look.e;
	bytes_delta(&w->text, w->last_conn, r->conn);
	w->last_conn = r->conn;
	write_peer(w, &look.e.peer);
}

struct path_look {
	const struct recfile_writer *w;
	const char *p;
	uint32_t len;
};

static bool same_path(const void *ctx, uint32_t index)
{
	const struct path_look *l = ctx;

	return l->w->path[index].len == l->len &&
	       !memcmp(l->w->text.p + l->w->path[index].at, l->p, l->len);
}

static void put_path(struct recfile_writer *w, const char *p, uint32_t len)
{
	struct path_look look = {w, p, len < HTTP1_PATH_MAX ? len : HTTP1_PATH_MAX - 1};
	bool added;
	uint32_t index = dict_find(&w->paths, dict_hash(p, look.len), same_path, &look, &added);

	bytes_u64(&w->text, added ? 0 : index + 1);
	if (!added)
		return;
	bytes_u64(&w->text, look.len);
	if (index < DICT_MAX) {
		w->path[index].at = (uint32_t)w->text.n;
		w->path[index].len = look.len;
	}
	bytes_put(&w->text, p, look.len);
}

static void put_trace_id(struct recfile_writer *w, const char *hex)
{
	uint8_t id[16];

	for (int i = 0; i < 16; i++) {
		unsigned high = (unsigned)(hex[2 * i] - (hex[2 * i] > '9' ? 'a' - 10 : '0'));
		unsigned low = (unsigned)(hex[2 * i + 1] - (hex[2 * i + 1] > '9' ? 'a' - 10 : '0'));

		id[i] = (uint8_t)(high << 4 | low);
	}
	bytes_put(&w->nums, id, sizeof(id));
}

static void put_waits(struct recfile_writer *w, const struct request *r, unsigned flags)
{
	if (flags & KIND_STALL)
		bytes_u64(&w->nums, r->stall.ns);
	if (flags & KIND_GIL)
		bytes_u64(&w->nums, r->gil_wait);
	if (flags & KIND_GC)
		bytes_u64(&w->nums, r->gc);
}

void write_request(struct recfile_writer *w, const struct request *r, unsigned fact, unsigned flags)
{
	struct kind k;

	if (fact)
		bytes_u64(&w->text, fact);
	describe(&k, w, r, flags);
	put_kind(w, &k);
	put_conn(w, r);
	bytes_delta(&w->text, w->last_id, r->id);
	w->last_id = r->id;
	bytes_u64(&w->text, r->bytes_in);
	bytes_u64(&w->text, r->bytes_out);
	write_stamps(w, r, k.shape);
	if (r->head_seen)
		put_path(w, r->http.path, r->http.path_len);
	if (k.http & HTTP1_F_TRACE_ID)
		put_trace_id(w, r->http.trace_id);
	put_waits(w, r, k.flags);
}

/* --- reading */

static const struct kind no_kind;

static const struct kind *read_new_kind(struct recfile_reader *r, struct kind *spare)
{
	struct kind *k = r->n_kinds < DICT_MAX ? &r->kind[r->n_kinds] : spare;

	memset(k, 0, sizeof(*k));
	k->shape = (uint32_t)cursor_upto(&r->text, (1u << 2 * STAMPS) - 1);
	k->pid = (uint32_t)cursor_upto(&r->text, UINT32_MAX);
	k->flags = (uint16_t)cursor_upto(&r->text, UINT16_MAX);
	k->http = (uint16_t)cursor_upto(&r->text, UINT16_MAX) & KIND_HTTP;
	k->status = (uint16_t)cursor_upto(&r->text, UINT16_MAX);
	k->end = (uint8_t)cursor_upto(&r->text, REQ_ENDS - 1);
	k->cache = (uint8_t)cursor_upto(&r->text, CACHE_KINDS - 1);
	k->route = read_route(r);
	cursor_string(&r->text, k->method, HTTP1_METHOD_MAX - 1);
	k->error = k->flags & KIND_ERROR ? read_site(r) : NULL;
	k->stall = k->flags & KIND_STALL ? read_site(r) : NULL;
	if (r->text.bad)
		return &no_kind;
	if (k != spare)
		r->n_kinds++;
	return k;
}

static const struct kind *read_kind(struct recfile_reader *r, uint64_t index, struct kind *spare)
{
	if (!index)
		return read_new_kind(r, spare);
	if (index <= r->n_kinds)
		return &r->kind[index - 1];
	r->text.bad = true;
	return &no_kind;
}

static void read_peer(struct recfile_reader *r, struct rs_addr *a)
{
	uint64_t code = cursor_upto(&r->text, 2 * UINT16_MAX);
	unsigned n = address_size((uint16_t)(code / 2));
	const uint8_t *ip = r->last_peer.ip, *port;

	memset(a, 0, sizeof(*a));
	a->family = (uint16_t)(code / 2);
	if (!n)
		return;
	if (!(code & 1))
		ip = cursor_take(&r->text, n);
	port = cursor_take(&r->nums, sizeof(a->port));
	if (!ip || !port)
		return;
	memcpy(a->ip, ip, n);
	memcpy(&a->port, port, sizeof(a->port));
	r->last_peer = *a;
}

static void read_conn(struct recfile_reader *r, struct request *out)
{
	uint64_t index = cursor_upto(&r->text, r->n_conns);
	struct conn_entry e;

	if (index) {
		out->conn = r->conn[index - 1].conn;
		out->peer = r->conn[index - 1].peer;
		return;
	}
	e.conn = r->last_conn = cursor_delta(&r->text, r->last_conn);
	read_peer(r, &e.peer);
	if (r->n_conns < DICT_MAX)
		r->conn[r->n_conns++] = e;
	out->conn = e.conn;
	out->peer = e.peer;
}

static void read_path(struct recfile_reader *r, struct http1_head *http)
{
	uint64_t index = cursor_upto(&r->text, r->n_paths);
	const uint8_t *p;
	uint64_t len;

	if (index) {
		p = r->path[index - 1].p;
		len = r->path[index - 1].len;
	} else {
		len = cursor_upto(&r->text, HTTP1_PATH_MAX - 1);
		p = cursor_take(&r->text, len);
		if (!p)
			return;
		if (r->n_paths < DICT_MAX) {
			r->path[r->n_paths].p = p;
			r->path[r->n_paths++].len = (uint32_t)len;
		}
	}
	memcpy(http->path, p, len);
	http->path[len] = '\0';
	http->path_len = (uint16_t)len;
}

static void read_trace_id(struct recfile_reader *r, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *id = cursor_take(&r->nums, 16);

	for (int i = 0; id && i < 16; i++) {
		hex[2 * i] = digits[id[i] >> 4];
		hex[2 * i + 1] = digits[id[i] & 15];
	}
	hex[32] = '\0';
}

static inline void read_stamps(struct recfile_reader *r, uint32_t shape, struct request *out)
{
	uint64_t base = r->base;

	for (unsigned i = 0; i < STAMPS; i++) {
		unsigned mode = mode_of(shape, i);

		if (mode == STAMP_EARLIER)
			base -= cursor_u64(&r->nums);
		else if (mode == STAMP_LATER)
			base += cursor_u64(&r->nums);
		stamp_set(out, i, mode ? base : 0);
	}
	if (out->ended)
		r->base = out->ended;
}

static inline void apply_kind(const struct kind *k, struct request *out)
{
	out->pid = k->pid;
	out->end = k->end;
	out->cache = k->cache;
	out->status = k->status;
	out->received_all = k->flags & KIND_RECEIVED_ALL;
	out->head_seen = k->flags & KIND_HEAD_SEEN;
	out->status_seen = k->flags & KIND_STATUS_SEEN;
	out->output_lost = k->flags & KIND_OUTPUT_LOST;
	out->input_lost = k->flags & KIND_INPUT_LOST;
	out->late = k->flags & KIND_LATE;
	out->route = k->route;
	out->error = k->error;
	out->stall.site = k->stall;
	out->http.flags = k->http;
	memcpy(out->http.method, k->method, sizeof(k->method));
}

static inline void read_waits(struct recfile_reader *r, unsigned flags, struct request *out)
{
	out->stall.ns = flags & KIND_STALL ? cursor_upto(&r->nums, TIME_MAX) : 0;
	out->gil_wait = flags & KIND_GIL ? cursor_upto(&r->nums, TIME_MAX) : 0;
	out->gc = flags & KIND_GC ? cursor_upto(&r->nums, TIME_MAX) : 0;
}

unsigned read_request(struct recfile_reader *r, uint64_t kind_of, struct request *out)
{
	struct kind spare;
	const struct kind *k = read_kind(r, kind_of, &spare);

	apply_kind(k, out);
	read_conn(r, out);
	out->id = r->last_id = cursor_delta(&r->text, r->last_id);
	out->bytes_in = cursor_u64(&r->text);
	out->bytes_out = cursor_u64(&r->text);
	read_stamps(r, k->shape, out);
	out->http.path_len = 0;
	out->http.trace_id[0] = '\0';
	if (out->head_seen)
		read_path(r, &out->http);
	if (k->http & HTTP1_F_TRACE_ID)
		read_trace_id(r, out->http.trace_id);
	read_waits(r, k->flags, out);
	return k->flags;
}
