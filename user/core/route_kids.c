/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route_kids.c - the children of a tree node, by label.
 *
 * An array sorted by hash: small, found by halving, the same order in every run. Labels come from
 * clients who may look for collisions; a level is bounded, so the worst of them is a short scan.
 */
#include "route_priv.h"

#include <errno.h>
#include <stdlib.h>

/* FNV-1a, finished with a multiplication because the top bits order the children. */
uint32_t route_hash(const char *s, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return (h ^ h >> 15) * 2654435761u;
}

/* The first child whose hash is not below. */
static uint32_t lower_bound(const struct route_kids *kids, uint32_t hash)
{
	uint32_t low = 0, high = kids->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (kids->v[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void *route_kids_find(const struct route_kids *kids, const char *label, size_t len)
{
	uint32_t hash;

	if (!kids->n)
		return NULL;
	hash = route_hash(label, len);
	for (uint32_t i = lower_bound(kids, hash); i < kids->n && kids->v[i].hash == hash; i++) {
		const struct route_kid *kid = &kids->v[i];

		if (kid->len == len && !memcmp(kid->label, label, len))
			return kid->node;
	}
	return NULL;
}

int route_kids_add(struct route_kids *kids, const char *label, size_t len, void *node)
{
	uint32_t hash = route_hash(label, len);
	uint32_t at = lower_bound(kids, hash);

	if (kids->n == kids->room) {
		uint32_t room = kids->room ? 2 * kids->room : 2;
		struct route_kid *v = reallocarray(kids->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		kids->v = v;
		kids->room = room;
	}
	memmove(&kids->v[at + 1], &kids->v[at], (kids->n - at) * sizeof(*kids->v));
	kids->v[at] = (struct route_kid){hash, (uint32_t)len, label, node};
	kids->n++;
	return 0;
}
