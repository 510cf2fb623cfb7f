# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a running reqscope may still do, what it needs when it is not root, and which files it does not write
to. docs/security.md makes the promises."""
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

import reqscope
from client import Conn, Job, Truth, run_jobs
from servers import APPS, PYTHON, free_port, wait_for

USAGE, PRIVILEGE = 2, 3
NOBODY = 65534
BITS = {"dac_override": 1, "dac_read_search": 2, "setpcap": 8, "sys_ptrace": 19, "sys_admin": 21, "perfmon": 38,
        "bpf": 39, "checkpoint_restore": 40}
KEPT = ("sys_ptrace", "dac_read_search", "checkpoint_restore")
if os.access("/sys/kernel/btf/vmlinux", os.R_OK):
    with open("/sys/kernel/btf/vmlinux", "rb") as btf:  # before 6.6 probes on new workers want more
        KEPT += () if b"bpf_uprobe_multi_link" in btf.read() else ("sys_admin",)
ALL = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
pytestmark = pytest.mark.usefixtures("bpf")


def mask(*names):
    return sum(1 << BITS[name] for name in names)


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def caps(pid, which):
    return int(status(pid)[which], 16)


def wait_settled(scope):
    """Once the filter is in force, all else is done."""
    wait_for(lambda: status(scope.pid)["Seccomp"] == "2", "privileges are given up")


# --- given up

@pytest.mark.parametrize("args", [("summary",), ("trace",), ("top",), ("record", "-o", "file"),
                                  ("record", "--keep", "1h", "-o", "ring"), ("summary", "--log", "file")],
                         ids="_".join)
def test_given_up(server, tmp_path, args):
    before = caps("self", "CapPrm")
    with reqscope.Reqscope(*args, "-p", server.pid, cwd=tmp_path) as scope:
        wait_settled(scope)
        now = status(scope.pid)
        assert int(now["CapPrm"], 16) == int(now["CapEff"], 16) == before & mask(*KEPT)
        assert int(now["CapInh"], 16) == int(now["CapAmb"], 16) == 0
        if before & mask("setpcap"):
            assert int(now["CapBnd"], 16) == 0
        assert now["NoNewPrivs"] == "1"
        assert now["Threads"] == "1", "the filter is the calling thread's"
        scope.finish()


def test_said(server):
    with reqscope.summary("-v", "-p", server.pid) as scope:
        line = scope.err.wait(lambda b: b"privileges kept" in b, 10)
        assert line, scope.stderr()
        for name in KEPT:
            if caps("self", "CapPrm") & mask(name):
                assert f"CAP_{name.upper()}" in line.decode()
        assert b"CAP_BPF" not in line and b"CAP_PERFMON" not in line
        scope.finish()
    with reqscope.summary("-p", server.pid) as scope:
        scope.finish()
    assert "privileges" not in scope.stderr(), "it is no news without -v"


# --- not root

@pytest.fixture(scope="session")
def root():
    if os.geteuid():
        pytest.skip("not root: nobody else to be")


@pytest.fixture(scope="module")
def public():
    """A folder that everybody may look into, with the binary and the application."""
    folder = tempfile.mkdtemp(prefix="reqscope-e2e-")
    os.chmod(folder, 0o755)
    shutil.copy(reqscope.BINARY, os.path.join(folder, "reqscope"))
    shutil.copytree(APPS, os.path.join(folder, "apps"), ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    shutil.rmtree(folder)


def as_nobody(capabilities, argv):
    """argv as a user without rights but these capabilities, which it has from its start."""
    names = ",".join(f"+{c}" for c in capabilities) or "-all"
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={names}",
            f"--ambient-caps={names}", f"--bounding-set={'-all,' if capabilities else ''}{names}", *map(str, argv)]


class Service:
    """A server of user nobody on a port that stays the same when it is started again."""

    def __init__(self, public):
        self.public, self.port, self.proc = public, free_port("127.0.0.1"), None
        self.address = ("127.0.0.1", self.port)

    def start(self):
        argv = [PYTHON["debian"], "-m", "uvicorn", "--app-dir", os.path.join(self.public, "apps"), "app:app",
                "--port", str(self.port), "--loop", "uvloop", "--log-level", "critical"]
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore", HOME="/")
        self.proc = subprocess.Popen(as_nobody((), argv), stdin=subprocess.DEVNULL, env=env, cwd="/")
        wait_for(self._answers, "the service of user nobody answers")
        return self

    def _answers(self):
        assert self.proc.poll() is None, "it ended"
        try:
            with socket.create_connection(self.address, 1):
                return True
        except OSError:
            return False

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()


@pytest.fixture(scope="module")
def service(root, public):
    s = Service(public)
    yield s.start()
    s.stop()


def summary_as(public, capabilities, *args):
    argv = [os.path.join(public, "reqscope"), "summary", "--format", "json", "-d", "0.3", *args]
    return subprocess.run(as_nobody(capabilities, argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                          cwd="/")


def features(done):
    assert done.returncode == 0, (done.returncode, done.stderr)
    return reqscope.parse_summary(done.stdout)["tracer"]["features"]


def test_own_process_needs_two(service, public):
    """Of the same user: what load and attach want, and no more; not root, no tracefs."""
    said = features(summary_as(public, ("bpf", "perfmon"), "-p", service.proc.pid))
    assert said["routes"].startswith("exact"), said


def test_other_users_process(server, public, root):
    """Without CAP_SYS_PTRACE its sockets are traced; what cannot be had is told, with its reason."""
    said = features(summary_as(public, ("bpf", "perfmon"), "-p", server.pid))
    assert said["routes"].startswith("off") and "CAP_SYS_PTRACE" in said["routes"], said
    said = features(summary_as(public, ("bpf", "perfmon", "sys_ptrace"), "-p", server.pid))
    assert said["routes"].startswith("exact"), said


def test_other_users_port(server, public, root):
    said = features(summary_as(public, ALL, "--port", server.port))
    assert said["routes"].startswith("exact"), said


@pytest.mark.parametrize("lacks", ["bpf", "perfmon"])
def test_cannot_do_without(server, public, root, lacks):
    done = summary_as(public, [c for c in ALL if c != lacks], "-p", server.pid)
    assert done.returncode == PRIVILEGE and done.stdout == b"", done
    other = ({"bpf", "perfmon"} - {lacks}).pop()
    first = done.stderr.decode().split("(")[0]
    assert f"CAP_{lacks.upper()}" in first and f"CAP_{other.upper()}" not in first, done.stderr


@pytest.mark.parametrize("lacks", ["sys_ptrace", "dac_read_search"])
def test_who_listens_is_hidden(server, public, root, lacks):
    """That a port's process cannot be seen must not look as if nobody listened."""
    done = summary_as(public, [c for c in ALL if c != lacks], "--port", server.port)
    assert done.returncode == PRIVILEGE and done.stdout == b"", done
    assert f"CAP_{lacks.upper()}" in done.stderr.decode()


def test_not_root_is_given_up_too(service, public):
    argv = [os.path.join(public, "reqscope"), "summary", "-v", "-p", str(service.proc.pid)]
    with subprocess.Popen(as_nobody(ALL, argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, cwd="/") as proc:
        wait_for(lambda: status(proc.pid)["Seccomp"] == "2", "privileges are given up")
        now = status(proc.pid)
        assert int(now["CapPrm"], 16) == mask(*KEPT) & mask(*ALL)
        assert int(now["CapAmb"], 16) == int(now["CapInh"], 16) == 0
        assert now["Uid"].split() == [str(NOBODY)] * 4
        # What a process may dump of itself is its user's; this one may not, so that it is root's.
        assert os.stat(f"/proc/{proc.pid}/environ").st_uid == 0
        proc.send_signal(signal.SIGINT)
        assert proc.wait(20) == 0


def count_links(pid):
    """What it has attached: programs to tracepoints, and to probes."""
    links = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links += "bpf_link" in os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return links


def test_new_worker_is_read(root, public):
    """After privileges were given up another user's new process is found, followed and read, and gets its own
    probe: without one no error behind uvloop would be told."""
    s = Service(public).start()
    try:
        with reqscope.summary("--port", s.port) as scope:
            wait_settled(scope)
            links = count_links(scope.pid)
            s.stop()
            wait_for(lambda: count_links(scope.pid) < links, "the probe of the old process goes")
            s.start()
            wait_for(lambda: count_links(scope.pid) == links, "that of the new one is attached")
            for _ in range(5):  # each on its own connection, as the server closes it
                with Conn(s.address, Truth()) as conn:
                    conn.get("/boom")
            out = reqscope.parse_summary(scope.finish())
    finally:
        s.stop()
    assert out["target"]["pids"] == [s.proc.pid], out["target"]
    assert out["tracer"]["features"]["routes"].startswith("exact"), out["tracer"]
    assert out["tracer"]["features"]["errors"] == "on", out["tracer"]
    [boom] = [r for r in out["routes"] if r["route"] == "/boom"]
    assert [(e["type"], e["count"]) for e in boom["errors"]] == [("ValueError", 5)]


# --- files that are not written to

@pytest.fixture
def shared(root, tmp_path):
    """A folder that everybody can write into, such as /tmp, with something that must stay as it is."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "victims").mkdir()
    return folder


def give_away(path):
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return path


def link_of_nobody(folder):
    (folder / "f").symlink_to(folder.parent / "victim")
    return give_away(folder / "f")


def folder_link_of_nobody(folder):
    (folder / "d").symlink_to(folder.parent / "victims")
    give_away(folder / "d")
    return folder / "d" / "f"


def file_of_nobody(folder):
    (folder / "f").write_text("theirs")
    return give_away(folder / "f")


def hard_link(folder):
    os.link(folder.parent / "victim", folder / "f")
    return folder / "f"


def fifo_of_nobody(folder):
    os.mkfifo(folder / "f")
    return give_away(folder / "f")


def block_device(folder):
    os.mknod(folder / "f", 0o600 | stat.S_IFBLK, os.makedev(7, 250))
    return folder / "f"


TRAPS = {"link": (link_of_nobody, "symbolic link"), "folder-link": (folder_link_of_nobody, "symbolic link"),
         "file": (file_of_nobody, "another user"), "hard-link": (hard_link, "another name"),
         "fifo": (fifo_of_nobody, "another user"), "block-device": (block_device, "block device")}
WAYS = {"output": ("summary", "-o", "{}", "--force"), "record": ("record", "-o", "{}", "--force"),
        "log": ("summary", "--log", "{}")}


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("way", WAYS)
def test_trap(server, shared, way, trap):
    make, says = TRAPS[trap]
    path = make(shared)
    try:
        was = os.lstat(path)
    except FileNotFoundError:
        was = None
    done = reqscope.run(*[a.format(path) for a in WAYS[way]], "-p", server.pid, "-d", "0.1")
    assert done.returncode == USAGE, done
    assert says in done.stderr.decode() and str(path) in done.stderr.decode(), done.stderr
    assert (shared.parent / "victim").read_text() == "precious"
    assert not os.listdir(shared.parent / "victims")
    if was:
        now = os.lstat(path)
        assert (now.st_ino, now.st_size, now.st_mode, now.st_mtime_ns) == \
            (was.st_ino, was.st_size, was.st_mode, was.st_mtime_ns)


def ring_of_nobody(folder):
    (folder / "ring").mkdir()
    return give_away(folder / "ring")


def open_ring(folder):
    (folder / "ring").mkdir()
    (folder / "ring").chmod(0o777)
    return folder / "ring"


def linked_ring(folder):
    (folder / "ring").symlink_to(folder.parent / "victims")
    return give_away(folder / "ring")


@pytest.mark.parametrize("make, says", [(ring_of_nobody, "another user"), (open_ring, "others may write"),
                                        (linked_ring, "symbolic link")], ids=lambda v: getattr(v, "__name__", ""))
def test_ring_folder(server, shared, make, says):
    path = make(shared)
    done = reqscope.run("record", "--keep", "1h", "-o", path, "-p", server.pid, "-d", "0.1")
    assert done.returncode == USAGE and says in done.stderr.decode(), done
    assert not os.listdir(path) and not os.listdir(shared.parent / "victims")


def test_what_is_ours_is_written(server, shared):
    """The same places without a trap; links that are root's are followed on the way."""
    (shared / "ours").write_text("old")
    (shared / "d").symlink_to(shared.parent / "victims")
    (shared / "ring").mkdir(mode=0o700)
    theirs = file_of_nobody(shared.parent / "victims")  # only root can have put it there
    for args in (("summary", "-o", shared / "ours", "--force", "--log", shared / "new"),
                 ("summary", "-o", shared / "d" / "through", "--log", theirs),
                 ("summary", "-o", f"{shared}//./d/../victims/dots"),
                 ("record", "-o", shared / "rec"), ("record", "--keep", "1h", "-o", shared / "ring"),
                 ("record", "--keep", "1h", "-o", shared / "ring2/")):
        done = reqscope.run(*args, "-p", server.pid, "-d", "0.1")
        assert done.returncode == 0, done
    assert (shared / "ours").read_text().startswith(("IDLE", "UP", "SLOW", "ERRORING", "STUCK"))
    assert (shared.parent / "victims" / "through").stat().st_size
    assert (shared.parent / "victims" / "dots").stat().st_size
    assert theirs.read_text().count("reqscope.summary/1") == 1
    for path in (shared / "ours", shared / "new", shared / "rec", shared / "ring", shared / "ring2"):
        assert not path.stat().st_mode & 0o077, path


def test_log_in_a_folder_of_nobody(server, shared):
    """Root's log there is rotated by CAP_DAC_OVERRIDE alone: it is kept then, and said."""
    folder = shared.parent / "theirs"
    folder.mkdir(mode=0o755)
    give_away(folder)
    log = folder / "log"
    with reqscope.summary("-v", "--log", log, "--log-max-size", "2K", "-p", server.pid) as scope:
        wait_settled(scope)
        assert caps(scope.pid, "CapPrm") & mask("dac_override")
        assert scope.err.wait(lambda b: b"CAP_DAC_OVERRIDE" in b, 5), scope.stderr()
        with Conn(server.address, Truth()) as conn:
            wait_for(lambda: conn.get("/fast") and (folder / "log.1").exists(), "it is rotated")
        log.rename(folder / "moved")
        scope.proc.send_signal(signal.SIGHUP)
        wait_for(log.exists, "it is made anew")
        scope.finish()
    assert "cannot" not in scope.stderr(), scope.stderr()


# --- memory

@pytest.fixture(scope="module")
def recording(server, tmp_path_factory):
    path = tmp_path_factory.mktemp("valgrind") / "rec"
    with reqscope.Reqscope("record", "-p", server.pid, "-o", path) as scope:
        run_jobs(server.address, [Job("GET", f"/items/{i}", "/items/{id}") for i in range(30)] +
                 [Job("GET", f"/status/{code}", "/status/{id}") for code in (204, 404, 500)], Truth())
        scope.finish()
    return path


@pytest.mark.parametrize("args", [("report", "--format", "text"), ("report", "--format", "json"),
                                  ("report", "--format", "html"), ("report", "--format", "trace"), ("diff",)],
                         ids=lambda args: args[-1])
def test_replay_under_valgrind(recording, args):
    """The binary as it is installed, without a sanitizer: no byte that is not there, none that was never set."""
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    argv = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,possible", reqscope.BINARY, *args, str(recording), *([str(recording)] if args == ("diff",) else [])]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert done.returncode == 0 and done.stdout and b"==" not in done.stderr, done.stderr.decode()
