/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stapsdt.h - where the probes lie that a file was built with (USDT): the notes that systemtap's
 * sys/sdt.h leaves in it. Everything in such a file may be wrong.
 */
#ifndef RS_STAPSDT_H
#define RS_STAPSDT_H

#include <stdint.h>

#define STAPSDT_MAX 4 /* places of one probe; more are not taken */

struct stapsdt {
	uint32_t n;
	struct {
		uint64_t offset;    /* of the probe's nop, in the file */
		uint64_t semaphore; /* of the counter that turns it on, in the file; 0: none */
		uint64_t argument;  /* where its first one is: WHERE() of bpf/interp.h */
	} places[STAPSDT_MAX];
};

/* 0; -ENOENT: the file has no such probe; another negative errno: it cannot be read. */
int stapsdt_find(const char *file, const char *provider, const char *name, struct stapsdt *out);

#endif
