// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "offsets.h"

static const struct py_offsets all[] = {
#include "offsets_data.h"
};

const struct py_offsets *py_offsets_all(unsigned *n)
{
	*n = sizeof(all) / sizeof(*all);
	return all;
}

const struct py_offsets *py_offsets_find(uint16_t version)
{
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].version == version)
			return &all[i];
	return NULL;
}
