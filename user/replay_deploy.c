// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay_deploy.c - the deploys of a recording compared: what came after each with what came
 * between it and the one before, by the test of diff.
 */
#include "replay_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/compare.h"
#include "exit.h"

/* The deploys whose sides are told apart: sides[i] is what came before at[i], the last what came
   after all of them. */
struct sides {
	struct replay *replay;
	uint64_t from;		     /* monotonic ns: the deploy before these; 0: there is none */
	uint64_t at[REPLAY_DEPLOYS]; /* monotonic ns, ascending */
	uint32_t n;
	struct series *side[REPLAY_DEPLOYS + 1];
	bool failed;
};

/* Requests under way at that moment belong to what they came to. */
static void on_ended(void *ctx, const struct request *r)
{
	struct sides *d = ctx;
	uint64_t came = r->arrived ? r->arrived : r->seen;
	uint32_t i = 0;

	if (came < d->from)
		return;
	while (i < d->n && came >= d->at[i])
		i++;
	if (!d->side[i])
		d->side[i] = series_new();
	if (!d->side[i] || series_add(d->side[i], r) == -ENOMEM)
		d->failed = true;
}

static double seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1e9 : 0;
}

static void compare_side(struct sides *d, uint32_t i, const struct compare_rules *rules)
{
	struct replay *r = d->replay;
	uint64_t from, to;
	int64_t wall;

	replay_span(r, &from, &to, &wall);
	from = d->from > from ? d->from : from;
	if (!d->side[i] || !d->side[i + 1])
		return;
	r->deploys[i].comparison =
		compare(d->side[i], seconds(i ? d->at[i - 1] : from, d->at[i]), d->side[i + 1],
			seconds(d->at[i], i + 1 < d->n ? d->at[i + 1] : to), rules);
	if (!r->deploys[i].comparison)
		d->failed = true;
}

static void compare_all(struct sides *d)
{
	struct compare_rules rules;

	compare_rules_default(&rules);
	for (uint32_t i = 0; i <= d->n; i++)
		if (d->side[i] && series_fold_routes(d->side[i]))
			d->failed = true;
	for (uint32_t i = 0; i < d->n; i++)
		compare_side(d, i, &rules);
}

/* The last of those that the summary tells of. */
static void find_deploys(struct sides *d, const struct summary *s)
{
	struct replay *r = d->replay;
	uint32_t first = s->n_deploys > REPLAY_DEPLOYS ? s->n_deploys - REPLAY_DEPLOYS : 0;

	d->from = first ? s->deploys[first - 1].at_wall_ns - (uint64_t)s->wall_offset : 0;
	for (uint32_t i = first; i < s->n_deploys; i++) {
		r->deploys[d->n].at_wall_ns = s->deploys[i].at_wall_ns;
		d->at[d->n++] = s->deploys[i].at_wall_ns - (uint64_t)s->wall_offset;
	}
	r->n_deploys = d->n;
}

void replay_forget_deploys(struct replay *r)
{
	for (uint32_t i = 0; i < r->n_deploys; i++) {
		comparison_free(r->deploys[i].comparison);
		r->deploys[i].comparison = NULL;
	}
	r->n_deploys = 0;
}

int replay_compare_deploys(struct replay *r)
{
	struct sides d = {.replay = r};
	const struct replay_callbacks cb = {.ctx = &d, .ended = on_ended};
	const struct summary *s = replay_summary(r);
	int code = 0;

	replay_forget_deploys(r);
	if (s && s->n_deploys) {
		find_deploys(&d, s);
		code = replay_run(r, &cb);
		if (!code)
			compare_all(&d);
	}
	for (uint32_t i = 0; i <= d.n; i++)
		series_free(d.side[i]);
	if (s && !d.failed)
		return code;
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_RUNTIME;
}

const struct comparison *replay_comparison(const struct replay *r, uint64_t at_wall_ns)
{
	for (uint32_t i = 0; i < r->n_deploys; i++)
		if (r->deploys[i].at_wall_ns == at_wall_ns)
			return r->deploys[i].comparison;
	return NULL;
}
