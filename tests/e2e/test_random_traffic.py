# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Exchanges that nobody thought of: composed from a seed, driven at a real uvicorn, and counted by both sides.

The seed is printed when a run fails; REQSCOPE_SEED=n runs it again.
"""
import os
import random
import threading
import time

import pytest

import reqscope
import shapes
from client import Truth, as_chunks, head_bytes
from servers import wait_for
from shapes import path

STACKS = [s for s in shapes.SHAPED if (s.loop == "uvloop") == (s.http == "httptools")] + shapes.UNIX[1:2]
CONNECTIONS, EXCHANGES = 4, 120
COPIED, LONGEST = 4096, 3600  # of one read; what is pipelined behind that is counted, but has no name


def request(dice):
    """(method, path, bytes, whether the connection goes on after it)."""
    kind = dice.choice(("item", "item", "item", "echo", "echo", "chunked", "chunks", "pieces", "sleep", "status",
                        "head", "big", "longhead"))
    fields = [f"X-{i}: {'v' * dice.randrange(60)}" for i in range(dice.randrange(4))]
    closes = dice.random() < 0.05
    if closes:
        fields.append("Connection: close")
    method, what, body, chunked = "GET", kind, None, False
    if kind in ("echo", "chunked"):
        method, what, chunked = "POST", "echo", kind == "chunked"
        body = dice.choice((b"", b"x", b"GET /item/u0 HTTP/1.1\r\n\r\n" * 3, b"y" * dice.randrange(2200)))
    elif kind in ("chunks", "pieces"):
        what = f"{kind}/{dice.randrange(1, 4)}/{dice.randrange(3)}/{dice.randrange(1, 2000)}"
    elif kind == "sleep":
        what = f"sleep/{dice.randrange(8)}"
    elif kind == "status":
        what = f"status/{dice.choice((200, 204, 304, 404, 500, 503))}"
    elif kind == "big":
        what = f"big/{dice.choice((1, 20, 200))}"
    elif kind == "head":
        method, what = "HEAD", "big/3"
    target = path(what)
    data = head_bytes(method, target, length=None if body is None or chunked else len(body), chunked=chunked,
                      headers=fields)
    if body is not None:
        data += as_chunks(body, dice.randrange(30, 900)) if chunked else body
    return method, target, data, not closes


def cuts(dice, n):
    """Lengths of the pieces in which n bytes are sent."""
    if dice.random() < 0.5 or n < 2:
        return []
    marks = sorted(dice.sample(range(1, n), min(n - 1, dice.randrange(1, 5))))
    return [b - a for a, b in zip([0, *marks], marks)]


class Client(threading.Thread):
    """One connection after the other, until its exchanges are made."""

    def __init__(self, t, seed, n):
        super().__init__()
        self.t, self.dice, self.n, self.fault, self.wants = t, random.Random(seed), n, None, []

    def run(self):
        try:
            conn = None
            while self.n > 0:
                if not conn or not conn.open:
                    conn = self.t.conn()
                conn = self.step(conn)
            if conn:
                conn.close()
        except Exception as e:  # noqa: BLE001 - told to the test
            self.fault = e

    def step(self, conn):
        """One batch on `conn`; None when the connection is over."""
        dice = self.dice
        if dice.random() < 0.06:
            return self.leave(conn)
        batch = [request(dice)]
        while batch[-1][3] and dice.random() < 0.4 and sum(len(b[2]) for b in batch) < COPIED - LONGEST:
            batch.append(request(dice))
        records = [conn.new(method, target) for method, target, _, _ in batch]
        data = b"".join(b[2] for b in batch)
        stamp = shapes.now_ms()
        for record, (_, _, one, _) in zip(records, batch):
            record.t0, record.sent = stamp, len(one)
        for n in cuts(dice, len(data)):
            conn.sock.sendall(data[:n])
            data = data[n:]
            if dice.random() < 0.5:
                time.sleep(dice.random() * 0.002)
        conn.sock.sendall(data)
        self.n -= len(batch)
        sure = True  # no longer behind an answer whose end is not copied
        for record in records:
            conn.finish(record)
            cut = record.path.startswith("/longhead")
            sure = sure and not cut
            self.wants.append(shapes.Want(record, cut=not sure, sure=sure))
        if not batch[-1][3] or dice.random() < 0.1:
            if conn.open:
                conn.close(reset=dice.random() < 0.3)
            return None
        return conn

    def leave(self, conn):
        """Goes before it has an answer, or in the middle of one."""
        if self.dice.random() < 0.5:
            record = conn.begin("GET", path("hang"))
            wait_for(lambda: self.t.served(record.path), "/hang comes in")
        else:
            record = conn.begin("GET", path("sse/2"))
            record.status, _ = conn.head()
            conn.until(b"data: 2")
        conn.abort(record, reset=self.dice.random() < 0.5)
        self.n -= 1
        self.wants.append(shapes.Want(record))


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_random_traffic(pool, bpf, stack):
    server = pool.get(stack)
    seed = int(os.environ.get("REQSCOPE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"REQSCOPE_SEED={seed}")
    before = shapes.served_by(server)
    gone = server.count_marks(b"g")
    with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
        t = shapes.Traced(server, scope, total, before)
        clients = [Client(t, seed + i, EXCHANGES) for i in range(CONNECTIONS)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        for c in clients:
            if c.fault:
                raise c.fault
        wants = [w for c in clients for w in c.wants]
        left = sum(w.record.end == "client_closed" for w in wants)
        wait_for(lambda: server.count_marks(b"g") >= gone + left, "the app notices who left")

        def random_traffic(_):
            return wants

        assert {w.record.end for w in wants} <= {"ok", "client_closed"}
        t.run(random_traffic)
        t.finish()
