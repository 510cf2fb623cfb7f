# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The app of the deployment tests: how slow it is and what fails is its environment's choice.

GET /orders/{id} takes $ORDER_MS, GET /fast nothing; $FAIL is answered with 500; GET /pid tells who.
"""
import asyncio
import os

ORDER_S = float(os.environ.get("ORDER_MS", "1")) / 1000
FAIL = os.environ.get("FAIL", "")


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path = scope["path"]
    if path.startswith("/orders/"):
        await asyncio.sleep(ORDER_S)
    body = b"%d" % os.getpid()
    await send({"type": "http.response.start", "status": 500 if FAIL and path == FAIL else 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
