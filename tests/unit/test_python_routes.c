/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_python_routes.c - an interpreter is checked, then its application's routes are read; for
 * every version, and while its memory changes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/python/root.h"
#include "../../user/python/routes.h"
#include "pyimage.h"

#define EACH_VERSION(im)                                              \
	for (unsigned v_ = 0, n_; py_offsets_all(&n_), v_ < n_; v_++) \
		for (struct image *im = image_new(py_offsets_all(&n_)[v_].version); im; im = NULL)

static int open_image(struct image *im, struct py *py, char *why)
{
	*why = '\0';
	return py_open(py, image_read, im, &im->symbols, why, 160);
}

/* --- the check */

static void test_every_version(void **state)
{
	struct py py;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		assert_int_equal(open_image(im, &py, why), 0);
		assert_int_equal(py.o.version, im->o.version);
		assert_int_equal(py.interp, im->interp);
		py_close(&py);
		py_close(&py);
		im->symbols.context_type = 0; /* not exported: the rest is still checked */
		assert_int_equal(open_image(im, &py, why), 0);
		py_close(&py);
		image_free(im);
	}
}

/* Each link of the chain, broken: off, with a reason. */
static void break_link(struct image *im, unsigned which)
{
	uint64_t hex = image_get(im, im->sys + 16);

	switch (which) {
	case 0: /* another version runs */
		image_put(im, hex + im->o.ma_keys, image_get(im, im->modules + im->o.ma_keys));
		break;
	case 1:
		image_put(im, im->symbols.runtime + im->o.rt_interp_head, 0);
		break;
	case 2:
		image_put(im, im->interp + im->o.in_tstate_head, 0);
		break;
	case 3:
		image_put(im, im->thread + im->o.ts_interp, im->thread);
		break;
	case 4: /* the context is elsewhere */
		image_put(im, im->thread + im->o.ts_context + 16,
			  image_get(im, im->thread + im->o.ts_context));
		image_put(im, im->thread + im->o.ts_context, 0);
		break;
	case 5:
		image_put(im, im->interp + im->o.in_modules, im->none);
		break;
	case 6:
		im->symbols.runtime = 4096;
		break;
	}
}

/* The state of a thread that has no context yet, before that of another one. */
static void test_thread_without_context(void **state)
{
	struct py py;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		uint64_t young = image_alloc(im, 1024);

		image_put(im, young + im->o.ts_interp, im->interp);
		image_put(im, young + im->o.ts_context + 64,
			  image_get(im, im->thread + im->o.ts_context));
		image_put(im, im->thread + im->o.ts_next, young);
		if (open_image(im, &py, why))
			fail_msg("version %x: %s", im->o.version, why);
		py_close(&py);
		image_free(im);
	}
}

static void test_failed_check(void **state)
{
	struct py py;
	char why[160];

	(void)state;
	for (unsigned which = 0; which < 7; which++)
		EACH_VERSION(im)
		{
			break_link(im, which);
			if (!open_image(im, &py, why))
				fail_msg("version %x, link %u: the check passed", im->o.version,
					 which);
			assert_true(*why);
			assert_null(py.mem);
			image_free(im);
		}
}

/* The threads of a list that leads in a circle are bounded. */
static void test_thread_circle(void **state)
{
	uint64_t threads[PY_THREADS_MAX];
	struct py py;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		image_put(im, im->thread + im->o.ts_next, im->thread);
		assert_int_equal(open_image(im, &py, why), 0);
		assert_int_equal(py_threads(&py, threads), PY_THREADS_MAX);
		py_close(&py);
		image_free(im);
	}
}

static void test_unknown_builds(void **state)
{
	struct image *im = image_new(0x30d);
	struct py py;
	char why[160];

	(void)state;
	image_put(im, im->symbols.runtime + 8, 0x030f00f0);
	assert_int_equal(open_image(im, &py, why), -ENOTSUP);
	assert_string_equal(why, "CPython 3.15 is not known to this reqscope");
	image_put(im, im->symbols.runtime + 8, 0x030d00f0);
	image_put(im, im->symbols.runtime + 16, 1);
	assert_int_equal(open_image(im, &py, why), -ENOTSUP);
	assert_string_equal(why, "CPython 3.13 without the GIL is not known to this reqscope");
	image_free(im);
}

/* The running interpreter's own numbers count, not those of the release that the table is from. */
static void test_debug_offsets(void **state)
{
	struct image *im = image_new(0x30d);
	unsigned at = 0;
	struct py py;
	char why[160];

	(void)state;
	for (const struct py_debug_offset *d = im->o.debug; d->theirs; d++)
		if (d->ours == offsetof(struct py_offsets, in_modules))
			at = d->theirs;
	assert_int_not_equal(at, 0);
	image_put(im, im->interp + im->o.in_modules + 64, im->modules);
	image_put(im, im->interp + im->o.in_modules, 0);
	image_put(im, im->symbols.runtime + at, im->o.in_modules + 64);
	assert_int_equal(open_image(im, &py, why), 0);
	assert_int_equal(py.o.in_modules, im->o.in_modules + 64);
	py_close(&py);
	image_put(im, im->symbols.runtime + at, 1ULL << 40);
	assert_int_equal(open_image(im, &py, why), -EINVAL);
	image_free(im);
}

/* --- routes */

static const struct {
	const char *method, *template, *place, *host;
	uint32_t scope;
	bool upgrade;
} expected[] = {
	{"GET", "/items/{item_id:int}", "main.py:10 item", NULL, ROUTE_NO_SCOPE, false},
	{"HEAD", "/items/{item_id:int}", "main.py:10 item", NULL, ROUTE_NO_SCOPE, false},
	{"GET", "/ws/{room}", "main.py:10 item", NULL, ROUTE_NO_SCOPE, true},
	{"*", "/sub/{tenant}/{x:path}", "main.py:10 item", NULL, ROUTE_NO_SCOPE, false},
	{"*", "/sub/{tenant}/{path:path}", NULL, NULL, 3, false},
	{"*", "/{x:path}", "main.py:10 item", "api.example.org", ROUTE_NO_SCOPE, false},
	{"*", "/{path:path}", NULL, "api.example.org", 5, false},
	{"*", "/opaque/{path:path}", "main.py:10 item", NULL, 7, false},
};
#define EXPECTED (sizeof(expected) / sizeof(*expected))

static void check_routes(const struct py_routes *r)
{
	assert_int_equal(r->n, EXPECTED);
	for (unsigned i = 0; i < EXPECTED; i++) {
		const struct route_entry *e = &r->entries[i];

		assert_string_equal(e->method, expected[i].method);
		assert_string_equal(e->template, expected[i].template);
		assert_int_equal(!e->place, !expected[i].place);
		if (e->place)
			assert_string_equal(e->place, expected[i].place);
		assert_int_equal(!e->host, !expected[i].host);
		if (e->host)
			assert_string_equal(e->host, expected[i].host);
		assert_int_equal(e->scope, expected[i].scope);
		assert_int_equal(e->upgrade, expected[i].upgrade);
		assert_false(e->uncertain);
	}
}

/* Opens the image and reads its routes; what py_routes_read() said. */
static int read_image(struct image *im, struct py_routes *r, char *why)
{
	struct py py;
	int err;

	assert_int_equal(open_image(im, &py, why), 0);
	err = py_routes_read(&py, "/srv/app", r, why, 160);
	py_close(&py);
	return err;
}

static void test_routes(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		image_app(im);
		assert_int_equal(read_image(im, &r, why), 0);
		check_routes(&r);
		assert_int_equal(r.routes, 5);
		assert_int_equal(r.uncertain, 0);
		assert_int_equal(r.n_watch, 2);
		assert_true(r.fastapi && !r.guessed && !r.cut);
		py_routes_free(&r);
		py_routes_free(&r);
		image_free(im);
	}
}

/* The server is not a local, but in a coroutine that is one, in another. */
static void test_in_a_coroutine(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		struct image_app a = image_app(im);
		uint64_t inner = image_coroutine(im, 2, (uint64_t[]){im->none, a.config});
		uint64_t outer = image_coroutine(im, 1, &inner);

		im->frame = 0;
		image_push_frame(im, 1, &outer);
		assert_int_equal(read_image(im, &r, why), 0);
		check_routes(&r);
		py_routes_free(&r);
		image_free(im);
	}
}

/* Behind middleware: an attribute, a closure, a method, a partial. */
static uint64_t wrap(struct image *im, uint64_t app)
{
	uint64_t class = image_class(im, "Middleware", "shop", 0);
	uint64_t cell = image_alloc(im, 32), f = image_function(im, "m.py", 1, "mw"), o;

	image_put(im, cell + im->o.cell_ref, app);
	image_put(im, cell + 8, im->cell);
	image_put(im, f + im->o.fn_closure, image_tuple(im, 1, &cell));
	o = image_object(im, class, FORM_DICT, 2,
			 (struct image_pair[]){{"name", image_str(im, "x")}, {"inner", f}});
	cell = image_alloc(im, 48);
	image_put(im, cell + 8, im->method);
	image_put(im, cell + im->o.meth_self, o);
	image_put(im, cell + im->o.meth_func, image_function(im, "m.py", 2, "call"));
	o = image_alloc(im, 48);
	image_put(im, o + 8, im->partial);
	image_put(im, o + 16, cell);
	return o;
}

static void serve(struct image *im, const struct image_app *a, uint64_t app)
{
	uint64_t class = image_get(im, a->config + 8), config, server;

	config = image_object(im, class, FORM_DICT, 1, &(struct image_pair){"loaded_app", app});
	class = image_get(im, a->server + 8);
	server = image_object(im, class, FORM_DICT, 1, &(struct image_pair){"config", config});
	image_push_frame(im, 1, &server);
}

static void test_behind_middleware(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		struct image_app a = image_app(im);

		serve(im, &a, wrap(im, a.app));
		assert_int_equal(read_image(im, &r, why), 0);
		check_routes(&r);
		py_routes_free(&r);
		image_free(im);
	}
}

/* Two applications, equally near: which of them answers cannot be told. */
static void test_two_applications(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		struct image_app a = image_app(im);
		uint64_t class = image_class(im, "Either", "shop", 0);

		serve(im, &a,
		      image_object(im, class, FORM_DICT, 2,
				   (struct image_pair[]){{"a", a.app}, {"b", a.router}}));
		assert_int_equal(read_image(im, &r, why), -ENOENT);
		assert_int_equal(r.n, 0);
		assert_string_equal(why,
				    "what uvicorn calls does not lead to a Starlette application");
		py_routes_free(&r);
		image_free(im);
	}
}

static void test_no_table(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		assert_int_equal(read_image(im, &r, why), -ENOENT);
		assert_string_equal(why, "the application is not Starlette or FastAPI");
		image_dict_add(im, im->modules, "starlette.routing", im->none);
		assert_int_equal(read_image(im, &r, why), -ENOENT);
		assert_string_equal(why, "the application that is served was not found");
		image_free(im);
	}
}

/* --- what is not as it should be */

static void test_circle(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		struct image_app a = image_app(im);
		uint64_t items = image_get(im, a.routes + im->o.list_item),
			 mount = image_get(im, items + 16);
		uint64_t keys, entry;

		/* the application is mounted in itself, three times */
		image_put(im, items, mount);
		image_put(im, items + 8, mount);
		entry = im->o.version < 0x30b ? mount + 16 : mount - 24;
		keys = image_get(im, image_get(im, entry) + im->o.ma_keys);
		keys += im->o.version < 0x30b ? 40 + 16 + 24 + 16 : 32 + 16 + 16 + 8;
		image_put(im, keys, a.app);
		assert_int_equal(read_image(im, &r, why), 0);
		assert_true(r.cut);
		assert_true(r.routes <= PY_ROUTES_MAX);
		py_routes_free(&r);
		image_free(im);
	}
}

/* A list of routes that is another at each reading. */
static void grow(struct image *im)
{
	uint64_t list = IMAGE_BASE;

	memcpy(&list, im->bytes + IMAGE_SIZE - 8, 8);
	image_put(im, list + im->o.var_size, 1 + im->reads % 5);
}

static void test_changes_all_the_time(void **state)
{
	struct py_routes r;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		struct image_app a = image_app(im);
		int err;

		memcpy(im->bytes + IMAGE_SIZE - 8, &a.routes, 8);
		im->meddle = grow;
		err = read_image(im, &r, why);
		/* two readings in a row may meet the same length: then that is what there was */
		assert_true(err == -EAGAIN || (!err && r.n <= EXPECTED));
		if (err)
			assert_string_equal(why, "its routes were changing all the time");
		py_routes_free(&r);
		image_free(im);
	}
}

/* Every word of the memory, replaced by something else: no crash, and an answer. */
static void test_any_word_broken(void **state)
{
	static const uint64_t values[] = {0, ~0ULL, 0x4141414141414141, IMAGE_BASE + 8, 1ULL << 46};
	struct py_routes r;
	struct py py;
	char why[160];

	(void)state;
	EACH_VERSION(im)
	{
		uint64_t step = 8 * 61; /* about a hundredth, another one for each version */

		image_app(im);
		for (uint64_t at = 8 * v_; at < im->used; at += step)
			for (unsigned i = 0; i < 5; i++) {
				uint64_t before = image_get(im, IMAGE_BASE + at);

				image_put(im, IMAGE_BASE + at, values[i]);
				if (!open_image(im, &py, why)) {
					py_routes_read(&py, "", &r, why, sizeof(why));
					py_routes_free(&r);
					py_close(&py);
				}
				image_put(im, IMAGE_BASE + at, before);
			}
		assert_int_equal(read_image(im, &r, why), 0);
		check_routes(&r);
		py_routes_free(&r);
		image_free(im);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_failed_check),
		cmocka_unit_test(test_thread_without_context),
		cmocka_unit_test(test_thread_circle),
		cmocka_unit_test(test_unknown_builds),
		cmocka_unit_test(test_debug_offsets),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_in_a_coroutine),
		cmocka_unit_test(test_behind_middleware),
		cmocka_unit_test(test_two_applications),
		cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_changes_all_the_time),
		cmocka_unit_test(test_any_word_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
