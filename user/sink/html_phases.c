/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_phases.c - where the time goes: the share of each phase, and a histogram of each over one
 * common axis.
 */
#include <math.h>
#include <stdio.h>

#include "html_priv.h"

const char *const html_phase_class[PHASES] = {
	[PHASE_QUEUE] = "q", [PHASE_RECV] = "r", [PHASE_APP] = "a", [PHASE_SEND] = "s"};

const enum latency_kind html_phase_kind[PHASES] = {
	[PHASE_QUEUE] = LAT_QUEUE,
	[PHASE_RECV] = LAT_RECV,
	[PHASE_APP] = LAT_APP,
	[PHASE_SEND] = LAT_SEND,
};

static double all_phases(const struct hist latency[LATENCIES])
{
	double all = 0;

	for (int i = 0; i < PHASES; i++)
		all += (double)latency[html_phase_kind[i]].sum;
	return all;
}

/* NaN when it was not measured. */
static double phase_share(const struct hist latency[LATENCIES], enum request_phase phase)
{
	const struct hist *h = &latency[html_phase_kind[phase]];
	double all = all_phases(latency);

	return h->count && all > 0 ? (double)h->sum / all : NAN;
}

/* --- one line of the table */

static void put_grid(FILE *f, const struct scale *sc)
{
	double ns = 0;

	fputs("<path class=\"grid\" d=\"", f);
	while (scale_tick(sc, &ns))
		fprintf(f, "M%.2f 0V100", sc->n * scale_place(sc, ns));
	fputs("\"/>", f);
}

/* In a box as wide as the axis has cells and 100 high. */
static void put_bars(FILE *f, const struct scale *sc, const struct hist *h, const char *class)
{
	uint64_t bins[SCALE_MAX], most = scale_bins(sc, h, bins);
	double high;

	fprintf(f, "<svg viewBox=\"0 0 %d 100\" preserveAspectRatio=\"none\">", sc->n);
	put_grid(f, sc);
	fprintf(f, "<path class=\"%s\" d=\"", class);
	for (int32_t i = 0; i < sc->n; i++) {
		if (!bins[i])
			continue;
		high = fmax(100 * (double)bins[i] / (double)most, 3);
		fprintf(f, "M%d 100V%.0fh1V100z", i, 100 - high);
	}
	fputs("\"/></svg>", f);
}

/* What the pointer tells of each bar. */
static void put_tips(FILE *f, const struct scale *sc, const struct hist *h)
{
	uint64_t bins[SCALE_MAX];

	scale_bins(sc, h, bins);
	fprintf(f, "<svg class=\"tips\" viewBox=\"0 0 %d 1\" preserveAspectRatio=\"none\">", sc->n);
	for (int32_t i = 0; i < sc->n; i++) {
		if (!bins[i])
			continue;
		fprintf(f, "<rect x=\"%d\" width=\"1\" height=\"1\"><title>", i);
		html_duration(f, scale_edge(sc, i));
		fputs(" to ", f);
		html_duration(f, scale_edge(sc, i + 1));
		fputs(": ", f);
		html_count(f, bins[i]);
		fputs("</title></rect>", f);
	}
	fputs("</svg>", f);
}

/* They are on no logarithmic axis. */
static void put_zeros(FILE *f, const struct hist *h, bool large)
{
	if (!h->zero)
		return;
	fprintf(f, "<text x=\"4\" y=\"%d\">", large ? 26 : 17);
	if (h->zero == h->count) {
		fputs("always 0", f);
	} else {
		html_count(f, h->zero);
		fputs(" at 0", f);
	}
	fputs("</text>", f);
}

static void put_picture(FILE *f, const struct scale *sc, const struct hist *h, const char *name,
			const char *class, bool large)
{
	fprintf(f,
		"<td class=\"pic\"><svg class=\"p\" height=\"%d\" role=\"img\" "
		"aria-label=\"Histogram of %s\">",
		large ? 44 : 26, name);
	put_bars(f, sc, h, class);
	put_zeros(f, h, large);
	if (large)
		put_tips(f, sc, h);
	fputs("</svg></td>", f);
}

static void put_quantiles(FILE *f, const struct hist *h)
{
	static const double q[] = {0.5, 0.9, 0.99, 1};

	for (size_t i = 0; i < sizeof(q) / sizeof(*q); i++) {
		fputs(i == 1 ? "<td class=\"w\">" : "<td>", f);
		html_quantile(f, h, q[i]);
		fputs("</td>", f);
	}
}

static void put_line(FILE *f, const struct scale *sc, const struct hist latency[LATENCIES],
		     enum latency_kind kind, const char *class, double share, bool large)
{
	const struct hist *h = &latency[kind];

	fprintf(f, "<tr><th scope=\"row\"><i class=\"sw %s\"></i>%s</th>", class,
		latency_names[kind]);
	put_picture(f, sc, h, latency_names[kind], class, large);
	fputs("<td>", f);
	if (kind != LAT_TOTAL)
		html_share(f, share);
	fputs("</td>", f);
	put_quantiles(f, h);
	fputs("<td class=\"w\">", f);
	html_count(f, h->count);
	fputs("</td></tr>\n", f);
}

/* --- the table */

static void put_axis(FILE *f, const struct scale *sc)
{
	double ns = 0;
	unsigned i = 0;

	fputs("<tr class=\"axis\"><td></td><td class=\"pic\"><svg class=\"x\" height=\"18\" "
	      "aria-hidden=\"true\">",
	      f);
	for (; scale_tick(sc, &ns); i++) {
		fprintf(f, "<text%s x=\"%.2f%%\" y=\"12\">", i % 2 ? " class=\"odd\"" : "",
			100 * scale_place(sc, ns));
		scale_label(f, ns);
		fputs("</text>", f);
	}
	fputs("</svg></td><td colspan=\"6\"></td></tr>\n", f);
}

bool html_phase_scale(struct scale *sc, const struct stats *st)
{
	scale_init(sc);
	scale_include(sc, &st->latency[LAT_TOTAL]);
	for (int i = 0; i < PHASES; i++)
		scale_include(sc, &st->latency[html_phase_kind[i]]);
	return scale_finish(sc);
}

void html_distributions(FILE *f, const struct hist latency[LATENCIES], const struct scale *sc,
			bool large)
{
	fputs("<div class=\"scroll\"><table class=\"dist\"><thead><tr><th scope=\"col\">phase</th>"
	      "<th scope=\"col\">how long it takes</th><th scope=\"col\">share</th>"
	      "<th scope=\"col\">p50</th><th scope=\"col\" class=\"w\">p90</th>"
	      "<th scope=\"col\">p99</th><th scope=\"col\">max</th>"
	      "<th scope=\"col\" class=\"w\">count</th></tr></thead><tbody>\n",
	      f);
	put_line(f, sc, latency, LAT_TOTAL, "t", NAN, large);
	for (int i = 0; i < PHASES; i++)
		if (latency[html_phase_kind[i]].count)
			put_line(f, sc, latency, html_phase_kind[i], html_phase_class[i],
				 phase_share(latency, i), large);
	put_axis(f, sc);
	fputs("</tbody></table></div>\n", f);
}

/* --- the section */

static void put_stack(FILE *f, const struct hist latency[LATENCIES])
{
	double share;

	fputs("<div class=\"stack\" role=\"img\" aria-label=\"Share of each phase\">", f);
	for (int i = 0; i < PHASES; i++) {
		share = phase_share(latency, i);
		if (!(share > 0))
			continue;
		fprintf(f, "<i class=\"%s\" style=\"width:%.3f%%\" title=\"%s ",
			html_phase_class[i], 100 * share, request_phase_name(i));
		html_share(f, share);
		fputs("\">", f);
		if (share >= 0.08) {
			fprintf(f, share < 0.2 ? "<b class=\"w\">%s " : "<b>%s ",
				request_phase_name(i));
			html_share(f, share);
			fputs("</b>", f);
		}
		fputs("</i>", f);
	}
	fputs("</div>\n", f);
}

void html_phases(FILE *f, const struct html_report *r)
{
	const struct hist *latency = r->summary->stats->latency;
	struct scale sc;

	if (!latency[LAT_TOTAL].count && all_phases(latency) <= 0)
		return;
	html_section(
		f, "phases", "Where the time goes",
		"All the time of the answered requests, divided: <b>queue</b> waits to be read, "
		"<b>recv</b> for the rest of the request, <b>app</b> is the application up to "
		"the first byte, <b>send</b> from the first byte to the last.");
	if (all_phases(latency) > 0)
		put_stack(f, latency);
	if (html_phase_scale(&sc, r->summary->stats))
		html_distributions(f, latency, &sc, true);
	html_section_end(f);
}
