// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * help.c - what the keys do.
 */
#include <curses.h>

#include "draw.h"

static const struct {
	const char *keys, *words;
} help[] = {
	{"Tab  r o w", "panels: routes, open requests, workers"},
	{"up down  j k", "choose a row, also by PgUp, PgDn; it stays chosen"},
	{"Home End  g G", "first row, whichever it will be; last row"},
	{"Enter", "one route: phases, histogram, statuses, slowest"},
	{"q Esc Backspace", "back; q leaves reqscope, and so does Ctrl-C"},
	{"t R p e", "sort routes by time, rate, p99, errors"},
	{"s > <", "sort by the next of these, by the one before"},
	{"1 2 3", "numbers of the last 10 s, of 1 minute, since the start"},
	{"Space", "pause: the screen stands still, counting goes on"},
	{"Ctrl-L  Ctrl-Z", "draw anew; suspend"},
	{NULL, NULL},
	{"time", "all the time that a route took, of that of all routes"},
	{"queue recv", "not read yet by the server; its body is coming in"},
	{"app send", "until the answer begins; until it is handed over"},
	{"5xx cut gone", "server errors; cut off by the server; client left"},
	{"open", "requests without a whole answer yet"},
	{"the graphs", "newest at the right; latency: p99 of the worst second"},
};

void draw_help(const struct draw *d)
{
	size_t n = sizeof(help) / sizeof(*help);
	int y = 0, words = COLS >= 60 ? 21 : 12;
	struct row r = row_at(y++, d->utf8);

	row_text(&r, STYLE_BOLD, "reqscope " RS_VERSION);
	row_text(&r, STYLE_DIM, "   any key goes back");
	if (LINES > (int)n + 2)
		y++;
	for (size_t i = 0; i < n; i++) {
		r = row_at(y++, d->utf8);
		if (!help[i].keys)
			continue;
		row_text(&r, STYLE_BOLD, help[i].keys);
		row_to(&r, r.x < words ? words : r.x + 1);
		row_text(&r, STYLE_PLAIN, help[i].words);
	}
}
