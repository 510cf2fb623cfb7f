/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lines.h - from an instruction to its line, by the table that a code object carries. There are
 * three forms of it: pairs of increments (lnotab, up to 3.9), ranges (3.10), locations
 * (since 3.11). Pure.
 */
#ifndef RS_PYTHON_LINES_H
#define RS_PYTHON_LINES_H

#include <stddef.h>
#include <stdint.h>

/*
 * The line of the instruction at byte `at`; below 0 the code has not begun, which is its first
 * line. 0: the instruction has none, or the table does not reach it or is damaged. version: major
 * << 8 | minor.
 */
uint32_t py_line(unsigned version, const uint8_t *table, size_t n, uint32_t first, int32_t at);

#endif
