// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * session_insight.c - what the target's interpreters tell: the routes of the application, as it
 * defines them. Each process is looked at for itself, as workers may differ in all of it. Nothing
 * of this is needed: where it cannot be had, that is said and sockets go on.
 */
#include "session_insight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND	    1000000000ULL
#define START_TRIES 30 /* an application may be loading for a while; a try every 200 ms */
#define SLOWEST	    (16 * SECOND) /* between readings that find nothing new */
#define MAX_TABLES  4		  /* that differ */

struct table {
	struct table *next;
	struct py_routes routes;
};

int insight_new(struct session *s)
{
	if (s->options->insight && !strcmp(s->options->insight, "off"))
		return 0;
	s->insight = calloc(1, sizeof(*s->insight));
	if (!s->insight)
		return -ENOMEM;
	s->insight->full = s->options->insight && !strcmp(s->options->insight, "full");
	return 0;
}

void insight_free(struct insight *in)
{
	struct table *t;

	if (!in)
		return;
	for (uint32_t i = 0; i < in->n; i++)
		python_close(in->list[i].python);
	while ((t = in->tables)) {
		in->tables = t->next;
		py_routes_free(&t->routes);
		free(t);
	}
	free(in);
}

/* --- tables into the router */

static bool in_use(const struct insight *in, const struct table *t)
{
	for (uint32_t i = 0; i < in->n; i++)
		if (in->list[i].table == t)
			return true;
	return false;
}

/* Those that no process has any more go, unless nothing else is left: what ends later is still
 * theirs. */
static void drop_unused(struct insight *in)
{
	for (struct table **at = &in->tables; *at;) {
		struct table *t = *at;

		if (in_use(in, t) || (t == in->tables && !t->next)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		py_routes_free(&t->routes);
		free(t);
	}
}

/* One after the other, the newest first; scopes count from the beginning of all. */
static int fill_router(struct session *s)
{
	struct insight *in = s->insight;
	struct route_entry *all;
	uint32_t n = 0, k = 0;
	int err;

	for (const struct table *t = in->tables; t && k < MAX_TABLES; t = t->next, k++)
		n += t->routes.n;
	all = calloc(n ? n : 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	n = k = 0;
	for (const struct table *t = in->tables; t && k < MAX_TABLES; t = t->next, k++) {
		uint32_t first = n;

		for (uint32_t i = 0; i < t->routes.n; i++, n++) {
			all[n] = t->routes.entries[i];
			if (all[n].scope != ROUTE_NO_SCOPE)
				all[n].scope += first;
		}
	}
	err = router_replace_app(s->router, all, n, &in->left_out);
	free(all);
	return err;
}

/* The table equal to this one, or this one in a new place; takes it over. NULL: no memory. */
static struct table *table_of(struct insight *in, struct py_routes *routes)
{
	struct table *t = in->tables;

	while (t && !py_routes_equal(&t->routes, routes))
		t = t->next;
	if (t) {
		py_routes_free(routes);
		return t;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		py_routes_free(routes);
		return NULL;
	}
	t->routes = *routes;
	t->next = in->tables;
	in->tables = t;
	return t;
}

/* --- one process */

static void give_up(struct interpreter *p, uint64_t now)
{
	if (p->tries)
		p->tries--;
	p->pause = p->tries ? 0 : p->pause < SLOWEST ? p->pause * 2 : SLOWEST;
	if (!p->tries && p->pause < SECOND)
		p->pause = SECOND;
	p->next = now + p->pause;
}

/* Returns whether the tables are others now. */
static bool read_routes(struct session *s, struct interpreter *p)
{
	struct py_routes routes;
	struct table *before = p->table, *table;
	int err = python_routes(p->python, &routes, p->why);

	p->wanted = p->busy = false;
	if (err) {
		py_routes_free(&routes);
		p->gone = err == -ESRCH;
		give_up(p, s->now);
		return false;
	}
	table = table_of(s->insight, &routes);
	if (!table)
		return false;
	p->table = table;
	p->tries = 0;
	p->pause = table != before ? SECOND : p->pause < SLOWEST ? p->pause * 2 : SLOWEST;
	p->next = s->now + p->pause;
	return table != before;
}

static bool look_at(struct session *s, struct interpreter *p)
{
	int err;

	if (!p->python) {
		err = python_open(&p->python, p->pid,
				  (struct python_between){session_relieve, s}, p->why);
		if (err) {
			if (err == -ENOENT || err == -ENOTSUP || err == -EPERM || err == -ESRCH)
				p->tries = 0;
			p->wanted = p->busy = false;
			p->gone = err == -ESRCH;
			give_up(p, s->now);
			return false;
		}
		p->version = python_version(p->python);
		interp_opened(s, p);
	}
	if (p->tries)
		interp_look(s, p);
	return read_routes(s, p);
}

/* Starting, or with a sign that there is more; a list that has grown is asked for at most once a
   second, and only where requests ended since. */
static bool is_due(struct session *s, struct interpreter *p)
{
	if (s->now < p->next)
		return false;
	if (p->tries || p->wanted)
		return true;
	if (!p->busy || !p->table)
		return false;
	p->busy = false;
	if (python_routes_changed(p->python))
		return true;
	p->next = s->now + SECOND;
	return false;
}

/* --- from the session */

struct interpreter *insight_find(struct insight *in, uint32_t pid)
{
	for (uint32_t i = 0; i < in->n; i++)
		if (in->list[i].pid == pid)
			return &in->list[i];
	return NULL;
}

struct python *insight_python(struct session *s, uint32_t pid)
{
	struct interpreter *p = s->insight ? insight_find(s->insight, pid) : NULL;

	return p ? p->python : NULL;
}

void insight_exit(struct session *s, uint32_t pid)
{
	struct insight *in = s->insight;
	struct interpreter *p = in ? insight_find(in, pid) : NULL;

	if (!p)
		return;
	if (p->table)
		in->changed = true; /* it may have been the last that had it */
	python_close(p->python);
	*p = in->list[--in->n];
}

void insight_process(struct session *s, uint32_t pid)
{
	struct insight *in = s->insight;

	if (!in)
		return;
	insight_exit(s, pid);
	if (in->n < TARGET_MAX_PROCESSES)
		in->list[in->n++] = (struct interpreter){.pid = pid, .tries = START_TRIES};
}

/* A path that no template has, and the application had an answer: there are routes that were not
   read. 404 is none; 307 is how Starlette sends a path without its slash on. */
void insight_ended(struct session *s, const struct request *r)
{
	struct interpreter *p = s->insight ? insight_find(s->insight, r->pid) : NULL;

	if (!p)
		return;
	p->busy = true;
	if (r->route && !route_is_exact(r->route) && r->status_seen && r->status != 404 &&
	    r->status != 307)
		p->wanted = true;
}

static void say_once(struct session *s)
{
	struct insight *in = s->insight;

	for (uint32_t i = 0; i < in->n; i++)
		if (in->list[i].tries || in->list[i].version)
			return;
	if (in->said || !in->n)
		return;
	in->said = true;
	fprintf(stderr, "reqscope: no look into the interpreter: pid %u: %s\n", in->list[0].pid,
		in->list[0].why);
}

void insight_look(struct session *s)
{
	struct insight *in = s->insight;

	if (!in)
		return;
	for (uint32_t i = in->n; i-- > 0;) {
		struct interpreter *p = &in->list[i];

		if (is_due(s, p) && look_at(s, p))
			in->changed = true;
		interp_trim(s, p);
		if (p->gone)
			insight_exit(s, p->pid);
	}
	if (in->changed) {
		in->changed = false;
		drop_unused(in);
		if (fill_router(s))
			s->failed = true;
	}
	say_once(s);
}

void insight_begin(struct session *s)
{
	for (uint32_t i = 0; i < s->target.n_processes; i++)
		if (s->target.processes[i].alive)
			insight_process(s, s->target.processes[i].pid);
	s->now = session_now();
	insight_look(s);
	if (s->options->verbose && s->insight)
		fprintf(stderr, "reqscope: interpreter %s; routes %s; errors %s; loop %s; gc %s\n",
			insight_interpreters(s), insight_routes(s), feature_errors(s),
			feature_loop(s), feature_gc(s));
}

/* --- what is said of it */

const char *insight_interpreters(struct session *s)
{
	struct insight *in = s->insight;
	const struct interpreter *best = NULL;
	unsigned n = 0;

	if (!in)
		return "off: --insight off";
	for (uint32_t i = 0; i < in->n; i++) {
		const struct interpreter *p = &in->list[i];

		n += p->version != 0;
		if (!best || (p->version && !best->version))
			best = p;
	}
	if (!best)
		return "off: no process";
	if (best->version)
		snprintf(in->interpreters, sizeof(in->interpreters),
			 "CPython %u.%u, checked in %u of %u processes", best->version >> 8,
			 best->version & 255, n, in->n);
	else
		snprintf(in->interpreters, sizeof(in->interpreters), "off: %s", best->why);
	return in->interpreters;
}

static void describe_tables(const struct insight *in, char *buf, size_t size)
{
	const struct py_routes *r = &in->tables->routes;
	int n = snprintf(buf, size, "exact: %u from %s%s", r->routes,
			 r->fastapi ? "fastapi" : "starlette",
			 r->guessed ? ", the only application that a module has" : "");

	if (r->uncertain && (size_t)n < size)
		n += snprintf(buf + n, size - n, ", %u uncertain", r->uncertain);
	if ((r->cut || in->left_out) && (size_t)n < size)
		n += snprintf(buf + n, size - n, ", not all");
	if (in->tables->next && (size_t)n < size)
		snprintf(buf + n, size - n, "; workers differ");
}

const char *insight_routes(struct session *s)
{
	struct insight *in = s->insight;
	const struct interpreter *best = NULL;

	if (!in)
		return "off: --insight off";
	if (in->tables) {
		describe_tables(in, in->routes, sizeof(in->routes));
		return in->routes;
	}
	for (uint32_t i = 0; i < in->n; i++)
		if (!best || (in->list[i].version && in->list[i].busy) || !best->version)
			best = &in->list[i];
	if (!best)
		return "off: no process";
	snprintf(in->routes, sizeof(in->routes), "off: %s", best->why);
	return in->routes;
}
