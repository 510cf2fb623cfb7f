/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hashmap.h - uint64_t keys to pointers. Open addressing with linear probing; a removal closes the
 * gap it leaves, so nothing degrades with time. Grows by doubling, never shrinks; after that it
 * does not allocate. The values belong to the caller. Pure.
 */
#ifndef RS_HASHMAP_H
#define RS_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashmap_slot {
	uint64_t key;
	void *value; /* NULL: the slot is free */
};

/* All fields are private; hashmap_count() tells the number of entries. */
struct hashmap {
	struct hashmap_slot *slots; /* owned; NULL until the first put */
	size_t capacity;	    /* a power of two, or 0 */
	size_t count;
};

void hashmap_init(struct hashmap *m); /* an all-zero struct is initialised too; allocates nothing */
void hashmap_free(struct hashmap *m); /* leaves it empty and usable; values are not freed */

size_t hashmap_count(const struct hashmap *m);

/* The value of a key, NULL when it is not there. Any key is allowed, 0 too. */
void *hashmap_get(const struct hashmap *m, uint64_t key);

/* Adds a key, or replaces its value (which is not freed). value must not be NULL. 0, -EINVAL for a
   NULL value, -ENOMEM; on error the map is as it was. Replacing never fails. */
int hashmap_put(struct hashmap *m, uint64_t key, void *value);

/* Removes a key and returns the value it had, NULL when it was not there. */
void *hashmap_remove(struct hashmap *m, uint64_t key);

/*
 * Walks all entries once, in no particular order:
 *
 *	struct hashmap_iter it;
 *
 *	hashmap_iter_init(&it, m);
 *	while (hashmap_next(&it))
 *		use(it.key, it.value);
 *
 * During the walk the entry just returned may be removed (all of them, so, one by one) or its value
 * replaced; any other put or remove makes the rest of the walk undefined (entries twice or not at
 *all).
 */
struct hashmap_iter {
	uint64_t key; /* of the entry just returned */
	void *value;
	const struct hashmap *map; /* private from here on */
	size_t pos, left;
};
void hashmap_iter_init(struct hashmap_iter *it, const struct hashmap *m);
bool hashmap_next(struct hashmap_iter *it);

#endif
