# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--log: every line stands alone and fits docs/log.schema.json; files are appended to, rotated, opened anew."""
import glob
import os
import shutil
import signal
import socket
import stat

import jsonschema
import pytest

import reqscope
from client import Conn, Job, run_jobs
from logs import MIX, check_row, dropped, intervals, keys, lines_in, logged, parse, parse_file, refused, requests, \
    wanted  # noqa: F401 - logged is a fixture
from servers import free_port, wait_for

pytestmark = pytest.mark.usefixtures("bpf")


# --- what is in it

def test_all(server, logged, truth, tmp_path):
    log = tmp_path / "log"
    with logged(log) as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    rows = parse_file(log)
    assert keys(requests(rows)) == wanted(truth)
    assert rows[-1] == intervals(rows)[-1] and len(intervals(rows)) == 1
    assert rows[-1]["requests"]["ok"] == len(truth.records) and rows[-1]["codes"] == truth.codes()
    assert rows[-1]["level"] == "error" and rows[-1]["verdict"]["state"] == "erroring"
    assert all(r["host"] == rows[-1]["host"]["name"] for r in requests(rows))
    assert not dropped(rows)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    printed = reqscope.parse_summary((tmp_path / "out.json").read_bytes())
    assert printed["requests"]["ok"] == len(truth.records)


def test_schema_bites(server, logged, truth, tmp_path):
    """That the rows fit means something: without any of these members they do not."""
    log = tmp_path / "log"
    with logged(log) as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    rows = parse_file(log)
    for row, names in ((rows[0], ("event", "id", "conn", "host", "target", "end")),
                       (rows[-1], ("ts", "level", "message", "verdict", "window", "requests", "routes"))):
        for name in names:
            with pytest.raises(jsonschema.ValidationError):
                check_row({k: v for k, v in row.items() if k != name})


@pytest.mark.parametrize("verb", ["summary", "trace", "top", "record", "check"])
def test_verbs(verb, server, truth, tmp_path):
    """Whatever the verb does itself, its log is the same."""
    log, checks = tmp_path / "log", tmp_path / "checks.ini"
    checks.write_text("[all]\ncritical = p99 < 60s\n")
    options = {"record": ("-o", tmp_path / "recording"), "check": ("-c", checks)}.get(verb, ())
    with reqscope.Reqscope(verb, "-p", server.pid, "--log", log, "-d", 60, *options) as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    rows = parse_file(log)
    assert keys(requests(rows)) == wanted(truth) and rows[-1]["requests"]["ok"] == len(MIX)


def test_same_as_trace(server, truth, tmp_path):
    """The request lines of a log are those of a trace, byte for byte."""
    out, log = tmp_path / "out", tmp_path / "log"
    with reqscope.trace("-p", server.pid, "-o", out, "--log", log) as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    assert b"".join(line for line in log.read_bytes().splitlines(True) if b'"reqscope.trace/1"' in line) == \
        out.read_bytes()


def whole(path):
    """Its lines but for one that is being written."""
    return path.read_bytes().rpartition(b"\n")[0] + b"\n"


def test_encrypted(server, truth, tmp_path):
    """A connection that speaks TLS is counted once; as long as nothing else comes, no interval is called idle."""
    log = tmp_path / "log"
    with reqscope.Reqscope("top", "-p", server.pid, "--window", "1", "--log", log, "--log-interval", 1) as scope:
        with socket.create_connection(server.address) as s:
            s.sendall(b"\x16\x03\x01\x00\xf5\x01" + b"x" * 245)
            wait_for(lambda: b"TLS" in log.read_bytes(), "the log tells of it")
            first = lines_in(log)
            wait_for(lambda: lines_in(log) >= first + 3, "three more intervals", 30)
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(100)], truth)
        wait_for(lambda: intervals(parse(whole(log)))[-1]["verdict"]["state"] == "idle", "nothing comes any more", 30)
        wait_for(lambda: b"IDLE" in scope.out.bytes().split(b"UP ")[-1], "the screen says so too", 30)
        scope.finish()
    rows = parse_file(log)
    assert [r["verdict"]["state"] for r in intervals(rows[first - 1:first + 3])] == ["blind"] * 4
    assert sum(r["tracer"]["opaque"]["tls"] for r in intervals(rows)) == 1


def test_problems(server, logged, truth, tmp_path):
    """Slow, failed, abandoned and stuck ones only; the numbers are of all."""
    log = tmp_path / "log"
    with logged(log, "--log-requests", "problems", "--slo-ms", 100, "--stuck-ms", 200) as scope:
        run_jobs(server.address, MIX, truth)
        with Conn(server.address, truth) as conn:
            record = server.hang(conn)
            wait_for(lambda: b'"open"' in log.read_bytes(), "the hanging request is told")
            server.leave(conn, record)
            wait_for(lambda: b"client_closed" in log.read_bytes(), "its end is told")
        scope.finish()
    rows = parse_file(log)
    assert keys(requests(rows)) == wanted(truth, lambda r: r.status >= 500 or r.path.startswith(("/sleep/", "/hang")))
    assert keys(requests(rows, "open")) == [("GET", "/hang", 0)]
    assert rows[-1]["requests"]["started"] == len(truth.records)


def test_none(server, logged, truth, tmp_path):
    log = tmp_path / "log"
    with logged(log, "--log-requests", "none") as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    rows = parse_file(log)
    assert len(rows) == 1 and rows[0]["requests"]["ok"] == len(truth.records)


def test_intervals(server, logged, truth, tmp_path):
    """Each line is of its own interval; together they are the whole run."""
    log = tmp_path / "log"
    with logged(log, "--log-requests", "none", "--log-interval", 1) as scope:
        with Conn(server.address, truth) as conn:
            record = server.hang(conn)
            for n in range(1, 4):
                run_jobs(server.address, [Job("GET", f"/items/{i}") for i in range(n)], truth)
                before = lines_in(log)
                wait_for(lambda b=before: lines_in(log) > b, "a summary line")
            server.leave(conn, record)
        scope.finish()
    rows = parse_file(log)
    assert len(rows) >= 4
    assert sum(r["requests"]["ok"] for r in rows) == 6
    assert sum(r["requests"]["client_closed"] for r in rows) == 1
    assert max(r["requests"]["ok"] for r in rows) < 6, "no line is of the whole run"
    assert sum(r["tracer"]["events"] for r in rows) == \
        reqscope.parse_summary((tmp_path / "out.json").read_bytes())["tracer"]["events"]
    for before, after in zip(rows, rows[1:]):
        assert after["requests"]["carried"] == before["requests"]["open"]
        assert before["ts"] == after["window"]["start"]
    assert [r["requests"]["carried"] for r in rows[:2]] == [0, 1] and rows[-1]["requests"]["open"] == 0


def test_many_routes(server, logged, truth, tmp_path):
    """A line is bounded: routes beyond the first are counted."""
    log = tmp_path / "log"
    names = [f"{a}{b}" for a in ("north", "south", "east", "west") for b in ("fox", "owl", "elk", "hen", "ant", "bee")]
    with logged(log, "--log-requests", "none") as scope:
        run_jobs(server.address, [Job("GET", f"/{n}/{m}") for n in names[:8] for m in ("a", "b", "c")], truth)
        scope.finish()
    row, = parse_file(log)
    everything = reqscope.parse_summary((tmp_path / "out.json").read_bytes())["routes"]
    assert len(everything) > 20, "the test wants more routes than a line has"
    assert len(row["routes"]) == 20 and row["routes_left_out"] == len(everything) - 20


def test_down(tmp_path):
    """Nobody there is a line, too."""
    log, port = tmp_path / "log", free_port("127.0.0.1")
    done = reqscope.run("summary", "--port", port, "-d", 1, "-o", tmp_path / "out", "--log", log)
    assert done.returncode == 5, done.stderr
    row, = parse_file(log)
    assert row["verdict"]["state"] == "down" and row["level"] == "error"


def test_appends(server, logged, truth, tmp_path):
    """A log is gone on with; half a line that somebody left stays alone."""
    log = tmp_path / "log"
    log.write_bytes(b'{"a": 1}\n{"b": ')
    log.chmod(0o640)
    with logged(log) as scope:
        run_jobs(server.address, MIX, truth)
        scope.finish()
    lines = log.read_bytes().splitlines(True)
    assert lines[:2] == [b'{"a": 1}\n', b'{"b": \n']
    assert keys(requests(parse(b"".join(lines[2:])))) == wanted(truth)
    assert stat.S_IMODE(log.stat().st_mode) == 0o640


# --- files that change under it

def rotated(log):
    """Oldest first."""
    numbers = sorted((int(p.rsplit(".", 1)[1]) for p in glob.glob(f"{log}.*")), reverse=True)
    return [f"{log}.{n}" for n in numbers] + [str(log)]


def test_rotation(server, logged, truth, tmp_path):
    log = tmp_path / "log"
    with logged(log, "--log-max-size", "20k", "--log-keep", 1000) as scope:
        run_jobs(server.address, [Job("GET", f"/items/{i}") for i in range(1500)], truth)
        scope.finish()
    files = rotated(log)
    rows = [row for path in files for row in parse_file(path)]
    assert keys(requests(rows)) == wanted(truth) and not dropped(rows)
    assert len(files) > 20
    assert all(os.stat(path).st_size <= 20480 for path in files[:-1])
    assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for path in files)


def test_rotation_keeps(server, logged, truth, tmp_path):
    log = tmp_path / "log"
    with logged(log, "--log-max-size", "20k", "--log-keep", 2) as scope:
        run_jobs(server.address, [Job("GET", f"/items/{i}") for i in range(400)], truth, threads=1)
        scope.finish()
    assert rotated(log) == [f"{log}.2", f"{log}.1", str(log)]
    ids = [row["id"] for path in rotated(log) for row in requests(parse_file(path))]
    assert ids[-1] - ids[0] == len(ids) - 1 and len(set(ids)) == len(ids), "the newest, without a gap"


def test_sighup(server, logged, truth, tmp_path):
    log, old = tmp_path / "log", tmp_path / "log.old"
    with logged(log) as scope:
        for again in range(3):
            run_jobs(server.address, MIX, truth)
            log.rename(f"{old}{again}")
            scope.proc.send_signal(signal.SIGHUP)
            wait_for(log.exists, "the log is opened anew")
        run_jobs(server.address, MIX, truth)
        scope.finish()
    rows = [row for path in (f"{old}0", f"{old}1", f"{old}2", log) for row in parse_file(path)]
    assert keys(requests(rows)) == wanted(truth) and not dropped(rows)


def test_sighup_while_waiting(tmp_path):
    """Whoever waits for a target goes on waiting; another signal ends it."""
    log = tmp_path / "log"
    with reqscope.Reqscope("summary", "--port", free_port("127.0.0.1"), "--wait", "-d", 60, "--log", log, attach=False) as scope:
        for again in range(2):
            wait_for(log.exists, "the log is there")
            log.rename(f"{log}.{again}")
            scope.proc.send_signal(signal.SIGHUP)
        wait_for(log.exists, "the log is opened anew")
        scope.proc.send_signal(signal.SIGTERM)
        assert scope.wait()[0] == 5
    assert intervals(parse_file(log))[-1]["verdict"]["state"] == "down"
    assert "--wait" not in scope.stderr(), "it was given"


def test_sighup_without_a_log(server):
    with reqscope.summary("-p", server.pid) as scope:
        reqscope.parse_summary(scope.finish(signal.SIGHUP))


@pytest.mark.parametrize("vanish", [lambda p: p.rename(f"{p}.old"), lambda p: p.unlink()], ids=["renamed", "deleted"])
def test_moved(server, logged, truth, tmp_path, vanish):
    """Without a signal: a new file is made under the name."""
    log = tmp_path / "log"
    with logged(log) as scope:
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: lines_in(log) == len(MIX), "all lines")
        vanish(log)
        wait_for(log.exists, "a new file")
        run_jobs(server.address, MIX, truth)
        scope.finish()
    assert len(requests(parse_file(log))) == len(MIX)


def test_folder_vanishes(server, logged, truth, tmp_path):
    """Tracing goes on, lines are kept, and written when the folder is there again."""
    folder = tmp_path / "folder"
    folder.mkdir()
    log = folder / "log"
    with logged(log) as scope:
        shutil.rmtree(folder)
        run_jobs(server.address, MIX, truth)
        assert scope.err.wait(lambda b: b"No such file" in b and b"trying again" in b, 10), scope.stderr()
        folder.mkdir()
        wait_for(lambda: lines_in(log) == len(MIX), "the lines that were kept")
        assert scope.err.wait(lambda b: b"written again" in b, 10), scope.stderr()
        scope.finish()
    rows = parse_file(log)
    assert keys(requests(rows)) == wanted(truth) and not dropped(rows)


# --- what cannot be

@pytest.mark.parametrize("verb", ["summary", "trace", "top"])
def test_stdout_is_taken(verb, server):
    done = reqscope.run(verb, "-p", server.pid, "--log", "-")
    assert done.returncode == 2 and b"--log -" in done.stderr and b"-o" in done.stderr
    assert done.stdout == b"" and b"attached" not in done.stderr


def test_same_file(server, tmp_path):
    done = reqscope.run("summary", "-p", server.pid, "-d", 1, "--force", "-o", tmp_path / "f", "--log", tmp_path / "f")
    assert done.returncode == 2 and b"same file" in done.stderr and not (tmp_path / "f").exists()


def test_symlink(server, tmp_path):
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    code, said = refused(server, tmp_path, tmp_path / "log")
    assert code == 2 and "symbolic link" in said
    assert not (tmp_path / "elsewhere").exists()


def test_cannot_be_opened(server, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, words in ((tmp_path, "directory"), (tmp_path / "none" / "log", "No such file"),
                        (tmp_path / "fifo", "nobody reads")):
        code, said = refused(server, tmp_path, path)
        assert code == 1 and words in said and str(path) in said


def test_two_into_one(server, logged, tmp_path):
    log = tmp_path / "log"
    with logged(log) as scope:
        done = reqscope.run("summary", "-p", server.pid, "-d", 1, "--log", log)
        assert done.returncode == 1 and b"another process" in done.stderr
        scope.finish()
    assert len(parse_file(log)) == 1
