# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An app that holds its event loop up, and one whose requests hang: each in the ways that are met in the wild.

/stall/KIND/N holds the loop for MS (query) and writes down when; /hang/KIND/N waits until /release. The places
are the lines with the marks, asked of the source: GET / tells them.
"""
import asyncio
import contextlib
import gc
import re
import socket
import sys
import threading
import time

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware

from insight_truth import marked, note, now_ms, path_now

api = FastAPI(openapi_url=None)
PLACES = {}  # kind: where it holds or waits, any of these


def places(function):
    PLACES[function.__name__] = marked(function)
    return function


# --- what holds the loop


@places
def sleep(ms):
    time.sleep(ms / 1000)  # held here


@places
def blocking_socket(ms):
    """As a driver reads that knows nothing of event loops."""
    a, b = socket.socketpair()
    with a, b:
        threading.Timer(ms / 1000, a.send, (b"x",)).start()
        b.recv(1)  # held here


@places
def socket_with_timeout(ms):
    """With a timeout the interpreter polls first."""
    a, b = socket.socketpair()
    with a, b:
        b.settimeout(ms / 1000)
        try:
            b.recv(1)  # held here
        except socket.timeout:
            pass


@places
def waits_for_lock(ms):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=ms / 1000)  # held here


@places
def cpu(ms):
    end, x = time.monotonic() + ms / 1000, 0
    while time.monotonic() < end:
        for i in range(2000):
            x = (x * 31 + i) % 1000003
    return x


def one_regex(length):
    return re.match(r"(a+)+$", "a" * length + "b")  # held here


@places
def regex(ms):
    """One match, of the length that takes about that long here: it cannot be cut short."""
    length, took = 14, 0.0
    while took < ms / 4 and length < 40:
        begin = time.thread_time()
        one_regex(length)
        took, length = (time.thread_time() - begin) * 1000, length + 1
    return length


PLACES["regex"] = marked(one_regex)
SORTS = {f.__name__: f for f in (sleep, blocking_socket, socket_with_timeout, waits_for_lock, cpu, regex)}


@contextlib.asynccontextmanager
async def bounded(kind):
    """Writes down a stretch of the loop: it lies within [before, after] and holds [begin, end]. A turn of the loop
    lies between each two of the first and the last two stamps."""
    before = now_ms()
    await asyncio.sleep(0)
    begin = now_ms()
    yield
    end = now_ms()
    await asyncio.sleep(0)
    note("stall", kind=kind, before=before, begin=begin, end=end, after=now_ms())


@api.get("/stall/{kind}/{n}")
async def stall(kind: str, n: int, ms: int = 300):
    async with bounded(kind):
        SORTS[kind](ms)
    return {}


# --- threads that keep the GIL

hogging = threading.Event()


@places
def hog():
    x = 0
    while hogging.is_set():
        for i in range(20000):
            x = (x * 31 + i) % 1000003


@api.get("/hog/{on}")
async def hogs(on: int, switch_ms: int = 50):
    """Two threads that calculate, each for so long before it lets go when it is asked to."""
    if on:
        sys.setswitchinterval(switch_ms / 1000)
        hogging.set()
        for _ in range(2):
            threading.Thread(target=hog, daemon=True).start()
    else:
        hogging.clear()
        sys.setswitchinterval(0.005)
    return {}


# --- garbage

heap = []
collected = []  # (begin, end)


def watch_gc(phase, info):
    collected.append(now_ms())
    if phase == "stop":
        end, begin = collected.pop(), collected.pop()
        note("gc", begin=begin, end=end, generation=info["generation"])


@api.get("/heap/{n}")
async def fill(n: int):
    """So many more objects that a collection must look at."""
    if watch_gc not in gc.callbacks:
        gc.callbacks.append(watch_gc)
    heap.append([[i] for i in range(n)])
    return {}


@api.get("/collect/{n}")
async def collect(n: int):
    gc.collect()
    return {}


# --- requests that hang


class Pool:
    """A pool of connections such as drivers have."""

    def __init__(self, size):
        self.free = asyncio.Semaphore(size)

    async def acquire(self):
        await self.free.acquire()  # held here


class Held:
    """What the hanging wait for; made anew by each /release, on the loop."""

    def __init__(self):
        self.pool, self.gate, self.queue = Pool(0), asyncio.Event(), asyncio.Queue()
        self.future = asyncio.get_running_loop().create_future()
        self.task = asyncio.ensure_future(self.gate.wait())
        self.thread_gate = threading.Event()

    def release(self):
        self.gate.set()
        self.thread_gate.set()
        self.future.set_result(None)
        for _ in range(1000):
            self.pool.free.release()
            self.queue.put_nowait(None)


held = None


def hangs(function):
    """An endpoint that waits until it is let go: /hang/NAME/N."""
    places(function)
    api.add_api_route(f"/hang/{function.__name__}/{{n}}", function, methods=["GET"])
    return function


async def get_conn():
    await held.pool.acquire()  # held here


@hangs
async def pool(n: int):
    await get_conn()


PLACES["pool"] = marked(Pool.acquire)


@hangs
async def future(n: int):
    await asyncio.shield(held.future)  # held here


@hangs
async def bare_future(n: int):
    mine = asyncio.get_running_loop().create_future()
    held.future.add_done_callback(lambda _: mine.set_result(None))
    await mine  # held here


@hangs
async def queue(n: int):
    await held.queue.get()  # held here


@hangs
async def event(n: int):
    await held.gate.wait()  # held here


@hangs
async def task(n: int):
    await asyncio.wait({held.task})  # held here


@hangs
async def sleeps(n: int):
    while not held.gate.is_set():
        await asyncio.sleep(3600 if n < 0 else 5)  # held here


@hangs
async def with_timeout(n: int):
    await asyncio.wait_for(held.queue.get(), 60)  # held here


@hangs
def thread(n: int):
    held.thread_gate.wait()  # held here


class Based(BaseHTTPMiddleware):
    """Such a middleware has the endpoint run in a task of its own, and waits for it."""

    async def dispatch(self, request, call_next):
        return await call_next(request)


async def based(n: int):
    await held.gate.wait()  # held here


places(based)
below = FastAPI(openapi_url=None)
below.add_middleware(Based)
below.add_api_route("/{n}", based, methods=["GET"])
api.mount("/hang/based", below)


@api.get("/release")
async def release():
    global held
    if held:
        held.release()
    held = Held()
    return {}


@api.get("/fast/{n}")
async def fast(n: int):
    return {"n": n}


@api.get("/")
async def home():
    return {"places": PLACES}


class Outermost:
    """Knows whose path it is; writes down who came in."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            path_now.set(scope["path"])
            if scope["path"].startswith("/hang/"):
                note("hang")
        await self.app(scope, receive, send)


app = Outermost(api)
note("begun", path="/")
