// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * compare_sides.c - from batches of requests to the sums that are tested. Latencies are not
 * compared as they are, since one slow request may outweigh a thousand, but by their rank among all
 * requests of both sides; tails by the share of requests that lie among the slowest hundredth of
 * both.
 */
#include <math.h>
#include <string.h>

#include "compare_priv.h"
#include "compare_test.h"

/* All buckets of a struct hist (hist_index(1) .. hist_index(UINT64_MAX)), and that of zero. */
#define BUCKETS 2144

/* Fewer events than this on both sides together can be beyond noise under no circumstances: with as
   few, chance alone puts all of them on one side too often. */
#define MIN_EVENTS 8

struct scores {
	double of[BUCKETS]; /* by bucket - SERIES_ZERO */
	double unit;	    /* variance of one request's score */
	double events;	    /* sum over all requests */
};

struct pooled {
	uint64_t n;
	uint64_t count[BUCKETS];
};

/* --- scores */

static void pool(struct pooled *to, const struct series_route *r, enum series_kind kind)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct series_counts *c = &r->batch[i].latency[kind];

		for (int k = 0; k < c->n; k++) {
			uint32_t count = series_count(c, (uint32_t)k);

			to->count[c->first + k - SERIES_ZERO] += count;
			to->n += count;
		}
	}
}

static void finish_scores(struct scores *s, const struct pooled *all)
{
	double sum = 0, squares = 0, n = (double)all->n;

	for (int i = 0; i < BUCKETS; i++) {
		sum += (double)all->count[i] * s->of[i];
		squares += (double)all->count[i] * s->of[i] * s->of[i];
	}
	s->events = sum;
	s->unit = n > 0 ? squares / n - sum / n * (sum / n) : 0;
	if (s->unit < 1e-9)
		s->unit = 0; /* all in one bucket: what is left is rounding */
}

/* Ranks from 0 to 1, those of one bucket in the middle of it. */
static void rank_scores(struct scores *s, const struct pooled *all)
{
	double below = 0;

	for (int i = 0; i < BUCKETS; i++) {
		double count = (double)all->count[i];

		s->of[i] = all->n ? (below + count / 2) / (double)all->n : 0;
		below += count;
	}
	finish_scores(s, all);
}

/* Buckets grow by the same factor, so that their numbers are logarithms. */
static void log_scores(struct scores *s)
{
	for (int i = 0; i < BUCKETS; i++)
		s->of[i] = i;
}

#define TAIL 0.01

/* 1 for the slowest hundredth, 0 for others; the bucket that the line falls into is shared. */
static void tail_scores(struct scores *s, const struct pooled *all)
{
	double left = TAIL * (double)all->n;

	for (int i = BUCKETS - 1; i >= 0; i--) {
		double count = (double)all->count[i], take = fmin(count, left);

		s->of[i] = count > 0 ? take / count : 0;
		left -= take;
	}
	finish_scores(s, all);
}

/* --- sides */

static void score_side(struct test_side *to, const struct series_route *r, enum series_kind kind,
		       const struct scores *s)
{
	to->n = 0;
	to->requests = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct series_counts *c = &r->batch[i].latency[kind];
		struct test_cell cell = {0};

		for (int k = 0; k < c->n; k++) {
			uint32_t count = series_count(c, (uint32_t)k);

			cell.weight += count;
			cell.sum += count * s->of[c->first + k - SERIES_ZERO];
		}
		to->requests += cell.weight;
		if (cell.weight > 0)
			to->cell[to->n++] = cell;
	}
}

static void error_side(struct test_side *to, const struct series_route *r)
{
	to->n = 0;
	to->requests = (double)r->known;
	for (uint32_t i = 0; i < r->n; i++)
		if (r->batch[i].known)
			to->cell[to->n++] = (struct test_cell){(double)r->batch[i].known,
							       (double)r->batch[i].errors};
}

/* Slices of time up to the end of what was watched, also where nothing came any more; more of them
   than there is room for are put together. */
static void rate_slices(struct test_side *to, const struct series_route *r, double slice,
			double seconds)
{
	double n = ceil(seconds / slice), group, left;

	for (uint32_t i = 0; i < SERIES_SLICES; i++)
		if (r->slice[i])
			n = fmax(n, i + 1);
	group = ceil(n / SERIES_SLICES);
	to->n = (uint32_t)ceil(n / group);
	for (uint32_t i = 0; i < to->n; i++)
		to->cell[i] = (struct test_cell){.weight = slice * group};
	for (uint32_t i = 0; i < SERIES_SLICES; i++)
		if (r->slice[i])
			to->cell[(uint32_t)(i / group)].sum += (double)r->slice[i];
	left = seconds - slice * group * (to->n - 1);
	if (left > 0 && left < slice * group)
		to->cell[to->n - 1].weight = left; /* was not watched to its end */
}

static void rate_side(struct test_side *to, const struct series_route *r, bool ordered,
		      uint64_t width, double seconds)
{
	to->requests = (double)r->count;
	if (ordered && width) {
		rate_slices(to, r, (double)width / 1e9, seconds);
	} else {
		to->n = 1;
		to->cell[0] = (struct test_cell){seconds, (double)r->count};
	}
}

/* --- tests */

static const struct test_result untested = {.p = NAN, .design = NAN};

static struct test_result run(const struct test_input *in)
{
	if (in->before.requests < COMPARE_MIN_REQUESTS ||
	    in->after.requests < COMPARE_MIN_REQUESTS || !(in->unit > 0))
		return untested;
	return test_difference(in);
}

/* By how much they differ, which ranks do not say. Fills in and s anew. */
static bool apart(struct test_input *in, const struct compare_pair *p, enum series_kind kind,
		  struct scores *s)
{
	log_scores(s);
	score_side(&in->before, p->before, kind, s);
	score_side(&in->after, p->after, kind, s);
	return test_apart(&in->before, &in->after);
}

static struct test_result test_latency(struct test_input *in, const struct compare_pair *p,
				       enum series_kind kind)
{
	struct pooled all = {0};
	struct test_result r;
	struct scores s;

	pool(&all, p->before, kind);
	pool(&all, p->after, kind);
	if (in->events) {
		tail_scores(&s, &all);
	} else {
		in->apart = apart(in, p, kind, &s);
		rank_scores(&s, &all);
	}
	if (in->events && s.events < MIN_EVENTS)
		return untested;
	in->unit = s.unit;
	score_side(&in->before, p->before, kind, &s);
	score_side(&in->after, p->after, kind, &s);
	r = run(in);
	if (!in->events && in->before.requests * in->after.requests <
				   COMPARE_MIN_LATENCIES * COMPARE_MIN_LATENCIES)
		r.p = NAN; /* what they say of resemblance holds all the same */
	return r;
}

static struct test_result test_errors(struct test_input *in, const struct compare_pair *p)
{
	double errors = (double)p->before->errors + (double)p->after->errors;
	double share = errors / ((double)p->before->known + (double)p->after->known);

	if (!(errors >= MIN_EVENTS))
		return untested;
	in->events = true;
	in->scales = 2; /* errors that come in rows show that in the smallest batches */
	in->unit = share * (1 - share);
	error_side(&in->before, p->before);
	error_side(&in->after, p->after);
	return run(in);
}

static struct test_result test_rate(struct test_input *in, const struct compare_pair *p)
{
	double count = (double)p->before->count + (double)p->after->count;

	if (!(p->before_seconds > 0) || !(p->after_seconds > 0))
		return untested;
	in->events = in->rate = true;
	in->unit = count / (p->before_seconds + p->after_seconds);
	rate_side(&in->before, p->before, p->ordered, p->before_width, p->before_seconds);
	rate_side(&in->after, p->after, p->ordered, p->after_width, p->after_seconds);
	return run(in);
}

struct test_result compare_test_metric(const struct compare_pair *p, enum compare_metric metric)
{
	struct test_input in = {
		.ordered = p->ordered,
		.scales = TEST_SCALES,
		.design = p->design[metric],
	};

	switch (metric) {
	case COMPARE_RATE:
		return test_rate(&in, p);
	case COMPARE_ERRORS:
		return test_errors(&in, p);
	case COMPARE_P50:
		return test_latency(&in, p, SERIES_TOTAL);
	case COMPARE_P99:
		in.events = true;
		return test_latency(&in, p, SERIES_TOTAL);
	case COMPARE_QUEUE:
		return test_latency(&in, p, SERIES_QUEUE);
	case COMPARE_APP:
		return test_latency(&in, p, SERIES_APP);
	case COMPARE_METRICS:
		break;
	}
	return untested;
}
