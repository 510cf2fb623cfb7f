// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * merge_names.c - the memory of a merge, and its sets of names and numbers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "merge_priv.h"

void *merge_alloc(struct merge *m, size_t size)
{
	struct merge_block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = m->blocks;
	m->blocks = block;
	return block->data;
}

static const char *copy(struct merge *m, const char *s, size_t n)
{
	char *out = merge_alloc(m, n + 1);

	if (out)
		memcpy(out, s, n);
	return out;
}

const char *merge_string(struct merge *m, const char *s)
{
	return s ? copy(m, s, strlen(s)) : NULL;
}

void *merge_more(struct merge_list *l, size_t size)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 8;
		void *v = realloc(l->v, cap * size);

		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	return memset((char *)l->v + l->n++ * size, 0, size);
}

/* Where a name is in the set, or belongs. */
static uint32_t place_of(const struct merge_names *names, const char *s, size_t n, bool *there)
{
	const char **v = names->list.v;
	uint32_t low = 0, high = names->list.n;

	*there = false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = strncmp(v[mid], s, n);

		if (!c && v[mid][n])
			c = 1;
		if (!c) {
			*there = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int add_name(struct merge *m, struct merge_names *names, const char *s, size_t n)
{
	const char *text, **v;
	bool there;
	uint32_t at = place_of(names, s, n, &there);

	if (there)
		return 0;
	text = copy(m, s, n);
	if (!text || !merge_more(&names->list, sizeof(*v)))
		return -ENOMEM;
	v = names->list.v;
	memmove(&v[at + 1], &v[at], (names->list.n - 1 - at) * sizeof(*v));
	v[at] = text;
	return 0;
}

int merge_names_add(struct merge *m, struct merge_names *names, const char *s)
{
	int err = 0;

	while (s && !err) {
		const char *comma = strstr(s, ", ");

		err = add_name(m, names, s, comma ? (size_t)(comma - s) : strlen(s));
		s = comma ? comma + 2 : NULL;
	}
	return err;
}

const char *merge_names_join(struct merge *m, const struct merge_names *names, bool *failed)
{
	const char **v = names->list.v;
	size_t size = 1;
	char *out, *end;

	if (!names->list.n)
		return NULL;
	for (uint32_t i = 0; i < names->list.n; i++)
		size += strlen(v[i]) + 2;
	out = end = merge_alloc(m, size);
	if (!out) {
		*failed = true;
		return NULL;
	}
	for (uint32_t i = 0; i < names->list.n; i++) {
		end = stpcpy(end, i ? ", " : "");
		end = stpcpy(end, v[i]);
	}
	return out;
}

int merge_set_add(struct merge_list *set, uint32_t number)
{
	uint32_t low = 0, high = set->n, *v = set->v;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (v[mid] == number)
			return 0;
		if (v[mid] < number)
			low = mid + 1;
		else
			high = mid;
	}
	if (!merge_more(set, sizeof(*v)))
		return -ENOMEM;
	v = set->v;
	memmove(&v[low + 1], &v[low], (set->n - 1 - low) * sizeof(*v));
	v[low] = number;
	return 0;
}
