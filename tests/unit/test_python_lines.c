/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* test_python_lines.c - line tables of real code objects, against what their interpreters said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/python/lines.h"
#include "../../user/python/offsets.h"

/* Instructions from start up to end (bytes) are of this line; 0: of none. Ends with an empty one.
 */
struct golden_run {
	int32_t start, end;
	uint32_t line;
};

static const struct golden {
	unsigned version;
	uint32_t first;
	size_t size;
	const char *table;
	const struct golden_run *runs;
} golden[] = {
#include "python_lines_golden.h"
};

#define N_GOLDEN (sizeof(golden) / sizeof(*golden))

/* In memory of its exact size, where a sanitizer sees a read beyond. */
static uint32_t line_at(const struct golden *g, size_t size, int32_t at)
{
	uint8_t *copy = malloc(size ? size : 1);
	uint32_t line;

	assert_non_null(copy);
	memcpy(copy, g->table, size);
	line = py_line(g->version, copy, size, g->first, at);
	free(copy);
	return line;
}

static void test_golden(void **state)
{
	unsigned checked = 0;

	(void)state;
	for (size_t i = 0; i < N_GOLDEN; i++) {
		for (const struct golden_run *r = golden[i].runs; r->end; r++) {
			for (int32_t at = r->start; at < r->end; at += 2, checked++)
				if (line_at(&golden[i], golden[i].size, at) != r->line)
					fail_msg("table %zu of %#x at %d: %u, not %u", i,
						 golden[i].version, at,
						 line_at(&golden[i], golden[i].size, at), r->line);
		}
	}
	assert_true(checked > 4000);
}

static void test_every_version_is_there(void **state)
{
	const struct py_offsets *all;
	unsigned n, found;

	(void)state;
	all = py_offsets_all(&n);
	for (unsigned v = 0; v < n; v++) {
		found = 0;
		for (size_t i = 0; i < N_GOLDEN; i++)
			found += golden[i].version == all[v].version;
		assert_true(found >= 12);
	}
}

static void test_not_begun(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GOLDEN; i++)
		assert_int_equal(line_at(&golden[i], golden[i].size, -1), golden[i].first);
}

/* Beyond the end: the old table does not know where its code ends, the others do. */
static void test_beyond(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GOLDEN; i++)
		if (golden[i].version >= 0x30a)
			assert_int_equal(line_at(&golden[i], golden[i].size, 1 << 28), 0);
}

/* A table that was cut anywhere says a line that is right, or none; the old one cannot know. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GOLDEN; i++) {
		const struct golden *g = &golden[i];

		for (size_t size = 0; size < g->size; size += 1 + size / 16) {
			for (const struct golden_run *r = g->runs; r->end; r++) {
				uint32_t line = line_at(g, size, r->start);

				if (g->version >= 0x30a && line)
					assert_int_equal(line, r->line);
			}
		}
	}
}

static void test_hostile(void **state)
{
	static const uint8_t all_ones[64] = {[0 ... 63] = 0xff}, plain[3] = {0x50, 0x01, 0x02};
	static const uint8_t endless[16] = {0xe8, [1 ... 15] = 0x7f};

	(void)state;
	for (unsigned version = 0x308; version <= 0x30d; version++) {
		py_line(version, all_ones, sizeof(all_ones), 1, 1000);
		py_line(version, all_ones, sizeof(all_ones), UINT32_MAX, INT32_MAX);
		assert_int_equal(py_line(version, NULL, 0, UINT32_MAX, -1), 0);
	}
	assert_int_equal(py_line(0x30b, plain, sizeof(plain), 5, 0), 0);
	assert_int_equal(py_line(0x30b, endless, sizeof(endless), 5, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	  cmocka_unit_test(test_every_version_is_there),
		cmocka_unit_test(test_not_begun), cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_cut),	  cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests_name("python_lines", tests, NULL, NULL);
}
