# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`diff`: what a person changed in a real service is found and said, by the exit code too; what cannot be
compared is refused. How often it cries wolf is measured by tests/unit/test_compare.c."""
import json
import os

import jsonschema
import pytest

import reqscope
from client import Job, Truth, run_jobs
from servers import Stack

pytestmark = pytest.mark.usefixtures("bpf")
N = 600  # requests of the route that changes


def jobs(ms, errors=0):
    """A mix: all requests of one route take `ms`, some of another fail."""
    return [Job("GET", f"/sleep/{ms}", "/sleep/{id}") for _ in range(N)] + \
        [Job("GET", f"/status/{500 if i < errors else 200}", "/status/{id}") for i in range(200)]


def record(server, path, mix, *args):
    truth = Truth()
    with reqscope.Reqscope("record", "-p", server.pid, "-o", path, *args) as scope:
        run_jobs(server.address, mix, truth, threads=8)
        scope.finish()
    return truth


def summarise(server, path, mix):
    with reqscope.summary("-p", server.pid) as scope:
        run_jobs(server.address, mix, Truth(), threads=8)
        path.write_bytes(scope.finish())


@pytest.fixture(scope="module")
def files(server, bpf, tmp_path_factory):
    """Recordings and summaries of the same service, as it was and as it is."""
    where = tmp_path_factory.mktemp("diff")
    record(server, where / "quick.rec", jobs(5))
    record(server, where / "slow.rec", jobs(60))
    record(server, where / "failing.rec", jobs(5, errors=100))
    record(server, where / "other.rec", [Job("GET", "/fast") for _ in range(40)])
    record(server, where / "ring", jobs(60), "--keep", "1h")
    summarise(server, where / "quick.json", jobs(5))
    summarise(server, where / "slow.json", jobs(60))
    return where


def diff(*args, code=None):
    """What diff says, as JSON, checked: the schema, and that the exit code agrees."""
    done = reqscope.run("diff", "--format", "json", *args)
    assert done.stderr == b"", done.stderr
    d = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == 1
    jsonschema.validate(d, reqscope.schema("diff.schema.json"))
    assert done.returncode == (d["verdict"]["state"] == "worse")
    if code is not None:
        assert done.returncode == code, d["verdict"]
    rows = [d["all"], *d["routes"]]
    assert any(r["worse"] for r in rows) == (d["verdict"]["state"] == "worse")
    return d


def route(d, name):
    return next(r for r in d["routes"] if r["route"] == name)


def test_a_recording_with_itself(files):
    """Nothing changed, and it says so."""
    d = diff(files / "quick.rec", files / "quick.rec", code=0)
    assert d["verdict"]["state"] == "unchanged"
    assert not any(m["beyond"] for r in (d["all"], *d["routes"]) for m in r.values() if isinstance(m, dict) and "p" in m)
    assert route(d, "/sleep/{id}")["requests"] == {"before": N, "after": N}
    assert d["basis"]["ordered"] and not d["deploy"]


def test_a_slower_route(files):
    d = diff(files / "quick.rec", files / "slow.rec", code=1)
    slower = route(d, "/sleep/{id}")
    assert slower["p50"]["worse"] and slower["app"]["worse"] and slower["p50"]["p"] < d["basis"]["level"]
    assert slower["p50"]["before"] >= 5 and slower["p50"]["after"] >= 59  # at the least what it slept
    assert slower["p50"]["change"] == pytest.approx(slower["p50"]["after"] / slower["p50"]["before"] - 1)
    assert slower["text"].startswith("GET /sleep/{id}: ") and "beyond noise; errors unchanged" in slower["text"]
    assert d["routes"][0] == slower, "the most changed first"


def test_a_quicker_route_is_not_worse(files):
    d = diff(files / "slow.rec", files / "quick.rec")
    quicker = route(d, "/sleep/{id}")
    assert quicker["p50"]["beyond"] and not quicker["p50"]["worse"]
    assert not quicker["app"]["worse"]


def test_more_errors(files):
    d = diff(files / "quick.rec", files / "failing.rec", code=1)
    failing = route(d, "/status/{id}")
    assert failing["errors"]["before"] == 0 and failing["errors"]["after"] == 0.5
    assert failing["errors"]["worse"]
    assert "errors 0 -> 50 %, beyond noise" in failing["text"]


def test_the_folder_of_a_flight_recorder(files):
    d = diff(files / "quick.rec", files / "ring", code=1)
    assert route(d, "/sleep/{id}")["requests"]["after"] == N
    assert route(d, "/sleep/{id}")["p50"]["worse"]


@pytest.mark.parametrize("before, after", [("quick.json", "slow.json"), ("quick.rec", "slow.json"),
                                           ("quick.json", "slow.rec")])
def test_summaries(files, before, after):
    """They hold no order in time: more is needed, and it is said on what the verdict rests."""
    d = diff(files / before, files / after, code=1)
    assert not d["basis"]["ordered"] and d["basis"]["text"].startswith("rests on counts alone")
    assert route(d, "/sleep/{id}")["p50"]["worse"]
    assert {d["before"]["kind"], d["after"]["kind"]} == \
        {"summary" if n.endswith("json") else "recording" for n in (before, after)}


def test_a_slice_and_a_route(files):
    d = diff("--route", "/sleep/*", files / "quick.rec", files / "slow.rec", code=1)
    assert [r["route"] for r in d["routes"]] == ["/sleep/{id}"]
    assert d["all"]["requests"] == {"before": N, "after": N}


def test_a_minimum_effect(files):
    """More than twice as slow is more than any minimum that can be asked for."""
    d = diff("--min-effect", "1", "--level", "0.1%", files / "quick.rec", files / "slow.rec", code=1)
    assert d["basis"]["level"] == 0.001 and d["basis"]["min_effect"] == 1
    assert route(d, "/sleep/{id}")["p50"]["worse"]


def test_text(files, tmp_path):
    done = reqscope.run("diff", files / "quick.rec", files / "slow.rec")
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("worse: ") and "beyond noise" in lines[0]
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert b"\x1b" not in done.stdout
    assert lines[1].startswith("before ") and lines[2].startswith("after ")
    whole = " ".join(" ".join(lines).split())
    assert "GET /sleep/{id}: " in whole and "errors unchanged" in whole
    assert "rests on batches of requests in the order of time" in whole
    out = tmp_path / "out.txt"
    assert reqscope.run("diff", files / "quick.rec", files / "slow.rec", "-o", out).returncode == 1
    assert out.read_bytes() == done.stdout and out.stat().st_mode & 0o777 == 0o600


def test_the_two_sides_of_a_deploy(launch, truth, tmp_path):
    """One recording over a restart: before and after it."""
    path, old = tmp_path / "deploy.rec", launch(Stack(tag="old"))
    with reqscope.Reqscope("record", "--port", old.port, "-o", path) as scope:
        run_jobs(old.address, jobs(5), truth, threads=8)
        old.stop()
        new = launch(Stack(tag="new"), port=old.port)
        run_jobs(new.address, jobs(60), truth, threads=8)
        scope.finish()
    d = diff(path, code=1)
    assert d["deploy"] and d["before"]["source"] == d["after"]["source"] == str(path)
    slower = route(d, "/sleep/{id}")
    assert slower["requests"] == {"before": N, "after": N}
    assert slower["p50"]["worse"] and slower["p50"]["before"] >= 5 and slower["p50"]["after"] >= 59


# --- what cannot be compared

def refused(*args, says):
    """An error is 2 and up, never 0 or 1, and says what is wrong; nothing on stdout."""
    done = reqscope.run("diff", *args)
    err = done.stderr.decode()
    assert done.returncode >= 2, (done.returncode, err)
    assert done.stdout == b""
    assert err.startswith("reqscope: ") and says in err, err


def test_foreign_files(files, tmp_path):
    good = files / "quick.rec"
    for name, content in (("empty", b""), ("noise", os.urandom(5000)), ("text", b"hello\n"), ("nul", b"\0" * 100)):
        (tmp_path / name).write_bytes(content)
        refused(good, tmp_path / name, says="neither a recording")
        refused(tmp_path / name, good, says="neither a recording")
    (tmp_path / "object").write_text('{"schema": "something else/1"}\n')
    refused(good, tmp_path / "object", says="object")
    (tmp_path / "cut").write_bytes((files / "quick.json").read_bytes()[:-100])
    refused(files / "slow.json", tmp_path / "cut", says="cut")
    refused(good, tmp_path / "missing", says="No such file")
    (tmp_path / "folder").mkdir()
    refused(good, tmp_path / "folder", says="folder")


def test_a_cut_recording_is_read_as_far_as_it_goes(files, tmp_path):
    (tmp_path / "cut.rec").write_bytes((files / "slow.rec").read_bytes()[:-20])
    done = reqscope.run("diff", "--format", "json", files / "quick.rec", tmp_path / "cut.rec")
    assert b"cut.rec" in done.stderr
    assert done.returncode in (0, 1, 2)
    if done.returncode < 2:
        jsonschema.validate(json.loads(done.stdout), reqscope.schema("diff.schema.json"))


def test_nothing_in_common(files):
    refused(files / "quick.rec", files / "other.rec", says="no route in common")
    refused("--route", "/nowhere", files / "quick.rec", files / "slow.rec", says="no request")


def test_no_deploy(files):
    refused(files / "quick.rec", says="no deploy")
    refused(files / "quick.json", says="no recording")


def test_usage(files, tmp_path):
    good = files / "quick.rec"
    refused(says="wants A [B]")
    refused(good, good, good, says="reqscope: ")
    refused("--level", "0", good, good, says="--level")
    refused("--min-effect", "x", good, good, says="--min-effect")
    refused("--from", "+1s", files / "quick.json", files / "slow.json", says="no recording")
    (tmp_path / "there").write_text("")
    refused(good, good, "-o", tmp_path / "there", says="there")
