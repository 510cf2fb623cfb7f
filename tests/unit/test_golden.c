// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_golden.c - recorded event streams of real servers, replayed: the same requests, to the ns, and the
 * same summary. tests/golden/make.py records them. RS_GOLDEN_UPDATE=1 writes what is expected anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/stats.h"
#include "../../user/core/summary.h"
#include "../../user/core/tracer.h"
#include "../../user/sink/sink.h"
#include "../golden/golden.h"

#define GOLDEN_DIR "tests/golden/"

struct replay {
	struct router *router;
	struct tracer *tracer;
	struct stats *stats;
	FILE *out;
	uint64_t first, last; /* stamps of the first and the last event: the replayed window */
};

static void on_begin(void *ctx, const struct request *r)
{
	stats_begin(((struct replay *)ctx)->stats, r);
}

static void on_end(void *ctx, const struct request *r)
{
	struct replay *p = ctx;
	struct trace_context c = {.host = "golden", .target = "app", .now = r->ended};

	assert_int_equal(stats_end(p->stats, r), 0);
	sink_trace_json(p->out, &c, r);
}

static void on_retract(void *ctx, const struct request *r)
{
	stats_retract(((struct replay *)ctx)->stats, r);
}

static char *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *data;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	data = calloc(1, *size + 8);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *size, f), *size);
	fclose(f);
	return data;
}

static void replay_item(struct replay *p, const struct golden_item *item, const void *data)
{
	uint64_t ts;

	memcpy(&ts, data, item->size >= sizeof(ts) ? sizeof(ts) : 0);
	switch (item->kind) {
	case GOLDEN_EVENT:
		p->first = p->first ? p->first : ts;
		p->last = ts;
		assert_int_equal(tracer_event(p->tracer, data, item->size), 0);
		break;
	case GOLDEN_SETTLE:
		tracer_settle(p->tracer);
		break;
	case GOLDEN_CENSUS_BEGIN:
		tracer_census_begin(p->tracer, ts);
		break;
	case GOLDEN_CENSUS_CONN:
		tracer_census_conn(p->tracer, data);
		break;
	case GOLDEN_CENSUS_END:
		tracer_census_end(p->tracer, ts);
		break;
	default:
		fail_msg("item of kind %u", item->kind);
	}
}

static void replay_stream(struct replay *p, const char *data, size_t size)
{
	size_t at = 8;

	assert_true(size > 8 && !memcmp(data, GOLDEN_MAGIC, 8));
	while (at < size) {
		struct golden_item item;

		memcpy(&item, data + at, sizeof(item));
		at += sizeof(item);
		assert_true(item.size <= size - at);
		replay_item(p, &item, data + at);
		at += (item.size + 7) & ~(size_t)7;
	}
}

static void print_summary(struct replay *p)
{
	struct summary s = {
		.host = {"golden", "0"},
		.target = {.name = "app", .alive = true, .listening = true},
		.stats = p->stats,
		.seconds = (p->last - p->first) / 1e9,
		.now = p->last,
		.start_wall_ns = p->first,
	};
	struct verdict_rules rules;

	verdict_rules_default(&rules);
	saturation_unknown(&s.saturation);
	p->stats->ledger.late_attached = tracer_counts(p->tracer)->late_attached;
	p->stats->ledger.not_http = tracer_counts(p->tracer)->not_http;
	assert_int_equal(stats_fold_routes(p->stats), 0);
	verdict_decide(&s, &rules);
	sink_summary_json(p->out, &s);
}

/* Trace lines and the summary that this stream gives; the caller frees. */
static char *replay(const char *name, size_t *size)
{
	struct tracer_options o = TRACER_DEFAULTS;
	struct replay p = {.router = router_new(100), .stats = stats_new()};
	struct request_sink sink = {.ctx = &p, .begin = on_begin, .end = on_end, .retract = on_retract};
	char path[128], *data, *out = NULL;
	size_t n;

	snprintf(path, sizeof(path), GOLDEN_DIR "%s.events", name);
	data = read_file(path, &n);
	if (!data)
		fail_msg("%s is missing (the tests run from the top of the tree)", path);
	p.tracer = tracer_new(&o, p.router, &sink);
	p.out = open_memstream(&out, size);
	replay_stream(&p, data, n);
	print_summary(&p);
	assert_true(ledger_balances(&p.stats->ledger));
	assert_int_equal(p.stats->ledger.unknown, 0);
	fclose(p.out);
	tracer_free(p.tracer);
	router_free(p.router);
	stats_free(p.stats);
	free(data);
	return out;
}

static void check(void **state)
{
	const char *name = *state;
	char path[128], *got, *want;
	size_t n, m;

	got = replay(name, &n);
	snprintf(path, sizeof(path), GOLDEN_DIR "%s.expected", name);
	if (getenv("RS_GOLDEN_UPDATE")) {
		FILE *f = fopen(path, "wb");

		assert_non_null(f);
		fwrite(got, 1, n, f);
		fclose(f);
	}
	want = read_file(path, &m);
	assert_non_null(want);
	assert_string_equal(got, want);
	free(got);
	free(want);
}

int main(void)
{
	static char names[][32] = {"debian-asyncio-h11", "debian-uvloop-httptools",
				   "debian-asyncio-h11-uds", "pypi-asyncio-httptools",
				   "pypi-uvloop-h11"};
	const struct CMUnitTest tests[] = {
		{names[0], check, NULL, NULL, names[0]}, {names[1], check, NULL, NULL, names[1]},
		{names[2], check, NULL, NULL, names[2]}, {names[3], check, NULL, NULL, names[3]},
		{names[4], check, NULL, NULL, names[4]},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
