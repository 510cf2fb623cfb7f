# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of shapes found, as tables at the end of the run: the proof is meant to be read."""
shapes = {}  # (shape, stack): (client's count, the app's, ours)
gaps = []  # ms, the client's time minus our total, of quiet exchanges


def shape(name, stack, client, app, ours):
    shapes[name, str(stack) + stack.app.removeprefix("shaped:app").replace("shaped:", "-")] = (
        client, app, ours)


def quantiles(values):
    values = sorted(values)
    return {q: values[min(len(values) - 1, int(q * len(values)))] for q in (0, 0.1, 0.5, 0.9, 0.99, 1)}


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
