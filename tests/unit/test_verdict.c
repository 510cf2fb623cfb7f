/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/lib/escape.h"
#include "sample.h"

static struct verdict_rules rules;

static int setup(void **state)
{
	verdict_rules_default(&rules);
	*state = sample_new();
	return 0;
}

static int teardown(void **state)
{
	sample_free(*state);
	return 0;
}

static void decide(struct sample *x)
{
	verdict_decide(&x->s, &rules);
	assert_in_range(x->s.verdict.n_reasons, 1, VERDICT_MAX_REASONS);
}

static void assert_state(struct sample *x, enum verdict_state state)
{
	decide(x);
	assert_string_equal(verdict_name(x->s.verdict.state), verdict_name(state));
}

static void assert_says(struct sample *x, unsigned i, const char *text)
{
	assert_true(i < x->s.verdict.n_reasons);
	assert_string_equal(x->s.verdict.reasons[i], text);
}

static void end_as(struct sample *x, unsigned n, const char *path, enum request_end end,
		   unsigned status, uint64_t lasted)
{
	for (unsigned i = 0; i < n; i++) {
		struct request r = sample_request(x, "GET", path, 4711, 0, lasted, 0);

		sample_end(x, &r, end, status);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_UP), "up");
	assert_string_equal(verdict_name(VERDICT_SLOW), "slow");
	assert_string_equal(verdict_name(VERDICT_ERRORING), "erroring");
	assert_string_equal(verdict_name(VERDICT_STUCK), "stuck");
	assert_string_equal(verdict_name(VERDICT_IDLE), "idle");
	assert_string_equal(verdict_name(VERDICT_DOWN), "down");
	assert_string_equal(verdict_name(VERDICT_BLIND), "blind");
}

static void test_idle(void **state)
{
	struct sample *x = *state;

	assert_state(x, VERDICT_IDLE);
	assert_says(x, 0, "listening on 127.0.0.1:8000, no request in 10 s");
	x->s.n_listeners = 2;
	strcpy(x->listeners[1].address, "unix:/run/app.sock");
	decide(x);
	assert_says(x, 0, "listening on 127.0.0.1:8000 and 1 more, no request in 10 s");
}

static void test_idle_not_when_open_or_late(void **state)
{
	struct sample *x = *state;

	x->s.late.hung = 1;
	x->s.late.oldest = 1 * SEC;
	assert_state(x, VERDICT_UP);
	x->s.late.hung = 0;
	sample_open(x, "/stream", 4711, 5 * SEC, PHASE_SEND);
	assert_state(x, VERDICT_UP);
	assert_says(x, 0, "1 request is under way, none has ended yet");
}

static void test_up(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 1203, "/", 200, 12 * MS);
	sample_ok(x, 1, "/", 503, 12 * MS);
	assert_state(x, VERDICT_UP);
	assert_int_equal(x->s.verdict.n_reasons, 1);
	assert_non_null(
		strstr(x->s.verdict.reasons[0], "1,204 requests in 10 s, p95 12.2 ms, 0.08"));
}

static void test_up_without_errors(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 1, "/", 404, 12 * MS);
	assert_state(x, VERDICT_UP);
	assert_says(x, 0, "1 request in 10 s, p95 12.2 ms, no errors");
}

static void test_down(void **state)
{
	struct sample *x = *state;

	x->s.target.listening = false;
	assert_state(x, VERDICT_DOWN);
	assert_says(x, 0, "nothing listens on port 8000");
	x->s.target.alive = false;
	decide(x);
	assert_says(x, 0, "process 4711 is gone");
	assert_says(x, 1, "nothing listens on port 8000");
	x->s.target.n_pids = 3;
	decide(x);
	assert_says(x, 0, "all 3 processes are gone");
	x->s.target.n_pids = x->s.target.n_ports = x->s.n_listeners = 0;
	x->s.target.n_generations = 1;
	decide(x);
	assert_int_equal(x->s.verdict.n_reasons, 1);
	assert_says(x, 0, "process 4711 is gone");
	x->s.target.n_generations = 0;
	decide(x);
	assert_says(x, 0, "no such server runs");
}

static void test_stuck_in_app(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 10, "/", 200, MS);
	sample_open(x, "/hang", 4711, 2000 * MS - 1, PHASE_APP);
	assert_state(x, VERDICT_UP);
	x->open[0].age = 2000 * MS;
	assert_state(x, VERDICT_STUCK);
	assert_says(x, 0, "1 request waits for 2.00 s without an answer: GET /hang in the app");
	sample_open(x, "/other", 4711, 2 * SEC, PHASE_APP);
	x->open[0].age = 12300 * MS;
	decide(x);
	assert_says(x, 0,
		    "2 requests wait without an answer, the oldest for 12.3 s: "
		    "GET /hang in the app");
}

static void test_stuck_not_for_clients(void **state)
{
	struct sample *x = *state;

	sample_open(x, "/upload", 4711, 60 * SEC, PHASE_RECV);
	sample_open(x, "/stream", 4711, 60 * SEC, PHASE_SEND);
	assert_state(x, VERDICT_UP);
}

static void test_stuck_unread(void **state)
{
	struct sample *x = *state;

	sample_open(x, "/block", 4711, 3300 * MS, PHASE_APP);
	sample_open(x, NULL, 4711, 3200 * MS, PHASE_QUEUE);
	sample_open(x, NULL, 4711, 3100 * MS, PHASE_QUEUE);
	sample_open(x, NULL, 4711, 100 * MS, PHASE_QUEUE);
	assert_state(x, VERDICT_STUCK);
	assert_says(x, 0, "the event loop took nothing for 3.20 s: 2 requests wait unread");
	assert_says(x, 1, "1 request waits for 3.30 s without an answer: GET /block in the app");
	x->s.workers = x->workers;
	x->s.n_workers = 2;
	decide(x);
	assert_says(x, 0,
		    "the event loop of process 4711 took nothing for 3.20 s: "
		    "2 requests wait unread");
}

/* A later request was read: the loop turns, something else keeps this one. */
static void test_stuck_overtaken(void **state)
{
	struct sample *x = *state;

	sample_open(x, NULL, 4711, 3200 * MS, PHASE_QUEUE);
	sample_open(x, "/later", 4711, 100 * MS, PHASE_APP);
	assert_state(x, VERDICT_STUCK);
	assert_says(x, 0, "1 request waits unread for 3.20 s, though later ones were read");
}

/* A pipelined request behind a slow one is not the event loop's fault. */
static void test_stuck_pipelined(void **state)
{
	struct sample *x = *state;
	struct request *first = sample_open(x, "/hang", 4711, 3200 * MS, PHASE_APP);
	struct request *second = sample_open(x, NULL, 4711, 3100 * MS, PHASE_QUEUE);

	second->conn = first->conn;
	assert_state(x, VERDICT_STUCK);
	assert_int_equal(x->s.verdict.n_reasons, 1);
	assert_says(
		x, 0,
		"2 requests wait without an answer, the oldest for 3.20 s: GET /hang in the app");
}

static void test_stuck_late(void **state)
{
	struct sample *x = *state;

	x->s.late.hung = 3;
	x->s.late.oldest = 12 * SEC;
	assert_state(x, VERDICT_STUCK);
	assert_says(x, 0,
		    "3 requests were under way before reqscope came, silent for 12.0 s since");
}

static void test_blind_unknown(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 95, "/", 200, MS);
	end_as(x, 5, "/", REQ_UNKNOWN, 0, MS);
	assert_state(x, VERDICT_UP);
	end_as(x, 1, "/", REQ_UNKNOWN, 0, MS);
	assert_state(x, VERDICT_BLIND);
	assert_says(x, 0, "5.9 % of requests could not be followed (6 of 101)");
	x->s.tracer.dropped = 4312;
	decide(x);
	assert_says(x, 0,
		    "5.9 % of requests could not be followed (events lost: 4,312); "
		    "use a larger --ring-kib");
}

static void test_blind_drops(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 10, "/", 200, MS);
	x->s.tracer.events = 950;
	x->s.tracer.dropped = x->s.tracer.unattributed_drops = 50;
	assert_state(x, VERDICT_UP);
	x->s.tracer.events = 940;
	assert_state(x, VERDICT_BLIND);
	x->s.tracer.unattributed_drops = 0; /* the connections that miss them do not tell how many requests */
	assert_state(x, VERDICT_BLIND);
	assert_says(x, 0,
		    "5.1 % of all events were lost (50), so requests are missing; use a larger --ring-kib");
}

static void test_blind_tls(void **state)
{
	struct sample *x = *state;

	x->s.opaque.tls = 1;
	assert_state(x, VERDICT_BLIND);
	assert_says(x, 0, "traffic is TLS: reqscope sees only encrypted bytes (1 connection)");
	sample_ok(x, 19, "/", 200, MS);
	assert_state(x, VERDICT_UP);
	x->s.opaque.tls = 2;
	assert_state(x, VERDICT_BLIND);
	x->s.opaque.http2 = 3;
	x->s.opaque.proxy = 1;
	decide(x);
	assert_int_equal(x->s.verdict.n_reasons, 3);
}

static void test_blind_other(void **state)
{
	struct sample *x = *state;

	x->s.opaque.other = 2;
	assert_state(x, VERDICT_BLIND);
	sample_ok(x, 1, "/", 200, MS);
	assert_state(x, VERDICT_UP);
}

/* Of a window: what began before it counts only when nothing else came, and it is most of the run. */
static void test_blind_in_a_window(void **state)
{
	const struct summary_opaque before = {.tls = 2, .other = 1}, nothing = {0};
	struct sample *x = *state;

	x->s.opaque = before;
	summary_opaque_since(&x->s, &before, 0, &rules); /* they may still talk */
	assert_state(x, VERDICT_BLIND);
	x->s.opaque = before;
	summary_opaque_since(&x->s, &before, 1000, &rules);
	assert_memory_equal(&x->s.opaque, &nothing, sizeof(nothing));
	assert_state(x, VERDICT_IDLE);
	sample_ok(x, 10, "/", 200, MS);
	x->s.opaque = before;
	summary_opaque_since(&x->s, &before, 10, &rules);
	assert_state(x, VERDICT_UP);
	x->s.opaque.tls = 3;
	summary_opaque_since(&x->s, &before, 1000, &rules);
	assert_int_equal(x->s.opaque.tls, 1);
	assert_state(x, VERDICT_BLIND);
}

static void test_erroring(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 198, "/", 200, MS);
	sample_ok(x, 2, "/boom", 500, MS);
	assert_state(x, VERDICT_UP);
	sample_ok(x, 1, "/boom", 500, MS);
	assert_state(x, VERDICT_ERRORING);
	assert_says(x, 0, "3 of 201 requests failed (1.5 %): 500 on GET /boom");
	end_as(x, 1, "/cut", REQ_SERVER_CLOSED, 0, MS);
	decide(x);
	assert_says(x, 0, "4 of 202 requests failed (2 %): 3 of them 500 on GET /boom");
}

static void test_erroring_by_close(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 1, "/", 200, MS);
	end_as(x, 2, "/cut", REQ_SERVER_CLOSED, 0, MS);
	assert_state(x, VERDICT_ERRORING);
	assert_says(x, 0, "2 of 3 requests failed (67 %): cut off by the server on GET /cut");
}

/* 4xx are the client's fault, and clients that leave are not failures of the server. */
static void test_erroring_not(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 50, "/", 404, MS);
	end_as(x, 50, "/", REQ_CLIENT_CLOSED, 0, MS);
	assert_state(x, VERDICT_UP);
}

static void test_slow(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 95, "/", 200, MS);
	sample_ok(x, 5, "/report", 200, 1240 * MS);
	assert_state(x, VERDICT_UP);
	sample_ok(x, 1, "/report", 200, 1240 * MS);
	assert_state(x, VERDICT_SLOW);
	assert_int_equal(x->s.verdict.n_reasons, 1);
	assert_non_null(strstr(x->s.verdict.reasons[0], "p95 of 1.2"));
	assert_non_null(strstr(x->s.verdict.reasons[0], " is above 500 ms (GET /report)"));
	sample_ok(x, 2, "/other", 200, 1240 * MS);
	decide(x);
	assert_non_null(strstr(x->s.verdict.reasons[0], "(6 of the 8 above it: GET /report)"));
}

static void test_slow_threshold(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 10, "/", 200, 499 * MS);
	rules.slo_ms = 500;
	assert_state(x, VERDICT_UP);
	rules.slo_ms = 499;
	assert_state(x, VERDICT_SLOW);
	rules.slo_ms = 600;
	sample_ok(x, 10, "/", 200, 700 * MS);
	rules.slo_quantile = 0.5;
	assert_state(x, VERDICT_UP);
	rules.slo_quantile = 0.999;
	assert_state(x, VERDICT_SLOW);
	assert_memory_equal(x->s.verdict.reasons[0], "p99.9 of ", 9);
}

static void test_slow_in_queue(void **state)
{
	struct sample *x = *state;

	for (int i = 0; i < 10; i++) {
		struct request r = sample_request(x, "GET", "/", 4711, 720 * MS, 270 * MS, 10 * MS);

		sample_end(x, &r, REQ_OK, 200);
	}
	assert_state(x, VERDICT_SLOW);
	assert_says(x, 1, "72 % of the time is waiting in front of the event loop");
}

/* Latency is of answers only; a service whose clients all give up is not fast. */
static void test_slow_gave_up(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 95, "/", 200, MS);
	end_as(x, 5, "/hang", REQ_CLIENT_CLOSED, 0, 5 * SEC);
	assert_state(x, VERDICT_UP);
	end_as(x, 1, "/hang", REQ_CLIENT_CLOSED, 0, 5 * SEC);
	assert_state(x, VERDICT_SLOW);
	assert_says(x, 0, "6 clients left without an answer after more than 500 ms");
}

static void test_streams_left_are_not_slow(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 10, "/", 200, MS);
	end_as(x, 50, "/sse", REQ_CLIENT_CLOSED, 200, 60 * SEC);
	assert_state(x, VERDICT_UP);
}

/* Everything at once: the strongest decides, all are said. */
static void test_priority(void **state)
{
	struct sample *x = *state;

	sample_ok(x, 10, "/", 500, SEC);
	assert_state(x, VERDICT_ERRORING);
	assert_int_equal(x->s.verdict.n_reasons, 2);
	end_as(x, 5, "/", REQ_UNKNOWN, 0, MS);
	assert_state(x, VERDICT_BLIND);
	assert_int_equal(x->s.verdict.n_reasons, 3);
	sample_open(x, "/hang", 4711, 5 * SEC, PHASE_APP);
	assert_state(x, VERDICT_STUCK);
	assert_int_equal(x->s.verdict.n_reasons, 4);
	x->s.target.listening = false;
	assert_state(x, VERDICT_DOWN);
	assert_int_equal(x->s.verdict.n_reasons, 5);
}

static void test_full_queue_is_told(void **state)
{
	struct sample *x = *state;

	x->listeners[0].counted = true;
	x->listeners[0].backlog = 128;
	x->listeners[0].accept_queue = 128;
	assert_state(x, VERDICT_IDLE);
	assert_says(x, 1, "128 of 128 places in the accept queue of 127.0.0.1:8000 are taken");
	x->listeners[0].accept_queue = 129;
	assert_state(x, VERDICT_IDLE);
	assert_says(x, 1,
		    "the accept queue of 127.0.0.1:8000 is full (129): it turns clients away");
}

/* Whatever came in: reasons are printable, valid UTF-8, and end within their bounds. */
static void test_hostile(void **state)
{
	struct sample *x = *state;
	char path[400];

	for (unsigned seed = 0; seed < 300; seed++) {
		for (size_t i = 0; i < sizeof(path) - 1; i++)
			path[i] = (char)(1 + (seed * 131 + i * i * 7 + seed * i) % 255);
		path[0] = '/';
		path[seed + 1] = '\0';
		sample_ok(x, 1, path, 500, SEC);
		if (seed < 50)
			sample_open(x, path, 4711, 60 * SEC - seed, PHASE_APP);
	}
	memset(x->listeners[0].address, '\033', sizeof(x->listeners[0].address));
	x->listeners[0].counted = true;
	x->listeners[0].backlog = 1;
	x->listeners[0].accept_queue = 2;
	assert_state(x, VERDICT_STUCK);
	for (unsigned i = 0; i < x->s.verdict.n_reasons; i++) {
		const unsigned char *p = (const unsigned char *)x->s.verdict.reasons[i];
		size_t left = strnlen((const char *)p, VERDICT_REASON_MAX), n;

		assert_in_range(left, 1, VERDICT_REASON_MAX - 1);
		for (; left; p += n, left -= n) {
			n = utf8_length(p, left);
			assert_int_not_equal(n, 0);
			assert_false(utf8_is_control(p, n));
		}
	}
}

static void test_count(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(summary_count(buf, sizeof(buf), 0), "0");
	assert_string_equal(summary_count(buf, sizeof(buf), 999), "999");
	assert_string_equal(summary_count(buf, sizeof(buf), 1204), "1,204");
	assert_string_equal(summary_count(buf, sizeof(buf), 1000000), "1,000,000");
	assert_string_equal(summary_count(buf, sizeof(buf), UINT64_MAX),
			    "18,446,744,073,709,551,615");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_names),
		T(test_idle),
		T(test_idle_not_when_open_or_late),
		T(test_up),
		T(test_up_without_errors),
		T(test_down),
		T(test_stuck_in_app),
		T(test_stuck_not_for_clients),
		T(test_stuck_unread),
		T(test_stuck_overtaken),
		T(test_stuck_pipelined),
		T(test_stuck_late),
		T(test_blind_unknown),
		T(test_blind_drops),
		T(test_blind_tls),
		T(test_blind_other), T(test_blind_in_a_window),
		T(test_erroring),
		T(test_erroring_by_close),
		T(test_erroring_not),
		T(test_slow),
		T(test_slow_threshold),
		T(test_slow_in_queue),
		T(test_slow_gave_up),
		T(test_streams_left_are_not_slow),
		T(test_priority),
		T(test_full_queue_is_told),
		T(test_hostile),
		T(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
