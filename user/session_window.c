// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_window.c - summaries of the last while instead of all since the start, and the history.
 */
#include "session_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "core/sliding.h"

#define SECOND 1000000000ULL

struct window {
	struct sliding *sliding;
	unsigned keep;	 /* seconds */
	unsigned wanted; /* seconds in a summary, 0: all since the start */
	struct stats *merged;
	struct history history;
};

int session_slide(struct session *s, unsigned seconds)
{
	struct window *w = calloc(1, sizeof(*w));

	s->window = w;
	if (!w)
		return -ENOMEM;
	w->keep = w->wanted = seconds;
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

void window_advance(struct session *s, uint64_t now)
{
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
