/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * session_logbook.h - tracebacks that were logged and may be of no request: they wait here for an
 * answer that is about the same exception. Pure.
 *
 * An exception is known by its address, which the next one of its sort gets as soon as it is freed.
 * So two are the same only where type, traceback and time agree, too.
 */
#ifndef RS_SESSION_LOGBOOK_H
#define RS_SESSION_LOGBOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/events.h"
#include "core/site.h"

#define LOGBOOK_WAITING 256	      /* at most */
#define LOGBOOK_SETTLE	1000000000ULL /* ns that one waits for its answer */

struct logged {
	struct rs_ev_logged ev;
	const struct site *site; /* what it is, as far as the caller knows */
	int err;		 /* the caller's, where it does not */
};

struct logbook;

struct logbook *logbook_new(void); /* NULL when out of memory */
void logbook_free(struct logbook *b);

/* An answer was written by h.tgid at h.ts while this exception was handled: what waits of the same
   one goes, and what is logged of it from now on is not new. */
void logbook_answered(struct logbook *b, const struct rs_event *h, const struct rs_error *error);
/* Whether it is of an exception that is neither behind an answer nor waiting already. */
bool logbook_is_new(const struct logbook *b, const struct rs_ev_logged *ev);
/* Takes copies, but for the site, which must outlive it. -ENOSPC: there is no room. */
int logbook_add(struct logbook *b, const struct logged *l);
/* The one that has waited for longest; valid until one is added or dropped. NULL: none waits. */
const struct logged *logbook_oldest(const struct logbook *b);
void logbook_drop_oldest(struct logbook *b);

#endif
