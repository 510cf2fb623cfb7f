// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "object.h"

#include <errno.h>
#include <string.h>

#define OB_TYPE 8 /* behind ob_refcnt; all builds but free-threaded ones */

static uint64_t u64(struct py *py, uint64_t base, int offset)
{
	return base ? pymem_u64(py->mem, base + offset) : 0;
}

uint64_t py_type(struct py *py, uint64_t object)
{
	return object & 7 ? 0 : u64(py, object, OB_TYPE);
}

bool py_is(struct py *py, uint64_t object, uint32_t flag)
{
	uint64_t type = py_type(py, object);

	return type && !(type & 7) && (u64(py, type, py->o.tp_flags) & flag);
}

int py_type_name(struct py *py, uint64_t object, char *buf, size_t size)
{
	uint64_t type = py_type(py, object);

	*buf = '\0';
	if (!py_is(py, type, PY_TYPE))
		return -EINVAL;
	return pymem_text(py->mem, u64(py, type, py->o.tp_name), buf, size);
}

/* --- str: Include/cpython/unicodeobject.h */

struct text {
	uint64_t data;
	int64_t length; /* characters */
	unsigned kind;	/* bytes of each */
	bool ascii;
};

static int text_open(struct py *py, uint64_t object, struct text *t)
{
	uint32_t state;

	if (!py_is(py, object, PY_STR))
		return -EINVAL;
	t->length = (int64_t)u64(py, object, py->o.uni_length);
	state = pymem_u32(py->mem, object + py->o.uni_state);
	t->kind = state >> 2 & 7;
	t->ascii = state >> 6 & 1;
	if (!(state >> 5 & 1) || (t->kind != 1 && t->kind != 2 && t->kind != 4))
		return -EINVAL; /* not compact: made by old C code, not by Python source */
	if (t->length < 0 || t->length > PY_TEXT_MAX || (t->ascii && t->kind != 1))
		return -EINVAL;
	t->data = object + (t->ascii ? py->o.uni_ascii : py->o.uni_compact);
	return 0;
}

/* Bytes written, 0 for what is no character. */
static unsigned put_utf8(char *out, uint32_t c)
{
	if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* All at once: nearly every string that matters is one. */
static int read_ascii(struct py *py, const struct text *t, char *buf, size_t size)
{
	size_t n = (size_t)t->length;

	if (n >= size || pymem_get(py->mem, t->data, buf, n))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if ((signed char)buf[i] <= 0)
			return -EINVAL;
	buf[n] = '\0';
	return (int)n;
}

static int read_wide(struct py *py, const struct text *t, char *buf, size_t size)
{
	size_t n = 0;

	for (int64_t i = 0; i < t->length; i++) {
		uint32_t c = 0; /* little-endian, as all that this runs on */
		char utf8[4];
		unsigned k;

		if (pymem_get(py->mem, t->data + i * t->kind, &c, t->kind))
			return -EFAULT;
		k = put_utf8(utf8, c);
		if (!k || n + k >= size)
			return -EINVAL;
		memcpy(buf + n, utf8, k);
		n += k;
	}
	buf[n] = '\0';
	return (int)n;
}

int py_str(struct py *py, uint64_t object, char *buf, size_t size)
{
	struct text t;
	int n = text_open(py, object, &t);

	if (!n)
		n = t.ascii ? read_ascii(py, &t, buf, size) : read_wide(py, &t, buf, size);
	if (n < 0)
		*buf = '\0';
	return n;
}

bool py_str_is(struct py *py, uint64_t object, const char *text)
{
	size_t len = strlen(text);
	struct text t;
	char buf[64];

	if (len >= sizeof(buf) || text_open(py, object, &t) || !t.ascii || t.length != (int64_t)len)
		return false;
	return !pymem_get(py->mem, t.data, buf, len) && !memcmp(buf, text, len);
}

/* --- sequences, sets, int */

int64_t py_list(struct py *py, uint64_t list, uint64_t *items)
{
	int64_t n = (int64_t)u64(py, list, py->o.var_size);

	*items = u64(py, list, py->o.list_item);
	if (!py_is(py, list, PY_LIST) || n < 0 || n > PY_ITEMS_MAX || (n && !*items))
		return -EINVAL;
	return n;
}

int64_t py_tuple(struct py *py, uint64_t tuple, uint64_t *items)
{
	int64_t n = (int64_t)u64(py, tuple, py->o.var_size);

	*items = tuple + py->o.tuple_item;
	if (!py_is(py, tuple, PY_TUPLE) || n < 0 || n > PY_ITEMS_MAX)
		return -EINVAL;
	return n;
}

int py_set(struct py *py, uint64_t set, uint64_t *keys, unsigned max)
{
	uint64_t mask = u64(py, set, py->o.set_mask), table = u64(py, set, py->o.set_table);
	unsigned n = 0;
	char name[16];

	if (py_type_name(py, set, name, sizeof(name)))
		return -EINVAL;
	if ((strcmp(name, "set") && strcmp(name, "frozenset")) || mask > 255 || mask & (mask + 1))
		return -EINVAL;
	for (uint64_t i = 0; i <= mask; i++) {
		uint64_t key = pymem_u64(py->mem, table + i * 16); /* struct setentry: key, hash */

		if (!py_is(py, key, PY_STR)) /* free, or the mark of one removed */
			continue;
		if (n == max)
			return -E2BIG;
		keys[n++] = key;
	}
	return (int)n;
}

int py_set_each(struct py *py, uint64_t set, py_visit visit, void *ctx)
{
	uint64_t mask = u64(py, set, py->o.set_mask), table = u64(py, set, py->o.set_table);
	char name[16];
	int ret = 0;

	if (py_type_name(py, set, name, sizeof(name)) || strcmp(name, "set") ||
	    mask >= 4 * PY_KEYS_MAX || mask & (mask + 1))
		return -EINVAL;
	for (uint64_t i = 0; i <= mask && !ret; i++) {
		uint64_t key = pymem_u64(py->mem, table + i * 16); /* struct setentry: key, hash */

		if (key && !(key & 7))
			ret = visit(ctx, key, 0);
	}
	return ret;
}

int64_t py_int(struct py *py, uint64_t object)
{
	/* 3.12 on: lv_tag, the number of digits above three bits of sign; before: ob_size */
	uint64_t size = u64(py, object, py->o.var_size);
	uint64_t one = py->o.version >= 0x30c ? 1 << 3 : 1;

	if (!py_is(py, object, PY_INT))
		return -1;
	if (size != one)
		return size & ~(uint64_t)(one - 1) ? -1 : 0;
	return pymem_u32(py->mem, object + py->o.int_digit);
}
