# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Exceptions of all sorts: of the app's own, in libraries, of other tasks and threads, in dependencies."""
import asyncio
import concurrent.futures
import copy
import json
import threading

from fastapi import Depends, HTTPException

from insight_kinds import ShopError, inner, kind, outer
from insight_truth import VERSION, tells


# --- of the app's own


class Shop:
    class Closed(ShopError):
        pass

    def check(self, n):
        if n is not None:
            raise self.Closed(n)

    @property
    def stock(self):
        return self.counted["nothing"]

    @property
    def counted(self):
        return {}


LongNamed = type("Long" + "Name" * 24, (ShopError,), {"__module__": __name__})


@kind()
async def plain(n: str):
    raise ValueError(n)


@kind()
async def nested(n: str):
    await asyncio.sleep(0)
    return outer(n)


@kind()
async def custom(n: str):
    await asyncio.sleep(0.001)
    raise ShopError(n)


@kind()
async def method(n: str):
    Shop().check(n)


@kind()
async def attribute(n: str):
    return Shop().stock


@kind()
async def from_cause(n: str):
    try:
        inner(n)
    except KeyError as exc:
        raise ShopError("no such thing") from exc


@kind()
async def in_context(n: str):
    try:
        inner(n)
    except KeyError:
        raise ShopError("while handling")


@kind()
async def raised_again(n: str):
    try:
        outer(n)
    except KeyError:
        await asyncio.sleep(0)
        raise


@kind()
async def cleaned_up(n: str):
    try:
        inner(n)
    finally:
        try:
            int(n + "x")
        except ValueError:
            await asyncio.sleep(0.001)


@kind()
async def several_lines(n: str):
    return dict(
        first=len(n),
        second=inner(
            n
        ),
        third=3)


@kind()
async def in_lambda(n: str):
    divide = lambda x: x / 0  # noqa: E731 - a lambda is the point
    return divide(1)


@kind()
async def in_generator(n: str):
    return sum(1 // x for x in (2, 1, 0))


@kind()
async def in_comprehension(n: str):
    return [1 // x
            for x in (2, 1, 0)]


@kind("maybe")
async def evaluated(n: str):
    return eval("1 // 0")


@kind("maybe")
async def generated(n: str):
    """Code of its own for each request, as templates make it: gone soon, and others where it was."""
    space = {}
    exec(compile("def run(x):\n    return x // 0\n", f"<generated {n}>", "exec"), space)
    return space["run"](1)


@kind("maybe")
async def generated_type(n: str):
    raise type("Error" + n, (ShopError,), {"__module__": "generated." + n})()


@kind()
async def recursion(n: str):
    def down(x):
        return down(x + 1)
    return down(0)


def größe(n):
    raise ShopError(n)


@kind()
async def beyond_ascii(n: str):
    größe(n)


@kind()
async def long_named(n: str):
    raise LongNamed(n)


saved = ShopError("made once")


@kind()
async def made_before(n: str):
    raise saved.with_traceback(None)


@kind()
async def asserted(n: str):
    assert n == "", "never"


# --- raised in a library, the app's own line above it


@kind()
async def in_json(n: str):
    return json.loads("{" + n)


@kind()
async def in_c(n: str):
    return int(n + "x")


@kind()
async def in_copy(n: str):
    """More frames of the library than are kept: the app's own is out of sight."""
    thing = threading.Lock()
    for _ in range(12):
        thing = [thing]
    return copy.deepcopy(thing)


@kind()
async def imported(n: str):
    import no_such_module  # noqa: F401
    return n


@kind()
async def timed_out(n: str):
    await asyncio.wait_for(asyncio.sleep(10), 0.001)


# --- by other tasks and threads


async def failing(n):
    await asyncio.sleep(0.001)
    return inner(n)


@kind()
async def gathered(n: str):
    await asyncio.gather(failing(n), asyncio.sleep(0.001))


@kind()
async def in_task(n: str):
    await asyncio.ensure_future(failing(n))


executor = concurrent.futures.ThreadPoolExecutor(4)


@kind()
async def in_executor(n: str):
    await asyncio.get_running_loop().run_in_executor(executor, outer, n)


async def counting():
    yield 1
    yield inner("x")


@kind()
async def in_async_generator(n: str):
    return [x async for x in counting()]


@kind()
def sync(n: str):
    return outer(n)


@kind()
def sync_http(n: str):
    raise HTTPException(status_code=403, detail=n)


@kind()
def sync_json(n: str):
    return json.loads("{" + n)


# --- dependencies


@tells
async def refusing(n: str):
    raise HTTPException(status_code=401)


@tells
def failing_in_thread(n: str):
    return outer(n)


async def around(n: str):
    try:
        yield n
    finally:
        await asyncio.sleep(0)


class Needs:
    @tells
    def __call__(self, n: str):
        raise ShopError(n)


@kind()
async def dependency(n: str, _=Depends(refusing)):
    return {}


@kind()
async def dependency_in_thread(n: str, _=Depends(failing_in_thread)):
    return {}


@kind()
async def dependency_object(n: str, _=Depends(Needs())):
    return {}


@kind()
async def dependency_around(n: str, _=Depends(around)):
    return outer(n)


if VERSION >= (3, 11):
    @kind()
    async def group(n: str):
        raise ExceptionGroup("several", [ValueError(n), KeyError(n)])  # noqa: F821

    @kind()
    async def task_group(n: str):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(failing(n))
