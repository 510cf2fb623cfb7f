/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verdict_words.c - the words that a verdict's reasons are made of.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "verdict_priv.h"

#define LABEL_COLUMNS 48
#define IN_APP	      " in the app"

void verdict_add(struct verdict *v, enum verdict_state state, const char *format, ...)
{
	va_list args;

	if (v->n_reasons == VERDICT_MAX_REASONS)
		return;
	if (!v->n_reasons)
		v->state = state;
	va_start(args, format);
	vsnprintf(v->reasons[v->n_reasons], VERDICT_REASON_MAX, format, args);
	va_end(args);
	utf8_trim(v->reasons[v->n_reasons++]);
}

bool verdict_exceeds(uint64_t part, uint64_t whole, double share)
{
	return part && (double)part > share * (double)whole;
}

struct words words_count(uint64_t n)
{
	struct words w;

	summary_count(w.s, sizeof(w.s), n);
	return w;
}

struct words words_duration(double ns)
{
	struct words w;

	units_duration(w.s, sizeof(w.s), ns);
	return w;
}

struct words words_percent(double share)
{
	struct words w;

	units_percent(w.s, sizeof(w.s), share);
	return w;
}

/* "p95", "p99.9" */
struct words words_quantile(double q)
{
	struct words w;

	snprintf(w.s, sizeof(w.s), "p%.6g", q * 100);
	return w;
}

/* The window: "10 s", not "10.0 s"; whole numbers are what people asked for. */
struct words words_window(double seconds)
{
	struct words w;

	if (seconds < 59.95)
		snprintf(w.s, sizeof(w.s), "%.3g s", seconds);
	else
		units_duration(w.s, sizeof(w.s), seconds * 1e9);
	return w;
}

const char *words_plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static char *label(char *out, const char *method, const char *path, size_t path_len)
{
	char raw[HTTP1_METHOD_MAX + HTTP1_PATH_MAX];
	int n = snprintf(raw, sizeof(raw), "%s ", method);

	if (path_len > sizeof(raw) - (size_t)n)
		path_len = sizeof(raw) - (size_t)n;
	memcpy(raw + n, path, path_len);
	escape_text(out, LABEL_MAX - sizeof(IN_APP), raw, (size_t)n + path_len, LABEL_COLUMNS);
	return out;
}

char *words_route(char *out, const struct route *route)
{
	if (!route->id)
		return strcpy(out, "routes beyond the bound");
	return label(out, route->method, route->template, strlen(route->template));
}

char *words_open(char *out, const struct request *r)
{
	if (!r->head_seen)
		return strcpy(out, "one not read yet");
	label(out, r->http.method, r->http.path, r->http.path_len);
	if (request_open_phase(r) == PHASE_APP)
		strcat(out, IN_APP); /* label() left room */
	return out;
}

/* A unix socket's path is the owner's choice: any bytes. */
struct words words_host(const char *host)
{
	struct words w = {" on "};

	if (!host)
		return (struct words){""};
	escape_text(w.s + 4, sizeof(w.s) - 4, host, strlen(host), 0);
	return w;
}

char *words_address(char *out, const struct summary_listener *l)
{
	escape_text(out, LABEL_MAX, l->address, strnlen(l->address, sizeof(l->address)),
		    LABEL_COLUMNS);
	return out;
}
