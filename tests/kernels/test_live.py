# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A short life of a real server on this kernel: everything counted, timed and named, by each arrival hook."""
import os
import subprocess

import pytest

import client
import reqscope
from servers import Stack

STACKS = [Stack(loop="asyncio", http="h11"), Stack(loop="uvloop", http="httptools")]
CLOSE = {"headers": ("Connection: close",)}
FTRACE = "/proc/sys/kernel/ftrace_enabled"


def tracepoint(name):
    with open("/sys/kernel/btf/vmlinux", "rb") as f:
        return b"\0btf_trace_%s\0" % name in f.read()


def hooks():
    """The hook that this kernel should give; in the guest, where nobody minds, also what is left when its
    functions may not be patched."""
    if tracepoint(b"sk_data_ready"):
        return ["sk_data_ready"]
    return ["sock_def_readable"] + (["tcp_probe"] if os.environ.get("RS_GUEST") else [])


@pytest.fixture(params=hooks())
def hook(request):
    if request.param != "tcp_probe":
        yield request.param
        return
    with open(FTRACE, "w") as f:
        f.write("0\n")
    yield request.param
    with open(FTRACE, "w") as f:
        f.write("1\n")


def mix():
    jobs = [client.Job("GET", "/fast") for _ in range(12)]
    jobs += [client.Job("GET", f"/items/{i}", "/items/{id}") for i in range(8)]
    jobs += [client.Job("GET", "/fast", kw={"version": "1.0"}, fresh=True), client.Job("HEAD", "/fast")]
    jobs += [client.Job("POST", "/echo", kw={"body": b"b" * n}) for n in (0, 1000, 70000)]
    jobs += [client.Job("POST", "/echo", kw={"body": b"b" * 3000, "chunked": True})]
    jobs += [client.Job("GET", f"/status/{code}", "/status/{id}") for code in (204, 404, 503)]
    jobs += [client.Job("GET", "/stream/5/2", "/stream/{n}/{ms}"), client.Job("GET", "/big/1500", "/big/{id}")]
    jobs += [client.Job("GET", "/boom", kw=CLOSE), client.Job("GET", "/sync/5", "/sync/{id}")]
    return jobs


def drive(server, truth):
    """Four connections at once, then a client that leaves before it is answered."""
    client.run_jobs(server.address, mix(), truth)
    conn = client.Conn(server.address, truth)
    server.leave(conn, server.hang(conn))


def check_lines(lines, truth):
    """Each of the client's requests has its line, with all phases, none longer than the client saw."""
    ends = [line for line in lines if line["event"] == "end"]
    assert len(ends) == len(truth.records)
    longest = {}
    for record in truth.ends("ok"):
        longest.setdefault((record.method, record.path), []).append(record.ms)
    for line in ends:
        if line["end"] != "ok":
            continue
        assert all(phase in line for phase in reqscope.PHASES), str(line)
        assert line["total"] <= max(longest[line["method"], line["path"]]) + reqscope.SLACK_MS, line


def check_error(lines):
    """The exception behind the 500 of /boom, and its line: read by the programs when its head was written,
    on uvloop when it was queued."""
    (boom,) = (line for line in lines if line["path"] == "/boom")
    where, function = boom["error_where"].rsplit(" ", 1)
    file, number = where.rsplit(":", 1)
    assert (boom["status"], boom["error_type"], function) == (500, "ValueError", "boom"), boom
    with open(file) as f:
        assert f.read().splitlines()[int(number) - 1].strip().startswith("raise ValueError("), boom


def run_both(server, truth, *args):
    """A summary and a trace of the same traffic, by two reqscopes at once."""
    with reqscope.summary("-p", server.pid, *args) as whole, reqscope.trace("-p", server.pid, *args) as each:
        drive(server, truth)
        return reqscope.parse_summary(whole.finish()), reqscope.parse_trace(each.finish())


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_counts(pool, hook, stack):
    truth = client.Truth()
    s, lines = run_both(pool.get(stack), truth)
    reqscope.check_counts(s, truth)
    check_lines(lines, truth)
    check_error(lines)
    assert s["tracer"]["features"]["arrival"] == hook
    assert s["verdict"]["state"] not in ("idle", "blind", "down")
    assert s["tracer"]["features"]["routes"].startswith("exact: "), s["tracer"]["features"]


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_sockets_only(pool, stack):
    truth = client.Truth()
    s, lines = run_both(pool.get(stack), truth, "--insight", "off")
    reqscope.check_counts(s, truth, routes=False)
    check_lines(lines, truth)
    assert s["tracer"]["features"]["insight"] == "off: --insight off"


def test_doctor():
    """It finds this kernel good enough, and says so."""
    done = reqscope.run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.uname().release.encode() in done.stdout


def test_nothing_remains():
    """What the tests before attached is gone with the processes that attached it."""
    done = subprocess.run(["bpftool", "-j", "prog", "show"], stdin=subprocess.DEVNULL, capture_output=True)
    names = ("on_sys_enter", "on_sys_exit", "on_data_ready", "on_readable", "on_tcp_probe")
    assert done.returncode == 0
    if os.environ.get("RS_GUEST"):  # elsewhere another reqscope may be at work
        assert not any(name.encode() in done.stdout for name in names)
