// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_window.c - summaries of the last while instead of all since the start, and the history.
 */
#include "session_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "core/sliding.h"

#define SECOND 1000000000ULL
#define MARKS  1024 /* seconds; more than a window may have */

/* What had spoken something else than HTTP when a second began. */
struct mark {
	uint64_t at;
	struct summary_opaque opaque;
};

struct window {
	struct sliding *sliding;
	unsigned keep;	 /* seconds */
	unsigned wanted; /* seconds in a summary, 0: all since the start */
	struct stats *merged;
	struct history history;
	struct mark marks[MARKS];
	unsigned n_marks; /* ever made */
	uint64_t due;	  /* the next one */
};

int session_slide(struct session *s, unsigned seconds)
{
	struct window *w = calloc(1, sizeof(*w));

	s->window = w;
	if (!w)
		return -ENOMEM;
	w->keep = w->wanted = seconds;
	w->due = s->started + SECOND;
	w->sliding = sliding_new(seconds, s->started);
	return w->sliding ? 0 : -ENOMEM;
}

int session_window(struct session *s, uint64_t ns)
{
	uint64_t seconds = ns / SECOND + (ns % SECOND > 0);

	if (!s->window || seconds > s->window->keep)
		return -EINVAL;
	s->window->wanted = (unsigned)seconds;
	return 0;
}

const struct history *session_history(const struct session *s)
{
	return s->window ? &s->window->history : NULL;
}

struct stats *window_current(const struct session *s)
{
	return s->window ? sliding_current(s->window->sliding) : NULL;
}

bool window_slides(const struct session *s)
{
	return s->window && s->window->wanted;
}

static struct summary_opaque opaque_now(const struct session *s)
{
	const struct tracer_counts *c = tracer_counts(s->tracer);

	return (struct summary_opaque){
		.tls = c->tls, .http2 = c->http2, .proxy = c->proxy, .other = c->other};
}

static void mark(struct session *s, uint64_t now)
{
	struct window *w = s->window;
	uint64_t over;

	if (now < w->due)
		return;
	over = (now - w->due) / SECOND;
	w->marks[w->n_marks++ % MARKS] = (struct mark){w->due + over * SECOND, opaque_now(s)};
	w->due += (over + 1) * SECOND;
}

/* The youngest mark from before the window, or none: then all are of it. */
void window_opaque(struct session *s, struct summary *sum)
{
	static const struct summary_opaque none;
	const struct window *w = s->window;
	unsigned kept = w->n_marks < MARKS ? w->n_marks : MARKS, i = 1;

	while (i <= kept && w->marks[(w->n_marks - i) % MARKS].at > sum->stats->from)
		i++;
	summary_opaque_since(sum, i <= kept ? &w->marks[(w->n_marks - i) % MARKS].opaque : &none,
			     s->total->ledger.started, &s->options->rules);
}

void window_advance(struct session *s, uint64_t now)
{
	if (s->window)
		mark(s, now);
	if (s->window && sliding_advance(s->window->sliding, now, &s->window->history))
		s->failed = true;
}

struct stats *window_merge(struct session *s)
{
	struct window *w = s->window;
	struct stats *fresh = stats_new();
	int err;

	if (!fresh)
		return NULL;
	stats_free(w->merged);
	w->merged = fresh;
	window_current(s)->to = s->now;
	if (w->wanted)
		err = sliding_merge(w->sliding, w->wanted, fresh);
	else
		err = stats_merge(fresh, s->total);
	if (err)
		s->failed = true;
	return fresh;
}

void window_free(struct window *w)
{
	if (!w)
		return;
	sliding_free(w->sliding);
	stats_free(w->merged);
	free(w);
}
