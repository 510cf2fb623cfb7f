/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * http1_priv.h - what the parts of the HTTP/1 parser share: http1.c frames messages and cuts lines,
 * http1_start.c reads start lines, http1_fields.c field lines. Nobody else includes this.
 *
 * A line may come in any number of pieces. The *_bytes() functions take one piece of a line without
 * its LF (n may be 0) and keep in struct http1 how far they are; struct http1.line counts what the
 * line had before this piece.
 */
#ifndef RS_HTTP1_PRIV_H
#define RS_HTTP1_PRIV_H

#include "http1.h"

/* Holds a field name or one element of a value that is understood. The longest: a traceparent of
   version 0 is 55 bytes, a host is bounded by HTTP1_HOST_MAX. */
#define HTTP1_VALUE_MAX 64

/* Everything from BODY to TRAILERS is http1_in_body(). */
enum http1_state {
	S_START, /* between messages */
	S_REQUEST,
	S_STATUS,
	S_FIELDS,
	S_BODY,
	S_UNTIL_CLOSE,
	S_CHUNK_SIZE,
	S_CHUNK_DATA,
	S_CHUNK_END,
	S_TRAILERS,
	S_DONE, /* END is due */
	S_TUNNEL,
	S_LOST,
	S_INVALID,
};

/* struct http1.seen: facts about the head that only together make a flag */
#define SEEN_LENGTH	  0x01 /* Content-Length, a first number */
#define SEEN_LENGTH_BAD	  0x02 /* ... or another, or none */
#define SEEN_CODING	  0x04 /* Transfer-Encoding */
#define SEEN_CHUNKED	  0x08 /* ... and its last element so far is chunked */
#define SEEN_UPGRADE	  0x10
#define SEEN_CONN_UPGRADE 0x20
#define SEEN_HOST	  0x40
#define SEEN_AGE	  0x80 /* above zero */

struct http1 {
	struct http1_head *head;
	uint64_t left;	 /* bytes to come of the body or chunk; of a chunk size line, its value */
	uint32_t line;	 /* bytes of the current line consumed so far */
	uint8_t state;	 /* enum http1_state */
	uint8_t kind;	 /* enum http1_kind */
	uint8_t part;	 /* where in the line: private to who reads that kind of line */
	uint8_t first;	 /* first byte of the current line */
	uint8_t seen;	 /* SEEN_ */
	uint8_t matched; /* bytes matched of a start line's fixed part */
	uint8_t target;	 /* which form the target has so far: http1_start.c */
	uint8_t host_len;
	uint8_t field; /* whose value is being read: http1_fields.c */
	uint8_t quote; /* within a quoted string of the value */
	uint8_t cache; /* parameters of one Cache-Status member */
	uint8_t value_len;
	bool gap;     /* white space is due before the next byte of the value */
	bool to_head; /* http1_expect() */
	bool to_connect;
	char value[HTTP1_VALUE_MAX];
};

/* http1_start.c. False: this is no such line, so no HTTP/1.x. */
bool http1_request_bytes(struct http1 *p, const uint8_t *s, size_t n);
bool http1_request_end(struct http1 *p);
/* The rest of the request line is missing. True when the method is known and the target had begun: the
   path is then what there is of it. */
bool http1_target_cut(struct http1 *p);
bool http1_status_bytes(struct http1 *p, const uint8_t *s, size_t n);
bool http1_status_end(struct http1 *p);

/* http1_fields.c */
void http1_field_bytes(struct http1 *p, const uint8_t *s, size_t n);
/* The last field's value is complete: no continuation can follow any more. */
void http1_field_end(struct http1 *p);

/* token characters, RFC 9110, 5.6.2 */
bool http1_is_tchar(uint8_t c);

#endif
