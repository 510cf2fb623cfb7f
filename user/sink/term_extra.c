/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * term_extra.c - lines of the summary screen that are there only when they have something to tell:
 * caches, logins, limits of the host that are near. Those of the event loop are in term_insight.c.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "term_priv.h"

#define ITEM_MAX 96

static void __attribute__((format(printf, 3, 4)))
item(struct line *l, enum style style, const char *format, ...)
{
	char text[ITEM_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utf8_trim(text);
	line_item(l, style, LABEL_WIDTH, text);
}

static void label(struct line *l, const char *text)
{
	line_text(l, STYLE_DIM, text);
	line_to(l, LABEL_WIDTH);
}

/* --- caches: what the responses said of them */

static uint64_t cache_verdicts(const struct stats *st)
{
	return st->cache[HTTP1_CACHE_HIT] + st->cache[HTTP1_CACHE_MISS] +
	       st->cache[HTTP1_CACHE_REVALIDATED];
}

static bool caches(struct term *t, bool dry)
{
	const struct stats *st = t->s->stats;
	uint64_t said = cache_verdicts(st);
	struct line *l = &t->line;
	char n[UNITS_MAX];

	if (!said || dry)
		return said;
	label(l, "caches");
	item(l, STYLE_BOLD, "%s hit",
	     short_share(n, (double)st->cache[HTTP1_CACHE_HIT] / (double)said));
	item(l, STYLE_PLAIN, "hits %s", short_count(n, st->cache[HTTP1_CACHE_HIT]));
	item(l, STYLE_PLAIN, "misses %s", short_count(n, st->cache[HTTP1_CACHE_MISS]));
	if (st->cache[HTTP1_CACHE_REVALIDATED])
		item(l, STYLE_PLAIN, "revalidated %s",
		     short_count(n, st->cache[HTTP1_CACHE_REVALIDATED]));
	if (st->cache[HTTP1_CACHE_NONE])
		item(l, STYLE_DIM, "silent %s", short_count(n, st->cache[HTTP1_CACHE_NONE]));
	line_end(l);
	return true;
}

/* --- logins: with Authorization or Cookie, and without */

static void login(struct line *l, const struct auth_stats *a, const char *words)
{
	char n[UNITS_MAX], p99[UNITS_MAX], failed[UNITS_MAX];

	short_count(n, a->count);
	units_duration(p99, sizeof(p99), hist_quantile(&a->total, 0.99));
	if (a->server_errors)
		item(l, STYLE_RED, "%s %s, p99 %s, %s 5xx", n, words, p99,
		     short_count(failed, a->server_errors));
	else
		item(l, STYLE_PLAIN, "%s %s, p99 %s", n, words, p99);
}

static bool logins(struct term *t, bool dry)
{
	const struct auth_stats *auth = t->s->stats->auth;
	struct line *l = &t->line;

	if (!auth[AUTH_YES].count || !auth[AUTH_NO].count)
		return false;
	if (dry)
		return true;
	label(l, "logins");
	login(l, &auth[AUTH_YES], "with");
	login(l, &auth[AUTH_NO], "without");
	line_end(l);
	return true;
}

/* --- the host's limits, the near ones */

#define NEAR_RUN_QUEUE 0.05
#define NEAR_THROTTLED 0.01
#define NEAR_FDS       0.5
#define NEAR_THREADS   0.5

static double share(uint64_t part, uint64_t whole)
{
	if (part == SUMMARY_UNKNOWN || whole == SUMMARY_UNKNOWN || !whole)
		return NAN;
	return (double)part / (double)whole;
}

static bool limits(struct term *t, bool dry)
{
	const struct summary_saturation *s = &t->s->saturation;
	bool queue = s->run_queue >= NEAR_RUN_QUEUE, throttled = s->throttled >= NEAR_THROTTLED;
	bool fds = share(s->fds, s->fd_limit) >= NEAR_FDS;
	bool threads = share(s->threads_busy, s->threads) >= NEAR_THREADS;
	bool failed = s->accept_failed != SUMMARY_UNKNOWN && s->accept_failed;
	struct line *l = &t->line;
	char n[UNITS_MAX], of[UNITS_MAX];

	if (dry || !(queue || throttled || fds || threads || failed))
		return queue || throttled || fds || threads || failed;
	label(l, "limits");
	if (queue)
		item(l, STYLE_YELLOW, "%s of its CPU time waiting for a CPU",
		     short_share(n, s->run_queue));
	if (throttled)
		item(l, STYLE_YELLOW, "throttled in %s of periods", short_share(n, s->throttled));
	if (failed)
		item(l, STYLE_RED, "%s accepts refused: no descriptors",
		     short_count(n, s->accept_failed));
	if (fds)
		item(l, STYLE_YELLOW, "%s of %s descriptors", short_count(n, s->fds),
		     short_count(of, s->fd_limit));
	if (threads)
		item(l, STYLE_YELLOW, "%s of %s threads busy", short_count(n, s->threads_busy),
		     short_count(of, s->threads));
	line_end(l);
	return true;
}

unsigned term_extras(struct term *t, bool dry)
{
	static bool (*const parts[])(struct term * t, bool dry) = {term_held, term_loop, limits,
								   caches, logins};
	unsigned lines = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && lines < t->plan.extras; i++)
		lines += parts[i](t, dry);
	return lines;
}
