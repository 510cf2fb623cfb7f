# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Summaries as one: what several runs counted together is what the clients did, exactly; what does not fit is
refused with a reason."""
import json
import os
import subprocess

import pytest

import reqscope
from client import Conn, Job, Truth, run_jobs
from servers import Stack

USAGE = 2
pytestmark = pytest.mark.usefixtures("bpf")


def watch(server, jobs, truth, *args):
    """The object that `summary` prints of these requests."""
    with reqscope.summary("-p", server.pid, *args) as run:
        run_jobs(server.address, jobs, truth)
        return run.finish()


def merge(*args, stdin=None):
    done = subprocess.run([reqscope.BINARY, "merge", *map(str, args)], input=stdin, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def refused(*args, says, stdin=None):
    done = subprocess.run([reqscope.BINARY, "merge", *map(str, args)], input=stdin, capture_output=True, timeout=30)
    said = done.stderr.decode()
    assert done.returncode == USAGE, said
    assert done.stdout == b""
    for word in says:
        assert word in said, said


def kept(tmp_path, name, out):
    path = tmp_path / name
    path.write_bytes(out)
    return path


def elsewhere(out, host):
    """The same as another host would have printed it."""
    s = json.loads(out)
    s["host"]["name"] = host
    return json.dumps(s).encode()


JOBS = [Job("GET", "/fast")] * 20 + [Job("GET", f"/items/{i}", "/items/{item_id}") for i in range(10)] + \
    [Job("GET", "/status/503", "/status/{code}")] * 2 + [Job("GET", "/sleep/20", "/sleep/{ms}")] * 3


@pytest.fixture(scope="module")
def runs(pool, routes_file):
    """Two summaries of one server one after the other, and of another one; the truth of all of them."""
    first, second = pool.get(Stack()), pool.get(Stack(loop="asyncio"))
    truth = Truth()
    outs = [watch(s, JOBS, truth, "--routes", routes_file) for s in (first, first, second)]
    return outs, truth


def test_counts(runs, tmp_path):
    outs, truth = runs
    paths = [kept(tmp_path, f"{i}.json", out) for i, out in enumerate(outs)]
    s = reqscope.parse_summary(merge("--format", "json", *paths))
    reqscope.check_counts(s, truth)
    each = [json.loads(out) for out in outs]
    for name in s["latency"]:
        total = [e["latency"][name] for e in each]
        assert s["latency"][name]["count"] == sum(d["count"] for d in total)
        exact = sum(round(d["sum"] * 1e6) for d in total)  # ns
        assert round(s["latency"][name]["sum"] * 1e6) == exact
        with_values = [d for d in total if d["count"]]
        if with_values:
            assert s["latency"][name]["max"] == max(d["max"] for d in with_values)
            assert s["latency"][name]["min"] == min(d["min"] for d in with_values)
    assert s["target"]["pids"] == sorted({p for e in each for p in e["target"]["pids"]})
    assert s["tracer"]["events"] == sum(e["tracer"]["events"] for e in each)
    assert s["window"]["start"] == min(e["window"]["start"] for e in each)
    assert {w["pid"]: w["requests"] for w in s["workers"]} == {
        pid: sum(w["requests"] for e in each for w in e["workers"] if w["pid"] == pid)
        for pid in {w["pid"] for e in each for w in e["workers"]}}


def test_any_order_and_grouping(runs, tmp_path):
    a, b, c = (kept(tmp_path, f"{i}.json", out) for i, out in enumerate(runs[0]))
    want = merge("--format", "json", a, b, c)
    assert merge("--format", "json", c, a, b) == want
    ab, bc = (kept(tmp_path, name, merge("--format", "json", *of)) for name, of in (("ab", (a, b)), ("bc", (c, b))))
    assert merge("--format", "json", ab, c) == want
    assert merge("--format", "json", a, bc) == want
    assert merge("--format", "json", "-", stdin=b"".join(runs[0])) == want  # one a line
    assert merge("--format", "json", a, "-", stdin=b"\n".join(runs[0][1:])) == want


def test_alone(runs, tmp_path):
    """A merge of one says the same of what it counts."""
    path = kept(tmp_path, "a.json", runs[0][0])
    got, want = json.loads(merge("--format", "json", path)), json.loads(runs[0][0])
    for s in got, want:
        s["routes"].sort(key=lambda r: (r["route"], r["method"]))  # of those that took as long any may be first
    assert got == want


def test_open(pool, truth, tmp_path):
    """A request that is open in one of them is open in all of them together."""
    server = pool.get(Stack(workers=2))
    conn = Conn(server.address, truth)
    with reqscope.summary("-p", server.pid) as run:
        record = server.hang(conn)
        first = run.finish()
    server.leave(conn, record)
    a, b = kept(tmp_path, "a.json", first), kept(tmp_path, "b.json", watch(server, JOBS, truth))
    s = reqscope.parse_summary(merge("--format", "json", a, b))
    assert s["requests"]["open"] == 1 and s["requests"]["ok"] == len(JOBS)
    wanted = json.loads(first)["open"]
    assert [(o["path"], o["age"], o["phase"], o["pid"]) for o in s["open"]] == [
        (o["path"], o["age"], o["phase"], o["pid"]) for o in wanted]
    assert len(s["workers"]) == 2 and sum(w["requests"] for w in s["workers"]) == len(JOBS)


def test_hosts(runs, tmp_path):
    """The same pid on two hosts is two workers."""
    out = runs[0][0]
    a, b = kept(tmp_path, "a", elsewhere(out, "web1")), kept(tmp_path, "b", elsewhere(out, "web2"))
    s = reqscope.parse_summary(merge("--format", "json", a, b))
    assert s["host"]["name"] == "web1, web2"
    assert [w["host"] for w in s["workers"] if w["requests"]] == ["web1", "web2"]
    assert s["requests"]["ok"] == 2 * json.loads(out)["requests"]["ok"]
    assert s["window"]["seconds"] == pytest.approx(json.loads(out)["window"]["seconds"], abs=2e-6)
    assert s["requests"]["rate"] == pytest.approx(70 / s["window"]["seconds"])
    assert [p["host"] for p in s["parts"]] == ["web1", "web2"]
    text = merge(a, b).decode()
    assert "web1" in text and "web2" in text and "70 began" in text


def test_verdict_by_options(runs, tmp_path):
    path = kept(tmp_path, "a.json", runs[0][0])
    assert merge(path).startswith(b"ERRORING")
    assert merge("--max-error-rate", "50%", path).startswith(b"UP")
    assert merge("--max-error-rate", "50%", "--slo-ms", "0.001", path).startswith(b"SLOW")


def test_output_file(runs, tmp_path):
    path, out = kept(tmp_path, "a.json", runs[0][0]), tmp_path / "out.json"
    assert merge("-o", out, "--format", "json", path) == b""
    assert os.stat(out).st_mode & 0o777 == 0o600
    assert json.loads(out.read_bytes())["requests"]["started"] == 35
    refused("-o", out, path, says=["out.json exists", "--force"])


# --- what is refused

def test_twice(runs, tmp_path):
    a = kept(tmp_path, "a.json", runs[0][0])
    copy, link = kept(tmp_path, "copy.json", runs[0][0]), tmp_path / "link.json"
    link.symlink_to(a)
    refused(a, a, says=["a.json: given twice"])
    refused(a, link, says=["link.json: given twice"])
    refused(a, copy, says=["a.json and", "copy.json both hold host", "would count twice"])
    ab = kept(tmp_path, "ab.json", merge("--format", "json", a, kept(tmp_path, "b.json", runs[0][1])))
    refused(ab, a, says=["ab.json and", "a.json both hold host"])
    refused("-", "-", stdin=runs[0][0], says=["standard input: given twice"])


def change(out, **new):
    s = json.loads(out)
    for path, value in new.items():
        at = s
        *way, last = path.split("__")
        for step in way:
            at = at[int(step) if step.isdigit() else step]
        at[last] = value
    return json.dumps(s).encode()


@pytest.mark.parametrize("new, says", [
    ({"schema": "reqscope.summary/2"}, 'schema: expected "reqscope.summary/1", got "reqscope.summary/2"'),
    ({"schema": "reqscope.trace/1"}, 'schema: expected "reqscope.summary/1"'),
    ({"latency__total__hist__scale": 4}, "latency.total.hist.scale: expected 5"),
    ({"latency__total__count": 1}, "latency.total: hist holds 35 durations, count says 1"),
    ({"requests__ok": -1}, "requests.ok: expected a whole number"),
    ({"requests__ok": 1}, "requests: carried + started is not what ended + open"),
    ({"requests__ok": "many"}, 'requests.ok: expected a whole number, below 2^53, got "many"'),
    ({"window__seconds": None}, "window.seconds: expected a number, 0 or more, got null"),
    ({"routes__0__count": 10**30}, "routes[0].count: expected a whole number"),
    ({"routes__0__route": "\u001b[31m\0"}, "routes[0].route: expected a string without NUL"),
    ({"routes_left_out": 3}, "routes_left_out: a line of a log"),
], ids=lambda v: next(iter(v)) if isinstance(v, dict) else "")
def test_refused(runs, tmp_path, new, says):
    bad = kept(tmp_path, "bad.json", change(runs[0][0], **new))
    refused(bad, says=["cannot merge", "bad.json", says])


def test_refused_files(runs, tmp_path):
    good = runs[0][0]
    refused(kept(tmp_path, "cut.json", good[:len(good) // 2]), says=["cut.json", "not valid JSON", "cut off"])
    refused(kept(tmp_path, "empty.json", b""), says=["empty.json: nothing in it"])
    refused(kept(tmp_path, "two.json", good + good[:100]), says=["two.json: object 2: not valid JSON"])
    refused(kept(tmp_path, "deep.json", b"[" * 100000), says=["deep.json", "within each other"])
    refused(tmp_path / "none.json", says=["none.json", "No such file"])
    refused(tmp_path, says=["Is a directory"])
    refused(says=["FILE"])
    twice = good.replace(b'"ok":', b'"ok":0,"ok":', 1)
    refused(kept(tmp_path, "twice.json", twice), says=["requests.ok: given twice"])
