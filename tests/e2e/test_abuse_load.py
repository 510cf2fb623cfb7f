# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""More than is usual: several reqscopes on one target, a target that is stopped, 10,000 connections, readers that do
not read, a ring that overflows while exceptions are told."""
import os
import resource
import select
import signal
import socket
import time

import pytest

import abuse
import reqscope
from abuse import Load, check_told, rows_of
from client import Conn, Job, Truth, head_bytes, run_jobs
from pythons import LONG
from servers import Stack, wait_for

pytestmark = pytest.mark.usefixtures("bpf")
MANY = 10_000
MIX = [Job("GET", f"/items/{n}", "/items/{id}") for n in range(60)] + \
      [Job("GET", "/boom", fresh=True)] * 6 + [Job("GET", "/status/404", "/status/{id}")] * 6


# --- several at once


def test_three_at_once(launch):
    """Each counts everything, as if it were alone, and tells the same; so do two after the third was killed."""
    server, truth = launch(Stack()), Truth()

    def numbers(s):
        return {k: v for k, v in s["requests"].items() if k != "rate"}, s["codes"], s["errors"], \
            {(x["method"], x["route"]): x["count"] for x in s["routes"]}

    with reqscope.summary("-p", server.pid, "--insight", "full") as one, \
            reqscope.summary("-p", server.pid) as two, reqscope.trace("-p", server.pid) as three:
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: three.out.bytes().count(b"\n") >= len(MIX), "all are told")
        three.proc.kill()
        three.proc.wait()
        run_jobs(server.address, MIX, truth)
        a, b = (reqscope.parse_summary(x.finish()) for x in (one, two))
    rows = rows_of(three.out.bytes(), whole=False)
    for s in (a, b):
        reqscope.check_counts(s, truth, routes=False)
    assert numbers(a) == numbers(b)
    assert len(rows) == len(MIX) and sum(map(check_told, rows)) == 12, "each exception was told"
    assert not abuse.changed_text(server.pid)


# --- a target that does not move


@pytest.mark.parametrize("loop, http", [("uvloop", "httptools"), ("asyncio", "h11")], ids=("uvloop", "asyncio"))
def test_stopped(launch, loop, http):
    """SIGSTOP: what came in before is open in app, what comes then in queue, and the verdict is stuck. After SIGCONT
    all of it is answered, and counts as that; how long it took is not hidden."""
    server, truth = launch(Stack(loop=loop, http=http)), Truth()
    conns = [Conn(server.address, truth) for _ in range(6)]
    for conn in conns:
        conn.get("/items/1", route="/items/{id}")
    before = len(truth.records)
    look = ("-p", server.pid, "--stuck-ms", 300)
    with reqscope.summary(*look) as whole, reqscope.summary(*look) as during:
        inside = [conn.begin("GET", "/sleep/700", route="/sleep/{id}") for conn in conns[:3]]
        for _ in range(2):  # when these are answered, the others have been read
            conns[3].get("/fast")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            queued = [conn.begin("GET", "/items/2", route="/items/{id}") for conn in conns[3:]]
            time.sleep(0.5)  # for as long they are to wait
            s = reqscope.parse_summary(during.finish())
            with reqscope.summary("-p", server.pid) as late:  # that one is attached while it is stopped
                late.finish()
        finally:
            os.kill(server.pid, signal.SIGCONT)
        for conn, record in zip(conns, inside + queued):
            conn.finish(record)
        whole = reqscope.parse_summary(whole.finish())
    assert s["verdict"]["state"] == "stuck", s["verdict"]
    assert sorted((r["phase"], r.get("path")) for r in s["open"]) == \
        [("app", "/sleep/700")] * 3 + [("queue", None)] * 3, s["open"]
    truth.records = truth.records[before:]
    reqscope.check_counts(whole, truth)
    route = {x["route"]: x["latency"] for x in whole["routes"]}["/items/{id}"]
    assert route["queue"]["min"] >= 400 and route["total"]["max"] <= max(r.ms for r in queued) + 1, route
    for conn in conns:
        conn.close()


# --- very many


@pytest.fixture
def descriptors():
    """For both ends, the server inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = MANY + 500
    if hard != resource.RLIM_INFINITY and hard < want:
        pytest.skip(f"{want} descriptors are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, want), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Connections that ask all at once, and wait for the answers of all."""

    def __init__(self, address):
        self.address, self.socks = address, []

    def grow(self, n):
        for _ in range(n):
            self.socks.append(socket.create_connection(self.address))
        return self

    def ask(self):
        """Each one thing; returns how many were answered with 200."""
        poll, left, ok = select.epoll(), {}, 0
        for i, s in enumerate(self.socks):
            s.sendall(head_bytes("GET", f"/u{i}"))
            left[s.fileno()] = [s, b""]
            poll.register(s.fileno(), select.EPOLLIN)
        end = time.monotonic() + 60
        while left and time.monotonic() < end:
            for fd, _ in poll.poll(1):
                s, got = left[fd]
                left[fd][1] = got = got + s.recv(4096)
                if not got or got.endswith(b"\r\n\r\nok"):
                    poll.unregister(fd)
                    del left[fd]
                    ok += got.startswith(b"HTTP/1.1 200")
        poll.close()
        return ok

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.socks:
            s.close()


@pytest.mark.parametrize("loop, http", [("uvloop", "httptools"), ("asyncio", "h11")][:2 if LONG else 1],
                         ids=("uvloop", "asyncio")[:2 if LONG else 1])
def test_ten_thousand(launch, descriptors, loop, http):
    """All of them open, each asks several times: every request counts, memory is bounded and does not grow."""
    server = launch(Stack(loop=loop, http=http, app="raw:app", extra=("--backlog", "4096",
                                                                       "--timeout-keep-alive", "600")))
    sizes, rounds = [], 8 if LONG else 3
    with reqscope.summary("-p", server.pid, "--insight", "full", "-d", 300, "--ring-kib", 32768) as scope, \
            Crowd(server.address) as crowd:
        crowd.grow(MANY)
        for _ in range(rounds):
            assert crowd.ask() == MANY
            sizes.append(abuse.rss_kib(scope.pid))
        s = reqscope.parse_summary(scope.finish())
    r, tracer = s["requests"], s["tracer"]
    assert (r["started"], r["ok"], r["unknown"], r["open"]) == (MANY * rounds, MANY * rounds, 0, 0), (r, tracer)
    assert tracer["dropped"] == tracer["evicted"] == 0 and s["codes"] == {"200": MANY * rounds}, tracer
    assert s["latency"]["total"]["count"] == MANY * rounds
    assert sizes[-1] < 32 * 1024 and sizes[-1] - sizes[-2] < 1024, sizes


def test_more_than_allowed(launch, descriptors):
    """--max-conns: those beyond it are not followed, and that is counted; the others are exact."""
    server, limit, n = launch(Stack(app="raw:app")), 256, 1000
    with reqscope.summary("-p", server.pid, "--max-conns", limit) as scope, Crowd(server.address) as crowd:
        crowd.grow(n)
        assert crowd.ask() == crowd.ask() == n
        s = reqscope.parse_summary(scope.finish())
    r = s["requests"]
    assert s["tracer"]["evicted"] > 0 and s["tracer"]["dropped"] == 0
    assert r["ok"] <= 2 * limit and r["ok"] > limit and r["not_http"] == 0, r
    assert r["unknown"] + r["server_closed"] + r["client_closed"] == 0, r
    assert set(s["codes"]) == {"200"}


# --- readers that do not read


def test_slow_readers(launch):
    """Forty of them, while others are served: the slow ones are open in send, half of them go away, and what each
    was is what it is told to be."""
    server, truth = launch(Stack()), Truth()
    slow = [Conn(server.address, truth, rcvbuf=4096) for _ in range(40)]
    with reqscope.summary("-p", server.pid, "--insight", "full") as scope:
        begun = [conn.begin("GET", "/big/8000", route="/big/{id}") for conn in slow]
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: len(open_in_send(server, slow)) == 40, "all of them are half way", 20)
        for conn, record in list(zip(slow, begun))[::2]:
            conn.abort(record, reset=True)
        for conn, record in list(zip(slow, begun))[1::2]:
            assert conn.finish(record).length == 8000 * 1024
        s = reqscope.parse_summary(scope.finish())
    for conn in slow:
        conn.close()
    heads = {"200": 20}  # of those that went away: the head was sent
    assert s["codes"] == {code: n + heads.get(code, 0) for code, n in truth.codes().items()}
    r = s["requests"]
    assert (r["ok"], r["client_closed"], r["server_closed"], r["unknown"]) == (len(MIX) + 20, 20, 0, 0), r
    assert s["latency"]["total"]["count"] == r["ok"] and s["tracer"]["dropped"] == 0


def open_in_send(server, conns):
    """Those to which some of the answer has come."""
    return [c for c in conns if c.sock.recv(1, socket.MSG_PEEK)]


# --- a ring that is too small


def test_overflow_tells_nothing_wrong(launch):
    """Records are lost while errors are answered: an exception is told of its own answer or not at all, what was
    lost is unknown, nothing is counted that was not, and the verdict says so where it matters."""
    server = launch(Stack())
    with reqscope.trace("-p", server.pid, "--ring-kib", 64, "--insight", "full") as scope, \
            reqscope.summary("-p", server.pid, "--ring-kib", 64, "--insight", "full") as total:
        with Load(server.address, 4) as load:
            for _ in range(8 if LONG else 3):
                for p in (scope, total):
                    p.proc.send_signal(signal.SIGSTOP)
                load.wait_more(400)
                for p in (scope, total):
                    p.proc.send_signal(signal.SIGCONT)
                load.wait_more(100)
        rows, s = rows_of(scope.finish()), reqscope.parse_summary(total.finish())
    load.check(1000)
    r, truth, theirs = s["requests"], load.truth, {x.path: x for x in load.truth.records}
    assert s["tracer"]["dropped"] > 0, "nothing was lost: the ring is no smaller than it should be"
    assert r["unknown"] > 0 and r["started"] <= len(truth.records), (r, len(truth.records))
    assert (r["not_http"], r["open"], r["server_closed"]) == (0, 0, 0), r
    assert all(n <= truth.codes().get(code, 0) for code, n in s["codes"].items()), (s["codes"], truth.codes())
    ended = sum(r[e] for e in reqscope.ENDS)
    assert r["unknown"] <= 0.05 * ended or s["verdict"]["state"] == "blind", (s["verdict"], r)
    assert sum(map(check_told, rows)) > 0
    for row in rows:
        reqscope.check_phases(row)
        record = theirs.get(row.get("path"))
        assert record or "path" not in row, row
        assert row["end"] != "ok" or not record or row["status"] == record.status, (row, record)
        if row["end"] == "ok" and "total" in row and row["path"].startswith("/items/"):
            assert row["total"] <= record.ms + reqscope.SLACK_MS, (row, record)
