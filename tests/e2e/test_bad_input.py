# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What goes wrong: arguments, targets, privileges, a closed stdout, hostile bytes. Each ends with the exit code
of the command line's contract, says what is wrong on stderr, and nothing crashes."""
import os
import shutil
import stat
import subprocess
import tempfile
import unicodedata

import pytest

import reqscope
from client import Conn, Job, Truth, head_bytes, run_jobs
from servers import TOP, Stack, free_port, wait_for

USAGE, PRIVILEGE, KERNEL, TARGET = 2, 3, 4, 5
BPF = pytest.mark.usefixtures("bpf")
pytestmark = pytest.mark.usefixtures("binary")


def refused(code, *args, says=(), **kw):
    """A run that must end with `code` and say each of `says` on stderr; returns its stdout."""
    done = reqscope.run(*args, **kw)
    said = done.stderr.decode()
    assert done.returncode == code, f"{args} ended with {done.returncode}: {said}"
    assert said.strip(), "it must say why"
    assert "Sanitizer" not in said and "libbpf:" not in said
    for word in says:
        assert str(word) in said, said
    return done.stdout


# --- arguments

@pytest.mark.parametrize("args, says", [
    (("summary", "--frobnicate"), "frobnicate"),
    (("frobnicate",), "frobnicate"),
    (("summary", "-p"), "p"),
    (("summary", "-p", "abc"), "abc"),
    (("summary", "-p", "-5"), "-5"),
    (("summary", "-p", "99999999999999999999"), "99999999999999999999"),
    (("summary", "--port", "70000"), "70000"),
    (("summary", "--port", "http"), "http"),
    (("summary", "-d", "soon"), "soon"),
    (("summary", "-d", "-1"), "-1"),
    (("summary", "-d", "nan"), "nan"),
    (("summary", "-d", "5x"), "5x"),
    (("summary", "--format", "yaml"), "yaml"),
    (("summary", "--slo-quantile", "1.5"), "1.5"),
    (("summary", "--max-error-rate", "2"), "2"),
    (("summary", "--ring-kib", "many"), "many"),
    (("trace", "--status", "9xx"), "9xx"),
    (("trace", "--slow", "fast"), "fast"),
    (("summary", "stray"), "stray"),
    (("summary", "--log-interval", "5"), "--log"),
    (("record", "--log-keep", "3", "-o", "x"), "--log"),
], ids=lambda v: "_".join(v) if isinstance(v, tuple) else "")
def test_usage(args, says):
    assert refused(USAGE, *args, says=[says]) == b""


@pytest.mark.parametrize("args", [("-h",), ("--help",), ("summary", "-h"), ("-V",)], ids="_".join)
def test_asked_for_help(args):
    done = reqscope.run(*args)
    assert done.returncode == 0 and b"reqscope" in done.stdout


def test_version():
    with open(os.path.join(TOP, "VERSION")) as f:
        assert f.read().strip() in reqscope.run("-V").stdout.decode()


@pytest.mark.parametrize("text, line", [
    ("GET /ok\n\n# comment\nGET items\n", 4),
    ("GET /ok\nGET\n", 2),
    ("/no/method\n", 1),
    ("GET /a\nGET /b\nGET /items/{id\n", 3),
], ids=["no-slash", "no-path", "no-method", "unclosed"])
def test_routes_file(tmp_path, text, line):
    path = tmp_path / "routes"
    path.write_text(text)
    said = refused_routes(path)
    assert f":{line}" in said or f"line {line}" in said, said


@pytest.mark.parametrize("data", [b'{"openapi": "3.1.0"', b'{"openapi": "3.1.0", "paths": 5}', b"\x00\xff\x00"],
                         ids=["cut", "no-paths", "binary"])
def test_routes_document(tmp_path, data):
    path = tmp_path / "routes"
    path.write_bytes(data)
    refused_routes(path)


def test_routes_file_missing(tmp_path):
    done = reqscope.run("summary", "-p", os.getpid(), "-d", 1, "--routes", tmp_path / "none")
    assert done.returncode in (1, USAGE) and b"none" in done.stderr


def refused_routes(path):
    done = reqscope.run("summary", "-p", os.getpid(), "-d", 1, "--routes", path)
    said = done.stderr.decode()
    assert done.returncode == USAGE and path.name in said, said
    return said


# --- targets

@BPF
def test_no_such_pid():
    child = subprocess.Popen(["true"])
    child.wait()
    refused(TARGET, "summary", "-p", child.pid, "-d", 1, says=[child.pid])


@BPF
def test_pid_that_is_no_server():
    child = subprocess.Popen(["sleep", "60"])
    try:
        refused(TARGET, "summary", "-p", child.pid, "-d", 1, says=[child.pid])
    finally:
        child.kill()
        child.wait()


@BPF
def test_port_nobody_listens_on():
    port = free_port("127.0.0.1")
    out = refused(TARGET, "summary", "--port", port, "-d", 1, "--format", "json", says=[port])
    s = reqscope.parse_summary(out)
    assert s["verdict"]["state"] == "down" and s["verdict"]["reasons"]
    assert str(port) in s["target"]["name"]
    assert s["window"]["seconds"] < 5, "the window is the time that we looked"
    assert b"down" in refused(TARGET, "summary", "--port", port, "-d", 1).lower()
    refused(TARGET, "trace", "--port", port, "-d", 1, says=[port])


# --- privileges and the kernel

@pytest.fixture
def public_binary():
    """The binary where everybody may run it from: the tree may lie in a home that nobody can enter."""
    folder = tempfile.mkdtemp(prefix="reqscope-e2e-")
    os.chmod(folder, 0o755)
    shutil.copy(reqscope.BINARY, folder)
    yield os.path.join(folder, os.path.basename(reqscope.BINARY))
    shutil.rmtree(folder)


def unprivileged(*argv):
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    return subprocess.run([*drop, *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                          cwd="/")


@pytest.mark.parametrize("verb", ["summary", "trace"])
def test_no_root(server, public_binary, verb):
    done = unprivileged(public_binary, verb, "-p", server.pid, "-d", 1)
    said = done.stderr.decode()
    assert done.returncode == PRIVILEGE, (done.returncode, said)
    assert "CAP_BPF" in said and "CAP_PERFMON" in said, said
    assert done.stdout == b"" and "libbpf:" not in said


def test_doctor_no_root(public_binary):
    done = unprivileged(public_binary, "doctor")
    assert done.returncode in (0, PRIVILEGE)
    assert b"CAP_BPF" in done.stdout


@BPF
def test_doctor(server):
    done = reqscope.run("doctor", "-p", server.pid)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert len(lines) >= 5 and any("BTF" in line for line in lines)


@BPF
def test_kernel_without_btf(server, tmp_path):
    """A mount namespace in which the kernel's BTF is hidden, for this one process."""
    script = 'mount --bind "$1" /sys/kernel/btf && shift && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", script, "sh", tmp_path, reqscope.BINARY, "summary", "-p", server.pid, "-d", 1]
    done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.returncode == KERNEL and b"BTF" in done.stderr, (done.returncode, done.stderr)


# --- output

@BPF
@pytest.mark.parametrize("args", [("trace",), ("trace", "--format", "json")], ids="_".join)
def test_stdout_closes(server, connect, args):
    """`trace | head -1`: the reader goes after one line; the next line ends us, quietly, with 0."""
    reader, writer = os.pipe()
    with reqscope.Reqscope(*args, "-p", server.pid, stdout=writer) as scope:
        os.close(writer)
        conn = connect()
        conn.get("/fast")
        assert os.read(reader, 1)
        os.close(reader)

        def ended():
            conn.get("/fast")
            return scope.proc.poll() is not None

        wait_for(ended, "reqscope ends", 10)
        assert scope.proc.returncode == 0, scope.stderr()
        assert scope.err.wait_end(5)
        said = [line for line in scope.stderr().splitlines() if not reqscope.ATTACHED.match(line)]
        assert said == []


@BPF
def test_summary_into_head(server, connect):
    script = '"$0" summary -p "$1" -d 0.3 | head -n 1; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", script, reqscope.BINARY, str(server.pid)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "0", done
    assert len(done.stdout.splitlines()) == 2


@BPF
@pytest.mark.parametrize("args", [("summary",), ("trace",), ("top",)], ids="_".join)
@pytest.mark.parametrize("to, why", [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")])
def test_stdout_takes_nothing(server, truth, args, to, why):
    """Closed or full from the beginning: it says so and fails; nothing else is opened in its place and written."""
    script = f'exec "$0" "$@" -p {server.pid} -d 1.2 {to}'
    done = subprocess.run(["sh", "-c", script, reqscope.BINARY, *args], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done
    assert done.stderr.splitlines()[-1] == f"reqscope: cannot write standard output: {why}"


@BPF
def test_stderr_closed(server, connect, tmp_path):
    """What would be said there does not land in the file that was opened next."""
    out = tmp_path / "out.json"
    script = 'exec "$0" summary --format json -v -p "$1" -d 0.3 -o "$2" 2>&-'
    done = subprocess.run(["sh", "-c", script, reqscope.BINARY, str(server.pid), str(out)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30)
    assert done.returncode == 0, done
    reqscope.parse_summary(out.read_bytes())


@BPF
def test_output_file(server, connect, tmp_path):
    path = tmp_path / "out.json"
    with reqscope.summary("-p", server.pid, "-o", path) as scope:
        connect().get("/fast")
        assert scope.finish() == b""
    assert reqscope.parse_summary(path.read_bytes())["requests"]["ok"] == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@BPF
@pytest.mark.parametrize("options, codes", [((), (1, USAGE)), (("--force",), (0, 1, USAGE))], ids=["plain", "force"])
def test_output_never_through_a_symlink(server, tmp_path, options, codes):
    """Refused, or (--force) the link itself replaced: what it points at stays as it is."""
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    done = reqscope.run("summary", "-p", server.pid, "-d", "0.1", "-o", link, *options)
    assert done.returncode in codes, done
    assert victim.read_text() == "precious"
    assert done.returncode != 0 or not link.is_symlink()


# --- hostile bytes from the wire

HOSTILE = [
    b"/\x1b[31mred\x1b[0m", b"/\x1b]0;title\x07", b"/\x1b[2J\x1b[H", b"/a\x00b", b"/\xff\xfe\x80", b"/\xc3",
    b"/\xc2\x9b31m", b"/\xe2\x80\xaegnp.exe", b"/a\x08\x08b", b"/\x7f", b"/%1b%00", b'/"quote\\', b"/a\tb",
    b"/" + b"a" * 100 * 1024, b"/" + b"\x1b" * 3000, b"/x?" + b"q" * 100 * 1024,
]
RAW = [b"\x00" * 300, b"\x1b[31m / HTTP/1.1\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50,
       b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
       b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"]


def throw(server, data):
    """Sends bytes that may be refused at any point; reads what comes until the server has enough."""
    with Conn(server.address, Truth(), timeout=0.3) as conn:
        try:
            conn.sock.sendall(data)
            while conn.fill() and b"\r\n\r\n" not in conn.buf:
                pass
        except OSError:  # refused, or it waits for more: both are fine
            pass


def check_text(text):
    """Nothing in it moves a terminal or breaks a log line."""
    for ch in text:
        assert ch == "\n" or unicodedata.category(ch) not in ("Cc", "Cs", "Zl", "Zp"), ascii(ch)
        assert unicodedata.bidirectional(ch) not in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"), ascii(ch)


def longest(value):
    """The length of the longest string in a JSON value."""
    if isinstance(value, dict):
        return max([0, *map(len, value), *map(longest, value.values())])
    if isinstance(value, list):
        return max([0, *map(longest, value)])
    return len(value) if isinstance(value, str) else 0


@BPF
@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("args", [("summary",), ("summary", "--format", "json"), ("trace",),
                                  ("trace", "--format", "json")], ids="_".join)
def test_hostile_bytes(pool, truth, http, args):
    """Both servers take some of these and refuse others; we print all of it harmlessly, and count what
    comes after it exactly."""
    server = pool.get(Stack(http=http))
    with reqscope.Reqscope(*args, "-p", server.pid, "-d", 60) as scope:
        for path in HOSTILE:
            throw(server, head_bytes("GET", path))
        for data in RAW:
            throw(server, data)
        run_jobs(server.address, [Job("GET", "/items/5", "/items/{id}") for _ in range(10)], truth)
        text = scope.finish().decode("utf-8")
    check_text(text)
    assert max(map(len, text.splitlines())) < 100_000
    if "json" not in args:
        return
    if "summary" in args:
        s = reqscope.parse_summary(text.encode())
        assert longest(s) < 10_000
        counts = {(x["method"], x["route"]): x["count"] for x in s["routes"]}
        assert counts[("GET", "/items/{id}")] == 10
    else:
        rows = reqscope.parse_trace(text.encode())
        assert longest(rows) < 10_000
        assert sum(r.get("path") == "/items/5" for r in rows) == 10
