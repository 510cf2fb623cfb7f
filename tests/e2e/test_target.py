# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whom we watch: by pid, by port, by discovery; workers that die and come; what was there before us."""
import json
import os
import signal
import socket
import time

import pytest

import reqscope
from client import Conn, Job, now_ms, run_jobs
from servers import Stack, free_port, wait_for

pytestmark = pytest.mark.usefixtures("bpf")
ITEMS = [Job("GET", f"/items/{i}", "/items/{id}") for i in range(30)]


def test_port(server, truth):
    with reqscope.summary("--port", server.port) as scope:
        run_jobs(server.address, ITEMS, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)
    assert s["target"]["ports"] == [server.port] and server.pid in s["target"]["pids"]


def test_port_of_workers(pool, truth):
    """The port is held by the parent and both workers; each request counts once."""
    server = pool.get(Stack(workers=2))
    with reqscope.summary("--port", server.port) as scope:
        run_jobs(server.address, [Job("GET", f"/items/{i}", "/items/{id}", fresh=True) for i in range(40)], truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)


def test_worker_pid_alone(pool, truth):
    """-p with one worker's pid: that worker's requests and no other's."""
    server = pool.get(Stack(workers=2))
    mine = server.serving_pid()
    with reqscope.summary("-p", mine) as scope:
        served = {mine: 0}
        for _ in range(40):
            with Conn(server.address, truth) as conn:
                pid = int(conn.get("/pid").text)
                served[pid] = served.get(pid, 0) + 1
        s = reqscope.parse_summary(scope.finish())
    assert s["requests"]["ok"] == served[mine]
    assert s["requests"]["unknown"] == 0


def test_two_pids(pool, truth):
    """-p may be repeated."""
    a, b = pool.get(Stack()), pool.get(Stack(loop="asyncio"))
    with reqscope.summary("-p", a.pid, "-p", b.pid) as scope:
        run_jobs(a.address, ITEMS, truth)
        run_jobs(b.address, ITEMS, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)
    assert {a.pid, b.pid} <= set(s["target"]["pids"])


def test_others_are_not_counted(pool, truth):
    """Filter first: a neighbour's traffic leaves no trace, not even an event."""
    watched, other = pool.get(Stack()), pool.get(Stack(loop="asyncio"))
    with reqscope.summary("-p", watched.pid) as scope:
        run_jobs(other.address, ITEMS, truth)
        s = reqscope.parse_summary(scope.finish())
    assert s["requests"]["started"] == 0 and s["verdict"]["state"] == "idle"


def test_others_on_the_same_port(launch, truth):
    """Somebody else listens on the same port of another address, and goes: nothing changes for the target."""
    server = launch(Stack())
    port = server.address[1]
    with reqscope.summary("-p", server.pid) as scope:
        run_jobs(server.address, [Job("GET", "/fast")] * 2, truth)
        with socket.create_server(("127.0.0.2", port)):
            pass
        run_jobs(server.address, [Job("GET", "/fast")] * 2, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)


@pytest.mark.parametrize("stack", [Stack("pypi", workers=2), Stack("debian", server="gunicorn", workers=2),
                                   Stack("pypi", server="gunicorn", workers=2)], ids=str)
def test_worker_dies_and_comes_back(launch, truth, stack):
    """A worker is killed with a request in it: that one is server_closed. The worker that takes its place
    is followed from its first request."""
    server = launch(stack)

    def serving():
        with Conn(server.address, truth) as conn:
            return int(conn.get("/pid", headers=("Connection: close",)).text)

    with reqscope.summary("-p", server.pid) as scope:
        with Conn(server.address, truth) as conn:
            victim = int(conn.get("/pid").text)
            old = server.worker_pids()
            assert victim in old
            hanging = server.hang(conn)
            os.kill(victim, signal.SIGKILL)
            assert conn.finish(hanging).status == 0
            hanging.end = "server_closed"
        new = wait_for(lambda: {serving()} - set(old), "a new worker serves")
        run_jobs(server.address, [Job("GET", f"/items/{i}", "/items/{id}", fresh=True) for i in range(40)], truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)
    assert new <= {w["pid"] for w in s["workers"] if w["requests"]}, (new, s["workers"])
    assert new <= {g["pid"] for g in s["target"]["generations"]}


def test_port_after_restart(launch, truth):
    """--port follows to the process that listens there after a restart (a deploy)."""
    stack = Stack(tag="restart")
    first = launch(stack)
    with reqscope.trace("--port", first.port) as scope:
        with Conn(first.address, truth) as conn:
            conn.get("/items/1")
        assert scope.out.wait(lambda b: b"/items/1" in b, 5)
        first.terminate()
        second = launch(stack, port=first.port)

        def seen():
            with Conn(second.address, truth) as conn:
                conn.get("/items/2", headers=("Connection: close",))
            return scope.out.wait(lambda b: json.loads(b).get("pid") == second.pid, 0.2)

        wait_for(seen, "the new process is followed", 15)
        # From here on nothing is missed.
        with Conn(second.address, truth) as conn:
            for i in range(20):
                conn.get(f"/items/{500 + i}")
        rows = reqscope.parse_trace(scope.finish())
    assert [r["path"] for r in rows if r["path"].startswith("/items/5")] == [f"/items/{500 + i}" for i in range(20)]


def test_connections_from_before(stack_server, truth):
    """Kept-alive connections that were open before we attached count from their next request on."""
    conns = [Conn(stack_server.address, truth) for _ in range(4)]
    try:
        for conn in conns:
            conn.get("/fast")
        before = len(truth.records)
        with reqscope.summary("-p", stack_server.pid) as scope:
            for i in range(20):
                conns[i % 4].get("/fast")
            conns[0].request("POST", "/echo", body=b"x" * 100000)
            s = reqscope.parse_summary(scope.finish())
    finally:
        for conn in conns:
            conn.close()
    r = s["requests"]
    assert (r["started"], r["ok"], r["unknown"], r["not_http"]) == (21, 21, 0, 0), (r, before)
    assert s["tracer"]["dropped"] == 0
    assert s["latency"]["total"]["count"] == 21, "each had its arrival stamped"


def test_request_from_before(stack_server, truth):
    """One that was under way when we attached is not counted as something it was not: it is late_attached, and
    the connection's next requests are exact."""
    with Conn(stack_server.address, truth) as conn:
        conn.get("/fast")
        under_way = conn.begin("GET", "/stream/60/20")  # lasts 1.2 s
        conn.head()
        with reqscope.summary("-p", stack_server.pid) as scope:
            assert now_ms() - under_way.t0 < 1100, "attaching took longer than the stream"
            conn.body(under_way, {b"transfer-encoding": b"chunked"})
            for _ in range(10):
                conn.get("/fast")
            s = reqscope.parse_summary(scope.finish())
    routes = {(x["method"], x["route"]): x["count"] for x in s["routes"]}
    assert routes.get(("GET", "/fast")) == 10, (s["requests"], routes, s["tracer"])
    assert s["requests"]["unknown"] <= 1 and s["tracer"]["late_attached"] >= 1


def test_pid_exits_in_the_middle(launch, truth):
    """What was seen is told, with exit 0."""
    server = launch(Stack(tag="exits"))
    with reqscope.summary("-p", server.pid, "-d", 30) as scope:
        run_jobs(server.address, ITEMS, truth)
        server.terminate()
        rc, out = scope.wait(15)
    s = reqscope.parse_summary(out)
    assert rc == 0
    reqscope.check_counts(s, truth)
    assert s["verdict"]["state"] == "down"


def test_pid_exits_before_anything(launch):
    """Gone before anything was seen: exit 5."""
    server = launch(Stack(tag="exits"))
    with reqscope.summary("-p", server.pid, "-d", 30) as scope:
        server.terminate()
        rc, _ = scope.wait(15)
    assert rc == 5, scope.stderr()


def test_attach_is_quick(server):
    """From start to the line that says so; on a quiet machine 150 ms, here only: nothing waits for a timeout."""
    took = []
    for _ in range(5):
        start = time.monotonic()
        with reqscope.summary("-p", server.pid) as scope:
            took.append(time.monotonic() - start)
            scope.finish()
    assert min(took) < 1, took


@pytest.mark.alone
def test_discovery(pool, truth):
    """One server on this host: it is taken. Two: both are listed, with how to choose; exit 2."""
    pool.stop_all()
    server = pool.get(Stack())
    with reqscope.summary(attach=False) as scope:
        if scope.err.wait(lambda b: reqscope.ATTACHED.match(b.decode()), 10) is None:
            scope.proc.kill()
            assert str(server.pid) in scope.stderr()
            pytest.skip("another Python web server runs on this host: discovery has no single one to take")
        run_jobs(server.address, ITEMS, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)


def test_discovery_of_two(pool):
    a, b = pool.get(Stack()), pool.get(Stack(loop="asyncio"))
    done = reqscope.run("summary", "-d", 1)
    said = done.stderr.decode()
    assert done.returncode == 2, said
    for server in (a, b):
        assert str(server.pid) in said and str(server.port) in said, said
    assert "-p" in said or "--port" in said


def test_wait(launch):
    """--wait: a target that is not there yet."""
    port = free_port("127.0.0.1")
    with reqscope.Reqscope("trace", "--format", "json", "--port", port, "--wait", attach=False) as scope:
        server = launch(Stack(tag="awaited"), port=port)
        scope.wait_attached()
        server.ask("/items/77")
        assert scope.out.wait(lambda b: b"/items/77" in b, 10)
        scope.finish()
