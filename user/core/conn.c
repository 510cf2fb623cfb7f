// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conn.h"

#include <string.h>

struct conn *conn_new(struct tracer *t, uint64_t id)
{
	struct conn *c = pool_get(&t->conn_pool);

	if (!c)
		return NULL;
	c->id = id;
	c->in_parser = (struct http1 *)(c + 1);
	c->out_parser = (struct http1 *)((char *)(c + 1) + http1_size());
	http1_init(c->in_parser, HTTP1_REQUEST, NULL);
	http1_init(c->out_parser, HTTP1_RESPONSE, NULL);
	if (hashmap_put(&t->conns, id, c)) {
		pool_put(&t->conn_pool, c);
		return NULL;
	}
	t->counts.conns++;
	return c;
}

/* A request that has left the queue while its input goes on is kept for the parser alone. */
static void drop_retired(struct tracer *t, struct conn *c)
{
	if (c->retired)
		pool_put(&t->request_pool, c->filling);
	c->retired = false;
	c->filling = NULL;
}

void conn_free(struct tracer *t, struct conn *c)
{
	struct request *r = c->first, *next;

	order_drop(t, c);
	drop_retired(t, c);
	for (; r; r = next) {
		next = r->next;
		pool_put(&t->request_pool, r);
	}
	pool_put(&t->head_pool, c->response);
	hashmap_remove(&t->conns, c->id);
	pool_put(&t->conn_pool, c);
}

struct request *conn_begin(struct tracer *t, struct conn *c, uint64_t arrived, uint64_t now)
{
	struct request *r = pool_get(&t->request_pool);

	if (!r) {
		t->counts.evicted++;
		conn_lost(t, c, now);
		return NULL;
	}
	r->id = ++t->next_request;
	r->conn = c->id;
	r->pid = c->pid;
	r->peer = c->peer;
	r->arrived = arrived;
	r->seen = now;
	if (!c->requests++) {
		r->established = c->established;
		r->accepted = c->accepted;
	}
	c->pipelines |= c->first != NULL;
	if (c->last)
		c->last->next = r;
	else
		c->first = r;
	c->last = r;
	t->sink.begin(t->sink.ctx, r);
	return r;
}

static struct request *queue_pop(struct conn *c)
{
	struct request *r = c->first;

	c->first = r->next;
	if (!c->first)
		c->last = NULL;
	r->next = NULL;
	return r;
}

struct route *conn_route(struct router *router, const struct request *r)
{
	struct route_ask ask = {
		.method = r->http.method,
		.path = r->http.path,
		.path_len = r->http.path_len,
		.host = r->http.host,
		.upgrade = r->http.flags & HTTP1_F_UPGRADE,
	};

	return router_match_ask(router, &ask);
}

void conn_end_first(struct tracer *t, struct conn *c, enum request_end end, uint64_t when)
{
	struct request *r = queue_pop(c);

	r->end = end;
	r->ended = when;
	if (r->head_seen && !r->route)
		r->route = conn_route(t->router, r);
	if (t->sink.annotate)
		t->sink.annotate(t->sink.ctx, r);
	t->sink.end(t->sink.ctx, r);
	if (r == c->filling)
		c->retired = true; /* the parser still writes into it */
	else
		pool_put(&t->request_pool, r);
}

void conn_response_reset(struct tracer *t, struct conn *c)
{
	pool_put(&t->head_pool, c->response);
	c->response = NULL;
	c->out_started = false;
	c->out_lost = false;
	http1_reset(c->out_parser);
}

/* The answer to this request may make a tunnel of its connection. */
static bool may_upgrade(const struct request *r)
{
	return r->head_seen && (r->http.flags & HTTP1_F_UPGRADE || !strcmp(r->http.method, "CONNECT"));
}

void conn_lost(struct tracer *t, struct conn *c, uint64_t now)
{
	bool tunnel = false;

	for (struct request *r = c->first; r; r = r->next)
		tunnel |= may_upgrade(r);
	for (; c->first; c->forgone += c->state == CONN_SYNC)
		conn_end_first(t, c, REQ_UNKNOWN, now);
	drop_retired(t, c);
	conn_response_reset(t, c);
	http1_reset(c->in_parser);
	c->in_lost = false;
	if (c->state == CONN_SYNC || c->state == CONN_WAIT_IN)
		c->state = tunnel ? CONN_TUNNEL : CONN_WAIT_OUT;
	c->doubtful = true;
	c->presumed = false;
	c->asked = false;
}

void conn_retract_last(struct tracer *t, struct conn *c)
{
	struct request *r = c->last, **link = &c->first;

	c->last = NULL;
	for (; *link != r; link = &(*link)->next)
		c->last = *link;
	*link = NULL;
	if (c->filling == r)
		c->filling = NULL;
	t->sink.retract(t->sink.ctx, r);
	pool_put(&t->request_pool, r);
}

static uint64_t *guess_counter(struct tracer_counts *counts, enum http1_guess guess)
{
	switch (guess) {
	case HTTP1_IS_TLS:
		return &counts->tls;
	case HTTP1_IS_HTTP2:
		return &counts->http2;
	case HTTP1_IS_PROXY:
		return &counts->proxy;
	default:
		return &counts->other;
	}
}

void conn_not_http(struct tracer *t, struct conn *c, const uint8_t *data, size_t n, uint64_t now)
{
	t->counts.not_http++;
	++*guess_counter(&t->counts, http1_looks_like(data, n));
	if (c->filling && !c->retired)
		conn_retract_last(t, c);
	conn_lost(t, c, now); /* requests before it are answered in an order that is not followed */
	c->state = CONN_OPAQUE;
}

/* Bytes that nobody read are a request whose connection ended before the app looked. */
static void close_unread(struct tracer *t, struct conn *c, const struct event *e)
{
	struct arrivals a = {
		.list = e->arrivals,
		.n = e->n_arrivals,
		.near = c->in,
		.unknown = c->in_unknown,
	};
	uint64_t in_end = position_extend(c->in, e->close->in_end);

	if (c->state != CONN_SYNC || c->filling || c->in_lost || !position_before(c->in, in_end))
		return;
	if (c->last && !c->last->read)
		return; /* the census has begun it already */
	conn_begin(t, c, arrival_at(&a, c->in), e->h->ts);
}

/*
 * The close ends a response that has no other end; nothing else that is still open can end well.
 * A client that sent FIN before cannot have known the end: only if the server went on sending after it
 * was that a half-close, and not the client giving up.
 */
static void close_response(struct tracer *t, struct conn *c, const struct event *e)
{
	struct request *r = c->first;

	if (!r || !c->out_started || c->out_lost)
		return;
	if (!(e->h->flags & RS_F_BY_SERVER) && (e->h->flags & RS_F_RESET || c->last_out < e->close->peer_fin))
		return;
	if (http1_eof(c->out_parser) != HTTP1_END)
		return;
	r->done = c->last_out;
	conn_end_first(t, c, REQ_OK, r->done);
}

void conn_close(struct tracer *t, struct conn *c, const struct event *e)
{
	bool by_server = e->h->flags & RS_F_BY_SERVER;
	uint64_t left = e->close->peer_fin ? e->close->peer_fin : e->h->ts;

	if (c->doubtful)
		conn_lost(t, c, e->h->ts);
	close_unread(t, c, e);
	close_response(t, c, e);
	if (c->out_lost && c->first) /* whether the response was complete cannot be known */
		conn_end_first(t, c, REQ_UNKNOWN, e->h->ts);
	while (c->first) {
		if (by_server)
			conn_end_first(t, c, REQ_SERVER_CLOSED, e->h->ts);
		else
			conn_end_first(t, c, REQ_CLIENT_CLOSED, left);
	}
	if (c->under_way && c->state == CONN_WAIT_OUT)
		t->counts.late_attached++;
	over_note(t, c->id);
	conn_free(t, c);
}
