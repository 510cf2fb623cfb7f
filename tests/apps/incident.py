# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The shop of `make incident`, in two versions: $APP_VERSION 2.4.0 is the one that should not have been deployed.

In 2.4.0 an order is looked up without its index (slow), a discount that is not there raises in the checkout
(exception), and the export calls a blocking library inside an async endpoint (the loop stops).
"""
import asyncio
import os
import random
import time

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

BAD = os.environ.get("APP_VERSION") == "2.4.0"

app = FastAPI(title="shop")
dice = random.Random(7)


@app.get("/")
async def home():
    return JSONResponse({"shop": "open"}, headers={"X-Cache": "HIT" if dice.random() < 0.8 else "MISS"})


@app.get("/orders/{order_id}")
async def order(order_id: int):
    await asyncio.sleep(dice.uniform(0.030, 0.080) if BAD else dice.uniform(0.004, 0.012))
    return {"id": order_id, "total": order_id * 3}


@app.post("/checkout")
async def checkout(request: Request):
    cart = await request.json()
    await asyncio.sleep(0.005)
    if BAD and cart["discount"] % 4 == 0:
        return {"paid": cart["rates"]["winter"]}  # KeyError: 'rates'
    return {"paid": len(cart)}


@app.get("/users/{user_id}")
async def user(user_id: int):
    await asyncio.sleep(dice.uniform(0.001, 0.003))
    return {"id": user_id}


@app.get("/export")
async def export():
    if BAD:
        time.sleep(0.4)
    else:
        await asyncio.sleep(0.02)
    return {"rows": 1000}
