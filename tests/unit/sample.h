/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sample.h - summaries made by hand, for the tests of the verdict and of the sinks.
 */
#ifndef RS_TEST_SAMPLE_H
#define RS_TEST_SAMPLE_H

#include "../../user/core/summary.h"

#define MS	    UINT64_C(1000000)
#define SEC	    UINT64_C(1000000000)
#define SAMPLE_FROM (1000 * SEC) /* monotonic begin of the window, which is 10 s long */
#define SAMPLE_WALL (UINT64_C(1767323045) * SEC) /* 2026-01-02T03:04:05Z at that moment */

/* A summary of which everything may be changed. */
struct sample {
	struct summary s;
	struct router *router;
	struct sites *sites;
	uint64_t next_id;
	uint32_t pids[8];
	uint16_t ports[2];
	struct request requests[SUMMARY_MAX_OPEN]; /* the open ones */
	struct summary_open open[SUMMARY_MAX_OPEN];
	struct summary_worker workers[8];
	struct summary_listener listeners[2];
	struct summary_generation generations[2];
	struct summary_feature features[2];
	struct summary_wait waits[4];
};

struct sample *sample_new(void); /* alive, listening on 127.0.0.1:8000, no request */
void sample_free(struct sample *x);

/* A request of process `pid` with these phases, ns; for the caller to change and hand to _end. */
struct request sample_request(struct sample *x, const char *method, const char *path, uint32_t pid,
			      uint64_t queue, uint64_t app, uint64_t send);
void sample_end(struct sample *x, struct request *r, enum request_end end, unsigned status);
/* Both, n times. */
void sample_ok(struct sample *x, unsigned n, const char *path, unsigned status, uint64_t app);
/* Both, n times, of GET path, 500, while ValueError was handled that was raised at `where`. */
void sample_failed(struct sample *x, unsigned n, const char *path, const char *where);
/* A loop was held up n times for so long, ns; each time that let one request wait for half of it.
 */
void sample_stalls(struct sample *x, unsigned n, const char *kind, const char *where,
		   const char *detail, uint64_t ns);
/* An open one; NULL path: not read yet. Call in the order of age, oldest first. */
struct request *sample_open(struct sample *x, const char *path, uint32_t pid, uint64_t age,
			    enum request_phase phase);

/* Printed into memory, to be freed. */
char *sample_json(struct sample *x);

#endif
