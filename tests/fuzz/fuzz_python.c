/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fuzz_python.c - an interpreter whose memory is damaged, and goes on changing while it is read.
 * Input: one byte for the version, then changes of 8 bytes: when (0: before all, else at that
 * reading), how, where (2 bytes, in words), and 4 bytes of a value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/python/frames.h"
#include "../../user/python/insight.h"
#include "../../user/python/routes.h"
#include "../unit/pyimage.c"
#include "../unit/pyimage_run.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define CHANGE	    8
#define MAX_CHANGES 64

/* An image of each version, as it was made. */
static struct pristine {
	struct image *image;
	uint8_t *bytes;
	struct rs_error error;
} all[16];

static const uint8_t *changes;
static size_t n_changes;

/* Something of the application, of a package and of the standard library, each way of waiting. */
static void make_tasks(struct image *im)
{
	uint64_t code = image_code_named(im, "/srv/app/db.py", 80, "Db.get_conn"), inner, outer,
		 tasks[3];
	uint64_t pool =
		image_code_named(im, "/x/site-packages/asyncpg/pool.py", 9, "Pool.__aenter__");
	uint64_t lock =
		image_code_named(im, "/usr/lib/python3.9/asyncio/locks.py", 30, "Lock.acquire");
	uint64_t serves =
		image_code_named(im, "/x/uvicorn/protocols/http/h11_impl.py", 1, "R.run_asgi");
	uint64_t future = image_awaiting(im, im->future_iter, image_raw(im, im->future, 120));
	uint64_t cycle = image_cycle(im, "192.0.2.7", 51234, "/orders/1");

	inner = image_suspended(im, im->generator, lock, 2, future, 0);
	inner = image_suspended(im, im->coroutine, pool, 3, inner, 0);
	outer = image_suspended(im, im->coroutine, code, 4, image_awaiting(im, im->wrapper, inner),
				0);
	tasks[0] = image_task(im, image_suspended(im, im->coroutine, serves, 5, outer, cycle));
	future = image_awaiting(im, im->future_iter, tasks[0]);
	tasks[1] = image_task(im, image_suspended(im, im->coroutine, code, 6, future, 0));
	tasks[2] = image_task(im, image_suspended(im, im->coroutine, code, 7, 0, 0));
	image_tasks(im, 3, tasks);
	image_call_c(im);
	image_call(im, code, 8, im->none);
	image_call(im, lock, 9, im->none);
}

static void make_error(struct image *im, struct rs_error *e)
{
	const char *const files[] = {"/srv/app/a.py", "/srv/app/b.py", "/x/site-packages/c.py"};

	*e = (struct rs_error){.type = image_class(im, "TooMany", "asyncpg", im->object),
			       .n_frames = 3};
	e->exception = image_raw(im, e->type, 64);
	e->tstate = im->thread;
	strcpy(e->name, "TooMany");
	for (unsigned i = 0; i < 3; i++)
		e->frames[i] =
			(struct rs_frame){image_code_named(im, files[i], 10 * i, "f"), 14, 10 * i};
	image_handle(im, e->exception, false);
}

static struct pristine *pristine(unsigned version)
{
	const struct py_offsets *known;
	struct pristine *p;
	unsigned n;

	known = py_offsets_all(&n);
	p = &all[version % n];
	if (!p->image) {
		p->image = image_new(known[version % n].version);
		image_app(p->image);
		make_tasks(p->image);
		make_error(p->image, &p->error);
		p->bytes = malloc(p->image->used);
		MUST(p->bytes);
		memcpy(p->bytes, p->image->bytes, p->image->used);
	}
	memcpy(p->image->bytes, p->bytes, p->image->used);
	p->image->reads = 0;
	p->image->meddle = NULL;
	return p;
}

/* Values that go further than random ones: addresses, small numbers, what lies elsewhere. */
static void change(struct image *im, const uint8_t *c)
{
	uint64_t at = IMAGE_BASE + (c[2] | c[3] << 8) * 8 % (im->used - 8), value;
	uint32_t v;

	memcpy(&v, c + 4, 4);
	switch (c[1] % 6) {
	case 0:
		value = IMAGE_BASE + v % im->used;
		break;
	case 1:
		value = v;
		break;
	case 2:
		value = image_get(im, IMAGE_BASE + (v & ~7U) % (im->used - 8));
		break;
	case 3:
		value = image_get(im, at) ^ 1ULL << v % 64;
		break;
	case 4:
		value = image_get(im, at) + (int32_t)v;
		break;
	default:
		value = (uint64_t)v << 32 | v;
	}
	image_put(im, at, value);
}

static void meddle(struct image *im)
{
	for (size_t i = 0; i < n_changes; i++)
		if (changes[i * CHANGE] && changes[i * CHANGE] == im->reads)
			change(im, changes + i * CHANGE);
}

static void check_entry(const struct py_routes *r, uint32_t i)
{
	const struct route_entry *e = &r->entries[i];

	MUST(e->template && memchr(e->method, '\0', sizeof(e->method)) && *e->method);
	MUST(!e->place || (*e->place && strlen(e->place) < PY_PLACE_MAX));
	MUST(e->scope == ROUTE_NO_SCOPE || e->scope <= i);
}

static void use(const struct py_routes *r)
{
	struct router *router = router_new(100);
	struct route_ask ask = {
		.method = "GET", .path = "/sub/a/b", .path_len = 8, .host = "a.example"};

	MUST(router);
	MUST(r->n_watch <= PY_WATCH_MAX);
	for (uint32_t i = 0; i < r->n; i++)
		check_entry(r, i);
	MUST(!router_replace_app(router, r->entries, r->n, NULL));
	MUST(router_match_ask(router, &ask));
	router_free(router);
}

/* --- what is asked while it runs */

static void check_text(const char *text, size_t size)
{
	MUST(memchr(text, '\0', size));
	MUST(py_is_text(text));
}

static void on_wait(void *ctx, const struct python_wait *w)
{
	unsigned *n = ctx;

	check_text(w->where, sizeof(w->where));
	check_text(w->on, sizeof(w->on));
	MUST(memchr(w->path, '\0', sizeof(w->path)));
	MUST(!w->peer.family || w->peer.family == RS_AF_INET || w->peer.family == RS_AF_INET6);
	MUST(w->peer.family || !w->peer.port);
	MUST(!w->thread || *w->where);
	MUST(++*n <= PY_TASKS_MAX + PY_THREADS_MAX);
}

static void ask(struct py *py, struct image *im, const struct rs_error *error)
{
	struct py_home home = {.cwd = "/srv/app"};
	struct python_stack stack = {};
	struct python_error e;
	struct rs_interp interp;
	char why[160] = "";
	unsigned n = 0;

	py_home_open(py, &home);
	check_text(home.stdlib, sizeof(home.stdlib));
	MUST(!py_interp(py, im->none, &interp, why, sizeof(why)) || (*why && !interp.interp));
	if (py_error(py, &home, error, &e))
		MUST(!*e.type && !*e.where && !*e.own);
	check_text(e.where, sizeof(e.where));
	check_text(e.own, sizeof(e.own));
	check_text(e.type, sizeof(e.type));
	for (unsigned still = 0; still < 2; still++)
		py_stack(py, &home, im->thread, still, interp.gil, &stack);
	check_text(stack.own.where, sizeof(stack.own.where));
	check_text(stack.called, sizeof(stack.called));
	MUST(!*stack.own.where || stack.own.own);
	py_waits(py, &home, on_wait, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[160] = "";
	struct pristine *p;
	struct py_routes r;
	struct image *im;
	struct py py;

	if (!size)
		return 0;
	p = pristine(data[0]);
	im = p->image;
	changes = data + 1;
	n_changes = (size - 1) / CHANGE;
	if (n_changes > MAX_CHANGES)
		n_changes = MAX_CHANGES;
	for (size_t i = 0; i < n_changes; i++)
		if (!changes[i * CHANGE])
			change(im, changes + i * CHANGE);
	im->meddle = meddle;
	if (py_open(&py, image_read, im, &im->symbols, why, sizeof(why))) {
		MUST(*why && !py.mem);
		return 0;
	}
	ask(&py, im, &p->error);
	if (!py_routes_read(&py, "/srv/app", &r, why, sizeof(why)))
		use(&r);
	else
		MUST(*why);
	py_routes_free(&r);
	py_close(&py);
	return 0;
}
