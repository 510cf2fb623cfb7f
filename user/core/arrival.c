// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "conn.h"

/*
 * The entries of a list follow one another: entry i tells of the bytes from the end of entry i - 1 to
 * its own. A merged entry was stretched over several arrivals: of its bytes only the last one is known
 * to have come at its stamp (bpf/conn.bpf.h, arrival_add()). It stays in the kernel's list until its
 * last byte is read, so it comes with several reads and others may follow it.
 */
uint64_t arrival_at(const struct arrivals *a, uint64_t at)
{
	if (a->unknown && position_before(at, a->unknown))
		return 0;
	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t end = position_extend(a->near, a->list[i].end);

		if (!position_before(at, end))
			continue;
		if (a->list[i].merged && at + 1 != end)
			return 0;
		return a->list[i].ts;
	}
	return 0;
}
