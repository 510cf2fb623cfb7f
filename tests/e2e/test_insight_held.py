# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A loop that is held up at this moment, before tracing began or since: by whom, and who waits."""
import contextlib
import json
import os

import pytest

import reqscope
from client import Conn, Truth
from servers import APPS, Server, Stack, wait_for

pytestmark = pytest.mark.usefixtures("bpf")

OPENAT = {"x86_64": "257", "aarch64": "56"}[os.uname().machine]
STACKS = [Stack("debian", "asyncio", "h11", app="held:app"), Stack("debian", "uvloop", "httptools", app="held:app")]
with open(os.path.join(APPS, "held.py")) as source:
    LINE = next(n for n, line in enumerate(source, 1) if "it waits here" in line)
PLACE = f"held.py:{LINE} held"


@pytest.fixture(params=STACKS, ids=str)
def server(request):
    s = Server(request.param)
    s.pipe = s.marks + ".pipe"
    os.mkfifo(s.pipe)
    yield s
    s.stop()


def is_held(server):
    """Its main thread is in open(), until the pipe has another end."""
    try:
        with open(f"/proc/{server.pid}/syscall") as f:
            return f.read().split()[0] == OPENAT
    except (OSError, IndexError):
        return False


@contextlib.contextmanager
def holding(server):
    """Meanwhile /held runs, and `waiting` connections lie unread behind it."""
    truth = Truth()
    with contextlib.ExitStack() as conns:
        conn = conns.enter_context(Conn(server.address, truth, timeout=60))
        conn.begin("GET", "/held")
        wait_for(lambda: is_held(server), "the loop is held up")
        waiting = [conns.enter_context(Conn(server.address, truth, timeout=60)) for _ in range(3)]
        for c in waiting:
            c.begin("GET", "/")
        try:
            yield
        finally:
            os.close(os.open(server.pipe, os.O_WRONLY))
            for c in (conn, *waiting):
                assert c.fill()


def test_since_before(server):
    def told():
        with reqscope.summary("-p", server.pid, "-d", 1) as scope, Conn(server.address, Truth(), timeout=60) as conn:
            conn.begin("GET", "/")
            s = json.loads(scope.wait()[1])
        return "held" in s["loop"] and s

    with holding(server):
        s = wait_for(told, "it is said who holds the loop", 30)
    held = s["loop"]["held"]
    assert held["where"].endswith("/" + PLACE)
    assert (held["kind"], held["detail"]) == ("syscall", "openat")
    assert "busy" not in s["loop"], "the loop was not followed: how busy it is is not known"
    assert [o.get("where") for o in s["open"]] == [held["where"] + " holds the event loop up"]


def count(scope, event):
    return scope.out.bytes().count(b'"event":"%s"' % event.encode())


def test_while_traced(server):
    with reqscope.trace("-p", server.pid, "--stuck-ms", 500) as scope:
        assert server.ask("/") is not None  # the loop is known from now on
        with holding(server):
            wait_for(lambda: count(scope, "open") == 4, "it hangs, and so do those behind it")
        wait_for(lambda: count(scope, "end") == 5, "all have ended")
        lines = [json.loads(line) for line in scope.finish().decode().splitlines()]
    stuck = [e for e in lines if e["event"] == "open"]
    assert stuck and all("/" + PLACE in e["where"] for e in stuck), stuck
    assert all(e["where"].endswith(" holds the event loop up") == (e["phase"] == "queue") for e in stuck), stuck
    ended = [e for e in lines if e["event"] == "end" and e["path"] == "/"]
    assert len(ended) == 4
    for e in ended[1:]:
        assert e["stall_where"].endswith("/" + PLACE), e
        assert 0 < e["stall"] <= e["queue"], e


def test_off(server):
    with reqscope.summary("-p", server.pid, "--insight", "off") as scope:
        assert server.ask("/") is not None
        s = json.loads(scope.finish())
    for name in ("insight", "routes", "errors", "loop", "gc"):
        assert s["tracer"]["features"][name] == "off: --insight off"
    assert "busy" not in s["loop"] and s["loop"].get("stalls", []) == []


@pytest.mark.parametrize("value", ["0", "-1", "0.5", "x", "2h", ""])
def test_stall_ms_is_checked(binary, value):
    done = reqscope.run("summary", "--stall-ms", value)
    assert done.returncode == 2
    assert b"--stall-ms wants milliseconds or a duration, from 1ms to 1h" in done.stderr
