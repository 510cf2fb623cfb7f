/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * interp.h - what is kept of a process's interpreter in the map `interps`. The loader makes the
 * entry (user/capture/interp.c), the programs count in it.
 */
#ifndef RS_INTERP_H
#define RS_INTERP_H

#include "events.h"

/* uvloop's types whose objects write to sockets: TCPTransport, UnixTransport */
#define RS_TRANSPORTS 2

#define RS_PLACES	16 /* most of uvloop's with a probe, whose cookie is the place's number */
#define RS_PLACE_MISSES 64 /* keys, none of which writes: then a place is of no use */
#define RS_OTHER_TYPES	4  /* that are remembered; a power of two */
#define RS_NO_BUFFER	(~0u)

struct interp {
	struct rs_interp at;		 /* at.interp 0: not known */
	__u64 gc_since;			 /* its collections can be seen since; 0: they cannot */
	__u64 transports[RS_TRANSPORTS]; /* addresses of the types, once they were met */
	__u64 second;			 /* the one that `logged` counts in */
	__u64 logged;

	/* uvloop's queue; types are addresses, once they were met */
	__u64 pipe;		      /* the type of pipes that it writes to */
	__u64 others[RS_OTHER_TYPES]; /* the last ones met of types that do not write */
	__u64 list, bytes;
	__u32 buffer; /* where a transport has the list of what it is to write; 0: not looked for */
	__u32 n_others;
	__u32 writers;		 /* bits: places where something came that writes */
	__u32 misses[RS_PLACES]; /* by place: keys that do not write */
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
