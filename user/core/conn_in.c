// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * conn_in.c - what a connection received: where requests begin, when they were read and received.
 */
#include "conn.h"

#include <string.h>

struct input {
	struct tracer *t;
	struct conn *c;
	const struct event *e;
	struct arrivals arrivals;
	uint64_t at; /* position of the next byte */
};

/* What follows a response was sent after it. What came before it is a body that was answered early,
   or was pipelined: then the next response need not be its own. */
static bool came_after_response(const struct input *in)
{
	const struct arrivals *a = &in->arrivals;
	uint64_t arrived = arrival_at(a, in->at);

	if (arrived)
		return arrived > in->c->last_write;
	if (a->unknown && position_before(in->at, a->unknown))
		return !in->c->last_write; /* it lay there when tracing began */
	return !in->c->doubtful || !a->n;
}

/*
 * Where the response under way ends is not known. A client that goes on after it has the whole of
 * it; when that was complete stays unknown. One that pipelines tells nothing, and then the answers
 * that follow cannot be told apart either.
 */
static bool response_was_read(struct input *in)
{
	struct conn *c = in->c;

	if (c->first->next || !came_after_response(in)) {
		conn_lost(in->t, c, in->e->h->ts);
		return false;
	}
	conn_end_first(in->t, c, REQ_OK, in->e->h->ts);
	conn_response_reset(in->t, c);
	return true;
}

/* Two at once on a connection that was met late: they are a body that looks like requests. What was
   under way then still is. */
static void presumed_wrongly(struct tracer *t, struct conn *c)
{
	while (c->first)
		conn_retract_last(t, c);
	http1_reset(c->in_parser);
	c->presumed = false;
	c->late = true;
	c->state = CONN_WAIT_OUT;
}

/* A request that was read while the one before it was unanswered starts being looked at when that one
   is done; conn_out.c moves `read` then. */
static struct request *begin_read(struct input *in)
{
	struct conn *c = in->c;
	uint64_t ts = in->e->h->ts;
	struct request *r;

	if (c->out_lost && c->first && !response_was_read(in))
		return NULL;
	r = c->last;
	if (r && r->read && c->presumed) {
		presumed_wrongly(in->t, c);
		return NULL;
	}
	if (r && r->read && c->doubtful) { /* two at once: what was taken for a boundary was none */
		c->pipelines = true;
		conn_lost(in->t, c, ts);
		return NULL;
	}
	if (!r || r->read) { /* else the census saw its bytes before anyone read them */
		r = conn_begin(in->t, c, arrival_at(&in->arrivals, in->at), ts);
		if (!r)
			return NULL;
	}
	r->pid = c->pid;
	r->tid = in->e->h->tid;
	r->read = ts;
	c->filling = r;
	http1_set_head(c->in_parser, &r->http);
	return r;
}

static void head_complete(struct input *in)
{
	struct request *r = in->c->filling;

	if (!r || in->c->retired)
		return;
	r->head_seen = true;
	in->c->unproven = false;
	r->route = conn_route(in->t->router, r);
}

/* The request's last byte is the one before in->at. */
static void message_complete(struct input *in)
{
	struct conn *c = in->c;
	struct request *r = c->filling;

	if (c->retired) {
		pool_put(&in->t->request_pool, r);
		c->retired = false;
	} else if (r) {
		r->received_all = true;
		r->received = arrival_at(&in->arrivals, in->at - 1);
	}
	c->filling = NULL;
}

static void input_lost(struct conn *c)
{
	c->in_lost = true;
	if (c->filling && !c->retired)
		c->filling->input_lost = true;
}

/* What was taken for a request after a loss was none. */
static void not_at_boundary(struct input *in)
{
	struct conn *c = in->c;

	if (c->filling && !c->retired)
		conn_retract_last(in->t, c);
	conn_lost(in->t, c, in->e->h->ts);
}

/* Whether the parser can go on with this connection. */
static bool input_event(struct input *in, enum http1_event event, const uint8_t *data, size_t n)
{
	switch (event) {
	case HTTP1_HEAD:
		head_complete(in);
		return true;
	case HTTP1_END:
		message_complete(in);
		return true;
	case HTTP1_LOST:
		input_lost(in->c);
		return false;
	case HTTP1_INVALID:
		if (in->c->doubtful) {
			not_at_boundary(in);
			return false;
		}
		conn_not_http(in->t, in->c, data, n, in->e->h->ts);
		return false;
	default:
		return true;
	}
}

static size_t skip_newlines(const uint8_t *data, size_t n)
{
	size_t i = 0;

	while (i < n && (data[i] == '\r' || data[i] == '\n'))
		i++;
	return i;
}

/* A proxy may put a PROXY protocol header before the first request; its sender writes it in one go
   (haproxy's proxy-protocol.txt, 2). It is skipped. */
static size_t skip_proxy_header(const struct input *in, const uint8_t *data, size_t n)
{
	int length;

	if (in->at || !in->c->accepted || in->c->filling || !n)
		return 0;
	length = http1_proxy_header(data, n);
	return length > 0 ? (size_t)length : 0;
}

/* The connection begins with something that looks like that header and cannot be skipped. */
static bool is_proxy_noise(const struct input *in, const uint8_t *data, size_t n)
{
	return !in->at && in->c->accepted && !in->c->filling && n &&
	       http1_looks_like(data, n) == HTTP1_IS_PROXY;
}

static bool feed(struct input *in, const uint8_t *data, size_t n)
{
	struct conn *c = in->c;
	const uint8_t *start = data, *end = data + n;
	enum http1_event event = HTTP1_MORE;
	size_t used = skip_proxy_header(in, data, n);

	data += used;
	in->at += used;
	if (data == end)
		return true;
	if (is_proxy_noise(in, data, n - used)) {
		conn_not_http(in->t, c, data, n - used, in->e->h->ts);
		return false;
	}
	do {
		if (http1_at_start(c->in_parser)) {
			used = skip_newlines(data, end - data);
			data += used;
			in->at += used;
			if (data == end)
				return true;
			if (!begin_read(in))
				return false;
			start = data;
		}
		used = http1_feed(c->in_parser, data, end - data, &event);
		data += used;
		in->at += used;
		if (!c->retired && c->filling)
			c->filling->bytes_in += used;
		if (!input_event(in, event, start, end - start))
			return false;
	} while (data < end || event == HTTP1_HEAD);
	return true;
}

static bool skip(struct input *in, uint64_t n)
{
	struct conn *c = in->c;
	enum http1_event event;
	uint64_t used;

	while (n) {
		if (http1_at_start(c->in_parser)) {
			/* a message begins in bytes that were not copied: none of it is known */
			if (!begin_read(in))
				return false;
			input_lost(c);
			return false;
		}
		used = http1_skip(c->in_parser, n, &event);
		n -= used;
		in->at += used;
		if (!c->retired && c->filling)
			c->filling->bytes_in += used;
		if (!input_event(in, event, NULL, 0))
			return false;
	}
	return true;
}

static void run(struct input *in)
{
	const struct event *e = in->e;
	uint32_t done = 0;

	for (uint32_t i = 0; i < e->n_pieces; i++) {
		const struct piece *p = &e->pieces[i];

		if (!skip(in, p->at - done) || !feed(in, p->data, p->len))
			return;
		done = p->at + p->len;
	}
	skip(in, e->data->len - done);
}

/* Not the rest of a method: "NS / HTTP/1.1" could be a request, too. */
static bool starts_method(const uint8_t *data, size_t n)
{
	static const char *const methods[] = {"GET ",	"POST ",   "PUT ",     "HEAD ", "PATCH ",
					      "DELETE ", "OPTIONS ", "CONNECT ", "QUERY ", "TRACE "};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t len = strlen(methods[i]);

		if (n > len && !memcmp(data, methods[i], len))
			return true;
	}
	return false;
}

/* After a loss, or when met late, it must be a whole line: the rest of a body often could be the
   beginning of one. */
static bool starts_request(const struct input *in)
{
	const struct piece *p = &in->e->pieces[0];
	bool doubtful = in->c->doubtful || in->c->late;
	size_t from;

	if (!in->e->n_pieces || p->at)
		return false;
	from = doubtful ? 0 : skip_newlines(p->data, p->len);
	if (!starts_method(p->data + from, p->len - from) ||
	    !http1_could_be_request(p->data + from, p->len - from))
		return false;
	return !doubtful || memchr(p->data, '\n', p->len);
}

/* Out of step: does this segment start a request? */
static bool resynchronise(struct input *in)
{
	struct conn *c = in->c;

	c->asked = true;
	if (c->state != CONN_WAIT_IN)
		return false;
	if (c->pipelines || !came_after_response(in) || !starts_request(in)) {
		if (c->last) /* the census took these bytes for a request */
			conn_retract_last(in->t, c);
		c->doubtful = true;
		c->state = CONN_WAIT_OUT;
		return false;
	}
	http1_reset(c->in_parser);
	c->asked = false;
	c->unproven = true;
	c->state = CONN_SYNC;
	c->late = c->under_way = false;
	c->forgone = 0;
	return true;
}

/* Neither where the request ends is known nor where its response does: is this the next request? */
static bool next_after_loss(struct input *in)
{
	if (starts_request(in))
		return response_was_read(in);
	if (came_after_response(in)) /* the next one may begin in here */
		conn_lost(in->t, in->c, in->e->h->ts);
	return false;
}

/*
 * Where the previous message ended is not known. Once everything is answered the server asks for more
 * only at a boundary; whatever comes before that belongs to the message.
 */
static bool boundary_after_loss(struct input *in)
{
	struct tracer *t = in->t;
	struct conn *c = in->c;
	const struct event *e = in->e;
	bool doubtful = c->doubtful;

	if (!c->in_lost)
		return true;
	if (c->first && !(c->out_lost && next_after_loss(in)))
		return false;
	conn_lost(t, c, e->h->ts);
	c->doubtful = doubtful; /* no event is missing */
	c->state = CONN_WAIT_IN;
	return resynchronise(in);
}

void conn_input(struct tracer *t, struct conn *c, const struct event *e)
{
	uint64_t pos = position_extend(c->in, e->data->pos);
	struct input in = {
		.t = t,
		.c = c,
		.e = e,
		.at = pos,
		.arrivals =
			{
				.list = e->arrivals,
				.n = e->n_arrivals,
				.near = pos,
				.unknown = c->in_unknown,
			},
	};

	c->pid = e->h->tgid;
	if (c->state == CONN_SYNC && pos != c->in) {
		t->counts.gaps++;
		conn_lost(t, c, e->h->ts);
	}
	c->in = pos + e->data->len;
	c->last_in = e->h->ts;
	if (c->first_unknown || (e->h->flags & RS_F_NO_ARRIVALS))
		in.arrivals.n = 0;
	c->first_unknown = false;
	if (c->state == CONN_SYNC ? boundary_after_loss(&in) : resynchronise(&in))
		run(&in);
}
