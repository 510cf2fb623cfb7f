# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The app of the end-to-end tests: each route puts time, bytes or a fault in a place the client chose.

Runs on Debian 12's FastAPI (0.92) and on the newest. What a test has to wait for and no response tells
(a request that is never answered has come in, its client's leaving was noticed) is appended, one byte
each, to the file $E2E_MARKS, which all workers share.
"""
import asyncio
import os
import time

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

import raw

app = FastAPI()
GET_HEAD = ["GET", "HEAD"]


def mark(byte):
    path = os.environ.get("E2E_MARKS")
    if path:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, byte)
        os.close(fd)


@app.api_route("/fast", methods=GET_HEAD)
async def fast():
    return PlainTextResponse("ok")


@app.get("/items/{item_id}")
async def item(item_id: int):
    return {"item": item_id}


@app.post("/echo")
async def echo(request: Request):
    return {"length": len(await request.body())}


@app.get("/sleep/{ms}")
async def sleep(ms: float):
    await asyncio.sleep(ms / 1000)
    return {"ms": ms}


@app.get("/block/{ms}")
async def block(ms: float):
    """Blocks the loop, as an async endpoint that calls a sync library does."""
    time.sleep(ms / 1000)
    return {"ms": ms}


@app.get("/sync/{ms}")
def sync(ms: float):
    time.sleep(ms / 1000)
    return {"ms": ms}


@app.get("/status/{code}")
async def status(code: int):
    if code >= 400:
        raise HTTPException(status_code=code)
    return Response(status_code=code)


@app.get("/boom")
async def boom():
    raise ValueError("on purpose")


CACHE_FIELDS = {
    "hit": ("X-Cache", "Hit from cloudfront"),
    "miss": ("CF-Cache-Status", "MISS"),
    "revalidated": ("CF-Cache-Status", "REVALIDATED"),
    "rfc9211": ("Cache-Status", "ExampleCache; hit; ttl=376"),
    "aged": ("Age", "12"),
    "none": ("X-Other", "hit"),
}


@app.get("/cached/{kind}")
async def cached(kind: str):
    name, value = CACHE_FIELDS[kind]
    return PlainTextResponse("ok", headers={name: value})


@app.get("/stream/{n}/{ms}")
async def stream(n: int, ms: float):
    async def chunks():
        for i in range(n):
            if i:
                await asyncio.sleep(ms / 1000)
            yield b"chunk %d\n" % i

    return StreamingResponse(chunks(), media_type="text/plain")


@app.api_route("/big/{kib}", methods=GET_HEAD)
async def big(kib: int):
    return Response(b"x" * (kib * 1024), media_type="application/octet-stream")


@app.get("/hang")
async def hang(request: Request):
    """Answers nobody: waits until the client goes."""
    mark(b"h")
    while (await request.receive())["type"] != "http.disconnect":
        pass
    mark(b"g")
    return Response()


@app.get("/pid")
async def pid():
    return PlainTextResponse(str(os.getpid()))


app.mount("/raw", raw.app)
