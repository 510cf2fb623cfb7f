/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * instant.h - points in time as people write them, for --from and --to. Pure: "now" does not occur,
 * a recording's begin and end are what times refer to.
 */
#ifndef RS_INSTANT_H
#define RS_INSTANT_H

#include <stdint.h>

/* For messages: what is understood. */
#define INSTANT_WANTS                                                                             \
	"a time such as 2026-01-02T03:04:05Z, \"2026-01-02 03:04\" or 03:04 (UTC), +5m from the " \
	"start or -10m from the end"

/*
 * Reads s, wall clock ns since 1970 into *out; from and to are the span it may refer to.
 *
 *	2026-01-02T03:04:05.5Z		RFC 3339; an offset (+01:00) instead of Z, a space or a
 *small t
 *	2026-01-02 03:04		without an offset: UTC; seconds and their fraction may be
 *left out 2026-01-02			its first moment 03:04:05.5, 03:04		UTC: the
 *last such moment in the span, else the one nearest to it
 *	+5m, +90s, +1.5h		after `from`; a bare number is seconds
 *	-10m				before `to`
 *
 * 0, or -EINVAL: *out is as it was. A leap second counts as the next one.
 */
int instant_parse(const char *s, uint64_t from, uint64_t to, uint64_t *out);

#endif
