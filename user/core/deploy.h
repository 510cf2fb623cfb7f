/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * deploy.h - what there is to say of a deploy, for whoever writes it. Pure. Text is printable, cut
 * to size at a character, and returned.
 */
#ifndef RS_DEPLOY_H
#define RS_DEPLOY_H

#include "compare.h"
#include "summary.h"

#define DEPLOY_WORDS 200
#define DEPLOY_LINE  512

/* "14:03:12 UTC" */
char *deploy_time(char *out, size_t size, const struct summary_deploy *d);

/* "1.4.2 -> 1.4.3", "1.4.3 again", "unknown version -> 1.4.3"; "" when neither is known */
char *deploy_versions(char *out, size_t size, const struct summary_deploy *d);

/* "pid 812 -> 911", with several workers "pid 812 (+3) -> 911 (+3)" */
char *deploy_pids(char *out, size_t size, const struct summary_deploy *d);

/*
 * The i-th change to tell of first: what is worse before what is only different, routes before all
 * requests together, of a row its largest change. How often clients ask is their doing, so rates
 * are left out. False: there are no more.
 */
bool deploy_change(const struct comparison *c, uint32_t i, const struct compare_row **row,
		   enum compare_metric *metric);

/* "p99 of GET /orders/{id} 120 -> 340 ms (+183 %)" */
char *deploy_change_words(char *out, size_t size, const struct compare_row *row,
			  enum compare_metric metric);

/* All of it in one line: "14:03:12 UTC 1.4.2 -> 1.4.3 (pid 812 -> 911), 12,031 requests since: worse: p99
   of GET /orders/{id} 120 -> 340 ms (+183 %), beyond noise" */
char *deploy_line(char *out, size_t size, const struct summary_deploy *d);

/* When nothing is beyond noise: what that rests on. "no request yet", "too few requests to
   compare", "nothing changed beyond noise so far" */
const char *deploy_nothing(const struct summary_deploy *d);

#endif
