# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Too little memory, nobody who reads what we write, no room on the disk: it says so and ends, or goes on; what it
tells is right, and the service notices nothing."""
import fcntl
import json
import os
import resource
import select
import signal

import pytest

import abuse
import reqscope
from abuse import Leftovers, Load, check_told, rows_of
from client import Job, Truth, run_jobs
from servers import Stack, wait_for
from logs import within  # noqa: F401 - a fixture
from test_deploy import Groups

pytestmark = pytest.mark.usefixtures("bpf")
MIX = [Job("GET", f"/items/{n}", "/items/{id}", fresh=n % 2) for n in range(200)] + \
      [Job("GET", f"/no/such/{n}") for n in range(200)] + [Job("GET", "/boom", fresh=True)] * 5
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(pool, bpf):
    return pool.get(Stack())


# --- memory


@pytest.fixture
def group():
    """A control group whose memory can be bounded: (folder, file of the bound)."""
    groups = Groups()
    mounts = [(groups.mount, "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")]
    for mount, name in mounts:
        folder = os.path.join(mount, f"reqscope-memory-{os.getpid()}")
        try:
            os.mkdir(folder)
        except OSError:
            continue
        if os.path.exists(os.path.join(folder, name)):
            yield folder, os.path.join(folder, name)
            wait_for(lambda: removed(folder), f"{folder} can be removed", 10)
            return
        os.rmdir(folder)
    pytest.skip("no control group with a bound of memory can be made here")


def removed(folder):
    try:
        os.rmdir(folder)
        return True
    except OSError:
        return False


def outcome(server, enter, truth):
    """Of a run that is short of memory: said (it ended with a message), killed, or right (what it told is)."""
    with reqscope.Reqscope("summary", "--format", "json", "--insight", "full", "-d", 60, "-p", server.pid,
                           attach=False, preexec_fn=enter) as scope:
        attached = scope.err.wait(lambda line: reqscope.ATTACHED.match(line.decode(errors="replace")), 20)
        run_jobs(server.address, MIX, truth)
        if scope.proc.poll() is None:
            scope.proc.send_signal(signal.SIGINT)
        code, out = scope.wait()
        said = [line for line in scope.stderr().splitlines() if not reqscope.ATTACHED.match(line)]
    if code == -signal.SIGKILL:
        return "killed"
    if code:
        assert code in (1, 4) and said and all(":" in line for line in said), (code, said)
        assert out == b"", out
        return "said"
    assert attached, said
    s = reqscope.parse_summary(out)
    r = s["requests"]
    if not s["tracer"]["dropped"] and not s["tracer"]["evicted"] and not said:
        reqscope.check_counts(s, truth, routes=False)
        return "right"
    assert r["ok"] <= len(truth.ends("ok")) and r["started"] <= len(truth.records), (r, said)
    assert r["not_http"] == r["server_closed"] == 0 and said, (r, said)
    return "less"


def outcomes(server, limits, enter):
    """By limit in MiB; after each nothing is left behind, and the service is as it was."""
    left, found = Leftovers(), {}
    for limit in limits:
        truth = Truth()
        found[limit] = outcome(server, lambda limit=limit: enter(limit * MIB), truth)
        assert len(truth.ends("ok")) == len(MIX), "the service answers"
    left.check_none()
    assert not abuse.changed_text(server.pid)
    return found


def test_address_space(server):
    """Of malloc and mmap, from far too little to enough."""
    found = outcomes(server, (6, 10, 13, 15, 17, 19, 24, 64),
                     lambda n: resource.setrlimit(resource.RLIMIT_AS, (n, n)))
    assert found[64] == "right" and "said" in found.values() and "killed" not in found.values(), found


def test_control_group(server, group):
    """Of all that the kernel accounts to it, the maps too. There the kernel may kill; it may not be half there."""
    folder, bound = group

    def enter(limit):
        with open(bound, "w") as f:
            f.write(str(limit))
        with open(os.path.join(folder, "cgroup.procs"), "w") as f:
            f.write("0")

    found = outcomes(server, (1, 4, 8, 64), enter)
    assert found[64] == "right" and found[1] in ("said", "killed"), found


# --- a stdout that nobody reads


def is_full(writer):
    return not select.select([], [writer], [], 0)[1]


def small_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


@pytest.mark.parametrize("way", ("ends", "goes on"))
def test_stdout_blocked(launch, way):
    """A trace into a pipe that is full. The service is not held up. When it is read again all that is told is right,
    and what was lost meanwhile is unknown; when it is not, SIGTERM ends it all the same."""
    server = launch(Stack())
    reader, writer = small_pipe()
    with reqscope.Reqscope("trace", "--format", "json", "--insight", "full", "--ring-kib", 64, "-p", server.pid,
                           stdout=writer) as scope:
        with Load(server.address, 3) as load:
            wait_for(lambda: is_full(writer), "the pipe is full")
            os.close(writer)
            load.wait_more(1000)
            pipe = os.fdopen(reader, "rb")
            if way == "ends":
                scope.proc.send_signal(signal.SIGTERM)
                code, _ = scope.wait(10)
                assert code == 1 and "cannot write standard output" in scope.stderr(), (code, scope.stderr())
            out = reqscope.Lines(pipe)
            if way == "goes on":
                seen = len(load.truth.records)
                load.wait_more(300)
                later = {r.path for r in load.truth.records[seen:] if r.path.startswith("/items/")}
                assert out.wait(lambda line: json.loads(line).get("path") in later, 10), "it goes on"
                scope.proc.send_signal(signal.SIGINT)
                code, _ = scope.wait(10)
                assert code == 0, scope.stderr()
            assert out.wait_end(10)
        load.check(1000)
    rows, theirs = rows_of(out.bytes(), whole=way != "ends"), {r.path: r for r in load.truth.records}
    assert len(rows) >= 5
    for row in rows:
        reqscope.check_phases(row)
        check_told(row)
        record = theirs.get(row.get("path"))
        assert record or "path" not in row, row
        assert row["end"] in ("ok", "unknown", "client_closed"), row
        assert row["end"] != "ok" or "path" not in row or row["status"] == record.status, (row, record)


# --- no room on the disk


def full_disk(within, tmp_path):
    """A small file system that only reqscope sees, under `disk`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    within(f"mount -t tmpfs -o size=64k tmpfs {disk}")
    return disk


@pytest.mark.parametrize("verb", ("trace", "summary", "record"))
def test_output_file_full(launch, within, tmp_path, verb):
    """-o: it ends with 1 and says why; what is in the file until then is right; the service goes on."""
    server, disk = launch(Stack()), full_disk(within, tmp_path)
    form = () if verb == "record" else ("--format", "json")
    with reqscope.Reqscope(verb, *form, "-p", server.pid, "-o", disk / "out", "--insight", "full") as scope, \
            open(wait_for(lambda: there(f"/proc/{scope.pid}/root{disk}/out"), "its file is there"), "rb") as f:
        if verb == "summary":
            with open(f"/proc/{scope.pid}/root{disk}/filler", "wb", buffering=0) as filler:
                fill(filler)
        with Load(server.address, 3) as load:
            load.wait_more(400)
            if verb == "summary":
                scope.proc.send_signal(signal.SIGINT)
            else:
                wait_for(lambda: load.wait_more(20) or scope.proc.poll() is not None, "the disk is full", 60)
            code, _ = scope.wait()
            load.wait_more(50)
        load.check(400)
        out = f.read()
    assert code == 1 and "No space left on device" in scope.stderr(), (code, scope.stderr())
    if verb == "trace":
        told = [check_told(row) for row in rows_of(out, whole=False)]
        assert len(told) > 50 and any(told)


def there(path):
    return path if os.path.exists(path) else None


def fill(f):
    try:
        while f.write(b"x" * 4096):
            pass
    except OSError:
        pass


def test_everything_full(launch, within, tmp_path):
    """A flight recorder and its log on the same full disk: both say so, neither ends, both go on when there is room
    again and count what is missing."""
    server, disk = launch(Stack()), full_disk(within, tmp_path)
    with reqscope.Reqscope("record", "--keep", "1h", "-o", disk / "ring", "--log", disk / "log", "-p",
                           server.pid) as scope:
        inside = f"/proc/{scope.pid}/root{disk}"
        wait_for(lambda: there(f"{inside}/log"), "the log is there")
        with open(f"{inside}/filler", "wb", buffering=0) as filler:
            fill(filler)
        with Load(server.address, 3) as load:
            for what in (b"log", b"ring"):
                assert scope.err.wait(lambda line, w=what: w in line and b"No space left" in line, 20), scope.stderr()
            load.wait_more(200)
            os.unlink(f"{inside}/filler")
            assert scope.proc.poll() is None, scope.stderr()
            assert scope.err.wait(lambda line: b"again" in line, 20), scope.stderr()
        scope.proc.send_signal(signal.SIGINT)
        code, _ = scope.wait()
    load.check(200)
    assert code in (0, 1), (code, scope.stderr())
