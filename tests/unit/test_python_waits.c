/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_python_waits.c - where tasks and threads wait, in a made-up interpreter of every
 * version. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/python/insight.h"
#include "pyimage.h"

#define LIB "/usr/lib/python3/dist-packages/"
#define STD "/usr/lib/python3.99/"

static const struct py_home home = {.cwd = "/srv/app", .stdlib = "/usr/lib/python3.99"};

static void call(struct image *im, const char *file, unsigned line, const char *name, unsigned k)
{
	image_call(im, image_code_named(im, file, line, name), k, im->none);
}

static void loop_calls(struct image *im)
{
	image_call_c(im);
	call(im, "/srv/app/main.py", 1, "<module>", 5);
	call(im, LIB "uvicorn/server.py", 60, "run", 1);
	call(im, STD "asyncio/base_events.py", 600, "run_forever", 2);
	image_call_c(im);
}

struct seen {
	struct python_wait list[16];
	unsigned n;
};

static void on_wait(void *ctx, const struct python_wait *w)
{
	struct seen *s = ctx;

	assert_true(s->n < 16);
	s->list[s->n++] = *w;
}

static struct seen waits_of(struct image *im)
{
	struct py *py = image_open(im);
	struct seen s = {};

	assert_int_equal(py_waits(py, &home, on_wait, &s), 0);
	py_close(py);
	free(py);
	return s;
}

static const struct python_wait *by_where(const struct seen *s, const char *where)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->list[i].where, where))
			return &s->list[i];
	fail_msg("nothing waits at %s", where);
	return NULL;
}

static uint64_t coroutine(struct image *im, const char *file, unsigned line, const char *name,
			  unsigned k, uint64_t awaits)
{
	return image_suspended(im, im->coroutine, image_code_named(im, file, line, name), k, awaits,
			       im->none);
}

static uint64_t future(struct image *im)
{
	return image_awaiting(im, im->future_iter, image_raw(im, im->future, 120));
}

/* An endpoint that waits for a connection of a pool, below uvicorn's own coroutine. */
static uint64_t request(struct image *im, const char *host, uint32_t port, const char *path)
{
	uint64_t pool = coroutine(im, LIB "asyncpg/pool.py", 300, "Pool.acquire", 7, future(im));
	uint64_t conn = coroutine(im, "/srv/app/shop/db.py", 80, "get_conn", 8, pool);
	uint64_t gen = image_suspended(im, im->generator,
				       image_code_named(im, LIB "fastapi/x.py", 1, "solve"), 1,
				       image_awaiting(im, im->wrapper, conn), im->none);
	uint64_t code =
		image_code_named(im, LIB "uvicorn/protocols/http/h11_impl.py", 400, "X.run_asgi");
	uint64_t cycle = image_cycle(im, host, port, path);

	return image_task(im, image_suspended(im, im->coroutine, code, 2, gen, cycle));
}

static void test_request(void **state)
{
	struct in_addr addr;

	(void)state;
	IMAGE_EACH(im)
	{
		const struct python_wait *w;
		struct seen s;
		bool qual = im->o.co_qualname >= 0;

		image_tasks(im, 1, (uint64_t[]){request(im, "192.0.2.7", 51234, "/orders/%31")});
		s = waits_of(im);
		assert_int_equal(s.n, 1);
		w = by_where(&s, "shop/db.py:88 get_conn");
		assert_false(w->thread);
		assert_string_equal(w->on, qual ? "asyncpg Pool.acquire" : "asyncpg acquire");
		assert_string_equal(w->path, "/orders/%31");
		assert_int_equal(w->peer.family, RS_AF_INET);
		assert_int_equal(ntohs(w->peer.port), 51234);
		assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &addr), 1);
		assert_memory_equal(w->peer.ip, &addr, 4);
		image_free(im);
	}
}

static void test_peers(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		struct seen s;

		image_tasks(im, 3,
			    (uint64_t[]){request(im, "2001:db8::1", 1, "/a"),
					 request(im, "unix", 7, NULL),
					 request(im, "1.2.3.4", 0, "/b")});
		s = waits_of(im);
		assert_int_equal(s.n, 3);
		for (unsigned i = 0; i < 3; i++) {
			const struct python_wait *w = &s.list[i];

			assert_int_equal(w->peer.family, !strcmp(w->path, "/a") ? RS_AF_INET6 : 0);
		}
		image_free(im);
	}
}

/* A middleware that runs the application in a task of its own: that one is the request's, the other
   only waits for it. */
static void test_relayed(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		uint64_t cycle = image_cycle(im, "192.0.2.7", 51234, "/a"), scope, serves, tasks[3];
		uint64_t next = coroutine(im, LIB "starlette/middleware/base.py", 100,
					  "B.call_next", 1, future(im));
		struct py *py = image_open(im);
		struct seen s;

		scope = py_attr(py, cycle, "scope");
		serves = image_code_named(im, LIB "uvicorn/protocols/http/h11_impl.py", 400,
					  "run_asgi");
		next = coroutine(im, "/srv/app/middle.py", 5, "timing", 1, next);
		tasks[0] =
			image_task(im, image_suspended(im, im->coroutine, serves, 2, next, cycle));
		image_tasks(im, 1, tasks);
		s = waits_of(im);
		assert_int_equal(by_where(&s, "middle.py:6 timing")->peer.family, RS_AF_INET);

		next = coroutine(im, "/srv/app/shop.py", 5, "order", 2, future(im));
		serves =
			image_code_named(im, LIB "starlette/middleware/errors.py", 1, "E.__call__");
		next = image_suspended(im, im->coroutine, serves, 2, next, scope);
		tasks[1] = image_task(im, next);
		image_tasks(im, 2, tasks);
		s = waits_of(im);
		assert_int_equal(s.n, 1);
		assert_int_equal(by_where(&s, "shop.py:7 order")->peer.family, RS_AF_INET);
		assert_string_equal(s.list[0].path, "/a");

		tasks[2] = image_task(im, next); /* which of two it is cannot be told */
		image_tasks(im, 3, tasks);
		s = waits_of(im);
		assert_int_equal(s.n, 3);
		assert_int_equal(by_where(&s, "middle.py:6 timing")->peer.family, RS_AF_INET);
		assert_int_equal(by_where(&s, "shop.py:7 order")->peer.family, 0);
		image_done(im, py);
	}
}

static void test_ends(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		uint64_t inner = coroutine(im, "/srv/app/b.py", 10, "child", 1, future(im));
		uint64_t task = image_task(im, inner),
			 runs = coroutine(im, "/srv/app/c.py", 1, "runs", 1, 0);
		uint64_t busy = image_task(im, runs), waits, tasks[6];
		struct seen s;

		waits = image_awaiting(im, im->future_iter, task);
		tasks[0] = image_task(im, coroutine(im, "/srv/app/a.py", 1, "parent", 2, waits));
		tasks[1] = image_task(im, coroutine(im, "/srv/app/d.py", 1, "plain", 3, 0));
		waits = image_awaiting(im, im->future_iter, busy);
		tasks[2] = image_task(im, coroutine(im, "/srv/app/e.py", 1, "joins", 3, waits));
		tasks[3] = image_task(
			im, coroutine(im, LIB "starlette/s.py", 1, "send", 3, future(im)));
		tasks[4] = busy;
		tasks[5] = image_raw(im, im->task, 160); /* done: no coroutine any more */
		image_resume(im, runs);
		image_tasks(im, 6, tasks);
		s = waits_of(im);
		assert_int_equal(s.n, 4);
		/* through one task to what the other waits for */
		assert_string_equal(by_where(&s, "b.py:11 child")->on, "Future");
		assert_string_equal(by_where(&s, "d.py:4 plain")->on, "");
		assert_string_equal(by_where(&s, "e.py:4 joins")->on, "Task");
		assert_string_equal(by_where(&s, "")->on, "starlette send");
		image_free(im);
	}
}

/* What an await goes through by itself is not what the application called. */
static void test_protocol(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		uint64_t inner = coroutine(im, STD "asyncio/locks.py", 10, "Semaphore.acquire", 1,
					   future(im));
		uint64_t enter =
			coroutine(im, STD "asyncio/locks.py", 5, "Mixin.__aenter__", 1, inner);
		struct seen s;

		image_tasks(im, 1,
			    (uint64_t[]){image_task(
				    im, coroutine(im, "/srv/app/a.py", 1, "f", 0, enter))});
		s = waits_of(im);
		assert_string_equal(by_where(&s, "a.py:1 f")->on,
				    im->o.co_qualname >= 0 ? "asyncio.locks Semaphore.acquire"
							   : "asyncio.locks acquire");
		image_free(im);
	}
}

/* From that many readings on the task is not where it was. */
static struct {
	unsigned reads;
	bool runs; /* else it waits elsewhere */
	uint64_t coroutine;
} change;

static void go_on(struct image *im)
{
	if (im->reads <= change.reads)
		return;
	if (change.runs)
		image_resume(im, change.coroutine);
	else
		image_move(im, change.coroutine, 50);
}

/* Whenever it goes on while it is read: told is where it was, or where it is, or nothing. */
static void go_on_at_any_time(struct image *im, struct py *py, unsigned reads)
{
	uint8_t *before = malloc(IMAGE_SIZE);
	unsigned silent = 0, moved = 0;
	struct seen s = {};

	assert_non_null(before);
	memcpy(before, im->bytes, IMAGE_SIZE);
	im->meddle = go_on;
	for (change.reads = 0; change.reads < reads; change.reads++) {
		im->reads = s.n = 0;
		assert_int_equal(py_waits(py, &home, on_wait, &s), 0);
		silent += !s.n;
		if (s.n && !change.runs && !strcmp(s.list[0].where, "a.py:51 f"))
			moved++;
		else if (s.n)
			assert_string_equal(s.list[0].where, "a.py:1 f");
		memcpy(im->bytes, before, IMAGE_SIZE);
	}
	assert_true(silent > 0 && silent + moved < reads);
	assert_true(change.runs || moved > 0);
	im->meddle = NULL;
	free(before);
}

static void test_goes_on(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		struct seen s = {};
		struct py *py;

		change.coroutine = coroutine(im, "/srv/app/a.py", 1, "f", 0, future(im));
		image_tasks(im, 1, (uint64_t[]){image_task(im, change.coroutine)});
		py = image_open(im);
		im->reads = 0;
		assert_int_equal(py_waits(py, &home, on_wait, &s), 0);
		assert_int_equal(s.n, 1);
		change.runs = true;
		go_on_at_any_time(im, py, im->reads);
		change.runs = false;
		go_on_at_any_time(im, py, im->reads);
		image_done(im, py);
	}
}

/* Coroutines that await each other. */
static void test_ring(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		uint64_t c = coroutine(im, "/srv/app/a.py", 1, "f", 0, im->none), frame;
		struct seen s;

		frame = im->o.version < 0x30b ? image_get(im, c + im->o.coro_frame)
					      : c + im->o.coro_frame;
		image_put(im, frame + im->o.fr_locals + 8, c);
		image_tasks(im, 1, (uint64_t[]){image_task(im, c)});
		s = waits_of(im);
		assert_int_equal(s.n, 0);
		image_put(im, frame + im->o.fr_locals + 8,
			  im->none); /* "await" of what has no frame */
		s = waits_of(im);
		assert_string_equal(by_where(&s, "a.py:1 f")->on, "NoneType");
		image_free(im);
	}
}

static void test_threads(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		struct seen s;

		image_tasks(im, 0, NULL);
		s = waits_of(im);
		assert_int_equal(s.n, 0);
		call(im, STD "threading.py", 900, "_bootstrap", 1);
		call(im, STD "concurrent/futures/thread.py", 80, "_worker", 1);
		s = waits_of(im); /* a thread of a pool, idle */
		assert_int_equal(s.n, 0);
		call(im, "/srv/app/sync.py", 10, "endpoint", 5);
		call(im, STD "threading.py", 600, "wait", 1);
		s = waits_of(im);
		assert_int_equal(s.n, 1);
		assert_true(s.list[0].thread);
		assert_string_equal(s.list[0].where, "sync.py:15 endpoint");
		assert_string_equal(s.list[0].on, "threading wait");
		assert_int_equal(s.list[0].peer.family, 0);
		image_free(im);
	}
}

/* The loop's thread is no wait: what it is in is for py_stack() to tell. */
static void test_loop_is_no_wait(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		struct seen s;

		image_tasks(im, 0, NULL);
		loop_calls(im);
		call(im, "/srv/app/shop/report.py", 20, "report", 4);
		s = waits_of(im);
		assert_int_equal(s.n, 0);
		image_free(im);
	}
}

static void test_without_asyncio(void **state)
{
	struct seen s = {};

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		assert_int_equal(py_waits(py, &home, on_wait, &s), -ENOENT);
		assert_int_equal(s.n, 0);
		image_done(im, py);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_relayed),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_loop_is_no_wait),
		cmocka_unit_test(test_without_asyncio),
	};

	return cmocka_run_group_tests_name("python_waits", tests, NULL, NULL);
}
