# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""reqscope itself: CPU and memory while it traces, a recording's size, the rate of a replay, its start."""
import json
import os
import pty
import resource
import select
import signal
import subprocess
import tempfile
import time

import procs
import stats

RATE = 10000
ROUTES = 200
CONNECTIONS = (1, 100, 10000)
WINDOW_MS = 500
RECORDED = 1000000  # requests in the recording that is replayed


def descriptors(n):
    """The file descriptors that a client of n connections needs; Failed where it cannot have them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n:
        raise procs.Failed(f"{n} file descriptors are needed, the limit is {hard}")
    if soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


def routes_file(folder):
    """Names the routes of the load: paths that differ in a name would fold into one, and here there are so many."""
    path = os.path.join(folder, "routes")
    with open(path, "w", encoding="ascii") as f:
        f.writelines(f"GET /r{i}/items/{{id}}\n" for i in range(ROUTES))
    return path


def idle_share(tracer):
    """Its share of one CPU with nothing to do."""
    begin, cpu = time.monotonic(), procs.cpu_ns(tracer.pid)
    time.sleep(1)  # what is measured is that second
    return (procs.cpu_ns(tracer.pid) - cpu) / (time.monotonic() - begin) / 1e9


def traced(connections, windows, routes):
    descriptors(connections + 64)
    server = procs.Cheap()
    tracer = load = None
    try:
        tracer = procs.Reqscope(server.pid, "-d", "3600", "--format", "json", "--routes", routes)
        load = procs.Load(server.port, connections, ROUTES)
        load.run(RATE, WINDOW_MS)
        cpu, rate = [], []
        for _ in range(windows):
            before = procs.cpu_ns(tracer.pid)
            got = load.run(RATE, WINDOW_MS)
            time.sleep(0.05)  # the ring is read every 20 ms: the rest of the window's records
            cpu.append((procs.cpu_ns(tracer.pid) - before) / got["done"] / 1000)
            rate.append(got["done"] / got["seconds"])
        out = {"cpu": cpu, "rate": rate, "mib": procs.peak_kib(tracer.pid) / 1024,
               "maps": procs.maps_kib(tracer.pid) / 1024, "idle": idle_share(tracer)}
        summary, tracer = tracer.close(), None
        out["dropped"] = summary["tracer"]["dropped"]
        out["routes"] = len(summary["routes"])
        return out
    finally:
        for p in (tracer, load, server):
            if p:
                p.close()


def run_tracing(rounds, say):
    """Each number of connections in turn, several times over, each time a reqscope of its own."""
    turns, windows = max(6, min(rounds // 10, 10)), 3
    found = {c: [] for c in CONNECTIONS}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=procs.BUILD) as folder:
        for i in range(turns):
            for c in CONNECTIONS:
                found[c].append(traced(c, windows, routes_file(folder)))
            say("reqscope's own CPU and memory", i + 1, turns)
    return [{"connections": c, "rate_asked": RATE, "routes": max(f["routes"] for f in found[c]),
             "rate": stats.median([r for f in found[c] for r in f["rate"]]),
             "cpu_us": stats.median([u for f in found[c] for u in f["cpu"]]),
             "idle_share": stats.median([f["idle"] for f in found[c]]),
             "peak_mib": stats.median([f["mib"] for f in found[c]]),
             "maps_mib": stats.median([f["maps"] for f in found[c]]),
             "dropped": sum(f["dropped"] for f in found[c])} for c in CONNECTIONS]


# --- recordings

def record(folder):
    """Makes folder/recording; returns how many requests were sent. So many that starting and writing a report count
    for little."""
    server = procs.Cheap()
    tracer = load = None
    try:
        tracer = procs.Reqscope(server.pid, "-d", "3600", "--routes", routes_file(folder), "-o",
                                os.path.join(folder, "recording"), verb="record")
        load, sent, deadline = procs.Load(server.port, 100, ROUTES), 0, time.monotonic() + procs.PATIENCE_S
        while sent < RECORDED and time.monotonic() < deadline:
            sent += load.run(0, 500, 16)["done"]
        return sent
    finally:
        for p in (tracer, load, server):
            if p:
                p.close()


def replay(path):
    """CPU seconds of one report, and what it says."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([procs.REQSCOPE, "report", path, "--format", "json"], check=True, capture_output=True,
                          preexec_fn=procs.pinned(procs.OTHER_CPUS))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), json.loads(done.stdout)


def run_replay(rounds, say):
    say("replay")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=procs.BUILD) as folder:
        sent = record(folder)
        path, took, summary = os.path.join(folder, "recording"), [], None
        for _ in range(max(6, min(rounds // 4, 50))):
            seconds, summary = replay(path)
            took.append(seconds)
        n = summary["requests"]["ok"]
        return {"sent": sent, "requests": n, "routes": len(summary["routes"]),
                "bytes_per_request": os.path.getsize(path) / n, "requests_per_s": stats.median([n / t for t in took])}


# --- starting

def attach_ms(pid, level):
    begin = time.monotonic()
    held = procs.Reqscope(pid, "-d", "3600", "--format", "json", "--insight", level)
    took = (time.monotonic() - begin) * 1000
    held.close()
    return took


def first_screen_ms(pid):
    """From exec to the first screen of `top` that has the ledger on it, on a terminal of 80x24."""
    begin = time.monotonic()
    child, terminal = pty.fork()
    if not child:
        os.environ["TERM"] = "xterm-256color"
        os.execv(procs.REQSCOPE, [procs.REQSCOPE, "top", "-p", str(pid)])
    said = b""
    try:
        while b"requests" not in said:
            if not select.select([terminal], [], [], procs.PATIENCE_S)[0]:
                raise procs.Failed("top showed nothing")
            said += os.read(terminal, 65536)
        return (time.monotonic() - begin) * 1000
    except OSError as e:
        raise procs.Failed(f"top ended: {said[:160]!r}") from e
    finally:
        os.kill(child, signal.SIGINT)
        while True:  # a terminal that nobody reads blocks its writer
            try:
                if not os.read(terminal, 65536):
                    break
            except OSError:
                break
        os.waitpid(child, 0)
        os.close(terminal)


def run_start(rounds, python, say):
    server = procs.Uvicorn(python, "uvloop", "httptools")
    try:
        n = max(6, min(rounds // 4, 50))
        found = {}
        for i in range(n):
            for level in ("off", "default", "full"):
                found.setdefault(level, []).append(attach_ms(server.pid, level))
            found.setdefault("screen", []).append(first_screen_ms(server.pid))
            say("start", i + 1, n)
    finally:
        server.close()
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, procs.REQSCOPE], check=True)
        size = os.path.getsize(stripped.name)
    return {"attach_off_ms": stats.median(found["off"]), "attach_ms": stats.median(found["default"]),
            "attach_full_ms": stats.median(found["full"]), "first_screen_ms": stats.median(found["screen"]),
            "binary_bytes": os.path.getsize(procs.REQSCOPE), "binary_stripped_bytes": size}
