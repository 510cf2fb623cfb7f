// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * term_deploy.c - the deploys on the summary screen: the last one with what it changed, those
 * before it in a line each.
 */
#include <stdio.h>

#include "../core/deploy.h"
#include "term_priv.h"

#define CHANGES 3 /* told of the last one; of those before, the one that is worst, if any */
#define NEW	2
#define BEYOND	", beyond noise"

static const struct summary_deploy *nth_last(const struct term *t, unsigned i)
{
	return &t->s->deploys[t->s->n_deploys - 1 - i];
}

/* Exceptions that came with it, a line each. */
static unsigned count_new(const struct summary_deploy *d)
{
	unsigned n = d->comparison ? d->comparison->n_new : 0;

	return n < NEW ? n : NEW;
}

/* Lines that tell what the i-th last one changed. */
static unsigned count_changes(const struct term *t, unsigned i)
{
	const struct summary_deploy *d = nth_last(t, i);
	const struct compare_row *row;
	enum compare_metric metric;
	unsigned n = 0;

	if (i)
		return d->comparison && d->comparison->worse;
	while (n < CHANGES && deploy_change(d->comparison, n, &row, &metric))
		n++;
	n += count_new(d);
	return n ? n : 1;
}

unsigned term_deploy_lines(const struct term *t)
{
	unsigned n = t->s->n_deploys;

	for (unsigned i = 0; i < t->s->n_deploys; i++)
		n += count_changes(t, i);
	return n;
}

static void put_deploy(struct term *t, const struct summary_deploy *d)
{
	char text[DEPLOY_WORDS], n[32];
	struct line *l = &t->line;

	line_item(l, STYLE_BOLD, LABEL_WIDTH, deploy_time(text, sizeof(text), d));
	if (*deploy_versions(text, sizeof(text), d))
		line_item(l, STYLE_BOLD, LABEL_WIDTH, text);
	line_item(l, STYLE_PLAIN, LABEL_WIDTH, deploy_pids(text, sizeof(text), d));
	snprintf(text, sizeof(text), "%s requests since",
		 summary_count(n, sizeof(n), d->after.requests));
	line_item(l, STYLE_PLAIN, LABEL_WIDTH, text);
	line_end(l);
}

/* At most `max` lines; returns how many. */
static unsigned put_new(struct term *t, const struct summary_deploy *d, unsigned max)
{
	unsigned n = count_new(d) < max ? count_new(d) : max;
	char text[2048];

	for (unsigned i = 0; i < n; i++) {
		compare_new_words(text, sizeof(text), &d->comparison->news[i]);
		line_to(&t->line, LABEL_WIDTH);
		line_text(&t->line, STYLE_RED, text);
		line_end(&t->line);
	}
	return n;
}

/* At most `max` lines. */
static void put_changes(struct term *t, const struct summary_deploy *d, unsigned max)
{
	char text[DEPLOY_WORDS];
	const struct compare_row *row;
	enum compare_metric metric;
	unsigned n = 0;

	for (; n < max && deploy_change(d->comparison, n, &row, &metric); n++) {
		bool worse = row->change[metric].worse;

		line_to(&t->line, LABEL_WIDTH);
		line_text(&t->line, worse ? STYLE_RED : STYLE_PLAIN,
			  worse ? "worse: " : "better: ");
		deploy_change_words(text, sizeof(text), row, metric);
		line_text(&t->line, STYLE_PLAIN, text);
		if (line_room(&t->line) >= sizeof(BEYOND) - 1)
			line_text(&t->line, STYLE_DIM, BEYOND);
		line_end(&t->line);
	}
	if (n || !max)
		return;
	line_to(&t->line, LABEL_WIDTH);
	line_text(&t->line, STYLE_PLAIN, deploy_nothing(d));
	line_end(&t->line);
}

void term_deploy(struct term *t)
{
	unsigned left = t->plan.deploy;

	for (unsigned i = 0; i < t->s->n_deploys && left; i++) {
		const struct summary_deploy *d = nth_last(t, i);
		unsigned changes = count_changes(t, i);

		if (!i)
			line_text(&t->line, STYLE_DIM, "deploy");
		line_to(&t->line, LABEL_WIDTH);
		put_deploy(t, d);
		left--;
		if (changes > left)
			changes = left;
		left -= changes;
		if (!i)
			changes -= put_new(t, d, changes);
		put_changes(t, d, changes);
	}
}
