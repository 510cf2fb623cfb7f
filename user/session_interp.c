// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_interp.c - what the kernel side is told of each interpreter: where exceptions lie, and
 * the few probes that are wanted in it. And what is said of that: what can be told of the target,
 * and why not.
 */
#include "session_insight.h"
#include "uvloop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TRIM_EVERY 1000000000ULL

static void can_tell(struct session *s, struct interpreter *p)
{
	s->insight->told = p->told = session_now();
	p->read = 0;
}

/* uvloop writes later than the application asks for it, so what was handled then must be taken
 * then. */
static void probe_queue(struct session *s, struct interpreter *p)
{
	char file[PATH_MAX];

	if (p->errors != PROBE_ON || p->queue != PROBE_NONE ||
	    uvloop_file(p->pid, file, sizeof(file)))
		return;
	p->queue = PROBE_OFF;
	if (!capture_probe_queue(s->capture, p->pid, file, &p->queue_why))
		p->queue = PROBE_ON;
	can_tell(s, p);
}

static void probe_gc(struct session *s, struct interpreter *p)
{
	p->gc = capture_probe_gc(s->capture, p->pid, python_file(p->python), &p->gc_why) ? PROBE_OFF
											: PROBE_ON;
}

void interp_opened(struct session *s, struct interpreter *p)
{
	struct rs_interp interp = {};
	int err;

	p->errors = PROBE_OFF;
	*p->errors_why = '\0';
	err = python_interp(p->python, &interp, p->errors_why);
	if (!err) {
		err = capture_interp(s->capture, p->pid, &interp);
		if (err)
			snprintf(p->errors_why, sizeof(p->errors_why), "%s",
				 err == -ENOTSUP ? "not on this architecture" : strerror(-err));
	}
	if (!err) {
		p->errors = PROBE_ON;
		can_tell(s, p);
	}
	p->gil = !err && interp.gil;
	if (s->insight->full)
		probe_gc(s, p);
	probe_queue(s, p);
}

void interp_look(struct session *s, struct interpreter *p)
{
	if (p->python)
		probe_queue(s, p);
}

/* uvloop adds to sets at several places, and what writes comes to one of them: at the others a
   probe would cost each request something, and tell nothing. */
void interp_trim(struct session *s, struct interpreter *p)
{
	if (p->queue != PROBE_ON || s->now < p->trim)
		return;
	p->trim = s->now + TRIM_EVERY;
	capture_trim_queue(s->capture, p->pid);
}

void insight_serves(struct session *s, uint32_t pid)
{
	struct interpreter *p = s->insight ? insight_find(s->insight, pid) : NULL;

	if (p)
		interp_look(s, p);
}

bool insight_sees_gil(struct session *s, uint32_t pid)
{
	const struct interpreter *p = s->insight ? insight_find(s->insight, pid) : NULL;

	return p && p->gil;
}

bool insight_sees_gc(struct session *s, uint32_t pid)
{
	const struct interpreter *p = s->insight ? insight_find(s->insight, pid) : NULL;

	return p && p->gc == PROBE_ON;
}

/* --- what is said of it */

static const char *in_words(char *buf, size_t size, const char *a, const char *b)
{
	snprintf(buf, size, "%s%s", a, b);
	return buf;
}

const char *feature_errors(struct session *s)
{
	struct insight *in = s->insight;
	const struct interpreter *off = NULL, *queue = NULL;
	const size_t size = sizeof(in->errors);
	unsigned opened = 0, on = 0;
	size_t n;

	if (!in)
		return "off: --insight off";
	for (uint32_t i = 0; i < in->n; i++) {
		const struct interpreter *p = &in->list[i];

		opened += p->python != NULL;
		on += p->errors == PROBE_ON;
		off = p->python && p->errors == PROBE_OFF ? p : off;
		queue = p->queue == PROBE_OFF ? p : queue;
	}
	if (!opened)
		return "off: no interpreter is read";
	if (!on)
		return in_words(in->errors, size, "off: ", off ? off->errors_why : "not tried yet");
	n = (size_t)snprintf(in->errors, size, "on");
	if (on < opened)
		n += (size_t)snprintf(in->errors + n, size - n, " in %u of %u processes", on,
				      opened);
	if (queue)
		n += (size_t)snprintf(in->errors + n, size - n, "; uvloop: off: %s",
				      queue->queue_why);
	if (exceptions_unread(s) && n < size)
		snprintf(in->errors + n, size - n, ", %llu could not be read",
			 (unsigned long long)exceptions_unread(s));
	return in->errors;
}

const char *feature_loop(struct session *s)
{
	if (!s->insight)
		return "off: --insight off";
	if (!s->capture)
		return "off: no process";
	return capture_loops(s->capture) ? "on" : "off: the table of the loops cannot be mapped";
}

const char *feature_gc(struct session *s)
{
	struct insight *in = s->insight;
	const struct interpreter *off = NULL;
	unsigned on = 0, opened = 0;

	if (!in)
		return "off: --insight off";
	if (!in->full)
		return "off: not asked for (--insight full)";
	for (uint32_t i = 0; i < in->n; i++) {
		opened += in->list[i].python != NULL;
		on += in->list[i].gc == PROBE_ON;
		off = in->list[i].gc == PROBE_OFF ? &in->list[i] : off;
	}
	if (on && on == opened)
		return "on";
	if (on)
		snprintf(in->gc, sizeof(in->gc), "on in %u of %u processes: %s", on, opened,
			 off ? off->gc_why : "starting");
	else
		snprintf(in->gc, sizeof(in->gc), "off: %s",
			 off ? off->gc_why : "no interpreter is read");
	return in->gc;
}
