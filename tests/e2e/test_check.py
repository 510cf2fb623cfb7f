# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`check`: states and exit codes against real servers, the plugin form of its output, and every way in which it
cannot begin. All of it is on stdout, as monitoring systems want it."""
import json
import os
import re
import signal
import subprocess

import jsonschema
import pytest

import reqscope
from client import Job, run_jobs
from servers import TOP, Stack, free_port, wait_for
from test_bad_input import check_text, public_binary, unprivileged  # noqa: F401 - a fixture

BPF = pytest.mark.usefixtures("bpf")
pytestmark = pytest.mark.usefixtures("binary")
OK, WARNING, CRITICAL, UNKNOWN = range(4)
NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
NUMBER = r"-?\d+(?:\.\d+)?"
RANGE = rf"(?:{NUMBER}:?(?:{NUMBER})?)?"
PERF = re.compile(rf"'([^'=]+)'=(U|{NUMBER})(s|%|)?;({RANGE});({RANGE});(0);(100|)")
WORDS = """owner = platform on call, #platform
expected = 20 ms
rollback = first this
rollback = then that
runbook = https://wiki.example/x
"""


@pytest.fixture
def ini(tmp_path):
    def write(text, name="check.ini"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return write


def parse_block(lines):
    """(state, message, {label: (value, warn, crit)}, details) of one check's output."""
    head, bar, perf = lines[0].partition(" | ")
    match = re.fullmatch(r"REQSCOPE (\w+) - (.+)", head)
    assert match and match[1] in NAMES, lines[0]
    assert not any("|" in line for line in (head, perf, *lines[1:])), lines
    found = {}
    if bar:
        parsed = list(PERF.finditer(perf))
        assert " ".join(m[0] for m in parsed) == perf, perf
        found = {m[1]: (None if m[2] == "U" else float(m[2]), m[4], m[5]) for m in parsed}
        assert len(found) == len(parsed)
    return NAMES.index(match[1]), match[2], found, lines[1:]


def blocks(out):
    """All checks of a run."""
    text = out.decode("utf-8")
    check_text(text)
    groups = []
    for line in text.splitlines():
        if line.startswith("REQSCOPE "):
            groups.append([])
        groups[-1].append(line)
    return [parse_block(g) for g in groups]


def one(done):
    """The only check of a run that has ended; its state is the exit code."""
    found = blocks(done.stdout)
    assert len(found) == 1, done
    assert found[0][0] == done.returncode, done
    return found[0]


def refused(*args, says, state=UNKNOWN, **kw):
    done = reqscope.run("check", *args, **kw)
    assert done.returncode == state, done
    got, message, perf, details = one(done)
    for word in (says,) if isinstance(says, str) else says:
        assert word in message, done
    assert not perf
    return details


class Watch(reqscope.Reqscope):
    """A check under way; `jobs` are asked once it has attached, `end` is told when they are answered."""

    def result(self, seconds=30):
        rc, out = self.wait(seconds)
        return subprocess.CompletedProcess(self.args, rc, out, self.stderr())


def check_during(server, truth, jobs, *args):
    """Checks while jobs are asked: interrupted when they are done, which ends the window."""
    with Watch("check", "-p", server.pid, "-d", 60, *args) as scope:
        run_jobs(server.address, jobs, truth)
        scope.proc.send_signal(signal.SIGINT)
        return scope.result()


# --- states

@BPF
def test_ok(server, truth, ini):
    path = ini("[all]\ncritical = p99 < 20s, error_rate < 1%\nwarning = rate > 0.01/s\n"
               "[items]\nroute = GET /items/*\ncritical = max < 20s\nmin_requests = 30\n" + WORDS)
    done = check_during(server, truth, [Job("GET", f"/items/{i}") for i in range(30)], "-c", path)
    state, message, perf, details = one(done)
    assert state == OK, done
    assert message.startswith("2 checks hold: 30 requests in ")
    assert set(perf) == {"all_p99", "all_error_rate", "all_rate", "items_max"}
    assert perf["all_error_rate"] == (0, "", "1")
    assert perf["all_rate"][1:] == ("0.01:", "") and perf["all_rate"][0] > 0
    worst = max(r.ms for r in truth.records) / 1000
    assert 0 < perf["items_max"][0] <= worst + reqscope.SLACK_MS / 1000
    assert [line.split()[0] for line in details] == ["OK", "OK"]


@BPF
def test_critical(server, truth, ini):
    path = ini("[fast]\nroute = /fast\nwarning = p99 < 20s\n[slow]\nroute = GET /sleep/*\nwarning = p50 < 10ms\n"
               "critical = p50 < 50ms\n" + WORDS)
    jobs = [Job("GET", "/sleep/80") for _ in range(8)] + [Job("GET", "/fast") for _ in range(8)]
    state, message, perf, details = one(check_during(server, truth, jobs, "-c", path))
    assert state == CRITICAL
    assert re.fullmatch(r"slow: p50 \d[\d.]+ m?s, expected < 50 ms \(1 of 2 checks failing\)", message)
    assert perf["slow_p50"][0] > 0.078 and perf["slow_p50"][1:] == ("0.01", "0.05")
    text = "\n".join(details)
    for words in ("measured  p50", "critical unless < 50 ms", "where     GET /sleep/{id}, ",
                  "owner     platform on call, #platform", "expected  20 ms",
                  "rollback  first this\n              then that", "runbook   https://wiki.example/x"):
        assert words in text, text


@BPF
def test_warning(server, truth, ini):
    path = ini("[errors]\nwarning = error_rate < 5%, client_error_rate <= 20%\ncritical = error_rate < 60%\n")
    jobs = [Job("GET", "/status/500") for _ in range(5)] + [Job("GET", "/status/404") for _ in range(2)]
    jobs += [Job("GET", "/fast") for _ in range(3)]
    state, message, perf, _ = one(check_during(server, truth, jobs, "-c", path))
    assert state == WARNING and "errors: error_rate 50 %, expected < 5 %" in message
    assert perf == {"errors_error_rate": (50, "5", "60"), "errors_client_error_rate": (20, "20", "")}


@BPF
def test_no_data(server, ini):
    """Nobody asked: latencies and shares are unknown, not 0; that nobody asked is known."""
    path = ini("[a]\ncritical = p99 < 1s, error_rate < 1%\n")
    state, message, perf, _ = one(reqscope.run("check", "-c", path, "-p", server.pid, "-d", "0.2"))
    assert state == UNKNOWN and "no request ended" in message
    assert perf == {"a_p99": (None, "", "1"), "a_error_rate": (None, "", "1")}
    path = ini("[a]\ncritical = rate > 1/s\n")
    state, message, perf, _ = one(reqscope.run("check", "-c", path, "-p", server.pid, "-d", "0.2"))
    assert state == CRITICAL and perf == {"a_rate": (0, "", "1:")}


@BPF
def test_too_few(server, truth, ini):
    path = ini("[a]\ncritical = p99 < 1us\nmin_requests = 6\n")
    few = check_during(server, truth, [Job("GET", "/fast")] * 5, "-c", path)
    assert one(few)[0] == UNKNOWN and b"fewer requests than min_requests" in few.stdout
    assert one(check_during(server, truth, [Job("GET", "/fast")] * 6, "-c", path))[0] == CRITICAL


@BPF
def test_stalls(server, truth, ini):
    """The loop is held up for 300 ms; how busy it was is known, too. Of the target, so also of a route nobody asked."""
    path = ini("[loop]\nroute = /none\nwarning = loop_stall < 200ms, loop_busy < 100%\n")
    with Watch("check", "-p", server.pid, "-d", 60, "-c", path) as scope:
        for asked in ("/fast", "/block/300", "/fast"):
            run_jobs(server.address, [Job("GET", asked)], truth)
        scope.proc.send_signal(signal.SIGINT)
        state, message, perf, _ = one(scope.result())
    assert state == WARNING and message.startswith("loop: loop_stall "), message
    _, held, after = truth.records
    assert held.path == "/block/300"
    assert 0.3 <= perf["loop_loop_stall"][0] <= (after.t1 - held.t0) / 1000  # it read the next one when it was over
    assert 0 < perf["loop_loop_busy"][0] <= 100


@BPF
def test_stalls_are_not_seen(server, ini):
    path = ini("[loop]\nwarning = loop_stall < 200ms, loop_busy < 90%\n")
    state, message, perf, _ = one(reqscope.run("check", "-c", path, "-p", server.pid, "-d", "0.1", "--insight", "off"))
    assert state == UNKNOWN and "no event loop could be watched" in message
    assert perf == {"loop_loop_stall": (None, "0.2", ""), "loop_loop_busy": (None, "90", "")}


@BPF
def test_hanging_request(server, connect, ini):
    """It never ends, so no latency tells of it; its age does, and where it hangs."""
    path = ini("[a]\ncritical = open_age < 50ms\nwarning = open < 1\n")
    conn = connect()
    with Watch("check", "-c", path, "-p", server.pid, "-d", "0.5") as scope:
        record = server.hang(conn)
        done = scope.result()
    server.leave(conn, record)
    state, message, perf, details = one(done)
    assert state == CRITICAL and perf["a_open"] == (1, "1", "")
    assert perf["a_open_age"][0] > 0.05
    assert any("where     GET /hang, open for" in line and "in app" in line for line in details)


# --- targets

@BPF
def test_target_that_is_not_there(ini):
    path, port = ini("[a]\nwarning = p99 < 1s\n"), free_port("127.0.0.1")
    refused("-c", path, "--port", port, state=CRITICAL, says=["nothing listens on port", str(port)])
    child = subprocess.Popen(["true"])
    child.wait()
    refused("-c", path, "-p", child.pid, state=CRITICAL, says=str(child.pid))
    child = subprocess.Popen(["sleep", "60"])
    try:
        refused("-c", path, "-p", child.pid, state=CRITICAL, says="is no server")
    finally:
        child.kill()
        child.wait()


@BPF
@pytest.mark.parametrize("every", [(), ("--every", "60")], ids=["once", "every"])
def test_target_that_goes(launch, truth, ini, every):
    server = launch(Stack(tag="check"))
    path = ini("[a]\nwarning = p99 < 20s\n")
    with Watch("check", "-c", path, "-p", server.pid, "-d", 60, *every) as scope:
        run_jobs(server.address, [Job("GET", "/fast")] * 5, truth)
        server.terminate()
        state, message, perf, details = one(scope.result())
    assert state == CRITICAL and "is down: " in message
    assert perf["a_p99"][0] > 0 and details[0].startswith("OK a: ")


@BPF
def test_port_that_goes(launch, ini):
    server = launch(Stack(tag="check"))
    path = ini("[a]\nwarning = rate >= 0.0001/s\n")
    with Watch("check", "-c", path, "--port", server.port, "-d", 60) as scope:
        server.terminate()
        scope.proc.send_signal(signal.SIGTERM)
        state, message, _, _ = one(scope.result())
    assert state == CRITICAL and " is down: " in message


# --- again and again

@BPF
def test_every(server, truth, ini):
    """Each check is of its own interval: what one saw is gone from the next."""
    path = ini("[a]\ncritical = error_rate < 1%\n")
    with Watch("check", "-c", path, "-p", server.pid, "--every", "0.5") as scope:
        run_jobs(server.address, [Job("GET", "/status/500") for _ in range(20)], truth)
        seen = scope.out.wait(lambda line: b"CRITICAL a" in line, 15)
        assert seen, scope.out.bytes()
        assert scope.out.wait(lambda line: b"UNKNOWN a" in line, 15), scope.out.bytes()
        before = len(truth.records)
        run_jobs(server.address, [Job("GET", "/fast") for _ in range(20)], truth)
        assert len(truth.records) == before + 20
        assert scope.out.wait(lambda line: line.startswith(b"OK a"), 15), scope.out.bytes()
        scope.proc.send_signal(signal.SIGTERM)
        rc, out = scope.wait()
    found = blocks(out)
    assert rc == found[-1][0]
    counts = [int(re.search(r"; (\d+) requests? in ", b[3][0])[1]) for b in found]
    assert sum(counts) == 40, out
    assert all(b[2]["a_error_rate"][0] in (None, 0, 100) or n > 20 for b, n in zip(found, counts))


@BPF
def test_every_for_a_while(server, ini):
    """-d ends it; the part that is left of an interval is not judged."""
    path = ini("[a]\nwarning = open < 100\n")
    done = reqscope.run("check", "-c", path, "-p", server.pid, "--every", "0.3", "-d", "1", "--format", "json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        jsonschema.validate(row, reqscope.schema("check.schema.json"))
    assert done.returncode == OK and 1 <= len(rows) <= 3
    assert all(r["window"]["seconds"] > 0.1 for r in rows)
    assert [r["window"]["start"] for r in rows] == sorted({r["window"]["start"] for r in rows})


@BPF
def test_reader_goes(server, ini):
    path = ini("[a]\nwarning = open < 100\n")
    reader, writer = os.pipe()
    with Watch("check", "-c", path, "-p", server.pid, "--every", "0.1", stdout=writer) as scope:
        os.close(writer)
        assert os.read(reader, 1)
        os.close(reader)
        wait_for(lambda: scope.proc.poll() is not None, "it ends", 10)
        assert scope.proc.returncode == OK, scope.stderr()


# --- JSON, files

@BPF
def test_json(server, truth, ini):
    path = ini("[a]\ncritical = p99 < 1us\nwarning = loop_stall < 1s, queue_share < 100%\n" + WORDS)
    done = check_during(server, truth, [Job("GET", "/fast")] * 10, "-c", path, "--format", "json", "--insight", "off")
    row = json.loads(done.stdout)
    jsonschema.validate(row, reqscope.schema("check.schema.json"))
    assert done.returncode == row["code"] == CRITICAL and row["state"] == "critical"
    assert row["message"].startswith("REQSCOPE CRITICAL - a: p99 ")
    assert row["target"]["pids"] == [server.pid] and row["target"]["ports"] == [server.port]
    check = row["checks"][0]
    assert check["requests"] == 10 and check["rollback"] == "first this\nthen that"
    by_metric = {c["metric"]: c for c in check["conditions"]}
    assert by_metric["p99"]["limit"] == 0.001 and by_metric["p99"]["value"] > 0.001
    assert "value" not in by_metric["loop_stall"] and by_metric["loop_stall"]["state"] == "unknown"
    assert 0 <= by_metric["queue_share"]["value"] < 1


@BPF
def test_json_problems(ini):
    port = free_port("127.0.0.1")
    for args, code in ((("-c", ini("[a]\nx = y\n")), UNKNOWN),
                       (("-c", ini("[a]\nwarning = p99 < 1s\n"), "--port", port), CRITICAL)):
        done = reqscope.run("check", "--format", "json", *args)
        row = json.loads(done.stdout)
        jsonschema.validate(row, reqscope.schema("check.schema.json"))
        assert done.returncode == row["code"] == code


@BPF
def test_output_file(server, ini, tmp_path):
    path, out = ini("[a]\nwarning = open < 100\n"), tmp_path / "out"
    done = reqscope.run("check", "-c", path, "-p", server.pid, "-d", "0.1", "-o", out)
    assert done.returncode == OK and done.stdout == b""
    assert blocks(out.read_bytes())[0][0] == OK
    assert out.stat().st_mode & 0o777 == 0o600
    refused("-c", path, "-p", server.pid, "-d", "0.1", "-o", out, says="exists; --force replaces it")


@BPF
def test_the_example(server):
    example = os.path.join(TOP, "docs", "examples", "check.ini")
    done = reqscope.run("check", "-c", example, "-p", server.pid, "-d", "0.1")
    assert one(done)[0] == CRITICAL  # nobody asks
    assert b"rate 0/s, expected > 0.1/s" in done.stdout


# --- what is wrong with the file or the command line

@pytest.mark.parametrize("text, says", [
    (b"[a]\n\nwarning = p99 < fast\n", ":3: p99 wants a duration such as 300ms, got \"fast\"; known units ns us ms s"),
    (b"[a]\nwarning = p99 < 1s\nonwer = x\n", ":3: unknown key \"onwer\"; did you mean owner?"),
    (b"[a]\nwarning = p99 < 1s\n[a]\n", ":3: section [a] is there twice"),
    (b"[a]\nwarning = p99 < 2s\ncritical = p99 < 1s\n", ":2: the warning \"p99 < 2 s\" can never show"),
    (b"[a]\nwarning = error_rate < 0%\n", ":2: \"error_rate < 0 %\" can never hold"),
    (b"[a]\r\nwarning = rate > 1\r\n", ":2: rate wants a rate such as 1/s, got \"1\""),
    (b"\xef\xbb\xbf[a]\nnonsense\n", ":2: expected \"key = value\""),
    (b"[a]\nwarning = p99 < 1s\nowner = \x00\n", ":3: a NUL byte"),
    (b"[a]\nowner = " + b"x" * 500, ":2: the line has 508 bytes"),
    (b"\x1b[31m = 1\n", ":1: \"\\x1b[31m\" stands before the first section"),
    (b"", ": no check in it"), (b"\n\n", ": no check in it"), (b"\x7fELF\x02\x01\x00", ":1: a NUL byte"),
], ids=lambda v: "" if isinstance(v, bytes) else re.sub(r"\W+", "-", v)[:30])
def test_bad_file(ini, text, says):
    refused("-c", ini(text), "-p", os.getpid(), says="check.ini" + says)


def test_unreadable_files(tmp_path, ini):
    refused("-c", tmp_path / "none", says=["cannot read", "No such file"])
    refused("-c", tmp_path, says=["cannot read", "Is a directory"])
    refused("-c", ini("[a]\n", "e|\x1bvil"), says="e\\x7c\\x1bvil:1: [a] has no condition")


def test_unreadable_for_us(public_binary, ini):  # noqa: F811
    path = ini("[a]\nwarning = p99 < 1s\n")
    path.chmod(0)
    done = unprivileged(public_binary, "check", "-c", path)
    assert done.returncode == UNKNOWN and b"REQSCOPE UNKNOWN - cannot read" in done.stdout, done


@pytest.mark.parametrize("args, says", [
    ((), "-c FILE"), (("-c",), "-c"), (("--frobnicate",), "--frobnicate"), (("-c", "x", "-p", "abc"), "abc"),
    (("-c", "x", "--every", "soon"), "soon"), (("-c", "x", "--slow", "5"), "--slow means nothing to 'check'"),
    (("-c", "x", "--format", "html"), "html"), (("-c", "x", "-p", str(os.getpid()), "--wait"), "--wait"),
    (("-c", "x", "--from", "-5m"), "--from and --to are of a recording"),
    (("-c", "x", "--every", "5", "x.rec"), "no --every"), (("-c", "x", "--port", "1", "x.rec"), "--port"),
    (("-c", "x", "x.rec", "y.rec"), "y.rec"),
])
def test_usage(args, says):
    refused(*args, says=says)


def test_help():
    done = reqscope.run("check", "--help")
    assert done.returncode == 0 and b"--every" in done.stdout and b"--config" in done.stdout


def test_no_root(server, public_binary, tmp_path_factory):  # noqa: F811
    path = os.path.join(os.path.dirname(public_binary), "check.ini")
    with open(path, "w") as f:
        f.write("[a]\nwarning = p99 < 1s\n")
    done = unprivileged(public_binary, "check", "-c", path, "-p", server.pid, "-d", "0.1")
    state, message, _, _ = one(done)
    assert state == UNKNOWN and "CAP_BPF" in message and "CAP_PERFMON" in message


@BPF
def test_hostile_paths(server, truth, ini):
    """Bytes of the wire reach the details; none of them reaches a terminal, and no '|' is made of them."""
    path = ini("[a]\ncritical = p50 < 1ns, client_error_rate <= 0%\n")
    jobs = [Job("GET", b"/a|b=9;1;2" + bytes([byte])) for byte in (0xff, 0x7f, 0x1b)]
    routes = ini("GET /a|b\n", "routes")
    with Watch("check", "-c", path, "-p", server.pid, "-d", 60, "--routes", routes) as scope:
        for job in jobs:
            try:
                run_jobs(server.address, [job], truth, threads=1)
            except (OSError, ValueError):  # refused by the server: as good
                pass
        run_jobs(server.address, [Job("GET", "/a|b")] * 10, truth)  # more 404s than the others: named as the cause
        scope.proc.send_signal(signal.SIGINT)
        done = scope.result()
    assert one(done)[0] == CRITICAL
    assert b"where     GET /a\\x7cb, 10 4xx of 10 requests" in done.stdout, done.stdout


# --- recordings

@pytest.fixture
def recording(server, truth, tmp_path, bpf):
    """30 answered requests of which 10 failed, and what the client knows of them."""
    path = tmp_path / "shop.rec"
    with reqscope.Reqscope("record", "-p", server.pid, "-o", path) as scope:
        run_jobs(server.address, [Job("GET", "/fast")] * 20 + [Job("GET", "/status/500")] * 10, truth)
        scope.finish()
    return path


def test_recording(recording, truth, ini):
    path = ini("[all]\nwarning = error_rate < 1%, rate > 0/s\ncritical = error_rate < 50%, max < 20s\n"
               "[fast]\nroute = /fast\ncritical = error_rate < 1%\n")
    state, message, perf, details = one(reqscope.run("check", "-c", path, recording))
    assert state == WARNING and "all: error_rate 33 %, expected < 1 %" in message
    assert perf["all_error_rate"][0] == pytest.approx(100 / 3, abs=1e-6) and perf["fast_error_rate"][0] == 0
    assert 0 < perf["all_max"][0] <= max(r.ms for r in truth.records) / 1000 + reqscope.SLACK_MS / 1000
    assert "30 requests in " in details[0] and "20 requests in " in details[-1]
    row = json.loads(reqscope.run("check", "-c", path, recording, "--format", "json").stdout)
    jsonschema.validate(row, reqscope.schema("check.schema.json"))
    assert row["code"] == WARNING and row["checks"][0]["requests"] == 30


def test_recordings_that_are_none(recording, ini, tmp_path):
    path = ini("[a]\nwarning = p99 < 1s\n")
    refused("-c", path, tmp_path / "none.rec", says="none.rec")
    refused("-c", path, path, says="check.ini")
    refused("-c", path, recording, "--from", "noon", says=["--from wants", "noon"])
    refused("-c", path, recording, "--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z",
            says="--to is not after the begin")
