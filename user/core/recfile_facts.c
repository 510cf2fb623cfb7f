// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_facts.c - the facts of one block, one after the other.
 */
#include "recfile_priv.h"

#include <errno.h>
#include <stdlib.h>

uint64_t read_time(struct recfile_reader *r)
{
	return cursor_delta(&r->nums, r->base);
}

/* --- routes */

static int routes_room(struct recfile_reader *r)
{
	uint32_t cap = r->cap_routes ? 2 * r->cap_routes : 64;
	struct route **routes;

	if (r->n_routes < r->cap_routes)
		return 0;
	routes = realloc(r->routes, cap * sizeof(struct route *));
	if (!routes)
		return -ENOMEM;
	r->routes = routes;
	r->cap_routes = cap;
	return 0;
}

static struct route *read_new_route(struct recfile_reader *r)
{
	char method[ROUTE_METHOD_MAX], template[ROUTE_TEMPLATE_MAX], place[PLACE_MAX + 1];
	bool there = cursor_string(&r->text, method, sizeof(method) - 1), has_place;

	there &= cursor_string(&r->text, template, sizeof(template) - 1);
	has_place = cursor_string(&r->text, place, sizeof(place) - 1);
	if (!there || r->text.bad || routes_room(r)) {
		r->text.bad = true;
		return NULL;
	}
	return r->routes[r->n_routes++] =
		       router_restore(r->router, method, template, has_place ? place : NULL);
}

struct route *read_route(struct recfile_reader *r)
{
	uint64_t index = cursor_upto(&r->text, (uint64_t)r->n_routes + 1);

	if (index == 1)
		return read_new_route(r);
	return index ? r->routes[index - 2] : NULL;
}

/* --- facts */

bool read_within(struct recfile_reader *r, uint64_t t)
{
	t -= r->shift;
	if (t < r->head->first || t > r->head->last)
		r->text.bad = true;
	return !r->text.bad && !r->nums.bad;
}

static void on_begin(struct recfile_reader *r, uint64_t *last)
{
	struct request b = {};

	b.id = *last = cursor_delta(&r->text, *last);
	b.seen = read_time(r);
	if (read_within(r, b.seen) && r->sink->begin)
		r->sink->begin(r->sink->ctx, &b);
}

static void on_retract(struct recfile_reader *r)
{
	struct request b = {};

	b.id = cursor_u64(&r->text);
	b.seen = read_time(r);
	b.ended = read_time(r);
	if (read_within(r, b.ended) && r->sink->retract)
		r->sink->retract(r->sink->ctx, &b);
}

static void on_stuck(struct recfile_reader *r, bool has_where)
{
	uint64_t kind = cursor_u64(&r->text), now;
	char where[STATE_WHERE + 1] = "";

	r->text.bad |= kind < FACT_END;
	read_request(r, kind - FACT_END, &r->request);
	now = read_time(r);
	if (has_where)
		cursor_string(&r->text, where, STATE_WHERE);
	r->text.bad |= r->request.end != REQ_OPEN;
	if (read_within(r, now) && r->sink->stuck)
		r->sink->stuck(r->sink->ctx, &r->request, now, *where ? where : NULL);
}

static void on_state(struct recfile_reader *r)
{
	read_state(r);
	if (read_within(r, r->state->s.now) && r->sink->state)
		r->sink->state(r->sink->ctx, &r->state->s);
}

static void on_fold(struct recfile_reader *r)
{
	struct route *route = read_route(r), *into = read_route(r);

	if (route && into && !r->text.bad)
		router_restore_fold(route, into);
}

static inline void on_end(struct recfile_reader *r, uint64_t kind)
{
	struct request *q = &r->request;
	unsigned flags = read_request(r, kind, q);

	r->text.bad |= q->end == REQ_OPEN;
	if (!read_within(r, q->ended > q->seen ? q->ended : q->seen))
		return;
	if (flags & KIND_BEGUN && read_within(r, q->seen) && r->sink->begin)
		r->sink->begin(r->sink->ctx, q);
	if (!r->text.bad && r->sink->end)
		r->sink->end(r->sink->ctx, q);
}

static void on_fact(struct recfile_reader *r, uint64_t fact, uint64_t *last_begin)
{
	switch (fact) {
	case FACT_BEGIN:
		on_begin(r, last_begin);
		break;
	case FACT_RETRACT:
		on_retract(r);
		break;
	case FACT_STUCK:
	case FACT_STUCK_AT:
		on_stuck(r, fact == FACT_STUCK_AT);
		break;
	case FACT_STALL:
		read_stall_fact(r);
		break;
	case FACT_BACKGROUND:
		read_background_fact(r);
		break;
	case FACT_LOOP:
		read_loop_fact(r);
		break;
	case FACT_STATE:
		on_state(r);
		break;
	case FACT_FOLD:
		on_fold(r);
		break;
	default:
		r->text.bad = true;
	}
}

static void reset(struct recfile_reader *r)
{
	r->n_kinds = r->n_conns = r->n_paths = r->n_routes = r->n_sites = 0;
	r->last_id = r->last_conn = 0;
	memset(&r->last_peer, 0, sizeof(r->last_peer));
	memset(&r->request, 0, sizeof(r->request));
	r->base = cursor_u64(&r->text) + r->shift;
}

int read_facts(struct recfile_reader *r)
{
	uint64_t last_begin = 0;

	reset(r);
	while (r->text.p < r->text.end && !r->text.bad && !r->nums.bad) {
		uint64_t fact = cursor_u64(&r->text);

		if (fact >= FACT_END)
			on_end(r, fact - FACT_END);
		else
			on_fact(r, fact, &last_begin);
	}
	return r->text.bad || r->nums.bad || r->nums.p != r->nums.end ? -EINVAL : 0;
}
