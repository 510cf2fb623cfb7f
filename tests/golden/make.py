#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records the golden event streams: make golden (needs root; the tests that replay them do not).

One stream a stack, of a fixed sequence of exchanges against the test app: both loops, both parsers,
the oldest and the newest uvicorn. What is expected of each is written by the replaying test itself
when RS_GOLDEN_UPDATE=1 is set; look at the difference before keeping it.
"""
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))
import client  # noqa: E402
import servers  # noqa: E402

STACKS = {
    "debian-asyncio-h11": servers.Stack("debian", "asyncio", "h11"),
    "debian-uvloop-httptools": servers.Stack("debian", "uvloop", "httptools"),
    "debian-asyncio-h11-uds": servers.Stack("debian", "asyncio", "h11", listen="uds"),
    "pypi-asyncio-httptools": servers.Stack("pypi", "asyncio", "httptools"),
    "pypi-uvloop-h11": servers.Stack("pypi", "uvloop", "h11"),
}


def traffic(server):
    """Keep-alive and single connections, the common methods and framings, faults, a client that leaves."""
    truth = client.Truth()
    with client.Conn(server.address, truth) as c:
        c.get("/fast")
        c.get("/items/7")
        c.request("HEAD", "/fast")
        c.request("POST", "/echo", body=b"x" * 3000)
        c.request("POST", "/echo", body=b"y" * 9000, chunked=True)
        c.get("/status/204")
        c.get("/status/304")
        c.get("/status/404")
        c.get("/sleep/20")
        c.get("/stream/3/10")
        c.get("/big/64")
    with client.Conn(server.address, truth) as c:
        c.get("/boom")
    with client.Conn(server.address, truth) as c:
        c.get("/fast", version="1.0")
    with client.Conn(server.address, truth) as a, client.Conn(server.address, truth) as b:
        first = a.begin("GET", "/block/50")
        second = b.begin("GET", "/items/8")
        a.finish(first)
        b.finish(second)
    with client.Conn(server.address, truth) as c:
        c.abort(c.begin("GET", "/sleep/300"))


def record(tool, name, stack):
    path = os.path.join(HERE, f"{name}.events")
    server = servers.Server(stack)
    try:
        if os.path.exists(path):
            os.unlink(path)
        recorder = subprocess.Popen([tool, str(server.pid), path], stderr=subprocess.PIPE)
        if b"recording" not in recorder.stderr.readline():
            sys.exit(f"make: {name}: the recorder did not start")
        traffic(server)
        server.ask("/fast")
        recorder.send_signal(signal.SIGINT)
        if recorder.wait():
            sys.exit(f"make: {name}: the recorder failed")
    finally:
        server.stop()
    print(name, os.path.getsize(path), "bytes")


def main():
    only = sys.argv[2:]
    for name, stack in STACKS.items():
        if not only or name in only:
            record(sys.argv[1], name, stack)


if __name__ == "__main__":
    main()
