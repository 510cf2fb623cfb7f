/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_recfile.c - a recording as somebody else may hand it over. The first byte decides: 0, the
 * rest is a file; else the rest is what a block holds, put into a file whose checksums fit, as a
 * forger would.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "../../user/core/recfile.h"
#include "../../user/sink/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

struct ctx {
	struct stats *stats;
	struct kept_summary *kept;
	FILE *null;
	unsigned lines;
};

static void check(const struct request *r)
{
	MUST(r->http.path_len < HTTP1_PATH_MAX && !r->http.path[r->http.path_len]);
	MUST(memchr(r->http.method, 0, sizeof(r->http.method)));
	MUST(memchr(r->http.trace_id, 0, sizeof(r->http.trace_id)));
	MUST(r->end < REQ_ENDS && r->cache < CACHE_KINDS && !*r->http.host);
	if (r->route)
		MUST(!route_final(r->route)->folded_into);
}

/* The first lines only: what they print does not depend on how many there were. */
static void print(struct ctx *c, const struct request *r, uint64_t now, const char *where)
{
	struct trace_context t = {.host = "h", .target = "t", .now = now, .where = where};
	struct term_options o = {.columns = 120};

	if (c->lines++ > 50)
		return;
	sink_trace_json(c->null, &t, r);
	sink_trace_text(c->null, &t, r, &o);
}

static void on_begin(void *ctx, const struct request *r)
{
	stats_begin(((struct ctx *)ctx)->stats, r);
}

static void on_end(void *ctx, const struct request *r)
{
	struct ctx *c = ctx;

	check(r);
	MUST(r->end != REQ_OPEN);
	MUST(!stats_end(c->stats, r));
	print(c, r, r->ended, NULL);
}

static void on_retract(void *ctx, const struct request *r)
{
	stats_retract(((struct ctx *)ctx)->stats, r);
}

static void on_stuck(void *ctx, const struct request *r, uint64_t now, const char *where)
{
	check(r);
	MUST(r->end == REQ_OPEN);
	print(ctx, r, now, where);
}

static void on_stall(void *ctx, const struct stall *stall)
{
	MUST(stall->site && stall->start <= stall->end);
	MUST(!stats_stall(((struct ctx *)ctx)->stats, stall));
}

static void on_background(void *ctx, const struct site *site, uint64_t now)
{
	(void)now;
	MUST(site);
	MUST(!stats_background(((struct ctx *)ctx)->stats, site));
}

static void on_loop(void *ctx, const struct loop_time *delta, uint64_t now)
{
	(void)now;
	stats_loop(((struct ctx *)ctx)->stats, delta);
}

static void on_state(void *ctx, const struct summary *s)
{
	struct ctx *c = ctx;

	MUST(s->n_open <= SUMMARY_MAX_OPEN);
	for (uint32_t i = 0; i < s->n_open; i++)
		check(s->open[i].request);
	MUST(s->n_waits <= SUMMARY_MAX_WAITS);
	for (uint32_t i = 0; i < s->n_waits; i++)
		MUST(s->waits[i].where && s->waits[i].on);
	kept_summary_set(c->kept, s);
}

static void finish(struct ctx *c)
{
	struct summary *s = kept_summary_get(c->kept);
	struct term_options o = {.columns = 80};
	struct verdict_rules rules;

	MUST(!stats_fold_routes(c->stats));
	MUST(ledger_balances(&c->stats->ledger));
	if (!s)
		return;
	s->stats = c->stats;
	rules = s->verdict.rules;
	verdict_decide(s, &rules);
	sink_summary_json(c->null, s);
	sink_summary_text(c->null, s, &o);
}

static void read_it(const void *p, size_t n)
{
	struct ctx c = {
		.stats = stats_new(), .kept = kept_summary_new(), .null = fopen("/dev/null", "w")};
	const struct recfile_sink sink = {
		.ctx = &c,
		.begin = on_begin,
		.end = on_end,
		.retract = on_retract,
		.stuck = on_stuck,
		.stall = on_stall,
		.background = on_background,
		.loop = on_loop,
		.state = on_state,
	};
	struct router *router = router_new(50);
	struct sites *sites = sites_new();
	struct recfile_damage damage;
	struct recfile_info info;
	int err;

	MUST(c.stats && c.kept && c.null && router && sites);
	err = recfile_read(p, n, router, sites, &sink, &info, &damage);
	MUST(!err || damage.damaged);
	MUST(!damage.damaged ||
	     (memchr(damage.text, 0, sizeof(damage.text)) && damage.offset <= n));
	finish(&c);
	fclose(c.null);
	stats_free(c.stats);
	kept_summary_free(c.kept);
	router_free(router);
	sites_free(sites);
}

/* --- a file around a payload */

static void put(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void forge(const uint8_t *payload, size_t n)
{
	uLongf packed = compressBound(n);
	uint8_t *p = calloc(1, RECFILE_HEAD_SIZE + RECFILE_BLOCK_SIZE + packed);
	uint8_t *block = p + RECFILE_HEAD_SIZE, *body = block + RECFILE_BLOCK_SIZE;

	MUST(p && compress2(body, &packed, payload, n, 1) == Z_OK);
	memcpy(p, "\x89RSREC\r\n", 8);
	put(p + 8, RECFILE_VERSION, 4);
	put(p + 52, crc32(0, p, 52), 4);
	put(block, 0x4b425352, 4);
	put(block + 4, n, 4);
	put(block + 8, packed, 4);
	put(block + 24, UINT64_C(1) << 62, 8);
	put(block + 64, crc32(0, body, (uInt)packed), 4);
	put(block + 68, crc32(0, block, 68), 4);
	read_it(p, RECFILE_HEAD_SIZE + RECFILE_BLOCK_SIZE + packed);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!size || size > 1 << 20)
		return 0;
	if (data[0]) {
		forge(data + 1, size - 1);
		return 0;
	}
	copy = malloc(size); /* of exactly that length, so that a byte too far is seen */
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	read_it(copy, size - 1);
	free(copy);
	return 0;
}
