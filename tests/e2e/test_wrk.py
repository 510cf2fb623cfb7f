# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Full load: every request that wrk counted is in the summary, nothing is dropped, the tracer stays small."""
import re
import subprocess

import pytest

import reqscope
from servers import Stack

pytestmark = pytest.mark.usefixtures("bpf")
CONNECTIONS = 16


@pytest.mark.parametrize("age", ["debian", "pypi"])
@pytest.mark.parametrize("app, path", [("raw:app", "/"), ("app:app", "/items/7")], ids=["raw", "fastapi"])
def test_wrk(pool, age, app, path):
    server = pool.get(Stack(age, app=app))
    url = f"http://{server.address[0]}:{server.port}{path}"
    with reqscope.summary("-p", server.pid) as scope:
        done = subprocess.run(["wrk", "-c", str(CONNECTIONS), "-t", "1", "-d", "3s", url],
                              capture_output=True, text=True, timeout=30)
        memory = scope.memory_kib()
        s = reqscope.parse_summary(scope.finish())
    counted = int(re.search(r"(\d+) requests in", done.stdout)[1])
    assert counted > 1000 and "Socket errors" not in done.stdout, done.stdout
    r = s["requests"]
    assert (s["tracer"]["dropped"], r["unknown"], r["not_http"]) == (0, 0, 0), (r, s["tracer"])
    # When wrk stops, each connection may have one more that it did not wait for.
    assert r["ok"] >= counted, r
    assert counted <= r["started"] <= counted + CONNECTIONS, r
    assert s["latency"]["total"]["count"] == r["ok"]
    assert memory <= 24 * 1024, f"{memory} KiB resident"
