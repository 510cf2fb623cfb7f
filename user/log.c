// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "log_target.h"
#include "session.h"
#include "sink/log.h"

#define QUEUE_BYTES (1536u << 10)
#define QUEUE_RESERVE \
	(512u << 10)  /* for the summary lines, so that a flood of requests leaves them */
#define MAX_ROUTES 20 /* in a summary line */
#define SECOND	   1000000000ULL
#define CLOSE_MS   1000

struct log {
	const struct options *o;
	struct log_target target;
	struct lineq *q;
	struct stats *stats; /* of the interval */
	struct log_source source;
	uint64_t edge;	/* end of the interval */
	uint64_t now;	/* of the last flush */
	uint64_t look;	/* when the target is looked at next */
	uint64_t retry; /* when it is tried next, while it is broken */
	bool broken, off;
	FILE *f; /* where a line is made, in `text` */
	char *text;
	size_t size;
};

/* --- opening */

/* Two kinds of bytes in one stream would make lines of neither. */
static bool is_taken(const struct options *o)
{
	const char *output = o->output ? o->output : "-";

	if (strcmp(o->log.to, output))
		return false;
	if (!strcmp(output, "-"))
		fprintf(stderr,
			"reqscope: --log -: standard output is for what %s itself prints; send "
			"that to "
			"a file with -o, or the log\n",
			o->verb->name);
	else
		fprintf(stderr,
			"reqscope: --log and -o name the same file, %s; give each its own\n",
			output);
	return true;
}

static int cannot_open(const struct log_target *t, int err)
{
	const char *name = log_target_name(t);

	if (err == -ELOOP)
		fprintf(stderr,
			"reqscope: the log %s is a symbolic link, which is never followed\n", name);
	else if (err == -EBUSY)
		fprintf(stderr,
			"reqscope: the log %s is being written by another process; name another "
			"file\n",
			name);
	else if (err == -ENXIO)
		fprintf(stderr, "reqscope: the log %s is a pipe or socket that nobody reads\n",
			name);
	else if (*t->unsafe)
		fprintf(stderr,
			"reqscope: the log %s is not safe to write: %s; name another file\n", name,
			t->unsafe);
	else if (t->kind->what)
		fprintf(stderr, "reqscope: cannot log to %s (%s): %s\n", name, t->path,
			strerror(-err));
	else
		fprintf(stderr, "reqscope: cannot write the log %s: %s\n", name, strerror(-err));
	return err == -ELOOP || *t->unsafe ? EXIT_USAGE : EXIT_RUNTIME;
}

static int make(struct log *l)
{
	l->q = lineq_new(QUEUE_BYTES, QUEUE_RESERVE);
	l->stats = stats_new();
	l->f = open_memstream(&l->text, &l->size);
	return l->q && l->stats && l->f ? 0 : -ENOMEM;
}

static void log_free(struct log *l)
{
	if (l->f)
		fclose(l->f);
	free(l->text);
	stats_free(l->stats);
	lineq_free(l->q);
	free(l);
}

int log_open(struct log **out, const struct options *o)
{
	struct log *l;
	int err;

	*out = NULL;
	if (!o->log.to)
		return 0;
	if (is_taken(o))
		return EXIT_USAGE;
	l = calloc(1, sizeof(*l));
	if (!l || make(l)) {
		fprintf(stderr, "reqscope: out of memory\n");
		if (l)
			log_free(l);
		return EXIT_RUNTIME;
	}
	l->o = o;
	err = log_target_open(&l->target, o->log.to, o->log.max_size, o->log.keep);
	if (err) {
		err = cannot_open(&l->target, err);
		log_free(l);
		return err;
	}
	*out = l;
	return 0;
}

void log_start(struct log *l, const struct log_source *source, uint64_t now)
{
	if (!l)
		return;
	l->source = *source;
	l->now = now;
	l->edge = now + l->o->log.interval;
	l->look = now + SECOND;
	stats_reset(l->stats, now);
}

/* --- out of the queue */

/* Said once when it begins and once when it is over. */
static void settle(struct log *l, int err)
{
	const char *name = log_target_name(&l->target);

	if (err == -EAGAIN)
		err = 0;
	if (err == -EPIPE && l->target.kind->stays) {
		l->off = true;
		fprintf(stderr,
			"reqscope: the log's reader has gone; tracing goes on without a log\n");
		return;
	}
	if (err && !l->broken)
		fprintf(stderr, "reqscope: the log %s: %s; trying again every second\n", name,
			*l->target.unsafe ? l->target.unsafe : strerror(-err));
	if (!err && l->broken)
		fprintf(stderr,
			"reqscope: the log %s is written again; %" PRIu64
			" lines were dropped so far\n",
			name, lineq_dropped(l->q));
	l->broken = err;
	l->retry = l->now + SECOND;
}

static int write_lines(struct log *l)
{
	int err = log_target_write(&l->target, l->q);

	if (err != -ESTALE) /* deleted: a new one is made at once */
		return err;
	err = log_target_reopen(&l->target);
	return err ? err : log_target_write(&l->target, l->q);
}

static void drain(struct log *l)
{
	int err = 0;

	if (l->off || (l->broken && l->now < l->retry))
		return;
	if (l->broken)
		err = log_target_reopen(&l->target);
	settle(l, err ? err : write_lines(l));
}

void log_flush(struct log *l, uint64_t now)
{
	if (!l)
		return;
	l->now = now;
	if (now >= l->look) {
		l->look = now + SECOND;
		if (!l->broken && log_target_moved(&l->target))
			settle(l, log_target_reopen(&l->target));
	}
	if (lineq_first(l->q) || l->broken)
		drain(l);
}

bool log_reopen(struct log *l, uint64_t now)
{
	if (!l || !l->target.kind->reopens)
		return false;
	l->now = now;
	drain(l); /* what is queued belongs to the old one */
	settle(l, log_target_reopen(&l->target));
	return true;
}

/* --- into the queue */

static FILE *line_begin(struct log *l)
{
	rewind(l->f); /* clears the error indicator, too */
	return l->f;
}

static void line_end(struct log *l, const char *words, size_t words_len, enum log_priority priority,
		     bool matters)
{
	struct line_text text = {
		.words = words, .words_len = words_len, .priority = priority, .matters = matters};

	if (fflush(l->f) || ferror(l->f)) {
		lineq_lose(l->q);
		return;
	}
	text.json = l->text;
	text.json_len = l->size;
	lineq_put(l->q, &text);
	if (lineq_is_half_full(l->q)) /* many at once are no reason to drop any */
		drain(l);
}

static void request_line(struct log *l, const struct request *r, uint64_t now, const char *where,
			 enum log_priority priority)
{
	struct trace_context c = {.host = l->source.host,
				  .target = l->source.target,
				  .wall_offset = l->source.wall_offset,
				  .now = now,
				  .where = where};
	char words[LOG_WORDS_MAX];

	sink_trace_json(line_begin(l), &c, r);
	line_end(l, words, log_words_request(words, sizeof(words), r, now), priority, false);
}

void log_began(struct log *l, const struct request *r)
{
	if (l)
		stats_begin(l->stats, r);
}

int log_ended(struct log *l, const struct request *r)
{
	enum log_priority priority;

	if (!l)
		return 0;
	priority = log_priority_request(r, &l->o->rules);
	if (!l->off && (l->o->log.requests == LOG_ALL ||
			(l->o->log.requests == LOG_PROBLEMS && priority != PRIORITY_INFO)))
		request_line(l, r, r->ended, NULL, priority);
	return stats_end(l->stats, r);
}

void log_retracted(struct log *l, const struct request *r)
{
	if (l)
		stats_retract(l->stats, r);
}

bool log_wants_stuck(const struct log *l)
{
	return l && !l->off && l->o->log.requests != LOG_NONE;
}

void log_stuck(struct log *l, const struct request *r, uint64_t now, const char *where)
{
	if (log_wants_stuck(l))
		request_line(l, r, now, where, PRIORITY_WARNING);
}

int log_stall(struct log *l, const struct stall *stall)
{
	return l ? stats_stall(l->stats, stall) : 0;
}

int log_background(struct log *l, const struct site *site)
{
	return l ? stats_background(l->stats, site) : 0;
}

void log_loop(struct log *l, const struct loop_time *delta)
{
	if (l)
		stats_loop(l->stats, delta);
}

/* --- intervals */

struct stats *log_stats(struct log *l)
{
	return l->stats;
}

bool log_due(const struct log *l, uint64_t now)
{
	return l && !l->off && now >= l->edge;
}

void log_summary(struct log *l, const struct summary *s)
{
	enum log_priority priority = log_priority_verdict(s->verdict.state);
	char words[LOG_WORDS_MAX];
	size_t len = log_words_summary(words, sizeof(words), s);
	struct sink_line line = {.wall_ns = s->now + (uint64_t)s->wall_offset,
				 .level = log_level(priority),
				 .message = words,
				 .max_routes = MAX_ROUTES};

	if (l->target.kind->brief)
		sink_log_json(line_begin(l), s, &line);
	else
		sink_summary_json_line(line_begin(l), s, &line);
	line_end(l, words, len, priority, true);
	stats_reset(l->stats, s->now);
	while (l->edge <= s->now)
		l->edge += l->o->log.interval;
}

/* --- the end */

static void wait_for_room(struct log *l)
{
	uint64_t end = session_now() + CLOSE_MS * 1000000ULL;

	while (!l->off) {
		struct pollfd p = {l->target.fd, POLLOUT, 0};

		l->now = session_now();
		l->retry = 0;
		drain(l);
		if (!lineq_first(l->q) || l->broken || l->now >= end)
			return;
		poll(&p, 1, (int)((end - l->now) / 1000000) + 1);
	}
}

void log_close(struct log *l)
{
	uint64_t lost;

	if (!l)
		return;
	wait_for_room(l);
	lost = lineq_missing(l->q);
	if (lost && !l->off)
		fprintf(stderr,
			"reqscope: the last %" PRIu64 " lines of the log could not be written\n",
			lost);
	log_target_close(&l->target);
	log_free(l);
}
