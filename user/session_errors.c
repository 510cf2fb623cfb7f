// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_errors.c - exceptions: what they are and where they were raised, behind answers and of no
 * request. A traceback in the log that is also behind an answer is the answer's. Servers write it
 * before the answer or after it, so what was logged waits for a while before it counts as one of no
 * request.
 */
#include "session_logbook.h"
#include "session_loops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_WAY 100000000ULL  /* one that waited this long may be told early, for want of room */
#define FRESH	 2000000000ULL /* what was read stands this long; code may be loaded anew later */
#define KNOWN	 64

/* Equal tracebacks are read once: under load the same ones come over and over. */
struct known {
	uint32_t pid;
	uint64_t until;
	const struct site *site; /* NULL: the place is free */
	struct rs_error error;	 /* all that is of this exception alone left out */
};

struct errors {
	struct known known[KNOWN];
	struct logbook *logged;
	uint64_t held; /* when last a loop had an answer in its hands, perhaps */
	uint64_t unread;
};

int exceptions_new(struct session *s)
{
	if (!s->insight)
		return 0;
	s->errors = calloc(1, sizeof(*s->errors));
	if (s->errors)
		s->errors->logged = logbook_new();
	return s->errors && s->errors->logged ? 0 : -ENOMEM;
}

void exceptions_free(struct errors *e)
{
	if (e)
		logbook_free(e->logged);
	free(e);
}

uint64_t exceptions_unread(const struct session *s)
{
	return s->errors ? s->errors->unread : 0;
}

/* --- what it is */

static struct rs_error shape_of(const struct rs_error *error)
{
	struct rs_error shape = *error;
	uint32_t n = error->n_frames < RS_MAX_FRAMES ? error->n_frames : RS_MAX_FRAMES;

	shape.exception = shape.tstate = 0;
	memset(shape.frames + n, 0, (RS_MAX_FRAMES - n) * sizeof(*shape.frames));
	return shape;
}

static struct known *place_of(struct errors *e, uint32_t pid, const struct rs_error *shape)
{
	uint64_t h = pid ^ shape->type, step = 0x9e3779b97f4a7c15ULL;

	for (uint32_t i = 0; i < shape->n_frames && i < RS_MAX_FRAMES; i++)
		h = (h ^ shape->frames[i].code ^ (uint64_t)shape->frames[i].lasti) * step;
	return &e->known[(h * step) >> 58];
}
_Static_assert(KNOWN == 64, "place_of() takes six bits");

/* NULL: *err says why; -ENODATA: what its thread handled all along is nobody's. */
static const struct site *read_site(struct session *s, uint32_t pid, const struct rs_error *error,
				    int *err)
{
	struct python *python = insight_python(s, pid);
	struct python_error words;
	const struct site *site;

	*err = python ? python_error(python, error, &words) : -ENOENT;
	if (*err)
		return NULL;
	site = sites_get(s->sites, words.type, words.where, words.own);
	*err = site ? 0 : -ENOSPC;
	return site;
}

/* Code of a file stays where it is. What is made while the program runs, "<string>:1 f", may have
   gone with its exception, and other such code lie there at the next. */
static bool lasts(const struct site *site)
{
	return *site->where && *site->where != '<' && *site->detail != '<';
}

/* NULL: nothing that is certain, as above. */
static const struct site *site_of(struct session *s, uint32_t pid, const struct rs_error *error,
				  int *err)
{
	struct rs_error shape = shape_of(error);
	struct known *k = place_of(s->errors, pid, &shape);
	const struct site *site;

	*err = 0;
	if (error->base) /* whether it is the ambient one depends on the moment */
		return read_site(s, pid, error, err);
	if (k->site && k->pid == pid && s->now < k->until &&
	    !memcmp(&k->error, &shape, sizeof(shape)))
		return k->site;
	site = read_site(s, pid, error, err);
	if (site && lasts(site))
		*k = (struct known){pid, s->now + FRESH, site, shape};
	return site;
}

static void count_unread(struct errors *e, const struct site *site, int err)
{
	e->unread += !site && err != -ENODATA;
}

/* --- behind answers */

void exceptions_of(struct session *s, struct request *r, const struct rs_error *error)
{
	int err;

	if (!s->errors)
		return;
	r->error = site_of(s, r->pid, error, &err);
	count_unread(s->errors, r->error, err);
}

/* Whether it can be said of which request it is, or not. */
void exceptions_answered(struct session *s, const struct rs_event *h, const struct rs_error *error)
{
	if (s->errors)
		logbook_answered(s->errors->logged, h, error);
}

void exceptions_read(struct session *s, const struct rs_event *h)
{
	struct interpreter *p;

	/* of each read: after a while nobody asks any more */
	if (!s->errors || h->ts > s->insight->told + LOGBOOK_SETTLE)
		return;
	p = insight_find(s->insight, h->tgid);
	if (p && !p->read && p->told && p->told < h->ts)
		p->read = h->ts;
}

/* --- of no request */

/*
 * Where all answers are seen. The one that this is about may have been written before that: a
 * server logs what it has answered right away. What it reads afterwards, it gets to afterwards.
 */
static bool sees_answers(struct session *s, const struct rs_event *h)
{
	const struct interpreter *p = insight_find(s->insight, h->tgid);

	if (!p || !p->told || p->queue == PROBE_OFF)
		return false;
	return (p->read && p->read < h->ts) || p->told + LOGBOOK_SETTLE < h->ts;
}

/* Its answer may be queued, and is written when the loop comes back to its selector. */
static bool in_its_turn(struct session *s, const struct logged *l)
{
	const struct loop *p = s->loops ? loop_find(s->loops, l->ev.h.tid) : NULL;

	return p && !p->gone && p->last.start && p->last.start <= l->ev.h.ts;
}

/* A thread that was still handling it then may be done with it now. */
static void tell_oldest(struct session *s)
{
	struct logged l = *logbook_oldest(s->errors->logged);

	logbook_drop_oldest(s->errors->logged);
	if (!l.site && l.err == -ENODATA)
		l.site = site_of(s, l.ev.h.tgid, &l.ev.error, &l.err);
	count_unread(s->errors, l.site, l.err);
	if (l.site)
		session_background(s, l.site);
}

static void make_room(struct session *s, uint64_t now)
{
	struct errors *e = s->errors;
	const struct logged *l = logbook_oldest(e->logged);

	if (l->ev.h.ts + GIVE_WAY <= now && !in_its_turn(s, l)) {
		tell_oldest(s);
	} else { /* its answer may be about to come */
		logbook_drop_oldest(e->logged);
		e->unread++;
	}
}

void exceptions_logged(struct session *s, const struct rs_ev_logged *ev)
{
	struct errors *e = s->errors;
	struct logged l = {.ev = *ev};

	if (!e || !sees_answers(s, &ev->h) || !logbook_is_new(e->logged, ev))
		return;
	l.site = site_of(s, ev->h.tgid, &ev->error, &l.err);
	if (!logbook_add(e->logged, &l))
		return;
	make_room(s, ev->h.ts);
	logbook_add(e->logged, &l);
}

/* An answer that was written a moment ago comes with the next events. */
static bool is_settled(struct session *s, const struct logged *l)
{
	if (l->ev.h.ts + LOGBOOK_SETTLE >= s->now)
		return false;
	if (in_its_turn(s, l))
		s->errors->held = s->now;
	return s->errors->held + GIVE_WAY < s->now;
}

void exceptions_settle(struct session *s)
{
	const struct logged *l;

	while (s->errors && (l = logbook_oldest(s->errors->logged)) && is_settled(s, l))
		tell_oldest(s);
}

/* What its thread had written when it was looked at has been taken since. */
static bool is_over(struct session *s, const struct logged *l)
{
	const struct loop *p = s->loops ? loop_find_or_meet(s, l->ev.h.tid) : NULL;

	return !p || (p->seen > l->ev.h.ts && !in_its_turn(s, l));
}

void exceptions_finish(struct session *s)
{
	const struct logged *l;

	while (s->errors && (l = logbook_oldest(s->errors->logged))) {
		if (is_over(s, l))
			tell_oldest(s);
		else
			logbook_drop_oldest(s->errors->logged);
	}
}
