// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "log.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "told.h"

#define FACILITY_DAEMON 3
#define PATH_COLUMNS	120

/* --- how bad */

const char *log_level(enum log_priority priority)
{
	return priority <= PRIORITY_ERROR     ? "error"
	       : priority == PRIORITY_WARNING ? "warning"
					      : "info";
}

static bool is_slow(const struct request *r, const struct verdict_rules *rules)
{
	struct phases p;

	request_phases(r, &p);
	return p.total >= 0 && (double)p.total > rules->slo_ms * 1e6;
}

enum log_priority log_priority_request(const struct request *r, const struct verdict_rules *rules)
{
	if (r->end == REQ_SERVER_CLOSED || (r->status_seen && r->status >= 500 && r->status < 600))
		return PRIORITY_ERROR;
	if (r->end == REQ_OPEN || r->end == REQ_CLIENT_CLOSED || is_slow(r, rules))
		return PRIORITY_WARNING;
	return PRIORITY_INFO;
}

enum log_priority log_priority_verdict(enum verdict_state state)
{
	switch (state) {
	case VERDICT_UP:
	case VERDICT_IDLE:
		return PRIORITY_INFO;
	case VERDICT_SLOW:
	case VERDICT_BLIND:
		return PRIORITY_WARNING;
	default:
		return PRIORITY_ERROR;
	}
}

/* --- in words */

struct sentence {
	char *out;
	size_t size, len;
};

/* A character that was cut at the end goes. */
static void end_whole(struct sentence *s)
{
	size_t at = s->len;

	while (at && (s->out[at - 1] & 0xc0) == 0x80)
		at--;
	if (!at || utf8_length((unsigned char *)s->out + at - 1, s->len - at + 1))
		return;
	s->len = at - 1;
	s->out[s->len] = '\0';
}

static void __attribute__((format(printf, 2, 3))) say(struct sentence *s, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(s->out + s->len, s->size - s->len, format, args);
	va_end(args);
	if (n > 0)
		s->len += (size_t)n < s->size - s->len ? (size_t)n : s->size - s->len - 1;
	end_whole(s);
}

static void say_bytes(struct sentence *s, const char *bytes, size_t len)
{
	char text[4 * PATH_COLUMNS + 8];

	escape_text(text, sizeof(text), bytes, len, PATH_COLUMNS);
	say(s, "%s", text);
}

static void say_duration(struct sentence *s, const char *before, double ns)
{
	char d[UNITS_MAX];

	say(s, "%s%s", before, units_duration(d, sizeof(d), ns));
}

static void say_request_line(struct sentence *s, const struct request *r)
{
	if (!r->head_seen) {
		say(s, "a request not read yet");
		return;
	}
	say_bytes(s, r->http.method, strnlen(r->http.method, sizeof(r->http.method)));
	say(s, " ");
	say_bytes(s, r->http.path, r->http.path_len);
}

static void say_error(struct sentence *s, const struct site *site)
{
	char words[TOLD_WORDS];

	say(s, ": ");
	told_error(words, sizeof(words), site, WORDS_FULL);
	say_bytes(s, words, strlen(words));
}

size_t log_words_request(char *out, size_t size, const struct request *r, uint64_t now)
{
	struct sentence s = {out, size, 0};
	struct phases p;

	*out = '\0';
	request_phases(r, &p);
	say_request_line(&s, r);
	if (r->status_seen)
		say(&s, " %u", r->status);
	if (r->end == REQ_OPEN) {
		say_duration(&s, " open for ", (double)request_age(r, now));
		say(&s, " in %s", request_phase_name(request_open_phase(r)));
	} else if (r->end != REQ_OK) {
		say(&s, " %s", request_end_name(r->end));
	}
	if (p.abandoned >= 0)
		say_duration(&s, " after ", (double)p.abandoned);
	else if (p.total >= 0)
		say_duration(&s, " in ", (double)p.total);
	if (r->error)
		say_error(&s, r->error);
	return s.len;
}

static void say_numbers(struct sentence *s, const struct summary *sum)
{
	const struct hist *total = &sum->stats->latency[LAT_TOTAL];
	uint64_t failed = sum->stats->status.class[5] + sum->stats->ledger.server_closed;
	char text[UNITS_MAX];

	if (sum->seconds > 0 && sum->stats->ledger.started > 0)
		say(s, "; %s",
		    units_rate(text, sizeof(text),
			       (double)sum->stats->ledger.started / sum->seconds));
	if (total->count) {
		say_duration(s, ", p50 ", hist_quantile(total, 0.5));
		say_duration(s, ", p99 ", hist_quantile(total, 0.99));
	}
	if (failed)
		say(s, ", %s failed", summary_count(text, sizeof(text), failed));
	if (sum->n_open) {
		say(s, ", %s open",
		    summary_count(text, sizeof(text), (uint64_t)sum->stats->ledger.open));
		say_duration(s, ", oldest ", (double)sum->open[0].age);
	}
}

size_t log_words_summary(char *out, size_t size, const struct summary *s)
{
	struct sentence words = {out, size, 0};

	*out = '\0';
	say(&words, "%s", verdict_name(s->verdict.state));
	if (s->verdict.n_reasons)
		say(&words, ": %s", s->verdict.reasons[0]);
	say_numbers(&words, s);
	return words.len;
}

/* --- syslog and the journal */

size_t log_syslog_head(char *out, size_t size, enum log_priority priority, const struct tm *local,
		       unsigned pid)
{
	/* strftime's %b would follow the locale */
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int n = snprintf(out, size, "<%d>%s %2d %02d:%02d:%02d reqscope[%u]: ",
			 FACILITY_DAEMON * 8 + (int)priority, months[(unsigned)local->tm_mon % 12],
			 local->tm_mday, local->tm_hour, local->tm_min, local->tm_sec, pid);

	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

void log_journal_field(FILE *f, const char *name, const void *value, size_t len)
{
	fputs(name, f);
	if (!memchr(value, '\n', len)) {
		fputc('=', f);
	} else {
		fputc('\n', f);
		for (unsigned shift = 0; shift < 64; shift += 8) /* 64 bits, little-endian */
			fputc((int)((uint64_t)len >> shift & 0xff), f);
	}
	fwrite(value, 1, len, f);
	fputc('\n', f);
}
