# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Limits of the host: each is driven to its end on a real server, and the summary says so."""
import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

import reqscope
from client import Conn, Truth, run_jobs, Job
from servers import Stack, wait_for

CPU_GROUP = "/sys/fs/cgroup/cpu"
SPIN = "while True: pass"


def summary_of(scope):
    s = reqscope.parse_summary(scope.finish())
    return s["saturation"], " / ".join(s["verdict"]["reasons"]), s


def test_quiet(server, bpf, truth):
    """Nothing is near: the numbers are there, no reason is."""
    files = sum(not os.readlink(f"/proc/{server.pid}/fd/{fd}").startswith("socket:")
                for fd in os.listdir(f"/proc/{server.pid}/fd"))  # clients of others may come and go
    with reqscope.summary("-p", server.pid) as scope:
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(20)], truth)
        sat, reasons, s = summary_of(scope)
    assert sat["accept_failed"] == 0
    assert files <= sat["fds"] <= files + 20 and sat["fd_limit"] >= 1024, (sat, files)
    assert 0 <= sat["run_queue"] < 1
    assert not re.search("descriptor|thread pool|throttled|accept queue", reasons), reasons


@pytest.mark.parametrize("loop", ("asyncio", "uvloop"))
def test_descriptors(launch, bpf, loop):
    """More clients than descriptors: accept() is refused, counted, and the reason names the limit."""
    server = launch(Stack("debian", loop))
    files = len(os.listdir(f"/proc/{server.pid}/fd"))
    subprocess.run(["prlimit", "--pid", str(server.pid), f"--nofile={files + 8}"], check=True)
    clients = []
    try:
        with reqscope.summary("-p", server.pid) as scope:
            for _ in range(40):
                s = socket.create_connection(server.address)
                s.sendall(b"GET /sleep/60000 HTTP/1.1\r\nHost: x\r\n\r\n")
                clients.append(s)
            wait_for(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) >= files + 8, "all descriptors are taken")
            sat, reasons, s = summary_of(scope)
    finally:
        for c in clients:
            c.close()
    assert sat["accept_failed"] > 0, sat
    assert sat["fd_limit"] == files + 8
    assert "no free descriptor" in reasons and f"{files + 8:,}" in reasons, reasons


def test_intervals_add_up(launch, bpf, tmp_path):
    """Refused calls are told by the interval in which they were, and by no other."""
    server, log = launch(Stack("debian", "asyncio")), tmp_path / "log"
    files = len(os.listdir(f"/proc/{server.pid}/fd"))
    subprocess.run(["prlimit", "--pid", str(server.pid), f"--nofile={files + 8}"], check=True)
    clients = []

    def told():
        with open(log) as f:
            return [json.loads(line)["saturation"]["accept_failed"] for line in f if line.endswith("\n")]

    with reqscope.summary("-p", server.pid, "--log", log, "--log-requests", "none", "--log-interval", 1) as scope:
        for _ in range(40):
            s = socket.create_connection(server.address)
            s.sendall(b"GET /sleep/60000 HTTP/1.1\r\nHost: x\r\n\r\n")
            clients.append(s)
        wait_for(lambda: sum(n > 0 for n in told()) >= 3, "several intervals tell of it", 30)
        for c in clients:
            c.close()
        wait_for(lambda: told()[-2:] == [0, 0], "it is over", 30)
        sat, _, _ = summary_of(scope)
    assert sum(told()) == sat["accept_failed"] > 0, (told(), sat)


def test_thread_pool(launch, bpf):
    """100 requests for a sync endpoint that sleeps: 40 threads do, the others wait for one."""
    server, truth = launch(Stack("debian", "asyncio", "h11")), Truth()
    conns = [Conn(server.address, truth) for _ in range(100)]
    with reqscope.summary("-p", server.pid) as scope:
        records = [c.begin("GET", "/sync/3000") for c in conns]
        wait_for(lambda: len(os.listdir(f"/proc/{server.pid}/task")) > 40, "the pool has grown to its limit")
        wait_for(lambda: sleeping(server.pid) >= 40, "all of them sleep")
        sat, reasons, s = summary_of(scope)
    assert sat["threads"] >= 40 and sat["threads_busy"] == sat["threads"], sat
    assert "thread pool is exhausted" in reasons, reasons
    for c, r in zip(conns, records):
        c.abort(r)


def sleeping(pid):
    """Threads that are in a system call other than futex: time.sleep."""
    n = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/syscall") as f:
                n += f.read().split()[0] not in ("running", "-1", "202", "232", "281")
        except OSError:
            pass
    return n


def spinner(cpu):
    return subprocess.Popen(["taskset", "-c", str(cpu), sys.executable, "-c", SPIN])


def test_run_queue(launch, bpf, truth):
    """Two hogs on the only CPU that the server may use: its threads wait for it."""
    server = launch(Stack("debian"))
    cpu = min(os.sched_getaffinity(0))
    subprocess.run(["taskset", "-a", "-p", "-c", str(cpu), str(server.pid)], check=True, stdout=subprocess.DEVNULL)
    hogs = [spinner(cpu), spinner(cpu)]
    try:
        with reqscope.summary("-p", server.pid) as scope:
            run_jobs(server.address, [Job("GET", "/block/5") for _ in range(200)], truth)
            run_jobs(server.address, [Job("GET", "/fast") for _ in range(300)], truth)
            sat, reasons, _ = summary_of(scope)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert sat["run_queue"] > 0.05, sat
    if sat["run_queue"] >= 0.2:
        assert "waited for a CPU" in reasons, reasons


@pytest.fixture
def cpu_group():
    """A control group of our own with a quota of a tenth of a CPU."""
    for root, quota in ((CPU_GROUP, "cpu.cfs_quota_us"), ("/sys/fs/cgroup", "cpu.max")):
        path = os.path.join(root, f"reqscope-e2e-{os.getpid()}")
        if quota == "cpu.max" and not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            continue
        try:
            os.mkdir(path)
        except OSError:
            continue
        if os.path.exists(os.path.join(path, quota)):
            with open(os.path.join(path, quota), "w") as f:
                f.write("10000" if quota == "cpu.cfs_quota_us" else "10000 100000")
            yield path
            wait_for(lambda: remove(path), "its processes have gone")
            return
        os.rmdir(path)
    pytest.skip("no control group with a CPU quota can be made here")


def remove(path):
    try:
        os.rmdir(path)
        return True
    except OSError:
        return False


def test_throttled(launch, bpf, cpu_group, truth):
    server = launch(Stack("debian"))
    with open(os.path.join(cpu_group, "cgroup.procs"), "w") as f:
        f.write(str(server.pid))
    with reqscope.summary("-p", server.pid) as scope:
        done = threading.Event()

        def throttled():
            with open(os.path.join(cpu_group, "cpu.stat")) as f:
                stat = dict(line.split() for line in f)
            return int(stat["nr_throttled"]) >= 3

        def drive():
            while not done.is_set():
                run_jobs(server.address, [Job("GET", "/fast") for _ in range(20)], truth)

        thread = threading.Thread(target=drive)
        thread.start()
        try:
            wait_for(throttled, "the quota is used up", 30)
        finally:
            done.set()
            thread.join()
        sat, reasons, _ = summary_of(scope)
    server.stop()
    assert 0 < sat["throttled"] <= 1, sat
    if sat["throttled"] >= 0.05:
        assert "throttled" in reasons, reasons
