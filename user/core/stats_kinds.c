// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * stats_kinds.c - requests by kind: their status, what caches did, whether a login came along.
 */
#include "stats_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- status codes */

static int status_room(struct status_counts *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 4;
	struct status_code *codes;

	if (s->n < s->cap)
		return 0;
	codes = realloc(s->codes, cap * sizeof(*codes));
	if (!codes)
		return -ENOMEM;
	s->codes = codes;
	s->cap = cap;
	return 0;
}

int status_counts_add(struct status_counts *s, uint16_t code, uint64_t count)
{
	uint32_t i = 0;

	if (code < 100 || code > 599) {
		s->class[0] += count;
		return 0;
	}
	while (i < s->n && s->codes[i].code < code)
		i++;
	if (i == s->n || s->codes[i].code != code) {
		if (status_room(s))
			return -ENOMEM;
		memmove(&s->codes[i + 1], &s->codes[i], (s->n - i) * sizeof(*s->codes));
		s->codes[i] = (struct status_code){.code = code};
		s->n++;
	}
	s->codes[i].count += count;
	s->class[code / 100] += count;
	return 0;
}

int status_counts_merge(struct status_counts *into, const struct status_counts *from)
{
	int err = 0;

	for (uint32_t i = 0; i < from->n; i++)
		if (status_counts_add(into, from->codes[i].code, from->codes[i].count))
			err = -ENOMEM;
	into->class[0] += from->class[0];
	return err;
}

void status_counts_reset(struct status_counts *s)
{
	s->n = 0;
	memset(s->class, 0, sizeof(s->class));
}

/* --- caches and logins */

enum auth_kind request_auth(const struct request *r)
{
	if (!r->head_seen)
		return AUTH_KINDS;
	if (r->http.flags & HTTP1_F_AUTH)
		return AUTH_YES;
	return r->http.flags & HTTP1_F_HEAD_SKIPPED ? AUTH_KINDS : AUTH_NO;
}

int request_cache(const struct request *r)
{
	if (!r->status_seen)
		return -1;
	if (r->status == 304 && r->cache == HTTP1_CACHE_NONE)
		return HTTP1_CACHE_REVALIDATED;
	return r->cache < CACHE_KINDS ? r->cache : HTTP1_CACHE_NONE;
}

int auth_add(struct auth_stats auth[AUTH_KINDS], const struct request *r,
	     const struct duration *total)
{
	enum auth_kind kind = request_auth(r);

	if (kind == AUTH_KINDS)
		return 0;
	auth[kind].count++;
	auth[kind].server_errors += r->status_seen && r->status >= 500 && r->status <= 599;
	return duration_add(&auth[kind].total, total);
}

int auth_merge(struct auth_stats *into, const struct auth_stats *from)
{
	int err = 0;

	for (int i = 0; i < AUTH_KINDS; i++) {
		into[i].count += from[i].count;
		into[i].server_errors += from[i].server_errors;
		if (hist_merge(&into[i].total, &from[i].total))
			err = -ENOMEM;
	}
	return err;
}

void auth_reset(struct auth_stats auth[AUTH_KINDS])
{
	for (int i = 0; i < AUTH_KINDS; i++) {
		auth[i].count = auth[i].server_errors = 0;
		hist_reset(&auth[i].total);
	}
}

void auth_free(struct auth_stats auth[AUTH_KINDS])
{
	for (int i = 0; i < AUTH_KINDS; i++)
		hist_free(&auth[i].total);
}

void cache_add(uint64_t cache[CACHE_KINDS], const struct request *r)
{
	int kind = request_cache(r);

	if (kind >= 0)
		cache[kind]++;
}

void cache_merge(uint64_t *into, const uint64_t *from)
{
	for (int i = 0; i < CACHE_KINDS; i++)
		into[i] += from[i];
}
