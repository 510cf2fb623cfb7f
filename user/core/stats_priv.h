/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stats_priv.h - what the files of the statistics share: counters by kind (stats_kinds.c), of
   workers (stats_workers.c), of exceptions (stats_errors.c), of stalls (stats_stalls.c). Those that
   return an int return 0 or -ENOMEM. */
#ifndef RS_STATS_PRIV_H
#define RS_STATS_PRIV_H

#include "stats.h"

int status_counts_add(struct status_counts *s, uint16_t code, uint64_t count);
int status_counts_merge(struct status_counts *into, const struct status_counts *from);
void status_counts_reset(struct status_counts *s);

/* Of a request that ended, one of its latencies. */
struct duration {
	int64_t ns;	/* negative: it has none */
	int32_t bucket; /* hist_index(), of one above 0 */
};
/* Counts it where there is one. */
static inline int duration_add(struct hist *h, const struct duration *d)
{
	return d->ns >= 0 ? hist_add_at(h, (uint64_t)d->ns, d->bucket) : 0;
}

int auth_add(struct auth_stats auth[AUTH_KINDS], const struct request *r,
	     const struct duration *total);
int auth_merge(struct auth_stats *into, const struct auth_stats *from);
void auth_reset(struct auth_stats auth[AUTH_KINDS]);
void auth_free(struct auth_stats auth[AUTH_KINDS]);

void cache_add(uint64_t cache[CACHE_KINDS], const struct request *r);
void cache_merge(uint64_t *into, const uint64_t *from);

/* max: entries; what is new beyond them is in rest */
int errors_add(struct error_counts *e, const struct site *site, uint16_t status, uint64_t count,
	       uint32_t max);
int errors_merge(struct error_counts *into, const struct error_counts *from, uint32_t max);
void errors_reset(struct error_counts *e);
void errors_free(struct error_counts *e);
/* That of a request which ended, where one was seen: to its route, NULL when it has none. */
int errors_end(struct stats *s, const struct request *r, struct route_stats *rs);
uint32_t errors_max(const struct stats *s);

/* Sums of ns: 292 years at most, whatever files say. */
static inline uint64_t ns_add(uint64_t a, uint64_t b)
{
	return a > INT64_MAX - (b < INT64_MAX ? b : INT64_MAX) ? INT64_MAX : a + b;
}

int stalls_end(struct stats *s, const struct request *r);
int stalls_merge(struct stats *into, const struct stats *from);
void stalls_reset(struct stats *s);
void stalls_fold(struct stats *s);

int worker_end(struct stats *s, const struct request *r, const struct duration d[LATENCIES]);
int workers_merge(struct stats *into, const struct stats *from);
void workers_reset(struct stats *s);

#endif
