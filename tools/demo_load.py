#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The clients of `make demo`: keep-alive traffic at the demo shop, on loopback only, standard library only.

    demo_load.py port                a TCP port that is free now
    demo_load.py wait PORT PID       returns when somebody listens there; fails when PID ends before
    demo_load.py run PORT SECONDS    the traffic; ends by itself
"""
import asyncio
import os
import random
import socket
import sys
import time

CONNECTIONS = 6
MAX_SECONDS = 60


def requests(dice):
    """An endless mix, as the front page of a small shop makes it."""
    while True:
        roll = dice.random()
        n = dice.randrange(1, 5000)
        if roll < 0.30:
            yield "GET", "/", b""
        elif roll < 0.58:
            yield "GET", f"/users/{n}", b""
        elif roll < 0.76:
            yield "GET", f"/orders/{n}?page=2", b""
        elif roll < 0.84:
            yield "POST", "/orders", b'{"item": %d, "note": "%s"}' % (n, b"x" * dice.randrange(900))
        elif roll < 0.915:
            yield "GET", f"/reports/{n}", b""
        elif roll < 0.975:
            yield "POST", "/checkout", b'[1, 2, 3]'
        elif roll < 0.995:
            yield "GET", "/feed", b""
        else:
            yield "GET", "/export", b""


async def response(reader):
    """Reads one response; returns whether the connection can go on."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while (size := int(await reader.readline(), 16)):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    elif b"content-length:" in head:
        length = head.split(b"content-length:")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
    # After an exception in the app uvicorn closes; so does the client, before it finds out.
    return b"connection: close" not in head and not head.startswith(b"http/1.1 500")


async def client(port, until, seed):
    dice = random.Random(seed)
    mix = requests(dice)
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        alive = True
        while alive and time.monotonic() < until:
            method, path, body = next(mix)
            head = f"{method} {path} HTTP/1.1\r\nHost: shop\r\n"
            if body:
                head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"\r\n" + body)
            alive = await response(reader)
            await asyncio.sleep(dice.expovariate(1 / 0.012))
        writer.close()


async def run(port, seconds):
    until = time.monotonic() + min(seconds, MAX_SECONDS)
    await asyncio.gather(*(client(port, until, seed) for seed in range(CONNECTIONS)))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def ended(pid):
    """Gone, or a zombie that nobody has waited for yet."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_listening(port, pid, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not ended(pid):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return 0
        except OSError:
            time.sleep(0.05)
    return 1


def main(argv):
    match argv:
        case ["port"]:
            print(free_port())
        case ["wait", port, pid]:
            return wait_listening(int(port), int(pid))
        case ["run", port, seconds]:
            try:
                asyncio.run(run(int(port), float(seconds)))
            except (OSError, EOFError) as e:
                print(f"demo_load: the server went away: {e}", file=sys.stderr)
                return 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        os._exit(130)
