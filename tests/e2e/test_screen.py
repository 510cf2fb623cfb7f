# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a person sees: `top` and the text summary on a real (pseudo) terminal of 80x24."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

import reqscope
from client import Job, run_jobs
from servers import Stack, wait_for

pytestmark = pytest.mark.usefixtures("bpf")
LINES, COLUMNS = 24, 80
STATES = ("up", "slow", "erroring", "stuck", "idle", "down", "blind")
SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()].|[=>78MHc])")
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A command on a pseudo terminal; collects what it writes there."""

    def __init__(self, *args, **env):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")} | \
            {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | env
        self.proc = subprocess.Popen([reqscope.BINARY, *map(str, args)], stdin=self.slave, stdout=self.slave,
                                     stderr=self.slave, start_new_session=True, env=env,
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        os.close(self.master)
        os.close(self.slave)

    def read(self, seconds=0.05):
        """Takes what is there, or comes within `seconds`."""
        while select.select([self.master], [], [], seconds)[0]:
            self.text += os.read(self.master, 65536).decode("utf-8", "replace")
            seconds = 0
        return self.text

    def wait_text(self, wanted, seconds=15):
        wait_for(lambda: wanted(self.read()), lambda: f"awaited on this screen: {self.text[-3000:]!r}", seconds)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait_end(self, seconds=10):
        end = time.monotonic() + seconds
        while self.proc.poll() is None:
            self.read()  # or it would block on a full terminal
            assert time.monotonic() < end, "it does not end"
        self.read()
        return self.proc.returncode

    def check_restored(self):
        assert termios.tcgetattr(self.slave) == self.before
        assert self.text.count(ENTER) == self.text.count(LEAVE)
        if ENTER in self.text:
            assert self.text.rindex(LEAVE) > self.text.rindex(ENTER)
        hidden, shown = self.text.rfind("\x1b[?25l"), self.text.rfind("\x1b[?25h")
        assert shown >= hidden, "the cursor stays hidden"


def plain(text):
    return SEQUENCE.sub("", text)


def drawn(terminal):
    """Whether a whole screen has been drawn: the verdict above, the tracer's line below."""
    text = plain(terminal.read())
    return any(re.search(rf"\b{state}\b", text, re.I) for state in STATES) and "dropped" in text


def leave_by_q(t):
    t.type("q")


def leave_by_ctrl_c(t):
    t.type("\x03")


def leave_by_sigterm(t):
    t.proc.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("leave", [leave_by_q, leave_by_ctrl_c, leave_by_sigterm])
def test_top(server, truth, leave):
    with Terminal("top", "-p", server.pid) as t:
        t.wait_text(lambda _: drawn(t))
        run_jobs(server.address, [Job("GET", f"/items/{i}") for i in range(30)], truth)
        t.wait_text(lambda text: "/items/{id}" in plain(text))
        assert ENTER in t.text
        leave(t)
        assert t.wait_end() == 0
        t.check_restored()


def test_top_is_the_default(server):
    with Terminal("-p", server.pid) as t:
        t.wait_text(lambda _: drawn(t))
        t.type("q")
        assert t.wait_end() == 0
        t.check_restored()


def test_top_target_goes(launch):
    """The server ends under it: the screen says so, or it ends; either way the terminal is whole."""
    server = launch(Stack(tag="top"))
    with Terminal("top", "-p", server.pid) as t:
        t.wait_text(lambda _: drawn(t))
        server.terminate()
        wait_for(lambda: t.proc.poll() is not None or re.search(r"\bdown\b", plain(t.read()), re.I),
                 "it notices", 10)
        if t.proc.poll() is None:
            t.type("q")
        assert t.wait_end() in (0, 5)
        t.check_restored()


def summary_text(server, truth, **env):
    with Terminal("summary", "-p", server.pid, "-d", "0.8", **env) as t:
        t.wait_text(lambda text: "attached" in text)
        jobs = [Job("GET", f"/items/{i}") for i in range(40)] + [Job("GET", "/status/500") for _ in range(3)]
        jobs += [Job("GET", "/sleep/30"), Job("GET", "/" + "long-segment-" * 20)]
        run_jobs(server.address, jobs, truth)
        assert t.wait_end() == 0
        t.check_restored()
        return t.text.replace("\r\n", "\n")


def test_summary_on_a_terminal(server, truth):
    """Fits 80 columns; the verdict first, the tracer's own line last."""
    text = plain(summary_text(server, truth))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("reqscope: ")]
    assert max(map(len, lines)) <= COLUMNS, max(lines, key=len)
    assert any(re.search(rf"\b{state}\b", lines[0], re.I) for state in STATES), lines[0]
    assert "dropped" in lines[-1], lines[-1]
    assert any("/items/{id}" in line for line in lines)
    for phase in reqscope.PHASES:
        assert phase in text


def test_no_color(server, truth):
    assert "\x1b" not in summary_text(server, truth, NO_COLOR="1")


def test_no_utf8(server, truth):
    assert summary_text(server, truth, LC_ALL="C", LANG="C", NO_COLOR="1").isascii()


def test_no_terminal(server, truth):
    """Into a pipe: no colour, no redraw."""
    with reqscope.Reqscope("summary", "-p", server.pid, "-d", 60) as scope:
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(5)], truth)
        assert "\x1b" not in scope.finish().decode()
