# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every request that the client made is counted once, under its status and its route; nothing else is."""
import pytest

import reqscope
from client import Conn, Job, run_jobs
from servers import Stack

OTHERS = [Stack(age, workers=2) for age in ("debian", "pypi")] + \
    [Stack(age, listen="uds") for age in ("debian", "pypi")] + \
    [Stack(age, listen="ipv6") for age in ("debian", "pypi")] + \
    [Stack(age, server="gunicorn", workers=2) for age in ("debian", "pypi")] + \
    [Stack("pypi", server="gunicorn", listen="uds")]
CLOSE = {"headers": ("Connection: close",)}


def mix():
    """About 200 requests of every common shape."""
    jobs = [Job("GET", "/fast") for _ in range(40)]
    jobs += [Job("GET", "/fast?secret=1", "/fast", fresh=True) for _ in range(10)]
    jobs += [Job("GET", f"/items/{i}", "/items/{item_id}") for i in range(40)]
    jobs += [Job("HEAD", "/fast") for _ in range(6)]
    jobs += [Job("HEAD", "/big/64", "/big/{kib}") for _ in range(3)]
    jobs += [Job("GET", f"/big/{kib}", "/big/{kib}") for kib in (1, 16, 64, 300, 1500)]
    for size in (0, 1, 1000, 5000, 70000, 300000):
        body = b"b" * size
        jobs += [Job("POST", "/echo", kw={"body": body}), Job("POST", "/echo", kw={"body": body, "chunked": True})]
    jobs += [Job("GET", f"/sleep/{ms}", "/sleep/{ms}") for ms in (1, 5, 20, 40)]
    jobs += [Job("GET", "/sync/5", "/sync/{ms}") for _ in range(4)]
    jobs += [Job("GET", f"/status/{code}", "/status/{code}") for code in (204, 304, 404, 418, 500, 503) * 4]
    jobs += [Job("GET", "/nowhere") for _ in range(5)]
    jobs += [Job("POST", "/fast") for _ in range(3)]  # 405
    jobs += [Job("GET", "/boom", kw=CLOSE) for _ in range(4)]
    jobs += [Job("GET", "/stream/5/2", "/stream/{n}/{ms}") for _ in range(6)]
    jobs += [Job("GET", "/fast", kw={"version": "1.0"}, fresh=True) for _ in range(4)]
    # No Content-Length: to HTTP/1.0 h11 delimits by closing, to 1.1 both chunk.
    jobs += [Job("GET", "/raw/close", "/raw/{path}", fresh=True, kw={"version": v})
             for v in ("1.0", "1.1") * 3]
    return jobs


def leave(server, truth):
    """Clients that go before they are answered, by FIN and by RST."""
    for reset in (False, True):
        conn = Conn(server.address, truth)
        server.leave(conn, server.hang(conn), reset)


def half_closes(server, truth, n=5):
    """The client ends its side right after the request. Whether the server still answers is its business:
    what the client got decides what the end must be."""
    for _ in range(n):
        conn = Conn(server.address, truth)
        record = conn.begin("GET", "/fast")
        conn.half_close()
        conn.finish(record)


def expects(server, truth):
    """100-continue: the body is sent only after the server said so; the 100 is no response."""
    with Conn(server.address, truth) as conn:
        record = conn.begin("POST", "/echo", headers=("Content-Length: 5000", "Expect: 100-continue"))
        assert b" 100 " in conn.until(b"\r\n\r\n")
        conn.sock.sendall(b"e" * 5000)
        conn.finish(record)


def drive(server, truth):
    run_jobs(server.address, mix(), truth)
    leave(server, truth)
    half_closes(server, truth)
    expects(server, truth)


def test_counts(stack_server, truth, routes_file):
    with reqscope.summary("-p", stack_server.pid, "--routes", routes_file) as scope:
        drive(stack_server, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)
    assert s["target"]["ports"] == [stack_server.port]
    assert stack_server.pid in s["target"]["pids"]
    assert s["verdict"]["state"] not in ("idle", "blind", "down")


@pytest.mark.parametrize("stack", OTHERS, ids=str)
def test_counts_elsewhere(pool, bpf, truth, routes_file, stack):
    """Several workers, unix sockets, IPv6, gunicorn."""
    server = pool.get(stack)
    with reqscope.summary("-p", server.pid, "--routes", routes_file) as scope:
        drive(server, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)
    workers = {w["pid"]: w["requests"] for w in s["workers"]}
    assert sum(workers.values()) == len(truth.records)
    assert set(workers) <= {server.pid, *server.worker_pids()}


def test_folded_routes(server, bpf, truth):
    """Without templates: numbers fold, words stay, and the query is nowhere."""
    jobs = [Job("GET", f"/items/{i}?token=s3cret", "/items/{id}") for i in range(60)]
    jobs += [Job("GET", f"/stream/2/{i}", "/stream/{id}/{id}") for i in range(3)]
    jobs += [Job("GET", "/fast"), Job("POST", "/echo", kw={"body": b"s3cret"})]
    with reqscope.summary("-p", server.pid, "--insight", "off") as scope:
        run_jobs(server.address, jobs, truth)
        out = scope.finish()
    reqscope.check_counts(reqscope.parse_summary(out), truth)
    assert b"s3cret" not in out


def test_openapi_routes(server, bpf, truth, tmp_path):
    """The OpenAPI document, as the app itself serves it, is a routes file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(server.ask("/openapi.json"))
    jobs = [Job("GET", f"/items/{i}", "/items/{id}") for i in range(10)]
    jobs += [Job("GET", "/stream/2/1", "/stream/{n}/{ms}"), Job("POST", "/echo", kw={"body": b"x"})]
    with reqscope.summary("-p", server.pid, "--routes", path) as scope:
        run_jobs(server.address, jobs, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)


def test_half_closes(stack_server, truth):
    """Many: data and FIN come in every order with accept() and read()."""
    with reqscope.summary("-p", stack_server.pid) as scope:
        half_closes(stack_server, truth, 300)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)


def test_abort_in_the_middle(stack_server, truth):
    """A client that goes in the middle of a response: its head is not enough to be ok."""
    with reqscope.summary("-p", stack_server.pid) as scope:
        conn = Conn(stack_server.address, truth)
        record = conn.begin("GET", "/stream/1000/20")
        conn.head()
        conn.until(b"chunk 1")
        conn.abort(record)
        # The server finds out when it writes next; the ledger must be right whenever it does.
        out = scope.finish()
    s = reqscope.parse_summary(out)
    r = s["requests"]
    assert (r["started"], r["ok"], r["unknown"]) == (1, 0, 0)
    assert r["client_closed"] + r["open"] == 1


def test_nothing_happened(server, bpf):
    with reqscope.summary("-p", server.pid, "-d", "0.3") as scope:
        rc, out = scope.wait()
    s = reqscope.parse_summary(out)
    assert rc == 0
    assert s["verdict"]["state"] == "idle"
    assert s["requests"]["started"] == 0 and s["routes"] == []
