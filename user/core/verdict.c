/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict.c - one word for how the service is, and why, in plain words with numbers.
 *
 * The rules, strongest first. Every rule that holds adds its reasons; the first decides the state.
 *
 *   down      no process lives, or none of them listens.
 *   stuck     a request has been open for at least --stuck-ms, unread (phase queue) or in the
 *             application (phase app). Not one whose client is still sending (recv), nor one whose
 *             answer is on its way (send: a stream). Also: a connection on which a request was
 * under way when tracing began and that has been silent for that long since. An unread request that
 * is alone on its connection means that the event loop takes nothing; one behind an earlier request
 * of its connection counts as waiting for that. blind     too much escapes us to say: more than
 * max_unknown (5 %) of the requests that ended are unknown; or of all records were dropped;
 * or connections that spoke TLS, HTTP/2 or the PROXY protocol are more
 * than that share of themselves plus the requests that began. And when no request began, any
 * connection that spoke something else. erroring  5xx answers and requests cut off by the server
 * are more than --max-error-rate of those whose end is known (ok, client_closed, server_closed,
 * upgraded). slow      the --slo-quantile of total latency is above --slo-ms. The route that has
 * most of the requests above it is named; so is a phase other than app that takes half of the time.
 *   idle      it listens, and no request began or was open in the window.
 *   up        none of these.
 *
 * Where the interpreter tells why, that follows the reasons of a rule (verdict_insight.c).
 *
 * A full accept queue is told as a further reason of whatever state holds, and so is a limit of the
 * host that is near (verdict_saturation.c).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "verdict_priv.h"

void verdict_rules_default(struct verdict_rules *rules)
{
	*rules = (struct verdict_rules){
		.slo_ms = 500,
		.slo_quantile = 0.95,
		.max_error_rate = 0.01,
		.stuck_ms = 2000,
		.max_unknown = 0.05,
	};
}

const char *verdict_name(enum verdict_state state)
{
	static const char *const names[VERDICTS] = {"up",   "slow", "erroring", "stuck",
						    "idle", "down", "blind"};

	return (unsigned)state < VERDICTS ? names[state] : "blind";
}

/* --- down */

static void check_down(const struct summary *s, struct verdict *v)
{
	uint32_t n = s->target.n_pids, pid = n ? s->target.pids[0] : 0;
	char text[LABEL_MAX];

	if (!n && s->target.n_generations) { /* live, pids are those that live */
		n = s->target.n_generations;
		pid = s->target.generations[0].pid;
	}
	if (!s->target.alive && n > 1)
		verdict_add(v, VERDICT_DOWN, "all %u processes are gone", n);
	else if (!s->target.alive && n == 1)
		verdict_add(v, VERDICT_DOWN, "process %u is gone", pid);
	if (s->target.listening && s->target.alive)
		return;
	if (s->target.n_ports)
		verdict_add(v, VERDICT_DOWN, "nothing listens on port %u", s->target.ports[0]);
	else if (s->n_listeners && s->listeners[0].address[0])
		verdict_add(v, VERDICT_DOWN, "nothing listens on %s any more",
			    words_address(text, &s->listeners[0]));
	else if (s->target.alive)
		verdict_add(v, VERDICT_DOWN, "none of its processes listens on a port or socket");
	else if (!n)
		verdict_add(v, VERDICT_DOWN, "no such server runs");
}

/* --- stuck */

struct waiting {
	uint64_t count;
	const struct summary_open *oldest;
	uint32_t pid; /* of all of them; 0: they differ */
};

/* In a merge of several hosts their pids may be the same. */
static bool same_process(const struct summary_open *a, const struct summary_open *b)
{
	bool hosts = a->host && b->host && strcmp(a->host, b->host);

	return a->request->pid == b->request->pid && !hosts;
}

static void waiting_add(struct waiting *w, const struct summary_open *o)
{
	if (!w->count++) {
		w->oldest = o;
		w->pid = o->request->pid;
	} else if (!same_process(w->oldest, o)) {
		w->pid = 0;
	}
}

/* It waits for an earlier request of its own connection, which is not the event loop's fault. */
static bool is_behind(const struct summary *s, const struct summary_open *o)
{
	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct request *r = s->open[i].request;

		if (r->conn == o->request->conn && r->id < o->request->id)
			return true;
	}
	return false;
}

/* The same process read another request after this one had arrived: its loop does turn. */
static bool is_overtaken(const struct summary *s, const struct summary_open *o)
{
	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct request *r = s->open[i].request;

		if (same_process(&s->open[i], o) && o->request->arrived &&
		    r->read > o->request->arrived)
			return true;
	}
	return false;
}

static void say_unread(const struct summary *s, struct verdict *v, const struct waiting *w)
{
	struct words n = words_count(w->count), age = words_duration((double)w->oldest->age);
	const char *what = words_plural(w->count, "request waits", "requests wait");
	char of[64] = "";

	if (is_overtaken(s, w->oldest)) {
		verdict_add(v, VERDICT_STUCK, "%s %s unread for %s, though later ones were read",
			    n.s, what, age.s);
		return;
	}
	if (w->pid && (s->stats->n_workers > 1 || s->n_workers > 1 || s->n_rows > 1))
		snprintf(of, sizeof(of), " of process %u%s", w->pid,
			 words_host(w->oldest->host).s);
	verdict_add(v, VERDICT_STUCK, "the event loop%s took nothing for %s: %s %s unread", of,
		    age.s, n.s, what);
}

static void say_unanswered(struct verdict *v, const struct waiting *w, bool more)
{
	struct words n = words_count(w->count), age = words_duration((double)w->oldest->age);
	char text[LABEL_MAX];

	words_open(text, w->oldest->request);
	if (w->count == 1)
		verdict_add(v, VERDICT_STUCK, "1 request waits for %s without an answer: %s", age.s,
			    text);
	else
		verdict_add(v, VERDICT_STUCK,
			    "%s%s requests wait without an answer, the oldest for %s: %s",
			    more ? "at least " : "", n.s, age.s, text);
}

static void check_stuck(const struct summary *s, struct verdict *v)
{
	double limit = v->rules.stuck_ms * 1e6;
	struct waiting unread = {0}, unanswered = {0};

	for (uint32_t i = 0; i < s->n_open; i++) {
		const struct summary_open *o = &s->open[i];

		if ((double)o->age < limit || (o->phase != PHASE_QUEUE && o->phase != PHASE_APP))
			continue;
		if (o->phase == PHASE_QUEUE && !is_behind(s, o))
			waiting_add(&unread, o);
		else
			waiting_add(&unanswered, o);
	}
	if (unread.count)
		say_unread(s, v, &unread);
	if (unanswered.count)
		say_unanswered(v, &unanswered, s->n_open == SUMMARY_MAX_OPEN);
	if (s->late.hung && (double)s->late.oldest >= limit)
		verdict_add(v, VERDICT_STUCK,
			    "%s %s under way before reqscope came, silent for %s since",
			    words_count(s->late.hung).s,
			    words_plural(s->late.hung, "request was", "requests were"),
			    words_duration((double)s->late.oldest).s);
}

/* --- blind */

static uint64_t known_ends(const struct ledger *l)
{
	return l->ok + l->client_closed + l->server_closed + l->upgraded;
}

static uint64_t begun(const struct ledger *l)
{
	int64_t n = l->carried + l->started;

	return n > 0 ? (uint64_t)n : 0;
}

static void check_loss(const struct summary *s, struct verdict *v)
{
	const struct ledger *l = &s->stats->ledger;
	uint64_t all = known_ends(l) + l->unknown, dropped = s->tracer.dropped;
	uint64_t records = s->tracer.events + dropped;

	if (verdict_exceeds(l->unknown, all, v->rules.max_unknown) && dropped)
		verdict_add(v, VERDICT_BLIND,
			    "%s of requests could not be followed (events lost: %s); use a larger "
			    "--ring-kib",
			    words_percent((double)l->unknown / (double)all).s,
			    words_count(dropped).s);
	else if (verdict_exceeds(l->unknown, all, v->rules.max_unknown))
		verdict_add(v, VERDICT_BLIND, "%s of requests could not be followed (%s of %s)",
			    words_percent((double)l->unknown / (double)all).s,
			    words_count(l->unknown).s, words_count(all).s);
	else if (verdict_exceeds(dropped, records, v->rules.max_unknown))
		/* one gap in a connection's events is one unknown request, however many went by in it */
		verdict_add(
			v, VERDICT_BLIND,
			"%s of all events were lost (%s), so requests are missing; use a larger "
			"--ring-kib",
			words_percent((double)dropped / (double)records).s, words_count(dropped).s);
}

static void check_opaque(const struct summary *s, struct verdict *v)
{
	uint64_t requests = begun(&s->stats->ledger);
	uint64_t opaque = s->opaque.tls + s->opaque.http2 + s->opaque.proxy;
	uint64_t other = requests ? 0 : s->opaque.other;

	if (!verdict_exceeds(opaque, opaque + requests, v->rules.max_unknown))
		opaque = 0;
	if (opaque && s->opaque.tls)
		verdict_add(v, VERDICT_BLIND,
			    "traffic is TLS: reqscope sees only encrypted bytes (%s %s)",
			    words_count(s->opaque.tls).s,
			    words_plural(s->opaque.tls, "connection", "connections"));
	if (opaque && s->opaque.http2)
		verdict_add(v, VERDICT_BLIND,
			    "traffic is HTTP/2, which reqscope does not read (%s %s)",
			    words_count(s->opaque.http2).s,
			    words_plural(s->opaque.http2, "connection", "connections"));
	if (opaque && s->opaque.proxy)
		verdict_add(v, VERDICT_BLIND,
			    "a PROXY protocol header that reqscope does not read starts %s %s",
			    words_count(s->opaque.proxy).s,
			    words_plural(s->opaque.proxy, "connection", "connections"));
	if (other)
		verdict_add(v, VERDICT_BLIND, "no HTTP seen: %s %s spoke something else",
			    words_count(other).s, words_plural(other, "connection", "connections"));
}

/* --- erroring */

static uint64_t route_failures(const struct route_stats *r)
{
	return r ? r->status.class[5] + r->ends[REQ_SERVER_CLOSED] : 0;
}

static const struct route_stats *worst_route(const struct stats *st)
{
	const struct route_stats *worst = NULL;

	for (uint32_t i = 0; i < st->n_routes; i++) {
		const struct route_stats *r = st->routes[i];
		uint64_t n = route_failures(r), most = route_failures(worst);

		if (n > most || (n && n == most && summary_route_before(r, worst)))
			worst = r;
	}
	return worst;
}

static struct status_code top_5xx(const struct status_counts *c)
{
	struct status_code top = {0};

	for (uint32_t i = 0; i < c->n; i++)
		if (c->codes[i].code >= 500 && c->codes[i].code < 600 &&
		    c->codes[i].count > top.count)
			top = c->codes[i];
	return top;
}

/* ": 500 on GET /boom", or which part of the failures that is. */
static void worst_words(char *out, size_t size, const struct stats *st, uint64_t failed)
{
	const struct route_stats *r = worst_route(st);
	char what[40] = "cut off by the server", text[LABEL_MAX];
	struct status_code top;
	uint64_t n;

	*out = '\0';
	if (!r)
		return;
	top = top_5xx(&r->status);
	n = r->ends[REQ_SERVER_CLOSED];
	if (top.count > n) {
		snprintf(what, sizeof(what), "%u", top.code);
		n = top.count;
	}
	words_route(text, r->route);
	if (n >= failed)
		snprintf(out, size, ": %s on %s", what, text);
	else
		snprintf(out, size, ": %s of them %s on %s", words_count(n).s, what, text);
}

static void check_erroring(const struct summary *s, struct verdict *v)
{
	const struct ledger *l = &s->stats->ledger;
	uint64_t failed = s->stats->status.class[5] + l->server_closed, ended = known_ends(l);
	char where[LABEL_MAX + 96];

	if (failed > ended) /* a request cut off after a 5xx head counts once */
		failed = ended;
	if (!verdict_exceeds(failed, ended, v->rules.max_error_rate))
		return;
	worst_words(where, sizeof(where), s->stats, failed);
	verdict_add(v, VERDICT_ERRORING, "%s of %s %s failed (%s)%s", words_count(failed).s,
		    words_count(ended).s, words_plural(ended, "request", "requests"),
		    words_percent((double)failed / (double)ended).s, where);
}

/* --- idle, up */

static void listening_words(char *out, size_t size, const struct summary *s)
{
	char text[LABEL_MAX];

	if (s->n_listeners > 1)
		snprintf(out, size, "%s and %u more", words_address(text, &s->listeners[0]),
			 s->n_listeners - 1);
	else if (s->n_listeners)
		snprintf(out, size, "%s", words_address(text, &s->listeners[0]));
	else if (s->target.n_ports)
		snprintf(out, size, "port %u", s->target.ports[0]);
	else
		snprintf(out, size, "its socket");
}

static void say_up(const struct summary *s, struct verdict *v)
{
	const struct stats *st = s->stats;
	const struct ledger *l = &st->ledger;
	uint64_t ended = known_ends(l), failed = st->status.class[5] + l->server_closed;
	double ns = hist_quantile(&st->latency[LAT_TOTAL], v->rules.slo_quantile);
	char latency[80] = "", errors[64] = "no errors";

	if (!ended && !begun(l)) {
		verdict_add(v, VERDICT_UP,
			    "no request has ended yet; %s from before reqscope came %s under way",
			    words_count(s->late.hung).s, words_plural(s->late.hung, "is", "are"));
		return;
	}
	if (!ended) {
		verdict_add(v, VERDICT_UP, "%s %s under way, none has ended yet",
			    words_count(begun(l)).s,
			    words_plural(begun(l), "request is", "requests are"));
		return;
	}
	if (!isnan(ns))
		snprintf(latency, sizeof(latency), ", %s %s",
			 words_quantile(v->rules.slo_quantile).s, words_duration(ns).s);
	if (failed)
		snprintf(errors, sizeof(errors), "%s errors",
			 words_percent((double)failed / (double)(failed > ended ? failed : ended))
				 .s);
	verdict_add(v, VERDICT_UP, "%s %s in %s%s, %s", words_count(ended).s,
		    words_plural(ended, "request", "requests"), words_window(s->seconds).s, latency,
		    errors);
}

static void say_idle(const struct summary *s, struct verdict *v)
{
	char where[LABEL_MAX + 24];

	listening_words(where, sizeof(where), s);
	verdict_add(v, VERDICT_IDLE, "listening on %s, no request in %s", where,
		    words_window(s->seconds).s);
}

/* Linux takes one connection more than the backlog before it turns any away (sk_acceptq_is_full) */
static void note_full_queues(const struct summary *s, struct verdict *v)
{
	char text[LABEL_MAX];

	for (uint32_t i = 0; i < s->n_listeners; i++) {
		const struct summary_listener *l = &s->listeners[i];

		if (l->counted && l->backlog && l->accept_queue > l->backlog)
			verdict_add(v, v->state,
				    "the accept queue of %s is full (%s): it turns clients away",
				    words_address(text, l), words_count(l->accept_queue).s);
		else if (l->counted && l->overflows)
			verdict_add(v, v->state,
				    "the accept queue of %s (backlog %s) overflowed: %s turned away",
				    words_address(text, l), words_count(l->backlog).s,
				    words_count(l->overflows).s);
	}
}

typedef void rule(const struct summary *s, struct verdict *v);

/* A rule, and when it holds, why. */
static bool apply(const struct summary *s, struct verdict *v, rule *check, rule *why)
{
	unsigned before = v->n_reasons;

	check(s, v);
	if (v->n_reasons == before)
		return false;
	why(s, v);
	return true;
}

void verdict_decide(struct summary *s, const struct verdict_rules *rules)
{
	struct verdict *v = &s->verdict;
	bool stuck;

	memset(v, 0, sizeof(*v));
	v->rules = *rules;
	check_down(s, v);
	stuck = apply(s, v, check_stuck, verdict_why_stuck);
	check_loss(s, v);
	check_opaque(s, v);
	apply(s, v, check_erroring, verdict_why_erroring);
	apply(s, v, verdict_slow, verdict_why_slow);
	if (!v->n_reasons && !begun(&s->stats->ledger) && !s->late.hung)
		say_idle(s, v);
	if (!v->n_reasons)
		say_up(s, v);
	if (!stuck)
		verdict_held(s, v, false);
	note_full_queues(s, v);
	verdict_saturation(s, v);
	verdict_deploy(s, v);
}
