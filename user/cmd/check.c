// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * check.c - a monitoring check: watches for a while, once or again and again, or reads a recording,
 * and holds a file of conditions against what it saw. Speaks and exits as the monitoring plugins
 * do, also of its own failures: a monitoring system shows what is on stdout, and takes any other
 * exit code for a broken plugin.
 */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../exit.h"
#include "../output.h"
#include "../replay.h"
#include "../session.h"
#include "../sink/plugin.h"

#define DEFAULT_NS  10000000000ULL
#define MAX_TICK_NS 100000000ULL

/* What counts up since the start of the run, at the begin of the window. */
struct before {
	uint64_t events, dropped, unattributed;
	uint64_t not_http, late_attached, evicted;
	struct summary_opaque opaque;
};

struct watch {
	const struct options *o;
	struct options own; /* the session's: its duration is ours */
	struct check_file file;
	struct output out;
	struct session *s;
	struct stats *window; /* since the last check */
	int64_t begun;	      /* requests, since the start of the run */
	struct before before;
	uint64_t started, due; /* monotonic ns; when the next check is */
	enum check_state state;
	bool checked;
	bool broken; /* nobody takes the output any more */
};

/* --- problems */

static enum check_state problem(const struct options *o, enum check_state state, const char *text,
				const char *more)
{
	struct plugin_problem p = {state, text, more};

	if (o && o->format == FORMAT_JSON)
		sink_problem_json(stdout, &p);
	else
		sink_problem_text(stdout, &p);
	fflush(stdout);
	return state;
}

int check_refused(const char *what)
{
	return problem(NULL, CHECK_UNKNOWN, what, "Try 'reqscope check --help'.");
}

static enum check_state no_memory(const struct watch *w)
{
	return problem(w->o, CHECK_UNKNOWN, "out of memory", NULL);
}

/* What others say on stderr while it is kept, so that it can go where a monitoring system looks. */
struct heard {
	FILE *real;
	char *text;
	size_t size;
};

static void listen_in(struct heard *h)
{
	FILE *f;

	*h = (struct heard){};
	f = open_memstream(&h->text, &h->size);
	if (!f)
		return;
	h->real = stderr;
	stderr = f;
}

static void listen_no_more(struct heard *h)
{
	if (!h->real)
		return;
	fclose(stderr);
	stderr = h->real;
}

/* The last message and the lines that belong to it; what came before goes to stderr after all. */
static enum check_state tell(const struct watch *w, struct heard *h, enum check_state state)
{
	static const char mark[] = "reqscope: ";
	char *last = h->text, *next = last, *end;

	while (next && (next = strstr(next, mark))) {
		if (next == h->text || next[-1] == '\n')
			last = next;
		next++;
	}
	if (!last || !*last)
		return problem(w->o, state, "it failed without a message", NULL);
	fwrite(h->text, 1, (size_t)(last - h->text), stderr);
	last += strncmp(last, mark, sizeof(mark) - 1) ? 0 : sizeof(mark) - 1;
	end = last + strcspn(last, "\n");
	if (*end)
		*end++ = '\0';
	return problem(w->o, state, last, end);
}

/* Whose session could not begin: a target that is not there is what is checked for. */
static enum check_state state_of(int code)
{
	return code == EXIT_TARGET ? CHECK_CRITICAL : CHECK_UNKNOWN;
}

/* --- the file */

/* At most one byte more than a check file may have. NULL after a message. */
static char *read_file(const struct watch *w, const char *name, size_t *len)
{
	char *text = malloc(CHECK_FILE_MAX + 1), why[512];
	FILE *f = fopen(name, "re");

	if (text && f) {
		*len = fread(text, 1, CHECK_FILE_MAX + 1, f);
		if (!ferror(f)) {
			fclose(f);
			return text;
		}
	}
	snprintf(why, sizeof(why), "cannot read %s: %s", name,
		 text ? strerror(errno) : "out of memory");
	problem(w->o, CHECK_UNKNOWN, why, NULL);
	if (f)
		fclose(f);
	free(text);
	return NULL;
}

static enum check_state load(struct watch *w)
{
	struct check_error error;
	char where[32] = "", *text, *what = NULL;
	size_t len;
	int err;

	text = read_file(w, w->o->config, &len);
	if (!text)
		return CHECK_UNKNOWN;
	err = check_file_parse(&w->file, text, len, &error);
	free(text);
	if (!err)
		return CHECK_OK;
	if (error.line)
		snprintf(where, sizeof(where), ":%u", error.line);
	if (err == -ENOMEM || asprintf(&what, "%s%s: %s", w->o->config, where, error.text) < 0)
		return no_memory(w);
	problem(w->o, CHECK_UNKNOWN, what, NULL);
	free(what);
	return CHECK_UNKNOWN;
}

/* --- one check */

static void print(struct watch *w, const struct check_report *r)
{
	if (w->o->format == FORMAT_JSON)
		sink_check_json(w->out.f, r);
	else
		sink_check_text(w->out.f, r);
	w->broken = output_broken(&w->out);
}

static void check(struct watch *w, const struct summary *s)
{
	struct check_report report;

	if (check_evaluate(&report, &w->file, s)) {
		w->state = no_memory(w);
	} else {
		w->state = report.state;
		print(w, &report);
	}
	w->checked = true;
	check_report_free(&report);
}

/* --- the window: each check is of what came since the one before */

static void began(void *ctx, const struct request *r)
{
	struct watch *w = ctx;

	w->begun++;
	stats_begin(w->window, r);
}

static void ended(void *ctx, const struct request *r)
{
	stats_end(((struct watch *)ctx)->window, r); /* the session tells of lack of memory */
}

static void retracted(void *ctx, const struct request *r)
{
	struct watch *w = ctx;

	w->begun--;
	stats_retract(w->window, r);
}

static void stalled(void *ctx, const struct stall *stall)
{
	stats_stall(((struct watch *)ctx)->window, stall);
}

static void background(void *ctx, const struct site *site)
{
	stats_background(((struct watch *)ctx)->window, site);
}

static void looped(void *ctx, const struct loop_time *delta)
{
	stats_loop(((struct watch *)ctx)->window, delta);
}

static struct before counts_of(const struct summary *s)
{
	const struct ledger *l = &s->stats->ledger;

	return (struct before){
		.events = s->tracer.events,
		.dropped = s->tracer.dropped,
		.unattributed = s->tracer.unattributed_drops,
		.not_http = l->not_http,
		.late_attached = l->late_attached,
		.evicted = l->evicted,
		.opaque = s->opaque,
	};
}

/* What counts since the start of the run in a summary of the window, counted since the last check.
 */
static void count_window(struct watch *w, struct summary *s)
{
	const struct before *b = &w->before, now = counts_of(s);
	struct ledger *l = &w->window->ledger;

	l->not_http -= b->not_http;
	l->late_attached -= b->late_attached;
	l->evicted -= b->evicted;
	s->tracer.events -= b->events;
	s->tracer.dropped -= b->dropped;
	s->tracer.unattributed_drops -= b->unattributed < s->tracer.unattributed_drops
						? b->unattributed
						: s->tracer.unattributed_drops;
	summary_opaque_since(s, &b->opaque, w->begun, &w->o->rules);
	verdict_decide(s, &w->o->rules);
	w->before = now;
}

static void check_window(struct watch *w)
{
	struct summary *s = session_summary_of(w->s, w->window);

	if (!s) {
		w->state = no_memory(w);
		return;
	}
	count_window(w, s);
	check(w, s);
	stats_reset(w->window, s->now);
}

static int tick(void *ctx, uint64_t now)
{
	struct watch *w = ctx;

	if (now < w->due)
		return 0;
	check_window(w);
	while (w->due <= now)
		w->due += w->o->every;
	return w->broken;
}

/* When the run is over: its only check, or a last one if the target has gone or most of an interval
   has passed. One that somebody ended is no matter of a part of an interval. */
static void last_check(struct watch *w)
{
	uint64_t now = session_now();
	bool full = w->own.duration && now >= w->started + w->own.duration &&
		    now - w->window->from >= w->o->every / 2;
	const struct summary *sum = w->checked && !full ? session_summary(w->s) : NULL;

	if (w->broken)
		return;
	if (!w->checked || full || (sum && !sum->target.alive && !w->o->n_ports))
		check_window(w);
}

/* --- live */

static int open_session(struct watch *w)
{
	struct session_callbacks cb = {
		.ctx = w,
		.began = began,
		.ended = ended,
		.retracted = retracted,
		.stalled = stalled,
		.background = background,
		.looped = looped,
		.tick = w->o->every ? tick : NULL,
		.tick_ns = w->o->every < MAX_TICK_NS ? w->o->every : MAX_TICK_NS,
		.input_fd = -1,
	};
	int code = session_open(&w->s, &w->own, &cb);

	if (!code)
		code = output_open(&w->out, w->o);
	w->started = session_now();
	w->window->from = w->started;
	w->due = w->started + w->o->every;
	return code;
}

static enum check_state watch(struct watch *w)
{
	struct heard heard;
	int code;

	w->own = *w->o;
	if (!w->own.duration && !w->o->every)
		w->own.duration = DEFAULT_NS;
	w->window = stats_new();
	if (!w->window)
		return no_memory(w);
	listen_in(&heard);
	code = open_session(w);
	listen_no_more(&heard);
	if (code) {
		w->state = tell(w, &heard, state_of(code));
	} else {
		fputs(heard.text ? heard.text : "", stderr);
		if (session_run(w->s))
			w->state = problem(w->o, CHECK_UNKNOWN, "the run failed, see stderr", NULL);
		else
			last_check(w);
	}
	free(heard.text);
	session_close(w->s);
	stats_free(w->window);
	return output_close(&w->out) ? CHECK_UNKNOWN : w->state;
}

/* --- a recording */

static int read_recording(struct watch *w, struct router *router, struct sites *sites,
			  struct replay **recording)
{
	static const struct replay_callbacks none = {};
	int code = replay_open(recording, w->o->args[0], w->o, router, sites);

	if (!code)
		code = replay_run(*recording, &none);
	return code ? code : output_open(&w->out, w->o);
}

static enum check_state replay(struct watch *w)
{
	struct router *router = router_new(REPLAY_MAX_ROUTES);
	struct sites *sites = sites_new();
	struct replay *recording = NULL;
	const struct summary *sum = NULL;
	struct heard heard;
	int code;

	if (!router || !sites) {
		router_free(router);
		sites_free(sites);
		return no_memory(w);
	}
	listen_in(&heard);
	code = read_recording(w, router, sites, &recording);
	listen_no_more(&heard);
	if (code) {
		w->state = tell(w, &heard, CHECK_UNKNOWN);
	} else {
		fputs(heard.text ? heard.text : "", stderr);
		sum = replay_summary(recording);
		if (sum)
			check(w, sum);
		else
			w->state = no_memory(w);
	}
	free(heard.text);
	replay_close(recording);
	router_free(router);
	sites_free(sites);
	return output_close(&w->out) ? CHECK_UNKNOWN : w->state;
}

/* What does not go together, or NULL. */
static const char *contradiction(const struct options *o)
{
	bool target = o->n_pids || o->n_ports || o->unit || o->cgroup || o->wait;

	if (!o->config)
		return "'check' wants -c FILE, the file with the checks (see reqscope(1), CHECK "
		       "FILE)";
	if (!o->n_args && (o->from || o->to))
		return "--from and --to are of a recording; name one";
	if (o->n_args && (o->every || o->duration || target))
		return "a recording has its own target and time: no --every, -d, -p, --port, "
		       "--unit, --cgroup "
		       "or --wait with it (--from and --to choose a part)";
	if (o->n_args && (o->log.to || o->routes_file || o->insight || o->stall_ns))
		return "what a recording holds was settled when it was made: no --log, --routes, "
		       "--insight or --stall-ms with it";
	return NULL;
}

int cmd_check(const struct options *o)
{
	struct watch w = {.o = o, .state = CHECK_UNKNOWN};
	const char *wrong = contradiction(o);
	enum check_state state;

	if (wrong)
		return problem(o, CHECK_UNKNOWN, wrong, "Try 'reqscope check --help'.");
	state = load(&w);
	if (state == CHECK_OK)
		state = o->n_args ? replay(&w) : watch(&w);
	check_file_free(&w.file);
	return state;
}
