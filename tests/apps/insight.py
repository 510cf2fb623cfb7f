# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An app that fails in every way an app can: /e/KIND/N raises what KIND says, and writes down what it was.

The kinds are those of insight_raised.py and, here, those that the framework, a middleware or the app itself
makes an answer of, or fails to. GET / tells them all.
"""
import asyncio
import threading

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import BaseHTTPMiddleware

from insight_kinds import KINDS, ShopError, api, inner, kind, outer
from insight_raised import custom, plain, sync, sync_http
from insight_truth import note, path_now, tell, tells


# --- answers that the framework makes of exceptions


class OutOfStock(ShopError):
    """Becomes a 409 by a handler."""


class Unpaid(ShopError):
    """Becomes a 402 by a handler that is no coroutine."""


class Mishandled(ShopError):
    """Its handler fails."""


def refuse(status):
    raise HTTPException(status_code=status)


@kind()
async def http_404(n: str):
    raise HTTPException(status_code=404, detail="no such thing")


@kind()
async def http_503(n: str):
    await asyncio.sleep(0.001)
    refuse(503)


@kind()
async def http_from(n: str):
    try:
        inner(n)
    except KeyError as exc:
        raise HTTPException(status_code=404) from exc


@kind()
async def validated(n: str, page: int):
    return page


@kind(method="POST")
async def validated_body(n: str, body: dict):
    return body


@kind()
async def converted(n: str):
    raise OutOfStock(n)


@kind()
async def converted_in_thread(n: str):
    raise Unpaid(n)


@kind()
async def handler_fails(n: str):
    raise Mishandled(n)


@api.exception_handler(OutOfStock)
async def out_of_stock(request: Request, exc: Exception):
    await asyncio.sleep(0)
    return JSONResponse({}, status_code=409)


@api.exception_handler(Unpaid)
def unpaid(request: Request, exc: Exception):
    return JSONResponse({}, status_code=402)


@api.exception_handler(Mishandled)
@tells
async def mishandled(request: Request, exc: Exception):
    return inner("in a handler")


@api.exception_handler(RequestValidationError)
async def invalid(request: Request, exc: RequestValidationError):
    tell(exc)
    return await request_validation_exception_handler(request, exc)


@api.exception_handler(StarletteHTTPException)
async def refused(request: Request, exc: StarletteHTTPException):
    tell(exc)  # also of those that the framework raises: no such route
    return await http_exception_handler(request, exc)


KINDS["/no/such/route"] = "told", "GET"


# --- nothing is being handled: whoever tells something here is wrong


@kind("silent")
async def answered_500(n: str):
    return JSONResponse({}, status_code=500)


@kind("silent")
async def answered_404(n: str):
    await asyncio.sleep(0.001)
    return Response(status_code=404)


@kind("silent")
def answered_in_thread(n: str):
    return JSONResponse({}, status_code=502)


@kind("silent")
async def swallowed(n: str):
    try:
        outer(n)
    except KeyError:
        pass
    return JSONResponse({}, status_code=500)


@kind("silent")
async def swallowed_inside(n: str):
    try:
        outer(n)
    except KeyError:
        await asyncio.sleep(0.001)
        return JSONResponse({}, status_code=503)


@kind("silent")
async def handling_long(n: str):
    """Suspended with an exception in its hands, while others are answered; its own answer is no error."""
    try:
        outer(n)
    except KeyError:
        await asyncio.sleep(0.02)
        return {}


@kind("silent")
async def fine(n: str):
    return {}


# --- after the answer: background errors


def background(function):
    """Errors of no answer: what leaves it is written down as that."""
    async def watched(n):
        try:
            await function(n)
        except Exception as exc:
            tell(exc, "background")
            raise
    return watched


@background
async def after_answer(n):
    await asyncio.sleep(0)
    inner(n)


@kind("silent")
async def in_background_task(n: str):
    return JSONResponse({}, background=BackgroundTask(after_answer, n))


@kind("silent")
async def in_lost_task(n: str):
    asyncio.ensure_future(after_answer(n))
    return {}


@kind("silent")
async def in_own_thread(n: str):
    def work():
        try:
            outer(n)
        except KeyError as exc:
            tell(exc, "background", path)
            raise

    path = path_now.get()
    threading.Thread(target=work).start()
    return {}


@kind("silent")
async def in_stream(n: str):
    async def parts():
        yield b"begun\n"
        try:
            inner(n)
        except KeyError as exc:
            tell(exc, "background")
            raise
    return StreamingResponse(parts())


Hostile = type("Evil\x1b[31m\r\n\u202e\x85</script>\"Name", (ShopError,), {"__module__": "a\x07b"})


@api.get("/hostile")
async def hostile():
    raise Hostile()


@api.get("/")
async def home():
    return {"kinds": KINDS, "ending": ENDING}


# --- middleware: applications of their own below this one


class Failing:
    """Pure ASGI: fails before, after, or answers by itself, as the path says."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if "/before/" in scope["path"]:
            raise ShopError("before")
        await self.app(scope, receive, send)

    __call__ = tells(__call__)


class Based(BaseHTTPMiddleware):
    @tells
    async def dispatch(self, request, call_next):
        if "/before/" in request.url.path:
            raise ShopError("before")
        answer = await call_next(request)
        if "/after/" in request.url.path:
            inner("after")
        return answer


pure, based = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
pure.add_middleware(Failing)
based.add_middleware(Based)
api.mount("/pure", pure)
api.mount("/based", based)
for sub, at, seen in (pure, "/pure", "told"), (based, "/based", "maybe"):
    for function in (plain, custom, sync, http_404, sync_http):
        kind(seen if function in (http_404, sync_http) else "told", of=sub, at=at)(function)
    kind("silent", of=sub, at=at)(answered_500)
    sub.add_api_route("/before/{n}", fine)
    KINDS[at + "/before"] = "told", "GET"
based.add_api_route("/after/{n}", fine)
KINDS["/based/after"] = "told", "GET"


class Outermost:
    """Around all: knows whose path it is, and has answers that no framework makes."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            path_now.set(scope["path"])
            raw = RAW.get(scope["path"].rpartition("/")[0])
            if raw:
                return await raw(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            tell(exc, "left")
            raise


@tells
async def raw_raises(scope, receive, send):
    await asyncio.sleep(0)
    raise LookupError("uvicorn answers this one")


async def raw_forgets(scope, receive, send):
    """No answer at all: uvicorn makes a 500 of it."""


async def raw_inside(scope, receive, send):
    try:
        outer("inside")
    except KeyError as exc:
        tell(exc)
        await JSONResponse({}, status_code=500)(scope, receive, send)


async def raw_after(scope, receive, send):
    try:
        outer("after")
    except KeyError:
        pass
    await JSONResponse({}, status_code=500)(scope, receive, send)


RAW = {"/raw/raises": raw_raises, "/raw/forgets": raw_forgets, "/raw/inside": raw_inside, "/raw/after": raw_after}
KINDS.update({"/raw/raises": ("told", "GET"), "/raw/forgets": ("silent", "GET"), "/raw/inside": ("told", "GET"),
              "/raw/after": ("silent", "GET")})

# uvicorn ends the connection when an exception comes to it, also when the answer was complete. All that are told
# with a status of 500 are of that sort, and these.
ENDING = ["/e/in_background_task", "/e/in_stream", "/raw/forgets"]

app = Outermost(api)
note("begun", path="/")
