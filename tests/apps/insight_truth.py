# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the apps of insight write down of themselves: lines of JSON beside the marks of their server.

Nothing here knows how anything is traced: an exception's places come from its own traceback, the line that
holds the loop from the comment beside it, times from the monotonic clock.
"""
import contextvars
import dis
import functools
import inspect
import json
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.open(os.environ["E2E_MARKS"] + ".truth", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) \
    if "E2E_MARKS" in os.environ else None

path_now = contextvars.ContextVar("path_now", default=None)


def note(event, **more):
    """One line, in one write."""
    line = json.dumps({"event": event, "path": more.pop("path", None) or path_now.get(), **more})
    if RECORD is not None:
        os.write(RECORD, line.encode() + b"\n")


def type_name(cls):
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def place(code, line):
    """file:line function, as reqscope tells it of a process with a working directory elsewhere."""
    return f"{code.co_filename}:{line} {getattr(code, 'co_qualname', code.co_name)}"


def is_own(code):
    return code.co_filename.startswith(HERE + os.sep)


def tell(exc, event="error", path=None):
    """Where it was raised, and the innermost frame of the app's own code where that is another."""
    rows = [(frame.f_code, line) for frame, line in traceback.walk_tb(exc.__traceback__)]
    own = [place(*row) for row in rows if is_own(row[0])]
    where = place(*rows[-1])
    depth = len(rows) - max((i for i, row in enumerate(rows) if is_own(row[0])), default=0)
    note(event, path=path, type=type_name(type(exc)), where=where, depth=depth,
         own=own[-1] if own and own[-1] != where else None)


def tells(function):
    """Writes down the exception that leaves a function, and lets it go on."""
    if inspect.iscoroutinefunction(function):
        @functools.wraps(function)
        async def told(*args, **kw):
            try:
                return await function(*args, **kw)
            except Exception as exc:
                tell(exc)
                raise
    else:
        @functools.wraps(function)
        def told(*args, **kw):
            try:
                return function(*args, **kw)
            except Exception as exc:
                tell(exc)
                raise
    return told


def lines_of(code):
    """All lines of a function and of what is defined in it."""
    lines = {line for _, line in dis.findlinestarts(code) if line}
    for const in code.co_consts:
        if inspect.iscode(const):
            lines |= lines_of(const)
    return sorted(lines)


def marked(function, mark="# held here"):
    """The places of the lines of a function that carry a mark; of one without any mark, all its places."""
    code = inspect.unwrap(function).__code__
    lines, first = inspect.getsourcelines(code)
    found = [first + i for i, line in enumerate(lines) if mark in line] or lines_of(code)
    return [place(code, line) for line in found]


def now_ms():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e6


VERSION = sys.version_info[:2]
