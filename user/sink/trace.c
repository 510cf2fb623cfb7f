/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trace.c - one line per request as JSON (docs/trace.schema.json). What is not known is left out.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/jsonw.h"
#include "sink.h"
#include "trace_priv.h"

uint64_t trace_began(const struct request *r)
{
	if (r->arrived)
		return r->arrived;
	return r->seen ? r->seen : r->ended;
}

uint64_t trace_wall(const struct trace_context *c, uint64_t monotonic)
{
	return monotonic + (uint64_t)c->wall_offset;
}

/* --- JSON */

static void format_ip(char *out, size_t size, const struct rs_addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96 */
	bool v6 = a->family == AF_INET6 && memcmp(a->ip, mapped, sizeof(mapped)) != 0;
	const uint8_t *v4 = a->family == AF_INET6 ? a->ip + 12 : a->ip;
	char ip[INET6_ADDRSTRLEN] = "";

	inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? a->ip : v4, ip, sizeof(ip));
	snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", ip, ntohs(a->port));
}

static void put_peer(struct jsonw *w, const struct rs_addr *a)
{
	char text[INET6_ADDRSTRLEN + 16];

	if (a->family == AF_UNIX) {
		jsonw_string(w, "peer", "unix");
	} else if (a->family == AF_INET || a->family == AF_INET6) {
		format_ip(text, sizeof(text), a);
		jsonw_string(w, "peer", text);
	}
}

static void put_phase(struct jsonw *w, const char *name, int64_t ns)
{
	if (ns >= 0)
		jsonw_ms(w, name, (uint64_t)ns);
}

static void put_phases(struct jsonw *w, const struct request *r)
{
	struct phases p;

	request_phases(r, &p);
	put_phase(w, "total", p.total);
	put_phase(w, "ttfb", p.ttfb);
	put_phase(w, "queue", p.queue);
	put_phase(w, "recv", p.recv);
	put_phase(w, "app", p.app);
	put_phase(w, "send", p.send);
	put_phase(w, "accept_wait", p.accept_wait);
	put_phase(w, "abandoned", p.abandoned);
}

/* What the request's head told. */
static void put_request_line(struct jsonw *w, const struct request *r)
{
	if (r->head_seen) {
		jsonw_string(w, "method", r->http.method);
		jsonw_string_n(w, "path", r->http.path, r->http.path_len);
	}
	if (r->route) {
		const struct route *route = route_final(r->route);

		jsonw_string(w, "route", route->template);
		jsonw_string(w, "place", route->place);
	}
}

static void put_extras(struct jsonw *w, const struct request *r)
{
	static const char *const caches[] = {NULL, "hit", "miss", "revalidated"};
	bool auth = r->http.flags & HTTP1_F_AUTH;

	if (r->head_seen && (auth || !(r->http.flags & HTTP1_F_HEAD_SKIPPED)))
		jsonw_string(w, "auth", auth ? "yes" : "no");
	if (r->cache < sizeof(caches) / sizeof(*caches))
		jsonw_string(w, "cache", caches[r->cache]);
	if (r->head_seen && (r->http.flags & HTTP1_F_TRACE_ID))
		jsonw_string(w, "trace_id", r->http.trace_id);
}

/* A part of a site: "" is not known. */
static void put_text(struct jsonw *w, const char *name, const char *text)
{
	if (*text)
		jsonw_string(w, name, text);
}

/* What the interpreter told. */
static void put_told(struct jsonw *w, const struct trace_context *c, const struct request *r)
{
	if (r->error) {
		put_text(w, "error_type", r->error->type);
		put_text(w, "error_where", r->error->where);
		put_text(w, "error_app", r->error->detail);
	}
	if (r->stall.site) {
		jsonw_ms(w, "stall", r->stall.ns);
		put_text(w, "stall_where", r->stall.site->where);
		put_text(w, "stall_kind", r->stall.site->type);
	}
	if (r->gil_wait)
		jsonw_ms(w, "gil_wait", r->gil_wait);
	if (r->gc)
		jsonw_ms(w, "gc", r->gc);
	if (r->end == REQ_OPEN)
		jsonw_string(w, "where", c->where);
}

static void put_state(struct jsonw *w, const struct trace_context *c, const struct request *r)
{
	if (r->status_seen)
		jsonw_u64(w, "status", r->status);
	if (r->end != REQ_OPEN) {
		jsonw_string(w, "end", request_end_name(r->end));
		return;
	}
	jsonw_ms(w, "age", request_age(r, c->now));
	jsonw_string(w, "phase", request_phase_name(request_open_phase(r)));
}

void sink_trace_json(FILE *f, const struct trace_context *c, const struct request *r)
{
	struct jsonw w;

	jsonw_init(&w, f);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "schema", "reqscope.trace/1");
	jsonw_string(&w, "event", r->end == REQ_OPEN ? "open" : "end");
	jsonw_u64(&w, "id", r->id);
	if (trace_began(r))
		jsonw_time(&w, "ts", trace_wall(c, trace_began(r)));
	jsonw_string(&w, "host", c->host);
	jsonw_string(&w, "target", c->target);
	put_request_line(&w, r);
	put_state(&w, c, r);
	put_phases(&w, r);
	if (!r->input_lost)
		jsonw_u64(&w, "bytes_in", r->bytes_in);
	if (!r->output_lost)
		jsonw_u64(&w, "bytes_out", r->bytes_out);
	if (r->pid)
		jsonw_u64(&w, "pid", r->pid);
	jsonw_u64(&w, "conn", r->conn);
	put_peer(&w, &r->peer);
	put_extras(&w, r);
	put_told(&w, c, r);
	jsonw_object_end(&w);
	fputc('\n', f);
}
