// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_summary.h"

static uint64_t duration(struct random *r)
{
	return random_chance(r, 10) ? 0 : random_next(r) >> (20 + random_below(r, 44));
}

static void random_path(struct random *r, struct request *q)
{
	static const char *const paths[] = {
		"/a",	  "/items/7",	 "/caf\xc3\xa9",   "/\xff\xfe/x",
		"/\\x41", "/\\xc3\\xa9", "/\x1b[31m/\x7f", "/b/c/d"};
	uint32_t i = random_below(r, 10);
	char *path = q->http.path;

	if (i < 8) {
		q->http.path_len = (uint16_t)strlen(paths[i]);
		memcpy(path, paths[i], q->http.path_len);
		return;
	}
	q->http.path_len = (uint16_t)(1 + random_below(r, HTTP1_PATH_MAX - 1));
	for (uint32_t k = 0; k < q->http.path_len; k++)
		path[k] = (char)(i == 8 ? 0x80 + random_below(r, 128) : random_below(r, 256));
	path[0] = '/';
}

static void random_stamps(struct random *r, struct request *q)
{
	q->arrived = SAMPLE_FROM + random_below(r, 1000000000);
	q->read = q->arrived + duration(r);
	q->received = q->read + (random_chance(r, 30) ? duration(r) : 0);
	q->received_all = true;
	q->head = q->received + duration(r);
	q->done = q->head + duration(r);
	q->ended = q->done;
	if (random_chance(r, 20)) {
		q->accepted = q->arrived;
		q->established = q->accepted - random_below(r, 1000000);
	}
}

static const struct site *random_site(struct sample *x, struct random *r, bool stall)
{
	static const char *const types[] = {"ValueError", "shop.db.Gone", "", "E\xff\x1b[31m"};
	static const char *const kinds[] = {"cpu", "syscall", "gil", "gc", "unknown"};
	static const char *const wheres[] = {"a.py:1 f",	"b.py:2 C.g", "",
					     "\xe2\x80\xae|\n", "\\x41",      "\xc3\xa9.py:3",
					     "%s.py:4 h",	"<b>&\"'"};
	char lots[600];
	uint32_t i = random_below(r, 10);

	memset(lots, i == 9 ? 0xf0 : 'x', sizeof(lots) - 1);
	lots[sizeof(lots) - 1] = '\0';
	return sites_get(x->sites, stall ? kinds[random_below(r, 5)] : types[random_below(r, 4)],
			 i < 8 ? wheres[i] : lots, random_chance(r, 30) ? wheres[i % 8] : NULL);
}

/* What the interpreter told of a request. */
static void random_insight(struct sample *x, struct random *r, struct request *q)
{
	if (random_chance(r, 40))
		q->error = random_site(x, r, false);
	if (random_chance(r, 20)) {
		q->stall.site = random_site(x, r, true);
		q->stall.ns = duration(r);
	}
	if (random_chance(r, 3))
		q->route = NULL;
}

static void random_request(struct sample *x, struct random *r)
{
	static const char *const methods[] = {"GET", "POST", "BREW", "HEAD"};
	enum request_end end = random_chance(r, 70) ? REQ_OK : 1 + random_below(r, REQ_ENDS - 1);
	unsigned status = end == REQ_OK || random_chance(r, 50) ? 100 + random_below(r, 500) : 0;
	const char *method = methods[random_below(r, 4)];
	struct request q = sample_request(x, method, "/", 100 + random_below(r, 4), 0, 0, 0);

	random_path(r, &q);
	random_stamps(r, &q);
	q.cache = (uint8_t)random_below(r, CACHE_KINDS);
	q.http.flags = random_chance(r, 30) ? HTTP1_F_AUTH : 0;
	q.route = random_chance(r, 5)
			  ? router_get(x->router, 0)
			  : router_match(x->router, method, q.http.path, q.http.path_len);
	random_insight(x, r, &q);
	sample_end(x, &q, end, status);
}

/* More places than there is room for. */
static void random_many_errors(struct sample *x, struct random *r)
{
	uint32_t n = random_chance(r, 3) ? 2 * STATS_MAX_ERRORS : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct request q = sample_request(x, "GET", "/many", 100, 0, 0, 0);
		char where[32];

		snprintf(where, sizeof(where), "many.py:%u f", i);
		q.error = sites_get(x->sites, "KeyError", where, "");
		if (i % 2)
			q.route = NULL;
		sample_end(x, &q, REQ_OK, 500);
		if (stats_background(x->s.stats, q.error))
			abort();
	}
}

static void random_loop(struct sample *x, struct random *r)
{
	struct loop_time t = {.watched = 1 + duration(r), .gil_known = random_chance(r, 70)};
	uint32_t n = random_chance(r, 3) ? 2 * STATS_MAX_STALLS : random_below(r, 4);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t ns = duration(r);
		struct stall stall = {SAMPLE_FROM, SAMPLE_FROM + ns, 100, 100, NULL, NULL};
		char detail[16];

		snprintf(detail, sizeof(detail), "%u", i);
		stall.site = n > 4 ? sites_get(x->sites, "syscall", "", detail)
				   : random_site(x, r, true);
		if (random_chance(r, 50))
			stall.route = router_match(x->router, "GET", "/stalls", 7);
		if (stats_stall(x->s.stats, &stall))
			abort();
	}
	t.busy = t.watched / (1 + random_below(r, 4));
	t.gil = t.gil_known ? t.busy / 2 : 0;
	t.gil_waits = t.gil_known ? random_below(r, 100) : 0;
	t.gc_known = random_chance(r, 50);
	t.gc = t.gc_known ? t.busy / 3 : 0;
	t.gc_runs = t.gc_known ? random_below(r, 100) : 0;
	if (random_chance(r, 70))
		stats_loop(x->s.stats, &t);
	if (random_chance(r, 50) && stats_background(x->s.stats, random_site(x, r, false)))
		abort();
	if (random_chance(r, 20)) {
		x->s.held = random_site(x, r, true);
		x->s.held_ns = duration(r);
	}
}

static void random_waits(struct sample *x, struct random *r)
{
	uint64_t count = 100;

	x->s.n_waits = random_below(r, 4);
	for (uint32_t i = 0; i < x->s.n_waits; i++) {
		const struct site *site = random_site(x, r, false);

		count -= 1 + random_below(r, 30);
		x->waits[i] = (struct summary_wait){.count = count,
						    .threads = random_chance(r, 30),
						    .where = site->where,
						    .on = site->detail};
	}
	for (uint32_t i = 0; i < x->s.n_open; i++)
		if (random_chance(r, 30))
			x->open[i].where = random_site(x, r, false)->where;
}

static void random_open(struct sample *x, struct random *r)
{
	uint64_t age = 9 * SEC;
	uint32_t n = random_chance(r, 5) ? SUMMARY_MAX_OPEN : random_below(r, 4);

	for (uint32_t i = 0; i < n; i++) {
		enum request_phase phase = random_below(r, PHASES);
		struct request *q;

		age -= random_below(r, 50000000);
		q = sample_open(x, phase != PHASE_QUEUE ? "/open" : NULL, 100 + random_below(r, 4),
				age, phase);
		q->conn = 1 + random_below(r, 5);
		if (phase == PHASE_APP && random_chance(r, 20))
			q->arrived = 0; /* not known */
	}
	if (n == SUMMARY_MAX_OPEN) { /* and more, which are not listed */
		x->s.stats->ledger.started += 10;
		x->s.stats->ledger.open += 10;
	}
}

static void random_host(struct sample *x, struct random *r)
{
	static const char *const hosts[] = {"web1", "web2", "web3"};
	struct summary *s = &x->s;

	s->host.name = hosts[random_below(r, 3)];
	s->host.kernel = random_chance(r, 80) ? "6.18.0" : NULL;
	s->target.python = random_chance(r, 50) ? "3.11.2" : "3.13.1";
	s->target.listening = random_chance(r, 90);
	x->listeners[0].counted = random_chance(r, 80);
	x->listeners[0].accept_queue = random_below(r, 10);
	x->listeners[0].backlog = 128;
	x->listeners[0].overflows = random_below(r, 3);
	saturation_unknown(&s->saturation);
	if (random_chance(r, 70)) {
		s->saturation.run_queue = random_below(r, 1000) / 1000.0;
		s->saturation.fds = random_below(r, 1000);
		s->saturation.fd_limit = 1024;
		s->saturation.fd_pid = 100 + random_below(r, 4);
		s->saturation.accept_failed = random_below(r, 2);
	}
	if (random_chance(r, 50)) {
		s->saturation.threads = 1 + random_below(r, 40);
		s->saturation.threads_busy = random_below(r, 1 + (uint32_t)s->saturation.threads);
		s->saturation.threads_pid = 100 + random_below(r, 4);
	}
}

static void random_tracer(struct sample *x, struct random *r)
{
	struct summary *s = &x->s;

	s->tracer.events = random_below(r, 100000);
	s->tracer.dropped = random_chance(r, 20) ? random_below(r, 1000) : 0;
	s->tracer.unattributed_drops = s->tracer.dropped / 2;
	s->tracer.routes_overflow = random_below(r, 3);
	s->opaque.tls = random_chance(r, 20);
	s->opaque.other = random_below(r, 2);
	s->late.hung = random_chance(r, 20);
	s->late.oldest = s->late.hung ? 3 * SEC : 0;
	s->stats->ledger.not_http = random_below(r, 4);
	s->stats->ledger.late_attached = random_below(r, 4);
	s->stats->ledger.evicted = random_below(r, 2);
	if (random_chance(r, 50))
		x->features[s->tracer.n_features++] = (struct summary_feature){"insight", "off"};
}

/* The processes that serve, as they are at the end. */
static void random_workers(struct sample *x, struct random *r)
{
	uint32_t n = random_below(r, 4);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t open = 0;

		for (uint32_t k = 0; k < x->s.n_open; k++)
			open += x->open[k].request->pid == 100 + i;
		x->workers[i] = (struct summary_worker){100 + i, open};
		x->pids[i] = 100 + i;
	}
	x->s.workers = x->workers;
	x->s.n_workers = n;
	x->s.target.n_pids = n;
}

void random_summary(struct sample *x, struct random *r)
{
	struct verdict_rules rules;
	uint32_t n = random_below(r, 40);

	for (uint32_t i = 0; i < n; i++)
		random_request(x, r);
	random_many_errors(x, r);
	random_loop(x, r);
	random_open(x, r);
	random_waits(x, r);
	random_workers(x, r);
	random_host(x, r);
	random_tracer(x, r);
	if (stats_fold_routes(x->s.stats))
		abort();
	x->s.seconds = 10 + random_below(r, 1000000) / 1e6;
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
}

char *random_summary_json(struct random *r)
{
	struct sample *x = sample_new();
	char *text;

	random_summary(x, r);
	text = sample_json(x);
	sample_free(x);
	return text;
}
