/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_summary.c - any bytes as a summary's JSON: refused with words, or taken. What is taken comes
 * back the same when it is written and read again, and can be merged.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/core/merge.h"
#include "../../user/core/summary_read.h"
#include "../../user/sink/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                      \
	do {                                                            \
		if (!(x)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			abort();                                        \
		}                                                       \
	} while (0)

static char *print(const struct summary *s, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	REQUIRE(f);
	sink_summary_json(f, s);
	fclose(f);
	return text;
}

/* Writes and reads again, until nothing may change any more. */
static void check_round_trip(const struct summary *s)
{
	struct router *router = router_new(1000);
	struct summary_read_error e;
	size_t n, m;
	char *text = print(s, &n), *again;
	struct summary *back = summary_read(text, n, router, &e);

	if (!back)
		fprintf(stderr, "%s\n%s", e.text, text);
	REQUIRE(back);
	again = print(back, &m);
	REQUIRE(n == m && !memcmp(text, again, n));
	free(again);
	free(text);
	summary_read_free(back);
	router_free(router);
}

static void check_merge(const char *p, const char *end)
{
	struct merge *m = merge_new();
	struct verdict_rules rules;
	struct summary_read_error why;
	struct merge_error e;
	const struct summary *all;
	struct summary *s;
	unsigned n = 0;

	REQUIRE(m);
	while (n < 8 && summary_read_next(&p, end, merge_router(m), &s, &why) > 0) {
		int err = merge_add(m, s, "x", &e);

		REQUIRE(!err || *e.text);
		n += !err;
		summary_read_free(s);
		if (err)
			break;
	}
	verdict_rules_default(&rules);
	all = merge_finish(m, &rules);
	REQUIRE(!n == !all);
	REQUIRE(!all || ledger_balances(&all->stats->ledger));
	if (n == 1)
		check_round_trip(all);
	merge_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct router *router = router_new(1000);
	const char *text = (const char *)data;
	struct summary_read_error e = {.text = ""};
	struct summary *s = summary_read(text, size, router, &e);

	REQUIRE(memchr(e.text, '\0', sizeof(e.text)));
	REQUIRE(s || *e.text);
	if (s)
		check_round_trip(s);
	summary_read_free(s);
	router_free(router);
	check_merge(text, text + size);
	return 0;
}
