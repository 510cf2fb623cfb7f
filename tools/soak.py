#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A soak: a server under full load, watched with everything on, for a long time.

    make soak MINUTES=30        build/soak.md has the table afterwards

Four reqscopes watch the same server (tests/apps/app.py under uvicorn with uvloop and httptools): record as a flight
recorder, trace into a file, summaries every few seconds one after the other as `top` would make them, and one
summary of it all; --insight full. The client checks every answer and counts. Every few seconds the memory of
each is sampled. It fails, and says why, when

  - an answer was wrong, missing or late beyond a bound;
  - the ledger of the one summary, or the number of lines of the trace, differ from what the client counted (when
    the ring overflowed: what is missing must be counted as unknown);
  - an exception that was told is not the one that the application raises there, or most were not told;
  - memory grows: the slope of a line through the samples of the second half is above a bound; in runs of less than
    20 minutes, the difference in the second half.
"""
import argparse
import collections
import json
import os
import statistics
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

import abuse  # noqa: E402
import reqscope  # noqa: E402
import servers  # noqa: E402

PATHS = ("/items/{n}",) * 40 + ("/fast",) * 10 + ("/sleep/1",) * 4 + ("/status/404",) * 3 + ("/boom",) * 2 + \
    ("/block/5",) + ("/sync/1",)
SLOPE_KIB_PER_HOUR = 2048  # of reqscope; a leak of one byte a request is more than ten times that
SERVER_KIB_PER_HOUR = 16384  # the interpreter's own, which it has without us, too
# What is bounded fills up first: series of a route's latencies, in batches that double, take some 100 KiB each.
FLAT_AFTER_MINUTES = 20
FILLING_KIB = 1024  # in the second half of a shorter run


def slope(samples):
    """KiB an hour, of the second half; what is taken once while it warms up is no leak."""
    late = samples[len(samples) // 2:]
    if len(late) < 3:
        return 0.0
    return statistics.linear_regression([t for t, _ in late], [kib for _, kib in late]).slope * 3600


class Watched:
    """The reqscopes, and the memory of all."""

    def __init__(self, server, folder):
        full = ("--insight", "full", "-p", server.pid)
        self.folder, self.server, self.full = folder, server, full
        self.trace_file = os.path.join(folder, "trace.json")
        forever = ("-d", 7 * 86400)
        self.scopes = {
            "summary": reqscope.Reqscope("summary", "--format", "json", *full, *forever),
            "trace": reqscope.Reqscope("trace", "--format", "json", *full, *forever, "-o", self.trace_file),
            "record": reqscope.Reqscope("record", "--keep", "1h", "--max-size", "64M", "-o",
                                        os.path.join(folder, "ring"), *full, *forever),
        }
        self.samples = collections.defaultdict(list)
        self.states = collections.Counter()

    def sample(self, since):
        for name, pid in [("server", self.server.pid)] + [(n, s.pid) for n, s in self.scopes.items()]:
            self.samples[name].append((time.monotonic() - since, abuse.rss_kib(pid)))

    def short_summary(self):
        done = reqscope.run("summary", "--format", "json", "-d", 2, *self.full, timeout=60)
        assert done.returncode == 0, done.stderr
        s = reqscope.parse_summary(done.stdout)
        self.states[s["verdict"]["state"]] += 1

    def finish(self):
        out = {name: scope.finish(seconds=120) for name, scope in self.scopes.items()}
        return reqscope.parse_summary(out["summary"])

    def stop(self):
        for scope in self.scopes.values():
            scope.__exit__()


def soak(server, minutes, threads, folder):
    start, watched = time.monotonic(), Watched(server, folder)
    try:
        with abuse.Load(server.address, threads, paths=PATHS, keep=False) as load:
            while time.monotonic() < start + minutes * 60 and not load.faults:
                watched.sample(start)
                watched.short_summary()
                time.sleep(min(3, minutes))
        watched.sample(start)
        seconds = time.monotonic() - start
        cpu = {name: cpu_seconds(scope.pid) for name, scope in watched.scopes.items()}
        summary = watched.finish()
    finally:
        watched.stop()
    return load, watched, summary, seconds, cpu


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_trace(path):
    """(lines, ends, exceptions right, could be told, wrong, lines by the client's port) of a trace."""
    n, ends, right, could, wrong, ports = 0, collections.Counter(), 0, 0, [], collections.Counter()
    with open(path, "rb") as f:
        for line in f:
            row = json.loads(line)
            if row["event"] != "end":
                continue
            n += 1
            ends[row["end"]] += 1
            ports[int(row["peer"].rpartition(":")[2]) if "peer" in row else None] += 1
            could += row.get("path") in abuse.ERRORS
            try:
                right += abuse.check_told(row)
            except AssertionError:
                wrong.append(line[:300])
    return n, ends, right, could, wrong, ports


def judge(load, watched, s, traced):
    """What is not as it should be."""
    r, counts, bad = s["requests"], load.counts, list(load.faults[:5])
    n, _, right, could, wrong, ports = traced
    lost = s["tracer"]["dropped"]
    if lost:
        bad += [f"{lost} events were lost and {r['unknown']} requests are unknown: not at full load, or too small a "
                f"ring"] if not r["unknown"] else []
        if r["ok"] + r["unknown"] > counts["ok"]:
            bad.append(f"more than there was: {r}, the client counted {dict(counts)}")
    elif (r["started"], r["ok"], r["open"], r["unknown"]) != (counts["ok"], counts["ok"], 0, 0):
        bad.append(f"the ledger {r} is not what the client counted: {dict(counts)}")
    elif reqscope.nonzero(s["codes"]) != {k: v for k, v in counts.items() if k != "ok"}:
        bad.append(f"statuses {s['codes']}, the client's {dict(counts)}")
    if not lost and n != counts["ok"]:
        bad.append(f"the trace has {n} lines of {counts['ok']} requests")
        differ = sorted((p for p in load.ports | ports if load.ports[p] != ports[p]), key=str)
        bad += [f"port {p}: {load.ports[p]} answered, {ports[p]} lines" for p in differ[:20]]
    bad += [f"told wrongly: {line}" for line in wrong[:3]]
    if right < 0.95 * could:
        bad.append(f"{right} of {could} exceptions were told")
    return bad + [line for name, samples in watched.samples.items() if (line := grows(name, samples))]


def grows(name, samples):
    """In words; None when the memory is flat."""
    more = samples[-1][1] - samples[len(samples) // 2][1]
    if samples[-1][0] < FLAT_AFTER_MINUTES * 60:
        if name != "server" and more > FILLING_KIB:
            return f"{name} has grown by {more} KiB in the second half, {FILLING_KIB} are allowed"
        return None
    bound = SERVER_KIB_PER_HOUR if name == "server" else SLOPE_KIB_PER_HOUR
    if slope(samples) > bound and more > 256:
        return f"{name} grows by {slope(samples):.0f} KiB an hour, {bound} are allowed"
    return None


def table(load, watched, s, traced, seconds, cpu):
    n, ends, right, could, wrong, _ = traced
    requests = max(1, load.counts["ok"])
    yield f"{seconds / 60:.1f} minutes, {requests:,} requests, {requests / seconds:,.0f}/s"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| the client | {requests:,} answered, {len(load.faults)} wrong or missing |"
    r = s["requests"]
    yield f"| summary | {r['started']:,} began, {r['ok']:,} ok, {r['unknown']:,} unknown, {r['open']} open; " \
        f"{s['tracer']['events']:,} events, " + \
        ", ".join(f"{s['tracer'][k]:,} {k}" for k in ("dropped", "late_attached", "evicted")) + " |"
    yield f"| trace | {n:,} lines: {', '.join(f'{v:,} {k}' for k, v in ends.items())} |"
    yield f"| exceptions | {right:,} of {could:,} told, {len(wrong)} wrong |"
    yield f"| short summaries | {sum(watched.states.values())}: " \
        f"{', '.join(f'{v} {k}' for k, v in watched.states.items())} |"
    yield ""
    yield "| memory of its own, KiB | first | at half | last | most | an hour more | CPU, us a request |"
    yield "|---|---|---|---|---|---|---|"
    for name, samples in watched.samples.items():
        kib = [k for _, k in samples]
        used = f"{cpu[name] / requests * 1e6:.1f}" if name in cpu else "-"
        yield f"| {name} | {kib[0]:,} | {kib[len(kib) // 2]:,} | {kib[-1]:,} | {max(kib):,} | " \
            f"{slope(samples):+,.0f} | {used} |"


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("minutes", nargs="?", type=float, default=30.0)
    ap.add_argument("--connections", type=int, default=4)
    ap.add_argument("-o", "--out", default=os.path.join(servers.BUILD, "soak.md"))
    opt = ap.parse_args()
    if opt.minutes <= 0 or opt.connections < 1:
        ap.error("minutes above 0 and a connection at least are needed")
    if not os.access(reqscope.BINARY, os.X_OK) or os.geteuid():
        sys.exit(f"soak: {reqscope.BINARY} has to be built, and it takes root to trace")
    server = servers.Server(servers.Stack())
    try:
        with tempfile.TemporaryDirectory(prefix="reqscope-soak-") as folder:
            done = soak(server, opt.minutes, opt.connections, folder)
            traced = read_trace(done[1].trace_file)
        changed = abuse.changed_text(server.pid)
    finally:
        server.stop()
    load, watched, s, seconds, cpu = done
    text = "\n".join(table(load, watched, s, traced, seconds, cpu)) + "\n"
    print(text, end="")
    os.makedirs(os.path.dirname(opt.out), exist_ok=True)
    with open(opt.out, "w", encoding="utf-8") as f:
        f.write(text)
    bad = judge(load, watched, s, traced) + ([f"breakpoints are left: {changed[:5]}"] if changed else [])
    for line in bad:
        print(f"soak: {line}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
