# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which exception is behind an answer, and which line raised it: right or silent, never wrong."""
import contextlib
import itertools
import os
import threading
import unicodedata

import pytest

import insights
import reqscope
from client import Conn, Record, Truth, head_bytes, run_jobs
from servers import Stack, wait_for

pytestmark = pytest.mark.usefixtures("bpf")

CONNECTIONS = 50
MORE_KIB = 6 * 1024  # by which one run may need more memory than the one before, whoever looks


def total(stack):
    return 5000 if insights.LONG else 600 if stack.age == "debian" else 200


def seed():
    return int(os.environ.get("REQSCOPE_SEED", 1))


def traced(server, truth, jobs, *options):
    """The lines of a trace over all kinds, in an order of chance."""
    with reqscope.trace("-p", server.pid, *options) as scope:
        run_jobs(server.address, jobs, truth, threads=CONNECTIONS, seed=seed())
        return insights.ends(scope.finish())


def check(server, truth, n):
    kinds = insights.Kinds(server)
    alone = kinds.alone(server)
    record = insights.Record(server)
    rows = traced(server, truth, kinds.jobs(n))
    assert insights.statuses(truth) == alone, "the app answers as it does when nobody looks"
    assert len(rows) == len(truth.records), "a line for each request"
    counts = insights.check(rows, record, kinds, insights.exact(server))
    insights.tabled(server, "errors", counts.sum(kinds.of("told", "maybe")))
    unknown = [k for k in kinds.of("told", "maybe") if counts.kinds[k]["quiet"]]
    assert not unknown, f"the app did not write down what it raised: {unknown}"
    insights.tabled_kinds(server, counts, kinds.of("told", "maybe"))
    quiet = counts.sum(kinds.of("silent"))
    insights.tabled(server, "no error", {"right": quiet["quiet"], "wrong": quiet["wrong"]})
    assert not counts.wrong, f"{len(counts.wrong)} wrong:\n" + "\n".join(counts.wrong[:20])
    return kinds, counts


@pytest.mark.parametrize("stack", insights.STACKS, ids=str)
def test_errors(pool, truth, stack):
    server = pool.get(stack)
    kinds, counts = check(server, truth, total(stack))
    seen = kinds.of("told")
    missed = {k: dict(counts.kinds[k]) for k in seen if counts.share({k}) < 1}
    assert counts.share(seen) > 0.98, f"too little is told: {missed}"
    assert not [k for k in seen if counts.share({k}) == 0], f"of these nothing is told: {missed}"


@pytest.mark.parametrize("loop, http", insights.NATURAL)
def test_an_exception_that_is_always_there(launch, truth, loop, http):
    """The server was started while an exception was handled: it is behind no answer."""
    server = launch(Stack(loop=loop, http=http, app="insight:app", script="insight_ambient.py"))
    check(server, truth, 200)


@pytest.mark.parametrize("stack", insights.DEBIAN, ids=str)
def test_the_app_is_as_before(pool, stack):
    """The same requests without and with all that there is: the same answers, no more memory, nothing left open."""
    server = pool.get(stack)
    kinds = insights.Kinds(server)
    alone = kinds.alone(server)
    jobs, truth = kinds.jobs(200), Truth()
    run_jobs(server.address, jobs, Truth(), threads=CONNECTIONS)
    sizes = [insights.rss_kib(server.pid)]
    run_jobs(server.address, jobs, Truth(), threads=CONNECTIONS)
    sizes.append(insights.rss_kib(server.pid))
    fds = insights.quiet_fds(server.pid)
    traced(server, truth, jobs, "--insight", "full")
    sizes.append(insights.rss_kib(server.pid))
    assert insights.statuses(truth) == alone
    assert sizes[2] - sizes[1] < max(0, sizes[1] - sizes[0]) + MORE_KIB, sizes
    wait_for(lambda: insights.quiet_fds(server.pid) == fds, "as many files are open as before")
    with open(f"/proc/{server.pid}/status") as f:
        assert "TracerPid:\t0\n" in f.read()
    assert server.proc.poll() is None and server.ask("/") is not None


PIPELINE = ("/e/http_404", "/e/answered_404", "/e/custom", "/e/http_503", "/e/fine", "/e/answered_500", "/e/converted")


@pytest.mark.parametrize("stack", insights.DEBIAN, ids=str)
def test_one_behind_the_other(pool, stack):
    """Requests that are sent at once: each answer has its own exception. The third one ends the connection."""
    server = pool.get(stack)
    record = insights.Record(server)
    kinds = insights.Kinds(server)
    with reqscope.trace("-p", server.pid) as scope:
        for number in range(20):
            for wanted in (PIPELINE[:3], PIPELINE[:2] + PIPELINE[3:]):
                with Conn(server.address, Truth()) as conn:
                    conn.sock.sendall(b"".join(head_bytes("GET", f"{kind}/{number}{len(wanted)}") for kind in wanted))
                    for kind in wanted:
                        conn.finish(Record("GET", kind))
        rows = insights.ends(scope.finish())
    assert len(rows) == 20 * (3 + 6)
    counts = insights.check(rows, record, kinds, insights.exact(server))
    insights.tabled(server, "pipelined", counts.sum())
    assert not counts.wrong, counts.wrong
    assert counts.share(kinds.of("told")) > 0.5, dict(counts.kinds)


@pytest.mark.parametrize("how", (("trace",), ("trace", "--format", "json"), ("summary", "-d", "60"),
                                 ("summary", "-d", "60", "--format", "json")), ids=" ".join)
def test_a_hostile_name(pool, how):
    """What an application calls its exceptions moves no cursor and ends no line."""
    server = pool.get(insights.DEBIAN[1])
    with reqscope.Reqscope(*how, "-p", server.pid) as scope:
        with Conn(server.address, Truth()) as conn:
            assert conn.get("/hostile").status == 500
        told = scope.finish().decode("utf-8")
    assert "Evil" in told and "hostile" in told
    unsafe = [c for c in told if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp"))]
    assert not unsafe, told
    assert not [line for line in told.splitlines() if line.startswith("Name")]


def some(address, number):
    """Two errors and two that are none."""
    for kind in ("nested", "http_404", "answered_500", "fine"):
        with Conn(address, Truth()) as conn:
            conn.get(f"/e/{kind}/{number}")


def judged(server, out):
    return insights.check(insights.ends(out), insights.Record(server), insights.Kinds(server), True)


def test_every_worker(launch):
    server = launch(Stack(app="insight:app", workers=2))
    numbers = iter(range(1000000))
    with reqscope.trace("-p", server.pid) as scope:
        def both():
            some(server.address, next(numbers))
            return len({row["pid"] for row in insights.ends(scope.out.bytes()) if "error_type" in row}) == 2

        wait_for(both, "an error of each worker is told")
        counts = judged(server, scope.finish())
    assert not counts.wrong and counts.sum()["silent"] == 0, dict(counts.kinds)


def test_a_worker_that_comes_later(launch):
    server = launch(Stack(app="insight:app"))
    numbers = iter(range(1000000))
    with reqscope.trace("--port", server.port) as scope:
        server.terminate()
        again = launch(Stack(app="insight:app", tag="again"), port=server.port)

        def known():
            some(again.address, next(numbers))
            return any(row["pid"] == again.pid and "error_type" in row for row in insights.ends(scope.out.bytes()))

        wait_for(known, "the new process's errors are told")
        out = scope.finish()
    assert not judged(again, out).wrong


def matching(rows, truth, exact):
    """(counted, rows that are nowhere in the truth or more often): rows of a summary, lines of the app."""
    def same(row, t):
        return row["type"] == t["type"] and insights.may_be(row.get("where"), t["where"], exact) and \
            insights.may_be(row.get("app"), t["own"], exact)

    known = [(row, sum(same(row, t) for t in truth)) for row in rows]
    return sum(row["count"] for row in rows), [(row, n) for row, n in known if row["count"] > n]


def logged(server, since):
    """Tracebacks in its log from `since` on, of the kind that has the fewest: they come after the app's own record."""
    with open(server.log, "rb") as f:
        f.seek(since)
        text = f.read()
    return min(text.count(mark) for mark in (b", in work\n", b", in parts\n", b'background.py"'))


@pytest.mark.parametrize("stack", insights.SOME, ids=str)
def test_in_the_summary(pool, truth, stack):
    """Errors by status and place, of a route and of all; those of no request apart from them."""
    server = pool.get(stack)
    kinds = insights.Kinds(server)
    kinds.alone(server)
    record = insights.Record(server)
    before = {event: len(record.rows(event)) for event in ("error", "background", "left")}
    since = os.path.getsize(server.log)
    with reqscope.summary("-p", server.pid) as scope:
        run_jobs(server.address, kinds.jobs(2 * len(kinds)), truth, threads=CONNECTIONS, seed=seed())
        wait_for(lambda: len(record.rows("background")) - before["background"] == 2 * 4, "what comes after the answers")
        wait_for(lambda: logged(server, since) >= 2, "its tracebacks are logged")
        s = reqscope.parse_summary(scope.finish())
    errors, background = (record.rows(e)[before[e]:] for e in ("error", "background"))
    exact = insights.exact(server)
    by_route, wrong = 0, []
    for route in s["routes"]:
        mine = [t for t in errors if insights.kind_of(t["path"]) == insights.kind_of(route["route"])]
        told, bad = matching(route["errors"], mine, exact)
        by_route += told
        wrong += bad
    listed, bad = matching(s["errors"], errors, exact)
    wrong += bad
    assert not wrong, wrong
    all_told = listed + s.get("errors_other", 0)
    assert by_route <= all_told
    assert all_told > 0.98 * 2 * len(kinds.of("told"))
    # What uvicorn has in its hands after the answer; the framework may have put it into a group.
    left = [t for t in record.rows("left")[before["left"]:] if insights.kind_of(t["path"]) not in kinds.of("told")]
    told, wrong = matching(s["background_errors"], background + left, exact)
    insights.tabled(server, "background", {"right": told - sum(r["count"] for r, _ in wrong),
                                           "silent": max(0, len(background) - told),
                                           "wrong": sum(r["count"] for r, _ in wrong)})
    assert not wrong, wrong
    seen = [t for t in background if insights.kind_of(t["path"]) != "/e/in_lost_task"]  # logged when it is over
    assert told == len(seen) == 2 * 3, "each that is logged while it is handled is told, and once"


@contextlib.contextmanager
def failures(server, clients=8):
    """Clients that never pause, and are answered with 500; gives what waits until they have n more answers."""
    stopping, answers, faults = threading.Event(), itertools.count(1), []
    last = [0]

    def work(number):
        try:
            while not stopping.is_set():
                with Conn(server.address, Truth()) as conn:
                    assert conn.get(f"/e/nested/{number}").status == 500
                last[0] = next(answers)
        except Exception as e:  # noqa: BLE001 - told to the test
            faults.append(e)

    def more(n):
        wanted = last[0] + n
        wait_for(lambda: faults or last[0] >= wanted, f"{n} more answers")
        assert not faults, faults

    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    try:
        yield more
    finally:
        stopping.set()
        for t in threads:
            t.join()


@pytest.mark.parametrize("stack", insights.DEBIAN, ids=str)
def test_in_the_middle_of_failures(pool, stack):
    """The traceback of an answer that was written before tracing began, or is written when it has ended, or of a
    request from before, is not one of no request."""
    told = 0
    server = pool.get(stack)
    with failures(server) as more:
        for _ in range(10):
            more(8)
            with reqscope.summary("-p", server.pid) as scope:
                more(80)
                s = reqscope.parse_summary(scope.finish())
            assert s["background_errors"] == []
            told += sum(row["count"] for row in s["errors"])
    assert told > 0, s["tracer"]["features"]
