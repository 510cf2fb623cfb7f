// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * test_losses.c - whatever is missing from a stream of events, no request is reported wrongly.
 *
 * Wrong is what differs from what the whole stream says: another end, status, route or time, or
 * open what is answered. Unknown is allowed, and so is absent. RS_SEED=N runs one seed and shows
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traffic.h"

struct losses {
	struct traffic traffic;
	struct harness harness;
	struct random random;
	bool *gone; /* events that are lost, by their place in traffic.events */
	bool *used; /* truths that a report has been matched with */
	const char *what;
	struct request wrong;
	size_t n_events;
	uint64_t known;	      /* requests reported with an end that is not unknown */
	uint64_t not_to_tell; /* see shows_pipelining() */
};

/* ---- what chance seldom makes: cases that a boundary could be seen in, and is not */

#define MS	 1000000ULL
#define GET(x)	 "GET " x " HTTP/1.1\r\n\r\n"
#define OK	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define CHUNK	 "5\r\nhello\r\n"
#define POST	 "POST /up HTTP/1.1\r\nContent-Length: 60\r\n\r\n"

/*
 * A stream in words. "<text" arrives and is read, ">text" is written, "[text" arrives, "]text" is
 * read.
 * "!" before any of them: its event is lost. "o", "f", "c", "r": open, FIN, close by the server and
 * by RST. "u": a late open, idle by its stamps. "?": a census.
 */
struct script {
	const char *name;
	const char *words[16];
	uint32_t known; /* requests that are reported with an end that is not unknown */
	uint32_t open;
};

static const struct script scripts[] = {
	{"in step", {"o", "<" GET("/a"), ">" OK, "c"}, 1, 0},
	{"a lost answer",
	 {"o", "<" GET("/a"), "!>" OK, "<" GET("/b"), ">" OK, "<" GET("/c"), ">" OK},
	 1,
	 0},
	{"a lost request", {"o", "!<" GET("/a"), ">" OK, "<" GET("/b"), ">" OK}, 1, 0},
	{"pipelined, and one came before the answer",
	 {"o", "!<" GET("/a") GET("/b"), "[" GET("/c"), ">" OK, "]" GET("/c"), ">" OK, ">" OK},
	 0,
	 0},
	{"pipelined before the loss",
	 {"o", "<" GET("/a") GET("/b"), ">" OK, "!<" GET("/c"), ">" OK, "<" GET("/d"), ">" OK},
	 1,
	 0},
	{"a body after an early answer, then the close",
	 {"o", "!<" POST, ">" OK, "<" GET("/evil"), "c"},
	 0,
	 0},
	{"a body after an early answer, then a request",
	 {"o", "!<" POST, ">" OK, "<" GET("/evil"), "<" GET("/b"), ">" OK, "<" GET("/c"), ">" OK},
	 0,
	 0},
	{"a token of a body", {"o", "!<" POST, ">" OK, "<abc", "<" GET("/b"), ">" OK}, 0, 0},
	{"the rest of a method",
	 {"o", "!<" GET("/a") "DELE", ">" OK, "<TE /b HTTP/1.1\r\n\r\n", ">" OK},
	 0,
	 0},
	{"a body while the answer goes on, then that of what was pipelined",
	 {"o", "!<" POST, ">HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", "<piece", ">def",
	  "<" GET("/evil"), ">" OK},
	 0,
	 0},
	{"pipelined, and the first answer's end is not seen",
	 {"o", "<" GET("/a") GET("/b"), ">HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	  ">" CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK "0\r\n\r\n",
	  ">" OK, "<" GET("/c"), ">" OK},
	 0,
	 0},
	{"pipelined, and the second answer's beginning is not seen",
	 {"o", "<" GET("/a") GET("/b"), ">HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n",
	  ">" CHUNK CHUNK CHUNK CHUNK CHUNK CHUNK OK OK, "<" GET("/c"), ">" OK},
	 1,
	 0},
	{"an interim answer to what was pipelined",
	 {"o",
	  "!<" GET("/a") "POST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 23\r\n\r\n",
	  ">" OK, ">" CONTINUE, "<" GET("/evil"), ">" OK},
	 0,
	 0},
	{"a lost switch of protocols",
	 {"o", "<GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
	  "!>HTTP/1.1 101 Switching\r\n\r\n", ">frame", "<" GET("/evil"), ">" OK},
	 0,
	 0},
	{"a switch of protocols out of step",
	 {"o", "!<GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
	  ">HTTP/1.1 101 Switching\r\n\r\n", ">frame", "<" GET("/evil"), ">" OK},
	 0,
	 0},
	{"unread after a loss", {"o", "!<" POST, ">" OK, "[the rest of the body", "?"}, 0, 0},
	{"unread in step", {"o", "<" GET("/a"), ">" OK, "[" GET("/b"), "?"}, 1, 1},
	{"met late in a body", {"u", "<to", ">" OK, "<" GET("/a"), ">" OK}, 1, 0},
	{"met late, idle", {"u", "<" GET("/a"), ">" OK}, 1, 0},
	{"a lost close", {"o", "<" GET("/a"), "!c"}, 0, 0},
	{"a reset after a loss", {"o", "!<" GET("/a"), ">" OK, "<" GET("/b"), "r"}, 0, 0},
};

struct run {
	struct harness h;
	struct stream s;
	struct stream_conn c;
	uint64_t now;
	bool closed;
};

static void say(struct run *r, const char *word)
{
	const char *text = word + 1;
	uint32_t n = strlen(text);

	r->now += 10 * MS;
	switch (*word) {
	case 'o':
		stream_open(&r->s, &r->c, r->now - 1, r->now);
		break;
	case 'u':
		stream_open_late(&r->s, &r->c, r->now, 1, 2);
		break;
	case '<':
		stream_in(&r->s, &r->c, r->now - 1, r->now, text);
		break;
	case '>':
		stream_out(&r->s, &r->c, r->now, text);
		break;
	case '[':
		stream_arrive(&r->c, r->now, n);
		break;
	case ']':
		stream_read(&r->s, &r->c, r->now, text, n);
		break;
	default:
		stream_close(&r->s, &r->c, r->now, *word == 'c', *word == 'r');
		r->closed = true;
	}
}

static void check_script(const struct script *script)
{
	struct run r = {.c = stream_conn(1, 42)};
	const struct stream_conn *conns[] = {&r.c};
	uint32_t known = 0;

	harness_init(&r.h);
	stream_init(&r.s);
	for (const char *const *word = script->words; *word; word++) {
		if (**word == '?') {
			harness_run(&r.h, &r.s);
			harness_census(&r.h, r.now, conns, 1);
			continue;
		}
		say(&r, *word + (**word == '!'));
		if (**word == '!')
			stream_lose_last(&r.s);
	}
	harness_run(&r.h, &r.s);
	harness_census(&r.h, UINT64_MAX, conns, !r.closed);
	for (uint32_t i = 0; i < r.h.n_ended; i++)
		known += r.h.ended[i].end != REQ_UNKNOWN;
	if (known != script->known || harness_open(&r.h, NULL) != script->open)
		fail_msg("%s: %u known, %u open", script->name, known, harness_open(&r.h, NULL));
	harness_free(&r.h);
	stream_free(&r.s);
}

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		check_script(&scripts[i]);
}

/* ---- which events are lost */

static void lose_type(struct losses *l, unsigned types)
{
	for (size_t i = 0; i < l->traffic.n_events; i++)
		l->gone[i] |= types >> l->traffic.events[i].type & 1;
}

static void lose_range(struct losses *l, size_t from, size_t n)
{
	for (size_t i = from; i < from + n && i < l->traffic.n_events; i++)
		l->gone[i] = true;
}

static void lose_some(struct losses *l)
{
	static const uint32_t percents[] = {1, 3, 10, 30, 60, 90};
	uint32_t percent = percents[random_below(&l->random, 6)];

	for (size_t i = 0; i < l->traffic.n_events; i++)
		l->gone[i] |= random_chance(&l->random, percent);
}

static void lose(struct losses *l)
{
	uint32_t n = l->traffic.n_events;

	switch (random_below(&l->random, 8)) {
	case 0:
		lose_range(l, n - random_below(&l->random, n), n);
		break;
	case 1:
		lose_range(l, 0, random_below(&l->random, n));
		break;
	case 2:
		lose_type(l, 1 << RS_EV_CLOSE);
		break;
	case 3:
		lose_type(l, 1 << RS_EV_OPEN);
		break;
	case 4:
		lose_type(l, 1 << (RS_EV_OPEN + random_below(&l->random, 5)));
		break;
	case 5:
		for (uint32_t i = random_below(&l->random, 5); i < 5; i++)
			lose_range(l, random_below(&l->random, n), random_below(&l->random, 10));
		break;
	default:
		lose_some(l);
	}
	if (random_chance(&l->random, 30))
		lose_some(l);
}

/* ---- what comes of it */

static void census(struct losses *l, uint64_t at)
{
	struct tracer *t = l->harness.tracer;
	struct rs_census k[4];
	size_t n = traffic_census(&l->traffic, at, k);

	tracer_settle(t);
	tracer_census_begin(t, at);
	for (size_t i = 0; i < n; i++)
		tracer_census_conn(t, &k[i]);
	tracer_census_end(t, at);
}

static void replay(struct losses *l)
{
	uint32_t censuses = random_chance(&l->random, 50) ? 0 : 1 + random_below(&l->random, 20);
	uint32_t settles = random_chance(&l->random, 30) ? 0 : 1 + random_below(&l->random, 50);

	for (size_t i = 0; i < l->traffic.n_events; i++) {
		const struct traffic_event *e = &l->traffic.events[i];

		if (!l->gone[i])
			assert_int_equal(tracer_event(l->harness.tracer, e->data, e->size), 0);
		if (random_chance(&l->random, settles))
			tracer_settle(l->harness.tracer);
		if (random_chance(&l->random, censuses))
			census(l, e->at);
	}
	tracer_settle(l->harness.tracer);
	census(l, 1ULL << 60);
}

/* ---- was it so? */

/*
 * What cannot be told apart, whatever the rules. When a client always has two requests under way
 * and nothing is seen that shows it, each answer comes while one more request is there than we know
 * of, and looks like the answer to the next. And bytes made to look like a request are one, if what
 * they are part of began before we attached, or if it is a tunnel of which we saw no more than
 * that.
 */
static bool shows_pipelining(const struct losses *l, uint32_t conn)
{
	const struct traffic *t = &l->traffic;
	uint64_t first_lost = UINT64_MAX;

	for (size_t i = t->n_events; i-- > 0;)
		if (l->gone[i] && t->events[i].conn == conn)
			first_lost = t->events[i].at;
	for (size_t i = 1; i < t->n_truth; i++) {
		const struct traffic_truth *a = &t->truth[i - 1], *b = &t->truth[i];

		if (b->conn == conn && a->conn == conn && b->counted && b->read_at &&
		    b->read_at < first_lost && b->read_at < a->done_at)
			return true;
	}
	return false;
}

static bool in_tunnel(const struct losses *l, const struct request *r)
{
	const struct traffic *t = &l->traffic;

	for (size_t i = 0; i < t->n_truth; i++)
		if (t->truth[i].r.conn == r->conn && t->truth[i].r.end == REQ_UPGRADED)
			return r->end == REQ_OPEN && r->read > t->truth[i].r.head;
	return false;
}

static bool has_mimicry(const struct losses *l, uint64_t conn)
{
	const struct harness *h = &l->harness;

	for (uint32_t i = 0; i < h->n_ended; i++)
		if (h->ended[i].conn == conn && (!strcmp(h->ended[i].http.path, "/evil") ||
						 !strcmp(h->ended[i].http.path, "/")))
			return true;
	return false;
}

static bool not_to_tell(const struct losses *l, const struct request *r)
{
	const struct traffic_conn *c = &l->traffic.conns[r->conn - 1];

	if (c->pipelines && (c->late || !shows_pipelining(l, r->conn - 1)))
		return true;
	return (c->late && has_mimicry(l, r->conn)) || in_tunnel(l, r);
}

static void judge(struct losses *l, const struct request *r, const char *what)
{
	struct traffic *t = &l->traffic;

	if (!t->conns[r->conn - 1].http && !r->head_seen && r->end != REQ_OK)
		return; /* too few bytes to see that it is no HTTP */
	l->known++;
	for (size_t i = 0; i < t->n_truth; i++)
		if (!l->used[i] && traffic_explains(&t->truth[i], r)) {
			l->used[i] = true;
			return;
		}
	if (not_to_tell(l, r)) {
		l->not_to_tell++;
		return;
	}
	l->wrong = *r;
	l->what = what;
}

static void judge_open(void *ctx, struct request *r)
{
	judge(ctx, r, "reported open");
}

static void count_open(void *ctx, struct request *r)
{
	(void)r;
	++*(int64_t *)ctx;
}

static void judge_all(struct losses *l)
{
	struct harness *h = &l->harness;
	int64_t open = 0, hidden;

	for (uint32_t i = 0; i < h->n_ended; i++)
		if (h->ended[i].end != REQ_UNKNOWN)
			judge(l, &h->ended[i], "ended");
	tracer_visit_open(h->tracer, judge_open, l);
	tracer_visit_open(h->tracer, count_open, &open);
	hidden = h->begun - h->retracted - h->n_ended - open;
	if (hidden < 0 || hidden > l->traffic.n_conns) /* tracer_visit_open() hides one each */
		l->what = "the ledger does not balance";
}

/* ---- seeds */

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : otherwise;
}

static void show(const struct losses *l, bool whole)
{
	fprintf(stderr, "RS_SEED=%lu: %s\n", l->traffic.seed, l->what);
	traffic_print_request("  wrong", &l->wrong);
	if (!whole)
		return;
	traffic_print(&l->traffic);
	for (size_t i = 0; i < l->traffic.n_events; i++)
		if (l->gone[i])
			fprintf(stderr, "  lost: conn %u #%u\n", l->traffic.events[i].conn + 1,
				l->traffic.events[i].seq);
	for (uint32_t i = 0; i < l->harness.n_ended; i++)
		traffic_print_request("  ended", &l->harness.ended[i]);
}

#define BY_CHANCE SIZE_MAX

/* Loses one event, or some by chance. */
static bool run(uint64_t seed, unsigned what, size_t one, bool print, struct losses *sum)
{
	struct losses l = {.random = {seed}};
	bool ok;

	traffic_generate(&l.traffic, seed, what);
	l.gone = calloc(l.traffic.n_events + 1, sizeof(*l.gone));
	l.used = calloc(l.traffic.n_truth + 1, sizeof(*l.used));
	harness_init(&l.harness);
	if (one != BY_CHANCE)
		l.gone[one] = one < l.traffic.n_events;
	else if (l.traffic.n_events)
		lose(&l);
	replay(&l);
	judge_all(&l);
	ok = !l.what;
	if (!ok || print)
		show(&l, print);
	sum->n_events = l.traffic.n_events;
	sum->known += l.known;
	sum->not_to_tell += l.not_to_tell;
	harness_free(&l.harness);
	traffic_free(&l.traffic);
	free(l.gone);
	free(l.used);
	return ok;
}

static void over_seeds(unsigned what, uint64_t n)
{
	uint64_t one = number("RS_SEED", 0), failed = 0;
	struct losses sum = {};

	if (one) {
		assert_true(run(one, what, BY_CHANCE, true, &sum));
		return;
	}
	n = number("RS_SEEDS", n);
	for (uint64_t seed = 1; seed <= n && failed < number("RS_FAILURES", 5); seed++)
		failed += !run(seed, what, BY_CHANCE, false, &sum);
	print_message("%lu seeds: %lu requests known in spite of the losses, %lu not to tell\n", n,
		      sum.known, sum.not_to_tell);
	assert_int_equal(failed, 0);
}

/* Each event of a stream alone. */
static void test_losses_of_one(void **state)
{
	uint64_t n = number("RS_SEEDS", 30);

	(void)state;
	for (uint64_t seed = 1; seed <= n; seed++) {
		struct losses sum = {.n_events = 1};

		for (size_t i = 0; i < sum.n_events; i++)
			if (!run(seed, TRAFFIC_LATE, i, false, &sum))
				fail_msg("seed %lu without event %zu", seed, i);
	}
}

static void test_losses(void **state)
{
	(void)state;
	over_seeds(0, 8000);
}

static void test_losses_late(void **state)
{
	(void)state;
	over_seeds(TRAFFIC_LATE, 8000);
}

static void test_losses_large(void **state)
{
	(void)state;
	over_seeds(TRAFFIC_LATE | TRAFFIC_LARGE, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),	     cmocka_unit_test(test_losses_of_one),
		cmocka_unit_test(test_losses),	     cmocka_unit_test(test_losses_late),
		cmocka_unit_test(test_losses_large),
	};

	cmocka_set_test_filter(getenv("RS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
