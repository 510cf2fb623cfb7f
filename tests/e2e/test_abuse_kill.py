# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""reqscope is killed at any moment; so are its targets and their workers. Nothing is left behind, the service goes
on, and what is told of it adds up."""
import os
import random
import signal
import time

import pytest

import abuse
import reqscope
from abuse import Leftovers, Load, changed_text
from client import Conn, Job, Truth, run_jobs
from pythons import LONG
from servers import Server, Stack, wait_for

pytestmark = pytest.mark.usefixtures("bpf")
KILLS = 150 if LONG else 6
RESTARTS = 50


def verbs(tmp_path):
    return (("trace", "--format", "json", "--insight", "full"),
            ("summary", "--insight", "full", "-d", 60),
            ("record", "--insight", "full", "-o", tmp_path / "a.rec", "--force"),
            ("record", "--keep", "1h", "-o", tmp_path / "ring", "--log", tmp_path / "log"))


@pytest.mark.parametrize("loop, http", [("uvloop", "httptools"), ("asyncio", "h11")], ids=("uvloop", "asyncio"))
def test_killed_at_any_moment(launch, tmp_path, loop, http):
    """While it loads, attaches, reads the interpreter, traces: no program, map, link or pin is left, no breakpoint
    in the interpreter, no process; every answer is right meanwhile. And then another run is exact."""
    server = launch(Stack(loop=loop, http=http))
    at, rng, left = [], random.Random(os.getpid()), Leftovers()
    assert not changed_text(server.pid)
    with Load(server.address) as load:
        load.wait_more(50)
        for i in range(KILLS):
            verb, *options = verbs(tmp_path)[i % 4]
            with reqscope.Reqscope(verb, *options, "-p", server.pid, attach=False) as scope:
                at.append(rng.uniform(0, 0.8))
                time.sleep(at[-1])  # the shape of this test
                assert scope.proc.poll() is None, (at, scope.stderr())
                scope.proc.kill()
                scope.proc.wait()
            load.wait_more(20)
        left.check_none()
    load.check(KILLS * 20)
    assert not changed_text(server.pid), at
    truth = Truth()
    with reqscope.summary("-p", server.pid) as scope:
        run_jobs(server.address, [Job("GET", f"/items/{n}", "/items/{id}") for n in range(50)], truth)
        s = reqscope.parse_summary(scope.finish())
    reqscope.check_counts(s, truth)


def test_killed_with_probes(launch):
    """Killed when probes are surely there: they are gone before anybody waits for it, and so is every object that
    it held."""
    server = launch(Stack())
    with reqscope.trace("-p", server.pid, "--insight", "full") as scope:
        mine = abuse.held([scope.pid])
        assert {kind for kind, _ in mine} == set(abuse.KINDS)
        probes = changed_text(server.pid)
        assert probes, "no probe is in the interpreter: this test shows nothing"
        scope.proc.kill()
        scope.proc.wait()
    wait_for(lambda: not changed_text(server.pid), "the probes go", 10)
    wait_for(lambda: not mine & abuse.loaded(), "the programs, maps and links go", 10)
    with Conn(server.address, Truth()) as conn:
        assert conn.get("/boom").status == 500


def parts(s):
    return {k: s["requests"][k] for k in (*reqscope.ENDS, "started", "open", "not_http")}


def test_target_killed(launch):
    """Under load. What was open is server_closed or unknown, the ledger adds up, the verdict is down."""
    server = launch(Stack())
    with reqscope.summary("-p", server.pid, "--insight", "full") as scope:
        with Load(server.address, 6, may_end=True) as load:
            load.wait_more(300)
            server.kill()
        rc, out = scope.wait(20)
        assert rc in (0, 1), scope.stderr()
        s = reqscope.parse_summary(out)
    load.check(300)
    check_ended(s, load)
    assert s["verdict"]["state"] == "down", s["verdict"]


def check_ended(s, load):
    """The ledger against the clients' after processes were killed. What a client sent to a socket that was being
    closed never came in: it counts for the client only."""
    r, truth = parts(s), load.truth
    answered, cut = len(truth.ends("ok")), len([x for x in truth.records if x.end == "server_closed"])
    assert s["tracer"]["dropped"] == 0 and r["not_http"] == r["open"] == r["upgraded"] == r["client_closed"] == 0, r
    # Answered, but the client had it not yet when the connection was reset: ok of ours, cut of the client's.
    early = r["ok"] - answered
    assert 0 <= early <= cut and early + r["server_closed"] + r["unknown"] <= cut, (r, answered, cut)
    for code, n in truth.codes().items():
        assert n <= s["codes"][code] <= n + early, (s["codes"], truth.codes())


def test_worker_killed(launch):
    """One of two, under load: the other's requests all count, and its own are cut."""
    server = launch(Stack(workers=2, server="gunicorn"))
    with reqscope.summary("-p", server.pid, "--insight", "full") as scope:
        with Load(server.address, 6, may_end=True) as load:
            load.wait_more(200)
            victim = server.serving_pid()
            old = set(server.worker_pids())
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: set(server.worker_pids()) - old, "another worker takes its place")
            load.wait_more(200)
            asked = wait_for(lambda: {server.serving_pid()} - old - {0}, "it serves")
        s = reqscope.parse_summary(scope.finish())
    load.check(400)
    assert asked
    mine = load.truth
    r = parts(s)
    ours = sum(s["codes"].values())
    assert s["tracer"]["dropped"] == 0 and r["not_http"] == r["client_closed"] == 0, r
    assert r["server_closed"] + r["unknown"] <= 6, r
    assert len(mine.ends("ok")) <= ours, (r, len(mine.ends("ok")))
    items = {(x["method"], x["route"]): x["count"] for x in s["routes"]}["GET", "/items/{id}"]
    theirs = [x for x in mine.records if x.route == "/items/{id}"]
    assert len([x for x in theirs if x.end == "ok"]) <= items <= len(theirs)


class Preloaded(Server):
    """gunicorn that imports the app before it forks: a new worker is there at once."""

    def _gunicorn(self, host):
        return [*super()._gunicorn(host), "--preload"]


def test_fifty_restarts(launch):
    """In a row, under load: each new worker's requests are counted, each cut one is cut; memory stays."""
    server = Preloaded(Stack(workers=2, server="gunicorn"))
    seen, sizes = set(), []
    try:
        with reqscope.summary("-p", server.pid, "--insight", "full") as scope:
            with Load(server.address, 3, may_end=True) as load:
                for n in range(RESTARTS):
                    old = wait_for(lambda: len(p := server.worker_pids()) == 2 and p, "two workers")
                    os.kill(old[n % 2], signal.SIGKILL)
                    seen |= set(old)
                    wait_for(lambda: len(set(server.worker_pids()) - {old[n % 2]}) == 2, "a new one")
                    load.wait_more(5)
                    sizes.append(abuse.rss_kib(scope.pid))
            # reading a new worker's files takes some for a moment: with two workers it keeps less
            wait_for(lambda: sizes.append(abuse.rss_kib(scope.pid)) or sizes[-1] < 8192,
                     lambda: f"its memory goes back: {sizes}")
            s = reqscope.parse_summary(scope.finish())
    finally:
        server.stop()
    load.check(RESTARTS * 3)
    check_ended(s, load)
    assert len(seen) >= RESTARTS and max(sizes) < 24576, sizes
