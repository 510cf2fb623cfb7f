# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The client whose own counts and clock are the truth that reqscope is held against.

A raw-socket HTTP/1.x client: every request and every end is recorded with CLOCK_MONOTONIC stamps taken
just before its first byte is sent and just after its last byte was received, so `ms` is an upper bound
of what the server side can have taken. No library in between decides when bytes move.
"""
import collections
import dataclasses
import random
import socket
import struct
import threading
import time


def now_ms():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e6


@dataclasses.dataclass(repr=False)
class Record:
    method: str
    path: str
    route: str = ""  # the template that the path belongs to; the path itself when not given
    t0: float = 0.0  # ms, before the first byte was sent
    t1: float = 0.0  # ms, after the last byte came, or when the client gave up
    status: int = 0  # of the final head; 0: none came
    length: int = 0  # body bytes received
    text: bytes = b""  # the body, when it is short and has a Content-Length
    end: str = "open"  # "ok", or "client_closed" when the response never completed
    sent: int = 0  # bytes of the request
    got: int = 0  # bytes of its response, 1xx and framing too

    @property
    def ms(self):
        return self.t1 - self.t0

    def __str__(self):
        return f"{self.method} {self.path[:80]}: {self.status} {self.end} {self.ms:.3f} ms, " \
            f"{self.sent} B for {self.got} B"

    __repr__ = __str__


class Truth:
    """All that one test's clients did; shared by threads."""

    def __init__(self):
        self.records = []
        self.lock = threading.Lock()

    def add(self, record):
        with self.lock:
            self.records.append(record)
        return record

    def ends(self, end):
        return [r for r in self.records if r.end == end]

    def codes(self):
        return dict(collections.Counter(str(r.status) for r in self.ends("ok")))

    def routes(self):
        """How often each (method, route) ended."""
        return dict(collections.Counter((r.method, r.route) for r in self.records if r.end != "open"))


def head_bytes(method, path, *, length=None, chunked=False, version="1.1", headers=()):
    target = path if isinstance(path, bytes) else path.encode()
    lines = [b"%s %s HTTP/%s" % (method.encode(), target, version.encode()), b"Host: e2e"]
    if length is not None:
        lines.append(b"Content-Length: %d" % length)
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
    lines += [h.encode() for h in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def as_chunks(body, size=7000):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


class Conn:
    """One connection. `address` is (host, port) or the path of a unix socket."""

    def __init__(self, address, truth, *, rcvbuf=None, timeout=20):
        self.truth, self.buf, self.open = truth, b"", True
        self.received = 0  # bytes, ever
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if rcvbuf:  # before connect: the window is agreed on there
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        self.port = None
        if self.sock.family != socket.AF_UNIX:
            self.port = self.sock.getsockname()[1]
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- sending

    def begin(self, method, path, *, route=None, body=None, chunked=False, version="1.1", headers=(),
              pieces=None, pause=0.0):
        """Sends a request; returns its record. `pieces`: the lengths to cut its bytes into, with `pause`
        seconds between them (a slow client)."""
        length = None if body is None or chunked else len(body)
        data = head_bytes(method, path, length=length, chunked=chunked, version=version, headers=headers)
        if body is not None:
            data += as_chunks(body) if chunked else body
        path = path.split("?")[0] if isinstance(path, str) else path.decode("latin-1")
        record = self.truth.add(Record(method, path, route or path))
        record.t0, record.sent = now_ms(), len(data)
        for n in pieces or ():
            self.sock.sendall(data[:n])
            data = data[n:]
            time.sleep(pause)
        self.sock.sendall(data)
        return record

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    # --- receiving

    def fill(self):
        data = self.sock.recv(262144)
        self.buf += data
        self.received += len(data)
        return bool(data)

    def until(self, mark):
        while mark not in self.buf:
            if not self.fill():
                raise EOFError
        head, self.buf = self.buf.split(mark, 1)
        return head

    def skip(self, n):
        while len(self.buf) < n:
            n -= len(self.buf)
            self.buf = b""
            if not self.fill():
                raise EOFError
        self.buf = self.buf[n:]

    def head(self):
        """The next final response head: (status, fields)."""
        while True:
            lines = self.until(b"\r\n\r\n").split(b"\r\n")
            status = int(lines[0].split()[1])
            if status >= 200 or status == 101:
                break
        fields = dict(line.lower().split(b":", 1) for line in lines[1:])
        return status, {k: v.strip() for k, v in fields.items()}

    def body(self, record, fields):
        if record.method == "HEAD" or record.status in (204, 304):
            return 0
        if fields.get(b"transfer-encoding") == b"chunked":
            total = 0
            while size := int(self.until(b"\r\n"), 16):
                self.skip(size + 2)
                total += size
            self.skip(2)
            return total
        if b"content-length" in fields:
            total = int(fields[b"content-length"])
            if total > 1000:
                self.skip(total)
                return total
            while len(self.buf) < total:
                if not self.fill():
                    raise EOFError
            record.text, self.buf = self.buf[:total], self.buf[total:]
            return total
        total = len(self.buf)
        self.buf, self.open = b"", False
        while data := self.sock.recv(262144):
            total += len(data)
            self.received += len(data)
        return total

    def finish(self, record):
        """Reads the response of `record` to its end. A connection that ends first is recorded as such."""
        before = self.received - len(self.buf)
        try:
            record.status, fields = self.head()
            if fields.get(b"connection") == b"close":
                self.open = False
            record.length = self.body(record, fields)
            record.end = "ok"
        except (EOFError, ConnectionError):
            record.end = "client_closed"
            self.open = False
        record.t1 = now_ms()
        record.got = self.received - len(self.buf) - before
        if not self.open:
            self.sock.close()
        return record

    def request(self, method, path, **kw):
        return self.finish(self.begin(method, path, **kw))

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    # --- leaving

    def abort(self, record, reset=False):
        """Goes away without having had an answer."""
        record.end, record.t1 = "client_closed", now_ms()
        self.close(reset)
        return record

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False
        self.sock.close()


@dataclasses.dataclass
class Job:
    """One request of a mix. fresh: on a connection of its own."""
    method: str
    path: str
    route: str = ""
    fresh: bool = False
    kw: dict = dataclasses.field(default_factory=dict)


def run_jobs(address, jobs, truth, threads=4, seed=1):
    """Runs a mix in an order that is shuffled the same way each time, on `threads` connections at once;
    an exception of any thread is raised here."""
    queue = collections.deque(random.Random(seed).sample(jobs, len(jobs)))
    faults = []

    def work():
        conn = None
        try:
            while True:
                try:
                    job = queue.popleft()
                except IndexError:
                    return
                mine = Conn(address, truth) if job.fresh or not (conn and conn.open) else conn
                mine.request(job.method, job.path, route=job.route or None, **job.kw)
                if job.fresh:
                    mine.close()
                else:
                    conn = mine
        except Exception as e:  # noqa: BLE001 - told to the test
            faults.append(e)
        finally:
            if conn:
                conn.close()

    pool = [threading.Thread(target=work) for _ in range(threads)]
    for t in pool:
        t.start()
    for t in pool:
        t.join()
    if faults:
        raise faults[0]
