// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_saturation.c - the limits of the host, looked at when the run begins and for each summary.
 */
#include "session_priv.h"

#include <errno.h>

#include "capture/saturation.h"

static void look(struct session *s, uint64_t window_ns, struct summary_saturation *out)
{
	uint32_t pids[SATURATION_PROCESSES], n = 0;
	struct capture_counts counts = {};

	for (uint32_t i = 0; i < s->target.n_processes && n < SATURATION_PROCESSES; i++)
		if (s->target.processes[i].alive)
			pids[n++] = s->target.processes[i].pid;
	capture_counts(s->capture, &counts);
	/* s->now, with which windows begin and end: a look that came a moment later would not be found again
	   as the begin of the next window */
	saturation_look(s->saturation, pids, n, counts.no_fd, s->now, window_ns, out);
}

int session_saturation_start(struct session *s)
{
	struct summary_saturation unused;

	s->saturation = saturation_new();
	if (!s->saturation)
		return -ENOMEM;
	look(s, 0, &unused);
	return 0;
}

void session_saturation(struct session *s, uint64_t window_ns, struct summary_saturation *out)
{
	if (s->capture && s->saturation)
		look(s, window_ns, out);
	else
		saturation_unknown(out);
}
