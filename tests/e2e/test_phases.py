# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where the time of a request goes. One trace runs per stack; each test asks with paths of its own, so that
every line of the trace is held against the one request that the client made with that path.

The client's clock bounds every total from above; delays that a test injects must lie in their phase.
The lower bounds leave TIMER_MS for event loops whose timers round (uvloop's do, by up to a millisecond).
"""
import itertools
import json
import statistics
import time

import pytest

import reqscope
from client import Conn, now_ms

TIMER_MS = 3
BEHIND_MS = 20  # how long after the blocking request the others are sent
ids = itertools.count(100000)


class Tracing:
    """A trace that runs, and the requests made under it."""

    def __init__(self, server, scope):
        self.server, self.scope = server, scope

    def row(self, record):
        """The trace's line for a request, checked against the client's clock."""
        path = record.path.encode()
        line = self.scope.out.wait(lambda b: path in b and json.loads(b)["path"] == record.path, 10)
        assert line, f"no line for {record.path}; tracer said {self.scope.stderr()}"
        row = reqscope.parse_trace(line)[0]
        assert (row["method"], row["status"], row["end"]) == (record.method, record.status, record.end)
        assert row["total"] <= record.ms + reqscope.SLACK_MS, (row, record)
        return row


@pytest.fixture(scope="module")
def tracing(stack_server):
    with reqscope.trace("-p", stack_server.pid) as scope:
        yield Tracing(stack_server, scope)
        reqscope.parse_trace(scope.finish())


@pytest.fixture
def conn(tracing, truth):
    with Conn(tracing.server.address, truth) as c:
        yield c


def new_item():
    return f"/items/{next(ids)}"


def test_quiet(tracing, conn):
    """One connection, nothing else: we see all but the client's own part of the time."""
    records = [conn.get(new_item()) for _ in range(100)]
    gaps = [r.ms - tracing.row(r)["total"] for r in records]
    assert statistics.median(gaps) < 0.5, sorted(gaps)


def test_new_connections(tracing, truth):
    """The first request of a connection often arrives before accept() returned."""
    for _ in range(10):
        with Conn(tracing.server.address, truth) as c:
            record = c.get(new_item(), headers=("Connection: close",))
        row = tracing.row(record)
        assert all(p in row for p in reqscope.PHASES), row


@pytest.mark.parametrize("path", ["/sleep/%d", "/sync/%d", "/block/%d"])
def test_app(tracing, conn, path):
    ms = 50 + next(ids) % 40
    record = conn.get(path % ms + f"?{next(ids)}")
    row = tracing.row(record)
    assert ms - TIMER_MS <= row["app"] <= record.ms + reqscope.SLACK_MS, row
    assert row["app"] > 0.8 * row["total"], row


def test_slow_body(tracing, conn):
    """A client that pauses in the middle of its body: recv, not app."""
    body = b"b" * (1000 + next(ids) % 7)
    head = len(b"POST /echo HTTP/1.1\r\nHost: e2e\r\nContent-Length: 1000\r\n\r\n")
    record = conn.request("POST", "/echo", body=body, pieces=[head + 500], pause=0.08)
    row = tracing.row(record)
    assert row["recv"] >= 80 - TIMER_MS and row["recv"] > 0.8 * row["total"], row


def test_slow_head(tracing, conn):
    """The same in the middle of its head: the request began with its first byte."""
    record = conn.get(new_item(), pieces=[9, 9], pause=0.04)
    row = tracing.row(record)
    assert row["recv"] >= 80 - TIMER_MS and row["recv"] > 0.8 * row["total"], row


def test_stream(tracing, conn):
    """A response that trickles: send, from its head to its last chunk."""
    n, ms = 5, 20 + next(ids) % 9
    row = tracing.row(conn.get(f"/stream/{n}/{ms}"))
    assert row["send"] >= (n - 1) * (ms - TIMER_MS) and row["send"] > 0.8 * row["total"], row


def test_slow_reader(tracing, truth):
    """A client that does not read: what does not fit into the socket buffers waits in send."""
    kib = 12000 + next(ids) % 100
    with Conn(tracing.server.address, truth, rcvbuf=65536) as c:
        record = c.begin("GET", f"/big/{kib}")
        time.sleep(0.3)  # the shape of this traffic
        c.finish(record)
    row = tracing.row(record)
    assert record.length == kib * 1024
    assert row["send"] >= 200 and row["send"] > 0.8 * row["total"], row
    assert row["bytes_out"] >= record.length


def blocked(conns, ms):
    """Blocks the loop with the first connection, then asks on the others. Returns the records, all asked
    while the loop was blocked; a machine that stole the time in between gets another try."""
    for _ in range(5):
        for c in conns[1:]:  # accepted, idle
            c.get(new_item())
        first = conns[0].begin("GET", f"/block/{ms}")
        time.sleep(BEHIND_MS / 1000)  # the shape of this traffic
        rest = [c.begin("GET", new_item()) for c in conns[1:]]
        late = now_ms() - first.t0 > ms / 5
        for c, r in zip(conns, [first, *rest]):
            c.finish(r)
        if not late:
            return first, rest
    pytest.fail("this machine is too busy: never got to ask within a fifth of the block")


def test_blocked_loop(tracing, truth):
    """A 200 ms time.sleep() in an async endpoint: the requests behind it wait in queue, and their own app
    time stays what it is."""
    conns = [Conn(tracing.server.address, truth) for _ in range(3)]
    try:
        first, rest = blocked(conns, 200)
    finally:
        for c in conns:
            c.close()
    for record in rest:
        row = tracing.row(record)
        asked_before_the_end = first.t0 + 200 - record.t0  # the block began after first.t0
        assert row["queue"] >= max(150, asked_before_the_end - TIMER_MS), (row, record)
        assert row["app"] < 50 and row["app"] < row["queue"], row


def test_blocked_loop_new_connection(tracing, truth):
    """The same for a connection that nobody has accepted yet."""
    with Conn(tracing.server.address, truth) as a, Conn(tracing.server.address, truth) as warm:
        warm.get(new_item())
        first = a.begin("GET", "/block/200")
        time.sleep(BEHIND_MS / 1000)  # the shape of this traffic
        with Conn(tracing.server.address, truth) as b:
            record = b.get(new_item())
        a.finish(first)
    row = tracing.row(record)
    left = first.t0 + 200 - record.t0
    assert row["queue"] >= left - TIMER_MS and row["app"] < 50, (row, record)


def test_open_while_blocked(stack_server, truth):
    """The 3 a.m. case: the loop is blocked, nothing is read. The summary that ends in the middle of the block
    lists who is waiting: on an idle connection, and on one that was never accepted."""
    address = stack_server.address
    with Conn(address, truth) as a, Conn(address, truth) as b:
        a.get("/fast")
        b.get("/fast")
        with reqscope.summary("-p", stack_server.pid, "-d", "0.7") as scope:
            blocking = a.begin("GET", "/block/1500")
            time.sleep(BEHIND_MS / 1000)  # the shape of this traffic
            behind = b.begin("GET", "/fast")
            with Conn(address, truth) as c:
                unaccepted = c.begin("GET", "/fast")
                rc, out = scope.wait()
                assert now_ms() - blocking.t0 < 1500, "the summary took longer than the block"
                c.finish(unaccepted)
        a.finish(blocking)
        b.finish(behind)
    assert rc == 0
    s = reqscope.parse_summary(out)
    assert s["requests"]["open"] == s["requests"]["started"] == 3, s["requests"]
    opened = s["open"]
    running = [o for o in opened if o["phase"] == "app"]
    waiting = [o for o in opened if o["phase"] == "queue"]
    assert [(o["method"], o["path"]) for o in running] == [("GET", "/block/1500")], opened
    assert len(waiting) == 2, opened
    for o in waiting:
        assert "method" not in o and "path" not in o and o["age"] > 300, o


def test_open_in_each_phase(server, bpf, truth):
    """recv: half a body is there; app: no answer yet; send: the head is out."""
    body_missing = ("Content-Length: 100",)
    with Conn(server.address, truth) as a, Conn(server.address, truth) as b, Conn(server.address, truth) as c:
        with reqscope.summary("-p", server.pid) as scope:
            a.begin("POST", "/echo", headers=body_missing)
            hanging = server.hang(b)
            c.begin("GET", "/stream/1000/20")
            c.head()
            c.until(b"chunk 1")
            s = reqscope.parse_summary(scope.finish())
        server.leave(b, hanging)
    phases = {o["path"]: o["phase"] for o in s["open"]}
    assert phases == {"/echo": "recv", "/hang": "app", "/stream/1000/20": "send"}
    assert s["requests"]["open"] == 3
