/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trace.c - one line per request: JSON (docs/trace.schema.json), or text whose columns stay aligned
 * from line to line. A stamp or phase that is not known is left out, or "-".
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/escape.h"
#include "../lib/jsonw.h"
#include "../lib/units.h"
#include "../lib/utc.h"
#include "term_priv.h"

/* When it arrived, or when it was first seen where that is not known; monotonic ns, 0 unknown. */
static uint64_t began(const struct request *r)
{
	if (r->arrived)
		return r->arrived;
	return r->seen ? r->seen : r->ended;
}

static uint64_t wall(const struct trace_context *c, uint64_t monotonic)
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
	if (began(r))
		jsonw_time(&w, "ts", wall(c, began(r)));
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
	jsonw_object_end(&w);
	fputc('\n', f);
}

/* --- text: time, status, durations, then what varies in length */

#define W_TIME	 12
#define W_STATUS 6
#define W_PHASE	 9
#define W_PID	 9
#define W_ROUTE	 28
#define W_PLACE	 36

/* Recv and send are mostly nothing: they have columns only where there is room. */
static bool has_all_phases(const struct line *l)
{
	return l->width >= 100;
}

static bool has_pid(const struct line *l)
{
	return l->width >= 110;
}

static bool has_route(const struct line *l)
{
	return l->width >= 140;
}

static bool has_place(const struct line *l)
{
	return l->width >= 180;
}

void sink_trace_text_header(FILE *f, const struct term_options *o)
{
	struct line l;

	line_init(&l, f, o);
	line_text(&l, STYLE_DIM, "time (UTC)");
	line_to(&l, W_TIME);
	line_right(&l, STYLE_DIM, W_STATUS, "code");
	line_right(&l, STYLE_DIM, W_PHASE, "total");
	line_right(&l, STYLE_DIM, W_PHASE, "queue");
	if (has_all_phases(&l))
		line_right(&l, STYLE_DIM, W_PHASE, "recv");
	line_right(&l, STYLE_DIM, W_PHASE, "app");
	if (has_all_phases(&l))
		line_right(&l, STYLE_DIM, W_PHASE, "send");
	if (has_pid(&l))
		line_right(&l, STYLE_DIM, W_PID, "pid");
	line_skip(&l, 2);
	if (has_route(&l)) {
		line_text(&l, STYLE_DIM, "route");
		line_skip(&l, W_ROUTE + 2 - 5);
	}
	if (has_place(&l)) {
		line_text(&l, STYLE_DIM, "endpoint");
		line_skip(&l, W_PLACE + 2 - 8);
	}
	line_text(&l, STYLE_DIM, "request");
	line_end(&l);
}

static void put_time(struct line *l, uint64_t wall_ns)
{
	struct utc t = utc_of(wall_ns);

	line_printf(l, STYLE_DIM, "%02u:%02u:%02u.%03u", t.hour, t.minute, t.second, t.ns / 1000000);
}

static void put_code(struct line *l, const struct request *r)
{
	char text[8] = "-";
	enum style style = STYLE_DIM;

	if (r->status_seen) {
		snprintf(text, sizeof(text), "%u", r->status);
		style = r->status >= 500   ? STYLE_RED
			: r->status >= 400 ? STYLE_YELLOW
					   : STYLE_PLAIN;
	}
	line_right(l, style, W_STATUS, text);
}

static void put_durations(struct line *l, const struct phases *p)
{
	uint64_t slow = l->o->slow_ns;
	bool is_slow = slow && p->total > 0 && (uint64_t)p->total > slow;

	line_duration(l, is_slow ? STYLE_YELLOW : STYLE_BOLD, W_PHASE, (double)p->total);
	line_duration(l, STYLE_PLAIN, W_PHASE, (double)p->queue);
	if (has_all_phases(l))
		line_duration(l, STYLE_PLAIN, W_PHASE, (double)p->recv);
	line_duration(l, STYLE_PLAIN, W_PHASE, (double)p->app);
	if (has_all_phases(l))
		line_duration(l, STYLE_PLAIN, W_PHASE, (double)p->send);
}

/* What else is to be said of a request: in full, and in brief where its path needs the room. */
struct remark {
	enum style style;
	char full[64], brief[48];
};

static void __attribute__((format(printf, 3, 4)))
remark(struct remark *m, enum style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(m->full, sizeof(m->full), format, args);
	va_end(args);
	snprintf(m->brief, sizeof(m->brief), "%.*s", (int)sizeof(m->brief) - 1, m->full);
	m->style = style;
}

/* A phase that has no column here but took most of the time. */
static void remark_phase(struct remark *m, const struct phases *p)
{
	const char *name = p->recv > p->send ? "recv" : "send";
	int64_t ns = p->recv > p->send ? p->recv : p->send;
	char words[UNITS_MAX];

	if (p->total > 0 && ns * 2 > p->total)
		remark(m, STYLE_CYAN, "%s %s", name,
		       units_duration(words, sizeof(words), (double)ns));
}

static void remark_open(struct remark *m, const struct trace_context *c, const struct request *r)
{
	const char *phase = request_phase_name(request_open_phase(r));
	char age[UNITS_MAX];

	units_duration(age, sizeof(age), (double)request_age(r, c->now));
	remark(m, STYLE_YELLOW, "open in %s for %s", phase, age);
	snprintf(m->brief, sizeof(m->brief), "%s in %s", age, phase);
}

static void remark_closed(struct remark *m, const struct request *r)
{
	bool client = r->end == REQ_CLIENT_CLOSED;
	const char *who = client ? "client gone" : "server closed";
	enum style style = client ? STYLE_YELLOW : STYLE_RED;
	char words[UNITS_MAX];

	if (r->late || !r->arrived || r->ended < r->arrived) {
		remark(m, style, "%s", who);
		return;
	}
	units_duration(words, sizeof(words), (double)(r->ended - r->arrived));
	remark(m, style, "%s after %s", who, words);
	snprintf(m->brief, sizeof(m->brief), "%s %s", client ? "gone" : "closed", words);
}

static void remark_make(struct remark *m, const struct line *l, const struct trace_context *c,
			const struct request *r, const struct phases *p)
{
	*m = (struct remark){0};
	switch (r->end) {
	case REQ_OPEN:
		remark_open(m, c, r);
		break;
	case REQ_CLIENT_CLOSED:
	case REQ_SERVER_CLOSED:
		remark_closed(m, r);
		break;
	case REQ_UPGRADED:
		remark(m, STYLE_CYAN, "upgraded");
		break;
	case REQ_UNKNOWN:
		remark(m, STYLE_DIM, "unknown (events lost)");
		strcpy(m->brief, "unknown");
		break;
	default:
		if (!has_all_phases(l))
			remark_phase(m, p);
	}
}

static void put_request(struct line *l, const struct request *r, unsigned columns)
{
	if (r->head_seen)
		line_request(l, r->http.method, r->http.path, r->http.path_len, columns);
	else
		line_string(l, STYLE_DIM, r->end == REQ_OPEN ? "(not read yet)" : "(never read)",
			    columns);
}

static void put_route(struct line *l, const struct request *r)
{
	unsigned column = l->next + W_ROUTE + 2;

	if (r->route)
		line_string(l, STYLE_PLAIN, route_final(r->route)->template, W_ROUTE);
	else
		line_text(l, STYLE_DIM, "-");
	line_to(l, column);
}

/* Without the folders of its file: the function is what is looked for. */
static void put_place(struct line *l, const struct request *r)
{
	const char *place = r->route ? route_final(r->route)->place : NULL;
	const char *slash = place ? strrchr(place, '/') : NULL;
	unsigned column = l->next + W_PLACE + 2;

	if (place)
		line_string(l, STYLE_DIM, slash ? slash + 1 : place, W_PLACE);
	else
		line_text(l, STYLE_DIM, "-");
	line_to(l, column);
}

static void put_rest(struct line *l, const struct request *r, const struct remark *m)
{
	unsigned room = line_room(l), path = r->head_seen ? r->http.path_len + 5u : 14;
	const char *text = path + 2 + utf8_columns(m->full) <= room ? m->full : m->brief;
	unsigned wants = *text ? (unsigned)utf8_columns(text) + 2 : 0;

	put_request(l, r, wants < room ? room - wants : 0);
	line_skip(l, 2);
	line_text(l, m->style, text);
}

void sink_trace_text(FILE *f, const struct trace_context *c, const struct request *r,
		     const struct term_options *o)
{
	struct line l;
	struct phases p;
	struct remark m;

	line_init(&l, f, o);
	request_phases(r, &p);
	remark_make(&m, &l, c, r, &p);
	put_time(&l, wall(c, began(r)));
	put_code(&l, r);
	put_durations(&l, &p);
	if (has_pid(&l))
		line_printf(&l, STYLE_PLAIN, "%*u", W_PID, r->pid);
	line_skip(&l, 2);
	if (has_route(&l))
		put_route(&l, r);
	if (has_place(&l))
		put_place(&l, r);
	put_rest(&l, r, &m);
	line_end(&l);
}
