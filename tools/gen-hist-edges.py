#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes user/core/hist_edges.h to stdout: the histogram's bucket edges, by integer arithmetic only.

    tools/gen-hist-edges.py > user/core/hist_edges.h
    tools/gen-hist-edges.py --check user/core/hist_edges.h
"""

import sys
from fractions import Fraction

SCALE = 5
PER_OCTAVE = 1 << SCALE
SECOND = 10**9
LAST_NS = 2**64 - 1


def root(x, k):
    """floor(x ** (1/k)) of an integer x >= 0, by Newton's method from above."""
    if x == 0:
        return 0
    r = 1 << -(-x.bit_length() // k)
    while True:
        s = ((k - 1) * r + x // r ** (k - 1)) // k
        if s >= r:
            return r
        r = s


def edge(i):
    """floor(1e9 * 2**(i/32)): the lower edge of bucket i in ns, itself not in the bucket."""
    x = SECOND**PER_OCTAVE
    x = x << i if i >= 0 else x >> -i  # floor(root(x)) == floor(root(floor(x)))
    return root(x, PER_OCTAVE)


def middle(k):
    """1e9 * 2**((k + 1/2)/32), rounded to the nearest double."""
    digits, n = 128, 2 * PER_OCTAVE
    return float(Fraction(root(SECOND**n << (2 * k + 1 + n * digits), n), 1 << digits))


def rows(values, per_row):
    values = list(values)
    return [
        "\t" + ", ".join(values[at : at + per_row]) + ","
        for at in range(0, len(values), per_row)
    ]


def table():
    first, last = 0, 0
    while edge(first) >= 1:
        first -= 1
    while edge(last + 1) < LAST_NS:
        last += 1
    edges = (min(edge(i), LAST_NS) for i in range(first, last + 2))
    # floor(32 * log2(1 + m/32)) = floor(log2((32 + m)**32)) - 32 * 5
    logs = (
        ((PER_OCTAVE + m) ** PER_OCTAVE).bit_length() - 1 - PER_OCTAVE * SCALE
        for m in range(PER_OCTAVE)
    )
    return "\n".join(
        [
            "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */",
            "/* Made by tools/gen-hist-edges.py; do not edit. */",
            "#ifndef RS_HIST_EDGES_H",
            "#define RS_HIST_EDGES_H",
            "",
            "#include <stdint.h>",
            "",
            "/* clang-format off */",
            "/* The buckets of 1 ns and of UINT64_MAX ns. */",
            f"#define HIST_INDEX_MIN ({first})",
            f"#define HIST_INDEX_MAX {last}",
            "",
            "/* [i - HIST_INDEX_MIN]: floor(1e9 * 2^(i/32)) ns; the last one is cut to UINT64_MAX. */",
            "static const uint64_t hist_edges[HIST_INDEX_MAX - HIST_INDEX_MIN + 2] = {",
            *rows((f"{e}u" for e in edges), 6),
            "};",
            "",
            f"/* [m]: floor({PER_OCTAVE} * log2(1 + m/{PER_OCTAVE})) */",
            f"static const uint8_t hist_logs[{PER_OCTAVE}] = {{",
            *rows(map(str, logs), 16),
            "};",
            "",
            "/* [k]: 1e9 * 2^((k + 1/2)/32), the geometric middles of the octave from 1 s, in ns */",
            f"static const double hist_middles[{PER_OCTAVE}] = {{",
            *rows((middle(k).hex() for k in range(PER_OCTAVE)), 4),
            "};",
            "/* clang-format on */",
            "",
            "#endif",
            "",
        ]
    )


def main(args):
    if args[:1] == ["--check"] and len(args) == 2:
        with open(args[1], encoding="ascii") as f:
            if f.read() != table():
                sys.exit(f"{args[1]} is not what {sys.argv[0]} makes")
    elif args:
        sys.exit(__doc__)
    else:
        sys.stdout.write(table())


if __name__ == "__main__":
    main(sys.argv[1:])
