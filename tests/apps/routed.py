# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An app whose routes are of every kind, for comparing what reqscope reads with what the app decides.

Runs on Debian 12's FastAPI (0.92) and on the newest. `app` is all of it, `wrapped` the same behind
middleware of its own, `plain` is Starlette alone, `own` decides in ways of its own. `front` has static
frontends, which only the newest knows.
"""
import functools
import os

from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

HERE = os.path.dirname(os.path.abspath(__file__))

# --- routers in routers

users = APIRouter(prefix="/users")
posts = APIRouter(prefix="/{user_id}/posts")
orders = APIRouter()


@users.get("/me")
async def me():
    return "me"


@users.get("/{user_id}")
async def get_user(user_id: str):
    return user_id


@users.put("/{user_id}")
@users.delete("/{user_id}")
def change_user(user_id: str):
    return user_id


@posts.api_route("/{post_id}", methods=["GET", "POST"])
async def post(user_id: str, post_id: int):
    return post_id


@orders.get("/orders/{order_id}")
def order(order_id: int):
    return order_id


users.include_router(posts)
v1 = APIRouter(prefix="/v1")
v1.include_router(users)
v1.include_router(orders, prefix="/shop")

app = FastAPI()
app.include_router(v1)
app.include_router(v1, prefix="/legacy")


# --- endpoints of every kind

@app.get("/")
async def root():
    return "root"


@app.get("/pid")
async def pid():
    return PlainTextResponse(str(os.getpid()))


@app.get("/items/{item_id}")
async def item(item_id: int):
    return item_id


@app.post("/items/{item_id}")
def change_item(item_id: int):
    return item_id


def noisy(f):
    @functools.wraps(f)
    async def inner(*args, **kw):
        return await f(*args, **kw)
    return inner


@app.get("/decorated/{x}")
@noisy
async def decorated(x: str):
    return x


class Holder:
    async def method(self, request):
        return PlainTextResponse("method")


class Endpoint(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse("endpoint")


async def partly(request, more=0):
    return PlainTextResponse("partial")


@app.websocket("/ws/{room}")
async def ws(socket: WebSocket, room: str):
    await socket.accept()
    await socket.close()


app.router.routes += [Route("/method", Holder().method), Route("/class/{a}", Endpoint),
                      Route("/partial", functools.partial(partly, more=1), methods=["POST"])]


# --- parameters

@app.get("/int/{n:int}/f/{x:float}")
async def numbers(n: int, x: float):
    return n


@app.get("/int/{n}/f/{x}")
async def not_numbers(n: str, x: str):
    return n


@app.get("/uuid/{u:uuid}")
async def uuid(u):
    return str(u)


@app.get("/mix/{a}-{b}.json")
async def mix(a: str, b: str):
    return a


@app.get("/files/{file_path:path}")
async def files(file_path: str):
    return file_path


@app.get("/é/{x}")
async def accent(x: str):
    return x


# --- mounts: what is below one stays there, whatever comes behind it

sub = FastAPI()
inner = FastAPI()


@sub.get("/")
async def sub_root():
    return "sub"


@sub.get("/things/{thing}")
async def sub_thing(thing: int):
    return thing


@inner.get("/deep/{x}")
async def deep(x: str):
    return x


async def bare(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Outside:
    """Middleware that nobody knows."""

    def __init__(self, inside):
        self.inside = inside

    async def __call__(self, scope, receive, send):
        await self.inside(scope, receive, send)


sub.mount("/inner", Outside(inner))
app.mount("/sub/{tenant}", sub)
app.mount("/static", StaticFiles(directory=HERE))
app.mount("/bare", bare)
app.router.routes += [
    Mount("/plain", routes=[Route("/{z}", Holder().method), WebSocketRoute("/w/{q}", ws)]),
    Host("api.example.org", app=Router(routes=[Route("/hosted/{x}", Holder().method)])),
    Host("{name}.tenants.example", app=Router(routes=[Route("/{x}", Endpoint)])),
]


@app.get("/grow/{n}")
async def grow(n: int):
    app.add_api_route(f"/grown{n}/{{x}}", get_user, methods=["GET"])
    routes = app.router.routes
    routes.insert(0, routes.pop())
    return n


@app.get("/sub/{tenant}/behind")
async def behind(tenant: str):
    return "never"


@app.get("/{rest:path}")
async def everything_else(rest: str):
    return rest


# --- the same behind middleware

class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


def around(inside):
    async def middleware(scope, receive, send):
        await inside(scope, receive, send)
    return middleware


app.add_middleware(Passing)
wrapped = Outside(around(app))


# --- Starlette alone, and what decides in its own way

async def home(request):
    return PlainTextResponse("home")


plain = Starlette(routes=[Route("/", home), Route("/i/{n:int}", home, methods=["GET", "POST"]),
                          Mount("/group", routes=[Route("/{x}", home)])])


class Slug(Convertor):
    regex = "[a-z]+"

    def convert(self, value):
        return value

    def to_string(self, value):
        return value


class Versioned(Route):
    def matches(self, scope):
        match, child = super().matches(scope)
        if dict(scope["headers"]).get(b"x-version") != b"2":
            return Match.NONE, {}
        return match, child


register_url_convertor("slug", Slug())
own = Starlette(routes=[Route("/", home), Route("/s/{x:slug}", home), Versioned("/v/{a}", home), Route("/v/{b}", home)])


# --- frontends: tried when no route matches, wherever they were added

if hasattr(FastAPI, "frontend"):
    front = FastAPI()
    admin = APIRouter(prefix="/admin")
    admin.frontend("/", directory=HERE)
    front.include_router(admin)

    @front.get("/admin/api/{x}")
    async def admin_api(x: str):
        return x

    @front.get("/")
    async def front_root():
        return "front"
