/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * saturation.h - how near a target is to the limits of its host, from /proc and the control groups.
 *
 * Looking costs about 15 us a thread, so it is done for summaries only, and for at most
 * SATURATION_PROCESSES processes and SATURATION_THREADS threads.
 */
#ifndef RS_SATURATION_H
#define RS_SATURATION_H

#include "../core/summary.h"

#define SATURATION_PROCESSES 256
#define SATURATION_THREADS   8192

struct saturation;

struct saturation *saturation_new(void); /* NULL when out of memory */
void saturation_free(struct saturation *s);

/*
 * Looks at these processes; refused is the count so far of accept() calls without a descriptor, now
 * monotonic ns. The first look is what later ones are compared with. `out` tells of the last
 * window_ns, or with 0 of the time since the first look; what cannot be known stays unknown in it.
 */
void saturation_look(struct saturation *s, const uint32_t *pids, uint32_t n, uint64_t refused,
		     uint64_t now, uint64_t window_ns, struct summary_saturation *out);

#endif
