/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_priv.h - what the parts of the HTML page share: escaping, numbers, the latency axis. For
 * user/sink/html*.c only.
 */
#ifndef RS_HTML_PRIV_H
#define RS_HTML_PRIV_H

#include "html.h"

#define HTML_ROUTES	50
#define HTML_ERRORS	50
#define HTML_OPEN	20
#define HTML_WORKERS	32
#define HTML_LISTENERS	16
#define HTML_CHANGES	4 /* told of each deploy */
#define HTML_DEPLOYS	16
#define HTML_EXCEPTIONS 50
#define HTML_STALLS	20
#define HTML_WAITS	20
#define HTML_CODES	12  /* status codes told of each route */
#define HTML_COLUMNS	160 /* of a string from outside */

/* --- text (html_text.c) */

/* Bytes from outside: escaped twice, for the person (escape.h) and for HTML, in text and in quoted
   attributes. Cut to `columns`, 0: HTML_COLUMNS. */
void html_text(FILE *f, const void *bytes, size_t len, size_t columns);
void html_string(FILE *f, const char *s, size_t columns); /* "-" for NULL and "" */
/* Text that is printable already, such as a verdict's reason: for HTML only. */
void html_words(FILE *f, const char *s);
/* The same, set apart from what is around it, also when it is written from right to left. */
void html_request(FILE *f, const char *method, const void *path, size_t len, size_t columns);
void html_route(FILE *f, const struct route *route);
/* "web1 " before what is said of one of several hosts; nothing for NULL. */
void html_host(FILE *f, const char *host);

void html_count(FILE *f, uint64_t n);			     /* "1,204" */
void html_duration(FILE *f, double ns);			     /* "-" for NaN */
void html_quantile(FILE *f, const struct hist *h, double q); /* of 1 it is the exact maximum */
void html_share(FILE *f, double share);
void html_rate(FILE *f, double n, double seconds); /* "-" when there was no time */

enum clock { CLOCK_DAY, CLOCK_DAY_MINUTE, CLOCK_MINUTE, CLOCK_SECOND, CLOCK_MILLI, CLOCK_WHOLE };
/* Wall clock ns in UTC: "01-02", "01-02 03:04", "03:04", "03:04:05", "03:04:05.678" and
   "2026-01-02 03:04:05". */
void html_clock(FILE *f, enum clock how, uint64_t wall_ns);

/* <h2> with an id, and what belongs below it as far as html_section_end(). note: printable, may be
   NULL. */
void html_section(FILE *f, const char *id, const char *title, const char *note);
void html_section_end(FILE *f);
/* "and 12 more": a last row across the table; nothing for 0. */
void html_more(FILE *f, unsigned columns, uint64_t n, const char *what);

/* --- a logarithmic axis of durations (html_scale.c) */

#define SCALE_MAX 48

/* Cells of equal ratio, a power of two of a histogram's buckets each. */
struct scale {
	int32_t low, high; /* buckets to be shown; low > high: none */
	unsigned shift;	   /* a cell has 1 << shift buckets */
	int32_t first, n;  /* cells */
};

void scale_init(struct scale *sc);
void scale_include(struct scale *sc, const struct hist *h);
/* Decides the cells; false when there is nothing to show. */
bool scale_finish(struct scale *sc);
/* What lies in each cell, bins[SCALE_MAX]; returns the most. Durations of 0 are in none. */
uint64_t scale_bins(const struct scale *sc, const struct hist *h, uint64_t *bins);
/* Where a duration lies: 0 the axis' low end, 1 its high end; may lie outside. */
double scale_place(const struct scale *sc, double ns);
/* The edge below cell i (0..n), ns. */
double scale_edge(const struct scale *sc, int32_t i);
/* Round durations on the axis, ascending, a dozen at the most. Call with *ns = 0 for the first;
 * false: no more. */
bool scale_tick(const struct scale *sc, double *ns);
/* "100 us", "1 ms", "20 s" */
void scale_label(FILE *f, double ns);

/* --- the parts of the page, each with its heading; nothing where there is nothing to say */

extern const char *const html_style[]; /* ends with NULL */
extern const char *const html_phase_class[PHASES];
extern const enum latency_kind html_phase_kind[PHASES];

uint64_t html_failed(const struct stats *st); /* 5xx and cut off by the server */
uint64_t html_ended(const struct stats *st);  /* those whose end is known */

void html_head(FILE *f, const struct html_report *r); /* verdict, numbers, ledger */
void html_time(FILE *f, const struct html_report *r); /* rate, errors, heat map */
void html_heat(FILE *f, const struct timeline *t, const struct scale *sc);
void html_heat_legend(FILE *f, const struct timeline *t, const struct scale *sc);
void html_phases(FILE *f, const struct html_report *r);
/* One axis for all distributions of the page; false when nothing was measured. */
bool html_phase_scale(struct scale *sc, const struct stats *st);
void html_distributions(FILE *f, const struct hist latency[LATENCIES], const struct scale *sc,
			bool large);
void html_loop(FILE *f, const struct html_report *r); /* stalls of the event loop */
void html_exceptions(FILE *f, const struct stats *st);
void html_waits(FILE *f, const struct summary *s);
void html_waits_in(FILE *f, const char *where); /* of one request; nothing for NULL */
void html_routes(FILE *f, const struct html_report *r);
void html_slowest(FILE *f, const struct html_report *r);
void html_open(FILE *f, const struct html_report *r);
void html_errors(FILE *f, const struct html_report *r);
void html_kinds(FILE *f, const struct html_report *r); /* caches, logins */
void html_cache_words(FILE *f, const uint64_t cache[CACHE_KINDS]);
void html_deploys(FILE *f, const struct html_report *r);
void html_processes(FILE *f, const struct html_report *r); /* workers, listeners, limits */
void html_unseen(FILE *f, const struct html_report *r);

#endif
