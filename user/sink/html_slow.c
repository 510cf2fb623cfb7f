/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_slow.c - single requests: the slowest with their phases as bars, and those that were open.
 */
#include <stdio.h>

#include "html_priv.h"

struct part {
	const char *name, *class;
	int64_t ns; /* negative: not measured */
};
#define PARTS (PHASES + 1)

/* The phases in their order, and what of the total no phase is known to have taken. */
static int64_t divide(const struct request *r, struct part parts[PARTS])
{
	int64_t known = 0;
	struct phases p;

	request_phases(r, &p);
	parts[PHASE_QUEUE] = (struct part){"queue", "q", p.queue};
	parts[PHASE_RECV] = (struct part){"recv", "r", p.recv};
	parts[PHASE_APP] = (struct part){"app", "a", p.app};
	parts[PHASE_SEND] = (struct part){"send", "s", p.send};
	for (int i = 0; i < PHASES; i++)
		known += parts[i].ns > 0 ? parts[i].ns : 0;
	parts[PHASES] = (struct part){"not divided", "u", p.total > known ? p.total - known : -1};
	return p.total;
}

static void put_parts_words(FILE *f, const struct part parts[PARTS])
{
	const char *comma = "";

	for (int i = 0; i < PARTS; i++) {
		if (parts[i].ns < 0)
			continue;
		fprintf(f, "%s%s ", comma, parts[i].name);
		html_duration(f, (double)parts[i].ns);
		comma = ", ";
	}
}

static void put_bar(FILE *f, const struct part parts[PARTS], double longest)
{
	fputs("<td class=\"pic\"><div class=\"track\" role=\"img\" aria-label=\"", f);
	put_parts_words(f, parts);
	fputs("\" title=\"", f);
	put_parts_words(f, parts);
	fputs("\">", f);
	for (int i = 0; i < PARTS && longest > 0; i++)
		if (parts[i].ns > 0)
			fprintf(f, "<i class=\"%s\" style=\"width:%.2f%%\"></i>", parts[i].class,
				100 * (double)parts[i].ns / longest);
	fputs("</div></td>", f);
}

static void put_status(FILE *f, const struct request *r)
{
	if (r->status_seen)
		fprintf(f, "<td class=\"st c%u\">%u</td>", r->status / 100u, r->status);
	else
		fputs("<td>-</td>", f);
}

/* where: it waits there in the application; NULL not known */
static void put_what(FILE *f, const struct request *r, const char *where)
{
	fputs("<td class=\"req\">", f);
	if (r->head_seen)
		html_request(f, r->http.method, r->http.path, r->http.path_len, 0);
	else
		fputs("<i>not read</i>", f);
	html_waits_in(f, where);
	fputs("</td>", f);
}

static void put_slow(FILE *f, const struct summary *s, const struct request *r, double longest)
{
	struct part parts[PARTS];
	int64_t total = divide(r, parts);

	fputs("<tr><td class=\"time\">", f);
	html_clock(f, CLOCK_MILLI, r->arrived + (uint64_t)s->wall_offset);
	fputs("</td>", f);
	put_status(f, r);
	fputs("<td><b>", f);
	html_duration(f, (double)total);
	fputs("</b></td>", f);
	put_bar(f, parts, longest);
	put_what(f, r, NULL);
	fputs("</tr>\n", f);
}

static void put_legend(FILE *f)
{
	fputs("<p class=\"legend\">", f);
	for (int i = 0; i < PHASES; i++)
		fprintf(f, "<span><i class=\"%s\"></i>%s</span>", html_phase_class[i],
			request_phase_name(i));
	fputs("</p>\n", f);
}

void html_slowest(FILE *f, const struct html_report *r)
{
	const struct timeline *t = r->timeline;
	struct part parts[PARTS];
	double longest;

	if (!t || !t->n_slowest)
		return;
	longest = (double)divide(&t->slowest[0], parts);
	html_section(f, "slowest", "Slowest requests", NULL);
	put_legend(f);
	fputs("<div class=\"scroll\"><table class=\"slow\"><thead><tr>"
	      "<th scope=\"col\">arrived (UTC)</th>"
	      "<th scope=\"col\">status</th><th scope=\"col\">total</th>"
	      "<th scope=\"col\">phases</th><th scope=\"col\">request</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < t->n_slowest; i++)
		put_slow(f, r->summary, &t->slowest[i], longest);
	fputs("</tbody></table></div>\n", f);
	html_section_end(f);
}

/* --- open at the end */

static void put_open(FILE *f, const struct summary *s, const struct summary_open *o)
{
	bool waits = o->phase == PHASE_QUEUE || o->phase == PHASE_APP;
	bool stuck = waits && (double)o->age >= s->verdict.rules.stuck_ms * 1e6;

	fprintf(f, "<tr><td%s>", stuck ? " class=\"fail\"" : "");
	html_duration(f, (double)o->age);
	fprintf(f, "</td><td class=\"name\"><i class=\"sw %s\"></i>%s</td><td>",
		html_phase_class[o->phase], request_phase_name(o->phase));
	html_host(f, o->host);
	if (o->request->pid)
		fprintf(f, "%u", o->request->pid);
	else
		fputc('-', f);
	fputs("</td>", f);
	put_what(f, o->request, o->where);
	fputs("</tr>\n", f);
}

static void put_all_open(FILE *f, const struct summary *s, uint32_t shown, uint64_t all)
{
	fputs("<div class=\"scroll\"><table class=\"open\"><thead><tr><th scope=\"col\">age</th>"
	      "<th scope=\"col\" class=\"name\">phase</th><th scope=\"col\">pid</th>"
	      "<th scope=\"col\">request</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < shown; i++)
		put_open(f, s, &s->open[i]);
	html_more(f, 4, all - shown, "open requests");
	fputs("</tbody></table></div>\n", f);
}

void html_open(FILE *f, const struct html_report *r)
{
	const struct summary *s = r->summary;
	int64_t open = s->stats->ledger.open;
	uint64_t all = open > (int64_t)s->n_open ? (uint64_t)open : s->n_open;
	uint32_t shown = s->n_open < HTML_OPEN ? s->n_open : HTML_OPEN;

	if (!shown && !s->n_waits)
		return;
	html_section(f, "open", "Open at the end",
		     shown ? "Requests that had not ended, the oldest first." : NULL);
	if (shown)
		put_all_open(f, s, shown, all);
	html_waits(f, s);
	html_section_end(f);
}
