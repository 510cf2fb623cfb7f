# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How exchanges end: by the client's FIN or RST, by the server's closing or dying, by nobody's fault.

The truth is who acted: the test is the client, and the app says when it noticed.
"""
import os
import signal
import time

import pytest

import reqscope
import shapes
from client import Conn, Truth, head_bytes, now_ms
from servers import Stack, wait_for
from shapes import TIMER_MS, Want, path

LONELY = Stack("debian", app="shaped:app", tag="dies"), Stack("pypi", "asyncio", "h11", app="shaped:app", tag="dies")


@pytest.fixture(scope="module", params=shapes.SHAPED + shapes.UNIX[:1], ids=str)
def traced(request, pool, bpf):
    server = pool.get(request.param)
    before = shapes.served_by(server)
    with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
        yield shapes.Traced(server, scope, total, before)


def gone(t, act):
    """Does what makes a client leave, and waits until the app has noticed."""
    before = t.server.count_marks(b"g")
    act()
    wait_for(lambda: t.server.count_marks(b"g") > before, "the app notices that its client left")


def fin_or_rst_before(t):
    """The client leaves while the app works: it had waited as long as it had, and that is told."""
    wants = []
    for reset in (False, True):
        with t.conn() as c:
            before = t.server.count_marks(b"h")
            record = c.begin("GET", path("hang"))
            wait_for(lambda: t.server.count_marks(b"h") > before, "/hang comes in")
            time.sleep(0.04)
            gone(t, lambda: c.abort(record, reset))
        wants.append(Want(record, least={"abandoned": 40}, most={"abandoned": record.ms + 1}))
    return wants


def fin_or_rst_during(t):
    """In the middle of a response: its head is not enough to be ok."""
    wants = []
    for reset in (False, True):
        with t.conn() as c:
            record = c.begin("GET", path("sse/3"))
            record.status, _ = c.head()
            c.until(b"data: 3")
            gone(t, lambda: c.abort(record, reset))
        wants.append(Want(record))
    return wants


def fin_or_rst_after(t):
    """ok, whatever the client does then."""
    wants = []
    for reset in (False, True):
        with t.conn() as c:
            wants.append(Want(c.get(path("item"))))
            c.close(reset)
    return wants


def rst_at_once(t):
    """The client is so fast that its reset comes before the call that sent the response has returned, once in
    some hundred times."""
    with t.conn() as c:
        whole = c.get(path("item"))
    wants = [Want(whole)]
    for _ in range(300):
        with t.conn() as c:
            record, got = c.begin("GET", path("item")), 0
            c.sock.setblocking(False)
            while got < whole.got:
                try:
                    got += len(c.sock.recv(4096))
                except BlockingIOError:
                    pass
            c.close(reset=True)
            record.t1, record.got, record.length = now_ms(), got, whole.length
            record.status, record.end = whole.status, "ok"
        wants.append(Want(record))
    return wants


def fin_or_rst_in_the_request(t):
    """A head, or a body, that never came to its end."""
    wants = []
    for reset in (False, True):
        body = head_bytes("POST", "%s", length=9) + b"123"
        for target, data, asked in ((path("item"), b"GET %s HTTP/1.1\r\nHo", False), (path("echo"), body, True)):
            with t.conn() as c:
                record = c.put("POST" if asked else "GET", target, data % target.encode())
                time.sleep(0.02)  # it is read
                c.abort(record, reset)
            wants.append(Want(record, asked=asked, named=asked))
    return wants


def pipeline_left(t):
    """Those that wait behind a hanging one end as it does."""
    with t.conn() as c:
        before = t.server.count_marks(b"h")
        targets = [path("hang"), path("item"), path("item")]
        records = c.pipeline([("GET", p, head_bytes("GET", p)) for p in targets])
        wait_for(lambda: t.server.count_marks(b"h") > before, "/hang comes in")
        if t.server.stack.http == "h11":
            gone(t, lambda: [c.abort(r) for r in records])
        else:  # it tells the last of a pipeline alone that its client left
            for r in records:
                c.abort(r)
    return [Want(r, asked=i == 0) for i, r in enumerate(records)]


def broken(t):
    """An exception after the head: the server cuts what it had promised."""
    wants = []
    for length in (100, 0):
        with t.conn() as c:
            record = c.get(path(f"broken/{length}"))
            assert (record.status, record.end) == (200, "client_closed")
            record.end = "server_closed"
        wants.append(Want(record))
    return wants


@pytest.mark.parametrize("ending", [fin_or_rst_before, fin_or_rst_during, fin_or_rst_after, rst_at_once,
                                    fin_or_rst_in_the_request, pipeline_left, broken], ids=lambda e: e.__name__)
def test_ending(traced, ending):
    traced.run(ending)


def test_whole(traced):
    traced.finish()


@pytest.mark.parametrize("stack", LONELY, ids=str)
def test_killed(launch, bpf, stack):
    """SIGKILL with a request in each phase: all are the server's, none is the client's, none is lost."""
    server, truth = launch(stack), Truth()
    conns = [Conn(server.address, truth) for _ in range(4)]
    try:
        with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
            ok = conns[0].get(path("item"))
            before = server.count_marks(b"h")
            upload = conns[1].begin("POST", path("echo"), headers=("Content-Length: 100",))
            hang = conns[2].begin("GET", path("hang"))
            stream = conns[3].begin("GET", path("sse/5"))
            stream.status, _ = conns[3].head()
            wait_for(lambda: server.count_marks(b"h") > before, "/hang comes in")
            conns[3].until(b"data: 3")
            os.kill(server.pid, signal.SIGKILL)
            for record in (upload, hang, stream):
                record.end = "server_closed"
            for c in conns[1:]:
                try:
                    while c.fill():
                        pass
                except ConnectionError:
                    pass
            rows = {shapes.name(r["path"]): r for r in reqscope.parse_trace(scope.wait()[1])}
            s = reqscope.parse_summary(total.wait()[1])
    finally:
        for c in conns:
            c.close()
    for record in (ok, upload, hang, stream):
        row = rows[shapes.name(record.path)]
        assert (row["end"], row.get("status", 0)) == (record.end, record.status), (row, record)
    shapes.check_ends(s, truth)
    assert s["verdict"]["state"] == "down"


@pytest.mark.parametrize("stack", LONELY, ids=str)
def test_keep_alive_timeout(launch, bpf, stack):
    """The server closes what is idle: nobody's error, on a connection that was used and one that never was."""
    server = launch(Stack(stack.age, stack.loop, stack.http, app=stack.app, extra=("--timeout-keep-alive", "1")))
    truth = Truth()
    with reqscope.summary("-p", server.pid) as total:
        with Conn(server.address, truth) as used, Conn(server.address, truth):
            used.get(path("item"))
            assert not used.fill(), "the server closes"
        s = reqscope.parse_summary(total.finish())
    shapes.check_ends(s, truth)
    assert s["requests"]["ok"] == s["requests"]["started"] == 1
    assert s["verdict"]["state"] == "up", s["verdict"]


def test_abandoned(pool, bpf):
    """How long those who left had waited is a distribution of its own, and none of the others'."""
    server, truth = pool.get(shapes.SHAPED[3]), Truth()
    with reqscope.summary("-p", server.pid) as total:
        conns = [Conn(server.address, truth) for _ in range(5)]
        before = server.count_marks(b"h"), server.count_marks(b"g")
        records = [c.begin("GET", path("hang")) for c in conns]
        wait_for(lambda: server.count_marks(b"h") == before[0] + 5, "they come in")
        time.sleep(0.1)
        for c, r in zip(conns, records):
            c.abort(r)
        wait_for(lambda: server.count_marks(b"g") == before[1] + 5, "the app notices")
        s = reqscope.parse_summary(total.finish())
    shapes.check_ends(s, truth)
    abandoned = s["latency"]["abandoned"]
    assert abandoned["count"] == 5 and s["latency"]["total"]["count"] == 0
    assert 100 - TIMER_MS <= abandoned["min"] <= abandoned["max"] <= max(r.ms for r in records) + 5


@pytest.mark.parametrize("stack", LONELY, ids=str)
def test_stuck(pool, bpf, stack):
    """While it hangs the verdict says so, the trace tells it once; the stream beside it is open, and not stuck."""
    server, truth = pool.get(Stack(stack.age, stack.loop, stack.http, app=stack.app)), Truth()
    with Conn(server.address, truth) as a, Conn(server.address, truth) as b:
        with reqscope.trace("-p", server.pid, "--stuck-ms", 100) as scope, \
                reqscope.summary("-p", server.pid, "--stuck-ms", 100) as total:
            stream = a.begin("GET", path("sse/5"))
            a.head()
            before = server.count_marks(b"h")
            hang = b.begin("GET", path("hang"))
            wait_for(lambda: server.count_marks(b"h") > before, "/hang comes in")
            key = shapes.name(hang.path).encode()
            line = scope.out.wait(lambda x: key in x, 5)
            assert line and reqscope.parse_trace(line)[0]["event"] == "open"
            time.sleep(0.25)  # longer than --stuck-ms again: it is not told again
            s = reqscope.parse_summary(total.finish())
            left = server.count_marks(b"g")
            b.abort(hang)
            a.abort(stream)
            wait_for(lambda: server.count_marks(b"g") >= left + 2, "the app notices")
            rows = reqscope.parse_trace(scope.finish())
    assert s["verdict"]["state"] == "stuck", s["verdict"]
    phases = {o["path"]: o["phase"] for o in s["open"]}
    assert phases == {hang.path: "app", stream.path: "send"}
    assert all(o["pid"] == server.pid and o["age"] > 100 for o in s["open"])
    assert (s["requests"]["open"], s["requests"]["started"]) == (2, 2)
    events = [r["event"] for r in rows if shapes.name(r["path"]) == key.decode()]
    assert events == ["open", "end"], rows
    assert s["latency"]["app"]["count"] == 0, "a stream that is open has ended nothing"
