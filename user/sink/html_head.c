/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_head.c - the top of the page: the verdict with its reasons, what was watched, the main
 * numbers, and the ledger.
 */
#include <stdio.h>

#include "html_priv.h"

uint64_t html_ended(const struct stats *st)
{
	const struct ledger *g = &st->ledger;

	return g->ok + g->client_closed + g->server_closed + g->upgraded;
}

uint64_t html_failed(const struct stats *st)
{
	uint64_t failed = st->status.class[5] + st->ledger.server_closed, ended = html_ended(st);

	return failed < ended ? failed : ended; /* one cut off after a 5xx head counts once */
}

/* --- the verdict */

static void put_verdict(FILE *f, const struct verdict *v)
{
	const char *name = verdict_name(v->state);

	fprintf(f, "<div class=\"verdict v-%s\"><p class=\"state\">%s</p><ul>", name, name);
	for (unsigned i = 0; i < v->n_reasons; i++) {
		fputs("<li>", f);
		html_words(f, v->reasons[i]);
		fputs("</li>", f);
	}
	fputs("</ul></div>\n", f);
}

/* --- what was watched */

static void fact(FILE *f, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	fprintf(f, "<div><dt>%s</dt><dd><bdi>", name);
	html_string(f, value, 60);
	fputs("</bdi></dd></div>", f);
}

static void put_pids(FILE *f, const struct summary *s)
{
	fputs("<div><dt>processes</dt><dd>", f);
	for (uint32_t i = 0; i < s->target.n_pids && i < 6; i++)
		fprintf(f, "%s%u", i ? ", " : "", s->target.pids[i]);
	if (s->target.n_pids > 6)
		fprintf(f, " and %u more", s->target.n_pids - 6);
	fputs(s->target.n_pids ? "</dd></div>" : "none</dd></div>", f);
}

static void put_ports(FILE *f, const struct summary *s)
{
	if (!s->target.n_ports)
		return;
	fprintf(f, "<div><dt>%s</dt><dd>", s->target.n_ports > 1 ? "ports" : "port");
	for (uint32_t i = 0; i < s->target.n_ports; i++)
		fprintf(f, "%s%u", i ? ", " : "", s->target.ports[i]);
	fputs("</dd></div>", f);
}

#define DAY_NS UINT64_C(86400000000000)

static void put_window(FILE *f, const struct summary *s)
{
	uint64_t watched = s->seconds > 0 ? (uint64_t)(s->seconds * 1e9) : 0;
	uint64_t end = s->end_wall_ns ? s->end_wall_ns : s->start_wall_ns + watched;

	fputs("<div><dt>time (UTC)</dt><dd>", f);
	html_clock(f, CLOCK_WHOLE, s->start_wall_ns);
	fputs(" to ", f);
	html_clock(f, end / DAY_NS != s->start_wall_ns / DAY_NS ? CLOCK_WHOLE : CLOCK_SECOND, end);
	fputs(s->end_wall_ns ? ", of which watched " : ", ", f);
	html_duration(f, s->seconds * 1e9);
	fputs("</dd></div>", f);
}

static void put_facts(FILE *f, const struct summary *s)
{
	fputs("<dl class=\"facts\">", f);
	put_window(f, s);
	fact(f, "host", s->host.name);
	fact(f, "kernel", s->host.kernel);
	fact(f, "server", s->target.server);
	fact(f, "Python", s->target.python);
	put_ports(f, s);
	put_pids(f, s);
	fputs("</dl>\n", f);
}

/* --- the main numbers */

/* class: "" or what its colour tells, with a space before. */
static void tile_begin(FILE *f, const char *name, const char *class)
{
	fprintf(f, "<div class=\"tile%s\"><dt>%s</dt><dd>", class, name);
}

static void tile_note(FILE *f)
{
	fputs("</dd><dd class=\"sub\">", f);
}

static void tile_end(FILE *f)
{
	fputs("</dd></div>", f);
}

static void put_rate(FILE *f, const struct summary *s)
{
	int64_t began = s->stats->ledger.started;

	tile_begin(f, "requests", "");
	html_rate(f, began > 0 ? (double)began : 0, s->seconds);
	tile_note(f);
	html_count(f, began > 0 ? (uint64_t)began : 0);
	fputs(" began", f);
	tile_end(f);
}

static void put_quantile(FILE *f, const struct summary *s, const char *name, double q, double more,
			 const char *words)
{
	const struct hist *h = &s->stats->latency[LAT_TOTAL];
	const struct verdict_rules *rules = &s->verdict.rules;
	bool slow = s->verdict.state == VERDICT_SLOW && q >= rules->slo_quantile &&
		    hist_quantile(h, q) > rules->slo_ms * 1e6;

	tile_begin(f, name, slow ? " bad" : "");
	html_quantile(f, h, q);
	tile_note(f);
	fprintf(f, "%s ", words);
	html_quantile(f, h, more);
	tile_end(f);
}

static void put_failed(FILE *f, const struct summary *s)
{
	uint64_t failed = html_failed(s->stats), ended = html_ended(s->stats);
	bool many = (double)failed > s->verdict.rules.max_error_rate * (double)ended;

	tile_begin(f, "failed", failed && many ? " bad" : failed ? " some" : "");
	if (!ended)
		fputc('-', f);
	else
		html_share(f, (double)failed / (double)ended);
	tile_note(f);
	html_count(f, s->stats->status.class[5]);
	fputs(" 5xx, ", f);
	html_count(f, s->stats->ledger.server_closed);
	fputs(" cut off", f);
	tile_end(f);
}

static void put_refused(FILE *f, const struct summary *s)
{
	uint64_t ended = html_ended(s->stats);

	tile_begin(f, "4xx", "");
	if (!ended)
		fputc('-', f);
	else
		html_share(f, (double)s->stats->status.class[4] / (double)ended);
	tile_note(f);
	html_count(f, s->stats->status.class[4]);
	fputs(s->stats->status.class[4] == 1 ? " answer" : " answers", f);
	tile_end(f);
}

static void put_open(FILE *f, const struct summary *s)
{
	int64_t open = s->stats->ledger.open;
	bool old = s->n_open && (double)s->open[0].age >= s->verdict.rules.stuck_ms * 1e6;

	tile_begin(f, "open at the end", old ? " bad" : "");
	html_count(f, open > 0 ? (uint64_t)open : 0);
	tile_note(f);
	if (s->n_open) {
		fputs("oldest ", f);
		html_duration(f, (double)s->open[0].age);
		fprintf(f, " in %s", request_phase_name(s->open[0].phase));
	}
	tile_end(f);
}

static void put_tiles(FILE *f, const struct summary *s)
{
	fputs("<dl class=\"tiles\">", f);
	put_rate(f, s);
	put_quantile(f, s, "p50", 0.5, 0.9, "p90");
	put_quantile(f, s, "p99", 0.99, 1, "max");
	put_failed(f, s);
	put_refused(f, s);
	put_open(f, s);
	fputs("</dl>\n", f);
}

/* --- the ledger */

static void term(FILE *f, const char *before, int64_t n, const char *name)
{
	if (*before)
		fprintf(f, "<span class=\"op\">%s</span>", before);
	fputs("<span class=\"term\"><b>", f);
	if (n < 0)
		fputs("&minus;", f);
	html_count(f, (uint64_t)(n < 0 ? -n : n));
	fprintf(f, "</b>%s</span>", name);
}

static void put_ledger(FILE *f, const struct ledger *g)
{
	fputs("<p class=\"ledger\">", f);
	term(f, "", g->carried, "carried in");
	term(f, "+", g->started, "began");
	term(f, "=", (int64_t)g->ok, "ok");
	term(f, "+", (int64_t)g->client_closed, "client left");
	term(f, "+", (int64_t)g->server_closed, "cut off");
	term(f, "+", (int64_t)g->upgraded, "upgraded");
	term(f, "+", (int64_t)g->unknown, "unknown");
	term(f, "+", g->open, "open");
	fputs("</p>\n", f);
}

static void put_codes(FILE *f, const struct status_counts *c)
{
	if (!c->n && !c->class[0])
		return;
	fputs("<p class=\"codes\"><span class=\"dim\">answers by status</span>", f);
	for (uint32_t i = 0; i < c->n && i < 40; i++) {
		fprintf(f, "<span class=\"code c%u\"><b>%u</b> ", c->codes[i].code / 100u,
			c->codes[i].code);
		html_count(f, c->codes[i].count);
		fputs("</span>", f);
	}
	if (c->n > 40)
		fprintf(f, "<span class=\"dim\">and %u more codes</span>", c->n - 40);
	if (c->class[0]) {
		fputs("<span class=\"code\"><b>no valid code</b> ", f);
		html_count(f, c->class[0]);
		fputs("</span>", f);
	}
	fputs("</p>\n", f);
}

void html_head(FILE *f, const struct html_report *r)
{
	const struct summary *s = r->summary;

	fputs("<header><h1><bdi>", f);
	html_string(f, s->target.name, 100);
	fputs("</bdi></h1>\n", f);
	put_facts(f, s);
	put_verdict(f, &s->verdict);
	fputs("</header>\n<section aria-labelledby=\"numbers\"><h2 id=\"numbers\">Numbers</h2>\n",
	      f);
	put_tiles(f, s);
	put_ledger(f, &s->stats->ledger);
	put_codes(f, &s->stats->status);
	html_section_end(f);
}
