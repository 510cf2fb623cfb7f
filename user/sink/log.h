/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * log.h - what a log says: how bad a line is, its words, and the forms that syslog and the journal
 * want. A request's line is sink_trace_json(), an interval's sink_summary_json_line(); both are
 * described by docs/log.schema.json. Pure.
 */
#ifndef RS_SINK_LOG_H
#define RS_SINK_LOG_H

#include <time.h>

#include "sink.h"

/* How bad, as RFC 5424 numbers it. */
enum log_priority { PRIORITY_ERROR = 3, PRIORITY_WARNING = 4, PRIORITY_INFO = 6 };
const char *log_level(enum log_priority priority); /* "error", "warning", "info" */

/* error: 5xx or cut off by the server. warning: open for too long, the client left, or slower than
   --slo-ms. All but info are problems. */
enum log_priority log_priority_request(const struct request *r, const struct verdict_rules *rules);
enum log_priority log_priority_verdict(enum verdict_state state);

#define LOG_WORDS_MAX 512
/* One sentence, printable; cut where size is too small. Return the length. now: monotonic ns, for
   the age of an open request. */
size_t log_words_request(char *out, size_t size, const struct request *r, uint64_t now);
size_t log_words_summary(char *out, size_t size, const struct summary *s);

/* An interval in few bytes, schema reqscope.log/1: the members of a summary, without histograms,
   and of each list the first few. line as for sink_summary_json_line(). */
void sink_log_json(FILE *f, const struct summary *s, const struct sink_line *line);

/* What RFC 3164 puts before a message that stays on this machine: "<30>Jan  2 03:04:05 reqscope[7]:
   ". Facility daemon. Returns the length. */
size_t log_syslog_head(char *out, size_t size, enum log_priority priority, const struct tm *local,
		       unsigned pid);
/* One field of the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): NAME=value, or
   with its length in front where the value holds a newline. */
void log_journal_field(FILE *f, const char *name, const void *value, size_t len);

#endif
