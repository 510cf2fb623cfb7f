# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""reqscope on a terminal: a bare pseudo terminal, and a whole screen (tmux) with a shell in it."""
import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import termios
import time

import reqscope
from servers import children, wait_for

LINES, COLUMNS = 24, 80
STATES = ("up", "slow", "erroring", "stuck", "idle", "down", "blind")
SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()].|[=>78MHc])")


def plain(text):
    return SEQUENCE.sub("", text)


def says_state(line):
    return any(re.search(rf"\b{state}\b", line, re.I) for state in STATES)


def environment(**env):
    return {k: v for k, v in os.environ.items()
            if k not in ("NO_COLOR", "COLUMNS", "LINES", "TMUX", "TMUX_PANE", "ESCDELAY")} | \
        {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | env


class Terminal:
    """A command on a pseudo terminal; collects what it writes there."""

    def __init__(self, *args, **env):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        self.proc = subprocess.Popen([reqscope.BINARY, *map(str, args)], stdin=self.slave, stdout=self.slave,
                                     stderr=self.slave, start_new_session=True, env=environment(**env),
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
        assert self.text.count("\x1b[?1049h") == self.text.count("\x1b[?1049l")


class Screen:
    """A terminal emulator (tmux) with an interactive shell: what is typed is typed to that, or to what
    it runs. Nobody else's tmux is touched: the server has a socket of its own."""

    def __init__(self, folder, columns=COLUMNS, lines=LINES, term="tmux-256color", **env):
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "tmux")
        conf = os.path.join(self.folder, "tmux.conf")
        with open(conf, "w") as f:
            f.write(f"set -g status off\nset -g default-terminal {term}\n"
                    "set -s escape-time 0\n")
        env = environment(PS1="ready% ", HISTFILE="/dev/null", **env)
        del env["TERM"]
        subprocess.run(["tmux", "-u", "-S", self.socket, "-f", conf, "new-session", "-d", "-x", str(columns), "-y",
                        str(lines), "bash --norc --noprofile -i"], env=env, check=True, timeout=20,
                       cwd=self.folder)
        self.shell = int(self.show("#{pane_pid}"))
        self.run("PS1='ready% '")
        self.wait(lambda s: s.lines()[-1:] == ["ready%"], "the shell is there")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server", check=False)

    # --- tmux

    def tmux(self, *args, check=True):
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, text=True, timeout=20)
        assert not check or not done.returncode, done.stderr
        return done.stdout

    def show(self, what):
        return self.tmux("display-message", "-p", what).strip()

    def keys(self, *keys):
        """As tmux names them: Enter, Up, Space, C-c; else as they are."""
        self.tmux("send-keys", *keys)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def run(self, command):
        self.tmux("send-keys", "-l", command)
        self.keys("Enter")

    # --- what is to be seen

    def lines(self, *options):
        """What the terminal shows, line by line, without what is empty at the end."""
        return [line.rstrip() for line in self.tmux("capture-pane", "-p", *options).rstrip("\n ").split("\n")]

    def text(self):
        return "\n".join(self.lines())

    def marked(self):
        """The lines with a part in reverse."""
        found = []
        for line in self.lines("-e"):
            if re.search(r"\x1b\[(\d+;)*7(;\d+)*m", line):
                found.append(plain(line).rstrip())
        return found

    def alternate(self):
        return self.show("#{alternate_on}") == "1"

    def wait(self, condition, what, seconds=15):
        wait_for(lambda: condition(self), lambda: f"{what}, on this screen:\n{self.text()}", seconds, 0.03)

    def wait_text(self, *texts):
        self.wait(lambda s: all(t in s.text() for t in texts), f"{texts} are to be seen")

    def wait_pattern(self, pattern):
        self.wait(lambda s: re.search(pattern, s.text(), re.M), f"{pattern} is to be seen")

    # --- reqscope on it

    def start(self, *args, before="", after=""):
        """Starts reqscope and waits for its first whole screen. What the terminal was like is kept."""
        command = shlex.join([reqscope.BINARY, *map(str, args)])
        self.run("clear; stty -g >before")
        wait_for(lambda: self.settings("before"), "the shell runs stty")
        self.run(f"{before}{command}{after}; echo ended=$?")
        self.wait(lambda s: s.drawn(), "the live screen")

    def drawn(self):
        lines = self.lines()
        return self.alternate() and says_state(lines[0]) and "requests" in self.text()

    def pid(self):
        """Of the reqscope that runs here."""
        for pid in children(self.shell):
            try:
                if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(reqscope.BINARY):
                    return pid
            except OSError:
                pass
        return None

    def settings(self, name):
        try:
            with open(os.path.join(self.folder, name)) as f:
                return f.read()
        except OSError:
            return ""

    def check_restored(self):
        """The shell has the terminal again, as it was."""
        self.wait(lambda s: not s.alternate(), "the other screen is left")
        self.wait(lambda s: s.lines()[-1] == "ready%", "the shell's prompt")
        assert self.show("#{cursor_flag}") == "1", "the cursor stays hidden"
        assert self.show("#{keypad_cursor_flag}") == "0", "the keypad stays in application mode"
        self.run("stty -g >after; echo ran:$?")
        self.wait(lambda s: "ran:0" in s.text() and "stty" in s.text(), "what is typed is echoed, and run")
        assert self.settings("after") == self.settings("before"), "the terminal has other settings than before"

    def wait_ended(self, code=0):
        self.wait_text(f"ended={code}")
