// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * order.c - events of one connection in the order of their numbers.
 *
 * A number is taken just before the place in the ring, so two CPUs hardly ever exchange the two: the
 * softirq that sees a FIN, and the thread that accepts the same connection. What comes too early waits.
 *
 * So does a client's reset while a request is open: the client may have read the whole response before
 * the call that sent it has returned. What comes meanwhile goes before the reset, whose number it takes.
 */
#include "conn.h"

#include <stdlib.h>
#include <string.h>

/* Held events are an exception of microseconds; under a real loss they must not pile up. */
#define MAX_HELD_BYTES (1 << 20)

static uint32_t sequence(const void *record)
{
	return ((const struct rs_event *)record)->seq;
}

static void set_sequence(struct held *h, uint32_t seq)
{
	((struct rs_event *)h->record)->seq = seq;
}

static bool is_reset(const void *record)
{
	const struct rs_event *h = record;

	return h->type == RS_EV_CLOSE && h->flags & RS_F_RESET && !(h->flags & RS_F_BY_SERVER);
}

static void unlist(struct tracer *t, struct conn *c)
{
	struct conn **link = &t->holders;

	while (*link != c)
		link = &(*link)->next_held;
	*link = c->next_held;
	c->next_held = NULL;
}

static bool hold(struct tracer *t, struct conn *c, const void *record, size_t size)
{
	struct held **link = &c->held, *h;

	if (t->held_bytes + size > MAX_HELD_BYTES)
		return false;
	h = malloc(sizeof(*h) + size);
	if (!h)
		return false;
	if (!c->held) {
		c->next_held = t->holders;
		t->holders = c;
	}
	while (*link && !is_reset((*link)->record) &&
	       sequence((*link)->record) < sequence(record))
		link = &(*link)->next;
	h->next = *link;
	h->settles = 0;
	h->size = size;
	memcpy(h->record, record, size);
	if (*link && sequence((*link)->record) < sequence(record)) {
		set_sequence(h, sequence((*link)->record));
		set_sequence(*link, sequence(record));
	}
	*link = h;
	t->held_bytes += size;
	return true;
}

static struct held *pop(struct tracer *t, struct conn *c)
{
	struct held *h = c->held;

	c->held = h->next;
	t->held_bytes -= h->size;
	if (!c->held)
		unlist(t, c);
	return h;
}

void order_drop(struct tracer *t, struct conn *c)
{
	while (c->held)
		free(pop(t, c));
}

struct held *order_next(struct tracer *t, struct conn *c, bool waited)
{
	while (c->held && sequence(c->held->record) <= c->seq)
		free(pop(t, c)); /* twice the same number: never from the kernel */
	if (!c->held || sequence(c->held->record) != c->seq + 1)
		return NULL;
	if (!waited && c->first && is_reset(c->held->record))
		return NULL;
	return pop(t, c);
}

bool order_ends(const struct conn *c)
{
	for (const struct held *h = c->held; h; h = h->next)
		if (is_reset(h->record))
			return true;
	return false;
}

bool order_admit(struct tracer *t, struct conn *c, const void *record, size_t size)
{
	uint32_t seq = sequence(record);

	if (seq <= c->seq)
		return false; /* its absence has been counted as a loss */
	if (seq == c->seq + 1 && !(c->first && is_reset(record)))
		return true;
	if (hold(t, c, record, size))
		return false;
	tracer_release(t, c); /* no room to wait: what is missing is lost */
	return seq > c->seq;
}
