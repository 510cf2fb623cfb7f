# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What response heads say of caches and request heads of logins: counted in all and by route, no value kept."""
import reqscope
from client import Job, run_jobs

SAID = {"hit": 7, "miss": 5, "revalidated": 3, "rfc9211": 4, "aged": 2, "none": 6}
COUNTED = {"hit": 7 + 4 + 2, "miss": 5, "revalidated": 3, "none": 6}


def test_caches(stack_server, truth):
    jobs = [Job("GET", f"/cached/{kind}", "/cached/{id}") for kind, n in SAID.items() for _ in range(n)]
    with reqscope.summary("-p", stack_server.pid) as scope:
        run_jobs(stack_server.address, jobs, truth)
        run_jobs(stack_server.address, [Job("GET", "/status/304", "/status/{id}")] * 2, truth)
        s = reqscope.parse_summary(scope.finish())
    assert s["cache"] == {**COUNTED, "revalidated": 3 + 2}
    by_path = {r["slowest"]["path"]: r["cache"] for r in s["routes"]}
    assert by_path["/status/304"] == {"hit": 0, "miss": 0, "revalidated": 2, "none": 0}
    assert sum(c["hit"] for c in by_path.values()) == COUNTED["hit"]


def test_logins(stack_server, truth):
    secret = "s3cr3t-value"
    jobs = [Job("GET", "/fast", kw={"headers": (f"Authorization: Bearer {secret}",)}) for _ in range(6)]
    jobs += [Job("GET", "/block/30", "/block/{id}", kw={"headers": (f"Cookie: sid={secret}",)}) for _ in range(4)]
    jobs += [Job("GET", "/status/503", "/status/{id}", kw={"headers": (f"cookie: sid={secret}",)}) for _ in range(3)]
    jobs += [Job("GET", "/fast") for _ in range(5)]
    with reqscope.summary("-p", stack_server.pid) as scope:
        run_jobs(stack_server.address, jobs, truth)
        out = scope.finish()
    s = reqscope.parse_summary(out)
    yes, no = s["auth"]["yes"], s["auth"]["no"]
    assert (yes["count"], yes["5xx"], no["count"], no["5xx"]) == (13, 3, 5, 0)
    assert yes["p99"] >= 30
    fast = next(r for r in s["routes"] if r["route"] == "/fast")
    assert (fast["auth"]["yes"]["count"], fast["auth"]["no"]["count"]) == (6, 5)
    assert secret.encode() not in out
