# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Who holds the event loop up, for how long, and who waits for it: held against the app's own clock."""
import collections
import dataclasses
import json
import threading

import pytest

import insights
import reqscope
from client import Conn, Truth
from servers import wait_for

pytestmark = pytest.mark.usefixtures("bpf")

CONNECTIONS = 50
STALL_MS = 150  # beyond what a busy machine makes of a turn of the loop
MS = 350
HOW = {"sleep": "syscall", "blocking_socket": "syscall", "socket_with_timeout": "syscall",
       "waits_for_lock": "syscall", "cpu": "cpu", "regex": "cpu"}
CALLS = {"sleep": {"clock_nanosleep", "select", "pselect6"}, "blocking_socket": {"recvfrom"},
         "socket_with_timeout": {"poll", "ppoll"}, "waits_for_lock": {"futex"}}
STACKS = [dataclasses.replace(s, app="insight_loop:app") for s in insights.SOME]
DEBIAN = [s for s in STACKS if s.age == "debian"]


class Load:
    """Connections that ask for /fast/N, each N once, with a pause between two requests."""

    def __init__(self, server, connections=CONNECTIONS, pause=0.1):
        self.server, self.pause = server, pause
        self.truth = Truth()
        self.stop, self.faults = threading.Event(), []
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(connections)]

    def work(self, number):
        try:
            with Conn(self.server.address, self.truth, timeout=60) as conn:
                n = number * 1000000
                while not self.stop.is_set():
                    assert conn.get(f"/fast/{n}").status == 200
                    n += 1
                    self.stop.wait(self.pause)
        except Exception as e:  # noqa: BLE001 - told to the test
            self.faults.append(e)

    def answered(self):
        return len(self.truth.ends("ok"))

    def more(self, n):
        """Waits until n more were answered."""
        wanted = self.answered() + n
        wait_for(lambda: self.faults or self.answered() >= wanted, f"{n} more requests are answered", 60)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()
        if self.faults and not _[0]:
            raise self.faults[0]


def places(server):
    return json.loads(server.ask("/"))["places"]


def get(server, path):
    with Conn(server.address, Truth(), timeout=60) as conn:
        assert conn.get(path).status == 200


def summary(server, run, *options):
    """A summary of what happens while run() does."""
    with reqscope.summary("-p", server.pid, "--stall-ms", STALL_MS, *options) as scope:
        run()
        return reqscope.parse_summary(scope.finish())


def hold_up(server, kinds, times):
    """Each kind so many times, under load; returns the load and what the app says of its stretches, by kind."""
    record = insights.Record(server)
    before = len(record.rows("stall"))
    with Load(server) as load:
        for i in range(times):
            for kind in kinds:
                load.more(CONNECTIONS)
                get(server, f"/stall/{kind}/{i}?ms={MS}")
        load.more(CONNECTIONS)
    spans = collections.defaultdict(list)
    for row in record.rows("stall")[before:]:
        spans[row["kind"]].append((row["end"] - row["begin"], row["after"] - row["before"]))
    return load, spans


def check_loop(s):
    loop = s["loop"]
    assert 0 < loop["busy"] < 1
    assert 0 < loop["busy_time"] <= loop["watched"]
    for row in loop["stalls"]:
        assert row["max"] <= row["total"] <= row["max"] * row["count"] * 1.0001
        assert row["max"] >= STALL_MS


def check_kind(kind, rows, spans, sent):
    """The rows that name a place of this kind: how, for how long, who waited."""
    count = sum(r["count"] for r in rows)
    assert count <= len(spans), f"{kind}: told {count} times, it was {len(spans)} times"
    for row in rows:
        # On a machine without a CPU to spare a loop that calculates may look like one that does nothing.
        assert row["kind"] in (HOW[kind], "unknown"), row
        assert row["kind"] != "syscall" or row.get("detail") in CALLS[kind], row
        assert row["max"] <= max(most for _, most in spans), (row, spans)
        assert 0 < row["victims"] <= sent, row
        assert 0 < row["waited"] <= row["victims"] * row["max"], row
    if count == len(spans):
        assert sum(r["total"] for r in rows) >= sum(least for least, _ in spans) - 0.01, (rows, spans)
        assert max(r["max"] for r in rows) >= max(least for least, _ in spans) - 0.01, (rows, spans)
    return count


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_stalls(pool, stack):
    server = pool.get(stack)
    known = places(server)
    each = 5 if insights.LONG else 2 if stack in DEBIAN else 1
    box = []
    s = summary(server, lambda: box.append(hold_up(server, HOW, each)))
    load, spans = box[0]
    check_loop(s)
    rows = s["loop"]["stalls"]
    sent = len(load.truth.records) + len(HOW) * each
    told = {kind: check_kind(kind, [r for r in rows if where_of(r, known[kind], stack)], spans[kind], sent)
            for kind in HOW}
    expected = sum(least > STALL_MS for kind in HOW for least, _ in spans[kind])
    # On a machine that has no CPU to spare there are stretches beside those that were asked for. They have a
    # place, too; it is wrong when it is that of a stretch which its own place misses.
    others = sum(r["count"] for r in rows if r.get("where")) - sum(told.values())
    wrong = min(others, max(0, expected - sum(told.values())))
    insights.tabled(server, "stalls", {"right": sum(told.values()), "wrong": wrong,
                                       "silent": len(HOW) * each - sum(told.values()) - wrong})
    assert not wrong, rows
    assert sum(r["count"] for r in rows) >= expected, "every stretch is counted"
    assert 2 * sum(told.values()) >= expected, f"told {told} of {each} each; {rows}"


def where_of(row, known, stack):
    where = row.get("where")
    return bool(where) and any(insights.same_place(where, p, insights.exact_stack(stack)) for p in known)


@pytest.mark.parametrize("stack", DEBIAN, ids=str)
def test_who_waited(pool, stack):
    """In the lines of trace: those that lay unread while the loop was held say so, by whom."""
    server = pool.get(stack)
    known = places(server)["sleep"]
    with reqscope.trace("-p", server.pid, "--stall-ms", STALL_MS) as scope:
        load, spans = hold_up(server, ["sleep"], 2)
        rows = insights.ends(scope.finish())
    victims = [r for r in rows if "stall" in r]
    assert victims
    assert all(r["path"].startswith("/fast/") or r["path"].startswith("/stall/") for r in victims)
    for r in victims:
        assert 0 < r["stall"] <= r["queue"] + 0.001, r
        assert r["stall"] <= max(most for _, most in spans["sleep"]), r
    assert {r["stall_where"] for r in victims if r["stall"] > STALL_MS and r.get("stall_where")} <= set(known)
    assert any(r.get("stall_where") in known for r in victims)


@pytest.mark.parametrize("stack", DEBIAN, ids=str)
def test_nothing_stalls(pool, stack):
    server = pool.get(stack)

    def run():
        with Load(server) as load:
            load.more(4 * CONNECTIONS)

    s = summary(server, run, "--stall-ms", 5000)
    assert s["loop"]["stalls"] == [] and "held" not in s["loop"]
    assert 0 < s["loop"]["busy"] < 1
    assert not s.get("waits") and not s.get("background_errors")


@pytest.mark.parametrize("stack", STACKS if insights.LONG else DEBIAN + STACKS[3:], ids=str)
def test_held_by_other_threads(launch, stack):
    """Two threads calculate: the loop waits for the GIL, and what is told is who has it."""
    server = launch(stack)
    known = places(server)

    def run():
        get(server, "/hog/1?switch_ms=100")
        with Load(server, connections=8, pause=0) as load:
            load.more(8)
        get(server, "/hog/0")

    s = summary(server, run)
    rows = [r for r in s["loop"]["stalls"] if r["kind"] == "gil"]
    told = sum(r["count"] for r in rows if any(
        insights.same_place(r["detail"], p, insights.exact_stack(stack)) for p in known["hog"] if r.get("detail")))
    silent = sum(r["count"] for r in rows if not r.get("detail"))
    others = sum(r["count"] for r in rows) - told - silent
    insights.tabled(server, "GIL", {"right": told, "silent": silent, "wrong": others})
    assert others == 0, rows
    assert told > 0, s["loop"]["stalls"]
    assert 0 < s["saturation"]["gil_wait"] <= 1


@pytest.mark.parametrize("stack", DEBIAN, ids=str)
def test_garbage(launch, stack):
    """A collection that the app asked for, as a pause of the request in which it fell."""
    server = launch(stack)
    get(server, "/heap/400000")
    record = insights.Record(server)
    with reqscope.trace("-p", server.pid, "--insight", "full") as scope:
        get(server, "/collect/1")
        (row,) = insights.ends(scope.finish())
    (truth,) = [r for r in record.rows("gc") if r["path"] == "/collect/1" and r["generation"] == 2]
    took = truth["end"] - truth["begin"]
    insights.tabled(server, "garbage", {"right": int("gc" in row), "silent": int("gc" not in row)})
    assert took / 2 < row["gc"] <= took + 0.001, (row, truth)
    assert row["gc"] <= row["app"]

    s = summary(server, lambda: get(server, "/collect/2"), "--insight", "full")
    assert 0 < s["saturation"]["gc"] <= 1


HANGS = ("future", "bare_future", "queue", "event", "task", "sleeps", "with_timeout", "based")


def hang(server, wanted):
    """Connections with a request each that gets no answer: all are in the app when this returns."""
    record = insights.Record(server)
    conns = []
    for path in wanted:
        conns.append(Conn(server.address, Truth(), timeout=60))
        conns[-1].begin("GET", path)
    wait_for(lambda: {r["path"] for r in record.rows("hang")} >= set(wanted), "all hang")
    return conns


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_where_requests_wait(pool, stack):
    server = pool.get(stack)
    known = places(server)
    get(server, "/release")
    wanted = [f"/hang/pool/{i}" for i in range(37)] + [f"/hang/{kind}/{i}" for kind in HANGS for i in range(2)] + \
        [f"/hang/thread/{i}" for i in range(4)]
    box = []
    exact = insights.exact_stack(stack)
    try:
        with reqscope.summary("-p", server.pid, "--stuck-ms", 100, "-d", 2) as scope, \
                reqscope.trace("-p", server.pid, "--stuck-ms", 500) as lines:
            box = hang(server, wanted)
            rc, out = scope.wait()
            assert rc == 0
            check_lines(lines, wanted, known, exact)
        s = reqscope.parse_summary(out)
    finally:
        get(server, "/release")
        for conn in box:
            conn.close()
    check_waits(server, s, wanted, known, exact)


def judge_wait(row, known, exact):
    """right, wrong or silent: `place` or `place, on what`, of a request that is open."""
    where = row.get("where", "").split(", on ")[0]
    right = any(insights.same_place(where, p, exact) for p in known[row["path"].split("/")[2]]) if where else False
    return "right" if right else "wrong" if where else "silent"


def check_lines(scope, wanted, known, exact):
    """A line for each request that hangs, with its place."""
    def hanging():
        rows = map(json.loads, scope.out.bytes().decode().splitlines())
        return [row for row in rows if row["event"] == "open" and "path" in row]  # without: not read yet

    wait_for(lambda: {row["path"] for row in hanging()} == set(wanted), "all are told to be open")
    judged = [(judge_wait(row, known, exact), row) for row in hanging() if "/thread/" not in row["path"]]
    assert not [row for word, row in judged if word == "wrong"]
    assert any(word == "right" for word, _ in judged)


def check_waits(server, s, wanted, known, exact):
    assert {o["path"] for o in s["open"]} == set(wanted)
    counts = collections.Counter()
    wrong = []
    for o in s["open"]:
        kind = o["path"].split("/")[2]
        if kind == "thread":
            continue  # which thread serves which request cannot be known: by place, below
        word = judge_wait(o, known, exact)
        counts[word] += 1
        if word == "wrong":
            wrong.append(o)
    by_place = sum(w["count"] for w in s["waits"] if w["kind"] == "threads" and w["where"] in known["thread"])
    counts["right" if by_place == 4 else "silent"] += 4
    insights.tabled(server, "waits", counts)
    assert not wrong, wrong
    assert by_place == 4, s["waits"]
    assert counts["silent"] <= 2, s["open"]  # the two of a middleware whose tasks know nothing of each other
    assert not any(w["where"] in p for w in s["waits"] for k, p in known.items() if k != "thread"), s["waits"]
