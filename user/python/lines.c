// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lines.h"

#include <stdbool.h>

static uint32_t to_line(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

/* Objects/lnotab_notes.txt of 3.9: bytes of code (unsigned), lines (signed). The last pair holds
   until the code's end. */
static uint32_t line_lnotab(const uint8_t *table, size_t n, int64_t line, int32_t at)
{
	int64_t addr = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		addr += table[i];
		if (addr > at)
			break;
		line += (int8_t)table[i + 1];
	}
	return to_line(line);
}

/* Objects/lnotab_notes.txt of 3.10: the same pairs are ranges, -128 of lines is none. */
static uint32_t line_ranges(const uint8_t *table, size_t n, int64_t line, int32_t at)
{
	int64_t end = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		int8_t delta = (int8_t)table[i + 1];

		end += table[i];
		if (delta != -128)
			line += delta;
		if (end > at)
			return delta == -128 ? 0 : to_line(line);
	}
	return 0;
}

/* --- Objects/locations.md */

#define LOCATION_FIRST 0x80 /* the first byte of an entry has it, the others do not */

enum { CODE_NONE = 15, CODE_LONG = 14, CODE_NO_COLUMNS = 13, CODE_ONE_LINE = 10 };

/* Six bits a byte, the lowest first; the sign is the lowest of all. */
static bool read_signed(const uint8_t *table, size_t n, size_t *i, int64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *i < n && shift < 36; shift += 6) {
		uint8_t byte = table[(*i)++];

		value |= (uint64_t)(byte & 63) << shift;
		if (byte & 64)
			continue;
		*out = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
		return true;
	}
	return false;
}

static uint32_t line_locations(const uint8_t *table, size_t n, int64_t line, int32_t at)
{
	int64_t end = 0;

	for (size_t i = 0; i < n;) {
		unsigned code = table[i] >> 3 & 15;
		int64_t delta = 0;

		if (!(table[i] & LOCATION_FIRST))
			return 0;
		end += ((table[i++] & 7) + 1) * 2;
		if ((code == CODE_LONG || code == CODE_NO_COLUMNS) &&
		    !read_signed(table, n, &i, &delta))
			return 0;
		if (code >= CODE_ONE_LINE && code < CODE_NO_COLUMNS)
			delta = code - CODE_ONE_LINE;
		line += delta;
		if (end > at)
			return code == CODE_NONE ? 0 : to_line(line);
		while (i < n && !(table[i] & LOCATION_FIRST))
			i++;
	}
	return 0;
}

uint32_t py_line(unsigned version, const uint8_t *table, size_t n, uint32_t first, int32_t at)
{
	if (at < 0)
		return to_line(first);
	if (version < 0x30a)
		return line_lnotab(table, n, first, at);
	if (version == 0x30a)
		return line_ranges(table, n, first, at);
	return line_locations(table, n, first, at);
}
