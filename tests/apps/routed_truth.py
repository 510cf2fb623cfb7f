# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an app itself decides: `routed_truth.py NAME < probes`, an app of routed.py and lines of JSON,
[method, path, host]. For each one line: [template, place], or null where the app has no route.

Asks the routes of the app, one after the other, as Starlette's Router does; nothing is read from memory.
"""
import functools
import inspect
import json
import sys
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.routing import Host, Match, Mount, Router

import routed


def unwrap(o, depth=0):
    """The application or router behind middleware."""
    if isinstance(o, (Starlette, Router)) or depth > 6:
        return o if isinstance(o, (Starlette, Router)) else None
    held = list(vars(o).values()) if hasattr(o, "__dict__") and not inspect.isclass(o) else []
    held += [c.cell_contents for c in getattr(o, "__closure__", None) or ()]
    for value in held:
        found = unwrap(value, depth + 1) if callable(value) else None
        if found is not None:
            return found
    return None


def place(endpoint):
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    endpoint = inspect.unwrap(endpoint)
    if inspect.isclass(endpoint):
        code = min((f.__code__ for f in vars(endpoint).values() if inspect.isfunction(f)),
                   key=lambda code: code.co_firstlineno)
    else:
        code = getattr(endpoint, "__func__", endpoint).__code__
    return f"{code.co_filename}:{code.co_firstlineno} {endpoint.__qualname__}"


def candidates(routes):
    """(what matches, its path_format, its endpoint or app, the route itself), included routers opened."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            for c in included(route):
                yield c
        else:
            yield route, getattr(route, "path_format", ""), getattr(route, "endpoint", None), route


def included(router):
    for c in router.effective_candidates():
        if hasattr(c, "effective_candidates"):
            yield from included(c)
        else:
            route = c.starlette_route or c.original_route
            path = getattr(c.starlette_route, "path_format", None) or c.path_format
            yield c, path, getattr(c.original_route, "endpoint", None), route


def decide(app, scope, prefix=""):
    found = unwrap(app)
    if found is None:  # another kind of application: all below it is one route
        return [prefix + "/{path}", place(app) if inspect.isfunction(app) else None]
    partial = None
    for asked, path, endpoint, route in candidates(found.routes):
        match, child = asked.matches(scope)
        if match == Match.FULL and isinstance(route, (Mount, Host)):
            below = path[:-len("/{path}")] if isinstance(route, Mount) else ""
            return decide(route.app, {**scope, **child}, prefix + below) or [prefix + below + "/{path}", None]
        if match == Match.FULL:
            return [prefix + path, place(endpoint)]
        if match == Match.PARTIAL and partial is None:
            partial = [prefix + path, None]  # 405: the path's, but no endpoint runs
    return partial


def main():
    app = getattr(routed, sys.argv[1])
    for line in sys.stdin:
        method, path, host = json.loads(line)
        scope = {"type": "http", "method": method, "path": unquote(path), "root_path": "", "path_params": {},
                 "headers": [(b"host", host.encode())], "query_string": b""}
        print(json.dumps(decide(app, scope)))


if __name__ == "__main__":
    main()
