/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decode.h - a record from the ring buffer, checked against its bounds, as pointers into it.
 * The kernel side is trusted with nothing: a record that does not add up is refused. Pure.
 */
#ifndef RS_DECODE_H
#define RS_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "../../bpf/events.h"

struct piece {
	uint32_t at, len; /* place in the segment */
	const uint8_t *data;
};

/* Valid as long as the record is. */
struct event {
	const struct rs_event *h;
	union {
		const struct rs_ev_open *open;
		const struct rs_ev_data *data; /* IN, OUT */
		const struct rs_ev_close *close; /* EOF, CLOSE */
		const struct rs_ev_proc *proc;
		const struct rs_ev_listen *listen;
		const struct rs_ev_stall *stall;
		const struct rs_ev_pause *pause;
		const struct rs_ev_logged *logged;
	};
	const struct rs_error
		*error; /* OUT with RS_F_ERROR, LOGGED; else NULL. Its name ends with a NUL */
	const struct rs_arrival *arrivals;
	uint32_t n_arrivals, n_pieces;
	struct piece pieces[RS_MAX_PIECES];
};

/* 0, or -EINVAL for a record that is too short, of an unknown type, or inconsistent. `record` must be
   aligned to 8. */
int event_decode(const void *record, size_t size, struct event *e);

#endif
