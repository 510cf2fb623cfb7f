# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of shapes found, as tables at the end of the run: the proof is meant to be read."""
import collections
import os

shapes = {}  # (shape, stack): (client's count, the app's, ours)
insights = collections.defaultdict(collections.Counter)  # (configuration, feature): told right, silent, wrong
kinds = {}  # configuration: {kind of error: how often right, partly, silent, wrong}
gaps = []  # ms, the client's time minus our total, of quiet exchanges


def shape(name, stack, client, app, ours):
    shapes[name, str(stack) + stack.app.removeprefix("shaped:app").replace("shaped:", "-")] = (
        client, app, ours)


def insight(configuration, feature, counts):
    insights[configuration, feature].update(counts)


def insight_kinds(configuration, counts):
    kinds[configuration] = counts


def quantiles(values):
    values = sorted(values)
    return {q: values[min(len(values) - 1, int(q * len(values)))] for q in (0, 0.1, 0.5, 0.9, 0.99, 1)}


def insight_table():
    """Lines of Markdown: a row a configuration, a column a feature."""
    rows = list(dict.fromkeys(c for c, _ in insights))
    columns = list(dict.fromkeys(f for _, f in insights))
    yield "| told right / silent / wrong | " + " | ".join(columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for row in rows:
        cells = []
        for column in columns:
            c = insights.get((row, column))
            cells.append("-" if c is None else f"{c['right'] + c['partly']} / {c['silent']} / {c['wrong']}")
        yield f"| {row} | " + " | ".join(cells) + " |"


def kind_table():
    """The kinds of errors of which something is not told somewhere: told in full / in part / silent."""
    names = list(dict.fromkeys(k for counts in kinds.values() for k, c in counts.items()
                               if c["partly"] + c["silent"] + c["wrong"]))
    yield "| told in full / in part / not | " + " | ".join(kinds) + " |"
    yield "|---|" + "---|" * len(kinds)
    for name in names:
        cells = [f"{c['right']} / {c['partly']} / {c['silent']}" for c in (k[name] for k in kinds.values())]
        yield f"| {name} | " + " | ".join(cells) + " |"


def write_insight(path, write, found):
    if not insights:
        return
    lines = [*insight_table(), "", found]
    for line in lines:
        write(line)
    if kinds:
        lines += ["", *kind_table()]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


def print_tables(write):
    """A line per shape, a column per stack: how many exchanges the client made, and how many were told."""
    if shapes:
        stacks = sorted({stack for _, stack in shapes})
        write("shape x stack: client = ours (a ! where not); - not run there")
        for i, stack in enumerate(stacks):
            write(f"  {i + 1:2} {stack}")
        write(f"{'':26}" + "".join(f"{i + 1:7}" for i in range(len(stacks))))
        for name in sorted({name for name, _ in shapes}):
            cells = []
            for stack in stacks:
                client, _, ours = shapes.get((name, stack), (None, 0, 0))
                cells.append("-" if client is None else f"{client}={ours}" if client == ours else f"{client}!{ours}")
            write(f"{name:26}" + "".join(f"{cell:>7}" for cell in cells))
    if gaps:
        write(f"client minus total, ms, of {len(gaps)} quiet exchanges on loopback: " +
              ", ".join(f"p{q * 100:g} {ms:.3f}" for q, ms in quantiles(gaps).items()))
