/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict_slow.c - the rule `slow` (verdict.c): how much too slow, where, and in which phase.
 */
#include <stdio.h>

#include "verdict_priv.h"

/* Durations in buckets wholly above that of ns. */
static uint64_t count_above(const struct hist *h, uint64_t ns)
{
	int32_t first, edge = hist_index(ns ? ns : 1);
	uint32_t n;
	uint64_t sum = 0;

	hist_range(h, &first, &n);
	for (uint32_t i = 0; i < n; i++)
		if (first + (int32_t)i > edge)
			sum += h->counts[first - h->offset + (int32_t)i];
	return sum;
}

static void slowest_route_words(char *out, size_t size, const struct stats *st, uint64_t slo)
{
	uint64_t all = count_above(&st->latency[LAT_TOTAL], slo), most = 0;
	const struct route_stats *slowest = NULL;
	char text[LABEL_MAX];

	*out = '\0';
	for (uint32_t i = 0; i < st->n_routes; i++) {
		const struct route_stats *r = st->routes[i];
		uint64_t n = r ? count_above(&r->latency[LAT_TOTAL], slo) : 0;

		if (n > most || (n && n == most && summary_route_before(r, slowest))) {
			most = n;
			slowest = r;
		}
	}
	if (!slowest || most * 2 < all)
		return;
	words_route(text, slowest->route);
	if (most == all)
		snprintf(out, size, " (%s)", text);
	else
		snprintf(out, size, " (%s of the %s above it: %s)", words_count(most).s,
			 words_count(all).s, text);
}

/* What a phase other than the application's own time means, when it takes half of the time. */
static void check_phases(const struct summary *s, struct verdict *v)
{
	static const struct {
		enum latency_kind kind;
		const char *words;
	} phases[] = {
		{LAT_QUEUE, "waiting in front of the event loop"},
		{LAT_RECV, "waiting for clients to send their request"},
		{LAT_SEND, "sending the answer: streams, or clients that read slowly"},
	};
	double total = (double)s->stats->latency[LAT_TOTAL].sum;

	for (size_t i = 0; i < sizeof(phases) / sizeof(*phases) && total > 0; i++) {
		double share = (double)s->stats->latency[phases[i].kind].sum / total;

		if (share >= 0.5)
			verdict_add(v, VERDICT_SLOW, "%s of the time is %s",
				    words_percent(share > 1 ? 1 : share).s, phases[i].words);
	}
}

/*
 * Clients that left after more than the limit without a byte of an answer; at least so many.
 * Statuses beyond those of complete answers are of clients that left in the middle of one
 * (streams), and all of these are taken to have been there for long.
 */
static uint64_t gave_up(const struct stats *st, uint64_t limit)
{
	const struct ledger *l = &st->ledger;
	uint64_t above = count_above(&st->latency[LAT_ABANDONED], limit), statuses = 0, partial;

	for (int i = 0; i <= 5; i++)
		statuses += st->status.class[i];
	partial = statuses > l->ok + l->upgraded ? statuses - l->ok - l->upgraded : 0;
	return above > partial ? above - partial : 0;
}

static void check_gave_up(const struct summary *s, struct verdict *v)
{
	double slo = v->rules.slo_ms * 1e6;
	uint64_t n = gave_up(s->stats, (uint64_t)slo);
	uint64_t answered = s->stats->ledger.ok + s->stats->ledger.upgraded;

	if (verdict_exceeds(n, n + answered, 1 - v->rules.slo_quantile))
		verdict_add(v, VERDICT_SLOW, "%s %s left without an answer after more than %s",
			    words_count(n).s, words_plural(n, "client", "clients"),
			    words_duration(slo).s);
}

void verdict_slow(const struct summary *s, struct verdict *v)
{
	double slo = v->rules.slo_ms * 1e6;
	double ns = hist_quantile(&s->stats->latency[LAT_TOTAL], v->rules.slo_quantile);
	char where[LABEL_MAX + 96];

	check_gave_up(s, v);
	if (!(ns > slo)) /* NaN: nothing was measured */
		return;
	slowest_route_words(where, sizeof(where), s->stats, (uint64_t)slo);
	verdict_add(v, VERDICT_SLOW, "%s of %s is above %s%s",
		    words_quantile(v->rules.slo_quantile).s, words_duration(ns).s,
		    words_duration(slo).s, where);
	check_phases(s, v);
}
