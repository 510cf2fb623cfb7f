# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The processes of the benchmark: the server on the first CPU, client and observers on the others."""
import json
import os
import select
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("O", "build"))
REQSCOPE = os.environ.get("REQSCOPE", os.path.join(BUILD, "reqscope"))
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPUS = {CPUS[0]}
OTHER_CPUS = set(CPUS[1:]) or {CPUS[0]}
PATIENCE_S = 60  # a bound, not a measure: the machine may be busy


class Failed(Exception):
    """What keeps one part of the benchmark from being measured."""


def pinned(cpus):
    return lambda: os.sched_setaffinity(0, cpus)


def cpu_ns(pid):
    """CPU time of all threads of a process, as the scheduler accounts it. Exact while they sleep."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def tracers():
    """How many BPF programs see the entry of every system call of this machine. Whoever is the first pays for the slow
    way that all calls take from then on, so somebody else's tracer would make ours look cheaper than it is."""
    done = subprocess.run(["/usr/sbin/bpftool", "-j", "link", "list"], capture_output=True, text=True, check=False)
    try:
        return sum(link.get("tp_name") == "sys_enter" for link in json.loads(done.stdout or "[]"))
    except ValueError as e:
        raise Failed(f"bpftool link list: {done.stderr.strip()[:120] or e}") from e


def wait_alone(seconds=5):
    """Waits for somebody else's tracer to go; whether it went is seen at the next window."""
    deadline = time.monotonic() + seconds
    while tracers() and time.monotonic() < deadline:
        time.sleep(0.1)


def peak_kib(pid):
    """The most memory that it had; pages that it maps twice, as libbpf does with a ring, counted once."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    rss = pss = 0
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as f:
        ring = False
        for line in f:
            if ":" not in line.split()[0] or "-" in line.split()[0]:
                ring = "bpf-map" in line
            elif ring and line.startswith("Rss:"):
                rss += int(line.split()[1])
            elif ring and line.startswith("Pss:"):
                pss += int(line.split()[1])
    return peak - (rss - pss)


def maps_kib(pid):
    """Kernel memory of its BPF maps, as the kernel tells it."""
    total = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
            words = dict(line.split(":", 1) for line in f if ":" in line)
        total += int(words["memlock"]) if "map_id" in words else 0
    return total / 1024


def end(process, sig=signal.SIGTERM):
    """Ends a process of ours; returns what it had still to say on standard output."""
    if process.poll() is None:
        process.send_signal(sig)
    try:
        return process.communicate(timeout=PATIENCE_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def read_until(stream, process, word, what):
    """Reads from a binary, unbuffered stream until a word is there; returns all that was read."""
    said, deadline = b"", time.monotonic() + PATIENCE_S
    while word not in said:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            end(process, signal.SIGKILL)
            raise Failed(f"{what}: not ready after {PATIENCE_S} s")
        piece = os.read(stream.fileno(), 4096)
        if not piece:
            process.wait()
            lines = said.decode(errors="replace").strip().splitlines() or ["said nothing"]
            raise Failed(f"{what}: ended with {process.returncode}: {lines[0][:160]}")
        said += piece
    return said


class Helper:
    """A helper in C that answers each line with a line."""

    def __init__(self, name, *args, cpus=OTHER_CPUS):
        self.name = name
        self.process = subprocess.Popen([os.path.join(BUILD, "bench", name), *map(str, args)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pinned(cpus))
        self.pid = self.process.pid

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name} ended with {self.process.wait()}")
        return line.strip()

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.read()

    def close(self):
        end(self.process)


class Load(Helper):
    """The client. Takes turns on its connections; see load.c."""

    def __init__(self, port, connections, routes=0):
        super().__init__("load", port, connections, routes)
        self.read()

    def run(self, rate, ms, batch=1):
        return json.loads(self.ask(f"{rate} {ms} {batch}"))


class Cheap(Helper):
    """The server in C."""

    def __init__(self):
        super().__init__("server", cpus=SERVER_CPUS)
        self.port = int(self.read())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Uvicorn:
    """One uvicorn with the app of the benchmark, and the middleware that `peer` names (app.py)."""

    def __init__(self, python, loop, http, peer="", access_log=False):
        self.port = free_port()
        argv = [python, "-m", "uvicorn", "app:app", "--port", str(self.port), "--loop", loop, "--http", http,
                "--timeout-keep-alive", "3600"]
        argv += ["--access-log"] if access_log else ["--no-access-log", "--log-level", "warning"]
        env = dict(os.environ, BENCH_PEER=peer, PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore")
        env.pop("WEB_CONCURRENCY", None)
        self.process = subprocess.Popen(argv, cwd=HERE, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, bufsize=0, preexec_fn=pinned(SERVER_CPUS))
        self.pid = self.process.pid
        try:
            self._wait(f"uvicorn with {peer or 'nothing else'}", access_log)
        except Failed:
            self.close()
            raise

    def _wait(self, what, access_log):
        if access_log:  # it says so; its log goes nowhere from then on
            read_until(self.process.stderr, self.process, b"running on", what)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
            if self.process.poll() is not None:
                said = self.process.stderr.read().decode(errors="replace").strip().splitlines()
                raise Failed(f"{what}: {said[-1][:160] if said else 'said nothing'}")
        raise Failed(f"{what}: does not listen after {PATIENCE_S} s")

    def close(self):
        end(self.process)


class Reqscope:
    """reqscope attached to a process. `close()` returns its summary."""

    def __init__(self, pid, *options, verb="summary"):
        self.process = subprocess.Popen([REQSCOPE, verb, "-p", str(pid), *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                                        preexec_fn=pinned(OTHER_CPUS))
        self.pid = self.process.pid
        read_until(self.process.stderr, self.process, b"attached", "reqscope")

    def close(self):
        out = end(self.process, signal.SIGINT)
        return json.loads(out) if out.startswith(b"{") else None
