// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * over.c - connections whose end was told lately.
 *
 * Two things may speak of them afterwards: a call that was on its way out on one CPU while a reset
 * came in on another, and a census that was taken before the end and is compared after it. Either
 * would make a connection of what is over, on which everything before seems lost and what it says
 * seems to begin a request.
 */
#include "conn.h"

void over_note(struct tracer *t, uint64_t id)
{
	struct over *o = &t->over[0];

	if (!o->full)
		o->full = hashmap_count(&o->ids) >= t->options.max_conns ||
			  hashmap_put(&o->ids, id, t);
}

bool over_has(const struct tracer *t, uint64_t id)
{
	return hashmap_get(&t->over[0].ids, id) || hashmap_get(&t->over[1].ids, id);
}

bool over_forgets(const struct tracer *t)
{
	return t->over[0].full || t->over[1].full;
}

void over_settle(struct tracer *t)
{
	if (t->taking)
		return;
	hashmap_free(&t->over[1].ids);
	t->over[1] = t->over[0];
	t->over[0] = (struct over){};
}

void over_free(struct tracer *t)
{
	hashmap_free(&t->over[0].ids);
	hashmap_free(&t->over[1].ids);
}
