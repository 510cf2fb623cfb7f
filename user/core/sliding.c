// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "sliding.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND	   1000000000ULL
#define BLOCKS	   (SLIDING_BLOCKS + 2) /* one that fills up, one that is only partly in the window */
#define NEXT(i, n) (((i) + 1) % (n))

struct sliding {
	struct stats *seconds[SLIDING_SECONDS]; /* owned */
	unsigned at, filled;			/* the current one; those before it */
	uint64_t edge;				/* the current one's end */
	struct {
		struct stats *stats; /* owned; NULL: not used yet */
		unsigned seconds;
	} blocks[BLOCKS];
	unsigned block, n_blocks; /* the newest; how many hold something */
	unsigned length;	  /* of a block, seconds */
};

struct sliding *sliding_new(unsigned seconds, uint64_t from)
{
	struct sliding *w = calloc(1, sizeof(*w));
	unsigned older = seconds > SLIDING_SECONDS ? seconds - SLIDING_SECONDS : 1;

	if (!w)
		return NULL;
	w->length = (older + SLIDING_BLOCKS - 1) / SLIDING_BLOCKS;
	w->edge = from + SECOND;
	w->seconds[0] = stats_new();
	if (!w->seconds[0]) {
		free(w);
		return NULL;
	}
	stats_reset(w->seconds[0], from);
	return w;
}

void sliding_free(struct sliding *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < SLIDING_SECONDS; i++)
		stats_free(w->seconds[i]);
	for (unsigned i = 0; i < BLOCKS; i++)
		stats_free(w->blocks[i].stats);
	free(w);
}

struct stats *sliding_current(const struct sliding *w)
{
	return w->seconds[w->at];
}

/* Without memory for a new block the old one goes on. */
static int next_block(struct sliding *w)
{
	unsigned next = w->n_blocks ? NEXT(w->block, BLOCKS) : 0;
	struct stats *fresh = stats_new();

	if (!fresh)
		return -ENOMEM;
	stats_free(w->blocks[next].stats);
	w->blocks[next].stats = fresh;
	w->blocks[next].seconds = 0;
	w->block = next;
	if (w->n_blocks < BLOCKS)
		w->n_blocks++;
	return 0;
}

static int into_block(struct sliding *w, const struct stats *second)
{
	if ((!w->n_blocks || w->blocks[w->block].seconds >= w->length) && next_block(w) &&
	    !w->n_blocks)
		return -ENOMEM;
	w->blocks[w->block].seconds++;
	return stats_merge(w->blocks[w->block].stats, second);
}

/* A new one rather than the old one emptied, which would keep the memory of every route that it
   ever met. Where there is none the old one has to do. */
static int next_second(struct sliding *w)
{
	unsigned next = NEXT(w->at, SLIDING_SECONDS);
	int err = w->seconds[next] ? into_block(w, w->seconds[next]) : 0;
	struct stats *fresh = stats_new();

	if (!fresh && !w->seconds[next])
		return -ENOMEM; /* the current one goes on */
	if (fresh) {
		stats_free(w->seconds[next]);
		w->seconds[next] = fresh;
	}
	if (w->filled < SLIDING_SECONDS - 1)
		w->filled++;
	w->at = next;
	return err;
}

int sliding_advance(struct sliding *w, uint64_t now, struct history *h)
{
	int err = 0;

	while (now >= w->edge) {
		struct stats *old = sliding_current(w), *next;
		int64_t open = old->ledger.open;

		old->to = w->edge;
		history_add(h, old);
		if (next_second(w))
			err = -ENOMEM;
		next = sliding_current(w);
		if (next != old) {
			stats_reset(next, w->edge);
			next->ledger.carried = next->ledger.open = open;
		}
		w->edge += SECOND;
	}
	return err;
}

int sliding_merge(const struct sliding *w, unsigned seconds, struct stats *into)
{
	unsigned back = seconds - 1 < w->filled ? seconds - 1 : w->filled;
	unsigned covered = back + 1, blocks = 0;
	int err = 0;

	while (seconds > covered && blocks < w->n_blocks)
		covered += w->blocks[(w->block + BLOCKS - blocks++) % BLOCKS].seconds;
	while (blocks--)
		if (stats_merge(into, w->blocks[(w->block + BLOCKS - blocks) % BLOCKS].stats))
			err = -ENOMEM;
	for (unsigned i = SLIDING_SECONDS - back; i <= SLIDING_SECONDS; i++)
		if (stats_merge(into, w->seconds[(w->at + i) % SLIDING_SECONDS]))
			err = -ENOMEM;
	return err;
}
