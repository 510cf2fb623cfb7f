// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEAN_GAP 1e6 /* ns between two requests of all routes */
#define START	 UINT64_C(1000000000000)

void noise_init(struct noise_source *src, uint64_t seed)
{
	memset(src, 0, sizeof(*src));
	src->state = seed;
	for (uint32_t i = 0; i < NOISE_ROUTES; i++)
		src->routes[i] = (struct route){.id = i + 1, .method = "GET", .template = "/x"};
}

double noise_uniform(struct noise_source *src)
{
	uint64_t z = src->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return ((double)(z >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller, two at a time. */
double noise_normal(struct noise_source *src)
{
	double radius, angle;

	if (src->spare_there) {
		src->spare_there = false;
		return src->spare;
	}
	radius = sqrt(-2 * log(noise_uniform(src)));
	angle = 2 * M_PI * noise_uniform(src);
	src->spare = radius * sin(angle);
	src->spare_there = true;
	return radius * cos(angle);
}

/* A sequence of standard normal numbers, each correlated with the one before it. */
static double next_of(struct noise_source *src, double *last, double rho)
{
	return *last = rho * *last + sqrt(1 - rho * rho) * noise_normal(src);
}

struct walk {
	double total, queue; /* where the correlated parts are */
	bool failing;
};

static double mixed(struct noise_source *src, const struct noise *x, double walk)
{
	if (!(x->share > 0))
		return walk;
	return sqrt(x->share) * walk + sqrt(1 - x->share) * noise_normal(src);
}

static double latency(struct noise_source *src, const struct noise *x, double z)
{
	double u;

	switch (x->shape) {
	case NOISE_PARETO: /* without a mean of its square */
		u = 0.5 * erfc(z * M_SQRT1_2);
		return 5e6 * pow(fmax(u, 1e-12), -1 / 1.5);
	case NOISE_BIMODAL: /* a cache, hit seven times of ten */
		u = 0.5 * erfc(z * M_SQRT1_2);
		return (u < 0.3 ? 50e6 : 1e6) * exp(0.2 * noise_normal(src));
	case NOISE_LOGNORMAL:
		break;
	}
	return 10e6 * exp(x->sigma * z);
}

/* A Markov chain: `share` of all requests fail, in rows of mean length `burst`. */
static bool fails(struct noise_source *src, struct walk *w, double share, double burst)
{
	double u = noise_uniform(src), length = burst > 1 ? burst : 1;

	if (!(burst > 1))
		return u < share;
	w->failing = w->failing ? u < 1 - 1 / length : u < share / (1 - share) / length;
	return w->failing;
}

static struct request *make(struct noise_source *src, const struct noise *x, struct walk *w,
			    bool changed, uint64_t now)
{
	double app = latency(src, x, mixed(src, x, w->total));
	double queue = 1e5 * exp(0.7 * w->queue);
	struct request *r = &src->request;

	if (changed && x->factor > 0)
		app *= x->factor;
	if (changed && noise_uniform(src) < x->slow_share)
		app *= x->slow_factor;
	r->end = REQ_OK;
	r->received_all = r->head_seen = r->status_seen = true;
	r->status = 200;
	if (fails(src, w, changed && x->more_errors > 0 ? x->more_errors : x->errors, x->burst))
		r->status = 500;
	r->ended = r->done = r->head = now;
	r->read = r->received = now - (uint64_t)app;
	r->arrived = r->read - (uint64_t)queue;
	return r;
}

static unsigned wanted(const struct noise *x, unsigned route)
{
	return x->rare && route ? x->rare : x->n;
}

/* One request of each route whose turn it is, in the i-th of x->n rounds. */
static void one_round(struct noise_source *src, const struct noise *x, struct series *s,
		      struct walk *walks, unsigned i, bool changed, double *now, double *gap)
{
	for (unsigned k = 0; k < NOISE_ROUTES; k++) {
		struct walk *w = &walks[k];
		uint64_t n = wanted(x, k);
		struct request *r;

		if ((i + 1) * n / x->n == i * n / x->n)
			continue;
		if (x->common && k) {
			w->total = walks[0].total;
			w->queue = walks[0].queue;
		} else {
			next_of(src, &w->total, x->rho);
			next_of(src, &w->queue, x->rho);
		}
		*now -= log(noise_uniform(src)) * MEAN_GAP *
			exp(x->gap_sigma * next_of(src, gap, x->gap_rho));
		r = make(src, x, w, changed && !k, START + (uint64_t)*now);
		r->route = &src->routes[k];
		if (series_add(s, r))
			abort();
	}
}

struct series *noise_series(struct noise_source *src, const struct noise *x, bool changed,
			    double *seconds)
{
	struct walk walks[NOISE_ROUTES] = {0};
	struct series *s = series_new();
	double now = 0, gap = noise_normal(src);

	if (!s)
		abort();
	for (unsigned k = 0; k < NOISE_ROUTES; k++) {
		walks[k].total = noise_normal(src);
		walks[k].queue = noise_normal(src);
		walks[k].failing = noise_uniform(src) < x->errors;
	}
	for (unsigned i = 0; i < x->n; i++)
		one_round(src, x, s, walks, i, changed, &now, &gap);
	*seconds = now / 1e9;
	return s;
}
