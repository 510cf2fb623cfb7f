/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_python_waits.c - what threads do and where tasks wait, in a made-up interpreter of every
 * version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/python/frames.h"
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

/* The same, whether the thread stands or runs, when nothing changes. */
static void stack_of(struct py *py, struct image *im, uint64_t futex, struct python_stack *out)
{
	struct python_stack running = {};

	*out = (struct python_stack){};
	py_stack(py, &home, im->thread, true, futex, out);
	py_stack(py, &home, im->thread, false, futex, &running);
	assert_memory_equal(out, &running, sizeof(running));
}

static void test_stack(void **state)
{
	struct python_stack s;

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		stack_of(py, im, 0, &s); /* no frames at all */
		assert_string_equal(s.own.where, "");
		assert_string_equal(s.inner.where, "");
		loop_calls(im);
		stack_of(py, im, 0, &s); /* the script that started the server held nothing up */
		assert_string_equal(s.own.where, "");
		assert_string_equal(s.inner.where, STD "asyncio/base_events.py:602 run_forever");
		call(im, LIB "starlette/routing.py", 10, "handle", 3);
		call(im, "/srv/app/shop/report.py", 20, "report", 4);
		stack_of(py, im, 0, &s);
		assert_string_equal(s.own.where, "shop/report.py:24 report");
		assert_true(s.own.own);
		assert_string_equal(s.called, "");
		image_call_c(im);
		call(im, STD "json/__init__.py", 30, "loads", 1);
		call(im, STD "json/decoder.py", 40, "decode", 1);
		stack_of(py, im, 0, &s);
		assert_string_equal(s.own.where, "shop/report.py:24 report");
		assert_string_equal(s.called, "json loads");
		assert_string_equal(s.inner.where, STD "json/decoder.py:41 decode");
		assert_false(s.inner.own || s.gil || s.collecting);
		image_done(im, py);
	}
}

/* When the first reading of the frames is over, the innermost is another function's. */
static struct {
	unsigned reads;
	uint64_t code;
} change;

static void swap_inner(struct image *im)
{
	if (im->reads > change.reads)
		image_put(im, im->frame + im->o.fr_code, change.code);
}

static void test_stack_changes(void **state)
{
	struct py_frame frames[PY_FRAMES_MAX];
	struct python_stack s;

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		loop_calls(im);
		call(im, "/srv/app/shop/report.py", 20, "report", 4);
		change.code = image_code_named(im, "/srv/app/quick.py", 1, "quick");
		py_forget(py);
		im->reads = 0;
		assert_true(py_frames(py, im->thread, frames) >= 4);
		change.reads = im->reads;
		im->reads = 0;
		im->meddle = swap_inner;
		s = (struct python_stack){};
		py_stack(py, &home, im->thread, false, 0, &s);
		assert_string_equal(s.own.where, ""); /* neither in both readings */
		assert_non_null(strstr(s.inner.where, "quick.py:"));
		s = (struct python_stack){}; /* from now on it is the same */
		py_stack(py, &home, im->thread, false, 0, &s);
		assert_non_null(strstr(s.own.where, "quick.py:"));
		im->meddle = NULL;
		image_done(im, py);
	}
}

static void test_torn(void **state)
{
	struct python_stack s;

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		loop_calls(im);
		call(im, "/srv/app/shop/report.py", 20, "report", 4);
		image_put(im, im->frame + im->o.fr_code, im->none);
		stack_of(py, im, 0, &s); /* no code: nothing is told of that frame */
		assert_string_equal(s.inner.where, "");
		image_put(im, im->frame + im->o.fr_code, 0);
		stack_of(py, im, 0, &s);
		assert_string_equal(s.own.where, "");
		image_put(im, im->frame + im->o.fr_previous, im->frame); /* a ring of frames */
		stack_of(py, im, 0, &s);
		assert_string_equal(s.own.where, "");
		image_done(im, py);
	}
}

static void test_gil(void **state)
{
	struct python_stack s;
	uint64_t other, gil;
	uint32_t size;

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);
		uint64_t first = im->thread, first_frame;

		loop_calls(im);
		first_frame = im->frame;
		other = image_alloc(im, 512);
		image_put(im, other + im->o.ts_interp, im->interp);
		image_put(im, other + im->o.ts_thread_id, 0x7fff00002000);
		image_put(im, first + im->o.ts_next, other);
		if (im->o.cf_current >= 0)
			image_put(im, other + im->o.ts_frame, image_alloc(im, 32));
		im->thread = other;
		im->frame = 0;
		call(im, "/srv/app/work.py", 5, "crunch", 1);
		call(im, STD "hashlib.py", 50, "file_digest", 1);
		im->thread = first;
		im->frame = first_frame;
		py_forget(py);
		gil = py_gil(py, &size);
		assert_true(gil != 0);
		stack_of(py, im, gil + size, &s);
		assert_false(s.gil);
		stack_of(py, im, gil + size - 8, &s);
		assert_true(s.gil);
		assert_string_equal(s.holder.where, ""); /* nobody has it */
		image_put(im, gil + im->o.gil_holder, other);
		image_put32(im, gil + im->o.gil_locked, 1);
		stack_of(py, im, gil + 40, &s);
		assert_string_equal(s.holder.where, "work.py:6 crunch");
		assert_true(s.holder.own);
		image_put(im, gil + im->o.gil_holder, first);
		stack_of(py, im, gil + 40, &s);
		assert_string_equal(s.holder.where, "");
		image_done(im, py);
	}
}

static void test_collecting(void **state)
{
	struct python_stack s;

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		image_put32(im,
			    im->o.rt_collecting >= 0 ? im->symbols.runtime + im->o.rt_collecting
						     : im->interp + im->o.in_collecting,
			    1);
		stack_of(py, im, 0, &s);
		assert_true(s.collecting);
		image_done(im, py);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack),	   cmocka_unit_test(test_stack_changes),
		cmocka_unit_test(test_torn),	   cmocka_unit_test(test_gil),
		cmocka_unit_test(test_collecting),
	};

	return cmocka_run_group_tests_name("python_stack", tests, NULL, NULL);
}
