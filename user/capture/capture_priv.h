/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* capture_priv.h - what the parts of capture/ share. */
#ifndef RS_CAPTURE_PRIV_H
#define RS_CAPTURE_PRIV_H

#include "capture.h"
#include "features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "reqscope.skel.h"

struct capture {
	struct features features;
	struct reqscope_bpf *bpf;
	struct ring_buffer *ring;
	capture_record take; /* during a drain */
	void *take_ctx;
};

/* attach.c */
int capture_enter_target(struct capture *c, const struct capture_options *o);
/* reader.c */
int capture_ring_open(struct capture *c);
void capture_ring_close(struct capture *c);
/* census.c: enters the connections that a process holds; they are told through the ring */
int capture_census_process(struct capture *c, uint32_t pid);

#endif
