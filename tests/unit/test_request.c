// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../user/core/request.h"

#define SEED	 0x5eed0006ull
#define ARRAY(a) (sizeof(a) / sizeof(*(a)))

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* An ordinary POST: 100 queued, 30 receiving, 50 in the app, 20 sending. */
static struct request ordinary(void)
{
	return (struct request){
		.end = REQ_OK,
		.received_all = true,
		.head_seen = true,
		.status_seen = true,
		.status = 200,
		.arrived = 1000,
		.read = 1100,
		.received = 1130,
		.head = 1180,
		.done = 1200,
		.ended = 1200,
		.seen = 1101,
	};
}

static void check(const struct request *r, struct phases want, int line)
{
	struct phases got;

	request_phases(r, &got);
	if (memcmp(&got, &want, sizeof(got)))
		fail_msg("line %d: queue %lld recv %lld app %lld send %lld total %lld ttfb %lld "
			 "accept_wait %lld abandoned %lld",
			 line, (long long)got.queue, (long long)got.recv, (long long)got.app,
			 (long long)got.send, (long long)got.total, (long long)got.ttfb,
			 (long long)got.accept_wait, (long long)got.abandoned);
}

/* In the order queue, recv, app, send, total, ttfb, accept_wait, abandoned. */
#define assert_phases(r, ...) check(&(r), (struct phases){__VA_ARGS__}, __LINE__)

static void an_ordinary_request(void **state)
{
	struct request r = ordinary();

	(void)state;
	assert_phases(r, 100, 30, 50, 20, 200, 180, -1, -1);
	r.received = 1090; /* all of it lay there before the read: a GET */
	assert_phases(r, 100, 0, 80, 20, 200, 180, -1, -1);
	r.received = 1200; /* the response began first: the app did not wait for the body */
	assert_phases(r, 100, 0, 80, 20, 200, 180, -1, -1);
	r.arrived = r.read = r.received = r.head = r.done = 5;
	assert_phases(r, 0, 0, 0, 0, 0, 0, -1, -1);
}

static void a_missing_stamp_is_absent_not_zero(void **state)
{
	struct request r = ordinary();

	(void)state;
	r.arrived = 0;
	assert_phases(r, -1, 30, 50, 20, -1, -1, -1, -1);
	r = ordinary();
	r.read = 0;
	assert_phases(r, -1, -1, -1, 20, 200, 180, -1, -1);
	r = ordinary();
	r.received = 0; /* all of it came, nobody knows when */
	assert_phases(r, 100, -1, -1, 20, 200, 180, -1, -1);
	r.received_all = false; /* answered before the rest came */
	assert_phases(r, 100, 0, 80, 20, 200, 180, -1, -1);
	r.input_lost = true; /* where it ends was not seen, so neither when that came */
	assert_phases(r, 100, -1, -1, 20, 200, 180, -1, -1);
	r = ordinary();
	r.head = 0;
	assert_phases(r, 100, -1, -1, -1, -1, -1, -1, -1);
	r = ordinary();
	r.done = 0;
	assert_phases(r, 100, 30, 50, -1, -1, 180, -1, -1);
	r = (struct request){.end = REQ_UNKNOWN};
	assert_phases(r, -1, -1, -1, -1, -1, -1, -1, -1);
}

static void an_early_response(void **state)
{
	struct request r = ordinary();

	(void)state;
	r.head = 1050; /* between arrival and the read that we attribute */
	r.received = 1130;
	assert_phases(r, 50, 0, 0, 150, 200, 50, -1, -1);
	r.received_all = false;
	r.received = 0;
	assert_phases(r, 50, 0, 0, 150, 200, 50, -1, -1);
	r.head = 900; /* even before the arrival: clocks of two CPUs */
	assert_phases(r, 0, 0, 0, 200, 200, 0, -1, -1);
}

static void stamps_that_contradict(void **state)
{
	struct request r = ordinary();

	(void)state;
	r.read = 990;
	assert_phases(r, 0, 130, 50, 20, 200, 180, -1, -1);
	r = ordinary();
	r.done = 1179;
	assert_phases(r, 100, 30, 50, 0, 180, 180, -1, -1);
	r.arrived = 1;
	r.read = r.received = r.head = r.done = UINT64_MAX; /* no time that was measured */
	assert_phases(r, -1, 0, 0, 0, -1, -1, -1, -1);
}

static void upgraded_counts_up_to_its_head(void **state)
{
	struct request r = ordinary();

	(void)state;
	r.end = REQ_UPGRADED;
	assert_phases(r, 100, 30, 50, 0, 180, 180, -1, -1);
	r.done = 0;
	assert_phases(r, 100, 30, 50, 0, 180, 180, -1, -1);
	r.head = 0;
	assert_phases(r, 100, -1, -1, -1, -1, -1, -1, -1);
}

static void the_wait_for_accept_stands_apart(void **state)
{
	struct request r = ordinary();

	(void)state;
	r.established = 500;
	r.accepted = 560;
	assert_phases(r, 100, 30, 50, 20, 200, 180, 60, -1);
	r.accepted = 499;
	assert_phases(r, 100, 30, 50, 20, 200, 180, 0, -1);
	r.accepted = 0;
	assert_phases(r, 100, 30, 50, 20, 200, 180, -1, -1);
}

static void how_long_a_client_waited_that_left(void **state)
{
	struct request r = {.end = REQ_CLIENT_CLOSED, .arrived = 1000, .seen = 1500, .ended = 4000};

	(void)state;
	assert_phases(r, -1, -1, -1, -1, -1, -1, -1, 3000);
	r.read = 1100;
	assert_phases(r, 100, -1, -1, -1, -1, -1, -1, 3000);
	r.end = REQ_SERVER_CLOSED;
	assert_phases(r, 100, -1, -1, -1, -1, -1, -1, -1);
	r.end = REQ_CLIENT_CLOSED;
	r.late = true;
	assert_phases(r, -1, -1, -1, -1, -1, -1, -1, -1);
	r.late = false;
	r.arrived = 0;
	assert_phases(r, -1, -1, -1, -1, -1, -1, -1, -1);
}

/* What began before tracing has an arrival that is only a bound: no duration may start there. */
static void late_requests_have_no_arrival(void **state)
{
	struct request r = ordinary();

	(void)state;
	r.late = true;
	assert_phases(r, -1, 30, 50, 20, -1, -1, -1, -1);
	assert_int_equal(request_age(&r, 1500), 500); /* its age is one, and says so */
}

/* Any stamps, in any order, some not there. */
static struct request random_request(uint64_t *random)
{
	uint64_t stamp[6], range = 1 + next_random(random) % 50;
	struct request r = {.end = (uint8_t)(next_random(random) % REQ_ENDS)};

	for (int i = 0; i < 6; i++)
		stamp[i] = next_random(random) % 8 ? 1000 + next_random(random) % range : 0;
	r.received_all = next_random(random) % 2;
	r.late = next_random(random) % 16 == 0;
	r.arrived = stamp[0];
	r.read = stamp[1];
	r.received = stamp[2];
	r.head = stamp[3];
	r.done = stamp[4];
	r.ended = stamp[5];
	return r;
}

static void check_sum(const struct phases *p, const struct request *r, unsigned long long at)
{
	bool all = p->queue >= 0 && p->recv >= 0 && p->app >= 0 && p->send >= 0;

	if ((p->total >= 0) != (p->ttfb >= 0 && p->send >= 0) || (all && p->total < 0))
		fail_msg("round %llu: a total without its ends, or the reverse", at);
	if (all && p->total != p->queue + p->recv + p->app + p->send)
		fail_msg("round %llu: total is not the sum", at);
	if (all && p->ttfb != p->queue + p->recv + p->app)
		fail_msg("round %llu: ttfb is not the sum", at);
	/* Measured to the end, it is the time from the first stamp to the last, if they are so. */
	if (all && r->end != REQ_UPGRADED && r->done >= r->head && r->head >= r->arrived &&
	    p->total != (int64_t)(r->done - r->arrived))
		fail_msg("round %llu: total is not done - arrived", at);
}

static void phases_add_up_whatever_the_stamps(void **state)
{
	uint64_t random = SEED, complete = 0;

	(void)state;
	for (unsigned long long i = 0; i < 500000; i++) {
		struct request r = random_request(&random);
		struct phases p;
		const int64_t all[] = {0, 0, 0, 0, 0, 0, 0, 0};

		_Static_assert(sizeof(all) == sizeof(p), "phases");
		request_phases(&r, &p);
		for (size_t k = 0; k < ARRAY(all); k++)
			assert_true(((const int64_t *)&p)[k] >= -1);
		check_sum(&p, &r, i);
		assert_true((p.queue >= 0) == (r.arrived && r.read && !r.late));
		assert_true((p.send >= 0) == (r.head && (r.done || r.end == REQ_UPGRADED)));
		complete += p.total >= 0;
	}
	assert_true(complete > 100000);
}

static void phase_of_an_open_request(void **state)
{
	struct request r = {.arrived = 10};

	(void)state;
	assert_int_equal(request_open_phase(&r), PHASE_QUEUE);
	r.received_all = true; /* it lies there whole, but nobody read it */
	assert_int_equal(request_open_phase(&r), PHASE_QUEUE);
	r.received_all = false;
	r.read = 20;
	assert_int_equal(request_open_phase(&r), PHASE_RECV);
	r.received_all = true;
	assert_int_equal(request_open_phase(&r), PHASE_APP);
	r.head = 30;
	assert_int_equal(request_open_phase(&r), PHASE_SEND);
	r.received_all = false; /* the response began first */
	assert_int_equal(request_open_phase(&r), PHASE_SEND);
}

static void age_of_an_open_request(void **state)
{
	struct request r = {.arrived = 10, .seen = 50};

	(void)state;
	assert_int_equal(request_age(&r, 110), 100);
	assert_int_equal(request_age(&r, 9), 0);
	r.arrived = 0;
	assert_int_equal(request_age(&r, 110), 60);
	r.seen = 0;
	assert_int_equal(request_age(&r, 110), 0);
}

static void names(void **state)
{
	static const char *const ends[] = {"open",	    "ok",	"client_closed",
					   "server_closed", "upgraded", "unknown"};
	static const char *const phases[] = {"queue", "recv", "app", "send"};

	(void)state;
	assert_int_equal(ARRAY(ends), REQ_ENDS);
	assert_int_equal(ARRAY(phases), PHASES);
	for (int i = 0; i < REQ_ENDS; i++)
		assert_string_equal(request_end_name((enum request_end)i), ends[i]);
	for (int i = 0; i < PHASES; i++)
		assert_string_equal(request_phase_name((enum request_phase)i), phases[i]);
	assert_string_equal(request_end_name(REQ_ENDS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_request),
		cmocka_unit_test(a_missing_stamp_is_absent_not_zero),
		cmocka_unit_test(an_early_response),
		cmocka_unit_test(stamps_that_contradict),
		cmocka_unit_test(upgraded_counts_up_to_its_head),
		cmocka_unit_test(the_wait_for_accept_stands_apart),
		cmocka_unit_test(how_long_a_client_waited_that_left),
		cmocka_unit_test(late_requests_have_no_arrival),
		cmocka_unit_test(phases_add_up_whatever_the_stamps),
		cmocka_unit_test(phase_of_an_open_request),
		cmocka_unit_test(age_of_an_open_request),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
