# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The first line: up, slow, erroring, stuck, idle, down, each from real traffic and with its reason."""
import signal

import pytest

import reqscope
from client import Job, run_jobs

pytestmark = pytest.mark.usefixtures("bpf")


def verdict(server, truth, jobs, *options):
    with reqscope.summary("-p", server.pid, *options) as scope:
        run_jobs(server.address, jobs, truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth, routes=False)
    assert s["verdict"]["reasons"], "a verdict has a reason"
    return s["verdict"]["state"]


FAST = [Job("GET", f"/items/{i}") for i in range(40)]


@pytest.mark.parametrize("jobs, options, state", [
    (FAST, ("--slo-ms", 1000), "up"),
    ([Job("GET", "/sleep/60") for _ in range(40)], ("--slo-ms", 20), "slow"),
    (FAST + [Job("GET", "/status/500") for _ in range(40)], (), "erroring"),
    (FAST + [Job("GET", "/status/500") for _ in range(4)], ("--max-error-rate", 0.5, "--slo-ms", 1000), "up"),
    (FAST + [Job("GET", "/status/404") for _ in range(40)], ("--slo-ms", 1000), "up"),
], ids=["up", "slow", "erroring", "some-errors-allowed", "client-errors"])
def test_verdict(server, truth, jobs, options, state):
    assert verdict(server, truth, jobs, *options) == state


def test_stuck(server, connect):
    with reqscope.summary("-p", server.pid, "--stuck-ms", 100, "-d", 1) as scope:
        conn = connect()
        record = server.hang(conn)
        rc, out = scope.wait()
        server.leave(conn, record)
    s = reqscope.parse_summary(out)
    assert rc == 0 and s["verdict"]["state"] == "stuck", s["verdict"]
    assert [(o["method"], o["path"], o["phase"]) for o in s["open"]] == [("GET", "/hang", "app")]
    assert s["open"][0]["age"] > 100


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_ends_by_signal(server, connect, sig):
    """A signal ends the run as its time would have."""
    with reqscope.summary("-p", server.pid) as scope:
        connect().get("/fast")
        s = reqscope.parse_summary(scope.finish(sig))
    assert s["requests"]["ok"] == 1
