/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1.h - an HTTP/1.0 and 1.1 message parser for a byte stream of which parts may be missing.
 *
 * RFC 9110, RFC 9112. Pure and incremental: the caller hands over bytes as they were copied, cut
 * anywhere, and tells with http1_skip() how many bytes it did not see. The parser keeps no copy of
 * the message, only what tracing needs; header values that privacy forbids are never kept.
 * No allocation, no globals.
 */
#ifndef RS_HTTP1_H
#define RS_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP1_METHOD_MAX 24  /* bytes kept of a method, NUL included */
#define HTTP1_PATH_MAX   512 /* bytes kept of a path, NUL included; the query is never kept */
#define HTTP1_HOST_MAX   64
#define HTTP1_LINE_MAX   (1u << 20) /* a start line or field line longer than this is no HTTP */

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

enum http1_event {
	HTTP1_MORE,    /* everything was consumed, nothing ended */
	HTTP1_HEAD,    /* the head is complete: struct http1_head is valid until the next message */
	HTTP1_END,     /* the message is complete; the next byte starts another */
	HTTP1_TUNNEL,  /* (response) upgraded: what follows is not HTTP (101, 2xx to CONNECT) */
	HTTP1_LOST,    /* framing lay in skipped bytes: where the message ends cannot be known */
	HTTP1_INVALID, /* these bytes are not HTTP/1.x: see http1_looks_like() */
};

/* http1_head.flags */
#define HTTP1_F_CLOSE        0x0001 /* the connection ends after this message (version, Connection) */
#define HTTP1_F_KEEP_ALIVE   0x0002 /* Connection: keep-alive was said */
#define HTTP1_F_CHUNKED      0x0004 /* the final transfer coding is chunked */
#define HTTP1_F_LENGTH       0x0008 /* content_length is valid */
#define HTTP1_F_UPGRADE      0x0010 /* Upgrade and Connection: upgrade were there */
#define HTTP1_F_EXPECT       0x0020 /* Expect: 100-continue */
#define HTTP1_F_AUTH         0x0040 /* Authorization or Cookie was there (the value is not kept) */
#define HTTP1_F_PATH_CUT     0x0080 /* the path was longer than HTTP1_PATH_MAX - 1 */
#define HTTP1_F_UNTIL_CLOSE  0x0100 /* (response) the body ends when the connection does */
#define HTTP1_F_NO_BODY      0x0200 /* no body by rule: HEAD, 1xx, 204, 304 */
#define HTTP1_F_SMUGGLE      0x0400 /* both Content-Length and Transfer-Encoding, or lengths differ */
#define HTTP1_F_HEAD_SKIPPED 0x0800 /* part of the head was skipped: later fields are not known */
#define HTTP1_F_TRACE_ID     0x1000 /* trace_id is valid */

/* Cache verdict of a response head: X-Cache, CF-Cache-Status, Cache-Status (RFC 9211), Age. */
enum http1_cache { HTTP1_CACHE_NONE, HTTP1_CACHE_HIT, HTTP1_CACHE_MISS, HTTP1_CACHE_REVALIDATED };

struct http1_head {
	uint32_t flags;
	uint16_t status;  /* response */
	uint8_t minor;    /* HTTP/1.minor */
	uint8_t cache;    /* enum http1_cache, response */
	uint64_t content_length;
	uint16_t path_len;
	char method[HTTP1_METHOD_MAX]; /* request; a NUL-terminated token */
	char path[HTTP1_PATH_MAX];     /* request; raw bytes, no query, no fragment; of an absolute-form
					  target only its path; "*" and authority-form stay as they are */
	char host[HTTP1_HOST_MAX];     /* request; raw bytes, cut at the bound */
	char trace_id[33];             /* request; lower-case hex of a valid traceparent */
};

/* What the first bytes of a stream are, when they are no HTTP/1.x request. */
enum http1_guess { HTTP1_IS_OTHER, HTTP1_IS_TLS, HTTP1_IS_HTTP2, HTTP1_IS_PROXY, HTTP1_IS_EMPTY };

struct http1; /* opaque; sizeof through http1_size(), so that it can be embedded in a slab */

/* Bytes that one parser takes; it holds no pointers of its own and may be freed as plain memory. */
size_t http1_size(void);

/* Prepares `p` for the first message of a stream. `head` is the caller's; it is filled per message
   and must outlive it. It may be NULL between messages (see http1_set_head). */
void http1_init(struct http1 *p, enum http1_kind kind, struct http1_head *head);

/* Where the next message's head is to be written. Allowed only while http1_at_start(). */
void http1_set_head(struct http1 *p, struct http1_head *head);

/* Responses: what the request was, so that the body rule of RFC 9112, 6.3 can be applied. To be said
   before the response's head is complete; holds for one final (not 1xx) response. */
void http1_expect(struct http1 *p, bool to_head, bool to_connect);

/*
 * Parses up to n bytes. Consumes until an event other than HTTP1_MORE or until the bytes are used up;
 * returns the bytes consumed (0..n) and stores the event. May return HTTP1_END having consumed 0 bytes
 * (a message without body ends with its head: HEAD first, then END on the next call, even with n = 0).
 * A 1xx response other than 101 yields HEAD and then END, as a message of its own.
 * After LOST, INVALID or TUNNEL everything is consumed and the same event is returned until
 * http1_reset(). Empty lines before a request are consumed silently (RFC 9112, 2.2).
 */
size_t http1_feed(struct http1 *p, const void *data, size_t n, enum http1_event *event);

/* n bytes followed that were not seen. In a body of known length or inside a chunk this loses nothing;
   in a head, the head is then taken as complete for what is known (HTTP1_F_HEAD_SKIPPED) only if the
   start line had been seen whole, and the end of the message is HTTP1_LOST. Same contract as feed. */
size_t http1_skip(struct http1 *p, uint64_t n, enum http1_event *event);

/* The last bytes of the segment, `tail` of them ending exactly where the segment ends, after skipped
   bytes inside a chunked body. Returns HTTP1_END only where chunk arithmetic proves that the message
   ends there (the known chunk ends exactly before a final "0\r\n\r\n"); else HTTP1_LOST or MORE.
   (Feeding the tail through http1_feed() after http1_skip() does exactly this; no extra call.) */

/* The stream ended (FIN, close). HTTP1_END when the message is thereby complete
   (HTTP1_F_UNTIL_CLOSE), HTTP1_MORE when it was between messages, else HTTP1_LOST. */
enum http1_event http1_eof(struct http1 *p);

/* Forget the current message; the next byte starts a new one. */
void http1_reset(struct http1 *p);

/* No byte of a message has been consumed since the last one ended. */
bool http1_at_start(const struct http1 *p);

/* The head of the current message is complete and its body is not. */
bool http1_in_body(const struct http1 *p);

/* Whether these n bytes could be the beginning of an HTTP/1.x request line: "METHOD SP target SP
   HTTP/1." as far as they reach (at least a token character; n >= 1). Used to resynchronise. */
bool http1_could_be_request(const void *data, size_t n);

/* Names what the bytes at the beginning of a connection are when they are not HTTP/1.x. */
enum http1_guess http1_looks_like(const void *data, size_t n);

/* Length of a PROXY protocol header (v1 text, v2 binary) at the start of data: > 0 its length,
   0 there is none, -1 more bytes are needed. */
int http1_proxy_header(const void *data, size_t n);

#endif
