# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fixtures. Every skip says what is missing; on a machine that can load BPF and reach PyPI there is none."""
import functools
import os
import subprocess

import pytest

pytest.register_assert_rewrite("reqscope", "servers", "shapes", "insights")

import client  # noqa: E402
import pythons  # noqa: E402
import report  # noqa: E402
import reqscope  # noqa: E402
import servers  # noqa: E402

CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 21, 38, 39


def why_no_bpf():
    """What keeps this process from loading BPF programs; None: nothing that is known."""
    with open("/proc/self/status") as f:
        effective = next(int(line.split()[1], 16) for line in f if line.startswith("CapEff:"))
    if not effective >> CAP_SYS_ADMIN & 1:
        for name, bit in (("CAP_BPF", CAP_BPF), ("CAP_PERFMON", CAP_PERFMON)):
            if not effective >> bit & 1:
                return f"BPF cannot be loaded: not root, {name} is missing"
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "BPF cannot be loaded: this kernel has no BTF (/sys/kernel/btf/vmlinux)"
    return None


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: while it runs, no other server may be on this host")


def pytest_terminal_summary(terminalreporter):
    report.print_tables(terminalreporter.write_line)
    report.write_insight(os.path.join(servers.BUILD, "insight-coverage.md"), terminalreporter.write_line,
                         pythons.told())


@pytest.fixture(scope="session")
def binary():
    if not os.access(reqscope.BINARY, os.X_OK):
        pytest.fail(f"{reqscope.BINARY} is not there: run make first")
    return reqscope.BINARY


@pytest.fixture(scope="session")
def bpf(binary):
    reason = why_no_bpf()
    if reason:
        pytest.skip(reason)


@functools.cache
def why_no_venv(age="pypi"):
    env = dict(os.environ, **pythons.venv_of(age))
    done = subprocess.run([os.path.join(servers.TOP, "tools", "venv.sh")], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=env)
    return done.returncode and f"the newest uvicorn cannot be installed: {done.stderr.strip()[-300:]}"


def need_age(age):
    if (age == "pypi" or pythons.venv_of(age)) and why_no_venv(age):
        pytest.skip(why_no_venv(age))


@pytest.fixture(scope="session")
def pool():
    """Servers that tests share. A test that kills or restarts one uses `launch`."""
    p = servers.Pool()
    shared = p.get

    def get(stack):
        need_age(stack.age)
        return shared(stack)

    p.get = get
    yield p
    p.stop_all()


@pytest.fixture
def launch():
    """Starts servers that belong to one test alone."""
    mine = []

    def start(stack, **kw):
        need_age(stack.age)
        mine.append(servers.Server(stack, **kw))
        return mine[-1]

    yield start
    for server in mine:
        server.stop()


@pytest.fixture(scope="session")
def server(pool):
    """The one to ask when the stack does not matter."""
    return Shared(pool, servers.Stack())


class Shared:
    """Stands for a pooled server, which may be restarted between two tests."""

    def __init__(self, pool, stack):
        self._pool, self._stack = pool, stack

    def __getattr__(self, name):
        return getattr(self._pool.get(self._stack), name)


@pytest.fixture(scope="module", params=servers.STACKS, ids=str)
def stack_server(request, pool, bpf):
    """Each stack of the matrix in turn."""
    return Shared(pool, request.param)


@pytest.fixture
def truth():
    return client.Truth()


@pytest.fixture
def connect(server, truth):
    """Connections to `server` that are closed when the test ends, however it ends."""
    conns = []

    def new(address=None, **kw):
        conns.append(client.Conn(address or server.address, truth, **kw))
        return conns[-1]

    yield new
    for conn in conns:
        conn.close()


@pytest.fixture(scope="session")
def routes_file(tmp_path_factory):
    """The app's templates, one a line."""
    path = tmp_path_factory.mktemp("routes") / "routes.txt"
    path.write_text("""# what tests/apps/app.py serves
GET /fast
HEAD /fast
GET /items/{item_id}

POST /echo
GET /sleep/{ms}
GET /block/{ms}
GET /sync/{ms}
GET /status/{code}
GET /boom
GET /stream/{n}/{ms}
GET /big/{kib}
HEAD /big/{kib}
GET /hang
GET /pid
* /raw/{path:path}
""")
    return path
