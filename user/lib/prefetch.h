/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* prefetch.h - fetching into the cache what will be written soon, for who has other things to do before. */
#ifndef RS_PREFETCH_H
#define RS_PREFETCH_H

#include <stddef.h>

#define CACHE_LINE 64

/* at may be NULL. */
static inline void prefetch(const void *at, size_t bytes)
{
	for (size_t k = 0; at && k < bytes; k += CACHE_LINE)
		__builtin_prefetch((const char *)at + k, 1);
}

#endif
