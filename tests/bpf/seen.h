/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * seen.h - the records that came out of the ring, kept and decoded, and waiting for one of them.
 */
#ifndef RS_TEST_SEEN_H
#define RS_TEST_SEEN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "target.h"
#include "../../user/capture/capture.h"
#include "../../user/core/decode.h"

struct seen {
	struct event **list; /* each one followed by the record that it points into */
	size_t n, cap;
	size_t malformed;
};

HELPER const char *type_name(unsigned type)
{
	static const char *const names[] = {"none", "OPEN",   "IN",    "OUT",	"EOF",	 "CLOSE",
					    "PROC", "LISTEN", "STALL", "PAUSE", "LOGGED"};

	return type < RS_EV_TYPES ? names[type] : "unknown";
}

HELPER void seen_take(void *ctx, const void *record, size_t size)
{
	struct seen *s = ctx;
	struct event *e = malloc(sizeof(*e) + size);

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->list = realloc(s->list, s->cap * sizeof(*s->list));
	}
	if (!e || !s->list)
		abort();
	memcpy(e + 1, record, size);
	if (event_decode(e + 1, size, e))
		s->malformed++;
	s->list[s->n++] = e;
}

HELPER void seen_free(struct seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i]);
	free(s->list);
	*s = (struct seen){};
}

HELPER void seen_print(const struct seen *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct rs_event *h = s->list[i]->h;

		print_message("  conn %llu seq %u %-6s flags %#x tgid %u\n",
			      (unsigned long long)h->conn, h->seq, type_name(h->type), h->flags,
			      h->tgid);
	}
}

typedef bool (*seen_match)(const struct event *e, const void *arg);

/* The next record at or after *cursor that matches; drains until it comes or, NULL, it does not. */
HELPER const struct event *seen_wait(struct seen *s, struct capture *c, size_t *cursor,
				     seen_match match, const void *arg)
{
	uint64_t deadline = now_ns() + DEADLINE_NS;

	for (;;) {
		while (*cursor < s->n) {
			const struct event *e = s->list[(*cursor)++];

			if (match(e, arg))
				return e;
		}
		if (now_ns() > deadline)
			return NULL;
		if (!capture_drain(c, seen_take, s))
			breathe();
	}
}

#endif
