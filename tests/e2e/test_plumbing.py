# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sockets that go odd ways: shared ports, connections passed on, duplicated, inherited, used by two threads."""
import os
import signal
import subprocess

import pytest

import client
import reqscope
import servers

MODES = ("reuseport", "scm", "threads", "dup", "fork")


@pytest.fixture
def plumbing(request):
    app = subprocess.Popen(["/usr/bin/python3", os.path.join(servers.APPS, "plumbing.py"), request.param],
                           stdout=subprocess.PIPE, text=True)
    yield app.pid, ("127.0.0.1", int(app.stdout.readline()))
    for pid in [*servers.children(app.pid), app.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    app.wait()


@pytest.mark.parametrize("plumbing", MODES, indirect=True)
def test_every_request_counts_once(plumbing):
    """Whatever way a connection goes, its requests are the client's, each with its phases."""
    pid, address = plumbing
    truth = client.Truth()
    with reqscope.Reqscope("trace", "-p", str(pid), "--format", "json") as tool:
        conns = [client.Conn(address, truth) for _ in range(4)]
        for i in range(10):
            for c in conns:
                c.get(f"/kept/a{i}")
        for c in conns:
            c.close()
        for i in range(20):  # descriptors are used again at once
            with client.Conn(address, truth) as c:
                c.get(f"/single/b{i}")
        out = tool.finish()
    rows = reqscope.parse_trace(out)
    assert len(rows) == len(truth.records) == 60
    assert {r["end"] for r in rows} == {"ok"}, rows
    assert all("total" in r and "queue" in r for r in rows), rows
    want = sorted(r.path for r in truth.records)
    assert sorted(r["path"] for r in rows) == want
    longest = max(r.ms for r in truth.records)
    assert all(r["total"] <= longest + 0.05 for r in rows)
