# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the interpreter told is in a recording: a report says of exceptions and of the event loop what the log of
the same run did, and so do its lines; the pages and a slice of it have it too."""
import json

import pytest

import reqscope
from client import Job, Truth, run_jobs

pytestmark = pytest.mark.usefixtures("bpf")
JOBS = ([Job("GET", "/fast")] * 6 + [Job("GET", "/status/500"), Job("GET", "/status/404"), Job("GET", "/block/60")]) * 8
TOLD = ("errors", "background_errors", "loop")
OF_LINES = ("error_type", "error_where", "error_app", "stall", "stall_where", "stall_kind", "gil_wait", "gc")


def report(path, *options):
    done = reqscope.run("report", path, *options)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return done.stdout


def rows_of(text):
    return [json.loads(line) for line in text.decode().splitlines()]


@pytest.fixture
def run(server, tmp_path):
    """A recording, and the rows of its log: requests, and the one summary at the end."""
    path, log = tmp_path / "a.rec", tmp_path / "log"
    with reqscope.Reqscope("record", "-p", server.pid, "-o", path, "--log", log, "--log-interval", 600,
                           "--stall-ms", 20) as scope:
        run_jobs(server.address, JOBS, Truth(), threads=4)
        scope.finish()
    rows = rows_of(log.read_bytes())
    summaries = [r for r in rows if r["schema"] == "reqscope.summary/1"]
    assert len(summaries) == 1
    return path, [r for r in rows if r["schema"] == "reqscope.trace/1"], summaries[0]


def test_the_same(run):
    path, rows, logged = run
    s = reqscope.parse_summary(report(path, "--format", "json"))
    for summary in (s, logged):
        summary["loop"].pop("held", None)  # of the last state, and of the log's last moment
    for name in TOLD:
        assert s.get(name) == logged.get(name), name
    for name in ("gil_wait", "gc"):
        assert s["saturation"].get(name) == logged["saturation"].get(name), name
    assert [r.get("errors") for r in s["routes"]] == [r.get("errors") for r in logged["routes"]]
    assert s["loop"]["watched"] > 0 and 0 <= s["loop"]["busy"] <= 1
    assert sum(e["total"] for e in s["loop"]["stalls"]) >= 4 * 60  # of 8 times 60 ms; some may be in one stretch
    assert any("block" in e.get("where", "") for e in s["loop"]["stalls"])
    lines = reqscope.parse_trace(report(path, "--format", "trace"))
    assert [{k: r.get(k) for k in OF_LINES} for r in lines] == [{k: r.get(k) for k in OF_LINES} for r in rows]
    assert any("stall_where" in r for r in lines)
    for r in lines:
        assert r.get("stall", 0) <= r["queue"] + 0.001, r


def test_in_words_and_on_the_page(run):
    path, _, _ = run
    text = report(path).decode()
    assert "\nloop      busy " in text and "\nevent loop held up by" in text and "block" in text
    page = report(path, "--format", "html").decode()
    assert "<h2 id=\"loop\">Event loop</h2>" in page and "of the time busy" in page


def test_slices_add_up(run):
    """A stall and a loop's time are in one slice alone."""
    path, _, _ = run
    whole = reqscope.parse_summary(report(path, "--format", "json"))["loop"]
    parts = [reqscope.parse_summary(report(path, "--format", "json", *options))["loop"]
             for options in (("--to", "+300ms"), ("--from", "+300ms"))]
    for name in ("count", "total"):
        assert sum(e[name] for p in parts for e in p.get("stalls", [])) == \
            pytest.approx(sum(e[name] for e in whole["stalls"]))
    assert sum(p.get("watched") or 0 for p in parts) == pytest.approx(whole["watched"])
