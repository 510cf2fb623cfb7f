# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""reqscope as a subprocess, and what must be true of anything it says."""
import json
import os
import re
import signal
import subprocess
import threading
import time

import jsonschema

from servers import BUILD, TOP

BINARY = os.environ.get("REQSCOPE", os.path.join(BUILD, "reqscope"))
ATTACHED = re.compile(r"^reqscope: attached pid=.+ ports=.* probes=\S+")
ENDS = ("ok", "client_closed", "server_closed", "upgraded", "unknown")
PHASES = ("queue", "recv", "app", "send")
SLACK_MS = 0.05  # by how much `total` may exceed what the client measured


def run(*args, timeout=30, **kw):
    """A run that ends by itself. Returns the CompletedProcess, output as bytes."""
    return subprocess.run([BINARY, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=timeout, **kw)


class Lines:
    """The lines of a pipe, read by a thread so that the writer never blocks on us; None: its end."""

    def __init__(self, pipe):
        self.lines, self.ended = [], False
        self.news = threading.Condition()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe):
        for line in pipe:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait(self, wanted, seconds):
        """The first line for which wanted(line) is true; None when the pipe ended without or time is up."""
        end = time.monotonic() + seconds
        seen = 0
        with self.news:
            while True:
                for line in self.lines[seen:]:
                    if wanted(line):
                        return line
                seen = len(self.lines)
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self.news.wait(left)

    def wait_end(self, seconds):
        with self.news:
            return self.news.wait_for(lambda: self.ended, seconds)

    def bytes(self):
        with self.news:
            return b"".join(self.lines)


class Reqscope:
    """A running reqscope. Use it with `with`: however the test ends, it is ended too."""

    def __init__(self, *args, attach=True, stdout=subprocess.PIPE, **kw):
        self.args = [str(a) for a in args]
        self.proc = subprocess.Popen([BINARY, *self.args], stdin=subprocess.DEVNULL, stdout=stdout,
                                     stderr=subprocess.PIPE, **kw)
        self.out, self.err = self.proc.stdout and Lines(self.proc.stdout), Lines(self.proc.stderr)
        self.pid = self.proc.pid
        if attach:
            self.wait_attached()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()

    def wait_attached(self, seconds=20):
        line = self.err.wait(lambda b: ATTACHED.match(b.decode(errors="replace")), seconds)
        if line is None:
            self.proc.kill()
            raise AssertionError(f"{self.args}: not attached; it said: {self.stderr()}")
        return line.decode()

    def stderr(self):
        return self.err.bytes().decode(errors="replace")

    def wait(self, seconds=30):
        """Waits for its end; returns (exit code, stdout)."""
        rc = self.proc.wait(seconds)
        self.err.wait_end(5)
        if not self.out:
            return rc, None
        self.out.wait_end(5)
        return rc, self.out.bytes()

    def finish(self, sig=signal.SIGINT, seconds=20):
        """Ends it as Ctrl-C does; returns its stdout. It must end with 0."""
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        rc, out = self.wait(seconds)
        assert rc == 0, f"{self.args} ended with {rc}: {self.stderr()}"
        return out

    def memory_kib(self):
        """Resident memory (KiB), its peak."""
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read())[1])


def summary(*args, **kw):
    """Starts `summary --format json`; without -d it goes on until it is told to end."""
    if "-d" not in args:
        args = (*args, "-d", 60)
    return Reqscope("summary", "--format", "json", *args, **kw)


def trace(*args, **kw):
    return Reqscope("trace", "--format", "json", *args, **kw)


def schema(name):
    with open(os.path.join(TOP, "docs", name)) as f:
        return json.load(f)


def parse_summary(out):
    """The one object that a summary prints, checked: schema, ledger, histograms."""
    lines = out.decode("utf-8").splitlines()
    assert len(lines) == 1, f"one object, one line; not {len(lines)} lines"
    s = json.loads(lines[0])
    jsonschema.validate(s, schema("summary.schema.json"))
    check_ledger(s)
    for d in distributions(s):
        check_distribution(d)
    return s


def check_ledger(s):
    r = s["requests"]
    assert r["carried"] + r["started"] == sum(r[e] for e in ENDS) + r["open"], f"the ledger does not add up: {r}"


def distributions(s):
    for place in (s, *s.get("routes", ())):
        yield from place.get("latency", {}).values()


def check_distribution(d):
    if not d["count"]:
        return
    hist = d["hist"]
    assert hist["scale"] == 5
    assert hist["zero"] + sum(hist["counts"]) == d["count"], d
    marks = [d[k] for k in ("min", "p50", "p90", "p95", "p99", "p999", "max")]
    assert marks == sorted(marks), marks
    assert d["min"] <= d["mean"] <= d["max"]


def parse_trace(out):
    """The objects of a trace, each checked: schema, and the phases add up to the total."""
    wanted = schema("trace.schema.json")
    rows = [json.loads(line) for line in out.decode("utf-8").splitlines()]
    for row in rows:
        jsonschema.validate(row, wanted)
        check_phases(row)
    return rows


def check_phases(row):
    if "total" in row and all(p in row for p in PHASES):
        assert abs(sum(row[p] for p in PHASES) - row["total"]) < 0.005, row  # each is rounded for itself
        assert all(row[p] >= 0 for p in PHASES), row


def nonzero(counts):
    return {k: v for k, v in counts.items() if v}


def check_counts(s, truth, *, routes=True):
    """Our counts equal the client's, exactly; nothing lost, nothing made up. Every request must have ended."""
    r, ok = s["requests"], len(truth.ends("ok"))
    assert s["tracer"]["dropped"] == 0
    want = {"carried": 0, "started": len(truth.records), "ok": ok, "unknown": 0, "upgraded": 0, "open": 0,
            "client_closed": len(truth.ends("client_closed")), "server_closed": len(truth.ends("server_closed")),
            "not_http": 0}
    got = {k: r[k] for k in want}
    assert got == want, unexplained(s, truth)
    assert nonzero(s["codes"]) == truth.codes()
    classes = {}
    for code, n in truth.codes().items():
        classes[code[0] + "xx"] = classes.get(code[0] + "xx", 0) + n
    assert nonzero(s["status"]) == classes
    assert s["latency"]["total"]["count"] == ok
    if routes:
        assert {(x["method"], x["route"]): x["count"] for x in s["routes"]} == truth.routes()


def unexplained(s, truth):
    """For the message of a failed count: where it differs."""
    ours = {(x["method"], x["route"]): x["count"] for x in s["routes"]}
    theirs = truth.routes()
    diff = {k: (ours.get(k, 0), theirs.get(k, 0)) for k in {*ours, *theirs} if ours.get(k, 0) != theirs.get(k, 0)}
    return f"requests {s['requests']}, (ours, the client's) differ in {diff}, open {s.get('open')}, tracer {s['tracer']}"
