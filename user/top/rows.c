// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[SORTS] = {
	[SORT_TIME] = "time",
	[SORT_RATE] = "rate",
	[SORT_P99] = "p99",
	[SORT_ERRORS] = "errors",
};

const char *sort_name(enum sort_key key)
{
	return names[key];
}

enum sort_key sort_parse(const char *name)
{
	for (int i = 0; name && i < SORTS; i++)
		if (!strcmp(name, names[i]))
			return (enum sort_key)i;
	return SORT_TIME;
}

uint64_t route_failed(const struct route_stats *r)
{
	return r->status.class[5] + r->ends[REQ_SERVER_CLOSED];
}

/* What is not measured comes last. */
static double weight(const struct route_stats *r, enum sort_key key)
{
	double p99;

	switch (key) {
	case SORT_RATE:
		return (double)r->count;
	case SORT_ERRORS:
		return (double)route_failed(r);
	case SORT_P99:
		p99 = hist_quantile(&r->latency[LAT_TOTAL], 0.99);
		return isnan(p99) ? -1 : p99;
	case SORT_TIME:
	case SORTS:
		break;
	}
	return r->latency[LAT_TOTAL].count ? (double)r->latency[LAT_TOTAL].sum : -1;
}

struct entry {
	const struct route_stats *route;
	double weight, time;
};

static int order(double a, double b)
{
	return (a < b) - (a > b);
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int by = order(x->weight, y->weight);

	if (!by)
		by = order(x->time, y->time);
	if (!by)
		by = (x->route->route->id > y->route->route->id) -
		     (x->route->route->id < y->route->route->id);
	return by;
}

static uint32_t collect(struct entry *entries, const struct stats *st, enum sort_key key)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->n_routes; i++) {
		const struct route_stats *r = st->routes[i];

		if (r && r->count)
			entries[n++] = (struct entry){r, weight(r, key), weight(r, SORT_TIME)};
	}
	return n;
}

int rows_sort(const struct stats *st, enum sort_key key, const struct route_stats ***out,
	      uint32_t *n)
{
	struct entry *entries = calloc(st->n_routes + 1, sizeof(*entries));
	const struct route_stats **rows = calloc(st->n_routes + 1, sizeof(struct route_stats *));

	*out = NULL;
	*n = 0;
	if (!entries || !rows) {
		free(entries);
		free(rows);
		return -ENOMEM;
	}
	*n = collect(entries, st, key);
	qsort(entries, *n, sizeof(*entries), compare);
	for (uint32_t i = 0; i < *n; i++)
		rows[i] = entries[i].route;
	free(entries);
	*out = rows;
	return 0;
}
