// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_list.c - the requests that are open at the end of the slice, oldest first. Each place of
 * the list has room for its request, also those beyond the last one.
 */
#include "replay_priv.h"

#include <string.h>

static struct request *room_of(struct replay *r, uint32_t i)
{
	return (struct request *)kept_summary_open(r->kept)[i].request;
}

void replay_list_remove(struct replay *r, uint64_t id)
{
	struct replay_pass *p = &r->pass;
	struct summary_open *open = kept_summary_open(r->kept);
	struct request *room;
	uint32_t i = 0, rest;

	if (id > p->max_open)
		return;
	while (i < p->n_open && open[i].id != id)
		i++;
	if (i == p->n_open)
		return;
	room = room_of(r, i);
	rest = --p->n_open - i;
	memmove(open + i, open + i + 1, rest * sizeof(*open));
	memmove(p->counted + i, p->counted + i + 1, rest * sizeof(*p->counted));
	open[p->n_open].request = room;
}

static bool is_listed(const struct replay *r, uint64_t id)
{
	const struct summary_open *open = kept_summary_open(r->kept);

	for (uint32_t i = 0; i < r->pass.n_open; i++)
		if (open[i].id == id)
			return true;
	return false;
}

/* A request as it stood at `to`: what happened later is taken back. */
static void mask(struct request *q, uint64_t to)
{
	uint64_t *const stamps[] = {&q->established, &q->accepted, &q->arrived, &q->read,
				    &q->received,    &q->head,	   &q->done};
	bool received = q->received_all && (!q->received || q->received < to);

	q->next = NULL;
	q->end = REQ_OPEN;
	q->ended = 0;
	for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++)
		if (*stamps[i] >= to)
			*stamps[i] = 0;
	q->received_all = received && q->read;
	if (!q->read) {
		q->head_seen = false;
		q->route = NULL;
	}
	if (!q->head) {
		q->status_seen = false;
		q->error = NULL;
	}
	q->stall.site = NULL; /* known at the end of a request only */
	q->stall.ns = q->gil_wait = q->gc = 0;
}

static uint64_t since(const struct request *q)
{
	return q->arrived ? q->arrived : q->seen;
}

void replay_list_add(struct replay *r, const struct request *q, bool counted)
{
	struct replay_pass *p = &r->pass;
	struct summary_open *open = kept_summary_open(r->kept);
	struct request *room;
	uint32_t i;

	if (is_listed(r, q->id))
		return;
	if (p->n_open == SUMMARY_MAX_OPEN) {
		if (since(open[p->n_open - 1].request) <= since(q))
			return;
		p->n_open--;
	}
	room = room_of(r, p->n_open);
	*room = *q;
	mask(room, r->to);
	for (i = p->n_open++; i && since(open[i - 1].request) > since(q); i--) {
		open[i] = open[i - 1];
		p->counted[i] = p->counted[i - 1];
	}
	open[i] = (struct summary_open){.id = q->id, .request = room};
	p->counted[i] = counted;
	p->max_open = q->id > p->max_open ? q->id : p->max_open;
}

void replay_list_take(struct replay *r, const struct summary *s)
{
	struct replay_pass *p = &r->pass;

	kept_summary_set(r->kept, s);
	p->n_open = s->n_open;
	p->max_open = 0;
	memset(p->counted, 0, sizeof(p->counted));
	for (uint32_t i = 0; i < s->n_open; i++)
		if (s->open[i].id > p->max_open)
			p->max_open = s->open[i].id;
}
