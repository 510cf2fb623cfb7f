// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "session_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "capture/features.h"
#include "capture/prime.h"
#include "capture/saturation.h"
#include "exit.h"
#include "privileges.h"

#define DRAIN_MS   20	       /* the ring is looked at this often; nothing wakes us per event */
#define REFRESH_NS 200000000ULL /* deaths whose event was lost are noticed this often */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

uint64_t session_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

const char *session_host(const struct session *s)
{
	return s->host;
}

const char *session_target(const struct session *s)
{
	return s->target.name;
}

int64_t session_wall_offset(const struct session *s)
{
	return s->wall_offset;
}

int session_signal_fd(const struct session *s)
{
	return s->signal_fd;
}

void session_stop(struct session *s)
{
	s->stop = true;
}

bool session_saw_nothing(const struct session *s)
{
	return !s->capture || (!s->total->ledger.started && !target_alive(&s->target));
}

/* --- opening */

static int capture_start(struct session *s, const struct options *o)
{
	struct capture_options defaults = CAPTURE_DEFAULTS, c = {
		.pids = s->target.roots,
		.n_pids = s->target.n_roots,
		.ports = o->ports,
		.n_ports = o->n_ports,
		.ring_kib = o->ring_kib,
		.snap_in = o->snap_in,
		.snap_out = o->snap_out,
		.snap_head = RS_MAX_HEAD,
		.max_conns = o->max_conns,
		.insight = s->insight != NULL,
		.stall_ns = o->stall_ns ? o->stall_ns : defaults.stall_ns,
	};
	char error[512];
	int err = capture_open(&s->capture, &c, error, sizeof(error));

	if (!err)
		return 0;
	capture_close(s->capture);
	s->capture = NULL;
	fprintf(stderr, "reqscope: %s\n", error);
	return exit_of(err);
}

static int load_routes(struct session *s, const char *file)
{
	struct route_error error = {};
	FILE *f = fopen(file, "re");
	char *text = NULL;
	size_t len = 0;
	int err = 0;

	if (f && getdelim(&text, &len, -1, f) < 0 && ferror(f))
		err = -errno;
	if (!f || err) {
		fprintf(stderr, "reqscope: cannot read %s: %s\n", file, strerror(errno));
		err = -EINVAL;
	} else {
		len = text ? strlen(text) : 0;
		fseek(f, 0, SEEK_END);
		if (ftell(f) > 0 && (size_t)ftell(f) > len)
			len = ftell(f); /* NUL bytes are for the parser to refuse */
		err = router_load(s->router, text ? text : "", len, &error);
		if (err)
			fprintf(stderr, "reqscope: %s:%u: %s\n", file, error.line,
				err == -ENOMEM ? "out of memory" : error.text);
	}
	free(text);
	if (f)
		fclose(f);
	return err ? EXIT_USAGE : 0;
}

static int insight_all_new(struct session *s)
{
	if (insight_new(s))
		return -ENOMEM;
	s->sites = s->insight ? sites_new() : NULL;
	if (s->insight && !s->sites)
		return -ENOMEM;
	return exceptions_new(s) || loops_new(s) || waits_new(s) ? -ENOMEM : 0;
}

static int core_start(struct session *s, const struct options *o)
{
	struct tracer_options t = {.max_conns = o->max_conns, .max_open = o->max_open};
	struct request_sink sink = session_sink(s);

	s->router = router_new(o->max_routes);
	s->tracer = s->router ? tracer_new(&t, s->router, &sink) : NULL;
	s->total = stats_new();
	if (!s->tracer || !s->total || snapshot_new(s) || deploys_new(s) || insight_all_new(s)) {
		fprintf(stderr, "reqscope: out of memory\n");
		return EXIT_RUNTIME;
	}
	return o->routes_file ? load_routes(s, o->routes_file) : 0;
}

static void say_attached(const struct session *s)
{
	const struct target *t = &s->target;

	fprintf(stderr, "reqscope: attached pid=");
	for (uint32_t i = 0; i < t->n_roots; i++)
		fprintf(stderr, "%s%u", i ? "," : "", t->roots[i]);
	fprintf(stderr, " ports=");
	for (uint32_t i = 0; i < t->server.n_ports; i++)
		fprintf(stderr, "%s%u", i ? "," : "", t->server.ports[i]);
	if (!t->server.n_ports)
		fprintf(stderr, "%s", t->server.addresses[0] ? t->server.addresses : "none");
	fprintf(stderr, " probes=%u\n", capture_programs(s->capture));
}

static void name_host(struct session *s)
{
	struct utsname u;

	if (uname(&u))
		return;
	snprintf(s->host, sizeof(s->host), "%s", u.nodename);
	snprintf(s->kernel, sizeof(s->kernel), "%s", u.release);
}

/* From the beginning: a signal at any time ends the run normally. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Before the search for the target: what is not allowed must not look like a service that is down. */
static int check_privileges(void)
{
	char why[256];
	int err = features_privileges(why, sizeof(why));

	if (err)
		fprintf(stderr, "reqscope: %s\n", why);
	return exit_of(err);
}

static bool interrupted(void *ctx)
{
	return session_signalled(ctx);
}

static int attach(struct session *s, const struct options *o)
{
	int code = check_privileges();

	if (code)
		return code;
	code = target_find(&s->target, o, s->signal_fd, interrupted, s);

	s->started = session_now();
	stats_reset(s->total, s->started);
	if (code)
		return code;
	code = capture_start(s, o);
	s->started = session_now();
	stats_reset(s->total, s->started);
	if (!code) {
		session_note_turned_away(s);
		deploys_begin(s);
		insight_begin(s);
		if (session_saturation_start(s)) {
			fprintf(stderr, "reqscope: out of memory\n");
			return EXIT_RUNTIME;
		}
		say_attached(s);
	}
	if (!code && o->verbose)
		fprintf(stderr, "reqscope: arrival stamps from %s, ring %u KiB\n",
			capture_arrival_hook(s->capture), o->ring_kib);
	return code;
}

int session_open(struct session **out, const struct options *o, const struct session_callbacks *cb)
{
	struct session *s = calloc(1, sizeof(*s));
	int code;

	*out = s;
	if (!s)
		return EXIT_RUNTIME;
	s->options = o;
	s->cb = *cb;
	s->signal_fd = open_signals();
	name_host(s);
	s->wall_offset = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	code = core_start(s, o);
	if (!code)
		code = session_log_open(s);
	if (code)
		return code;
	code = attach(s, o);
	if (!code || (code == EXIT_TARGET && target_follows(&s->target)))
		session_log_start(s);
	return code;
}

void session_end(struct session *s)
{
	if (s)
		session_log_close(s);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	session_log_close(s);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	capture_close(s->capture);
	tracer_free(s->tracer);
	router_free(s->router);
	snapshot_free(s);
	deploys_free(s->deploys);
	exceptions_free(s->errors);
	loops_free(s->loops);
	waits_free(s->waits);
	insight_free(s->insight);
	saturation_free(s->saturation);
	window_free(s->window);
	stats_free(s->total);
	sites_free(s->sites);
	target_free(&s->target);
	free(s);
}

/* --- the loop */

struct stuck_walk {
	struct session *s;
	uint64_t now, limit;
	bool looked; /* where requests wait */
};

static void tell_stuck(void *ctx, struct request *r)
{
	struct stuck_walk *w = ctx;
	const char *where;

	if (r->stuck_reported || request_age(r, w->now) < w->limit)
		return;
	r->stuck_reported = true;
	if (!w->looked)
		waits_look(w->s);
	w->looked = true;
	where = waits_where(w->s, r);
	log_stuck(w->s->log, r, w->now, where);
	if (w->s->cb.stuck)
		w->s->cb.stuck(w->s->cb.ctx, r, w->now, where);
}

/* The kernel is asked first: what it knows to be answered must not be called stuck. */
static void look_for_stuck(struct session *s, uint64_t now)
{
	struct stuck_walk w = {s, now, (uint64_t)(s->options->rules.stuck_ms * 1e6), false};

	session_census(s);
	tracer_visit_open(s->tracer, tell_stuck, &w);
}

static int loop_step(struct session *s, struct pollfd *fds)
{
	int n = poll(fds, 3, (int)loops_pause(s, DRAIN_MS));

	if (n < 0 && errno != EINTR)
		return -errno;
	s->now = session_now();
	window_advance(s, s->now);
	session_drain(s);
	tracer_settle(s->tracer);
	loops_look(s);
	exceptions_settle(s);
	if (n > 0 && fds[1].revents && session_signalled(s))
		return 1;
	if (n > 0 && fds[2].revents && s->cb.input && s->cb.input(s->cb.ctx))
		return 1;
	return s->cb.drained ? s->cb.drained(s->cb.ctx) : 0;
}

/* With --port, --unit and --cgroup the target may come back; otherwise it is over when its last process has ended. */
static bool over(struct session *s, uint64_t end)
{
	if (s->stop || (end && s->now >= end))
		return true;
	return !target_follows(&s->target) && !target_alive(&s->target);
}

static void periodic(struct session *s, uint64_t *refresh, uint64_t *tick, uint64_t *stuck)
{
	if (s->now >= *refresh) {
		target_refresh(&s->target);
		if (s->ending)
			s->ending = capture_forget_ended(s->capture);
		target_look(&s->target, session_joined, s);
		deploys_look(s);
		insight_look(s);
		loops_suspect(s);
		*refresh = s->now + REFRESH_NS;
	}
	if (s->sweep && s->now >= s->sweep) {
		s->sweep = 0;
		session_census(s);
	}
	if ((s->cb.stuck || log_wants_stuck(s->log)) && s->now >= *stuck) {
		look_for_stuck(s, s->now);
		*stuck = s->now + REFRESH_NS;
	}
	if (s->cb.tick && s->now >= *tick) {
		if (s->cb.tick(s->cb.ctx, s->now))
			s->stop = true;
		*tick = s->now + s->cb.tick_ns;
	}
	session_log(s);
}

int session_run(struct session *s)
{
	uint64_t end = s->options->duration ? s->started + s->options->duration : 0;
	/* the first picture when there is something to see in it */
	uint64_t refresh = 0, tick = s->started + s->cb.tick_ns / 2, stuck = 0;
	struct pollfd fds[3] = {
		{capture_fd(s->capture), POLLIN, 0},
		{s->signal_fd, POLLIN, 0},
		{s->cb.input ? s->cb.input_fd : -1, POLLIN, 0},
	};
	int ret;

	capture_prime(s->capture);
	ret = privileges_drop(s->options, capture_wants_admin(s->capture)); /* the verb's files and terminal are open, too */
	if (ret)
		return ret;
	s->now = session_now();
	while (!ret && !over(s, end)) {
		ret = loop_step(s, fds);
		periodic(s, &refresh, &tick, &stuck);
	}
	if (s->sweep) /* its files are closed a moment after it is said to have exited */
		poll(NULL, 0, SESSION_SWEEP_NS / 1000000);
	loops_look(s); /* what a loop has done by now is in the ring */
	session_census(s);
	tracer_settle(s->tracer); /* nothing is waited for any more */
	tracer_settle(s->tracer);
	exceptions_finish(s);
	if (ret < 0)
		fprintf(stderr, "reqscope: %s\n", strerror(-ret));
	if (s->failed)
		fprintf(stderr, "reqscope: out of memory: some requests are in the ledger only\n");
	return ret < 0 ? EXIT_RUNTIME : EXIT_DONE;
}
