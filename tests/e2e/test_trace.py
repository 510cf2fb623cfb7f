# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""trace: one line per request as it ends, live; filters; text."""
import json
import re

import pytest

import reqscope
from client import Job, run_jobs

pytestmark = pytest.mark.usefixtures("bpf")

MIX = [Job("GET", f"/items/{i}", "/items/{id}") for i in range(10)] + \
    [Job("GET", "/sleep/120", "/sleep/{id}") for _ in range(3)] + \
    [Job("GET", f"/status/{c}", "/status/{id}") for c in (204, 404, 404, 500, 503)] + \
    [Job("POST", "/echo", kw={"body": b"s3cret"}), Job("GET", "/fast?q=s3cret", "/fast")]


def traced(server, truth, *options):
    """The rows of a trace over MIX."""
    with reqscope.trace("-p", server.pid, *options) as scope:
        run_jobs(server.address, MIX, truth)
        out = scope.finish()
    assert b"s3cret" not in out
    return reqscope.parse_trace(out)


def keys(rows):
    return sorted((r["method"], r["path"], r["status"]) for r in rows)


def wanted(truth, keep):
    return sorted((r.method, r.path, r.status) for r in truth.records if keep(r))


def test_lines(server, truth):
    rows = traced(server, truth)
    assert keys(rows) == wanted(truth, lambda r: True)
    for row in rows:
        assert row["event"] == "end" and row["end"] == "ok" and row["pid"] == server.pid
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", row["ts"]), row["ts"]
        assert row["bytes_in"] > 0 and row["bytes_out"] > 0
    assert {r["route"] for r in rows} == {j.route or j.path for j in MIX}
    assert len({r["id"] for r in rows}) == len(rows)


def test_live(server, connect):
    """A line comes when its request ends, not when the trace does."""
    with reqscope.trace("-p", server.pid) as scope:
        conn = connect()
        for i in range(3):
            conn.get(f"/items/{900 + i}")
            assert scope.out.wait(lambda b, i=i: b"/items/%d" % (900 + i) in b, 5), f"no line for request {i}"
        scope.finish()


@pytest.mark.parametrize("options, keep", [
    (("--slow", 100), lambda r: r.path.startswith("/sleep/")),
    (("--status", "5xx"), lambda r: r.status >= 500),
    (("--status", "404"), lambda r: r.status == 404),
    (("--route", "/items/*"), lambda r: r.path.startswith("/items/")),
    (("--route", "POST *"), lambda r: r.method == "POST"),
    (("--route", "/status/*", "--status", "4xx"), lambda r: r.status == 404),
], ids=lambda v: "-".join(map(str, v)).replace("/", "") if isinstance(v, tuple) else "")
def test_filters(server, truth, options, keep):
    rows = traced(server, truth, *options)
    assert keys(rows) == wanted(truth, keep)


def test_templates(server, connect, routes_file):
    with reqscope.trace("-p", server.pid, "--routes", routes_file) as scope:
        connect().get("/items/5")
        rows = reqscope.parse_trace(scope.finish())
    assert [r["route"] for r in rows] == ["/items/{item_id}"]


def test_stuck(server, connect):
    """One that passes --stuck-ms is told while it is open, and again when it ends."""
    with reqscope.trace("-p", server.pid, "--stuck-ms", 200) as scope:
        conn = connect()
        record = server.hang(conn)
        line = scope.out.wait(lambda b: json.loads(b)["event"] == "open", 10)
        assert line, "the open request was not told"
        row = reqscope.parse_trace(line)[0]
        assert row["path"] == "/hang" and "status" not in row
        server.leave(conn, record)
        assert scope.out.wait(lambda b: json.loads(b)["event"] == "end", 10)
        last = reqscope.parse_trace(scope.finish())[-1]
    assert (last["end"], last["id"]) == ("client_closed", row["id"])


def test_text(server, truth):
    """For people: a header, then a line a request; no colour when it is no terminal."""
    with reqscope.Reqscope("trace", "-p", server.pid) as scope:
        run_jobs(server.address, MIX, truth)
        out = scope.finish().decode()
    assert "\x1b" not in out and "s3cret" not in out
    for record in truth.records:
        assert any(record.path in line and str(record.status) in line for line in out.splitlines())
