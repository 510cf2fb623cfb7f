// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define OBJECTS_PER_BLOCK 64

void pool_init(struct pool *p, size_t size, size_t limit)
{
	*p = (struct pool){.limit = limit};
	p->size = (size + 15) & ~(size_t)15;
}

void pool_destroy(struct pool *p)
{
	void *block = p->blocks, *next;

	for (; block; block = next) {
		next = *(void **)block;
		free(block);
	}
	pool_init(p, p->size, p->limit);
}

static int pool_grow(struct pool *p)
{
	char *block = malloc(16 + p->size * OBJECTS_PER_BLOCK);

	if (!block)
		return -1;
	*(void **)block = p->blocks;
	p->blocks = block;
	for (size_t i = OBJECTS_PER_BLOCK; i-- > 0;) {
		void *object = block + 16 + i * p->size;

		*(void **)object = p->free;
		p->free = object;
	}
	return 0;
}

void *pool_get(struct pool *p)
{
	void *object;

	if (p->alive >= p->limit || (!p->free && pool_grow(p)))
		return NULL;
	object = p->free;
	p->free = *(void **)object;
	p->alive++;
	memset(object, 0, p->size);
	return object;
}

void pool_put(struct pool *p, void *object)
{
	if (!object)
		return;
	*(void **)object = p->free;
	p->free = object;
	p->alive--;
}
