// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_read_stats.c - what a summary's JSON counts: statuses, distributions, caches, routes.
 * What it says twice must agree: a histogram with its count, minimum and maximum, a class with its
 * codes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "summary_read_priv.h"

/* --- statuses */

static int compare_codes(const void *a, const void *b)
{
	return (int)((const struct status_code *)a)->code -
	       (int)((const struct status_code *)b)->code;
}

static int read_code(struct reader *rd, struct jsonr name, struct jsonr value,
		     struct status_counts *out)
{
	char text[8];
	size_t n = jsonr_string(name, text, sizeof(text)), at;
	struct status_code code = {0};
	int err;

	if (n != 3 || text[0] < '1' || text[0] > '5' || text[1] < '0' || text[1] > '9' ||
	    text[2] < '0' || text[2] > '9')
		return read_expected(rd, name, "a status, 100 to 599");
	at = read_enter(rd, text);
	code.code = (uint16_t)atoi(text);
	for (uint32_t i = 0; i < out->n; i++)
		if (out->codes[i].code == code.code)
			return read_wrong(rd, "given twice");
	err = read_count(rd, value, &code.count);
	if (err)
		return err;
	if (!code.count)
		return read_expected(rd, value, "at least 1");
	out->codes[out->n++] = code;
	out->class[code.code / 100] += code.count;
	read_leave(rd, at);
	return 0;
}

static int read_codes(struct reader *rd, struct jsonr v, struct status_counts *out)
{
	struct jsonr_iter it;
	uint32_t n = 0;

	if (jsonr_kind(v) != JSONR_OBJECT)
		return read_expected(rd, v, "an object");
	jsonr_iter_init(&it, v);
	while (jsonr_next(&it) && n <= 500)
		n++;
	if (!n)
		return 0;
	out->codes = calloc(n, sizeof(*out->codes));
	if (!out->codes)
		return read_no_memory(rd);
	out->cap = n;
	jsonr_iter_init(&it, v);
	while (out->n < out->cap && jsonr_next(&it)) {
		int err = read_code(rd, it.name, it.value, out);

		if (err)
			return err;
	}
	qsort(out->codes, out->n, sizeof(*out->codes), compare_codes);
	return 0;
}

int read_statuses(struct reader *rd, struct jsonr classes, struct jsonr codes,
		  struct status_counts *out)
{
	static const struct member members[] = {
		{"1xx", read_count, 1 * sizeof(uint64_t), true},
		{"2xx", read_count, 2 * sizeof(uint64_t), true},
		{"3xx", read_count, 3 * sizeof(uint64_t), true},
		{"4xx", read_count, 4 * sizeof(uint64_t), true},
		{"5xx", read_count, 5 * sizeof(uint64_t), true},
	};
	uint64_t class[6] = {0};
	size_t at = read_enter(rd, "codes");
	int err = read_codes(rd, codes, out);

	if (err)
		return err;
	read_leave(rd, at);
	read_enter(rd, "status");
	err = READ_OBJECT(rd, classes, members, class);
	if (err)
		return err;
	if (memcmp(class + 1, out->class + 1, 5 * sizeof(*class)))
		return read_wrong(rd, "does not add up with codes");
	read_leave(rd, at);
	return 0;
}

/* --- distributions */

struct buckets {
	uint64_t scale, zero;
	int64_t offset;
	struct jsonr counts;
};

static int read_scale(struct reader *rd, struct jsonr v, void *into)
{
	uint64_t *scale = into;

	if (jsonr_u64(v, scale) || *scale != HIST_SCALE)
		return read_expected(rd, v, "%d: histograms of another scale do not add up",
				     HIST_SCALE);
	return 0;
}

static int read_bucket(struct reader *rd, struct jsonr v, struct hist *h, int64_t index,
		       uint64_t *total)
{
	uint64_t count;
	int err = read_count(rd, v, &count);

	if (err)
		return err;
	err = index < INT32_MIN || index > INT32_MAX ? -ERANGE
						     : hist_add_bucket(h, (int32_t)index, count);
	if (err == -ERANGE)
		return read_wrong(rd, "bucket %lld is out of range", (long long)index);
	if (err)
		return read_no_memory(rd);
	*total += count;
	return *total < SUMMARY_READ_MAX ? 0 : read_wrong(rd, "the counts add up to 2^53 and more");
}

static int read_buckets(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"scale", read_scale, offsetof(struct buckets, scale), true},
		{"zero", read_count, offsetof(struct buckets, zero), true},
		{"offset", read_balance, offsetof(struct buckets, offset), true},
		{"counts", read_value, offsetof(struct buckets, counts), true},
	};
	struct buckets b = {0};
	struct hist *h = into;
	struct jsonr_iter it;
	uint64_t total;
	int err = READ_OBJECT(rd, v, members, &b);

	if (err)
		return err;
	if (jsonr_kind(b.counts) != JSONR_ARRAY)
		return read_expected(rd, b.counts, "an array of counts");
	total = h->zero = b.zero;
	jsonr_iter_init(&it, b.counts);
	for (int64_t i = b.offset; !err && jsonr_next(&it); i++)
		err = read_bucket(rd, it.value, h, i, &total);
	h->count = total;
	return err;
}

struct distribution {
	uint64_t count;
	unsigned __int128 sum;
	uint64_t min, max;
	struct hist h;
};

/* Whether min and max lie in the first and the last bucket, and the sum between what they allow. */
static int check_edges(struct reader *rd, const struct distribution *d)
{
	int32_t first;
	uint32_t n;

	hist_range(&d->h, &first, &n);
	if (d->min == UINT64_MAX || d->max == UINT64_MAX)
		return read_wrong(rd, "min or max is missing");
	if (d->min > d->max || !d->min != !!d->h.zero || !d->max != !n ||
	    (d->min && hist_index(d->min) != first) ||
	    (d->max && hist_index(d->max) != first + (int32_t)n - 1))
		return read_wrong(rd, "min and max do not lie in the outermost buckets of hist");
	if (d->sum < (unsigned __int128)d->count * d->min ||
	    d->sum > (unsigned __int128)d->count * d->max)
		return read_wrong(rd, "sum does not fit to count, min and max");
	return 0;
}

static int check_distribution(struct reader *rd, const struct distribution *d)
{
	if (d->h.count != d->count)
		return read_wrong(rd, "hist holds %llu durations, count says %llu",
				  (unsigned long long)d->h.count, (unsigned long long)d->count);
	if (d->count)
		return check_edges(rd, d);
	return d->sum ? read_wrong(rd, "a sum of no durations") : 0;
}

int read_distribution(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"count", read_count, offsetof(struct distribution, count), true},
		{"sum", read_sum, offsetof(struct distribution, sum), true},
		{"min", read_ns, offsetof(struct distribution, min), false},
		{"max", read_ns, offsetof(struct distribution, max), false},
		{"hist", read_buckets, offsetof(struct distribution, h), true},
	};
	struct distribution d = {.min = UINT64_MAX, .max = UINT64_MAX};
	struct hist *h = into;
	int err = READ_OBJECT(rd, v, members, &d);

	if (!err)
		err = check_distribution(rd, &d);
	*h = d.h; /* owned there from now on, on an error too */
	if (err)
		return err;
	h->sum = d.sum;
	h->min = d.count ? d.min : 0;
	h->max = d.count ? d.max : 0;
	return 0;
}

static int read_latencies(struct reader *rd, struct jsonr v, void *into, bool all)
{
	struct member members[LATENCIES];

	for (int i = 0; i < LATENCIES; i++)
		members[i] =
			(struct member){latency_names[i], read_distribution,
					(size_t)i * sizeof(struct hist), all || i == LAT_TOTAL};
	return READ_OBJECT(rd, v, members, into);
}

int read_latency(struct reader *rd, struct jsonr v, void *into)
{
	return read_latencies(rd, v, into, true);
}

static int read_route_latency(struct reader *rd, struct jsonr v, void *into)
{
	return read_latencies(rd, v, into, false);
}

/* --- caches and logins */

int read_cache(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"hit", read_count, HTTP1_CACHE_HIT * sizeof(uint64_t), true},
		{"miss", read_count, HTTP1_CACHE_MISS * sizeof(uint64_t), true},
		{"revalidated", read_count, HTTP1_CACHE_REVALIDATED * sizeof(uint64_t), true},
		{"none", read_count, HTTP1_CACHE_NONE * sizeof(uint64_t), true},
	};

	return READ_OBJECT(rd, v, members, into);
}

static int read_auth_kind(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"count", read_count, offsetof(struct auth_stats, count), true},
		{"5xx", read_count, offsetof(struct auth_stats, server_errors), true},
		{"total", read_distribution, offsetof(struct auth_stats, total), true},
	};
	struct auth_stats *a = into;
	int err = READ_OBJECT(rd, v, members, a);

	if (!err && (a->server_errors > a->count || a->total.count > a->count))
		err = read_wrong(rd, "5xx and total are of more requests than count");
	return err;
}

int read_auth(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"yes", read_auth_kind, AUTH_YES * sizeof(struct auth_stats), true},
		{"no", read_auth_kind, AUTH_NO * sizeof(struct auth_stats), true},
	};

	return READ_OBJECT(rd, v, members, into);
}

/* --- routes */

struct route_names {
	struct jsonr method, template, status, codes, slowest;
	const char *place;
};

/* The entry of a route; NULL when memory is short. */
static struct route_stats *entry_of(struct stats *st, struct route *route)
{
	uint32_t n = st->n_routes ? st->n_routes : 8;
	struct route_stats **routes, *rs;

	while (n <= route->id)
		n *= 2;
	if (n > st->n_routes || !st->routes) {
		routes = realloc(st->routes, n * sizeof(struct route_stats *));
		if (!routes)
			return NULL;
		memset(routes + st->n_routes, 0, (n - st->n_routes) * sizeof(struct route_stats *));
		st->routes = routes;
		st->n_routes = n;
	}
	rs = st->routes[route->id] = calloc(1, sizeof(struct route_stats));
	if (rs)
		rs->route = route;
	return rs;
}

int read_route_name(struct reader *rd, struct jsonr method_text, struct jsonr template_text,
		    const char *place, struct route **out)
{
	char method[ROUTE_METHOD_MAX], template[ROUTE_TEMPLATE_MAX];
	struct route *route;
	size_t at = read_enter(rd, "method");
	int err = read_bytes(rd, method_text, method, sizeof(method), NULL);

	if (err)
		return err;
	read_leave(rd, at);
	read_enter(rd, "route");
	err = read_bytes(rd, template_text, template, sizeof(template), NULL);
	if (err)
		return err;
	read_leave(rd, at);
	route = *out = router_restore(rd->router, method, template, place);
	if (strcmp(route->method, method) || strcmp(route->template, template))
		return read_wrong(rd, "more different routes or methods than there is room for");
	return 0;
}

static int find_route(struct reader *rd, const struct route_names *names, struct stats *st,
		      struct route_stats **rs)
{
	struct route *route;
	int err = read_route_name(rd, names->method, names->template, names->place, &route);

	if (err)
		return err;
	if (route->id < st->n_routes && st->routes[route->id])
		return read_wrong(rd, "this method and route are given twice");
	*rs = entry_of(st, route);
	return *rs ? 0 : read_no_memory(rd);
}

struct slowest {
	struct jsonr path;
	uint64_t total, at;
};

static int read_slowest(struct reader *rd, struct jsonr v, struct route_stats *rs)
{
	static const struct member members[] = {
		{"path", read_value, offsetof(struct slowest, path), true},
		{"total", read_ns, offsetof(struct slowest, total), true},
		{"at", read_wall, offsetof(struct slowest, at), true},
	};
	struct slowest s = {.total = 0};
	size_t at = read_enter(rd, "slowest");
	int err;

	if (!v.p)
		return read_wrong(rd, "missing");
	err = READ_OBJECT(rd, v, members, &s);
	if (err)
		return err;
	if (s.total != rs->latency[LAT_TOTAL].max || !s.at)
		return read_wrong(rd, "its total is not latency.total.max");
	rs->slowest.total = s.total;
	rs->slowest.at = s.at;
	read_enter(rd, "path");
	err = read_bytes(rd, s.path, rs->slowest.path, sizeof(rs->slowest.path),
			 &rs->slowest.path_len);
	if (!err)
		read_leave(rd, at);
	return err;
}

static int check_route(struct reader *rd, const struct route_stats *rs)
{
	uint64_t ended = 0;

	for (int i = REQ_OK; i < REQ_ENDS; i++)
		ended += rs->ends[i];
	if (ended != rs->count)
		return read_wrong(rd, "ends do not add up to count");
	if (!rs->count)
		return read_wrong(rd, "a route without requests");
	return rs->latency[LAT_TOTAL].count > ended
		       ? read_wrong(rd, "latency.total is of more requests than count")
		       : 0;
}

static int read_ends(struct reader *rd, struct jsonr v, void *into)
{
	struct member members[REQ_ENDS - 1];

	for (int i = REQ_OK; i < REQ_ENDS; i++)
		members[i - 1] = (struct member){request_end_name(i), read_count,
						 (size_t)i * sizeof(uint64_t), true};
	return READ_OBJECT(rd, v, members, into);
}

/* Who it is stands before what it counts: the entry must be there to read into. */
static int read_route(struct reader *rd, struct jsonr v, struct stats *st)
{
	static const struct member who[] = {
		{"method", read_value, offsetof(struct route_names, method), true},
		{"route", read_value, offsetof(struct route_names, template), true},
		{"place", read_name, offsetof(struct route_names, place), false},
		{"status", read_value, offsetof(struct route_names, status), true},
		{"codes", read_value, offsetof(struct route_names, codes), true},
		{"slowest", read_value, offsetof(struct route_names, slowest), false},
	};
	static const struct member what[] = {
		{"count", read_count, offsetof(struct route_stats, count), true},
		{"ends", read_ends, offsetof(struct route_stats, ends), true},
		{"latency", read_route_latency, offsetof(struct route_stats, latency), true},
		{"cache", read_cache, offsetof(struct route_stats, cache), true},
		{"auth", read_auth, offsetof(struct route_stats, auth), true},
		{"errors", read_route_errors, offsetof(struct route_stats, errors), false},
		{"errors_other", read_count, offsetof(struct route_stats, errors.rest), false},
	};
	struct route_names names = {.place = NULL};
	struct route_stats *rs = NULL;
	int err = READ_OBJECT(rd, v, who, &names);

	if (!err)
		err = find_route(rd, &names, st, &rs);
	if (err || !rs)
		return err;
	err = READ_OBJECT(rd, v, what, rs);
	if (!err)
		err = check_route(rd, rs);
	if (!err)
		err = read_statuses(rd, names.status, names.codes, &rs->status);
	if (!err)
		err = check_route_errors(rd, rs);
	if (!err && rs->latency[LAT_TOTAL].count)
		err = read_slowest(rd, names.slowest, rs);
	return err;
}

int read_routes(struct reader *rd, struct jsonr v, struct stats *st)
{
	struct jsonr_iter it;

	if (jsonr_kind(v) != JSONR_ARRAY)
		return read_expected(rd, v, "an array");
	jsonr_iter_init(&it, v);
	for (uint32_t i = 0; jsonr_next(&it); i++) {
		size_t at = read_enter_element(rd, i);
		int err = read_route(rd, it.value, st);

		if (err)
			return err;
		read_leave(rd, at);
	}
	return 0;
}
