/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * noise.h - simulated traffic of several routes, for the tests of what is more than noise: random
 * but fixed by its seed, with as much resemblance between neighbours as is asked for.
 */
#ifndef RS_TEST_NOISE_H
#define RS_TEST_NOISE_H

#include "../../user/core/series.h"

#define NOISE_ROUTES 20

enum noise_shape { NOISE_LOGNORMAL, NOISE_PARETO, NOISE_BIMODAL };

struct noise {
	unsigned n;    /* requests a route */
	unsigned rare; /* if not 0: all routes but the first have only so many */
	enum noise_shape shape;
	double sigma;	/* of the log of a latency */
	double rho;	/* autocorrelation of latencies, from one request of a route to the next */
	double share;	/* of the latencies' variance that is so correlated; 0 stands for all */
	bool common;	/* all routes go up and down together */
	double errors;	/* share of requests */
	double burst;	/* mean length of a row of errors; 0 or 1: alone */
	double gap_rho; /* autocorrelation of the gaps between requests */
	double gap_sigma; /* and how much their mean varies; 0: Poisson */
	/* What is different, in route 0 only: 0 for nothing. */
	double factor;			/* of all its latencies */
	double slow_share, slow_factor; /* some of its requests */
	double more_errors;		/* its share of errors */
};

struct noise_source {
	uint64_t state;
	bool spare_there;
	double spare;
	struct route routes[NOISE_ROUTES];
	struct request request; /* the one under way: it is large */
};

void noise_init(struct noise_source *src, uint64_t seed);
double noise_uniform(struct noise_source *src); /* 0 < x < 1 */
double noise_normal(struct noise_source *src);

/* A side of a comparison, to be freed; *seconds that it took. changed: with what is different. */
struct series *noise_series(struct noise_source *src, const struct noise *noise, bool changed,
			    double *seconds);

#endif
