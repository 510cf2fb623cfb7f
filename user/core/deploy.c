// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "deploy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/utc.h"

#define ROUTE_SHOWN 49 /* of a route: what follows it must not be cut off */

char *deploy_time(char *out, size_t size, const struct summary_deploy *d)
{
	struct utc t = utc_of(d->at_wall_ns);

	snprintf(out, size, "%02u:%02u:%02u UTC", t.hour, t.minute, t.second);
	return out;
}

/* Live ones hold no control; those of a recording may be anything. */
static const char *version(char *buf, size_t size, const struct summary_deploy_side *side)
{
	if (!side->version)
		return "unknown version";
	escape_text(buf, size, side->version, strlen(side->version), 40);
	return buf;
}

char *deploy_versions(char *out, size_t size, const struct summary_deploy *d)
{
	char before[DEPLOY_WORDS], after[DEPLOY_WORDS];
	const char *a = version(before, sizeof(before), &d->before);
	const char *b = version(after, sizeof(after), &d->after);

	*out = 0;
	if (!d->before.version && !d->after.version)
		return out;
	if (d->before.version && d->after.version && !strcmp(d->before.version, d->after.version))
		snprintf(out, size, "%s again", b);
	else
		snprintf(out, size, "%s -> %s", a, b);
	return out;
}

/* "911 (+3)" */
static void side_pids(char *out, size_t size, const struct summary_deploy_side *side)
{
	if (side->workers > 1)
		snprintf(out, size, "%u (+%u)", side->pid, side->workers - 1);
	else
		snprintf(out, size, "%u", side->pid);
}

char *deploy_pids(char *out, size_t size, const struct summary_deploy *d)
{
	char before[32], after[32];

	side_pids(before, sizeof(before), &d->before);
	side_pids(after, sizeof(after), &d->after);
	snprintf(out, size, "pid %s -> %s", before, after);
	return out;
}

/* --- the changes */

/* How far it moved, for an order: what came from nothing moved farthest. */
static double size_of(const struct change *c)
{
	double relative = fabs(change_relative(c));

	return isnan(relative) ? INFINITY : relative;
}

/* The largest change of a row that is beyond noise; worse ones first. -1: there is none. */
static int largest(const struct compare_row *row, bool worse)
{
	int found = -1;

	for (int i = 0; i < COMPARE_METRICS; i++) {
		const struct change *c = &row->change[i];

		if (i == COMPARE_RATE || !c->beyond || (worse && !c->worse))
			continue;
		if (found < 0 || size_of(c) > size_of(&row->change[found]))
			found = i;
	}
	return found;
}

/* Rows in the order in which they are told: 0 worse routes, 1 all requests when worse, 2 and 3 the
   same for what is only different. */
static int class_of(const struct compare_row *row)
{
	if (!row->beyond)
		return -1;
	return (row->worse ? 0 : 2) + !row->route;
}

bool deploy_change(const struct comparison *c, uint32_t i, const struct compare_row **row,
		   enum compare_metric *metric)
{
	for (int class = 0; c && class < 4; class ++)
		for (uint32_t k = 0; k < c->n_rows; k++) {
			const struct compare_row *r = &c->rows[k];
			int m = class_of(r) == class ? largest(r, r->worse) : -1;

			if (m < 0 || i--)
				continue;
			*row = r;
			*metric = (enum compare_metric)m;
			return true;
		}
	return false;
}

char *deploy_change_words(char *out, size_t size, const struct compare_row *row,
			  enum compare_metric metric)
{
	const struct change *change = &row->change[metric];
	double relative = change_relative(change);
	char name[ROUTE_SHOWN], words[80], percent[32] = "";

	if (metric != COMPARE_ERRORS && isfinite(relative))
		snprintf(percent, sizeof(percent), " (%+.*f %%)", fabs(relative) < 0.0995,
			 relative * 100);
	snprintf(out, size, "%s of %s %s%s", compare_names[metric],
		 compare_row_name(name, sizeof(name), row),
		 change_words(words, sizeof(words), metric, change), percent);
	return out;
}

const char *deploy_nothing(const struct summary_deploy *d)
{
	if (!d->after.requests)
		return "no request has ended there yet";
	if (!d->comparison)
		return d->before.requests
			       ? "not compared"
			       : "no request had ended before, so nothing to compare with";
	for (uint32_t i = 0; i < d->comparison->n_rows; i++)
		if (d->comparison->rows[i].tested)
			return "nothing changed beyond noise so far";
	return "too few requests yet to tell a change from noise";
}

char *deploy_line(char *out, size_t size, const struct summary_deploy *d)
{
	char at[32], versions[DEPLOY_WORDS], pids[64], n[32], words[DEPLOY_WORDS];
	const struct compare_row *row;
	enum compare_metric metric;
	bool any = deploy_change(d->comparison, 0, &row, &metric);

	deploy_versions(versions, sizeof(versions), d);
	snprintf(out, size, "%s %s%s(%s), %s requests since: %s%s%s",
		 deploy_time(at, sizeof(at), d), versions, *versions ? " " : "",
		 deploy_pids(pids, sizeof(pids), d), summary_count(n, sizeof(n), d->after.requests),
		 !any	      ? ""
		 : row->worse ? "worse: "
			      : "better: ",
		 any ? deploy_change_words(words, sizeof(words), row, metric) : deploy_nothing(d),
		 any ? ", beyond noise" : "");
	return out;
}
