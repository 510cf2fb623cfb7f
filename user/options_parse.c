// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * options_parse.c - the value of each option: what is not one is refused with what was expected.
 */
#include "options_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "lib/units.h"

static int bad(const struct options *o, size_t option, const char *value, const char *wants)
{
	char text[256];

	snprintf(text, sizeof(text), "--%s wants %s, got \"%.60s\"", options_table[option].name, wants, value);
	return options_usage(o->verb, text);
}

static int parse_u32(const struct options *o, size_t i, const char *arg, uint64_t min, uint64_t max,
		     uint32_t *out)
{
	char wants[96];
	uint64_t v;

	if (!units_parse_u64(arg, min, max, &v)) {
		*out = v;
		return -1;
	}
	snprintf(wants, sizeof(wants), "a whole number from %llu to %llu", (unsigned long long)min,
		 (unsigned long long)max);
	return bad(o, i, arg, wants);
}

static int parse_pid(struct options *o, size_t i, const char *arg)
{
	if (o->n_pids == OPTIONS_MAX_PIDS)
		return options_usage(o->verb, "too many --pid: at most 64");
	return parse_u32(o, i, arg, 1, 4194304, &o->pids[o->n_pids++]);
}

static int parse_port(struct options *o, size_t i, const char *arg)
{
	uint32_t port = 0;
	int code = parse_u32(o, i, arg, 1, 65535, &port);

	if (code >= 0)
		return code;
	if (o->n_ports == OPTIONS_MAX_PORTS)
		return options_usage(o->verb, "too many --port: at most 16");
	o->ports[o->n_ports++] = port;
	return -1;
}

static int parse_time(const struct options *o, size_t i, const char *arg, uint64_t unit, uint64_t *ns)
{
	if (!units_parse_duration(arg, unit, ns))
		return -1;
	return bad(o, i, arg,
		   unit == 1000000 ? "milliseconds or a duration such as 300ms or 1.5s"
				   : "seconds or a duration such as 10, 500ms or 2m");
}

static int parse_ms(const struct options *o, size_t i, const char *arg, double *ms)
{
	uint64_t ns;
	int code = parse_time(o, i, arg, 1000000, &ns);

	*ms = code < 0 ? ns / 1e6 : *ms;
	return code;
}

static int parse_format(struct options *o, size_t i, const char *arg)
{
	static const char *const names[] = {
		[FORMAT_TEXT] = "text", [FORMAT_JSON] = "json",
		[FORMAT_HTML] = "html", [FORMAT_TRACE] = "trace",
	};
	char wants[64];

	for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
		if (strcmp(arg, names[k]) || !strstr(options_formats(o->verb), arg))
			continue;
		o->format = (enum format)k;
		return -1;
	}
	return bad(o, i, arg, options_say_formats(wants, sizeof(wants), o->verb));
}

/* One element of --status: "404" or "5xx". */
static bool status_element(const char *s, size_t n)
{
	if (n != 3 || s[0] < '1' || s[0] > '5')
		return false;
	return (isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2])) ||
	       (tolower((unsigned char)s[1]) == 'x' && tolower((unsigned char)s[2]) == 'x');
}

static int parse_status(struct options *o, size_t i, const char *arg)
{
	const char *s = arg;

	for (;;) {
		size_t n = strcspn(s, ",");

		if (!status_element(s, n))
			return bad(o, i, arg, "statuses such as 5xx, 404 or 4xx,5xx");
		if (!s[n])
			break;
		s += n + 1;
	}
	o->status = arg;
	return -1;
}

bool options_status_match(const char *filter, unsigned status)
{
	const char *s = filter;

	for (;;) {
		size_t n = strcspn(s, ",");

		if (status / 100 == (unsigned)(s[0] - '0') &&
		    (!isdigit((unsigned char)s[1]) || strtoul(s, NULL, 10) == status))
			return true;
		if (!s[n])
			return false;
		s += n + 1;
	}
}

static int parse_insight(struct options *o, size_t i, const char *arg)
{
	if (strcmp(arg, "off") && strcmp(arg, "default") && strcmp(arg, "full"))
		return bad(o, i, arg, "off, default or full");
	o->insight = arg;
	return -1;
}

/* Below a millisecond every turn of a loop would be told. */
static int parse_stall(struct options *o, size_t i, const char *arg)
{
	if (units_parse_duration(arg, 1000000, &o->stall_ns) || o->stall_ns < 1000000 ||
	    o->stall_ns > 3600000000000ULL)
		return bad(o, i, arg, "milliseconds or a duration, from 1ms to 1h");
	return -1;
}

static int parse_verdict(struct options *o, size_t i, const char *arg)
{
	switch (options_table[i].id) {
	case OPT_SLO_MS:
		o->rules_given |= RULE_SLO_MS;
		return parse_ms(o, i, arg, &o->rules.slo_ms);
	case OPT_STUCK:
		o->rules_given |= RULE_STUCK;
		return parse_ms(o, i, arg, &o->rules.stuck_ms);
	case OPT_SLO_QUANTILE:
		o->rules_given |= RULE_SLO_QUANTILE;
		if (units_parse_double(arg, 0, 1, &o->rules.slo_quantile))
			return bad(o, i, arg, "a quantile from 0 to 1 such as 0.99");
		return -1;
	default:
		o->rules_given |= RULE_MAX_ERRORS;
		if (units_parse_share(arg, &o->rules.max_error_rate))
			return bad(o, i, arg, "a share such as 1% or 0.01");
		return -1;
	}
}

static int parse_limit(struct options *o, size_t i, const char *arg)
{
	switch (options_table[i].id) {
	case OPT_RING:
		return parse_u32(o, i, arg, 64, 1 << 20, &o->ring_kib);
	case OPT_SNAP_IN:
		return parse_u32(o, i, arg, 256, RS_MAX_SNAP, &o->snap_in);
	case OPT_SNAP_OUT:
		return parse_u32(o, i, arg, 16, RS_MAX_SNAP, &o->snap_out);
	case OPT_MAX_CONNS:
		return parse_u32(o, i, arg, 16, 1 << 20, &o->max_conns);
	case OPT_MAX_OPEN:
		return parse_u32(o, i, arg, 16, 1 << 20, &o->max_open);
	case OPT_MAX_ROUTES:
		return parse_u32(o, i, arg, 2, 100000, &o->max_routes);
	case OPT_INSIGHT:
		return parse_insight(o, i, arg);
	case OPT_STALL:
		return parse_stall(o, i, arg);
	default:
		o->routes_file = arg;
		return -1;
	}
}

static int parse_size(const struct options *o, size_t i, const char *arg, uint64_t *bytes)
{
	if (!units_parse_size(arg, 0, bytes) || !units_parse_u64(arg, 0, 0, bytes))
		return -1;
	return bad(o, i, arg, "a size such as 64k, 200M or 1G");
}

/* One of the words in a list set apart by ", "; its place in it. */
static int parse_word(const struct options *o, size_t i, const char *arg, const char *words,
		      unsigned *index)
{
	size_t len = strlen(arg);
	const char *s = words;

	for (*index = 0; *s; ++*index) {
		size_t n = strcspn(s, ",");

		if (n == len && !memcmp(s, arg, n))
			return -1;
		s += n + (s[n] ? 2 : 0);
	}
	return bad(o, i, arg, words);
}

static int parse_log(struct options *o, size_t i, const char *arg)
{
	unsigned word;
	int code;

	if (options_table[i].id != OPT_LOG)
		o->log.with = options_table[i].name;
	switch (options_table[i].id) {
	case OPT_LOG_REQUESTS:
		code = parse_word(o, i, arg, "all, problems, none", &word);
		o->log.requests = code < 0 ? (enum log_requests)word : o->log.requests;
		return code;
	case OPT_LOG_INTERVAL:
		code = parse_time(o, i, arg, 1000000000, &o->log.interval);
		return code < 0 && o->log.interval < 1000000000 ? bad(o, i, arg, "a second or more") :
								  code;
	case OPT_LOG_MAX_SIZE:
		return parse_size(o, i, arg, &o->log.max_size);
	case OPT_LOG_KEEP:
		return parse_u32(o, i, arg, 1, 1000, &o->log.keep);
	default:
		o->log.to = arg;
		return *arg ? -1 : bad(o, i, arg, "a file, -, syslog or journald");
	}
}

static int parse_diff(struct options *o, size_t i, const char *arg)
{
	double *out = options_table[i].id == OPT_LEVEL ? &o->level : &o->min_effect;

	if (units_parse_share(arg, out) || (options_table[i].id == OPT_LEVEL && (*out <= 0 || *out > 0.5)))
		return bad(o, i, arg, options_table[i].id == OPT_LEVEL ? "a share above 0 and up to 50%, such as 1%" :
								 "a share such as 5% or 0.05");
	return -1;
}

static int parse_screen(struct options *o, size_t i, const char *arg)
{
	unsigned word;

	if (options_table[i].id == OPT_SORT) {
		o->sort = arg;
		return parse_word(o, i, arg, "time, rate, p99, errors", &word);
	}
	o->window = 0;
	if (!strcmp(arg, "all"))
		return -1;
	if (units_parse_duration(arg, 1000000000, &o->window) || o->window < 1000000000ULL ||
	    o->window > 600000000000ULL)
		return bad(o, i, arg, "1 s to 10 m, or all");
	return -1;
}

/* Options that only some verbs take, by their group. */
static int parse_grouped(struct options *o, size_t i, const char *arg)
{
	switch (options_table[i].group) {
	case 'v':
		return parse_verdict(o, i, arg);
	case 'L':
		return parse_log(o, i, arg);
	case 'd':
		return parse_diff(o, i, arg);
	case 'T':
		return parse_screen(o, i, arg);
	default:
		return parse_limit(o, i, arg);
	}
}

int options_value(struct options *o, size_t i, const char *arg)
{
	switch (options_table[i].id) {
	case 'p':
		return parse_pid(o, i, arg);
	case OPT_PORT:
		return parse_port(o, i, arg);
	case OPT_WAIT:
		o->wait = true;
		return -1;
	case OPT_UNIT:
		o->unit = arg;
		return -1;
	case OPT_CGROUP:
		o->cgroup = arg;
		return -1;
	case 'd':
		return parse_time(o, i, arg, 1000000000, &o->duration);
	case 'c':
		o->config = arg;
		return -1;
	case OPT_EVERY:
		return parse_time(o, i, arg, 1000000000, &o->every);
	case OPT_KEEP:
		return parse_time(o, i, arg, 1000000000, &o->keep);
	case OPT_MAX_SIZE:
		return parse_size(o, i, arg, &o->max_size);
	case OPT_FROM:
		o->from = arg;
		return -1;
	case OPT_TO:
		o->to = arg;
		return -1;
	case OPT_FORMAT:
		return parse_format(o, i, arg);
	case 'o':
		o->output = arg;
		return -1;
	case OPT_FORCE:
		o->force = true;
		return -1;
	case OPT_SLOW:
		return parse_time(o, i, arg, 1000000, &o->slow_ns);
	case OPT_STATUS:
		return parse_status(o, i, arg);
	case OPT_ROUTE:
		o->route = arg;
		return -1;
	case 'v':
		o->verbose++;
		return -1;
	}
	return parse_grouped(o, i, arg);
}
