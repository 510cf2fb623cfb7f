/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_errors.c - what went wrong, by route and status; and how caches and logins divide the
 * requests.
 */
#include <stdio.h>
#include <string.h>

#include "../proto/http1.h"
#include "html_priv.h"

/* --- errors */

/* What an error is called: a status, or 0 and how it ended. */
struct error_row {
	const struct route_stats *route;
	uint16_t code;
	enum request_end end;
	unsigned rank; /* 0 the server's fault, 1 the client left, 2 the request's own */
	uint64_t count;
};

struct errors {
	struct error_row rows[HTML_ERRORS];
	uint32_t n;
	uint64_t more, more_requests; /* rows without room, and the requests in them */
};

static bool before(const struct error_row *a, const struct error_row *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->count > b->count;
}

/* Keeps the rows in order and the first of them. */
static void errors_add(struct errors *e, struct error_row row)
{
	uint32_t i = e->n;

	if (!row.count)
		return;
	while (i && before(&row, &e->rows[i - 1]))
		i--;
	if (e->n == HTML_ERRORS) {
		e->more++;
		e->more_requests += i < e->n ? e->rows[e->n - 1].count : row.count;
		if (i == e->n)
			return;
		e->n--;
	}
	memmove(&e->rows[i + 1], &e->rows[i], (e->n - i) * sizeof(row));
	e->rows[i] = row;
	e->n++;
}

static void errors_of(struct errors *e, const struct route_stats *r)
{
	for (uint32_t i = 0; i < r->status.n; i++) {
		const struct status_code *c = &r->status.codes[i];

		if (c->code >= 400)
			errors_add(e, (struct error_row){r, c->code, REQ_OK, c->code < 500 ? 2 : 0,
							 c->count});
	}
	errors_add(e, (struct error_row){r, 0, REQ_SERVER_CLOSED, 0, r->ends[REQ_SERVER_CLOSED]});
	errors_add(e, (struct error_row){r, 0, REQ_CLIENT_CLOSED, 1, r->ends[REQ_CLIENT_CLOSED]});
}

/* Those that were cut off or given up before they were read are in no route. */
static uint64_t without_route(const struct stats *st, enum request_end end, uint64_t all)
{
	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i])
			all -= st->routes[i]->ends[end] < all ? st->routes[i]->ends[end] : all;
	return all;
}

static void collect(struct errors *e, const struct stats *st)
{
	const struct ledger *g = &st->ledger;

	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i] && st->routes[i]->count)
			errors_of(e, st->routes[i]);
	errors_add(e, (struct error_row){NULL, 0, REQ_SERVER_CLOSED, 0,
					 without_route(st, REQ_SERVER_CLOSED, g->server_closed)});
	errors_add(e, (struct error_row){NULL, 0, REQ_CLIENT_CLOSED, 1,
					 without_route(st, REQ_CLIENT_CLOSED, g->client_closed)});
}

static void put_what(FILE *f, const struct error_row *row)
{
	static const char *const classes[] = {"fail", "dim", "warn"};

	fprintf(f, "<td class=\"name %s\">", classes[row->rank]);
	if (row->code)
		fprintf(f, "%u", row->code);
	else
		fputs(row->end == REQ_SERVER_CLOSED ? "cut off by the server" : "client left", f);
	fputs("</td>", f);
}

static void put_error(FILE *f, const struct error_row *row)
{
	fputs("<tr>", f);
	put_what(f, row);
	fputs("<td>", f);
	html_count(f, row->count);
	fputs("</td><td>", f);
	if (row->route)
		html_share(f, (double)row->count / (double)row->route->count);
	else
		fputc('-', f);
	fputs("</td><td class=\"req\">", f);
	if (row->route)
		html_route(f, row->route->route);
	else
		fputs("<i>not read yet</i>", f);
	fputs("</td></tr>\n", f);
}

static void put_more(FILE *f, const struct errors *e)
{
	if (!e->more)
		return;
	fputs("<tr class=\"rest\"><td class=\"name\">", f);
	html_count(f, e->more);
	fputs(" more</td><td>", f);
	html_count(f, e->more_requests);
	fputs("</td><td></td><td></td></tr>\n", f);
}

void html_errors(FILE *f, const struct html_report *r)
{
	const struct stats *st = r->summary->stats;
	struct errors e = {.n = 0};

	collect(&e, st);
	html_section(f, "errors", "Errors",
		     e.n ? "Failures of the server first, then clients that left, then refused "
			   "requests (4xx). The share is of the route's requests."
			 : NULL);
	if (!e.n) {
		fputs(html_ended(st) ? "<p class=\"none\">None.</p>\n"
				     : "<p class=\"none\">No request ended.</p>\n",
		      f);
		html_exceptions(f, st);
		html_section_end(f);
		return;
	}
	fputs("<div class=\"scroll\"><table class=\"errs\"><thead><tr><th scope=\"col\" "
	      "class=\"name\">what</th><th scope=\"col\">count</th><th scope=\"col\">share</th>"
	      "<th scope=\"col\">route</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < e.n; i++)
		put_error(f, &e.rows[i]);
	put_more(f, &e);
	fputs("</tbody></table></div>\n", f);
	html_exceptions(f, st);
	html_section_end(f);
}

/* --- caches and logins */

static const char *const cache_words[CACHE_KINDS] = {
	[HTTP1_CACHE_NONE] = "said nothing",
	[HTTP1_CACHE_HIT] = "hit",
	[HTTP1_CACHE_MISS] = "miss",
	[HTTP1_CACHE_REVALIDATED] = "revalidated",
};

static uint64_t cache_spoke(const uint64_t cache[CACHE_KINDS])
{
	return cache[HTTP1_CACHE_HIT] + cache[HTTP1_CACHE_MISS] + cache[HTTP1_CACHE_REVALIDATED];
}

void html_cache_words(FILE *f, const uint64_t cache[CACHE_KINDS])
{
	if (!cache_spoke(cache))
		return;
	for (int i = 0; i < CACHE_KINDS; i++) {
		if (!cache[i] || i == HTTP1_CACHE_NONE)
			continue;
		fputs("<span class=\"code\"><b>", f);
		html_count(f, cache[i]);
		fprintf(f, "</b> cache %s</span>", cache_words[i]);
	}
}

static void put_caches(FILE *f, const uint64_t cache[CACHE_KINDS])
{
	double all = (double)(cache_spoke(cache) + cache[HTTP1_CACHE_NONE]);

	fputs("<div><h3>Caches</h3><table><thead><tr><th scope=\"col\">the answer's headers</th>"
	      "<th scope=\"col\">count</th><th scope=\"col\">share</th></tr></thead><tbody>\n",
	      f);
	for (int i = 1; i <= CACHE_KINDS; i++) {
		int kind = i % CACHE_KINDS; /* what said nothing comes last */

		fprintf(f, "<tr><th scope=\"row\">%s</th><td>", cache_words[kind]);
		html_count(f, cache[kind]);
		fputs("</td><td>", f);
		html_share(f, (double)cache[kind] / all);
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}

static void put_login(FILE *f, const char *words, const struct auth_stats *a)
{
	fprintf(f, "<tr><th scope=\"row\">%s</th><td>", words);
	html_count(f, a->count);
	fprintf(f, "</td><td%s>", a->server_errors ? " class=\"fail\"" : "");
	html_count(f, a->server_errors);
	fputs("</td><td>", f);
	html_quantile(f, &a->total, 0.5);
	fputs("</td><td>", f);
	html_quantile(f, &a->total, 0.99);
	fputs("</td></tr>\n", f);
}

static void put_logins(FILE *f, const struct auth_stats auth[AUTH_KINDS])
{
	fputs("<div><h3>Logins</h3><table><thead><tr><th scope=\"col\">Authorization or Cookie</th>"
	      "<th scope=\"col\">count</th><th scope=\"col\">5xx</th><th scope=\"col\">p50</th>"
	      "<th scope=\"col\">p99</th></tr></thead><tbody>\n",
	      f);
	put_login(f, "there", &auth[AUTH_YES]);
	put_login(f, "not there", &auth[AUTH_NO]);
	fputs("</tbody></table></div>\n", f);
}

void html_kinds(FILE *f, const struct html_report *r)
{
	const struct stats *st = r->summary->stats;
	bool caches = cache_spoke(st->cache) > 0, logins = st->auth[AUTH_YES].count > 0;

	if (!caches && !logins)
		return;
	html_section(f, "kinds", "Caches and logins", NULL);
	fputs("<div class=\"pair\">", f);
	if (caches)
		put_caches(f, st->cache);
	if (logins)
		put_logins(f, st->auth);
	fputs("</div>\n", f);
	html_section_end(f);
}
