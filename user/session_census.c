// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_census.c - what the kernel holds at this moment: connections, compared with what the events
 * told, and what the listeners have turned away.
 */
#include "session_priv.h"

#include <poll.h>
#include <stdlib.h>

struct census {
	struct rs_census *list;
	size_t n, cap;
};

static void keep_conn(void *ctx, const struct rs_census *k)
{
	struct census *c = ctx;

	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		void *grown = realloc(c->list, cap * sizeof(*c->list));

		if (!grown)
			return;
		c->list = grown;
		c->cap = cap;
	}
	c->list[c->n++] = *k;
}

/* Returns how many connections should be looked at once more (tracer_census_end()). */
static uint32_t census_once(struct session *s)
{
	struct census c = {};
	uint64_t start = session_now();
	uint32_t suspects = 0;

	if (!capture_census_conns(s->capture, keep_conn, &c)) {
		tracer_census_begin(s->tracer, start);
		session_drain(s); /* without tracer_settle(): what waits has not waited because of this */
		for (size_t i = 0; i < c.n; i++)
			tracer_census_conn(s->tracer, &c.list[i]);
		suspects = tracer_census_end(s->tracer, start);
	}
	free(c.list);
	return suspects;
}

#define SECOND_LOOK_MS 2
void session_census(struct session *s)
{
	if (!s->capture || !census_once(s))
		return;
	poll(NULL, 0, SECOND_LOOK_MS); /* a thread on its way out of a call gets there */
	census_once(s);
}

/* Its place in the list. At the bound the one that was not met for the longest time makes room: live ones
   are met in each summary. */
static uint32_t turned_away_place(struct session *s, uint64_t id)
{
	uint32_t i = 0, oldest = 0;

	for (; i < s->n_turned_away && s->turned_away[i].id != id; i++)
		if (s->turned_away[i].met < s->turned_away[oldest].met)
			oldest = i;
	return i < SESSION_MAX_LISTENERS ? i : oldest;
}

uint32_t session_turned_away(struct session *s, const struct rs_ev_listen *e, bool at_start)
{
	uint32_t i = turned_away_place(s, e->h.conn);

	if (i == s->n_turned_away)
		s->n_turned_away++;
	if (s->turned_away[i].id != e->h.conn) { /* one that came later has turned nobody away before */
		s->turned_away[i].id = e->h.conn;
		s->turned_away[i].drops = at_start ? e->drops : 0;
	}
	s->turned_away[i].met = session_now();
	return e->drops - s->turned_away[i].drops;
}

static void note_turned_away(void *ctx, const struct rs_ev_listen *e)
{
	session_turned_away(ctx, e, true);
}

void session_note_turned_away(struct session *s)
{
	for (uint32_t i = 0; i < s->target.n_processes; i++)
		capture_census_listeners(s->capture, s->target.processes[i].pid, note_turned_away, s);
}
