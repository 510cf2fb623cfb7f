/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_text.c - strings and numbers as they stand in the page.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "../lib/utc.h"
#include "html_priv.h"

void html_words(FILE *f, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			fputc(*s, f);
		}
}

void html_text(FILE *f, const void *bytes, size_t len, size_t columns)
{
	char text[4 * HTML_COLUMNS + 1];

	if (!columns || columns > HTML_COLUMNS)
		columns = HTML_COLUMNS;
	escape_text(text, sizeof(text), bytes, len, columns);
	html_words(f, text);
}

void html_string(FILE *f, const char *s, size_t columns)
{
	if (s && *s)
		html_text(f, s, strlen(s), columns);
	else
		fputc('-', f);
}

void html_request(FILE *f, const char *method, const void *path, size_t len, size_t columns)
{
	fputs("<b class=\"m\">", f);
	html_string(f, method, 24);
	fputs("</b> <bdi class=\"path\">", f);
	html_text(f, path, len, columns);
	fputs("</bdi>", f);
}

void html_route(FILE *f, const struct route *route)
{
	if (route->id)
		html_request(f, route->method, route->template, strlen(route->template), 0);
	else
		fputs("<i>routes beyond the bound</i>", f);
}

void html_host(FILE *f, const char *host)
{
	if (!host)
		return;
	fputs("<bdi class=\"dim\">", f);
	html_string(f, host, 32);
	fputs("</bdi> ", f);
}

void html_count(FILE *f, uint64_t n)
{
	char text[UNITS_MAX];

	fputs(summary_count(text, sizeof(text), n), f);
}

void html_duration(FILE *f, double ns)
{
	char text[UNITS_MAX];

	fputs(units_duration(text, sizeof(text), ns), f);
}

void html_quantile(FILE *f, const struct hist *h, double q)
{
	html_duration(f, q >= 1 && h->count ? (double)h->max : hist_quantile(h, q));
}

void html_share(FILE *f, double share)
{
	char text[UNITS_MAX];

	html_words(f, units_percent(text, sizeof(text), share));
}

void html_rate(FILE *f, double n, double seconds)
{
	char text[UNITS_MAX];

	html_words(f, units_rate(text, sizeof(text), seconds > 0 ? n / seconds : -1));
}

void html_clock(FILE *f, enum clock how, uint64_t wall_ns)
{
	struct utc t = utc_of(wall_ns);

	if (how == CLOCK_WHOLE)
		fprintf(f, "%04u-", t.year);
	if (how == CLOCK_DAY || how == CLOCK_DAY_MINUTE || how == CLOCK_WHOLE)
		fprintf(f, "%02u-%02u%s", t.month, t.day, how == CLOCK_DAY ? "" : " ");
	if (how != CLOCK_DAY)
		fprintf(f, "%02u:%02u", t.hour, t.minute);
	if (how == CLOCK_SECOND || how == CLOCK_MILLI || how == CLOCK_WHOLE)
		fprintf(f, ":%02u", t.second);
	if (how == CLOCK_MILLI)
		fprintf(f, ".%03u", t.ns / 1000000);
}

void html_section(FILE *f, const char *id, const char *title, const char *note)
{
	fprintf(f, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", id, id, title);
	if (note)
		fprintf(f, "<p class=\"note\">%s</p>\n", note);
}

void html_section_end(FILE *f)
{
	fputs("</section>\n", f);
}

void html_more(FILE *f, unsigned columns, uint64_t n, const char *what)
{
	if (!n)
		return;
	fprintf(f, "<tr class=\"rest\"><td colspan=\"%u\">and ", columns);
	html_count(f, n);
	fprintf(f, " more %s</td></tr>\n", what);
}
