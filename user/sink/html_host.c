/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_host.c - around the requests: deploys, the processes that serve, what they listen on, how
 * close they are to their limits; and what could not be seen.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../core/deploy.h"
#include "html_priv.h"

/* --- deploys */

static void put_side(FILE *f, const struct summary_deploy_side *side)
{
	fputs("<bdi>", f);
	if (side->version)
		html_string(f, side->version, 40);
	else
		fputs("version not known", f);
	fprintf(f, "</bdi> <span class=\"dim\">(%u worker%s, ", side->workers,
		side->workers == 1 ? "" : "s");
	html_count(f, side->requests);
	fprintf(f, " request%s)</span>", side->requests == 1 ? "" : "s");
}

/* The first of what changed beyond noise. */
static void put_changes(FILE *f, const struct summary_deploy *d)
{
	const struct compare_row *row;
	enum compare_metric metric;
	char words[DEPLOY_WORDS], new[2048];
	uint32_t i = 0;

	for (; d->comparison && i < HTML_CHANGES; i++) {
		if (!deploy_change(d->comparison, i, &row, &metric))
			break;
		deploy_change_words(words, sizeof(words), row, metric);
		fprintf(f, "<div class=\"%s\">", row->change[metric].worse ? "fail" : "dim");
		html_words(f, words);
		fputs("</div>", f);
	}
	for (uint32_t k = 0; d->comparison && k < d->comparison->n_new && k < HTML_CHANGES; k++) {
		fputs("<div class=\"fail\">", f);
		html_words(f, compare_new_words(new, sizeof(new), &d->comparison->news[k]));
		fputs("</div>", f);
		i++;
	}
	if (!i)
		fprintf(f, "<div class=\"dim\">%s</div>", deploy_nothing(d));
}

void html_deploys(FILE *f, const struct html_report *r)
{
	const struct summary *s = r->summary;

	if (!s->n_deploys)
		return;
	fputs("<h3 id=\"deploys\">Deploys</h3><ol class=\"deploys\">\n", f);
	for (uint32_t i = 0; i < s->n_deploys && i < HTML_DEPLOYS; i++) {
		fputs("<li><b>", f);
		html_clock(f, CLOCK_WHOLE, s->deploys[i].at_wall_ns);
		fputs("</b> from ", f);
		put_side(f, &s->deploys[i].before);
		fputs(" to ", f);
		put_side(f, &s->deploys[i].after);
		put_changes(f, &s->deploys[i]);
		fputs("</li>\n", f);
	}
	fputs("</ol>\n", f);
	if (s->n_deploys > HTML_DEPLOYS)
		fprintf(f, "<p class=\"note\">and %u later ones</p>\n",
			s->n_deploys - HTML_DEPLOYS);
}

/* --- workers */

static void put_worker(FILE *f, const struct summary *s, const struct summary_worker_row *w)
{
	fputs("<tr><th scope=\"row\">", f);
	html_host(f, w->host);
	if (w->pid)
		fprintf(f, "%u", w->pid);
	else
		fputs("others", f);
	fputs("</th><td>", f);
	html_count(f, w->requests);
	fputs("</td><td>", f);
	html_rate(f, (double)w->requests, s->seconds);
	fputs("</td><td>", f);
	if (w->open_known)
		html_count(f, w->open);
	else
		fputc('-', f);
	fputs("</td><td>", f);
	html_duration(f, w->total ? hist_quantile(w->total, 0.5) : NAN);
	fputs("</td><td>", f);
	html_duration(f, w->total ? hist_quantile(w->total, 0.99) : NAN);
	fputs("</td></tr>\n", f);
}

static void put_workers(FILE *f, const struct summary *s)
{
	struct summary_worker_row rows[SUMMARY_MAX_WORKERS];
	uint32_t n = summary_workers(s, rows, SUMMARY_MAX_WORKERS);

	if (!n)
		return;
	fputs("<div><h3>Workers</h3><div class=\"scroll\"><table><thead><tr><th "
	      "scope=\"col\">pid</th>"
	      "<th scope=\"col\">requests</th><th scope=\"col\">rate</th><th "
	      "scope=\"col\">open</th>"
	      "<th scope=\"col\">p50</th><th scope=\"col\">p99</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < n && i < HTML_WORKERS; i++)
		put_worker(f, s, &rows[i]);
	html_more(f, 6, n > HTML_WORKERS ? n - HTML_WORKERS : 0, "workers");
	fputs("</tbody></table></div></div>\n", f);
}

/* --- listeners */

static void put_listener(FILE *f, const struct summary_listener *l)
{
	const uint64_t values[] = {l->accept_queue, l->backlog, l->overflows};

	fputs("<tr><th scope=\"row\">", f);
	html_host(f, l->host);
	fputs("<bdi>", f);
	html_text(f, l->address, strnlen(l->address, sizeof(l->address)), 60);
	fputs("</bdi></th>", f);
	for (int i = 0; i < 3; i++) {
		fprintf(f, "<td%s>", l->counted && i == 2 && l->overflows ? " class=\"fail\"" : "");
		if (l->counted)
			html_count(f, values[i]);
		else
			fputc('-', f);
		fputs("</td>", f);
	}
	fputs("</tr>\n", f);
}

static void put_listeners(FILE *f, const struct summary *s)
{
	if (!s->n_listeners)
		return;
	fputs("<div><h3>Listening</h3><div class=\"scroll\"><table><thead><tr>"
	      "<th scope=\"col\">address</th><th scope=\"col\">accept queue</th>"
	      "<th scope=\"col\">backlog</th><th scope=\"col\">turned "
	      "away</th></tr></thead><tbody>\n",
	      f);
	for (uint32_t i = 0; i < s->n_listeners && i < HTML_LISTENERS; i++)
		put_listener(f, &s->listeners[i]);
	html_more(f, 4, s->n_listeners > HTML_LISTENERS ? s->n_listeners - HTML_LISTENERS : 0,
		  "listeners");
	fputs("</tbody></table></div></div>\n", f);
}

/* --- limits */

static void limit_share(FILE *f, const char *name, double share)
{
	if (isnan(share))
		return;
	fprintf(f, "<tr><th scope=\"row\">%s</th><td>", name);
	html_share(f, share);
	fputs("</td></tr>\n", f);
}

static void limit_count(FILE *f, const char *name, uint64_t n, uint64_t of, uint32_t pid)
{
	if (n == SUMMARY_UNKNOWN || !of)
		return;
	fprintf(f, "<tr><th scope=\"row\">%s", name);
	if (pid)
		fprintf(f, ", process %u", pid);
	fputs("</th><td>", f);
	html_count(f, n);
	if (of != SUMMARY_UNKNOWN) {
		fputs(" of ", f);
		html_count(f, of);
	}
	fputs("</td></tr>\n", f);
}

static bool limits_known(const struct summary_saturation *s)
{
	return !isnan(s->run_queue) || !isnan(s->throttled) || s->fds != SUMMARY_UNKNOWN ||
	       s->accept_failed != SUMMARY_UNKNOWN || s->threads_busy != SUMMARY_UNKNOWN;
}

static void put_limits(FILE *f, const struct summary_saturation *s)
{
	if (!limits_known(s))
		return;
	fputs("<div><h3>Limits</h3><table class=\"wrap\"><thead><tr><th scope=\"col\">of the "
	      "host</th>"
	      "<th scope=\"col\">used</th></tr></thead><tbody>\n",
	      f);
	limit_share(f, "time that runnable threads waited for a CPU", s->run_queue);
	limit_share(f, "periods throttled by the CPU quota", s->throttled);
	limit_count(f, "open descriptors", s->fds, s->fd_limit, s->fd_pid);
	limit_count(f, "accept() refused for want of descriptors", s->accept_failed,
		    SUMMARY_UNKNOWN, 0);
	limit_count(f, "busy worker threads", s->threads_busy, s->threads, s->threads_pid);
	fputs("</tbody></table></div>\n", f);
}

void html_processes(FILE *f, const struct html_report *r)
{
	html_section(f, "processes", "Processes and host", NULL);
	fputs("<div class=\"pair\">", f);
	put_workers(f, r->summary);
	put_listeners(f, r->summary);
	put_limits(f, &r->summary->saturation);
	fputs("</div>\n", f);
	html_section_end(f);
}

/* --- what could not be seen */

static bool unseen(FILE *f, uint64_t n, const char *words)
{
	if (!n)
		return false;
	fputs("<li><b>", f);
	html_count(f, n);
	fprintf(f, "</b> %s</li>\n", words);
	return true;
}

static bool put_losses(FILE *f, const struct summary *s)
{
	const struct ledger *g = &s->stats->ledger;
	const struct {
		uint64_t n;
		const char *words;
	} losses[] = {
		{s->tracer.dropped, "records were lost, as the ring buffer was full"},
		{s->tracer.unattributed_drops,
		 "of these no connection is known to miss: whole requests may be missing"},
		{g->unknown, "requests whose end is not known"},
		{g->late_attached, "requests were under way when reqscope came: not measured"},
		{s->late.hung, "of these had no answer up to the end"},
		{g->evicted, "connections were given up at the bound"},
		{g->not_http, "connections spoke no HTTP/1"},
		{s->opaque.tls, "connections spoke TLS, which is not decoded"},
		{s->opaque.http2, "connections spoke HTTP/2, which is not read"},
		{s->opaque.proxy, "connections began with a PROXY header that is not read"},
		{s->opaque.other, "connections spoke something else"},
		{s->tracer.routes_overflow,
		 "requests are in no route of their own, beyond the bound"},
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++)
		any |= unseen(f, losses[i].n, losses[i].words);
	return any;
}

static void put_features(FILE *f, const struct summary *s)
{
	if (!s->tracer.n_features)
		return;
	fputs("<p class=\"codes\"><span class=\"dim\">how it was seen</span>", f);
	for (uint32_t i = 0; i < s->tracer.n_features && i < 32; i++) {
		fputs("<span class=\"code\"><b>", f);
		html_string(f, s->tracer.features[i].name, 32);
		fputs("</b> ", f);
		html_string(f, s->tracer.features[i].state, 80);
		fputs("</span>", f);
	}
	fputs("</p>\n", f);
}

void html_unseen(FILE *f, const struct html_report *r)
{
	const struct summary *s = r->summary;

	html_section(f, "unseen", "What was not seen", NULL);
	fputs("<ul class=\"unseen\">\n", f);
	if (!put_losses(f, s))
		fputs("<li>Nothing is known to be missing.</li>\n", f);
	fputs("</ul>\n<p class=\"note\">From ", f);
	html_count(f, s->tracer.events);
	fputs(" records of the kernel.</p>\n", f);
	put_features(f, s);
	html_section_end(f);
}
