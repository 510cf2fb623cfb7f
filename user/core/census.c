// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * census.c - the kernel's state of every connection against ours.
 */
#include "conn.h"

void tracer_census_begin(struct tracer *t, uint64_t start)
{
	t->census++;
	t->census_start = start;
	t->suspects = 0;
	t->taking = true;
}

/* Its end has been told, and taken: it must not come back to life. While not all of them are
   remembered nobody is met; a later census will. */
static bool is_over(const struct tracer *t, const struct rs_census *k)
{
	return k->flags & RS_F_CLOSED || over_forgets(t) || over_has(t, k->conn);
}

/* A connection that no event has told of: not accepted yet, or its first events were lost. */
static struct conn *meet(struct tracer *t, const struct rs_census *k)
{
	struct conn *c;

	if (is_over(t, k))
		return NULL;
	c = conn_new(t, k->conn);
	if (!c) {
		t->counts.evicted++;
		return NULL;
	}
	c->met = k->ts;
	c->unix_socket = k->flags & RS_F_POS_COUNTED;
	c->established = k->established;
	c->pending = k->flags & RS_F_UNACCEPTED;
	c->pid = k->tgid;
	c->in = k->in_pos;
	c->out = k->out_pos;
	if (!c->pending)
		c->state = CONN_WAIT_OUT;
	if (k->flags & RS_F_LATE)
		c->in_unknown = position_extend(c->in, k->in_end);
	return c;
}

/* Where what is received now is a request, if no bytes of one have been read. */
static bool at_boundary(const struct conn *c)
{
	if (c->state == CONN_SYNC)
		return !c->filling && !c->in_lost;
	/* after a loss it may as well be the rest of a body that was answered early */
	return c->state == CONN_WAIT_IN && !c->doubtful;
}

/* Bytes lie unread at a message boundary: that is a request, open in phase queue. */
static void begin_unread(struct tracer *t, struct conn *c, const struct rs_census *k)
{
	struct arrivals a = {
		.list = k->arrivals,
		.n = k->flags & RS_F_NO_ARRIVALS ? 0 : k->n_arrivals,
		.near = c->in,
		.unknown = c->in_unknown,
	};

	if (!at_boundary(c) || k->in_pos == k->in_end)
		return;
	if (c->last && !c->last->read)
		return;
	conn_begin(t, c, arrival_at(&a, c->in), k->ts);
}

/* The socket's own positions against ours. */
static bool in_step(struct tracer *t, struct conn *c, const struct rs_census *k)
{
	if (c->state != CONN_SYNC || ((uint32_t)c->in == k->in_pos && (uint32_t)c->out == k->out_pos)) {
		c->suspect = false;
		return true;
	}
	if (c->suspect) {
		t->counts.gaps++;
		conn_lost(t, c, k->ts);
	} else {
		t->suspects++;
	}
	c->suspect = !c->suspect;
	return false;
}

void tracer_census_conn(struct tracer *t, const struct rs_census *k)
{
	struct conn *c = hashmap_get(&t->conns, k->conn);

	if (!c)
		c = meet(t, k);
	if (!c)
		return;
	c->stamp = t->census;
	if (order_ends(c)) /* what the kernel holds of it says nothing any more */
		return;
	tracer_release(t, c);
	c = hashmap_get(&t->conns, k->conn);
	if (!c)
		return;
	/* every event before the census has been taken: what is missing now is lost */
	if ((int32_t)(k->seq - c->seq) > 0) {
		t->counts.gaps++;
		t->counts.lost += k->seq - c->seq;
		c->seq = k->seq;
		conn_lost(t, c, k->ts);
		return;
	}
	if (c->seq != k->seq) { /* events came after the census was taken */
		c->suspect = false;
		return;
	}
	if (!in_step(t, c, k))
		return;
	begin_unread(t, c, k);
}

uint32_t tracer_census_end(struct tracer *t, uint64_t now)
{
	struct hashmap_iter it;

	hashmap_iter_init(&it, &t->conns);
	while (hashmap_next(&it)) {
		struct conn *c = it.value;

		if (c->stamp == t->census || c->met >= t->census_start || order_ends(c))
			continue;
		/* gone from the kernel, and its close never came */
		t->counts.gaps++;
		t->counts.lost++;
		conn_lost(t, c, now);
		conn_free(t, c);
	}
	t->taking = false;
	return t->suspects;
}
