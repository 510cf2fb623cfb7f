// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "session_logbook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERED  1024
#define INNERMOST 4		/* frames that tell exceptions apart: a server adds to the others */
#define HELD	  5000000000ULL /* ns from an answer to its traceback: the thread may be held up */
#define IN_PIECES 100000000ULL	/* ns between the pieces of one that is written line by line */

struct answered {
	uint32_t pid, n;
	uint64_t at;
	uint64_t exception, type;
	struct rs_frame last[INNERMOST]; /* innermost first */
};

struct logbook {
	struct answered answered[ANSWERED]; /* a ring */
	uint32_t next;
	struct logged waiting[LOGBOOK_WAITING]; /* oldest first */
	uint32_t n;
};

struct logbook *logbook_new(void)
{
	return calloc(1, sizeof(struct logbook));
}

void logbook_free(struct logbook *b)
{
	free(b);
}

/* --- whether two are the same */

static uint32_t frames_of(const struct rs_error *e)
{
	return e->n_frames < RS_MAX_FRAMES ? e->n_frames : RS_MAX_FRAMES;
}

static const struct rs_frame *frame_at(const struct rs_error *e, uint32_t from_inside)
{
	return &e->frames[frames_of(e) - 1 - from_inside];
}

static bool is_frame(const struct rs_frame *a, const struct rs_frame *b)
{
	return a->code == b->code && a->lasti == b->lasti;
}

/*
 * A traceback grows at its outer end while the exception goes up; its inner end stays. Of an
 * exception that several requests raise anew it may be that of another in between, so no more is
 * asked for than tells the exceptions of different code apart.
 */
static bool is_behind(const struct answered *a, uint32_t pid, const struct rs_error *e)
{
	uint32_t n = frames_of(e) < a->n ? frames_of(e) : a->n;

	if (a->pid != pid || a->exception != e->exception || a->type != e->type)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!is_frame(&a->last[i], frame_at(e, i)))
			return false;
	return true;
}

static bool same_tails(const struct rs_error *a, const struct rs_error *b)
{
	uint32_t na = frames_of(a), nb = frames_of(b);

	for (uint32_t i = 0; i < na && i < nb; i++)
		if (!is_frame(frame_at(a, i), frame_at(b, i)))
			return false;
	return true;
}

/*
 * Logged once more: on its way up by somebody else; or, by the same thread, the next piece of one
 * that is written line by line, in which each exception of a chain has a traceback of its own.
 */
static bool is_again(const struct rs_ev_logged *a, const struct rs_ev_logged *now)
{
	const struct rs_error *x = &a->error, *y = &now->error;

	if (a->h.tgid != now->h.tgid || x->exception != y->exception || x->type != y->type ||
	    !same_tails(x, y))
		return false;
	if (x->depth != y->depth)
		return x->depth && x->depth < y->depth;
	return a->h.tid == now->h.tid && a->h.flags & now->h.flags & RS_F_LINE &&
	       now->h.ts - a->h.ts <= IN_PIECES;
}

/* --- answers */

static void drop(struct logbook *b, uint32_t i)
{
	b->n--;
	memmove(b->waiting + i, b->waiting + i + 1, (b->n - i) * sizeof(*b->waiting));
}

void logbook_answered(struct logbook *b, const struct rs_event *h, const struct rs_error *error)
{
	struct answered *a = &b->answered[b->next++ % ANSWERED];

	*a = (struct answered){
		.pid = h->tgid, .at = h->ts, .exception = error->exception, .type = error->type};
	for (; a->n < INNERMOST && a->n < frames_of(error); a->n++)
		a->last[a->n] = *frame_at(error, a->n);
	for (uint32_t i = b->n; i-- > 0;)
		if (is_behind(a, b->waiting[i].ev.h.tgid, &b->waiting[i].ev.error))
			drop(b, i);
}

static bool was_answered(const struct logbook *b, const struct rs_ev_logged *ev)
{
	for (uint32_t i = 0; i < ANSWERED; i++) {
		const struct answered *a = &b->answered[i];

		if (a->exception && a->at + HELD >= ev->h.ts &&
		    is_behind(a, ev->h.tgid, &ev->error))
			return true;
	}
	return false;
}

/* --- what waits */

bool logbook_is_new(const struct logbook *b, const struct rs_ev_logged *ev)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (is_again(&b->waiting[i].ev, ev))
			return false;
	return !was_answered(b, ev);
}

int logbook_add(struct logbook *b, const struct logged *l)
{
	if (b->n == LOGBOOK_WAITING)
		return -ENOSPC;
	b->waiting[b->n++] = *l;
	return 0;
}

const struct logged *logbook_oldest(const struct logbook *b)
{
	return b->n ? &b->waiting[0] : NULL;
}

void logbook_drop_oldest(struct logbook *b)
{
	drop(b, 0);
}
