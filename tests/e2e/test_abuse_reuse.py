# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Numbers that come again: pids of processes that have ended, descriptors of connections that have gone; and
children that are forked faster than anybody can look at them."""
import ctypes
import json
import os
import signal
import subprocess

import pytest

import abuse
import reqscope
from abuse import Load
from client import Conn, Job, Truth, run_jobs
from pythons import LONG
from servers import APPS, PYTHON, Stack, free_port, wait_for

pytestmark = pytest.mark.usefixtures("bpf")
FORKS = 9000 if LONG else 1000  # the kernel side follows 8192 processes at once
SYS_CLONE3, SIGCHLD = 435, 17


# --- pids


class CloneArgs(ctypes.Structure):
    """struct clone_args of clone3(2)."""
    _fields_ = [(n, ctypes.c_uint64) for n in ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack",
                                               "stack_size", "tls", "set_tid", "set_tid_size", "cgroup")]


def spawn_as(pid, argv, env):
    """Starts a program with this very pid; 0, or the errno."""
    libc = ctypes.PyDLL(None, use_errno=True)  # the GIL is kept: the child has it, too
    tid = ctypes.c_int(pid)
    args = CloneArgs(exit_signal=SIGCHLD, set_tid=ctypes.addressof(tid), set_tid_size=1)
    null = os.open("/dev/null", os.O_RDWR)
    done = libc.syscall(SYS_CLONE3, ctypes.byref(args), ctypes.sizeof(args))
    if done == 0:
        try:
            for fd in range(3):
                os.dup2(null, fd)
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)
    os.close(null)
    return 0 if done == pid else ctypes.get_errno()


class Twin:
    """A server that has a given pid."""

    def __init__(self, pid, port):
        self.pid, self.address = pid, ("127.0.0.1", port)
        argv = [PYTHON["debian"], "-m", "uvicorn", "app:app", "--app-dir", APPS, "--port", str(port),
                "--log-level", "error", "--no-access-log"]
        err = spawn_as(pid, argv, dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore"))
        if err:
            pytest.skip(f"no process can be started with the pid of another that has ended: {os.strerror(err)}")

    def __enter__(self):
        wait_for(self._answers, "it answers", 20)
        return self

    def _answers(self):
        try:
            with Conn(self.address, Truth()) as conn:
                return conn.get("/fast", headers=("Connection: close",)).status == 200
        except OSError:
            return False

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


ITEMS = [Job("GET", f"/items/{n}", "/items/{id}") for n in range(30)]


def test_pid_of_a_worker(launch):
    """A stranger gets the pid of a worker that has ended: nothing of it counts. It speaks as much as the worker."""
    server, truth = launch(Stack(workers=2, server="gunicorn", app="raw:app")), Truth()
    with reqscope.summary("-p", server.pid) as scope:
        run_jobs(server.address, [Job("GET", f"/u{n}", "/{*}") for n in range(20)], truth)
        workers = set(server.worker_pids())
        server.proc.send_signal(signal.SIGTTOU)  # one worker less
        wait_for(lambda: len(server.worker_pids()) == 1, "a worker ends")
        victim, = workers - set(server.worker_pids())
        wait_for(lambda: not os.path.exists(f"/proc/{victim}"), "its pid is free")
        with Twin(victim, free_port("127.0.0.1")) as twin:
            stranger = Truth()
            run_jobs(twin.address, ITEMS, stranger)
            assert len(stranger.ends("ok")) == len(ITEMS)
            before = len(truth.records)
            run_jobs(server.address, [Job("GET", f"/v{n}", "/{*}") for n in range(20)], truth)
            assert len(truth.records) == before + 20
            s = reqscope.parse_summary(scope.finish())
    r = s["requests"]
    assert (r["started"], r["ok"], r["open"], r["not_http"]) == (40, 40, 0, 0), (r, s["routes"])
    assert not [x for x in s["routes"] if "items" in x["route"]], s["routes"]


def test_pid_of_the_server_before(launch):
    """--port: a new server has the pid of the one before. It is followed, as another process with another
    interpreter: its errors are told, and right."""
    port, truth = free_port("127.0.0.1"), Truth()
    first = launch(Stack(app="raw:app"), port=port)
    with reqscope.trace("--port", port) as scope:
        run_jobs(first.address, [Job("GET", "/a"), Job("GET", "/b")], Truth())
        assert scope.out.wait(lambda line: b'"/b"' in line or b'"/a"' in line, 10)
        first.kill()
        with Twin(first.pid, port) as twin:
            def told():
                with Conn(twin.address, Truth()) as conn:
                    conn.get("/boom", headers=("Connection: close",))
                return scope.out.wait(lambda line: b'"error_where"' in line, 0.3)

            wait_for(told, "the new interpreter's errors are told", 20)
            run_jobs(twin.address, ITEMS + [Job("GET", "/status/404")] * 5, truth)
            wait_for(lambda: scope.out.bytes().count(b'"path":"/items/') == len(ITEMS), "all are told", 10)
            rows = abuse.rows_of(scope.finish())
    assert len([r for r in rows if r.get("path", "").startswith("/items/") and r["end"] == "ok"]) == len(ITEMS)
    told = [abuse.check_told(r) for r in rows]
    assert sum(told) >= 6, rows
    assert {r["pid"] for r in rows if r["end"] == "ok"} == {first.pid}


# --- descriptors


@pytest.mark.parametrize("loop", ("uvloop", "asyncio"))
def test_descriptors(launch, loop):
    """The number of a connection that has gone becomes that of a pipe, of a socket pair, and of the next
    connection: what moves through those that are no connection is no request."""
    server, truth = launch(Stack(loop=loop, app="storm:app", script="storm.py")), Truth()
    numbers, n = set(), 200 if LONG else 60
    with reqscope.summary("-p", server.pid) as scope:
        with Conn(server.address, truth) as kept:
            for i in range(n):
                gone = [Conn(server.address, truth) for _ in range(3)]
                for conn in gone:
                    conn.get(f"/u{i}", route="/")
                half = Conn(server.address, truth)
                half.sock.sendall(b"GET /half HTTP/1.1\r\nHo")
                for conn in (*gone, half):
                    conn.close(reset=i % 2)
                numbers |= set(kept.get("/reuse").text.split())
        s = reqscope.parse_summary(scope.finish())
    r = s["requests"]
    assert (r["ok"], r["unknown"], r["not_http"], r["server_closed"]) == (4 * n, 0, 0, 0), r
    assert r["client_closed"] <= n and r["started"] == r["ok"] + r["client_closed"], "the halves"
    assert set(s["codes"]) == {"200"} and s["tracer"]["dropped"] == 0
    assert len(numbers) < 40, "descriptors were used again"


# --- forks


def rows_in(scope, name):
    """Entries of a map of this reqscope's."""
    mine = {number for kind, number in abuse.held([scope.pid]) if kind == "map"}
    done = subprocess.run([abuse.BPFTOOL, "-j", "map", "show"], capture_output=True, check=True)
    number = next(m["id"] for m in json.loads(done.stdout) if m["id"] in mine and m.get("name") == name)
    done = subprocess.run([abuse.BPFTOOL, "-j", "map", "dump", "id", str(number)], capture_output=True, check=True)
    return len(json.loads(done.stdout))


def test_fork_storm(launch):
    """Children that end at once, forked by the server's own process: its requests all count, the processes are
    forgotten again, memory stays."""
    server = launch(Stack(app="storm:app", script="storm.py"))

    def forked():
        try:
            with open(server.marks + ".forked") as f:
                return int(f.read() or 0)
        except OSError:
            return 0

    with reqscope.summary("-p", server.pid) as scope:
        before = scope.memory_kib()
        with Load(server.address, 2, paths=("/fast",)) as load:
            open(server.marks + ".storm", "w").close()
            try:
                wait_for(lambda: forked() >= FORKS, lambda: f"{forked()} forks", 120, 0.05)
            finally:
                os.unlink(server.marks + ".storm")
        wait_for(lambda: rows_in(scope, "targets") == 1, lambda: f"{rows_in(scope, 'targets')} processes", 10, 0.1)
        grown = scope.memory_kib() - before
        s = reqscope.parse_summary(scope.finish())
    load.check(50)
    reqscope.check_counts(s, load.truth, routes=False)
    assert grown < 4096, f"{grown} KiB more"
