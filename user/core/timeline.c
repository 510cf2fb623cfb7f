// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

struct timeline *timeline_new(uint64_t from, uint64_t to, uint32_t n)
{
	struct timeline *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->from = from;
	t->to = to > from ? to : from;
	t->n = n < 1 ? 1 : n > TIMELINE_COLUMNS ? TIMELINE_COLUMNS : n;
	return t;
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < TIMELINE_COLUMNS; i++)
		hist_free(&t->column[i].total);
	free(t);
}

/* NULL for what lies outside: a stamp is not moved to where it was not taken. */
static struct timeline_column *column_at(struct timeline *t, uint64_t at)
{
	uint64_t span = t->to - t->from;
	uint32_t i;

	if (at < t->from || at > t->to)
		return NULL;
	i = span ? (uint32_t)((unsigned __int128)(at - t->from) * t->n / span) : 0;
	return &t->column[i < t->n ? i : t->n - 1];
}

static int64_t total_of(const struct request *r)
{
	struct phases p;

	if (r->end != REQ_OK && r->end != REQ_UPGRADED)
		return -1; /* as in the statistics: only what was answered has a latency */
	request_phases(r, &p);
	return p.total;
}

static bool failed(const struct request *r)
{
	return r->end == REQ_SERVER_CLOSED ||
	       (r->status_seen && r->status >= 500 && r->status <= 599);
}

/* Among those as slow the earlier one stays first. */
static void keep_slowest(struct timeline *t, const struct request *r, int64_t total)
{
	uint32_t i = t->n_slowest;

	while (i && total_of(&t->slowest[i - 1]) < total)
		i--;
	if (i == TIMELINE_SLOWEST)
		return;
	if (t->n_slowest < TIMELINE_SLOWEST)
		t->n_slowest++;
	memmove(&t->slowest[i + 1], &t->slowest[i], (t->n_slowest - 1 - i) * sizeof(t->slowest[i]));
	t->slowest[i] = *r;
	t->slowest[i].next = NULL;
}

int timeline_add(struct timeline *t, const struct request *r)
{
	struct timeline_column *began = column_at(t, r->arrived ? r->arrived : r->seen);
	struct timeline_column *c = column_at(t, r->ended);
	int64_t total = total_of(r);

	if (began)
		began->started++;
	if (r->end == REQ_OPEN || !c)
		return 0;
	c->ended++;
	c->errors += failed(r);
	if (total < 0)
		return 0;
	keep_slowest(t, r, total);
	return hist_add(&c->total, (uint64_t)total);
}
