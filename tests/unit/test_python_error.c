/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_python_error.c - exceptions and stacks in words, of a made-up interpreter of every version.
 */
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

static const struct py_home home = {.cwd = "/srv/app", .stdlib = "/usr/lib/python3.99"};

/* --- whose a file is */

static void test_files(void **state)
{
	static const struct {
		const char *file, *module; /* NULL: the application's own */
	} files[] = {
		{"/srv/app/shop/db.py", NULL},
		{"shop/db.py", NULL},
		{"/srv/site-packages.py", NULL},
		{"/usr/lib/python3.990/x.py", NULL},
		{"/usr/lib/python3.99/asyncio/locks.py", "asyncio.locks"},
		{"/usr/lib/python3.99/json/__init__.py", "json"},
		{"/usr/lib/python3.99/threading.py", "threading"},
		{"/usr/lib/python3.99/site-packages/asyncpg/pool.py", "asyncpg"},
		{"/usr/lib/python3/dist-packages/six.py", "six"},
		{"/srv/app/venv/lib/python3.12/site-packages/a/site-packages/b/c.py", "b"},
		{"<frozen importlib._bootstrap>", "importlib._bootstrap"},
		{"<string>", ""},
		{"", ""},
		{"/srv/app/venv/bin/uvicorn", ""},
		{"uvloop/loop.pyx", ""},
	};
	char module[64];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		assert_int_equal(py_file_own(&home, files[i].file), !files[i].module);
		py_file_module(&home, files[i].file, module, sizeof(module));
		assert_string_equal(module, files[i].module ? files[i].module : "");
	}
	assert_string_equal(py_file_short(&home, "/srv/app/shop/db.py"), "shop/db.py");
	assert_string_equal(py_file_short(&home, "/srv/apple/db.py"), "/srv/apple/db.py");
}

/* Where os.__file__ is not known, by the usual name. */
static void test_usual_home(void **state)
{
	const struct py_home usual = {};

	(void)state;
	assert_false(py_file_own(&usual, "/usr/lib/python3.11/json/decoder.py"));
	assert_true(py_file_own(&usual, "/usr/lib/python3/json/decoder.py"));
	assert_true(py_file_own(&usual, "/srv/lib/python3.x/decoder.py"));
}

static void test_home(void **state)
{
	(void)state;
	IMAGE_EACH(im)
	{
		struct py_home h = {};
		struct py *py = image_open(im);
		uint64_t os = image_get(im, image_module(im, "os") + 16);

		py_forget(py);
		py_home_open(py, &h);
		assert_string_equal(h.stdlib, "");
		image_dict_add(im, os, "__file__", image_str(im, "/opt/py/lib/python3.9/os.py"));
		py_forget(py);
		py_home_open(py, &h);
		assert_string_equal(h.stdlib, "/opt/py/lib/python3.9");
		image_done(im, py);
	}
}

/* --- exceptions */

struct raised {
	struct image *im;
	struct py *py;
	struct rs_error e;
};

static int32_t lasti(const struct image *im, unsigned k)
{
	(void)im;
	return (int32_t)(2 * k);
}

static void push(struct raised *r, const char *file, unsigned line, const char *name, unsigned k)
{
	struct rs_frame *f = &r->e.frames[r->e.n_frames++];

	*f = (struct rs_frame){image_code_named(r->im, file, line, name), lasti(r->im, k),
			       (int32_t)line};
	r->e.depth++;
}

/* A class of Python's, raised in the application and, below that, in a package. */
static struct raised raised_in(struct image *im)
{
	uint64_t base = image_class(im, "Exception", NULL, 0);
	struct raised r = {.im = im};

	r.e.type = image_class(im, "TooMany", "asyncpg.exceptions", base);
	r.e.exception = image_raw(im, r.e.type, 64);
	r.e.tstate = im->thread;
	strcpy(r.e.name, "TooMany");
	push(&r, LIB "starlette/routing.py", 10, "Route.handle", 3);
	push(&r, "/srv/app/shop/db.py", 80, "get_conn", 8);
	push(&r, LIB "asyncpg/pool.py", 200, "Pool.acquire", 1);
	r.py = image_open(im);
	return r;
}

static const char *name_of(struct image *im, const char *qualname)
{
	const char *dot = strrchr(qualname, '.');

	return im->o.co_qualname >= 0 || !dot ? qualname : dot + 1;
}

static void test_error(void **state)
{
	struct python_error out;
	char where[64];

	(void)state;
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);

		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.type, "asyncpg.exceptions.TooMany");
		snprintf(where, sizeof(where), LIB "asyncpg/pool.py:201 %s",
			 name_of(im, "Pool.acquire"));
		assert_string_equal(out.where, where);
		assert_string_equal(out.own, "shop/db.py:88 get_conn");

		push(&r, "/srv/app/shop/x.py", 5, "raises", 0); /* the raise is its own */
		py_forget(r.py);
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.where, "shop/x.py:5 raises");
		assert_string_equal(out.own, "");

		r.e.n_frames = 1; /* none is */
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.own, "");
		r.e.n_frames = 0;
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.type, "asyncpg.exceptions.TooMany");
		assert_string_equal(out.where, "");
		image_done(im, r.py);
	}
}

/* Static types of C have all in their name; builtins no module. */
static void test_type_names(void **state)
{
	struct python_error out;

	(void)state;
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);
		uint64_t builtin = image_class(im, "MyError", "builtins", 0);

		image_put(im, r.e.type + im->o.tp_flags,
			  image_get(im, r.e.type + im->o.tp_flags) & ~(uint64_t)PY_HEAP_TYPE);
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.type, "TooMany");
		r.e.type = builtin;
		strcpy(r.e.name, "MyError");
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.type, "MyError");
		image_done(im, r.py);
	}
}

static void test_stale(void **state)
{
	struct python_error out;

	(void)state;
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);
		struct rs_error e = r.e;

		strcpy(e.name, "TooFew");
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		strcpy(e.name, "Too"); /* short names are not cut */
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		e = r.e;
		e.frames[0].firstline++;
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		assert_string_equal(out.type, "");
		e = r.e;
		e.frames[1].code = im->none;
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		e = r.e;
		e.type = e.exception;
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		e = r.e;
		e.n_frames = RS_MAX_FRAMES + 1;
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		memset(e.name, 'x', sizeof(e.name));
		assert_int_equal(py_error(r.py, &home, &e, &out), -ESTALE);
		image_done(im, r.py);
	}
}

/* What is freed leaves its bytes where they were, but no references. */
static void test_freed(void **state)
{
	struct python_error out;

	(void)state;
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);
		uint64_t objects[] = {r.e.type, r.e.frames[2].code};

		for (unsigned i = 0; i < 2; i++) {
			image_put(im, objects[i], 0);
			assert_int_equal(py_error(r.py, &home, &r.e, &out), -ESTALE);
			image_put(im, objects[i], 0x7f0012345670); /* the next one that is free */
			assert_int_equal(py_error(r.py, &home, &r.e, &out), -ESTALE);
			assert_string_equal(out.type, "");
			image_put(im, objects[i], UINT32_MAX); /* lives forever */
			assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		}
		r.e.type = image_class(im, "TooMany", NULL, 0); /* its dict was emptied */
		assert_int_equal(py_error(r.py, &home, &r.e, &out), -ESTALE);
		image_done(im, r.py);
	}
}

/* Code of no file is not told, the application's above it is; what is frozen stays. */
static void test_no_file(void **state)
{
	struct python_error out;

	(void)state;
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);

		push(&r, "<string>", 1, "run", 0);
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.where, "");
		assert_string_equal(out.own, "shop/db.py:88 get_conn");
		push(&r, "<frozen importlib._bootstrap>", 7, "load", 0);
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_string_equal(out.where, "<frozen importlib._bootstrap>:7 load");
		image_done(im, r.py);
	}
}

static void test_ambient(void **state)
{
	struct python_error out;

	(void)state;
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);

		r.e.base = 1;
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		image_handle(im, r.e.exception, false); /* a coroutine's, not the thread's */
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		image_handle(im, r.e.exception, true);
		assert_int_equal(py_error(r.py, &home, &r.e, &out), -ENODATA);
		image_handle(im, image_raw(im, r.e.type, 64), true); /* in its place for a moment */
		assert_int_equal(py_error(r.py, &home, &r.e, &out), -ENODATA);
		image_handle(im, im->none, true);
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		r.e.base = 0;
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		image_done(im, r.py);
	}
}

/* A place that is longer than there is room is cut between characters. */
static void test_cut(void **state)
{
	static const uint32_t euro[] = {0x20ac};
	struct python_error out;
	char file[300];

	(void)state;
	memset(file, 'f', sizeof(file) - 1);
	file[sizeof(file) - 1] = '\0';
	IMAGE_EACH(im)
	{
		struct raised r = raised_in(im);
		uint32_t name[60];
		uint64_t code = image_code_named(im, file, 7, "x");
		int at = im->o.co_qualname >= 0 ? im->o.co_qualname : im->o.co_name;

		for (unsigned i = 0; i < 60; i++)
			name[i] = euro[0];
		image_put(im, code + at, image_wide_str(im, name, 60, 2));
		r.e.frames[2] = (struct rs_frame){code, -1, 7};
		assert_int_equal(py_error(r.py, &home, &r.e, &out), 0);
		assert_true(strlen(out.where) > SITE_TEXT_MAX - 5);
		assert_int_equal((strlen(out.where) - 299 - 3) % 3, 0);
		image_done(im, r.py);
	}
}

/* --- what the kernel side needs */

static void test_interp(void **state)
{
	struct rs_interp out;
	char why[160];

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		assert_int_equal(py_interp(py, im->none, &out, why, sizeof(why)), 0);
		assert_int_equal(out.interp, im->interp);
		assert_int_equal(out.none, im->none);
		assert_true(out.gil && out.gil_size == (uint32_t)im->o.gil_size);
		assert_int_equal(out.fo_frame, im->o.fo_frame);
		assert_int_equal(py_interp(py, im->type, &out, why, sizeof(why)), -EINVAL);
		assert_int_equal(out.interp, 0);
		image_put(im, im->thread + im->o.ts_exc_info, im->thread + im->o.ts_exc_state + 8);
		assert_int_equal(py_interp(py, im->none, &out, why, sizeof(why)), -EINVAL);
		image_handle(im, im->none, false);
		assert_int_equal(py_interp(py, im->none, &out, why, sizeof(why)), 0);
		image_done(im, py);
	}
}

/* Whoever held it last is no thread: it is not the GIL. */
static void test_no_gil(void **state)
{
	struct rs_interp out;
	char why[160];

	(void)state;
	IMAGE_EACH(im)
	{
		struct py *py = image_open(im);

		assert_int_equal(py_interp(py, im->none, &out, why, sizeof(why)), 0);
		image_put(im, out.gil + im->o.gil_holder, im->none);
		assert_int_equal(py_interp(py, im->none, &out, why, sizeof(why)), 0);
		assert_int_equal(out.gil, 0);
		image_done(im, py);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	   cmocka_unit_test(test_usual_home),
		cmocka_unit_test(test_home),	   cmocka_unit_test(test_error),
		cmocka_unit_test(test_type_names), cmocka_unit_test(test_stale),
		cmocka_unit_test(test_ambient),	   cmocka_unit_test(test_freed),
		cmocka_unit_test(test_no_file),	   cmocka_unit_test(test_cut),
		cmocka_unit_test(test_interp),	   cmocka_unit_test(test_no_gil),
	};

	return cmocka_run_group_tests_name("python_error", tests, NULL, NULL);
}
