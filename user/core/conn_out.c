// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * conn_out.c - what a connection sent: where responses begin and end, and which request each answers.
 */
#include "conn.h"

#include <string.h>

struct output {
	struct tracer *t;
	struct conn *c;
	const struct event *e;
	uint64_t at;		      /* place of the next byte in the segment */
	const struct rs_error *error; /* of the response that began with the segment's first byte */
};

static bool response_begin(struct output *o)
{
	struct conn *c = o->c;
	struct request *r = c->first;

	if (c->unproven && !r->input_lost) {
		/* the rest of a body can look like a method; this answers what it belongs to */
		conn_lost(o->t, c, o->e->h->ts);
		c->state = CONN_WAIT_IN;
		return false;
	}
	if (!c->response)
		c->response = pool_get(&o->t->head_pool);
	if (!c->response) {
		o->t->counts.evicted++;
		conn_lost(o->t, c, o->e->h->ts);
		return false;
	}
	c->out_started = true;
	c->out_start = o->e->h->ts;
	o->error = o->at ? NULL : o->e->error;
	http1_set_head(c->out_parser, c->response);
	http1_expect(c->out_parser, !strcmp(r->http.method, "HEAD"),
		     !strcmp(r->http.method, "CONNECT"));
	return true;
}

/* As far as the request line was seen. */
static bool may_be(const struct request *r, const char *method)
{
	return !r->head_seen && !r->http.path_len &&
	       !strncmp(method, r->http.method, strlen(r->http.method));
}

static void response_end_lost(struct conn *c)
{
	c->out_lost = true;
	c->first->output_lost = true;
}

/*
 * The exception was taken when the segment was handed over, whose first byte began this head. Where
 * it is not certain which request is answered, nothing is told.
 */
static void tell_error(struct output *o)
{
	struct conn *c = o->c;
	const struct rs_error *error = o->error;
	struct request *r = c->first;
	bool sure = !c->doubtful && !c->presumed && !c->unproven && !c->late;

	o->error = NULL;
	if (error && sure && r->status >= 400 && r->status <= 599 && o->t->sink.error)
		o->t->sink.error(o->t->sink.ctx, r, error);
}

static void head_complete(struct output *o)
{
	struct conn *c = o->c;
	struct request *r = c->first;

	if (c->response->status < 200 && c->response->status != 101)
		return; /* interim: its time is nobody's head */
	r->status = c->response->status;
	r->cache = c->response->cache;
	r->status_seen = true;
	r->head = c->out_start;
	tell_error(o);
	if (may_be(r, "HEAD") || may_be(r, "CONNECT"))
		response_end_lost(c); /* whether it has a body depends on that */
}

/* The next request was perhaps read long ago; the app gets to it now. */
static void next_request(struct conn *c, uint64_t done)
{
	if (c->first && c->first->read && c->first->read < done)
		c->first->read = done;
}

/*
 * A call that finds room hands its bytes over at its entry and returns at once. One on a blocking
 * socket that had to wait for room hands over its last byte shortly before it returns.
 */
#define WAITED_NS 1000000
static uint64_t last_byte_time(const struct event *e)
{
	bool waited = e->data->exit > e->h->ts + WAITED_NS;

	return waited && !(e->h->flags & RS_F_NONBLOCK) ? e->data->exit : e->h->ts;
}

static void response_complete(struct output *o)
{
	struct conn *c = o->c;
	struct request *r = c->first;

	if (!r->status_seen) { /* an interim response */
		c->out_started = false;
		return;
	}
	c->doubtful = c->presumed = false;
	r->done = last_byte_time(o->e);
	conn_end_first(o->t, c, REQ_OK, r->done);
	conn_response_reset(o->t, c);
	next_request(c, last_byte_time(o->e));
}

static void tunnel(struct output *o)
{
	struct conn *c = o->c;

	conn_end_first(o->t, c, REQ_UPGRADED, o->e->h->ts);
	if (c->last && !c->last->read) /* the census took frames for it */
		conn_retract_last(o->t, c);
	while (c->first)
		conn_end_first(o->t, c, REQ_UNKNOWN, o->e->h->ts);
	conn_response_reset(o->t, c);
	c->state = CONN_TUNNEL;
}

static bool is_switch(const struct request *r)
{
	return r->status == 101 ||
	       (r->status / 100 == 2 && r->head_seen && !strcmp(r->http.method, "CONNECT"));
}

static bool output_event(struct output *o, enum http1_event event)
{
	struct conn *c = o->c;

	switch (event) {
	case HTTP1_HEAD:
		head_complete(o);
		return !c->out_lost;
	case HTTP1_END:
		response_complete(o);
		return true;
	case HTTP1_TUNNEL:
		tunnel(o);
		return false;
	case HTTP1_LOST:
		if (!c->first->status_seen) /* nor is it known where the next one starts */
			conn_lost(o->t, c, o->e->h->ts);
		else if (is_switch(c->first))
			tunnel(o); /* what of its head was not seen makes no difference */
		else
			response_end_lost(c);
		return false;
	case HTTP1_INVALID: /* the server speaks something else */
		conn_lost(o->t, c, o->e->h->ts);
		return false;
	default:
		return true;
	}
}

/* Whether there is a request for the bytes that come; begins its response. */
static bool response_ready(struct output *o)
{
	struct conn *c = o->c;

	if (!c->first) { /* more was said than was asked: something was not seen */
		o->t->counts.gaps++;
		conn_lost(o->t, c, o->e->h->ts);
		c->state = CONN_WAIT_IN;
		return false;
	}
	return c->out_started || response_begin(o);
}

static bool feed(struct output *o, const uint8_t *data, size_t n)
{
	const uint8_t *end = data + n;
	enum http1_event event = HTTP1_MORE;

	while (data < end || event == HTTP1_HEAD) {
		size_t used;

		if (data < end && !response_ready(o))
			return false;
		used = http1_feed(o->c->out_parser, data, end - data, &event);
		data += used;
		o->at += used;
		o->c->first->bytes_out += used;
		if (!output_event(o, event))
			return false;
	}
	return true;
}

static bool skip(struct output *o, uint64_t n)
{
	enum http1_event event;

	while (n) {
		uint64_t used;

		if (!response_ready(o))
			return false;
		used = http1_skip(o->c->out_parser, n, &event);
		n -= used;
		o->at += used;
		o->c->first->bytes_out += used;
		if (!output_event(o, event))
			return false;
	}
	return true;
}

static void run(struct output *o)
{
	const struct event *e = o->e;
	uint32_t done = 0;

	for (uint32_t i = 0; i < e->n_pieces; i++) {
		const struct piece *p = &e->pieces[i];

		if (!skip(o, p->at - done) || !feed(o, p->data, p->len))
			return;
		done = p->at + p->len;
	}
	skip(o, e->data->len - done);
}

/* The first digit of the status, when the segment starts a response; else 0. */
static char starts_response(const struct event *e)
{
	const struct piece *p = &e->pieces[0];

	if (!e->n_pieces || p->at || p->len < 10 || memcmp(p->data, "HTTP/1.", 7))
		return 0;
	return p->data[9];
}

/* A response that is known to start here is 101. */
static bool starts_switch(const struct event *e)
{
	return e->pieces[0].len >= 12 && !memcmp(e->pieces[0].data + 9, "101", 3);
}

/*
 * Out of step: an answer to something that was not seen. What was under way when tracing began is
 * late-attached; a request whose events were lost is unknown, unless it has been counted as that when
 * the loss was noticed. An interim response does not show that the request before it was read whole.
 */
static void unseen_response(struct tracer *t, struct conn *c, const struct event *e)
{
	char status = starts_response(e);

	if (status == '1') { /* its request is under way, so what comes next may be its body */
		c->state = starts_switch(e) ? CONN_TUNNEL : CONN_WAIT_OUT;
		return;
	}
	if (c->asked && !status)
		return; /* more of a response that goes on while its request, or the next, comes in */
	c->asked = false;
	c->established = c->accepted = 0; /* of the first exchange, which has been missed */
	if (c->last) /* the census took for a request what came before this answer */
		conn_retract_last(t, c);
	if (c->late) {
		c->doubtful = true; /* it was not between two messages */
		t->counts.late_attached++;
	} else if (status && c->forgone) {
		c->forgone--;
	} else if (status && conn_begin(t, c, 0, e->h->ts)) {
		conn_end_first(t, c, REQ_UNKNOWN, e->h->ts);
	}
	c->late = c->under_way = false;
	c->state = CONN_WAIT_IN;
}

void conn_output(struct tracer *t, struct conn *c, const struct event *e)
{
	uint64_t pos = position_extend(c->out, e->data->pos);
	struct output o = {.t = t, .c = c, .e = e};

	c->pid = e->h->tgid;
	if (c->state == CONN_SYNC && pos != c->out) {
		t->counts.gaps++;
		conn_lost(t, c, e->h->ts);
	}
	c->out = pos + e->data->len;
	c->last_out = last_byte_time(e);
	c->last_write = e->h->ts;
	if (c->state == CONN_WAIT_OUT || c->state == CONN_WAIT_IN)
		unseen_response(t, c, e);
	else if (c->state == CONN_SYNC && c->out_lost)
		c->first->bytes_out += e->data->len;
	else if (c->state == CONN_SYNC)
		run(&o);
}
