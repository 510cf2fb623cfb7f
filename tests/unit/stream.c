// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void stream_init(struct stream *s)
{
	*s = (struct stream){.snap_in = 4096, .snap_out = 64, .snap_head = 4096};
}

void stream_free(struct stream *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].data);
	free(s->list);
	*s = (struct stream){};
}

static void add(struct stream *s, const void *data, size_t size)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->list = realloc(s->list, s->cap * sizeof(*s->list));
		assert(s->list);
	}
	s->list[s->n].data = malloc(size);
	assert(s->list[s->n].data);
	memcpy(s->list[s->n].data, data, size);
	s->list[s->n++].size = size;
}

void stream_lose_last(struct stream *s)
{
	free(s->list[--s->n].data);
}

struct stream_conn stream_conn(uint64_t id, uint32_t pid)
{
	return (struct stream_conn){.id = id, .pid = pid};
}

static struct rs_event head(struct stream_conn *c, uint16_t type, uint64_t ts, uint16_t flags)
{
	return (struct rs_event){
		.ts = ts,
		.conn = c->id,
		.seq = ++c->seq,
		.tgid = c->pid,
		.tid = c->pid,
		.type = type,
		.flags = flags | (c->unix_socket ? RS_F_POS_COUNTED : 0),
	};
}

void stream_open(struct stream *s, struct stream_conn *c, uint64_t established, uint64_t accepted)
{
	struct rs_ev_open e = {
		.h = head(c, RS_EV_OPEN, accepted, 0),
		.established = established,
		.in_pos = c->in_pos,
		.in_end = c->in_end,
		.out_pos = c->out_pos,
	};

	add(s, &e, sizeof(e));
}

void stream_open_late(struct stream *s, struct stream_conn *c, uint64_t ts, uint64_t last_in,
		      uint64_t last_out)
{
	struct rs_ev_open e = {
		.h = head(c, RS_EV_OPEN, ts, RS_F_LATE),
		.in_pos = c->in_pos,
		.in_end = c->in_end,
		.out_pos = c->out_pos,
		.last_in = last_in,
		.last_out = last_out,
	};

	add(s, &e, sizeof(e));
}

void stream_arrive(struct stream_conn *c, uint64_t ts, uint32_t n)
{
	bool merged = c->n_arrivals == RS_MAX_ARRIVALS;

	c->in_end += n;
	c->n_arrivals += !merged;
	c->arrivals[c->n_arrivals - 1] =
		(struct rs_arrival){.ts = ts, .end = c->in_end, .merged = merged};
}

/* As bpf/copy.bpf.h does for one buffer: a prefix, and the tail of what was not copied whole. */
static size_t put_pieces(uint8_t *buf, const uint8_t *data, uint32_t n, uint32_t limit, uint8_t *count)
{
	uint32_t at[2] = {0, 0}, len[2] = {n < limit ? n : limit, 0};
	size_t off = 0;

	len[1] = n - len[0] < RS_TAIL ? n - len[0] : RS_TAIL;
	at[1] = n - len[1];
	for (int i = 0; i < 2 && len[i]; i++) {
		struct rs_piece piece = {at[i], len[i]};

		memcpy(buf + off, &piece, sizeof(piece));
		memcpy(buf + off + sizeof(piece), data + at[i], len[i]);
		off += sizeof(piece) + ((len[i] + 7) & ~7U);
		++*count;
	}
	return off;
}

static size_t put_arrivals(uint8_t *buf, struct stream_conn *c, uint32_t end, uint8_t *count)
{
	uint32_t used = 0, taken = 0;

	while (used < c->n_arrivals) {
		memcpy(buf + used * sizeof(struct rs_arrival), &c->arrivals[used],
		       sizeof(struct rs_arrival));
		used++;
		if ((int32_t)(c->arrivals[used - 1].end - end) > 0)
			break;
		taken++;
		if (c->arrivals[used - 1].end == end)
			break;
	}
	*count = used;
	c->n_arrivals -= taken;
	memmove(c->arrivals, c->arrivals + taken, c->n_arrivals * sizeof(struct rs_arrival));
	return used * sizeof(struct rs_arrival);
}

void stream_read(struct stream *s, struct stream_conn *c, uint64_t ts, const void *data, uint32_t n)
{
	uint8_t buf[sizeof(struct rs_ev_data) + 16384] __attribute__((aligned(8))) = {};
	struct rs_ev_data e = {.h = head(c, RS_EV_IN, ts, 0), .pos = c->in_pos, .len = n};
	size_t size = sizeof(e);

	c->in_pos += n;
	size += put_arrivals(buf + size, c, c->in_pos, &e.n_arrivals);
	size += put_pieces(buf + size, data, n, s->snap_in, &e.n_pieces);
	memcpy(buf, &e, sizeof(e));
	add(s, buf, size);
}

void stream_in(struct stream *s, struct stream_conn *c, uint64_t arrived, uint64_t read,
	       const char *text)
{
	stream_arrive(c, arrived, strlen(text));
	stream_read(s, c, read, text, strlen(text));
}

static void put_write(struct stream *s, struct stream_conn *c, uint64_t entry, uint64_t exit,
		      const void *data, uint32_t n, const struct rs_error *error)
{
	uint8_t buf[sizeof(struct rs_ev_data) + 16384] __attribute__((aligned(8))) = {};
	struct rs_ev_data e = {
		.h = head(c, RS_EV_OUT, entry, RS_F_NONBLOCK | (error ? RS_F_ERROR : 0)),
		.exit = exit,
		.pos = c->out_pos,
		.len = n,
	};
	bool starts = n >= 7 && !memcmp(data, "HTTP/1.", 7);
	size_t size = sizeof(e);

	c->out_pos += n;
	if (error)
		memcpy(buf + size, error, sizeof(*error));
	size += error ? sizeof(*error) : 0;
	size += put_pieces(buf + size, data, n, starts ? s->snap_head : s->snap_out, &e.n_pieces);
	memcpy(buf, &e, sizeof(e));
	add(s, buf, size);
}

void stream_write(struct stream *s, struct stream_conn *c, uint64_t entry, uint64_t exit,
		  const void *data, uint32_t n)
{
	put_write(s, c, entry, exit, data, n, NULL);
}

void stream_write_error(struct stream *s, struct stream_conn *c, uint64_t entry, const char *text,
			const struct rs_error *error)
{
	put_write(s, c, entry, entry + 10, text, strlen(text), error);
}

void stream_out(struct stream *s, struct stream_conn *c, uint64_t ts, const char *text)
{
	stream_write(s, c, ts, ts + 10, text, strlen(text));
}

void stream_eof(struct stream *s, struct stream_conn *c, uint64_t ts)
{
	struct rs_ev_close e = {.h = head(c, RS_EV_EOF, ts, 0), .peer_fin = ts};

	c->peer_fin = ts;
	add(s, &e, sizeof(e));
}

void stream_close(struct stream *s, struct stream_conn *c, uint64_t ts, bool by_server, bool reset)
{
	struct {
		struct rs_ev_close ev;
		struct rs_arrival arrivals[RS_MAX_ARRIVALS];
	} e = {
		.ev =
			{
				.h = head(c, RS_EV_CLOSE, ts,
					  (by_server ? RS_F_BY_SERVER : 0) |
						  (reset ? RS_F_RESET : 0)),
				.peer_fin = c->peer_fin ? c->peer_fin : by_server ? 0 : ts,
				.in_pos = c->in_pos,
				.in_end = c->in_end,
				.out_pos = c->out_pos,
				.n_arrivals = c->n_arrivals,
			},
	};

	memcpy(e.arrivals, c->arrivals, sizeof(e.arrivals));
	add(s, &e, sizeof(e));
	c->closed = true;
}

struct rs_census stream_census(const struct stream_conn *c, uint64_t ts)
{
	struct rs_census k = {
		.ts = ts,
		.conn = c->id,
		.seq = c->seq,
		.tgid = c->pid,
		.in_pos = c->in_pos,
		.in_end = c->in_end,
		.out_pos = c->out_pos,
		.flags = (c->unix_socket ? RS_F_POS_COUNTED : 0) | (c->seq ? 0 : RS_F_UNACCEPTED) |
			 (c->closed ? RS_F_CLOSED : 0),
		.n_arrivals = c->n_arrivals,
	};

	memcpy(k.arrivals, c->arrivals, sizeof(k.arrivals));
	return k;
}

static void on_begin(void *ctx, const struct request *r)
{
	struct harness *h = ctx;

	(void)r;
	h->begun++;
}

static void on_end(void *ctx, const struct request *r)
{
	struct harness *h = ctx;

	assert(h->n_ended < 256);
	h->ended[h->n_ended++] = *r;
}

static void on_retract(void *ctx, const struct request *r)
{
	struct harness *h = ctx;

	(void)r;
	h->retracted++;
}

static void on_error(void *ctx, struct request *r, const struct rs_error *error)
{
	struct harness *h = ctx;

	h->errors++;
	h->error = *error;
	h->error_request = r->id;
}

static void on_annotate(void *ctx, struct request *r)
{
	struct harness *h = ctx;

	assert(h->n_ended == h->annotated);
	h->annotated++;
	r->gc = r->id; /* so that a test sees it at the end */
}

void harness_init(struct harness *h)
{
	struct tracer_options o = {.max_conns = 64, .max_open = 64};
	struct request_sink sink = {.ctx = h,
				    .begin = on_begin,
				    .end = on_end,
				    .retract = on_retract,
				    .error = on_error,
				    .annotate = on_annotate};

	memset(h, 0, sizeof(*h));
	h->router = router_new(100);
	h->tracer = tracer_new(&o, h->router, &sink);
	assert(h->router && h->tracer);
}

void harness_free(struct harness *h)
{
	tracer_free(h->tracer);
	router_free(h->router);
}

void harness_run(struct harness *h, struct stream *s)
{
	for (size_t i = 0; i < s->n; i++) {
		int err = tracer_event(h->tracer, s->list[i].data, s->list[i].size);

		assert(!err);
		(void)err;
	}
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].data);
	s->n = 0;
	tracer_settle(h->tracer); /* what is missing now will not come */
	tracer_settle(h->tracer);
}

void harness_census(struct harness *h, uint64_t ts, const struct stream_conn *const *conns, size_t n)
{
	tracer_census_begin(h->tracer, ts);
	for (size_t i = 0; i < n; i++) {
		struct rs_census k = stream_census(conns[i], ts);

		tracer_census_conn(h->tracer, &k);
	}
	tracer_census_end(h->tracer, ts);
}

struct open_count {
	uint32_t n;
	struct request *first;
};

static void count_open(void *ctx, struct request *r)
{
	struct open_count *o = ctx;

	if (o->first && (!o->n || r->id < o->first->id))
		*o->first = *r;
	o->n++;
}

uint32_t harness_open(struct harness *h, struct request *first)
{
	struct open_count o = {0, first};

	tracer_visit_open(h->tracer, count_open, &o);
	return o.n;
}

int one_conn_setup(void **state)
{
	struct one_conn *f = calloc(1, sizeof(*f));

	harness_init(&f->h);
	stream_init(&f->s);
	f->c = stream_conn(1, 42);
	*state = f;
	return 0;
}

int one_conn_teardown(void **state)
{
	struct one_conn *f = *state;

	harness_free(&f->h);
	stream_free(&f->s);
	free(f);
	return 0;
}
