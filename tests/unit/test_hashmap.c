// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/lib/hashmap.h"

#define SEED 0x5eed0001ull

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void empty_map_answers_without_memory(void **state)
{
	struct hashmap m = {0};
	struct hashmap_iter it;

	(void)state;
	assert_null(hashmap_get(&m, 0));
	assert_null(hashmap_remove(&m, 7));
	assert_int_equal(hashmap_count(&m), 0);
	hashmap_iter_init(&it, &m);
	assert_false(hashmap_next(&it));
	assert_null(m.slots);
	hashmap_free(&m);
}

static void any_key_but_no_null_value(void **state)
{
	struct hashmap m;
	int a, b;

	(void)state;
	hashmap_init(&m);
	assert_int_equal(hashmap_put(&m, 0, NULL), -EINVAL);
	assert_int_equal(hashmap_count(&m), 0);
	assert_int_equal(hashmap_put(&m, 0, &a), 0);
	assert_int_equal(hashmap_put(&m, UINT64_MAX, &b), 0);
	assert_ptr_equal(hashmap_get(&m, 0), &a);
	assert_ptr_equal(hashmap_get(&m, UINT64_MAX), &b);
	assert_null(hashmap_get(&m, 1));
	assert_int_equal(hashmap_put(&m, 0, &b), 0);
	assert_int_equal(hashmap_count(&m), 2);
	assert_ptr_equal(hashmap_remove(&m, 0), &b);
	assert_null(hashmap_remove(&m, 0));
	assert_null(hashmap_get(&m, 0));
	assert_int_equal(hashmap_count(&m), 1);
	hashmap_free(&m);
	assert_int_equal(hashmap_count(&m), 0);
	assert_null(hashmap_get(&m, UINT64_MAX));
}

#define KEYS 600

/* The map beside an array that holds the same. */
struct model {
	struct hashmap map;
	uint64_t keys[KEYS];
	void *values[KEYS]; /* NULL: absent */
	size_t count;
};

static void check_model(struct model *m)
{
	struct hashmap_iter it;
	bool seen[KEYS] = {0};
	size_t n = 0;

	assert_int_equal(hashmap_count(&m->map), m->count);
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(hashmap_get(&m->map, m->keys[i]), m->values[i]);
	hashmap_iter_init(&it, &m->map);
	for (; hashmap_next(&it); n++) {
		size_t i = (size_t)((char *)it.value - (char *)m->keys) / sizeof(*m->keys);

		assert_true(i < KEYS && !seen[i]);
		assert_ptr_equal(m->values[i], it.value);
		assert_true(it.key == m->keys[i]);
		seen[i] = true;
	}
	assert_int_equal(n, m->count);
}

static void step_model(struct model *m, uint64_t *random, unsigned put_share)
{
	unsigned i = next_random(random) % KEYS;

	if (next_random(random) % 100 < put_share) {
		m->count += !m->values[i];
		m->values[i] = &m->keys[i];
		assert_int_equal(hashmap_put(&m->map, m->keys[i], &m->keys[i]), 0);
	} else {
		m->count -= !!m->values[i];
		assert_ptr_equal(hashmap_remove(&m->map, m->keys[i]), m->values[i]);
		m->values[i] = NULL;
	}
}

/* Keys as they come: small numbers, slab addresses, random; growing, shrinking and steady. */
static void random_operations_equal_model(void **state)
{
	static const unsigned shares[] = {90, 10, 50, 100, 0, 60};
	uint64_t random = SEED;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct model m = {0};

		for (uint64_t i = 0; i < KEYS; i++)
			m.keys[i] = kind == 0	? i
				    : kind == 1 ? 0xffff888100000000ull + i * 2048
						: next_random(&random);
		for (unsigned s = 0; s < sizeof(shares) / sizeof(*shares); s++)
			for (int op = 0; op < 5000; op++) {
				step_model(&m, &random, shares[s]);
				if (op % 50 == 0)
					check_model(&m);
			}
		hashmap_free(&m.map);
	}
}

/* Whatever is removed on the way, every entry is met exactly once. */
static void walk_survives_removal_of_current(void **state)
{
	uint64_t random = SEED + 1;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		unsigned n = round % 97, met[97] = {0}, left = 0;
		struct hashmap m = {0};
		struct hashmap_iter it;
		uint64_t base = next_random(&random);

		for (unsigned i = 0; i < n; i++)
			assert_int_equal(hashmap_put(&m, base + i, &met[i]), 0);
		hashmap_iter_init(&it, &m);
		while (hashmap_next(&it)) {
			assert_true(it.key - base < n);
			++*(unsigned *)it.value;
			if (next_random(&random) % 3)
				assert_ptr_equal(hashmap_remove(&m, it.key), it.value);
			else
				left++;
		}
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(met[i], 1);
		assert_int_equal(hashmap_count(&m), left);
		hashmap_free(&m);
	}
}

/* A steady number of entries whose keys go on changing: neither memory nor runs may grow. */
static void churn_keeps_capacity(void **state)
{
	enum { LIVE = 100000 };
	struct hashmap m = {0};
	size_t capacity;
	int value;

	(void)state;
	for (uint64_t key = 0; key < LIVE; key++)
		assert_int_equal(hashmap_put(&m, key, &value), 0);
	capacity = m.capacity;
	for (uint64_t key = LIVE; key < 10 * LIVE; key++) {
		assert_ptr_equal(hashmap_remove(&m, key - LIVE), &value);
		assert_int_equal(hashmap_put(&m, key, &value), 0);
	}
	assert_int_equal(m.capacity, capacity);
	assert_int_equal(hashmap_count(&m), LIVE);
	assert_true(capacity <= 4 * LIVE);
	for (uint64_t key = 9 * LIVE; key < 10 * LIVE; key++)
		assert_ptr_equal(hashmap_get(&m, key), &value);
	assert_null(hashmap_get(&m, 9 * LIVE - 1));
	hashmap_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_answers_without_memory),
		cmocka_unit_test(any_key_but_no_null_value),
		cmocka_unit_test(random_operations_equal_model),
		cmocka_unit_test(walk_survives_removal_of_current),
		cmocka_unit_test(churn_keeps_capacity),
	};

	return cmocka_run_group_tests_name("hashmap", tests, NULL, NULL);
}
