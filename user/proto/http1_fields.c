/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1_fields.c - field lines, in pieces: the few that framing and tracing need. RFC 9112, 5.
 *
 * A name is matched where it lies if it is in one piece; only a name that was cut is collected. Of
 * a value, one element at a time is collected (a list member, a parameter), and only of the fields
 * below; Authorization and Cookie are known by their names alone.
 */
#include <string.h>
#include <strings.h>

#include "http1_priv.h"

/* where in a field line */
enum { IN_NAME, IN_VALUE };

/* The fields whose values are read. What is only noted is F_NONE with a flag. */
enum {
	F_NONE,
	F_HOST,
	F_LENGTH,
	F_CODING,
	F_CONNECTION,
	F_EXPECT,
	F_TRACEPARENT,
	F_X_CACHE, /* CF-Cache-Status too */
	F_CACHE_STATUS,
	F_AGE,
};

#define BOTH (1 << HTTP1_REQUEST | 1 << HTTP1_RESPONSE)
#define REQ  (1 << HTTP1_REQUEST)
#define RESP (1 << HTTP1_RESPONSE)
#define N(s) s, sizeof(s) - 1

static const struct field_name {
	const char *name;
	uint8_t len;
	uint8_t kinds;
	uint8_t field;
	uint8_t seen;
	uint32_t flag;
} names[] = {
	/* by length: field_lookup() */
	{N("age"), RESP, F_AGE, 0, 0},
	{N("host"), REQ, F_HOST, 0, 0},
	{N("cookie"), REQ, F_NONE, 0, HTTP1_F_AUTH},
	{N("expect"), REQ, F_EXPECT, 0, 0},
	{N("upgrade"), BOTH, F_NONE, SEEN_UPGRADE, 0},
	{N("x-cache"), RESP, F_X_CACHE, 0, 0},
	{N("connection"), BOTH, F_CONNECTION, 0, 0},
	{N("traceparent"), REQ, F_TRACEPARENT, 0, 0},
	{N("cache-status"), RESP, F_CACHE_STATUS, 0, 0},
	{N("authorization"), REQ, F_NONE, 0, HTTP1_F_AUTH},
	{N("content-length"), BOTH, F_LENGTH, 0, 0},
	{N("cf-cache-status"), RESP, F_X_CACHE, 0, 0},
	{N("transfer-encoding"), BOTH, F_CODING, SEEN_CODING, 0},
};

static const struct field_name *field_lookup(const struct http1 *p, const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && names[i].len <= len; i++) {
		const struct field_name *f = &names[i];

		if (f->len == len && (f->kinds & 1 << p->kind) && (s[0] | 0x20) == f->name[0] &&
		    !strncasecmp(f->name, s, len))
			return f;
	}
	return NULL;
}

/* ---- what the values mean */

/* The element collected is `word`, in any case. */
static bool is(const struct http1 *p, const char *word)
{
	size_t len = strlen(word);

	return p->value_len == len && !strncasecmp(p->value, word, len);
}

/* Elements of Content-Length that are the same number are one (RFC 9110, 8.6). */
static void length_element(struct http1 *p)
{
	uint64_t n = 0;
	bool ok = p->value_len > 0 && p->value_len < HTTP1_VALUE_MAX;

	for (unsigned i = 0; i < p->value_len && ok; i++) {
		unsigned digit = (uint8_t)p->value[i] - '0';

		ok = digit <= 9 && !__builtin_mul_overflow(n, 10, &n) &&
		     !__builtin_add_overflow(n, digit, &n);
	}
	if (!ok || ((p->seen & SEEN_LENGTH) && n != p->head->content_length)) {
		p->seen |= SEEN_LENGTH_BAD;
		return;
	}
	p->seen |= SEEN_LENGTH;
	p->head->content_length = n;
}

static void coding_element(struct http1 *p)
{
	if (!p->value_len) /* RFC 9110, 5.6.1: empty members of a list do not count */
		return;
	p->seen &= ~SEEN_CHUNKED;
	if (is(p, "chunked"))
		p->seen |= SEEN_CHUNKED;
}

static void connection_element(struct http1 *p)
{
	if (is(p, "close"))
		p->head->flags |= HTTP1_F_CLOSE;
	else if (is(p, "keep-alive"))
		p->head->flags |= HTTP1_F_KEEP_ALIVE;
	else if (is(p, "upgrade"))
		p->seen |= SEEN_CONN_UPGRADE;
}

static void host_value(struct http1 *p)
{
	size_t len = p->value_len < HTTP1_HOST_MAX ? p->value_len : HTTP1_HOST_MAX - 1;

	if (p->seen & SEEN_HOST)
		return;
	memcpy(p->head->host, p->value, len);
	p->head->host[len] = '\0';
	p->seen |= SEEN_HOST;
}

static bool lower_hex(const char *s, size_t n, bool *zero)
{
	*zero = true;
	for (size_t i = 0; i < n; i++) {
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
		*zero = *zero && s[i] == '0';
	}
	return true;
}

/* W3C Trace Context, 3.2: "00-<32 hex: trace>-<16 hex: parent>-<2 hex>", lower case, neither id all
   zero. A later version may go on after another "-"; version ff is invalid. */
static void traceparent_value(struct http1 *p)
{
	const char *v = p->value;
	bool zero[4];

	if ((p->head->flags & HTTP1_F_TRACE_ID) || p->value_len < 55)
		return;
	if (v[2] != '-' || v[35] != '-' || v[52] != '-')
		return;
	if (!lower_hex(v, 2, &zero[0]) || !lower_hex(v + 3, 32, &zero[1]) ||
	    !lower_hex(v + 36, 16, &zero[2]) || !lower_hex(v + 53, 2, &zero[3]))
		return;
	if (zero[1] || zero[2] || !memcmp(v, "ff", 2))
		return;
	if (p->value_len > 55 && (zero[0] || v[55] != '-'))
		return;
	memcpy(p->head->trace_id, v + 3, 32);
	p->head->flags |= HTTP1_F_TRACE_ID;
}

/* Of several caches, what is best for the client counts. */
static void cache_verdict(struct http1 *p, enum http1_cache verdict)
{
	static const uint8_t rank[] = {
		[HTTP1_CACHE_NONE] = 0,
		[HTTP1_CACHE_MISS] = 1,
		[HTTP1_CACHE_REVALIDATED] = 2,
		[HTTP1_CACHE_HIT] = 3,
	};

	if (rank[verdict] > rank[p->head->cache])
		p->head->cache = verdict;
}

/*
 * X-Cache and CF-Cache-Status are nobody's standard: the first word of a member, by what it
 * contains: "HIT", "Hit from cloudfront", "TCP_MEM_HIT", "TCP_REFRESH_MISS" (asked the origin and
 * got a new one), "RefreshHit", "EXPIRED", "STALE" and "UPDATING" (served an old one). Others,
 * "BYPASS" or "DYNAMIC", say that no cache was asked.
 */
static void x_cache_element(struct http1 *p)
{
	static const struct {
		const char *part;
		enum http1_cache verdict;
	} words[] = {
		{"miss", HTTP1_CACHE_MISS},
		{"expired", HTTP1_CACHE_MISS},
		{"refresh", HTTP1_CACHE_REVALIDATED},
		{"revalidated", HTTP1_CACHE_REVALIDATED},
		{"hit", HTTP1_CACHE_HIT},
		{"stale", HTTP1_CACHE_HIT},
		{"updating", HTTP1_CACHE_HIT},
	};
	const char *space = memchr(p->value, ' ', p->value_len);
	size_t len = space ? (size_t)(space - p->value) : p->value_len;

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t part = strlen(words[w].part);

		for (size_t i = 0; i + part <= len; i++) {
			if (!strncasecmp(p->value + i, words[w].part, part)) {
				cache_verdict(p, words[w].verdict);
				return;
			}
		}
	}
}

/* RFC 9211: "Name; hit; ttl=3, Other; fwd=stale; fwd-status=304". struct http1.cache holds what the
   parameters of the current member said. */
static void cache_status_element(struct http1 *p, char separator)
{
	enum { NAMED = 1, HIT = 2, FORWARDED = 4, STALE = 8, UNMODIFIED = 16 };

	if (!(p->cache & NAMED))
		p->cache |= NAMED;
	else if (is(p, "hit") || is(p, "hit=?1"))
		p->cache |= HIT;
	else if (p->value_len > 4 && !strncasecmp(p->value, "fwd=", 4))
		p->cache |= is(p, "fwd=stale") ? FORWARDED | STALE : FORWARDED;
	else if (is(p, "fwd-status=304"))
		p->cache |= UNMODIFIED;
	if (separator == ';')
		return;
	if (p->cache & HIT)
		cache_verdict(p, HTTP1_CACHE_HIT);
	else if ((p->cache & STALE) && (p->cache & UNMODIFIED))
		cache_verdict(p, HTTP1_CACHE_REVALIDATED);
	else if (p->cache & FORWARDED)
		cache_verdict(p, HTTP1_CACHE_MISS);
	p->cache = 0;
}

/* RFC 9111, 5.1: an Age means that a cache had it; some send 0 with a miss. */
static void age_value(struct http1 *p)
{
	bool zero = true;

	for (unsigned i = 0; i < p->value_len; i++) {
		if (p->value[i] < '0' || p->value[i] > '9')
			return;
		zero = zero && p->value[i] == '0';
	}
	if (!zero)
		p->seen |= SEEN_AGE;
}

/* An element is complete; separator is 0 at the end of the value. */
static void value_element(struct http1 *p, char separator)
{
	switch (p->field) {
	case F_HOST:
		host_value(p);
		break;
	case F_LENGTH:
		length_element(p);
		break;
	case F_CODING:
		coding_element(p);
		break;
	case F_CONNECTION:
		connection_element(p);
		break;
	case F_EXPECT:
		if (is(p, "100-continue"))
			p->head->flags |= HTTP1_F_EXPECT;
		break;
	case F_TRACEPARENT:
		traceparent_value(p);
		break;
	case F_X_CACHE:
		x_cache_element(p);
		break;
	case F_CACHE_STATUS:
		cache_status_element(p, separator);
		break;
	case F_AGE:
		age_value(p);
		break;
	}
	p->value_len = 0;
	p->gap = false;
}

/* ---- cutting values into elements */

static bool separates(const struct http1 *p, uint8_t c)
{
	switch (p->field) {
	case F_HOST:
	case F_TRACEPARENT:
	case F_AGE:
		return false;
	case F_CACHE_STATUS:
		return c == ',' || c == ';';
	default:
		return c == ',';
	}
}

/* Whether c is part of a quoted string: of the fields that are read only Cache-Status has them. */
static bool quoted(struct http1 *p, uint8_t c)
{
	enum { NO, YES, ESCAPE };
	bool was = p->quote != NO;

	if (p->field != F_CACHE_STATUS)
		return false;
	if (p->quote == ESCAPE)
		p->quote = YES;
	else if (p->quote == YES && c == '\\')
		p->quote = ESCAPE;
	else if (c == '"')
		p->quote = was ? NO : YES;
	return was || p->quote != NO;
}

static void collect(struct http1 *p, const void *s, size_t n)
{
	size_t room = HTTP1_VALUE_MAX - p->value_len;

	if (n > room)
		n = room;
	memcpy(p->value + p->value_len, s, n);
	p->value_len += n;
}

/* How many bytes there are that mean nothing in any value. */
static size_t plain_run(const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] > ' ' && s[i] != ',' && s[i] != ';' && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

/* A bare CR is taken as a space (RFC 9112, 2.2), as is the fold of an obs-fold (5.2). */
static void value_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		run = plain_run(s + i, n - i) ?: 1;
		bool in_quotes = quoted(p, s[i]);

		if (!in_quotes && separates(p, s[i])) {
			value_element(p, (char)s[i]);
		} else if (s[i] == ' ' || s[i] == '\t' || s[i] == '\r') {
			p->gap = p->value_len > 0;
		} else {
			if (p->gap)
				collect(p, " ", 1);
			p->gap = false;
			collect(p, s + i, run);
		}
	}
}

/* ---- lines */

void http1_field_end(struct http1 *p)
{
	if (p->field != F_NONE)
		value_element(p, 0);
	p->field = F_NONE;
}

/*
 * White space between a name and its colon must be answered with 400 (RFC 9112, 5.1), but some servers
 * take the field all the same. Where that changes the framing, the end of the message is not known.
 */
static void name_with_space(struct http1 *p, const char *s, size_t len)
{
	size_t n = len;

	if (len >= HTTP1_VALUE_MAX) /* of one that came in pieces no more is known */
		return;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n < len && ((n == 14 && !strncasecmp(s, "content-length", n)) ||
			(n == 17 && !strncasecmp(s, "transfer-encoding", n))))
		p->seen |= SEEN_LENGTH | SEEN_LENGTH_BAD;
}

static void name_end(struct http1 *p, const char *s, size_t len)
{
	const struct field_name *f = field_lookup(p, s, len);

	if (!f)
		name_with_space(p, s, len);
	p->part = IN_VALUE;
	p->value_len = 0;
	p->gap = false;
	p->quote = p->cache = 0;
	if (f) {
		p->field = f->field;
		p->seen |= f->seen;
		p->head->flags |= f->flag;
	}
}

/* Returns what of the piece belongs to the name, colon included. A name with white space before its
   colon matches none, so the line is ignored (RFC 9112, 5.1: a server answers 400). */
static size_t name_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	const uint8_t *colon = memchr(s, ':', n);
	size_t len = colon ? (size_t)(colon - s) : n;

	if (colon && !p->value_len) {
		name_end(p, (const char *)s, len);
		return len + 1;
	}
	collect(p, s, len);
	if (!colon)
		return n;
	name_end(p, p->value, p->value_len);
	return len + 1;
}

void http1_field_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	size_t i = 0;

	if (!n)
		return;
	if (!p->line && (s[0] == ' ' || s[0] == '\t')) {
		p->part = IN_VALUE; /* obs-fold: the value before goes on */
	} else if (!p->line) {
		http1_field_end(p);
		p->part = IN_NAME;
		p->value_len = 0;
	}
	if (p->part == IN_NAME)
		i = name_bytes(p, s, n);
	if (p->field != F_NONE && i < n)
		value_bytes(p, s + i, n - i);
}
