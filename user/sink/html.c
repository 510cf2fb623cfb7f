/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html.c - the report as one page: its frame and the order of its parts.
 */
#include <stdio.h>

#include "html_priv.h"

/* Nothing is loaded from anywhere and nothing runs; styles are those inside. */
#define POLICY "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

static void put_style(FILE *f)
{
	fputs("<style>\n", f);
	for (const char *const *line = html_style; *line; line++)
		fprintf(f, "%s\n", *line);
	fputs("</style>\n", f);
}

static void put_title(FILE *f, const struct summary *s)
{
	fprintf(f, "<title>%s: ", verdict_name(s->verdict.state));
	html_string(f, s->target.name, 60);
	fputs(", ", f);
	html_clock(f, CLOCK_WHOLE, s->start_wall_ns);
	fputs(" UTC</title>\n", f);
}

static void put_footer(FILE *f)
{
	fputs("<footer>reqscope " RS_VERSION
	      ". Times of requests run from the arrival of the first "
	      "byte in the server's kernel to the call that hands over the last byte of the "
	      "response; "
	      "network and client are outside of it. All times of day are UTC. Quantiles are off "
	      "by at "
	      "most 1.1 %. What was not measured is &ldquo;-&rdquo;, never 0.</footer>\n",
	      f);
}

void sink_html(FILE *f, const struct html_report *r)
{
	static void (*const parts[])(FILE * f, const struct html_report *r) = {
		html_head,   html_time, html_phases, html_loop,	     html_routes, html_slowest,
		html_errors, html_open, html_kinds,  html_processes, html_unseen,
	};

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"" POLICY "\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n",
	      f);
	put_title(f, r->summary);
	put_style(f);
	fputs("</head><body><main>\n", f);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		parts[i](f, r);
	put_footer(f);
	fputs("</main></body></html>\n", f);
}
