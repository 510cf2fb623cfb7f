# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The app of the tests of shapes: plain ASGI, so that the test decides which writes a response is made of.

A path is /<what>/<argument>...; what follows the arguments is the exchange's own name and is ignored. The app
counts each request that it is asked (`/served` tells), so that a client's count and ours have a third to agree
with. `app` answers as it is; `behind` has Starlette's BaseHTTPMiddleware in front, as many services do.
"""
import asyncio
import collections
import json
import os
import time

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import FileResponse

from raw import lifespan

served = collections.Counter()
LONG = (b"content-security-policy", b"default-src 'self'" + b" https://cdn.example.org" * 256)  # 6 KB


def mark(byte, name=""):
    """Tells the test what no response tells: h, a request that gets no answer is in the app; g, its client left."""
    fd = os.open(os.environ["E2E_MARKS"] + name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, byte)
    os.close(fd)


async def start(send, status=200, length=None, headers=()):
    fields = [(b"content-type", b"text/plain"), *headers]
    if length is not None:
        fields.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def body(send, data=b"", more=False):
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def reply(send, data=b"ok", **kw):
    await start(send, length=len(data), **kw)
    await body(send, data)


async def read_all(receive):
    """The length of the request's body; None when the client left first."""
    total = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        total += len(event.get("body", b""))
        if not event.get("more_body"):
            return total


async def until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass
    mark(b"g")


async def item(scope, receive, send):
    await reply(send)


async def echo(scope, receive, send):
    """Reads the whole body first, as nearly all apps do."""
    n = await read_all(receive)
    if n is not None:
        await reply(send, b"%d" % n)


async def early(scope, receive, send, status):
    """Answers without a look at the body."""
    await reply(send, b"no", status=int(status))


async def sleep(scope, receive, send, ms):
    await asyncio.sleep(int(ms) / 1000)
    await reply(send)


async def block(scope, receive, send, ms):
    """Keeps the loop from everybody."""
    mark(b"b")
    time.sleep(int(ms) / 1000)
    await reply(send)


async def longhead(scope, receive, send):
    await reply(send, headers=(LONG,))


async def longchunks(scope, receive, send):
    """A head beyond what is copied, and a body whose end only its framing tells."""
    await start(send, headers=(LONG,))
    await body(send, b"a" * 3000, more=True)
    await asyncio.sleep(0.01)
    await body(send, b"b" * 10)


async def status(scope, receive, send, code):
    await start(send, status=int(code))
    await body(send)


async def chunks(scope, receive, send, n, ms, size):
    """No length: chunked to HTTP/1.1."""
    await start(send)
    await parts(send, int(n), int(ms), int(size))


async def pieces(scope, receive, send, n, ms, size):
    """The same with a length."""
    await start(send, length=int(n) * int(size))
    await parts(send, int(n), int(ms), int(size))


async def parts(send, n, ms, size):
    for i in range(n):
        if i and ms:
            await asyncio.sleep(ms / 1000)
        await body(send, b"x" * size, more=i < n - 1)


async def big(scope, receive, send, kib):
    await reply(send, b"x" * (int(kib) * 1024))


async def file(scope, receive, send):
    path = os.path.join(os.path.dirname(os.environ["E2E_MARKS"]), "file.bin")
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(b"f" * 400_000)
    await FileResponse(path)(scope, receive, send)


async def sendfile(scope, receive, send, kib):
    """Past the server: the body leaves by sendfile(2). The server, which does not know, then closes."""
    size = int(kib) * 1024
    await start(send, length=size)
    sock = send.__self__.transport.get_extra_info("socket")
    await asyncio.sleep(0.01)  # the head has left
    fd, at = os.memfd_create("body"), 0
    try:
        os.write(fd, b"s" * size)
        while at < size:
            try:
                at += os.sendfile(sock.fileno(), fd, at, size - at)
            except BlockingIOError:
                await asyncio.sleep(0.001)
    finally:
        os.close(fd)


async def sse(scope, receive, send, ms):
    """A stream without end."""
    await start(send, headers=((b"cache-control", b"no-cache"),))
    gone = asyncio.ensure_future(until_gone(receive))
    n = 0
    while not gone.done():
        await body(send, b"data: %d\n\n" % n, more=True)
        n += 1
        await asyncio.wait([gone], timeout=int(ms) / 1000)


async def broken(scope, receive, send, length):
    """An exception after the head and a part of the body."""
    await start(send, length=int(length) or None)
    await body(send, b"part", more=True)
    await asyncio.sleep(0.01)  # it has left
    raise ValueError("on purpose")


async def hang(scope, receive, send):
    mark(b"h")
    mark(scope["path"].encode() + b"\n", ".hangs")  # which, for clients that do not come one by one
    await until_gone(receive)


async def asked(scope, receive, send):
    """How often each path was asked for."""
    await reply(send, json.dumps(served).encode())


WHATS = {"": item, "item": item, "echo": echo, "early": early, "sleep": sleep, "block": block,
         "longhead": longhead, "longchunks": longchunks, "status": status, "chunks": chunks, "pieces": pieces,
         "big": big, "file": file, "sendfile": sendfile, "sse": sse, "broken": broken, "hang": hang, "served": asked}


async def websocket(receive, send):
    await receive()
    await asyncio.sleep(0.05)
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    served[scope["path"]] += 1
    if scope["type"] == "websocket":
        await websocket(receive, send)
        return
    what, *rest = scope["path"].strip("/").split("/")
    handler = WHATS.get(what, item)
    await handler(scope, receive, send, *rest[:handler.__code__.co_argcount - 3])


async def passes(request, call_next):
    return await call_next(request)


behind = BaseHTTPMiddleware(app, dispatch=passes)
