/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1_guess.c - what bytes are that are not known to be HTTP/1: may they begin a request, or what
 * else may they be.
 */
#include <string.h>

#include "http1_priv.h"

/* Whether data and text agree as far as both reach. */
static bool begins(const uint8_t *data, size_t n, const void *text, size_t len)
{
	return !memcmp(data, text, n < len ? n : len);
}

#define BEGINS(data, n, text) begins(data, n, text, sizeof(text) - 1)

static bool could_begin_target(uint8_t c)
{
	uint8_t lower = c | 0x20;

	return c == '/' || c == '*' || c == '[' || (c >= '0' && c <= '9') ||
	       (lower >= 'a' && lower <= 'z');
}

/* "HTTP/1.d" and the end of the line, as far as n reaches */
static bool could_be_version(const uint8_t *s, size_t n)
{
	if (!BEGINS(s, n, "HTTP/1."))
		return false;
	if (n > 7 && (s[7] < '0' || s[7] > '9'))
		return false;
	return n <= 8 || s[8] == '\n' || BEGINS(s + 8, n - 8, "\r\n");
}

bool http1_could_be_request(const void *data, size_t n)
{
	const uint8_t *s = data;
	size_t i = 0;

	while (i < n && i < HTTP1_METHOD_MAX && http1_is_tchar(s[i]))
		i++;
	if (i == 0 || i == HTTP1_METHOD_MAX)
		return false;
	if (i == n)
		return true;
	if (s[i++] != ' ')
		return false;
	if (i < n && !could_begin_target(s[i]))
		return false;
	while (i < n && s[i] > ' ' && s[i] != 0x7f)
		i++;
	if (i == n)
		return true;
	return s[i] == ' ' && could_be_version(s + i + 1, n - i - 1);
}

/* ---- PROXY protocol, https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt */

#define V1_MAX	     107 /* 2.1: with its CRLF */
#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_FIXED     16

static int proxy_v1(const uint8_t *s, size_t n)
{
	size_t reach = n < V1_MAX ? n : V1_MAX;
	const uint8_t *lf;

	if (!BEGINS(s, n, "PROXY TCP4 ") && !BEGINS(s, n, "PROXY TCP6 ") &&
	    !BEGINS(s, n, "PROXY UNKNOWN"))
		return 0;
	lf = memchr(s, '\n', reach);
	if (!lf)
		return reach < V1_MAX ? -1 : 0;
	return lf[-1] == '\r' ? (int)(lf - s) + 1 : 0;
}

static int proxy_v2(const uint8_t *s, size_t n)
{
	int len;

	if (!BEGINS(s, n, V2_SIGNATURE))
		return 0;
	if (n > 12 && (s[12] & 0xfe) != 0x20) /* 2.2: version 2, LOCAL or PROXY */
		return 0;
	if (n < V2_FIXED)
		return -1;
	len = V2_FIXED + (s[14] << 8 | s[15]);
	return n < (size_t)len ? -1 : len;
}

int http1_proxy_header(const void *data, size_t n)
{
	const uint8_t *s = data;

	if (!n)
		return -1;
	return s[0] == 'P' ? proxy_v1(s, n) : proxy_v2(s, n);
}

enum http1_guess http1_looks_like(const void *data, size_t n)
{
	const uint8_t *s = data;

	if (!n)
		return HTTP1_IS_EMPTY;
	/* RFC 8446, 5.1: content type 20..23, legacy version 3.x */
	if (s[0] >= 0x14 && s[0] <= 0x17 && BEGINS(s + 1, n - 1, "\x03") && (n < 3 || s[2] <= 4))
		return HTTP1_IS_TLS;
	/* RFC 9113, 3.4 */
	if (n >= 4 && BEGINS(s, n, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		return HTTP1_IS_HTTP2;
	/* headers that no HTTP/1 stream begins with, however long or cut */
	if (n >= 6 && BEGINS(s, n, "PROXY ") && http1_proxy_header(s, n))
		return HTTP1_IS_PROXY;
	if (n >= 12 && BEGINS(s, n, V2_SIGNATURE))
		return HTTP1_IS_PROXY;
	return HTTP1_IS_OTHER;
}
