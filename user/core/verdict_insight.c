// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * verdict_insight.c - why, as the interpreter tells it: further reasons of the rules erroring, slow
 * and stuck (verdict.c), with the place in the application.
 *
 *   erroring  the exception behind most of the 5xx, and the next one where it is behind a quarter
 *   slow      what held the event loop up, where waiting in front of it was a tenth of all the
 *             requests' time, or its being held up half of that
 *   stuck     what holds the event loop up at this moment; where the requests and the tasks wait
 *
 * A loop that is held up for a second is told whatever the state is.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "verdict_priv.h"

#define TYPE_COLUMNS  40
#define PLACE_COLUMNS 56
#define HELD_LONG     1000000000
#define MAX_WAITS     2

/* Of a text that is too long its end says more than its beginning: the class, the file and the
 * line. */
static char *words_end(char *out, const char *text, size_t columns, char mark)
{
	size_t len = strlen(text);
	const char *from = text;

	while (len > columns - 2 && strchr(from, mark)) {
		from = strchr(from, mark) + 1;
		len = strlen(from);
	}
	if (!*from)
		from = text;
	if (from == text || strlen(text) <= columns) {
		escape_text(out, LABEL_MAX, text, strlen(text), columns);
		return out;
	}
	strcpy(out, "..");
	escape_text(out + 2, LABEL_MAX - 2, from, strlen(from), columns - 2);
	return out;
}

static char *words_place(char *out, const char *where)
{
	return words_end(out, where, PLACE_COLUMNS, '/');
}

/* --- erroring */

/* Of what is raised in a library, the line of the application is what helps. */
static const char *place_of(const struct site *site)
{
	return *site->detail ? site->detail : site->where;
}

static uint64_t server_errors(const struct stats *st, const struct route *route)
{
	for (uint32_t i = 0; i < st->n_routes; i++)
		if (st->routes[i] && st->routes[i]->route == route)
			return st->routes[i]->status.class[5];
	return st->status.class[5];
}

static void say_failure(const struct summary *s, struct verdict *v, const struct summary_failure *f)
{
	const struct site *site = f->error->site;
	const char *where = place_of(site);
	char on[LABEL_MAX + 4] = "", type[LABEL_MAX], place[LABEL_MAX], route[LABEL_MAX];

	if (f->route)
		snprintf(on, sizeof(on), " on %s", words_route(route, f->route));
	verdict_add(v, VERDICT_ERRORING, "%s of %s 5xx%s: %s%s%s", words_count(f->error->count).s,
		    words_count(server_errors(s->stats, f->route)).s, on,
		    *site->type ? words_end(type, site->type, TYPE_COLUMNS, '.') : "an exception",
		    *where ? " at " : "", words_place(place, where));
}

void verdict_why_erroring(const struct summary *s, struct verdict *v)
{
	struct summary_failure f = {NULL, NULL};
	uint64_t all = s->stats->status.class[5];
	unsigned said = 0;

	while (said < 2 && summary_next_failure(s->stats, &f)) {
		if (said && f.error->count * 4 < all)
			break;
		if (f.error->status < 500)
			continue;
		say_failure(s, v, &f);
		said++;
	}
}

/* --- slow */

/* " by app.py:3 f (on CPU)" */
static void by_words(char *out, size_t size, const struct site *site)
{
	char place[LABEL_MAX], detail[LABEL_MAX], how[LABEL_MAX + 40] = "";

	words_place(place, site->where);
	words_place(detail, site->detail);
	if (!strcmp(site->type, "cpu"))
		snprintf(how, sizeof(how), " (on CPU)");
	else if (!strcmp(site->type, "syscall") && *detail)
		snprintf(how, sizeof(how), " (in the system call %s)", detail);
	else if (!strcmp(site->type, "syscall"))
		snprintf(how, sizeof(how), " (in a system call)");
	else if (!strcmp(site->type, "gil"))
		snprintf(how, sizeof(how), " (waiting for the GIL%s%s)",
			 *detail ? ", held by " : "", detail);
	else if (!strcmp(site->type, "gc"))
		snprintf(how, sizeof(how), " (collecting garbage)");
	snprintf(out, size, "%s%s%s", *place ? " by " : "", place, how);
}

static const struct stall_stats *worst_stall(const struct stats *st)
{
	const struct stall_stats *worst = NULL, *s = NULL;

	while ((s = summary_next_stall(st, s)))
		if (s->count && (!worst || s->waited > worst->waited))
			worst = s;
	return worst;
}

static bool stalls_explain(const struct stats *st)
{
	double all = (double)st->latency[LAT_TOTAL].sum, waited = 0, total = 0;

	for (uint32_t i = 0; i < st->n_stalls; i++) {
		waited += (double)st->stalls[i].waited;
		total += (double)st->stalls[i].total;
	}
	return waited * 10 >= all || total * 2 >= all;
}

void verdict_why_slow(const struct summary *s, struct verdict *v)
{
	const struct stall_stats *stall = worst_stall(s->stats);
	char by[2 * LABEL_MAX + 48], victims[64] = "", times[96];

	if (!stall || !stalls_explain(s->stats))
		return;
	by_words(by, sizeof(by), stall->site);
	if (stall->victims)
		snprintf(victims, sizeof(victims), "; %s %s", words_count(stall->victims).s,
			 words_plural(stall->victims, "request waited", "requests waited"));
	if (stall->count == 1)
		snprintf(times, sizeof(times), "for %s", words_duration((double)stall->max).s);
	else
		snprintf(times, sizeof(times), "%s times, up to %s%s", words_count(stall->count).s,
			 words_duration((double)stall->max).s, *stall->site->where ? "," : "");
	verdict_add(v, VERDICT_SLOW, "the event loop was held up %s%s%s", times, by, victims);
}

/* --- stuck */

void verdict_held(const struct summary *s, struct verdict *v, bool stuck)
{
	char by[2 * LABEL_MAX + 48];

	if (!s->held || (!stuck && s->held_ns < HELD_LONG))
		return;
	by_words(by, sizeof(by), s->held);
	verdict_add(v, stuck ? VERDICT_STUCK : v->state, "the event loop has been held up for %s%s",
		    words_duration((double)s->held_ns).s, by);
}

static bool waits_in_app(const struct summary *s, const struct summary_open *o)
{
	double limit = s->verdict.rules.stuck_ms * 1e6;

	return o->where && *o->where && o->phase == PHASE_APP && (double)o->age >= limit;
}

static uint64_t count_waiting(const struct summary *s, const char *where)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n_open; i++)
		n += waits_in_app(s, &s->open[i]) && !strcmp(s->open[i].where, where);
	return n;
}

/* The place where most of those wait that are too old; of two the one that the oldest waits in. */
static void say_requests(const struct summary *s, struct verdict *v)
{
	const char *where = NULL;
	uint64_t most = 0;
	char place[LABEL_MAX];

	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct summary_open *o = &s->open[i];
		uint64_t n = waits_in_app(s, o) ? count_waiting(s, o->where) : 0;

		if (n > most) {
			most = n;
			where = o->where;
		}
	}
	if (where)
		verdict_add(v, VERDICT_STUCK, "%s %s in %s", words_count(most).s,
			    words_plural(most, "request waits", "requests wait"),
			    words_end(place, where, LABEL_MAX - 8, '/'));
}

static void say_wait(struct verdict *v, const struct summary_wait *w)
{
	const char *on = w->on ? w->on : "";
	char place[LABEL_MAX], what[LABEL_MAX];
	const char *words = w->threads ? words_plural(w->count, "thread waits", "threads wait")
				       : words_plural(w->count, "task waits", "tasks wait");

	verdict_add(v, VERDICT_STUCK, "%s %s in %s%s%s%s", words_count(w->count).s, words,
		    words_place(place, w->where), *on ? " on " : "",
		    words_end(what, on, TYPE_COLUMNS, '.'), words_host(w->host).s);
}

void verdict_why_stuck(const struct summary *s, struct verdict *v)
{
	unsigned said = 0;

	verdict_held(s, v, true);
	say_requests(s, v);
	for (uint32_t i = 0; i < s->n_waits && said < MAX_WAITS; i++) {
		if (!s->waits[i].where || !*s->waits[i].where)
			continue;
		say_wait(v, &s->waits[i]);
		said++;
	}
}
