// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check_eval.c - which conditions hold, and what state that makes of a check and of all of them.
 */
#include "check_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CRITICAL before WARNING before UNKNOWN before OK: what is known to be bad is not hidden by what
   is not known. */
static enum check_state worse(enum check_state a, enum check_state b)
{
	static const int rank[CHECK_STATES] = {
		[CHECK_OK] = 0, [CHECK_UNKNOWN] = 1, [CHECK_WARNING] = 2, [CHECK_CRITICAL] = 3};

	return rank[b] > rank[a] ? b : a;
}

/* A lower bound decides only what any larger value would decide the same way. */
static enum check_state outcome(const struct check_condition *c, const struct check_measure *m)
{
	bool upper = c->op == CHECK_LT || c->op == CHECK_LE, holds;

	if (!m->known)
		return CHECK_UNKNOWN;
	holds = check_holds(c, m->value);
	if (m->at_least && holds == upper)
		return CHECK_UNKNOWN;
	return holds ? CHECK_OK : c->level;
}

static void judge(struct check_result *r, const struct check *c)
{
	r->state = CHECK_OK;
	for (unsigned i = 0; i < c->n_conditions; i++) {
		r->outcomes[i] = outcome(&c->conditions[i], &r->measures[c->conditions[i].metric]);
		r->state = worse(r->state, r->outcomes[i]);
	}
}

/* A verdict has one state, and that of a target which is down or stuck may hide that it is blind.
 */
static void find_blind(struct check_report *report, const struct summary *s)
{
	struct summary seen = *s;

	seen.target.alive = seen.target.listening = true;
	seen.n_open = 0;
	seen.late.hung = 0;
	verdict_decide(&seen, &s->verdict.rules);
	if (seen.verdict.state == VERDICT_BLIND)
		snprintf(report->blind, sizeof(report->blind), "%s", seen.verdict.reasons[0]);
}

int check_evaluate(struct check_report *report, const struct check_file *file,
		   const struct summary *summary)
{
	*report = (struct check_report){.file = file, .summary = summary, .state = CHECK_OK};
	report->results = calloc(file->n, sizeof(*report->results));
	if (!report->results)
		return -ENOMEM;
	if (summary->verdict.state == VERDICT_DOWN) {
		snprintf(report->down, sizeof(report->down), "%s", summary->verdict.reasons[0]);
		report->state = CHECK_CRITICAL;
	}
	find_blind(report, summary);
	for (uint32_t i = 0; i < file->n; i++) {
		struct check_result *r = &report->results[i];

		if (check_measure(r, &file->checks[i], summary, report->blind))
			return -ENOMEM;
		judge(r, &file->checks[i]);
		report->state = worse(report->state, r->state);
		report->counts[r->state]++;
	}
	return 0;
}

void check_report_free(struct check_report *report)
{
	free(report->results);
	report->results = NULL;
}
