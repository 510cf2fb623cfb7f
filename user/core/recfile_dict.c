// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recfile_dict.c - bytes out, bytes in, and what repeats within a block.
 */
#include "recfile_priv.h"

#include <stdlib.h>

/* --- bytes out */

bool bytes_room(struct bytes *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *p;

	if (b->failed)
		return false;
	while (cap < b->n + n)
		cap *= 2;
	if (cap == b->cap)
		return true;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void bytes_put(struct bytes *b, const void *data, size_t n)
{
	if (!n || !bytes_room(b, n))
		return;
	memcpy(b->p + b->n, data, n);
	b->n += n;
}

void bytes_string(struct bytes *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	bytes_u64(b, s ? n + 1 : 0);
	bytes_put(b, s, n);
}

void bytes_double(struct bytes *b, double v)
{
	uint64_t bits;
	uint8_t le[8];

	memcpy(&bits, &v, sizeof(bits));
	for (int i = 0; i < 8; i++)
		le[i] = (uint8_t)(bits >> 8 * i);
	bytes_put(b, le, sizeof(le));
}

/* --- bytes in */

uint64_t cursor_u64_slow(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
		uint8_t byte = *c->p++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	c->bad = true;
	c->p = c->end;
	return 0;
}

uint64_t cursor_upto(struct cursor *c, uint64_t max)
{
	uint64_t v = cursor_u64(c);

	if (v <= max)
		return v;
	c->bad = true;
	c->p = c->end;
	return 0;
}

const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if ((size_t)(c->end - p) < n) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += n;
	return p;
}

double cursor_double(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);
	uint64_t bits = 0;
	double v;

	for (int i = 0; p && i < 8; i++)
		bits |= (uint64_t)p[i] << 8 * i;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

bool cursor_string(struct cursor *c, char *out, size_t max)
{
	uint64_t n = cursor_upto(c, max + 1);
	const uint8_t *p = n ? cursor_take(c, n - 1) : NULL;

	*out = '\0';
	if (!p)
		return false;
	memcpy(out, p, n - 1);
	out[n - 1] = '\0';
	if (memchr(out, '\0', n - 1))
		c->bad = true;
	return true;
}

/* --- what repeats */

void dict_reset(struct dict *d)
{
	d->n = 0;
	if (++d->epoch)
		return;
	memset(d->slots, 0, sizeof(d->slots));
	d->epoch = 1;
}

uint32_t dict_find(struct dict *d, uint32_t hash, dict_same same, const void *ctx, bool *added)
{
	uint32_t at = hash & (DICT_SLOTS - 1);
	struct dict_slot *s;

	for (;; at = (at + 1) & (DICT_SLOTS - 1)) {
		s = &d->slots[at];
		if (s->epoch != d->epoch)
			break;
		if (s->hash == hash && same(ctx, s->index)) {
			*added = false;
			return s->index;
		}
	}
	*added = true;
	if (d->n == DICT_MAX)
		return DICT_MAX;
	*s = (struct dict_slot){d->epoch, hash, d->n};
	return d->n++;
}

uint32_t dict_hash(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t h = n, v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, p, n);
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}
