/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mem.h - the memory of another process, read page by page through a cache. What is read may change
 * at any time and may be anything: nothing here trusts it. Pure; the reading is the caller's.
 */
#ifndef RS_PYTHON_MEM_H
#define RS_PYTHON_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PYMEM_PAGE  4096
#define PYMEM_PAGES 16384    /* kept at most: 64 MiB; beyond it reads fail */
#define PYMEM_GETS  60000000 /* and beyond that many, so that none takes for ever */

/* Reads all of len bytes, which never span a page, or fails with a negative errno. */
typedef int (*pymem_read)(void *ctx, uint64_t addr, void *buf, size_t len);

struct pymem;

struct pymem *pymem_new(pymem_read read, void *ctx); /* NULL when out of memory */
void pymem_free(struct pymem *m);		     /* m may be NULL */
void pymem_forget(struct pymem *m);		     /* drops what was read: things change */

/* 0, or -EFAULT with buf all zero: not mapped, not an address, or more was read than is allowed. */
int pymem_get(struct pymem *m, uint64_t addr, void *buf, size_t len);

/* Numbers; 0 where there is nothing to read. */
uint64_t pymem_u64(struct pymem *m, uint64_t addr);
uint32_t pymem_u32(struct pymem *m, uint64_t addr);
uint8_t pymem_u8(struct pymem *m, uint64_t addr);

/* A NUL-terminated string of less than size bytes. 0, -EFAULT, or -ENAMETOOLONG; "" on error. */
int pymem_text(struct pymem *m, uint64_t addr, char *buf, size_t size);

uint64_t pymem_reads(const struct pymem *m); /* calls of the reader, ever */

#endif
