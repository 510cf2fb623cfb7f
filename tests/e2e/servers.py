# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real servers for the tests: uvicorn and gunicorn of two ages, started and stopped by pid.

Age `debian` is the distribution's packages under /usr/bin/python3; `pypi` is the newest, in the
virtual environment of tools/venv.sh.
"""
import dataclasses
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import client

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("O", "build"))
APPS = os.path.join(TOP, "tests", "apps")
PYTHON = {"debian": "/usr/bin/python3", "pypi": os.path.join(BUILD, "venv", "bin", "python")}
KEEP_ALIVE_S = 30  # longer than any test leaves a connection idle


def wait_for(condition, what, seconds=15.0, step=0.01):
    """Waits for a condition; returns its value, or fails saying what did not happen (text, or what makes it)."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds:g} s")
        time.sleep(step)


@dataclasses.dataclass(frozen=True)
class Stack:
    age: str = "debian"
    loop: str = "uvloop"
    http: str = "httptools"
    workers: int = 1
    listen: str = "ipv4"  # or "ipv6", "uds"
    server: str = "uvicorn"  # or "gunicorn"
    app: str = "app:app"
    tag: str = ""  # tells apart servers that are the same otherwise
    extra: tuple = ()  # further arguments of uvicorn; of an option that is said twice the last counts
    script: str = ""  # of APPS, that starts uvicorn in a way of its own

    def __str__(self):
        names = [self.age, self.server if self.server != "uvicorn" else f"{self.loop}-{self.http}"]
        if self.workers > 1:
            names.append(f"workers{self.workers}")
        if self.listen != "ipv4":
            names.append(self.listen)
        return "-".join(names)


STACKS = [Stack(*s) for s in itertools.product(("debian", "pypi"), ("asyncio", "uvloop"), ("h11", "httptools"))]


def children(pid):
    """The pids of all living descendants."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in map(int, f.read().split()):
                    found += [child, *children(child)]
    except OSError:
        pass
    return found


def free_port(host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


class Server:
    """A running server. `address` is what client.Conn takes."""

    def __init__(self, stack, port=None):
        self.stack = stack
        self.dir = tempfile.mkdtemp(prefix="reqscope-e2e-")
        os.chmod(self.dir, 0o755)
        self.log = os.path.join(self.dir, "server.log")
        self.marks = os.path.join(self.dir, "marks")
        # Between finding a free port and binding it somebody else may: another one then.
        for attempt in range(3):
            self._launch(port)
            try:
                wait_for(self._ready, f"{stack} answers", 20)
                return
            except (AssertionError, ChildProcessError) as e:
                self.kill()
                if port or attempt == 2:
                    words = self.tail()
                    self.stop()
                    raise AssertionError(f"{stack} did not start: {e}\n{words}") from e

    def _launch(self, port):
        s = self.stack
        host = "::1" if s.listen == "ipv6" else "127.0.0.1"
        if s.listen == "uds":
            self.port, self.address = None, os.path.join(self.dir, "app.sock")
        else:
            self.port = port or free_port(host)
            self.address = (host, self.port)
        argv = self._gunicorn(host) if s.server == "gunicorn" else self._uvicorn(host)
        env = dict(os.environ, E2E_MARKS=self.marks, PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore")
        env.pop("WEB_CONCURRENCY", None)
        with open(self.log, "ab") as log:
            argv = [os.path.join(APPS, s.script), *argv[1:]] if s.script else ["-m", *argv]
            self.proc = subprocess.Popen([PYTHON[s.age], *argv], stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log, env=env, cwd=self.dir)
        self.pid = self.proc.pid

    def _uvicorn(self, host):
        s = self.stack
        where = ["--uds", self.address] if s.listen == "uds" else ["--host", host, "--port", str(self.port)]
        workers = ["--workers", str(s.workers)] if s.workers > 1 else []
        return ["uvicorn", s.app, "--app-dir", APPS, *where, *workers, "--loop", s.loop, "--http", s.http,
                "--no-access-log", "--log-level", "error", "--timeout-keep-alive", str(KEEP_ALIVE_S),
                *s.extra]

    def _gunicorn(self, host):
        s = self.stack
        worker = "uvicorn.workers.UvicornWorker" if s.age == "debian" else "uvicorn_worker.UvicornWorker"
        where = f"unix:{self.address}" if s.listen == "uds" else \
            f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        # The newest would put its control socket into the home of whoever runs the tests.
        control = [] if s.age == "debian" else ["--control-socket", os.path.join(self.dir, "control.sock")]
        return ["gunicorn", s.app, "--pythonpath", APPS, "-k", worker, "-w", str(s.workers), "-b", where, *control,
                "--log-level", "error", "--keep-alive", str(KEEP_ALIVE_S), "--graceful-timeout", "2"]

    def _ready(self):
        """Whether it answers; with workers, whether each of them does."""
        if self.proc.poll() is not None:
            raise ChildProcessError(f"it ended with {self.proc.returncode}")
        try:
            if self.stack.app != "app:app":
                return self.ask("/") is not None
            seen = {self.serving_pid() for _ in range(10 if self.stack.workers > 1 else 1)} - {0}
            return len(seen) >= self.stack.workers
        except OSError:
            return False

    def ask(self, path):
        """The body of a GET on a connection of its own, outside any test's count; None unless it is 200."""
        with client.Conn(self.address, client.Truth(), timeout=5) as conn:
            conn.begin("GET", path, headers=("Connection: close",))
            while conn.fill():
                pass
            head, _, body = conn.buf.partition(b"\r\n\r\n")
            return body if head.startswith(b"HTTP/1.1 200") else None

    def serving_pid(self):
        return int(self.ask("/pid") or 0)

    def worker_pids(self):
        """The descendants that hold Python's web server, not multiprocessing's resource tracker."""
        pids = []
        for pid in children(self.pid):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if b"resource_tracker" not in f.read():
                        pids.append(pid)
            except OSError:
                pass
        return pids

    def count_marks(self, byte):
        """What the app noted: h, a /hang came in; g, its client's leaving was noticed."""
        try:
            with open(self.marks, "rb") as f:
                return f.read().count(byte)
        except OSError:
            return 0

    def hang(self, conn):
        """Sends a request that gets no answer; returns its record once the app has it."""
        before = self.count_marks(b"h")
        record = conn.begin("GET", "/hang")
        wait_for(lambda: self.count_marks(b"h") > before, "/hang comes in")
        return record

    def leave(self, conn, record, reset=False):
        """Ends the connection of a hanging request; returns once the app has noticed."""
        before = self.count_marks(b"g")
        conn.abort(record, reset)
        wait_for(lambda: self.count_marks(b"g") > before, "the app notices that its client left")

    def tail(self):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-15:])

    def kill(self):
        """Ends it and all its descendants at once."""
        family = [self.pid, *children(self.pid)] if self.proc.poll() is None else []
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.proc.wait()

    def terminate(self, seconds=4):
        """Ends it as an init system would, with force when it takes too long."""
        if self.proc.poll() is not None:
            return
        family = children(self.pid)
        self.proc.terminate()
        try:
            self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        for pid in family:
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    mine = self.marks.encode() in f.read()
                if mine:  # the pid is still one of ours, not reused
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def stop(self):
        self.terminate()
        shutil.rmtree(self.dir, ignore_errors=True)


class Pool:
    """Servers by stack, started when first asked for and kept: most tests can share one."""

    def __init__(self):
        self.servers = {}

    def get(self, stack):
        server = self.servers.get(stack)
        if server is None or server.proc.poll() is not None:
            server = self.servers[stack] = Server(stack)
        return server

    def stop_all(self):
        """All at once: each takes about a second to shut down."""
        threads = [threading.Thread(target=server.stop) for server in self.servers.values()]
        self.servers.clear()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
