/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term_priv.h - what the text sinks share: a line that cannot become too wide or carry a control
 * byte, and the plan of the summary screen. For user/sink/ only.
 */
#ifndef RS_TERM_PRIV_H
#define RS_TERM_PRIV_H

#include "sink.h"

enum style {
	STYLE_PLAIN,
	STYLE_DIM,
	STYLE_BOLD,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_RED,
	STYLE_CYAN,
	STYLES
};

#define TERM_MIN_COLUMNS 20
#define TERM_MAX_COLUMNS 500
#define LINE_BYTES	 8192 /* 500 columns of 4 bytes, and the colours */

/*
 * One line under construction. Whatever is put beyond the width is cut; spaces are written only
 * once something follows them; a control byte becomes '?', and so does what is not ASCII without
 * o->utf8.
 */
struct line {
	FILE *f;
	const struct term_options *o;
	unsigned width;
	unsigned left; /* lines that may still be written */
	unsigned at;   /* columns used */
	unsigned next; /* column where the next text goes; >= at */
	size_t len;
	char buf[LINE_BYTES];
};

void line_init(struct line *l, FILE *f, const struct term_options *o);
void line_end(struct line *l); /* writes it, with its newline, and starts the next */

void line_text(struct line *l, enum style style, const char *text);
void line_printf(struct line *l, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Bytes from outside, escaped, cut to `columns`. */
void line_bytes(struct line *l, enum style style, const void *bytes, size_t len, unsigned columns);
void line_string(struct line *l, enum style style, const char *s, unsigned columns);
/* "GET  /path": bytes from outside, methods padded so that the paths of short ones stay aligned. */
void line_request(struct line *l, const char *method, const void *path, size_t len,
		  unsigned columns);
/* Moves on to a column, or n further; never back. */
void line_to(struct line *l, unsigned column);
void line_skip(struct line *l, unsigned n);
/* A cell `width` wide, its text at the right. Text that is wider moves what follows. */
void line_right(struct line *l, enum style style, unsigned width, const char *text);
/* Three columns on, unless it is the first after `from`; left out as a whole where it does not fit.
 */
void line_item(struct line *l, enum style style, unsigned from, const char *text);
unsigned line_room(const struct line *l); /* columns left of where the next text goes */
/* A cell for a duration in ns that may be absent (negative, NaN): "-". */
void line_duration(struct line *l, enum style style, unsigned width, double ns);

/* Numbers as short as a screen needs them, into buf[UNITS_MAX]; returned. */
char *short_count(char *buf, uint64_t n);   /* "99,999", "123k" */
char *short_share(char *buf, double share); /* "0 %", "<1 %", "61 %", ">99 %"; NaN: "-" */
char *short_rate(char *buf, double rate);   /* "<0.1/s", "4.1/s", "120/s"; NaN: "-" */

#define LABEL_WIDTH 10 /* where the values begin, right of "requests", "errors", ... */

/* The parts of the summary screen, and how much each may take. */
struct plan {
	unsigned reasons; /* lines of the verdict */
	unsigned head;	  /* 0, 1: what is watched */
	unsigned numbers; /* 0..3: requests, latency, errors */
	unsigned overall; /* 0, 1: since the start */
	unsigned extras;  /* lines of term_extra.c at most */
	unsigned deploy;  /* lines of term_deploy.c */
	unsigned shape;	  /* 0 nothing, 1 the phases in one line, 5 with bars and histogram */
	unsigned errors;  /* rows, without heading and "more"; 0 leaves the table out */
	unsigned stalls;  /* the same, and so on */
	unsigned routes;
	unsigned workers;
	unsigned open;
	unsigned waits;
	unsigned tracer;  /* 0, 1 */
	unsigned gaps;	  /* 0, 1: an empty line between parts */
};
#define SHAPE_LINES 5

struct term {
	struct line line;
	const struct summary *s;
	struct plan plan;
	uint32_t n_routes; /* that had requests */
	uint32_t n_workers;
	struct summary_worker_row workers[SUMMARY_MAX_WORKERS];
};

/* term_head.c */
unsigned term_verdict(struct term *t, bool dry); /* lines that it takes; dry: only counts them */
void term_head(struct term *t);
void term_numbers(struct term *t);
void term_overall(struct term *t);
void term_tracer(struct term *t);

/* term_extra.c: lines written, or with dry those that it would write */
unsigned term_extras(struct term *t, bool dry);

/* term_insight.c: what the interpreter told. Lines of term_extra.c, and tables. */
bool term_held(struct term *t, bool dry);
bool term_loop(struct term *t, bool dry);
unsigned term_error_height(const struct term *t); /* lines of the next one, 0: nothing to tell */
void term_errors(struct term *t);
void term_stalls(struct term *t);
void term_waits(struct term *t);

/* term_deploy.c: how many lines it would take; plan.deploy says how many it may */
unsigned term_deploy_lines(const struct term *t);
void term_deploy(struct term *t);

/* term_shape.c: where the time goes, and how long it takes */
void term_shape(struct term *t);

/* term_table.c */
void term_routes(struct term *t);
void term_workers(struct term *t);
void term_open(struct term *t);
uint64_t term_open_count(const struct term *t);
/* Rows shown of n where `max` may be; one more than allowed costs what "and 1 more" would. */
uint64_t term_rows(uint64_t n, unsigned max);

#endif
