/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * interp.h - what is kept of a process's interpreter in the map `interps`. The loader makes the
 * entry (user/capture/interp.c), the programs count in it.
 */
#ifndef RS_INTERP_H
#define RS_INTERP_H

#include "events.h"

/* uvloop's types whose objects write: TCPTransport, UnixTransport */
#define RS_TRANSPORTS 2

struct interp {
	struct rs_interp at;		 /* at.interp 0: not known */
	__u64 gc_since;			 /* its collections can be seen since; 0: they cannot */
	__u64 transports[RS_TRANSPORTS]; /* addresses of the types, once they were met */
	__u64 second;			 /* the one that `logged` counts in */
	__u64 logged;
};

/*
 * Where a probe finds a number, in its cookie: kind, offset of a register in struct pt_regs, a
 * displacement or the number itself.
 */
enum where_kind {
	WHERE_UNKNOWN,
	WHERE_NUMBER,
	WHERE_REGISTER,
	WHERE_MEMORY, /* at the register's value plus the displacement */
};
#define WHERE(kind, reg, number) \
	((__u64)(kind) << 48 | (__u64)((reg)&0xffff) << 32 | (__u32)(number))
#define WHERE_KIND(cookie)   ((__u32)((cookie) >> 48))
#define WHERE_REG(cookie)    ((__u32)((cookie) >> 32) & 0xffff)
#define WHERE_AMOUNT(cookie) ((__s32)(cookie))

#endif
