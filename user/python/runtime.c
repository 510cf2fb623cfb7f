// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "runtime.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kinds.h"

#define TSTATE_SCAN 512 /* bytes of a thread state: `context` is before that in every version */
#define OFFSET_MAX  65536

unsigned py_threads(struct py *py, uint64_t threads[PY_THREADS_MAX])
{
	uint64_t ts = pymem_u64(py->mem, py->interp + py->o.in_tstate_head);
	unsigned n = 0;

	for (; ts && !(ts & 7) && n < PY_THREADS_MAX; ts = pymem_u64(py->mem, ts + py->o.ts_next)) {
		if (pymem_u64(py->mem, ts + py->o.ts_interp) != py->interp)
			break;
		threads[n++] = ts;
	}
	return n;
}

/* --- the check */

/* Where the first context of a thread lies: its offset; -1: it has none. */
static int find_context(struct py *py, uint64_t ts, uint64_t context_type)
{
	for (int at = 0; at < TSTATE_SCAN; at += 8) {
		uint64_t pointer = pymem_u64(py->mem, ts + at);

		if (pointer && py_type(py, pointer) == context_type)
			return at;
	}
	return -1;
}

/* A thread that has run nothing in a context of its own has none yet, and what is found behind its
   state is the next thread's: that counts against the table only if no thread is as it says. */
static bool check_threads(struct py *py, const struct py_symbols *symbols)
{
	uint64_t threads[PY_THREADS_MAX];
	unsigned n = py_threads(py, threads), right = 0, behind = 0;

	for (unsigned i = 0; i < n && i < 8 && symbols->context_type; i++) {
		int at = find_context(py, threads[i], symbols->context_type);

		if (at >= 0 && at < py->o.ts_context)
			return false;
		right += at == py->o.ts_context;
		behind += at > py->o.ts_context;
	}
	return n > 0 && (right || !behind);
}

/* sys.hexversion >> 16; 0 when that cannot be found. */
static unsigned version_that_runs(struct py *py)
{
	uint64_t modules = pymem_u64(py->mem, py->interp + py->o.in_modules);
	uint64_t sys = py_dict_get(py, modules, "sys");
	int64_t hex;

	if (py_kind(py, sys) != KIND_MODULE)
		return 0;
	hex = py_int(py, py_attr(py, sys, "hexversion"));
	return hex > 0 ? (unsigned)(hex >> 16) : 0;
}

static bool check(struct py *py, const struct py_symbols *symbols)
{
	py_forget(py);
	py->interp = pymem_u64(py->mem, py->runtime + py->o.rt_interp_head);
	return py->interp && !(py->interp & 7) && check_threads(py, symbols) &&
	       version_that_runs(py) == py->o.version;
}

/* --- which version */

/* struct _Py_DebugOffsets, at the beginning of _PyRuntime: cookie, version, free_threaded, numbers.
 */
struct debug_head {
	char cookie[8];
	uint64_t version, free_threaded;
};

static int use_debug_offsets(struct py *py)
{
	for (const struct py_debug_offset *d = py->o.debug; d->theirs; d++) {
		uint64_t v = pymem_u64(py->mem, py->runtime + d->theirs);
		int value = (int)v;

		if (v >= OFFSET_MAX)
			return -EINVAL;
		memcpy((char *)&py->o + d->ours, &value, sizeof(value));
	}
	return 0;
}

static int choose_by_head(struct py *py, const struct debug_head *h,
			  const struct py_symbols *symbols, char *why, size_t size)
{
	const struct py_offsets *o = py_offsets_find((uint16_t)(h->version >> 16));
	unsigned major = h->version >> 24 & 255, minor = h->version >> 16 & 255;

	if (h->free_threaded) {
		snprintf(why, size, "CPython %u.%u without the GIL is not known to this reqscope",
			 major, minor);
		return -ENOTSUP;
	}
	if (!o || !o->debug[0].theirs) {
		snprintf(why, size, "CPython %u.%u is not known to this reqscope", major, minor);
		return -ENOTSUP;
	}
	py->o = *o;
	if (!use_debug_offsets(py) && check(py, symbols))
		return 0;
	snprintf(why, size, "the check of CPython %u.%u's memory failed", major, minor);
	return -EINVAL;
}

/* Before 3.13 the version that runs is only found with the right table. */
static int choose_by_trial(struct py *py, const struct py_symbols *symbols, char *why, size_t size)
{
	unsigned n;
	const struct py_offsets *all = py_offsets_all(&n);

	for (unsigned i = 0; i < n; i++) {
		if (all[i].debug[0].theirs)
			continue;
		py->o = all[i];
		if (check(py, symbols))
			return 0;
	}
	snprintf(why, size,
		 "its memory is not that of a CPython known to this reqscope (3.%u to 3.%u)",
		 all[0].version & 255, all[n - 1].version & 255);
	return -EINVAL;
}

/* --- open and close */

static int choose(struct py *py, const struct py_symbols *symbols, char *why, size_t size)
{
	struct debug_head head;

	if (pymem_get(py->mem, py->runtime, &head, sizeof(head))) {
		snprintf(why, size, "its memory cannot be read");
		return -EFAULT;
	}
	if (!memcmp(head.cookie, "xdebugpy", sizeof(head.cookie)))
		return choose_by_head(py, &head, symbols, why, size);
	return choose_by_trial(py, symbols, why, size);
}

int py_open(struct py *py, pymem_read read, void *ctx, const struct py_symbols *symbols, char *why,
	    size_t size)
{
	int err;

	*py = (struct py){.runtime = symbols->runtime};
	py->mem = pymem_new(read, ctx);
	if (!py->mem) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	err = choose(py, symbols, why, size);
	if (err)
		py_close(py);
	return err;
}

void py_forget(struct py *py)
{
	pymem_forget(py->mem);
	py_kinds_forget(py);
}

void py_close(struct py *py)
{
	if (py->mem)
		py_forget(py);
	pymem_free(py->mem);
	*py = (struct py){};
}
