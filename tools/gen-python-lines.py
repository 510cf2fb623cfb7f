#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes tests/unit/python_lines_golden.h: line tables of real code objects, and what they mean.

    tools/gen-python-lines.py PYTHON... > tests/unit/python_lines_golden.h

PYTHON is an interpreter; each compiles the same samples, and says itself which line each instruction has
(co_lines() from 3.10 on, dis.findlinestarts() before).
"""
import json
import subprocess
import sys

SAMPLES = {
    "expression": """
def f(a, b):
    return g(
        a,

        b + (
            a
            * b),
        [a,
         b][0],
    ) + a
""",
    "decorated": """
@one
@two(
    3)
class C:
    x = 1

    @three
    def m(self):
        self.x = (yield
                  self)
""",
    "comprehensions": """
def f(a):
    b = [x
         for y in a
         for x in y
         if x]
    return {k: (lambda:
                k)
            for k in b}
""",
    "handlers": """
async def f(a):
    try:
        async with a as b, \\
                a:
            async for c in b:
                await c
    except (ValueError,
            KeyError) as e:
        raise RuntimeError from e
    finally:
        with a:
            del a
    while True:
        if a: break
        else: continue
""",
    "far": "def f(a):\n    while a:\n" + "\n" * 150 + "        b = g(a,\n" + "\n" * 140 + "              a)\n"
           + "\n" * 300 + "        a = b\n" + "    return a\n",
    "long": "def f(a):\n" + "".join(f"    a = a + {i} * g(a, {i})\n" for i in range(45)) + "    return [\n"
            + "        a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,\n" * 4 + "    ]\n",
    "empty": "",
}

WORKER = r"""
import dis, json, sys
def lines_of(code):
    n = len(code.co_code)
    if hasattr(code, "co_lines"):
        return [[a, b, l or 0] for a, b, l in code.co_lines() if b > a]
    starts = list(dis.findlinestarts(code)) + [(n, 0)]
    return [[a, b, l] for (a, l), (b, _) in zip(starts, starts[1:])]
def each(code):
    yield code
    for c in code.co_consts:
        if hasattr(c, "co_code"):
            yield from each(c)
out = []
for name, text in json.load(sys.stdin).items():
    for code in each(compile(text, name, "exec")):
        table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
        out.append([code.co_firstlineno, table.hex(), lines_of(code), name + " " + code.co_name])
json.dump([sys.version_info[0] << 8 | sys.version_info[1], sys.version.split()[0], out], sys.stdout)
"""


def merged(runs):
    """Neighbours with the same line are one: the tables differ in that, not the meaning."""
    out = []
    for start, end, line in runs:
        if out and out[-1][2] == line and out[-1][1] == start:
            out[-1][1] = end
        else:
            out.append([start, end, line])
    return out


def wrapped(indent, words, joint, width=100):
    line = indent
    for word in words:
        if len(line) + len(word) > width:
            yield line.rstrip()
            line = indent
        line += word + joint
    yield line.rstrip()


def show(version, first, table, runs, name):
    print(f"\t{{ /* {name} */")
    print(f"\t\t.version = {version:#06x}, .first = {first}, .size = {len(table) // 2}, .table =")
    pieces = [table[i:i + 60] for i in range(0, len(table), 60)] or [""]
    for i, piece in enumerate(pieces):
        text = "".join("\\x" + piece[k:k + 2] for k in range(0, len(piece), 2))
        print(f"\t\t\"{text}\"" + ("," if i == len(pieces) - 1 else ""))
    print("\t\t.runs = (const struct golden_run[]){")
    print("\n".join(wrapped("\t\t\t", [f"{{{a}, {b}, {line}}}," for a, b, line in merged(runs)] + ["{}"], " ")))
    print("\t\t},\n\t},")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rows = [json.loads(subprocess.run([python, "-c", WORKER], input=json.dumps(SAMPLES), check=True,
                                      capture_output=True, text=True).stdout) for python in sys.argv[1:]]
    print("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */")
    print("/* Made by tools/gen-python-lines.py; of CPython " + ", ".join(row[1] for row in sorted(rows)) + ". */")
    print("/* clang-format off */")
    for version, _, codes in sorted(rows):
        for first, table, runs, name in codes:
            show(version, first, table, runs, name)


if __name__ == "__main__":
    main()
