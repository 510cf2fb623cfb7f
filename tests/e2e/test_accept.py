# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Before accept(): the waiting of connections that nobody has accepted, and of those that find no room."""
import errno
import select
import socket
import time

import pytest

import reqscope
import shapes
from client import Conn, Truth, now_ms
from servers import Stack, wait_for
from shapes import TIMER_MS, path

STACKS = [Stack("debian", app="shaped:app"), Stack("pypi", "asyncio", "h11", app="shaped:app"),
          Stack("pypi", app="shaped:app", listen="uds")]
BACKLOG, BURST = 2, 64


class Blocked:
    """The loop, kept from everybody for `ms` by a request of our own."""

    def __init__(self, server, truth, ms):
        self.server, self.ms, self.conn = server, ms, Conn(server.address, truth)

    def __enter__(self):
        before = self.server.count_marks(b"b")
        self.record = self.conn.begin("GET", path(f"block/{self.ms}"))
        wait_for(lambda: self.server.count_marks(b"b") > before, "the loop is blocked", step=0.001)
        self.since = now_ms()
        return self

    def left(self):
        """How long the loop is blocked still, at least; ms."""
        return self.record.t0 + self.ms - now_ms()

    def __exit__(self, *_):
        self.conn.finish(self.record)
        self.conn.close()


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_unaccepted(pool, bpf, stack):
    """Bytes that come before accept() count from their arrival. The connection's own wait for accept() is apart,
    also when it came long before its first byte, and added to nothing."""
    server, truth = pool.get(stack), Truth()
    with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
        with Blocked(server, truth, 250) as block:
            before = now_ms()
            quick, late = Conn(server.address, truth), Conn(server.address, truth)
            connected = now_ms()
            first = quick.begin("GET", path("item"))
            wait_first = block.left()
            time.sleep(0.1)  # the shape of this traffic: a connection opened early
            second = late.begin("GET", path("item"))
            wait_second = block.left()
            wait_accept = wait_second + (now_ms() - connected)
            most_accept = block.left() + (now_ms() - before)
        quick.finish(first)
        late.finish(second)
        end = now_ms()
        quick.close()
        late.close()
        rows = {shapes.name(r["path"]): r for r in reqscope.parse_trace(scope.finish())}
        s = reqscope.parse_summary(total.finish())
    shapes.check_ends(s, truth)
    for record, least in ((first, wait_first), (second, wait_second)):
        row = rows[shapes.name(record.path)]
        assert least - TIMER_MS <= row["queue"] <= record.ms, (row, record, least)
        assert row["app"] + row["recv"] + row["send"] < record.ms - least + TIMER_MS, (row, record)
        assert row["total"] <= record.ms + reqscope.SLACK_MS
        if stack.listen != "uds":
            assert wait_accept - TIMER_MS <= row["accept_wait"] <= end - before, (row, wait_accept, most_accept)
    if stack.listen != "uds":
        assert rows[shapes.name(second.path)]["accept_wait"] > rows[shapes.name(second.path)]["queue"] + 90
        assert s["latency"]["accept_wait"]["count"] == 3


def knock(address):
    """A connect that nobody waits for."""
    s = socket.socket(socket.AF_INET)
    s.setblocking(False)
    assert s.connect_ex(address) in (0, errno.EINPROGRESS)
    return s


@pytest.mark.parametrize("stack", STACKS[:2], ids=str)
def test_full_backlog(launch, bpf, stack):
    """64 clients at a backlog of 2 while the loop is blocked: the summary taken meanwhile shows a full accept queue
    with its limit, what was turned away, and says so; who waits in the queue is open. Afterwards all are exact."""
    server = launch(Stack(stack.age, stack.loop, stack.http, app=stack.app, extra=("--backlog", str(BACKLOG))))
    truth, burst = Truth(), []
    try:
        with reqscope.summary("-p", server.pid) as after:
            with Blocked(server, truth, 1500) as block:
                with reqscope.summary("-p", server.pid) as total:
                    burst = [knock(server.address) for _ in range(BURST)]
                    poll = select.poll()
                    for s in burst:
                        poll.register(s, select.POLLOUT)
                    wait_for(lambda: len(poll.poll(0)) > BACKLOG, "the backlog fills")
                    ready = {fd for fd, _ in poll.poll(0)}
                    inside = [s for s in burst if s.fileno() in ready]
                    records = [truth.add(shapes.Record("GET", path("item"))) for _ in inside]
                    for s, r in zip(inside, records):
                        r.t0 = now_ms()
                        s.sendall(shapes.head_bytes("GET", r.path, headers=("Connection: close",)))
                    during = reqscope.parse_summary(total.finish())
                    assert block.left() > 0, "the summary took longer than the block"
                for s in burst:
                    if s not in inside:
                        s.close()
            for s, r in zip(inside, records):
                s.setblocking(True)
                s.settimeout(10)
                data = b""
                while more := s.recv(4096):
                    data += more
                r.t1, r.status, r.end = now_ms(), int(data.split()[1]), "ok"
            finish = reqscope.parse_summary(after.finish())
    finally:
        for s in burst:
            s.close()
    listener = during["listeners"][0]
    assert listener["backlog"] == BACKLOG and listener["accept_queue"] > BACKLOG, listener
    assert listener["accept_queue"] == len(inside), (listener, len(inside))
    assert listener["overflows"] > 0, listener
    assert any("accept queue" in r for r in during["verdict"]["reasons"]), during["verdict"]
    waiting = [o for o in during["open"] if o["phase"] == "queue"]
    assert len(waiting) == len(inside), during["open"]
    r = finish["requests"]
    assert (r["started"], r["ok"], r["unknown"], r["open"]) == (len(inside) + 1, len(inside) + 1, 0, 0), r
    assert finish["listeners"][0]["overflows"] >= BURST - len(inside), finish["listeners"]
