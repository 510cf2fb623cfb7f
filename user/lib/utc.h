/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * utc.h - a wall clock as a date and a time of day, in UTC. Pure: unlike gmtime() it asks nobody for
 * zones, and cannot fail.
 */
#ifndef RS_UTC_H
#define RS_UTC_H

#include <stdint.h>

struct utc {
	unsigned year, month, day; /* month and day from 1 */
	unsigned hour, minute, second;
	unsigned ns; /* of the second */
};

/* wall_ns: since 1970-01-01T00:00:00Z, without leap seconds. */
struct utc utc_of(uint64_t wall_ns);

#endif
