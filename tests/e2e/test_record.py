# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""record and report: what was recorded says afterwards what was so, also of a part of it, also when the
recorder was killed, the disk was full, the clock was set or the file is damaged."""
import datetime
import json
import os
import re
import resource
import signal
import stat
import threading
import time

import pytest

import recording
import reqscope
from client import Job, Truth, run_jobs
from servers import wait_for

pytestmark = pytest.mark.usefixtures("bpf")

SECRET = "s3cret"
MIX = [Job("GET", f"/items/{i}", "/items/{id}") for i in range(20)] + \
    [Job("GET", "/sleep/60", "/sleep/{id}") for _ in range(4)] + \
    [Job("GET", f"/status/{c}", "/status/{id}") for c in (204, 404, 404, 500, 503)] + \
    [Job("POST", "/echo", kw={"body": SECRET.encode()}), Job("GET", f"/fast?q={SECRET}", "/fast"),
     Job("GET", "/fast", kw={"headers": (f"Authorization: Bearer {SECRET}", f"X-Any: {SECRET}")})]
NAME = re.compile(r"reqscope-(\d{8})-\d{4}[01]\d[0-3]\dT\d{6}Z\.rec")


def record(server, path, *options, **kw):
    return reqscope.Reqscope("record", "-p", server.pid, "-o", path, *options, **kw)


def report(path, *options, code=0):
    """stdout and stderr of a report."""
    done = reqscope.run("report", path, *options)
    assert done.returncode == code, done.stderr.decode()
    assert b"\x1b" not in done.stderr
    return done.stdout, done.stderr.decode()


def summary(path, *options, quiet=True):
    out, err = report(path, "--format", "json", *options)
    assert not quiet or not err, err
    return reqscope.parse_summary(out)


def recorded(server, truth, path, *options, jobs=MIX):
    with record(server, path, *options) as scope:
        run_jobs(server.address, jobs, truth)
        scope.finish()
    return scope.stderr()


def write(path, data):
    path.write_bytes(data)
    return path


def utc(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def held(path):
    """What of a recording under way can be read by now: requests that ended."""
    done = reqscope.run("report", path, "--format", "json")
    return reqscope.parse_summary(done.stdout)["requests"]["ok"] if done.returncode == 0 else -1


# --- what was recorded comes out


def test_summary(server, truth, tmp_path):
    said = recorded(server, truth, tmp_path / "a.rec")
    assert re.search(r"recorded 32 requests into .*a\.rec: \S+ \S+, [\d.]+ bytes a request", said), said
    s = summary(tmp_path / "a.rec")
    reqscope.check_counts(s, truth)
    assert s["target"]["pids"] == [server.pid] and s["target"]["ports"] == [server.port]
    assert s["auth"]["yes"]["count"] == 1
    text, _ = report(tmp_path / "a.rec")
    assert b"32 ok" in text and b"GET  /items/{id}" in text


def test_like_a_trace(server, truth, tmp_path):
    """Line by line what `trace` says at the same time: all but ids and stamps, which each takes itself."""
    same = ("method", "path", "route", "status", "end", "bytes_in", "bytes_out", "pid", "peer", "auth", "host",
            "target")
    with reqscope.trace("-p", server.pid) as scope:
        recorded(server, truth, tmp_path / "a.rec")
        live = reqscope.parse_trace(scope.finish())
    replayed = reqscope.parse_trace(report(tmp_path / "a.rec", "--format", "trace")[0])
    key = [{k: r.get(k) for k in same} for r in live]
    assert len(live) == len(truth.records)
    assert sorted(map(str, key)) == sorted(str({k: r.get(k) for k in same}) for r in replayed)
    client = {(r.path.split("?")[0], r.status, r.sent): 0 for r in truth.records}
    for r in truth.records:
        key = (r.path.split("?")[0], r.status, r.sent)
        client[key] = max(client[key], r.ms)
    for row in replayed:  # and none is longer than what a client saw
        assert row["total"] <= client[row["path"], row["status"], row["bytes_in"]] + reqscope.SLACK_MS, row


def test_with_log_under_traffic(server, tmp_path):
    """Both take what happens until the very end, and the same: a run that is ended in the middle of traffic."""
    log, path, address = tmp_path / "log", tmp_path / "a.rec", server.address
    over = threading.Event()

    def drive():
        while not over.is_set():
            run_jobs(address, [Job("GET", "/fast")] * 20, Truth())
    client = threading.Thread(target=drive)
    client.start()
    try:
        with record(server, path, "--log", log, "--log-interval", 1) as scope:
            wait_for(lambda: log.exists() and log.read_bytes().count(b"\n") > 200, "requests are logged")
            scope.finish()
    finally:
        over.set()
        client.join()
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    ids = [r["id"] for r in rows if r["schema"] == "reqscope.trace/1" and r["event"] == "end"]
    traced, _ = report(path, "--format", "trace")
    assert [json.loads(line)["id"] for line in traced.splitlines()] == ids
    assert summary(path)["requests"]["ok"] == len(ids)


def test_privacy(server, truth, tmp_path):
    recorded(server, truth, tmp_path / "a.rec")
    data = (tmp_path / "a.rec").read_bytes()
    found = recording.blocks(data)
    assert sum(b.requests for b in found) == len(truth.records)
    assert any(b"/items/7" in b.payload() for b in found)
    for b in found:
        assert SECRET.encode() not in b.payload()
    assert stat.S_IMODE(os.stat(tmp_path / "a.rec").st_mode) == 0o600


@pytest.mark.parametrize("options, keep", [
    (("--slow", 50), lambda r: r.path.startswith("/sleep/")),
    (("--status", "5xx"), lambda r: r.status >= 500),
    (("--route", "/items/*"), lambda r: r.path.startswith("/items/")),
    (("--route", "/status/*", "--status", "4xx"), lambda r: r.status == 404),
], ids=("slow", "status", "route", "both"))
def test_filters(server, truth, tmp_path, options, keep):
    recorded(server, truth, tmp_path / "a.rec")
    rows = reqscope.parse_trace(report(tmp_path / "a.rec", "--format", "trace", *options)[0])
    assert sorted((r["path"], r["status"]) for r in rows) == \
        sorted((r.path, r.status) for r in truth.records if keep(r))


def test_route_of_summary(server, truth, tmp_path, connect):
    """The ledger is that of these requests alone, and says so; one that hangs is among them."""
    with record(server, tmp_path / "a.rec") as scope:
        conn = connect()
        hanging = server.hang(conn)
        run_jobs(server.address, MIX, truth)
        scope.finish()
    server.leave(conn, hanging)
    s = summary(tmp_path / "a.rec", "--route", "/items/*")
    assert s["requests"]["started"] == s["requests"]["ok"] == 20 and s["open"] == []
    assert [r["route"] for r in s["routes"]] == ["/items/{id}"]
    assert s["window"]["route"] == "/items/*" and "only requests of routes like /items/*" in s["verdict"]["reasons"]
    s = summary(tmp_path / "a.rec", "--route", "* /hang")
    assert s["requests"]["started"] == s["requests"]["open"] == 1
    assert [(o["path"], o["phase"]) for o in s["open"]] == [("/hang", "app")]


def test_status_of_summary(server, truth, tmp_path):
    recorded(server, truth, tmp_path / "a.rec", jobs=MIX[:2])
    _, err = report(tmp_path / "a.rec", "--status", "5xx", code=2)
    assert "--slow and --status choose lines of --format trace" in err


def test_html(server, truth, tmp_path):
    recorded(server, truth, tmp_path / "a.rec")
    page, _ = report(tmp_path / "a.rec", "--format", "html")
    assert page.startswith(b"<!") and b"/items/{id}" in page and SECRET.encode() not in page


# --- a part of it


def test_slices(server, truth, tmp_path, connect):
    """Three stretches with quiet between: each has its own requests, and what is open goes over."""
    marks, counts = [], []
    with record(server, tmp_path / "a.rec") as scope:
        hanging = None
        for n in (5, 7, 9):
            marks.append(time.time())
            run_jobs(server.address, MIX[:n], truth)
            if n == 5:
                conn = connect()
                hanging = server.hang(conn)
            if n == 9:
                server.leave(conn, hanging)
            counts.append(n)
        scope.finish()
    edges = [utc(m) for m in marks]
    parts = [summary(tmp_path / "a.rec", "--to", edges[1]),
             summary(tmp_path / "a.rec", "--from", edges[1], "--to", edges[2]),
             summary(tmp_path / "a.rec", "--from", edges[2])]
    assert [p["requests"]["ok"] for p in parts] == counts
    assert [(p["requests"]["carried"], p["requests"]["open"]) for p in parts] == [(0, 1), (1, 1), (1, 0)]
    assert [[(o["path"], o["phase"]) for o in p["open"]] for p in parts] == [[("/hang", "app")]] * 2 + [[]]
    assert parts[2]["requests"]["client_closed"] == 1
    whole = summary(tmp_path / "a.rec")
    assert whole["requests"]["started"] == sum(p["requests"]["started"] for p in parts) == 22
    assert sum(p["tracer"]["events"] for p in parts) >= whole["tracer"]["events"]
    rows = reqscope.parse_trace(report(tmp_path / "a.rec", "--format", "trace", "--from", edges[1], "--to",
                                       edges[2])[0])
    assert len(rows) == 7 and all(edges[1] <= r["ts"] < edges[2] for r in rows)


@pytest.mark.parametrize("options", [("-d", 60), ("--keep", "1h")], ids=("file", "ring"))
@pytest.mark.parametrize("route", [(), ("--route", "/sleep/*")], ids=("all", "route"))
def test_any_cut(server, truth, tmp_path, options, route):
    """Wherever it is cut, each part's ledger balances, and together they are the whole."""
    recorded(server, truth, tmp_path / "a", *options, jobs=MIX * 15)
    whole = summary(tmp_path / "a", *route)
    for i in range(1, 12):
        at = [f"+{whole['window']['seconds'] * (i + k) / 13:.9f}s" for k in (0, 0.3)]
        parts = [summary(tmp_path / "a", *route, *cut) for cut in
                 (("--to", at[0]), ("--from", at[0], "--to", at[1]), ("--from", at[1]))]
        for kind in ("started", *reqscope.ENDS):
            assert sum(p["requests"][kind] for p in parts) == whole["requests"][kind], (kind, at)
        for before, after in zip(parts, parts[1:]):
            assert before["requests"]["open"] == after["requests"]["carried"] == len(before["open"]), at
        for p in parts:
            assert all(o["phase"] == "queue" or o["path"] for o in p["open"]), p["open"]


def test_times(server, truth, tmp_path):
    recorded(server, truth, tmp_path / "a.rec", jobs=MIX[:3])
    for options in (("--from", "+0s"), ("--to", "-0s"), ("--from", "-1h"), ("--from", "+0", "--to", "+1h")):
        assert summary(tmp_path / "a.rec", *options)["requests"]["ok"] == 3
    for options, said in (
            (("--from", "then"), '--from wants a time such as'),
            (("--to", "2026-02-30"), '--to wants a time such as'),
            (("--from", "2100-01-01"), "--from is after the end"),
            (("--to", "1990-01-01"), "--to is not after the begin"),
            (("--from", "+2s", "--to", "+1s"), "--from is not before --to")):
        _, err = report(tmp_path / "a.rec", *options, code=2)
        assert said in err


# --- a recorder that was killed, files that are damaged


def test_killed(server, truth, tmp_path):
    """What was written by then is there."""
    path = tmp_path / "a.rec"
    with record(server, path) as scope:
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: held(path) == len(truth.records), lambda: f"{held(path)} requests are in the file")
        scope.proc.kill()
        scope.proc.wait()
    reqscope.check_counts(summary(path), truth)


def test_truncated(server, truth, tmp_path):
    path = tmp_path / "a.rec"
    with record(server, path) as scope:
        run_jobs(server.address, MIX[:6], truth)
        wait_for(lambda: held(path) == 6, "they are written")
        run_jobs(server.address, MIX[:3], truth)
        scope.finish()
    data = path.read_bytes()
    found = recording.blocks(data)
    last = found[-1]
    cut = write(tmp_path / "cut.rec", data[:-1])
    out, err = report(cut, "--format", "json")
    assert f"damaged at offset {last.offset}: it ends within a block" in err
    assert reqscope.parse_summary(out)["requests"]["ok"] == sum(b.requests for b in found[:-1])
    flipped = bytearray(data)
    flipped[last.offset + recording.BLOCK] ^= 1
    out, err = report(write(tmp_path / "flip.rec", flipped), "--format", "json")
    assert f"damaged at offset {last.offset}: a block is damaged: the checksum does not fit" in err
    assert reqscope.parse_summary(out)["requests"]["ok"] == sum(b.requests for b in found[:-1])


def test_no_recordings(server, truth, tmp_path):
    recorded(server, truth, tmp_path / "a.rec", jobs=MIX[:1])
    data = (tmp_path / "a.rec").read_bytes()
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for path, said in (
            (write(tmp_path / "0", b""), "it is empty"),
            (write(tmp_path / "1", b"\x7fELF\x1b[31m and so on" * 9), r'it is no recording: it begins with "\x7fELF'),
            (write(tmp_path / "2", data[:20]), "it ends within its head"),
            (write(tmp_path / "3", recording.file_head(data, version=7) + data[56:]),
             "its format is version 7, this reqscope reads versions 1 to 2"),
            (write(tmp_path / "4", data[:30] + b"x" + data[31:]), "its head is damaged"),
            (write(tmp_path / "5", data[:56]), "the recording holds nothing"),
            (tmp_path / "empty", "holds no recording"),
            (tmp_path / "fifo", "it is no regular file"),
            (tmp_path / "none", "No such file")):
        out, err = report(path, code=2)
        assert said in err and not out, err


def test_missing_block(server, truth, tmp_path):
    """A block that was dropped: its requests are known to be unknown."""
    path = tmp_path / "a.rec"
    with record(server, path) as scope:
        for n in (3, 4, 5):
            run_jobs(server.address, MIX[:n], truth)
            wait_for(lambda: held(path) == len(truth.records), "they are written")
        scope.finish()
    data = path.read_bytes()
    found = recording.blocks(data)
    lost = next(b for b in found if b.begun >= 3 and b.requests)
    assert 0 < lost.requests <= 9
    rest = b"".join(b.bytes() for b in found if b is not lost)
    s = summary(write(tmp_path / "b.rec", data[:56] + rest), quiet=False)
    assert s["requests"]["started"] == 12 and s["requests"]["unknown"] == lost.requests
    assert s["requests"]["ok"] == 12 - lost.requests


# --- where to


def test_output(server, truth, tmp_path):
    path = tmp_path / "a.rec"
    recorded(server, truth, path, jobs=MIX[:1])
    before = path.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for where, said, code in ((path, "exists; --force replaces it", 2), (link, "is a symbolic link", 2),
                              (tmp_path / "no" / "a.rec", "cannot write", 1), ("/dev/full", "exists", 2)):
        done = reqscope.run("record", "-p", server.pid, "-d", 1, "-o", where, *(["--force"] if where is link else []))
        assert done.returncode == code and said in done.stderr.decode(), done.stderr
    assert path.read_bytes() == before and not (tmp_path / "elsewhere").exists()
    recorded(server, Truth(), path, "--force", jobs=MIX[:2])
    assert summary(path)["requests"]["ok"] == 2


@pytest.mark.parametrize("options, said", [
    ((), "'record' wants -o FILE"), (("-o", "-"), "'record' wants -o FILE"),
    (("-o", "x", "--max-size", "1G"), "--max-size bounds the ring of --keep"),
    (("-o", "x", "--keep", "1h", "--max-size", "1M"), "--max-size wants 4M or more"),
    (("-o", "x", "--keep", "1s"), "--keep wants 10 seconds or more"),
])
def test_usage(binary, options, said, tmp_path):
    done = reqscope.run("record", "-p", os.getpid(), *options, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr.decode()
    assert os.listdir(tmp_path) == []


def limit(scope, size):
    resource.prlimit(scope.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_disk_full_file(server, truth, tmp_path):
    """It ends, says why, and what came before is whole."""
    path = tmp_path / "a.rec"
    with record(server, path) as scope:
        run_jobs(server.address, MIX, truth)
        wait_for(lambda: held(path) == len(MIX), "they are written")
        limit(scope, 1)
        code, _ = scope.wait()
    assert code == 1
    assert "cannot write" in scope.stderr() and "File too large" in scope.stderr()
    assert summary(path)["requests"]["ok"] == len(MIX)


@pytest.mark.parametrize("options", [(), ("--keep", "1h")], ids=("file", "ring"))
def test_disk_full_from_the_start(server, truth, tmp_path, options):
    """Nothing can be written at all: that is said, and no files pile up."""
    path = tmp_path / "a"
    with record(server, path, *options, attach=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))) as scope:
        assert scope.err.wait(lambda line: b"cannot write" in line, 20), scope.stderr()
        if options:
            run_jobs(server.address, MIX[:2], truth)
            limit(scope, resource.RLIM_INFINITY)
            assert scope.err.wait(lambda line: b"recording into" in line, 10), scope.stderr()
            scope.proc.send_signal(signal.SIGINT)
        code, _ = scope.wait()
    if options:
        lost = int(re.search(r"again; (\d+) requests", scope.stderr())[1])
        assert code == (1 if lost else 0)
        assert len(ring_files(path)) == 1
        assert summary(path, quiet=False)["requests"]["started"] == 2
    else:
        assert code == 1 and path.read_bytes() == b""


# --- the flight recorder


def ring_files(folder):
    return sorted(n for n in os.listdir(folder) if NAME.fullmatch(n)) if os.path.isdir(folder) else []


def test_ring(server, truth, tmp_path):
    """It goes on where another run has ended, and what that had open ends unknown."""
    folder = tmp_path / "ring"
    one, two = Truth(), Truth()
    recorded(server, one, folder, "--keep", "1h")
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    recorded(server, two, folder, "--keep", "1h", "--max-size", "10M", jobs=MIX[:5])
    names = ring_files(folder)
    assert [NAME.fullmatch(n)[1] for n in names] == ["00000001", "00000002"]
    assert all(stat.S_IMODE(os.stat(folder / n).st_mode) == 0o600 for n in names)
    s = summary(folder, quiet=False)
    assert s["requests"]["ok"] == len(MIX) + 5 and s["requests"]["unknown"] == 0
    assert summary(folder / names[1])["requests"]["ok"] == 5


def test_ring_killed(server, tmp_path, truth, connect):
    folder = tmp_path / "ring"
    with record(server, folder, "--keep", "1h") as scope:
        conn = connect()
        hanging = server.hang(conn)
        run_jobs(server.address, MIX[:5], Truth())
        wait_for(lambda: held(folder) == 5, "they are written")
        scope.proc.kill()
        scope.proc.wait()
    server.leave(conn, hanging)
    assert summary(folder)["requests"]["open"] == 1
    recorded(server, Truth(), folder, "--keep", "1h", jobs=MIX[:3])
    r = summary(folder, quiet=False)["requests"]
    assert (r["started"], r["ok"], r["unknown"], r["open"]) == (9, 8, 1, 0)


def test_ring_bounds(server, truth, tmp_path):
    """The oldest go: by age, by size. Nothing that is not ours does."""
    folder = tmp_path / "ring"
    folder.mkdir()
    strangers = ["notes.txt", "reqscope-1-20200101T000000Z.rec", "reqscope-00000001-20200101T000000Z.rec.bak",
                 "reqscope-00000001-20209901T000000Z.rec"]
    for name in strangers:
        write(folder / name, b"x" * 5_000_000)
    ago = [time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 3600 * h)) for h in (4, 1)]
    olds = ["reqscope-00000001-20200101T000000Z.rec", "reqscope-00000002-20200101T000000Z.rec",
            f"reqscope-00000007-{ago[0]}.rec", f"reqscope-00000008-{ago[1]}.rec", f"reqscope-00000009-{ago[1]}.rec"]
    for name in olds:
        write(folder / name, b"x" * 2_000_000)
    recorded(server, truth, folder, "--keep", "3h", "--max-size", "100M", jobs=MIX[:2])
    # 7 reaches up to where 8 begins, an hour ago
    assert ring_files(folder)[:-1] == olds[2:] and ring_files(folder)[-1].startswith("reqscope-00000010-")
    recorded(server, truth, folder, "--keep", "3h", "--max-size", "4M", jobs=MIX[:2])
    assert [NAME.fullmatch(n)[1] for n in ring_files(folder)] == ["00000008", "00000009", "00000010", "00000011"]
    assert set(strangers) < set(os.listdir(folder))


def test_ring_goes_on(server, tmp_path):
    """A file has a sixteenth of the time; those beyond it go while the recorder runs."""
    folder = tmp_path / "ring"
    with record(server, folder, "--keep", 10) as scope:
        truth = Truth()
        wait_for(lambda: run_jobs(server.address, MIX[:2], truth) or
                 ring_files(folder) and not ring_files(folder)[0].startswith("reqscope-00000001"),
                 lambda: f"the first file goes, there are {ring_files(folder)}", 40, 0.2)
        scope.finish()
    assert len(ring_files(folder)) <= 18
    s = summary(folder)
    assert 0 < s["requests"]["ok"] < len(truth.records)
    assert s["requests"]["unknown"] == 0 and 8 < s["window"]["seconds"] < 14


def test_ring_alone(server, truth, tmp_path):
    with record(server, tmp_path / "ring", "--keep", "1h") as scope:
        wait_for(lambda: ring_files(tmp_path / "ring"), "it has begun")
        done = reqscope.run("record", "-p", server.pid, "-d", 1, "--keep", "1h", "-o", tmp_path / "ring")
        assert done.returncode == 2 and "another recorder writes into" in done.stderr.decode()
        scope.finish()
    (tmp_path / "link").symlink_to(tmp_path / "ring")
    write(tmp_path / "file", b"")
    for name, said in (("link", "is a symbolic link"), ("file", "is no folder")):
        done = reqscope.run("record", "-p", server.pid, "-d", 1, "--keep", "1h", "-o", tmp_path / name)
        assert done.returncode == 2 and said in done.stderr.decode()


def test_ring_disk_full(server, truth, tmp_path):
    """Tracing goes on; what was lost is told, counted, and unknown in a report."""
    folder = tmp_path / "ring"
    with record(server, folder, "--keep", "1h") as scope:
        run_jobs(server.address, MIX[:4], truth)
        wait_for(lambda: held(folder) == 4, "they are written")
        limit(scope, 1)
        run_jobs(server.address, MIX[:6], truth)
        assert scope.err.wait(lambda line: b"tracing goes on" in line, 10)
        run_jobs(server.address, MIX[:3], truth)
        limit(scope, resource.RLIM_INFINITY)
        line = scope.err.wait(lambda line: b"again; " in line, 10)
        assert line, scope.stderr()
        run_jobs(server.address, MIX[:5], truth)
        code, _ = (scope.proc.send_signal(signal.SIGINT), scope.wait())[1]
    lost = int(re.search(rb"again; (\d+) requests", line)[1])
    assert code == 1 and 0 < lost <= 9
    assert scope.stderr().count("tracing goes on") == 1
    r = summary(folder, quiet=False)["requests"]
    assert (r["started"], r["unknown"], r["ok"]) == (18, lost, 18 - lost)


# --- clocks


def test_clock_set(server, truth, tmp_path):
    """From one block on the wall clock is an hour ahead: times are found on both sides of that."""
    path = tmp_path / "a.rec"
    with record(server, path) as scope:
        run_jobs(server.address, MIX[:4], truth)
        wait_for(lambda: held(path) == 4, "they are written")
        run_jobs(server.address, MIX[:6], truth)
        scope.finish()
    data = path.read_bytes()
    found = recording.blocks(data)
    early = [b for b in found if b.ended + b.requests <= 4]
    jump = early[-1].last + found[0].wall_offset
    for b in found[len(early):]:
        b.wall_offset += 3600 * 10 ** 9
    changed = write(tmp_path / "b.rec", data[:56] + b"".join(b.bytes() for b in found))
    middle = utc(jump / 1e9 + 1800)
    assert summary(changed, "--to", middle)["requests"]["ok"] == 4
    assert summary(changed, "--from", middle)["requests"]["ok"] == 6
    rows = reqscope.parse_trace(report(changed, "--format", "trace")[0])
    assert [r["ts"] < middle for r in rows] == [True] * 4 + [False] * 6


def test_reboot(server, tmp_path):
    """The second file is of another boot, whose monotonic clock began anew: its wall clock places it."""
    folder = tmp_path / "ring"
    for n in (3, 4):
        recorded(server, Truth(), folder, "--keep", "1h", jobs=MIX[:n])
    first, second = (folder / n for n in ring_files(folder))
    data = second.read_bytes()
    found = recording.blocks(data)
    back = found[0].first - 10 ** 9
    before = summary(folder, quiet=False)
    moved = []
    for b in found:  # the payload's first number is the time that all others refer to
        raw = b.payload()
        value, used = 0, 0
        while True:
            byte = raw[4 + used]
            value |= (byte & 127) << 7 * used
            used += 1
            if byte < 128:
                break
        value -= back
        number = bytearray()
        while value >= 128:
            number.append(value & 127 | 128)
            value >>= 7
        number.append(value)
        text = int.from_bytes(raw[:4], "little") - used + len(number)
        raw = text.to_bytes(4, "little") + bytes(number) + raw[4 + used:]
        b.raw, b.body = len(raw), recording.zlib.compress(raw)
        b.first, b.last, b.wall_offset = b.first - back, b.last - back, b.wall_offset + back
        moved.append(b.bytes())
    write(second, recording.file_head(data, boot=b"another boot-id!") + b"".join(moved))
    after = summary(folder, quiet=False)
    assert after["requests"] == before["requests"] | {"rate": after["requests"]["rate"]}
    assert after["requests"]["ok"] == 7
    assert abs(after["window"]["seconds"] - before["window"]["seconds"]) < 0.001
    assert after["latency"]["total"] == before["latency"]["total"]
