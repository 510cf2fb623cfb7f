/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "http1_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define ROOM (4u << 20) /* the longest piece */

/* ---- pieces that end at an unmapped page */

static uint8_t *guard_page(void)
{
	static uint8_t *page;

	if (!page) {
		size_t size = (size_t)sysconf(_SC_PAGESIZE);
		uint8_t *map = mmap(NULL, ROOM + size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_ptr_not_equal(map, MAP_FAILED);
		assert_int_equal(mprotect(map + ROOM, size, PROT_NONE), 0);
		page = map + ROOM;
	}
	return page;
}

const void *http1_guarded(const void *s, size_t n)
{
	assert_true(n <= ROOM);
	return memcpy(guard_page() - n, s, n);
}

/* ---- outcomes as text */

void text_add(struct http1_text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	t->len += (size_t)vsnprintf(t->s + t->len, sizeof(t->s) - t->len, format, ap);
	va_end(ap);
	assert_true(t->len < sizeof(t->s));
}

static void text_add_bytes(struct http1_text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)s[i] <= ' ' || (uint8_t)s[i] >= 0x7f)
			text_add(t, "\\x%02x", (uint8_t)s[i]);
		else
			text_add(t, "%c", s[i]);
	}
}

static const char *const flag_names[] = {"close", "keep", "chunked", NULL,   "upgrade", "expect",
					 "auth",  "cut",  "until",   "none", "smuggle", "skipped"};
static const char *const cache_names[] = {"", " hit", " miss", " revalidated"};

static void add_flags(struct http1_text *t, const struct http1_head *h)
{
	if (h->flags & HTTP1_F_LENGTH)
		text_add(t, " len=%llu", (unsigned long long)h->content_length);
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (flag_names[i] && h->flags & 1u << i)
			text_add(t, " %s", flag_names[i]);
}

static void add_head(struct http1_text *t, enum http1_kind kind, const struct http1_head *h)
{
	assert_in_range(h->path_len, 0, HTTP1_PATH_MAX - 1);
	assert_int_equal(h->path[h->path_len], '\0');
	if (kind == HTTP1_REQUEST) {
		text_add(t, "[%s ", h->method);
		text_add_bytes(t, h->path, h->path_len);
	} else {
		text_add(t, "[%u", h->status);
	}
	text_add(t, " 1.%u", h->minor);
	if (h->host[0]) {
		text_add(t, " host=");
		text_add_bytes(t, h->host, strlen(h->host));
	}
	add_flags(t, h);
	if (h->flags & HTTP1_F_TRACE_ID)
		text_add(t, " trace=%s", h->trace_id);
	text_add(t, "%s]", cache_names[h->cache]);
}

/* ---- a parser and what it said */

static void run_expect(struct http1_run *r)
{
	if (r->expects) {
		http1_expect(r->p, *r->expect & 1, *r->expect & 2);
		r->expect++;
		r->expects--;
	}
}

void http1_run_init(struct http1_run *r, enum http1_kind kind, const uint8_t *expect,
		    size_t expects)
{
	memset(r, 0, offsetof(struct http1_run, out) + sizeof(size_t) + 1);
	memset(&r->head, 0xa5, sizeof(r->head)); /* nothing may be left of it */
	r->kind = kind;
	r->p = malloc(http1_size()); /* exactly: ASan sees any byte more */
	assert_non_null(r->p);
	http1_init(r->p, kind, &r->head);
	r->expect = expect;
	r->expects = expects;
	run_expect(r);
}

static void run_event(struct http1_run *r, enum http1_event event)
{
	bool terminal = event >= HTTP1_TUNNEL;

	assert_true(http1_at_start(r->p) ? event == HTTP1_MORE || event == HTTP1_END : true);
	assert_false(http1_at_start(r->p) && http1_in_body(r->p));
	if (event == HTTP1_MORE || (terminal && r->last == event))
		return;
	r->last = event;
	text_add(&r->out, "%s%c", r->out.len ? " " : "", "MHETLI"[event]);
	if (event <= HTTP1_END)
		text_add(&r->out, "%zu", r->at);
	if (event == HTTP1_HEAD) {
		add_head(&r->out, r->kind, &r->head);
		if (r->kind == HTTP1_RESPONSE && (r->head.status >= 200 || r->head.status == 101))
			run_expect(r);
	}
}

void http1_run_piece(struct http1_run *r, const uint8_t *s, size_t n)
{
	size_t i = 0;
	enum http1_event event;

	do {
		size_t took = s ? http1_feed(r->p, http1_guarded(s + i, n - i), n - i, &event)
				: http1_skip(r->p, n - i, &event);

		assert_true(took <= n - i);
		if (event == HTTP1_MORE || event >= HTTP1_TUNNEL)
			assert_int_equal(took, n - i);
		i += took;
		r->at += took;
		run_event(r, event);
	} while (i < n || event == HTTP1_HEAD);
}

const char *http1_run_end(struct http1_run *r)
{
	text_add(&r->out, "%s$%c", r->out.len ? " " : "", "MHETLI"[http1_eof(r->p)]);
	free(r->p);
	return r->out.s;
}

static size_t sample_len(const struct http1_sample *c)
{
	return c->n ? c->n : strlen(c->s);
}

void http1_check_cut(enum http1_kind kind, const struct http1_sample *c, size_t a, size_t b,
		     size_t step)
{
	static struct http1_run r;
	const uint8_t *s = (const uint8_t *)c->s;
	size_t n = sample_len(c);

	http1_run_init(&r, kind, &c->expect, 1);
	if (step) {
		for (size_t i = 0; i < n; i += step)
			http1_run_piece(&r, s + i, n - i < step ? n - i : step);
	} else {
		http1_run_piece(&r, s, a);
		http1_run_piece(&r, s + a, b - a);
		http1_run_piece(&r, s + b, n - b);
	}
	if (strcmp(http1_run_end(&r), c->want))
		fail_msg("cut at %zu, %zu, step %zu of:\n%.300s\nwant: %s\ngot:  %s", a, b, step,
			 c->s, c->want, r.out.s);
}

void http1_check_sample(enum http1_kind kind, const struct http1_sample *c)
{
	size_t n = sample_len(c);

	http1_check_cut(kind, c, n, n, 0);
	for (size_t a = 0; a < n; a++)
		http1_check_cut(kind, c, a, n, 0);
	for (size_t a = 0; a < n && n < 100; a++)
		for (size_t b = a + 1; b < n; b++)
			http1_check_cut(kind, c, a, b, 0);
	for (size_t step = 1; step < 4; step++)
		http1_check_cut(kind, c, 0, 0, step);
}
