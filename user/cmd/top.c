// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * top.c - the summary redrawn every second over a sliding window, with totals since the start.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../exit.h"
#include "../output.h"
#include "../session.h"

#define WINDOW_SECONDS 10

struct top {
	struct session *s;
	struct output out;
	struct termios saved;
	bool raw;
};

/* Alternate screen, no cursor (xterm's private modes 1049 and 25, which every terminal knows). */
static void screen_enter(struct top *t)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->saved))
		return;
	raw = t->saved;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	t->raw = true;
	fputs("\033[?1049h\033[?25l", stdout);
}

static void screen_leave(struct top *t)
{
	if (!t->raw)
		return;
	t->raw = false;
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

/* One write of a whole screen: each line cleared to its end, the rest below cleared. */
static void put_screen(const char *text)
{
	const char *p = text, *end;

	fputs("\033[H", stdout);
	for (; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '\n');
		fwrite(p, 1, end - p, stdout);
		fputs(*end ? "\033[K\r\n" : "\033[K", stdout);
	}
	fputs("\033[J", stdout);
}

static int draw(void *ctx, uint64_t now)
{
	struct top *t = ctx;
	const struct summary *sum = session_summary(t->s);
	struct term_options term;
	struct winsize w = {};
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	(void)now;
	if (!sum)
		return 1;
	output_terminal(stdout, &term);
	if (t->raw && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row > 1)
		term.lines = w.ws_row - 1;
	f = open_memstream(&text, &size);
	if (!f)
		return 1;
	sink_summary_text(f, sum, &term);
	fclose(f);
	if (t->raw)
		put_screen(text);
	else
		fputs(text, stdout);
	free(text);
	return output_broken(&t->out);
}

/* q and ESC end it; a closed terminal reads as end of file. */
static int key(void *ctx)
{
	char c;
	ssize_t n = read(STDIN_FILENO, &c, 1);

	(void)ctx;
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
	       (n == 1 && (c == 'q' || c == 'Q' || c == 27));
}

/* Without a terminal there is nothing to redraw: one summary after the other, like vmstat. */
int cmd_top(const struct options *o)
{
	struct top t = {};
	struct session_callbacks cb = {
		.ctx = &t,
		.tick = draw,
		.tick_ns = 1000000000ULL,
		.input_fd = STDIN_FILENO,
		.input = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? key : NULL,
	};
	int code = session_open(&t.s, o, &cb);

	output_open(&t.out, o);
	if (!code && session_slide(t.s, WINDOW_SECONDS)) {
		fprintf(stderr, "reqscope: out of memory\n");
		code = EXIT_RUNTIME;
	}
	if (!code && cb.input)
		screen_enter(&t);
	if (!code)
		code = session_run(t.s);
	screen_leave(&t);
	if (!code && session_saw_nothing(t.s))
		code = EXIT_TARGET;
	session_close(t.s);
	return code;
}
