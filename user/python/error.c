// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* error.c - an exception that the kernel side saw, in words. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frames.h"
#include "insight.h"
#include "kinds.h"

#define MODULE_SIZE 96

/* --- its type */

static bool is_builtin(const char *module)
{
	return !*module || !strcmp(module, "builtins");
}

/* A class of Python's has its module and its name within that apart; one of C has all in tp_name.
 */
static int read_type(struct py *py, uint64_t type, char *buf, size_t size)
{
	char module[MODULE_SIZE] = "", name[SITE_TYPE_MAX];
	uint64_t dict = pymem_u64(py->mem, type + py->o.tp_dict);

	if (pymem_text(py->mem, pymem_u64(py->mem, type + py->o.tp_name), name, sizeof(name)) ||
	    !*name)
		return -ESTALE;
	if (!(pymem_u64(py->mem, type + py->o.tp_flags) & PY_HEAP_TYPE)) {
		py_join(buf, size, name, "", "");
		return 0;
	}
	py_str(py, py_dict_get(py, dict, "__module__"), module, sizeof(module));
	py_str(py, pymem_u64(py->mem, type + py->o.ht_qualname), name, sizeof(name));
	if (!*name)
		return -ESTALE;
	py_join(buf, size, is_builtin(module) ? "" : module, is_builtin(module) ? "" : ".", name);
	return 0;
}

/* It is still the type that it was. */
static bool check_type(struct py *py, const struct rs_error *e)
{
	char name[RS_TYPE_NAME];
	size_t n = strnlen(e->name, sizeof(e->name));

	if (!n || n == sizeof(e->name) || !py_is(py, e->type, PY_TYPE) ||
	    pymem_get(py->mem, pymem_u64(py->mem, e->type + py->o.tp_name), name, n + 1))
		return false;
	/* one of all the bytes there are may have been cut */
	return !memcmp(name, e->name, n) && (n == sizeof(e->name) - 1 || !name[n]);
}

/* --- its frames */

static bool check_frames(struct py *py, const struct rs_error *e)
{
	if (e->n_frames > RS_MAX_FRAMES)
		return false;
	for (unsigned i = 0; i < e->n_frames; i++)
		if (py_kind(py, e->frames[i].code) != KIND_CODE ||
		    (int32_t)pymem_u32(py->mem, e->frames[i].code + py->o.co_firstlineno) !=
			    e->frames[i].firstline)
			return false;
	return true;
}

static void tell_frames(struct py *py, const struct py_home *h, const struct rs_error *e,
			struct python_error *out)
{
	for (unsigned i = e->n_frames; i-- > 0;) {
		struct py_frame f = {.code = e->frames[i].code, .at = e->frames[i].lasti};
		struct python_place place;

		if (i < e->n_frames - 1U && !py_code_own(py, h, f.code))
			continue;
		py_code_place(py, h, &f, &place);
		if (i == e->n_frames - 1U)
			memcpy(out->where, place.where, sizeof(out->where));
		else
			memcpy(out->own, place.where, sizeof(out->own));
		if (place.own)
			return;
	}
}

/* Handled since before the answer was thought of: the innermost of its thread's own item, still. */
static bool is_ambient(struct py *py, const struct rs_error *e)
{
	return e->base && e->tstate && !(e->tstate & 7) &&
	       pymem_u64(py->mem, e->tstate + py->o.ts_interp) == py->interp &&
	       pymem_u64(py->mem, e->tstate + py->o.ts_exc_state + py->o.exc_value) == e->exception;
}

int py_error(struct py *py, const struct py_home *h, const struct rs_error *e,
	     struct python_error *out)
{
	int err;

	*out = (struct python_error){};
	py_forget(py);
	if (is_ambient(py, e))
		return -ENODATA;
	if (!check_type(py, e) || !check_frames(py, e))
		return -ESTALE;
	err = read_type(py, e->type, out->type, sizeof(out->type));
	if (!err)
		tell_frames(py, h, e, out);
	return err;
}
