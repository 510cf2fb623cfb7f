# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The smallest ASGI app: nothing between the server and the socket.

`/close` sends no Content-Length, so that an HTTP/1.0 client gets a close-delimited body (from h11;
httptools chunks whatever the client's version is). Everything else answers `ok`.
"""


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    headers = [(b"content-type", b"text/plain")]
    if not scope["path"].endswith("/close"):
        headers.append((b"content-length", b"2"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def lifespan(receive, send):
    while True:
        event = (await receive())["type"]
        await send({"type": event + ".complete"})
        if event == "lifespan.shutdown":
            return
