/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pool.h - objects of one size with a bound, taken and given back without malloc in steady state.
 */
#ifndef RS_POOL_H
#define RS_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
	size_t size;   /* of one object, bytes */
	size_t limit;  /* most objects alive */
	size_t alive;
	void *free;    /* given back, chained through their first word */
	void *blocks;  /* all memory, chained likewise */
};

/* size >= sizeof(void *). Allocates nothing yet. */
void pool_init(struct pool *p, size_t size, size_t limit);
/* Frees everything, objects still alive too. */
void pool_destroy(struct pool *p);
/* A zeroed object, or NULL at the limit or out of memory. */
void *pool_get(struct pool *p);
void pool_put(struct pool *p, void *object);

#endif
