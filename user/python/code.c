// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* code.c - what is told of a code object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "frames.h"
#include "kinds.h"
#include "lines.h"

#define NAME_SIZE 200
#define TABLE_MAX (1 << 20) /* bytes of a line table */

/* --- texts */

/* Takes away the beginning of a character whose rest was cut. */
static void mend_end(char *buf)
{
	size_t n = strlen(buf), k = 0;
	unsigned char c;

	while (k < n && k < 3 && ((unsigned char)buf[n - 1 - k] & 0xc0) == 0x80)
		k++;
	if (k == n)
		return;
	c = (unsigned char)buf[n - 1 - k];
	if ((c >= 0xf0 && k < 3) || (c >= 0xe0 && c < 0xf0 && k < 2) ||
	    (c >= 0xc0 && c < 0xe0 && !k))
		buf[n - 1 - k] = '\0';
}

void py_join(char *buf, size_t size, const char *a, const char *between, const char *b)
{
	if (snprintf(buf, size, "%s%s%s", a, between, b) >= (int)size)
		mend_end(buf);
}

bool py_is_text(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = strlen(text), k = 1;

	for (; n && k; p += k, n -= k)
		k = utf8_length(p, n);
	return k > 0;
}

/* --- its parts */

static bool read_file(struct py *py, uint64_t code, char *buf, size_t size)
{
	*buf = '\0';
	return py_kind(py, code) == KIND_CODE &&
	       py_str(py, pymem_u64(py->mem, code + py->o.co_filename), buf, (int)size) > 0;
}

static bool read_name(struct py *py, const struct py_frame *f, char *buf, size_t size)
{
	int at = py->o.co_qualname >= 0 ? py->o.co_qualname : py->o.co_name;

	if (f->name && py_str(py, f->name, buf, (int)size) > 0)
		return true;
	return py_str(py, pymem_u64(py->mem, f->code + at), buf, (int)size) > 0;
}

/* 0: none. */
static uint32_t read_line(struct py *py, const struct py_frame *f)
{
	uint32_t first = pymem_u32(py->mem, f->code + py->o.co_firstlineno), line = 0;
	uint64_t table = pymem_u64(py->mem, f->code + py->o.co_lines), n;
	uint8_t *bytes;

	if (f->at < 0)
		return py_line(py->o.version, NULL, 0, first, f->at);
	n = pymem_u64(py->mem, table + py->o.var_size);
	if (!py_is(py, table, PY_BYTES) || n > TABLE_MAX)
		return 0;
	bytes = malloc(n ? n : 1);
	if (bytes && !pymem_get(py->mem, table + py->o.bytes_data, bytes, n))
		line = py_line(py->o.version, bytes, n, first, f->at);
	free(bytes);
	return line;
}

/* --- in words */

bool py_code_own(struct py *py, const struct py_home *h, uint64_t code)
{
	char file[PY_FILE_MAX];

	return read_file(py, code, file, sizeof(file)) && py_file_own(h, file);
}

void py_code_place(struct py *py, const struct py_home *h, const struct py_frame *f,
		   struct python_place *out)
{
	char file[PY_FILE_MAX], name[NAME_SIZE], number[16] = " ";
	uint32_t line;

	*out = (struct python_place){};
	if (!read_file(py, f->code, file, sizeof(file)) || !read_name(py, f, name, sizeof(name)))
		return;
	line = read_line(py, f);
	if (line)
		snprintf(number, sizeof(number), ":%u ", line);
	out->own = py_file_own(h, file);
	py_join(out->where, sizeof(out->where), py_file_short(h, file), number, name);
}

/* Called by the syntax, not by what somebody wrote. */
static bool is_protocol(struct py *py, uint64_t code)
{
	static const char *const names[] = {"__aenter__", "__aexit__", "__enter__",
					    "__exit__",	  "__await__", "__anext__"};
	uint64_t name = pymem_u64(py->mem, code + py->o.co_name);

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (py_str_is(py, name, names[i]))
			return py_kind(py, code) == KIND_CODE;
	return false;
}

void py_code_called(struct py *py, const struct py_home *h, const struct py_frame *f, int step,
		    unsigned more, char *buf, size_t size)
{
	char file[PY_FILE_MAX], name[NAME_SIZE], module[NAME_SIZE];

	*buf = '\0';
	for (; more && is_protocol(py, f->code); more--)
		f += step;
	if (!read_file(py, f->code, file, sizeof(file)) || !read_name(py, f, name, sizeof(name)))
		return;
	py_file_module(h, file, module, sizeof(module));
	py_join(buf, size, module, *module ? " " : "", name);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && !strcmp(text + n - k, end);
}

bool py_code_is(struct py *py, uint64_t code, const char *file_end, const char *name)
{
	char file[PY_FILE_MAX];

	return read_file(py, code, file, sizeof(file)) && ends_with(file, file_end) &&
	       (!name || py_str_is(py, pymem_u64(py->mem, code + py->o.co_name), name));
}

bool py_code_runs_loop(struct py *py, uint64_t code)
{
	static const struct {
		const char *file, *name; /* NULL: all of it */
	} runners[] = {
		{"/asyncio/runners.py", NULL},
		{"/asyncio/base_events.py", "run_forever"},
		{"/asyncio/base_events.py", "run_until_complete"},
		{"/asyncio/base_events.py", "_run_once"},
		{"/uvloop/__init__.py", NULL},
		{"/uvicorn/server.py", "run"},
		{"/uvicorn/main.py", NULL},
		{"/uvicorn/workers.py", NULL},
		{"/uvicorn_worker/_workers.py", NULL},
		{"/uvicorn/supervisors/basereload.py", NULL},
		{"/uvicorn/supervisors/multiprocess.py", NULL},
		{"/gunicorn/arbiter.py", NULL},
	};
	char file[PY_FILE_MAX];

	if (!read_file(py, code, file, sizeof(file)))
		return false;
	for (unsigned i = 0; i < sizeof(runners) / sizeof(*runners); i++)
		if (ends_with(file, runners[i].file) &&
		    (!runners[i].name ||
		     py_str_is(py, pymem_u64(py->mem, code + py->o.co_name), runners[i].name)))
			return true;
	return false;
}
