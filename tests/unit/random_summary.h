/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * random_summary.h - summaries of random content: every end, every phase, hostile paths, durations
 * from nothing to hours. For those who write them, read them and add them up.
 */
#ifndef RS_TEST_RANDOM_SUMMARY_H
#define RS_TEST_RANDOM_SUMMARY_H

#include "sample.h"
#include "traffic.h"

/* Fills a new sample; its ledger balances, its verdict is decided. */
void random_summary(struct sample *x, struct random *r);

/* A random summary printed, to be freed. */
char *random_summary_json(struct random *r);

#endif
