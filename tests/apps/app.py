# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The app of the end-to-end tests: each route puts time, bytes or a fault in a place the client chose.

Runs on Debian 12's FastAPI (0.92) and on the newest. What a test has to wait for and no response tells
(a request that is never answered has come in, its client's leaving was noticed) is appended, one byte
each, to the file $E2E_MARKS, which all workers share. Parameters are called id where the heuristic that
folds paths says so, too: the tests' routes are the same with and without a look into the interpreter.
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


@app.get("/items/{id}")
async def item(id: int):
    return {"item": id}


@app.post("/echo")
async def echo(request: Request):
    return {"length": len(await request.body())}


@app.get("/sleep/{id}")
async def sleep(id: float):
    await asyncio.sleep(id / 1000)
    return {"ms": id}


@app.get("/block/{id}")
async def block(id: float):
    """Blocks the loop, as an async endpoint that calls a sync library does."""
    time.sleep(id / 1000)
    return {"ms": id}


@app.get("/sync/{id}")
def sync(id: float):
    time.sleep(id / 1000)
    return {"ms": id}


@app.get("/status/{id}")
async def status(id: int):
    if id >= 400:
        raise HTTPException(status_code=id)
    return Response(status_code=id)


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


@app.get("/cached/{id}")
async def cached(id: str):
    name, value = CACHE_FIELDS[id]
    return PlainTextResponse("ok", headers={name: value})


@app.get("/stream/{n}/{ms}")
async def stream(n: int, ms: float):
    async def chunks():
        for i in range(n):
            if i:
                await asyncio.sleep(ms / 1000)
            yield b"chunk %d\n" % i

    return StreamingResponse(chunks(), media_type="text/plain")


@app.api_route("/big/{id}", methods=GET_HEAD)
async def big(id: int):
    return Response(b"x" * (id * 1024), media_type="application/octet-stream")


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
