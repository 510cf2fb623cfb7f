// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dict.c - dicts and the attributes of instances. Objects/dictobject.c: keys and values lie in one
 * table of entries, or the keys in one that instances of a class share and the values apart.
 */
#include "object.h"

#include <errno.h>

struct keys {
	uint64_t entries;
	int64_t n;
	int size, key, value; /* of an entry, bytes */
};

/* 3.8 to 3.10: refcnt, size, lookup, usable, nentries, indices. */
static int keys_open_old(struct py *py, uint64_t at, struct keys *k)
{
	uint64_t size = pymem_u64(py->mem, at + 8);
	unsigned index = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;

	if (!size || size > 1 << 24 || size & (size - 1))
		return -EINVAL;
	k->n = (int64_t)pymem_u64(py->mem, at + 32);
	if (k->n < 0 || (uint64_t)k->n > size)
		return -EINVAL;
	k->entries = at + 40 + size * index;
	return 0;
}

/* From 3.11: refcnt, log2 of size and of the indices' bytes, kind, version, usable, nentries. */
static int keys_open_new(struct py *py, uint64_t at, struct keys *k)
{
	uint8_t head[4];

	if (pymem_get(py->mem, at + 8, head, sizeof(head)) || head[0] > 24 || head[1] > 26 ||
	    head[2] > 2)
		return -EINVAL;
	k->n = (int64_t)pymem_u64(py->mem, at + 24);
	if (k->n < 0 || k->n > 1LL << head[0])
		return -EINVAL;
	k->entries = at + 32 + (1ULL << head[1]);
	if (head[2]) /* all keys are str: no hash beside them */
		k->size = 16, k->key = 0, k->value = 8;
	return 0;
}

static int keys_open(struct py *py, uint64_t at, struct keys *k)
{
	*k = (struct keys){.size = 24, .key = 8, .value = 16};
	if (!at || at & 7)
		return -EINVAL;
	return py->o.version < 0x30b ? keys_open_old(py, at, k) : keys_open_new(py, at, k);
}

static int each(struct py *py, uint64_t keys, uint64_t values, py_visit visit, void *ctx)
{
	struct keys k;
	int ret = keys_open(py, keys, &k);

	if (ret || k.n > PY_KEYS_MAX)
		return -EINVAL;
	for (int64_t i = 0; i < k.n && !ret; i++) {
		uint64_t entry = k.entries + i * k.size, both[3];

		if (pymem_get(py->mem, entry, both, k.size))
			return -EFAULT;
		if (values)
			both[k.value / 8] = pymem_u64(py->mem, values + i * 8);
		if (both[k.key / 8] && both[k.value / 8])
			ret = visit(ctx, both[k.key / 8], both[k.value / 8]);
	}
	return ret;
}

int py_dict_each(struct py *py, uint64_t dict, py_visit visit, void *ctx)
{
	uint64_t values;

	if (!py_is(py, dict, PY_DICT))
		return -EINVAL;
	values = pymem_u64(py->mem, dict + py->o.ma_values);
	if (values && py->o.dv_values > 0)
		values += py->o.dv_values;
	return each(py, pymem_u64(py->mem, dict + py->o.ma_keys), values, visit, ctx);
}

/* --- instances */

static uint64_t shared_keys(struct py *py, uint64_t type)
{
	return pymem_u64(py->mem, type + py->o.ht_cached_keys);
}

/* tp_dictoffset: a pointer to a dict in the object. */
static int attrs_plain(struct py *py, uint64_t object, uint64_t type, py_visit visit, void *ctx)
{
	int64_t at = (int64_t)pymem_u64(py->mem, type + py->o.tp_dictoffset);

	if (at <= 0 || at > 4096)
		return -EINVAL;
	return py_dict_each(py, pymem_u64(py->mem, object + at), visit, ctx);
}

/* Before the object: 3.11 _PyObject_ValuesPointer(), 3.12 _PyObject_DictOrValuesPointer(). */
static int attrs_managed(struct py *py, uint64_t object, uint64_t type, py_visit visit, void *ctx)
{
	uint64_t dict = pymem_u64(py->mem, object - 24), values = 0;

	if (py->o.version == 0x30b)
		values = pymem_u64(py->mem, object - 32);
	else if (py->o.version == 0x30c && dict & 1)
		values = dict + 1;
	else if (py->o.version >= 0x30d && !dict)
		values = object + pymem_u64(py->mem, type + py->o.tp_basicsize);
	if (!values)
		return py_dict_each(py, dict, visit, ctx);
	if (py->o.version >= 0x30d) {
		/* behind the object: capacity, size, embedded, valid (struct _dictvalues) */
		uint64_t flags = pymem_u64(py->mem, type + py->o.tp_flags);

		if (!(flags & PY_INLINE_VALUES) || pymem_u8(py->mem, values + 3) != 1)
			return -EINVAL;
		values += py->o.dv_values;
	}
	return each(py, shared_keys(py, type), values, visit, ctx);
}

int py_attrs_each(struct py *py, uint64_t object, py_visit visit, void *ctx)
{
	uint64_t type = py_type(py, object);

	if (!py_is(py, type, PY_TYPE))
		return -EINVAL;
	if (py->o.version >= 0x30b && py_is(py, object, PY_MANAGED_DICT))
		return attrs_managed(py, object, type, visit, ctx);
	return attrs_plain(py, object, type, visit, ctx);
}

/* --- one by its name */

struct wanted {
	struct py *py;
	const char *name;
	uint64_t value;
};

static int find(void *ctx, uint64_t key, uint64_t value)
{
	struct wanted *w = ctx;

	if (!py_str_is(w->py, key, w->name))
		return 0;
	w->value = value;
	return 1;
}

uint64_t py_dict_get(struct py *py, uint64_t dict, const char *key)
{
	struct wanted w = {py, key, 0};

	return py_dict_each(py, dict, find, &w) == 1 ? w.value : 0;
}

uint64_t py_attr(struct py *py, uint64_t object, const char *name)
{
	struct wanted w = {py, name, 0};

	return py_attrs_each(py, object, find, &w) == 1 ? w.value : 0;
}
