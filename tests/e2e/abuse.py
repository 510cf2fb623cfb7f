# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""For the tests that are rough: what a killed reqscope leaves behind, and load whose every answer is checked."""
import collections
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import threading

from client import Conn, Truth, now_ms
from servers import APPS, wait_for

BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"
KINDS = ("prog", "map", "link")


def line_of(code, app="app.py"):
    with open(os.path.join(APPS, app), encoding="utf-8") as f:
        return next(n for n, line in enumerate(f, 1) if code in line)


ERRORS = {"/boom": ("ValueError", f"app.py:{line_of('raise ValueError(')} boom"),
          "/status/404": ("fastapi.exceptions.HTTPException", f"app.py:{line_of('raise HTTPException(')} status")}


# --- what is left behind


def loaded():
    """All programs, maps and links that the kernel has: {(kind, id)}."""
    found = set()
    for kind in KINDS:
        done = subprocess.run([BPFTOOL, "-j", kind, "show"], capture_output=True, check=True)
        found |= {(kind, each["id"]) for each in json.loads(done.stdout or b"[]")}
    return found


def held(pids=None):
    """Those that processes hold by a descriptor; of all processes when none are named."""
    found = set()
    for pid in pids or [p for p in os.listdir("/proc") if p.isdigit()]:
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    found |= {(kind, int(n)) for kind, n in re.findall(r"^(prog|map|link)_id:\s+(\d+)", f.read(), re.M)}
        except OSError:
            pass  # it ended, or closed it
    return found


def pins():
    return sorted(os.path.join(d, n) for d, _, names in os.walk("/sys/fs/bpf") for n in names)


class Leftovers:
    """Of BPF, since this was made. Others may use it meanwhile: what nobody holds any more and is there is left."""

    def __init__(self):
        self.before, self.pins = loaded(), pins()

    def check_none(self):
        left = []

        def none():
            left[:] = loaded() - self.before - held()
            return not left

        wait_for(none, lambda: f"nothing is left behind, not {sorted(left)[:20]}", 20, 0.05)
        assert pins() == self.pins


def changed_text(pid):
    """Where the code that a process runs is not what its files say, as (path, offset): probes."""
    changed = []
    with open(f"/proc/{pid}/maps") as f:
        maps = re.findall(r"^(\w+)-(\w+) r-xp (\w+) \S+ \d+ +(/\S+)$", f.read(), re.M)
    assert maps, pid
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, offset, path in maps:
            start, end, offset = (int(x, 16) for x in (start, end, offset))
            mem.seek(start)
            with open(path, "rb") as f:
                f.seek(offset)
                wanted = f.read(end - start)
            has = mem.read(end - start)[:len(wanted)]
            if has != wanted:
                changed += [(path, offset + i) for i, (a, b) in enumerate(zip(has, wanted)) if a != b]
    return changed


# --- load


class Forgetful(Truth):
    """Keeps nothing."""

    def add(self, record):
        return record


class Load:
    """Clients that never pause. Each answer is checked when it comes: `faults` is what was wrong with one.
    May_end: that connections end early and cannot be made is no fault (somebody kills the server). Without keep,
    the requests are only counted, for runs that last: `counts` has `ok` and how many of each status, `ports` how
    many were answered to which of our ports."""

    PATHS = ("/items/{n}",) * 6 + ("/fast", "/status/404", "/sleep/1", "/boom")

    def __init__(self, address, threads=4, may_end=False, paths=PATHS, keep=True):
        self.address, self.may_end, self.paths, self.keep = address, may_end, paths, keep
        self.truth, self.faults, self.refused = Truth() if keep else Forgetful(), [], 0
        self.counts, self.ports = collections.Counter(), collections.Counter()
        self.number, self.stopping = itertools.count(1), threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()

    def _work(self, seed):
        choose, conn = random.Random(seed), None
        while not self.stopping.is_set():
            try:
                if not conn or not conn.open:
                    conn = Conn(self.address, self.truth)
                self._one(conn, choose.choice(self.paths))
            except OSError as e:
                conn = None
                self.refused += 1
                if not self.may_end:
                    self.faults.append(repr(e))
                    return
                self.stopping.wait(0.01)
        if conn:
            conn.close()

    def _one(self, conn, path):
        n, port = next(self.number), conn.port
        at = len(self.truth.records)
        try:
            record = conn.begin("GET", path.format(n=n), route="/items/{id}" if "{n}" in path else path)
        except OSError:
            with self.truth.lock:  # whether any of it came in nobody knows
                record = next((r for r in self.truth.records[at:] if r.path == path.format(n=n) and not r.t1), None)
                if record:
                    record.end, record.t1 = "unsent", now_ms()
            raise
        conn.finish(record)
        if path == "/boom":
            conn.close()  # uvicorn ends it, too, a while after the answer
        if record.end != "ok":
            record.end = "server_closed"
            if not self.may_end:
                self.faults.append(f"{record} has ended early")
        elif not self._right(record, path, n):
            self.faults.append(f"{record} {record.text!r} is not the answer to {path}")
        if record.end == "ok":
            with self.truth.lock:
                self.counts.update(("ok", str(record.status)))
                self.ports[port] += 1

    @staticmethod
    def _right(record, path, n):
        if path in ERRORS:
            return record.status == (500 if path == "/boom" else 404)
        wanted = {"/items/{n}": b'{"item":%d}' % n, "/fast": b"ok"}.get(path)
        return record.status == 200 and (wanted is None or record.text == wanted)

    def check(self, least=1):
        assert not self.faults, self.faults[:5]
        assert len(self.truth.ends("ok")) >= least

    def wait_more(self, n):
        """Until so many more were answered."""
        seen = len(self.truth.records)
        wait_for(lambda: len(self.truth.records) >= seen + n or self.faults, f"{n} more answers", 30)


def codes_of(records):
    return dict(collections.Counter(str(r.status) for r in records))


# --- what is told


def check_told(row):
    """Right or silent: of an answer's exception, what the app raised there or nothing."""
    told = (row.get("error_type"), (row.get("error_where") or "").rpartition("/")[2])
    if any(told):
        assert told == ERRORS.get(row.get("path")), row
    return bool(any(told))


def rows_of(out, whole=True):
    """The lines of a trace; with `whole` none of them may be half."""
    lines = out.split(b"\n")
    tail = lines.pop()
    assert not whole or not tail, tail
    rows = [json.loads(line) for line in lines]
    return [r for r in rows if r["event"] == "end"]


def rss_kib(pid):
    """Resident memory of its own: what it shares with the kernel (the mapped ring) and its files are left out."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])
