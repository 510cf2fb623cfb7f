// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conn.h"

#include <errno.h>
#include <stdlib.h>

struct tracer *tracer_new(const struct tracer_options *options, struct router *router,
			  const struct request_sink *sink)
{
	struct tracer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->options = *options;
	t->router = router;
	t->sink = *sink;
	hashmap_init(&t->conns);
	pool_init(&t->conn_pool, sizeof(struct conn) + 2 * http1_size(), options->max_conns);
	pool_init(&t->request_pool, sizeof(struct request), options->max_open);
	pool_init(&t->head_pool, sizeof(struct http1_head), options->max_open);
	return t;
}

void tracer_free(struct tracer *t)
{
	if (!t)
		return;
	while (t->holders)
		order_drop(t, t->holders);
	pool_destroy(&t->conn_pool);
	pool_destroy(&t->request_pool);
	pool_destroy(&t->head_pool);
	hashmap_free(&t->conns);
	over_free(t);
	free(t);
}

const struct tracer_counts *tracer_counts(const struct tracer *t)
{
	return &t->counts;
}

static struct conn *conn_meet(struct tracer *t, uint64_t id)
{
	struct conn *c = conn_new(t, id);

	if (!c)
		t->counts.evicted++;
	return c;
}

/*
 * A connection that existed before: whether a message boundary lies here is told by what was moved
 * last. After a send the server waits for a request, or goes on sending; after a receive an
 * exchange is under way that began unseen. Bytes that lie unread came before that send or are half
 * of something. A unix socket does not tell; the next input decides by its looks.
 */
static void open_late(struct conn *c, const struct rs_ev_open *o)
{
	c->last_in = o->last_in;
	c->last_out = o->last_out;
	c->late = true;
	c->under_way = o->last_in > o->last_out || o->in_end != o->in_pos;
	c->doubtful = c->under_way || c->unix_socket;
	c->presumed = c->unix_socket;
	c->state = c->under_way ? CONN_WAIT_OUT : CONN_WAIT_IN;
}

static void take_open(struct conn *c, const struct event *e)
{
	const struct rs_ev_open *o = e->open;
	bool late = e->h->flags & RS_F_LATE;

	c->pid = e->h->tgid;
	c->established = o->established;
	c->accepted = late ? 0 : e->h->ts;
	c->peer = o->peer;
	c->unix_socket = e->h->flags & RS_F_POS_COUNTED;
	c->pending = false;
	if (c->first && c->requests == 1) { /* the census saw its first request before accept() did */
		c->first->established = c->established;
		c->first->accepted = c->accepted;
		c->first->peer = c->peer;
	}
	if (c->requests || c->state != CONN_SYNC)
		return; /* known from elsewhere already: its positions stand */
	c->in = o->in_pos;
	c->out = o->out_pos;
	if (late)
		open_late(c, o);
	/* bytes that came before we watched have no stamp; a watched connection's have theirs */
	if (c->unix_socket)
		c->first_unknown = late && o->in_end != o->in_pos;
	else if (late || !o->established)
		c->in_unknown = position_extend(c->in, o->in_end);
}

/* Everything up to `seq` that has not come is lost. */
static void lose_before(struct tracer *t, struct conn *c, uint32_t seq, uint64_t now)
{
	if (seq == c->seq + 1)
		return;
	t->counts.gaps++;
	t->counts.lost += seq - c->seq - 1;
	conn_lost(t, c, now);
	if (!c->seq && c->state == CONN_SYNC)
		c->state = CONN_WAIT_OUT;
}

/* The event whose turn it is. False when the connection is gone after it. */
static bool take_next(struct tracer *t, struct conn *c, const struct event *e)
{
	lose_before(t, c, e->h->seq, e->h->ts);
	c->seq = e->h->seq;
	switch (e->h->type) {
	case RS_EV_OPEN:
		take_open(c, e);
		break;
	case RS_EV_IN:
		conn_input(t, c, e);
		break;
	case RS_EV_OUT:
		conn_output(t, c, e);
		break;
	case RS_EV_EOF:
		c->peer_fin = e->h->ts;
		break;
	case RS_EV_CLOSE:
		conn_close(t, c, e);
		return false;
	}
	return true;
}

static bool take_held(struct tracer *t, struct conn *c, struct held *h)
{
	struct event e;
	bool there = true;

	if (!event_decode(h->record, h->size, &e))
		there = take_next(t, c, &e);
	free(h);
	return there;
}

/* What has waited for the event just taken. */
static void take_followers(struct tracer *t, struct conn *c)
{
	struct held *h;

	while ((h = order_next(t, c, false)))
		if (!take_held(t, c, h))
			return;
}

void tracer_release(struct tracer *t, struct conn *c)
{
	while (c->held) {
		struct event e;

		if (!event_decode(c->held->record, c->held->size, &e))
			lose_before(t, c, e.h->seq, e.h->ts);
		c->seq = e.h->seq - 1;
		if (!take_held(t, c, order_next(t, c, true)))
			return;
	}
}

void tracer_settle(struct tracer *t)
{
	struct conn *c = t->holders, *next;

	for (; c; c = next) {
		next = c->next_held;
		if (c->held->settles++)
			tracer_release(t, c);
	}
	over_settle(t);
}

static void take(struct tracer *t, const struct event *e, const void *record, size_t size)
{
	struct conn *c = hashmap_get(&t->conns, e->h->conn);

	if (!c && over_has(t, e->h->conn))
		return; /* a call was on its way out when a reset came */
	if (!c) {
		c = conn_meet(t, e->h->conn);
		if (c)
			c->met = e->h->ts;
	}
	if (!c || !order_admit(t, c, record, size))
		return;
	if (take_next(t, c, e))
		take_followers(t, c);
}

static bool of_connection(const struct rs_event *h)
{
	return h->conn && h->type <= RS_EV_CLOSE;
}

int tracer_event(struct tracer *t, const void *record, size_t size)
{
	struct event e;

	t->counts.events++;
	if (event_decode(record, size, &e)) {
		t->counts.malformed++;
		return -EINVAL;
	}
	if (of_connection(e.h))
		take(t, &e, record, size);
	return 0;
}

void tracer_visit_open(struct tracer *t, tracer_visit visit, void *ctx)
{
	struct hashmap_iter it;

	hashmap_iter_init(&it, &t->conns);
	while (hashmap_next(&it)) {
		struct conn *c = it.value;

		for (struct request *r = c->first; r; r = r->next)
			if (r != c->first || !c->out_lost)
				visit(ctx, r);
	}
}

uint64_t tracer_late_hung(struct tracer *t, uint64_t *since)
{
	struct hashmap_iter it;
	uint64_t n = 0;

	*since = 0;
	hashmap_iter_init(&it, &t->conns);
	while (hashmap_next(&it)) {
		struct conn *c = it.value;

		if (!c->under_way || c->state != CONN_WAIT_OUT)
			continue;
		n++;
		if (!*since || c->last_in < *since)
			*since = c->last_in;
	}
	return n;
}
