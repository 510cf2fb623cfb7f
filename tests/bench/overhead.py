#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CPU that tracing adds to a server, per request.

One uvicorn (uvloop, httptools) under a constant closed-loop load of its own; many short windows,
alternately without and with reqscope attached. Of each window the server's CPU time (its process CPU
clock, exact to the ns) is divided by the requests that the client counted. Neighbouring windows make
a pair; printed is the median of the pairs' differences with a bootstrap confidence interval, since
one pair's noise is larger than what is measured.
"""
import argparse
import json
import mmap
import os
import random
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REQUEST = b"GET /fast HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port, deadline):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def client(port, connections, counter, cpu):
    """Closed loop over kept-alive connections; counts answers in shared memory."""
    os.sched_setaffinity(0, {cpu})
    poll = select.epoll()
    socks = {}
    for _ in range(connections):
        s = connect(port, time.monotonic() + 20)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        socks[s.fileno()] = s
        poll.register(s.fileno(), select.EPOLLIN)
        s.sendall(REQUEST)
    n = 0
    while True:
        for fd, _ in poll.poll():
            if not socks[fd].recv(65536):
                os._exit(1)
            socks[fd].sendall(REQUEST)
            n += 1
        struct.pack_into("Q", counter, 0, n)


def cpu_clock(pid):
    """The clock id of a process's CPU time: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)."""
    return ((~pid) << 3) | 2


def window(pid, counter, seconds):
    clock = cpu_clock(pid)
    n0, c0 = struct.unpack_from("Q", counter)[0], time.clock_gettime_ns(clock)
    time.sleep(seconds)
    n1, c1 = struct.unpack_from("Q", counter)[0], time.clock_gettime_ns(clock)
    return (c1 - c0) / (n1 - n0) / 1000, n1 - n0


def traced(tool, pid, counter, seconds, extra):
    p = subprocess.Popen([tool, "summary", "-p", str(pid), "-d", "60", "--format", "json", *extra],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = p.stderr.readline()
    if b"attached" not in line:
        sys.exit(f"overhead: reqscope said {line!r}")
    time.sleep(0.05)
    cost, n = window(pid, counter, seconds)
    p.send_signal(signal.SIGINT)
    out = p.communicate()[0]
    usage = json.loads(out)
    return cost, n, usage["tracer"]["dropped"]


def interval(values, rounds=2000):
    """95 % bootstrap interval of the median."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(rounds))
    return medians[int(rounds * 0.025)], medians[int(rounds * 0.975)]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--rounds", type=int, default=200)
    ap.add_argument("--window", type=float, default=0.4, help="seconds of each window")
    ap.add_argument("--connections", type=int, default=16)
    ap.add_argument("--tool", default=os.path.join(TOP, "build", "reqscope"))
    ap.add_argument("--json", help="write the result there too")
    ap.add_argument("extra", nargs="*", help="options for reqscope (after --)")
    opt = ap.parse_args()
    port, counter = free_port(), mmap.mmap(-1, 8)
    last = os.cpu_count() - 1
    server = subprocess.Popen(
        ["taskset", "-c", "0", "/usr/bin/python3", "-m", "uvicorn", "app:app", "--port", str(port),
         "--loop", "uvloop", "--http", "httptools", "--log-level", "warning", "--no-access-log"],
        cwd=os.path.join(TOP, "tests", "apps"))
    pid = os.fork()
    if not pid:
        client(port, opt.connections, counter, last)
    try:
        while not struct.unpack_from("Q", counter)[0]:
            time.sleep(0.05)
        os.sched_setaffinity(0, {last})
        time.sleep(1)
        base, with_tool, dropped, requests = [], [], 0, 0
        for i in range(opt.rounds):
            b, n0 = window(server.pid, counter, opt.window)
            t, n1, d = traced(opt.tool, server.pid, counter, opt.window, opt.extra)
            base.append(b)
            with_tool.append(t)
            dropped += d
            requests += n0 + n1
            if sys.stderr.isatty():
                print(f"\r{i + 1}/{opt.rounds}", end="", file=sys.stderr)
        diff = [t - b for t, b in zip(with_tool, base)]
        low, high = interval(diff)
        result = {"rounds": opt.rounds, "requests": requests, "dropped": dropped,
                  "base_us": round(statistics.median(base), 2),
                  "added_us": round(statistics.median(diff), 2),
                  "added_us_95": [round(low, 2), round(high, 2)],
                  "pair_iqr_us": [round(q, 2) for q in statistics.quantiles(diff, n=4)[::2]]}
        print("\r" + json.dumps(result))
        if opt.json:
            with open(opt.json, "w", encoding="ascii") as f:
                json.dump(result, f)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
