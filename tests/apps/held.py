# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Holds its event loop up for as long as a test wants: until somebody opens the other end of a pipe."""
import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def home():
    return {}


@app.get("/held")
async def held():
    with open(os.environ["E2E_MARKS"] + ".pipe"):  # it waits here
        return {}
