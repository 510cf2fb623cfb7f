/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* series_priv.h - the buckets of a batch (series_counts.c), for series.c. All return 0 or -ENOMEM. */
#ifndef RS_SERIES_PRIV_H
#define RS_SERIES_PRIV_H

#include "series.h"

/* index: hist_index() of a duration, or SERIES_ZERO. */
int counts_add(struct series_counts *c, int32_t index, uint64_t count);
int counts_merge(struct series_counts *into, const struct series_counts *from);
int counts_from_hist(struct series_counts *c, const struct hist *h);

#endif
