/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * object.h - Python objects in another process's memory. An object is its address; 0 is none. Every
 * type is checked before anything is taken from an object, every length has a bound, and what
 * cannot be read, or is not what it should be, is none: 0 or a negative errno. Pure.
 */
#ifndef RS_PYTHON_OBJECT_H
#define RS_PYTHON_OBJECT_H

#include "../lib/hashmap.h"
#include "mem.h"
#include "offsets.h"

#define PY_TEXT_MAX  4096   /* bytes of a string that is read */
#define PY_ITEMS_MAX 20000  /* of a list */
#define PY_KEYS_MAX  100000 /* of a dict */

/* Of tp_flags: Include/object.h. Instances of subclasses have them too. */
enum py_flag {
	PY_INLINE_VALUES = 1 << 2, /* 3.13 on */
	PY_MANAGED_DICT = 1 << 4,  /* 3.11 on */
	PY_HEAP_TYPE = 1 << 9,
	PY_INT = 1 << 24,
	PY_LIST = 1 << 25,
	PY_TUPLE = 1 << 26,
	PY_BYTES = 1 << 27,
	PY_STR = 1 << 28,
	PY_DICT = 1 << 29,
	PY_EXCEPTION = 1 << 30,
};
#define PY_TYPE (1U << 31)

struct py {
	struct pymem *mem;
	struct py_offsets o;
	uint64_t runtime;     /* _PyRuntime */
	uint64_t interp;      /* the main interpreter */
	struct hashmap kinds; /* kinds.c: types that were looked at */
};

uint64_t py_type(struct py *py, uint64_t object);
bool py_is(struct py *py, uint64_t object, uint32_t flag); /* whether its type has the flag */
/* The name of the object's own type, as tp_name has it. 0 or a negative errno; "" then. */
int py_type_name(struct py *py, uint64_t object, char *buf, size_t size);

/* A str as UTF-8 with a NUL. Its length; negative when it is none, longer than the buffer or 4 KiB,
   or cannot be written so (a NUL or half a surrogate pair in it). "" then. */
int py_str(struct py *py, uint64_t object, char *buf, size_t size);
bool py_str_is(struct py *py, uint64_t object, const char *text);

/* Returns non-zero to stop. */
typedef int (*py_visit)(void *ctx, uint64_t key, uint64_t value);

/* Of a dict, in order. What visit returned, 0 at the end, negative when it is no dict or too large.
 */
int py_dict_each(struct py *py, uint64_t dict, py_visit visit, void *ctx);
uint64_t py_dict_get(struct py *py, uint64_t dict, const char *key);

/* Attributes of the instance itself, in whatever form this version keeps them. As above. */
int py_attrs_each(struct py *py, uint64_t object, py_visit visit, void *ctx);
uint64_t py_attr(struct py *py, uint64_t object, const char *name);

/* Number of items and where they lie; negative when it is none or longer than the bound. */
int64_t py_list(struct py *py, uint64_t list, uint64_t *items);
int64_t py_tuple(struct py *py, uint64_t tuple, uint64_t *items);
/* The keys of a set or frozenset, up to max. Their number, negative when it is none or has more. */
int py_set(struct py *py, uint64_t set, uint64_t *keys, unsigned max);
/* Calls visit with each entry, up to PY_KEYS_MAX, as each of a dict: the value is always 0. */
int py_set_each(struct py *py, uint64_t set, py_visit visit, void *ctx);
/* A small int that is not negative; -1: none. */
int64_t py_int(struct py *py, uint64_t object);

#endif
