# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who is compared: what goes into the server's process, and what looks at it from outside."""
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess

import procs


@dataclasses.dataclass(frozen=True)
class Inside:
    """Goes into the process: a server of its own, with the same app."""
    name: str
    key: str  # of BENCH_PEER, see app.py
    package: str = ""  # of which the version is told
    access_log: bool = False
    per_route: bool = False  # gives a latency for each route


INSIDE = (
    Inside("uvicorn's access log, to /dev/null", "access", "uvicorn", access_log=True),
    Inside("prometheus-fastapi-instrumentator", "prometheus", "prometheus-fastapi-instrumentator", per_route=True),
    Inside("OpenTelemetry, batches to nowhere", "opentelemetry", "opentelemetry-instrumentation-fastapi",
           per_route=True),
    Inside("Sentry, tracing off", "sentry", "sentry-sdk"),
)


class Outside:
    """Attaches to a running process, and leaves it."""
    name = key = ""
    tracers = 0  # what procs.tracers() counts because of it

    def missing(self, _tools):
        """Why it cannot be had; "" when it can."""
        return ""

    def version(self, _tools):
        return ""

    def attach(self, pid, tools):
        raise NotImplementedError

    def pids(self, held):
        return [held.process.pid]

    def detach(self, held):
        """What it has to tell that would make the window worthless; "" usually."""
        raise NotImplementedError


class Ours(Outside):
    tracers = 1

    def __init__(self, name, key, level):
        self.name, self.key, self.level = name, key, level
        self.features = {}

    def attach(self, pid, _tools):
        return procs.Reqscope(pid, "-d", "3600", "--format", "json", "--insight", self.level)

    def detach(self, held):
        summary = held.close()
        if not summary:
            return "no summary"
        self.features = summary["tracer"].get("features", {})
        if summary["tracer"]["dropped"]:
            return f"{summary['tracer']['dropped']} records lost"
        return "" if summary["requests"]["ok"] else "it saw no request"


class Command(Outside):
    """Another project's tool, from Debian or from PyPI."""
    program = ""
    ready = b""
    on_stderr = True

    def path(self, tools):
        beside = os.path.join(tools, "bin", self.program)
        return beside if os.path.exists(beside) else shutil.which(self.program)

    def missing(self, tools):
        return "" if self.path(tools) else f"{self.program} is not installed"

    def version(self, tools):
        done = subprocess.run([self.path(tools), "--version"], capture_output=True, text=True, check=False)
        found = re.search(r"\d[\w.]+", done.stdout)
        return found[0] if found else ""

    def argv(self, pid):
        raise NotImplementedError

    def attach(self, pid, tools):
        p = subprocess.Popen([self.path(tools), *self.argv(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE if self.on_stderr else subprocess.STDOUT, bufsize=0,
                             preexec_fn=procs.pinned(procs.OTHER_CPUS))
        procs.read_until(p.stderr if self.on_stderr else p.stdout, p, self.ready, self.program)
        held = Outside()
        held.process = p
        return held

    def detach(self, held):
        procs.end(held.process, signal.SIGINT)
        return ""


class PySpy(Command):
    name, key, program, ready, on_stderr = "py-spy record, 100 a second", "py-spy", "py-spy", b"Sampling", False

    def argv(self, pid):
        return ["record", "-p", str(pid), "-d", "3600", "-f", "raw", "-o", "/dev/null"]


class Bpftrace(Command):
    name, key, program, ready, on_stderr = "bpftrace, histogram read to write", "bpftrace", "bpftrace", b"ready", False

    def argv(self, pid):
        return [os.path.join(procs.HERE, "latency.bt"), str(pid)]


class Strace(Command):
    name, key, program, ready = "strace -c -f", "strace", "strace", b"attached"

    def argv(self, pid):
        return ["-c", "-f", "-p", str(pid)]


OURS = (
    Ours("reqscope, sockets only", "sockets", "off"),
    Ours("reqscope", "default", "default"),
    Ours("reqscope, everything", "full", "full"),
)
OTHERS = (PySpy(), Bpftrace(), Strace())


def versions(python):
    """Of the packages in the interpreter's environment that matter here, by name."""
    names = sorted({"fastapi", "starlette", "uvloop", "httptools", "h11", "uvicorn"} | {p.package for p in INSIDE})
    code = ("import importlib.metadata as m, json, sys\nfound = {}\nfor n in sys.argv[1:]:\n    try:\n"
            "        found[n] = m.version(n)\n    except m.PackageNotFoundError:\n        pass\n"
            "print(json.dumps({'python': sys.version.split()[0], **found}))")
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
