/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_priv.h - what the files of the statistics share: counters by kind (stats_kinds.c). Those that
   return an int return 0 or -ENOMEM. */
#ifndef RS_STATS_PRIV_H
#define RS_STATS_PRIV_H

#include "stats.h"

int status_counts_add(struct status_counts *s, uint16_t code, uint64_t count);
int status_counts_merge(struct status_counts *into, const struct status_counts *from);
void status_counts_reset(struct status_counts *s);

/* total: ns, negative when it has none */
int auth_add(struct auth_stats auth[AUTH_KINDS], const struct request *r, int64_t total);
int auth_merge(struct auth_stats *into, const struct auth_stats *from);
void auth_reset(struct auth_stats auth[AUTH_KINDS]);
void auth_free(struct auth_stats auth[AUTH_KINDS]);

void cache_add(uint64_t cache[CACHE_KINDS], const struct request *r);
void cache_merge(uint64_t *into, const uint64_t *from);

#endif
