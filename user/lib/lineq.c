// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lineq.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_MAX 48 /* ,"dropped_lines":18446744073709551615} and the end of line */

struct lineq {
	struct lineq_line *first, **last;
	size_t bytes, used, reserve;
	uint64_t dropped;
	uint64_t gap; /* dropped since the last line in the queue was put */
};

struct lineq *lineq_new(size_t bytes, size_t reserve)
{
	struct lineq *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->bytes = bytes;
	q->reserve = reserve;
	q->last = &q->first;
	return q;
}

static size_t line_size(const struct lineq_line *l)
{
	return sizeof(*l) + l->words_len + l->open_len + TAIL_MAX;
}

static void unlink_first(struct lineq *q)
{
	struct lineq_line *l = q->first;

	q->first = l->next;
	if (!q->first)
		q->last = &q->first;
	q->used -= line_size(l);
	free(l);
}

void lineq_free(struct lineq *q)
{
	if (!q)
		return;
	while (q->first)
		unlink_first(q);
	free(q);
}

/* Closes the object, with the count where there is something to count. */
static void close_object(struct lineq_line *l)
{
	char *end = l->json + l->open_len;
	int n;

	if (l->dropped)
		n = snprintf(end, TAIL_MAX, ",\"dropped_lines\":%" PRIu64 "}\n", l->dropped);
	else
		n = snprintf(end, TAIL_MAX, "}\n");
	l->json_len = l->open_len + (uint32_t)n;
}

static int drop(struct lineq *q, int err)
{
	q->dropped++;
	q->gap++;
	return err;
}

/* Length up to the closing brace; 0: it is no object with members. */
static size_t open_length(const struct line_text *t)
{
	size_t n = t->json_len;

	if (n && t->json[n - 1] == '\n')
		n--;
	return n > 2 && n < UINT32_MAX - TAIL_MAX && t->json[0] == '{' && t->json[n - 1] == '}'
		       ? n - 1
		       : 0;
}

int lineq_put(struct lineq *q, const struct line_text *t)
{
	size_t open = open_length(t), words = t->words_len < UINT16_MAX ? t->words_len : UINT16_MAX;
	size_t size = sizeof(struct lineq_line) + words + open + TAIL_MAX;
	struct lineq_line *l;

	if (!open)
		return -EINVAL;
	if (q->used + size > q->bytes - (t->matters ? 0 : q->reserve))
		return drop(q, -ENOBUFS);
	l = malloc(size);
	if (!l)
		return drop(q, -ENOMEM);
	*l = (struct lineq_line){.dropped = q->gap,
				 .open_len = (uint32_t)open,
				 .words_len = (uint16_t)words,
				 .priority = t->priority,
				 .words = (char *)(l + 1),
				 .json = (char *)(l + 1) + words};
	if (words)
		memcpy(l->words, t->words, words);
	memcpy(l->json, t->json, open);
	close_object(l);
	q->gap = 0;
	q->used += size;
	*q->last = l;
	q->last = &l->next;
	return 0;
}

void lineq_lose(struct lineq *q)
{
	drop(q, 0);
}

struct lineq_line *lineq_first(const struct lineq *q)
{
	return q->first;
}

void lineq_take(struct lineq *q)
{
	if (q->first)
		unlink_first(q);
}

/* The next line tells of this one, and of those that this one would have told of. */
void lineq_refuse(struct lineq *q)
{
	struct lineq_line *l = q->first;

	if (!l)
		return;
	q->dropped++;
	if (l->next) {
		l->next->dropped += l->dropped + 1;
		close_object(l->next);
	} else {
		q->gap += l->dropped + 1;
	}
	unlink_first(q);
}

bool lineq_is_half_full(const struct lineq *q)
{
	return q->used > (q->bytes - q->reserve) / 2;
}

uint64_t lineq_dropped(const struct lineq *q)
{
	return q->dropped;
}

uint64_t lineq_missing(const struct lineq *q)
{
	uint64_t n = q->gap;

	for (const struct lineq_line *l = q->first; l; l = l->next)
		n += 1 + l->dropped;
	return n;
}
