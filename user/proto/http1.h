/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1.h - an HTTP/1.0 and 1.1 message parser for a byte stream of which parts may be missing.
 *
 * RFC 9110, RFC 9112. Pure and incremental: the caller hands over bytes as they were copied, cut
 * anywhere, and tells with http1_skip() how many bytes it did not see. The parser keeps no copy of
 * the message, only what tracing needs; header values that privacy forbids are never kept.
 * No allocation, no globals.
 *
 * One parser reads one direction of one connection. The order of events of a message is
 *     HEAD, then END or TUNNEL or LOST      or, without HEAD,      INVALID or LOST
 * so INVALID is only ever said of bytes before a head was complete. How the bytes are cut never
 * changes the events, the offsets at which HEAD, END and TUNNEL come, or the head.
 *
 * It is lenient where servers differ (RFC 9112, 2.2): the outcome of an odd message is for its peer
 * to decide (a 400, say), and the request was made all the same. Bare LF ends a line, obs-fold
 * joins one, a field line that is no field is ignored, a target may hold any byte but LF.
 */
#ifndef RS_HTTP1_H
#define RS_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP1_METHOD_MAX 24  /* bytes kept of a method, NUL included */
#define HTTP1_PATH_MAX	 512 /* bytes kept of a path, NUL included; the query is never kept */
#define HTTP1_HOST_MAX	 64
#define HTTP1_LINE_MAX	 (1u << 20) /* a line longer than this, its LF included, is no HTTP */

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

/*
 * LOST is said when the framing lay in skipped bytes, and when it is faulty: a chunk size that is
 * none, or what RFC 9112, 6.3 rules 4 and 5 call unrecoverable (a server answers 400 and closes).
 */
enum http1_event {
	HTTP1_MORE,    /* everything was consumed, nothing ended */
	HTTP1_HEAD,    /* the head is complete: struct http1_head is valid until the next message */
	HTTP1_END,     /* the message is complete; the next byte starts another */
	HTTP1_TUNNEL,  /* (response) what follows is not HTTP (101, 2xx to CONNECT) */
	HTTP1_LOST,    /* where the message ends cannot be known */
	HTTP1_INVALID, /* these bytes are not HTTP/1.x: see http1_looks_like() */
};

/*
 * http1_head.flags
 *
 * CLOSE is said by Connection, by the version, or because only the close ends the body. CHUNKED
 * overrides a length: with any Transfer-Encoding, LENGTH is not set. SMUGGLE: both Content-Length
 * and Transfer-Encoding, or lengths that differ or are no number; the latter two end LOST. With
 * HEAD_SKIPPED the flags tell only what was seen: no CLOSE by default, no UNTIL_CLOSE. UPGRADE and
 * EXPECT are ignored in HTTP/1.0 (RFC 9110, 7.8 and 10.1.1).
 */
#define HTTP1_F_CLOSE	     0x0001 /* the connection ends after this message */
#define HTTP1_F_KEEP_ALIVE   0x0002 /* Connection: keep-alive was said */
#define HTTP1_F_CHUNKED	     0x0004 /* the final transfer coding is chunked */
#define HTTP1_F_LENGTH	     0x0008 /* content_length is valid */
#define HTTP1_F_UPGRADE	     0x0010 /* Upgrade and Connection: upgrade were there */
#define HTTP1_F_EXPECT	     0x0020 /* Expect: 100-continue */
#define HTTP1_F_AUTH	     0x0040 /* Authorization or Cookie was there (the value is not kept) */
#define HTTP1_F_PATH_CUT     0x0080 /* the path was longer than HTTP1_PATH_MAX - 1 */
#define HTTP1_F_UNTIL_CLOSE  0x0100 /* (response) the body ends when the connection does */
#define HTTP1_F_NO_BODY	     0x0200 /* (response) no body by rule: to HEAD, 1xx, 204, 304 */
#define HTTP1_F_SMUGGLE	     0x0400 /* the length is said twice, and not the same */
#define HTTP1_F_HEAD_SKIPPED 0x0800 /* part of the head was skipped: later fields are not known */
#define HTTP1_F_TRACE_ID     0x1000 /* trace_id is valid */

/* Cache verdict of a response head: X-Cache, CF-Cache-Status, Cache-Status (RFC 9211). Of several
   caches that speak, one that had it is a HIT; else REVALIDATED goes before MISS. An Age above zero
   is a HIT where none of them says anything. */
enum http1_cache { HTTP1_CACHE_NONE, HTTP1_CACHE_HIT, HTTP1_CACHE_MISS, HTTP1_CACHE_REVALIDATED };

/*
 * method, host and trace_id are NUL-terminated. path holds raw bytes, NULs too, and has no query
 * and no fragment. Of an absolute-form target it is the path alone ("/" if empty) and host is the
 * authority without userinfo, which goes before any Host field (RFC 9112, 3.2.2); "*" and
 * authority-form stay as they are, but for userinfo. host is raw bytes too, of the first Host
 * field.
 */
struct http1_head {
	uint32_t flags;
	uint16_t status; /* response */
	uint8_t minor;	 /* HTTP/1.minor */
	uint8_t cache;	 /* enum http1_cache, response */
	uint64_t content_length;
	uint16_t path_len;
	char method[HTTP1_METHOD_MAX]; /* request; a token, cut at the bound */
	char path[HTTP1_PATH_MAX];     /* request; cut at the bound: HTTP1_F_PATH_CUT */
	char host[HTTP1_HOST_MAX];     /* request; cut at the bound */
	char trace_id[33];	       /* request; lower-case hex of the first valid traceparent */
};

/* What the first bytes of a stream are, when they are no HTTP/1.x request. */
enum http1_guess { HTTP1_IS_OTHER, HTTP1_IS_TLS, HTTP1_IS_HTTP2, HTTP1_IS_PROXY, HTTP1_IS_EMPTY };

struct http1; /* opaque; sizeof through http1_size(), so that it can be embedded in a slab */

/* Bytes that one parser takes; it holds no pointers of its own and may be freed as plain memory. */
size_t http1_size(void);

/* Prepares `p` for the first message of a stream. `head` is the caller's; it is filled per message
   and must outlive it. It may be NULL between messages (see http1_set_head). */
void http1_init(struct http1 *p, enum http1_kind kind, struct http1_head *head);

/* Where the next message's head is to be written. Allowed only while http1_at_start(). The first
   byte of a message clears the head, so it must be there before that byte is fed. */
void http1_set_head(struct http1 *p, struct http1_head *head);

/* Responses: what the request was, so that the body rule of RFC 9112, 6.3 can be applied. Holds for
   the next final (not 1xx) response whose head is not complete yet, over any 1xx before it; 101 is
   final. Used up when that head completes, so the next one may be said from then on. */
void http1_expect(struct http1 *p, bool to_head, bool to_connect);

/*
 * Parses up to n bytes. Consumes until an event other than HTTP1_MORE or until the bytes are used
 * up; returns the bytes consumed (0..n) and stores the event. With HTTP1_MORE all n were consumed.
 *
 * HEAD consumes up to the end of the empty line. What follows from the head alone comes with the
 * next call, even with n = 0, so a caller that wants it at once calls again after every HEAD: END
 * of a message without body, which consumes nothing; TUNNEL; LOST. A 1xx response other than 101
 * yields HEAD and then END, as a message of its own. With LOST, INVALID and TUNNEL everything is
 * consumed, and the same event is returned until http1_reset().
 *
 * CR and LF before a start line are consumed silently and belong to no message (RFC 9112, 2.2). A
 * PROXY header is not looked for.
 */
size_t http1_feed(struct http1 *p, const void *data, size_t n, enum http1_event *event);

/*
 * n bytes followed that were not seen. Same contract as feed; n = 0 is feed's n = 0.
 *
 * In a body of known length, in the data of a chunk, and in a body that ends with the connection
 * this is arithmetic and loses nothing. A skip that reaches beyond a message's end consumes up to
 * that end and returns END; the rest, skipped again, is then LOST, as it hides a start line.
 *
 * A skip that touches any other byte of chunked framing (size lines, trailers) is LOST. One that ends
 * within or exactly after a chunk's data, or exactly after the CRLF behind it, is not: feeding the
 * segment's tail afterwards yields END where, and only where, the framing seen proves it, as when
 * the known chunk ends exactly before a final "0\r\n\r\n".
 *
 * In a head whose start line was seen whole: HEAD with HTTP1_F_HEAD_SKIPPED, having consumed 0; the
 * call after it is LOST. A field whose line was complete counts, and of a partial one what could
 * not change any more (its name, whole members of a list). The body rule cannot help: that a 204
 * has no body does not tell where its head ends. The same holds within the target of a request, whose
 * path then is what was seen of it (HTTP1_F_PATH_CUT unless only the query is cut). Elsewhere in a
 * start line, and at the start of a message: LOST.
 */
size_t http1_skip(struct http1 *p, uint64_t n, enum http1_event *event);

/* The stream ended (FIN, close). HTTP1_END when the message is thereby complete (a body until
   close, or one whose END was due), HTTP1_MORE when it was between messages; TUNNEL, INVALID and
   LOST stay; else HTTP1_LOST. */
enum http1_event http1_eof(struct http1 *p);

/* Forget the current message and what http1_expect() said; the next byte starts a new one. The head
   stays where it was set. */
void http1_reset(struct http1 *p);

/* No byte of a message has been consumed since the last one ended (or since init, reset). */
bool http1_at_start(const struct http1 *p);

/* The head of the current message is complete and bytes of its body, chunk framing and trailers
   included, are still to come. False while only the END call is due, and in TUNNEL, LOST, INVALID.
 */
bool http1_in_body(const struct http1 *p);

/* Whether these n bytes could be the beginning of an HTTP/1.x request line: "METHOD SP target SP
   HTTP/1.d" as far as they reach. Used to resynchronise, so it is stricter than the parser: no
   empty lines before it, a method of less than HTTP1_METHOD_MAX bytes, single spaces, a target that
   begins as one of the four forms does and has no control byte. False for n = 0. */
bool http1_could_be_request(const void *data, size_t n);

/* Names what the bytes at the beginning of a connection are when they are not HTTP/1.x: TLS by its
   record header, HTTP/2 by its preface (from 4 bytes on), PROXY by the whole keyword or signature.
 */
enum http1_guess http1_looks_like(const void *data, size_t n);

/* PROXY protocol header (v1 text, v2 binary) at the start of data: > 0 its length, all of which
   lies within data; 0 there is none; -1 so far there may be one, more bytes are needed ("P" too,
   and n = 0). */
int http1_proxy_header(const void *data, size_t n);

#endif
