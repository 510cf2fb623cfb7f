/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * golden.h - the file of a recorded event stream: what a live run handed to the core, for replay.
 *
 * GOLDEN_MAGIC, then items: struct golden_item and `size` bytes, padded to 8.
 */
#ifndef RS_GOLDEN_H
#define RS_GOLDEN_H

#include <stdint.h>

#define GOLDEN_MAGIC "RSGOLD1\n"

enum golden_kind {
	GOLDEN_EVENT = 1,    /* a record of the ring */
	GOLDEN_SETTLE,	     /* the ring was drained */
	GOLDEN_CENSUS_BEGIN, /* 8 bytes: when it was begun, ns */
	GOLDEN_CENSUS_CONN,  /* struct rs_census */
	GOLDEN_CENSUS_END,   /* 8 bytes: now, ns */
};

struct golden_item {
	uint32_t kind; /* enum golden_kind */
	uint32_t size;
};

#endif
