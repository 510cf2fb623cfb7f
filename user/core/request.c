// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "request.h"

#define ABSENT (-1)
/* 73 years: more is a broken stamp, and four of them still add up within an int64_t. */
#define SPAN_MAX (INT64_MAX / 4)

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* From one stamp to a later one; stamps that contradict each other (two CPUs' clocks) count as
 * equal. */
static int64_t span(uint64_t from, uint64_t to)
{
	if (!from || !to)
		return ABSENT;
	if (to <= from)
		return 0;
	return to - from > SPAN_MAX ? ABSENT : (int64_t)(to - from);
}

/*
 * Divides the time from the read to the head between a slow client and the application. When the
 * response began before the request was complete, the application did not wait for the rest: all of
 * it is the application's time.
 */
static void split_head(const struct request *r, uint64_t read, uint64_t head, struct phases *p)
{
	int64_t whole = span(read, head);

	if (whole < 0 || r->input_lost || (r->received_all && !r->received))
		return;
	p->recv = !r->received_all || r->received > head ? 0 : span(read, r->received);
	p->app = whole - p->recv;
}

/* For the stages from arrival to the end. Each stamp is first brought to its place in the order, so
   that the phases add up exactly to the time from the first to the last. */
static void split_life(const struct request *r, struct phases *p)
{
	uint64_t arrived = r->late ? 0 : r->arrived; /* a bound is no stamp */
	uint64_t head = r->head ? at_least(r->head, arrived) : 0;
	uint64_t read = r->read ? at_least(r->read, arrived) : 0;

	if (head && read > head)
		read = head; /* the response began before the read that we attribute */
	p->queue = span(arrived, read);
	split_head(r, read, head, p);
	p->ttfb = span(arrived, head);
	if (r->end == REQ_UPGRADED)
		p->send = head ? 0 : ABSENT;
	else
		p->send = span(head, r->done);
}

void request_phases(const struct request *r, struct phases *p)
{
	*p = (struct phases){ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT};
	split_life(r, p);
	/* that is queue + recv + app + send exactly, also when how it divides is not known */
	if (p->ttfb >= 0 && p->send >= 0)
		p->total = p->ttfb + p->send;
	p->accept_wait = span(r->established, r->accepted);
	if (r->end == REQ_CLIENT_CLOSED && !r->late)
		p->abandoned = span(r->arrived, r->ended);
}

enum request_phase request_open_phase(const struct request *r)
{
	/* First, because a response may begin before the request is complete: it is sending then.
	 */
	if (r->head)
		return PHASE_SEND;
	if (!r->read)
		return PHASE_QUEUE;
	return r->received_all ? PHASE_APP : PHASE_RECV;
}

uint64_t request_age(const struct request *r, uint64_t now)
{
	uint64_t since = r->arrived ? r->arrived : r->seen;

	return since && now > since ? now - since : 0;
}

const char *request_end_name(enum request_end end)
{
	static const char *const names[REQ_ENDS] = {
		[REQ_OPEN] = "open",
		[REQ_OK] = "ok",
		[REQ_CLIENT_CLOSED] = "client_closed",
		[REQ_SERVER_CLOSED] = "server_closed",
		[REQ_UPGRADED] = "upgraded",
		[REQ_UNKNOWN] = "unknown",
	};

	return (unsigned)end < REQ_ENDS ? names[end] : "unknown";
}

const char *request_phase_name(enum request_phase phase)
{
	static const char *const names[PHASES] = {
		[PHASE_QUEUE] = "queue",
		[PHASE_RECV] = "recv",
		[PHASE_APP] = "app",
		[PHASE_SEND] = "send",
	};

	return (unsigned)phase < PHASES ? names[phase] : "unknown";
}
