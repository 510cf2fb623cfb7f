# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The shapes that an HTTP/1 exchange can have on the wire, against tests/apps/shaped.py.

A shape is a function that makes exchanges on connections of its own and returns what each must have been, by
the client's record and by the delays that it put in itself. Every path has a name that no other has, so that
the tracer's line for it is found, and one that nobody asked for is noticed.
"""
import base64
import collections
import dataclasses
import itertools
import json
import os
import re
import time

import report
import reqscope
from client import Conn, Record, Truth, as_chunks, head_bytes, now_ms
from servers import STACKS, Stack, wait_for

TIMER_MS = 3  # by how much event loops' timers round down, and ours up
NAME = re.compile(r"/(u\d+)(?=/|$)")
names = itertools.count(1)
SHAPED = [dataclasses.replace(s, app="shaped:app") for s in STACKS]
UNIX = [dataclasses.replace(s, listen="uds") for s in SHAPED if (s.loop == "uvloop") == (s.http == "httptools")]


def path(what):
    return f"/{what}/u{next(names)}"


def name(of):
    found = NAME.search(of or "")
    return found and found[1]


@dataclasses.dataclass
class Want:
    """What must be told of an exchange beside what the client recorded."""
    record: object
    least: dict = dataclasses.field(default_factory=dict)  # phase: ms
    most: dict = dataclasses.field(default_factory=dict)
    cut: bool = False  # its framing lies beyond what is copied: phases and bytes may be absent, never wrong
    asked: bool = True  # the server hands it to the app
    sure: bool = True  # else it may be unknown, but nothing else than the truth
    named: bool = True  # its head came to an end; else nobody knows what it was
    row: dict = None  # what was told


class Wire(Conn):
    """A connection whose bytes the test makes itself."""

    def put(self, method, target, data, pieces=(), pause=0.0):
        """`data` is all of the request's bytes, cut as begin() does."""
        record = self.new(method, target)
        record.t0, record.sent = now_ms(), len(data)
        for n in pieces:
            self.sock.sendall(data[:n])
            data = data[n:]
            time.sleep(pause)
        self.sock.sendall(data)
        return record

    def pipeline(self, requests):
        """(method, path, bytes) of each, all in one segment."""
        records = [self.new(method, target) for method, target, _ in requests]
        stamp = now_ms()
        self.sock.sendall(b"".join(data for _, _, data in requests))
        for record, (_, _, data) in zip(records, requests):
            record.t0, record.sent = stamp, len(data)
        return records

    def finish_upgrade(self, record):
        """Reads the response's head; after a 101 no response follows."""
        before = self.received - len(self.buf)
        while b"\r\n\r\n" not in self.buf:
            assert self.fill()
        if not self.buf.startswith(b"HTTP/1.1 101"):
            return self.finish(record)
        record.status, _ = self.head()
        record.t1, record.end = now_ms(), "upgraded"
        record.got = self.received - len(self.buf) - before
        return record

    def new(self, method, target):
        return self.truth.add(Record(method, target, target))


class Traced:
    """A server with a trace and a summary on it; the truth of all exchanges made meanwhile."""

    def __init__(self, server, scope, total, before):
        self.server, self.scope, self.total, self.before = server, scope, total, before
        self.truth, self.shapes, self.wants = Truth(), {}, []

    def conn(self, **kw):
        return Wire(self.server.address, self.truth, **kw)

    def served(self, target):
        """Whether the app has been asked for a path by now, and hangs in it."""
        try:
            with open(self.server.marks + ".hangs", "rb") as f:
                return target.encode() + b"\n" in f.read()
        except FileNotFoundError:
            return False

    def run(self, shape):
        """Runs a shape and holds the tracer's lines against it."""
        wants = shape(self)
        self.wants += wants
        for want in wants:
            self.shapes[name(want.record.path)] = shape.__name__
        for want in sorted(wants, key=lambda w: not w.sure):
            if want.named:
                self.check(want)
        return wants

    def row(self, record, event=b'"end"', seconds=1.5):
        key = name(record.path)
        line = self.scope.out.wait(lambda b: key.encode() in b and event in b
                                   and name(json.loads(b).get("path")) == key, seconds)
        assert line, f"no line for {record}; of its kind: {self.last_lines()}; tracer said {self.scope.stderr()}"
        return reqscope.parse_trace(line)[0]

    def told(self, record):
        """The line of one that may have none, as an unknown request without a name; those after it have come."""
        for line in self.scope.out.bytes().splitlines():
            if name(json.loads(line).get("path")) == name(record.path):
                return json.loads(line)
        return None

    def last_lines(self):
        return self.scope.out.bytes()[-800:].decode()

    def check(self, want):
        record = want.record
        row = self.row(record) if want.sure else self.told(record)
        if not want.sure and (not row or row["end"] == "unknown"):
            return
        told = (row.get("method"), row.get("status", 0), row["end"])
        assert told == (record.method, record.status, record.end), (row, record)
        times = [p for p in (*reqscope.PHASES, "total", "ttfb") if p in row]
        for phase in times:
            assert row[phase] <= record.ms + reqscope.SLACK_MS, (phase, row, record)
        if record.end == "ok" and not want.cut:
            assert len(times) == 6, f"{set(reqscope.PHASES) - set(times)} absent: {row}"
        want.row = row
        for phase, ms in want.least.items():
            # where the server came to read late, what the client took to send is partly in queue
            more = row.get("queue", 0) if phase == "recv" else 0
            if not want.cut or phase in row:
                assert row[phase] + more >= ms - TIMER_MS, (phase, ms, row, record)
        for phase, ms in want.most.items():
            if not want.cut or phase in row:
                assert row[phase] <= ms, (phase, ms, row, record)
        if record.end == "ok" and not want.cut:
            assert (row["bytes_in"], row["bytes_out"]) == (record.sent, record.got), (row, record)

    def finish(self):
        """Ends both; every line belongs to one exchange, and the ledger is the client's."""
        rows = reqscope.parse_trace(self.scope.finish())
        s = reqscope.parse_summary(self.total.finish())
        served = served_by(self.server)
        ours, theirs, apps, named = {}, {}, {}, {name(row.get("path")) for row in rows}
        for row in rows:
            if row["event"] == "end":
                key = self.shapes.get(name(row.get("path")), "?")
                ours[key] = ours.get(key, 0) + 1
        for want in self.wants:
            named_here = want.named and (want.sure or name(want.record.path) in named)
            key = self.shapes[name(want.record.path)] if named_here else "?"
            theirs[key] = theirs.get(key, 0) + 1
            target = want.record.path.split("?")[0]
            asked = served.get(target, 0) - self.before.get(target, 0)
            apps[key] = apps.get(key, 0) + asked
            assert asked == want.asked, (want, asked)
        for shape in {*ours, *theirs}:
            label = "(not named)" if shape == "?" else shape
            report.shape(label, self.server.stack, theirs.get(shape, 0), apps.get(shape, 0), ours.get(shape, 0))
        assert ours == theirs, [r for r in rows if name(r.get("path")) not in self.shapes]
        check_ends(s, self.truth, sum(not w.sure for w in self.wants))


def check_ends(s, truth, unsure=0):
    """The ledger against the client's records, of which so many may be unknown."""
    r, unknown = s["requests"], s["requests"]["unknown"]
    assert s["tracer"]["dropped"] == 0 and unknown <= unsure, (r, s["tracer"])
    want = {e: len(truth.ends(e)) for e in reqscope.ENDS} | \
        {"carried": 0, "open": 0, "not_http": 0, "started": len(truth.records)}
    want |= {"ok": want["ok"] - unknown, "unknown": unknown}
    assert {k: r[k] for k in want} == want, (r, s["tracer"])
    codes = collections.Counter(str(x.status) for x in truth.records if x.status)
    ours = collections.Counter(s["codes"])
    assert ours <= codes and (unknown or reqscope.nonzero(ours) == codes), (ours, codes)
    assert s["latency"]["abandoned"]["count"] == r["client_closed"]


def served_by(server):
    """What the app says it was asked, per path."""
    return json.loads(server.ask("/served"))


# --- heads

def dribbled_head(t):
    """Byte by byte: the request began with the first."""
    with t.conn() as c:
        target = path("item")
        n = len(head_bytes("GET", target)) - 1
        record = c.get(target, pieces=[1] * n, pause=0.0005)
        return [Want(record, least={"recv": n * 0.5 - n * 0.1}, most={"app": record.ms / 2}), after(c)]


def long_url(t):
    """Longer than what is copied: method, path and times are exact; where the request ends is not known."""
    with t.conn() as c:
        return [Want(c.get(path("item") + "/" + "a" * 5000), cut=True), after(c),
                Want(c.get(path("item") + "?" + "q" * 5000), cut=True), after(c)]


def long_url_in_pieces(t):
    with t.conn() as c:
        record = c.get(path("item") + "?" + "q" * 5000, pieces=[1000, 1000, 1000, 2000], pause=0.005)
        return [Want(record, least={"recv": 15}), after(c)]


def cookies(t):
    """30 KB in one segment, all that one parser or the other accepts."""
    fields = [f"Cookie: {i}=" + "c" * 3000 for i in range(10)]
    with t.conn() as c:
        record = c.get(path("item"), headers=fields)
        wants = [Want(record, cut=True, asked=record.status == 200)]
        return wants + ([after(c)] if c.open else [])


def cookies_in_pieces(t):
    """As a slow network brings them. A parser with a bound refuses."""
    fields = [f"Cookie: {i}=" + "c" * 3000 for i in range(10)]
    with t.conn() as c:
        try:
            record = c.begin("GET", path("item"), headers=fields, pieces=[12000, 6000, 6000], pause=0.01)
        except ConnectionError:  # it has refused already
            record = t.truth.records[-1]
        c.finish(record)
        wants = [Want(record, cut=True, asked=record.status == 200)]
        return wants + ([after(c)] if c.open else [])


def long_response_head(t):
    with t.conn() as c:
        return [Want(c.get(path("longhead")), cut=True), after(c), Want(c.get(path("longhead")), cut=True), after(c)]


def long_head_then_chunks(t):
    """The framing of the response lies beyond what is copied: its status and time are told all the same."""
    with t.conn() as c:
        return [Want(c.get(path("longchunks")), cut=True), after(c)]


def long_head_then_close(t):
    """The same as the last of its connection: by the server's doing, and by the client's."""
    wants = []
    for fields in (("Connection: close",), ()):
        for what in ("longhead", "longchunks"):
            with t.conn() as c:
                wants.append(Want(c.get(path(what), headers=fields), cut=True))
    return wants


def long_head_then_pipelined(t):
    """Behind an answer whose end was not copied others follow: whose they are is known, or called unknown."""
    with t.conn() as c:
        targets = [path(what) for what in ("item", "longhead", "status/404", "item")]
        records = c.pipeline([("GET", p, head_bytes("GET", p)) for p in targets])
        for r in records:
            c.finish(r)
        return [Want(records[0])] + [Want(r, cut=True, sure=False) for r in records[1:]] + \
            [Want(c.get(path("status/503")), cut=True, sure=False), after(c)]


def small_chunks(t):
    """Chunks longer than what is copied of a buffer, all written at once."""
    with t.conn() as c:
        return [Want(c.get(path("chunks/3/0/1000"))), Want(c.get(path("chunks/5/0/200"))), after(c)]


def leading_newlines(t):
    """RFC 9112, 2.2: a server ignores empty lines before a request line. One does not: it refuses all of it."""
    with t.conn() as c:
        wants, target = [after(c)], path("item")
        if t.server.stack.http == "httptools":
            c.sock.sendall(b"\r\n")
            time.sleep(0.005)
            wants.append(after(c))
        record = c.put("GET", target, b"\r\n" + head_bytes("GET", target))
        record.sent -= 2
        c.finish(record)
        return [*wants, Want(record, asked=record.status == 200)]


def after(c):
    """The next on the same connection: the boundary was found."""
    return Want(c.get(path("item")))


# --- bodies

def body_in_pieces(t):
    with t.conn() as c:
        target, body = path("echo"), b"b" * 9000
        head = len(head_bytes("POST", target, length=len(body)))
        first = c.request("POST", target, body=body, pieces=[head, 1, 2000, 5000], pause=0.005)
        second = c.request("POST", path("echo"), body=b"b" * 300_000)
        return [Want(first, least={"recv": 20}), Want(second), after(c)]


def chunked_upload(t):
    """Extensions, trailers, hex in both cases, pieces that cut through chunk sizes."""
    target = path("echo")
    data = head_bytes("POST", target, chunked=True, headers=("Trailer: X-Sum",)) + \
        b"5;name=value\r\nhello\r\nA;q=\"a;b\"\r\n0123456789\r\n00b\r\n01234567890\r\n0;last\r\nX-Sum: 12\r\n\r\n"
    with t.conn() as c:
        whole = c.finish(c.put("POST", target, data))
        second = path("echo")
        data = data.replace(target.encode(), second.encode())
        n = len(data) - 1
        cut = c.finish(c.put("POST", second, data, pieces=[1] * n, pause=0.0002))
        wants = [Want(r, asked=r.status == 200) for r in (whole, cut)]
        return wants + ([after(c)] if c.open else [])


def chunked_big(t):
    with t.conn() as c:
        return [Want(c.request("POST", path("echo"), body=b"c" * 200_000, chunked=True), cut=True), after(c)]


def body_like_a_request(t):
    """What a body says is nobody's request, in whatever pieces it comes."""
    body = b"".join(head_bytes("GET", path("item")) for _ in range(40)) + b"HTTP/1.1 200 OK\r\n\r\n"
    with t.conn() as c:
        target = path("echo")
        head = len(head_bytes("POST", target, length=len(body)))
        one = c.request("POST", target, body=body)
        two = c.request("POST", path("echo"), body=body, pieces=[head, 48, 48], pause=0.002)
        three = c.request("POST", path("echo"), body=body, chunked=True)
        return [Want(one), Want(two), Want(three), after(c)]


def expect_continue(t):
    with t.conn() as c:
        record = c.begin("POST", path("echo"), headers=("Content-Length: 5000", "Expect: 100-continue"))
        interim = c.until(b"\r\n\r\n")
        assert b" 100 " in interim
        time.sleep(0.03)
        c.sock.sendall(b"e" * 5000)
        c.finish(record)
        record.sent += 5000
        record.got += len(interim) + 4
        return [Want(record, least={"recv": 30}, most={"app": record.ms / 2}), after(c)]


def slow_upload(t):
    with t.conn() as c:
        target = path("echo")
        head = len(head_bytes("POST", target, length=1000))
        record = c.request("POST", target, body=b"s" * 1000, pieces=[head + 500], pause=0.05)
        return [Want(record, least={"recv": 50}, most={"app": record.ms / 2}), after(c)]


def early_response(t):
    """413 before the body came: the time is the app's. The rest of the body is nobody's next request."""
    body = b"".join(head_bytes("GET", path("item")) for _ in range(60))
    with t.conn() as c:
        record = c.begin("POST", path("early/413"), headers=(f"Content-Length: {len(body)}",))
        c.sock.sendall(body[:500])
        c.finish(record)
        wants = [Want(record, cut=True, most={"recv": 0})]
        if c.open:
            try:
                c.sock.sendall(body[500:])
                wants.append(after(c))
            except ConnectionError:
                pass
        return wants


def early_refusal(t):
    """The client waits for a 100 and gets a 413 instead."""
    with t.conn() as c:
        record = c.begin("POST", path("early/413"), headers=("Content-Length: 5000", "Expect: 100-continue"))
        c.finish(record)
        return [Want(record, most={"recv": 0})]


# --- order

def pipelined(t, what="sleep/10", n=5):
    with t.conn() as c:
        targets = [path(what) for _ in range(n)]
        records = c.pipeline([("GET", p, head_bytes("GET", p)) for p in targets])
        for r in records:
            c.finish(r)
        return [Want(r, least={"queue": 10 * i, "app": 10}, most={"app": r.ms - 10 * i + 1})
                for i, r in enumerate(records)] + [after(c)]


def pipelined_many(t):
    """More than a list of arrivals holds, in one segment: all arrived at once."""
    with t.conn() as c:
        targets = [path("item") for _ in range(40)]
        records = c.pipeline([("GET", p, head_bytes("GET", p)) for p in targets])
        for r in records:
            c.finish(r)
        return [Want(r) for r in records] + [after(c)]


def pipelined_bodies(t):
    with t.conn() as c:
        jobs = []
        for i in range(6):
            target = path("echo")
            if i % 3 == 2:
                data = head_bytes("POST", target, chunked=True) + as_chunks(b"p" * 50 * i, 30)
            else:
                data = head_bytes("POST", target, length=40 * i) + b"p" * 40 * i
            jobs.append(("POST", target, data))
        records = c.pipeline(jobs)
        for r in records:
            c.finish(r)
        return [Want(r) for r in records] + [after(c)]


def early_next(t):
    """The second comes, in a segment of its own, while the first is worked on: behind the first is queue."""
    with t.conn() as c:
        first = c.begin("GET", path("sleep/60"))
        time.sleep(0.015)
        second = c.begin("GET", path("sleep/10"))
        left = first.t0 + 60 - second.t0
        c.finish(first)
        c.finish(second)
        return [Want(first, least={"app": 60}, most={"queue": 30}),
                Want(second, least={"queue": left, "app": 10}, most={"app": second.ms - left + TIMER_MS}), after(c)]


# --- responses

def no_bodies(t):
    with t.conn() as c:
        wants = [Want(c.request("HEAD", path("big/64"))), Want(c.get(path("status/204"))),
                 Want(c.get(path("status/304"))), Want(c.request("HEAD", path("chunks/3/0/10")))]
        return wants + [after(c)]


def old_version(t):
    """HTTP/1.0 with and without keep-alive, with a length, and with no end but the connection's."""
    wants = []
    for what in ("item", "chunks/3/2/50"):
        for fields in ((), ("Connection: keep-alive",)):
            with t.conn() as c:
                wants.append(Want(c.get(path(what), version="1.0", headers=fields)))
                assert not c.open or not c.fill(), "uvicorn closes after it, whatever was asked"
    return wants


def connection_close(t):
    wants = []
    for what in ("item", "chunks/3/2/50", "big/300"):
        with t.conn() as c:
            wants.append(Want(c.get(path(what), headers=("Connection: close",))))
    return wants


def several_writes(t):
    with t.conn() as c:
        return [Want(c.get(path("chunks/6/5/3000")), least={"send": 25}),
                Want(c.get(path("pieces/6/5/3000")), least={"send": 25}),
                Want(c.get(path("chunks/20/0/10"))), Want(c.get(path("pieces/20/0/10"))), after(c)]


def slow_reader(t):
    """Partial writes: what the socket has no room for is send, not app."""
    with t.conn(rcvbuf=65536) as c:
        record = c.begin("GET", path("big/8000"))
        time.sleep(0.15)
        c.finish(record)
        return [Want(record, least={"send": 100}, most={"app": record.ms / 2}), after(c)]


def files(t):
    """By a thread of the app, and by sendfile(2) past it."""
    with t.conn() as c:
        wants = [Want(c.get(path("file"))), after(c)]
    with t.conn() as c:
        wants.append(Want(c.get(path("sendfile/300"))))
    return wants


def half_close(t):
    """Whether the server still answers is its business: what the client got decides."""
    wants = []
    for what in ("item", "sleep/20"):
        with t.conn() as c:
            record = c.begin("GET", path(what))
            c.half_close()
            wants.append(Want(c.finish(record)))
    return wants


# --- upgrades and streams

def frame(text):
    """A client's text frame (RFC 6455, 5.2), masked with zeros so that its text stays what it is."""
    data = text.encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + data


def websocket(t):
    """Its own latency, and no frame is anything, not even one that reads like a request or a response."""
    with t.conn() as c:
        key = base64.b64encode(os.urandom(16)).decode()
        record = c.begin("GET", path("ws"), headers=("Upgrade: websocket", "Connection: Upgrade",
                                                     f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"))
        c.finish_upgrade(record)
        if record.status != 101:
            return [Want(record, asked=record.status == 200)]
        for text in ("hello", head_bytes("GET", path("item")).decode(),
                     "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"):
            c.sock.sendall(frame(text))
            while text.encode() not in c.buf:
                assert c.fill()
        c.sock.sendall(b"\x88\x82\0\0\0\0\x03\xe8")  # close, 1000
        while c.fill():
            pass
        return [Want(record, least={"ttfb": 50})]


def stream_left(t):
    """An endless stream: app ends at its head; the client's leaving is client_closed, how long it waited apart."""
    with t.conn() as c:
        before = t.server.count_marks(b"g")
        record = c.begin("GET", path("sse/5"))
        record.status, _ = c.head()
        head = now_ms()
        c.until(b"data: 8")
        c.abort(record)
        wait_for(lambda: t.server.count_marks(b"g") > before, "the app notices that its client left")
        return [Want(record, most={"app": head - record.t0 + 0.1})]


SHAPES = [dribbled_head, long_url, long_url_in_pieces, cookies, cookies_in_pieces, long_response_head,
          long_head_then_chunks, long_head_then_close, long_head_then_pipelined, small_chunks, leading_newlines,
          body_in_pieces, chunked_upload, chunked_big, body_like_a_request, expect_continue, slow_upload,
          early_response, early_refusal, pipelined, pipelined_many, pipelined_bodies, early_next, no_bodies,
          old_version, connection_close, several_writes, slow_reader, files, half_close, websocket, stream_left]
ORDERED = [pipelined, pipelined_many, pipelined_bodies, early_next, body_in_pieces, slow_upload, several_writes]
BEHIND = [Stack(age, "uvloop" if http == "h11" else "asyncio", http, app="shaped:behind")
          for age in ("debian", "pypi") for http in ("h11", "httptools")]
