// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* place.c - where an endpoint is written, behind what wraps it. */
#include <stdio.h>
#include <string.h>

#include "kinds.h"
#include "routes.h"

#define WRAPS_MAX 16
#define FILE_MAX  384
#define NAME_MAX_ 120

/* Below the working directory: from there. */
static const char *shorten(const char *file, const char *cwd)
{
	size_t n = strlen(cwd);

	return n > 1 && !strncmp(file, cwd, n) && file[n] == '/' && file[n + 1] ? file + n + 1
										: file;
}

static void of_code(struct py *py, uint64_t code, const char *name, const char *cwd, char *buf,
		    size_t size)
{
	char file[FILE_MAX];

	if (py_kind(py, code) != KIND_CODE ||
	    py_str(py, pymem_u64(py->mem, code + py->o.co_filename), file, sizeof(file)) <= 0)
		return;
	snprintf(buf, size, "%s:%u %s", shorten(file, cwd),
		 pymem_u32(py->mem, code + py->o.co_firstlineno), name);
}

static void of_function(struct py *py, uint64_t function, const char *cwd, char *buf, size_t size)
{
	char name[NAME_MAX_];

	if (py_str(py, pymem_u64(py->mem, function + py->o.fn_qualname), name, sizeof(name)) > 0)
		of_code(py, pymem_u64(py->mem, function + py->o.fn_code), name, cwd, buf, size);
}

/* --- a class: its first function */

struct first {
	struct py *py;
	uint64_t code;
	uint32_t line;
};

static int note_function(void *ctx, uint64_t key, uint64_t value)
{
	struct first *f = ctx;
	uint64_t code;
	uint32_t line;

	(void)key;
	if (py_kind(f->py, value) != KIND_FUNCTION)
		return 0;
	code = pymem_u64(f->py->mem, value + f->py->o.fn_code);
	line = pymem_u32(f->py->mem, code + f->py->o.co_firstlineno);
	if (!f->code || line < f->line) {
		f->code = code;
		f->line = line;
	}
	return 0;
}

static void of_class(struct py *py, uint64_t type, const char *cwd, char *buf, size_t size)
{
	struct first f = {.py = py};
	char name[NAME_MAX_];

	if (pymem_text(py->mem, pymem_u64(py->mem, type + py->o.tp_name), name, sizeof(name)))
		return;
	py_dict_each(py, pymem_u64(py->mem, type + py->o.tp_dict), note_function, &f);
	if (f.code)
		of_code(py, f.code, name, cwd, buf, size);
}

/* --- */

/* functools.wraps() leaves the function that it wraps in __wrapped__. */
static uint64_t unwrapped(struct py *py, uint64_t function)
{
	return py_dict_get(py, pymem_u64(py->mem, function + py->o.fn_dict), "__wrapped__");
}

void py_place(struct py *py, uint64_t endpoint, const char *cwd, char *buf, size_t size)
{
	uint64_t o = endpoint, next;

	*buf = '\0';
	for (unsigned i = 0; i < WRAPS_MAX && o; i++) {
		switch (py_kind(py, o)) {
		case KIND_PARTIAL:
			o = pymem_u64(py->mem, o + 16);
			break;
		case KIND_METHOD:
			o = pymem_u64(py->mem, o + py->o.meth_func);
			break;
		case KIND_FUNCTION:
			next = unwrapped(py, o);
			if (!next) {
				of_function(py, o, cwd, buf, size);
				return;
			}
			o = next;
			break;
		default: /* a class such as HTTPEndpoint, or an object that can be called */
			of_class(py, py_is(py, o, PY_TYPE) ? o : py_type(py, o), cwd, buf, size);
			return;
		}
	}
}
