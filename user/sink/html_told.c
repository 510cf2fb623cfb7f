/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_told.c - what the interpreter told: exceptions with their places, what held the event loop
 * up, and where the application waits.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "html_priv.h"
#include "told.h"

static void put_place(FILE *f, const char *before, const char *where)
{
	if (!*where)
		return;
	fprintf(f, "%s<bdi class=\"path\">", before);
	html_string(f, where, 0);
	fputs("</bdi>", f);
}

void html_waits_in(FILE *f, const char *where)
{
	if (!where || !*where)
		return;
	fputs("<div class=\"dim\">", f);
	put_place(f, "in ", where);
	fputs("</div>", f);
}

/* --- exceptions */

static void put_exception(FILE *f, const struct error_row *e)
{
	if (e->status)
		fprintf(f, "<tr><td class=\"name %s\">%u</td><td>",
			e->status < 500 ? "warn" : "fail", e->status);
	else
		fputs("<tr><td class=\"name fail\">background</td><td>", f);
	html_count(f, e->count);
	fputs("</td><td class=\"req\"><b><bdi>", f);
	html_string(f, e->site->type, 0);
	fputs("</bdi></b>", f);
	put_place(f, " at ", e->site->where);
	put_place(f, ", in ", e->site->detail);
	if (e->route) {
		fputs("<div class=\"dim\">", f);
		html_route(f, e->route);
		fputs("</div>", f);
	}
	fputs("</td></tr>\n", f);
}

void html_exceptions(FILE *f, const struct stats *st)
{
	struct error_row rows[HTML_EXCEPTIONS];
	uint64_t untold;
	uint32_t all = told_errors(st, NULL, rows, HTML_EXCEPTIONS, &untold);
	uint32_t n = all < HTML_EXCEPTIONS ? all : HTML_EXCEPTIONS;

	if (!n)
		return;
	fputs("<h3 id=\"exceptions\">Exceptions</h3><p class=\"note\">What was being handled when "
	      "the "
	      "answer was written, and where it was raised; in the background: with no request of "
	      "its own.</p>\n<div class=\"scroll\"><table class=\"errs\"><thead><tr>"
	      "<th scope=\"col\" class=\"name\">status</th><th scope=\"col\">count</th>"
	      "<th scope=\"col\">exception</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < n; i++)
		put_exception(f, &rows[i]);
	html_more(f, 3, all - n, "kinds");
	html_more(f, 3, untold, "exceptions elsewhere");
	fputs("</tbody></table></div>\n", f);
}

/* --- the event loop */

static void put_stall(FILE *f, const struct stall_stats *s)
{
	char how[TOLD_WORDS];

	told_how(how, sizeof(how), s->site);
	fputs("<tr><td>", f);
	html_count(f, s->count);
	fputs("</td><td>", f);
	html_duration(f, (double)s->max);
	fputs("</td><td class=\"w\">", f);
	html_duration(f, (double)s->total);
	fputs("</td><td>", f);
	html_count(f, s->victims);
	fputs("</td><td class=\"w\">", f);
	html_duration(f, s->victims ? (double)s->waited : NAN);
	fputs("</td><td class=\"req\">", f);
	if (*s->site->where)
		put_place(f, "", s->site->where);
	else
		fputs("<i>place not known</i>", f);
	if (*how) {
		fputs(" <span class=\"dim\">", f);
		html_string(f, how, 0);
		fputs("</span>", f);
	}
	if (s->route) {
		fputs("<div class=\"dim\">", f);
		html_route(f, route_final((struct route *)s->route));
		fputs("</div>", f);
	}
	fputs("</td></tr>\n", f);
}

static void put_stalls(FILE *f, const struct stats *st)
{
	const struct stall_stats *s = NULL;

	if (!st->n_stalls)
		return;
	fputs("<div class=\"scroll\"><table class=\"errs\"><thead><tr><th scope=\"col\">times</th>"
	      "<th scope=\"col\">longest</th><th scope=\"col\" class=\"w\">in all</th>"
	      "<th scope=\"col\">requests waited</th><th scope=\"col\" class=\"w\">in all</th>"
	      "<th scope=\"col\">held up by</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < HTML_STALLS && (s = summary_next_stall(st, s)); i++)
		put_stall(f, s);
	html_more(f, 6, st->n_stalls > HTML_STALLS ? st->n_stalls - HTML_STALLS : 0, "places");
	html_more(f, 6, st->stalls_rest, "stalls elsewhere");
	fputs("</tbody></table></div>\n", f);
}

static void put_share(FILE *f, const char *words, double share)
{
	if (isnan(share))
		return;
	fputs("<span class=\"code\"><b>", f);
	html_share(f, share);
	fprintf(f, "</b> %s</span>", words);
}

static void put_held(FILE *f, const struct summary *s)
{
	char words[TOLD_WORDS];

	if (!s->held)
		return;
	fputs("<p class=\"fail\">Held up at the end, for ", f);
	html_duration(f, (double)s->held_ns);
	fputs(" so far, by <bdi class=\"path\">", f);
	html_string(f, told_stall(words, sizeof(words), s->held, WORDS_FULL), 0);
	fputs("</bdi></p>\n", f);
}

void html_loop(FILE *f, const struct html_report *r)
{
	const struct stats *st = r->summary->stats;

	if (!st->loop.watched && !st->n_stalls && !st->stalls_rest && !r->summary->held)
		return;
	html_section(f, "loop", "Event loop",
		     "Stretches in which it did not come back for what had arrived, by the line of "
		     "the application that ran meanwhile.");
	put_held(f, r->summary);
	fputs("<p class=\"codes\">", f);
	put_share(f, "of the time busy", summary_loop_busy(st));
	put_share(f, "waiting for the GIL", summary_loop_gil(st));
	put_share(f, "collecting garbage", summary_loop_gc(st));
	fputs("</p>\n", f);
	put_stalls(f, st);
	if (!st->n_stalls && !st->stalls_rest)
		fputs("<p class=\"none\">It was never held up for long.</p>\n", f);
	html_section_end(f);
}

/* --- waits */

static void put_wait(FILE *f, const struct summary_wait *w)
{
	fputs("<tr><td>", f);
	html_count(f, w->count);
	fprintf(f, "</td><td class=\"name\">%s</td><td class=\"req\">",
		w->threads ? "threads" : "tasks");
	html_host(f, w->host);
	put_place(f, "", w->where);
	put_place(f, " on ", w->on ? w->on : "");
	fputs("</td></tr>\n", f);
}

void html_waits(FILE *f, const struct summary *s)
{
	uint32_t n = s->n_waits < HTML_WAITS ? s->n_waits : HTML_WAITS;

	if (!n)
		return;
	fputs("<h3 id=\"waits\">Waiting in the application</h3><div class=\"scroll\">"
	      "<table class=\"open\"><thead><tr><th scope=\"col\">count</th>"
	      "<th scope=\"col\" class=\"name\">what</th><th scope=\"col\">where</th></tr></thead>"
	      "<tbody>\n",
	      f);
	for (uint32_t i = 0; i < n; i++)
		put_wait(f, &s->waits[i]);
	html_more(f, 3, s->n_waits - n, "places");
	fputs("</tbody></table></div>\n", f);
}
