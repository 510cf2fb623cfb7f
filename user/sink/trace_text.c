// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * trace_text.c - one line per request as text whose columns stay aligned from line to line: time,
 * status, durations, then what varies in length. What is not known is "-".
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/units.h"
#include "../lib/utc.h"
#include "term_priv.h"
#include "told.h"
#include "trace_priv.h"

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

	line_printf(l, STYLE_DIM, "%02u:%02u:%02u.%03u", t.hour, t.minute, t.second,
		    t.ns / 1000000);
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

/*
 * What else is to be said of a request, from long to short: the longest is taken that leaves room
 * for the path, or for `path` columns of it.
 */
enum { REMARK_FULL, REMARK_BRIEF, REMARK_BRIEFER, REMARK_LEAST, REMARKS };
struct remark {
	enum style style;
	unsigned path;
	char text[REMARKS][512];
};

static void __attribute__((format(printf, 4, 5)))
remark(struct remark *m, enum style style, unsigned from, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(m->text[from], sizeof(m->text[from]), format, args);
	va_end(args);
	utf8_trim(m->text[from]);
	for (unsigned i = from + 1; i < REMARKS; i++)
		memcpy(m->text[i], m->text[from], sizeof(m->text[i]));
	m->style = style;
}

/* A phase that has no column here but took most of the time. */
static void remark_phase(struct remark *m, const struct phases *p)
{
	const char *name = p->recv > p->send ? "recv" : "send";
	int64_t ns = p->recv > p->send ? p->recv : p->send;
	char words[UNITS_MAX];

	if (p->total > 0 && ns * 2 > p->total)
		remark(m, STYLE_CYAN, REMARK_FULL, "%s %s", name,
		       units_duration(words, sizeof(words), (double)ns));
}

static void remark_open(struct remark *m, const struct trace_context *c, const struct request *r)
{
	const char *phase = request_phase_name(request_open_phase(r));
	char age[UNITS_MAX];

	units_duration(age, sizeof(age), (double)request_age(r, c->now));
	remark(m, STYLE_YELLOW, REMARK_FULL, "open in %s for %s", phase, age);
	remark(m, STYLE_YELLOW, REMARK_BRIEF, "%s in %s", age, phase);
}

static void remark_closed(struct remark *m, const struct request *r)
{
	bool client = r->end == REQ_CLIENT_CLOSED;
	const char *who = client ? "client gone" : "server closed";
	enum style style = client ? STYLE_YELLOW : STYLE_RED;
	char words[UNITS_MAX];

	remark(m, style, REMARK_FULL, "%s", who);
	if (r->late || !r->arrived || r->ended < r->arrived)
		return;
	units_duration(words, sizeof(words), (double)(r->ended - r->arrived));
	remark(m, style, REMARK_FULL, "%s after %s", who, words);
	remark(m, style, REMARK_BRIEF, "%s %s", client ? "gone" : "closed", words);
}

/* --- what the interpreter told: words from outside, behind those that are there */

static void also(struct remark *m, unsigned i, const char *words)
{
	size_t n = strlen(m->text[i]);

	if (n)
		n += (size_t)snprintf(m->text[i] + n, sizeof(m->text[i]) - n, "  ");
	escape_text(m->text[i] + n, sizeof(m->text[i]) - n, words, strlen(words), 120);
}

static void remark_error(struct remark *m, const struct request *r)
{
	char words[TOLD_WORDS];

	also(m, REMARK_FULL, told_error(words, sizeof(words), r->error, WORDS_FULL));
	also(m, REMARK_BRIEF, told_error(words, sizeof(words), r->error, WORDS_BRIEFEST));
	also(m, REMARK_BRIEFER, told_error(words, sizeof(words), r->error, WORDS_LINE));
	also(m, REMARK_LEAST, told_error(words, sizeof(words), r->error, WORDS_TYPE));
	m->style = r->status >= 500 ? STYLE_RED : STYLE_YELLOW;
}

/* Half of its time or more it lay unread because the loop was held up. */
static bool remark_stall(struct remark *m, const struct request *r, const struct phases *p)
{
	const char *where = r->stall.site->where;
	char words[TOLD_WORDS], behind[TOLD_WORDS + 16];

	if (!*where || p->total <= 0 || r->stall.ns < (uint64_t)p->total / 2)
		return false;
	told_stall(words, sizeof(words), r->stall.site, WORDS_BRIEF);
	snprintf(behind, sizeof(behind), "behind %s", words);
	also(m, REMARK_FULL, behind);
	snprintf(behind, sizeof(behind), "behind %s", told_file(where));
	for (unsigned i = REMARK_BRIEF; i < REMARKS; i++)
		also(m, i, behind);
	m->style = STYLE_CYAN;
	return true;
}

static void remark_where(struct remark *m, const char *where)
{
	also(m, REMARK_FULL, where);
	also(m, REMARK_BRIEF, told_file(where));
}

static void remark_told(struct remark *m, const struct line *l, const struct trace_context *c,
			const struct request *r, const struct phases *p)
{
	if (r->end == REQ_OPEN && c->where)
		remark_where(m, c->where);
	else if (r->error)
		remark_error(m, r);
	else if (!r->stall.site || !remark_stall(m, r, p))
		return;
	m->path = has_route(l) ? 8 : 16; /* the route says most of it */
}

static void remark_make(struct remark *m, const struct line *l, const struct trace_context *c,
			const struct request *r, const struct phases *p)
{
	memset(m, 0, sizeof(*m));
	switch (r->end) {
	case REQ_OPEN:
		remark_open(m, c, r);
		break;
	case REQ_CLIENT_CLOSED:
	case REQ_SERVER_CLOSED:
		remark_closed(m, r);
		break;
	case REQ_UPGRADED:
		remark(m, STYLE_CYAN, REMARK_FULL, "upgraded");
		break;
	case REQ_UNKNOWN:
		remark(m, STYLE_DIM, REMARK_FULL, "unknown (events lost)");
		remark(m, STYLE_DIM, REMARK_BRIEF, "unknown");
		break;
	default:
		if (!has_all_phases(l))
			remark_phase(m, p);
	}
	remark_told(m, l, c, r, p);
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

/* The longest of those from `from` to `to` that leaves room for `path` columns; NULL: none does. */
static const char *remark_fit(const struct remark *m, unsigned from, unsigned to, unsigned path,
			      unsigned room)
{
	for (unsigned i = from; i <= to; i++)
		if (path + 2 + utf8_columns(m->text[i]) <= room)
			return m->text[i];
	return NULL;
}

static void put_rest(struct line *l, const struct request *r, const struct remark *m)
{
	unsigned room = line_room(l), path = r->head_seen ? r->http.path_len + 5u : 14, least,
		 wants;
	const char *text = remark_fit(m, REMARK_FULL, REMARK_BRIEF, path, room);

	least = path < m->path ? path : m->path;
	if (!text)
		text = remark_fit(m, REMARK_BRIEF, REMARK_LEAST, least, room);
	if (!text)
		text = m->text[REMARK_LEAST];
	wants = *text ? (unsigned)utf8_columns(text) + 2 : 0;
	put_request(l, r, wants + least < room ? room - wants : least);
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
	put_time(&l, trace_wall(c, trace_began(r)));
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
