// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * summary_read.c - the summary as a whole. Its members are found first and read then, in the order
 * in which they need each other: the window before what lies in it, the ledger before what belongs
 * to it.
 */
#include "summary_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "summary_read_priv.h"

#define SCHEMA "reqscope.summary/1"

/* --- how */

static int read_state(struct reader *rd, struct jsonr v, void *into)
{
	struct verdict *verdict = into;

	for (int i = 0; i < VERDICTS; i++) {
		if (jsonr_is(v, verdict_name(i))) {
			verdict->state = i;
			return 0;
		}
	}
	return read_expected(rd, v, "a verdict such as up, slow or down");
}

/* Reasons go to terminals as they are, so they must be what a verdict makes. */
static int read_reason(struct reader *rd, struct jsonr v, void *into)
{
	const unsigned char *p = into;
	size_t n = jsonr_string(v, into, VERDICT_REASON_MAX);

	if (!n || n >= VERDICT_REASON_MAX)
		return read_expected(rd, v, "a string of 1 to %d bytes", VERDICT_REASON_MAX - 1);
	while (n) {
		size_t k = utf8_length(p, n);

		if (utf8_is_control(p, k))
			return read_expected(rd, v, "a string without control characters");
		p += k;
		n -= k;
	}
	return 0;
}

static int read_verdict(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member state[] = {{"state", read_state, 0, true}};
	static const struct member list[] = {{"reasons", read_value, 0, true}};
	struct verdict *verdict = into;
	struct jsonr reasons;
	uint32_t n;
	void *p;
	int err = READ_OBJECT(rd, v, state, verdict);

	verdict_rules_default(&verdict->rules);
	if (!err)
		err = READ_OBJECT(rd, v, list, &reasons);
	if (err)
		return err;
	read_enter(rd, "reasons");
	err = read_array(rd, reasons, read_reason, VERDICT_REASON_MAX, VERDICT_MAX_REASONS, &p, &n);
	if (err)
		return err;
	if (n)
		memcpy(verdict->reasons, p, (size_t)n * VERDICT_REASON_MAX);
	verdict->n_reasons = n;
	return 0;
}

static int read_ledger(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"carried", read_balance, offsetof(struct ledger, carried), true},
		{"started", read_balance, offsetof(struct ledger, started), true},
		{"ok", read_count, offsetof(struct ledger, ok), true},
		{"client_closed", read_count, offsetof(struct ledger, client_closed), true},
		{"server_closed", read_count, offsetof(struct ledger, server_closed), true},
		{"upgraded", read_count, offsetof(struct ledger, upgraded), true},
		{"unknown", read_count, offsetof(struct ledger, unknown), true},
		{"open", read_balance, offsetof(struct ledger, open), true},
		{"not_http", read_count, offsetof(struct ledger, not_http), true},
	};
	int err = READ_OBJECT(rd, v, members, into);

	if (!err && !ledger_balances(into))
		err = read_wrong(rd, "carried + started is not what ended + open");
	return err;
}

/* --- the tracer about itself */

static int read_opaque(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"tls", read_count, offsetof(struct summary, opaque.tls), true},
		{"http2", read_count, offsetof(struct summary, opaque.http2), true},
		{"proxy", read_count, offsetof(struct summary, opaque.proxy), true},
		{"other", read_count, offsetof(struct summary, opaque.other), true},
	};

	return READ_OBJECT(rd, v, members, into);
}

static int read_late(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"hung", read_count, offsetof(struct summary, late.hung), true},
		{"oldest", read_ns, offsetof(struct summary, late.oldest), false},
	};

	return READ_OBJECT(rd, v, members, into);
}

static int read_feature_list(struct reader *rd, struct jsonr v, void *into)
{
	return read_features(rd, v, into);
}

static int read_tracer(struct reader *rd, struct jsonr v, void *into)
{
	static const struct member members[] = {
		{"events", read_count, offsetof(struct summary, tracer.events), true},
		{"dropped", read_count, offsetof(struct summary, tracer.dropped), true},
		{"unattributed", read_count, offsetof(struct summary, tracer.unattributed_drops),
		 true},
		{"routes_overflow", read_count, offsetof(struct summary, tracer.routes_overflow),
		 true},
		{"opaque", read_opaque, 0, true},
		{"late", read_late, 0, true},
		{"features", read_feature_list, 0, true},
	};
	static const struct member ledger[] = {
		{"unknown", read_count, offsetof(struct ledger, unknown), true},
		{"late_attached", read_count, offsetof(struct ledger, late_attached), true},
		{"evicted", read_count, offsetof(struct ledger, evicted), true},
	};
	struct summary *s = into;
	uint64_t unknown = s->stats->ledger.unknown;
	int err = READ_OBJECT(rd, v, members, s);

	if (!err)
		err = READ_OBJECT(rd, v, ledger, &s->stats->ledger);
	if (!err && unknown != s->stats->ledger.unknown)
		err = read_wrong(rd, "unknown is not requests.unknown");
	return err;
}

/* --- the whole */

struct found {
	struct jsonr schema, host, target, window, verdict, requests, status, codes, latency, cache,
		auth, routes, left_out, open, workers, listeners, saturation, deploys, tracer,
		parts, errors, background, loop, waits;
};

#define FIND(name, field, required)                                       \
	{                                                                 \
		name, read_value, offsetof(struct found, field), required \
	}

static int find_members(struct reader *rd, struct jsonr v, struct found *f)
{
	static const struct member schema[] = {FIND("schema", schema, true)};
	static const struct member members[] = {
		FIND("host", host, true),	    FIND("target", target, true),
		FIND("window", window, true),	    FIND("verdict", verdict, true),
		FIND("requests", requests, true),   FIND("status", status, true),
		FIND("codes", codes, true),	    FIND("latency", latency, true),
		FIND("cache", cache, true),	    FIND("auth", auth, true),
		FIND("routes", routes, true),	    FIND("routes_left_out", left_out, false),
		FIND("open", open, true),	    FIND("workers", workers, true),
		FIND("listeners", listeners, true), FIND("saturation", saturation, true),
		FIND("deploys", deploys, false),    FIND("tracer", tracer, true),
		FIND("parts", parts, false),	    FIND("errors", errors, false),
		FIND("background_errors", background, false),
		FIND("loop", loop, false),	    FIND("waits", waits, false),
	};
	int err = READ_OBJECT(rd, v, schema, f);

	if (err)
		return err;
	read_enter(rd, "schema");
	if (!jsonr_is(f->schema, SCHEMA))
		return read_expected(rd, f->schema, "\"" SCHEMA "\"");
	read_leave(rd, 0);
	err = READ_OBJECT(rd, v, members, f);
	return err;
}

/* Reads one member that was found, under its name. */
static int take(struct reader *rd, const char *name, read_fn *read, struct jsonr v, void *into)
{
	size_t at = read_enter(rd, name);
	int err = read(rd, v, into);

	if (!err)
		read_leave(rd, at);
	return err;
}

/* The same for those that are read into a whole summary. */
typedef int list_fn(struct reader *rd, struct jsonr v, struct summary *s);

static int take_list(struct reader *rd, const char *name, list_fn *read, struct jsonr v)
{
	size_t at = read_enter(rd, name);
	int err = v.p ? read(rd, v, &rd->file->s) : 0;

	if (!err)
		read_leave(rd, at);
	return err;
}

static int read_routes_of(struct reader *rd, struct jsonr v, struct summary *s)
{
	return read_routes(rd, v, s->stats);
}

static int read_who_and_when(struct reader *rd, const struct found *f, struct summary *s)
{
	int err = take(rd, "host", read_host, f->host, s);

	if (!err)
		err = take(rd, "target", read_target, f->target, s);
	if (!err)
		err = take(rd, "window", read_window, f->window, s);
	if (!err)
		err = take(rd, "verdict", read_verdict, f->verdict, &s->verdict);
	return err;
}

static int read_counts(struct reader *rd, const struct found *f, struct stats *st)
{
	int err = take(rd, "requests", read_ledger, f->requests, &st->ledger);

	if (!err)
		err = read_statuses(rd, f->status, f->codes, &st->status);
	if (!err)
		err = take(rd, "latency", read_latency, f->latency, st->latency);
	if (!err)
		err = take(rd, "cache", read_cache, f->cache, st->cache);
	if (!err)
		err = take(rd, "auth", read_auth, f->auth, st->auth);
	if (!err && f->left_out.p)
		err = read_wrong(rd,
				 "routes_left_out: a line of a log, which lacks routes; expected "
				 "what summary or report print");
	return err;
}

static int read_failures(struct reader *rd, struct jsonr v, const struct found *f, struct stats *st)
{
	static const struct member other[] = {
		{"errors_other", read_count, 0, false},
	};
	static const struct member background[] = {
		{"background_errors_other", read_count, 0, false},
	};
	uint64_t n = 0;
	size_t at;
	int err = READ_OBJECT(rd, v, other, &n);

	if (!err)
		err = READ_OBJECT(rd, v, background, &st->background.rest);
	if (err)
		return err;
	at = read_enter(rd, "errors");
	err = read_errors(rd, f->errors, n, st);
	if (!err)
		read_leave(rd, at);
	return err;
}

static int read_insight(struct reader *rd, struct jsonr v, const struct found *f)
{
	int err = read_failures(rd, v, f, rd->file->s.stats);

	if (!err)
		err = take_list(rd, "background_errors", read_background, f->background);
	if (!err)
		err = take_list(rd, "loop", read_loop, f->loop);
	if (!err)
		err = take_list(rd, "waits", read_waits, f->waits);
	return err;
}

static int read_all(struct reader *rd, struct jsonr v)
{
	struct summary *s = &rd->file->s;
	struct found f = {.schema = {0}};
	int err = find_members(rd, v, &f);

	if (!err)
		err = read_who_and_when(rd, &f, s);
	if (!err)
		err = read_counts(rd, &f, s->stats);
	if (!err)
		err = take_list(rd, "routes", read_routes_of, f.routes);
	if (!err)
		err = read_insight(rd, v, &f);
	if (!err)
		err = take_list(rd, "open", read_open, f.open);
	if (!err)
		err = take_list(rd, "workers", read_workers, f.workers);
	if (!err)
		err = take_list(rd, "listeners", read_listeners, f.listeners);
	if (!err)
		err = take(rd, "saturation", read_saturation, f.saturation, &s->saturation);
	if (!err)
		err = take_list(rd, "deploys", read_deploys, f.deploys);
	if (!err)
		err = take(rd, "tracer", read_tracer, f.tracer, s);
	if (!err)
		err = take_list(rd, "parts", read_parts, f.parts);
	return err;
}

void summary_read_free(struct summary *s)
{
	struct read_summary *file = (struct read_summary *)s;
	struct read_block *block;

	if (!s)
		return;
	stats_free(s->stats);
	for (uint32_t i = 0; i < file->n_row_hists; i++)
		hist_free(&file->row_hists[i]);
	free(file->row_hists);
	sites_free(file->sites);
	while ((block = file->blocks)) {
		file->blocks = block->next;
		free(block);
	}
	free(file);
}

static int read_text(struct jsonr v, struct router *router, struct summary **out,
		     struct summary_read_error *e)
{
	struct reader rd = {.router = router, .e = e};
	int err;

	rd.file = calloc(1, sizeof(*rd.file));
	if (!rd.file)
		return read_no_memory(&rd);
	rd.file->s.stats = stats_new();
	rd.file->sites = sites_new_max(READ_MAX_SITES);
	if (!rd.file->s.stats || !rd.file->sites) {
		summary_read_free(&rd.file->s);
		return read_no_memory(&rd);
	}
	err = read_all(&rd, v);
	if (err) {
		summary_read_free(&rd.file->s);
		return err;
	}
	*out = &rd.file->s;
	return 0;
}

int summary_read_next(const char **p, const char *end, struct router *router, struct summary **out,
		      struct summary_read_error *e)
{
	struct jsonr_error bad = {0};
	const char *start = *p;
	unsigned line = 1;
	struct jsonr v;
	int n = jsonr_next_text(p, end, &v, &bad);

	*out = NULL;
	e->text[0] = '\0';
	if (!n)
		return 0;
	if (n < 0) {
		for (const char *q = start; q < start + bad.at; q++)
			line += *q == '\n';
		snprintf(e->text, sizeof(e->text),
			 "not valid JSON, at byte %zu (line %u): expected %s", bad.at + 1, line,
			 bad.what);
		return -EINVAL;
	}
	n = read_text(v, router, out, e);
	return n ? n : 1;
}

struct summary *summary_read(const char *json, size_t len, struct router *router,
			     struct summary_read_error *e)
{
	const char *p = json, *end = json + len;
	struct summary *s, *more = NULL;
	int n = summary_read_next(&p, end, router, &s, e);

	if (!n)
		snprintf(e->text, sizeof(e->text), "nothing in it: expected a summary in JSON");
	if (n <= 0)
		return NULL;
	n = summary_read_next(&p, end, router, &more, e);
	if (!n)
		return s;
	if (n > 0)
		snprintf(e->text, sizeof(e->text), "several objects: expected one summary");
	summary_read_free(more);
	summary_read_free(s);
	return NULL;
}
