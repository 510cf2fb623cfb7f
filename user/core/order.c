// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * order.c - events of one connection in the order of their numbers.
 *
 * A number is taken just before the place in the ring, so two CPUs hardly ever exchange the two: the
 * softirq that sees a FIN, and the thread that accepts the same connection. What comes too early waits.
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
	while (*link && sequence((*link)->record) < sequence(record))
		link = &(*link)->next;
	h->next = *link;
	h->settles = 0;
	h->size = size;
	memcpy(h->record, record, size);
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

struct held *order_next(struct tracer *t, struct conn *c)
{
	while (c->held && sequence(c->held->record) <= c->seq)
		free(pop(t, c)); /* twice the same number: never from the kernel */
	if (!c->held || sequence(c->held->record) != c->seq + 1)
		return NULL;
	return pop(t, c);
}

bool order_admit(struct tracer *t, struct conn *c, const void *record, size_t size)
{
	uint32_t seq = sequence(record);

	if (seq <= c->seq)
		return false; /* its absence has been counted as a loss */
	if (seq == c->seq + 1)
		return true;
	if (hold(t, c, record, size))
		return false;
	tracer_release(t, c); /* no room to wait: what is missing is lost */
	return seq > c->seq;
}
