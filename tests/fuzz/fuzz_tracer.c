/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_tracer.c - the whole assembly, from records to requests.
 *
 * The input is a script: a byte that says what happens, to which of a few connections, and its operands.
 * What the kernel would write is written as the kernel does; between it come losses, exchanged records,
 * lies and noise. The ledger has to balance at every step, the bounds to hold, the phases to add up.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fuzzers are linked with what is pure only; this makes its records. */
#include "../unit/stream.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                      \
	do {                                                            \
		if (!(x)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			abort();                                        \
		}                                                       \
	} while (0)

#define CONNS	 4
#define MAX_OPEN 6

enum op {
	OP_IN,
	OP_OUT,
	OP_OPEN,
	OP_OPEN_LATE,
	OP_EOF,
	OP_CLOSE,
	OP_CENSUS,
	OP_LOSE,
	OP_SETTLE,
	OP_ARRIVE,
	OP_READ,
	OP_RAW,
	OP_SWAP,
	OP_LIE,
	OP_REUSE,
	OPS
};

struct fuzz {
	const uint8_t *p, *end;
	struct tracer *tracer;
	struct router *router;
	struct stream stream;
	struct stream_conn conns[CONNS];
	bool alive[CONNS];
	uint64_t now, next_id;
	int64_t begun, ended, retracted, open;
	uint64_t last_id;
	bool lose, swap;
	struct stream_record held; /* comes after the one that follows it */
	struct {
		bool taken;
		uint8_t left; /* steps before it is compared */
		uint64_t at;
		struct rs_census list[CONNS];
		uint32_t n;
	} census;
};

static uint8_t byte(struct fuzz *f)
{
	return f->p < f->end ? *f->p++ : 0;
}

/* The next bytes of the input, as many as a byte says. */
static const uint8_t *bytes(struct fuzz *f, uint32_t *n)
{
	const uint8_t *at;

	*n = byte(f);
	if (*n > f->end - f->p)
		*n = f->end - f->p;
	at = f->p;
	f->p += *n;
	return at;
}

/* ---- what is reported */

static void check_phases(const struct request *r)
{
	struct phases p;
	const int64_t *all = &p.queue;

	request_phases(r, &p);
	for (size_t i = 0; i < sizeof(p) / sizeof(*all); i++)
		REQUIRE(all[i] >= -1);
	if (p.queue >= 0 && p.recv >= 0 && p.app >= 0 && p.send >= 0)
		REQUIRE(p.total == p.queue + p.recv + p.app + p.send);
	if (p.total >= 0)
		REQUIRE(p.ttfb >= 0 && p.ttfb <= p.total);
}

static void took_begin(void *ctx, const struct request *r)
{
	struct fuzz *f = ctx;

	REQUIRE(r->id > f->last_id && !r->end);
	f->last_id = r->id;
	f->begun++;
	REQUIRE(f->begun - f->ended - f->retracted <= MAX_OPEN);
}

static void took_end(void *ctx, const struct request *r)
{
	struct fuzz *f = ctx;

	REQUIRE(r->end > REQ_OPEN && r->end < REQ_ENDS);
	REQUIRE(r->end != REQ_OK || r->status_seen);
	REQUIRE(!r->status_seen || (r->status >= 101 && r->status <= 999));
	REQUIRE(r->http.path_len < HTTP1_PATH_MAX && !r->http.path[r->http.path_len]);
	check_phases(r);
	REQUIRE(r->gil_wait == r->id); /* annotated */
	f->ended++;
}

static void took_error(void *ctx, struct request *r, const struct rs_error *error)
{
	(void)ctx;
	REQUIRE(!r->end && r->status_seen && r->status >= 400 && r->status <= 599);
	REQUIRE(error->n_frames <= RS_MAX_FRAMES && strlen(error->name) < RS_TYPE_NAME);
	REQUIRE(!r->gc); /* once */
	r->gc = 1;
}

static void took_annotate(void *ctx, struct request *r)
{
	(void)ctx;
	REQUIRE(r->end && !r->gil_wait);
	r->gil_wait = r->id;
}

static void took_retract(void *ctx, const struct request *r)
{
	struct fuzz *f = ctx;

	REQUIRE(!r->end);
	f->retracted++;
}

static void took_open(void *ctx, struct request *r)
{
	struct fuzz *f = ctx;

	REQUIRE(!r->end);
	REQUIRE(request_open_phase(r) < PHASES);
	check_phases(r);
	f->open++;
}

/* One request of each connection may be hidden from tracer_visit_open(). */
static void check_ledger(struct fuzz *f)
{
	const struct tracer_counts *c = tracer_counts(f->tracer);
	int64_t hidden;

	f->open = 0;
	tracer_visit_open(f->tracer, took_open, f);
	hidden = f->begun - f->ended - f->retracted - f->open;
	REQUIRE(hidden >= 0 && hidden <= CONNS);
	REQUIRE(c->not_http == c->tls + c->http2 + c->proxy + c->other);
}

/* ---- what happens */

static void hand_over(struct fuzz *f, struct stream_record *rec)
{
	if (rec->data)
		REQUIRE(!tracer_event(f->tracer, rec->data, rec->size));
	free(rec->data);
	rec->data = NULL;
}

/* The newest record of the stream reaches the tracer, or does not. */
static void emit(struct fuzz *f)
{
	struct stream_record rec = f->stream.list[--f->stream.n];

	if (f->lose) {
		free(rec.data);
	} else if (f->swap && !f->held.data) {
		f->held = rec;
	} else {
		hand_over(f, &rec);
		hand_over(f, &f->held);
	}
	f->lose = f->swap = false;
}

/* What the kernel held is compared; more may have happened since. */
static void census_compare(struct fuzz *f)
{
	uint64_t dummy;

	if (!f->census.taken)
		return;
	for (uint32_t i = 0; i < f->census.n; i++)
		tracer_census_conn(f->tracer, &f->census.list[i]);
	tracer_census_end(f->tracer, f->census.at);
	tracer_late_hung(f->tracer, &dummy);
	f->census.taken = false;
}

static void census_take(struct fuzz *f, bool lie)
{
	census_compare(f);
	f->census.taken = true;
	f->census.at = f->now;
	f->census.n = 0;
	tracer_census_begin(f->tracer, f->now);
	for (uint32_t i = 0; i < CONNS; i++) {
		struct rs_census k = stream_census(&f->conns[i], f->now);

		if (lie) {
			k.seq += (int8_t)byte(f);
			k.in_pos += (int8_t)byte(f);
			k.in_end += (int8_t)byte(f);
			k.flags ^= byte(f);
		}
		if (f->alive[i])
			f->census.list[f->census.n++] = k;
	}
}

/* Bytes that are nothing, or a head that is right and a rest that is not. */
static void raw(struct fuzz *f, struct stream_conn *c)
{
	uint64_t record[64] = {};
	struct rs_event h = {.ts = f->now, .conn = c->id, .seq = c->seq + byte(f) % 3};
	uint32_t n;
	const uint8_t *data;

	h.type = byte(f) % (RS_EV_TYPES + 1);
	h.flags = byte(f);
	h.flags |= h.flags << 2 & RS_F_ERROR;
	data = bytes(f, &n);
	memcpy(record, &h, sizeof(h));
	memcpy((uint8_t *)record + sizeof(h), data, n);
	tracer_event(f->tracer, record, byte(f) % 2 ? n : sizeof(h) + n);
}

static void read_some(struct fuzz *f, struct stream_conn *c, bool arrives)
{
	uint32_t n, gap = byte(f) % 8 ? 0 : 1u << byte(f) % 16;
	const uint8_t *data = bytes(f, &n);
	uint8_t *all;

	if (!(n + gap))
		return;
	all = calloc(1, n + gap); /* the part in the middle is longer than what is copied */
	REQUIRE(all);
	memcpy(all, data, n / 2 + n % 2);
	memcpy(all + n / 2 + n % 2 + gap, data + n / 2 + n % 2, n / 2);
	if (arrives)
		stream_arrive(c, f->now - byte(f), n + gap);
	stream_read(&f->stream, c, f->now, all, n + gap);
	free(all);
	emit(f);
}

static void write_some(struct fuzz *f, struct stream_conn *c)
{
	uint32_t n, gap = byte(f) % 8 ? 0 : 1u << byte(f) % 16;
	const uint8_t *data = bytes(f, &n);
	static const struct rs_error error = {.depth = 2, .n_frames = 1, .name = "ValueError"};
	uint8_t *all, took;

	if (!(n + gap))
		return;
	all = calloc(1, n + gap);
	REQUIRE(all);
	memcpy(all, data, n / 2 + n % 2);
	memcpy(all + n / 2 + n % 2 + gap, data + n / 2 + n % 2, n / 2);
	took = byte(f);
	put_write(&f->stream, c, f->now, f->now + took, all, n + gap, took % 4 == 3 ? &error : NULL);
	free(all);
	emit(f);
}

static void reuse(struct fuzz *f, uint32_t i)
{
	uint8_t how = byte(f);

	f->conns[i] = stream_conn(++f->next_id, 42 + i % 2);
	f->conns[i].unix_socket = how & 1;
	if (how & 2)
		f->conns[i].in_pos = f->conns[i].in_end = f->conns[i].out_pos = 0u - (how >> 2);
	f->alive[i] = true;
}

static void close_one(struct fuzz *f, uint32_t i)
{
	uint8_t how = byte(f);

	stream_close(&f->stream, &f->conns[i], f->now, how & 1, how & 2);
	emit(f);
	f->alive[i] = how & 4; /* the kernel may keep it for a while */
}

static void step(struct fuzz *f)
{
	uint8_t op = byte(f);
	uint32_t i = op / OPS % CONNS;
	struct stream_conn *c = &f->conns[i];

	f->now += 1 + byte(f) * 1000;
	switch (op % OPS) {
	case OP_IN:
	case OP_READ:
		read_some(f, c, op % OPS == OP_IN);
		break;
	case OP_OUT:
		write_some(f, c);
		break;
	case OP_OPEN:
		stream_open(&f->stream, c, f->now - byte(f), f->now);
		emit(f);
		break;
	case OP_OPEN_LATE:
		stream_open_late(&f->stream, c, f->now, byte(f), byte(f));
		emit(f);
		break;
	case OP_EOF:
		stream_eof(&f->stream, c, f->now);
		emit(f);
		break;
	case OP_CLOSE:
		close_one(f, i);
		break;
	case OP_CENSUS:
	case OP_LIE:
		census_take(f, op % OPS == OP_LIE);
		f->census.left = byte(f) % 8;
		break;
	case OP_LOSE:
		f->lose = true;
		break;
	case OP_SETTLE:
		tracer_settle(f->tracer);
		break;
	case OP_ARRIVE:
		stream_arrive(c, f->now, byte(f));
		break;
	case OP_RAW:
		raw(f, c);
		break;
	case OP_SWAP:
		f->swap = true;
		break;
	case OP_REUSE:
		reuse(f, i);
		break;
	}
}

static void begin(struct fuzz *f, const uint8_t *data, size_t size)
{
	struct request_sink sink = {.ctx = f,
				    .begin = took_begin,
				    .end = took_end,
				    .retract = took_retract,
				    .error = took_error,
				    .annotate = took_annotate};
	struct tracer_options o = {.max_conns = CONNS - 1, .max_open = MAX_OPEN};

	*f = (struct fuzz){.p = data, .end = data + size, .now = 1000};
	stream_init(&f->stream);
	f->router = router_new(20);
	f->tracer = tracer_new(&o, f->router, &sink);
	REQUIRE(f->router && f->tracer);
	for (uint32_t i = 0; i < CONNS; i++) {
		f->conns[i] = stream_conn(++f->next_id, 42 + i % 2);
		f->alive[i] = true;
	}
}

/* When the kernel knows of nothing any more, and nothing is waited for, nothing is left. */
static void end(struct fuzz *f)
{
	hand_over(f, &f->held);
	memset(f->alive, 0, sizeof(f->alive));
	f->now = UINT64_MAX;
	census_take(f, false);
	census_compare(f);
	tracer_settle(f->tracer);
	tracer_settle(f->tracer);
	REQUIRE(f->begun == f->ended + f->retracted);
	tracer_free(f->tracer);
	router_free(f->router);
	stream_free(&f->stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	begin(&f, data, size);
	while (f.p < f.end) {
		step(&f);
		if (f.census.taken && !f.census.left--)
			census_compare(&f);
		check_ledger(&f);
	}
	end(&f);
	return 0;
}
