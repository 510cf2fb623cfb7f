// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frames.h"

#include "kinds.h"

#define OWNER_C_STACK 3 /* _frameowner, since 3.12: what C code is called through */
#define WALK_MAX      2048

static int32_t instruction(struct py *py, uint64_t frame, uint64_t code)
{
	int64_t at;

	if (py->o.fr_lasti >= 0) {
		at = (int32_t)pymem_u32(py->mem, frame + py->o.fr_lasti);
		return (int32_t)(py->o.version == 0x30a && at > 0 ? at * 2 : at);
	}
	at = (int64_t)(pymem_u64(py->mem, frame + py->o.fr_instr) - (code + py->o.co_code));
	return at < 0 ? -1 : at > INT32_MAX ? INT32_MAX : (int32_t)at;
}

struct py_frame py_frame(struct py *py, uint64_t frame)
{
	uint64_t code = frame & 7 ? 0 : pymem_u64(py->mem, frame + py->o.fr_code);

	if (!frame || !code || code & 7)
		return (struct py_frame){};
	return (struct py_frame){frame, code, 0, instruction(py, frame, code)};
}

static bool is_entry(struct py *py, uint64_t frame)
{
	return py->o.version >= 0x30c && pymem_u8(py->mem, frame + py->o.fr_owner) == OWNER_C_STACK;
}

unsigned py_frames(struct py *py, uint64_t tstate, struct py_frame frames[PY_FRAMES_MAX])
{
	uint64_t at = pymem_u64(py->mem, tstate + py->o.ts_frame);
	unsigned n = 0;

	if (py->o.cf_current >= 0)
		at = pymem_u64(py->mem, at + py->o.cf_current);
	for (unsigned i = 0; at && i < WALK_MAX && n < PY_FRAMES_MAX; i++) {
		if (!is_entry(py, at)) {
			frames[n] = py_frame(py, at);
			if (!frames[n++].code)
				return 0;
		}
		at = pymem_u64(py->mem, at + py->o.fr_previous);
	}
	return n;
}

unsigned py_frames_own(struct py *py, const struct py_home *h, const struct py_frame *frames,
		       unsigned n, bool *loop)
{
	unsigned own = n;
	bool runs = false;

	for (unsigned i = 0; i < n && !runs && (loop || own == n); i++) {
		runs = py_code_runs_loop(py, frames[i].code);
		if (own == n && !runs && py_code_own(py, h, frames[i].code))
			own = i;
	}
	if (loop)
		*loop = runs;
	return own;
}
