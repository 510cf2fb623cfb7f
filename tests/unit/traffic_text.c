// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * traffic_text.c - random requests and responses that belong together.
 */
#include "traffic_priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t random_next(struct random *r) /* splitmix64 */
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t random_below(struct random *r, uint32_t below)
{
	return below ? (random_next(r) >> 32) % below : 0;
}

bool random_chance(struct random *r, uint32_t percent)
{
	return random_below(r, 100) < percent;
}

static void put(struct text *t, const void *data, uint32_t n)
{
	if (!n)
		return;
	if (t->n + n > t->cap) {
		t->cap = 2 * (t->n + n);
		t->data = realloc(t->data, t->cap);
		assert(t->data);
	}
	memcpy(t->data + t->n, data, n);
	t->n += n;
}

static void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *format, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(line));
	put(t, line, n);
}

static void repeat(struct text *t, const char *what, uint32_t n)
{
	uint32_t len = strlen(what);

	for (; n >= len; n -= len)
		put(t, what, len);
	put(t, what, n);
}

/* n bytes that are anything, or look like what they are not. */
static void payload(struct text *t, struct random *r, uint32_t n)
{
	static const char *const looks[] = {
		"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /evil HTTP/1.1\r\nContent-Length: 2\r\n\r\nxx",
		"HTTP/1.1 500 Evil\r\nContent-Length: 0\r\n\r\n",
		"0\r\n\r\n",
		"\r\n",
		"token",
		"{\"a\": [1, 2, 3]}\n",
	};
	uint32_t kind = random_below(r, 12);

	if (kind < sizeof(looks) / sizeof(looks[0])) {
		repeat(t, looks[kind], n);
		return;
	}
	while (n--) {
		char byte = random_next(r);

		put(t, &byte, 1);
	}
}

static uint32_t body_size(struct random *r, bool large)
{
	if (large && random_chance(r, 40))
		return 4000 + random_below(r, 16000);
	return random_chance(r, 20) ? random_below(r, 3) : random_below(r, 200);
}

static void chunks(struct text *t, struct random *r, uint32_t size)
{
	while (size) {
		uint32_t n = 1 + random_below(r, size);

		say(t, random_chance(r, 50) ? "%x" : "%04X", n);
		if (random_chance(r, 25))
			say(t, ";name=\"va;lue\"");
		say(t, "\r\n");
		payload(t, r, n);
		say(t, "\r\n");
		size -= n;
	}
	say(t, "0\r\n");
	if (random_chance(r, 30))
		say(t, "X-Sum: 7\r\nGET: /evil HTTP/1.1\r\n");
	say(t, "\r\n");
}

/* Fields that mean nothing, some of them too long to be copied whole. True in that case. */
static bool padding(struct text *t, struct random *r, bool large)
{
	if (random_chance(r, 30))
		say(t, "X-Note: GET / HTTP/1.1\r\n");
	if (!large || !random_chance(r, 20))
		return false;
	say(t, "Cookie: ");
	repeat(t, "c=0123456789;", 4200 + random_below(r, 20000));
	say(t, "\r\n");
	return true;
}

struct plan {
	struct random *r;
	struct script *s;
	struct exchange *x;
	bool large, last;
	bool old;	 /* HTTP/1.0 */
	bool keep_alive; /* says so */
	bool with_body;
};

static void plan_method(struct plan *p, uint32_t conn)
{
	static const char *const methods[] = {"GET", "GET",   "HEAD",	"POST",	   "POST",
					      "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"};
	struct exchange *x = p->x;
	uint32_t n = 9 + p->last;

	strcpy(x->method, methods[random_below(p->r, n)]);
	snprintf(x->path, sizeof(x->path), "/c%u/r%u", conn, (unsigned)(x - p->s->x));
	p->old = random_chance(p->r, 15) && strcmp(x->method, "CONNECT");
	p->keep_alive = p->old ? !p->last || random_chance(p->r, 50) : random_chance(p->r, 10);
	p->with_body = x->method[0] == 'P' || random_chance(p->r, 5);
	if (!strcmp(x->method, "CONNECT")) {
		snprintf(x->path, sizeof(x->path), "host%u.r%u:443", conn, (unsigned)(x - p->s->x));
		p->with_body = false;
		p->keep_alive = false;
		x->upgrade = true;
	}
}

static void request_line(struct plan *p)
{
	struct text *in = &p->s->in;
	const char *form = "%s %s HTTP/1.%d\r\n";
	uint32_t kind = random_below(p->r, 10);

	if (random_chance(p->r, 10))
		say(in, "\r\n");
	p->x->start = in->n;
	if (!p->x->upgrade && kind == 0)
		form = "%s http://host:80%s HTTP/1.%d\r\n";
	else if (!p->x->upgrade && kind == 1)
		form = "%s %s?q=GET%%20/ HTTP/1.%d\r\n";
	say(in, form, p->x->method, p->x->path, !p->old);
}

static void request_body(struct plan *p)
{
	struct text *in = &p->s->in;
	uint32_t size = body_size(p->r, p->large);
	uint32_t body;

	if (p->old || random_chance(p->r, 50)) {
		say(in, "Content-Length: %u\r\n\r\n", size);
		p->x->head_end = in->n;
		payload(in, p->r, size);
		return;
	}
	say(in, "Transfer-Encoding: chunked\r\n\r\n");
	body = p->x->head_end = in->n;
	chunks(in, p->r, size);
	p->x->loose_in |= p->large && in->n - body > 1000;
}

static void request(struct plan *p)
{
	struct exchange *x = p->x;
	struct text *in = &p->s->in;

	request_line(p);
	if (padding(in, p->r, p->large))
		x->loose_in = true;
	if (p->keep_alive)
		say(in, "Connection: %s\r\n", x->upgrade ? "upgrade" : "keep-alive");
	if (x->upgrade && strcmp(x->method, "CONNECT"))
		say(in, "Connection: upgrade\r\nUpgrade: websocket\r\n");
	if (x->expect)
		say(in, "Expect: 100-continue\r\n");
	if (p->with_body) {
		request_body(p);
	} else {
		say(in, "\r\n");
		x->head_end = in->n;
	}
	x->end = in->n;
}

static bool bodiless(const struct plan *p)
{
	return !strcmp(p->x->method, "HEAD") || p->x->status == 204 || p->x->status == 304;
}

static void interim(struct plan *p)
{
	struct text *out = &p->s->out;

	p->x->out = out->n;
	if (!p->old && !p->x->early && (p->x->expect || random_chance(p->r, 8)))
		say(out, random_chance(p->r, 80)
				 ? "HTTP/1.1 100 Continue\r\n\r\n"
				 : "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	p->x->interim_end = out->n;
}

static void response_body(struct plan *p)
{
	struct text *out = &p->s->out;
	uint32_t size = body_size(p->r, p->large);
	uint32_t kind = random_below(p->r, p->last ? 3 : 2);
	bool chunked = kind == 1 && !p->old;

	p->x->until_close = kind == 2 && !bodiless(p);
	p->x->close |= p->x->until_close;
	if (chunked)
		say(out, "Transfer-Encoding: chunked\r\n\r\n");
	else if (kind == 2 || p->x->status == 204)
		say(out, "\r\n");
	else
		say(out, "Content-Length: %u\r\n\r\n", size);
	p->x->final_head = out->n;
	if (bodiless(p))
		return;
	if (chunked)
		chunks(out, p->r, size);
	else
		payload(out, p->r, size);
	p->x->loose_out |= p->large && chunked;
}

static void response(struct plan *p)
{
	struct exchange *x = p->x;
	struct text *out = &p->s->out;

	interim(p);
	x->final = out->n;
	say(out, "HTTP/1.%d %u Whatever\r\n", !p->old, x->status);
	if (padding(out, p->r, p->large))
		x->loose_out = true;
	if (x->close)
		say(out, "Connection: close\r\n");
	if (x->upgrade) {
		say(out, "%s\r\n", x->status == 101 ? "Upgrade: websocket\r\n" : "");
		x->final_head = out->n;
	} else {
		response_body(p);
	}
	x->out_end = out->n;
}

static void plan_answer(struct plan *p)
{
	static const uint16_t statuses[] = {200, 200, 200, 201, 204, 301,
					    304, 400, 404, 422, 500, 503};
	struct exchange *x = p->x;

	x->status = statuses[random_below(p->r, sizeof(statuses) / sizeof(statuses[0]))];
	if (p->last && !p->old && !p->with_body && x->method[0] == 'G' && random_chance(p->r, 20))
		x->upgrade = true;
	if (x->upgrade)
		x->status = x->method[0] == 'G' ? 101 : 200;
	x->expect = p->with_body && !p->old && random_chance(p->r, 20);
	x->early = p->with_body && random_chance(p->r, 15);
	if (x->early)
		x->status = 413;
	x->close =
		p->last && !x->upgrade && (random_chance(p->r, 20) || (p->old && !p->keep_alive));
	if (x->early && x->expect) { /* the client does not send its body, so no more can follow */
		x->expect = p->last;
		x->close |= p->last;
	}
}

static void exchange(struct script *s, struct random *r, uint32_t conn, bool large, bool last)
{
	struct plan p = {.r = r, .s = s, .x = &s->x[s->n++], .large = large, .last = last};

	plan_method(&p, conn);
	plan_answer(&p);
	request(&p);
	response(&p);
}

/* What goes through a tunnel. The server's side of it does not look like responses: a tunnel that
   carries HTTP, and of whose beginning nothing was seen, is a connection that carries HTTP. */
static void frames(struct script *s, struct random *r)
{
	for (uint32_t i = 0; i < 3; i++) {
		payload(&s->in, r, random_below(r, 60));
		repeat(&s->out,
		       random_chance(r, 50) ? "\x82\x05hello" : "GET /evil HTTP/1.1\r\n\r\n",
		       random_below(r, 60));
	}
}

static void something_else(struct script *s, struct random *r)
{
	static const char *const greetings[] = {
		"\x16\x03\x01\x02 hello", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x04\x01 socks",
		"{\"jsonrpc\": 1}\n",	  "GET nothing\x01here\r\n",
	};

	s->http = false;
	say(&s->in, "%s", greetings[random_below(r, 5)]);
	payload(&s->in, r, random_below(r, 100));
	if (random_chance(r, 50))
		say(&s->out, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nInvalid");
}

void script_compose(struct script *s, struct random *r, uint32_t conn, uint32_t n, bool large)
{
	*s = (struct script){.http = true};
	if (!large && random_chance(r, 3)) {
		something_else(s, r);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		exchange(s, r, conn, large, i == n - 1);
	if (s->x[n - 1].upgrade)
		frames(s, r);
}

void script_free(struct script *s)
{
	free(s->in.data);
	free(s->out.data);
}
