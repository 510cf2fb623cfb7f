// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "hashmap.h"

#include <errno.h>
#include <stdlib.h>

#define HASHMAP_MIN_CAPACITY 16

/* Keys are pointers and counters, whose low bits say little: the finaliser of SplitMix64 spreads
 * them. */
static uint64_t mix(uint64_t key)
{
	key ^= key >> 30;
	key *= 0xbf58476d1ce4e5b9ull;
	key ^= key >> 27;
	key *= 0x94d049bb133111ebull;
	return key ^ key >> 31;
}

void hashmap_init(struct hashmap *m)
{
	*m = (struct hashmap){0};
}

void hashmap_free(struct hashmap *m)
{
	free(m->slots);
	hashmap_init(m);
}

size_t hashmap_count(const struct hashmap *m)
{
	return m->count;
}

/* The slot that holds the key, or the free one where it would go. There always is a free slot. */
static size_t find(const struct hashmap *m, uint64_t key)
{
	size_t mask = m->capacity - 1, i = mix(key) & mask;

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & mask;
	return i;
}

void *hashmap_get(const struct hashmap *m, uint64_t key)
{
	return m->capacity ? m->slots[find(m, key)].value : NULL;
}

static int grow(struct hashmap *m)
{
	struct hashmap bigger = {.count = m->count};

	bigger.capacity = m->capacity ? m->capacity * 2 : HASHMAP_MIN_CAPACITY;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->capacity; i++)
		if (m->slots[i].value)
			bigger.slots[find(&bigger, m->slots[i].key)] = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int hashmap_put(struct hashmap *m, uint64_t key, void *value)
{
	size_t i = 0;

	if (!value)
		return -EINVAL;
	if (m->capacity) {
		i = find(m, key);
		if (m->slots[i].value) {
			m->slots[i].value = value;
			return 0;
		}
	}
	/* Above three quarters full, linear probing's runs become long. */
	if (m->count >= m->capacity / 4 * 3) {
		if (grow(m))
			return -ENOMEM;
		i = find(m, key);
	}
	m->slots[i] = (struct hashmap_slot){.key = key, .value = value};
	m->count++;
	return 0;
}

/* Moves back what probed past the hole, so that no search ends at it too early. */
static void close_gap(struct hashmap *m, size_t hole)
{
	size_t mask = m->capacity - 1;

	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = mix(m->slots[i].key) & mask;

		/* An entry may move back only as far as its own home. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole].value = NULL;
}

void *hashmap_remove(struct hashmap *m, uint64_t key)
{
	void *value;
	size_t i;

	if (!m->capacity)
		return NULL;
	i = find(m, key);
	value = m->slots[i].value;
	if (value) {
		close_gap(m, i);
		m->count--;
	}
	return value;
}

/*
 * The walk goes downwards, once around from a free slot. A removal moves entries only downwards
 * within their run, into the slot just visited, and no run crosses the free slot: so it moves only
 * entries that were visited, into places that were.
 */
void hashmap_iter_init(struct hashmap_iter *it, const struct hashmap *m)
{
	*it = (struct hashmap_iter){.map = m, .left = m->capacity};
	if (m->capacity)
		while (m->slots[it->pos].value)
			it->pos++;
}

bool hashmap_next(struct hashmap_iter *it)
{
	const struct hashmap *m = it->map;

	while (it->left) {
		const struct hashmap_slot *slot;

		it->left--;
		it->pos = (it->pos - 1) & (m->capacity - 1);
		slot = &m->slots[it->pos];
		if (slot->value) {
			it->key = slot->key;
			it->value = slot->value;
			return true;
		}
	}
	return false;
}
