/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* capture_priv.h - what the parts of capture/ share. */
#ifndef RS_CAPTURE_PRIV_H
#define RS_CAPTURE_PRIV_H

#include "capture.h"
#include "features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "reqscope.skel.h"

struct probe; /* probe.c */

/* Records that capture_relieve() took, each behind its size (8 bytes). */
struct kept {
	char *bytes; /* owned */
	size_t size, room;
};

struct capture {
	struct features features;
	const volatile struct rs_loop *loops; /* mapped; NULL without insight */
	struct probe *probes;
	struct reqscope_bpf *bpf;
	struct ring_buffer *ring;
	capture_record take; /* during a drain; NULL: records are kept */
	void *take_ctx;
	struct kept kept;
};

/* attach.c */
int capture_enter_target(struct capture *c, const struct capture_options *o);
/* reader.c */
int capture_ring_open(struct capture *c);
void capture_ring_close(struct capture *c);
/* interp.c */
/* Waits of a process's main thread are noted from now on: it will be its event loop's, most likely. */
void capture_note_thread(struct capture *c, uint32_t pid);
int capture_loops_open(struct capture *c);
void capture_loops_close(struct capture *c);
void capture_interp_forget(struct capture *c, uint32_t pid);
/* Collections of the process's interpreter can be seen from now on. 0 or a negative errno. */
int capture_interp_gc(struct capture *c, uint32_t pid);
/* probe.c */
void capture_probes_forget(struct capture *c, uint32_t pid);
void capture_probes_close(struct capture *c);
/* census.c: enters the connections that a process holds; they are told through the ring */
int capture_census_process(struct capture *c, uint32_t pid);

#endif
