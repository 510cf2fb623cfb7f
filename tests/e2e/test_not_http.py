# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What comes to the port and is no HTTP, or is bad HTTP: classified, counted, and never taken for requests that
nobody sent. How a server takes bad HTTP is its business; its answer decides what the request was."""
import json
import os
import random

import pytest

import reqscope
import shapes
from client import Conn, Record, Truth, head_bytes, now_ms
from shapes import path

STACKS = [s for s in shapes.SHAPED if (s.loop == "uvloop") == (s.http == "httptools")]
TLS = bytes.fromhex("16030100c8010000c40303") + bytes(range(189))
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0\0\3\0\0\0\x64\0\4\x40\0\0\0\0\2\0\0\0\0"
NOISE = random.Random(3).randbytes(3000)
PROXY1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"
PROXY2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 1, 192, 0, 2, 2, 0x9c, 0x40, 0, 80])
UNREAD = b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c" + bytes(12)  # a version that nobody knows


@pytest.fixture(scope="module", params=STACKS, ids=str)
def server(request, pool, bpf):
    return pool.get(request.param)


def send(server, data, truth=None, record=None):
    """Sends `data` and reads to the end; returns the first answer's status, 0 for none."""
    with Conn(server.address, truth or Truth(), timeout=5) as c:
        if record:
            record.t0, record.sent = now_ms(), len(data)
        try:
            c.sock.sendall(data)
            c.half_close()
            while c.fill():
                pass
        except OSError:  # it has had enough
            pass
        if record:
            record.t1 = now_ms()
        return int(c.buf.split()[1]) if c.buf.startswith(b"HTTP/1.") else 0


def watched(server, drive):
    """(rows, summary) of what `drive` did."""
    with reqscope.trace("-p", server.pid) as scope, reqscope.summary("-p", server.pid) as total:
        drive()
        with Conn(server.address, Truth()) as c:
            c.get("/item/last")
        assert scope.out.wait(lambda b: b"/item/last" in b, 5)
        return [r for r in reqscope.parse_trace(scope.finish()) if r.get("path") != "/item/last"], \
            reqscope.parse_summary(total.finish())


@pytest.mark.parametrize("data, opaque", [(TLS, True), (HTTP2, True), (NOISE, False), (b"\0" * 300, False),
                                          (UNREAD, True), (b"SSH-2.0-OpenSSH_9.2\r\n", False),
                                          (b"\x80\x2e\x01\x03\x01" + b"\0" * 60, False), (b"hello\n" * 50, False)],
                         ids=["tls", "http2", "noise", "zeros", "proxy-unknown", "ssh", "old-tls", "words"])
def test_not_http(server, data, opaque):
    """Ten of them: ten not_http, no request, whatever the server answered; the good one beside them is counted."""
    rows, s = watched(server, lambda: [send(server, data) for _ in range(10)])
    r = s["requests"]
    assert rows == [], rows[:3]
    assert (r["not_http"], r["started"], r["ok"], r["unknown"], r["open"]) == (10, 1, 1, 0, 0), r
    assert s["codes"] == {"200": 1}
    assert (s["verdict"]["state"] == "blind") == opaque, s["verdict"]


@pytest.mark.parametrize("header", [PROXY1, PROXY2], ids=["v1", "v2"])
def test_proxy_header(server, header):
    """Skipped: the request behind it is seen, with the answer that it had (uvicorn knows no PROXY: a 400)."""
    truth, target = Truth(), path("item")
    record = truth.add(Record("GET", target))
    data = header + head_bytes("GET", target)

    def drive():
        record.status = send(server, data, record=record)

    rows, s = watched(server, drive)
    assert record.status == 400
    assert [(r["method"], r["path"], r["status"], r["end"]) for r in rows] == [("GET", target, 400, "ok")], rows
    assert s["requests"]["not_http"] == 0 and s["requests"]["ok"] == 2
    assert rows[0]["total"] <= record.ms + reqscope.SLACK_MS
    assert rows[0]["bytes_in"] == len(data) - len(header)


CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
INSIDE = b"GET /item/inside HTTP/1.1\r\nHost: e\r\n\r\n"
CODED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = [
    ("length-and-chunked", b"POST %s HTTP/1.1\r\nHost: e\r\nContent-Length: 4\r\n" + CODED + b"\r\n" + CHUNK),
    ("chunked-and-length", b"POST %s HTTP/1.1\r\nHost: e\r\n" + CODED + b"Content-Length: 15\r\n\r\n" + CHUNK),
    ("two-lengths", b"POST %s HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\nContent-Length: %d\r\n\r\n"),
    ("bad-length", b"POST %s HTTP/1.1\r\nHost: e\r\nContent-Length: +5\r\n\r\nhello"),
    ("huge-length", b"POST %s HTTP/1.1\r\nHost: e\r\nContent-Length: 99999999999999999999\r\n\r\nhello"),
    ("odd-coding", b"POST %s HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: xchunked\r\n\r\n" + CHUNK),
    ("space-before-colon", b"POST %s HTTP/1.1\r\nHost: e\r\nContent-Length : %d\r\n\r\n"),
    ("obs-fold", b"GET %s HTTP/1.1\r\nHost: e\r\nX-Long: a\r\n b\r\n\tc\r\n\r\n"),
    ("bare-lf", b"GET %s HTTP/1.1\nHost: e\n\n"),
    ("bad-chunk", b"POST %s HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
    ("huge-chunk", b"POST %s HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello"),
    ("big-head", b"GET %s HTTP/1.1\r\nHost: e\r\nX-Big: " + b"x" * 1_000_000 + b"\r\n\r\n"),
    ("null-in-field", b"GET %s HTTP/1.1\r\nHost: e\r\nX-A: a\0b\r\n\r\n"),
    ("no-version", b"GET %s\r\n\r\n"),
]


@pytest.mark.parametrize("data", [d for _, d in SMUGGLED], ids=[i for i, _ in SMUGGLED])
def test_bad_http(server, data):
    """One request, or none (not_http); its status is what the client got. What lies in bodies is no request."""
    target = path("echo" if data.startswith(b"POST") else "item")
    if data.count(b"%") == 2:
        data = data % (target.encode(), len(INSIDE)) + INSIDE
    else:
        data = data.replace(b"%s", target.encode())
    record = Record("POST" if data.startswith(b"POST") else "GET", target)

    def drive():
        record.status = send(server, data, record=record)

    before = shapes.served_by(server)
    rows, s = watched(server, drive)
    served = shapes.served_by(server)
    asked = [p for p in served if served[p] > before.get(p, 0) and p not in ("/served", "/item/last")]
    r = s["requests"]
    assert len(rows) + r["not_http"] >= 1, (r, rows)
    told = {(row.get("path"), row.get("status", 0)) for row in rows}
    if rows and record.status:
        truth = {(target, record.status), (None, record.status)} | {(p, 200) for p in asked}
        assert told <= truth, (rows, record, asked)
    for row in rows:
        assert row.get("path") in (None, target, *asked), (row, asked)
        assert row["end"] != "unknown" or record.status == 0, row
        if "total" in row:
            assert row["total"] <= record.ms + reqscope.SLACK_MS, (row, record)
    if record.status == 200 and rows:  # a request without a version is HTTP/0.9: one parser takes it, we do not
        assert len(rows) == len(asked) and r["not_http"] == 0, (rows, asked, r)
    assert os.path.basename(target) not in json.dumps(s["open"])
