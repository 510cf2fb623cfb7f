// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * doctor_insight.c - what can be told of a server's interpreter: routes, errors, event loops,
 * collections.
 */
#include "doctor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../capture/proc.h"
#include "../python/process.h"
#include "../uvloop.h"

/* Where uvloop writes, the exception is taken when the application asks it to. */
static void doctor_uvloop(uint32_t pid, struct capture *capture)
{
	const char *why = "";
	char file[PATH_MAX];

	if (uvloop_file(pid, file, sizeof(file))) {
		doctor_say(GOOD, "errors", "the exception behind each 4xx and 5xx, and its line");
		return;
	}
	if (!capture_probe_queue(capture, pid, file, &why))
		doctor_say(GOOD, "errors",
			   "the exception behind each 4xx and 5xx, and its line; uvloop too");
	else
		doctor_say(NOTE, "errors",
			   "uvloop: %s: what it answers has no exception; --loop asyncio would",
			   why);
}

static void doctor_errors(struct python *python, uint32_t pid, struct capture *capture)
{
	char why[PYTHON_WHY_MAX] = "";
	struct rs_interp interp = {};
	int err = python_interp(python, &interp, why);

	if (!err) {
		err = capture_interp(capture, pid, &interp);
		snprintf(why, sizeof(why), "%s",
			 err == -ENOTSUP ? "not on this architecture" : strerror(-err));
	}
	if (err) {
		doctor_say(NOTE, "errors", "off: %s: statuses without their exceptions", why);
		return;
	}
	doctor_uvloop(pid, capture);
	if (interp.gil)
		doctor_say(GOOD, "waits for the GIL", "seen");
	else
		doctor_say(NOTE, "waits for the GIL", "not seen: where it lies is not known");
}

static void doctor_gc(struct python *python, uint32_t pid, struct capture *capture)
{
	const char *why = "";

	if (!capture_probe_gc(capture, pid, python_file(python), &why))
		doctor_say(GOOD, "garbage collections", "seen with --insight full");
	else
		doctor_say(NOTE, "garbage collections", "not seen: %s; stalls by them are", why);
}

static void doctor_interpreter(struct python *python, uint32_t pid, struct capture *capture)
{
	doctor_say(GOOD, "interpreter", "CPython %u.%u, its memory is laid out as expected",
		   python_version(python) >> 8, python_version(python) & 255);
	if (!capture)
		return;
	doctor_errors(python, pid, capture);
	if (capture_loops(capture))
		doctor_say(GOOD, "event loops", "busy time, and the line that holds one up");
	else
		doctor_say(NOTE, "event loops", "not seen: the table of them cannot be mapped");
	doctor_gc(python, pid, capture);
}

static void doctor_routes(const struct py_routes *r)
{
	doctor_say(GOOD, "routes", "%u, exact, from %s%s", r->routes,
		   r->fastapi ? "fastapi" : "starlette",
		   r->uncertain ? "; the application decides some in its own way" : "");
}

/* Keeps the first process that is an interpreter, or the first that has routes: a supervisor has
   none, its workers do. True: it has routes. */
static bool look_at(uint32_t pid, struct python **best, uint32_t *best_pid,
		    struct py_routes *routes, char why[PYTHON_WHY_MAX])
{
	struct python *python;

	if (python_open(&python, pid, (struct python_between){}, why))
		return false;
	if (python_routes(python, routes, why)) {
		py_routes_free(routes);
		*routes = (struct py_routes){};
		if (*best)
			python_close(python);
		else
			*best = python, *best_pid = pid;
		return false;
	}
	python_close(*best);
	*best = python;
	*best_pid = pid;
	return true;
}

void doctor_insight(uint32_t pid, struct capture *capture)
{
	char why[PYTHON_WHY_MAX] = "", first[PYTHON_WHY_MAX] = "";
	struct py_routes routes = {};
	struct python *python = NULL;
	struct proc_tree tree = {};
	uint32_t best = 0;
	bool found = false;

	if (proc_descendants(pid, &tree))
		return;
	for (uint32_t i = 0; i < tree.n && !found; i++) {
		found = look_at(tree.pids[i], &python, &best, &routes, why);
		if (!*first)
			snprintf(first, sizeof(first), "%s", why);
	}
	if (python)
		doctor_interpreter(python, best, capture);
	else
		doctor_say(NOTE, "interpreter", "not read: %s", first);
	if (found)
		doctor_routes(&routes);
	else if (python)
		doctor_say(NOTE, "routes", "%s: paths are folded", first);
	py_routes_free(&routes);
	python_close(python);
	free(tree.pids);
}
