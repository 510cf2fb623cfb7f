// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * top.c - the live screen: once a second a view of the session, drawn; keys in between.
 */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../exit.h"
#include "../output.h"
#include "../session.h"
#include "../top/draw.h"
#include "../top/screen.h"

#define RING_SECONDS 60 /* the windows that keys choose reach back this far */
#define SECOND	     1000000000ULL

struct top {
	struct session *s;
	struct output out;
	bool screen; /* on a terminal that can show one */
	bool utf8;
	struct model model;
	struct view *view;	/* what is shown; NULL: nothing yet */
	struct slowest *slow;	/* goes on during a pause */
	struct slowest *frozen; /* what is shown of it then */
	bool failed;		/* out of memory */
};

/* --- the screen */

static void draw(struct top *t)
{
	struct draw d = {
		.m = &t->model,
		.v = t->view,
		.slow = t->frozen ? t->frozen : t->slow,
		.utf8 = t->utf8,
	};

	if (t->view && screen_is_ours())
		draw_screen(&d);
}

/* Out of memory ends it: what it would show from then on would be old. */
static int take(struct top *t)
{
	const struct summary *sum = session_summary(t->s);
	struct term_options term;
	struct view *v;

	output_terminal(stdout, &term);
	term.colour = true; /* the screen knows what becomes of it */
	v = sum ? view_new(sum, session_history(t->s), &term) : NULL;
	if (!v || model_fill(&t->model, v)) {
		view_free(v);
		t->failed = true;
		return 1;
	}
	view_free(t->view);
	t->view = v;
	return 0;
}

static void thaw(struct top *t)
{
	slowest_free(t->frozen);
	t->frozen = NULL;
	t->model.paused = false;
}

static int pause_or_go_on(struct top *t)
{
	if (!t->model.paused) {
		thaw(t);
		return take(t);
	}
	t->frozen = slowest_copy(t->slow);
	t->failed = !t->frozen;
	return t->failed;
}

/* What a pause shows is of one window; another one means to go on. */
static int change_window(struct top *t)
{
	thaw(t);
	session_window(t->s, t->model.window);
	return take(t);
}

static int act(struct top *t, enum model_act what)
{
	switch (what) {
	case ACT_QUIT:
		return 1;
	case ACT_WINDOW:
		return change_window(t);
	case ACT_PAUSE:
		return pause_or_go_on(t);
	case ACT_REDRAW:
		screen_spoilt();
		return 0;
	case ACT_NOTHING:
	case ACT_DRAW:
		break;
	}
	return 0;
}

/* All keys that are there, then one picture. */
static int screen_keys(struct top *t)
{
	int key, end = 0;

	if (screen_is_lost())
		return 1;
	while (!end && screen_is_ours() && (key = screen_key()) >= 0)
		if (t->view || key == 'q' || key == 'Q')
			end = act(t, model_key(&t->model, key));
	if (!end)
		draw(t);
	return end;
}

static int attend(void *ctx)
{
	struct top *t = ctx;

	if (t->screen && screen_attend())
		draw(t);
	return 0;
}

static int tick_screen(struct top *t)
{
	if (screen_is_lost())
		return 1;
	if (!t->model.paused && take(t))
		return 1;
	draw(t);
	return 0;
}

static void ended(void *ctx, const struct request *r)
{
	struct top *t = ctx;

	if (slowest_add(t->slow, r))
		t->failed = true;
}

/* --- without one: one summary after the other, like vmstat */

static int tick_text(struct top *t)
{
	const struct summary *sum = session_summary(t->s);
	struct term_options term;

	if (!sum)
		return 1;
	output_terminal(stdout, &term);
	sink_summary_text(stdout, sum, &term);
	return output_broken(&t->out);
}

/* A line with q ends it; a closed terminal reads as end of file. */
static int text_keys(void)
{
	char line[80];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
	       (n > 0 && (line[0] == 'q' || line[0] == 'Q'));
}

/* --- both */

static int tick(void *ctx, uint64_t now)
{
	struct top *t = ctx;

	(void)now;
	return t->screen ? tick_screen(t) : tick_text(t);
}

static int keys(void *ctx)
{
	struct top *t = ctx;

	return t->screen ? screen_keys(t) : text_keys();
}

static void take_screen(struct top *t)
{
	struct term_options term;
	const char *why;

	output_terminal(stdout, &term);
	t->utf8 = term.utf8;
	if (!screen_open(term.colour, &why))
		t->screen = true;
	else
		fprintf(stderr, "reqscope: no live screen on this terminal%s%s; summaries follow\n",
			why ? ": " : "", why ? why : "");
}

static int prepare(struct top *t, const struct options *o)
{
	unsigned seconds = (unsigned)((o->window + SECOND - 1) / SECOND);

	t->slow = slowest_new();
	t->model.sort = sort_parse(o->sort);
	t->model.window = o->window;
	if (t->slow && !session_slide(t->s, seconds > RING_SECONDS ? seconds : RING_SECONDS) &&
	    !session_window(t->s, o->window))
		return 0;
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_RUNTIME;
}

static int run(struct top *t, const struct options *o, bool terminal)
{
	int code = prepare(t, o);

	if (!code && terminal)
		take_screen(t);
	if (!code)
		code = session_run(t->s);
	screen_close();
	if (t->failed) {
		fprintf(stderr, "reqscope: out of memory\n");
		code = EXIT_RUNTIME;
	}
	return !code && session_saw_nothing(t->s) ? EXIT_TARGET : code;
}

int cmd_top(const struct options *o)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	struct top *t = calloc(1, sizeof(*t));
	int code, written;

	if (!t)
		return EXIT_RUNTIME;
	struct session_callbacks cb = {
		.ctx = t,
		.tick = tick,
		.tick_ns = SECOND,
		.drained = attend,
		.ended = ended,
		.input_fd = STDIN_FILENO,
		.input = terminal ? keys : NULL,
	};
	code = session_open(&t->s, o, &cb);
	output_open(&t->out, o);
	if (!code)
		code = run(t, o, terminal);
	session_close(t->s);
	written = output_close(&t->out);
	model_free(&t->model);
	view_free(t->view);
	slowest_free(t->slow);
	slowest_free(t->frozen);
	free(t);
	return written ? written : code;
}
