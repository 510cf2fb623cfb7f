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
	return !strcmp(module, "builtins");
}

/* A class of Python's has its module and its name within that apart; one of C has all in tp_name.
 */
static int read_type(struct py *py, uint64_t type, char *buf, size_t size)
{
	char module[MODULE_SIZE] = "", name[SITE_TYPE_MAX];
	uint64_t dict = pymem_u64(py->mem, type + py->o.tp_dict);

	if (pymem_text(py->mem, pymem_u64(py->mem, type + py->o.tp_name), name, sizeof(name)) ||
	    !*name || !py_is_text(name))
		return -ESTALE;
	if (!(pymem_u64(py->mem, type + py->o.tp_flags) & PY_HEAP_TYPE)) {
		py_join(buf, size, name, "", "");
		return 0;
	}
	py_str(py, py_dict_get(py, dict, "__module__"), module, sizeof(module));
	py_str(py, pymem_u64(py->mem, type + py->o.ht_qualname), name, sizeof(name));
	if (!*name || !*module) /* a type that is being collected has lost its dict */
		return -ESTALE;
	py_join(buf, size, is_builtin(module) ? "" : module, is_builtin(module) ? "" : ".", name);
	return 0;
}

/*
 * What is freed has no references, or what the allocator wrote in the place of their number: a
 * pointer. From 3.12 on what lives forever has 32 bits of ones there.
 */
static bool is_alive(struct py *py, uint64_t object)
{
	uint64_t references = pymem_u64(py->mem, object);

	return references && references <= UINT32_MAX;
}

/* It is still the type that it was. */
static bool check_type(struct py *py, const struct rs_error *e)
{
	char name[RS_TYPE_NAME];
	size_t n = strnlen(e->name, sizeof(e->name));

	if (!n || n == sizeof(e->name) || !is_alive(py, e->type) || !py_is(py, e->type, PY_TYPE) ||
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
		if (!is_alive(py, e->frames[i].code) ||
		    py_kind(py, e->frames[i].code) != KIND_CODE ||
		    (int32_t)pymem_u32(py->mem, e->frames[i].code + py->o.co_firstlineno) !=
			    e->frames[i].firstline)
			return false;
	return true;
}

/* Code that is of no file may be gone, and other code be where it was, before it is read. */
static bool is_fleeting(const char *where)
{
	return *where == '<' && strncmp(where, "<frozen ", 8);
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
		if (is_fleeting(place.where))
			continue;
		if (i == e->n_frames - 1U)
			memcpy(out->where, place.where, sizeof(out->where));
		else
			memcpy(out->own, place.where, sizeof(out->own));
		if (place.own)
			return;
	}
}

/*
 * Perhaps handled since before the answer was thought of. The item of a thread itself has the
 * exception that was there all along, or for a moment another one that a callback handles: only
 * where it has none now was the one of the answer its own.
 */
static bool may_be_ambient(struct py *py, const struct rs_error *e)
{
	char type[16];
	uint64_t value;

	if (!e->base)
		return false;
	if (!e->tstate || e->tstate & 7)
		return true;
	if (pymem_u64(py->mem, e->tstate + py->o.ts_interp) != py->interp)
		return false; /* the thread has ended, and was no server's */
	value = pymem_u64(py->mem, e->tstate + py->o.ts_exc_state + py->o.exc_value);
	return value && (py_type_name(py, value, type, sizeof(type)) || strcmp(type, "NoneType"));
}

int py_error(struct py *py, const struct py_home *h, const struct rs_error *e,
	     struct python_error *out)
{
	int err;

	*out = (struct python_error){};
	py_forget(py);
	if (may_be_ambient(py, e))
		return -ENODATA;
	if (!check_type(py, e) || !check_frames(py, e))
		return -ESTALE;
	err = read_type(py, e->type, out->type, sizeof(out->type));
	if (err)
		return err;
	tell_frames(py, h, e, out);
	py_forget(py);
	if (check_type(py, e) && check_frames(py, e)) /* all of it was there to the end */
		return 0;
	*out = (struct python_error){};
	return -ESTALE;
}
