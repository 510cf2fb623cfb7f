/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/core/merge.h"
#include "../../user/core/summary_read.h"
#include "../../user/sink/sink.h"
#include "random_summary.h"

/* --- merging texts */

/* Adds a text; its error is e's. */
static int add(struct merge *m, const char *text, const char *label, struct merge_error *e)
{
	struct summary_read_error why;
	struct summary *s = summary_read(text, strlen(text), merge_router(m), &why);
	int err;

	if (!s)
		fail_msg("%s\n%s", why.text, text);
	err = merge_add(m, s, label, e);
	summary_read_free(s);
	return err;
}

static char *finish(struct merge *m)
{
	struct verdict_rules rules;
	const struct summary *s;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	verdict_rules_default(&rules);
	s = merge_finish(m, &rules);
	assert_non_null(s);
	assert_true(ledger_balances(&s->stats->ledger));
	sink_summary_json(f, s);
	fclose(f);
	merge_free(m);
	return text;
}

/* NULL-terminated texts as one, to be freed. */
static char *merged(const char *first, ...)
{
	struct merge *m = merge_new();
	struct merge_error e;
	va_list args;

	assert_non_null(m);
	va_start(args, first);
	for (const char *text = first; text; text = va_arg(args, const char *))
		if (add(m, text, "x", &e))
			fail_msg("%s", e.text);
	va_end(args);
	return finish(m);
}

/* --- making texts */

struct made {
	const char *host;
	uint32_t pid;
	unsigned second; /* when it begins */
	unsigned seconds;
	int64_t carried, open;
	unsigned ok;
	bool gone;
};

static void apply(struct sample *x, const struct made *w)
{
	struct ledger *l = &x->s.stats->ledger;

	x->s.host.name = w->host;
	x->pids[0] = x->generations[0].pid = w->pid;
	x->s.start_wall_ns += w->second * SEC;
	x->s.wall_offset += (int64_t)(w->second * SEC);
	x->s.seconds = w->seconds;
	x->s.target.alive = x->s.target.listening = !w->gone;
	for (unsigned i = 0; i < w->ok; i++) {
		struct request r = sample_request(x, "GET", "/a", w->pid, MS, (1 + i) * MS, MS);

		sample_end(x, &r, REQ_OK, 200);
	}
	for (int64_t i = 0; i < w->open; i++)
		sample_open(x, "/open", w->pid, 5 * SEC - (uint64_t)i, PHASE_APP);
	l->carried = w->carried;
	l->started -= w->carried;
}

static char *make(struct made w)
{
	struct sample *x = sample_new();
	struct verdict_rules rules;
	char *text;

	apply(x, &w);
	assert_true(ledger_balances(&x->s.stats->ledger));
	verdict_rules_default(&rules);
	verdict_decide(&x->s, &rules);
	text = sample_json(x);
	sample_free(x);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in %s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("%s is in %s", part, text);
}

/* Merges two that were made; to be freed. */
static char *two(struct made a, struct made b)
{
	char *x = make(a), *y = make(b), *out = merged(x, y, NULL), *back = merged(y, x, NULL);

	assert_string_equal(out, back);
	free(back);
	free(x);
	free(y);
	return out;
}

/* --- what adds up */

static void test_two_hosts(void **state)
{
	char *t = two((struct made){"web2", 11, 0, 10, 0, 1, 3, false},
		      (struct made){"web1", 11, 5, 10, 0, 1, 4, false});

	(void)state;
	assert_has(t, "\"host\":{\"name\":\"web1, web2\"");
	assert_has(t, "\"window\":{\"start\":\"2026-01-02T03:04:05.000000Z\",\"seconds\":15}");
	assert_has(t, "\"carried\":0,\"started\":9,\"ok\":7,");
	assert_has(t, "\"open\":2,\"not_http\":0,\"rate\":0.6}");
	assert_has(t, "\"codes\":{\"200\":7}");
	/* 3 + 4 of the same pid on two hosts stay apart */
	assert_has(t, "{\"pid\":11,\"requests\":4,\"open\":1,\"p99\"");
	assert_has(t, "{\"pid\":11,\"requests\":3,\"open\":1,\"p99\"");
	assert_has(t, "\"parts\":[{\"host\":\"web1\",\"pids\":[11]");
	assert_has(t, "\"address\":\"127.0.0.1:8000\",\"host\":\"web1\"");
	free(t);
}

static void test_two_workers(void **state)
{
	char *t = two((struct made){"web1", 11, 0, 10, 0, 0, 3, false},
		      (struct made){"web1", 12, 0, 10, 0, 0, 4, false});

	(void)state;
	assert_has(t, "\"host\":{\"name\":\"web1\"");
	assert_has(t, "\"pids\":[11,12]");
	assert_has(t, "\"seconds\":10}");
	assert_has(t, "{\"pid\":11,\"requests\":3,\"open\":0,");
	assert_has(t, "{\"pid\":12,\"requests\":4,\"open\":0,");
	assert_lacks(t, "\"host\":\"web1\"},{\"pid\""); /* rows name no host where there is one */
	free(t);
}

/* What the first left open is what the second carries: those two are one. */
static void test_continued(void **state)
{
	char *t = two((struct made){"web1", 11, 0, 10, 0, 2, 3, false},
		      (struct made){"web1", 11, 10, 10, 2, 1, 4, false});

	(void)state;
	assert_has(t, "\"seconds\":20}");
	assert_has(t, "\"carried\":0,\"started\":8,\"ok\":7,");
	assert_has(t, "\"open\":1,\"not_http\"");
	assert_has(t, "{\"pid\":11,\"requests\":7,\"open\":1,");
	assert_lacks(t, "\"parts\"");
	/* the open ones of the first are not listed: they were carried on */
	assert_has(t, "\"open\":[{\"id\":");
	assert_lacks(t, "\"conn\":2");
	free(t);
}

/* Runs one after the other do not carry: what the first left open was never seen to end. */
static void test_side_by_side(void **state)
{
	char *t = two((struct made){"web1", 11, 0, 10, 0, 2, 3, false},
		      (struct made){"web1", 11, 10, 10, 0, 1, 4, false});

	(void)state;
	assert_has(t, "\"carried\":0,\"started\":10,\"ok\":7,");
	assert_has(t, "\"open\":3,\"not_http\"");
	assert_has(t, "\"conn\":3");
	free(t);
}

static void test_gap(void **state)
{
	char *t = two((struct made){"web1", 11, 0, 10, 0, 0, 3, false},
		      (struct made){"web1", 11, 70, 10, 0, 0, 3, false});

	(void)state;
	assert_has(t, "\"seconds\":20,\"end\":\"2026-01-02T03:05:25.000000Z\"}");
	assert_has(t, "\"rate\":0.3}");
	free(t);
}

/* One that died is told, also while another lives; one that lives again is not. */
static void test_gone(void **state)
{
	char *t = two((struct made){"web1", 11, 0, 10, 0, 0, 3, false},
		      (struct made){"web2", 12, 0, 10, 0, 0, 3, true});

	(void)state;
	assert_has(t, "\"state\":\"up\"");
	assert_has(t, "process 12 of host web2 is gone");
	free(t);
	t = two((struct made){"web1", 11, 0, 10, 0, 0, 3, true},
		(struct made){"web2", 12, 0, 10, 0, 0, 3, true});
	assert_has(t, "\"state\":\"down\"");
	free(t);
	t = two((struct made){"web1", 11, 0, 10, 0, 0, 3, true},
		(struct made){"web1", 12, 10, 10, 0, 0, 3, false});
	assert_lacks(t, "gone");
	assert_has(t, "\"alive\":true,\"listening\":true");
	free(t);
	t = two((struct made){"web1", 11, 0, 10, 0, 0, 3, false},
		(struct made){"web1", 11, 10, 10, 0, 0, 3, true});
	assert_has(t, "\"state\":\"down\"");
	free(t);
}

/* --- what is refused */

static void assert_refused(struct made a, struct made b, const char *why)
{
	struct merge *m = merge_new();
	struct merge_error e;
	char *x = make(a), *y = make(b);

	assert_int_equal(add(m, x, "a.json", &e), 0);
	if (!add(m, y, "b.json", &e))
		fail_msg("taken, though: %s", why);
	if (!strstr(e.text, why))
		fail_msg("\"%s\" is not in: %s", why, e.text);
	merge_free(m);
	free(x);
	free(y);
}

static void test_refused(void **state)
{
	struct made w = {"web1", 11, 0, 10, 0, 0, 3, false}, b = w;

	(void)state;
	assert_refused(
		w, w,
		"a.json and b.json both hold host web1, process 11 at 2026-01-02 03:04:05 UTC: "
		"its requests would count twice");
	b.second = 9;
	assert_refused(w, b, "at 2026-01-02 03:04:14 UTC");
	b.host = "web\x1b[31m";
	b.second = 0;
	assert_refused(b, b, "host web\\x1b[31m,");
	b.gone = true;
	assert_refused(b, b, "process 11");
}

/* A merge knows what is in it. */
static void test_refused_again(void **state)
{
	char *a = make((struct made){"web1", 11, 0, 10, 0, 0, 3, false});
	char *b = make((struct made){"web2", 11, 0, 10, 0, 0, 3, false});
	char *c = make((struct made){"web1", 11, 20, 10, 0, 0, 3, false});
	char *between = make((struct made){"web1", 11, 12, 5, 0, 0, 3, false});
	char *ab = merged(a, b, NULL), *abc = merged(ab, c, NULL), *all;
	struct merge *m = merge_new();
	struct merge_error e;

	(void)state;
	assert_int_equal(add(m, ab, "ab", &e), 0);
	assert_true(add(m, a, "a", &e) < 0);
	assert_non_null(strstr(e.text, "ab and a both hold host web1"));
	assert_true(add(m, b, "b", &e) < 0);
	assert_int_equal(add(m, c, "c", &e), 0);
	merge_free(m);
	all = merged(abc, between, NULL); /* in the gap that the merge has */
	assert_has(all, "\"started\":12,");
	free(all);
	free(abc);
	free(ab);
	free(between);
	free(c);
	free(b);
	free(a);
}

/* --- in any order and grouping the same, byte for byte */

/* Of a host and pids of its own, or in a time of its own: so that any two of them go together. */
static char *part(struct random *r, uint32_t i, bool apart)
{
	struct sample *x = sample_new();
	char *text;

	random_summary(x, r);
	x->generations[0].pid = 100;
	if (apart) {
		x->s.start_wall_ns += i * 15 * SEC;
		x->s.wall_offset += (int64_t)(i * 15 * SEC);
	} else {
		x->s.host.name = (const char *const[]){"b2", "a1", "c3"}[i];
	}
	text = sample_json(x);
	sample_free(x);
	return text;
}

static void test_grouping(void **state)
{
	struct random r = {7};

	(void)state;
	for (int i = 0; i < 60; i++) {
		char *a = part(&r, 0, i % 2), *b = part(&r, 1, i % 2), *c = part(&r, 2, i % 2);
		char *all, *ab, *bc, *left, *right;

		all = merged(a, b, c, NULL);
		ab = merged(b, a, NULL);
		bc = merged(b, c, NULL);
		left = merged(ab, c, NULL);
		right = merged(a, bc, NULL);
		assert_string_equal(left, all);
		assert_string_equal(right, all);
		free(left);
		left = merged(all, NULL);
		assert_string_equal(left, all);
		free(right);
		right = merged(c, ab, NULL);
		assert_string_equal(right, all);
		free(left);
		free(right);
		free(bc);
		free(ab);
		free(all);
		free(c);
		free(b);
		free(a);
	}
}

/* A chain of windows that carry on, put together in an odd order. */
static void test_chain(void **state)
{
	char *a = make((struct made){"web1", 11, 0, 10, 0, 2, 3, false});
	char *b = make((struct made){"web1", 11, 10, 10, 2, 1, 4, false});
	char *c = make((struct made){"web1", 11, 20, 10, 1, 3, 5, false});
	char *x = make((struct made){"web2", 11, 0, 40, 0, 1, 5, false});
	char *all = merged(a, b, c, x, NULL), *ac = merged(c, a, x, NULL),
	     *odd = merged(ac, b, NULL);

	(void)state;
	assert_string_equal(odd, all);
	assert_has(all, "\"carried\":0,\"started\":21,\"ok\":17,");
	assert_has(all, "\"open\":4,\"not_http\"");
	free(odd);
	free(ac);
	free(all);
	free(x);
	free(c);
	free(b);
	free(a);
}

/* What one summary of all requests says of counts and distributions, the merge of its parts says
 * too. */
static void test_same_as_whole(void **state)
{
	struct sample *whole = sample_new(), *one = sample_new(), *other = sample_new();
	const char *from, *to;
	char *want, *a, *b, *got;

	(void)state;
	other->s.host.name = "web2";
	for (unsigned i = 0; i < 200; i++) {
		struct sample *to_one = i % 3 ? one : other;
		struct request r = sample_request(whole, "GET", i % 2 ? "/a" : "/b", 4711, i * 1000,
						  i * i * 1000, i);

		sample_end(whole, &r, REQ_OK, i % 7 ? 200 : 500);
		r.route = router_match(to_one->router, "GET", i % 2 ? "/a" : "/b", 2);
		sample_end(to_one, &r, REQ_OK, i % 7 ? 200 : 500);
	}
	want = sample_json(whole);
	a = sample_json(one);
	b = sample_json(other);
	got = merged(a, b, NULL);
	from = strstr(want, "\"requests\":");
	to = strstr(want, "\"workers\":");
	want[to - want] = '\0';
	assert_has(got, from);
	free(got);
	free(b);
	free(a);
	free(want);
	sample_free(other);
	sample_free(one);
	sample_free(whole);
}

/* More workers than there are rows: the rest of each host is one, and the sum stays. */
static void test_many_workers(void **state)
{
	struct merge *m = merge_new();
	struct merge_error e;
	const struct summary *s;
	struct verdict_rules rules;
	struct summary_worker_row rows[SUMMARY_MAX_WORKERS];
	const struct summary_worker_row *rest = NULL;
	uint64_t sum = 0;
	uint32_t n;

	(void)state;
	for (uint32_t i = 0; i < 600; i++) {
		char *text = make((struct made){i % 2 ? "web1" : "web2", 1000 + i, 0, 10, 0, 0,
						1 + i % 3, false});

		assert_int_equal(add(m, text, "x", &e), 0);
		free(text);
	}
	verdict_rules_default(&rules);
	s = merge_finish(m, &rules);
	n = summary_workers(s, rows, SUMMARY_MAX_WORKERS);
	assert_int_equal(n, SUMMARY_MAX_WORKERS - 1); /* all of the rest are of one host */
	for (uint32_t i = 0; i < n; i++)
		sum += rows[i].requests;
	for (uint32_t i = 0; i < n; i++)
		rest = rows[i].pid ? rest : &rows[i];
	assert_int_equal(sum, 1200);
	assert_int_equal(s->stats->ledger.ok, 1200);
	assert_non_null(rest);
	assert_string_equal(rest->host, "web2");
	assert_int_equal(rest->requests, 90); /* one each */
	assert_false(rest->open_known);
	merge_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_hosts),     cmocka_unit_test(test_two_workers),
		cmocka_unit_test(test_continued),     cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_gap),	      cmocka_unit_test(test_gone),
		cmocka_unit_test(test_refused),	      cmocka_unit_test(test_refused_again),
		cmocka_unit_test(test_grouping),      cmocka_unit_test(test_chain),
		cmocka_unit_test(test_same_as_whole), cmocka_unit_test(test_many_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
