/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1_start.c - request lines and status lines, in pieces. RFC 9112, 3 and 4.
 */
#include <string.h>

#include "http1_priv.h"

static const char version[] = "HTTP/1.";
#define VERSION_LEN (sizeof(version) - 1)

/* where in a request line */
enum { IN_METHOD, IN_SPACES, IN_TARGET, IN_VERSION, IN_REST };

/*
 * What the target looks like so far. Up to IS_AUTHORITY each byte may decide; a scheme is kept in
 * path until "://" shows that it is one. RFC 9112, 3.2.
 */
enum {
	IS_NEW,
	IS_SCHEME,    /* "http": a scheme, or a host in authority-form */
	IS_COLON,     /* "http:" */
	IS_SLASH,     /* "http:/" */
	IS_AUTHORITY, /* "http://..." */
	IS_PATH,
	IS_OTHER,   /* "*", authority-form, or what no server takes */
	IS_DROPPED, /* the query or fragment: nothing is kept */
};

static bool is_alnum(uint8_t c)
{
	uint8_t lower = c | 0x20;

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

bool http1_is_tchar(uint8_t c)
{
	return is_alnum(c) || (c && c < 0x80 && strchr("!#$%&'*+-.^_`|~", c));
}

/* ---- the target */

static void path_add(struct http1 *p, const void *s, size_t n)
{
	struct http1_head *h = p->head;
	size_t room = HTTP1_PATH_MAX - 1 - h->path_len;

	if (n > room) {
		n = room;
		h->flags |= HTTP1_F_PATH_CUT;
	}
	memcpy(h->path + h->path_len, s, n);
	h->path_len += n;
}

static void path_clear(struct http1 *p)
{
	memset(p->head->path, 0, p->head->path_len);
	p->head->path_len = 0;
	p->head->flags &= ~HTTP1_F_PATH_CUT;
}

/* The host of "http://user:password@host/": what came before an @ was no host, and is secret. */
static void authority_byte(struct http1 *p, uint8_t c)
{
	struct http1_head *h = p->head;

	if (c == '@') {
		memset(h->host, 0, p->host_len);
		p->host_len = 0;
	} else if (p->host_len < HTTP1_HOST_MAX - 1) {
		h->host[p->host_len++] = (char)c;
	}
}

/* Which form the target has once c follows; only before IS_PATH. */
static uint8_t form_next(uint8_t form, uint8_t c)
{
	switch (form) {
	case IS_NEW:
		return c == '/' ? IS_PATH : is_alnum(c) ? IS_SCHEME : IS_OTHER;
	case IS_SCHEME:
		if (is_alnum(c) || c == '+' || c == '-' || c == '.')
			return IS_SCHEME;
		return c == ':' ? IS_COLON : IS_OTHER;
	case IS_COLON:
		return c == '/' ? IS_SLASH : IS_OTHER;
	case IS_SLASH:
		return c == '/' ? IS_AUTHORITY : IS_OTHER;
	default:
		return c == '/' || c == '?' || c == '#' ? IS_PATH : IS_AUTHORITY;
	}
}

/* Takes one byte of a target whose form is open; false: c decided it, and belongs to the path. */
static bool form_byte(struct http1 *p, uint8_t c)
{
	uint8_t old = p->target;

	p->target = form_next(old, c);
	if (old == IS_AUTHORITY && p->target == IS_AUTHORITY) {
		authority_byte(p, c);
	} else if (p->target == IS_AUTHORITY) {
		path_clear(p); /* it was a scheme */
		p->seen |= SEEN_HOST;
	} else if (p->target < IS_AUTHORITY) {
		path_add(p, &c, 1);
	} else {
		if (old == IS_AUTHORITY && c != '/')
			path_add(p, "/", 1); /* "http://host?query" */
		return false;
	}
	return true;
}

/* Keeps what belongs to the path. */
static void path_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	const uint8_t *query = memchr(s, '?', n);
	const uint8_t *end = memchr(s, '#', query ? (size_t)(query - s) : n) ?: query;
	const uint8_t *at;

	if (end)
		n = (size_t)(end - s);
	at = p->target == IS_OTHER ? memrchr(s, '@', n) : NULL;
	if (at) { /* userinfo in an authority-form: not allowed, and not kept */
		path_clear(p);
		n -= (size_t)(at + 1 - s);
		s = at + 1;
	}
	path_add(p, s, n);
	if (end)
		p->target = IS_DROPPED;
}

static void target_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (i < n && p->target < IS_PATH && form_byte(p, s[i]))
		i++;
	if (i < n && p->target != IS_DROPPED)
		path_bytes(p, s + i, n - i);
}

/* ---- the request line */

static bool method_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	size_t len = p->line;

	for (size_t i = 0; i < n; i++, len++) {
		if (!http1_is_tchar(s[i]))
			return false;
		if (len < HTTP1_METHOD_MAX - 1)
			p->head->method[len] = (char)s[i];
	}
	return true;
}

/* What followed a space was not the version: space and all belonged to the target. No server takes
   such a target, but the request was made, and its 400 should have a place to go. */
static void not_version(struct http1 *p)
{
	target_bytes(p, (const uint8_t *)" ", 1);
	target_bytes(p, (const uint8_t *)version, p->matched);
	p->matched = 0;
	p->part = IN_TARGET;
}

/* One byte after the target; false: it is to be read again, as part of the target. */
static bool version_byte(struct http1 *p, uint8_t c)
{
	if (c == ' ' && !p->matched)
		return true;
	if (p->matched < VERSION_LEN && c == (uint8_t)version[p->matched]) {
		p->matched++;
		return true;
	}
	if (p->matched == VERSION_LEN && c >= '0' && c <= '9') {
		p->head->minor = c - '0';
		p->part = IN_REST;
		return true;
	}
	not_version(p);
	return false;
}

/* Everything up to the space that ends a method or a target; returns what was consumed. */
static size_t word_bytes(struct http1 *p, const uint8_t *s, size_t n, bool *ok)
{
	const uint8_t *sp = memchr(s, ' ', n);
	size_t len = sp ? (size_t)(sp - s) : n;

	if (p->part == IN_METHOD)
		*ok = method_bytes(p, s, len) && p->line + len;
	else
		target_bytes(p, s, len);
	if (sp)
		p->part++;
	return len + !!sp;
}

bool http1_request_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n && ok;) {
		if (p->part == IN_METHOD || p->part == IN_TARGET)
			i += word_bytes(p, s + i, n - i, &ok);
		else if (p->part == IN_SPACES && s[i] != ' ')
			p->part = IN_TARGET;
		else if (p->part == IN_SPACES)
			i++;
		else if (p->part == IN_VERSION)
			i += version_byte(p, s[i]);
		else if (s[i] == '\r' || s[i] == ' ' || s[i] == '\t')
			i++;
		else
			return false;
	}
	return ok;
}

bool http1_request_end(struct http1 *p)
{
	if (p->part != IN_REST)
		return false;
	if (p->target == IS_AUTHORITY) /* RFC 9110, 4.2.3: "http://host" is "http://host/" */
		path_add(p, "/", 1);
	p->part = 0;
	return true;
}

bool http1_target_cut(struct http1 *p)
{
	if (p->part != IN_TARGET || p->target < IS_PATH)
		return false;
	if (p->target != IS_DROPPED) /* in the query nothing of the path is missing */
		p->head->flags |= HTTP1_F_PATH_CUT;
	p->head->minor = 1; /* as good as every one */
	p->part = 0;
	p->line = 0;
	return true;
}

/* ---- the status line: "HTTP/1.1 200 OK"; the reason, and the space before it, may be missing */

bool http1_status_bytes(struct http1 *p, const uint8_t *s, size_t n)
{
	enum { MINOR = VERSION_LEN, SPACE, DIGIT1, DIGIT2, DIGIT3, AFTER, REASON };

	for (size_t i = 0; i < n && p->matched != REASON; i++, p->matched++) {
		bool digit = s[i] >= '0' && s[i] <= '9';
		bool ok;

		if (p->matched < VERSION_LEN)
			ok = s[i] == (uint8_t)version[p->matched];
		else if (p->matched == SPACE)
			ok = s[i] == ' ';
		else if (p->matched == AFTER)
			ok = s[i] == ' ' || s[i] == '\t' || s[i] == '\r';
		else
			ok = digit;
		if (!ok)
			return false;
		if (p->matched == MINOR)
			p->head->minor = s[i] - '0';
		else if (digit && p->matched > SPACE)
			p->head->status = p->head->status * 10 + (s[i] - '0');
	}
	return true;
}

bool http1_status_end(struct http1 *p)
{
	return p->head->status >= 100; /* three digits, then */
}
