// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/hashmap.h"

#define RECENT 64

struct page {
	uint64_t number;
	bool there;
	uint8_t bytes[PYMEM_PAGE];
};

/* Enough of them to be a mapping of its own to malloc(): what a walk has read goes back whole. */
#define BLOCK_PAGES 64

struct block {
	struct block *next;
	uint32_t used;
	struct page pages[BLOCK_PAGES];
};

struct pymem {
	pymem_read read;
	void *ctx;
	struct hashmap pages; /* by number; one that cannot be read has an entry too */
	struct block *blocks; /* the newest first */
	struct page *recent[RECENT]; /* by the number's low bits: most reads are of a few pages */
	uint64_t reads;
	uint32_t gets; /* left, until it is forgotten */
};

struct pymem *pymem_new(pymem_read read, void *ctx)
{
	struct pymem *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->read = read;
	m->ctx = ctx;
	hashmap_init(&m->pages);
	m->gets = PYMEM_GETS;
	return m;
}

static void drop_blocks(struct pymem *m, struct block *last)
{
	while (m->blocks != last) {
		struct block *b = m->blocks;

		m->blocks = b->next;
		free(b);
	}
}

/* One block stays: most readings are of a few pages. */
void pymem_forget(struct pymem *m)
{
	struct block *first = m->blocks;

	while (first && first->next)
		first = first->next;
	drop_blocks(m, first);
	if (first)
		first->used = 0;
	memset(m->recent, 0, sizeof(m->recent));
	m->gets = PYMEM_GETS;
	hashmap_free(&m->pages);
}

void pymem_free(struct pymem *m)
{
	if (!m)
		return;
	drop_blocks(m, NULL);
	hashmap_free(&m->pages);
	free(m);
}

static struct page *page_new(struct pymem *m)
{
	struct block *b = m->blocks;

	if (!b || b->used == BLOCK_PAGES) {
		b = malloc(sizeof(*b));
		if (!b)
			return NULL;
		b->used = 0;
		b->next = m->blocks;
		m->blocks = b;
	}
	return &b->pages[b->used];
}

static struct page *page_read(struct pymem *m, uint64_t number)
{
	struct page *p;

	if (hashmap_count(&m->pages) >= PYMEM_PAGES)
		return NULL;
	p = page_new(m);
	if (!p || hashmap_put(&m->pages, number, p))
		return NULL;
	m->blocks->used++;
	p->number = number;
	m->reads++;
	p->there = !m->read(m->ctx, number * PYMEM_PAGE, p->bytes, PYMEM_PAGE);
	return p;
}

static const uint8_t *page_of(struct pymem *m, uint64_t number)
{
	struct page *p = m->recent[number % RECENT];

	if (!p || p->number != number) {
		p = hashmap_get(&m->pages, number);
		if (!p)
			p = page_read(m, number);
		m->recent[number % RECENT] = p;
	}
	return p && p->there ? p->bytes : NULL;
}

/* User space ends there on x86_64 and arm64; nothing is mapped in the first page. */
static bool is_address(uint64_t addr, size_t len)
{
	return addr >= PYMEM_PAGE && len < 1ULL << 40 && addr < (1ULL << 48) - len;
}

/* Within one page, as nearly always: a copy whose length the compiler knows, where the caller does.
 */
static inline bool get_fast(struct pymem *m, uint64_t addr, void *buf, size_t len)
{
	const struct page *p = m->recent[addr / PYMEM_PAGE % RECENT];

	if (!m->gets || !p || p->number != addr / PYMEM_PAGE || !p->there ||
	    addr % PYMEM_PAGE + len > PYMEM_PAGE)
		return false;
	m->gets--;
	memcpy(buf, p->bytes + addr % PYMEM_PAGE, len);
	return true;
}

int pymem_get(struct pymem *m, uint64_t addr, void *buf, size_t len)
{
	uint8_t *out = buf;
	size_t left = len;

	if (!is_address(addr, len) || !m->gets)
		goto fault;
	m->gets--;
	while (left) {
		const uint8_t *page = page_of(m, addr / PYMEM_PAGE);
		size_t at = addr % PYMEM_PAGE, n = PYMEM_PAGE - at;

		if (!page)
			goto fault;
		if (n > left)
			n = left;
		memcpy(out, page + at, n);
		out += n;
		addr += n;
		left -= n;
	}
	return 0;
fault:
	memset(buf, 0, len);
	return -EFAULT;
}

uint64_t pymem_u64(struct pymem *m, uint64_t addr)
{
	uint64_t v;

	if (!get_fast(m, addr, &v, sizeof(v)))
		pymem_get(m, addr, &v, sizeof(v));
	return v;
}

uint32_t pymem_u32(struct pymem *m, uint64_t addr)
{
	uint32_t v;

	if (!get_fast(m, addr, &v, sizeof(v)))
		pymem_get(m, addr, &v, sizeof(v));
	return v;
}

uint8_t pymem_u8(struct pymem *m, uint64_t addr)
{
	uint8_t v;

	if (!get_fast(m, addr, &v, sizeof(v)))
		pymem_get(m, addr, &v, sizeof(v));
	return v;
}

int pymem_text(struct pymem *m, uint64_t addr, char *buf, size_t size)
{
	for (size_t n = 0; n < size;) {
		size_t part = PYMEM_PAGE - addr % PYMEM_PAGE;

		if (part > size - n)
			part = size - n;
		if (pymem_get(m, addr, buf + n, part)) {
			*buf = '\0';
			return -EFAULT;
		}
		if (memchr(buf + n, '\0', part))
			return 0;
		n += part;
		addr += part;
	}
	*buf = '\0';
	return -ENAMETOOLONG;
}

uint64_t pymem_reads(const struct pymem *m)
{
	return m->reads;
}
