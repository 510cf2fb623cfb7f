# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The app of `make demo`: a small shop whose faults are the ones that page people at night.

/reports has a slow tail, /checkout fails now and then with an exception, /export calls a blocking
library inside an async endpoint and so stops the whole loop, /feed streams.
"""
import asyncio
import random
import time

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

app = FastAPI(title="shop")
dice = random.Random()


@app.get("/")
async def home():
    return {"shop": "open"}


@app.get("/users/{user_id}")
async def user(user_id: int):
    await asyncio.sleep(dice.uniform(0.001, 0.003))
    return {"id": user_id, "name": f"user {user_id}"}


@app.get("/orders/{order_id}")
async def order(order_id: int):
    await asyncio.sleep(dice.uniform(0.002, 0.008))
    if order_id % 20 == 0:
        raise HTTPException(status_code=404, detail="no such order")
    return {"id": order_id, "total": order_id * 3}


@app.post("/orders")
async def new_order(request: Request):
    body = await request.body()
    await asyncio.sleep(0.004)
    return {"stored": len(body)}


@app.get("/reports/{report_id}")
async def report(report_id: int):
    """Mostly 10 ms; one in fifteen takes a quarter of a second."""
    await asyncio.sleep(0.25 if dice.random() < 1 / 15 else 0.01)
    return {"id": report_id}


@app.post("/checkout")
async def checkout(request: Request):
    cart = await request.json()
    if dice.random() < 0.4:
        raise KeyError("payment provider said nothing")
    return {"items": len(cart)}


@app.get("/export")
async def export():
    """A blocking call where none may be: everybody waits."""
    time.sleep(0.15)
    return {"rows": 1000}


@app.get("/feed")
async def feed():
    async def events():
        for i in range(5):
            yield f"event {i}\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(events(), media_type="text/plain")
