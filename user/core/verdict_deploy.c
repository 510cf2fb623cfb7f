// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * verdict_deploy.c - the last deploy made something worse: a reason beside those of the state.
 */
#include <stdio.h>

#include "deploy.h"
#include "verdict_priv.h"

void verdict_deploy(const struct summary *s, struct verdict *v)
{
	const struct summary_deploy *d = s->n_deploys ? &s->deploys[s->n_deploys - 1] : NULL;
	const struct compare_row *row;
	enum compare_metric metric;
	char at[32], words[DEPLOY_WORDS];

	if (!d || !d->comparison || !d->comparison->worse ||
	    !deploy_change(d->comparison, 0, &row, &metric))
		return;
	verdict_add(v, v->state, "since the deploy at %s worse: %s", deploy_time(at, sizeof(at), d),
		    deploy_change_words(words, sizeof(words), row, metric));
}
