// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_log.c - the log of a session: the summary of each interval, and the signals.
 */
#include "session_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "exit.h"

/* What counts since the start of the run, at the begin of the interval. */
struct seen {
	uint64_t events, dropped, unattributed_drops, routes_overflow;
	struct summary_opaque opaque;
	uint64_t not_http, late_attached, evicted;
};

struct log_state {
	struct snapshot *snapshot; /* its own: the verb may hold a summary of the session's */
	struct seen seen;
	uint32_t deploys; /* told so far */
	bool started;
};

int session_log_open(struct session *s)
{
	int code = log_open(&s->log, s->options);

	if (code || !s->log)
		return code;
	s->log_state = calloc(1, sizeof(*s->log_state));
	if (s->log_state)
		return 0;
	fprintf(stderr, "reqscope: out of memory\n");
	return EXIT_RUNTIME;
}

void session_log_start(struct session *s)
{
	struct log_source source = {s->host, s->target.name, s->wall_offset};

	if (!s->log)
		return;
	log_start(s->log, &source, s->started);
	s->log_state->started = true;
}

/* --- an interval */

static uint64_t rise(uint64_t *before, uint64_t now)
{
	uint64_t n = now > *before ? now - *before : 0;

	*before = now;
	return n;
}

/* From since the start to since the last line. */
static void count_anew(struct summary *sum, struct seen *seen)
{
	struct ledger *l = &sum->stats->ledger;

	sum->tracer.events = rise(&seen->events, sum->tracer.events);
	sum->tracer.dropped = rise(&seen->dropped, sum->tracer.dropped);
	sum->tracer.unattributed_drops =
		rise(&seen->unattributed_drops, sum->tracer.unattributed_drops);
	sum->tracer.routes_overflow = rise(&seen->routes_overflow, sum->tracer.routes_overflow);
	l->not_http = rise(&seen->not_http, l->not_http);
	l->late_attached = rise(&seen->late_attached, l->late_attached);
	l->evicted = rise(&seen->evicted, l->evicted);
}

/* By their number: one began to start in one interval and may have taken over in a later one. */
static void leave_earlier_deploys(struct session *s, struct summary *sum)
{
	uint32_t all = deploys_count(s), fresh = all - s->log_state->deploys;

	s->log_state->deploys = all;
	if (fresh >= sum->n_deploys)
		return;
	sum->deploys += sum->n_deploys - fresh;
	sum->n_deploys = fresh;
}

/* In memory of its own: the verb may hold a summary that it asked for. */
static struct summary *summarise(struct session *s, struct stats *stats)
{
	struct snapshot *shown = s->snapshot;
	struct summary *sum = NULL;

	s->snapshot = s->log_state->snapshot;
	if (s->snapshot || !snapshot_new(s)) {
		s->log_state->snapshot = s->snapshot;
		sum = session_summary_of(s, stats);
	}
	s->snapshot = shown;
	return sum;
}

/* For the verdict the whole run may count; in the line it is what came in the interval, so that
   lines add up. */
static void decide(struct session *s, struct summary *sum)
{
	struct summary_opaque all = sum->opaque, *seen = &s->log_state->seen.opaque;

	summary_opaque_since(sum, seen, s->total->ledger.started, &s->options->rules);
	verdict_decide(sum, &s->options->rules);
	sum->opaque = (struct summary_opaque){
		.tls = all.tls - seen->tls,
		.http2 = all.http2 - seen->http2,
		.proxy = all.proxy - seen->proxy,
		.other = all.other - seen->other,
	};
	*seen = all;
}

static void log_interval(struct session *s)
{
	struct summary *sum = summarise(s, log_stats(s->log));

	if (!sum) {
		s->failed = true;
		return;
	}
	count_anew(sum, &s->log_state->seen);
	leave_earlier_deploys(s, sum);
	decide(s, sum);
	log_summary(s->log, sum);
}

void session_log(struct session *s)
{
	if (log_due(s->log, s->now))
		log_interval(s);
	log_flush(s->log, session_now());
}

void session_log_close(struct session *s)
{
	struct snapshot *shown = s->snapshot;

	if (s->log && s->log_state && s->log_state->started)
		log_interval(s);
	log_close(s->log);
	s->log = NULL;
	if (s->log_state) {
		s->snapshot = s->log_state->snapshot;
		snapshot_free(s);
		s->snapshot = shown;
		free(s->log_state);
		s->log_state = NULL;
	}
}

/* --- signals */

/* A terminal that was closed sends SIGHUP too; what runs on it is over then. */
static bool is_terminal_gone(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		errno = 0;
		if (!isatty(fd) && errno == EIO)
			return true;
	}
	return false;
}

bool session_signalled(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGHUP || is_terminal_gone() ||
		    !log_reopen(s->log, session_now()))
			return true;
	return false;
}
