# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--log where its lines are not taken: full disks, pipes, syslog and the journal. None is half, doubled or
silently lost, and tracing never waits."""
import array
import os
import re
import resource
import select
import signal
import socket

import pytest

import reqscope
from client import run_jobs
from logs import FLOOD, MIX, dropped, intervals, keys, lines_in, logged, parse, parse_file, refused, requests, wanted, \
    within  # noqa: F401 - logged and within are fixtures
from servers import wait_for

pytestmark = pytest.mark.usefixtures("bpf")


# --- full disks

def fill(path):
    """Takes all the room that a file system has, but for less than a page."""
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            return


def test_disk_full(server, logged, truth, tmp_path, within):
    disk = tmp_path / "disk"
    disk.mkdir()
    within(f"mount -t tmpfs -o size=8m tmpfs {disk}")
    with logged(disk / "log") as scope:
        inside = f"/proc/{scope.pid}/root{disk}"
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: lines_in(f"{inside}/log") == len(MIX), "lines while there is room")
        fill(f"{inside}/filler")
        run_jobs(server.address, FLOOD, truth)
        assert scope.err.wait(lambda b: b"No space left" in b, 10), scope.stderr()
        with open(f"{inside}/log", "rb") as f:
            parse(f.read())  # no half line
        os.unlink(f"{inside}/filler")
        assert scope.err.wait(lambda b: b"written again" in b, 10), scope.stderr()
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: b"dropped_lines" in open(f"{inside}/log", "rb").read(), "the count of what is missing")
        with open(f"{inside}/log", "rb") as f:  # the file system goes with the process, what is open of it stays
            scope.finish()
            rows = parse(f.read())
    assert dropped(rows) > 500
    assert len(rows) + dropped(rows) == len(truth.records) + 1
    assert intervals(rows)[-1]["requests"]["ok"] == len(truth.records)
    gaps = [r for r in requests(rows) if "dropped_lines" in r]
    before = rows[rows.index(gaps[0]) - 1]
    assert gaps[0]["id"] > before["id"], "the gap is where it is told"


def test_file_size_limit(server, truth, tmp_path):
    """RLIMIT_FSIZE is one more kind of full disk, and its signal must not end the run."""
    log = tmp_path / "log"
    with reqscope.trace("-p", server.pid, "--log", log,
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))) as scope:
        run_jobs(server.address, MIX, truth)
        assert scope.err.wait(lambda b: b"File too large" in b, 10), scope.stderr()
        rows = reqscope.parse_trace(scope.finish())
    assert keys(rows) == wanted(truth)
    assert 0 < len(parse_file(log)) < len(MIX)
    said = re.search(r"the last (\d+) lines", scope.stderr())
    assert len(parse_file(log)) + int(said[1]) == len(MIX) + 1


# --- pipes

class Pipe:
    """One whose reader can stop and go on."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        self.data = b""

    def start(self, start):
        try:
            return start(self.write_end)
        finally:
            os.close(self.write_end)

    def take(self, seconds=0.0):
        while select.select([self.read_end], [], [], seconds)[0]:
            more = os.read(self.read_end, 1 << 16)
            self.data += more
            if not more:
                return

    def close(self):
        os.close(self.read_end)


@pytest.fixture
def pipe():
    p = Pipe()
    yield p
    try:
        p.close()
    except OSError:
        pass


def test_blocked_pipe(server, logged, truth, tmp_path, pipe):
    """Nobody reads: tracing goes on, what finds no room is counted, exactly; then somebody does."""
    with pipe.start(lambda fd: logged("-", stdout=fd)) as scope:
        run_jobs(server.address, FLOOD, truth)
        pipe.take()
        wait_for(lambda: pipe.take() or pipe.data.count(b"\n") > 700, "what was held back")
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: pipe.take() or b"dropped_lines" in pipe.data, "the count of what is missing")
        scope.proc.send_signal(signal.SIGINT)
        wait_for(lambda: pipe.take() or scope.proc.poll() is not None, "its end")
        pipe.take()
        assert scope.wait()[0] == 0
    rows = parse(pipe.data)
    assert dropped(rows) > 500
    assert len(rows) + dropped(rows) == len(truth.records) + 1
    assert intervals(rows)[-1]["requests"]["ok"] == len(truth.records)
    printed = reqscope.parse_summary((tmp_path / "out.json").read_bytes())
    assert printed["requests"]["ok"] == len(truth.records) and not printed["requests"]["unknown"]


def test_blocked_to_the_end(server, logged, truth, pipe):
    """It ends all the same, and says how much is missing."""
    with pipe.start(lambda fd: logged("-", stdout=fd)) as scope:
        run_jobs(server.address, FLOOD, truth)
        scope.finish()
        said = re.search(r"the last (\d+) lines of the log could not be written", scope.stderr())
    assert said, scope.stderr()
    pipe.take()
    whole = pipe.data[:pipe.data.rfind(b"\n") + 1]
    assert len(parse(whole)) + int(said[1]) == len(truth.records) + 1


def test_reader_gone(server, logged, truth, tmp_path, pipe):
    with pipe.start(lambda fd: logged("-", stdout=fd)) as scope:
        pipe.close()
        for _ in range(2):
            run_jobs(server.address, MIX, truth)
        assert scope.err.wait(lambda b: b"reader has gone" in b, 10), scope.stderr()
        run_jobs(server.address, MIX, truth)
        scope.finish()
        assert scope.stderr().count("reader has gone") == 1
    assert reqscope.parse_summary((tmp_path / "out.json").read_bytes())["requests"]["ok"] == len(truth.records)


def test_stdout_file(server, logged, truth, tmp_path):
    with open(tmp_path / "log", "ab") as out, logged("-", stdout=out) as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    assert keys(requests(parse_file(tmp_path / "log"))) == wanted(truth)


def test_named_pipe(server, logged, truth, tmp_path):
    """Its reader leaves; the next one gets the lines from then on, beginning with a whole one."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    first = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with logged(fifo) as scope:
        run_jobs(server.address, MIX, truth)
        data = b""
        while data.count(b"\n") < len(MIX):
            assert select.select([first], [], [], 10)[0], "no more lines"
            data += os.read(first, 65536)
        os.close(first)
        parse(data)
        run_jobs(server.address, MIX, truth)
        assert scope.err.wait(lambda b: b"Broken pipe" in b, 10), scope.stderr()
        second = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        wait_for(lambda: select.select([second], [], [], 0.1)[0] and os.read(second, 1) == b"{", "the other lines")
        data = b"{"
        scope.finish()
        while more := os.read(second, 65536):
            data += more
        os.close(second)
    rows = parse(data)
    assert keys(requests(rows)) == wanted(truth)[::2]


# --- syslog and the journal

class Daemon:
    """A datagram socket that collects what it gets."""

    def __init__(self, path):
        self.path, self.messages = str(path), []
        self.bind()

    def bind(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)

    def vanish(self):
        self.take()
        self.sock.close()
        os.unlink(self.path)

    def take(self):
        while select.select([self.sock], [], [], 0)[0]:
            data, control, _, _ = self.sock.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            for _, _, fds in control:
                with os.fdopen(array.array("i", fds)[0], "rb") as f:
                    data = os.pread(f.fileno(), 1 << 24, 0)
            self.messages.append(data)
        return self.messages

    def wait_count(self, n):
        wait_for(lambda: len(self.take()) >= n, lambda: f"{n} messages, not {len(self.messages)}")


SYSLOG = re.compile(rb"<(\d+)>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d "
                    rb"reqscope\[(\d+)\]: (\{.*\})$", re.S)


def syslog_row(message, pid):
    assert len(message) <= 8192
    m = SYSLOG.match(message)
    assert m and int(m[2]) == pid, message[:100]
    row, = parse(m[3] + b"\n")
    assert int(m[1]) >> 3 == 3
    return row, int(m[1]) & 7


def journal_fields(message):
    """The native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL/"""
    fields = {}
    while message:
        line, message = message.split(b"\n", 1)
        if b"=" in line:
            name, value = line.split(b"=", 1)
        else:
            name, size = line, int.from_bytes(message[:8], "little")
            value, message = message[8:8 + size], message[9 + size:]
        assert re.match(rb"[A-Z][A-Z0-9_]*$", name)
        fields[name.decode()] = value
    return fields


def journal_row(message, _pid):
    fields = journal_fields(message)
    assert fields["SYSLOG_IDENTIFIER"] == b"reqscope" and fields["MESSAGE"]
    row, = parse(fields["REQSCOPE_JSON"] + b"\n")
    return row, int(fields["PRIORITY"])


DAEMONS = {"syslog": ("mount -t tmpfs tmpfs /dev && ln -s {0} /dev/log", syslog_row),
           "journald": ("mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
                        "ln -s {0} /run/systemd/journal/socket", journal_row)}


@pytest.mark.parametrize("to", DAEMONS)
def test_daemon(server, logged, truth, tmp_path, within, to):
    setup, read = DAEMONS[to]
    daemon = Daemon(tmp_path / "socket")
    within(setup.format(daemon.path))
    with logged(to, "--slo-ms", 100) as scope:
        run_jobs(server.address, MIX, truth)
        daemon.wait_count(len(MIX))
        scope.finish()
        daemon.wait_count(len(MIX) + 1)
    rows = [read(m, scope.pid) for m in daemon.messages]
    assert keys(requests([row for row, _ in rows])) == wanted(truth)
    for row, priority in rows[:-1]:
        assert priority == (3 if row["status"] >= 500 else 4 if row["total"] > 100 else 6), row
    last, priority = rows[-1]
    assert last["schema"] == ("reqscope.log/1" if to == "syslog" else "reqscope.summary/1")
    assert priority == 3 and last["requests"]["ok"] == len(MIX)
    assert last["status"]["5xx"] == 2 and sum(r["count"] for r in last["routes"]) == len(MIX)


@pytest.mark.parametrize("to", DAEMONS)
def test_daemon_vanishes(server, logged, truth, tmp_path, within, to):
    setup, read = DAEMONS[to]
    daemon = Daemon(tmp_path / "socket")
    within(setup.format(daemon.path))
    with logged(to) as scope:
        run_jobs(server.address, MIX, truth)
        daemon.wait_count(len(MIX))
        daemon.vanish()
        run_jobs(server.address, MIX, truth)
        assert scope.err.wait(lambda b: b"trying again" in b, 10), scope.stderr()
        daemon.bind()
        daemon.wait_count(2 * len(MIX))
        scope.finish()
        daemon.wait_count(2 * len(MIX) + 1)
    rows = [read(m, scope.pid)[0] for m in daemon.messages]
    assert keys(requests(rows)) == wanted(truth) and not dropped(rows)


@pytest.mark.parametrize("to", DAEMONS)
def test_daemon_hangs(server, logged, truth, tmp_path, within, to):
    """It has stopped reading: as with a pipe, what finds no room is counted."""
    setup, read = DAEMONS[to]
    daemon = Daemon(tmp_path / "socket")
    within(setup.format(daemon.path))
    with logged(to) as scope:
        run_jobs(server.address, FLOOD, truth)
        wait_for(lambda: daemon.take() and len(daemon.messages) > 500, "what was held back")
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: any(b"dropped_lines" in m for m in daemon.take()), "the count of what is missing")
        scope.proc.send_signal(signal.SIGINT)
        wait_for(lambda: daemon.take() and scope.proc.poll() is not None, "its end")
        daemon.take()
        assert scope.wait()[0] == 0
    rows = [read(m, scope.pid)[0] for m in daemon.messages]
    assert dropped(rows) > 500 and len(rows) + dropped(rows) == len(truth.records) + 1


@pytest.mark.parametrize("to", DAEMONS)
def test_no_daemon(server, tmp_path, within, to):
    within(DAEMONS[to][0].format(tmp_path / "nobody"))
    code, said = refused(server, tmp_path, to)
    assert code == 1 and "No such file" in said and ("syslog" in said or "journal" in said)
