# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Attached in the middle, and with too small a ring: what was half seen is not guessed, what was lost is unknown,
and from the first boundary on everything is exact again."""
import json
import re
import signal
import subprocess
import threading
import time

import pytest

import reqscope
import shapes
from client import Conn, Record, Truth, as_chunks, head_bytes, now_ms
from servers import Stack
from shapes import path

STACKS = [s for s in shapes.SHAPED + shapes.UNIX[:1] if (s.loop == "uvloop") == (s.http == "httptools")]


@pytest.fixture(scope="module", params=STACKS, ids=str)
def server(request, pool, bpf):
    return pool.get(request.param)


def parse(out):
    """The rows of a long trace: the schema is held against the last of them only, which takes long enough."""
    lines = out.splitlines()
    reqscope.parse_trace(b"\n".join(lines[-200:]))
    rows = [json.loads(line) for line in lines]
    for row in rows:
        reqscope.check_phases(row)
    return rows


class Middle:
    """reqscope attached to connections on which something was under way; `exact` are the exchanges from the first
    boundary on. Each connection has one more half-seen exchange at most."""

    def __init__(self):
        self.before, self.exact = Truth(), Truth()

    def check(self, rows, s, half_seen):
        ours = {shapes.name(r.get("path")): r for r in rows}
        for record in self.exact.records:
            row = ours.get(shapes.name(record.path))
            assert row, (f"{record} was not told", rows)
            assert (row["method"], row["status"], row["end"]) == (record.method, record.status, "ok"), (row, record)
            assert all(p in row for p in reqscope.PHASES), row
            assert row["total"] <= record.ms + reqscope.SLACK_MS, (row, record)
        exact = {shapes.name(x.path) for x in self.exact.records}
        others = [r for r in rows if shapes.name(r.get("path")) not in exact]
        for row in others:
            assert row["end"] in ("unknown", "ok") and len(others) <= half_seen, others
            assert "total" not in row, row
        r = s["requests"]
        assert r["ok"] >= len(self.exact.records) and r["not_http"] == 0 and r["open"] == 0, r
        assert r["unknown"] + s["tracer"]["late_attached"] <= half_seen, (r, s["tracer"])
        assert r["unknown"] + s["tracer"]["late_attached"] + len(others) >= min(1, half_seen), (r, s["tracer"])


def attached(server, during):
    """Attaches, runs during() and returns (rows, summary)."""
    with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
        during()
        return reqscope.parse_trace(scope.finish()), reqscope.parse_summary(total.finish())


def go_on(conn, middle, n=10):
    """What comes after: plain exchanges and a body."""
    conn.truth = middle.exact
    for _ in range(n):
        conn.get(path("item"))
    conn.request("POST", path("echo"), body=b"x" * 20_000)


def test_between(server):
    """Kept-alive connections, idle."""
    m = Middle()
    with Conn(server.address, m.before) as a, Conn(server.address, m.before) as b:
        a.get(path("item"))  # b has never said anything
        m.check(*attached(server, lambda: [go_on(a, m), go_on(b, m)]), half_seen=0)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_in_a_body(server, chunked):
    """Half of an upload, which reads like requests, was sent before."""
    m, inside = Middle(), head_bytes("GET", "/item/u0") * 100
    target = path("echo")
    data = head_bytes("POST", target, chunked=True) + as_chunks(inside, 700) if chunked else \
        head_bytes("POST", target, length=len(inside)) + inside
    with shapes.Wire(server.address, m.before) as c:
        half = len(head_bytes("POST", target, length=len(inside))) + len(head_bytes("GET", "/item/u0")) * 50
        c.sock.sendall(data[:half])

        def during():
            record = m.before.add(Record("POST", target))
            c.sock.sendall(data[half:])
            assert c.finish(record).status == 200
            go_on(c, m)

        rows, s = attached(server, during)
        m.check(rows, s, half_seen=1)
        assert all(r.get("path") != "/item/u0" for r in rows), rows


@pytest.mark.parametrize("what", ["chunks/40/20/200", "pieces/40/20/200"])
def test_in_a_response(server, what):
    m = Middle()
    with Conn(server.address, m.before) as c:
        record = c.begin("GET", path(what))
        status, fields = c.head()

        def during():
            assert now_ms() - record.t0 < 780, "attaching took longer than the response"
            record.status = status
            c.body(record, fields)
            go_on(c, m)

        m.check(*attached(server, during), half_seen=1)


def test_in_a_pipeline(server):
    """Ten in one segment, attached when some are answered: the rest was read before us."""
    m = Middle()
    with shapes.Wire(server.address, m.before) as c:
        targets = [path("sleep/100") for _ in range(10)]
        records = c.pipeline([("GET", p, head_bytes("GET", p)) for p in targets])
        c.finish(records[0])

        def during():
            for r in records[1:]:
                assert c.finish(r).status == 200
            go_on(c, m)

        rows, s = attached(server, during)
    told = {shapes.name(r.get("path")) for r in rows}
    assert not told & {shapes.name(p) for p in targets}, "none of them was seen being read"
    m.check(rows, s, half_seen=9)


def test_under_traffic(server):
    """Clients that never pause, while we come and go: whatever we say happened, did."""
    truth, stop, faults = Truth(), threading.Event(), []

    def work():
        try:
            with Conn(server.address, truth) as c:
                while not stop.is_set():
                    c.get(path("item"))
                    c.request("POST", path("echo"), body=b"x" * 3000, chunked=True)
                    c.get(path("sleep/1"))
        except Exception as e:  # noqa: BLE001 - told to the test
            faults.append(e)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for _ in range(2):
            with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
                seen = len(truth.records)
                while len(truth.records) < seen + 200:
                    time.sleep(0.01)
                rows, s = parse(scope.finish()), reqscope.parse_summary(total.finish())
            theirs = {r.path: r for r in truth.records}
            unnamed = [r for r in rows if "path" not in r]
            assert len(unnamed) <= 6 and all("total" not in r for r in unnamed), unnamed
            for row in rows:
                if "path" in row and row["end"] == "ok":
                    record = theirs[row["path"]]
                    assert (row["method"], row["status"]) == (record.method, 200), (row, record)
                    assert not record.t1 or row.get("total", 0) <= record.ms + reqscope.SLACK_MS, (row, record)
            assert len(rows) >= 200 and len({r["path"] for r in rows if "path" in r}) == len(rows) - len(unnamed)
            r = s["requests"]
            assert s["tracer"]["dropped"] == 0 and r["not_http"] == 0 and r["unknown"] <= 3, (r, s["tracer"])
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not faults, faults


CONNECTIONS = 32


@pytest.mark.parametrize("stack", [Stack(app="raw:app"), Stack("pypi", app="raw:app")], ids=str)
def test_small_ring(pool, bpf, stack):
    """A ring that is too small on purpose, read by a process that is stopped now and then: records are lost, the
    service goes on, and every number stays right. Afterwards the same connections are exact again."""
    server = pool.get(stack)
    kept, truth = [Conn(server.address, Truth()) for _ in range(4)], Truth()
    url = f"http://{server.address[0]}:{server.port}/"
    try:
        for c in kept:
            c.get("/")
        with reqscope.trace("-p", server.pid, "--ring-kib", 64) as scope, \
                reqscope.summary("-p", server.pid, "--ring-kib", 64) as total:
            wrk = subprocess.Popen(["wrk", "-c", str(CONNECTIONS), "-t", "1", "-d", "2s", url],
                                   stdout=subprocess.PIPE, text=True)
            try:
                for _ in range(3):
                    time.sleep(0.25)  # the shape of this loss
                    for p in (scope, total):
                        p.proc.send_signal(signal.SIGSTOP)
                    for c in kept:
                        c.get("/")
                    time.sleep(0.25)
                    for p in (scope, total):
                        p.proc.send_signal(signal.SIGCONT)
                said, _ = wrk.communicate(timeout=30)
            finally:
                wrk.kill()
                wrk.wait()
            for c in kept:
                c.truth = truth
                c.get("/resync/u0")  # what follows a loss may be what shows it
                for _ in range(10):
                    c.get(path("item"))
            rows, s = parse(scope.finish()), reqscope.parse_summary(total.finish())
    finally:
        for c in kept:
            c.close()
    counted = int(re.search(r"(\d+) requests in", said)[1])
    assert counted > 500 and "Socket errors" not in said, said
    clients = counted + CONNECTIONS + 12 + len(truth.records)
    r, dropped = s["requests"], s["tracer"]["dropped"]
    assert dropped > 0, "nothing was lost: the ring is no smaller than it should be"
    assert r["unknown"] > 0 and r["ok"] <= clients and r["started"] <= clients, (r, clients, s["tracer"])
    assert (r["not_http"], r["server_closed"], r["open"]) == (0, 0, 0), r
    assert r["client_closed"] <= CONNECTIONS, "wrk leaves each connection once"
    assert set(s["codes"]) <= {"200"}
    ended = sum(r[e] for e in reqscope.ENDS)
    blind = r["unknown"] > 0.05 * ended
    assert not blind or s["verdict"]["state"] == "blind", (s["verdict"], r)
    for row in rows:
        assert row["end"] in ("ok", "unknown", "client_closed") and row.get("status", 200) == 200, row
        assert row["end"] != "ok" or row.get("path", "/")[0] == "/", row
    told = {shapes.name(x.get("path")): x for x in rows if shapes.name(x.get("path"))}
    for record in truth.records:
        if record.path != "/resync/u0":
            row = told.get(shapes.name(record.path))
            assert row and row["end"] == "ok" and row["total"] <= record.ms + reqscope.SLACK_MS, (record, row)
