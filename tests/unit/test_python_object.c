/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_python_object.c - another process's memory, and the Python objects in it, for every version.
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

#include "../../user/python/kinds.h"
#include "pyimage.h"

/* --- memory */

static int two_pages(void *ctx, uint64_t addr, void *buf, size_t len)
{
	unsigned *calls = ctx;

	(*calls)++;
	assert_int_equal(addr % PYMEM_PAGE, 0);
	assert_int_equal(len, PYMEM_PAGE);
	if (addr != 0x10000 && addr != 0x11000)
		return -EFAULT;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)((addr + i) % 251);
	return 0;
}

static void test_memory(void **state)
{
	unsigned calls = 0;
	struct pymem *m = pymem_new(two_pages, &calls);
	uint8_t buf[16];

	(void)state;
	assert_int_equal(pymem_get(m, 0x10ff8, buf, 16), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(buf[i], (0x10ff8 + i) % 251);
	assert_int_equal(calls, 2);
	assert_int_equal(pymem_get(m, 0x11ff8, buf, 8), 0);
	assert_int_equal(pymem_get(m, 0x11ff9, buf, 8), -EFAULT);
	assert_int_equal(buf[0], 0);
	assert_int_equal(pymem_u64(m, 0x0ffff), 0);
	assert_int_equal(calls, 4);
	assert_int_equal(pymem_get(m, 0x0fff8, buf, 8), -EFAULT);
	assert_int_equal(calls, 4); /* what is not there is asked for once */
	pymem_forget(m);
	assert_int_equal(pymem_u8(m, 0x10000), 0x10000 % 251);
	assert_int_equal(calls, 5);
	assert_int_equal(pymem_reads(m), 5);
	pymem_free(m);
	pymem_free(NULL);
}

static void test_no_address(void **state)
{
	static const uint64_t none[] = {0, 1, 4095, 1ULL << 48, ~0ULL, ~0ULL - 8, (1ULL << 48) - 1};
	unsigned calls = 0;
	struct pymem *m = pymem_new(two_pages, &calls);

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(pymem_u64(m, none[i]), 0);
	assert_int_equal(calls, 0);
	pymem_free(m);
}

static int anything(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	(void)addr;
	memset(buf, 'x', len);
	return 0;
}

static void test_memory_is_bounded(void **state)
{
	struct pymem *m = pymem_new(anything, NULL);
	uint64_t at = 1 << 20;
	char text[8];

	(void)state;
	while (pymem_u8(m, at) && at < 1ULL << 40)
		at += PYMEM_PAGE;
	assert_int_equal((at - (1 << 20)) / PYMEM_PAGE, PYMEM_PAGES);
	assert_int_equal(pymem_text(m, 1 << 20, text, sizeof(text)), -ENAMETOOLONG);
	assert_string_equal(text, "");
	pymem_free(m);
}

/* What is there already is not read for ever, either. */
static void test_work_is_bounded(void **state)
{
	struct pymem *m = pymem_new(anything, NULL);
	uint32_t n = 0;

	(void)state;
	while (pymem_u64(m, 1 << 20) && n < 2 * PYMEM_GETS)
		n++;
	assert_int_equal(n, PYMEM_GETS);
	pymem_forget(m);
	assert_int_equal(pymem_u8(m, 1 << 20), 'x');
	pymem_free(m);
}

/* --- objects, by version */

static struct py *py_of(struct image *im)
{
	struct py *py = calloc(1, sizeof(*py));

	assert_non_null(py);
	py->o = im->o;
	py->mem = pymem_new(image_read, im);
	return py;
}

static void done(struct py *py, struct image *im)
{
	py_close(py);
	free(py);
	image_free(im);
}

#define EACH_VERSION(im)                                              \
	for (unsigned v_ = 0, n_; py_offsets_all(&n_), v_ < n_; v_++) \
		for (struct image *im = image_new(py_offsets_all(&n_)[v_].version); im; im = NULL)

/* Objects were made since it was read. */
static struct py *anew(struct py *py)
{
	py_forget(py);
	return py;
}

static void test_strings(void **state)
{
	static const uint32_t wide[] = {0xe9, 0x20ac, 0x1f600}, half[] = {0xd800}, nul[] = {'a', 0};
	char buf[64], small[4];

	(void)state;
	EACH_VERSION(im)
	{
		struct py *py = py_of(im);
		uint64_t s = image_str(im, "/items");

		assert_int_equal(py_str(py, s, buf, sizeof(buf)), 6);
		assert_string_equal(buf, "/items");
		assert_true(py_str_is(py, s, "/items"));
		assert_false(py_str_is(py, s, "/item"));
		assert_false(py_str_is(py, im->none, ""));
		assert_int_equal(py_str(anew(py), image_str(im, ""), buf, sizeof(buf)), 0);
		assert_true(py_str(py, s, small, sizeof(small)) < 0);
		assert_string_equal(small, "");
		assert_int_equal(py_str(anew(py), image_wide_str(im, wide, 1, 1), buf, sizeof(buf)),
				 2);
		assert_int_equal(py_str(anew(py), image_wide_str(im, wide, 2, 2), buf, sizeof(buf)),
				 5);
		assert_int_equal(py_str(anew(py), image_wide_str(im, wide, 3, 4), buf, sizeof(buf)),
				 9);
		assert_string_equal(buf, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
		assert_true(py_str(anew(py), image_wide_str(im, half, 1, 2), buf, sizeof(buf)) < 0);
		assert_true(py_str(anew(py), image_wide_str(im, nul, 2, 1), buf, sizeof(buf)) < 0);
		assert_true(py_str(py, im->none, buf, sizeof(buf)) < 0);
		assert_true(py_str(py, 0, buf, sizeof(buf)) < 0);
		image_put(im, s + im->o.uni_length, 1ULL << 62);
		py_forget(py);
		assert_true(py_str(py, s, buf, sizeof(buf)) < 0);
		done(py, im);
	}
}

static void test_containers(void **state)
{
	uint64_t items, keys[4];

	(void)state;
	EACH_VERSION(im)
	{
		struct py *py = py_of(im);
		uint64_t a = image_str(im, "a"), b = image_str(im, "b"), both[] = {a, b};
		uint64_t list = image_list(im, 2, both), set = image_set(im, 2, both);

		assert_int_equal(py_list(py, list, &items), 2);
		assert_int_equal(pymem_u64(py->mem, items + 8), b);
		assert_int_equal(py_tuple(anew(py), image_tuple(im, 2, both), &items), 2);
		assert_int_equal(pymem_u64(py->mem, items), a);
		assert_true(py_list(anew(py), image_tuple(im, 2, both), &items) < 0);
		assert_true(py_tuple(py, list, &items) < 0);
		assert_int_equal(py_set(py, set, keys, 4), 2);
		assert_true(py_set(py, set, keys, 1) < 0);
		assert_true(py_set(py, list, keys, 4) < 0);
		assert_int_equal(py_int(anew(py), image_int(im, 7)), 7);
		assert_int_equal(py_int(anew(py), image_int(im, 0)), 0);
		assert_int_equal(py_int(py, im->none), -1);
		image_put(im, list + im->o.var_size, PY_ITEMS_MAX + 1);
		image_put(im, set + im->o.set_mask, 1 << 20);
		py_forget(py);
		assert_true(py_list(py, list, &items) < 0);
		assert_true(py_set(py, set, keys, 4) < 0);
		image_put(im, list + im->o.var_size, ~0ULL);
		py_forget(py);
		assert_true(py_list(py, list, &items) < 0);
		done(py, im);
	}
}

static void test_attributes(void **state)
{
	(void)state;
	EACH_VERSION(im)
	{
		struct py *py = py_of(im);
		const struct image_pair pairs[] = {
			{"one", im->none}, {"gone", 0}, {"two", im->type}};
		uint64_t class = image_class(im, "C", "m", 0), o;

		for (enum image_form form = FORM_DICT; form <= FORM_VALUES; form++) {
			o = image_object(im, class, form, 3, pairs);
			assert_int_equal(py_attr(anew(py), o, "one"), im->none);
			assert_int_equal(py_attr(py, o, "two"), im->type);
			assert_int_equal(py_attr(py, o, "gone"), 0);
			assert_int_equal(py_attr(py, o, "three"), 0);
			py_forget(py);
		}
		assert_int_equal(py_attr(py, im->none, "one"), 0);
		assert_int_equal(py_attr(py, 0, "one"), 0);
		assert_int_equal(py_dict_get(anew(py), image_dict(im, 3, pairs), "two"), im->type);
		assert_int_equal(py_dict_get(anew(py), image_split_dict(im, 3, pairs), "two"),
				 im->type);
		assert_int_equal(py_dict_get(py, im->none, "two"), 0);
		done(py, im);
	}
}

/* A table of keys that says that it is larger than it can be. */
static void test_broken_dict(void **state)
{
	(void)state;
	EACH_VERSION(im)
	{
		struct py *py = py_of(im);
		uint64_t d = image_dict(im, 1, &(struct image_pair){"a", im->none});
		uint64_t keys = image_get(im, d + im->o.ma_keys);

		for (unsigned at = 8; at <= 32; at += 8) {
			uint64_t before = image_get(im, keys + at);

			image_put(im, keys + at, ~0ULL);
			py_forget(py);
			py_dict_get(py, d, "b"); /* the sanitizers watch */
			image_put(im, keys + at, before);
		}
		image_put(im, d + im->o.ma_keys, 7);
		py_forget(py);
		assert_int_equal(py_dict_get(py, d, "a"), 0);
		done(py, im);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	EACH_VERSION(im)
	{
		struct py *py = py_of(im);
		uint64_t route = image_class(im, "Route", "starlette.routing", 0);
		uint64_t mine = image_class(im, "MyRoute", "shop", route);
		uint64_t fake = image_class(im, "Route", "shop", 0), o;

		o = image_object(im, mine, FORM_VALUES, 0, NULL);
		assert_int_equal(py_kind(anew(py), o), KIND_ROUTE);
		assert_int_equal(py_kind(anew(py), image_object(im, fake, FORM_VALUES, 0, NULL)),
				 KIND_OTHER);
		assert_int_equal(py_kind(anew(py), image_function(im, "f", 1, "f")), KIND_FUNCTION);
		assert_int_equal(py_kind(py, 0), KIND_OTHER);
		assert_int_equal(py_kind(py, im->thread), KIND_OTHER);
		assert_false(py_overrides(py, o, "matches"));
		image_dict_add(im, image_get(im, mine + im->o.tp_dict), "matches", im->none);
		image_dict_add(im, image_get(im, route + im->o.tp_dict), "handle", im->none);
		py_forget(py);
		assert_true(py_overrides(py, o, "matches"));
		assert_false(py_overrides(py, o, "handle"));
		done(py, im);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_work_is_bounded),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_broken_dict),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
