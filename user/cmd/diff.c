// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * diff.c - two recordings or summaries, or the two sides of a deploy inside one recording: what
 * changed, and is it more than noise.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/summary_read.h"
#include "../exit.h"
#include "../output.h"
#include "../replay.h"
#include "../sink/diff.h"

/* A pipeline asks whether it got worse, so errors of any kind are 2 and above. */
#define EXIT_SAME  0
#define EXIT_WORSE 1
#define EXIT_ERROR 2

#define SUMMARY_MAX_BYTES (64 << 20)
#define MAX_SITES	  (1 << 20) /* merged summaries hold those of many hosts */

struct side {
	struct series *series;
	struct sites *sites; /* of both sides; cmd_diff()'s */
	double seconds;
	struct diff_side about;
	char *target, *version; /* owned; what `about` points to */
	bool failed;		/* out of memory while counting */
};

static int no_memory(void)
{
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_ERROR;
}

/* --- summaries */

static int cannot_read(const char *path, int error)
{
	fprintf(stderr, "reqscope: cannot read %s: %s\n", path, strerror(error));
	return EXIT_ERROR;
}

static int foreign(const char *path)
{
	fprintf(stderr,
		"reqscope: %s is neither a recording (reqscope record) nor a summary "
		"(reqscope summary --format json)\n",
		path);
	return EXIT_ERROR;
}

/* As much as a summary may have, and one byte more if there is more. NULL: errno says why. */
static char *read_stream(FILE *f, size_t *len)
{
	char *text = NULL;
	size_t room = 0;

	*len = 0;
	do {
		char *more;

		room = room ? 2 * room : 1 << 16;
		more = realloc(text, room);
		if (!more) {
			free(text);
			errno = ENOMEM;
			return NULL;
		}
		text = more;
		*len += fread(text + *len, 1, room - *len, f);
	} while (*len == room && *len <= SUMMARY_MAX_BYTES);
	if (!ferror(f))
		return text;
	free(text);
	return NULL;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text;
	int error;

	if (!f)
		return NULL;
	text = read_stream(f, len);
	error = errno;
	fclose(f);
	errno = error;
	return text;
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

static int take_summary(struct side *side, struct summary *s)
{
	side->seconds = s->seconds;
	side->about.start_wall_ns = s->start_wall_ns;
	side->about.target = side->target = copy(s->target.name);
	/* its own sites go with it */
	if (stats_move_sites(s->stats, side->sites) || series_from_stats(side->series, s->stats))
		return no_memory();
	return 0;
}

static int read_summary(struct side *side, const char *path, struct router *router)
{
	struct summary_read_error e = {0};
	struct summary *s;
	size_t len;
	char *text = read_file(path, &len);
	int code;

	side->about.kind = "summary";
	if (!text)
		return cannot_read(path, errno);
	if (len > SUMMARY_MAX_BYTES || text[strspn(text, " \t\r\n")] != '{') {
		free(text);
		return foreign(path);
	}
	s = summary_read(text, len, router, &e);
	free(text);
	if (!s) {
		fprintf(stderr, "reqscope: %s is no summary that can be read: %s\n", path, e.text);
		return EXIT_ERROR;
	}
	code = take_summary(side, s);
	summary_read_free(s);
	return code;
}

/* --- recordings */

static void count(struct side *side, const struct request *r)
{
	if (series_add(side->series, r) == -ENOMEM)
		side->failed = true;
}

static void on_ended(void *ctx, const struct request *r)
{
	count(ctx, r);
}

static void take_span(struct side *side, uint64_t from, uint64_t to, int64_t wall_offset)
{
	side->seconds = to > from ? (double)(to - from) / 1e9 : 0;
	side->about.start_wall_ns = from + (uint64_t)wall_offset;
	side->about.kind = "recording";
}

static int error_of(int code)
{
	return code == EXIT_RUNTIME ? EXIT_ERROR : code;
}

static int read_recording(struct side *side, const char *path, const struct options *o,
			  struct router *router)
{
	struct replay_callbacks cb = {.ctx = side, .ended = on_ended};
	uint64_t from, to;
	int64_t wall_offset;
	struct replay *r;
	int code = replay_open(&r, path, o, router, side->sites);

	if (!code)
		code = replay_run(r, &cb);
	if (!code) {
		replay_span(r, &from, &to, &wall_offset);
		take_span(side, from, to, wall_offset);
		side->about.target = side->target = copy(replay_target(r));
		if (side->failed || series_fold_routes(side->series))
			code = no_memory();
	}
	replay_close(r);
	return error_of(code);
}

static int read_side(struct side *side, const char *path, const struct options *o,
		     struct router *router)
{
	if (access(path, R_OK))
		return cannot_read(path, errno);
	if (replay_is_recording(path))
		return read_recording(side, path, o, router);
	if (o->from || o->to || o->route) {
		fprintf(stderr,
			"reqscope: %s is no recording: --from, --to and --route choose among the "
			"requests of recordings\n",
			path);
		return EXIT_ERROR;
	}
	return read_summary(side, path, router);
}

/* --- the two sides of a deploy */

struct deploy {
	struct side *before, *after;
	uint64_t from; /* monotonic ns: the deploy before it, 0 when there was none */
	uint64_t at;   /* the new generation's start */
};

/* Requests under way at that moment belong to what they came to. */
static void on_ended_around(void *ctx, const struct request *r)
{
	struct deploy *d = ctx;
	uint64_t came = r->arrived ? r->arrived : r->seen;

	if (came >= d->from)
		count(came < d->at ? d->before : d->after, r);
}

static uint64_t deploy_at(const struct summary *s, uint32_t i)
{
	return s->deploys[i].at_wall_ns - (uint64_t)s->wall_offset;
}

/* The last deploy that the recording tells of; what came before one before it is not its business.
 */
static int find_deploy(struct deploy *d, struct replay *r, const char *path)
{
	struct replay_callbacks none = {0};
	const struct summary_deploy *last;
	const struct summary *s;
	int code = replay_run(r, &none);

	if (code)
		return code;
	s = replay_summary(r);
	if (!s)
		return no_memory();
	if (!s->n_deploys) {
		fprintf(stderr,
			"reqscope: %s tells of no deploy: name a second recording or summary to "
			"compare it with\n",
			path);
		return EXIT_ERROR;
	}
	last = &s->deploys[s->n_deploys - 1];
	d->at = deploy_at(s, s->n_deploys - 1);
	d->from = s->n_deploys > 1 ? deploy_at(s, s->n_deploys - 2) : 0;
	d->before->about.version = d->before->version = copy(last->before.version);
	d->after->about.version = d->after->version = copy(last->after.version);
	return 0;
}

static int split(struct deploy *d, struct replay *r)
{
	struct replay_callbacks cb = {.ctx = d, .ended = on_ended_around};
	struct side *a = d->before, *b = d->after;
	uint64_t from, to;
	int64_t wall_offset;
	int code = replay_run(r, &cb);

	if (code)
		return code;
	replay_span(r, &from, &to, &wall_offset);
	take_span(a, d->from > from ? d->from : from, d->at, wall_offset);
	take_span(b, d->at, to, wall_offset);
	a->about.target = a->target = copy(replay_target(r));
	b->about.target = b->target = copy(replay_target(r));
	if (a->failed || b->failed || series_fold_routes(a->series) ||
	    series_fold_routes(b->series))
		return no_memory();
	return 0;
}

static int read_deploy(struct side sides[2], const char *path, const struct options *o,
		       struct router *router)
{
	struct deploy d = {.before = &sides[0], .after = &sides[1]};
	struct replay *r;
	int code;

	if (access(path, R_OK))
		return cannot_read(path, errno);
	if (!replay_is_recording(path)) {
		fprintf(stderr,
			"reqscope: %s is no recording: only a recording of a deploy can be "
			"compared "
			"with itself; name two files\n",
			path);
		return EXIT_ERROR;
	}
	code = replay_open(&r, path, o, router, sides[0].sites);
	if (!code)
		code = find_deploy(&d, r, path);
	if (!code)
		code = split(&d, r);
	replay_close(r);
	return error_of(code);
}

/* --- both */

static int read_both(struct side sides[2], const struct options *o, struct router *router)
{
	int code;

	if (o->n_args == 1)
		return read_deploy(sides, o->args[0], o, router);
	code = read_side(&sides[0], o->args[0], o, router);
	if (!code)
		code = read_side(&sides[1], o->args[1], o, router);
	/* What folded in the second only is one route on both sides. */
	if (!code && series_fold_routes(sides[0].series))
		code = no_memory();
	return code;
}

/* Two files that have nothing in common are a mistake, not a change. */
static int comparable(const struct comparison *c, const struct diff *d)
{
	if (c->rows[0].before && c->rows[0].after && (c->in_both || c->n_rows == 1))
		return 0;
	if (c->rows[0].before && c->rows[0].after)
		fprintf(stderr,
			"reqscope: %s and %s have no route in common (%u and %u of their own): are "
			"they of the same service?\n",
			d->before.source, d->after.source, c->only_before, c->only_after);
	else
		fprintf(stderr, "reqscope: no request %s %s: nothing to compare\n",
			!d->deploy	    ? "in"
			: c->rows[0].before ? "after the deploy in"
					    : "before the deploy in",
			c->rows[0].before ? d->after.source : d->before.source);
	return EXIT_ERROR;
}

static int print(const struct options *o, const struct diff *d)
{
	struct term_options term;
	struct output out = {};
	int code = output_open(&out, o), other;

	if (!code && o->format == FORMAT_JSON) {
		sink_diff_json(out.f, d);
	} else if (!code) {
		output_terminal(out.f, &term);
		sink_diff_text(out.f, d, &term);
	}
	other = output_close(&out);
	return error_of(code ? code : other);
}

static int compare_sides(const struct side sides[2], const struct options *o)
{
	struct compare_rules rules = {.level = o->level, .min_effect = o->min_effect};
	struct diff d = {
		.before = sides[0].about, .after = sides[1].about, .deploy = o->n_args == 1};
	struct comparison *c = compare(sides[0].series, sides[0].seconds, sides[1].series,
				       sides[1].seconds, &rules);
	int code;

	if (!c)
		return no_memory();
	d.comparison = c;
	code = comparable(c, &d);
	if (!code)
		code = print(o, &d);
	if (!code)
		code = c->worse ? EXIT_WORSE : EXIT_SAME;
	comparison_free(c);
	return code;
}

int cmd_diff(const struct options *o)
{
	struct router *router = router_new(REPLAY_MAX_ROUTES);
	struct sites *sites = sites_new_max(MAX_SITES);
	struct side sides[2] = {{.series = series_new(), .sites = sites},
				{.series = series_new(), .sites = sites}};
	int code = EXIT_ERROR;

	for (int i = 0; i < 2; i++)
		sides[i].about.source = o->args[i < (int)o->n_args ? i : 0];
	if (!router || !sites || !sides[0].series || !sides[1].series)
		no_memory();
	else if (!replay_check_output(o))
		code = read_both(sides, o, router);
	if (!code)
		code = compare_sides(sides, o);
	for (int i = 0; i < 2; i++) {
		series_free(sides[i].series);
		free(sides[i].target);
		free(sides[i].version);
	}
	router_free(router);
	sites_free(sites);
	return code;
}
