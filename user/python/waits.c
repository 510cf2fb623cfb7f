// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* waits.c - where the tasks of the event loops wait, and the threads beside them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "insight.h"
#include "kinds.h"

#define NAME_SIZE    120
#define READ_AT_ONCE 256 /* tasks, before what was read is dropped: memory is bounded */

struct task {
	uint64_t object;
	uint64_t mark; /* what the first reading found; 0 nothing */
	struct py_served served;
};

/* A request: the first of its tasks, and the one that does the work. */
struct served_by {
	struct task *first, *last;
	bool several; /* could be the last */
};

struct tasks {
	struct py *py;
	struct task *list; /* PY_TASKS_MAX */
	uint32_t n;
	struct hashmap requests; /* served_by, by scope */
};

/* --- which tasks there are */

static int note_task(void *ctx, uint64_t key, uint64_t value)
{
	struct tasks *t = ctx;

	(void)value;
	if (py_kind(t->py, key) != KIND_TASK)
		return 0;
	t->list[t->n++].object = key;
	return t->n == PY_TASKS_MAX;
}

static int note_reference(void *ctx, uint64_t key, uint64_t value)
{
	struct tasks *t = ctx;

	if (py_kind(t->py, key) != KIND_REFERENCE)
		return 0;
	return note_task(ctx, pymem_u64(t->py->mem, key + t->py->o.ref_object), value);
}

/* Up to 3.11 a WeakSet of all; then one of those that were scheduled, and a set of those that run
   at once. */
static int find_tasks(struct py *py, struct tasks *t)
{
	uint64_t modules = pymem_u64(py->mem, py->interp + py->o.in_modules);
	uint64_t asyncio = py_dict_get(py, modules, "asyncio.tasks");
	uint64_t all =
		py_attr(py, asyncio, py->o.version < 0x30c ? "_all_tasks" : "_scheduled_tasks");

	if (!asyncio)
		return -ENOENT;
	py_set_each(py, py_attr(py, all, "data"), note_reference, t);
	if (py->o.version >= 0x30c && t->n < PY_TASKS_MAX)
		py_set_each(py, py_attr(py, asyncio, "_eager_tasks"), note_task, t);
	return 0;
}

/* --- one of them */

static uint64_t mark_of(const struct py_awaits *a)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ a->end;

	for (unsigned i = 0; i < a->n; i++) {
		h = (h ^ a->frames[i].frame) * 0x100000001b3ULL;
		h = (h ^ a->frames[i].code) * 0x100000001b3ULL;
		h = (h ^ (uint32_t)a->frames[i].at) * 0x100000001b3ULL;
	}
	return h ? h : 1;
}

/* What a frame awaits that has no frame itself: a future, or something of C. */
static void tell_end(struct py *py, const struct py_awaits *a, struct python_wait *w)
{
	char name[NAME_SIZE];

	switch (py_kind(py, a->end)) {
	case KIND_FUTURE:
		strcpy(w->on, "Future");
		break;
	case KIND_TASK:
		strcpy(w->on, "Task");
		break;
	case KIND_GATHERING:
		strcpy(w->on, "asyncio.tasks gather");
		break;
	default:
		if (a->end && !py_type_name(py, a->end, name, sizeof(name)) && py_is_text(name))
			py_join(w->on, sizeof(w->on), name, "", "");
	}
}

static void tell_task(struct py *py, const struct py_home *h, const struct py_awaits *a,
		      struct python_wait *w)
{
	unsigned own = a->n;
	struct python_place place;

	while (own && !py_code_own(py, h, a->frames[own - 1].code))
		own--;
	if (own) {
		py_code_place(py, h, &a->frames[own - 1], &place);
		memcpy(w->where, place.where, sizeof(w->where));
	}
	if (!own)
		py_code_called(py, h, &a->frames[a->n - 1], 1, 0, w->on, sizeof(w->on));
	else if (own < a->n)
		py_code_called(py, h, &a->frames[own], 1, a->n - 1 - own, w->on, sizeof(w->on));
	else
		tell_end(py, a, w);
}

static uint64_t mark_task(struct py *py, uint64_t task, struct py_awaits *a)
{
	return py_kind(py, task) == KIND_TASK && py_awaits(py, py_task_coroutine(py, task), a)
		       ? mark_of(a)
		       : 0;
}

/* --- tasks of one request */

/* Those that have no first task are not looked at: what their scope is cannot be checked. */
static int note_first(struct tasks *t, struct task *task)
{
	struct served_by *by;

	if (!task->served.cycle || !task->served.scope ||
	    hashmap_get(&t->requests, task->served.scope))
		return 0;
	by = calloc(1, sizeof(*by));
	if (!by || hashmap_put(&t->requests, task->served.scope, by)) {
		free(by);
		return -ENOMEM;
	}
	by->first = task;
	return 0;
}

static struct served_by *request_of(const struct tasks *t, const struct task *task)
{
	return task->served.scope ? hashmap_get(&t->requests, task->served.scope) : NULL;
}

static int sort_requests(struct tasks *t)
{
	int err = 0;

	for (uint32_t i = 0; i < t->n && !err; i++)
		err = note_first(t, &t->list[i]);
	for (uint32_t i = 0; i < t->n && !err; i++) {
		struct served_by *by = request_of(t, &t->list[i]);

		if (!by || t->list[i].served.relays)
			continue;
		by->several |= by->last != NULL;
		by->last = &t->list[i];
	}
	return err;
}

/* Whether there is something to tell of it; *cycle: and of its request, too. */
static bool is_told(const struct tasks *t, const struct task *task, uint64_t *cycle)
{
	const struct served_by *by = request_of(t, task);
	bool one = by && by->last && !by->several;

	*cycle = 0;
	if (by && task == (one ? by->last : by->first))
		*cycle = by->first->served.cycle;
	return !one || !task->served.relays;
}

/* --- all of them */

/* What is not the same when it is read again does not wait. */
static int mark_tasks(struct py *py, struct tasks *t)
{
	struct py_awaits a;

	for (uint32_t i = 0; i < t->n; i++) {
		if (i % READ_AT_ONCE == 0)
			py_forget(py);
		t->list[i].mark = mark_task(py, t->list[i].object, &a);
		if (t->list[i].mark)
			py_serves(py, &a, &t->list[i].served);
	}
	return sort_requests(t);
}

/* False: it does not wait where it did. */
static bool read_task(struct py *py, const struct py_home *h, const struct tasks *t,
		      const struct task *task, struct python_wait *w)
{
	struct py_awaits a;
	uint64_t cycle;

	memset(w, 0, sizeof(*w));
	if (!task->mark || mark_task(py, task->object, &a) != task->mark ||
	    !is_told(t, task, &cycle))
		return false;
	tell_task(py, h, &a, w);
	if (cycle)
		py_wait_request(py, cycle, w);
	return true;
}

static bool same_wait(const struct python_wait *a, const struct python_wait *b)
{
	return a->thread == b->thread && !strcmp(a->where, b->where) && !strcmp(a->on, b->on) &&
	       !memcmp(&a->peer, &b->peer, sizeof(a->peer)) && !strcmp(a->path, b->path);
}

/* Where a task has ended, the memory of the next one may lie just there: what is told must be the
   same in two readings that begin anew. */
static void tell_some(struct py *py, const struct py_home *h, const struct tasks *t, uint32_t from,
		      struct python_wait *before, python_wait_visit visit, void *ctx)
{
	bool there[READ_AT_ONCE] = {};
	struct python_wait w;

	py_forget(py);
	for (uint32_t i = 0; i < READ_AT_ONCE && from + i < t->n; i++)
		there[i] = read_task(py, h, t, &t->list[from + i], &before[i]);
	py_forget(py);
	for (uint32_t i = 0; i < READ_AT_ONCE && from + i < t->n; i++)
		if (there[i] && read_task(py, h, t, &t->list[from + i], &w) &&
		    same_wait(&w, &before[i]))
			visit(ctx, &w);
}

static int tell_tasks(struct py *py, const struct py_home *h, const struct tasks *t,
		      python_wait_visit visit, void *ctx)
{
	struct python_wait *before = calloc(READ_AT_ONCE, sizeof(*before));

	if (!before)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n; i += READ_AT_ONCE)
		tell_some(py, h, t, i, before, visit, ctx);
	free(before);
	return 0;
}

/* --- threads */

static bool tell_thread(struct py *py, const struct py_home *h, uint64_t tstate,
			struct python_wait *w)
{
	struct py_frame frames[PY_FRAMES_MAX];
	unsigned n = py_frames(py, tstate, frames), own;
	struct python_place place;
	bool loop;

	*w = (struct python_wait){.thread = true};
	own = py_frames_own(py, h, frames, n, &loop);
	if (loop || own == n)
		return false;
	py_code_place(py, h, &frames[own], &place);
	memcpy(w->where, place.where, sizeof(w->where));
	if (own)
		py_code_called(py, h, &frames[own - 1], -1, own - 1, w->on, sizeof(w->on));
	return *w->where;
}

static bool same(const struct python_wait *a, const struct python_wait *b)
{
	return !strcmp(a->where, b->where) && !strcmp(a->on, b->on);
}

static void tell_threads(struct py *py, const struct py_home *h, python_wait_visit visit, void *ctx)
{
	uint64_t threads[PY_THREADS_MAX];
	struct python_wait before, w;
	unsigned n;

	py_forget(py);
	n = py_threads(py, threads);
	for (unsigned i = 0; i < n; i++) {
		py_forget(py);
		if (!tell_thread(py, h, threads[i], &before))
			continue;
		py_forget(py);
		if (tell_thread(py, h, threads[i], &w) && same(&before, &w))
			visit(ctx, &w);
	}
}

static void free_requests(struct hashmap *requests)
{
	struct hashmap_iter it;

	hashmap_iter_init(&it, requests);
	while (hashmap_next(&it))
		free(it.value);
	hashmap_free(requests);
}

int py_waits(struct py *py, const struct py_home *h, python_wait_visit visit, void *ctx)
{
	struct tasks t = {.py = py, .list = calloc(PY_TASKS_MAX, sizeof(*t.list))};
	int err = -ENOMEM;

	hashmap_init(&t.requests);
	if (!t.list)
		goto out;
	py_forget(py);
	err = find_tasks(py, &t);
	if (!err)
		err = mark_tasks(py, &t);
	if (!err)
		err = tell_tasks(py, h, &t, visit, ctx);
	if (!err)
		tell_threads(py, h, visit, ctx);
out:
	py_forget(py);
	free_requests(&t.requests);
	free(t.list);
	return err;
}
