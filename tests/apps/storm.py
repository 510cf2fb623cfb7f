#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""uvicorn, as its command line says, with a thread beside it that forks children for as long as the file named by
$E2E_MARKS.storm is there: they end at once, and each hundredth first does something with a socket of its own.

/reuse opens pipes and sockets, whose descriptors are those of connections that have gone, and moves what looks
like HTTP through them.
"""
import os
import socket
import sys
import threading
import time

import uvicorn

MARKS = os.environ["E2E_MARKS"]
REQUEST = b"GET /not/a/request HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"


def child(n):
    if n % 100 == 0:
        speak(*socket.socketpair())
    os._exit(0)


def storm():
    n = 0
    while True:
        if not os.path.exists(MARKS + ".storm"):
            time.sleep(0.005)
            continue
        pids = []
        for _ in range(20):
            pid = os.fork()
            if not pid:
                child(n)
            pids.append(pid)
            n += 1
        for pid in pids:
            os.waitpid(pid, 0)
        with open(MARKS + ".forked", "w") as f:
            f.write(str(n))


def speak(a, b):
    """A conversation that is nobody's request; returns the descriptors."""
    a.sendall(REQUEST)
    b.recv(100)
    b.sendall(ANSWER)
    a.recv(100)
    numbers = a.fileno(), b.fileno()
    a.close()
    b.close()
    return numbers


def reuse():
    reader, writer = os.pipe()
    os.write(writer, REQUEST)
    os.read(reader, 100)
    os.write(writer, ANSWER)
    os.read(reader, 100)
    os.close(reader)
    os.close(writer)
    return {reader, writer, *speak(*socket.socketpair())}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b" ".join(b"%d" % n for n in sorted(reuse())) if scope["path"] == "/reuse" else b"ok"
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    threading.Thread(target=storm, daemon=True).start()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    uvicorn.main(sys.argv[1:])
