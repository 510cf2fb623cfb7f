// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_errors.c - exceptions: what they are and where they were raised, behind answers and of no
 * request. A traceback in the log that is also behind an answer is the answer's. Servers write it
 * before the answer or after it, so what was logged waits for a while before it counts as one of no
 * request.
 */
#include "session_insight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE	 1000000000ULL /* ns between an answer and its traceback in the log, at most */
#define GIVE_WAY 100000000ULL  /* one that waited this long may be told early, for want of room */
#define FRESH	 2000000000ULL /* what was read stands this long; code may be loaded anew later */
#define KNOWN	 64
#define TOLD	 1024
#define LOGGED	 256

/* What makes an exception the same: its address is used again, but hardly with all of this. */
struct identity {
	uint32_t pid;
	uint64_t exception, type;
	struct rs_frame raised;
	uint64_t at; /* monotonic ns */
};

/* Equal tracebacks are read once: under load the same ones come over and over. */
struct known {
	uint32_t pid;
	uint64_t until;
	const struct site *site; /* NULL: the place is free */
	struct rs_error error;	 /* all that is of this exception alone left out */
};

struct logged {
	struct identity id;
	const struct site *site;
};

struct errors {
	struct known known[KNOWN];
	struct identity told[TOLD]; /* a ring: behind answers */
	uint32_t next_told;
	struct logged logged[LOGGED]; /* a queue, oldest first */
	uint32_t n_logged;
	uint64_t unread;
};

int exceptions_new(struct session *s)
{
	s->errors = s->insight ? calloc(1, sizeof(*s->errors)) : NULL;
	return s->errors || !s->insight ? 0 : -ENOMEM;
}

void exceptions_free(struct errors *e)
{
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

static const struct site *read_site(struct session *s, uint32_t pid, const struct rs_error *error)
{
	struct python *python = insight_python(s, pid);
	struct python_error words;
	const struct site *site = NULL;
	int err = python ? python_error(python, error, &words) : -ENOENT;

	if (!err)
		site = sites_get(s->sites, words.type, words.where, words.own);
	if (!site && err != -ENODATA) /* what its thread handled all along is nobody's */
		s->errors->unread++;
	return site;
}

/* Code of a file stays where it is. What is made while the program runs, "<string>:1 f", may have
   gone with its exception, and other such code lie there at the next. */
static bool lasts(const struct site *site)
{
	return *site->where && *site->where != '<' && *site->detail != '<';
}

/* NULL: nothing that is certain. */
static const struct site *site_of(struct session *s, uint32_t pid, const struct rs_error *error)
{
	struct rs_error shape = shape_of(error);
	struct known *k = place_of(s->errors, pid, &shape);
	const struct site *site;

	if (error->base) /* whether it is the ambient one depends on the moment */
		return read_site(s, pid, error);
	if (k->site && k->pid == pid && s->now < k->until &&
	    !memcmp(&k->error, &shape, sizeof(shape)))
		return k->site;
	site = read_site(s, pid, error);
	if (site && lasts(site))
		*k = (struct known){pid, s->now + FRESH, site, shape};
	return site;
}

/* --- whose it is */

static struct identity identity_of(uint32_t pid, const struct rs_error *error, uint64_t at)
{
	struct identity id = {
		.pid = pid, .exception = error->exception, .type = error->type, .at = at};

	if (error->n_frames && error->n_frames <= RS_MAX_FRAMES)
		id.raised = error->frames[error->n_frames - 1];
	return id;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	uint64_t apart = a->at < b->at ? b->at - a->at : a->at - b->at;

	return a->pid == b->pid && a->exception == b->exception && a->type == b->type &&
	       a->raised.code == b->raised.code && a->raised.lasti == b->raised.lasti &&
	       apart <= SETTLE;
}

static bool was_told(const struct errors *e, const struct identity *id)
{
	for (uint32_t i = 0; i < TOLD; i++)
		if (e->told[i].exception && is_same(&e->told[i], id))
			return true;
	return false;
}

static void remove_logged(struct errors *e, uint32_t i)
{
	e->n_logged--;
	memmove(e->logged + i, e->logged + i + 1, (e->n_logged - i) * sizeof(*e->logged));
}

static struct logged *find_logged(struct errors *e, const struct identity *id)
{
	for (uint32_t i = 0; i < e->n_logged; i++)
		if (is_same(&e->logged[i].id, id))
			return &e->logged[i];
	return NULL;
}

void exceptions_of(struct session *s, struct request *r, const struct rs_error *error)
{
	struct errors *e = s->errors;
	struct identity id;
	struct logged *l;

	if (!e)
		return;
	id = identity_of(r->pid, error, r->head);
	r->error = site_of(s, r->pid, error);
	e->told[e->next_told++ % TOLD] = id;
	l = find_logged(e, &id);
	if (l)
		remove_logged(e, (uint32_t)(l - e->logged));
}

/* --- of no request */

static void tell_oldest(struct session *s)
{
	const struct site *site = s->errors->logged[0].site;

	remove_logged(s->errors, 0);
	session_background(s, site);
}

static void make_room(struct session *s, uint64_t now)
{
	struct errors *e = s->errors;

	if (e->n_logged < LOGGED)
		return;
	if (e->logged[0].id.at + GIVE_WAY <= now) {
		tell_oldest(s);
	} else { /* its answer may be about to come */
		remove_logged(e, 0);
		e->unread++;
	}
}

void exceptions_logged(struct session *s, const struct rs_ev_logged *ev)
{
	struct errors *e = s->errors;
	struct identity id;
	const struct site *site;

	if (!e)
		return;
	id = identity_of(ev->h.tgid, &ev->error, ev->h.ts);
	if (was_told(e, &id) || find_logged(e, &id))
		return;
	site = site_of(s, ev->h.tgid, &ev->error);
	if (!site)
		return;
	make_room(s, ev->h.ts);
	e->logged[e->n_logged++] = (struct logged){id, site};
}

void exceptions_settle(struct session *s, bool all)
{
	struct errors *e = s->errors;

	while (e && e->n_logged && (all || e->logged[0].id.at + SETTLE < s->now))
		tell_oldest(s);
}
