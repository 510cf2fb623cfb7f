// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "slowest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	struct route *route;
	uint32_t n, cap;
	struct slow_request *list; /* in the order of their ends; owned */
};

struct slowest {
	struct kept **routes; /* by route id, NULL where none */
	uint32_t n;
};

struct slowest *slowest_new(void)
{
	return calloc(1, sizeof(struct slowest));
}

void slowest_free(struct slowest *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->routes[i])
			free(s->routes[i]->list);
		free(s->routes[i]);
	}
	free(s->routes);
	free(s);
}

static int make_room(struct slowest *s, uint32_t id)
{
	uint32_t n = id < 2 * s->n ? 2 * s->n : id + 16;
	struct kept **grown;

	if (id < s->n)
		return 0;
	grown = realloc(s->routes, n * sizeof(struct kept *));
	if (!grown)
		return -ENOMEM;
	memset(grown + s->n, 0, (n - s->n) * sizeof(struct kept *));
	s->routes = grown;
	s->n = n;
	return 0;
}

static struct kept *kept_of(struct slowest *s, struct route *route)
{
	struct kept *k;

	if (make_room(s, route->id))
		return NULL;
	k = s->routes[route->id];
	if (!k)
		k = s->routes[route->id] = calloc(1, sizeof(*k));
	if (k)
		k->route = route;
	return k;
}

/* For one more. 0 or -ENOMEM. */
static int list_room(struct kept *k)
{
	uint32_t cap = k->cap ? 2 * k->cap : 8;
	struct slow_request *list;

	if (k->n < k->cap)
		return 0;
	list = realloc(k->list, cap * sizeof(*list));
	if (!list)
		return -ENOMEM;
	k->list = list;
	k->cap = cap;
	return 0;
}

static int copy_list(struct kept *to, const struct kept *from)
{
	for (; to->n < from->n; to->n++) {
		if (list_room(to))
			return -ENOMEM;
		to->list[to->n] = from->list[to->n];
	}
	return 0;
}

struct slowest *slowest_copy(const struct slowest *s)
{
	struct slowest *copy = slowest_new();

	if (!copy || (s->n && make_room(copy, s->n - 1)))
		goto failed;
	for (uint32_t i = 0; i < s->n; i++) {
		struct kept *k = s->routes[i] ? kept_of(copy, s->routes[i]->route) : NULL;

		if (s->routes[i] && (!k || copy_list(k, s->routes[i])))
			goto failed;
	}
	return copy;
failed:
	slowest_free(copy);
	return NULL;
}

static struct slow_request make(const struct request *r)
{
	struct slow_request x = {
		.arrived = r->arrived,
		.ended = r->ended,
		.pid = r->pid,
		.status = r->status_seen ? r->status : 0,
		.end = r->end,
	};

	request_phases(r, &x.phases);
	x.took = x.phases.total >= 0 ? (uint64_t)x.phases.total : r->ended - r->arrived;
	memcpy(x.method, r->http.method, sizeof(x.method));
	x.path_len = r->http.path_len < sizeof(x.path) ? r->http.path_len : sizeof(x.path);
	memcpy(x.path, r->http.path, x.path_len);
	return x;
}

/* Those that SLOWEST_SHOWN later ones outdo are in no window's list any more. */
static void drop_outdone(struct kept *k, uint64_t took)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		struct slow_request *x = &k->list[i];

		x->outdone += took >= x->took;
		if (x->outdone == SLOWEST_SHOWN)
			continue;
		if (left != i)
			k->list[left] = *x;
		left++;
	}
	k->n = left;
}

static void drop_quickest(struct kept *k)
{
	uint32_t quickest = 0;

	for (uint32_t i = 1; i < k->n / 2; i++)
		if (k->list[i].took < k->list[quickest].took)
			quickest = i;
	k->n--;
	memmove(&k->list[quickest], &k->list[quickest + 1], (k->n - quickest) * sizeof(*k->list));
}

int slowest_add(struct slowest *s, const struct request *r)
{
	struct slow_request x;
	struct kept *k;

	if (!r->route || !r->arrived || r->late || r->ended < r->arrived || r->end == REQ_OPEN ||
	    r->end == REQ_UNKNOWN)
		return 0;
	k = kept_of(s, route_final(r->route));
	if (!k)
		return -ENOMEM;
	x = make(r);
	drop_outdone(k, x.took);
	if (k->n == SLOWEST_KEPT)
		drop_quickest(k);
	if (list_room(k))
		return -ENOMEM;
	k->list[k->n++] = x;
	return 0;
}

static uint32_t insert(const struct slow_request **out, uint32_t n, const struct slow_request *x)
{
	uint32_t at = n;

	while (at && out[at - 1]->took < x->took)
		at--;
	if (at == SLOWEST_SHOWN)
		return n;
	if (n == SLOWEST_SHOWN)
		n--;
	memmove(out + at + 1, out + at, (n - at) * sizeof(*out));
	out[at] = x;
	return n + 1;
}

/* What was kept under routes that have folded into this one since is its own now. */
uint32_t slowest_of(const struct slowest *s, const struct route *route, uint64_t since,
		    const struct slow_request *out[SLOWEST_SHOWN])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct kept *k = s->routes[i];

		if (!k || route_final(k->route) != route)
			continue;
		for (uint32_t j = 0; j < k->n; j++)
			if (k->list[j].ended >= since)
				n = insert(out, n, &k->list[j]);
	}
	return n;
}
