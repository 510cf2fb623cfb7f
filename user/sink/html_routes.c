/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_routes.c - the routes by the time that they take, each with its phases and kinds to unfold.
 */
#include <math.h>
#include <stdio.h>

#include "html_priv.h"

#define COLUMNS 10

/* Of all answered requests' time; NaN when none was measured. */
static double time_share(const struct summary *s, const struct route_stats *r)
{
	double all = (double)s->stats->latency[LAT_TOTAL].sum;

	return all > 0 ? (double)r->latency[LAT_TOTAL].sum / all : NAN;
}

/* Of the route's time, what it waited to be read. */
static double queue_share(const struct route_stats *r)
{
	const struct hist *queue = &r->latency[LAT_QUEUE], *total = &r->latency[LAT_TOTAL];
	double share = queue->count && total->sum ? (double)queue->sum / (double)total->sum : NAN;

	return share > 1 ? 1 : share;
}

/* width: "w" for a column that only a wide page has */
static void put_bad(FILE *f, uint64_t n, const char *class, const char *width)
{
	fprintf(f, "<td class=\"%s%s%s\">", n ? class : "", n && *width ? " " : "", width);
	html_count(f, n);
	fputs("</td>", f);
}

static void put_share_cell(FILE *f, double share)
{
	fprintf(f, "<td class=\"bar\"><i style=\"width:%.1f%%\"></i><span>",
		share > 0 ? fmin(100 * share, 100) : 0);
	html_share(f, share);
	fputs("</span></td>", f);
}

static void put_duration_cell(FILE *f, const struct hist *h, double q, const char *class)
{
	fprintf(f, "<td%s>", class);
	html_quantile(f, h, q);
	fputs("</td>", f);
}

static void put_cells(FILE *f, const struct summary *s, const struct route_stats *r)
{
	const struct hist *total = &r->latency[LAT_TOTAL];

	put_share_cell(f, time_share(s, r));
	fputs("<td class=\"w\">", f);
	html_count(f, r->count);
	fputs("</td><td class=\"w\">", f);
	html_rate(f, (double)r->count, s->seconds);
	fputs("</td>", f);
	put_duration_cell(f, total, 0.5, "");
	put_duration_cell(f, total, 0.99, "");
	put_duration_cell(f, total, 1, " class=\"w\"");
	put_bad(f, r->status.class[4], "warn", "w");
	put_bad(f, r->status.class[5], "fail", "");
	fputs("<td class=\"w\">", f);
	html_share(f, queue_share(r));
	fputs("</td>", f);
}

/* --- what unfolds */

static bool any_duration(const struct route_stats *r)
{
	for (int i = 0; i < PHASES; i++)
		if (r->latency[html_phase_kind[i]].count)
			return true;
	return r->latency[LAT_TOTAL].count > 0;
}

static void put_codes(FILE *f, const struct status_counts *c)
{
	for (uint32_t i = 0; i < c->n && i < HTML_CODES; i++) {
		fprintf(f, "<span class=\"code c%u\"><b>%u</b> ", c->codes[i].code / 100u,
			c->codes[i].code);
		html_count(f, c->codes[i].count);
		fputs("</span>", f);
	}
	if (c->n > HTML_CODES)
		fprintf(f, "<span class=\"dim\">and %u more codes</span>", c->n - HTML_CODES);
}

static void put_ends(FILE *f, const struct route_stats *r)
{
	static const struct {
		enum request_end end;
		const char *words;
	} ends[] = {{REQ_CLIENT_CLOSED, "client left"},
		    {REQ_SERVER_CLOSED, "cut off by the server"},
		    {REQ_UPGRADED, "upgraded"},
		    {REQ_UNKNOWN, "of unknown end"}};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		if (!r->ends[ends[i].end])
			continue;
		fputs("<span class=\"code\"><b>", f);
		html_count(f, r->ends[ends[i].end]);
		fprintf(f, "</b> %s</span>", ends[i].words);
	}
}

static void put_auth(FILE *f, const struct auth_stats auth[AUTH_KINDS])
{
	static const char *const words[AUTH_KINDS] = {"with login", "without"};

	if (!auth[AUTH_YES].count)
		return;
	for (int i = 0; i < AUTH_KINDS; i++) {
		fputs("<span class=\"code\"><b>", f);
		html_count(f, auth[i].count);
		fprintf(f, "</b> %s, p99 ", words[i]);
		html_quantile(f, &auth[i].total, 0.99);
		fputs("</span>", f);
	}
}

static void put_slowest(FILE *f, const struct summary *s, const struct route_stats *r)
{
	if (!r->latency[LAT_TOTAL].count || !r->slowest.at)
		return;
	fputs("<p class=\"slowest\">slowest: <b>", f);
	html_duration(f, (double)r->slowest.total);
	fputs("</b> at ", f);
	html_clock(f, CLOCK_MILLI, r->slowest.at + (uint64_t)s->wall_offset);
	fputs(" <bdi class=\"path\">", f);
	html_text(f, r->slowest.path, r->slowest.path_len, 0);
	fputs("</bdi></p>", f);
}

static void put_details(FILE *f, const struct summary *s, const struct scale *sc,
			const struct route_stats *r)
{
	fprintf(f, "<tr class=\"more\"><td colspan=\"%d\">", COLUMNS);
	fputs("<p class=\"codes\">", f);
	put_codes(f, &r->status);
	put_ends(f, r);
	put_auth(f, r->auth);
	html_cache_words(f, r->cache);
	fputs("</p>", f);
	if (r->route->place) {
		fputs("<p class=\"slowest\">endpoint: <bdi>", f);
		html_string(f, r->route->place, 0);
		fputs("</bdi></p>", f);
	}
	if (sc->n && any_duration(r))
		html_distributions(f, r->latency, sc, false);
	put_slowest(f, s, r);
	fputs("</td></tr>", f);
}

static void put_route(FILE *f, const struct summary *s, const struct scale *sc,
		      const struct route_stats *r)
{
	fputs("<tbody><tr><th scope=\"row\"><details><summary>", f);
	html_route(f, r->route);
	fputs("</summary></details></th>", f);
	put_cells(f, s, r);
	fputs("</tr>", f);
	put_details(f, s, sc, r);
	fputs("</tbody>\n", f);
}

/* --- those that have no room */

struct rest {
	uint64_t routes, count, client_errors, server_errors;
	unsigned __int128 time;
};

static void rest_add(struct rest *rest, const struct route_stats *r)
{
	rest->routes++;
	rest->count += r->count;
	rest->client_errors += r->status.class[4];
	rest->server_errors += r->status.class[5];
	rest->time += r->latency[LAT_TOTAL].sum;
}

/* All, less those that were shown. */
static void rest_count(struct rest *rest, const struct stats *st, const struct rest *shown)
{
	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i] && st->routes[i]->count)
			rest_add(rest, st->routes[i]);
	rest->routes -= shown->routes;
	rest->count -= shown->count;
	rest->client_errors -= shown->client_errors;
	rest->server_errors -= shown->server_errors;
	rest->time -= shown->time;
}

static void put_rest(FILE *f, const struct summary *s, const struct rest *rest)
{
	double all = (double)s->stats->latency[LAT_TOTAL].sum;

	fputs("<tbody><tr class=\"rest\"><th scope=\"row\">and ", f);
	html_count(f, rest->routes);
	fputs(" more routes together</th>", f);
	put_share_cell(f, all > 0 ? (double)rest->time / all : NAN);
	fputs("<td class=\"w\">", f);
	html_count(f, rest->count);
	fputs("</td><td class=\"w\">", f);
	html_rate(f, (double)rest->count, s->seconds);
	fputs("</td><td></td><td></td><td class=\"w\"></td>", f);
	put_bad(f, rest->client_errors, "warn", "w");
	put_bad(f, rest->server_errors, "fail", "");
	fputs("<td class=\"w\"></td></tr></tbody>\n", f);
}

void html_routes(FILE *f, const struct html_report *r)
{
	const struct summary *s = r->summary;
	const struct route_stats *route = summary_next_route(s->stats, NULL);
	struct rest shown = {0}, rest = {0};
	struct scale sc;

	if (!route)
		return;
	html_phase_scale(&sc, s->stats);
	html_section(f, "routes", "Routes",
		     "By the time that they take together. Each unfolds to its phases.");
	fputs("<div class=\"scroll\"><table class=\"routes\"><thead><tr><th "
	      "scope=\"col\">route</th>"
	      "<th scope=\"col\">time</th><th scope=\"col\" class=\"w\">count</th>"
	      "<th scope=\"col\" class=\"w\">rate</th><th scope=\"col\">p50</th>"
	      "<th scope=\"col\">p99</th><th scope=\"col\" class=\"w\">max</th>"
	      "<th scope=\"col\" class=\"w\">4xx</th><th scope=\"col\">5xx</th>"
	      "<th scope=\"col\" class=\"w\">queue</th></tr></thead>\n",
	      f);
	for (; route && shown.routes < HTML_ROUTES; route = summary_next_route(s->stats, route)) {
		put_route(f, s, &sc, route);
		rest_add(&shown, route);
	}
	rest_count(&rest, s->stats, &shown);
	if (rest.routes)
		put_rest(f, s, &rest);
	fputs("</table></div>\n", f);
	html_section_end(f);
}
