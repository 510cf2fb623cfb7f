# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What reqscope tells of an app's inside, held against what the app wrote down itself.

Joined by the path, which no two requests share; never by time. Right or silent: what is told must be what
the app wrote, what the app did not write must not be told.
"""
import collections
import json
import os
import re

import pythons
import report
import reqscope
from client import Conn, Job, Truth
from servers import PYTHON, Stack, wait_for

LONG = pythons.LONG
NATURAL = (("asyncio", "h11"), ("uvloop", "httptools"))
STACKS = [Stack(age=age, loop=loop, http=http, app="insight:app", extra=("--timeout-keep-alive", "600"))
          for age in ("debian", "pypi", *pythons.AGES) for loop, http in NATURAL]
DEBIAN = [s for s in STACKS if s.age == "debian"]
# What takes its time: Debian's two; of each other age the one that is usual there, and all of them when asked for.
SOME = STACKS if LONG else DEBIAN + [s for s in STACKS if s.age != "debian" and s.loop == "uvloop"]


class Record:
    """The lines that an app wrote: see tests/apps/insight_truth.py."""

    def __init__(self, server):
        self.path = server.marks + ".truth"

    def rows(self, event):
        try:
            with open(self.path, encoding="utf-8") as f:
                rows = [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            rows = []
        return [r for r in rows if r["event"] == event]

    def last(self, event):
        """By path; the last of a path counts: a handler that fails has the last word."""
        return {r["path"]: r for r in self.rows(event)}


def same_place(told, truth, exact):
    """file:line function. Before 3.11 code objects have no qualified name: the app knows the last part."""
    if told == truth or exact:
        return told == truth
    (file, function), (other, name) = told.rsplit(" ", 1), truth.rsplit(" ", 1)
    return file == other and function.endswith("." + name)


def may_be(told, truth, exact):
    """Nothing is told, or what is told is true: the line may be left out."""
    return not told or bool(truth) and (same_place(told, truth, exact) or
                                        told == re.sub(r":\d+ ", " ", truth))


def judge(row, truth, exact):
    """(word, why) of a line of trace: right, partly (a part of it is not told), silent, quiet (there was
    nothing to tell, and nothing was told), or wrong."""
    told = [row.get("error_type"), row.get("error_where"), row.get("error_app")]
    if truth is None or row["status"] < 400:
        return ("wrong", f"told {told}, there was nothing") if any(told) else ("quiet", "")
    if not any(told):
        return "silent", ""
    wanted = [truth["type"], truth["where"], truth["own"]]
    if not (told[0] == wanted[0] and all(may_be(t, w, exact) for t, w in zip(told[1:], wanted[1:]))):
        return "wrong", f"told {told}, it was {wanted}"
    full = all(bool(t) == bool(w) and (not t or same_place(t, w, exact)) for t, w in zip(told[1:], wanted[1:]))
    return "right" if full else "partly", ""


class Counts:
    """Words by kind, and what was wrong."""

    def __init__(self):
        self.kinds = collections.defaultdict(collections.Counter)
        self.wrong = []

    def add(self, kind, row, word, why):
        self.kinds[kind][word] += 1
        if word == "wrong":
            self.wrong.append(f"{row['path']} {row['status']}: {why}")

    def sum(self, kinds=None):
        return sum((c for k, c in self.kinds.items() if kinds is None or k in kinds), collections.Counter())

    def share(self, kinds):
        """Of what could be told, how much was; a part of it counts as told."""
        c = self.sum(kinds)
        told = c["right"] + c["partly"]
        return told / (told + c["silent"]) if told + c["silent"] else 1.0


def kind_of(path):
    return path.rpartition("/")[0]


class Kinds(dict):
    """{kind: (told, maybe or silent; its method)} as the app has them, and which end their connection."""

    def __init__(self, server):
        told = json.loads(server.ask("/"))
        super().__init__(told["kinds"])
        self.ending = set(told["ending"])

    def of(self, *expected):
        return {kind for kind, (word, _) in self.items() if word in expected}

    def jobs(self, total):
        """About `total` requests, of each kind the same number, each with a path of its own."""
        each = -(-total // len(self))
        return [Job(method, f"{kind}/{number}", kind, kind in self.ending,
                    {"body": b"[not json"} if method == "POST" else {})
                for kind, (_, method) in self.items() for number in range(each)]

    def alone(self, server):
        """What each kind is answered with when nobody looks: {kind: {(status, end)}}."""
        truth = Truth()
        for job in self.jobs(len(self)):
            with Conn(server.address, truth) as conn:
                conn.request(job.method, job.path, route=job.route, **job.kw)
        self.ending |= {r.route for r in truth.records if r.status == 500} & self.of("told", "maybe")
        return statuses(truth)


def statuses(truth):
    """The status of each kind; a kind has one."""
    found = collections.defaultdict(set)
    for r in truth.records:
        found[r.route].add((r.status, r.end))
    return dict(found)


def ends(out):
    return [row for row in reqscope.parse_trace(out) if row["event"] == "end"]


def check(rows, record, kinds, exact):
    """Judges the lines of a trace."""
    counts = Counts()
    truth = record.last("error")
    for row in rows:
        kind = kind_of(row["path"])
        if kind in kinds:
            counts.add(kind, row, *judge(row, truth.get(row["path"]), exact))
    return counts


def exact_stack(stack):
    """Whether the interpreter's code objects carry qualified names."""
    return pythons.version_of(PYTHON[stack.age]) >= (3, 11)


def exact(server):
    return exact_stack(server.stack)


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def open_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def quiet_fds(pid):
    """How many files are open once no more of them are closed: connections end a while after their clients."""
    seen = [open_fds(pid)]

    def settled():
        seen.append(open_fds(pid))
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    wait_for(settled, "connections are closed", step=0.01)
    return seen[-1]


def name_of(stack):
    return str(stack) + ("-ambient" if stack.script else "")


def tabled(server, feature, counts):
    """Adds to the table at the end of the run: counts has right, silent, wrong."""
    report.insight(name_of(server.stack), feature, counts)


def tabled_kinds(server, counts, kinds):
    report.insight_kinds(name_of(server.stack),
                         collections.defaultdict(collections.Counter, {k: counts.kinds[k] for k in kinds}))
