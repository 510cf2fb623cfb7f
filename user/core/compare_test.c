// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "compare_test.h"

#include <math.h>

/* --- distributions */

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	h = d;
	for (int m = 1; m < 1000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		h *= d * (fabs(c) < tiny ? tiny : c);
		d = 1 + odd * d;
		c = 1 + odd / (fabs(c) < tiny ? tiny : c);
		d = 1 / (fabs(d) < tiny ? tiny : d);
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-12)
			break;
	}
	return h;
}

double test_beta(double a, double b, double x)
{
	double front;

	if (!(x > 0))
		return 0;
	if (x >= 1)
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double test_student(double t, double df)
{
	if (df > 1e5)
		return erfc(fabs(t) * M_SQRT1_2);
	return test_beta(df / 2, 0.5, df / (df + t * t));
}

/* --- the mean of one side and how sure it is */

struct estimate {
	double weight, mean;
	double raw;	 /* variance of the mean, if batches were independent of each other */
	double variance; /* of the mean */
	double df;	 /* degrees of freedom of that variance */
};

/* `group` neighbours together. */
static void regroup(struct test_side *to, const struct test_side *from, uint32_t group)
{
	*to = (struct test_side){.n = (from->n + group - 1) / group};
	for (uint32_t i = 0; i < from->n; i++) {
		to->cell[i / group].weight += from->cell[i].weight;
		to->cell[i / group].sum += from->cell[i].sum;
	}
}

static void add_up(const struct test_side *s, double *weight, double *sum)
{
	*weight = *sum = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		*weight += s->cell[i].weight;
		*sum += s->cell[i].sum;
	}
}

/*
 * Autocorrelation of neighbouring batches, from the residuals' products. The raw one is too low by
 * (1 + 3 rho) / n on average (Marriott and Pope 1954), and noise may take more away: `caution`
 * standard errors are added. Batches that swing against each other are not believed.
 */
static double likely_rho(double c0, double c1, uint32_t n, double caution)
{
	double raw = c0 > 0 ? c1 / c0 : 0, rho;

	rho = raw + (1 + 3 * raw) / n;
	rho += caution * sqrt(fmax(1 - raw * raw, 0) / n + 4.0 / n / n);
	return fmin(fmax(rho, 0), 0.98);
}

/* Ratio estimator over batches of unequal weight, its variance by batch means, times
   (1 + rho) / (1 - rho) for what correlation is left between batches. */
static void estimate_side(struct estimate *e, const struct test_side *s, double caution)
{
	double sum, c0 = 0, c1 = 0, last = 0, inflation, rho;

	add_up(s, &e->weight, &sum);
	e->mean = sum / e->weight;
	for (uint32_t i = 0; i < s->n; i++) {
		double residual = s->cell[i].sum - e->mean * s->cell[i].weight;

		c0 += residual * residual;
		c1 += residual * last;
		last = residual;
	}
	rho = likely_rho(c0, c1, s->n, caution);
	inflation = (1 + rho) / (1 - rho);
	e->raw = c0 / (e->weight * e->weight) * s->n / fmax(s->n - 1.0, 1);
	/* Correlated batches lie closer to their own mean than to the true one; with few of them,
	   by much: no more than a factor of 4 is made of that. */
	e->variance = c0 / (e->weight * e->weight) * inflation * s->n /
		      fmax(s->n - inflation, s->n / 4.0);
	e->df = fmax((s->n - 1) / inflation, 1);
}

/* --- both sides */

#define MANY_EVENTS 1e5

/* Of few events the normal shape says little. If none differs, each event falls to either side in
   proportion to what was looked at there; correlated ones count as fewer. */
static double binomial_bound(const struct test_input *in, double design)
{
	double wa, wb, ka, kb, share, tail;

	add_up(&in->before, &wa, &ka);
	add_up(&in->after, &wb, &kb);
	share = wb / (wa + wb);
	if (kb / wb < ka / wa) {
		double swap = ka;

		ka = kb;
		kb = swap;
		share = 1 - share;
	}
	ka /= design;
	kb /= design;
	if (ka + kb > MANY_EVENTS)
		return 0;				  /* normal enough */
	tail = kb > 0 ? test_beta(kb, ka + 1, share) : 1; /* P(X >= kb) of ka + kb */
	return fmin(2 * tail, 1);
}

/*
 * Variance relative to that of independent requests. If nothing changed, both sides wander alike.
 * Of ranks, the side that shows more of it is believed, so that a short side cannot look steady by
 * chance. Of events, both together, the longer side more: one alone may have too few to show
 * anything. None is steadier than chance.
 */
static double design_effect(const struct test_input *in, const struct estimate *a,
			    const struct estimate *b)
{
	double na = a->weight, nb = b->weight, va = a->variance * na, vb = b->variance * nb;
	double own;

	if (!in->events)
		return fmax(fmax(va, vb) / in->unit, 1);
	own = in->rate ? na * a->mean + nb * b->mean
		       : na * a->mean * (1 - a->mean) + nb * b->mean * (1 - b->mean);
	return own > 0 ? fmax((na * va + nb * vb) / own, 1) : 1;
}

static void judge(struct test_result *r, const struct test_input *in, double least,
		  const struct estimate *a, const struct estimate *b)
{
	double design = fmax(design_effect(in, a, b), least);
	double va = design * in->unit / a->weight, vb = design * in->unit / b->weight;
	double v = va + vb, df, p;

	df = v * v / (va * va / a->df + vb * vb / b->df); /* Welch and Satterthwaite */
	p = test_student((b->mean - a->mean) / sqrt(v), df);
	if (in->events)
		p = fmax(p, binomial_bound(in, design));
	r->p = fmax(r->p, p);
	r->design = fmax(r->design, design);
	r->sign = b->mean > a->mean ? 1 : -1;
}

/* How many neighbours are put together, and how cautiously their correlation is read. Small batches
   tell it well but not what is slower than they are; large ones the other way round. */
static const struct {
	uint32_t group;
	double caution;
} scales[TEST_SCALES] = {{1, 1}, {2, 0.25}, {3, 0}};

/* Short sequences need more caution: that they are steady cannot be seen in them. */
#define LONG_ENOUGH 500.0
#define TOO_SHORT   135.0

static double caution_of(double caution, double requests)
{
	return caution * sqrt(fmax(LONG_ENOUGH / requests, 1));
}

/*
 * A short stretch may lie in one mood of the service as a whole (the cache warm, a neighbour busy)
 * and look as steady as if there were no other. Two sides in a mood of their own each cannot be
 * told from a real change, so below some 450 requests latencies are not taken for independent,
 * whatever they look like: less and less, until at 135 they are as good as without order.
 */
static double least_design(const struct test_input *in)
{
	double requests = sqrt(in->before.requests * in->after.requests);

	if (in->events)
		return in->design;
	return fmax(in->design, TEST_UNORDERED * fmin(pow(TOO_SHORT / requests, 3), 1));
}

static void estimate_both(struct estimate *a, struct estimate *b, uint32_t *batches,
			  const struct test_input *in, uint32_t group, double caution)
{
	struct test_side s;

	regroup(&s, &in->before, group);
	estimate_side(a, &s, caution_of(caution, in->before.requests));
	*batches = s.n;
	regroup(&s, &in->after, group);
	estimate_side(b, &s, caution_of(caution, in->after.requests));
	*batches += s.n;
}

/* So many of the smallest batches make a large one; by so many standard errors it has to vary more.
 */
#define LARGE	 12
#define SURPRISE 3.5

#define FAR	  3.0
#define FEW_LARGE 3

static void range_of(const struct test_side *s, double *low, double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (uint32_t i = 0; i < s->n; i++) {
		double mean = s->cell[i].sum / s->cell[i].weight;

		*low = fmin(*low, mean);
		*high = fmax(*high, mean);
	}
}

bool test_apart(const struct test_side *before, const struct test_side *after)
{
	double low[2], high[2];
	struct test_side a, b;

	regroup(&a, before, LARGE);
	regroup(&b, after, LARGE);
	if (a.n < FEW_LARGE || b.n < FEW_LARGE)
		return false;
	range_of(&a, &low[0], &high[0]);
	range_of(&b, &low[1], &high[1]);
	return fmax(low[1] - high[0], low[0] - high[1]) >
	       FAR * fmax(high[0] - low[0], high[1] - low[1]);
}

/*
 * Slow swings under much independent noise show in large batches only, of which there are too few
 * to ask each time without losing what is there to be found. They are asked when they vary by more
 * than chance allows beyond what the smallest make of it; not if the sides lie far apart: a service
 * that warms up by a tenth while it is watched would hide that it became ten times slower, since
 * ranks do not tell the one from the other.
 */
static void by_large_batches(struct test_result *r, const struct test_input *in, double least,
			     double raw)
{
	struct estimate a, b;
	uint32_t n;
	double more;

	if (in->apart)
		return;
	estimate_both(&a, &b, &n, in, LARGE, 0);
	if (n < 8)
		return;
	more = a.raw * a.weight + b.raw * b.weight;
	if (more > raw * (1 + SURPRISE * sqrt(2.0 / (n - 2))))
		judge(r, in, least, &a, &b);
}

static void by_batches(struct test_result *r, const struct test_input *in)
{
	double least = least_design(in), raw = 0;

	for (uint32_t i = 0; i < in->scales && i < TEST_SCALES; i++) {
		struct estimate a, b;
		uint32_t n;

		estimate_both(&a, &b, &n, in, scales[i].group, scales[i].caution);
		judge(r, in, least, &a, &b);
		if (!i)
			raw = a.raw * a.weight + b.raw * b.weight;
	}
	by_large_batches(r, in, least, raw);
}

/* Of sums the mean alone is known; the variance is assumed. */
static void by_sums(struct test_result *r, const struct test_input *in)
{
	struct estimate a = {.df = 1e6}, b = {.df = 1e6};

	add_up(&in->before, &a.weight, &a.mean);
	add_up(&in->after, &b.weight, &b.mean);
	a.mean /= a.weight;
	b.mean /= b.weight;
	judge(r, in, TEST_UNORDERED, &a, &b);
}

struct test_result test_difference(const struct test_input *in)
{
	struct test_result r = {.p = 0, .design = 1};
	double wa, wb, sum;

	add_up(&in->before, &wa, &sum);
	add_up(&in->after, &wb, &sum);
	if (!(wa > 0) || !(wb > 0) || !(in->unit > 0))
		return (struct test_result){.p = 1, .design = 1};
	if (in->ordered)
		by_batches(&r, in);
	else
		by_sums(&r, in);
	return r;
}
