// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * replay.c - opening a recording and finding the slice of it that is asked for.
 */
#include "replay_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exit.h"
#include "lib/instant.h"
#include "lib/units.h"

/* --- the wall clock */

static uint64_t wall_of(const struct replay_wall *w, uint64_t t)
{
	return t + (uint64_t)w->offset;
}

/* Monotonic; where the clock was set, the stretch that began last and not after that moment. */
static uint64_t from_wall(const struct replay *r, uint64_t wall)
{
	uint32_t i = r->n_walls - 1;
	uint64_t t;

	while (i && (int64_t)(wall - wall_of(&r->walls[i], r->walls[i].first)) < 0)
		i--;
	t = wall - (uint64_t)r->walls[i].offset;
	if ((int64_t)t < 0)
		return (int64_t)wall < r->walls[i].offset ? 0 : TIME_FAR;
	if (i + 1 < r->n_walls && t > r->walls[i + 1].first)
		return r->walls[i + 1].first;
	return t;
}

static void format_wall(char *out, size_t size, uint64_t wall)
{
	time_t t = (time_t)(wall / 1000000000u);
	struct tm tm = {};

	gmtime_r(&t, &tm);
	strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* --- the slice */

static uint64_t wall_first(const struct replay *r)
{
	return wall_of(&r->walls[0], r->first);
}

static uint64_t wall_last(const struct replay *r)
{
	return wall_of(&r->walls[r->n_walls - 1], r->last);
}

static int resolve(const struct replay *r, const char *option, const char *text, uint64_t *wall)
{
	if (!text || !instant_parse(text, wall_first(r), wall_last(r), wall))
		return 0;
	fprintf(stderr, "reqscope: %s wants " INSTANT_WANTS ", got \"%.60s\"\n", option, text);
	return EXIT_USAGE;
}

static int nothing_there(const struct replay *r, const char *why)
{
	char first[32], last[32];

	format_wall(first, sizeof(first), wall_first(r));
	format_wall(last, sizeof(last), wall_last(r));
	fprintf(stderr, "reqscope: %s; what is recorded in %s goes from %s to %s\n", why, r->path,
		first, last);
	return EXIT_USAGE;
}

static int find_slice(struct replay *r)
{
	uint64_t from = wall_first(r), to = wall_last(r);
	int code = resolve(r, "--from", r->o->from, &from);

	if (!code)
		code = resolve(r, "--to", r->o->to, &to);
	if (code)
		return code;
	if (r->o->from)
		r->from = from_wall(r, from);
	if (r->o->to)
		r->to = from_wall(r, to);
	if (r->o->from && r->o->to && from >= to)
		return nothing_there(r, "--from is not before --to");
	if (r->o->from && from > wall_last(r))
		return nothing_there(r, "--from is after the end");
	if (r->o->to && to <= wall_first(r))
		return nothing_there(r, "--to is not after the begin");
	return r->from < r->to
		       ? 0
		       : nothing_there(r, "--from and --to hold nothing: the clock was set then");
}

void replay_slice(struct replay *r, uint64_t from, uint64_t to)
{
	r->from = from > r->from ? from : r->from;
	r->to = to < r->to ? to : r->to;
}

void replay_span(const struct replay *r, uint64_t *from, uint64_t *to, int64_t *wall_offset)
{
	uint32_t i = r->n_walls - 1;

	*from = r->from > r->first ? r->from : r->first;
	*to = r->to < r->last ? r->to : r->last;
	while (i && r->walls[i].first > *to)
		i--;
	*wall_offset = r->walls[i].offset;
}

/* --- opening */

int replay_open(struct replay **out, const char *path, const struct options *o,
		struct router *router, struct sites *sites)
{
	struct replay *r = calloc(1, sizeof(*r));
	int code;

	*out = r;
	if (!r)
		goto no_memory;
	r->o = o;
	r->router = router;
	r->to = UINT64_MAX;
	r->path = strdup(path);
	r->packed = malloc(RECFILE_BLOCK_MAX);
	r->reader = recfile_reader_new(router, sites);
	r->kept = kept_summary_new();
	if (!r->path || !r->packed || !r->reader || !r->kept)
		goto no_memory;
	code = replay_find(r, path);
	return code ? code : find_slice(r);

no_memory:
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_RUNTIME;
}

void replay_close(struct replay *r)
{
	if (!r)
		return;
	replay_forget(r);
	replay_forget_deploys(r);
	recfile_reader_free(r->reader);
	kept_summary_free(r->kept);
	stats_free(r->stats);
	free(r->packed);
	free(r->path);
	free(r);
}

/* --- what a reader has to know */

void replay_tell_gap(const struct replay *r, uint64_t from, uint64_t to)
{
	char words[UNITS_MAX];

	if (!r->told && to > from + 1000000000u && to >= r->from)
		fprintf(stderr,
			"reqscope: %s: nothing was recorded for %s, before another run began\n",
			r->path, units_duration(words, sizeof(words), (double)(to - from)));
}

void replay_tell_missing(struct replay *r)
{
	if (r->pass.failed)
		fprintf(stderr, "reqscope: out of memory: some requests are in the ledger only\n");
	if (r->pass.missing && !r->told)
		fprintf(stderr,
			"reqscope: %s: %" PRIu64
			" requests ended in blocks that are not there; they "
			"are unknown\n",
			r->path, r->pass.missing);
	r->told = true;
}

/* A summary of nothing would say that nothing happened. */
int replay_tell_nothing(const struct replay *r)
{
	fprintf(stderr, "reqscope: %s: nothing of %s can be read: it is damaged before that\n",
		r->path, r->from ? "that stretch of time" : "it");
	return EXIT_RUNTIME;
}

/* --- names */

const char *replay_host(const struct replay *r)
{
	const struct summary *s = kept_summary_get(r->kept);

	return s && s->host.name ? s->host.name : "";
}

const char *replay_target(const struct replay *r)
{
	const struct summary *s = kept_summary_get(r->kept);

	return s && s->target.name ? s->target.name : "";
}

int64_t replay_wall_offset(const struct replay *r)
{
	return r->pass.wall_offset;
}
