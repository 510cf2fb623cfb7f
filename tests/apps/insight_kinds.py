# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the modules of insight.py share: the table of kinds, and how an endpoint becomes one.

KINDS names them with what can be known: `told`, an exception is being handled when the answer is written;
`maybe`, the same by another task or with code that is soon gone, so that nothing may be seen of it; `silent`,
there is none, and none may be told.
"""
from fastapi import FastAPI

from insight_truth import tells

KINDS = {}
api = FastAPI(openapi_url=None)


def kind(expected="told", *, method="GET", of=api, at="/e", **route):
    """An endpoint of one kind: its name is the path, what leaves it is written down."""
    def add(function):
        name = function.__name__
        KINDS[f"{at}/{name}"] = expected, method
        prefix = at if of is api else ""
        of.add_api_route(f"{prefix}/{name}/{{n}}", tells(function), methods=[method], **route)
        return function
    return add


class ShopError(Exception):
    pass


def outer(n):
    return [inner(n)]


def inner(n):
    table = {"a": 1}
    return table[n]
